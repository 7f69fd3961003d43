/* console.h: the pages of the private listener: the operator's, /console, whose script calls the
 * private listeners, this one and those in [console] parts; and /design, every part of our pages in
 * each of its states, for people who design a page or choose a brand. */
#ifndef FG_QUEUE_FRONT_CONSOLE_H
#define FG_QUEUE_FRONT_CONSOLE_H

#include "web/site.h"

struct console; /* made at start, then read-only */

/* Whether this is a list of parts: "seats=http://localhost:8092, pay=http://localhost:8093". */
int console_check(const char *parts, struct err_slot *err);
/* The console uses only the brand's texts after "[console]"; its colours are its own. `public_url`
 * ("": unknown) and they are borrowed for the console's life. */
int console_create(const char *parts, const char *public_url, const struct brand_settings *brand,
                   struct err_slot *err, struct console **out);
int console_routes(struct console *console, struct http_router *private_routes,
                   struct err_slot *err);
void console_destroy(struct console *console);

#endif
