/* seats_map.h: which process of seat-service has an event, if several share the events. One per
 * loop.
 *
 * A caller uses the configured address, or the one where the event was last found. If the answer
 * shows that this was wrong, the map is read from a process that answers, and the call is repeated
 * once. With a single owner the map is never read. */
#ifndef FG_PAY_SEATS_MAP_H
#define FG_PAY_SEATS_MAP_H

#include "base/span.h"
#include "outcall/outcall.h"
#include "psp/seats_clock.h"

struct seats_map;
struct text;

struct seats_map_conf {             /* all borrowed until seats_map_destroy() */
    const char *url, *internal_url; /* from the settings */
    const char *service_token;
    struct seats_clock *clock; /* set by the answers */
    struct outcalls *outcalls;
};

int seats_map_create(const struct seats_map_conf *conf, struct err_slot *err,
                     struct seats_map **out);
/* Only after the outcalls are closed. */
void seats_map_destroy(struct seats_map *map);

enum seats_listener { SEATS_OPEN, SEATS_PRIVATE };
/* Writes the start of URLs about this event, without a slash at the end. */
void seats_map_put(const struct seats_map *map, enum seats_listener listener, struct span event,
                   struct text *url);

/* Call with each answer about the event: whether it says that the event is elsewhere, or nobody
 * answered. True: read the map and, if another address is found, repeat the call once. False also
 * if that would take too long; the map is then read for the next caller. */
bool seats_map_misled(struct seats_map *map, struct span event,
                      const struct outcall_answer *answer);
/* Reads the map. on_read may be NULL. `found`: the map has another address than before. */
void seats_map_read(struct seats_map *map, struct span event,
                    void (*on_read)(void *ctx, bool found), void *ctx);

#endif
