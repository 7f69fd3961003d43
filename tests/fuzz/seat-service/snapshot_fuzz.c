/* snapshot_fuzz.c: a snapshot, and a change after it, into an engine of a small hall. Bad ones are
 * refused; none of them breaks an assert or is read past its end. */
#include "core/engine/engine.h"
#include "core/hall/plan_draft.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* The first two bytes say how much of the rest is the snapshot; then come changes, each behind its
 * length. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct plan *plan;
    struct err_slot err;
    struct engine *engine;
    if (plan == NULL)
        plan = small_hall();
    struct engine_conf conf = {.plan = plan, .now_ms = 1};
    if (size < 2 || engine_create(&conf, &err, &engine) < 0)
        return 0;
    engine_replay_begin(engine);
    size_t len = (size_t)data[0] | (size_t)data[1] << 8, at = 2;
    if (len > 0 && len <= size - at) {
        engine_snapshot_read(engine, data + at, len, &err);
        at += len;
    }
    while (at < size) {
        struct change change;
        size_t one = data[at++];
        if (one > size - at)
            break;
        if (change_decode(data + at, one, &err, &change) == 0)
            engine_apply(engine, &change, &err);
        at += one;
    }
    engine_state_hash(engine);
    engine_replay_end(engine);
    engine_destroy(engine);
    return 0;
}
