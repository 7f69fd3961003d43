/* fetch.h: a blocking download for commands, whose processes have no loop. */
#ifndef FG_QUEUE_FRONT_FETCH_H
#define FG_QUEUE_FRONT_FETCH_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>

/* Appends the body of the response, whatever its status; an error if it exceeds `out`. */
int fetch_text(const char *url, struct text *out, long *status, struct err_slot *err);

#endif
