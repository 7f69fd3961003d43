/* redis_scout.c: a timer, and a link to the server that is being asked.
 *
 * A cluster node that is cut off from most others keeps sending its old map, with itself as master.
 * The map looks valid; but a master without a majority refuses commands (CLUSTERDOWN), and then the
 * next node is asked for a map.
 *
 * Polling is used rather than +switch-master messages: a missed message is lost for good, and a
 * sentinel that is cut off sends none. An answer every 200 ms costs next to nothing and is always
 * current.
 *
 * A sentinel that comes back has outdated knowledge, and would name a master that was replaced
 * meanwhile. Each change of masters has a number that only rises (config-epoch), so an answer with
 * a lower number than the highest seen is rejected, and the next sentinel is asked.
 *
 * Invariant: the timer is armed, or a request is under way, or a link is connecting (which ends in
 * on_up or on_down). */
#include "redis/redis_scout.h"

#include "base/magic.h"
#include "redis/redis_limits.h"
#include "redis/redis_link.h"
#include "redis/resp.h"

#include <assert.h>
#include <stdlib.h>

struct redis_scout {
    uint32_t magic;
    struct redis_scout_conf conf;
    uv_timer_t timer;
    struct redis_link *link; /* NULL: between two candidates */
    struct redis_addr addr;  /* of the server being asked */
    uint32_t turn;           /* the candidate being asked; only counts up */
    uint32_t in_vain;        /* consecutive failures */
    uint64_t hurry_until_us;
    uint64_t believed_us; /* when this one was first accepted; 0: not yet */
    bool asking;
    struct redis_call slots_call; /* or for the master's address */
    struct redis_call epoch_call;
    uint64_t epoch_seen;
    bool has_master;
    struct redis_addr master;
    struct redis_map map; /* while it is read */
};

MAGIC(redis_scout, 0x2ed15006);

static uint64_t now_us(const struct redis_scout *scout)
{
    return clock_mono_us(scout->conf.clock);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct redis_scout *scout, uint64_t wait_ms)
{
    uv_timer_start(&scout->timer, on_timer, wait_ms, 0);
}

static uint32_t candidates(const struct redis_scout *scout)
{
    return scout->conf.seeds->len + (scout->conf.master == NULL ? scout->conf.map->len : 0);
}

static void on_up(void *ctx);

/* The link is closed, and the next candidate is asked soon, or after a longer pause if none of them
 * could answer. */
static void on_down(void *ctx, const char *why)
{
    struct redis_scout *scout = MAGIC_OF(redis_scout, ctx);
    struct redis_link *link = scout->link;
    scout->link = NULL;
    scout->asking = false;
    scout->believed_us = 0;
    scout->turn++;
    scout->in_vain++;
    bool all = scout->in_vain >= candidates(scout);
    if (all)
        scout->in_vain = 0;
    uint64_t pause_ms = all ? REDIS_BACKOFF_MAX_MS / 2 : REDIS_BACKOFF_MIN_MS;
    arm(scout, pause_ms / 2 + rng_below(scout->conf.rng, pause_ms));
    redis_link_close(link);
    if (all)
        scout->conf.on_lost(scout->conf.ctx, why); /* last: the scout may be closed now */
}

static void on_link_dirty(void *ctx)
{
    struct redis_scout *scout = MAGIC_OF(redis_scout, ctx);
    scout->conf.on_dirty(scout->conf.ctx);
}

static void open_link(struct redis_scout *scout)
{
    uint32_t at = scout->turn % candidates(scout), seeds = scout->conf.seeds->len;
    scout->addr = at < seeds ? scout->conf.seeds->at[at] : scout->conf.map->node[at - seeds];
    struct redis_link_conf link = {
        .loop = scout->conf.loop,
        .host = scout->addr.host,
        .port = scout->addr.port,
        .tls = scout->conf.tls,
        .login = scout->conf.login,
        .clock = scout->conf.clock,
        .rng = scout->conf.rng,
        .on_up = on_up,
        .on_down = on_down,
        .on_dirty = on_link_dirty,
        .ctx = scout,
    };
    if (redis_link_create(&link, NULL, &scout->link) < 0)
        arm(scout, REDIS_BACKOFF_MAX_MS);
}

static void believe(struct redis_scout *scout)
{
    scout->asking = false;
    scout->in_vain = 0;
    scout->believed_us = scout->believed_us > 0 ? scout->believed_us : now_us(scout);
    redis_link_healthy(scout->link);
    bool hurried = now_us(scout) < scout->hurry_until_us;
    arm(scout, hurried ? SCOUT_HURRIED_MS : SCOUT_QUIET_MS);
    scout->conf.on_map(scout->conf.ctx, &scout->map); /* last: the scout may be closed now */
}

/* Drops a server whose answer is unusable; logs the server's own words if it has any. */
static void drop(struct redis_scout *scout, const struct redisReply *reply, const char *why)
{
    bool said = reply != NULL && reply->type == REDIS_REPLY_ERROR;
    redis_link_drop(scout->link, said ? reply->str : why);
}

static void on_slots(struct redis_call *call, const struct redisReply *reply)
{
    struct redis_scout *scout = call->ctx;
    if (reply == NULL)
        return;
    if (redis_map_read_slots(reply, &scout->addr, &scout->map))
        believe(scout);
    else
        drop(scout, reply, "no slots in its answer");
}

static void on_master(struct redis_call *call, const struct redisReply *reply)
{
    struct redis_scout *scout = call->ctx;
    scout->has_master = reply != NULL && redis_map_read_master(reply, &scout->master);
}

static void on_epoch(struct redis_call *call, const struct redisReply *reply)
{
    struct redis_scout *scout = call->ctx;
    uint64_t epoch;
    if (reply == NULL)
        return;
    if (!scout->has_master || !redis_map_read_epoch(reply, &epoch)) {
        drop(scout, reply, "the sentinel knows no such master");
    } else if (epoch < scout->epoch_seen) {
        redis_link_drop(scout->link, "the sentinel is behind the times");
    } else {
        scout->epoch_seen = epoch;
        redis_map_single(&scout->master, &scout->map);
        believe(scout);
    }
}

static void send_words(struct redis_scout *scout, struct redis_call *call,
                       void (*on_reply)(struct redis_call *, const struct redisReply *),
                       const char *const words[3])
{
    char memory[512];
    struct text command = text_on(memory, sizeof(memory));
    uint64_t count = words[2] != NULL ? 3 : 2;
    resp_begin(&command, count);
    for (uint64_t i = 0; i < count; i++)
        resp_cstr(&command, words[i]);
    assert(!command.overflown); /* the setting limits the master's name */
    call->on_reply = on_reply;
    call->ctx = scout;
    call->deadline_us = now_us(scout) + STORE_DEADLINE_MS * 1000;
    redis_link_send(scout->link, call, text_span(&command));
}

static void ask(struct redis_scout *scout)
{
    const char *master = scout->conf.master;
    scout->asking = true;
    if (master == NULL) {
        send_words(scout, &scout->slots_call, on_slots,
                   (const char *const[3]){"CLUSTER", "SLOTS", NULL});
        return;
    }
    scout->has_master = false;
    send_words(scout, &scout->slots_call, on_master,
               (const char *const[3]){"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master});
    send_words(scout, &scout->epoch_call, on_epoch,
               (const char *const[3]){"SENTINEL", "MASTER", master});
}

static void on_up(void *ctx)
{
    ask(MAGIC_OF(redis_scout, ctx));
}

static void on_timer(uv_timer_t *timer)
{
    struct redis_scout *scout = MAGIC_OF(redis_scout, timer->data);
    if (scout->link == NULL)
        open_link(scout);
    else if (redis_link_is_up(scout->link) && !scout->asking)
        ask(scout);
}

void redis_scout_hurry(struct redis_scout *scout)
{
    scout->hurry_until_us = now_us(scout) + SCOUT_HURRY_MS * 1000;
    if (scout->link != NULL && redis_link_is_up(scout->link) && !scout->asking &&
        uv_timer_get_due_in(&scout->timer) > SCOUT_HURRIED_MS)
        arm(scout, 0);
}

/* While the whole cluster is down this goes round, with the pause at each. */
void redis_scout_move_on(struct redis_scout *scout)
{
    if (scout->link != NULL && candidates(scout) > 1 && scout->believed_us > 0 &&
        now_us(scout) > scout->believed_us + SCOUT_QUIET_MS * UINT64_C(1000))
        redis_link_drop(scout->link, "it may be in the smaller part of the cluster");
}

void redis_scout_flush(struct redis_scout *scout)
{
    if (scout->link != NULL)
        redis_link_flush(scout->link);
}

int redis_scout_create(const struct redis_scout_conf *conf, struct err_slot *err,
                       struct redis_scout **out)
{
    assert(conf->seeds->len > 0 && conf->on_map != NULL && conf->on_lost != NULL);
    struct redis_scout *scout = calloc(1, sizeof(*scout));
    if (scout == NULL)
        return err_set(err, ERR_NOMEM, "scout of %zu bytes", sizeof(*scout));
    MAGIC_BEGIN(redis_scout, scout);
    scout->conf = *conf;
    uv_timer_init(conf->loop, &scout->timer);
    scout->timer.data = scout;
    arm(scout, 0);
    *out = scout;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct redis_scout *scout = MAGIC_OF(redis_scout, handle->data);
    assert(scout->link == NULL);
    MAGIC_END(redis_scout, scout);
    free(scout);
}

void redis_scout_close(struct redis_scout *scout)
{
    struct redis_link *link = scout->link;
    scout->link = NULL;
    uv_close((uv_handle_t *)&scout->timer, on_timer_closed);
    if (link != NULL)
        redis_link_close(link);
}
