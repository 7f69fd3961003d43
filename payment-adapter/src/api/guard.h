/* guard.h: what is asked of a request before anything is done for it. Each answers false after it
 * has replied. */
#ifndef FG_PAY_GUARD_H
#define FG_PAY_GUARD_H

#include "pay_loop.h"

#include <jansson.h>

/* A browser says where a post comes from; from elsewhere than our own pages it is not ours. Who
 * sends no Origin is no browser, and carries no cookie that he was not given. */
bool guard_origin(struct http_req *req);
/* Content-Type: application/json, and one JSON object; *out is the caller's. */
bool guard_json(struct http_req *req, struct err_slot *err, json_t **out);
/* For what could not be found out; `rc` is a database's. */
void guard_unavailable(struct http_req *req, int rc);
/* 401 */
void guard_login(struct http_req *req);
/* 404, the same for what is not there and what is somebody else's. */
void guard_nothing(struct http_req *req, const char *what);

/* What was written, as JSON with these head lines; 500 if it did not fit. */
void guard_reply(struct http_req *req, unsigned status, const struct text *body,
                 struct span headers);

/* Memory for a request about what its route's first parameter names, which is copied to `id`; the
 * caller's, to free(). NULL: it has been answered. */
void *guard_begin(struct http_req *req, size_t size, char *id, size_t id_cap);

/* Copies a route's parameter; false (and a 404) if it is not one of our ids. */
bool guard_id(struct http_req *req, unsigned param, char *out, size_t cap);

#endif
