/* mail_said.h: what a letter to a buyer is about, and what both of its forms say. */
#ifndef FG_PAY_MAIL_SAID_H
#define FG_PAY_MAIL_SAID_H

#include "sale/show.h"
#include "web/filled_page.h"

struct mail {
    /* completed, refunded, credited-N, failed, revoked, revoked-N, moved-N, renewed-N,
     * postponed-N */
    const char *kind;
    const struct phrases *words;
    const struct filled_page *page; /* mail_page_create(); NULL: text alone */
    enum lang lang;                 /* of words and page */
    const char *house;              /* whose mail it is; "": nobody is named */
    struct span from, to, order, event, currency, public_url;
    struct span support;        /* an address; may be empty */
    const struct show *show;    /* as far as it is known */
    struct span places;         /* one per line: zone, row, number, label; by tabs; may be empty */
    uint64_t amount, fees, vat; /* the latter are parts of it; 0: nothing is said of them */
    uint32_t seats;
    bool off;          /* the event does not take place */
    struct span until; /* the last time to give it back, of a new date; else empty */
    uint64_t now_s;
};

/* Decided once for both forms. */
struct mail_said {
    struct span title, first; /* the subject without the event, and the first sentence */
    struct span url;
    bool tickets;       /* that is where they are; otherwise the order */
    struct span amount; /* what the sum is called */
    bool bought;        /* shows sums and the number: what the buyer paid is private */
};

#endif
