/* saga.h: what a saga is, and the one function that decides where it goes next.
 *
 * A saga is a row that walks down a table of steps. A step talks to the world and comes back with a
 * verdict; saga_decide() turns row and verdict into a move; the store makes the move durable; only
 * then does the next step start. Nothing here waits, calls or remembers: the same row, verdict,
 * time and randomness give the same move.
 *
 * Rows run top to bottom. Down to the pivot a failure walks back up, calling undo; below it there
 * is no way back and a step is tried until it is done, because the money has moved. */
#ifndef FG_PAY_CORE_SAGA_H
#define FG_PAY_CORE_SAGA_H

#include "base/rng.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SAGA_STEPS_MAX = 16,
    SAGA_KEY_MAX = 48,             /* "checkout.1" */
    SAGA_CODE_MAX = 40,            /* "seats-gone": stable, for programs */
    SAGA_DETAIL_MAX = 160,         /* one sentence, for the operator */
    SAGA_TRACE_MAX = 64,           /* a W3C traceparent is 55 characters */
    SAGA_DATA_MAX = 64 * 1024,     /* the order's facts; a hundred seats with long names fit */
    SAGA_EFFECTS_MAX = 256 * 1024, /* what one move writes besides itself: all tickets */
};

/* What a step reports. Only an explicit FAILED turns a saga back. A timeout, a 5xx or a truncated
 * reply is UNKNOWN; the step is retried under the same key until the outcome is known. */
enum saga_verdict {
    SAGA_DONE,
    SAGA_FAILED,  /* a definite no: nothing happened */
    SAGA_ONGOING, /* no outcome yet, but all is well: look again */
    SAGA_UNKNOWN, /* it may have happened */
    SAGA_VERDICT_COUNT,
};

enum saga_state {
    SAGA_RUNNING, /* forward */
    SAGA_UNDOING, /* backward */
    SAGA_COMPLETED,
    SAGA_UNDONE,
    SAGA_STATE_COUNT,
};

enum saga_way { SAGA_DO, SAGA_UNDO };

/* What the log says about a move: a verdict, or why the saga moved without one. */
enum saga_mark {
    SAGA_MARK_DONE = SAGA_DONE,
    SAGA_MARK_FAILED = SAGA_FAILED,
    SAGA_MARK_ONGOING = SAGA_ONGOING,
    SAGA_MARK_UNKNOWN = SAGA_UNKNOWN,
    SAGA_MARK_TURNED,   /* cancelled or out of time: it goes back from here */
    SAGA_MARK_SKIPPED,  /* an optional step that missed its deadline */
    SAGA_MARK_DEFERRED, /* not tried, because its peer needs a rest; not logged */
    SAGA_MARK_OPERATOR, /* an operator retried it, or turned it back */
    SAGA_MARK_COUNT,
};

struct saga_call; /* saga_engine.h: one try of one step */

struct saga_step {
    const char *name;
    void (*run)(struct saga_call *call, void *ctx);
    /* Takes back what run did, may have done, or never did; it settles all three. NULL: nothing to
     * take back. */
    void (*undo)(struct saga_call *call, void *ctx);
    uint8_t peer;         /* whose breaker and retry budget; SAGA_PEER_NONE for local steps */
    bool rides;           /* local; if finished within run(), committed with the move before it */
    bool optional;        /* below the pivot only: skipped at its deadline */
    uint32_t timeout_ms;  /* of one try; no answer by then is UNKNOWN */
    uint32_t deadline_ms; /* of all tries together; then the saga turns back or, below the pivot, is
                             parked */
    uint32_t retry_first_ms; /* see backoff.h */
    uint32_t retry_cap_ms;
    uint32_t retry_near; /* this many pauses stay as short as the second one */
};

enum { SAGA_PEERS_MAX = 8, SAGA_PEER_NONE = 255 };

struct saga_row;
struct saga_move;
struct saga_effects;

/* A definition never changes once a saga has run on it. A new version is a new list of steps next
 * to the old one, and a saga ends on the version on which it started. */
struct saga_def {
    const char *key; /* name and version: "checkout.1" */
    const struct saga_step *const *steps;
    uint8_t steps_len;
    uint8_t pivot; /* once this step is done there is no way back */
    /* Called for each move before it is stored, to add whatever else has to be written in the same
     * commit (an order's status, tickets). May be NULL. */
    void (*on_move)(void *ctx, const struct saga_row *row, const struct saga_move *move,
                    struct saga_effects *effects);
    void *ctx; /* for run, undo, on_move */
};

/* Asserts the rules for a table: the pivot is one of its steps, undo only above the pivot, optional
 * only below it, and so on. */
void saga_def_check(const struct saga_def *def);
/* Returns the nearest step with an undo, from `step` upwards, or -1 if there is nothing to undo. */
int saga_undo_step(const struct saga_def *def, uint8_t step);

/* A saga as stored. Times are on the caller's monotonic clock. The store keeps them relative to its
 * own clock, so no two clocks need to agree. */
struct saga_row {
    uint64_t id;
    uint64_t token; /* the lease's token: rises with each lease; the store rejects older ones */
    uint32_t moves; /* moves made so far; a move names the number that it follows */
    uint32_t wake;  /* rises whenever the saga is asked to run again */
    const struct saga_def *def;
    enum saga_state state;
    uint8_t step;
    bool parked;               /* stopped until an operator looks at it */
    bool cancel;               /* asked to turn back; only ever set above the pivot */
    uint32_t tries;            /* consecutive UNKNOWN tries of this step in this direction */
    int64_t step_us;           /* when this step began; negative: before this machine booted */
    uint64_t lease_us;         /* when this worker's lease ends */
    char cause[SAGA_CODE_MAX]; /* why it turned back or was parked; "" while all is well */
    char trace[SAGA_TRACE_MAX];
    struct span data; /* opaque to the engine */
};

/* What a try says about the health of the step's peer, for its breaker. */
enum saga_reply {
    SAGA_REPLY_BY_VERDICT, /* UNKNOWN means the peer was silent; every other verdict is an answer */
    SAGA_REPLY_CAME,       /* the peer answered; UNKNOWN is our own failure */
    SAGA_REPLY_NONE,       /* the peer was not called */
};

/* The outcome of a try. */
struct saga_outcome {
    enum saga_verdict verdict;
    enum saga_reply reply;
    /* ONGOING: when to look again. UNKNOWN: the earliest retry (Retry-After). DONE: when the next
     * step begins, unless the saga is woken earlier. */
    uint32_t retry_ms;
    uint32_t took_us;
    const char *code;   /* NULL: none */
    const char *detail; /* NULL: none */
};

/* Where a saga goes, and what is recorded about it. */
struct saga_move {
    uint64_t id, token;
    uint32_t moves; /* before this one */
    uint32_t wake;
    /* what happened */
    uint8_t at_step;
    enum saga_way way;
    enum saga_mark mark;
    uint32_t tried; /* which try of the step this was, from 1 */
    uint32_t took_us;
    uint8_t rode; /* local steps committed with this one */
    char code[SAGA_CODE_MAX];
    char detail[SAGA_DETAIL_MAX];
    char trace[SAGA_TRACE_MAX]; /* traceparent of this try, the parent of its calls; the row's if
                                   the try has none of its own */
    /* what comes next */
    enum saga_state state;
    uint8_t step;
    bool parked;
    uint32_t tries;
    bool release;      /* this move ends the lease; the saga is due again in delay_ms */
    uint32_t delay_ms; /* with release */
    char cause[SAGA_CODE_MAX];
    /* what else */
    struct span data; /* the new data; absent: unchanged */
    const struct saga_effects *effects;
};

static inline enum saga_way saga_way(const struct saga_row *row)
{
    return row->state == SAGA_UNDOING ? SAGA_UNDO : SAGA_DO;
}

static inline bool saga_ended(enum saga_state state)
{
    return state == SAGA_COMPLETED || state == SAGA_UNDONE;
}

/* Whether it must turn back instead of trying its step; saga_turn_back() then makes the move. */
bool saga_must_turn(const struct saga_row *row);
void saga_turn_back(const struct saga_row *row, const char *cause, struct saga_move *out);
/* Puts off the try: the saga sleeps, and nothing is logged. */
void saga_defer(const struct saga_row *row, uint32_t delay_ms, struct saga_move *out);
/* The store rejects this saga's moves because of their contents: parks it at its step, with the
 * store's error. The step may have happened. */
void saga_refuse(const struct saga_row *row, const char *why, struct saga_move *out);
/* The move after a try. out->data and out->effects are left empty. */
void saga_decide(const struct saga_row *row, const struct saga_outcome *outcome, uint64_t now_us,
                 const struct rng *rng, struct saga_move *out);
/* Whether the next step may share this move's commit. Only below the pivot, where nothing can turn
 * the saga back in between. It spares the buyer's tickets one commit. */
bool saga_rides(const struct saga_row *row, const struct saga_move *move);
/* Adds the finished next step to the move; `next` is what was decided after it. */
void saga_ride(struct saga_move *move, const struct saga_move *next);
/* The row as it is once the move is stored. */
void saga_apply(struct saga_row *row, const struct saga_move *move, uint64_t now_us);

const char *saga_state_name(enum saga_state state);
const char *saga_mark_name(enum saga_mark mark);

/* ---- effects: rows for other tables that share the move's commit ---- */

struct saga_effects {
    char *bytes; /* owned; NULL while empty */
    uint32_t len, cap;
    bool failed; /* out of memory, or over SAGA_EFFECTS_MAX: the move must not be stored */
};

/* json: one object; definition and store agree on what a kind means. */
void saga_effects_add(struct saga_effects *effects, uint8_t kind, struct span json);
/* Iterates: *at starts at 0; false at the end. */
bool saga_effects_next(const struct saga_effects *effects, uint32_t *at, uint8_t *kind,
                       struct span *json);
void saga_effects_clear(struct saga_effects *effects); /* frees */

#endif
