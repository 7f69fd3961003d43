/* turns.h: the outcomes of places: a call was extended, a visit ended, an order went through, or
 * the place was given up before that. Redis keeps a log of these, the ticks tell each front the new
 * ones, and a poll looks its place up here without asking Redis.
 *
 * A front that has just started learns the newest part of the log. Of an older place it knows what
 * the picture says: that its call is over.
 *
 * Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_TURNS_H
#define FG_QUEUE_FRONT_CORE_TURNS_H

#include "base/span.h"
#include "base/table.h"
#include "core/line/line_pages.h"
#include "queue-front/lua/line_names.h" /* enum turn_kind */

#include <stdbool.h>
#include <stdint.h>

enum {
    TURNS_BLOCK_PLACES = 16384, /* 4 KB: most sales need one */
    TURNS_BLOCKS = 32, /* of one line, the newest: 128 KB. Of older ones the picture says enough. */
    /* Extended calls whose visit is not over: 2 MB. As many as Redis's log has. */
    TURNS_KEPT_MAX = 65536,
};

struct turn {
    uint64_t place;    /* TURN_GIVEN_UP: the entry */
    uint64_t until_ms; /* TURN_KEPT: on the event's clock, less the time the line had stood still */
    enum turn_kind kind;
    uint8_t times; /* TURN_KEPT */
    bool ended;    /* TURN_ENDED: it was, not by the clock; TURN_DONE: true */
};

struct turns_block;
struct turns_kept;

struct turns {
    struct turns_block *block[TURNS_BLOCKS]; /* by the lowest bits of its number; NULL: none yet */
    struct turns_kept *kept;
    uint32_t kept_cap, kept_len;
    uint32_t kept_next; /* which one makes room, once there are as many as there may be */
    struct table kept_by_place;
    /* A bit for each entry that was given up, in pages; NULL: none of them. 2 MB at most. */
    uint8_t *given_up[HEARD_PAGES_MAX];
};

void turns_deinit(struct turns *turns);

/* TURN_NONE: what was known of this place is not so any more; but a visit that was ended stays so,
 * whatever later news say that did not know of it. Without memory the place stays as the
 * picture has it: Redis checks each entry. */
void turns_note(struct turns *turns, struct turn turn);

/* "place:kind:until_ms:times", as the log has it. */
bool turn_parse(struct span text, struct turn *out);

/* NULL: nothing is known of any. O(1). Never TURN_GIVEN_UP, which is looked up by the entry. */
struct turn turns_of(const struct turns *turns, uint64_t place);

/* Its owner has left before coming in. O(1). */
bool turns_gave_up(const struct turns *turns, uint64_t entry);

#endif
