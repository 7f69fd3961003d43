/* queue_api.h: the requests of a waiting visitor: join, me, status, stream. */
#ifndef FG_QUEUE_FRONT_QUEUE_API_H
#define FG_QUEUE_FRONT_QUEUE_API_H

#include "front/front.h"

/* The answer to a join: the place of `entry`, and its ticket. */
void queue_answer_place(struct http_req *req, struct front *front, const struct front_line *event,
                        uint64_t entry, struct span ticket, unsigned status,
                        const struct text *headers);

/* The same for a new ticket: dates and signs it, adds its promised wait, and sets its cookie and,
 * unless it is empty, a new visitor's cookie. Redirects a form to the page. */
void queue_answer_ticket(struct http_req *req, const struct front_line *event, struct ticket ticket,
                         struct span cookie, unsigned status);

#endif
