/* order_page.c: fills web/order.html: the order's progress, what was bought, and how long it can be
 * paid or refunded. order_page_put() decides; list_facts() fills the gaps. */
#include "pages/order_page.h"

#include "base/json_in.h"
#include "base/rfc3339.h"
#include "number.h"
#include "page/fact.h"

#include <assert.h>
#include <jansson.h>

static const char order_html[] =
#include "payment-adapter/web/order.html.inc"
    ;

/* The order's progress, in four words. */
static const char *const steps[] = {"order.step.held", "order.step.paid", "order.step.confirmed",
                                    "order.step.tickets"};
enum { STEPS = sizeof(steps) / sizeof(steps[0]), STEPS_NONE = STEPS + 1 };

struct order_page {
    const struct sql_order_row *row;
    const char *support; /* "": none */
    struct span notice,
        kept; /* phrases' keys, or empty: what was refused; why it cannot be refunded */
    bool pending, completed;
    unsigned step_now;           /* earlier ones are done; STEPS_NONE: no steps are shown */
    unsigned steps_at, seats_at; /* where the facts of a turn begin */
    json_t *seats, *places;
    char number[NUMBER_MAX];
    char now[RFC3339_LEN];
    uint64_t now_ms;
    struct show show;
    struct fact_list facts;
    struct refund_terms terms;
    bool refund_until, refundable;
    uint64_t refund, refunded; /* what a refund would return; what is returned, or will be */
};

/* ---- what is decided once ---- */

/* An order that failed, or whose event is cancelled, shows no steps: the sentence above says where
 * the money is. */
static unsigned step_of(const struct sql_order_row *row)
{
    if (row->off)
        return STEPS_NONE;
    if (row->status == ORDER_PENDING_PAYMENT)
        return row->amount > 0 ? 1 : 2;
    if (row->status == ORDER_CONFIRMING)
        return 2;
    return row->status == ORDER_COMPLETED ? STEPS : STEPS_NONE;
}

/* The terms that the buyer saw before the payment. The page offers what order_refund would do. */
static int judge_refund(struct order_page *page)
{
    const struct sql_order_row *row = page->row;
    struct refund_terms *terms = &page->terms;
    bool back = row->status == ORDER_REFUNDING || row->status == ORDER_REFUNDED ||
                (row->status == ORDER_COMPLETED && row->off);
    int rc = refund_terms_parse(row->refund_terms, terms);
    if (rc < 0 || (!page->completed && !back))
        return rc == ERR_NOMEM ? rc : 0;
    page->refundable = page->completed && row->why_kept.ptr == NULL;
    page->refund_until = page->refundable && terms->until_ms > 0;
    page->refund = order_row_refund(row, terms);
    page->refunded = page->completed ? row->refund_amount : page->refund;
    return 0;
}

/* ---- what goes into the gaps ---- */

static bool more_steps(void *ctx, unsigned turn);
static bool more_seats(void *ctx, unsigned turn);

static void list_step(struct order_page *page, unsigned step)
{
    struct fact_list *facts = &page->facts;
    fact_each(facts, "step", more_steps);
    if (step < STEPS)
        facts->all[page->steps_at].text = phrases_find(facts->words, span_of(steps[step]));
    fact_if(facts, "step-done", step < page->step_now);
    fact_if(facts, "step-now", step == page->step_now);
}

static bool more_steps(void *ctx, unsigned turn)
{
    struct order_page *page = ctx;
    page->facts.len = page->steps_at;
    /* A free order has no payment. */
    unsigned step = turn > 0 && page->row->amount == 0 ? turn + 1 : turn;
    list_step(page, step);
    return step < STEPS;
}

static void list_seat(struct order_page *page, unsigned seat)
{
    struct fact_list *facts = &page->facts;
    const json_t *place = json_array_get(page->places, seat);
    const json_t *id = json_array_get(page->seats, seat);
    const struct span names[FACT_SEAT_NAMES] = {
        json_in_text_of(place, "zone"), json_in_text_of(place, "row"),
        json_in_text_of(place, "number"), json_in_text_of(place, "label")};
    fact_seat(facts, "seat", names, json_in_words(id));
    facts->all[page->seats_at].more = more_seats;
    fact_text(facts, "seat-category", json_in_text_of(place, "category"));
}

static bool more_seats(void *ctx, unsigned turn)
{
    struct order_page *page = ctx;
    page->facts.len = page->seats_at;
    list_seat(page, turn);
    return turn < json_array_size(page->seats);
}

static void list_facts(struct order_page *page)
{
    struct fact_list *facts = &page->facts;
    const struct sql_order_row *row = page->row;
    enum order_status status = row->status;
    assert(row->fees <= row->amount);
    number_of(row->id, page->number);
    fact_text(facts, "order", row->id);
    fact_text(facts, "number", span_of(page->number));
    fact_text(facts, "event", row->event);
    fact_text(facts, "event-name", row->event_name);
    fact_if(facts, "named", row->event_name.len > 0);
    fact_text(facts, "status", span_of(order_status_name(status)));
    fact_if(facts, "moving", order_is_moving(status));
    fact_if(facts, "checking", span_eq(row->cause, SPAN(ORDER_CAUSE_CHECKING)));
    fact_text(facts, "message", order_message(row, facts->words));
    fact_if(facts, "steps", page->step_now != STEPS_NONE);
    page->steps_at = facts->len;
    list_step(page, 0);
    fact_text(facts, "pay", page->pending ? row->url : SPAN(""));
    fact_if(facts, "completed", page->completed);
    fact_show(facts, &page->show);
    page->seats_at = facts->len;
    list_seat(page, 0);
    fact_time(facts, "moved", "moved-words", &page->show, row->moved_at);
    fact_text(facts, "currency", row->currency);
    fact_money(facts, "amount", "amount-words", row->amount);
    fact_money(facts, "prices", "prices-words", row->amount - row->fees);
    fact_money(facts, "fees", "fees-words", row->fees);
    fact_money(facts, "vat", "vat-words", row->vat);
    fact_phrase(facts, "kept", page->kept, SPAN(""), SPAN(""));
    fact_time(facts, "refund-until", "refund-until-words", &page->show,
              page->refund_until ? span_of(page->terms.until) : SPAN(""));
    fact_money(facts, "refund", "refund-words", page->refund);
    fact_money(facts, "refunded", "refunded-words", page->refunded);
    fact_if(facts, "refundable", page->refundable && row->amount > 0);
    /* A free order is returned without money. */
    fact_if(facts, "returnable", page->refundable && row->amount == 0);
    struct text now = text_on(page->now, sizeof(page->now));
    rfc3339_put(&now, page->now_ms);
    fact_text(facts, "now", text_span(&now));
    fact_time(facts, "until", "until-words", &page->show,
              page->pending && row->amount > 0 ? row->expires_at : SPAN(""));
    fact_if(facts, "pending", page->pending);
    /* It ended without tickets. The visit may continue; if it has ended, the hall page says how to
     * come again. With tickets the visit has ended, so the way back leads through the line. */
    fact_if(facts, "over",
            !row->off &&
                (status == ORDER_CANCELLED || status == ORDER_EXPIRED || status == ORDER_FAILED));
    fact_if(facts, "gone", status == ORDER_REFUNDED && !row->off);
    fact_phrase(facts, "notice", page->notice, SPAN(""), SPAN(""));
    fact_text(facts, "support", span_of(page->support));
}

int order_page_create(const struct site *site, struct err_slot *err, struct filled_page **out)
{
    const struct sql_order_row empty = {.status = ORDER_PENDING_PAYMENT};
    struct order_page page = {.row = &empty, .support = ""};
    page.facts.words = site_phrases(site, LANG_OF_READERS);
    list_facts(&page);
    return fact_page_create(&page.facts, site, span_of(order_html), err, out);
}

struct span order_page_notice(const struct phrases *words, struct span refused,
                              char key[ORDER_PAGE_KEY_MAX])
{
    static const char *const vague[] = {"other", "unavailable", "overloaded"};
    struct text text = text_on(key, ORDER_PAGE_KEY_MAX);
    bool is_vague = false;
    if (refused.len == 0)
        return refused;
    for (unsigned i = 0; i < sizeof(vague) / sizeof(vague[0]); i++)
        is_vague = is_vague || span_eq(refused, span_of(vague[i]));
    TEXT_LIT(&text, "error.");
    text_put(&text, refused);
    bool known = !is_vague && !text.overflown && phrases_find(words, text_span(&text)).ptr != NULL;
    return known ? text_span(&text) : SPAN("order.not-done");
}

int order_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                   enum lang lang, const struct sql_order_row *row, uint64_t now_ms,
                   const char *support, struct span refused)
{
    struct order_page order = {
        .row = row,
        .now_ms = now_ms,
        .support = support,
        .pending = row->status == ORDER_PENDING_PAYMENT && !row->off,
        .completed = row->status == ORDER_COMPLETED && !row->off,
        .step_now = step_of(row),
        .facts = {.words = site_phrases(site, lang), .currency = row->currency},
    };
    order.facts.ctx = &order;
    char key[ORDER_PAGE_KEY_MAX], kept[ORDER_PAGE_KEY_MAX];
    order.notice = order_page_notice(order.facts.words, refused, key);
    if (order.completed)
        order.kept = order_page_notice(order.facts.words, row->why_kept, kept);
    int rc = judge_refund(&order);
    if (rc == 0)
        rc = show_parse(row->show, &order.show);
    if (rc == 0)
        rc = json_in_read(row->seats, &order.seats);
    if (rc == 0)
        rc = json_in_read(row->places, &order.places);
    if (rc == 0) {
        list_facts(&order);
        fact_page_put(out, page, lang, &order.facts);
    }
    json_decref(order.places);
    json_decref(order.seats);
    return rc;
}
