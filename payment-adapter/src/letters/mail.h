/* mail.h: the content of a mail to a buyer, as text and as a page, and its headers. */
#ifndef FG_PAY_MAIL_H
#define FG_PAY_MAIL_H

#include "base/err.h"
#include "sale/show.h"
#include "web/filled_page.h"

enum {
    MAIL_LINE_MAX = 512,
    MAIL_SUBJECT_MAX = 4096, /* encoded */
    MAIL_BODY_MAX = 8192,
    MAIL_HTML_MAX = 48 * 1024,
    MAIL_HEADERS = 6
};

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

/* What is sent. libcurl encodes everything except the subject. */
struct mail_text {
    char date[MAIL_LINE_MAX], from[MAIL_LINE_MAX], to[MAIL_LINE_MAX], id[MAIL_LINE_MAX];
    char subject[MAIL_SUBJECT_MAX];
    const char *headers[MAIL_HEADERS + 1]; /* terminated by NULL; they point into the struct */
    char body_memory[MAIL_BODY_MAX];
    struct span body;
    char html_memory[MAIL_HTML_MAX];
    struct span html; /* may be empty */
};

/* ERR_RANGE: a kind, an address or a URL that no mail can have. ERR_FULL: too long. */
int mail_write(const struct mail *mail, struct mail_text *out);
/* For mail.page: web/mail.html, which looks like the pages. */
int mail_page_create(const struct site *site, struct err_slot *err, struct filled_page **out);
/* A contact as people write it: without mailto: or tel:. */
struct span mail_page_contact(struct span address);
/* One address, without any character that could end a header or an SMTP line. */
bool mail_address_is_sane(struct span address);

#endif
