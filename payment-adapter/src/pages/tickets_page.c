/* tickets_page.c: fills web/tickets.html. What a ticket is to the viewer is decided by view_of();
 * the rest follows from that. The block "ticket" is repeated for each one that the viewer may see.
 */
#include "pages/tickets_page.h"

#include "pages/page_words.h"
#include "web/qr.h"

#include <assert.h>
#include <stdlib.h>

static const char tickets_html[] =
#include "payment-adapter/web/tickets.html.inc"
    ;

enum { ADDRESS_MAX = 2048 };

/* The buyer sees a transferred ticket as somebody else's; members who had it in between do not see
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
    const struct tickets_view *facts;
    const struct phrases *words;
    bool buyer, live; /* the viewer bought them; at least one of them opens a door */
    struct sql_order_tickets_row first;
    unsigned seen;  /* how many the viewer may see, */
    unsigned shown; /* and how many of them were there up to this repetition */
    int nth;        /* row of this repetition; -1 before the first */
    struct sql_order_tickets_row row;
    enum ticket_view view;
};

/* ---- what is decided once ---- */

static enum ticket_view view_of(const struct tickets_page *page,
                                const struct sql_order_tickets_row *row)
{
    struct span who = span_of(page->facts->member);
    bool mine = span_eq(row->member, who);
    if (!mine && row->offered_to.ptr != NULL && span_eq(row->offered_to, who))
        return TICKET_OFFERED;
    if (!mine && !page->buyer)
        return TICKET_UNSEEN;
    if (row->revoked)
        return TICKET_VOID;
    if (!mine)
        return TICKET_HANDED_ON;
    return row->used ? TICKET_USED : TICKET_LIVE;
}

/* ---- gaps of the page ---- */

static bool once(unsigned turn, bool shown)
{
    return turn == 0 && shown;
}

static void put_order(struct text *out, void *ctx)
{
    html_put(out, span_of(((const struct tickets_page *)ctx)->facts->order));
}

static void put_event_name(struct text *out, void *ctx)
{
    html_put(out, ((const struct tickets_page *)ctx)->first.event_name);
}

static bool is_named(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->first.event_name.len > 0);
}

static bool was_moved(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->first.moved);
}

static bool has_live(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->live);
}

static bool is_bought(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->buyer);
}

/* Links to print and, for the buyer, to the order. */
static bool has_ways(void *ctx, unsigned turn)
{
    const struct tickets_page *page = ctx;
    return once(turn, page->live || page->buyer);
}

/* What all of them are for: a ticket itself says no more than its seat. */
static void put_first_start(struct text *out, void *ctx)
{
    html_put(out, ((const struct tickets_page *)ctx)->first.starts_at);
}

static bool has_first_start(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->first.starts_at.len > 0);
}

static void put_filled(struct text *out, const struct tickets_page *page, struct span key,
                       struct span first, struct span second)
{
    const struct span values[3] = {first, second, SPAN("")};
    phrases_fill(out, phrases_find(page->words, key), values, html_put);
}

static void put_you(struct text *out, void *ctx)
{
    const struct tickets_page *page = ctx;
    put_filled(out, page, SPAN("ticket.you"), span_of(page->facts->member), SPAN(""));
}

/* ---- gaps of a ticket ---- */

static bool more_tickets(void *ctx, unsigned turn)
{
    struct tickets_page *page = ctx;
    assert(turn > 0 || page->nth == -1);
    do {
        page->nth++;
        if (page->nth >= PQntuples(page->facts->rows))
            return false;
        page->row = sql_order_tickets_row(page->facts->rows, page->nth);
        page->view = view_of(page, &page->row);
    } while (page->view == TICKET_UNSEEN);
    page->shown++;
    assert(page->shown <= page->seen);
    return true;
}

static const struct sql_order_tickets_row *row_of(const void *ctx)
{
    return &((const struct tickets_page *)ctx)->row;
}

static void put_ticket(struct text *out, void *ctx)
{
    html_put(out, row_of(ctx)->id);
}

static bool is_dead(void *ctx, unsigned turn)
{
    const struct tickets_page *page = ctx;
    return once(turn, page->view == TICKET_HANDED_ON || page->view == TICKET_VOID);
}

static void put_ticket_event(struct text *out, void *ctx)
{
    html_put(out, row_of(ctx)->event_name);
}

static void put_starts(struct text *out, void *ctx)
{
    html_put(out, row_of(ctx)->starts_at);
}

static void put_starts_words(struct text *out, void *ctx)
{
    page_words_put_time(out, ((const struct tickets_page *)ctx)->words, row_of(ctx)->starts_at);
}

static bool has_start(void *ctx, unsigned turn)
{
    return once(turn, row_of(ctx)->starts_at.len > 0);
}

static void put_seat(struct text *out, void *ctx)
{
    const struct tickets_page *page = ctx;
    const struct span names[3] = {page->row.zone, page->row.row, page->row.number};
    page_words_put_seat(out, page->words, names, page->row.seat);
}

static void put_category(struct text *out, void *ctx)
{
    html_put(out, row_of(ctx)->category);
}

static bool has_category(void *ctx, unsigned turn)
{
    return once(turn, row_of(ctx)->category.len > 0);
}

static void put_nth(struct text *out, void *ctx)
{
    const struct tickets_page *page = ctx;
    char memory[2][24];
    struct text nth = text_on(memory[0], sizeof(memory[0]));
    struct text all = text_on(memory[1], sizeof(memory[1]));
    text_u64(&nth, page->shown);
    text_u64(&all, page->seen);
    put_filled(out, page, SPAN("ticket.nth"), text_span(&nth), text_span(&all));
}

static bool are_many(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->seen > 1);
}

static void put_floor(struct text *out, void *ctx)
{
    html_put(out, row_of(ctx)->floor);
}

static bool has_floor(void *ctx, unsigned turn)
{
    return once(turn, row_of(ctx)->floor.len > 0);
}

static void put_entrance(struct text *out, void *ctx)
{
    html_put(out, row_of(ctx)->entrance);
}

static bool has_entrance(void *ctx, unsigned turn)
{
    return once(turn, row_of(ctx)->entrance.len > 0);
}

static bool has_facts(void *ctx, unsigned turn)
{
    const struct sql_order_tickets_row *row = row_of(ctx);
    return once(turn, row->category.len > 0 || row->floor.len > 0 || row->entrance.len > 0);
}

static struct span address_of(const struct tickets_page *page, char memory[ADDRESS_MAX])
{
    struct text address = text_on(memory, ADDRESS_MAX);
    text_printf(&address, "%s/pay/tickets/%s", page->facts->public_url, page->facts->order);
    assert(!address.overflown);
    return text_span(&address);
}

static void put_handed_on(struct text *out, void *ctx)
{
    const struct tickets_page *page = ctx;
    char memory[ADDRESS_MAX];
    put_filled(out, page, SPAN("ticket.handed-on"), address_of(page, memory), SPAN(""));
}

static bool is_handed_on(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->view == TICKET_HANDED_ON);
}

/* A ticket that stopped working says why, as far as its order tells. */
static void put_void(struct text *out, void *ctx)
{
    const struct tickets_page *page = ctx;
    bool paid = page->row.amount > 0; /* without money nothing is refunded */
    struct span why = SPAN("ticket.void");
    if (page->row.status == ORDER_REFUNDING)
        why = paid ? SPAN("ticket.void-refunding") : SPAN("ticket.void-returning");
    else if (page->row.status == ORDER_REFUNDED)
        why = paid ? SPAN("ticket.void-refunded") : SPAN("ticket.void-returned");
    html_put(out, phrases_find(page->words, why));
}

static bool is_void(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->view == TICKET_VOID);
}

/* Offered to the viewer, who may take it. */
static bool is_offered(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->view == TICKET_OFFERED);
}

static void put_code(struct text *out, void *ctx)
{
    char *svg = malloc(TICKETS_PAGE_QR_MAX);
    struct text qr = text_on(svg, svg != NULL ? TICKETS_PAGE_QR_MAX : 0);
    if (svg != NULL && qr_svg(row_of(ctx)->token, NULL, &qr) == 0)
        text_put(out, text_span(&qr));
    free(svg);
}

static bool has_code(void *ctx, unsigned turn)
{
    const struct tickets_page *page = ctx;
    return once(turn, page->view == TICKET_LIVE || page->view == TICKET_USED);
}

/* Until it is taken its owner still has it, and may change their mind. */
static void put_offer(struct text *out, void *ctx)
{
    const struct tickets_page *page = ctx;
    char memory[ADDRESS_MAX];
    put_filled(out, page, SPAN("ticket.waits"), page->row.offered_to, address_of(page, memory));
}

static bool has_offer(void *ctx, unsigned turn)
{
    const struct tickets_page *page = ctx;
    return once(turn, page->view == TICKET_LIVE && page->row.offered_to.ptr != NULL);
}

static void put_address(struct text *out, void *ctx)
{
    char memory[ADDRESS_MAX];
    html_put(out, address_of(ctx, memory));
}

static bool was_used(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->view == TICKET_USED);
}

static bool is_numbered(void *ctx, unsigned turn)
{
    const struct tickets_page *page = ctx;
    return once(turn, page->view != TICKET_HANDED_ON && page->view != TICKET_OFFERED);
}

/* A transfer cannot be undone, so it is one step further away. */
static bool is_own(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->view == TICKET_LIVE);
}

static void put_support(struct text *out, void *ctx)
{
    html_put(out, span_of(((const struct tickets_page *)ctx)->facts->support));
}

static bool has_support(void *ctx, unsigned turn)
{
    return once(turn, ((const struct tickets_page *)ctx)->facts->support[0] != '\0');
}

static const struct page_gap gaps[] = {
    {"order", put_order, NULL},
    {"event-name", put_event_name, NULL},
    {"named", NULL, is_named},
    {"moved", NULL, was_moved},
    {"live", NULL, has_live},
    {"buyer", NULL, is_bought},
    {"ways", NULL, has_ways},
    {"starts-first", put_first_start, has_first_start},
    {"you", put_you, NULL},
    {"ticket", put_ticket, more_tickets},
    {"dead", NULL, is_dead},
    {"ticket-event", put_ticket_event, NULL},
    {"starts", put_starts, has_start},
    {"starts-words", put_starts_words, NULL},
    {"seat", put_seat, NULL},
    {"nth", put_nth, NULL},
    {"many", NULL, are_many},
    {"facts", NULL, has_facts},
    {"category", put_category, has_category},
    {"floor", put_floor, has_floor},
    {"entrance", put_entrance, has_entrance},
    {"handed-on", put_handed_on, is_handed_on},
    {"void", put_void, is_void},
    {"offered", NULL, is_offered},
    {"code", put_code, has_code},
    {"offer", put_offer, has_offer},
    {"address", put_address, NULL},
    {"used", NULL, was_used},
    {"numbered", NULL, is_numbered},
    {"own", NULL, is_own},
    {"support", put_support, has_support},
    {NULL, NULL, NULL},
};

int tickets_page_create(const struct site *site, struct err_slot *err, struct filled_page **out)
{
    return filled_page_create(site, span_of(tickets_html), gaps, err, out);
}

bool tickets_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                      enum lang lang, const struct tickets_view *view)
{
    struct tickets_page facts = {.facts = view, .words = site_phrases(site, lang), .nth = -1};
    if (PQntuples(view->rows) == 0)
        return false;
    facts.first = sql_order_tickets_row(view->rows, 0);
    facts.buyer = span_eq(facts.first.buyer, span_of(view->member));
    for (int i = 0; i < PQntuples(view->rows); i++) {
        const struct sql_order_tickets_row row = sql_order_tickets_row(view->rows, i);
        enum ticket_view one = view_of(&facts, &row);
        facts.seen += one != TICKET_UNSEEN;
        facts.live = facts.live || one == TICKET_LIVE;
    }
    if (facts.seen > 0)
        filled_page_put(out, page, lang, &facts);
    return facts.seen > 0;
}
