/* feed.c: sends the number of free seats to the waiting room, which knows nothing of seats.
 *
 * A seat is free if nobody holds it. The limit per buyer goes along, so that blocked seats are not
 * counted as demand. A failure is reported once until a round succeeds, and retried in the next
 * round: a program that exited at every failover would have to be restarted each time. */
#include "acts/runs.h"

#include "base/json_in.h"
#include "show/value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

enum { INTERVAL_S = 5 };

struct feed {
    struct job *job;
    int signals; /* readable once it should end */
    int said;    /* exit code of the last round */
    int status;
};

/* Reports only the first failure of a round, and only after a good round. */
static void fail(struct feed *feed, enum command_service service, const struct call *call)
{
    struct grow unsaid = {.ptr = NULL};
    if (feed->status != EXIT_DONE || call->end == CALL_STOPPED)
        return;
    feed->status = feed->said == EXIT_DONE ? job_failed(feed->job, service, call)
                                           : call_failure(call, job_service_name(service), &unsaid);
    grow_free(&unsaid);
}

static void put(struct feed *feed, struct span event, uint64_t left, uint64_t most)
{
    char body[96];
    int len = snprintf(body, sizeof(body),
                       most > 0 ? "{\"seats_left\":%" PRIu64 ",\"seats_per_buyer\":%" PRIu64 "}"
                                : "{\"seats_left\":%" PRIu64 "}",
                       left, most);
    assert(len > 0 && (size_t)len < sizeof(body));
    struct call call = {.method = "PUT", .body = {body, (size_t)len}};
    if (!call_to_event(&call, feed->job->profile, COMMAND_LINE, event, "/seats-left"))
        return;
    caller_make(feed->job->caller, &call, 1, feed->job->timeout_ms, feed->signals);
    /* The knob may have been turned off, or the event deleted, since it was listed. */
    bool gone = call.end == CALL_ANSWERED && (call.status == 409 || call.status == 404);
    if (!call_good(&call) && !gone)
        fail(feed, COMMAND_LINE, &call);
    call_free(&call);
}

static void carry(struct feed *feed, struct span event)
{
    struct call call = {.method = NULL};
    if (!call_to_event(&call, feed->job->profile, COMMAND_SEATS, event, ""))
        return;
    caller_make(feed->job->caller, &call, 1, feed->job->timeout_ms, feed->signals);
    const json_t *categories = value_at(call.json, "categories");
    const json_t *most = value_at(call.json, "limits.max_per_buyer");
    double left = value_sum(categories, "free");
    bool has_hall = call.end != CALL_ANSWERED || call.status != 404;
    if (!call_good(&call) && has_hall)
        fail(feed, COMMAND_SEATS, &call);
    else if (has_hall && categories != NULL && left >= 0 && left <= INT32_MAX)
        put(feed, event, (uint64_t)left, (uint64_t)json_integer_value(most));
    call_free(&call);
}

static void feed_round(struct feed *feed)
{
    struct call list = {.method = NULL};
    feed->status = EXIT_DONE;
    if (!call_to(&list, feed->job->profile, COMMAND_LINE, "/admin/events"))
        return;
    caller_make(feed->job->caller, &list, 1, feed->job->timeout_ms, feed->signals);
    const json_t *events = value_at(list.json, "events");
    if (!call_good(&list))
        fail(feed, COMMAND_LINE, &list);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        if (json_is_true(value_at(event, "seats_fed")))
            carry(feed, value_text(event, "id"));
    }
    call_free(&list);
    if (feed->status == EXIT_DONE && feed->said != EXIT_DONE)
        job_say(feed->job, EXIT_DONE, "the waiting room knows again how many seats are free");
    feed->said = feed->status;
}

int feed_run(struct job *job)
{
    uint64_t seconds = INTERVAL_S;
    struct feed feed = {.job = job, .said = EXIT_DONE};
    int status = job_number(job, OPTION_INTERVAL, 1, CTL_TIMEOUT_MAX_S, &seconds);
    struct call probe = {.method = NULL};
    if (status == EXIT_DONE)
        status = job_call(job, COMMAND_LINE, NULL, "/admin/events", &probe);
    if (status == EXIT_DONE)
        status = job_call(job, COMMAND_SEATS, NULL, "/admin/events", &probe);
    if (status != EXIT_DONE)
        return status;
    feed.signals = job_signals();
    if (feed.signals < 0)
        return job_say(job, EXIT_REFUSED, "signals: %s", strerror(errno));
    struct pollfd end = {.fd = feed.signals, .events = POLLIN};
    do {
        feed_round(&feed); /* after EXIT_TOKEN a restart reads a new token */
    } while (!job_option(job, OPTION_ONCE) && feed.status != EXIT_TOKEN &&
             poll(&end, 1, (int)seconds * 1000) <= 0); /* a signal ends the pause early */
    close(feed.signals);
    return feed.status == EXIT_TOKEN || job_option(job, OPTION_ONCE) ? feed.status : EXIT_DONE;
}
