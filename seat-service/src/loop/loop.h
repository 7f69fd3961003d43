/* loop.h: state shared by all calls of one loop, and what the loop borrows from its process.
 *
 * The fields are set when the loop starts (turn.c) and do not change while it runs.
 * `service_loop.ctx` points here, so handlers find it through their request.
 *
 * Threading: a loop belongs to one thread; borrowed objects are shared and document how. */
#ifndef FG_SEAT_SERVICE_LOOP_H
#define FG_SEAT_SERVICE_LOOP_H

#include "access/idem.h"
#include "access/pass.h"
#include "access/rate.h"
#include "http/http.h"
#include "journal/commit_queue.h"
#include "journal/journal.h"
#include "loop/events.h"
#include "pace/tally.h"
#include "service/service.h"

#include <uv.h>

/* Shared by all loops of the process, and outlives them. */
struct counter_stats {
    _Atomic uint64_t holds, released, changed, expired, refused, conflicts, extended, confirmed,
        retaken, late_gone, unremembered, refunded, replays, codes_wrong, codes_unchecked;
};

struct call_plain;
struct ended;
struct series;
struct operation_list;

struct loop_conf {
    uv_loop_t *uv;
    struct http_server *server; /* the public one: its streams */
    struct events *events;
    struct journal *journal;
    struct commit_queue *queue;
    uint32_t nth; /* the port's number; loop 0 also expires holds and publishes */
    struct idem *idem;
    struct rate *rate;
    uint64_t idle_ms; /* [owner] idle */
    const struct mac_ring *hold_keys;
    struct pass_conf passes;
    const struct clock *clock;
    struct logger *log;
    struct counter_stats *stats;
    const struct call_plain *plain;
    /* For the private listener: */
    struct ended *ended;
    struct series *series;
    struct operation_list *operations;
};

struct loop {
    struct loop_conf conf;
    struct pass_cache *passes;
    struct tally passes_wrong;                        /* by ip_site() */
    struct tally codes_wrong, codes_wrong_of_address; /* by event, and session or ip_site() */
    struct pending *pending;
    struct retry *retry;
    struct avail_view *avail;
    struct stream *streams;
    char *text_memory; /* API_ANSWER_MAX */
    bool closed;       /* the process is ending: no more replies */
};

static inline struct loop *loop_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

/* Room for one response; valid until the next call on this loop. */
static inline struct text loop_text(struct loop *loop)
{
    return text_on(loop->text_memory, API_ANSWER_MAX);
}

#endif
