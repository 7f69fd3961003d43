/* design.h: /design on the private listener: every part of our pages in each of its states, in the
 * operator's colours, for people who draw a page or choose a brand. */
#ifndef FG_QUEUE_FRONT_DESIGN_H
#define FG_QUEUE_FRONT_DESIGN_H

#include "http/http.h"
#include "web/brand.h"

struct design;

int design_create(const struct brand_settings *brand, struct err_slot *err, struct design **out);
int design_routes(struct design *design, struct http_router *private_routes, struct err_slot *err);
void design_destroy(struct design *design);

#endif
