/* redis_map.h: which of several Redis servers to ask: their addresses, the slots of a
 * cluster, and the answers in which clusters and sentinels describe them.
 *
 * Pure: bytes and replies in, plain values out. A host is a name or a numeric address; redis_link
 * resolves names. */
#ifndef FG_QUEUE_FRONT_REDIS_MAP_H
#define FG_QUEUE_FRONT_REDIS_MAP_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct redisReply;

enum {
    REDIS_SLOTS = 16384,
    REDIS_NODES_MAX = 64, /* masters of one cluster: a loop keeps a connection to each */
    REDIS_SEEDS_MAX = 16,
    REDIS_HOST_MAX = 254, /* the longest name that DNS knows, and its NUL */
    REDIS_NOBODY = 255,   /* in place of a node's number */
};

struct redis_addr {
    char host[REDIS_HOST_MAX];
    uint16_t port;
};

/* Could this be a host? Only its form is judged, no name is resolved. */
bool redis_host_is_numeric(const char *host);
bool redis_host_is_good(const char *host); /* numeric, or of the form of a name */

bool redis_addr_eq(const struct redis_addr *a, const struct redis_addr *b);
/* "redis-1:6379", "10.0.0.1:6379", "[::1]:6379", or "::1:6379" as Redis writes it. */
bool redis_addr_parse(struct span text, struct redis_addr *out);

struct redis_seeds {
    struct redis_addr at[REDIS_SEEDS_MAX];
    uint32_t len;
};

/* Addresses with commas between, at least one. */
bool redis_seeds_parse(struct span text, struct redis_seeds *out);

/* Of a hash tag: the text in a key's braces. */
uint16_t redis_slot(struct span tag);

struct redis_map {
    struct redis_addr node[REDIS_NODES_MAX];
    uint32_t len;
    uint8_t owner[REDIS_SLOTS]; /* a node's number, or REDIS_NOBODY */
};

/* One server for everything. */
void redis_map_single(const struct redis_addr *addr, struct redis_map *out);
/* CLUSTER SLOTS; `asked` stands in for a server that does not know its own address. False: not
 * such an answer, or more masters than there is room for. */
bool redis_map_read_slots(const struct redisReply *reply, const struct redis_addr *asked,
                          struct redis_map *out);
/* SENTINEL GET-MASTER-ADDR-BY-NAME. */
bool redis_map_read_master(const struct redisReply *reply, struct redis_addr *out);
/* The config-epoch of SENTINEL MASTER: of two answers the higher one is newer. */
bool redis_map_read_epoch(const struct redisReply *reply, uint64_t *out);

struct redis_redirect {
    bool ask; /* for this once, and after ASKING; else the slot has moved for good */
    uint16_t slot;
    struct redis_addr to;
};

/* "MOVED 3999 127.0.0.1:6381" or "ASK ...". */
bool redis_redirect_read(const struct redisReply *reply, const struct redis_addr *asked,
                         struct redis_redirect *out);

#endif
