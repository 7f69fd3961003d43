/* waiting_site.h: the files that the visitors' pages load, and the pages that are the same for
 * everybody. */
#ifndef FG_QUEUE_FRONT_WAITING_SITE_H
#define FG_QUEUE_FRONT_WAITING_SITE_H

#include "web/brand.h"
#include "web/site.h"

/* `brand` and `ctx` are borrowed; `refuse` as in struct site_conf. */
int waiting_site_create(const struct brand_settings *brand,
                        bool (*refuse)(struct http_req *req, void *ctx), void *ctx,
                        struct err_slot *err, struct site **out);

#endif
