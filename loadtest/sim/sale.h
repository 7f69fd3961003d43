/* sale.h: one on-sale of any size in virtual time: a crowd, the edge, the fronts and their Redis,
 * each doing as much work in a tenth of a second as its processors allow, and no more.
 *
 * People are counted, not made: by thousands who stand together in the line. So ten million of them
 * for an hour take a second of ours, and the poll intervals are those of the service itself
 * (queue-front's core/poll.h), not a guess of them. */
#ifndef FG_LOADTEST_SIM_SALE_H
#define FG_LOADTEST_SIM_SALE_H

#include <stdbool.h>
#include <stdint.h>

/* What one thing costs: processor time in nanoseconds, bytes on the wire towards the visitor. The
 * defaults are measured (loadtest/README.md says how). */
struct sale_costs {
    uint64_t handshake_ns;  /* edge: a new TLS connection */
    uint64_t edge_ns;       /* edge: a request passed on */
    uint64_t page_ns;       /* front: the waiting page */
    uint64_t join_ns;       /* front: a join */
    uint64_t shed_ns;       /* front: a join told to come back */
    uint64_t poll_ns;       /* front: a poll */
    uint64_t pass_ns;       /* front: a pass, an ES256 signature included */
    uint64_t redis_join_ns; /* Redis: a join, one of many in a script call */
    uint64_t redis_tick_ns; /* Redis: a tick of one loop */
    uint64_t redis_pass_ns; /* Redis: a pass */
    uint64_t page_bytes, join_bytes, poll_bytes, handshake_bytes;
};

struct sale_machines {
    uint64_t edges, edge_cores;
    uint64_t fronts, front_cores; /* a core is a loop */
    uint64_t busy_percent;        /* of a processor that may be used; the rest is for bad luck */
};

struct sale_ask {
    uint64_t visitors;
    uint64_t within_ms; /* all of them come within this time */
    uint64_t rate_per_s;
    uint64_t seats;
    uint64_t seats_percent;     /* seats that a hundred who are called take in all */
    uint64_t reconnect_percent; /* of polls that need a connection of their own */
    struct sale_machines machines;
    struct sale_costs costs;
};

/* The parts that can be too small, in the order of a visitor's way. */
enum sale_part { SALE_EDGE, SALE_FRONT, SALE_REDIS, SALE_PARTS };

const char *sale_part_name(enum sale_part part);

struct sale_result {
    double placed_s;   /* until the last visitor had a place; 0: never */
    double sold_out_s; /* until the last seat went, or the line was empty */
    double ended_s;    /* the later of both: until nobody has anything to wait for */
    double placed;     /* people */
    double called, sold;
    double told_later;         /* joins answered with a time to come back */
    double door_peak;          /* people whose connection was not yet accepted */
    double waiting_peak;       /* people with a place, not yet called */
    double joins_per_s_peak;   /* over a second, like all peaks */
    double polls_per_s_peak;   /* asked */
    double bytes_per_s_peak;   /* towards visitors */
    double busy[SALE_PARTS];   /* share of all its processors' time, in its busiest second */
    double late_polls;         /* polls that a part had no time for when they were due */
    double polls, bytes;       /* in all */
    double redis_script_calls; /* in all: ticks and passes, and joins by the loop turn */
    enum sale_part narrowest;  /* what kept the last visitor waiting for a place */
};

/* Deterministic; no clock, no chance. */
void sale_run(const struct sale_ask *ask, struct sale_result *out);

#endif
