/* page.h: what fills the hosted pages (web/pay.html), in Korean and English, without a script.
 * Every value is escaped on its way in. */
#ifndef FG_PSP_SANDBOX_PAGE_H
#define FG_PSP_SANDBOX_PAGE_H

#include "web/site.h"

enum page_form { PAGE_NO_FORM, PAGE_CARD, PAGE_QUESTION };

enum { PAGE_HIDDEN_MAX = 8 };

struct page {
    enum lang lang;
    enum page_form form;
    const char *action; /* where its form posts to */
    const char *what;   /* what is paid for, or NULL */
    int64_t amount;     /* 0: none shown */
    const char *currency;
    const char *notice;  /* a phrase, or NULL */
    const char *refusal; /* the card's own words instead, or NULL */
    bool can_cancel;     /* a second button: decision=cancel */
    bool can_transfer;   /* another one: pay_by=transfer, to a virtual account */
    unsigned hidden_len;
    struct page_hidden {
        const char *name, *value;
    } hidden[PAGE_HIDDEN_MAX];
};

/* The texts and the style, and the template in each language. */
struct page_set {
    struct site *site;
    struct template *of[LANG_MAX];
};

/* In the caller's zeroed memory; close it even after a failure. */
int page_open(struct err_slot *err, struct page_set *set);
void page_close(struct page_set *set);
void page_put(struct text *out, const struct page_set *set, const struct page *page);

#endif
