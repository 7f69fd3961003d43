/* outbox.c: see outbox.h.
 *
 * A tick takes as many rows as the pace allows and the shop is not busy with. Taking is a lease:
 * the row's due time moves behind the call's timeout, so a process that dies gives its rows back by
 * itself, and the shop may see an order twice, with the same key. A 429 or 503 stops everything for
 * as long as the shop says: it sets the pace, also the slower one. Any other refusal is kept with
 * the row for a person to see, and tried again ever more rarely: an order is never given up. */
#include "outbox.h"

#include "base/backoff.h"
#include "core/budget.h"
#include "observe/log.h"
#include "statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { UNDER_WAY_MAX = 32, RETRY_FIRST_MS = 1000, LEASE_SPARE_MS = 5000, PAUSE_DEFAULT_MS = 1000 };

struct outbox {
    struct pay *pay;
    struct budget pace;
    uint64_t pause_until_us;
    uint32_t under_way; /* letters */
    bool taking, closing;
    struct outbox_stats stats;
};

struct letter {
    struct outbox *outbox;
    char id[24];
    char order[ORDER_ID_MAX];
    uint32_t tries;
};

static uint64_t now_us(const struct outbox *outbox)
{
    return clock_mono_us(outbox->pay->loop->clock);
}

int outbox_create(struct pay *pay, struct err_slot *err, struct outbox **out)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (outbox == NULL)
        return err_set(err, ERR_NOMEM, "shop outbox");
    outbox->pay = pay;
    uint32_t per_s = (uint32_t)pay->settings->shop_per_s;
    budget_init(&outbox->pace, 0, per_s, per_s / 5 > 0 ? per_s / 5 : 1, now_us(outbox));
    *out = outbox;
    return 0;
}

static void free_if_over(struct outbox *outbox)
{
    if (outbox->closing && !outbox->taking && outbox->under_way == 0)
        free(outbox);
}

static void letter_end(struct letter *letter)
{
    struct outbox *outbox = letter->outbox;
    free(letter);
    outbox->under_way--;
    free_if_over(outbox);
}

static void on_kept(void *ctx, const struct pg_answer *answer)
{
    (void)answer; /* lost: the lease runs out, and the shop gets it again under the same key */
    letter_end(ctx);
}

static void put_back(struct letter *letter, const struct outcall_answer *answer)
{
    struct outbox *outbox = letter->outbox;
    const struct settings *settings = outbox->pay->settings;
    bool busy = answer->rc == 0 && (answer->status == 429 || answer->status == 503);
    uint32_t cap_ms = (uint32_t)settings->shop_retry_max_ms;
    uint32_t wait_ms = backoff_ms(RETRY_FIRST_MS < cap_ms ? RETRY_FIRST_MS : cap_ms, cap_ms,
                                  letter->tries, outbox->pay->loop->rng);
    if (busy) {
        uint32_t pause_ms =
            answer->retry_after_s > 0 ? answer->retry_after_s * 1000 : PAUSE_DEFAULT_MS;
        outbox->pause_until_us = now_us(outbox) + (uint64_t)pause_ms * 1000;
        wait_ms = wait_ms > pause_ms ? wait_ms : pause_ms;
    }
    bool refused = answer->rc == 0 && answer->status >= 400 && answer->status < 500 && !busy;
    atomic_fetch_add_explicit(refused ? &outbox->stats.refused : &outbox->stats.unanswered, 1,
                              memory_order_relaxed);
    char wait[16], why[96];
    snprintf(wait, sizeof(wait), "%u", wait_ms);
    snprintf(why, sizeof(why), "%s %u", answer->rc < 0 ? err_name(answer->rc) : "status",
             answer->status);
    if (refused) {
        struct log_line line;
        log_begin(&line, outbox->pay->loop->log, LOG_LEVEL_ERROR, "the shop refuses an order");
        log_cstr(&line, "order", letter->order);
        log_u64(&line, "status", answer->status);
        log_end(&line);
    }
    const char *const params[] = {letter->id, wait, why};
    pg_pool_query(outbox->pay->pg, SQL_SHOP_LATER, 3, params, on_kept, letter);
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    struct letter *letter = ctx;
    struct outbox *outbox = letter->outbox;
    if (outbox->closing) {
        letter_end(letter);
        return;
    }
    if (answer->rc < 0 || answer->status < 200 || answer->status >= 300) {
        put_back(letter, answer);
        return;
    }
    atomic_fetch_add_explicit(&outbox->stats.sent, 1, memory_order_relaxed);
    const char *const params[] = {letter->id};
    pg_pool_query(outbox->pay->pg, SQL_SHOP_DONE, 1, params, on_kept, letter);
}

static void put_body(struct text *body, const PGresult *res, int i)
{
    json_open(body, '{');
    json_member_str(body, "external_id", pg_text(res, i, 3));
    json_member_str(body, "kind", pg_text(res, i, 1));
    json_member_str(body, "customer", pg_text(res, i, 4));
    json_member_str(body, "event", pg_text(res, i, 5));
    json_member_str(body, "currency", pg_text(res, i, 6));
    json_member_u64(body, "amount", pg_u64(res, i, 7));
    json_member_raw(body, "seats", pg_text(res, i, 8));
    json_member_str(body, "provider", pg_text(res, i, 9));
    json_member_str(body, "payment", pg_text(res, i, 10));
    json_member_str(body, "created_at", pg_text(res, i, 11));
    json_close(body, '}');
}

static void send_letter(struct outbox *outbox, const PGresult *res, int i)
{
    struct letter *letter = calloc(1, sizeof(*letter));
    if (letter == NULL)
        return; /* its lease runs out */
    letter->outbox = outbox;
    letter->tries = (uint32_t)pg_u64(res, i, 2);
    span_to_cstr(pg_text(res, i, 0), letter->id, sizeof(letter->id));
    span_to_cstr(pg_text(res, i, 3), letter->order, sizeof(letter->order));
    outbox->under_way++;

    const struct pay *pay = outbox->pay;
    char memory[16384], auth[320], key[128];
    struct text body = text_on(memory, sizeof(memory));
    put_body(&body, res, i);
    assert(!body.overflown); /* a hundred seats of 64 bytes fit twice */
    struct span secret = secret_file_span(pay->keys->shop_key);
    snprintf(auth, sizeof(auth), "Authorization: Bearer %.*s", (int)secret.len, secret.ptr);
    struct span kind = pg_text(res, i, 1);
    snprintf(key, sizeof(key), "Idempotency-Key: %s-%.*s", letter->order, (int)kind.len, kind.ptr);
    struct outcall call = {.method = "POST",
                           .url = pay->settings->shop_url,
                           .headers = {auth, "Content-Type: application/json", key},
                           .body = text_span(&body),
                           .timeout_ms = (uint32_t)pay->settings->shop_timeout_ms,
                           .on_done = on_answer,
                           .ctx = letter};
    outcall_send(pay->outcalls, &call);
}

static void on_taken(void *ctx, const struct pg_answer *answer)
{
    struct outbox *outbox = ctx;
    outbox->taking = false;
    if (outbox->closing) {
        free_if_over(outbox);
        return;
    }
    for (int i = 0; answer->rc == 0 && i < PQntuples(answer->results[0]); i++)
        send_letter(outbox, answer->results[0], i);
}

void outbox_tick(struct outbox *outbox)
{
    const struct settings *settings = outbox->pay->settings;
    uint64_t now = now_us(outbox);
    if (outbox->taking || settings->shop_url[0] == '\0' || now < outbox->pause_until_us)
        return;
    /* What the pace allows is used up by the look, whether or not there is a row: idle time is not
     * saved up, and the bucket is small, so the shop never sees a burst. */
    uint32_t want = 0;
    while (want + outbox->under_way < UNDER_WAY_MAX && want < OUTBOX_BATCH_MAX &&
           budget_take(&outbox->pace, now))
        want++;
    if (want == 0)
        return;
    char limit[16], lease[16];
    snprintf(limit, sizeof(limit), "%u", want);
    snprintf(lease, sizeof(lease), "%llu",
             (unsigned long long)settings->shop_timeout_ms + LEASE_SPARE_MS);
    const char *const params[] = {limit, lease};
    outbox->taking = true;
    pg_pool_query(outbox->pay->pg, SQL_SHOP_TAKE, 2, params, on_taken, outbox);
}

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    outbox->closing = true;
    free_if_over(outbox);
}

const struct outbox_stats *outbox_stats(const struct outbox *outbox)
{
    return &outbox->stats;
}
