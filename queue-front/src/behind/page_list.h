/* page_list.h: a setting with pages to read, http(s) URLs separated by commas, and the calls to
 * them. Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_PAGE_LIST_H
#define FG_QUEUE_FRONT_PAGE_LIST_H

#include "base/err.h"
#include "front_limits.h"
#include "outcall/outcall.h"

struct page_list {
    struct outcalls *outcalls;
    unsigned len;
    char *memory; /* the setting, split at its commas */
    const char *url[PAGES_MAX];
};

/* ERR_RANGE, with the setting's name in the error: not a list of at most PAGES_MAX URLs. *out,
 * unless NULL: their number. */
int page_list_check(const char *setting, const char *pages, struct err_slot *err, unsigned *out);

/* Opens a validated setting; `tls_ca` as in outcalls_create(). */
int page_list_open(struct page_list *list, uv_loop_t *loop, const char *pages, const char *tls_ca,
                   struct err_slot *err);
/* May be called on a list that failed to open, or has no URLs. */
void page_list_close(struct page_list *list);

#endif
