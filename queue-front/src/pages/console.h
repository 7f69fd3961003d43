/* console.h: the pages of the private listener: the operator's, /console, whose script asks the
 * private listeners for what it shows, this one and those that [console] parts names; and /design,
 * every part of our pages in each of its states, for people who draw a page or choose a brand. */
#ifndef FG_QUEUE_FRONT_CONSOLE_H
#define FG_QUEUE_FRONT_CONSOLE_H

#include "web/site.h"

struct console; /* made at start, then only read */

/* "seats=http://localhost:8092, pay=http://localhost:8093": is that a list of parts? */
int console_check(const char *parts, struct err_slot *err);
/* Of the brand the console takes the texts, those after "[console]"; its colours stay its own.
 * Both are borrowed for as long as it lives. */
int console_create(const char *parts, const struct brand_settings *brand, struct err_slot *err,
                   struct console **out);
int console_routes(struct console *console, struct http_router *private_routes,
                   struct err_slot *err);
void console_destroy(struct console *console);

#endif
