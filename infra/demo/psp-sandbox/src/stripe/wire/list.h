/* list.h: Stripe's lists: newest first, a page at a time, with an object's id as cursor. */
#ifndef FG_PSP_SANDBOX_LIST_H
#define FG_PSP_SANDBOX_LIST_H

#include "bank/bank.h"

struct list_kind {
    const char *url;    /* "/v1/payment_intents" */
    const char *what;   /* "payment_intent" */
    const char *prefix; /* of its ids */
    const struct list *items;
    bool (*matches)(const struct bank *bank, const void *item, const void *filter); /* or NULL */
    void (*put)(struct text *out, const struct bank *bank, const void *item, unsigned expand);
    const void *filter;
    unsigned expand;
};

/* The names that every list knows; an op's own come after them. */
#define LIST_PARAMS "limit", "starting_after", "ending_before", "created", "expand"

/* Answers the call: 200 and the page, or what is wrong with its cursor. */
void list_answer(struct desk_call *at, const struct list_kind *kind);

#endif
