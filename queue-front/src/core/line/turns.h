/* turns.h: what became of places after their call: a call was extended, a visit ended, an order
 * went through. Redis keeps a log of these, the ticks tell each front the new ones, and a poll
 * looks its place up here without asking Redis.
 *
 * A front that has just started learns the newest part of the log. Of an older place it knows what
 * the picture says: that its call is over.
 *
 * Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_TURNS_H
#define FG_QUEUE_FRONT_CORE_TURNS_H

#include "base/span.h"
#include "queue-front/lua/line_names.h" /* enum turn_kind */

#include <stdbool.h>
#include <stdint.h>

enum {
    /* In one line: 4 MB. Places are called in their order, so recent ones never collide; an older
     * one is forgotten for a newer one. */
    TURNS_PLACES_MAX = 262144,
};

struct turn {
    uint64_t place;
    uint64_t until_ms; /* TURN_KEPT: on the event's clock, less the time the line had stood still */
    enum turn_kind kind;
    uint8_t times;
};

struct turns_slot {
    uint64_t until_ms;
    uint32_t place; /* 0: free */
    uint8_t kind;
    uint8_t times;
};

struct turns {
    struct turns_slot *slot; /* by the place's lowest bits */
    uint32_t cap;            /* a power of two, or 0 */
};

void turns_deinit(struct turns *turns);

/* Without memory the place stays as the picture has it: Redis judges whoever wants to enter. */
void turns_note(struct turns *turns, struct turn turn);

/* "place:kind:until_ms:times", as the log has it. */
bool turn_parse(struct span text, struct turn *out);

/* NULL: nothing is known of any. O(1). */
struct turn turns_of(const struct turns *turns, uint64_t place);

#endif
