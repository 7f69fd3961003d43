/* form.h: application/x-www-form-urlencoded, as Stripe's clients write it: `amount=1000`,
 * `metadata[order]=7`, `expand[0]=charge`, `expand[]=charge`. The fields become the members of one
 * flat JSON object of texts, under their whole names: UTF-8 without NUL, well-formed names, no name
 * twice. */
#ifndef FG_PSP_SANDBOX_FORM_H
#define FG_PSP_SANDBOX_FORM_H

#include "base/err.h"
#include "base/span.h"
#include "psp_limits.h"

#include <jansson.h>

struct http_req;

/* Adds the fields of `raw`, at most FORM_BYTES_MAX bytes, to the object. ERR_SYNTAX for bad
 * escapes, text or brackets, ERR_EXISTS for a duplicate name, ERR_FULL beyond the bounds. After an
 * error the object is unusable. */
int form_parse(struct span raw, struct err_slot *err, json_t *form);

/* The fields of a request's query and body, owned by the caller; NULL, with the reason in *err. */
json_t *form_read(const struct http_req *req, struct err_slot *err);

/* True for "root[inner]" with a single pair of brackets. */
bool form_inner(const char *name, const char *root, struct span *inner);

#endif
