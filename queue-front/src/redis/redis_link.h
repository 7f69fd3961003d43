/* redis_link.h: one connection to Redis on one loop: reconnecting, pipelined, and answering every
 * call within its deadline. Commands of a turn are written at its end: the link reports once that
 * it is dirty, and its owner flushes it. A connection on which a call passes its deadline is
 * dropped, and everything pending is answered with NULL: it may or may not have been done. The
 * program must ignore SIGPIPE, since hiredis may write to a closed socket. */
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

/* One call under way; the caller's memory until on_reply, which is called exactly once. */
struct redis_call {
    /* `reply` is borrowed; NULL: the connection is lost, the outcome unknown. */
    void (*on_reply)(struct redis_call *call, const struct redisReply *reply);
    uint64_t deadline_us; /* on the monotonic clock */
    void *ctx;            /* for the caller */
    struct redis_call *next;
    struct redis_call *prev;
    struct redis_link *link;
    uint16_t slot; /* for the caller: slot of its key */
    uint8_t node;  /* where it was sent: see redis_route.h */
    uint8_t tries; /* attempts; the caller initialises it to 0 */
};

/* The login of the connection. */
struct redis_login {
    const char *user;     /* NULL: the server's default user */
    struct span password; /* empty: no login is sent */
};

struct redis_link_conf {
    uv_loop_t *loop;
    const char *path; /* unix socket; or NULL, and: */
    const char *host; /* numeric, or a name */
    uint16_t port;
    struct tls_client *tls;   /* NULL: no TLS */
    struct redis_login login; /* all strings are borrowed until redis_link_close() */
    bool replicated;          /* up only while a replica confirms the server's writes */
    const struct clock *clock;
    const struct rng *rng;
    void (*on_up)(void *ctx);                    /* connected; commands may be sent */
    void (*on_down)(void *ctx, const char *why); /* it keeps reconnecting */
    void (*on_dirty)(void *ctx); /* there is data to write: flush before the loop waits */
    void *ctx;
};

/* Starts connecting. on_up comes later, from the loop. */
int redis_link_create(const struct redis_link_conf *conf, struct err_slot *err,
                      struct redis_link **out);
bool redis_link_is_up(const struct redis_link *link);

/* Copies `command`, which is complete RESP. Only while the link is up. Without memory the link goes
 * down, in a later turn. */
void redis_link_send(struct redis_link *link, struct redis_call *call, struct span command);
/* Like redis_link_send(), but ignores the reply: for a command that the next one depends on. If
 * this one fails, the next one is not sent either. */
void redis_link_send_quiet(struct redis_link *link, struct span command);
void redis_link_flush(struct redis_link *link); /* writes pending commands if up */
/* The connection works: the next reconnect pause is short again. */
void redis_link_healthy(struct redis_link *link);
void redis_link_drop(struct redis_link *link, const char *why);
/* Answers pending calls with NULL, then makes no more callbacks; the loop frees the memory. */
void redis_link_close(struct redis_link *link);

uint64_t redis_link_timeouts(const struct redis_link *link);

#endif
