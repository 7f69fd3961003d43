/* size.h: how many machines a sale needs, by sums: work over capacity, the slowest station decides.
 * loadtest/sim/whole/closed.js does the same sums, and a test compares; the simulation there and
 * infra/SCALE.md say how accurate they are. Pure: no clock, no randomness. */
#ifndef FG_CTL_PLAN_SIZE_H
#define FG_CTL_PLAN_SIZE_H

#include <stdbool.h>

struct size_ask {
    double visitors, seats;
    double within_s;                           /* all visitors arrive within this time */
    double placed_s;                           /* time until everybody has a place */
    double rate_per_s;                         /* people called a second */
    bool cdn;                                  /* in front: it ends TLS and caches the page */
    double edge_cores, front_cores, pay_cores; /* of one machine each */
};

enum { SIZE_SHARDS_MAX = 16 }; /* of one event */

/* One machine more than the work needs, so that any one may fail. */
enum { SIZE_SPARE = 1, SIZE_REPLICAS = 2, SIZE_SEAT_CORES = 4, SIZE_PAY_CORES = 2 };

enum {
    SIZE_DISK_GB = 20, /* of each machine: the system and its logs */
    SIZE_WAL_GB = 24,  /* max_wal_size, and what a replica that is gone keeps (archive.conf) */
};

struct size_door {
    double edges, fronts;
};

struct size {
    struct size_door opening, after; /* until everybody has a place; afterwards */
    double shards, pays;
    double max_active, connections, streams; /* inside; of an edge; of a front */
    double psp_per_s, users_per_s;           /* the least that these must allow */
    double handshakes_per_s, polls_per_s;    /* at the edges */
    double bytes_per_s;                      /* to the visitors, at the opening */
    double edge_gb, front_gb, redis_gb, seats_gb, pay_gb, postgres_gb; /* memory of one machine */
    double redis_disk_gb, postgres_disk_gb;
    double redis_bytes, seats_bytes;         /* of a shard's places; of the events' seats */
    double maxconn, edge_files, front_files; /* limits of an edge and of a front */
    double sold_s, shop_s; /* until the last ticket; until the shop has the last order */
    bool short_of_shards;  /* SIZE_SHARDS_MAX are not enough */
};

void size_of(const struct size_ask *ask, struct size *out);

#endif
