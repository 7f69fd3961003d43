/* standing.h: where the owner of a ticket stands, as every answer about it tells: the picture's
 * place, and what the pass in the same request says. To ask is a sign of life, by page, call or
 * stream alike. Costs no Redis operation. */
#ifndef FG_QUEUE_FRONT_STANDING_H
#define FG_QUEUE_FRONT_STANDING_H

#include "front/front.h"

/* `line` as the ticket names it, `entry` of the ticket. */
struct place standing_of(const struct http_req *req, const struct front *front,
                         const struct front_line *line, uint64_t entry);

#endif
