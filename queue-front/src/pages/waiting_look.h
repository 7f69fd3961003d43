/* waiting_look.h: what one request for the waiting page gets to see: the event, the place, and
 * the view of the page that shows it. */
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
    const struct front_line *event; /* NULL: the page for what is not there */
    enum lang lang;
    bool kept; /* caches keep what is made of it, so it may depend on the event and the language
                  alone */
    const char *view;
    struct span notice;    /* a code, or not there */
    struct span reference; /* of somebody slowed down; or anything */
    uint64_t now_ms;
    uint32_t poll_ms;
    bool moved;     /* the ticket's place is on another device now */
    uint64_t entry; /* of the ticket; 0: none */
    uint64_t joined_ms;
    struct place place;
    bool unread; /* there was no memory to read a pass: the place may be inside */
    struct eta eta;
    /* Of a list, that whose turn it is. */
    const struct price *price;
    struct queue_run run;
    unsigned row;
};

/* Whose place it is, from the request's ticket; the fields above `view` and the query's are set. */
void waiting_look_take(struct waiting_look *look, const struct http_req *req);
/* Nothing in it belongs to one visitor, so others may be sent the same page. */
bool waiting_look_is_shared(const struct waiting_look *look);
/* Why nobody can enter with this place any more; NULL: it is still good. */
const char *waiting_look_over(const struct waiting_look *look);

static inline struct span waiting_look_phrase(const struct waiting_look *look, const char *key)
{
    return phrases_find(site_phrases(look->site, look->lang), span_of(key));
}

#endif
