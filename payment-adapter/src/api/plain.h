/* plain.h: answers for browsers without a script. Their forms are sent to the calls of the API and
 * name, in the field `back`, the page of ours that they come from. */
#ifndef FG_PAY_PLAIN_H
#define FG_PAY_PLAIN_H

#include "page/form.h"

/* A form that names a page of ours in `back`; other forms are refused, as bodies that are not JSON.
 */
bool plain_is(const struct http_req *req);
/* 303 to the page. */
void plain_go(struct http_req *req, struct span page, struct span headers);
/* 303 to the page in a field. False: the request is no form, or names no page of ours. */
bool plain_go_to_field(struct http_req *req, struct span field, struct span headers);
/* 303 to the form's page, which says why. False: as above. */
bool plain_refuse(struct http_req *req, const char *code, unsigned retry_after_s);
/* The fields as a program would send them: without where to go on. As form_read(). */
int plain_read(const struct http_req *req, struct err_slot *err, json_t **out);

#endif
