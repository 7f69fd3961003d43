/* front_internal.h: shared by the files that implement front.h. */
#ifndef FG_QUEUE_FRONT_FRONT_INTERNAL_H
#define FG_QUEUE_FRONT_FRONT_INTERNAL_H

#include "front/front.h"

/* With or without a picture; NULL: unknown. */
struct front_line *front_line_any(const struct front *front, struct span id);
int front_line_add(struct front *front, struct front_line *event, struct err_slot *err);
void front_line_remove(struct front *front, const struct front_line *event);

void front_check_waits(struct front *front); /* calls on_done of finished waits */
void front_end_waits(struct front *front);   /* calls on_done of all waits */

static inline void front_show(_Atomic uint64_t *gauge, uint64_t value)
{
    atomic_store_explicit(gauge, value, memory_order_relaxed); /* relaxed: see front_count() */
}

int figures_begin(struct front *front, struct err_slot *err);
void figures_begin_event(struct front *front, struct front_line *event);
void figures_end_event(struct front *front, struct front_line *event);
void figures_show(struct front_line *event);

#endif
