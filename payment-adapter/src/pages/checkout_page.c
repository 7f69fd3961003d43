/* checkout_page.c: fills web/plain.html: who buys what, for how much and until when. Its forms post
 * to the API's calls (api/plain.h): log in, log out, order.
 *
 * The hold is read from the seat service with the buyer's own pass, as for an order; nothing is
 * decided here. A hold that has an order leads to that order, even if the visit has ended by then.
 * A refusal is the same page with a sentence. */
#include "pages/checkout_page.h"

#include "api/guard.h"
#include "api/held.h"
#include "api/plain.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "base/rfc3339.h"
#include "page/fact.h"
#include "page/wording.h"
#include "store/statements.h"
#include "web/visit.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char plain_html[] =
#include "payment-adapter/web/plain.html.inc"
    ;

enum { PAGE_MAX = 256 * 1024, WORDS_MAX = 256, ADDRESS_MAX = 192, DIGITS_MAX = 24 };

struct buying {
    uint32_t magic;
    struct http_req *req;
    struct pay *pay;
    const struct checkout_page *pages;
    enum lang lang;
    struct fact_list facts;
    char event[ORDER_EVENT_MAX], hold[ORDER_HOLD_MAX], pass[HELD_PASS_MAX];
    char trace[TRACE_TEXT_LEN + 1];
    char here[ADDRESS_MAX], next[ADDRESS_MAX]; /* this page; where a login leads */
    struct session session;
    struct held_fetch fetch;
    json_t *held; /* NULL: the hold is not shown */
    struct show show;
    struct sql_terms_read_row terms;
    uint64_t now_ms, amount;
    unsigned seats_at;
    char notice[64], wait[DIGITS_MAX], later[DIGITS_MAX], left[DIGITS_MAX], sum[WORDS_MAX];
    char amount_digits[DIGITS_MAX];
    char back[WORDS_MAX], until[WORDS_MAX];
};

MAGIC(buying, 0x3a700021);

static void buying_free(struct buying *buying)
{
    json_decref(buying->held);
    MAGIC_END(buying, buying);
    free(buying);
}

static struct span number(char memory[DIGITS_MAX], uint64_t value)
{
    struct text text = text_on(memory, DIGITS_MAX);
    text_u64(&text, value);
    return text_span(&text);
}

static struct span money(struct buying *buying, char memory[WORDS_MAX], uint64_t minor)
{
    struct text text = text_on(memory, WORDS_MAX);
    wording_put_money(&text, buying->facts.words, minor, json_in_text_of(buying->held, "currency"));
    return text_span(&text);
}

/* ---- the page ---- */

static bool more_seats(void *ctx, unsigned turn);

static void list_seat(struct buying *buying, unsigned nth)
{
    struct fact_list *facts = &buying->facts;
    const json_t *place = json_array_get(json_object_get(buying->held, "places"), nth);
    const struct span names[FACT_SEAT_NAMES] = {
        json_in_text_of(place, "zone"), json_in_text_of(place, "row"),
        json_in_text_of(place, "number"), json_in_text_of(place, "label")};
    fact_seat(facts, "seat", names, json_in_text_of(place, "id"));
    facts->all[buying->seats_at].more = more_seats;
    fact_text(facts, "seat-category", json_in_text_of(place, "category"));
    fact_money(facts, "seat-price", "seat-price-words", json_in_count_of(place, "price"));
}

static bool more_seats(void *ctx, unsigned turn)
{
    struct buying *buying = ctx;
    buying->facts.len = buying->seats_at;
    list_seat(buying, turn);
    return turn < json_array_size(json_object_get(buying->held, "places"));
}

/* The same words as checkout.js. */
static void list_terms(struct buying *buying, bool shown)
{
    struct fact_list *facts = &buying->facts;
    const struct sql_terms_read_row *terms = &buying->terms;
    uint64_t until_ms = UINT64_MAX, starts_ms = 0, at_ms = 0;
    struct text words = text_on(buying->until, sizeof(buying->until));
    if (terms->until_at.len > 0 && rfc3339_parse(terms->until_at, &at_ms))
        until_ms = at_ms;
    if (terms->has_before_start_s &&
        rfc3339_parse(json_in_text_of(buying->held, "starts_at"), &starts_ms)) {
        uint64_t before_ms = terms->before_start_s * 1000;
        uint64_t last_ms = starts_ms > before_ms ? starts_ms - before_ms : 0;
        until_ms = last_ms < until_ms ? last_ms : until_ms;
    }
    if (until_ms <= RFC3339_MS_MAX) {
        char memory[RFC3339_LEN];
        struct text time = text_on(memory, sizeof(memory));
        rfc3339_put(&time, until_ms);
        wording_put_time(&words, facts->words, &buying->show, text_span(&time));
    }
    const bool by_buyer = span_eq(terms->granted_to, SPAN(ACTOR_BUYER));
    const bool is_over = by_buyer && until_ms <= buying->now_ms, is_free = buying->amount == 0;
    uint64_t back =
        buying->amount / 100 * terms->percent + buying->amount % 100 * terms->percent / 100;
    struct span key = !by_buyer ? SPAN("terms.ask")
                      : is_over ? SPAN("terms.over")
                      : until_ms == UINT64_MAX
                          ? is_free ? SPAN("terms.free-always") : SPAN("terms.always")
                      : is_free ? SPAN("terms.free-until")
                                : SPAN("terms.until");
    fact_phrase(facts, "refunds", shown ? key : SPAN(""), text_span(&words),
                shown ? money(buying, buying->back, back > 0 ? back : 1) : SPAN(""));
    fact_if(facts, "handed-on", shown && by_buyer && !is_over && !terms->handed_on);
    fact_text(facts, "terms", terms->id);
}

static void list_facts(struct buying *buying, const struct settings *settings)
{
    struct fact_list *facts = &buying->facts;
    const json_t *held = buying->held;
    const bool is_held = held != NULL, asks_login = buying->next[0] != '\0';
    const bool pays = is_held && buying->session.here;
    static const struct settings none = {0};
    const struct settings *all = settings != NULL ? settings : &none;
    fact_phrase(facts, "title",
                buying->event[0] != '\0' ? SPAN("checkout.title") : SPAN("login.title"), SPAN(""),
                SPAN(""));
    fact_phrase(facts, "notice", span_of(buying->notice), span_of(buying->wait), SPAN(""));
    fact_text(facts, "later", span_of(buying->later));
    fact_if(facts, "again", buying->later[0] != '\0');
    fact_text(facts, "here", span_of(buying->here));
    fact_text(facts, "next", span_of(buying->next));
    fact_text(facts, "event", span_of(buying->event));
    fact_text(facts, "hold", span_of(buying->hold));
    fact_text(facts, "event-name", json_in_text_of(held, "event_name"));
    show_take(held, &buying->show);
    fact_show(facts, &buying->show);
    uint64_t expires_ms = 0, left_min = 0;
    if (is_held && rfc3339_parse(json_in_text_of(buying->held, "expires_at"), &expires_ms) &&
        expires_ms > buying->now_ms)
        left_min = (expires_ms - buying->now_ms) / 60000;
    fact_phrase(&buying->facts, "left",
                !is_held        ? SPAN("")
                : left_min == 0 ? SPAN("told.left-short")
                                : SPAN("told.left"),
                number(buying->left, left_min), SPAN(""));
    fact_if(facts, "held", is_held);
    fact_if(facts, "ended", !is_held && !asks_login && buying->later[0] == '\0');
    buying->seats_at = facts->len;
    list_seat(buying, 0);
    fact_text(
        facts, "area",
        json_in_text_of(held, json_in_text_of(held, "area_name").len > 0 ? "area_name" : "area"));
    fact_text(facts, "category", json_in_text_of(held, "category"));
    fact_count(facts, "places", json_in_text_of(held, "area").len > 0,
               json_in_count_of(held, "quantity"));
    fact_money(facts, "fees", "fees-words", json_in_count_of(held, "fees"));
    fact_money(facts, "total", "total-words", buying->amount);
    fact_money(facts, "vat", "vat-words", json_in_count_of(held, "vat"));
    fact_if(facts, "login", asks_login && !buying->session.here);
    fact_text(facts, "forgotten", span_of(all->password_url));
    fact_if(facts, "pay", pays);
    fact_phrase(facts, "account", SPAN("login.member"), span_of(buying->session.member), SPAN(""));
    fact_text(facts, "member", span_of(buying->session.member));
    fact_text(facts, "amount", number(buying->amount_digits, buying->amount));
    const uint64_t version = json_in_count_of(held, "version"); /* 0: an older seat service */
    fact_count(facts, "hold-version", version > 0, version);
    fact_if(facts, "costs", buying->amount > 0);
    list_terms(buying, pays);
    fact_text(facts, "agree-terms", span_of(all->terms_url));
    fact_text(facts, "agree-privacy", span_of(all->privacy_url));
    fact_text(facts, "agree-refunds", span_of(all->refunds_url));
    fact_if(facts, "agree",
            all->terms_url[0] != '\0' || all->privacy_url[0] != '\0' ||
                all->refunds_url[0] != '\0');
    fact_phrase(facts, "button", buying->amount > 0 ? SPAN("pay.button") : SPAN("pay.free"),
                pays ? money(buying, buying->sum, buying->amount) : SPAN(""), SPAN(""));
    fact_text(facts, "support", span_of(all->support_url));
}

static void answer(struct buying *buying, unsigned status)
{
    char lines[SITE_HEADERS_MAX];
    struct text headers = text_on(lines, sizeof(lines));
    char *memory = malloc(PAGE_MAX);
    if (memory == NULL) {
        guard_unavailable(buying->req, ERR_NOMEM);
        buying_free(buying);
        return;
    }
    struct text page = text_on(memory, PAGE_MAX);
    buying->facts.currency = json_in_text_of(buying->held, "currency");
    list_facts(buying, buying->pay->settings);
    fact_page_put(&page, buying->pages->page, buying->lang, &buying->facts);
    site_headers(buying->req, buying->lang, &headers);
    if (page.overflown)
        refusal_reply(buying->req, REFUSAL_PAGE_LONG);
    else
        http_reply(buying->req, &(struct http_reply){.status = status,
                                                     .type = "text/html; charset=utf-8",
                                                     .headers = text_span(&headers),
                                                     .body = text_span(&page)});
    free(memory);
    buying_free(buying);
}

/* Shows error.CODE; for a code without a sentence, error.other. */
static void say(struct buying *buying, struct span code)
{
    struct text key = text_on(buying->notice, sizeof(buying->notice) - 1);
    TEXT_LIT(&key, "error.");
    text_put(&key, code);
    if (key.overflown || phrases_find(buying->facts.words, text_span(&key)).ptr == NULL) {
        key = text_on(buying->notice, sizeof(buying->notice) - 1);
        TEXT_LIT(&key, "error.other");
    }
    buying->notice[key.len] = '\0';
}

static void refuse(struct buying *buying, enum refusal refusal)
{
    const struct refusal_row *row = refusal_row(refusal);
    http_bound_count(row->code);
    json_decref(buying->held);
    buying->held = NULL;
    buying->next[0] = '\0';
    say(buying, span_of(row->code));
    if (row->status == 503) { /* spreads the retries of a crowd that met one outage */
        struct span later = number(buying->later, 4 + buying->now_ms % 5);
        buying->later[later.len] = '\0';
    }
    answer(buying, row->status);
}

/* ---- what it shows ---- */

static void on_terms(void *ctx, const struct pg_answer *asked)
{
    struct buying *buying = MAGIC_OF(buying, ctx);
    if (asked->rc < 0 || PQntuples(asked->results[0]) == 0) {
        refuse(buying, REFUSAL_UNAVAILABLE);
        return;
    }
    buying->terms = sql_terms_read_row(asked->results[0], 0); /* valid during this call */
    answer(buying, 200);
}

static void on_held(void *ctx, const struct outcall_answer *reply)
{
    struct buying *buying = MAGIC_OF(buying, ctx);
    if (reply == NULL || reply->rc < 0 || reply->status != 200) {
        refuse(buying, held_fetch_refusal(reply));
        return;
    }
    if (json_in_read(reply->body, &buying->held) < 0 || buying->held == NULL) {
        refuse(buying, REFUSAL_UNAVAILABLE);
        return;
    }
    uint64_t expires_ms = 0;
    if (!rfc3339_parse(json_in_text_of(buying->held, "expires_at"), &expires_ms) ||
        expires_ms <= buying->now_ms) {
        refuse(buying, REFUSAL_HOLD_EXPIRED);
        return;
    }
    buying->amount =
        json_in_count_of(buying->held, "total") + json_in_count_of(buying->held, "fees");
    sql_terms_read(buying->pay->pg, &(struct sql_terms_read_args){buying->event}, on_terms, buying);
}

static void fetch(struct buying *buying)
{
    if (buying->pass[0] == '\0') {
        refuse(buying, REFUSAL_PASS_MISSING);
        return;
    }
    buying->fetch = (struct held_fetch){.outcalls = buying->pay->outcalls,
                                        .map = buying->pay->seats_map,
                                        .event = buying->event,
                                        .hold = buying->hold,
                                        .pass = buying->pass,
                                        .trace = buying->trace,
                                        .on_done = on_held,
                                        .ctx = buying};
    held_fetch_begin(&buying->fetch);
}

static void on_order(void *ctx, const struct pg_answer *asked)
{
    struct buying *buying = MAGIC_OF(buying, ctx);
    if (asked->rc < 0) {
        refuse(buying, REFUSAL_UNAVAILABLE);
        return;
    }
    if (PQntuples(asked->results[0]) == 0) {
        fetch(buying);
        return;
    }
    const struct sql_order_by_idem_row row = sql_order_by_idem_row(asked->results[0], 0);
    if (!span_eq(row.order.member, span_of(buying->session.member))) {
        refuse(buying, REFUSAL_HOLD_UNKNOWN);
        return;
    }
    char memory[ADDRESS_MAX];
    struct text address = text_on(memory, sizeof(memory));
    TEXT_LIT(&address, "/pay/orders/");
    text_put(&address, row.order.id);
    plain_go(buying->req, text_span(&address), (struct span){NULL, 0});
    buying_free(buying);
}

static void on_session(void *ctx, int rc, const struct session *session)
{
    struct buying *buying = MAGIC_OF(buying, ctx);
    if (rc < 0) {
        refuse(buying, REFUSAL_UNAVAILABLE);
        return;
    }
    buying->session = *session;
    if (session->here)
        sql_order_by_idem(buying->pay->pg,
                          &(struct sql_order_by_idem_args){.member = session->member,
                                                           .idem_key = "",
                                                           .event = buying->event,
                                                           .hold = buying->hold},
                          on_order, buying);
    else
        fetch(buying);
}

/* ---- the requests ---- */

static struct buying *begin(struct http_req *req)
{
    struct buying *buying = calloc(1, sizeof(*buying));
    if (buying == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return NULL;
    }
    MAGIC_BEGIN(buying, buying);
    buying->req = req;
    buying->pay = pay_of(req);
    buying->pages = http_req_route_ctx(req);
    buying->lang = visit_lang(req);
    buying->now_ms = clock_wall_us(&buying->pay->common->seats_clock.clock) / 1000;
    buying->facts.words = site_phrases(buying->pages->site, buying->lang);
    buying->facts.ctx = buying;
    guard_trace(req, buying->trace);
    uint64_t wait_s;
    struct span said = http_req_query_arg(req, SPAN("refused"));
    if (said.len > 0)
        say(buying, said);
    if (span_u64(http_req_query_arg(req, SPAN("wait")), 86400, &wait_s))
        snprintf(buying->wait, sizeof(buying->wait), "%u:%02u", (unsigned)(wait_s / 60),
                 (unsigned)(wait_s % 60));
    return buying;
}

static void on_checkout(struct http_req *req)
{
    char event[ORDER_EVENT_MAX], hold[ORDER_HOLD_MAX];
    if (!guard_id(req, 0, event, sizeof(event)) || !guard_id(req, 1, hold, sizeof(hold)))
        return;
    struct buying *buying = begin(req);
    if (buying == NULL)
        return;
    memcpy(buying->event, event, sizeof(event));
    memcpy(buying->hold, hold, sizeof(hold));
    snprintf(buying->here, sizeof(buying->here), "/pay/checkout/%s/%s", event, hold);
    memcpy(buying->next, buying->here, sizeof(buying->here));
    span_to_cstr(visit_pass(req, span_of(event)), buying->pass, sizeof(buying->pass));
    session_of(buying->pay->sessions, req, on_session, buying);
}

/* Redirects to a login that leads back to one of our pages, below /pay/. */
static void ask_login(struct http_req *req, const char *page)
{
    struct buying *buying = begin(req);
    if (buying == NULL)
        return;
    snprintf(buying->here, sizeof(buying->here), "/pay/login/%s", page);
    snprintf(buying->next, sizeof(buying->next), "/pay/%s", page);
    answer(buying, 200);
}

static void ask_login_for(struct http_req *req, const char *kind)
{
    char id[ORDER_ID_MAX], page[sizeof(id) + 8];
    if (!guard_id(req, 0, id, sizeof(id)))
        return;
    snprintf(page, sizeof(page), "%s/%s", kind, id);
    ask_login(req, page);
}

static void on_login_for_order(struct http_req *req)
{
    ask_login_for(req, "orders");
}

static void on_login_for_tickets(struct http_req *req)
{
    ask_login_for(req, "tickets");
}

static void on_login_for_all(struct http_req *req)
{
    ask_login(req, "orders");
}

int checkout_page_create(const struct site *site, struct err_slot *err, struct checkout_page *out)
{
    struct buying *empty = calloc(1, sizeof(*empty));
    if (empty == NULL)
        return err_set(err, ERR_NOMEM, "a page");
    empty->facts.words = site_phrases(site, LANG_OF_READERS);
    list_facts(empty, NULL);
    out->site = site;
    int rc = fact_page_create(&empty->facts, site, span_of(plain_html), err, &out->page);
    free(empty);
    return rc;
}

int checkout_page_routes(struct checkout_page *page, struct http_router *routes,
                         struct err_slot *err)
{
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/pay/checkout/{event}/{hold}", on_checkout, page, 0},
        {HTTP_METHOD_GET, "/pay/login/orders", on_login_for_all, page, 0},
        {HTTP_METHOD_GET, "/pay/login/orders/{id}", on_login_for_order, page, 0},
        {HTTP_METHOD_GET, "/pay/login/tickets/{id}", on_login_for_tickets, page, 0},
    };
    return http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
}
