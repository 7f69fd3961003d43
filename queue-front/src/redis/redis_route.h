/* redis_route.h: one loop's connections to Redis, and the choice of one for a key. Redis is one
 * server at a fixed address; or the master that sentinels name; or a cluster, where each slot has
 * its own server. Senders see no difference: they name a slot and get a node, a small number that
 * stands for one connection.
 *
 * Nodes come and go: on_up says that a node accepts commands, on_down that it is lost. It may come
 * up again, or its number may stand for another server later. Belongs to one loop; all calls are
 * made on its thread. */
#ifndef FG_QUEUE_FRONT_REDIS_ROUTE_H
#define FG_QUEUE_FRONT_REDIS_ROUTE_H

#include "redis/redis_link.h"
#include "redis/redis_map.h"

struct redis_route;

/* All pointers are borrowed until redis_route_close(). Exactly one of path, host, sentinels and
 * cluster is given. */
struct redis_route_conf {
    uv_loop_t *loop;
    const char *path;      /* unix socket */
    const char *host;      /* with port */
    const char *sentinels; /* addresses separated by commas; needs master */
    const char *cluster;   /* some of its nodes, in the same form */
    uint16_t port;
    const char *master;     /* the master's name at the sentinels */
    struct tls_client *tls; /* NULL: no TLS */
    struct redis_login login;
    struct redis_login sentinel_login; /* sentinels have their own users and passwords */
    const struct clock *clock;
    const struct rng *rng;
    void (*on_up)(void *ctx, uint8_t node);
    void (*on_down)(void *ctx, uint8_t node, const char *why);
    void (*on_lost)(void *ctx, const char *why); /* no server names the masters; retries go on */
    void (*on_turn)(void *ctx); /* the end of a turn in which redis_route_wake() was called */
    void *ctx;
};

int redis_route_create(const struct redis_route_conf *conf, struct err_slot *err,
                       struct redis_route **out);

/* The node with this slot; REDIS_NOBODY if unknown. It may be down. */
uint8_t redis_route_node(const struct redis_route *route, uint16_t slot);

/* Sends to a node that is up. `asking`: ASK named it for this one call. */
void redis_route_send(struct redis_route *route, uint8_t node, bool asking, struct redis_call *call,
                      struct span command);

/* Whether this node's reply names another node. Then that is in *out and nothing was done: repeat
 * the call there. A slot that has moved is remembered. */
struct redis_detour {
    uint16_t slot;
    uint8_t node; /* may still be down */
    bool asking;
};
bool redis_route_follow(struct redis_route *route, uint8_t node, const struct redisReply *reply,
                        struct redis_detour *out);

void redis_route_wake(struct redis_route *route);
/* Sends everything now, without waiting for the end of the turn; calls may end meanwhile. */
void redis_route_flush(struct redis_route *route);
void redis_route_healthy(struct redis_route *route, uint8_t node);
void redis_route_drop(struct redis_route *route, uint8_t node, const char *why);
uint64_t redis_route_timeouts(const struct redis_route *route);
/* Answers pending calls with NULL, then makes no more callbacks; the loop frees the memory. */
void redis_route_close(struct redis_route *route);

#endif
