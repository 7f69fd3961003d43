/* visit.h: what a browser without scripts sends: its language, its admission pass. */
#ifndef FG_WEB_VISIT_H
#define FG_WEB_VISIT_H

#include "http/http.h"
#include "lang.h"

/* Prefix of the cookie with an event's pass, followed by the event's id. */
#define VISIT_PASS_COOKIE "fg_pass_"

enum lang visit_lang(const struct http_req *req);
bool visit_asks_lang(const struct http_req *req, enum lang *out); /* false: no known language */

/* Does a list such as Accept or Accept-Encoding have it, without q=0? "*" does not count. */
bool visit_lists(struct span header, struct span wanted);

/* Does the client accept this encoding ("gzip", "br")? */
bool visit_accepts(const struct http_req *req, struct span coding);

/* If-None-Match: the browser or cache has the response with this tag (with its quotes). */
bool visit_has(const struct http_req *req, struct span tag);

/* The bearer token, otherwise the event's pass cookie. For a request that changes data the cookie
 * counts only if it comes from our own page (Origin is Host): browsers send cookies, but not
 * tokens, by themselves. "Not there" if there is neither. */
struct span visit_pass(const struct http_req *req, struct span event);

#endif
