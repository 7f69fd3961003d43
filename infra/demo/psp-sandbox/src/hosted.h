/* hosted.h: the pages where a buyer pays by card: of an intent or a session, its authentication,
 * and Toss's payment window. */
#ifndef FG_PSP_SANDBOX_HOSTED_H
#define FG_PSP_SANDBOX_HOSTED_H

#include "web/filled_page.h"

/* Made at start, then only read: web/pay.html in each language. */
struct hosted {
    struct site *site;
    struct filled_page *page;
};

/* In the caller's zeroed memory, which is service_ctx(); destroy it even after a failure. */
int hosted_create(struct http_router *router, struct err_slot *err, struct hosted *out);
void hosted_destroy(struct hosted *hosted);

#endif
