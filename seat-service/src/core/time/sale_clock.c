/* sale_clock.c: an offset from the monotonic clock, which follows a target.
 *
 * We cannot know when, between query and answer, the server read its clock. So each sample assumes
 * the middle, and the quickest of the last samples sets the target.
 *
 * A reader computes how far the offset has drifted since it was published. So the time is
 * continuous, and advances at nearly the pace of the monotonic clock even if no answer comes. A
 * reader never mixes two publications: it retries if the turn has changed meanwhile. */
#include "core/time/sale_clock.h"

#include <assert.h>

#define PPM UINT64_C(1000000)

/* The offset after it has drifted towards the target for `passed_us`. Two offsets differ by less
 * than half of the range of the type, so the sign of their difference is its direction. */
static uint64_t drifted(uint64_t offset_us, uint64_t target_us, uint64_t passed_us)
{
    uint64_t step_us =
        passed_us / PPM * SALE_CLOCK_SLEW_PPM + passed_us % PPM * SALE_CLOCK_SLEW_PPM / PPM;
    int64_t left_us = (int64_t)(target_us - offset_us);
    uint64_t far_us = left_us < 0 ? -(uint64_t)left_us : (uint64_t)left_us;
    if (far_us <= step_us)
        return target_us;
    return left_us < 0 ? offset_us - step_us : offset_us + step_us;
}

/* The monotonic clock is read before the turn is compared: an earlier reading with a later offset
 * could be less than what another reader has already returned. */
static uint64_t offset_now(const struct sale_clock *sale, uint64_t *mono_us)
{
    for (;;) {
        /* acquire: partner of publish(): what is read after it is at least as new */
        uint64_t turn = atomic_load_explicit(&sale->turn, memory_order_acquire);
        uint64_t since_us = atomic_load_explicit(&sale->since_us, memory_order_relaxed);
        uint64_t offset_us = atomic_load_explicit(&sale->offset_us, memory_order_relaxed);
        uint64_t target_us = atomic_load_explicit(&sale->target_us, memory_order_relaxed);
        *mono_us = clock_mono_us(sale->machine);
        atomic_thread_fence(memory_order_acquire); /* the turn is read again after the three */
        if (turn % 2 != 0 || turn != atomic_load_explicit(&sale->turn, memory_order_relaxed))
            continue;
        assert(*mono_us >= since_us);
        return drifted(offset_us, target_us, *mono_us - since_us);
    }
}

static void publish(struct sale_clock *sale, uint64_t since_us, uint64_t offset_us,
                    uint64_t target_us)
{
    uint64_t turn = atomic_load_explicit(&sale->turn, memory_order_relaxed);
    assert(turn % 2 == 0);
    atomic_store_explicit(&sale->turn, turn + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* the odd turn is seen before any of the three */
    atomic_store_explicit(&sale->since_us, since_us, memory_order_relaxed);
    atomic_store_explicit(&sale->offset_us, offset_us, memory_order_relaxed);
    atomic_store_explicit(&sale->target_us, target_us, memory_order_relaxed);
    /* release: partner of the acquire in offset_now() */
    atomic_store_explicit(&sale->turn, turn + 2, memory_order_release);
}

static uint64_t mono_us(void *ctx)
{
    const struct sale_clock *sale = ctx;
    return clock_mono_us(sale->machine);
}

static uint64_t wall_us(void *ctx)
{
    const struct sale_clock *sale = ctx;
    uint64_t now_us, offset_us = offset_now(sale, &now_us);
    return now_us + offset_us;
}

void sale_clock_init(struct sale_clock *sale, const struct clock *machine)
{
    *sale = (struct sale_clock){.clock = {mono_us, wall_us, sale}, .machine = machine};
    uint64_t now_us = clock_mono_us(machine), offset_us = clock_wall_us(machine) - now_us;
    publish(sale, now_us, offset_us, offset_us);
}

/* The offset of the quickest sample. */
static uint64_t believed(const struct sale_clock *sale)
{
    uint32_t len = sale->samples < SALE_CLOCK_SAMPLES ? sale->samples : SALE_CLOCK_SAMPLES;
    uint32_t best = 0;
    assert(len > 0);
    for (uint32_t i = 1; i < len; i++)
        if (sale->sample[i].wait_us < sale->sample[best].wait_us)
            best = i;
    return sale->sample[best].offset_us;
}

static uint64_t apart_us(uint64_t one_us, uint64_t other_us)
{
    return one_us < other_us ? other_us - one_us : one_us - other_us;
}

void sale_clock_sample(struct sale_clock *sale, uint64_t asked_us, uint64_t answered_us,
                       uint64_t server_us)
{
    assert(answered_us >= asked_us);
    uint64_t wait_us = answered_us - asked_us;
    if (wait_us > SALE_CLOCK_WAIT_MAX_MS * UINT64_C(1000))
        return;
    bool first = sale->samples == 0;
    uint32_t at = sale->samples++ % SALE_CLOCK_SAMPLES;
    sale->sample[at].wait_us = wait_us;
    sale->sample[at].offset_us = server_us - (asked_us + wait_us / 2);
    uint64_t target_us = believed(sale), now_us;
    uint64_t offset_us = offset_now(sale, &now_us);
    if (first)
        offset_us = target_us;
    publish(sale, now_us, offset_us, target_us);
    uint64_t apart_ms = apart_us(offset_us, target_us) / 1000;
    atomic_store_explicit(&sale->apart_ms, apart_ms, memory_order_relaxed); /* a gauge */
    uint64_t machine_us = clock_wall_us(sale->machine) - now_us;
    if (apart_us(machine_us, target_us) / 1000 <= SALE_CLOCK_TRUST_MS &&
        apart_ms <= SALE_CLOCK_TRUST_MS)
        sale->has_agreed = true;
}

bool sale_clock_is_set(const struct sale_clock *sale)
{
    return sale->samples > 0;
}

bool sale_clock_is_trusted(const struct sale_clock *sale)
{
    return sale->has_agreed &&
           atomic_load_explicit(&sale->apart_ms, memory_order_relaxed) <= SALE_CLOCK_TRUST_MS;
}
