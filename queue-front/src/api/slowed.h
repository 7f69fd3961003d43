/* slowed.h: whoever is slowed down is told why, by whom they can have it looked at, and by which
 * number that person finds it in the log. Only where the operator names such a person. */
#ifndef FG_QUEUE_FRONT_SLOWED_H
#define FG_QUEUE_FRONT_SLOWED_H

#include "front/front.h"

enum { SLOWED_REFERENCE_LEN = 8 };

struct slowed {
    char reference[SLOWED_REFERENCE_LEN + 1]; /* empty: nobody is named */
};

/* A new reference for `why`, a code; its line in the log has the same. */
struct slowed slowed_note(struct front *front, const struct front_event *event, const char *why);
/* Of work that is asked for and that a script may well do: most of these need nobody. */
struct slowed slowed_note_work(struct front *front, const struct front_event *event,
                               const char *why);

/* {"reference": .., "appeal": {..}} of a problem, or nothing. */
void slowed_put(struct text *members, const struct front_event *event, const struct slowed *slowed);

/* On to the page, which tells it. */
void slowed_answer_page(struct http_req *req, const struct front_event *event, const char *why,
                        const struct slowed *slowed);

bool slowed_reference_ok(struct span text);

#endif
