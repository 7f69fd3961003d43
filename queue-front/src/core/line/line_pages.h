/* line_pages.h: one bit per place of a line, in pages: shared by signs of life (seen.h) and ghosts
 * (ghosts.h), and the form of both in Redis. */
#ifndef FG_QUEUE_FRONT_CORE_LINE_PAGES_H
#define FG_QUEUE_FRONT_CORE_LINE_PAGES_H

#include "queue-front/lua/line_names.h" /* SEEN_PAGE_PLACES */

enum {
    SEEN_PAGE_BYTES = SEEN_PAGE_PLACES / 8,
    /* Pages per call: 16 KB, and some 20 us of Redis. Each tick sends a call while there are pages
     * left, so ten million places take 77 calls, at 300 ms each 23 s: within a third of an
     * epoch. */
    SEEN_SEND_MAX = 2,
    /* 16.8 million places, 4 MB of marks. Places beyond count as present. */
    SEEN_PAGES_MAX = 256,
};

#endif
