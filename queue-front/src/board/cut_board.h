/* cut_board.h: the newest cuts that any loop of this process knows of, for all of its loops: one of
 * them asks Redis, and the others read it here. So Redis is asked as often as there are processes,
 * however many loops these have.
 *
 * It is only a shorter way for news. Each cut comes with its checksum, and a reader here
 * judges it as if it came from Redis; what is missing here is asked for there.
 *
 * May be used from all loops at once. */
#ifndef FG_QUEUE_FRONT_CUT_BOARD_H
#define FG_QUEUE_FRONT_CUT_BOARD_H

#include "core/line/cut.h"
#include "core/line/line.h"

enum {
    /* Lines in shards that have news at the same time; the one silent longest makes room. */
    BOARD_LINES_MAX = 32,
    /* Cuts of each: more than a second of them. A loop that stood still for longer asks Redis. */
    BOARD_CUTS_MAX = 64,
};

struct cut_board;
struct line_view;

struct cut_note {
    uint32_t nth, sum;
    struct cut cut;
};

struct cut_board *cut_board_create(void); /* NULL: no memory */
void cut_board_destroy(struct cut_board *board);

/* True: it is for the caller to ask Redis. No other loop gets it for `slot_us`. */
bool cut_board_claim(struct cut_board *board, const struct line_view *view, uint64_t now_us,
                     uint64_t slot_us);
/* A cut that Redis has told. */
void cut_board_put(struct cut_board *board, const struct line_view *view,
                   const struct cut_note *note);
/* Cut `nth` of this line. False: it is not here. */
bool cut_board_get(struct cut_board *board, const struct line_view *view, uint32_t nth,
                   struct cut_note *out);

#endif
