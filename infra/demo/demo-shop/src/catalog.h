/* catalog.h: the shop's pages. */
#ifndef FG_DEMO_SHOP_CATALOG_H
#define FG_DEMO_SHOP_CATALOG_H

#include "web/site.h"

struct catalog {
    struct site *site;
    struct template *home, *product; /* in Korean */
};

/* In the caller's zeroed memory; destroy it even after a failure. */
int catalog_create(struct err_slot *err, struct catalog *out);
void catalog_destroy(struct catalog *catalog);

#endif
