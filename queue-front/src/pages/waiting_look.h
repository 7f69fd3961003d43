/* waiting_look.h: the data of one request for the waiting page: the event, the place, and the view
 * to show. */
#ifndef FG_QUEUE_FRONT_WAITING_LOOK_H
#define FG_QUEUE_FRONT_WAITING_LOOK_H

#include "core/wait/status.h"
#include "front/front.h"
#include "pages/queue_line.h"
#include "web/lang.h"
#include "web/site.h"

struct waiting_look {
    const struct site *site;
    const struct front *front;
    const struct front_line *event; /* NULL: the page for an unknown event */
    enum lang lang;
    bool kept; /* for a page that caches store, so it may depend only on event and language */
    const char *view;
    struct span notice;    /* a code, or empty */
    struct span reference; /* of a slowed-down visitor; unverified */
    uint64_t now_ms;
    uint32_t poll_ms;
    bool moved;     /* the ticket's place has moved to another device */
    uint64_t entry; /* of the ticket; 0: none */
    struct place place;
    bool unread;      /* no memory to read a pass: the place may be inside */
    bool shows_token; /* of a member, or it is for a page that caches store */
    bool may_change;  /* the member's token opens a lane, and the place is in the general line */
    struct eta eta;
    /* In a list: the current item. */
    const struct price *price;
    struct queue_run run;
    unsigned row;
};

/* Sets the place from the ticket; the fields above `view` and the query's are already set. */
void waiting_look_take(struct waiting_look *look, const struct http_req *req);
/* It contains nothing of one visitor, so others may get the same page. */
bool waiting_look_is_shared(const struct waiting_look *look);
/* Why nobody can enter with this place any longer; NULL: it is valid. */
const char *waiting_look_over(const struct waiting_look *look);

static inline struct span waiting_look_phrase(const struct waiting_look *look, const char *key)
{
    return phrases_find(site_phrases(look->site, look->lang), span_of(key));
}

#endif
