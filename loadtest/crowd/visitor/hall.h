/* hall.h: the crowd's view of a hall: the seats' ids in plan order. Read once for all visitors. */
#ifndef FG_CROWD_HALL_H
#define FG_CROWD_HALL_H

#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"

struct hall;

/* Parses the answer of GET plan; the text need not outlive the call. */
int hall_parse(struct span plan, struct err_slot *err, struct hall **out);
const char *hall_seat_id(const struct hall *hall, uint32_t seat);
void hall_destroy(struct hall *hall);

/* Chooses as a person would on the map: `want` free adjacent seats (neighbours in plan order, in
 * one row), mostly near the front. `states` is the octet-stream of the availability. Returns false
 * if none were found. */
bool hall_choose(const struct hall *hall, struct span states, uint32_t want, const struct rng *rng,
                 uint32_t *seats);

#endif
