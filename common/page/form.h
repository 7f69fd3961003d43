/* form.h: what a browser without a script sends: the fields of a form. */
#ifndef FG_PAGE_FORM_H
#define FG_PAGE_FORM_H

#include "http/http.h"

#include <jansson.h>

enum { FORM_FIELDS_MAX = 32 };

/* A POST with application/x-www-form-urlencoded. Programs send JSON, or no body. */
bool form_is(const struct http_req *req);
/* The first field of that name, decoded into `memory`; not there if there is none, the body is no
 * form, or it does not fit. */
struct span form_field(const struct http_req *req, struct span name, struct text *memory);
/* All of them as a JSON object of texts, which is the caller's. ERR_NOMEM, or ERR_SYNTAX: not
 * UTF-8, a field twice, or too many of them. The body's length is bounded by its route. */
int form_read(const struct http_req *req, struct err_slot *err, json_t **out);

#endif
