/* refund_terms.h: until when, by whom and what part of an order is given back: the configuration
 * says it for all events, an operator for one, and an order keeps what held when it was made. */
#ifndef FG_PAY_REFUND_TERMS_H
#define FG_PAY_REFUND_TERMS_H

#include "pay.h"

/* At the start of a process: the configuration's terms become the row of the event ''. Blocks. */
int refund_terms_default(const struct settings *settings, struct err_slot *err);

/* An order's terms, as a page tells them. */
struct refund_terms {
    bool by_buyer;
    bool handed_on;
    char until[32];    /* "": without end */
    uint64_t until_ms; /* 0: without end */
    unsigned percent;
};
bool refund_terms_parse(struct span json, struct refund_terms *out);

int refund_terms_routes(struct http_router *routes, struct http_router *private_routes,
                        struct err_slot *err);

#endif
