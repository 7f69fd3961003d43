/* redis_limits.h: every limit of the connections to Redis, each with the reason for its size. */
#ifndef FG_QUEUE_FRONT_REDIS_LIMITS_H
#define FG_QUEUE_FRONT_REDIS_LIMITS_H

enum {
    /* No call waits longer for Redis. The contract's "503 within 1 s" leaves the rest for the way
     * to the visitor, also on a busy machine. */
    STORE_DEADLINE_MS = 800,

    /* How often a master has to prove that a replica follows, and how soon. Together they are
     * shorter than the earliest failover by Sentinel. */
    CONFIRM_EVERY_MS = 250,
    CONFIRM_WITHIN_MS = 500,

    /* Reconnecting: the pause doubles between these two, its last half random, so that fronts do
     * not come back in step. The upper limit stays below the healing window. */
    REDIS_BACKOFF_MIN_MS = 20,
    REDIS_BACKOFF_MAX_MS = 250,

    /* Addresses of one name, tried in turn: two families of a handful of servers. */
    LINK_ADDRS_MAX = 8,
    LINK_ADDR_BYTES = 46, /* an IPv6 address in full, and its NUL */
    /* User and password as one command; Redis itself hashes any input. */
    REDIS_PASSWORD_MAX = 1024,
    LINK_LOGIN_BYTES = 2048,

    /* How often a sentinel or a cluster node is asked for the current masters: well within the
     * healing window, so that a front that did not notice a failover learns of it in time. After
     * trouble, more often for some seconds, about as long as a failover takes. */
    SCOUT_QUIET_MS = 200,
    SCOUT_HURRIED_MS = 50,
    SCOUT_HURRY_MS = 5000,
    /* How long a server named by ASK is kept while it owns no slot. */
    ROUTE_KEEP_MS = 5000,
};

#endif
