/* plain_page.c: fills web/plain.html and answers its forms. A form redirects back to the page
 * (303), which shows the reason of a refusal; so a reload repeats nothing, and a form sent twice
 * has the same key. If the page itself is refused, it shows only the reason.
 *
 * The page shows the visitor's holds or, without any, the available seats: an order is one hold, so
 * to choose other seats the first must be released. */
#include "api/plain_page.h"

#include "access/hold_id.h"
#include "api/verdict.h"
#include "base/rng.h"
#include "page/fact.h"
#include "page/wording.h"
#include "shell_limits.h"
#include "web/visit.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char plain_html[] =
#include "seat-service/web/plain.html.inc"
    ;

enum { HOLDS_SHOWN_MAX = 4, SAID_MAX = 40, NUMBER_MAX = 24, LABEL_MAX = 4 * PLAN_TEXT_MAX };
enum { KEY_BYTES = 16 };

struct held {
    struct hold_id name;
    struct engine_hold_view view;
};

struct plain_view {
    struct call *call;
    struct fact_list facts;
    const struct plan *plan; /* NULL: the event is not shown */
    uint64_t now_ms;
    struct held held[HOLDS_SHOWN_MAX];
    unsigned held_len;
    struct engine_count counts[PLAN_CATEGORIES_MAX];
    unsigned holds_at, seats_at, kinds_at, areas_at; /* where the facts of each list begin */
    struct span notice, later;
    bool gone, again;
    char most[NUMBER_MAX], left[NUMBER_MAX], free[NUMBER_MAX], later_memory[NUMBER_MAX];
    char opens[SHOW_LINE_MAX], label[LABEL_MAX], key[2 * KEY_BYTES + 1];
};

static struct span number(char memory[NUMBER_MAX], uint64_t value)
{
    struct text text = text_on(memory, NUMBER_MAX);
    text_u64(&text, value);
    return text_span(&text);
}

/* The name that the map shows. */
static struct span area_name(const struct plan_area *area)
{
    return area->name.len > 0 ? area->name : area->id;
}

/* ---- held seats ---- */

static bool more_holds(void *ctx, unsigned turn);
static bool more_seats(void *ctx, unsigned turn);

static void list_seat(struct plain_view *view, const struct held *held, unsigned nth)
{
    struct fact_list *facts = &view->facts;
    struct plan_seat seat = {0};
    struct span category = {NULL, 0};
    uint64_t price = 0;
    struct text label = text_on(view->label, sizeof(view->label));
    bool is_there = nth < held->view.seat_count;
    if (is_there) {
        seat = plan_seat(view->plan, held->view.seats[nth]);
        category = plan_category(view->plan, seat.category)->name;
        price = engine_price_of(view->call->event->engine, held->view.price_list, seat.category);
        if (seat.label_form.len > 0)
            plan_label_put(&label, seat.label_form, seat.number);
    }
    const struct span names[FACT_SEAT_NAMES] = {seat.zone, seat.row_label, seat.number,
                                                text_span(&label)};
    fact_seat(facts, "seat", names, seat.guid);
    facts->all[view->seats_at].more = more_seats;
    fact_text(facts, "seat-id", seat.guid);
    fact_text(facts, "seat-category", category);
    fact_money(facts, "seat-price", "seat-price-words", price);
    bool alone = held->view.seat_count < 2 || held->view.order_hash != 0;
    fact_if(facts, "seat-one", is_there && !alone);
    fact_phrase(facts, "seat-release", SPAN("cart.remove"), seat.number, SPAN(""));
}

static void list_hold(struct plain_view *view, unsigned nth)
{
    static const struct held none = {.view = {.area = ENGINE_AREA_NONE}};
    const struct held *held = nth < view->held_len ? &view->held[nth] : &none;
    const struct engine_hold_view *hold = &held->view;
    struct fact_list *facts = &view->facts;
    const bool is_open = hold->order_hash == 0;
    uint64_t fees = 0;
    if (hold->quantity > 0)
        fees = fees_of(&plan_charges(view->plan)->fees, hold->total, hold->quantity);
    fact_each(facts, "holds", more_holds);
    fact_text(facts, "hold", span_of(held->name.text));
    fact_if(facts, "paying", !is_open);
    uint64_t left_min =
        hold->expires_ms > view->now_ms ? (hold->expires_ms - view->now_ms) / 60000 : 0;
    fact_phrase(facts, "left",
                !is_open        ? SPAN("")
                : left_min == 0 ? SPAN("told.left-short")
                                : SPAN("told.left"),
                number(view->left, left_min), SPAN(""));
    view->seats_at = facts->len;
    list_seat(view, held, 0);
    const bool is_area = hold->area != ENGINE_AREA_NONE;
    fact_text(facts, "area-held",
              is_area ? area_name(plan_area(view->plan, hold->area)) : SPAN(""));
    fact_count(facts, "places", is_area, hold->quantity);
    fact_money(facts, "fees", "fees-words", fees);
    fact_money(facts, "total", "total-words", hold->total + fees);
    fact_if(facts, "open", is_open);
}

static bool more_holds(void *ctx, unsigned turn)
{
    struct plain_view *view = ctx;
    view->facts.len = view->holds_at;
    list_hold(view, turn);
    return turn < view->held_len;
}

/* Seats of the current hold, which the list names. */
static bool more_seats(void *ctx, unsigned turn)
{
    struct plain_view *view = ctx;
    const struct held *held = view->held;
    const char *name = view->facts.all[view->holds_at + 1].text.ptr;
    while (held->name.text != name)
        held++;
    assert(held < view->held + view->held_len);
    view->facts.len = view->seats_at;
    list_seat(view, held, turn);
    return turn < held->view.seat_count;
}

/* ---- available seats ---- */

/* How many are left, or when they will be on sale. Returns whether there is something to take. */
static bool list_left(struct plain_view *view, const char *name, uint32_t left, uint32_t category,
                      uint32_t channel)
{
    struct engine_op op = {0};
    struct text words = text_on(view->opens, sizeof(view->opens));
    const bool is_there = view->plan != NULL && category < plan_category_count(view->plan);
    const bool is_sold = !is_there || engine_on_sale(view->call->event->engine, category, channel,
                                                     view->now_ms, &op) == ENGINE_OK;
    if (op.opens_ms != 0) {
        struct show opens = {.starts_ms = op.opens_ms};
        memcpy(opens.time_zone, plan_show(view->plan)->time_zone, sizeof(opens.time_zone));
        wording_put_show(&words, view->facts.words, view->facts.lang, &opens);
    }
    fact_phrase(&view->facts, name,
                op.opens_ms != 0 ? SPAN("seat.early")
                : !is_sold       ? SPAN("seat.blocked")
                : left > 0       ? SPAN("map.left")
                                 : SPAN("told.sold"),
                op.opens_ms != 0 ? text_span(&words) : number(view->free, left), SPAN(""));
    return is_sold && left > 0;
}

static bool more_kinds(void *ctx, unsigned turn);
static bool more_areas(void *ctx, unsigned turn);

/* The nth category with seats: categories of areas only are skipped. */
static uint32_t kind_of(const struct plan *plan, unsigned turn)
{
    uint32_t nth = 0;
    while (nth < plan_category_count(plan) && (plan_category(plan, nth)->seats == 0 || turn-- > 0))
        nth++;
    return nth;
}

static void list_kind(struct plain_view *view, unsigned turn)
{
    struct fact_list *facts = &view->facts;
    const uint32_t nth = view->plan != NULL ? kind_of(view->plan, turn) : 0;
    const bool is_there = view->plan != NULL && nth < plan_category_count(view->plan);
    const uint32_t left = is_there ? view->counts[nth].free : 0;
    uint64_t price = 0;
    if (is_there) {
        const struct engine *engine = view->call->event->engine;
        price = engine_price_of(engine, engine_price_list(engine), (uint8_t)nth);
    }
    fact_each(facts, "kind", more_kinds);
    facts->all[view->kinds_at].text = is_there ? plan_category(view->plan, nth)->name : SPAN("");
    fact_money(facts, "kind-price", "kind-price-words", price);
    /* A code may open it earlier. */
    const bool is_open = list_left(view, "kind-left", left, nth, 0);
    fact_if(facts, "kind-gone", !is_open && (left == 0 || !plan_has_codes(view->plan)));
}

static bool more_kinds(void *ctx, unsigned turn)
{
    struct plain_view *view = ctx;
    view->facts.len = view->kinds_at;
    list_kind(view, turn);
    return kind_of(view->plan, turn) < plan_category_count(view->plan);
}

static void list_area(struct plain_view *view, uint32_t nth)
{
    struct fact_list *facts = &view->facts;
    const bool is_there = view->plan != NULL && nth < plan_area_count(view->plan);
    const struct plan_area *area = is_there ? plan_area(view->plan, nth) : NULL;
    uint64_t price = 0;
    uint32_t left = 0;
    if (is_there) {
        const struct engine *engine = view->call->event->engine;
        price = engine_price_of(engine, engine_price_list(engine), area->category);
        left = engine_area(engine, (uint16_t)nth).free;
    }
    fact_each(facts, "area", more_areas);
    facts->all[view->areas_at].text = is_there ? area_name(area) : SPAN("");
    fact_text(facts, "area-id", is_there ? area->id : SPAN(""));
    fact_money(facts, "area-price", "area-price-words", price);
    const bool is_open = list_left(view, "area-left", left, is_there ? area->category : 0,
                                   is_there ? area->channel : 0);
    fact_if(facts, "area-open", is_open);
}

static bool more_areas(void *ctx, unsigned turn)
{
    struct plain_view *view = ctx;
    view->facts.len = view->areas_at;
    list_area(view, turn);
    return turn < plan_area_count(view->plan);
}

static uint32_t seats_free(const struct plain_view *view)
{
    uint32_t free = 0;
    for (uint32_t i = 0; i < plan_category_count(view->plan); i++)
        free += view->counts[i].free;
    return free;
}

/* ---- the page ---- */

static void list_facts(struct plain_view *view)
{
    struct fact_list *facts = &view->facts;
    static const struct show unsaid;
    const struct plan *plan = view->plan;
    const bool takes = plan != NULL && view->held_len == 0;
    uint32_t most = plan != NULL ? plan_limits(plan)->max_per_hold : 0;
    const struct call *call = view->call;
    fact_text(facts, "event", call != NULL ? http_req_param(call->req, 0) : SPAN(""));
    fact_text(facts, "event-name", plan != NULL ? plan_name(plan) : SPAN(""));
    fact_show(facts, plan != NULL ? plan_show(plan) : &unsaid);
    fact_phrase(facts, "notice", view->notice, number(view->most, most), SPAN(""));
    fact_text(facts, "later", view->later);
    fact_text(facts, "most", span_of(view->most));
    fact_text(facts, "key", span_of(view->key));
    view->holds_at = facts->len;
    list_hold(view, 0);
    fact_if(facts, "seats", takes && plan_seat_count(plan) > 0);
    fact_phrase(facts, "full", takes && seats_free(view) == 0 ? SPAN("told.full") : SPAN(""),
                SPAN(""), SPAN(""));
    view->kinds_at = facts->len;
    list_kind(view, 0);
    fact_if(facts, "access", takes && plan_has_accessible(plan));
    fact_if(facts, "codes", plan != NULL && plan_has_codes(plan));
    fact_if(facts, "areas", takes && plan_area_count(plan) > 0);
    view->areas_at = facts->len;
    list_area(view, 0);
    fact_if(facts, "here", plan != NULL);
    fact_if(facts, "again", view->again);
    fact_if(facts, "gone", view->gone);
}

static void answer(struct plain_view *view, const struct call_refusal *refusal)
{
    struct call *call = view->call;
    const struct plain_page *page = (const struct plain_page *)call->plain;
    const enum lang lang = visit_lang(call->req);
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    struct text body = loop_text(call->loop);
    view->facts.words = site_phrases(page->site, lang);
    view->facts.ctx = view;
    if (view->plan != NULL)
        view->facts.currency = plan_currency(view->plan);
    list_facts(view);
    fact_page_put(&body, page->page, lang, &view->facts);
    if (body.overflown) { /* a hall with long names; a refusal is short */
        assert(refusal == NULL);
        call_refuse_as(call, REFUSAL_MEMORY, "the page is too long");
        return;
    }
    site_headers(call->req, lang, &headers);
    if (refusal != NULL && refusal->status == 401)
        TEXT_LIT(&headers, "WWW-Authenticate: Bearer\r\n");
    if (refusal != NULL && refusal->retry_after_s > 0)
        text_printf(&headers, "Retry-After: %u\r\n", refusal->retry_after_s);
    if (refusal != NULL && refusal->owner != NULL)
        http_header_add(&headers, "Fairgate-Owner", span_of(refusal->owner));
    http_reply(call->req, &(struct http_reply){
                              .status = refusal != NULL ? refusal->status : 200,
                              .type = "text/html; charset=utf-8",
                              .headers = text_span(&headers),
                              .body = text_span(&body),
                          });
}

/* Jitter, so that a crowd that met one outage does not return in the same second. */
static void look_again(struct plain_view *view, uint64_t least_s)
{
    view->again = true;
    view->later = number(view->later_memory, least_s + view->now_ms % 4);
}

/* The phrase key for a code: error.CODE or gone.CODE; a code without one gets `other`. */
static struct span phrase_of(const struct call *call, struct span code, char key[SAID_MAX + 8],
                             struct span other)
{
    static const char *const families[] = {"error", "gone"};
    const struct plain_page *page = (const struct plain_page *)call->plain;
    const struct phrases *words = site_phrases(page->site, visit_lang(call->req));
    for (unsigned i = 0; code.len <= SAID_MAX && i < 2; i++) {
        struct text text = text_on(key, SAID_MAX + 8);
        text_printf(&text, "%s.", families[i]);
        text_put(&text, code);
        if (phrases_find(words, text_span(&text)).ptr != NULL)
            return text_span(&text);
    }
    return other;
}

static bool read_holds(struct plain_view *view)
{
    struct call *call = view->call;
    uint64_t hold = 0;
    enum engine_verdict verdict = ENGINE_OK;
    while (verdict == ENGINE_OK && view->held_len < HOLDS_SHOWN_MAX) {
        struct held *held = &view->held[view->held_len];
        verdict = engine_hold_next(call->event->engine, call->who.session, &hold, &held->view);
        if (verdict != ENGINE_OK || held->view.expires_ms <= call->now_ms)
            continue;
        held->name = hold_id_make(call->loop->conf.hold_keys, span_of(call->event->id), hold);
        view->held_len++;
    }
    if (verdict == ENGINE_BUSY)
        verdict_reply(call, verdict, NULL, NULL);
    return verdict != ENGINE_BUSY;
}

void plain_page_reply(struct call *call)
{
    assert(call->plain != NULL);
    char key[SAID_MAX + 8];
    uint8_t random[KEY_BYTES];
    struct span said = http_req_query_arg(call->req, SPAN("refused"));
    struct plain_view view = {
        .call = call, .plan = call->event->plan->plan, .now_ms = call->now_ms};
    if (said.len > 0)
        view.notice = phrase_of(call, said, key, SPAN("error.other"));
    if (span_eq(said, SPAN("outcome-unknown")) || span_eq(said, SPAN("request-in-progress")))
        look_again(&view, 2);
    rng_fill(rng_system(), random, sizeof(random)); /* identifies one attempt of this session */
    sodium_bin2hex(view.key, sizeof(view.key), random, sizeof(random));
    if (!read_holds(&view))
        return;
    /* Places of areas are listed separately. */
    const struct engine *engine = view.call->event->engine;
    engine_counts(engine, view.counts);
    for (uint32_t i = 0; i < plan_area_count(view.plan); i++) {
        uint32_t *free = &view.counts[plan_area(view.plan, i)->category].free;
        uint32_t places = engine_area(engine, (uint16_t)i).free;
        *free -= places < *free ? places : *free;
    }
    answer(&view, NULL);
}

/* ---- responses to calls ---- */

void plain_page_redirect(struct http_req *req, const char *refused, const char *owner)
{
    char memory[512], lines[1024];
    struct text address = text_on(memory, sizeof(memory));
    struct text headers = text_on(lines, sizeof(lines));
    TEXT_LIT(&address, "/v1/seats/");
    text_put(&address, http_req_param(req, 0));
    TEXT_LIT(&address, "/plain");
    if (refused != NULL)
        text_printf(&address, "?refused=%s", refused);
    http_header_add(&headers, "Location", address.overflown ? SPAN("/") : text_span(&address));
    if (owner != NULL)
        http_header_add(&headers, "Fairgate-Owner", span_of(owner));
    TEXT_LIT(&headers, "Cache-Control: no-store\r\n");
    assert(!headers.overflown);
    http_reply(req, &(struct http_reply){.status = 303, .headers = text_span(&headers)});
}

static void reply(struct call *call)
{
    plain_page_redirect(call->req, NULL, NULL);
}

static void refuse(struct call *call, const struct call_refusal *refusal)
{
    if (http_req_method(call->req) == HTTP_METHOD_POST) {
        plain_page_redirect(call->req, refusal->code, refusal->owner);
        return;
    }
    char key[SAID_MAX + 8];
    const bool soon = refusal->status == 429 || refusal->status >= 500;
    struct plain_view view = {.call = call, .now_ms = call->now_ms, .gone = !soon};
    view.notice =
        phrase_of(call, span_of(refusal->code), key, soon ? SPAN("opening") : SPAN("error.other"));
    if (soon)
        look_again(&view, refusal->retry_after_s + 2);
    answer(&view, refusal);
}

/* ---- forms as bodies ---- */

/* {"quantity":"2","category":"Front"} becomes {"best_available":{"quantity":2,..}}. Invalid values
 * stay unchanged, for the call to refuse. */
json_t *plain_page_body(json_t *fields)
{
    static const char *const ticks[] = {"apart", "access"};
    json_t *best = json_object(), *quantity = json_object_get(fields, "quantity");
    struct span digits = json_in_words(quantity);
    uint64_t count;
    bool good = best != NULL;
    json_object_del(fields, "key");
    json_object_del(fields, "act");
    if (quantity != NULL && span_u64(digits, UINT32_MAX, &count))
        good =
            good && json_object_set_new(fields, "quantity", json_integer((json_int_t)count)) == 0;
    for (unsigned i = 0; i < 2; i++) {
        if (json_object_get(fields, ticks[i]) != NULL)
            good = good && json_object_set_new(fields, ticks[i], json_true()) == 0;
    }
    json_t *removed = json_object_get(fields, "remove"), *code;
    if (removed != NULL)
        good = good && json_object_set_new(fields, "remove", json_pack("[O]", removed)) == 0;
    code = json_object_get(fields, "code");
    if (code != NULL && json_string_length(code) == 0)
        json_object_del(fields, "code");
    json_t *category = json_object_get(fields, "category");
    if (category != NULL) {
        if (json_string_length(category) > 0)
            good = good && json_object_set(best, "category", category) == 0;
        json_t *number = json_object_get(fields, "quantity");
        if (number != NULL)
            good = good && json_object_set(best, "quantity", number) == 0;
        bool adjacent = json_object_get(fields, "apart") == NULL;
        good = good && json_object_set_new(best, "adjacent", json_boolean(adjacent)) == 0 &&
               json_object_set(fields, "best_available", best) == 0;
        json_object_del(fields, "category");
        json_object_del(fields, "quantity");
        json_object_del(fields, "apart");
    }
    json_decref(best);
    if (!good) {
        json_decref(fields);
        return NULL;
    }
    return fields;
}

/* ---- create and destroy ---- */

int plain_page_create(const struct site *site, struct err_slot *err, struct plain_page **out)
{
    struct plain_page *page = calloc(1, sizeof(*page));
    struct plain_view *view = calloc(1, sizeof(*view));
    int rc = page == NULL || view == NULL ? err_set(err, ERR_NOMEM, "a page") : 0;
    if (rc == 0) {
        *page = (struct plain_page){.answers = {.reply = reply, .refuse = refuse}, .site = site};
        view->facts.words = site_phrases(site, LANG_OF_READERS);
        list_facts(view);
        rc = fact_page_create(&view->facts, site, span_of(plain_html), err, &page->page);
    }
    free(view);
    if (rc < 0)
        plain_page_destroy(page);
    else
        *out = page;
    return rc;
}

void plain_page_destroy(struct plain_page *page)
{
    if (page != NULL)
        filled_page_destroy(page->page);
    free(page);
}
