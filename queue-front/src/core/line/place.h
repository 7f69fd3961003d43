/* place.h: the state of one place in its line, from the newest picture. Pure arithmetic, done for
 * each poll: no allocation, and no lookup but a binary search among the few open calls. */
#ifndef FG_QUEUE_FRONT_CORE_PLACE_H
#define FG_QUEUE_FRONT_CORE_PLACE_H

#include "core/line/line.h"

enum place_state {
    PLACE_WAITING,
    PLACE_CALLED,   /* may enter now, until call_expires_ms */
    PLACE_LATE,     /* missed the call, but enters next if it comes within the grace */
    PLACE_ADMITTED, /* has a pass; only the pass says so, not the picture */
    PLACE_EXPIRED,  /* missed both the call and the grace */
    PLACE_ENDED,    /* the visit expired or was ended, or the place was given up before */
    PLACE_DONE,     /* was inside and has ordered */
    PLACE_STATE_COUNT,
};

const char *place_state_name(enum place_state state);

struct place {
    enum place_state state;
    uint64_t position; /* 0: none before the draw */
    /* People to be called before this one; 0 once called. Without a position: the draw's
     * expectation, half of those who take part. */
    uint64_t ahead;
    uint64_t call_expires_ms; /* Redis's wall clock; 0 unless called or late */
    uint8_t extensions;       /* extensions of the call so far; at most TURN_EXTENSIONS_MAX */
    uint64_t session_expires_ms, session_ends_ms; /* once admitted, from the pass; else 0 */
};

/* Nobody can enter with it; its owner may join again. */
static inline bool place_is_over(struct place place)
{
    return place.state == PLACE_EXPIRED || place.state == PLACE_ENDED || place.state == PLACE_DONE;
}

/* Redis may have called a place that our picture shows as waiting, but not one far behind. */
static inline bool place_surely_waits(const struct line_view *view, struct place place)
{
    enum {
        NEAR_SECONDS = 3, /* how far Redis may be ahead of our picture after a lost tick */
        NEAR_PLACES = 100,
    };
    uint64_t near = NEAR_PLACES + view->knobs.rate_milli * NEAR_SECONDS / 1000 + view->knobs.burst;
    return place.state == PLACE_WAITING && place.position > 0 && place.ahead > near;
}

/* The position of an entry. Only here does the number on a ticket (an entry, which never changes)
 * become the number that the line counts by. Before a draw, without one, and for visitors who came
 * after it, the two are the same. Costs half a microsecond after a draw. */
uint64_t place_position(const struct line_view *view, uint64_t entry);

/* `entry` is from the ticket, at least 1. `now_ms` is Redis's wall clock, from place_now_ms(). */
struct place place_at(const struct line_view *view, uint64_t entry, uint64_t now_ms);

/* When this position was called, on Redis's wall clock; 0: not yet, or unknown to the picture. */
uint64_t place_called_ms(const struct line_view *view, uint64_t position);

/* Redis's wall clock now: its time at the last tick plus the time since, measured here. All
 * deadlines that visitors see use this clock, so fronts with wrong clocks agree. While Redis is
 * silent the clock is paused: nobody can enter then, and only Redis knows whether a call has
 * expired meanwhile (or gets its time back by healing). */
uint64_t place_now_ms(const struct line_view *view, uint64_t mono_us);

/* The same, but running while Redis is silent, as the event's time does: for things made now and
 * checked when Redis is back. */
uint64_t place_time_ms(const struct line_view *view, uint64_t mono_us);

#endif
