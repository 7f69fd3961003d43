/* desk.h: one loop's desk: what it needs to serve visitors, and the calls that wait for their
 * commit.
 *
 * A change goes: call on the stack -> engine takes the seats -> desk_commit() keeps the call and
 * submits -> the journal answers -> engine settles or undoes -> the call's `finish` replies. Calls
 * that change nothing reply at once and are never kept.
 *
 * Threading: a desk belongs to one loop; what it borrows is shared and says how. */
#ifndef FG_SEAT_SERVICE_DESK_H
#define FG_SEAT_SERVICE_DESK_H

#include "access/idem.h"
#include "access/pass.h"
#include "access/rate.h"
#include "http/http.h"
#include "journal/commit_queue.h"
#include "journal/journal.h"
#include "loop/house.h"
#include "pace/tally.h"
#include "render/render.h"
#include "service/service.h"

#include <uv.h>

struct desk;

/* Shared by all desks of the process; lives longer than they do. */
struct counter_stats {
    _Atomic uint64_t holds, released, changed, expired, refused, conflicts, full, extended,
        confirmed, retaken, late_gone, unremembered, refunded, replays;
};

struct desk_conf {
    uv_loop_t *loop;
    struct http_server *server; /* the public one: its streams */
    struct house *house;
    struct journal *journal;
    struct commit_queue *queue;
    uint32_t nth; /* of the loop: the port's number; loop 0 also lets holds run out and publishes */
    struct idem *idem;
    struct rate *rate;
    const struct mac_ring *hold_keys;
    struct pass_conf passes;
    const struct clock *clock;
    struct logger *log;
    struct counter_stats *stats;
    /* Told once a tick: what /readyz should say; NULL: ready. */
    void (*on_role)(void *ctx, const char *reason);
    void *ctx;
};

int desk_create(const struct desk_conf *conf, struct err_slot *err, struct desk **out);
/* Stops timers and streams. What is still under way is answered with "not known"; the next owner
 * knows. */
void desk_close(struct desk *desk);
/* After the loop has ended and the journal was stopped: takes back what was under way, frees. */
void desk_destroy(struct desk *desk);
bool desk_is_closed(const struct desk *desk);
const struct desk_conf *desk_conf(const struct desk *desk);
struct pass_cache *desk_passes(struct desk *desk);
struct tally *desk_passes_wrong(struct desk *desk); /* by ip_site() */

/* The loop's desk is what the skeleton keeps for it. */
static inline struct desk *desk_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

/* ---- calls ---- */

struct call {
    struct http_req *req; /* NULL: nobody asked, or was told that the outcome is open */
    struct desk *desk;
    struct house_event *event;
    struct engine_who who;
    uint64_t now_ms;
    bool has_idem;
    struct idem_key idem;
    struct idem_answer done; /* what was changed, once it is settled */
    bool replayed;           /* answers a repetition */
    /* The op is settled; replies. NULL: there is nobody to reply to. */
    void (*finish)(struct call *call, const struct engine_op *op);
    bool kept;      /* waits for its commit */
    bool time_asks; /* a hold runs out, or a late one is forgotten */
    struct call *next;
};

/* An entry to begin an op with; NULL after having answered 503. */
struct commit_entry *desk_entry(struct call *call);
/* The op began with ENGINE_OK: makes it durable. */
void desk_commit(struct call *call, struct commit_entry *entry);
/* The op did not begin. */
void desk_drop(struct commit_entry *entry);

/* The request is a repetition whose first is under way: begins anew with `again`, which is the
 * handler that we are in, when that may be over. False: too many wait, or this one has for long. */
bool desk_wait(struct desk *desk, struct http_req *req,
               void (*again)(struct http_req *req, void *ctx));
/* The request that is being handled has waited: it went through the door before. */
bool desk_resumes(const struct desk *desk);

/* Room for one answer; good until the next call of it on this loop. */
struct text desk_text(struct desk *desk);
struct render_event desk_view(const struct call *call);

/* Replies, and remembers what was done (call->done) if the call has a key; if nothing was done, the
 * key is as good as new. */
void call_reply(struct call *call, unsigned status, const struct text *json, struct span headers);
/* The same with a problem; `members` as in struct http_problem, any length. */
void call_problem(struct call *call, unsigned status, const char *code, const char *detail,
                  struct span members);
/* 503 with Retry-After: nothing happened, and nothing is remembered. */
void call_unavailable(struct call *call, const char *code, const char *detail);

/* The event's stream of this loop, and its newest picture as octets: made once a version. */
struct http_channel *desk_channel(struct desk *desk, const struct house_event *event);
/* One SSE event: what has changed after `since`, or the word to take the whole picture. A
 * reference, the caller's. */
struct http_blob *desk_delta(struct desk *desk, const struct house_event *event, uint64_t since,
                             uint64_t *version);
struct http_blob *desk_picture(struct desk *desk, const struct house_event *event,
                               uint64_t *version); /* borrowed until the next turn of the loop */
/* The same picture by gzip, or a letter a seat (f h s b), or NULL; after desk_picture(), and
 * borrowed as long. */
struct http_blob *desk_picture_gzip(struct desk *desk, const struct house_event *event);
struct http_blob *desk_picture_letters(struct desk *desk, const struct house_event *event);

#endif
