/* page_list.h: a setting that names pages to be read: http(s) URLs, comma between. */
#ifndef FG_QUEUE_FRONT_PAGE_LIST_H
#define FG_QUEUE_FRONT_PAGE_LIST_H

#include "base/err.h"
#include "limits.h"

struct page_list {
    unsigned len;
    char *memory; /* the setting, cut at its commas */
    const char *url[PAGES_MAX];
};

/* ERR_RANGE, and the error names the setting: not a list of at most PAGES_MAX URLs. */
int page_list_check(const char *setting, const char *pages, struct err_slot *err);

/* Of a setting that was checked. */
int page_list_init(struct page_list *list, const char *pages, struct err_slot *err);
void page_list_deinit(struct page_list *list);

#endif
