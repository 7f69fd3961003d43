/* redis_route.c: one table of servers, updated from the scout's maps.
 *
 * Each new map is compared with the table. A new server gets a link. A server that the map no
 * longer names loses its link, unless ASK has named it recently: a server that is just being filled
 * owns no slot yet. A server's number is its place in the table, so it stays the same as long as
 * the server is there.
 *
 * The end of a turn. Links that became dirty during a turn of the loop are flushed at its end: a
 * check handle calls on_turn, in which more may be sent, and then flushes all links. An idle
 * handle, which runs only while that is pending, keeps the loop from sleeping in between. */
#include "redis/redis_route.h"

#include "base/magic.h"
#include "redis/redis_limits.h"
#include "redis/redis_scout.h"
#include "redis/resp.h"

#include <assert.h>
#include <stdlib.h>

struct node {
    uint32_t magic;
    struct redis_route *route;
    struct redis_link *link; /* NULL: the number is free */
    struct redis_addr addr;
    bool named;             /* in the newest map */
    uint64_t kept_until_us; /* named by ASK */
};

MAGIC(node, 0x2ed15004);

struct redis_route {
    uint32_t magic;
    struct redis_route_conf conf;
    struct redis_seeds seeds;
    struct redis_scout *scout; /* NULL: a fixed address */
    struct redis_map map;      /* the scout's newest map */
    struct node node[REDIS_NODES_MAX];
    uint8_t owner[REDIS_SLOTS];
    uv_check_t check;
    uv_idle_t idle;
    unsigned handles; /* the loop still has these */
    bool turning;     /* at the end of a turn: dirty links are flushed anyway */
    bool closed;
    uint64_t timeouts; /* of closed links */
};

MAGIC(redis_route, 0x2ed15005);

static uint64_t now_us(const struct redis_route *route)
{
    return clock_mono_us(route->conf.clock);
}

/* ---- the end of a turn ---- */

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* it only makes the loop poll without waiting */
}

void redis_route_flush(struct redis_route *route)
{
    for (size_t i = 0; i < REDIS_NODES_MAX; i++) {
        if (route->node[i].link != NULL)
            redis_link_flush(route->node[i].link);
    }
}

static void on_check(uv_check_t *check)
{
    struct redis_route *route = MAGIC_OF(redis_route, check->data);
    uv_check_stop(&route->check);
    uv_idle_stop(&route->idle);
    route->turning = true;
    route->conf.on_turn(route->conf.ctx); /* the route may be closed now */
    redis_route_flush(route);
    if (route->scout != NULL)
        redis_scout_flush(route->scout);
    route->turning = false;
}

void redis_route_wake(struct redis_route *route)
{
    if (route->closed || uv_is_active((uv_handle_t *)&route->idle))
        return;
    uv_idle_start(&route->idle, on_idle);
    uv_check_start(&route->check, on_check);
}

static void on_dirty(struct redis_route *route)
{
    if (!route->turning)
        redis_route_wake(route);
}

/* ---- nodes ---- */

static uint8_t number_of(const struct node *node)
{
    return (uint8_t)(node - node->route->node);
}

static void hurry(struct redis_route *route)
{
    if (route->scout != NULL)
        redis_scout_hurry(route->scout);
}

static void on_node_up(void *ctx)
{
    struct node *node = MAGIC_OF(node, ctx);
    node->route->conf.on_up(node->route->conf.ctx, number_of(node));
}

static void on_node_down(void *ctx, const char *why)
{
    struct node *node = MAGIC_OF(node, ctx);
    hurry(node->route);
    node->route->conf.on_down(node->route->conf.ctx, number_of(node), why);
}

static void on_node_dirty(void *ctx)
{
    struct node *node = MAGIC_OF(node, ctx);
    on_dirty(node->route);
}

static int open_node(struct redis_route *route, struct node *node, struct err_slot *err)
{
    struct redis_link_conf link = {
        .loop = route->conf.loop,
        .path = route->conf.path,
        .host = route->conf.path == NULL ? node->addr.host : NULL,
        .port = node->addr.port,
        .tls = route->conf.tls,
        .login = route->conf.login,
        .replicated = route->conf.sentinels != NULL,
        .clock = route->conf.clock,
        .rng = route->conf.rng,
        .on_up = on_node_up,
        .on_down = on_node_down,
        .on_dirty = on_node_dirty,
        .ctx = node,
    };
    return redis_link_create(&link, err, &node->link);
}

/* Frees the number at once; answers waiting calls last. */
static void close_node(struct node *node)
{
    struct redis_route *route = node->route;
    struct redis_link *link = node->link;
    uint8_t number = number_of(node);
    route->timeouts += redis_link_timeouts(link);
    node->link = NULL;
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++) {
        if (route->owner[slot] == number)
            route->owner[slot] = REDIS_NOBODY;
    }
    if (!route->closed)
        route->conf.on_down(route->conf.ctx, number, "it is not in charge any more");
    redis_link_close(link);
}

/* The node at this address, created if new; REDIS_NOBODY without room or memory. */
static uint8_t node_at(struct redis_route *route, const struct redis_addr *addr)
{
    struct node *free_node = NULL;
    for (size_t i = 0; i < REDIS_NODES_MAX; i++) {
        struct node *node = &route->node[i];
        if (node->link == NULL)
            free_node = free_node == NULL ? node : free_node;
        else if (redis_addr_eq(&node->addr, addr))
            return number_of(node);
    }
    if (free_node == NULL)
        return REDIS_NOBODY;
    *free_node = (struct node){.magic = node_magic, .route = route, .addr = *addr};
    return open_node(route, free_node, NULL) == 0 ? number_of(free_node) : REDIS_NOBODY;
}

static void on_map(void *ctx, const struct redis_map *map)
{
    struct redis_route *route = MAGIC_OF(redis_route, ctx);
    uint8_t number[REDIS_NODES_MAX];
    route->map = *map;
    for (size_t i = 0; i < REDIS_NODES_MAX; i++)
        route->node[i].named = false;
    for (uint32_t i = 0; i < map->len; i++) {
        number[i] = node_at(route, &map->node[i]);
        if (number[i] != REDIS_NOBODY)
            route->node[number[i]].named = true;
    }
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++) {
        uint8_t owner = map->owner[slot];
        route->owner[slot] = owner == REDIS_NOBODY ? REDIS_NOBODY : number[owner];
    }
    for (size_t i = 0; i < REDIS_NODES_MAX && !route->closed; i++) {
        struct node *node = &route->node[i];
        if (node->link != NULL && !node->named && now_us(route) >= node->kept_until_us)
            close_node(node);
    }
}

static void on_lost(void *ctx, const char *why)
{
    struct redis_route *route = MAGIC_OF(redis_route, ctx);
    route->conf.on_lost(route->conf.ctx, why);
}

static void on_scout_dirty(void *ctx)
{
    on_dirty(MAGIC_OF(redis_route, ctx));
}

/* ---- calls ---- */

uint8_t redis_route_node(const struct redis_route *route, uint16_t slot)
{
    assert(slot < REDIS_SLOTS);
    return route->owner[slot];
}

void redis_route_send(struct redis_route *route, uint8_t node, bool asking, struct redis_call *call,
                      struct span command)
{
    assert(node < REDIS_NODES_MAX);
    struct redis_link *link = route->node[node].link;
    call->node = node;
    if (asking)
        redis_link_send_quiet(link, SPAN("*1\r\n$6\r\nASKING\r\n"));
    redis_link_send(link, call, command);
}

bool redis_route_follow(struct redis_route *route, uint8_t node, const struct redisReply *reply,
                        struct redis_detour *out)
{
    struct redis_redirect redirect;
    if (route->conf.cluster == NULL || route->closed || node >= REDIS_NODES_MAX)
        return false;
    if (resp_is_error(reply, "CLUSTERDOWN"))
        redis_scout_move_on(route->scout);
    if (!redis_redirect_read(reply, &route->node[node].addr, &redirect))
        return false;
    uint8_t to = node_at(route, &redirect.to);
    if (to == REDIS_NOBODY)
        return false;
    route->node[to].kept_until_us = now_us(route) + ROUTE_KEEP_MS * 1000;
    if (!redirect.ask) {
        route->owner[redirect.slot] = to;
        hurry(route);
    }
    *out = (struct redis_detour){redirect.slot, to, redirect.ask};
    return true;
}

void redis_route_healthy(struct redis_route *route, uint8_t node)
{
    redis_link_healthy(route->node[node].link);
}

void redis_route_drop(struct redis_route *route, uint8_t node, const char *why)
{
    if (node < REDIS_NODES_MAX && route->node[node].link != NULL)
        redis_link_drop(route->node[node].link, why);
}

uint64_t redis_route_timeouts(const struct redis_route *route)
{
    uint64_t timeouts = route->timeouts;
    for (size_t i = 0; i < REDIS_NODES_MAX; i++) {
        if (route->node[i].link != NULL)
            timeouts += redis_link_timeouts(route->node[i].link);
    }
    return timeouts;
}

/* ---- life ---- */

static int open_scout(struct redis_route *route, struct err_slot *err)
{
    const struct redis_route_conf *conf = &route->conf;
    const char *seeds = conf->sentinels != NULL ? conf->sentinels : conf->cluster;
    if (!redis_seeds_parse(span_of(seeds), &route->seeds))
        return err_set(err, ERR_SYNTAX, "HOST:PORT, with commas between: %s", seeds);
    struct redis_scout_conf scout = {
        .loop = conf->loop,
        .seeds = &route->seeds,
        .master = conf->sentinels != NULL ? conf->master : NULL,
        .tls = conf->tls,
        .login = conf->sentinels != NULL ? conf->sentinel_login : conf->login,
        .map = &route->map,
        .clock = conf->clock,
        .rng = conf->rng,
        .on_map = on_map,
        .on_lost = on_lost,
        .on_dirty = on_scout_dirty,
        .ctx = route,
    };
    return redis_scout_create(&scout, err, &route->scout);
}

static int open_fixed(struct redis_route *route, struct err_slot *err)
{
    struct node *node = &route->node[0];
    MAGIC_BEGIN(node, node);
    node->route = route;
    node->named = true;
    node->addr.port = route->conf.port;
    if (route->conf.host != NULL &&
        !span_to_cstr(span_of(route->conf.host), node->addr.host, sizeof(node->addr.host)))
        return err_set(err, ERR_RANGE, "no host: %s", route->conf.host);
    memset(route->owner, 0, sizeof(route->owner));
    return open_node(route, node, err);
}

int redis_route_create(const struct redis_route_conf *conf, struct err_slot *err,
                       struct redis_route **out)
{
    bool fixed = conf->path != NULL || conf->host != NULL;
    assert((conf->path != NULL) + (conf->host != NULL) + (conf->sentinels != NULL) +
               (conf->cluster != NULL) ==
           1);
    assert(conf->on_up != NULL && conf->on_down != NULL && conf->on_turn != NULL);
    assert(conf->on_lost != NULL && (conf->sentinels == NULL || conf->master != NULL));
    struct redis_route *route = calloc(1, sizeof(*route));
    if (route == NULL)
        return err_set(err, ERR_NOMEM, "ways to Redis of %zu bytes", sizeof(*route));
    MAGIC_BEGIN(redis_route, route);
    route->conf = *conf;
    memset(route->owner, REDIS_NOBODY, sizeof(route->owner));
    int rc = fixed ? open_fixed(route, err) : open_scout(route, err);
    if (rc < 0) {
        free(route);
        return rc;
    }
    /* Neither can fail: they only link the handle into the loop. */
    uv_check_init(conf->loop, &route->check);
    uv_idle_init(conf->loop, &route->idle);
    route->check.data = route->idle.data = route;
    route->handles = 2;
    *out = route;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct redis_route *route = MAGIC_OF(redis_route, handle->data);
    assert(route->handles > 0 && route->closed);
    if (--route->handles > 0)
        return;
    MAGIC_END(redis_route, route);
    free(route);
}

void redis_route_close(struct redis_route *route)
{
    assert(!route->closed);
    route->closed = true;
    uv_close((uv_handle_t *)&route->check, on_handle_closed);
    uv_close((uv_handle_t *)&route->idle, on_handle_closed);
    if (route->scout != NULL)
        redis_scout_close(route->scout);
    route->scout = NULL;
    for (size_t i = 0; i < REDIS_NODES_MAX; i++) {
        if (route->node[i].link != NULL)
            close_node(&route->node[i]);
    }
}
