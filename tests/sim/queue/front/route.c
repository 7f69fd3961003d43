/* route.c: redis_route.h as the world has it: one connection to the one Redis, over a network that
 * loses, delays and breaks. It keeps redis_link.c's promises: each call gets one response, in
 * order, or NULL when the connection is gone; a call past its deadline ends the connection; and a
 * call that was sent may still be executed. Replies are read by hiredis.
 *
 * A process that was paused finds all later replies on waking, in order: they wait in `inbox` for
 * the loop's turn. */
#include "queue/front/route.h"

#include "queue/front/keeper.h"
#include "stage/faults.h"
#include "stage/probes.h"
#include "stage/sim.h"

#include "line/line_limits.h"
#include "redis-model/reply.h"
#include "redis/redis_limits.h"
#include "redis/redis_route.h"
#include "redis/resp.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORDS_MAX = 8192,
    CALL_US_MIN = 60,
    CALL_US_MAX = 900,
    LATE_MAX_MS = 4000,
    FAULTS_CLOSE_MS = 2000,
};

/* A call and its reply in flight. */
struct passage {
    struct redis_route *route;
    struct redis_call *call;
    uint32_t link, run;
    struct bytes command, answer;
    struct passage *next;
};

struct redis_route {
    struct redis_route_conf conf;
    struct sim_proc *proc;
    uint32_t life; /* of the process that owns this */
    bool up, closed, woken, watched;
    uint32_t link, run; /* numbers of the connection and of the Redis run */
    uint32_t broken;    /* the newest connection that Redis has closed */
    uint32_t failures;
    struct redis_call *head, *tail;
    struct passage *inbox, *inbox_end;
    struct passage *waiting, *waiting_end; /* arrived while Redis is paused */
    uint64_t there_us, back_us;            /* arrival of the newest; none overtakes another */
    uint64_t fault_us;                     /* the newest fault of its network */
    uint64_t timeouts;
};

static void (*on_cut_off)(struct sim_proc *proc);

void route_begin(void (*cut_off)(struct sim_proc *proc))
{
    on_cut_off = cut_off;
}

/* A late call, or a second broken connection, may last as long as the others wait for what this
 * front knows after a loss. */
static void suffer(struct redis_route *route, uint64_t late_us)
{
    bool again = route->fault_us + FAULTS_CLOSE_MS * SIM_MS > sim_us() && route->fault_us > 0;
    if (again || late_us > HEAL_WINDOW_MS * SIM_MS / 2)
        on_cut_off(route->proc);
    route->fault_us = sim_us();
}

static void connect_soon(struct redis_route *route);

static bool is_of_the_dead(const struct redis_route *route)
{
    return route->proc->life != route->life;
}

/* ---- the end of a connection ---- */

static void answer_pending(struct redis_route *route)
{
    struct redis_call *call = route->head;
    route->head = route->tail = NULL;
    while (call != NULL) {
        struct redis_call *next = call->next;
        call->on_reply(call, NULL);
        call = next;
    }
}

static void fall(struct redis_route *route, const char *why)
{
    route->up = false;
    route->link += 1;
    route->conf.on_down(route->conf.ctx, 0, why);
    answer_pending(route);
    if (!route->closed)
        connect_soon(route);
}

void redis_route_drop(struct redis_route *route, uint8_t node, const char *why)
{
    (void)node;
    if (route->up)
        fall(route, why);
}

/* ---- the beginning ---- */

static void try_to_connect(void *ctx)
{
    struct redis_route *route = ctx;
    if (route->closed)
        return;
    route->run = keeper_run();
    if (route->run == 0 || keeper_busy_us() > 0) {
        if (route->failures == 0)
            route->conf.on_down(route->conf.ctx, 0, "connection refused");
        connect_soon(route);
        return;
    }
    route->up = true;
    route->there_us = route->back_us = sim_us();
    route->conf.on_up(route->conf.ctx, 0);
}

static void connect_soon(struct redis_route *route)
{
    unsigned doublings = route->failures < 8 ? route->failures : 8;
    uint64_t ms = (uint64_t)REDIS_BACKOFF_MIN_MS << doublings;
    ms = ms < REDIS_BACKOFF_MAX_MS ? ms : REDIS_BACKOFF_MAX_MS;
    route->failures += 1;
    sim_after(route->proc, sim_between(ms / 2, ms) * SIM_MS, try_to_connect, route);
}

int redis_route_create(const struct redis_route_conf *conf, struct err_slot *err,
                       struct redis_route **out)
{
    (void)err;
    struct redis_route *route = calloc(1, sizeof(*route));
    assert(route != NULL);
    route->conf = *conf;
    route->proc = conf->loop->data;
    route->life = route->proc->life;
    route->link = 1;
    sim_after(route->proc, sim_between(SIM_MS, 20 * SIM_MS), try_to_connect, route);
    *out = route;
    return 0;
}

uint8_t redis_route_node(const struct redis_route *route, uint16_t slot)
{
    (void)route;
    (void)slot;
    return 0;
}

bool redis_route_follow(struct redis_route *route, uint8_t node, const struct redisReply *reply,
                        struct redis_detour *out)
{
    (void)route;
    (void)node;
    (void)reply;
    (void)out;
    return false;
}

void redis_route_healthy(struct redis_route *route, uint8_t node)
{
    (void)node;
    route->failures = 0;
}

uint64_t redis_route_timeouts(const struct redis_route *route)
{
    return route->timeouts;
}

/* ---- the end of a turn ---- */

static void turn(void *ctx)
{
    struct redis_route *route = ctx;
    route->woken = false;
    if (!route->closed)
        route->conf.on_turn(route->conf.ctx);
}

void redis_route_wake(struct redis_route *route)
{
    if (route->closed || route->woken)
        return;
    route->woken = true;
    sim_after(route->proc, 0, turn, route);
}

void redis_route_flush(struct redis_route *route)
{
    (void)route; /* sent calls are in flight already */
}

/* ---- deadlines ---- */

static void watch(struct redis_route *route, uint64_t deadline_us);

static void on_deadline(void *ctx)
{
    struct redis_route *route = ctx;
    uint64_t earliest = UINT64_MAX;
    route->watched = false;
    for (const struct redis_call *call = route->head; call != NULL; call = call->next)
        earliest = call->deadline_us < earliest ? call->deadline_us : earliest;
    if (route->closed || earliest == UINT64_MAX)
        return;
    if (earliest > clock_mono_us(route->conf.clock)) {
        watch(route, earliest);
        return;
    }
    route->timeouts += 1;
    redis_route_drop(route, 0, "a call was not answered in time");
}

static void watch(struct redis_route *route, uint64_t deadline_us)
{
    uint64_t now_us = clock_mono_us(route->conf.clock);
    if (route->watched)
        return;
    route->watched = true;
    sim_after(route->proc, deadline_us > now_us ? deadline_us - now_us : 0, on_deadline, route);
}

/* ---- answers ---- */

static void take_answer(struct redis_route *route, struct passage *passage)
{
    struct redis_call *call = route->head;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    assert(reader != NULL && call == passage->call);
    route->head = call->next;
    if (route->head == NULL)
        route->tail = NULL;
    redisReaderFeed(reader, passage->answer.ptr, passage->answer.len);
    int rc = redisReaderGetReply(reader, &reply);
    assert(rc == REDIS_OK && reply != NULL);
    call->on_reply(call, reply); /* the callback may close anything */
    freeReplyObject(reply);
    redisReaderFree(reader);
}

static void free_passage(struct passage *passage)
{
    bytes_free(&passage->command);
    bytes_free(&passage->answer);
    free(passage);
}

static void look_into_inbox(void *ctx)
{
    struct redis_route *route = ctx;
    while (route->inbox != NULL) {
        struct passage *passage = route->inbox;
        route->inbox = passage->next;
        if (!route->closed && route->up && passage->link == route->link)
            take_answer(route, passage);
        free_passage(passage);
    }
}

static void on_hung_up(void *ctx)
{
    struct passage *passage = ctx;
    struct redis_route *route = passage->route;
    if (!route->closed && route->up && passage->link == route->link)
        fall(route, "hung up");
    free_passage(passage);
}

static void come_back(void *ctx)
{
    struct passage *passage = ctx;
    struct redis_route *route = passage->route;
    if (is_of_the_dead(route)) {
        free_passage(passage);
        return;
    }
    if (route->inbox == NULL)
        route->inbox = passage;
    else
        route->inbox_end->next = passage;
    route->inbox_end = passage;
    sim_after(route->proc, 0, look_into_inbox, route);
}

/* Tells the front that its connection is gone, unless it has a newer one. */
static void hang_up(struct passage *passage)
{
    if (passage->link > passage->route->broken) /* otherwise a newer one is already closed */
        passage->route->broken = passage->link;
    if (is_of_the_dead(passage->route))
        free_passage(passage);
    else
        sim_after(passage->route->proc, sim_between(SIM_MS, 50 * SIM_MS), on_hung_up, passage);
}

static uint64_t in_order(uint64_t *last_us, uint64_t us)
{
    uint64_t at_us = sim_us() + us;
    *last_us = at_us > *last_us ? at_us : *last_us + 1;
    return *last_us - sim_us();
}

/* ---- calls ---- */

static size_t read_words(const struct bytes *command, struct span *words)
{
    char *at = command->ptr + 1;
    size_t len = strtoul(at, &at, 10);
    assert(command->ptr[0] == '*' && len <= WORDS_MAX);
    for (size_t i = 0; i < len; i++) {
        size_t bytes = strtoul(at + 3, &at, 10);
        words[i] = (struct span){at + 2, bytes};
        at += 2 + bytes;
    }
    return len;
}

static void be_read(struct passage *passage)
{
    static struct span words[WORDS_MAX];
    struct redis_route *route = passage->route;
    if (passage->run != keeper_run() || passage->link == route->broken) {
        hang_up(passage);
        return;
    }
    if (fault_now(FAULT_REDIS_CUT)) {
        suffer(route, 0);
        hang_up(passage);
        return;
    }
    if (is_of_the_dead(route) || route->link != passage->link)
        probe_reached(PROBE_LINE_LATE_CALL);
    keeper_do(words, read_words(&passage->command, words), &passage->answer);
    if (fault_now(FAULT_REDIS_CUT_AFTER)) {
        suffer(route, 0);
        hang_up(passage);
        return;
    }
    sim_after(NULL, in_order(&route->back_us, sim_between(CALL_US_MIN, CALL_US_MAX)), come_back,
              passage);
}

/* A paused Redis reads the calls that arrived meanwhile when it resumes, in order. Events of the
 * same time have no order, so this is one event. */
static void read_those_who_wait(void *ctx)
{
    struct redis_route *route = ctx;
    if (keeper_busy_us() > 0) {
        sim_after(NULL, keeper_busy_us(), read_those_who_wait, route);
        return;
    }
    while (route->waiting != NULL) {
        struct passage *passage = route->waiting;
        route->waiting = passage->next;
        passage->next = NULL;
        be_read(passage);
    }
}

static void wait_there(struct passage *passage)
{
    struct redis_route *route = passage->route;
    if (route->waiting == NULL) {
        route->waiting = passage;
        sim_after(NULL, keeper_busy_us(), read_those_who_wait, route);
    } else {
        route->waiting_end->next = passage;
    }
    route->waiting_end = passage;
}

static void arrive(void *ctx)
{
    struct passage *passage = ctx;
    const struct redis_route *route = passage->route;
    bool is_behind = route->waiting != NULL && route->waiting_end->link == passage->link;
    if (keeper_busy_us() > 0 || is_behind)
        wait_there(passage);
    else
        be_read(passage);
}

void redis_route_send(struct redis_route *route, uint8_t node, bool asking, struct redis_call *call,
                      struct span command)
{
    struct passage *passage = calloc(1, sizeof(*passage));
    assert(passage != NULL && route->up && !asking && call->on_reply != NULL);
    passage->route = route;
    passage->call = call;
    passage->link = route->link;
    passage->run = route->run;
    bytes_put(&passage->command, command.ptr, command.len);
    bytes_put(&passage->command, "", 1);
    call->node = node;
    call->next = NULL;
    if (route->tail != NULL)
        route->tail->next = call;
    else
        route->head = call;
    route->tail = call;
    watch(route, call->deadline_us);
    uint64_t us = sim_between(CALL_US_MIN, CALL_US_MAX);
    if (fault_now(FAULT_REDIS_LATE)) {
        us = sim_below(SIM_FAULTS, LATE_MAX_MS) * SIM_MS;
        suffer(route, us);
    }
    sim_after(NULL, in_order(&route->there_us, us), arrive, passage);
}

void redis_route_close(struct redis_route *route)
{
    route->closed = true; /* the memory stays: passages point to it */
    answer_pending(route);
}
