/* queue_api.h: the public requests of a waiting visitor: join, me, status, stream. */
#ifndef FG_QUEUE_FRONT_QUEUE_API_H
#define FG_QUEUE_FRONT_QUEUE_API_H

#include "base/err.h"
#include "front/front.h"

/* What join answers: where `entry` stands, and its ticket. */
void queue_answer_place(struct http_req *req, struct front *front, const struct front_line *event,
                        uint64_t entry, struct span ticket, unsigned status,
                        const struct text *headers);

/* Notes on a new ticket, whose entry is set, when it is made and what wait it promises. */
void queue_promise(const struct front *front, const struct front_line *event,
                   struct ticket *ticket);

int queue_api_routes(struct http_router *routes, struct err_slot *err);

#endif
