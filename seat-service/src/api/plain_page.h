/* plain_page.h: the hall for browsers without scripts: a page of forms. The forms are the calls of
 * buyer_api.c under another path, answered with a redirect to the page. */
#ifndef FG_SEAT_SERVICE_PLAIN_PAGE_H
#define FG_SEAT_SERVICE_PLAIN_PAGE_H

#include "loop/call.h"
#include "web/site.h"

#include <jansson.h>

struct plain_page {
    struct call_plain answers; /* for loop_conf.plain */
    struct filled_page *page;
    const struct site *site;
};

/* `site` is borrowed. */
int plain_page_create(const struct site *site, struct err_slot *err, struct plain_page **out);
void plain_page_destroy(struct plain_page *page);
/* Shows the visitor's holds, or without any, the available seats. */
void plain_page_reply(struct call *call);
/* Redirects to the page of the event in the path; it shows the code `refused`, if not NULL.
 * `owner`: for the header Fairgate-Owner, if not NULL. */
void plain_page_redirect(struct http_req *req, const char *refused, const char *owner);
/* Converts form fields to the body of an API call; takes ownership of the fields. NULL: out of
 * memory. */
json_t *plain_page_body(json_t *fields);

#endif
