/* fairness.h: publishes a draw: first the promise, then the number of entries once they are
 * closed, then everything that it takes to repeat the draw. */
#ifndef FG_QUEUE_FRONT_FAIRNESS_H
#define FG_QUEUE_FRONT_FAIRNESS_H

#include "front/front.h"

/* What GET fairness answers of a line; fits FAIRNESS_BYTES_MAX. */
void fairness_put(struct text *json, const struct front *front, const struct front_line *line);

#endif
