/* pool.h: calls to one service over a bounded number of kept connections, as an edge makes them.
 *
 * A call has a due time and is sent when a connection is free. Its latency counts from the due
 * time, so that a stalling service is not excused for calls that could not even be sent (no
 * coordinated omission). One loop, one thread. */
#ifndef FG_CROWD_POOL_H
#define FG_CROWD_POOL_H

#include "base/text.h"
#include "wire/link.h"

struct pool;

struct pool_conf {
    struct link_conf link; /* of each connection, except its number */
    uint32_t connections;
};

int pool_create(const struct pool_conf *conf, struct err_slot *err, struct pool **out);
void pool_close(struct pool *pool); /* silent at once; freed later by the loop */

struct pool_answer {
    int rc; /* 0, or ERR_TIMEOUT, ERR_CLOSED, ERR_FULL, ERR_SYNTAX: no answer */
    unsigned status;
    struct span body;
    struct span cookie; /* the first Set-Cookie, up to its ';' */
    uint32_t retry_after_s;
    uint64_t took_us; /* since it was due */
};

struct pool_call {
    /* Writes the whole request just before it is sent. */
    void (*write)(void *ctx, struct text *request);
    void (*on_answer)(void *ctx, const struct pool_answer *answer); /* the call is over */
    void *ctx;
    uint64_t due_us;
    /* for the pool */
    struct pool_call *next;
    bool again; /* already sent once, over a connection that turned out to be closed */
};

/* The call stays the caller's memory until on_answer, which is never called from within. */
void pool_ask(struct pool *pool, struct pool_call *call);

#endif
