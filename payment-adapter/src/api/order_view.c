/* order_view.c: see order_view.h. What the buyer reads is honest about what is not known: while the
 * provider cannot be reached the message says so, and that nothing is lost by waiting. */
#include "api/order_view.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_MAX = 64 };

void order_row_read(const PGresult *res, int row, struct order_row *out)
{
    *out = (struct order_row){
        .id = pg_text(res, row, 0),
        .event = pg_text(res, row, 1),
        .hold = pg_text(res, row, 2),
        .member = pg_text(res, row, 3),
        .status = pg_text(res, row, 4),
        .cause = pg_text(res, row, 5),
        .currency = pg_text(res, row, 6),
        .amount = pg_u64(res, row, 7),
        .seats = pg_text(res, row, 8),
        .provider = pg_text(res, row, 9),
        .payment = pg_text(res, row, 10),
        .secret = pg_text(res, row, 11),
        .url = pg_text(res, row, 12),
        .expires_at = pg_text(res, row, 13),
        .created_at = pg_text(res, row, 14),
        .idem_body = pg_text(res, row, 15),
        .lang = pg_text(res, row, 16),
        .event_name = pg_text(res, row, 17),
        .starts_at = pg_text(res, row, 18),
        .places = pg_text(res, row, 19),
        .refund_terms = pg_text(res, row, 20),
        .refund_amount = pg_null(res, row, 21) ? 0 : pg_u64(res, row, 21),
        .purchase = pg_text(res, row, 22),
        .moved_at = pg_text(res, row, 23),
    };
}

bool order_is_moving(struct span status)
{
    return span_eq(status, SPAN("pending_payment")) || span_eq(status, SPAN("confirming")) ||
           span_eq(status, SPAN("refunding"));
}

struct span order_message(const struct order_row *row, const struct phrases *words)
{
    bool unreachable =
        span_eq(row->status, SPAN("pending_payment")) && row->url.len == 0 && row->amount > 0;
    bool held =
        span_eq(row->status, SPAN("parked")) && span_eq(row->cause, SPAN(ORDER_CAUSE_REFUND_HELD));
    char memory[KEY_MAX];
    struct text key = text_on(memory, sizeof(memory));
    TEXT_LIT(&key, "told.order.");
    bool own_words = held || (span_eq(row->status, SPAN("failed")) &&
                              (span_eq(row->cause, SPAN("buyer-limit")) ||
                               span_eq(row->cause, SPAN("purchase-differs")) ||
                               span_eq(row->cause, SPAN("virtual-account"))));
    bool free_of_charge = row->amount == 0 && (span_eq(row->status, SPAN("pending_payment")) ||
                                               span_eq(row->status, SPAN("confirming")));
    text_put(&key, free_of_charge ? SPAN("free")
                   : unreachable  ? SPAN("unreachable")
                   : own_words    ? row->cause
                                  : row->status);
    return phrases_find(words, text_span(&key));
}

/* Most currencies have two digits behind the point; those of our sellers that have none are named.
 */
void order_amount_put(struct text *text, uint64_t amount, struct span currency)
{
    bool whole = span_eq_nocase(currency, SPAN("krw")) || span_eq_nocase(currency, SPAN("jpy")) ||
                 span_eq_nocase(currency, SPAN("vnd"));
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu",
                       (unsigned long long)(whole ? amount : amount / 100));
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            text_char(text, ',');
        text_char(text, digits[i]);
    }
    if (!whole)
        text_printf(text, ".%02u", (unsigned)(amount % 100));
    text_char(text, ' ');
    text_put(text, currency);
}

static void put_payment(struct text *text, const struct order_row *row)
{
    json_key(text, "payment");
    if (row->payment.len == 0) {
        json_nil(text);
        return;
    }
    json_open(text, '{');
    json_member_str(text, "provider", row->provider);
    if (row->secret.len > 0)
        json_member_str(text, "client_secret", row->secret);
    json_member_str(text, "checkout_url", row->url);
    json_close(text, '}');
}

uint64_t order_row_refund(const struct order_row *row, const struct refund_terms *terms)
{
    uint64_t part = row->amount * terms->percent / 100;
    if (row->refund_amount > 0)
        return row->refund_amount;
    return part > 0 ? part : 1;
}

static void put_refund(struct text *text, const struct order_row *row)
{
    struct refund_terms terms;
    if (!refund_terms_parse(row->refund_terms, &terms))
        return;
    json_key(text, "refund");
    json_open(text, '{');
    json_member_cstr(text, "by", terms.by_buyer ? "buyer" : "operator");
    json_key(text, "until");
    if (terms.until[0] != '\0')
        json_str(text, span_of(terms.until));
    else
        json_nil(text);
    json_member_u64(text, "amount", order_row_refund(row, &terms));
    json_member_bool(text, "handed_on", terms.handed_on);
    json_close(text, '}');
}

void order_row_put(struct text *text, const struct order_row *row, const struct site *site)
{
    enum lang lang;
    if (!lang_parse(row->lang, &lang))
        lang = LANG_EN;
    json_open(text, '{');
    json_member_str(text, "order", row->id);
    json_member_str(text, "event", row->event);
    json_member_str(text, "event_name", row->event_name);
    if (row->starts_at.len > 0)
        json_member_str(text, "starts_at", row->starts_at);
    json_member_str(text, "status", row->status);
    if (row->cause.len > 0)
        json_member_str(text, "reason", row->cause);
    json_member_str(text, "message", order_message(row, site_phrases(site, lang)));
    json_member_u64(text, "amount", row->amount);
    json_member_str(text, "currency", row->currency);
    json_member_raw(text, "seats", row->seats);
    json_member_raw(text, "places", row->places);
    if (row->purchase.len > 0)
        json_member_str(text, "purchase", row->purchase);
    if (row->moved_at.len > 0)
        json_member_str(text, "moved_at", row->moved_at);
    put_payment(text, row);
    json_member_str(text, "expires_at", row->expires_at);
    json_member_str(text, "created_at", row->created_at);
    put_refund(text, row);
}

static void put_step(struct text *text, const PGresult *res, int i, const struct saga_def *def)
{
    unsigned step = (unsigned)pg_u64(res, i, 2);
    json_open(text, '{');
    json_member_cstr(text, "step", step < def->steps_len ? def->steps[step]->name : "?");
    json_member_cstr(text, "way", pg_bool(res, i, 3) ? "undo" : "do");
    unsigned mark = (unsigned)pg_u64(res, i, 4);
    json_member_cstr(text, "result",
                     mark < SAGA_MARK_OPERATOR ? saga_mark_name((enum saga_mark)mark) : "operator");
    json_member_u64(text, "try", pg_u64(res, i, 5));
    json_member_u64(text, "took_ms", pg_u64(res, i, 6) / 1000);
    if (pg_text(res, i, 7).len > 0)
        json_member_str(text, "code", pg_text(res, i, 7));
    json_member_str(text, "at", pg_text(res, i, 8));
    json_close(text, '}');
}

void order_timeline_put(struct text *text, const PGresult *res, const struct checkout *checkout)
{
    bool settled = true;
    json_key(text, "timeline");
    json_open(text, '[');
    for (int i = 0; i < PQntuples(res); i++) {
        settled = settled && pg_u64(res, i, 9) >= SAGA_COMPLETED;
        if (PQgetisnull(res, i, 2))
            continue;
        const struct saga_def *def = checkout_find(checkout, pg_text(res, i, 1));
        if (def != NULL)
            put_step(text, res, i, def);
    }
    json_close(text, ']');
    /* The outcome may be certain while money and seats are still on their way back. */
    json_member_bool(text, "settled", settled);
}
