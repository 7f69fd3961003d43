/* place.c: from a number in line to its visitor's view.
 *
 * A place waits until the line has served up to it; then the call that included it determines until
 * when its visitor may come.
 *
 * A place beyond the issued ones is possible right after Redis lost its memory: the ticket is
 * genuine, and the counters are being healed. It waits behind everybody in the picture.
 *
 * A place that was given up has ended, also before the draw has made a position of its entry.
 *
 * A place up to `dead` has expired for good. One that was called, is not dead and has no stretch
 * yet (a front that has just started gets them with the next ticks) counts as called for now. While
 * an event is sold out or frozen nobody can enter, so nobody's time runs.
 *
 * Visitors ahead who are known to have gone are not counted in `ahead`.
 *
 * Invariant: while `serving` does not fall and no ghost comes back, `ahead` of a place does not
 * rise, and a called place does not wait again. Nobody is ever put before it. */
#include "core/line/place.h"

#include "core/line/ghosts.h"
#include "core/line/turns.h"

#include <assert.h>
#include <stddef.h>

static const char *const names[PLACE_STATE_COUNT] = {
    [PLACE_WAITING] = "waiting",   [PLACE_CALLED] = "called",   [PLACE_LATE] = "late",
    [PLACE_ADMITTED] = "admitted", [PLACE_EXPIRED] = "expired", [PLACE_ENDED] = "ended",
    [PLACE_DONE] = "done",
};

const char *place_state_name(enum place_state state)
{
    assert(state < PLACE_STATE_COUNT);
    return names[state];
}

uint64_t place_time_ms(const struct line_view *view, uint64_t mono_us)
{
    return view->redis_ms + (mono_us > view->at_us ? (mono_us - view->at_us) / 1000 : 0);
}

uint64_t place_now_ms(const struct line_view *view, uint64_t mono_us)
{
    return view->stale ? view->redis_ms : place_time_ms(view, mono_us);
}

/* The call that included `place`: the first whose end reaches it. NULL: not known yet. */
static const struct line_stretch *call_of(const struct line_view *view, uint64_t place)
{
    uint32_t low = 0, high = view->calls_len;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (view->calls[middle].upto >= place)
            high = middle;
        else
            low = middle + 1;
    }
    assert(low == high && low <= view->calls_len);
    assert(low == 0 || view->calls[low - 1].upto < place);
    return low < view->calls_len ? &view->calls[low] : NULL;
}

uint64_t place_called_ms(const struct line_view *view, uint64_t position)
{
    const struct line_stretch *call = position <= view->serving ? call_of(view, position) : NULL;
    return call != NULL ? call->called_ms : 0;
}

static struct place called_place(const struct line_view *view, uint64_t place, uint64_t now_ms)
{
    assert(place > 0 && place <= view->serving);
    struct place at = {.state = PLACE_CALLED, .position = place};
    const struct line_stretch *call = call_of(view, place);
    struct turn turn = turns_of(view->turns, place);
    if (turn.kind == TURN_ENDED || turn.kind == TURN_DONE) {
        at.state = turn.kind == TURN_DONE ? PLACE_DONE : PLACE_ENDED;
        return at;
    }
    uint64_t expires_ms = place > view->dead && call != NULL ? call->expires_ms : 0;
    if (turn.until_ms > 0 && turn.until_ms + view->stood_ms > expires_ms)
        expires_ms = turn.until_ms + view->stood_ms;
    at.extensions = turn.times < TURN_EXTENSIONS_MAX ? turn.times : TURN_EXTENSIONS_MAX;
    uint64_t grace_ends_ms = expires_ms + view->knobs.grace_ms;
    bool runs = view->state != LINE_SOLD_OUT && view->state != LINE_FROZEN;
    if (!runs) /* `stood_ms` grows with each tick, and only then */
        now_ms = view->redis_ms;
    if (place <= view->dead && (expires_ms == 0 || now_ms > grace_ends_ms)) {
        at.state = PLACE_EXPIRED;
    } else if (runs && expires_ms > 0) {
        at.state = now_ms <= expires_ms      ? PLACE_CALLED
                   : now_ms <= grace_ends_ms ? PLACE_LATE
                                             : PLACE_EXPIRED;
        at.call_expires_ms = at.state == PLACE_EXPIRED ? 0 : expires_ms;
    }
    assert(at.state != PLACE_WAITING && at.ahead == 0); /* once called, never waiting again */
    assert(at.call_expires_ms == 0 || at.state == PLACE_CALLED || at.state == PLACE_LATE);
    return at;
}

uint64_t place_position(const struct line_view *view, uint64_t entry)
{
    assert(entry > 0);
    uint64_t position = view->draw.drawn ? draw_position(&view->draw.order, entry) : entry;
    assert(position > 0);
    return position;
}

struct place place_at(const struct line_view *view, uint64_t entry, uint64_t now_ms)
{
    assert(entry > 0);
    struct place at = {.state = PLACE_WAITING};
    bool given_up = turns_gave_up(view->turns, entry);
    if (view->state == LINE_DRAFT || view->state == LINE_SCHEDULED ||
        view->state == LINE_PRE_QUEUE) {
        at.ahead = (view->issued > entry ? view->issued : entry) / 2;
        return given_up ? (struct place){.state = PLACE_ENDED} : at;
    }
    uint64_t place = place_position(view, entry);
    if (given_up)
        return (struct place){.state = PLACE_ENDED, .position = place};
    if (place <= view->serving)
        return called_place(view, place, now_ms);
    at.position = place;
    uint64_t before = place - view->serving - 1;
    uint64_t gone = ghosts_before(view->ghosts, view->serving, place);
    assert(gone <= before);
    at.ahead = before - gone;
    return at;
}
