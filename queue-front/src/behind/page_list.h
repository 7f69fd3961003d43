/* page_list.h: a setting that names pages to be read: http(s) URLs, comma between; and the calls to
 * them. One belongs to one loop. */
#ifndef FG_QUEUE_FRONT_PAGE_LIST_H
#define FG_QUEUE_FRONT_PAGE_LIST_H

#include "base/err.h"
#include "limits.h"
#include "outcall/outcall.h"

struct page_list {
    struct outcalls *outcalls;
    unsigned len;
    char *memory; /* the setting, cut at its commas */
    const char *url[PAGES_MAX];
};

/* ERR_RANGE, and the error names the setting: not a list of at most PAGES_MAX URLs. *out, unless
 * NULL: how many there are. */
int page_list_check(const char *setting, const char *pages, struct err_slot *err, unsigned *out);

/* Of a setting that was checked; `tls_ca` as in outcalls_create(). */
int page_list_open(struct page_list *list, uv_loop_t *loop, const char *pages, const char *tls_ca,
                   struct err_slot *err);
/* One that failed to open, or has no URLs, may be closed as well. */
void page_list_close(struct page_list *list);

#endif
