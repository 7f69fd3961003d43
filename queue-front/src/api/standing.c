/* standing.c: combines the picture's place with the pass of the request. A pass is checked only
 * after the place has been called, when visitors ask rarely, so waiting never costs a signature. */
#include "api/standing.h"

#include "api/caller.h"
#include "core/line/heard.h"

enum { NEWS_S = 5 }; /* of the end of a visit arrives with a tick */

/* While the visit clock is paused, visits outlive their passes; a pass that was not shown meanwhile
 * is good until it is renewed or its own time is over. The end of a visit is reported by another
 * way (core/turns.h), so nobody stays inside because of this. */
static bool may_go_on(const struct front *front, const struct front_line *line,
                      const struct pass *pass)
{
    const struct line_view *view = line->view;
    return view->halted_ms > 0 || pass->expires_s + NEWS_S > front_wall_s(front) ||
           front_line_now_ms(front, line) < view->resumed_ms + view->knobs.session_ttl_ms;
}

/* 0, or ERR_NOMEM: whether there is a good one is not known. */
static int look_at_pass(const struct http_req *req, const struct front_line *line,
                        struct place *place)
{
    struct pass pass;
    struct front *front = front_of(req);
    int rc = caller_pass(req, front, line, true, &pass);
    if (rc < 0 || pass.place != line_place_of(line->view->lane, place->position) ||
        !may_go_on(front, line, &pass))
        return rc == ERR_NOMEM ? rc : 0;
    place->state = PLACE_ADMITTED;
    place->call_expires_ms = 0;
    place->session_expires_ms = pass.expires_s * 1000;
    place->session_ends_ms = pass.ends_s * 1000;
    return 0;
}

struct place standing_of(const struct http_req *req, const struct front *front,
                         const struct front_line *line, uint64_t entry, bool *unread)
{
    struct place place = place_at(line->view, entry, front_line_now_ms(front, line));
    if (place.position != 0) /* before the draw nobody is called or missed */
        heard_mark(line->view->heard, place.position);
    bool ended = place.state == PLACE_ENDED || place.state == PLACE_DONE;
    int rc = place.state != PLACE_WAITING && !ended ? look_at_pass(req, line, &place) : 0;
    if (unread != NULL)
        *unread = rc < 0;
    return place;
}
