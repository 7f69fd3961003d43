/* cut_board.h: the newest cuts known to any loop of this process, shared by all of its loops: one
 * of them asks Redis, and the others read them here. So the load on Redis depends on the number of
 * processes, not of loops.
 *
 * This is only a shortcut. Each cut comes with its checksum, and a reader checks it as if it came
 * from Redis; missing cuts are requested from there.
 *
 * May be used from all loops at once. */
#ifndef FG_QUEUE_FRONT_CUT_BOARD_H
#define FG_QUEUE_FRONT_CUT_BOARD_H

#include "core/line/cut.h"
#include "core/line/line.h"

enum {
    /* Sharded lines with news at the same time; the one silent longest is replaced. */
    BOARD_LINES_MAX = 32,
    /* Cuts per line: more than a second of them. A loop that was suspended longer asks Redis. */
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

/* True: the caller has to ask Redis. No other loop gets true for `slot_us`. */
bool cut_board_claim(struct cut_board *board, const struct line_view *view, uint64_t now_us,
                     uint64_t slot_us);
/* Publishes a cut that came from Redis. */
void cut_board_put(struct cut_board *board, const struct line_view *view,
                   const struct cut_note *note);
/* Cut `nth` of this line. False: not here. */
bool cut_board_get(struct cut_board *board, const struct line_view *view, uint32_t nth,
                   struct cut_note *out);

#endif
