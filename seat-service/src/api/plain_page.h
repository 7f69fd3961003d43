/* plain_page.h: the hall for browsers without a script: a page of forms. Its forms are the calls of
 * buyer_api.c under another path, answered by a page to go on to. */
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
/* What the visitor holds, or what there is to take. */
void plain_page_reply(struct call *call);
/* The fields of a form, as the body that a program would send; the fields are taken. NULL: no
 * memory. */
json_t *plain_page_body(json_t *fields);

#endif
