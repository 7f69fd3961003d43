/* trail.c: each of the three services has its own trail of an event, with its own members. This
 * merges them into one that is sorted by time. */
#include "acts/trail.h"

#include "base/json_in.h"
#include "show/value.h"

#include <stdlib.h>

enum { PAY_PAGE = 1000 }; /* as its path says below */

static const char *const names[COMMAND_SERVICES] = {"line", "seats", "pay"};

static int by_time(const void *a, const void *b)
{
    struct span first = value_text(*(void *const *)a, "at");
    struct span second = value_text(*(void *const *)b, "at");
    return memcmp(second.ptr, first.ptr, first.len < second.len ? first.len : second.len);
}

/* One line of any trail with the common members: at, where, who, what, why. */
static json_t *trail_row(const json_t *row, enum command_service service)
{
    struct grow what = {.ptr = NULL};
    static const char *const said[] = {"what", "act", "act"};
    static const char *const more[] = {"category", "from", "to",  "subject",
                                       "quantity", "gate", "area"};
    value_put(&what, value_at(row, said[service]));
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        const json_t *value = value_at(row, more[i]);
        if (value == NULL || json_is_null(value))
            continue;
        grow_add(&what, strcmp(more[i], "to") == 0 ? SPAN(" to ") : SPAN(" "));
        value_put(&what, value);
    }
    const json_t *name = value_at(row, "who"); /* not there for the admin token, or a scanner */
    const json_t *who = name != NULL ? name : value_at(row, "actor");
    const json_t *why = value_at(row, service == COMMAND_LINE ? "why" : "reason");
    json_t *out = json_pack("{s:s#, s:s, s:s%, s:O?, s:O?}", "at", value_text(row, "at").ptr,
                            (int)value_text(row, "at").len, "where", names[service], "what",
                            what.ptr != NULL ? what.ptr : "", what.len, "who", who, "why", why);
    grow_free(&what);
    return out;
}

json_t *trail_list(const struct trails *trails)
{
    size_t count = 0, len = 0;
    for (size_t i = 0; i < trails->len; i++)
        count += json_array_size(value_at(trails->trail[i].call.json, trails->trail[i].rows));
    json_t *list = NULL;
    void **sorted = calloc(count + 1, sizeof(void *)); /* of json_t */
    for (size_t i = 0; sorted != NULL && i < trails->len; i++) {
        const struct trail *trail = &trails->trail[i];
        const json_t *rows = value_at(trail->call.json, trail->rows);
        for (size_t row = 0; row < json_array_size(rows); row++)
            sorted[len++] = trail_row(json_array_get(rows, row), trail->service);
    }
    if (sorted != NULL) {
        qsort(sorted, len, sizeof(void *), by_time); /* newest first, as each trail is */
        list = json_array();
    }
    for (size_t i = 0; i < len; i++)
        json_array_append_new(list, sorted[i]);
    free(sorted);
    return list;
}

static int put_raw(const struct job *job, const struct trails *trails)
{
    for (size_t i = 0; i < trails->len; i++) {
        const struct call *call = &trails->trail[i].call;
        char *text = json_in_text(call_good(call) ? call->json : NULL, JSON_REAL_PRECISION(15));
        fprintf(job->out, "%s\"%s\":%s", i == 0 ? "{" : ",", names[trails->trail[i].service],
                text != NULL ? text : "null");
        free(text);
    }
    fputs("}\n", job->out);
    return EXIT_DONE;
}

/* Where the next page is: the line links it, the seats number it, the checkout's last row does. */
static void next_page(const struct trail *trail, const struct call *page, char next[CTL_URL_MAX])
{
    const json_t *rows = value_at(page->json, trail->rows);
    double before = value_number(page->json, "next");
    if (trail->service == COMMAND_PAY && json_array_size(rows) == PAY_PAGE)
        before = value_number(json_array_get(rows, PAY_PAGE - 1), "id");
    memcpy(next, page->link, CTL_URL_MAX);
    if (before > 0)
        snprintf(next, CTL_URL_MAX, "%s%cbefore=%.0f", trail->path,
                 strchr(trail->path, '?') == NULL ? '?' : '&', before);
}

/* Adds the rows of all further pages to those of the first. */
static int fetch_rest(struct job *job, struct trail *trail)
{
    char next[CTL_URL_MAX];
    int status = EXIT_DONE;
    next_page(trail, &trail->call, next);
    for (unsigned n = 0; status == EXIT_DONE && next[0] != '\0'; n++) {
        struct call page = {.method = NULL};
        status = n < CTL_PARTS_MAX ? job_get(job, trail->service, next, &page)
                                   : job_say(job, EXIT_REFUSED, "the trail has no end");
        json_array_extend(json_object_get(trail->call.json, trail->rows),
                          json_object_get(page.json, trail->rows));
        json_object_set(trail->call.json, "next", json_object_get(page.json, "next"));
        next_page(trail, &page, next);
        call_free(&page);
    }
    return status;
}

int trail_fetch(struct job *job, struct trails *trails)
{
    *trails = (struct trails){
        {{COMMAND_LINE, "/admin/events/{EVENT}/audit?limit=1000", "audit", {.method = NULL}},
         {COMMAND_SEATS, "/admin/events/{EVENT}/audit", "acts", {.method = NULL}},
         {COMMAND_PAY,
          "/admin/events/{EVENT}/audit?scans=false&limit=1000",
          "acts",
          {.method = NULL}}},
        TRAILS,
    };
    int status = EXIT_DONE;
    size_t rows = 0;
    if (job_event(job) == NULL) {
        trails->len = 1;
        trails->trail[0].path = "/admin/audit?limit=200";
    }
    /* The line is last: it may not know the event if another service has something of it. */
    for (size_t i = trails->len; i-- > 0;) {
        struct trail *trail = &trails->trail[i];
        int made = job_look(job, trail->service, trail->path, i > 0 || rows > 0, &trail->call);
        if (made == EXIT_DONE)
            made = fetch_rest(job, trail);
        rows += json_array_size(value_at(trail->call.json, trail->rows));
        status = made != EXIT_DONE ? made : status;
    }
    return status;
}

void trail_free(struct trails *trails)
{
    for (size_t i = 0; i < trails->len; i++)
        call_free(&trails->trail[i].call);
}

int trail_audit(struct job *job)
{
    struct trails trails;
    struct grow out = {.ptr = NULL};
    int fetched = trail_fetch(job, &trails), status = EXIT_DONE;
    json_t *list = trail_list(&trails);
    bool some = fetched == EXIT_DONE || json_array_size(list) > 0;
    if (some && job_option(job, OPTION_JSON)) {
        status = put_raw(job, &trails);
    } else if (some) {
        out.failed = list == NULL;
        value_rows(&out, list, TRAIL_COLUMNS, job->width);
        status = job_put(job, &out);
    }
    json_decref(list);
    trail_free(&trails);
    return fetched != EXIT_DONE ? fetched : status;
}
