/* hall.h: what a crowd knows of the hall: the seats' ids in plan order. Read once for all. */
#ifndef FG_CROWD_HALL_H
#define FG_CROWD_HALL_H

#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"

struct hall;

/* From the answer of GET plan; the text may go afterwards. */
int hall_parse(struct span plan, struct err_slot *err, struct hall **out);
const char *hall_seat_id(const struct hall *hall, uint32_t seat);
void hall_destroy(struct hall *hall);

/* As a person would on the map: `want` free seats side by side (neighbours in plan order, of one
 * row), near the front more often than not. `states` is the octet-stream of the availability. False
 * if none were found. */
bool hall_choose(const struct hall *hall, struct span states, uint32_t want, const struct rng *rng,
                 uint32_t *seats);

#endif
