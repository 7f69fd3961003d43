/* timers.c: the four libuv functions that the line's store calls, on the world's time. The loop's
 * `data` is its process (struct sim_proc). A timer's memory is the caller's until it is closed, so
 * pending events point to a record here, which is never freed. */
#include "queue/front/timers.h"

#include "stage/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

struct record {
    uv_timer_t *timer; /* NULL: closed */
    struct sim_proc *proc;
    uint64_t nth; /* number of the newest start or stop */
    uint64_t repeat_ms;
    uv_timer_cb happens;
    uv_close_cb on_closed;
};

struct shot {
    struct record *record;
    uint64_t nth;
};

void timers_begin(void)
{
}

static struct record *record_of(const uv_timer_t *timer)
{
    return timer->heap_node[0];
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    struct record *record = calloc(1, sizeof(*record));
    assert(record != NULL && loop->data != NULL);
    *timer = (uv_timer_t){.loop = loop, .type = UV_TIMER};
    record->timer = timer;
    record->proc = loop->data;
    timer->heap_node[0] = record;
    return 0;
}

static void arm(struct record *record, uint64_t ms);

static void fire(void *ctx)
{
    struct shot shot = *(struct shot *)ctx;
    struct record *record = shot.record;
    free(ctx);
    if (record->timer == NULL || record->nth != shot.nth)
        return;
    if (record->repeat_ms > 0)
        arm(record, record->repeat_ms);
    record->happens(record->timer);
}

static void arm(struct record *record, uint64_t ms)
{
    struct shot *shot = malloc(sizeof(*shot));
    assert(shot != NULL);
    *shot = (struct shot){record, ++record->nth};
    sim_after(record->proc, ms * SIM_MS, fire, shot);
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb happens, uint64_t ms, uint64_t repeat_ms)
{
    struct record *record = record_of(timer);
    record->happens = happens;
    record->repeat_ms = repeat_ms;
    arm(record, ms);
    return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
    record_of(timer)->nth += 1;
    return 0;
}

static void closed(void *ctx)
{
    struct record *record = ctx;
    uv_timer_t *timer = record->timer;
    record->timer = NULL;
    record->on_closed((uv_handle_t *)timer); /* the record stays: pending events point to it */
}

void uv_close(uv_handle_t *handle, uv_close_cb on_closed)
{
    assert(handle->type == UV_TIMER);
    struct record *record = record_of((uv_timer_t *)handle);
    record->nth += 1;
    record->on_closed = on_closed;
    sim_after(record->proc, 0, closed, record);
}
