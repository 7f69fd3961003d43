/* tickets_page.c: fills web/tickets.html. view_of() decides what a ticket is to the viewer; the
 * rest follows from that. The block "ticket" is repeated for each visible ticket. */
#include "pages/tickets_page.h"

#include "number.h"
#include "page/fact.h"
#include "pages/order_page.h"

#include <assert.h>

static const char tickets_html[] =
#include "payment-adapter/web/tickets.html.inc"
    ;

enum { ADDRESS_MAX = 2048 };

/* The buyer sees a transferred ticket as another member's; members who had it in between do not see
 * it at all. */
enum ticket_view {
    TICKET_UNSEEN,
    TICKET_HANDED_ON,
    TICKET_VOID,
    TICKET_USED,
    TICKET_LIVE,
    TICKET_OFFERED, /* the viewer can take it */
};

struct tickets_page {
    const struct tickets_view *viewed;
    bool buyer, live; /* the viewer bought them; at least one of them opens a door */
    struct sql_order_tickets_row first;
    struct show show;
    unsigned seen;  /* how many the viewer may see, */
    unsigned shown; /* and how many of them up to this repetition */
    int nth;        /* row of this repetition; -1 before the first */
    struct sql_order_tickets_row row;
    enum ticket_view view;
    char address[ADDRESS_MAX], count[2][24], number[NUMBER_MAX], key[ORDER_PAGE_KEY_MAX];
    unsigned ticket_at; /* where the facts of a ticket begin */
    struct fact_list facts;
};

/* ---- what is decided once ---- */

static enum ticket_view view_of(const struct tickets_page *page,
                                const struct sql_order_tickets_row *row)
{
    struct span who = span_of(page->viewed->member);
    bool mine = span_eq(row->member, who);
    if (!mine && row->offered_to.ptr != NULL && span_eq(row->offered_to, who))
        return row->revoked || row->used ? TICKET_VOID : TICKET_OFFERED;
    if (!mine && !page->buyer)
        return TICKET_UNSEEN;
    if (row->revoked)
        return TICKET_VOID;
    if (!mine)
        return TICKET_HANDED_ON;
    return row->used ? TICKET_USED : TICKET_LIVE;
}

/* ---- what goes into the gaps ---- */

/* A ticket that stopped working says why, as far as its order shows. */
static struct span void_of(const struct sql_order_tickets_row *row)
{
    bool paid = row->amount > 0; /* a free order refunds nothing */
    if (row->off)
        return SPAN("ticket.void-cancelled");
    if (row->status == ORDER_REFUNDING)
        return paid ? SPAN("ticket.void-refunding") : SPAN("ticket.void-returning");
    if (row->status == ORDER_REFUNDED)
        return paid ? SPAN("ticket.void-refunded") : SPAN("ticket.void-returned");
    return SPAN("ticket.void");
}

static struct span number(char memory[24], unsigned value)
{
    struct text text = text_on(memory, 24);
    text_u64(&text, value);
    return text_span(&text);
}

static bool more_tickets(void *ctx, unsigned turn);

static void list_ticket(struct tickets_page *page)
{
    struct fact_list *facts = &page->facts;
    const struct sql_order_tickets_row *row = &page->row;
    const struct span names[FACT_SEAT_NAMES] = {row->zone, row->row, row->number, row->label};
    const struct span none = SPAN("");
    const struct span address = span_of(page->address);
    enum ticket_view view = page->view;
    bool code = view == TICKET_LIVE || view == TICKET_USED;
    bool offer = view == TICKET_LIVE && row->offered_to.ptr != NULL;
    number_of(row->id, page->number);
    fact_text(facts, "ticket", row->id)->more = more_tickets;
    fact_text(facts, "number", span_of(page->number));
    fact_if(facts, "dead", view == TICKET_HANDED_ON || view == TICKET_VOID);
    fact_text(facts, "ticket-event", row->event_name);
    fact_show(facts, &page->show);
    fact_text(facts, "picture", span_of(page->show.picture));
    fact_seat(facts, "seat", names, row->seat);
    fact_phrase(facts, "nth", SPAN("ticket.nth"), number(page->count[0], page->shown),
                number(page->count[1], page->seen));
    fact_if(facts, "many", page->seen > 1);
    struct span place = row->label.len > 0 ? row->label : row->number;
    fact_text(facts, "section", row->zone);
    fact_text(facts, "row", row->row);
    fact_text(facts, "place", row->zone.len > 0 || place.len > 0 ? place : row->seat);
    fact_if(facts, "band", row->category.len > 0 || row->floor.len > 0 || page->seen > 1);
    fact_text(facts, "category", row->category);
    fact_text(facts, "tone", row->tone);
    fact_text(facts, "floor", row->floor);
    fact_text(facts, "entrance", row->entrance);
    fact_phrase(facts, "handed-on", view == TICKET_HANDED_ON ? SPAN("ticket.handed-on") : none,
                address, none);
    fact_phrase(facts, "void", view == TICKET_VOID ? void_of(row) : none, none, none);
    fact_if(facts, "offered", view == TICKET_OFFERED);
    fact_qr(facts, "code", code ? row->token : none);
    /* Until it is taken its holder still has it, and may withdraw the offer. */
    fact_phrase(facts, "offer", offer ? SPAN("ticket.waits") : none, row->offered_to, address);
    fact_text(facts, "address", address);
    fact_if(facts, "used", view == TICKET_USED);
    fact_if(facts, "numbered", view != TICKET_HANDED_ON && view != TICKET_OFFERED);
    fact_if(facts, "own", view == TICKET_LIVE && row->may_offer);
}

static bool more_tickets(void *ctx, unsigned turn)
{
    struct tickets_page *page = ctx;
    assert(turn > 0 || page->nth == -1);
    do {
        page->nth++;
        if (page->nth >= PQntuples(page->viewed->rows))
            return false;
        page->row = sql_order_tickets_row(page->viewed->rows, page->nth);
        page->view = view_of(page, &page->row);
    } while (page->view == TICKET_UNSEEN);
    page->shown++;
    assert(page->shown <= page->seen);
    page->facts.len = page->ticket_at;
    list_ticket(page);
    return true;
}

static void list_facts(struct tickets_page *page)
{
    struct fact_list *facts = &page->facts;
    const struct tickets_view *viewed = page->viewed;
    fact_text(facts, "order", span_of(viewed->order));
    fact_text(facts, "event-name", page->first.event_name);
    fact_if(facts, "named", page->first.event_name.len > 0);
    fact_text(facts, "moved", page->first.moved);
    fact_if(facts, "live", page->live);
    fact_if(facts, "buyer", page->buyer);
    fact_if(facts, "ways", page->live || page->buyer); /* to print, and to the order */
    fact_phrase(facts, "you", SPAN("ticket.you"), span_of(viewed->member), SPAN(""));
    fact_phrase(facts, "notice", order_page_notice(facts->words, viewed->refused, page->key),
                SPAN(""), SPAN(""));
    fact_text(facts, "support", span_of(viewed->support));
    page->ticket_at = facts->len;
    list_ticket(page);
}

int tickets_page_create(const struct site *site, struct err_slot *err, struct filled_page **out)
{
    const struct tickets_view none = {.order = "", .member = "", .public_url = "", .support = ""};
    struct tickets_page page = {.viewed = &none};
    list_facts(&page);
    return fact_page_create(&page.facts, site, span_of(tickets_html), err, out);
}

static void count(struct tickets_page *page)
{
    const struct tickets_view *view = page->viewed;
    if (PQntuples(view->rows) == 0)
        return;
    page->first = sql_order_tickets_row(view->rows, 0);
    page->buyer = span_eq(page->first.buyer, span_of(view->member));
    for (int i = 0; i < PQntuples(view->rows); i++) {
        const struct sql_order_tickets_row row = sql_order_tickets_row(view->rows, i);
        enum ticket_view one = view_of(page, &row);
        page->seen += one != TICKET_UNSEEN;
        page->live = page->live || one == TICKET_LIVE;
    }
}

bool tickets_page_has(const struct tickets_view *view)
{
    struct tickets_page page = {.viewed = view};
    count(&page);
    return page.seen > 0;
}

void tickets_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                      enum lang lang, const struct tickets_view *view)
{
    struct tickets_page tickets = {
        .viewed = view, .facts.words = site_phrases(site, lang), .nth = -1};
    struct text address = text_on(tickets.address, sizeof(tickets.address) - 1);
    text_printf(&address, "%s/pay/tickets/%s", view->public_url, view->order);
    assert(!address.overflown);
    tickets.facts.ctx = &tickets;
    count(&tickets);
    assert(tickets.seen > 0);
    if (show_parse(tickets.first.show, &tickets.show) < 0) {
        out->overflown = true; /* out of memory, treated like a page that is too long */
        return;
    }
    list_facts(&tickets);
    fact_page_put(out, page, lang, &tickets.facts);
}
