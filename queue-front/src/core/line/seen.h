/* seen.h: the visitors that polled this front recently: one bit per place, in pages of 65,536, for
 * this epoch and, until it has been sent, for the previous one.
 *
 * A poll sets a bit in allocated memory. Changed pages are sent to Redis a few at a time, so a
 * waiting visitor costs Redis nothing. Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_SEEN_H
#define FG_QUEUE_FRONT_CORE_SEEN_H

#include "base/span.h"
#include "core/line/ghosts.h"
#include "core/line/line_pages.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    /* Room for this many places beyond those issued, for visitors who join before the next tick. A
     * place beyond it is marked by the next poll. */
    SEEN_AHEAD_PLACES = 65536,
};

struct seen_page {
    uint64_t epoch;
    uint32_t page;
};

struct seen {
    uint8_t *bits[2];  /* this epoch's and the previous; the highest bit is the lowest place */
    uint8_t *dirty[2]; /* a flag per page: it has unsent marks */
    uint32_t pages;
    uint32_t dirty_len[2];
    uint32_t next; /* where the search for dirty pages continues */
    uint64_t epoch;
    struct seen_page sent[SEEN_SEND_MAX]; /* on their way */
    uint32_t sent_len;
    bool urgent;                 /* a visitor came back whom every front counts as gone */
    const struct ghosts *ghosts; /* NULL: nobody is known to be gone */
};

void seen_deinit(struct seen *seen);
/* Makes room for this many places. Without memory, places beyond the room get no marks. */
void seen_reserve(struct seen *seen, uint64_t issued);
/* Starts an epoch. Unsent marks are kept for one more epoch; then they are useless. */
void seen_turn(struct seen *seen, uint64_t epoch);
/* This visitor has just polled. O(1), no allocation. */
void seen_mark(struct seen *seen, uint64_t place);

/* Redis has lost its bitmap: both epochs are sent again. */
void seen_send_again(struct seen *seen);

/* Picks up to SEEN_SEND_MAX changed pages into `sent`, the older epoch's first. Each pick ends
 * with seen_sent(); pages that did not arrive are picked again. */
uint32_t seen_pick(struct seen *seen);
/* Whether everything is sent or under way; and the same for the previous epoch. */
static inline bool seen_all_sent(const struct seen *seen)
{
    return seen->dirty_len[0] + seen->dirty_len[1] == 0;
}

static inline bool seen_last_sent(const struct seen *seen)
{
    return seen->dirty_len[1] == 0;
}

/* The page's marks without trailing zeros. */
struct span seen_marks(const struct seen *seen, struct seen_page page);
void seen_sent(struct seen *seen, bool arrived);

#endif
