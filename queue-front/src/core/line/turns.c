/* turns.c: a table without search.
 *
 * A place has exactly one slot, named by its lowest bits. Places are called in their order, so
 * those whose turn was lately have neighbouring numbers and never share a slot. When two places do
 * want the same slot the table grows; at its largest size the higher place, which is the later one,
 * wins and the older one is forgotten. The picture still says that the older one's call is over. */
#include "core/line/turns.h"

#include "core/line/line.h"

#include <assert.h>
#include <stdlib.h>

enum { CAP_MIN = 256 };

static_assert((TURNS_PLACES_MAX & (TURNS_PLACES_MAX - 1)) == 0, "a power of two");

void turns_deinit(struct turns *turns)
{
    free(turns->slot);
    *turns = (struct turns){0};
}

static struct turns_slot *slot_of(const struct turns *turns, uint64_t place)
{
    assert(turns->cap > 0 && (turns->cap & (turns->cap - 1)) == 0);
    return &turns->slot[place & (turns->cap - 1)];
}

static bool grow(struct turns *turns)
{
    struct turns grown = {.cap = turns->cap == 0 ? CAP_MIN : turns->cap * 2};
    grown.slot = calloc(grown.cap, sizeof(*grown.slot));
    if (grown.slot == NULL)
        return false;
    for (uint32_t i = 0; i < turns->cap; i++) { /* what had a slot of its own has one now */
        if (turns->slot[i].place != 0)
            *slot_of(&grown, turns->slot[i].place) = turns->slot[i];
    }
    free(turns->slot);
    *turns = grown;
    assert(turns->cap <= TURNS_PLACES_MAX);
    return true;
}

void turns_note(struct turns *turns, struct turn turn)
{
    assert(turn.place > 0 && turn.place <= UINT32_MAX);
    assert(turn.kind < TURN_KIND_COUNT);
    if (turns->cap == 0 && !grow(turns))
        return;
    while (slot_of(turns, turn.place)->place != 0 &&
           slot_of(turns, turn.place)->place != turn.place && turns->cap < TURNS_PLACES_MAX) {
        if (!grow(turns))
            break;
    }
    struct turns_slot *slot = slot_of(turns, turn.place);
    if (slot->place > turn.place) /* that one's turn was later */
        return;
    slot->place = (uint32_t)turn.place;
    slot->kind = (uint8_t)turn.kind;
    slot->times = turn.times;
    slot->until_ms = turn.until_ms;
    assert(turns_of(turns, turn.place).kind == turn.kind);
}

bool turn_parse(struct span text, struct turn *out)
{
    struct span place, kind, until;
    uint64_t kind_number, times;
    struct turn turn;
    struct span rest = span_cut(span_cut(span_cut(text, ':', &place), ':', &kind), ':', &until);
    if (!span_u64(place, UINT32_MAX, &turn.place) || turn.place == 0 ||
        !span_u64(kind, TURN_KIND_COUNT - 1, &kind_number) ||
        !span_u64(until, LINE_MS_MAX, &turn.until_ms) || !span_u64(rest, UINT8_MAX, &times))
        return false;
    turn.kind = (enum turn_kind)kind_number;
    turn.times = (uint8_t)times;
    assert(turn.place > 0 && turn.kind < TURN_KIND_COUNT); /* what turns_note() takes */
    *out = turn;
    return true;
}

struct turn turns_of(const struct turns *turns, uint64_t place)
{
    if (turns == NULL || turns->cap == 0)
        return (struct turn){.kind = TURN_NONE};
    const struct turns_slot *slot = slot_of(turns, place);
    if (slot->place != place)
        return (struct turn){.kind = TURN_NONE};
    assert(slot->kind < TURN_KIND_COUNT);
    return (struct turn){
        .place = place,
        .until_ms = slot->until_ms,
        .kind = (enum turn_kind)slot->kind,
        .times = slot->times,
    };
}
