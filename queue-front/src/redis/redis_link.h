/* redis_link.h: one connection to Redis on one loop: kept up, pipelined, and answering every call
 * within its deadline. Commands of a turn are written at its end: the link says once that it is
 * dirty, and its owner flushes it. A connection on which a call passes its deadline is dropped, and
 * everything pending is answered with NULL: it may or may not have been done. The program must
 * ignore SIGPIPE, since hiredis writes to a socket that may be gone. */
#ifndef FG_QUEUE_FRONT_REDIS_LINK_H
#define FG_QUEUE_FRONT_REDIS_LINK_H

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"

#include <uv.h>

struct redis_link;
struct tls_client;
struct redisReply;

/* One command under way; the caller's memory until on_reply, which is called exactly once. */
struct redis_call {
    /* `reply` is borrowed during the call; NULL: the connection is gone, the outcome unknown. */
    void (*on_reply)(struct redis_call *call, const struct redisReply *reply);
    uint64_t deadline_us; /* on the monotonic clock */
    void *ctx;            /* the caller's */
    struct redis_call *next;
    struct redis_call *prev;
    struct redis_link *link;
    uint16_t slot; /* the caller's: of the key it is about */
    uint8_t node;  /* where it was sent: redis_route.h */
    uint8_t tries; /* how often: the caller sets it to 0 at first */
};

/* The user we log in as. */
struct redis_login {
    const char *user;     /* NULL: the server's default user */
    struct span password; /* empty: nothing is said at all */
};

struct redis_link_conf {
    uv_loop_t *loop;
    const char *path; /* unix socket, or NULL and: */
    const char *host; /* numeric, or a name */
    uint16_t port;
    struct tls_client *tls;   /* NULL: plain */
    struct redis_login login; /* all strings are borrowed until redis_link_close() */
    bool replicated;          /* up only while a replica confirms what the server writes */
    const struct clock *clock;
    const struct rng *rng;
    void (*on_up)(void *ctx);                    /* connected; commands may be sent */
    void (*on_down)(void *ctx, const char *why); /* it keeps trying */
    void (*on_dirty)(void *ctx); /* something is to be written: flush before the loop waits */
    void *ctx;
};

/* Starts to connect. on_up comes later, from the loop. */
int redis_link_create(const struct redis_link_conf *conf, struct err_slot *err,
                      struct redis_link **out);
bool redis_link_is_up(const struct redis_link *link);

/* `command` is whole RESP and is copied. Only while the link is up. Without memory for it the link
 * goes down, in a later turn. */
void redis_link_send(struct redis_link *link, struct redis_call *call, struct span command);
/* As redis_link_send(), but the reply is ignored: before a command that means another thing without
 * it, which is then not sent either. */
void redis_link_send_quiet(struct redis_link *link, struct span command);
void redis_link_flush(struct redis_link *link); /* writes what was sent; silent when it is not up */
/* The connection has been seen to work: the next reconnect pause is a short one again. */
void redis_link_healthy(struct redis_link *link);
void redis_link_drop(struct redis_link *link, const char *why);
/* Answers what is pending with NULL and is silent from then on; the loop frees the memory. */
void redis_link_close(struct redis_link *link);

uint64_t redis_link_timeouts(const struct redis_link *link);

#endif
