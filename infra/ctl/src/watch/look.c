/* look.c: makes all calls at once, so a look takes as long as the slowest answer. A missing answer
 * leaves a gap in the picture instead of an empty one. */
#include "watch/look.h"

#include "show/value.h"
#include "system/system.h"

#include <stdlib.h>

static const struct {
    enum command_service service;
    const char *path;
    bool open;
} questions[LOOK_COUNT] = {
    [LOOK_READY_LINE] = {COMMAND_LINE, "/readyz", true},
    [LOOK_READY_SEATS] = {COMMAND_SEATS, "/readyz", true},
    [LOOK_READY_PAY] = {COMMAND_PAY, "/readyz", true},
    [LOOK_METRICS_LINE] = {COMMAND_LINE, "/metrics", true},
    [LOOK_METRICS_SEATS] = {COMMAND_SEATS, "/metrics", true},
    [LOOK_METRICS_PAY] = {COMMAND_PAY, "/metrics", true},
    [LOOK_EVENTS] = {COMMAND_LINE, "/admin/events", false},
    [LOOK_HALL] = {COMMAND_SEATS, "/admin/events/{EVENT}", false},
    [LOOK_ORDERS] = {COMMAND_PAY, "/admin/events/{EVENT}/counts", false},
    [LOOK_SAGAS] = {COMMAND_PAY, "/admin/sagas?state=parked&limit=1", false},
    [LOOK_HALLS] = {COMMAND_SEATS, "/admin/events", false},
    [LOOK_SETUP] = {COMMAND_PAY, "/admin/setup", false},
};

bool look_take(struct job *job, unsigned which, uint64_t timeout_ms, int stop_fd, struct look *look)
{
    *look = (struct look){.at_ms = 0};
    for (size_t i = 0; i < LOOK_COUNT; i++) {
        enum command_service service = questions[i].service;
        if ((which & (1U << i)) == 0 || job->profile->address[service][0] == '\0')
            continue;
        struct call *call = &look->call[i];
        call->open = questions[i].open;
        const char *path = questions[i].path;
        if (i == LOOK_EVENTS && job_event(job) != NULL)
            path = "/admin/events?id={EVENT}"; /* a role limited to it may read no more */
        if (job_call(job, service, NULL, path, call) != EXIT_DONE)
            call->url[0] = '\0';
    }
    job_renew(job);
    bool whole = caller_make(job->caller, look->call, LOOK_COUNT, timeout_ms, stop_fd);
    look->at_ms = system_wall_us() / 1000;
    return whole;
}

void look_free(struct look *look)
{
    for (size_t i = 0; i < LOOK_COUNT; i++)
        call_free(&look->call[i]);
}

bool look_asked(const struct look *look, enum look_at at)
{
    return look->call[at].url[0] != '\0';
}

bool look_good(const struct look *look, enum look_at at)
{
    return look_asked(look, at) && call_good(&look->call[at]);
}

const json_t *look_event(const struct look *look, const char *event)
{
    const json_t *events = value_at(look->call[LOOK_EVENTS].json, "events");
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *one = json_array_get(events, i);
        if (span_eq(value_text(one, "id"), span_of(event)))
            return one;
    }
    return NULL;
}

bool look_metric(const struct call *page, const char *name, bool smallest, struct look_metric *out)
{
    struct span rest = {page->answer.ptr, page->answer.len};
    bool found = false;
    while (rest.ptr != NULL) {
        struct span line;
        rest = span_cut(rest, '\n', &line);
        if (!span_starts(line, span_of(name)))
            continue;
        struct span after = span_skip(line, strlen(name));
        struct span labels = {"", 0};
        if (span_starts(after, SPAN("{"))) {
            span_cut(span_skip(after, 1), '}', &labels);
            after = span_skip(after, labels.len + 2 <= after.len ? labels.len + 2 : after.len);
        }
        if (!span_starts(after, SPAN(" ")))
            continue;
        char number[40] = "";
        span_to_cstr_cut(span_skip(after, 1), number, sizeof(number));
        double value = strtod(number, NULL);
        if (found && (smallest ? value >= out->value : value <= out->value))
            continue;
        out->value = value;
        span_to_cstr_cut(labels, out->labels, sizeof(out->labels));
        found = true;
    }
    return found;
}
