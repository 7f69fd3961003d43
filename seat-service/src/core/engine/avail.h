/* avail.h: snapshots of a hall's availability for all readers, each with its version, and the
 * changes between them. Writers of seats do not update them: a snapshot is taken periodically. */
#ifndef FG_SEAT_CORE_AVAIL_H
#define FG_SEAT_CORE_AVAIL_H

#include "core/seats/seats.h"

struct avail;
struct engine_count;

int avail_create(const struct plan *plan, struct seats *seats, struct avail **out);
void avail_destroy(struct avail *avail);

uint64_t avail_counts(const struct avail *avail, struct engine_count *out);

#endif
