/* order_page.c: fills web/order.html: how far the order has got, what was bought, and how long it
 * can be paid or refunded. order_page_put() decides whatever takes a decision; the table says what
 * goes into each gap. */
#include "pages/order_page.h"

#include "base/json_in.h"
#include "pages/page_words.h"
#include "wording.h"

#include <assert.h>
#include <jansson.h>

static const char order_html[] =
#include "payment-adapter/web/order.html.inc"
    ;

/* How far the order has got, in four words. */
static const char *const steps[] = {"order.step.held", "order.step.paid", "order.step.confirmed",
                                    "order.step.tickets"};
enum { STEPS = sizeof(steps) / sizeof(steps[0]), STEPS_NONE = STEPS + 1 };

struct order_page {
    const struct sql_order_row *row;
    const struct phrases *words;
    const char *support; /* "": there is none */
    bool pending, completed;
    unsigned step_now;   /* those before it are done; STEPS_NONE: no steps are shown */
    unsigned step, seat; /* the turns */
    json_t *seats, *places;
    struct refund_terms terms;
    bool refund_over, refund_ask, refund_until, refund, refundable;
};

/* ---- what is decided once ---- */

/* An order that ended otherwise shows no steps: the sentence above says where the money is. */
static unsigned step_of(enum order_status status)
{
    if (status == ORDER_PENDING_PAYMENT)
        return 1;
    if (status == ORDER_CONFIRMING)
        return 2;
    return status == ORDER_COMPLETED ? STEPS : STEPS_NONE;
}

/* The terms that the buyer saw before the payment. */
static int judge_refund(struct order_page *page, uint64_t now_ms)
{
    const struct sql_order_row *row = page->row;
    struct refund_terms *terms = &page->terms;
    bool back = row->status == ORDER_REFUNDING || row->status == ORDER_REFUNDED;
    int rc = refund_terms_parse(row->refund_terms, terms);
    if (rc < 0 || (!page->completed && !back))
        return rc == ERR_NOMEM ? rc : 0;
    page->refund_over = page->completed && terms->until_ms > 0 && now_ms > terms->until_ms;
    page->refund_ask = page->completed && !page->refund_over && !terms->by_buyer;
    page->refundable = page->completed && !page->refund_over && !page->refund_ask;
    page->refund_until = page->refundable && terms->until_ms > 0;
    page->refund = row->amount > 0 && (back || page->refundable);
    return 0;
}

/* ---- gaps ---- */

static bool once(unsigned turn, bool shown)
{
    return turn == 0 && shown;
}

static void put_order(struct text *out, void *ctx)
{
    html_put(out, ((const struct order_page *)ctx)->row->id);
}

static void put_event(struct text *out, void *ctx)
{
    html_put(out, ((const struct order_page *)ctx)->row->event);
}

static void put_event_name(struct text *out, void *ctx)
{
    html_put(out, ((const struct order_page *)ctx)->row->event_name);
}

static bool is_named(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->row->event_name.len > 0);
}

static void put_status(struct text *out, void *ctx)
{
    html_put(out, span_of(order_status_name(((const struct order_page *)ctx)->row->status)));
}

static bool is_moving(void *ctx, unsigned turn)
{
    return once(turn, order_is_moving(((const struct order_page *)ctx)->row->status));
}

static void put_message(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    html_put(out, order_message(page->row, page->words));
}

static bool has_steps(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->step_now != STEPS_NONE);
}

static bool more_steps(void *ctx, unsigned turn)
{
    ((struct order_page *)ctx)->step = turn;
    return turn < STEPS;
}

static void put_step(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    assert(page->step < STEPS);
    html_put(out, phrases_find(page->words, span_of(steps[page->step])));
}

static bool is_step_done(void *ctx, unsigned turn)
{
    const struct order_page *page = ctx;
    return once(turn, page->step < page->step_now);
}

static bool is_step_now(void *ctx, unsigned turn)
{
    const struct order_page *page = ctx;
    return once(turn, page->step == page->step_now);
}

static void put_pay(struct text *out, void *ctx)
{
    html_put(out, ((const struct order_page *)ctx)->row->url);
}

static bool is_payable(void *ctx, unsigned turn)
{
    const struct order_page *page = ctx;
    return once(turn, page->pending && page->row->url.len > 0);
}

static bool is_completed(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->completed);
}

static void put_starts(struct text *out, void *ctx)
{
    html_put(out, ((const struct order_page *)ctx)->row->starts_at);
}

static void put_starts_words(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    page_words_put_time(out, page->words, page->row->starts_at);
}

static bool has_start(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->row->starts_at.len > 0);
}

static struct span word_of(const json_t *place, const char *key)
{
    const json_t *word = json_object_get(place, key);
    return (struct span){json_string_value(word), json_string_length(word)};
}

static void put_seat(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    const json_t *place = json_array_get(page->places, page->seat);
    const json_t *id = json_array_get(page->seats, page->seat);
    const struct span names[3] = {word_of(place, "zone"), word_of(place, "row"),
                                  word_of(place, "number")};
    page_words_put_seat(out, page->words, names,
                        (struct span){json_string_value(id), json_string_length(id)});
}

static struct span category_of(const struct order_page *page)
{
    return word_of(json_array_get(page->places, page->seat), "category");
}

static void put_seat_category(struct text *out, void *ctx)
{
    html_put(out, category_of(ctx));
}

static bool has_seat_category(void *ctx, unsigned turn)
{
    return once(turn, category_of(ctx).len > 0);
}

static bool more_seats(void *ctx, unsigned turn)
{
    struct order_page *page = ctx;
    page->seat = turn;
    return turn < json_array_size(page->seats);
}

static void put_moved(struct text *out, void *ctx)
{
    html_put(out, ((const struct order_page *)ctx)->row->moved_at);
}

static void put_moved_words(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    page_words_put_time(out, page->words, page->row->moved_at);
}

static bool was_moved(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->row->moved_at.len > 0);
}

static void put_amount(struct text *out, void *ctx)
{
    text_u64(out, ((const struct order_page *)ctx)->row->amount);
}

static void put_currency(struct text *out, void *ctx)
{
    html_put(out, ((const struct order_page *)ctx)->row->currency);
}

/* The script rewrites it the way people write amounts. */
static void put_money(struct text *out, const struct order_page *page, uint64_t minor)
{
    char memory[64];
    struct text amount = text_on(memory, sizeof(memory));
    wording_put_money(&amount, page->words, minor, page->row->currency);
    html_put(out, text_span(&amount));
}

static void put_amount_words(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    put_money(out, page, page->row->amount);
}

static void put_prices(struct text *out, void *ctx)
{
    const struct sql_order_row *row = ((const struct order_page *)ctx)->row;
    text_u64(out, row->amount - row->fees);
}

static void put_prices_words(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    put_money(out, page, page->row->amount - page->row->fees);
}

static void put_fees(struct text *out, void *ctx)
{
    text_u64(out, ((const struct order_page *)ctx)->row->fees);
}

static void put_fees_words(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    put_money(out, page, page->row->fees);
}

static bool has_fees(void *ctx, unsigned turn)
{
    const struct sql_order_row *row = ((const struct order_page *)ctx)->row;
    assert(row->fees <= row->amount);
    return once(turn, row->fees > 0);
}

static void put_vat(struct text *out, void *ctx)
{
    text_u64(out, ((const struct order_page *)ctx)->row->vat);
}

static void put_vat_words(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    put_money(out, page, page->row->vat);
}

static bool has_vat(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->row->vat > 0);
}

static bool is_refund_over(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->refund_over);
}

static bool is_refund_asked(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->refund_ask);
}

static void put_refund_until(struct text *out, void *ctx)
{
    html_put(out, span_of(((const struct order_page *)ctx)->terms.until));
}

static void put_refund_until_words(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    page_words_put_time(out, page->words, span_of(page->terms.until));
}

static bool has_refund_until(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->refund_until);
}

static void put_refund(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    text_u64(out, order_row_refund(page->row, &page->terms));
}

static void put_refund_words(struct text *out, void *ctx)
{
    const struct order_page *page = ctx;
    put_money(out, page, order_row_refund(page->row, &page->terms));
}

static bool has_refund(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->refund);
}

static bool is_refundable(void *ctx, unsigned turn)
{
    const struct order_page *page = ctx;
    return once(turn, page->refundable && page->refund);
}

/* What cost nothing is given back without money. */
static bool is_returnable(void *ctx, unsigned turn)
{
    const struct order_page *page = ctx;
    return once(turn, page->refundable && !page->refund);
}

static void put_until(struct text *out, void *ctx)
{
    html_put(out, ((const struct order_page *)ctx)->row->expires_at);
}

static bool has_until(void *ctx, unsigned turn)
{
    const struct order_page *page = ctx;
    return once(turn, page->pending && page->row->expires_at.len > 0);
}

static bool is_pending(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->pending);
}

/* The order ended without tickets, while the visit went on as far as is known here: if it is over,
 * the hall page says how to come again. */
static bool is_over(void *ctx, unsigned turn)
{
    enum order_status status = ((const struct order_page *)ctx)->row->status;
    return once(turn,
                status == ORDER_CANCELLED || status == ORDER_EXPIRED || status == ORDER_FAILED);
}

/* With its tickets the visit had ended, so the way leads by the line. */
static bool is_gone(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->row->status == ORDER_REFUNDED);
}

static void put_support(struct text *out, void *ctx)
{
    html_put(out, span_of(((const struct order_page *)ctx)->support));
}

static bool has_support(void *ctx, unsigned turn)
{
    return once(turn, ((const struct order_page *)ctx)->support[0] != '\0');
}

static const struct page_gap gaps[] = {
    {"order", put_order, NULL},
    {"event", put_event, NULL},
    {"event-name", put_event_name, NULL},
    {"named", NULL, is_named},
    {"status", put_status, NULL},
    {"moving", NULL, is_moving},
    {"message", put_message, NULL},
    {"steps", NULL, has_steps},
    {"step", put_step, more_steps},
    {"step-done", NULL, is_step_done},
    {"step-now", NULL, is_step_now},
    {"pay", put_pay, is_payable},
    {"completed", NULL, is_completed},
    {"starts", put_starts, has_start},
    {"starts-words", put_starts_words, NULL},
    {"seat", put_seat, more_seats},
    {"seat-category", put_seat_category, has_seat_category},
    {"moved", put_moved, was_moved},
    {"moved-words", put_moved_words, NULL},
    {"amount", put_amount, NULL},
    {"amount-words", put_amount_words, NULL},
    {"currency", put_currency, NULL},
    {"prices", put_prices, NULL},
    {"prices-words", put_prices_words, NULL},
    {"fees", put_fees, has_fees},
    {"fees-words", put_fees_words, NULL},
    {"vat", put_vat, has_vat},
    {"vat-words", put_vat_words, NULL},
    {"refund-over", NULL, is_refund_over},
    {"refund-ask", NULL, is_refund_asked},
    {"refund-until", put_refund_until, has_refund_until},
    {"refund-until-words", put_refund_until_words, NULL},
    {"refund", put_refund, has_refund},
    {"refund-words", put_refund_words, NULL},
    {"refundable", NULL, is_refundable},
    {"returnable", NULL, is_returnable},
    {"until", put_until, has_until},
    {"pending", NULL, is_pending},
    {"over", NULL, is_over},
    {"gone", NULL, is_gone},
    {"support", put_support, has_support},
    {NULL, NULL, NULL},
};

int order_page_create(const struct site *site, struct err_slot *err, struct filled_page **out)
{
    return filled_page_create(site, span_of(order_html), gaps, err, out);
}

int order_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                   enum lang lang, const struct sql_order_row *row, const char *support,
                   uint64_t now_ms)
{
    struct order_page facts = {
        .row = row,
        .support = support,
        .words = site_phrases(site, lang),
        .pending = row->status == ORDER_PENDING_PAYMENT,
        .completed = row->status == ORDER_COMPLETED,
        .step_now = step_of(row->status),
    };
    int rc = judge_refund(&facts, now_ms);
    if (rc == 0)
        rc = json_in_read(row->seats, &facts.seats);
    if (rc == 0)
        rc = json_in_read(row->places, &facts.places);
    if (rc == 0)
        filled_page_put(out, page, lang, &facts);
    json_decref(facts.places);
    json_decref(facts.seats);
    return rc;
}
