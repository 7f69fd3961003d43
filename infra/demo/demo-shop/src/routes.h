/* routes.h: the routes of each file that has some, and the pages. */
#ifndef FG_DEMO_SHOP_ROUTES_H
#define FG_DEMO_SHOP_ROUTES_H

#include "http/http.h"
#include "web/site.h"

struct catalog {
    struct site *site;
    struct template *home, *product; /* in Korean */
};

/* In the caller's zeroed memory; destroy it even after a failure. */
int catalog_create(struct err_slot *err, struct catalog *out);
void catalog_destroy(struct catalog *catalog);

int login_add_routes(struct http_router *router, struct err_slot *err);
int catalog_add_routes(struct catalog *catalog, struct http_router *router, struct err_slot *err);
int orders_add_routes(struct http_router *router, struct err_slot *err);

#endif
