/* turns.h: the outcomes of places: a call was extended, a visit ended, an order went through, or
 * the place was given up before that. Redis keeps a log of these, ticks bring the new ones to each
 * front, and a poll looks its place up here without calling Redis.
 *
 * A front that has just started reads the newest part of the log. For older places it only has the
 * picture: their calls have ended.
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
    TURNS_BLOCKS = 32, /* of one line, the newest: 128 KB; for older places the picture is enough */
    /* Extended calls whose visit has not ended: 2 MB. As many as in Redis's log. */
    TURNS_KEPT_MAX = 65536,
};

struct turn {
    uint64_t place;    /* TURN_GIVEN_UP: the entry */
    uint64_t until_ms; /* TURN_KEPT: on the event's clock, less the time the line had been paused */
    enum turn_kind kind;
    uint8_t times; /* TURN_KEPT */
    bool ended;    /* TURN_ENDED: ended by a request, not by time; TURN_DONE: true */
};

struct turns_block;
struct turns_kept;

struct turns {
    struct turns_block *block[TURNS_BLOCKS]; /* by the lowest bits of its number; NULL: none yet */
    struct turns_kept *kept;
    uint32_t kept_cap, kept_len;
    uint32_t kept_next; /* the next one to be replaced, once the list is full */
    struct table kept_by_place;
    /* A bit for each entry that was given up, in pages; NULL: none. 2 MB at most. */
    uint8_t *given_up[SEEN_PAGES_MAX];
};

void turns_deinit(struct turns *turns);

/* Applies an outcome. TURN_NONE revokes earlier ones, but an ended visit stays ended, whatever
 * later news that missed it say. Without memory the place stays as in the picture: Redis checks
 * each entry. */
void turns_note(struct turns *turns, struct turn turn);

/* "place:kind:until_ms:times", as in the log. */
bool turn_parse(struct span text, struct turn *out);

/* NULL: no outcomes are known. O(1). Never TURN_GIVEN_UP, which is looked up by the entry. */
struct turn turns_of(const struct turns *turns, uint64_t place);

/* Its owner gave it up before entering. O(1). */
bool turns_gave_up(const struct turns *turns, uint64_t entry);

#endif
