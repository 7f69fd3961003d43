/* queue_api.h: the public requests of a waiting visitor: join, me, status, stream. */
#ifndef FG_QUEUE_FRONT_QUEUE_API_H
#define FG_QUEUE_FRONT_QUEUE_API_H

#include "front/front.h"

/* What join answers: where `entry` stands, and its ticket. */
void queue_answer_place(struct http_req *req, struct front *front, const struct front_line *event,
                        uint64_t entry, struct span ticket, unsigned status,
                        const struct text *headers);

/* The same of a new ticket, which is dated, given its promise and signed here, with its cookie and,
 * unless it is empty, the one of a new visitor. A form is led to the page. */
void queue_answer_ticket(struct http_req *req, const struct front_line *event, struct ticket ticket,
                         struct span cookie, unsigned status);

#endif
