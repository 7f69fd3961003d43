/* projection.h: gathers changes into the rows that the table `holds` has after them, and those of
 * an operator for the table `act`.
 *
 * Belongs to one thread. */
#ifndef FG_SEAT_SERVICE_PROJECTION_H
#define FG_SEAT_SERVICE_PROJECTION_H

#include "core/engine/engine.h"
#include "pg/pg.h"

struct projection;

enum { PROJECTION_HOLDS_MAX = 2048 };

int projection_create(struct err_slot *err, struct projection **out);
void projection_destroy(struct projection *projection);
void projection_clear(struct projection *projection);
/* What the engine is about to take in. False: full, write it first. */
bool projection_add(struct projection *projection, const struct engine *engine,
                    const struct change *change);
/* The seq up to which the table is written; 0: never written. */
int projection_read(struct pg *pg, int32_t event, struct err_slot *err, uint64_t *seq);
/* Moves the table from `was` to `seq`; the engine stands at `seq`. ERR_STATE if the table does not
 * stand at `was`: somebody else writes it. Clears on success. */
int projection_write(struct projection *projection, struct pg *pg, int32_t event,
                     const struct engine *engine, uint64_t was, uint64_t seq, struct err_slot *err);

#endif
