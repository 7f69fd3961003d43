/* outbox.c: a tick takes as many rows as the deployment's pace allows (login/pace.h: the statement
 * that takes them also pays for them, so it does not matter how many loops and processes there
 * are), less what this loop has under way. Taking is a lease: the row's due time moves past the
 * call's timeout, so a process that dies gives its rows back by itself, and the shop may see an
 * order twice, with the same key. I7: a row leaves the table only once the shop has said that it
 * has the order. A 429 or 503 pauses all loops and processes for as long as the shop says: the shop
 * sets the pace, including a slower one. Any other answer is kept with the row, and the row is
 * retried ever more rarely: an order is never given up.
 *
 * A refusal of the letter itself (the shop knows no such order, no such customer) would repeat
 * however often it is sent, and a customer's letters go one after the other. So after
 * OUTBOX_REFUSED_MAX refusals in a row the letter is parked with an alarm, and the customer's
 * others go on; /admin/letters retries it. A 401 or 403 concerns us, not the letter, and parks
 * none. */
#include "letters/outbox.h"

#include "base/magic.h"
#include "login/pace.h"
#include "observe/log.h"
#include "observe/tracer.h"
#include "pace/backoff.h"
#include "pay_limits.h"
#include "store/look.h"
#include "store/statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { UNDER_WAY_MAX = 32, RETRY_FIRST_MS = 1000, LEASE_SPARE_MS = 5000 };
enum { LETTER_KIND_MAX = 32 }; /* "completed", "moved-2": for a span's name */

struct outbox {
    uint32_t magic;
    struct outbox_conf conf;
    uint32_t interval_us,
        burst_us; /* of the deployment: what one letter costs, and how far it may run ahead */
    uint64_t pause_until_us;
    struct look look;
    uint32_t under_way; /* letters */
    bool taking, closing;
    struct outbox_stats stats;
    char body[SHOP_LETTER_MAX]; /* of the letter that is just being written */
};

MAGIC(outbox, 0x3a700003);

struct letter {
    uint32_t magic;
    struct outbox *outbox;
    uint64_t id;
    char order[ORDER_ID_MAX];
    uint32_t tries;
    char kind[LETTER_KIND_MAX];
    struct tracer_work work;
};

MAGIC(letter, 0x3a700002);

static uint64_t now_us(const struct outbox *outbox)
{
    return clock_mono_us(outbox->conf.clock);
}

int outbox_create(const struct outbox_conf *conf, struct err_slot *err, struct outbox **out)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (outbox == NULL)
        return err_set(err, ERR_NOMEM, "shop outbox");
    MAGIC_BEGIN(outbox, outbox);
    outbox->conf = *conf;
    outbox_use_pace(outbox, conf->per_s);
    *out = outbox;
    return 0;
}

void outbox_use_pace(struct outbox *outbox, uint32_t per_s)
{
    pace_of(per_s, &outbox->interval_us, &outbox->burst_us);
}

static void free_if_over(struct outbox *outbox)
{
    if (outbox->closing && !outbox->taking && outbox->under_way == 0) {
        MAGIC_END(outbox, outbox);
        free(outbox);
    }
}

static void letter_end(struct letter *letter)
{
    struct outbox *outbox = letter->outbox;
    MAGIC_END(letter, letter);
    free(letter);
    outbox->under_way--;
    free_if_over(outbox);
}

static void on_kept(void *ctx, const struct pg_answer *answer)
{
    (void)answer; /* if lost: the lease runs out, and the shop gets the letter again under the same
                     key */
    letter_end(ctx);
}

static void on_put_back(void *ctx, const struct pg_answer *answer)
{
    struct letter *letter = MAGIC_OF(letter, ctx);
    if (answer->rc == 0 && PQntuples(answer->results[0]) == 1 &&
        sql_shop_later_row(answer->results[0], 0).parked) {
        struct log_line line;
        log_begin(&line, letter->outbox->conf.log, LOG_LEVEL_ERROR,
                  "a letter to the shop is parked");
        log_u64(&line, "letter", letter->id);
        log_cstr(&line, "order", letter->order);
        log_end(&line);
    }
    on_kept(ctx, answer);
}

static bool is_refusal(const struct outcall_answer *answer)
{
    static const unsigned not_of_the_letter[] = {401, 403, 407, 408, 421, 423, 425, 429};
    for (size_t i = 0; i < sizeof(not_of_the_letter) / sizeof(not_of_the_letter[0]); i++) {
        if (answer->status == not_of_the_letter[i])
            return false;
    }
    return answer->rc == 0 && answer->status >= 400 && answer->status < 500;
}

static void ignore(void *ctx, const struct pg_answer *answer)
{
    (void)ctx;
    (void)answer; /* if lost: the other loops hear it from the shop themselves */
}

static void pause_house(const struct outbox *outbox, uint32_t pause_ms)
{
    sql_shop_pause(outbox->conf.pg, &(struct sql_shop_pause_args){pause_ms}, ignore, NULL);
}

static void put_back(struct letter *letter, const struct outcall_answer *answer)
{
    struct outbox *outbox = letter->outbox;
    const struct settings *settings = outbox->conf.settings;
    uint32_t pause_ms = pace_pause_ms(answer->status, answer->retry_after_s);
    uint32_t cap_ms = (uint32_t)settings->shop_retry_max_ms;
    uint32_t wait_ms = backoff_ms(RETRY_FIRST_MS < cap_ms ? RETRY_FIRST_MS : cap_ms, cap_ms,
                                  letter->tries, outbox->conf.rng);
    if (pause_ms > 0) {
        outbox->pause_until_us = now_us(outbox) + (uint64_t)pause_ms * 1000;
        pause_house(outbox, pause_ms);
        wait_ms = wait_ms > pause_ms ? wait_ms : pause_ms;
    }
    bool refused = is_refusal(answer);
    atomic_fetch_add_explicit(refused ? &outbox->stats.refused : &outbox->stats.unanswered, 1,
                              memory_order_relaxed);
    char why[96];
    snprintf(why, sizeof(why), "%s %u", answer->rc < 0 ? err_name(answer->rc) : "status",
             answer->status);
    if (refused) {
        struct log_line line;
        log_begin(&line, outbox->conf.log, LOG_LEVEL_ERROR, "the shop refuses an order");
        log_cstr(&line, "order", letter->order);
        log_u64(&line, "status", answer->status);
        log_end(&line);
    }
    const struct sql_shop_later_args args = {.id = letter->id,
                                             .wait_ms = wait_ms,
                                             .error = why,
                                             .refused = refused,
                                             .refused_max = OUTBOX_REFUSED_MAX};
    sql_shop_later(outbox->conf.pg, &args, on_put_back, letter);
}

static void tell_trace(const struct letter *letter, bool taken, const struct outcall_answer *answer)
{
    const struct outbox_conf *conf = &letter->outbox->conf;
    struct tracer_span span;
    if (!tracer_end(&letter->work, TRACER_CLIENT, conf->clock, &span))
        return;
    span.failed = !taken;
    tracer_span_name(&span, "shop", letter->kind);
    if (answer->rc == 0)
        tracer_span_number(&span, "http.response.status_code", answer->status);
    tracer_span_number(&span, "fairgate.try", letter->tries);
    tracer_add(conf->tracer, &span);
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    struct letter *letter = MAGIC_OF(letter, ctx);
    struct outbox *outbox = letter->outbox;
    bool taken = answer->rc == 0 && answer->status >= 200 && answer->status < 300;
    if (outbox->closing) {
        letter_end(letter);
        return;
    }
    tell_trace(letter, taken, answer);
    if (!taken) {
        put_back(letter, answer);
        return;
    }
    atomic_fetch_add_explicit(&outbox->stats.sent, 1, memory_order_relaxed);
    sql_shop_done(outbox->conf.pg, &(struct sql_shop_done_args){letter->id}, on_kept, letter);
}

static void put_body(struct text *body, const struct sql_shop_take_row *row)
{
    struct span kind; /* the word of "moved-2", the second move of its order */
    span_cut(row->kind, '-', &kind);
    json_open(body, '{');
    json_member_str(body, "external_id", row->order_id);
    json_member_str(body, "installation", row->installation);
    json_member_str(body, "kind", kind);
    json_member_str(body, "customer", row->member);
    json_member_str(body, "event", row->event);
    json_member_str(body, "event_name", row->event_name);
    json_member_str(body, "currency", row->currency);
    json_member_u64(body, "amount", row->amount);
    json_member_raw(body, "seats", row->seats);
    json_member_raw(body, "lines", row->lines);
    json_member_str(body, "provider", row->provider);
    json_member_str(body, "payment", row->payment);
    json_member_str(body, "created_at", row->created_at);
    if (row->has_refund_amount)
        json_member_u64(body, "refund_amount", row->refund_amount);
    if (row->refund_vat > 0)
        json_member_u64(body, "refund_vat", row->refund_vat);
    if (row->fees > 0)
        json_member_u64(body, "fees", row->fees);
    if (row->vat > 0)
        json_member_u64(body, "vat", row->vat);
    if (row->terms.len > 0)
        json_member_str(body, "terms", row->terms);
    if (row->purchase.len > 0)
        json_member_str(body, "purchase", row->purchase);
    json_close(body, '}');
}

static void send_letter(struct outbox *outbox, const struct sql_shop_take_row *row)
{
    struct letter *letter = calloc(1, sizeof(*letter));
    if (letter == NULL)
        return; /* the lease will run out */
    MAGIC_BEGIN(letter, letter);
    letter->outbox = outbox;
    letter->id = row->id;
    letter->tries = row->tries;
    span_to_cstr(row->order_id, letter->order, sizeof(letter->order));
    outbox->under_way++;

    const struct outbox_conf *conf = &outbox->conf;
    char auth[320], key[128], trace[96], above[96], below[TRACE_TEXT_LEN + 1];
    struct text body = text_on(outbox->body, sizeof(outbox->body));
    put_body(&body, row);
    if (body.overflown) { /* a person changed the row */
        put_back(letter, &(struct outcall_answer){.rc = ERR_RANGE});
        return;
    }
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", conf->key);
    snprintf(key, sizeof(key), "Idempotency-Key: %s-%.*s", letter->order, (int)row->kind.len,
             row->kind.ptr);
    span_to_cstr_cut(row->kind, letter->kind, sizeof(letter->kind));
    span_to_cstr_cut(row->trace, above, sizeof(above));
    tracer_begin(conf->tracer, above, conf->clock, conf->rng, &letter->work, below);
    snprintf(trace, sizeof(trace), "traceparent: %s", below);
    struct outcall call = {
        .method = "POST",
        .url = conf->settings->shop_url,
        .headers = {auth, "Content-Type: application/json", key, below[0] != '\0' ? trace : NULL},
        .body = text_span(&body),
        .timeout_ms = (uint32_t)conf->settings->shop_timeout_ms,
        .on_done = on_answer,
        .ctx = letter};
    outcall_send(conf->outcalls, &call);
}

static void on_taken(void *ctx, const struct pg_answer *answer)
{
    struct outbox *outbox = MAGIC_OF(outbox, ctx);
    outbox->taking = false;
    if (outbox->closing) {
        free_if_over(outbox);
        return;
    }
    uint64_t late_us = 0;
    int len = answer->rc == 0 ? PQntuples(answer->results[0]) : 0;
    for (int i = 0; i < len; i++) {
        const struct sql_shop_take_row row = sql_shop_take_row(answer->results[0], i);
        late_us = row.late_us > late_us ? row.late_us : late_us;
        send_letter(outbox, &row);
    }
    if (len > 0)
        look_found(&outbox->look, late_us, now_us(outbox));
}

void outbox_tick(struct outbox *outbox)
{
    const struct settings *settings = outbox->conf.settings;
    uint64_t now = now_us(outbox);
    if (outbox->taking || settings->shop_url[0] == '\0' || now < outbox->pause_until_us)
        return;
    uint32_t want = UNDER_WAY_MAX - outbox->under_way;
    if (want == 0)
        return;
    const struct sql_shop_take_args args = {.most =
                                                want < OUTBOX_BATCH_MAX ? want : OUTBOX_BATCH_MAX,
                                            .lease_ms = settings->shop_timeout_ms + LEASE_SPARE_MS,
                                            .interval_us = outbox->interval_us,
                                            .burst_us = outbox->burst_us,
                                            .back_ms = look_back_ms(&outbox->look, now)};
    outbox->taking = true;
    sql_shop_take(outbox->conf.pg, &args, on_taken, outbox);
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
