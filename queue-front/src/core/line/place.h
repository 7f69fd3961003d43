/* place.h: where one place in a line stands, as the newest picture tells it. Pure arithmetic, done
 * for each poll: no allocation, no look-up but a binary search in the few calls still running. */
#ifndef FG_QUEUE_FRONT_CORE_PLACE_H
#define FG_QUEUE_FRONT_CORE_PLACE_H

#include "core/line/line.h"

enum place_state {
    PLACE_WAITING,
    PLACE_CALLED,   /* may enter now, until call_expires_ms */
    PLACE_LATE,     /* did not come in time, but enters next if it comes within the grace */
    PLACE_ADMITTED, /* holds a pass; told by the pass, which the picture does not know */
    PLACE_EXPIRED,  /* neither came in time nor within the grace */
    PLACE_ENDED,    /* was inside: the time ran out, or the visit was ended */
    PLACE_DONE,     /* was inside: the order is through */
    PLACE_STATE_COUNT,
};

const char *place_state_name(enum place_state state);

struct place {
    enum place_state state;
    uint64_t position; /* 0: none yet, the draw decides */
    /* People to be called before this one; 0 once called. Without a position: what to expect of the
     * draw, which is half of those who are in. */
    uint64_t ahead;
    uint64_t call_expires_ms;                     /* Redis's wall clock; 0 unless called or late */
    uint8_t extensions;                           /* of the call, used so far */
    uint64_t session_expires_ms, session_ends_ms; /* once admitted, as the pass says; else 0 */
};

/* Nobody enters with it any more; its owner may join again. */
static inline bool place_is_over(struct place place)
{
    return place.state == PLACE_EXPIRED || place.state == PLACE_ENDED || place.state == PLACE_DONE;
}

/* The position of an entry. Here, and nowhere else, the number on a ticket (an entry, which never
 * changes) becomes the number that the line counts by; before a draw, without one and for those who
 * came after it, they are the same. Costs under half a microsecond for who took part in a draw. */
uint64_t place_position(const struct line_view *view, uint64_t entry);

/* `entry` is what the ticket says, at least 1. `now_ms` is Redis's wall clock as place_now_ms()
 * reckons it. */
struct place place_at(const struct line_view *view, uint64_t entry, uint64_t now_ms);

/* When this position was called, on Redis's wall clock; 0: not that this picture knows. */
uint64_t place_called_ms(const struct line_view *view, uint64_t position);

/* Redis's wall clock now: what it was at the last tick, and what went by here since then. Visitors'
 * deadlines are told on this clock alone, so fronts with wrong clocks tell the same. While Redis is
 * silent the clock stands: nobody can enter then, and whether a call has run out meanwhile (or is
 * given its time again by healing) is not ours to guess. */
uint64_t place_now_ms(const struct line_view *view, uint64_t mono_us);

#endif
