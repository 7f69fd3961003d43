/* house.h: the events of this process: plan, engine, and the documents that are served as they are.
 *
 * An event appears when the journal finds it, is filled by replay on the reader's thread, and is
 * open once it is ours. From then on every thread uses it without asking; it goes with the process.
 * One whose document cannot be read does not appear; its number is kept for it.
 *
 * Threading: the functions of struct journal_host run on the reader's thread; house_find() and what
 * it answers, on any. */
#ifndef FG_SEAT_SERVICE_HOUSE_H
#define FG_SEAT_SERVICE_HOUSE_H

#include "access/idem.h"
#include "access/pass.h"
#include "base/clock.h"
#include "core/engine/engine.h"
#include "core/hall/plan.h"
#include "http/http.h"
#include "journal/journal.h"
#include "render/render.h"

#include <stdatomic.h>

struct house;

enum house_coding { HOUSE_IDENTITY, HOUSE_GZIP, HOUSE_BROTLI, HOUSE_CODINGS };

/* A plan with everything that is made of it once. Immutable, but for codings that come later. */
struct house_plan {
    struct plan *plan;
    char hash[2 * PLAN_HASH_BYTES + 1]; /* of its content, as it is told and asked for */
    _Atomic(struct http_blob *) geometry[RENDER_FORMS][HOUSE_CODINGS]; /* body of GET .../plan */
};

/* Imports the body and renders what is served; slow: not for a loop. ERR_SYNTAX, ERR_RANGE with
 * JSON pointer and rule. On success *out is the caller's, to end with house_plan_destroy(). The
 * plain geometry is there at once, the compressed ones after house_plan_pack(). */
int house_plan_create(struct span body, struct err_slot *err, struct house_plan **out);
int house_plan_pack(struct house_plan *plan, struct err_slot *err); /* slower still */
void house_plan_destroy(struct house_plan *plan);
/* The geometry in this coding, or NULL as long as it is not there. Borrowed. */
static inline struct http_blob *house_geometry(const struct house_plan *plan, enum render_form form,
                                               enum house_coding coding)
{
    /* acquire: partner of house_plan_pack() */
    return atomic_load_explicit(&plan->geometry[form][coding], memory_order_acquire);
}

struct house_event {
    char id[EVENT_ID_MAX + 1];
    uint32_t nth;            /* the journal's number */
    struct house_plan *plan; /* NULL until the event was found */
    struct engine *engine;   /* for others only once `open` is set */
    uint64_t epoch;
    _Atomic bool found, open;
};

struct house_conf {
    const struct clock *clock;
    struct idem *idem; /* borrowed; replay puts back the answers that the journal knows */
    struct pass_revoked *revoked; /* borrowed; sessions that others have ended are put there */
    void (*fenced)(void *ctx, const char *reason);
    void *ctx;
};

int house_create(const struct house_conf *conf, struct err_slot *err, struct house **out);
void house_destroy(struct house *house);

/* Packs what was found without having been offered, so that a recovery does not wait for it. By the
 * auditor's thread; cheap when there is nothing to do. */
void house_pack(struct house *house);

/* The journal's view. */
struct journal_host house_host(struct house *house);

/* NULL if there is none of that id. It may not be open yet. */
struct house_event *house_find(struct house *house, struct span id);
struct house_event *house_nth(struct house *house, uint32_t nth); /* by the journal's number */
/* One after the other, from NULL to NULL. */
struct house_event *house_next(struct house *house, const struct house_event *event);
static inline bool house_is_open(const struct house_event *event)
{
    /* acquire: partner of the release in on_own(): the engine is complete */
    return atomic_load_explicit(&event->open, memory_order_acquire);
}

/* A plan that was prepared elsewhere, so that the reader need not import it again when it finds the
 * event. Taken. */
void house_offer(struct house *house, struct house_plan *plan);

/* The time that holds are judged by, in milliseconds since 1970. It goes forward with the monotonic
 * clock whatever happens to the wall clock, and never begins before the journal's last row. */
uint64_t house_now_ms(const struct house *house);

#endif
