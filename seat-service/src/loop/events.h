/* events.h: the events of this process: plan, engine, and the documents that are served unchanged.
 *
 * An event appears when the journal finds it, is filled by replay on the reader's thread, and is
 * open once it is ours. From then on every thread may use it, until it leaves. An event with an
 * unreadable document has a number but does not appear.
 *
 * An event leaves once it is unused. It is closed first. A loop that found it open just before has
 * finished with it by its next tick (events_looked()); anything that outlasts a loop's turn, such
 * as a change that waits for its commit, holds a reference (events_keep()).
 *
 * Threading: the functions of struct journal_host run on the reader's thread; events_find() and its
 * result may be used on any loop during a turn. Other threads take references. */
#ifndef FG_SEAT_SERVICE_EVENTS_H
#define FG_SEAT_SERVICE_EVENTS_H

#include "access/idem.h"
#include "access/pass.h"
#include "base/clock.h"
#include "core/engine/engine.h"
#include "core/engine/engine_revise.h"
#include "core/hall/plan.h"
#include "http/http.h"
#include "journal/journal.h"
#include "render/shown_plan.h"
#include "service/service.h"

#include <stdatomic.h>

struct events;

struct event {
    char id[EVENT_ID_MAX + 1];
    int32_t no;              /* the database's number */
    uint32_t nth;            /* the journal's number */
    struct shown_plan *plan; /* NULL until the event was found */
    uint64_t since, base;    /* of the plan, as engine_conf has them */
    uint32_t places;         /* the same */
    struct engine *engine;   /* for other threads only once `open` is set */
    uint64_t epoch;
    _Atomic bool found, open;
    /* Another owner's event, shown here as of this time in us; 0: not shown. */
    _Atomic uint64_t shown_us;
    _Atomic uint32_t kept; /* references */
    /* Time of the last request, by events_now_ms(); in the future while one is awaited. */
    _Atomic uint64_t used_ms;
    uint64_t leaves; /* the reader's: the look that shows that it is unused; 0: it stays */
    uint64_t hides;  /* the same for its pictures */
    /* The newest incarnation in a pass, here or at another owner; 0: none. Never falls. */
    _Atomic uint64_t incarnation;
    /* Per loop, as numbers of the journal: the change it last began to settle, and the one up to
     * which it has settled all its own. */
    struct {
        _Atomic uint64_t begun, done;
    } settled[SERVICE_LOOPS_MAX];
};

struct events_conf {
    const struct clock *clock; /* core/time/sale_clock.h */
    uint32_t loops;            /* number of loops that call events_looked() and events_settled() */
    struct idem *idem;         /* borrowed; replay restores the results in the journal */
    struct pass_revoked *revoked; /* borrowed; gets sessions ended by others */
    void (*fenced)(void *ctx, const char *reason);
    void (*leaves)(void *ctx); /* an event was closed: its users should release it; may be NULL */
    void *ctx;
};

int events_create(const struct events_conf *conf, struct err_slot *err, struct events **out);
void events_destroy(struct events *events);

/* Compresses plans that were found without an offer, so that a recovery need not wait for that.
 * Called on the auditor's thread; cheap if there is nothing to do. */
void events_pack(struct events *events);

/* The callbacks for the journal. */
struct journal_host events_host(struct events *events);

/* NULL: unknown id. The event may not be open yet. */
struct event *events_find(struct events *events, struct span id);
struct event *events_nth(struct events *events, uint32_t nth); /* by the journal's number */
/* Iterates over the events; starts and ends with NULL. */
struct event *events_next(struct events *events, const struct event *event);
static inline bool events_is_open(const struct event *event)
{
    /* acquire: pairs with the release in on_own(): the engine is complete */
    return atomic_load_explicit(&event->open, memory_order_acquire);
}

/* Whether its picture may be shown: it is open, or another owner's and not older than
 * STANDBY_FRESH_MS. */
bool events_shows(const struct events *events, const struct event *event);
/* Whether its streams stay open, even if there is nothing to send now. */
bool events_streams(const struct events *events, const struct event *event);
/* Whether a reader has a version from elsewhere that may be newer than the journal as read here.
 * asked_us: when the request arrived. */
bool events_lags(const struct event *event, uint64_t version, uint64_t asked_us);
/* Another owner's event that has been shown here. */
bool events_follows(const struct event *event);
/* The age of the oldest picture of other owners' shown events, as of the last events_age(). For
 * /metrics. */
const _Atomic uint64_t *events_behind_ms(const struct events *events);
void events_age(struct events *events); /* call on one loop, periodically */

/* Keeps an event in memory until events_let_go(), though it may be closed. On a loop, in the turn
 * that found it open. */
void events_keep(struct event *event);
void events_let_go(struct event *event);
/* The same on any thread. False: it is leaving, and was not kept. */
bool events_try_keep(struct event *event);
/* How long nobody has used it, in ms. */
uint64_t events_unused_ms(const struct events *events, const struct event *event);
bool events_was_used(const struct event *event); /* ... since it was loaded */
/* Records a request for it. */
void events_used(struct events *events, struct event *event);

/* In each tick of a loop: events_look(); then the loop drops what it has of events that are not
 * open; then events_looked(). */
uint64_t events_look(const struct events *events);
void events_looked(struct events *events, uint32_t loop, uint64_t look);

/* On a loop, before it settles its own change: `seq` is the change's number. */
void events_settles(struct event *event, uint32_t loop, uint64_t seq);
/* All of the loop's changes up to this one are settled. */
void events_settled(struct event *event, uint32_t loop, uint64_t seq);
/* The newest change of an open event that is settled, or is about to be. Any thread. */
uint64_t events_settling(const struct event *event);
/* Publishes a picture of what all loops have settled. For an open event, on one loop. */
void events_publish(const struct events *events, struct event *event);

/* Whether a pass of this incarnation is valid. The newest incarnation invalidates older ones. */
bool events_admit(struct event *event, uint64_t incarnation);

/* Offers a plan parsed elsewhere, so that the reader need not import it again when it finds the
 * event. Takes ownership. */
void events_offer(struct events *events, struct shown_plan *plan);

/* Corrections, one at a time: begin, poll until it is not pending, end. The event is closed
 * briefly, so no change is under way while it gets the new plan. Takes ownership of the plan.
 * False: another correction is under way. */
bool events_revise(struct events *events, const struct event *event, struct shown_plan *plan,
                   struct span who, struct span reason);
enum events_revised {
    EVENTS_REVISED_PENDING,
    EVENTS_REVISED_DONE,    /* durable; the event is opened again */
    EVENTS_REVISED_REFUSED, /* `why` has the reasons */
    EVENTS_REVISED_FAILED,  /* nothing was written */
    EVENTS_REVISED_UNKNOWN, /* the connection broke */
};
enum events_revised events_revised(struct events *events, struct engine_clashes *why);
/* The plan if it was not taken, for the caller to destroy; else NULL. */
struct shown_plan *events_revise_end(struct events *events);

/* The time that seats are checked against, in milliseconds since 1970: conf.clock's. */
uint64_t events_now_ms(const struct events *events);

#endif
