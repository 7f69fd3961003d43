/* status.h: the status of a line, shared by all readers, and that of one visitor ("me"), as JSON.
 * Pure rendering into the caller's memory. "me" is written for each poll and costs no lookup, no
 * allocation and no printf. */
#ifndef FG_QUEUE_FRONT_CORE_STATUS_H
#define FG_QUEUE_FRONT_CORE_STATUS_H

#include "base/text.h"
#include "core/event/event_doc.h"
#include "core/line/place.h"
#include "core/wait/eta.h"
#include "core/wait/odds.h"

struct status_lane {
    const struct line_view *view; /* NULL: unknown yet */
    const struct eta_model *eta;
};

struct status_ask {
    const struct line_view *view;
    const struct event_doc *doc;
    const struct eta_model *eta;
    const struct odds *odds; /* NULL: not shown */
    uint32_t lanes_len;
    struct status_lane lane[LANES_MAX];
    uint32_t poll_after_ms; /* only for readers of the shared status */
};

/* {event,name,state,serving,issued,waiting,rate_per_s,message,version,poll_after_ms,eta,...} */
void status_json(struct text *out, const struct status_ask *ask);

/* The same as a server-sent event named "status"; its id is the entity tag. */
void status_frame(struct text *out, struct span json, struct span tag);

/* The wait to show for this place: the place's own; before the draw, that of any place. */
struct eta status_eta(const struct eta_model *eta, struct place place);

/* A member's token may open a lane, which has its own codes and limit. */
bool status_opens_lane(const struct event_doc *doc, bool shows_token);

/* Why a line that takes joins refuses one without a code or an invitation, as the code of a notice;
 * NULL: it gets a place, as far as this front knows. */
const char *status_join_refused(const struct line_view *view, const struct event_doc *doc,
                                bool shows_token);
bool status_may_join(const struct line_view *view, const struct event_doc *doc, bool shows_token);

struct me_ask {
    const struct line_view *view;
    const struct event_doc *doc;
    bool shows_token;
    const struct eta_model *eta;
    const struct odds *odds; /* NULL: not shown */
    uint64_t entry;          /* from the ticket */
    struct place place;
    uint32_t load_milli;
    uint32_t random;
    const char *lane;   /* NULL: the general one */
    struct span ticket; /* only in the answer to a join; otherwise absent */
};

/* {event,state,place,position,ahead,eta,called,call_expires_at,poll_after_ms}. Before the draw
 * `position` and `ahead` are null and `entry` is a number; "stale":true only while the picture is
 * old.
 */
void status_me_json(struct text *out, const struct me_ask *ask);

#endif
