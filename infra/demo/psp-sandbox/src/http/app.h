/* app.h: what the handlers of one loop share, and the routes of the two APIs and of the private
 * listener. */
#ifndef FG_PSP_SANDBOX_APP_H
#define FG_PSP_SANDBOX_APP_H

#include "desk/desk.h"

struct page_set;

enum { APP_AUTH_MAX = 512 };

struct app {
    struct desk *desk;
    const struct page_set *pages; /* the hosted ones */
    char key[APP_AUTH_MAX];       /* sk_test_... */
    char basic[APP_AUTH_MAX];     /* "Basic base64(key:)": Toss's way, and curl's way with Stripe */
    struct span return_urls[RETURN_URLS_MAX]; /* what a return address may begin with */
    unsigned return_urls_len;
    char return_urls_text[1024];
};

/* ERR_RANGE: the key is too long or not printable. */
int app_set_key(struct app *app, struct span key, struct err_slot *err);
/* "http://a/, https://b/": each with a scheme and a slash after the host, so that a prefix cannot
 * be continued to another host's name. */
int app_set_return_urls(struct app *app, struct span list, struct err_slot *err);
bool app_may_return_to(const struct app *app, struct span url);

/* The app of the loop that serves the request. */
struct app *app_of(const struct http_req *req);

/* A route for every op that has one: who may call, and what the answers look like. */
int app_add_api(struct http_router *router, struct err_slot *err);
/* What a test may order, on the private listener. */
int app_add_control(struct http_router *router, struct err_slot *err);

#endif
