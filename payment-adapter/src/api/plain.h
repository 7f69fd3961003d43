/* plain.h: answers for browsers without scripts. Their forms post to the API's calls and name the
 * page of ours that they come from in the field `back`. */
#ifndef FG_PAY_PLAIN_H
#define FG_PAY_PLAIN_H

#include "page/form.h"

/* Whether it is a form that names a page of ours in `back`; other forms are refused as not JSON. */
bool plain_is(const struct http_req *req);
/* 303 to the page. */
void plain_go(struct http_req *req, struct span page, struct span headers);
/* 303 to the page that a field names. False: not a form, or not a page of ours. */
bool plain_go_to_field(struct http_req *req, struct span field, struct span headers);
/* 303 to the form's page, which shows the error. False: as above. */
bool plain_refuse(struct http_req *req, const char *code, unsigned retry_after_s);
/* The fields as a program would send them, without those that name pages. Returns as
 * form_read(). */
int plain_read(const struct http_req *req, struct err_slot *err, json_t **out);

#endif
