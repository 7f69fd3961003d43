/* trail.c: each of the three services has its own trail of an event, with its own members. This
 * merges them into one, sorted by time. */
#include "acts/trail.h"

#include "show/value.h"

#include <stdlib.h>

struct dated {
    json_t *row; /* borrowed */
    struct span at;
};

static int by_time(const void *a, const void *b)
{
    const struct dated *first = a;
    const struct dated *second = b;
    size_t len = first->at.len < second->at.len ? first->at.len : second->at.len;
    return memcmp(second->at.ptr, first->at.ptr, len);
}

/* One line of any trail in the words of all: at, where, who, what, why. */
static json_t *trail_row(const json_t *row, enum command_service service)
{
    struct grow what = {.ptr = NULL};
    static const char *const names[] = {"line", "seats", "pay"};
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
    json_t *all = json_array();
    for (size_t i = 0; i < trails->len; i++) {
        const struct trail *trail = &trails->trail[i];
        const json_t *rows = value_at(trail->call.json, trail->rows);
        for (size_t row = 0; row < json_array_size(rows); row++)
            json_array_append_new(all, trail_row(json_array_get(rows, row), trail->service));
    }
    size_t count = json_array_size(all);
    struct dated *sorted = calloc(count + 1, sizeof(*sorted));
    json_t *list = sorted != NULL ? json_array() : NULL;
    for (size_t i = 0; list != NULL && i < count; i++)
        sorted[i] =
            (struct dated){json_array_get(all, i), value_text(json_array_get(all, i), "at")};
    if (list != NULL)
        qsort(sorted, count, sizeof(*sorted), by_time); /* newest first, as each trail is */
    for (size_t i = 0; list != NULL && i < count; i++)
        json_array_append(list, sorted[i].row);
    free(sorted);
    json_decref(all);
    return list;
}

static int put_raw(const struct job *job, const struct trails *trails)
{
    static const char *const names[] = {"line", "seats", "pay"};
    for (size_t i = 0; i < trails->len; i++) {
        const struct call *call = &trails->trail[i].call;
        struct span answer =
            call->json != NULL ? (struct span){call->answer.ptr, call->answer.len} : SPAN("null");
        fprintf(job->out, "%s\"%s\":", i == 0 ? "{" : ",", names[trails->trail[i].service]);
        fwrite(answer.ptr, 1, answer.len, job->out);
    }
    fputs("}\n", job->out);
    return EXIT_DONE;
}

int trail_fetch(struct job *job, struct trails *trails)
{
    *trails = (struct trails){
        {{COMMAND_LINE, "/admin/events/{EVENT}/audit?limit=1000", "audit", {.method = NULL}},
         {COMMAND_SEATS, "/admin/events/{EVENT}/audit", "acts", {.method = NULL}},
         {COMMAND_PAY, "/admin/events/{EVENT}/audit", "acts", {.method = NULL}}},
        TRAILS,
    };
    int status = EXIT_DONE;
    if (job_event(job) == NULL) {
        trails->len = 1;
        trails->trail[0].path = "/admin/audit";
    }
    for (size_t i = 0; status == EXIT_DONE && i < trails->len; i++) {
        const struct trail *trail = &trails->trail[i];
        struct call *call = &trails->trail[i].call;
        if (i > 0 && job->profile->address[trail->service][0] == '\0')
            continue;
        status = job_call(job, trail->service, NULL, trail->path, call);
        if (status != EXIT_DONE)
            break;
        caller_make(job->caller, call, 1, job->timeout_ms, -1);
        if (i > 0 && call->end == CALL_ANSWERED && call->status == 404) {
            json_decref(call->json);
            call->json = NULL;
        } else if (!call_good(call)) {
            status = job_failed(job, trail->service, call);
        }
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
    int status = trail_fetch(job, &trails);
    if (status == EXIT_DONE && job_option(job, OPTION_JSON)) {
        status = put_raw(job, &trails);
    } else if (status == EXIT_DONE) {
        json_t *list = trail_list(&trails);
        if (list == NULL || !value_rows(&out, list, TRAIL_COLUMNS, job->width))
            out.failed = true;
        json_decref(list);
        status = job_put(job, &out);
    }
    trail_free(&trails);
    return status;
}
