/* slowed.h: tells slowed-down visitors why, where to ask about it, and a reference with which
 * staff can find out what happened. Only where the operator names a contact. */
#ifndef FG_QUEUE_FRONT_SLOWED_H
#define FG_QUEUE_FRONT_SLOWED_H

#include "core/token/appeal.h"
#include "front/front.h"

struct slowed {
    char reference[APPEAL_LEN + 1]; /* empty: nobody is named */
};

/* The reference of this moment; its line in the log has the same. */
struct slowed slowed_note(struct front *front, const struct front_line *event,
                          enum appeal_limit limit);

/* {"reference": .., "appeal": {..}} of a problem, or nothing. */
void slowed_put(struct text *members, const struct front_line *event, const struct slowed *slowed);

/* On to the page, which tells it. */
void slowed_answer_page(struct http_req *req, const struct front_line *event, const char *why,
                        const struct slowed *slowed);

#endif
