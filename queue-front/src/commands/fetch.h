/* fetch.h: a blocking download, for commands: no loop runs in their process. */
#ifndef FG_QUEUE_FRONT_FETCH_H
#define FG_QUEUE_FRONT_FETCH_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>

bool fetch_is_url(const char *text); /* http:// or https:// */

/* Appends what the address answers, whatever its status; longer than `out` is a failure. */
int fetch_text(const char *url, struct text *out, long *status, struct err_slot *err);

#endif
