/* page.h: the HTML of the hosted pages, in Korean and English, without a script. Every value is
 * escaped on its way in. */
#ifndef FG_PSP_SANDBOX_PAGE_H
#define FG_PSP_SANDBOX_PAGE_H

#include "base/text.h"

enum page_lang { PAGE_EN, PAGE_KO, PAGE_LANGS };

enum page_notice {
    PAGE_NOTHING,
    PAGE_BAD_NUMBER,  /* no card number at all */
    PAGE_BAD_DETAILS, /* expiry or security code */
    PAGE_REFUSED_AUTHENTICATION,
    PAGE_BAD_RETURN_URL,
    PAGE_UNKNOWN_PAYMENT,
    PAGE_PAID,
    PAGE_GONE,   /* canceled or expired */
    PAGE_FAILED, /* something else; says status */
    PAGE_NOTICES,
};

enum { PAGE_HIDDEN_MAX = 8 };

struct page {
    enum page_lang lang;
    struct span action; /* where its form posts to; not there: no form */
    struct span what;   /* what is paid for, or not there */
    int64_t amount;     /* 0: none shown */
    const char *currency;
    enum page_notice notice;
    struct span refusal; /* the card's own words, or not there */
    bool can_cancel;     /* a second button: decision=cancel */
    bool can_transfer;   /* another one: pay_by=transfer, to a virtual account */
    unsigned hidden_len;
    struct page_hidden {
        const char *name;
        struct span value;
    } hidden[PAGE_HIDDEN_MAX];
};

void page_put_card_form(struct text *out, const struct page *page);
void page_put_authentication(struct text *out, const struct page *page);
void page_put_notice(struct text *out, const struct page *page);

extern const char page_style[]; /* the one style sheet */

#endif
