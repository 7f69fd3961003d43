/* page.h: what fills the hosted pages (web/pay.html), in Korean and English, without a script.
 * Every value is escaped on its way in. */
#ifndef FG_PSP_SANDBOX_PAGE_H
#define FG_PSP_SANDBOX_PAGE_H

#include "web/filled_page.h"

enum page_form { PAGE_NO_FORM, PAGE_CARD, PAGE_QUESTION };

enum page_notice {
    PAGE_NOTHING,
    PAGE_BAD_NUMBER,  /* no card number at all */
    PAGE_BAD_DETAILS, /* expiry or security code */
    PAGE_REFUSED_AUTHENTICATION,
    PAGE_BAD_RETURN_URL,
    PAGE_UNKNOWN_PAYMENT,
    PAGE_PAID,
    PAGE_GONE,   /* canceled or expired */
    PAGE_FAILED, /* something else; shows the status */
    PAGE_NOTICES,
};

enum { PAGE_HIDDEN_MAX = 8 };

struct page {
    enum lang lang;
    enum page_form form;
    struct span action; /* where its form posts to */
    struct span what;   /* what is paid for, or absent */
    int64_t amount;     /* 0: none shown */
    const char *currency;
    enum page_notice notice;
    struct span refusal; /* the card's own words, or absent */
    bool can_cancel;     /* a second button: decision=cancel */
    bool can_transfer;   /* another one: pay_by=transfer, to a virtual account */
    unsigned hidden_len;
    struct page_hidden {
        const char *name;
        struct span value;
    } hidden[PAGE_HIDDEN_MAX];
};

/* The texts and the style, and the template that is filled for each buyer. */
int page_site_create(struct err_slot *err, struct site **out);
int page_create(const struct site *site, struct err_slot *err, struct filled_page **out);
void page_put(struct text *out, const struct filled_page *template, const struct site *site,
              const struct page *page);

#endif
