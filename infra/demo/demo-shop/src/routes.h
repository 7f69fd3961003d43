/* routes.h: what each file offers to main.c: its routes, the pages, and `demo-shop seed`. */
#ifndef FG_DEMO_SHOP_ROUTES_H
#define FG_DEMO_SHOP_ROUTES_H

#include "config/config.h"
#include "http/http.h"
#include "web/site.h"

struct settings;

struct catalog {
    struct site *site;
    char link[6 * CONFIG_STRING_MAX]; /* the address of the concert's line, as HTML */
};

/* In the caller's zeroed memory; destroy it even after a failure. */
int catalog_create(const char *line_url, struct err_slot *err, struct catalog *out);
void catalog_destroy(struct catalog *catalog);

int login_add_routes(struct http_router *router, struct err_slot *err);
int catalog_add_routes(struct catalog *catalog, struct http_router *router, struct err_slot *err);
int orders_add_routes(struct http_router *router, struct err_slot *err);

/* Creates what is missing in the database, leaves the rest, and prints what it created. Blocks. */
int seed_run(const struct settings *settings, struct err_slot *err);

#endif
