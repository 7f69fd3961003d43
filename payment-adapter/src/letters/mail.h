/* mail.h: what a letter to a buyer says, as text and as a page, and its headers. */
#ifndef FG_PAY_MAIL_H
#define FG_PAY_MAIL_H

#include "base/err.h"
#include "web/filled_page.h"

struct mail {
    const char *kind; /* completed, refunded, failed, revoked, moved-N, renewed-N */
    const struct phrases *words;
    const struct filled_page *page; /* mail_page_create(); NULL: text alone */
    enum lang lang;                 /* of words and page */
    const char *house;              /* whose mail it is; "": nobody is named */
    struct span from, to, order, event, currency, public_url;
    struct span support; /* an address; may be empty */
    struct span places;  /* one per line: zone, row and number, separated by tabs; may be empty */
    uint64_t amount, fees, vat; /* the latter are parts of it; 0: nothing is said of them */
    uint32_t seats;
    uint64_t now_s;
};

enum {
    MAIL_LINE_MAX = 512,
    MAIL_SUBJECT_MAX = 4096, /* coded */
    MAIL_BODY_MAX = 8192,
    MAIL_HTML_MAX = 48 * 1024,
    MAIL_HEADERS = 6
};

/* What both forms say, decided once. */
struct mail_said {
    struct span title, first; /* the subject without the event, and the first sentence */
    struct span url;
    bool tickets;       /* that is where they are; otherwise the order */
    struct span amount; /* what the sum is called */
    bool bought; /* sums and number are told: what the buyer paid is nobody else's business */
};

/* What is sent: how it is coded is libcurl's affair, but for the subject. */
struct mail_text {
    char date[MAIL_LINE_MAX], from[MAIL_LINE_MAX], to[MAIL_LINE_MAX], id[MAIL_LINE_MAX];
    char subject[MAIL_SUBJECT_MAX];
    const char *headers[MAIL_HEADERS + 1]; /* ended by NULL; they point into the struct */
    char body_memory[MAIL_BODY_MAX];
    struct span body;
    char html_memory[MAIL_HTML_MAX];
    struct span html; /* may be empty */
};

int mail_write(const struct mail *mail, struct err_slot *err, struct mail_text *out);
/* An address as people write it: without mailto: or tel:. */
struct span mail_contact(struct span address);
/* One address, without anything that could end a header or an SMTP line. */
bool mail_address_is_sane(struct span address);

#endif
