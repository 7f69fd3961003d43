/* standing.h: where the owner of a ticket stands: the place by the picture, and what the pass in
 * the same request says. Asking is a sign of life, whether by page, request or stream. Costs no
 * Redis operation. */
#ifndef FG_QUEUE_FRONT_STANDING_H
#define FG_QUEUE_FRONT_STANDING_H

#include "front/front.h"

/* `line` as the ticket names it, `entry` of the ticket. *unread: there is a pass that there was no
 * memory to read, and the place is that of the picture, which does not know who is inside; NULL:
 * that will do. */
struct place standing_of(const struct http_req *req, const struct front *front,
                         const struct front_line *line, uint64_t entry, bool *unread);

#endif
