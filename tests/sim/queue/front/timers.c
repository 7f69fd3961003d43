/* timers.c: the libuv functions for timers and wake-ups, on the world's time. The loop's `data` is
 * its process (struct sim_proc). A handle's memory is the caller's until it is closed, so pending
 * events point to a record here, which is never freed. */
#include "queue/front/timers.h"

#include "stage/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

struct record {
    uv_handle_t *handle; /* NULL: closed */
    struct sim_proc *proc;
    uint64_t nth; /* number of the newest start or stop */
    uint64_t repeat_ms;
    uv_timer_cb happens;
    uv_async_cb wakes;
    bool sent, closing;
    uv_close_cb on_closed;
};

struct shot {
    struct record *record;
    uint64_t nth;
};

void timers_begin(void)
{
}

static struct record *record_of(const void *handle)
{
    return ((const uv_handle_t *)handle)->u.reserved[0];
}

static struct record *make_record(uv_loop_t *loop, void *handle)
{
    struct record *record = calloc(1, sizeof(*record));
    assert(record != NULL && loop->data != NULL);
    record->handle = handle;
    record->proc = loop->data;
    record->handle->u.reserved[0] = record;
    return record;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    *timer = (uv_timer_t){.data = timer->data, .loop = loop, .type = UV_TIMER};
    (void)make_record(loop, timer);
    return 0;
}

static void arm(struct record *record, uint64_t ms);

static void fire(void *ctx)
{
    struct shot shot = *(struct shot *)ctx;
    struct record *record = shot.record;
    free(ctx);
    if (record->handle == NULL || record->nth != shot.nth)
        return;
    if (record->repeat_ms > 0)
        arm(record, record->repeat_ms);
    record->happens((uv_timer_t *)record->handle);
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

int uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb wakes)
{
    *async = (uv_async_t){.data = async->data, .loop = loop, .type = UV_ASYNC};
    make_record(loop, async)->wakes = wakes;
    return 0;
}

static void wake(void *ctx)
{
    struct record *record = ctx;
    record->sent = false;
    if (!record->closing)
        record->wakes((uv_async_t *)record->handle);
}

/* From another thread of the same process. */
int uv_async_send(uv_async_t *async)
{
    struct record *record = record_of(async);
    if (!record->sent)
        sim_after(record->proc, sim_between(5, 100), wake, record);
    record->sent = true;
    return 0;
}

static void closed(void *ctx)
{
    struct record *record = ctx;
    uv_handle_t *handle = record->handle;
    record->handle = NULL;
    if (record->on_closed != NULL)
        record->on_closed(handle); /* the record stays: pending events point to it */
}

void uv_close(uv_handle_t *handle, uv_close_cb on_closed)
{
    assert(handle->type == UV_TIMER || handle->type == UV_ASYNC);
    struct record *record = record_of(handle);
    record->nth += 1;
    record->closing = true;
    record->on_closed = on_closed;
    sim_after(record->proc, 0, closed, record);
}
