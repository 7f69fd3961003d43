/* line_pages.h: a bit for each place of a line, in pages: what marks (heard.h) and ghosts
 * (ghosts.h) have in common, and what Redis keeps of both. */
#ifndef FG_QUEUE_FRONT_CORE_LINE_PAGES_H
#define FG_QUEUE_FRONT_CORE_LINE_PAGES_H

#include "queue-front/lua/line_names.h" /* HEARD_PAGE_PLACES */

enum {
    HEARD_PAGE_BYTES = HEARD_PAGE_PLACES / 8,
    /* Pages in one call: 16 KB, and some 20 us of Redis. A call goes with a tick while some are
     * left, so ten million places are sent in 77 calls, at 300 ms each in 23 s: within a third of
     * an epoch. */
    HEARD_SEND_MAX = 2,
    /* 16.8 million places, 4 MB of marks. Those further back count as present. */
    HEARD_PAGES_MAX = 256,
};

#endif
