/* slowed.h: tells slowed-down visitors why, whom to ask, and a reference that staff can look up.
 * Only if the operator names a contact. */
#ifndef FG_QUEUE_FRONT_SLOWED_H
#define FG_QUEUE_FRONT_SLOWED_H

#include "core/token/appeal.h"
#include "front/front.h"

struct slowed {
    char reference[APPEAL_LEN + 1]; /* empty: there is no contact */
};

/* Makes a reference for this case; the log line has the same one. */
struct slowed slowed_note(struct front *front, const struct front_line *event,
                          enum appeal_limit limit);

/* Adds {"reference": .., "appeal": {..}} to a problem, or nothing if it does not fit. */
void slowed_put(struct text *members, const struct front_line *event, const struct slowed *slowed);

/* Redirects to the page, which shows it. */
void slowed_answer_page(struct http_req *req, const struct front_line *event, const char *why,
                        const struct slowed *slowed);

#endif
