/* seats_map.h: which process of seat-service has an event, where several share the events. One a
 * loop.
 *
 * A caller asks the address of the settings, or the one where the event was found last. From
 * an answer that shows that this was wrong, the map is read from a process that answers, and the
 * call is made once more. With one owner nothing is ever read. */
#ifndef FG_PAY_SEATS_MAP_H
#define FG_PAY_SEATS_MAP_H

#include "base/span.h"
#include "outcall/outcall.h"

struct seats_map;
struct text;

struct seats_map_conf {             /* all borrowed until seats_map_destroy() */
    const char *url, *internal_url; /* of the settings */
    const char *service_token;
    struct outcalls *outcalls;
};

int seats_map_create(const struct seats_map_conf *conf, struct err_slot *err,
                     struct seats_map **out);
/* Once the outcalls are closed. */
void seats_map_destroy(struct seats_map *map);

enum seats_listener { SEATS_OPEN, SEATS_PRIVATE };
/* What a URL about this event begins with, no slash at the end. */
void seats_map_put(const struct seats_map *map, enum seats_listener listener, struct span event,
                   struct text *url);

/* Does the answer say that the event is not there, or is there nobody? True: read the map and, if
 * there is another place, make the call once more. If that would take too long it is false, and the
 * map is read for the next caller. */
bool seats_map_misled(struct seats_map *map, struct span event,
                      const struct outcall_answer *answer);
/* Reads the map. on_read may be NULL. `found`: there is another place to ask than before. */
void seats_map_read(struct seats_map *map, struct span event,
                    void (*on_read)(void *ctx, bool found), void *ctx);

#endif
