/* request.h: the HTTP requests of browsers and operators' tools. */
#ifndef FG_SIM_QUEUE_FRONT_REQUEST_H
#define FG_SIM_QUEUE_FRONT_REQUEST_H

#include "queue/front/ask.h"

void request_put(struct text *out, const struct ask *ask);

#endif
