/* events.h: the events of this process: plan, engine, and the documents that are served as they
 * are.
 *
 * An event appears when the journal finds it, is filled by replay on the reader's thread, and is
 * open once it is ours. From then on every thread uses it freely, until it has to leave. One whose
 * document cannot be read does not appear, but has its number.
 *
 * An event leaves for another when nobody uses it any more. It is closed first; a loop that found
 * it open just before is done with it by its next tick (events_looked()), and whatever of it
 * outlasts a turn of a loop, such as a change that waits for its commit, has kept it
 * (events_keep()).
 *
 * Threading: the functions of struct journal_host run on the reader's thread; events_find() and
 * what it returns may be used on any loop during a turn. Other threads keep what they use. */
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
    uint32_t nth;            /* the journal's number */
    struct shown_plan *plan; /* NULL until the event was found */
    uint64_t since, base;    /* of the plan, as engine_conf has them */
    uint32_t places;         /* the same */
    struct engine *engine;   /* for others only once `open` is set */
    uint64_t epoch;
    _Atomic bool found, open;
    /* It is another's and shown here, as it was then by the clock in us; 0: it is not. */
    _Atomic uint64_t shown_us;
    _Atomic uint32_t kept;    /* by so many */
    _Atomic uint64_t used_ms; /* when somebody last asked for it, by events_now_ms() */
    uint64_t leaves; /* the reader's: the look that tells whether it is left; 0: it stays */
    uint64_t hides;  /* the same for what was shown */
    /* The newest that a pass has named, here or at another owner; 0: none. It only rises. */
    _Atomic uint64_t incarnation;
    /* Of each loop, by the numbers of the journal: what it has begun to settle; up to where it has
     * settled all that is its own. */
    struct {
        _Atomic uint64_t begun, done;
    } settled[SERVICE_LOOPS_MAX];
};

struct events_conf {
    const struct clock *clock; /* core/time/sale_clock.h */
    uint32_t loops;            /* that will call events_looked() and events_settled() */
    struct idem *idem;         /* borrowed; replay puts back the answers that the journal knows */
    struct pass_revoked *revoked; /* borrowed; sessions that others have ended are put there */
    void (*fenced)(void *ctx, const char *reason);
    void (*leaves)(void *ctx); /* an event was closed: those that keep it should let go; or NULL */
    void *ctx;
};

int events_create(const struct events_conf *conf, struct err_slot *err, struct events **out);
void events_destroy(struct events *events);

/* Compresses plans that were found without having been offered, so that a recovery does not wait
 * for that. Called on the auditor's thread; cheap when there is nothing to do. */
void events_pack(struct events *events);

/* The journal's view. */
struct journal_host events_host(struct events *events);

/* NULL if there is none of that id. It may not be open yet. */
struct event *events_find(struct events *events, struct span id);
struct event *events_nth(struct events *events, uint32_t nth); /* by the journal's number */
/* One after the other, from NULL to NULL. */
struct event *events_next(struct events *events, const struct event *event);
static inline bool events_is_open(const struct event *event)
{
    /* acquire: partner of the release in on_own(): the engine is complete */
    return atomic_load_explicit(&event->open, memory_order_acquire);
}

/* Whether its picture may be shown: it is open, or another's and not older than STANDBY_FRESH_MS.
 */
bool events_shows(const struct events *events, const struct event *event);
/* Whether streams of it stay open, though there may be nothing to tell just now. */
bool events_streams(const struct events *events, const struct event *event);
/* Somebody who asked at that time had read that version elsewhere, and it is not known here yet
 * whether the journal of another's event goes as far. */
bool events_lags(const struct event *event, uint64_t version, uint64_t asked_us);
/* It is another's, and was shown here. */
bool events_follows(const struct event *event);
/* Of the events of others that are shown: how old the oldest picture is, as of the last call of
 * events_age(). For /metrics. */
const _Atomic uint64_t *events_behind_ms(const struct events *events);
void events_age(struct events *events); /* on one loop, now and then */

/* It does not go away until events_let_go(), though it may be closed. On a loop, in the turn in
 * which it was found open. */
void events_keep(struct event *event);
void events_let_go(struct event *event);
/* The same on any thread. False: it is about to go, and was not kept. */
bool events_try_keep(struct event *event);
/* Somebody has asked for it. */
void events_used(struct events *events, struct event *event);

/* Each tick of a loop: events_look(); the loop then closes what it has of events that are not open;
 * events_looked(). */
uint64_t events_look(const struct events *events);
void events_looked(struct events *events, uint32_t loop, uint64_t look);

/* On a loop, of its own changes: one is about to be settled; it is the `seq`th of the journal. */
void events_settles(struct event *event, uint32_t loop, uint64_t seq);
/* All of them up to this one have been settled. */
void events_settled(struct event *event, uint32_t loop, uint64_t seq);
/* The newest change of an open event that is settled, or about to be. Any thread. */
uint64_t events_settling(const struct event *event);
/* Publishes a picture of all that every loop has settled. Of an open event, on one loop. */
void events_publish(const struct events *events, struct event *event);

/* Does a pass of this incarnation still count? A newer incarnation than any before shuts older ones
 * out. */
bool events_admit(struct event *event, uint64_t incarnation);

/* Offers a plan that was prepared elsewhere, so that the reader need not import it again when it
 * finds the event. Taken. */
void events_offer(struct events *events, struct shown_plan *plan);

/* Corrections, one at a time: begin, look until it is not pending, end. The event is
 * closed for a moment: no change is under way while it gets the new plan. The plan is taken. False:
 * another correction is under way. */
bool events_revise(struct events *events, const struct event *event, struct shown_plan *plan,
                   struct span who, struct span reason);
enum events_revised {
    EVENTS_REVISED_PENDING,
    EVENTS_REVISED_DONE,    /* durable; the event is opened again */
    EVENTS_REVISED_REFUSED, /* for the reasons in `why` */
    EVENTS_REVISED_FAILED,  /* nothing was written */
    EVENTS_REVISED_UNKNOWN, /* the connection broke */
};
enum events_revised events_revised(struct events *events, struct engine_clashes *why);
/* The plan if nobody took it, for the caller to destroy; else NULL. */
struct shown_plan *events_revise_end(struct events *events);

/* The time by which seats are judged, in milliseconds since 1970: of conf.clock. */
uint64_t events_now_ms(const struct events *events);

#endif
