/* redis_map.h: which of several Redis servers to use: their addresses, the slots of a cluster, and
 * the replies in which clusters and sentinels describe them.
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
    REDIS_NODES_MAX = 64, /* masters per cluster: a loop has a connection to each */
    REDIS_SEEDS_MAX = 16,
    REDIS_HOST_MAX = 254, /* the longest DNS name, and its NUL */
    REDIS_NOBODY = 255,   /* no node */
};

struct redis_addr {
    char host[REDIS_HOST_MAX];
    uint16_t port;
};

/* Whether this may be a host. Checks only the form; no name is resolved. */
bool redis_host_is_good(const char *host); /* numeric, or formed like a name */

bool redis_addr_eq(const struct redis_addr *a, const struct redis_addr *b);
/* "redis-1:6379", "10.0.0.1:6379", "[::1]:6379", or "::1:6379" as Redis writes it. */
bool redis_addr_parse(struct span text, struct redis_addr *out);

struct redis_seeds {
    struct redis_addr at[REDIS_SEEDS_MAX];
    uint32_t len;
};

/* Addresses separated by commas, at least one. */
bool redis_seeds_parse(struct span text, struct redis_seeds *out);

/* The slot of a hash tag, the text in a key's braces. */
uint16_t redis_slot(struct span tag);

struct redis_map {
    struct redis_addr node[REDIS_NODES_MAX];
    uint32_t len;
    uint8_t owner[REDIS_SLOTS]; /* a node's number, or REDIS_NOBODY */
};

/* One server for everything. */
void redis_map_single(const struct redis_addr *addr, struct redis_map *out);
/* CLUSTER SLOTS; `asked` replaces the address of a server that does not know its own. False: not
 * such a reply, or too many masters. */
bool redis_map_read_slots(const struct redisReply *reply, const struct redis_addr *asked,
                          struct redis_map *out);
/* SENTINEL GET-MASTER-ADDR-BY-NAME. */
bool redis_map_read_master(const struct redisReply *reply, struct redis_addr *out);
/* The config-epoch of SENTINEL MASTER: of two replies the higher one is newer. */
bool redis_map_read_epoch(const struct redisReply *reply, uint64_t *out);

struct redis_redirect {
    bool ask; /* for one call only, after ASKING; otherwise the slot has moved for good */
    uint16_t slot;
    struct redis_addr to;
};

/* "MOVED 3999 127.0.0.1:6381" or "ASK ...". */
bool redis_redirect_read(const struct redisReply *reply, const struct redis_addr *asked,
                         struct redis_redirect *out);

#endif
