/* order_view.c: an order as JSON, for its buyer. The messages admit what is unknown: while the
 * provider cannot be reached, they say so, and that nothing is lost by waiting. The status can be
 * final while money and seats are still being returned; `settled`, from the sagas, says whether
 * everything has finished. */
#include "api/order_view.h"

#include "number.h"

#include <assert.h>
#include <stdlib.h>

enum { KEY_MAX = 64 };

bool order_is_moving(enum order_status status)
{
    return status == ORDER_PENDING_PAYMENT || status == ORDER_CONFIRMING ||
           status == ORDER_REFUNDING;
}

/* Free orders have messages that do not mention money. */
static struct span word_of_free(enum order_status status)
{
    switch (status) {
    case ORDER_PENDING_PAYMENT:
    case ORDER_CONFIRMING:
        return SPAN("free");
    case ORDER_REFUNDING:
        return SPAN("free-returning");
    case ORDER_REFUNDED:
        return SPAN("free-returned");
    default:
        return span_of(order_status_name(status));
    }
}

static bool is_paid(enum order_status status)
{
    return status == ORDER_COMPLETED || status == ORDER_REFUNDING || status == ORDER_REFUNDED;
}

/* The event is cancelled, and what the order's own state says is no longer true, or not why. */
static bool is_cancelled(const struct sql_order_row *row)
{
    return row->off && (is_paid(row->status) || row->status == ORDER_PENDING_PAYMENT ||
                        row->status == ORDER_CONFIRMING || row->status == ORDER_CANCELLED);
}

static struct span word_of_cancelled(const struct sql_order_row *row)
{
    if (row->amount == 0)
        return SPAN("event-cancelled-free");
    if (!is_paid(row->status))
        return SPAN("event-cancelled-unpaid");
    return row->status == ORDER_REFUNDED ? SPAN("event-cancelled-refunded")
                                         : SPAN("event-cancelled");
}

struct span order_message(const struct sql_order_row *row, const struct phrases *words)
{
    bool pending = row->status == ORDER_PENDING_PAYMENT;
    bool unreachable = pending && row->url.len == 0 && row->amount > 0;
    bool held = row->status == ORDER_PARKED && span_eq(row->cause, SPAN(ORDER_CAUSE_REFUND_HELD));
    char memory[KEY_MAX];
    struct text key = text_on(memory, sizeof(memory));
    TEXT_LIT(&key, "told.order.");
    bool checking = pending && span_eq(row->cause, SPAN(ORDER_CAUSE_CHECKING));
    bool own_words =
        held || checking ||
        (row->status == ORDER_FAILED && (span_eq(row->cause, SPAN(ORDER_CAUSE_BUYER_LIMIT)) ||
                                         span_eq(row->cause, SPAN(ORDER_CAUSE_PURCHASE_DIFFERS)) ||
                                         span_eq(row->cause, SPAN("virtual-account"))));
    text_put(&key, is_cancelled(row)                                  ? word_of_cancelled(row)
                   : row->postponed && row->status == ORDER_COMPLETED ? SPAN("postponed")
                   : row->amount == 0 && !own_words                   ? word_of_free(row->status)
                   : unreachable                                      ? SPAN("unreachable")
                   : own_words                                        ? row->cause
                               : span_of(order_status_name(row->status)));
    assert(!key.overflown);
    return phrases_find(words, text_span(&key));
}

static void put_payment(struct text *text, const struct sql_order_row *row)
{
    json_key(text, "payment");
    if (row->payment.len == 0) {
        json_nil(text);
        return;
    }
    json_open(text, '{');
    json_member_str(text, "provider", row->provider);
    json_member_some(text, "client_secret", row->secret);
    json_member_str(text, "checkout_url", row->url);
    json_close(text, '}');
}

uint64_t order_row_refund(const struct sql_order_row *row, const struct refund_terms *terms)
{
    assert(terms->percent <= 100); /* refund_terms_parse() checks this */
    if (row->amount == 0)
        return 0;
    if (row->refund_amount > 0 && row->status != ORDER_COMPLETED)
        return row->refund_amount;
    if (row->off)
        return row->amount;
    uint64_t left = row->amount - row->refund_amount, part = left * terms->percent / 100;
    return part > 0 || left == 0 ? part : 1;
}

static int put_refund(struct text *text, const struct sql_order_row *row)
{
    struct refund_terms terms;
    int rc = refund_terms_parse(row->refund_terms, &terms);
    if (rc < 0)
        return rc == ERR_NOMEM ? rc : 0;
    json_member_open(text, "refund", '{');
    json_member_cstr(text, "by", terms.by_buyer ? "buyer" : "operator");
    json_key(text, "until");
    if (terms.until[0] != '\0')
        json_str(text, span_of(terms.until));
    else
        json_nil(text);
    json_member_u64(text, "amount", order_row_refund(row, &terms));
    json_member_bool(text, "handed_on", terms.handed_on);
    json_close(text, '}');
    return 0;
}

int order_row_put(struct text *text, const struct sql_order_row *row, const struct site *site)
{
    enum lang lang;
    struct show show;
    int rc = show_parse(row->show, &show);
    if (!lang_parse(row->lang, &lang))
        lang = LANG_OF_READERS;
    json_open(text, '{');
    char number[NUMBER_MAX];
    number_of(row->id, number);
    json_member_str(text, "order", row->id);
    json_member_cstr(text, "order_number", number);
    json_member_str(text, "event", row->event);
    json_member_str(text, "event_name", row->event_name);
    if (rc < 0)
        return rc;
    show_put(text, &show);
    json_member_cstr(text, "status", order_status_name(row->status));
    json_member_some(text, "reason", row->cause);
    json_member_str(text, "message", order_message(row, site_phrases(site, lang)));
    json_member_u64(text, "amount", row->amount);
    json_member_u64(text, "fees", row->fees);
    if (row->vat > 0)
        json_member_u64(text, "vat", row->vat);
    if (row->refund_amount > 0)
        json_member_u64(text, "refunded", row->refund_amount);
    json_member_str(text, "currency", row->currency);
    json_member_raw(text, "seats", row->seats);
    json_member_raw(text, "places", row->places);
    json_member_some(text, "purchase", row->purchase);
    json_member_some(text, "moved_at", row->moved_at);
    if (row->off)
        json_member_bool(text, "event_cancelled", true);
    put_payment(text, row);
    json_member_str(text, "expires_at", row->expires_at);
    json_member_str(text, "created_at", row->created_at);
    return put_refund(text, row);
}

void order_timeline_put(struct text *text, const PGresult *res, const struct checkout *checkout)
{
    bool settled = true;
    json_member_open(text, "timeline", '[');
    for (int i = 0; i < PQntuples(res); i++) {
        const struct sql_order_timeline_row row = sql_order_timeline_row(res, i);
        settled = settled && saga_ended(row.state);
        if (!row.has_step)
            continue;
        const struct saga_def *def = checkout_find(checkout, row.key);
        if (def != NULL) {
            json_open(text, '{');
            json_member_cstr(text, "step",
                             row.step < def->steps_len ? def->steps[row.step]->name : "?");
            json_member_cstr(text, "way", row.undo ? "undo" : "do");
            json_member_cstr(text, "result",
                             row.mark < SAGA_MARK_COUNT ? saga_mark_name(row.mark) : "?");
            json_member_u64(text, "try", row.tried);
            json_member_u64(text, "took_ms", row.took_us / 1000);
            json_member_some(text, "code", row.code);
            json_member_str(text, "at", row.at);
            json_close(text, '}');
        }
    }
    json_close(text, ']');
    /* The status may be final while money and seats are still being returned. */
    json_member_bool(text, "settled", settled);
}
