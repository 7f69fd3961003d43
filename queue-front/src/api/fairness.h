/* fairness.h: publishes a draw: first the promise, then the number of entries once they are closed,
 * then everything needed to repeat the draw. */
#ifndef FG_QUEUE_FRONT_FAIRNESS_H
#define FG_QUEUE_FRONT_FAIRNESS_H

#include "front/front.h"

/* The body of GET fairness for a line; fits FAIRNESS_BYTES_MAX. */
void fairness_put(struct text *json, const struct front *front, const struct front_line *line);

#endif
