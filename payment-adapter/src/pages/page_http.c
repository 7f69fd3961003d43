/* page_http.c: what buyers look at: the checkout (/pay/checkout), the order (/pay/orders/{id}), to
 * which they come back from the provider, and the tickets (/pay/tickets/{id}), to be shown at the
 * door or printed. The checkout is a page of the site, the same for all. The other two are written
 * for each visitor, and whole without a script: while something moves the order's page asks anew by
 * itself; with its script it changes as soon as the order does. */
#include "api/guard.h"
#include "api/order_view.h"
#include "store/statements.h"
#include "web/qr.h"
#include "web/site.h"
#include "web/visit.h"

#include <jansson.h>
#include <stdlib.h>

/* The longest page has a hundred tickets, each with a code of 40 KB at most. Its memory is asked
 * for but not touched by shorter ones. */
enum { QR_MAX = 64 * 1024, PAGE_MAX = ORDER_SEATS_MAX * QR_MAX };

static const char checkout_html[] =
#include "payment-adapter/web/checkout.html.inc"
    ;
static const char checkout_js[] =
#include "payment-adapter/web/checkout.min.js.inc"
    ;
static const char order_js[] =
#include "payment-adapter/web/order.min.js.inc"
    ;
static const char pay_css[] =
#include "payment-adapter/web/pay.css.inc"
    ;
static const char base_css[] =
#include "web/base.css.inc"
    ;
static const char text_en[] =
#include "payment-adapter/web/text.en.inc"
    ;
static const char text_ko[] =
#include "payment-adapter/web/text.ko.inc"
    ;

/* The scripts are made as one file each by infra/vendor.js. */
static const struct site_file files[] = {
    {"pay.css", SITE_CSS, SITE_BYTES(pay_css)},
    {"checkout.js", SITE_JS, SITE_BYTES(checkout_js)},
    {"order.js", SITE_JS, SITE_BYTES(order_js)},
};

static const struct site_page pages[] = {{"/pay/checkout", SITE_BYTES(checkout_html), {NULL}}};

struct visit {
    struct http_req *req;
    struct pay *pay;
    const struct site *site;
    char order[ORDER_ID_MAX];
    struct session session;
    enum lang lang;
    bool tickets;
};

static void put_phrase(struct text *page, const struct visit *visit, const char *key)
{
    html_put(page, phrases_find(site_phrases(visit->site, visit->lang), span_of(key)));
}

/* Its own words are all that the script of these pages says: the page carries them all. Of several
 * orders in as many tabs each is known by its event. */
static void put_head(struct text *page, const struct visit *visit, const char *title,
                     struct span event_name, bool refresh)
{
    struct span folder = site_folder(visit->site);
    text_printf(page, "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">",
                lang_tag(visit->lang));
    TEXT_LIT(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    if (refresh)
        TEXT_LIT(page, "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>");
    TEXT_LIT(page, "<title>");
    put_phrase(page, visit, title);
    if (event_name.len > 0)
        TEXT_LIT(page, " – ");
    html_put(page, event_name);
    TEXT_LIT(page, "</title><link rel=\"icon\" href=\"/assets/icon.svg\">");
    text_printf(page, "<link rel=\"stylesheet\" href=\"%s/pay.css\">", folder.ptr);
    text_printf(page, "<script type=\"module\" src=\"%s/order.js\"></script>", folder.ptr);
    TEXT_LIT(page, "<script type=\"application/json\" id=\"words\">");
    page->comma = false;
    site_words(visit->site, visit->lang, page);
    TEXT_LIT(page, "</script></head><body><header class=\"top\">");
    text_put(page, site_brand(visit->site));
    TEXT_LIT(page, "<h1>");
    put_phrase(page, visit, title);
    TEXT_LIT(page, "</h1><nav aria-label=\"");
    put_phrase(page, visit, "language");
    TEXT_LIT(page, "\">");
    text_put(page, site_languages(visit->site, visit->lang));
    TEXT_LIT(page, "</nav></header>");
}

static void put_tail(struct text *page)
{
    TEXT_LIT(page, "<p class=\"notice\" id=\"notice\" role=\"alert\"></p></main></body></html>\n");
}

static void reply_page(struct visit *visit, unsigned status, const struct text *page)
{
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    site_headers(visit->req, visit->lang, &headers);
    if (page->overflown)
        http_problem(visit->req, 500, "too-long", "The page would be too long.");
    else
        http_reply(visit->req, &(struct http_reply){.status = status,
                                                    .type = "text/html; charset=utf-8",
                                                    .headers = text_span(&headers),
                                                    .body = text_span(page)});
}

/* A page of one sentence; for who is not logged in, with the way to do so and back. */
static void reply_words(struct visit *visit, unsigned status, const char *title)
{
    char memory[32 * 1024];
    struct text page = text_on(memory, sizeof(memory));
    put_head(&page, visit, title, SPAN(""), false);
    TEXT_LIT(&page, "<main>");
    if (status == 401) {
        text_printf(&page, "<p><a class=\"button main\" href=\"/pay/checkout?back=/pay/%s/%s\">",
                    visit->tickets ? "tickets" : "orders", visit->order);
        put_phrase(&page, visit, "page.login-button");
        TEXT_LIT(&page, "</a></p>");
    }
    if (status == 404) {
        TEXT_LIT(&page, "<p>");
        put_phrase(&page, visit, visit->tickets ? "page.no-tickets-text" : "page.missing-text");
        TEXT_LIT(&page,
                 "</p><p><button type=\"button\" id=\"other\" class=\"with-script\" hidden>");
        put_phrase(&page, visit, "page.other-account");
        TEXT_LIT(&page, "</button></p>");
    }
    put_tail(&page);
    reply_page(visit, status, &page);
    free(visit);
}

/* ---- the order ---- */

static void put_fact(struct text *page, const struct visit *visit, const char *name,
                     struct span value)
{
    TEXT_LIT(page, "<dt>");
    put_phrase(page, visit, name);
    TEXT_LIT(page, "</dt><dd>");
    html_put(page, value);
    TEXT_LIT(page, "</dd>");
}

/* The script writes it as people do. */
static void put_amount(struct text *page, const struct visit *visit, const char *name,
                       uint64_t minor, struct span currency)
{
    char memory[64];
    struct text amount = text_on(memory, sizeof(memory));
    order_amount_put(&amount, minor, currency);
    TEXT_LIT(page, "<dt>");
    put_phrase(page, visit, name);
    text_printf(page, "</dt><dd><data value=\"%llu\" data-currency=\"", (unsigned long long)minor);
    html_put(page, currency);
    TEXT_LIT(page, "\">");
    html_put(page, text_span(&amount));
    TEXT_LIT(page, "</data></dd>");
}

/* How far the saga is, in four words. An order that came to another end has no steps to show: what
 * became of the money is the sentence above. */
static void put_steps(struct text *page, const struct visit *visit, const struct order_row *row)
{
    static const char *const steps[] = {"order.step.held", "order.step.paid",
                                        "order.step.confirmed", "order.step.tickets"};
    enum { STEPS = sizeof(steps) / sizeof(steps[0]) };
    int now;
    if (span_eq(row->status, SPAN("pending_payment")))
        now = 1;
    else if (span_eq(row->status, SPAN("confirming")))
        now = 2;
    else if (span_eq(row->status, SPAN("completed")))
        now = STEPS;
    else
        return;
    TEXT_LIT(page, "<ol class=\"steps\" aria-label=\"");
    put_phrase(page, visit, "order.steps");
    TEXT_LIT(page, "\">");
    for (int i = 0; i < STEPS; i++) {
        text_str(page, i < now    ? "<li class=\"done\">"
                       : i == now ? "<li aria-current=\"step\">"
                                  : "<li>");
        put_phrase(page, visit, steps[i]);
        TEXT_LIT(page, "</li>");
    }
    TEXT_LIT(page, "</ol>");
}

static void put_link(struct text *page, const struct visit *visit, const char *attributes,
                     struct span start, struct span rest, const char *words)
{
    text_printf(page, "<p><a class=\"button main wide\" %s href=\"", attributes);
    html_put(page, start);
    html_put(page, rest);
    TEXT_LIT(page, "\">");
    put_phrase(page, visit, words);
    TEXT_LIT(page, "</a></p>");
}

/* What cannot be undone is behind one more step, with a word about the money. */
static void put_act(struct text *page, const struct visit *visit, const char *act,
                    const char *words, const char *text)
{
    TEXT_LIT(page, "<details class=\"with-script noprint\" hidden><summary>");
    put_phrase(page, visit, words);
    TEXT_LIT(page, "</summary><p>");
    put_phrase(page, visit, text);
    text_printf(page, "</p><button type=\"button\" data-act=\"%s\">", act);
    put_phrase(page, visit, words);
    TEXT_LIT(page, "</button></details>");
}

/* The phrase with {0}, {1}, {2} put in. */
static void put_filled(struct text *page, const struct visit *visit, const char *key,
                       const struct span values[3])
{
    const struct phrases *words = site_phrases(visit->site, visit->lang);
    phrases_fill(page, phrases_find(words, span_of(key)), values, html_put);
}

static struct span word_of(const json_t *place, const char *key)
{
    const json_t *word = json_object_get(place, key);
    return (struct span){json_string_value(word), json_string_length(word)};
}

/* What is printed on a seat: zone, row and number. Of a place in an area it is the area's name; of
 * one that was bought when its hall told no names it is the id. */
static void put_seat(struct text *page, const struct visit *visit, const struct span words[3],
                     struct span id)
{
    if (words[2].len > 0)
        put_filled(page, visit, "seat.name", words);
    else
        html_put(page, words[0].len > 0 ? words[0] : id);
}

static void put_seats(struct text *page, const struct visit *visit, const struct order_row *row)
{
    json_t *places = json_loadb(row->places.ptr, row->places.len, 0, NULL);
    json_t *seats = json_loadb(row->seats.ptr, row->seats.len, 0, NULL);
    size_t i;
    const json_t *one;
    TEXT_LIT(page, "<dt>");
    put_phrase(page, visit, "order.seats");
    TEXT_LIT(page, "</dt><dd><ul class=\"plain\">");
    json_array_foreach(seats, i, one)
    {
        const json_t *place = json_array_get(places, i);
        const struct span words[3] = {word_of(place, "zone"), word_of(place, "row"),
                                      word_of(place, "number")};
        TEXT_LIT(page, "<li>");
        put_seat(page, visit, words,
                 (struct span){json_string_value(one), json_string_length(one)});
        TEXT_LIT(page, "</li>");
    }
    TEXT_LIT(page, "</ul></dd>");
    json_decref(places);
    json_decref(seats);
}

/* The script writes it as people do, in the visitor's own time zone. */
static void put_time(struct text *page, struct span at)
{
    TEXT_LIT(page, "<time datetime=\"");
    html_put(page, at);
    TEXT_LIT(page, "\">");
    text_printf(page, "%.10s %.5s UTC</time>", at.ptr, at.ptr + sizeof("2027-05-01T") - 1);
}

/* It came to an end without tickets. Where the visit is over as well, the hall says how to come
 * again. */
static bool is_over(struct span status)
{
    return span_eq(status, SPAN("cancelled")) || span_eq(status, SPAN("expired")) ||
           span_eq(status, SPAN("failed")) || span_eq(status, SPAN("refunded"));
}

/* The terms that the buyer was told before the payment. True: the order can be given back now. */
static bool put_refund(struct text *page, const struct visit *visit, const struct order_row *row)
{
    struct refund_terms terms;
    bool completed = span_eq(row->status, SPAN("completed"));
    bool back = span_eq(row->status, SPAN("refunding")) || span_eq(row->status, SPAN("refunded"));
    if (!refund_terms_parse(row->refund_terms, &terms) || (!completed && !back))
        return false;
    uint64_t now_ms = clock_wall_us(visit->pay->loop->clock) / 1000;
    bool over = completed && terms.until_ms > 0 && now_ms > terms.until_ms;
    if (completed && (over || !terms.by_buyer)) {
        struct span say = phrases_find(site_phrases(visit->site, visit->lang),
                                       span_of(over ? "order.refund-over" : "order.refund-ask"));
        put_fact(page, visit, "order.refund-terms", say);
        return false;
    }
    if (completed && terms.until_ms > 0) {
        TEXT_LIT(page, "<dt>");
        put_phrase(page, visit, "order.refund-until");
        TEXT_LIT(page, "</dt><dd>");
        put_time(page, span_of(terms.until));
        TEXT_LIT(page, "</dd>");
    }
    put_amount(page, visit, "order.refund-amount", order_row_refund(row, &terms), row->currency);
    return completed;
}

static void put_order(struct text *page, const struct visit *visit, const struct order_row *row)
{
    bool pending = span_eq(row->status, SPAN("pending_payment"));
    put_head(page, visit, "order.title", row->event_name, order_is_moving(row->status));
    TEXT_LIT(page, "<main data-order=\"");
    html_put(page, row->id);
    TEXT_LIT(page, "\" data-status=\"");
    html_put(page, row->status);
    text_printf(page, "\"%s>", order_is_moving(row->status) ? " data-moving" : "");
    TEXT_LIT(page, "<p class=\"say\" role=\"status\">");
    html_put(page, order_message(row, site_phrases(visit->site, visit->lang)));
    TEXT_LIT(page, "</p>");
    put_steps(page, visit, row);
    if (pending && row->url.len > 0)
        put_link(page, visit, "id=\"pay-link\"", row->url, SPAN(""), "order.pay");
    if (span_eq(row->status, SPAN("completed")))
        put_link(page, visit, "", SPAN("/pay/tickets/"), row->id, "order.tickets");
    TEXT_LIT(page, "<dl>");
    put_fact(page, visit, "order.number", row->id);
    put_fact(page, visit, "order.event", row->event_name);
    if (row->starts_at.len > 0) {
        TEXT_LIT(page, "<dt>");
        put_phrase(page, visit, "order.starts");
        TEXT_LIT(page, "</dt><dd>");
        put_time(page, row->starts_at);
        TEXT_LIT(page, "</dd>");
    }
    put_seats(page, visit, row);
    if (row->moved_at.len > 0) {
        TEXT_LIT(page, "<dt>");
        put_phrase(page, visit, "order.moved");
        TEXT_LIT(page, "</dt><dd>");
        put_time(page, row->moved_at);
        TEXT_LIT(page, "</dd>");
    }
    put_amount(page, visit, "order.amount", row->amount, row->currency);
    bool refundable = put_refund(page, visit, row);
    if (pending && row->expires_at.len > 0) {
        TEXT_LIT(page, "<dt>");
        put_phrase(page, visit, "order.until");
        TEXT_LIT(page, "</dt><dd><span class=\"clock\" id=\"clock\" data-until=\"");
        html_put(page, row->expires_at);
        TEXT_LIT(page, "\">");
        html_put(page, row->expires_at);
        TEXT_LIT(page, "</span></dd>");
    }
    TEXT_LIT(page, "</dl>");
    if (pending)
        put_act(page, visit, "cancel", "order.cancel", "order.cancel-text");
    if (refundable)
        put_act(page, visit, "refund", "order.refund", "order.refund-text");
    if (is_over(row->status))
        put_link(page, visit, "", SPAN("/seats/"), row->event, "order.again");
    put_tail(page);
}

/* ---- the tickets ---- */

/* To hand a ticket on cannot be undone, so it is behind one more step. */
static void put_handing_on(struct text *page, const struct visit *visit, struct span ticket)
{
    TEXT_LIT(page, "<details class=\"with-script noprint\" hidden><summary>");
    put_phrase(page, visit, "ticket.hand-on");
    TEXT_LIT(page, "</summary><p>");
    put_phrase(page, visit, "ticket.hand-on-text");
    TEXT_LIT(page, "</p><form data-hand-on=\"");
    html_put(page, ticket);
    TEXT_LIT(page, "\"><p class=\"field\"><label for=\"to-");
    html_put(page, ticket);
    TEXT_LIT(page, "\">");
    put_phrase(page, visit, "ticket.to");
    TEXT_LIT(page,
             "</label><input name=\"to\" required maxlength=\"64\" autocomplete=\"off\" id=\"to-");
    html_put(page, ticket);
    TEXT_LIT(page, "\"></p><button type=\"submit\">");
    put_phrase(page, visit, "ticket.hand-on");
    TEXT_LIT(page, "</button></form></details><p class=\"notice noprint\" role=\"alert\"></p>");
}

/* To be taken by whoever it is offered to. */
static void put_taking(struct text *page, const struct visit *visit, struct span ticket)
{
    TEXT_LIT(page, "<p>");
    put_phrase(page, visit, "ticket.offered");
    TEXT_LIT(page, "</p><p><button type=\"button\" class=\"with-script main\" hidden data-take=\"");
    html_put(page, ticket);
    TEXT_LIT(page, "\">");
    put_phrase(page, visit, "ticket.take");
    TEXT_LIT(page, "</button></p>");
}

/* Until then its owner has it, and may think better of it. */
static void put_offer(struct text *page, const struct visit *visit, struct span ticket,
                      struct span to)
{
    char memory[CONFIG_STRING_MAX + sizeof("/pay/tickets/") + ORDER_ID_MAX];
    struct text address = text_on(memory, sizeof(memory));
    text_str(&address, visit->pay->settings->public_url);
    text_printf(&address, "/pay/tickets/%s", visit->order);
    TEXT_LIT(page, "<div class=\"offer noprint\"><p>");
    put_filled(page, visit, "ticket.waits", (struct span[3]){to, text_span(&address), SPAN("")});
    TEXT_LIT(page, "</p><p><button type=\"button\" class=\"with-script\" hidden data-keep=\"");
    html_put(page, ticket);
    TEXT_LIT(page, "\">");
    put_phrase(page, visit, "ticket.keep");
    TEXT_LIT(page, "</button></p></div>");
}

static void put_place(struct text *page, const struct visit *visit, const PGresult *res, int i)
{
    const struct span words[3] = {pg_text(res, i, 11), pg_text(res, i, 12), pg_text(res, i, 13)};
    TEXT_LIT(page, "<h2>");
    put_seat(page, visit, words, pg_text(res, i, 1));
    TEXT_LIT(page, "</h2>");
    if (pg_text(res, i, 14).len > 0) {
        TEXT_LIT(page, "<p>");
        html_put(page, pg_text(res, i, 14));
        TEXT_LIT(page, "</p>");
    }
}

/* What a ticket of SQL_ORDER_TICKETS is to who looks at it. One that was handed on is shown to who
 * bought it as being somebody else's, and to those through whose hands it went not at all. */
enum ticket_view {
    TICKET_UNSEEN,
    TICKET_HANDED_ON,
    TICKET_VOID,
    TICKET_USED,
    TICKET_LIVE,
    TICKET_OFFERED, /* it is for the one that looks to take */
};

static bool is_buyer(const struct visit *visit, const PGresult *res)
{
    return PQntuples(res) > 0 && span_eq(pg_text(res, 0, 15), span_of(visit->session.member));
}

static enum ticket_view view_of(const struct visit *visit, const PGresult *res, int i)
{
    struct span who = span_of(visit->session.member);
    bool mine = span_eq(pg_text(res, i, 6), who);
    if (!mine && !pg_null(res, i, 16) && span_eq(pg_text(res, i, 16), who))
        return TICKET_OFFERED;
    if (!mine && !is_buyer(visit, res))
        return TICKET_UNSEEN;
    if (pg_bool(res, i, 4))
        return TICKET_VOID;
    if (!mine)
        return TICKET_HANDED_ON;
    return pg_bool(res, i, 5) ? TICKET_USED : TICKET_LIVE;
}

static void put_code(struct text *page, struct span token)
{
    char *svg = malloc(QR_MAX);
    struct text qr = text_on(svg, svg != NULL ? QR_MAX : 0);
    if (svg != NULL && qr_svg(token, NULL, &qr) == 0)
        text_put(page, text_span(&qr));
    free(svg);
}

static void put_state(struct text *page, const struct visit *visit, const char *key)
{
    char memory[CONFIG_STRING_MAX + sizeof("/pay/tickets/") + ORDER_ID_MAX];
    struct text address = text_on(memory, sizeof(memory));
    text_str(&address, visit->pay->settings->public_url);
    text_printf(&address, "/pay/tickets/%s", visit->order);
    TEXT_LIT(page, "<p>");
    put_filled(page, visit, key, (struct span[3]){text_span(&address), SPAN(""), SPAN("")});
    TEXT_LIT(page, "</p>");
}

static void put_ticket(struct text *page, const struct visit *visit, const PGresult *res, int i)
{
    enum ticket_view view = view_of(visit, res, i);
    bool gone = view == TICKET_HANDED_ON || view == TICKET_VOID;
    text_printf(page, "<article class=\"ticket%s\"><p class=\"of\">", gone ? " void" : "");
    html_put(page, pg_text(res, i, 8));
    TEXT_LIT(page, "</p>");
    if (pg_text(res, i, 9).len > 0) {
        TEXT_LIT(page, "<p>");
        put_time(page, pg_text(res, i, 9));
        TEXT_LIT(page, "</p>");
    }
    put_place(page, visit, res, i);
    if (view == TICKET_HANDED_ON)
        put_state(page, visit, "ticket.handed-on");
    else if (view == TICKET_VOID)
        put_state(page, visit, "ticket.void");
    else if (view == TICKET_OFFERED)
        put_taking(page, visit, pg_text(res, i, 0));
    else
        put_code(page, pg_text(res, i, 3));
    if (view == TICKET_LIVE && !pg_null(res, i, 16))
        put_offer(page, visit, pg_text(res, i, 0), pg_text(res, i, 16));
    if (view == TICKET_USED)
        put_state(page, visit, "ticket.used");
    if (view != TICKET_HANDED_ON && view != TICKET_OFFERED) {
        TEXT_LIT(page, "<p class=\"id\">");
        html_put(page, pg_text(res, i, 0));
        TEXT_LIT(page, "</p>");
    }
    if (view == TICKET_LIVE)
        put_handing_on(page, visit, pg_text(res, i, 0));
    TEXT_LIT(page, "</article>");
}

/* How to use them, and the ways from here: to paper, and for who bought them to the order. */
static void put_uses(struct text *page, const struct visit *visit, bool live, bool buyer)
{
    if (live) {
        TEXT_LIT(page, "<p class=\"noprint\">");
        put_phrase(page, visit, "ticket.show");
        TEXT_LIT(page, "</p>");
    }
    if (live || buyer)
        TEXT_LIT(page, "<p class=\"noprint\">");
    if (live) {
        TEXT_LIT(page, "<button type=\"button\" id=\"print\" class=\"with-script\" hidden>");
        put_phrase(page, visit, "ticket.print");
        TEXT_LIT(page, "</button> ");
    }
    if (buyer) {
        text_printf(page, "<a class=\"button\" href=\"/pay/orders/%s\">", visit->order);
        put_phrase(page, visit, "ticket.order");
        TEXT_LIT(page, "</a>");
    }
    if (live || buyer)
        TEXT_LIT(page, "</p>");
    TEXT_LIT(page, "<p class=\"noprint soft\">");
    put_filled(page, visit, "ticket.you",
               (struct span[3]){span_of(visit->session.member), SPAN(""), SPAN("")});
    TEXT_LIT(page, "</p>");
}

static unsigned put_tickets(struct text *page, const struct visit *visit, const PGresult *res)
{
    unsigned seen = 0;
    bool live = false;
    for (int i = 0; i < PQntuples(res); i++) {
        enum ticket_view view = view_of(visit, res, i);
        seen += view != TICKET_UNSEEN;
        live = live || view == TICKET_LIVE;
    }
    if (seen == 0)
        return 0;
    put_head(page, visit, "ticket.title", pg_text(res, 0, 8), false);
    TEXT_LIT(page, "<main>");
    if (pg_bool(res, 0, 17)) {
        TEXT_LIT(page, "<p class=\"noprint\" role=\"status\">");
        put_phrase(page, visit, "ticket.moved");
        TEXT_LIT(page, "</p>");
    }
    put_uses(page, visit, live, is_buyer(visit, res));
    for (int i = 0; i < PQntuples(res); i++) {
        if (view_of(visit, res, i) != TICKET_UNSEEN)
            put_ticket(page, visit, res, i);
    }
    put_tail(page);
    return seen;
}

/* ---- what the buyer brings back from the provider ---- */

static void on_hint_kept(void *ctx, const struct pg_answer *answer)
{
    struct pay *pay = ctx;
    if (answer->rc == 0 && PQntuples(answer->results[0]) > 0)
        worker_nudge(pay->worker);
}

static bool is_key(struct span key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-';
        if (!plain)
            return false;
    }
    return key.len > 0;
}

/* Toss says that the buyer has agreed in the address they come back to, and nowhere else. It is a
 * hint: the saga looks the payment up by it, and the provider judges. Another order's or another
 * sum is not even that. */
static void keep_hint(struct visit *visit, const struct order_row *row)
{
    struct span key = http_req_query_arg(visit->req, SPAN("paymentKey"));
    struct span order = http_req_query_arg(visit->req, SPAN("orderId"));
    struct span amount = http_req_query_arg(visit->req, SPAN("amount"));
    char payment_key[ORDER_PAYMENT_MAX], step[8];
    uint64_t sum;
    if (!span_eq(row->status, SPAN("pending_payment")) ||
        !span_eq(row->provider, span_of(psp_toss.name)) || !is_key(key) ||
        !span_eq(order, span_of(visit->order)) || !span_u64(amount, UINT64_MAX, &sum) ||
        sum != row->amount || !span_to_cstr(key, payment_key, sizeof(payment_key)))
        return;
    snprintf(step, sizeof(step), "%u", checkout_pivot());
    const char *const params[] = {visit->order, payment_key, step};
    pg_pool_query(visit->pay->pg, SQL_ORDER_PAYMENT_KEY, 3, params, on_hint_kept, visit->pay);
}

static void on_read(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    char *memory = answer->rc == 0 ? malloc(PAGE_MAX) : NULL;
    if (memory == NULL) {
        reply_words(visit, 503, "page.later");
        return;
    }
    struct text page = text_on(memory, PAGE_MAX);
    const PGresult *res = answer->results[0];
    bool found = false;
    if (visit->tickets) {
        found = put_tickets(&page, visit, res) > 0;
    } else if (PQntuples(res) == 1) {
        struct order_row row;
        order_row_read(res, 0, &row);
        found = span_eq(row.member, span_of(visit->session.member));
        if (found) {
            keep_hint(visit, &row);
            put_order(&page, visit, &row);
        }
    }
    if (!found) {
        free(memory);
        reply_words(visit, 404, "page.missing");
        return;
    }
    reply_page(visit, 200, &page);
    free(memory);
    free(visit);
}

static void on_session(void *ctx, int rc, const struct session *session)
{
    struct visit *visit = ctx;
    if (rc < 0) {
        reply_words(visit, 503, "page.later");
        return;
    }
    if (!session->here) {
        reply_words(visit, 401, "page.login");
        return;
    }
    visit->session = *session;
    const char *const params[] = {visit->order};
    pg_pool_query(visit->pay->pg, visit->tickets ? SQL_ORDER_TICKETS : SQL_ORDER_READ, 1, params,
                  on_read, visit);
}

static void visit_page(struct http_req *req, const struct site *site, bool tickets)
{
    char order[ORDER_ID_MAX];
    if (!guard_id(req, 0, order, sizeof(order)))
        return;
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return;
    }
    visit->req = req;
    visit->pay = pay_of(req);
    visit->site = site;
    visit->lang = visit_lang(req);
    visit->tickets = tickets;
    memcpy(visit->order, order, sizeof(order));
    session_of(visit->pay->sessions, req, on_session, visit);
}

static void on_order(struct http_req *req, void *ctx)
{
    visit_page(req, ctx, false);
}

static void on_tickets(struct http_req *req, void *ctx)
{
    visit_page(req, ctx, true);
}

int page_routes(struct http_router *routes, const struct brand_settings *brand,
                struct err_slot *err, struct site **out)
{
    const struct site_conf conf = {
        .root = "/pay/-",
        .files = files,
        .files_len = sizeof(files) / sizeof(files[0]),
        .pages = pages,
        .pages_len = sizeof(pages) / sizeof(pages[0]),
        .base = SITE_BYTES(base_css),
        .words = {[LANG_EN] = SITE_BYTES(text_en), [LANG_KO] = SITE_BYTES(text_ko)},
        .service = "payment-adapter",
        .kept = "told.",
        .brand = brand,
    };
    struct site *site;
    int rc = site_create(&conf, err, &site);
    if (rc < 0)
        return rc;
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/pay/orders/{id}", on_order, site, 0},
        {HTTP_METHOD_GET, "/pay/tickets/{id}", on_tickets, site, 0},
    };
    rc = site_routes(site, routes, err);
    if (rc == 0)
        rc = http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
    if (rc < 0) {
        site_destroy(site);
        return rc;
    }
    *out = site;
    return 0;
}
