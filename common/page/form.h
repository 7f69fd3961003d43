/* form.h: the fields of a form, sent by a browser without scripts. */
#ifndef FG_PAGE_FORM_H
#define FG_PAGE_FORM_H

#include "http/http.h"

#include <jansson.h>

enum { FORM_FIELDS_MAX = 32 };

/* A POST with application/x-www-form-urlencoded. Programs send JSON, or no body. */
bool form_is(const struct http_req *req);
/* The first field of that name, decoded into `memory`; "not there" if it is missing, does not fit,
 * or the body is not a form. */
struct span form_field(const struct http_req *req, struct span name, struct text *memory);
/* All fields as a JSON object of texts, owned by the caller. ERR_NOMEM, or ERR_SYNTAX: not UTF-8, a
 * repeated field, or too many. The route bounds the body's length. */
int form_read(const struct http_req *req, struct err_slot *err, json_t **out);

#endif
