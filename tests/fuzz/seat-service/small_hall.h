/* small_hall.h: two rows of six and a pit of fifty, for targets that replay into an engine. */
#ifndef FG_FUZZ_SMALL_HALL_H
#define FG_FUZZ_SMALL_HALL_H

#include "core/hall/plan.h"

#include <assert.h>

static struct plan *small_hall(void)
{
    struct plan_draft_seat seats[12];
    const char *const guids[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    for (uint32_t i = 0; i < 12; i++)
        seats[i] = (struct plan_draft_seat){.guid = span_of(guids[i]),
                                            .x = (float)(i % 6),
                                            .y = (float)(i / 6),
                                            .companion = UINT32_MAX,
                                            .run = i / 6,
                                            .pos = i % 6};
    struct plan_category category = {.name = SPAN("A"), .price = 100};
    struct plan_area area = {.id = SPAN("pit"), .capacity = 50};
    struct plan_draft draft = {
        .name = SPAN("H"),
        .currency = SPAN("KRW"),
        .limits = {.max_per_buyer = 6, .max_per_hold = 6, .hold_ttl_ms = 1000, .hold_max_ms = 5000},
        .categories = &category,
        .category_count = 1,
        .areas = &area,
        .area_count = 1,
        .seats = seats,
        .seat_count = 12,
        .run_count = 2};
    struct plan *plan;
    int rc = plan_create(&draft, NULL, &plan);
    assert(rc == 0);
    return plan;
}

#endif
