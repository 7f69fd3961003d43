/* mail_said.h: what a mail to a buyer is about, and what both of its forms say. */
#ifndef FG_PAY_MAIL_SAID_H
#define FG_PAY_MAIL_SAID_H

#include "sale/show.h"
#include "web/filled_page.h"

struct mail {
    /* completed, refunded, credited-N, failed, revoked, revoked-N, moved-N, renewed-N,
     * postponed-N */
    const char *kind;
    uint64_t id; /* of the outbox; another one if an operator sends the mail again */
    const struct phrases *words;
    const struct filled_page *page; /* mail_page_create(); NULL: text alone */
    enum lang lang;                 /* of words and page */
    const char *company;            /* the sender's name; "": not shown */
    struct span from, to, order, event, currency, public_url;
    struct span support;     /* an address; may be empty */
    const struct show *show; /* as far as it is known */
    struct span places;      /* one per line: zone, row, number, label, with tabs; may be empty */
    uint64_t amount, fees, vat; /* parts of the amount: fees and VAT; 0: not shown */
    uint32_t seats;
    bool off;          /* the event is cancelled */
    struct span until; /* refund deadline after a new date, for the buyer; or empty */
    uint64_t now_s;
};

/* Decided once for both forms. */
struct mail_said {
    struct span title, first; /* the subject without the event, and the first sentence */
    struct span url;
    bool tickets;       /* links to the tickets; otherwise to the order */
    struct span amount; /* label of the sum */
    bool bought;        /* shows sums and the order number, which are private to the buyer */
};

#endif
