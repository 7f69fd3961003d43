/* shop_letters.c: a tick claims as many rows as the deployment's pace allows (login/pace.h: the
 * statement that claims them also pays for them, so the number of loops and processes does not
 * matter). A 429 or 503 pauses all loops and processes for as long as the shop says: the shop sets
 * the pace, including a slower one. A customer's messages go one after the other; a message that is
 * given up delays only those of its own order. */
#include "letters/outbox.h"
#include "login/pace.h"
#include "observe/log.h"
#include "pay_limits.h"
#include "sale/show.h"
#include "store/statements.h"

#include <stdio.h>
#include <stdlib.h>

enum { UNDER_WAY_MAX = 32, RETRY_FIRST_MS = 1000, LEASE_SPARE_MS = 5000 };

static enum outbox_end end_of(const struct outcall_answer *answer)
{
    if (answer->rc != 0)
        return OUTBOX_LATER;
    switch (answer->status) {
    case 401:
    case 403:
    case 407: /* our key */
        return OUTBOX_HELD;
    case 408:
    case 421:
    case 423:
    case 425:
    case 429: /* temporary */
        return OUTBOX_LATER;
    default:
        return answer->status >= 200 && answer->status < 300   ? OUTBOX_SENT
               : answer->status >= 400 && answer->status < 500 ? OUTBOX_REFUSED
                                                               : OUTBOX_LATER;
    }
}

static void end_letter(struct outbox_item *item, const struct outcall_answer *answer)
{
    uint32_t pause_ms = pace_pause_ms(answer->status, answer->retry_after_s);
    enum outbox_end end = end_of(answer);
    char why[96];
    snprintf(why, sizeof(why), "%s %u", answer->rc < 0 ? err_name(answer->rc) : "status",
             answer->status);
    if (pause_ms > 0) {
        const struct outbox_conf *conf = item->conf;
        uint32_t interval_us, burst_us;
        pace_of(conf->shop_per_s, &interval_us, &burst_us);
        /* If this is lost, the shop tells each other loop itself. */
        sql_shop_pause(conf->pg, &(struct sql_shop_pause_args){pause_ms, interval_us, burst_us},
                       pg_ignore, NULL);
    }
    if (pause_ms > 0 && answer->retry_after_s > 0) {
        outbox_pause(item, pause_ms, why);
        return;
    }
    if (end == OUTBOX_REFUSED) {
        struct log_line line;
        log_begin(&line, item->conf->log, LOG_LEVEL_ERROR, "the shop refuses an order");
        log_cstr(&line, "order", item->order);
        log_u64(&line, "status", answer->status);
        log_end(&line);
    }
    outbox_end(item, end, why);
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    struct outbox_item *item = ctx;
    if (!outbox_goes_on(item))
        return;
    outbox_answered(item, end_of(answer) == OUTBOX_SENT, answer->rc == 0 ? answer->status : 0);
    end_letter(item, answer);
}

static void put_body(struct text *body, const struct sql_shop_take_row *row,
                     const struct show *show)
{
    struct span kind; /* "moved" of "moved-2", the second move of its order */
    span_cut(row->kind, '-', &kind);
    json_open(body, '{');
    json_member_str(body, "external_id", row->order_id);
    json_member_str(body, "installation", row->installation);
    json_member_str(body, "kind", kind);
    json_member_str(body, "customer", row->member);
    json_member_str(body, "event", row->event);
    json_member_str(body, "event_name", row->event_name);
    show_put(body, show);
    json_member_str(body, "currency", row->currency);
    json_member_u64(body, "amount", row->amount);
    json_member_raw(body, "seats", row->seats);
    json_member_raw(body, "lines", row->lines);
    if (row->payment.len > 0) { /* a free order has a provider's name, but no payment */
        json_member_str(body, "provider", row->provider);
        json_member_str(body, "payment", row->payment);
    }
    json_member_str(body, "created_at", row->created_at);
    if (row->has_refund_amount)
        json_member_u64(body, "refund_amount", row->refund_amount);
    if (row->refund_vat > 0)
        json_member_u64(body, "refund_vat", row->refund_vat);
    json_member_some(body, "refund_cause", row->refund_cause);
    if (row->fees > 0)
        json_member_u64(body, "fees", row->fees);
    if (row->vat > 0)
        json_member_u64(body, "vat", row->vat);
    json_member_some(body, "terms", row->terms);
    json_member_some(body, "purchase", row->purchase);
    json_close(body, '}');
}

static void send_letter(struct outbox_item *item, const PGresult *rows, int at)
{
    const struct outbox_conf *conf = item->conf;
    const struct sql_shop_take_row row = sql_shop_take_row(rows, at);
    item->id = row.id;
    item->tries = row.tries;
    item->retry_max_ms = (uint32_t)conf->settings->shop_retry_max_ms;
    span_to_cstr(row.order_id, item->order, sizeof(item->order));
    span_to_cstr_cut(row.kind, item->kind, sizeof(item->kind));

    char auth[320], key[128], trace[96], below[TRACE_TEXT_LEN + 1];
    struct text body = text_on(item->state, SHOP_LETTER_MAX);
    struct show show;
    int rc = show_parse(row.show, &show);
    show.picture[0] = '\0'; /* a shop may reject members that its contract does not have */
    if (rc == 0)
        put_body(&body, &row, &show);
    if (body.overflown) /* the row was edited by hand */
        rc = ERR_RANGE;
    if (rc < 0) {
        end_letter(item, &(struct outcall_answer){.rc = rc});
        return;
    }
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", conf->shop_key);
    snprintf(key, sizeof(key), "Idempotency-Key: %s-%.*s", item->order, (int)row.kind.len,
             row.kind.ptr);
    outbox_sending(item, row.trace, below);
    snprintf(trace, sizeof(trace), "traceparent: %s", below);
    struct outcall call = {
        .method = "POST",
        .url = conf->settings->shop_url,
        .headers = {auth, "Content-Type: application/json", key, below[0] != '\0' ? trace : NULL},
        .body = text_span(&body),
        .timeout_ms = (uint32_t)conf->settings->shop_timeout_ms,
        .on_done = on_answer,
        .ctx = item};
    outcall_send(conf->outcalls, &call);
}

static uint64_t late_us(const PGresult *rows, int at)
{
    return sql_shop_take_row(rows, at).late_us;
}

static bool take(const struct outbox_conf *conf, uint32_t most, uint64_t back_ms,
                 pg_on_done *on_taken, void *ctx)
{
    if (conf->settings->shop_url[0] == '\0')
        return false;
    uint32_t interval_us, burst_us;
    pace_of(conf->shop_per_s, &interval_us, &burst_us);
    /* The pace never grants more than a burst: others would be locked for nothing. */
    uint32_t burst = burst_us / interval_us;
    const struct sql_shop_take_args args = {.most = most < burst ? most : burst,
                                            .lease_ms =
                                                conf->settings->shop_timeout_ms + LEASE_SPARE_MS,
                                            .interval_us = interval_us,
                                            .burst_us = burst_us,
                                            .back_ms = back_ms};
    sql_shop_take(conf->pg, &args, on_taken, ctx);
    return true;
}

/* The buffers of the message being written. */
static int create(const struct outbox_conf *conf, struct err_slot *err, void **state)
{
    (void)conf;
    *state = malloc(SHOP_LETTER_MAX);
    return *state != NULL ? 0 : err_set(err, ERR_NOMEM, "letters to the shop");
}

const struct outbox_kind shop_letters = {.box = OUTBOX_SHOP,
                                         .name = "shop",
                                         .item = "letter",
                                         .given_up = "a letter to the shop is parked",
                                         .under_way_max = UNDER_WAY_MAX,
                                         .retry_first_ms = RETRY_FIRST_MS,
                                         .item_size = sizeof(struct outbox_item),
                                         .counted_as = {[OUTBOX_SENT] = OUTBOX_SENT,
                                                        [OUTBOX_LATER] = OUTBOX_LATER,
                                                        [OUTBOX_REFUSED] = OUTBOX_REFUSED,
                                                        [OUTBOX_GIVEN_UP] = OUTBOX_REFUSED,
                                                        [OUTBOX_PAUSED] = OUTBOX_LATER,
                                                        [OUTBOX_HELD] = OUTBOX_HELD},
                                         .create = create,
                                         .destroy = free,
                                         .take = take,
                                         .late_us = late_us,
                                         .send = send_letter};
