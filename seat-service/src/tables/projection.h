/* projection.h: collects changes, and writes the resulting rows of the tables `holds` and, for
 * operators' changes, `act`.
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
/* Adds a change that the engine is about to apply. False: full; call projection_write() first. */
bool projection_add(struct projection *projection, const struct engine *engine,
                    const struct change *change);
/* *seq: the last change that is in the table; 0: none. */
int projection_read(struct pg *pg, int32_t event, struct err_slot *err, uint64_t *seq);
/* Brings the table from change `was` to `seq`, which the engine has applied last. ERR_STATE if the
 * table is not at `was`, because another process writes it. Clears the projection on success. */
int projection_write(struct projection *projection, struct pg *pg, int32_t event,
                     const struct engine *engine, uint64_t was, uint64_t seq, struct err_slot *err);

#endif
