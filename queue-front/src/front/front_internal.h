/* front_internal.h: what the files of front.h share and nobody else sees. */
#ifndef FG_QUEUE_FRONT_FRONT_INTERNAL_H
#define FG_QUEUE_FRONT_FRONT_INTERNAL_H

#include "front/front.h"

/* ---- front_figures.c ---- */

static inline void front_show(_Atomic uint64_t *gauge, uint64_t value)
{
    atomic_store_explicit(gauge, value, memory_order_relaxed); /* relaxed: as front_count() */
}

int figures_begin(struct front *front, struct err_slot *err);
void figures_end(struct front *front);
void figures_begin_event(struct front *front, struct front_line *event);
void figures_end_event(struct front *front, struct front_line *event);
void figures_show(struct front_line *event);

#endif
