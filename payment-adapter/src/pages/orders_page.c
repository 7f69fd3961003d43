/* orders_page.c: fills web/orders.html. The block "order" is repeated for each order. */
#include "pages/orders_page.h"

#include "number.h"
#include "page/fact.h"

static const char orders_html[] =
#include "payment-adapter/web/orders.html.inc"
    ;

struct orders_page {
    const struct orders_view *viewed;
    struct sql_orders_mine_row row;
    struct show show;
    bool no_memory; /* out of memory: an order is missing */
    char number[NUMBER_MAX], seats[24], state[32];
    unsigned order_at; /* where the facts of an order begin */
    struct fact_list facts;
};

static bool more_orders(void *ctx, unsigned turn);

/* As on the order's page: a cancelled event comes first, but says whether the money has begun to
 * return; and a free order is not refunded. */
static const char *state_of(const struct sql_orders_mine_row *row)
{
    bool returns = row->status == ORDER_REFUNDING || row->status == ORDER_REFUNDED;
    if (row->off && row->status != ORDER_PARKED && (row->amount == 0 || !returns))
        return "event-cancelled";
    if (row->offered)
        return "offered";
    if (row->amount == 0 && row->status == ORDER_REFUNDING)
        return "free-returning";
    if (row->amount == 0 && row->status == ORDER_REFUNDED)
        return "free-returned";
    return order_status_name(row->status);
}

static void list_order(struct orders_page *page)
{
    struct fact_list *facts = &page->facts;
    const struct sql_orders_mine_row *row = &page->row;
    struct text seats = text_on(page->seats, sizeof(page->seats));
    struct text state = text_on(page->state, sizeof(page->state));
    text_u64(&seats, row->seats);
    TEXT_LIT(&state, "orders.");
    text_str(&state, state_of(row));
    number_of(row->id, page->number);
    fact_text(facts, "order", row->id)->more = more_orders;
    fact_text(facts, "event-name", row->event_name);
    fact_show(facts, &page->show);
    fact_phrase(facts, "state", text_span(&state), SPAN(""), SPAN(""));
    fact_phrase(facts, "seats", SPAN("orders.seats"), text_span(&seats), SPAN(""));
    fact_if(facts, "tickets", row->tickets || row->offered);
    fact_if(facts, "bought", row->bought);
    fact_text(facts, "number", span_of(page->number));
}

static int rows_len(const struct orders_page *page)
{
    return page->viewed->rows != NULL ? PQntuples(page->viewed->rows) : 0;
}

static bool more_orders(void *ctx, unsigned turn)
{
    struct orders_page *page = ctx;
    if ((int)turn >= rows_len(page))
        return false;
    page->row = sql_orders_mine_row(page->viewed->rows, (int)turn);
    page->no_memory = show_parse(page->row.show, &page->show) < 0;
    if (page->no_memory)
        return false;
    page->facts.len = page->order_at;
    list_order(page);
    return true;
}

static void list_facts(struct orders_page *page)
{
    struct fact_list *facts = &page->facts;
    fact_if(facts, "none", rows_len(page) == 0);
    fact_phrase(facts, "you", SPAN("ticket.you"), span_of(page->viewed->member), SPAN(""));
    fact_text(facts, "support", span_of(page->viewed->support));
    page->order_at = facts->len;
    list_order(page);
}

int orders_page_create(const struct site *site, struct err_slot *err, struct filled_page **out)
{
    const struct orders_view none = {.member = "", .support = ""};
    struct orders_page page = {.viewed = &none, .row.status = ORDER_COMPLETED};
    list_facts(&page);
    return fact_page_create(&page.facts, site, span_of(orders_html), err, out);
}

void orders_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                     enum lang lang, const struct orders_view *view)
{
    struct orders_page orders = {
        .viewed = view, .row.status = ORDER_COMPLETED, .facts.words = site_phrases(site, lang)};
    orders.facts.ctx = &orders;
    list_facts(&orders);
    fact_page_put(out, page, lang, &orders.facts);
    out->overflown |= orders.no_memory; /* treated like a page that is too long */
}
