/* visit.h: what a browser sends without a script: its language, its admission pass. */
#ifndef FG_WEB_VISIT_H
#define FG_WEB_VISIT_H

#include "http/http.h"
#include "lang.h"

/* The waiting room gives the pass of an event in a cookie of this name and the event's id. */
#define VISIT_PASS_COOKIE "fg_pass_"

enum lang visit_lang(const struct http_req *req);
bool visit_asks_lang(const struct http_req *req,
                     enum lang *out); /* false: for none that is known */

/* Does a list such as Accept or Accept-Encoding name it, and not with q=0? "*" names nothing. */
bool visit_lists(struct span header, struct span wanted);

/* May the answer be coded like this ("gzip", "br")? */
bool visit_accepts(const struct http_req *req, struct span coding);

/* If-None-Match: the browser or cache has the response with this tag (with its quotes). */
bool visit_has(const struct http_req *req, struct span tag);

/* The bearer token, else the event's pass cookie. For a request that changes something the cookie
 * counts only if the page it comes from is ours (Origin is Host): a browser sends cookies by
 * itself, but not tokens. Not there if there is none. */
struct span visit_pass(const struct http_req *req, struct span event);

#endif
