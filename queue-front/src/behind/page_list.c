/* page_list.c: a list of URLs in one setting. It is validated with the settings, so that a mistake
 * is reported at the start, and split into pages once when a front begins, so that a round need not
 * parse anything. */
#include "behind/page_list.h"

#include "base/span.h"

#include <stdlib.h>
#include <string.h>

int page_list_check(const char *setting, const char *pages, struct err_slot *err, unsigned *out)
{
    struct span rest = span_of(pages), url;
    unsigned len = 0;
    while (rest.len > 0 && span_next(&rest, ',', &url)) {
        url = span_trim(url);
        if (span_after_scheme(url).ptr == NULL || !span_is_visible(url) || ++len > PAGES_MAX)
            return err_set(err, ERR_RANGE, "%s: at most %d http(s) URLs, comma between", setting,
                           PAGES_MAX);
    }
    if (out != NULL)
        *out = len;
    return 0;
}

int page_list_open(struct page_list *list, uv_loop_t *loop, const char *pages, const char *tls_ca,
                   struct err_slot *err)
{
    *list = (struct page_list){.memory = strdup(pages)};
    if (list->memory == NULL)
        return err_set(err, ERR_NOMEM, "a list of pages");
    char *at = list->memory;
    char *url;
    while ((url = strsep(&at, ", ")) != NULL && list->len < PAGES_MAX) {
        if (url[0] != '\0')
            list->url[list->len++] = url;
    }
    int rc = outcalls_create(loop, tls_ca, err, &list->outcalls);
    if (rc < 0)
        page_list_close(list);
    return rc;
}

void page_list_close(struct page_list *list)
{
    if (list->outcalls != NULL)
        outcalls_close(list->outcalls);
    free(list->memory);
    *list = (struct page_list){.len = 0};
}
