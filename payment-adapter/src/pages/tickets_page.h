/* tickets_page.h: the tickets of one order, web/tickets.html, as one member sees them. */
#ifndef FG_PAY_TICKETS_PAGE_H
#define FG_PAY_TICKETS_PAGE_H

#include "store/statements.h"
#include "web/filled_page.h"

struct tickets_view {
    const PGresult *rows; /* of order_tickets */
    const char *order, *member;
    const char *public_url; /* for the address that a new holder is given */
    const char *support;    /* where buyers get help; "": nowhere */
    struct span refused;    /* the code of a refused form, or absent */
};

int tickets_page_create(const struct site *site, struct err_slot *err, struct filled_page **out);
/* Whether this member may see any of the tickets; otherwise there is no page. */
bool tickets_page_has(const struct tickets_view *view);
/* Any thread: it takes a millisecond for each ticket. */
void tickets_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                      enum lang lang, const struct tickets_view *view);

#endif
