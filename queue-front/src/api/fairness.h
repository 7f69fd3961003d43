/* fairness.h: what everybody is told of a draw: what was promised, then that the entries are closed
 * and how many they are, then all that it takes to make the draw again. */
#ifndef FG_QUEUE_FRONT_FAIRNESS_H
#define FG_QUEUE_FRONT_FAIRNESS_H

#include "base/err.h"
#include "front/front.h"

/* What GET fairness answers of a line; fits FAIRNESS_BYTES_MAX. */
void fairness_put(struct text *json, const struct front *front, const struct front_line *line);

/* The operator is told what everybody is told. */
int fairness_routes(struct http_router *routes, struct http_router *private_routes,
                    struct err_slot *err);

#endif
