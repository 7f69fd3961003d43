/* best.h: finds the best free seats for a request, in one piece or several. It only proposes: the
 * claim decides whether a proposal still holds (seats_claim). */
#ifndef FG_SEAT_CORE_BEST_H
#define FG_SEAT_CORE_BEST_H

#include "core/seats/seats.h"

struct best; /* immutable except for the counters that spread concurrent searches */

int best_create(const struct plan *plan, const struct seats *seats, uint64_t seed,
                struct best **out);
void best_destroy(struct best *best);

/* The search lowers its demands in these steps and reports the one it reached. A hold may leave a
 * single seat only if a search for as many seats would reach as low a step (engine.c). */
enum best_step {
    BEST_ADJACENT,        /* neighbours, nobody left single */
    BEST_ADJACENT_ORPHAN, /* neighbours, but a single seat is left */
    BEST_SAME_ROW,        /* one row with gaps, nobody left single */
    BEST_PIECES,          /* several places, near each other, nobody left single */
    BEST_PIECES_ORPHAN,   /* ... whatever is left */
    BEST_NONE,
};

enum { BEST_ADJACENT_MAX = 62 }; /* a window and its two neighbours on both sides fit 128 bits */

struct best_ask {
    uint64_t categories; /* bit by category: wanted, and on sale at least to `early` */
    uint64_t on_sale;    /* ... those on sale to everybody */
    uint32_t channels;   /* channels that the buyer may use there; bit 0 is always set */
    uint32_t early;      /* ... and in the other categories: channels whose presale has started */
    uint32_t quantity;   /* 1..HOLD_SEATS_MAX */
    bool access_need;    /* at least one accessible seat; companion seats come with it */
    bool access_open; /* accessible and companion seats are treated like any other (too late, or no
                         rule) */
    bool adjacent;    /* stop at BEST_ADJACENT_ORPHAN */
    bool orphan_rule;
    struct seats_visit visit; /* with orphan_rule; `taking` 0 */
};

struct best_pick {
    enum best_step step;
    uint32_t count;
    uint32_t seats[HOLD_SEATS_MAX]; /* ascending by row and place */
    uint32_t work;                  /* of the search: bitmaps read plus distances measured */
};

/* Finds the best pick. Concurrent callers get different ones of several nearly equal picks.
 * `attempt` is how often this caller has lost a proposed pick. */
enum best_step best_find(struct best *best, const struct best_ask *ask, unsigned attempt,
                         struct best_pick *out);
/* Bracket a best_find() and the claim that follows, to count concurrent searches. */
void best_enter(struct best *best);
void best_leave(struct best *best);

/* Up to `room` picks of step BEST_ADJACENT near a seat, no seat in two of them: the nearest one in
 * each row and, only if these are too few, further ones in the same rows. Adds the search's work to
 * *work. */
uint32_t best_near(const struct best *best, const struct best_ask *ask, uint32_t seat,
                   struct best_pick *out, uint32_t room, uint32_t *work);

/* Squared distance from the focal point to the middle of n neighbours; exported for tests. */
float best_cost(const struct best *best, uint32_t run, uint32_t pos, uint32_t n);

#endif
