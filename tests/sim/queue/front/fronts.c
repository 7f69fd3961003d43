/* fronts.c: see fronts.h. A front that was killed or has left is started again after a while, as
 * runit does; the edge sends each request to some front that lives. */
#include "queue/front/fronts.h"

#include "queue/front/alarm.h"
#include "queue/front/front_act.h"
#include "queue/front/front_join.h"
#include "queue/front/front_move.h"
#include "queue/front/front_visit.h"
#include "queue/front/route.h"
#include "queue/front/timers.h"
#include "stage/faults.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

enum { TICK_MS = 100, LEAVE_MS = 400 };

static struct {
    struct front_house house;
    struct front all[FRONTS];
    unsigned events;
} fronts;

static uint64_t mono_us(void *ctx)
{
    return sim_us() + ((const struct front *)ctx)->mono_base_us;
}

static uint64_t wall_us(void *ctx)
{
    return (uint64_t)((int64_t)((uint64_t)SIM_EPOCH_S * SIM_S + sim_us()) +
                      ((const struct front *)ctx)->wall_ahead_us);
}

const struct line_view *fronts_view(struct line_ref line)
{
    for (unsigned i = 0; i < FRONTS; i++) {
        const struct front *front = &fronts.all[i];
        if (front->proc.alive && !front->leaving && front_view(front, line) != NULL)
            return front_view(front, line);
    }
    return NULL;
}

unsigned fronts_events(void)
{
    return fronts.events;
}

/* ---- requests on their way ---- */

static void handle(void *ctx)
{
    struct ask *ask = ctx;
    struct front *front = NULL;
    for (unsigned i = 0; i < FRONTS; i++)
        if (sim_current() == &fronts.all[i].proc)
            front = &fronts.all[i];
    assert(front != NULL);
    if (front->leaving)
        return; /* it takes no more, and the visitor's browser sees a connection end */
    if (ask->kind == ASK_JOIN)
        front_join_handle(front, ask);
    else if (ask->kind == ASK_ME)
        front_visit_look(front, ask);
    else if (ask->kind == ASK_CODE)
        front_move_code(front, ask);
    else if (ask->kind == ASK_TAKE)
        front_move_take(front, ask);
    else if (ask->kind >= ASK_CREATE)
        front_act_handle(front, ask);
    else
        front_visit_handle(front, ask);
}

/* The edge sends nothing to a front that has just started, before that is ready. */
static bool is_served(struct front *front)
{
    if (!front->proc.alive || front->leaving)
        return false;
    front->serves = front->serves || line_store_ready(front->store);
    return front->serves;
}

static void arrive(void *ctx)
{
    struct front *alive[FRONTS];
    unsigned len = 0;
    for (unsigned i = 0; i < FRONTS; i++)
        if (is_served(&fronts.all[i]))
            alive[len++] = &fronts.all[i];
    if (len > 0 && !fault_now(FAULT_ASK_LOST))
        sim_after(&alive[sim_below(SIM_CHOICES, len)]->proc, 0, handle, ctx);
}

void fronts_ask(struct ask *ask)
{
    ask->outcome = ANSWER_NONE;
    ask->asked_us = sim_us();
    ask->asked_lane = ask->line.lane;
    sim_after(NULL, sim_between(SIM_MS, 40 * SIM_MS), arrive, ask);
}

void fronts_sign(void (*on_left)(const char *session))
{
    fronts.house.on_left = on_left;
    struct jwks_key *key;
    int rc = jwks_key_generate(NULL, &key); /* by chance: nothing hangs on its bytes */
    assert(rc == 0);
    rc = jwks_create(NULL, &fronts.house.passes);
    assert(rc == 0);
    rc = jwks_add(fronts.house.passes, key, NULL);
    assert(rc == 0);
}

const struct jwks *fronts_keys(void)
{
    return fronts.house.passes;
}

/* ---- the life of a front ---- */

static void on_view(void *ctx, const struct line_view *view)
{
    (void)ctx;
    (void)view;
}

static void on_event(void *ctx, const char *id, bool here)
{
    (void)ctx;
    sim_note("%s %s", here ? "knows" : "forgets", id);
}

static void describe(void *ctx, const struct line_view *view, struct text *card)
{
    (void)ctx;
    (void)view;
    TEXT_LIT(card, "{}");
}

static void start(void *ctx)
{
    struct front *front = ctx;
    struct err_slot err;
    sim_proc_start(&front->proc);
    front->leaving = front->serves = false;
    front->loop = (uv_loop_t){.data = &front->proc};
    front->mono_base_us = sim_below(SIM_SYSTEM, 1000 * (uint64_t)SIM_S);
    front->wall_ahead_us = fault_now(FAULT_CLOCKS)
                               ? (int64_t)sim_below(SIM_FAULTS, 6 * (uint64_t)SIM_S) - 3 * SIM_S
                               : 0;
    front->clock = (struct clock){mono_us, wall_us, front};
    const struct line_store_conf conf = {.loop = &front->loop,
                                         .redis_host = "redis",
                                         .redis_port = 6379,
                                         .tick_period_ms = TICK_MS,
                                         .identity = "1-0123abcd",
                                         .gone_after_ms = FRONTS_GONE_AFTER_MS,
                                         .clock = &front->clock,
                                         .log = alarm_logger(),
                                         .rng = sim_rng(SIM_SYSTEM),
                                         .on_view = on_view,
                                         .on_event = on_event,
                                         .describe = describe,
                                         .ctx = front};
    int rc = line_store_create(&conf, &err, &front->store);
    assert(rc == 0);
}

static void start_again(struct front *front)
{
    sim_after(NULL, sim_between(200 * SIM_MS, 5 * (uint64_t)SIM_S), start, front);
}

static struct front *front_of(struct sim_proc *proc)
{
    return (struct front *)(void *)((char *)proc - offsetof(struct front, proc));
}

static void on_death(struct sim_proc *proc)
{
    fronts.house.ears.on_silenced(front_of(proc)->number);
    start_again(front_of(proc));
}

static void on_cut_off(struct sim_proc *proc)
{
    fronts.house.ears.on_silenced(front_of(proc)->number);
}

/* As main.c does on SIGTERM: no more requests, what is under way is answered, then the end. */
static void close_store(void *ctx)
{
    struct front *front = ctx;
    line_store_close(front->store);
    sim_proc_kill(&front->proc, "gone in good order");
}

static void leave(void *ctx)
{
    struct front *front = ctx;
    sim_note("leaves");
    front->leaving = true;
    line_store_leave(front->store);
    sim_after(&front->proc, LEAVE_MS * SIM_MS, close_store, front);
}

void fronts_fault(uint32_t ms)
{
    for (unsigned i = 0; i < FRONTS; i++) {
        struct front *front = &fronts.all[i];
        if (!front->proc.alive || front->leaving)
            continue;
        if (fault_within(FAULT_FRONT_KILL, ms)) {
            sim_proc_kill(&front->proc, "killed");
        } else if (fault_within(FAULT_FRONT_STOP, ms)) {
            fronts.house.ears.on_silenced(i);
            sim_proc_stop(&front->proc, sim_between(100 * SIM_MS, 6 * (uint64_t)SIM_S));
        } else if (fault_within(FAULT_FRONT_LEAVE, ms)) {
            sim_after(&front->proc, 0, leave, front);
        }
    }
}

void fronts_begin(const struct ask_ears *ears, unsigned events)
{
    struct err_slot err;
    fronts.house.ears = *ears;
    fronts.events = events;
    route_begin(on_cut_off);
    timers_begin();
    int rc = mac_ring_parse(SPAN("1 000102030405060708090a0b0c0d0e0f\n"), &err, &fronts.house.keys);
    assert(rc == 0);
    for (unsigned i = 0; i < FRONTS; i++) {
        struct front *front = &fronts.all[i];
        snprintf(front->name, sizeof(front->name), "front%u", i + 1);
        front->number = i;
        front->house = &fronts.house;
        front->proc = (struct sim_proc){.name = front->name, .on_death = on_death};
        start(front);
    }
}
