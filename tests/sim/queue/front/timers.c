/* timers.c: libuv's handles on the world's time: timers, wake-ups, the end of a turn, and sockets,
 * whose other end (peer.c) tells when to look. The loop's `data` is its process (struct sim_proc).
 * A handle's memory is the caller's until it is closed, so pending events point to a record here,
 * which is never freed. */
#include "queue/front/timers.h"

#include "stage/sim.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <uv.h>

struct record {
    uv_handle_t *handle; /* NULL: closed */
    struct sim_proc *proc;
    uint64_t nth; /* number of the newest start or stop */
    uint64_t due_us, repeat_ms;
    union {
        uv_timer_cb timer;
        uv_async_cb async;
        uv_check_cb check;
        uv_poll_cb poll;
    } on;
    bool active, closing;
    int fd, events;      /* of a poll handle */
    struct record *next; /* of the open poll handles */
    uv_close_cb on_closed;
};

struct shot {
    struct record *record;
    uint64_t nth;
};

static void (*on_turned)(const struct sim_proc *proc);
static struct record *polls;

void timers_begin(void (*turned)(const struct sim_proc *proc))
{
    on_turned = turned;
}

static struct record *record_of(const void *handle)
{
    return ((const uv_handle_t *)handle)->u.reserved[0];
}

static struct record *make_record(uv_loop_t *loop, void *handle, uv_handle_type type)
{
    struct record *record = sim_new(sizeof(*record));
    assert(loop->data != NULL);
    record->handle = handle;
    record->handle->loop = loop;
    record->handle->type = type;
    record->handle->u.reserved[0] = record;
    record->proc = loop->data;
    return record;
}

/* ---- all handles ---- */

static void arm(struct record *record, uint64_t us);

/* As often as the socket has something for the handle, which the callback may close. */
static void poll_socket(struct record *record)
{
    for (;;) {
        bool reads = (record->events & UV_READABLE) != 0;
        bool writes = (record->events & UV_WRITABLE) != 0;
        struct pollfd at = {record->fd, (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0};
        if (record->closing || at.events == 0 || poll(&at, 1, 0) <= 0)
            return;
        reads = reads && (at.revents & ~POLLOUT) != 0;
        writes = writes && (at.revents & ~POLLIN) != 0;
        record->on.poll((uv_poll_t *)record->handle, 0,
                        (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0));
        on_turned(record->proc);
    }
}

static void fire(void *ctx)
{
    struct shot shot = *(struct shot *)ctx;
    struct record *record = shot.record;
    free(ctx);
    if (record->closing || record->nth != shot.nth)
        return;
    record->active = false;
    switch (record->handle->type) {
    case UV_TIMER:
        if (record->repeat_ms > 0)
            arm(record, record->repeat_ms * SIM_MS);
        record->on.timer((uv_timer_t *)record->handle);
        break;
    case UV_ASYNC:
        record->on.async((uv_async_t *)record->handle);
        break;
    case UV_CHECK:
        record->on.check((uv_check_t *)record->handle);
        on_turned(record->proc);
        break;
    default:
        assert(record->handle->type == UV_POLL);
        poll_socket(record);
    }
}

static void arm(struct record *record, uint64_t us)
{
    struct shot *shot = sim_new(sizeof(*shot));
    *shot = (struct shot){record, ++record->nth};
    record->active = true;
    record->due_us = sim_us() + us;
    sim_after(record->proc, us, fire, shot);
}

static int disarm(struct record *record)
{
    record->nth += 1;
    record->active = false;
    return 0;
}

int uv_is_active(const uv_handle_t *handle)
{
    return record_of(handle)->active;
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
    struct record *record = record_of(handle);
    disarm(record);
    record->closing = true;
    record->on_closed = on_closed;
    for (struct record **at = &polls; *at != NULL; at = &(*at)->next) {
        if (*at != record)
            continue;
        *at = record->next;
        on_turned(record->proc); /* its socket is closed next */
        break;
    }
    sim_after(record->proc, 0, closed, record);
}

/* ---- timers and wake-ups ---- */

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    (void)make_record(loop, timer, UV_TIMER);
    return 0;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb happens, uint64_t ms, uint64_t repeat_ms)
{
    struct record *record = record_of(timer);
    record->on.timer = happens;
    record->repeat_ms = repeat_ms;
    arm(record, ms * SIM_MS);
    return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
    return disarm(record_of(timer));
}

uint64_t uv_timer_get_due_in(const uv_timer_t *timer)
{
    uint64_t due_us = record_of(timer)->due_us;
    return due_us > sim_us() ? (due_us - sim_us()) / SIM_MS : 0;
}

int uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb wakes)
{
    make_record(loop, async, UV_ASYNC)->on.async = wakes;
    return 0;
}

/* From another thread of the same process. */
int uv_async_send(uv_async_t *async)
{
    if (!record_of(async)->active)
        arm(record_of(async), sim_between(5, 100));
    return 0;
}

/* ---- the end of a turn ---- */

int uv_check_init(uv_loop_t *loop, uv_check_t *check)
{
    (void)make_record(loop, check, UV_CHECK);
    return 0;
}

/* For one turn: the callback stops it. */
int uv_check_start(uv_check_t *check, uv_check_cb happens)
{
    record_of(check)->on.check = happens;
    arm(record_of(check), 0);
    return 0;
}

int uv_check_stop(uv_check_t *check)
{
    return disarm(record_of(check));
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *idle)
{
    (void)make_record(loop, idle, UV_IDLE);
    return 0;
}

/* Its callback does nothing. */
int uv_idle_start(uv_idle_t *idle, uv_idle_cb happens)
{
    (void)happens;
    record_of(idle)->active = true;
    return 0;
}

int uv_idle_stop(uv_idle_t *idle)
{
    return disarm(record_of(idle));
}

/* ---- sockets ---- */

int uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    struct record *record = make_record(loop, poll, UV_POLL);
    record->fd = fd;
    record->next = polls;
    polls = record;
    return 0;
}

int uv_poll_start(uv_poll_t *poll, int events, uv_poll_cb happens)
{
    struct record *record = record_of(poll);
    record->on.poll = happens;
    record->events = events;
    arm(record, (events & UV_WRITABLE) != 0 ? sim_between(60, 900) : 0);
    return 0;
}

int uv_poll_stop(uv_poll_t *poll)
{
    record_of(poll)->events = 0;
    return disarm(record_of(poll));
}

void timers_look(int fd)
{
    struct record *record = polls;
    while (record != NULL && record->fd != fd)
        record = record->next;
    if (record != NULL)
        poll_socket(record);
}
