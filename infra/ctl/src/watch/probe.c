/* probe.c: calls that are retried while that may help, and the probe event's life. */
#include "watch/probe.h"

#include "base/rfc3339.h"
#include "show/value.h"
#include "system/system.h"

#include <inttypes.h>
#include <sodium.h>

static void draw(char out[PROBE_CODE_LEN + 1])
{
    unsigned char bytes[PROBE_CODE_LEN / 2];
    system_random(bytes, sizeof(bytes));
    sodium_bin2hex(out, PROBE_CODE_LEN + 1, bytes, sizeof(bytes));
}

void probe_init(struct probe *probe, struct job *job, const char *event, const char *why)
{
    *probe = (struct probe){.job = job, .event = event, .why = why};
    draw(probe->code);
    draw(probe->key);
}

void probe_deinit(struct probe *probe)
{
    call_free(&probe->call);
    sodium_memzero(probe, sizeof(*probe));
}

/* ---- calls ---- */

/* Whether a retry may succeed. For a visitor: not called yet, unknown yet, asleep, full. For an
 * operator: the previous run's event is still being deleted. */
static bool is_later(const struct call *call)
{
    if (call->end != CALL_ANSWERED)
        return false;
    if (!call->open && call->status == 409)
        return span_eq(value_text(call->json, "code"), SPAN("event-being-deleted"));
    return call->status == 503 ||
           (call->open && (call->status == 404 || call->status == 409 || call->status == 429 ||
                           call->status == 502 || call->status == 504));
}

static bool ask(struct probe *probe, const char *who, bool known, struct call *call,
                const char *body)
{
    uint64_t until_us = system_mono_us() + PROBE_STEP_S * UINT64_C(1000000);
    probe->who = who;
    call->body = span_of(body);
    for (;;) {
        call_free(&probe->call);
        probe->call = *call;
        if (!known) {
            probe->call.end = CALL_AWAY;
            snprintf(probe->call.error, sizeof(probe->call.error),
                     "the profile does not say where it is");
            return false;
        }
        job_renew(probe->job);
        caller_make(probe->job->caller, &probe->call, 1, probe->job->timeout_ms, -1);
        if (!is_later(&probe->call) || system_mono_us() > until_us)
            return call_good(&probe->call);
        system_sleep_us(PROBE_AGAIN_MS * UINT64_C(1000));
    }
}

static bool operate(struct probe *probe, enum command_service service, struct call *call,
                    const char *path, const char *body)
{
    call->why = service == COMMAND_LINE && call->method != NULL ? probe->why : NULL;
    bool known = call_to(call, probe->job->profile, service, path);
    return ask(probe, job_service_name(service), known, call, body);
}

bool probe_operate(struct probe *probe, enum command_service service, const char *method,
                   const char *path, const char *body)
{
    struct call call = {.method = method};
    return operate(probe, service, &call, path, body);
}

/* As an operator, on the event. */
static bool at_event(struct probe *probe, enum command_service service, const char *method,
                     const char *leaf, const char *body)
{
    char path[CTL_URL_MAX];
    snprintf(path, sizeof(path), "/admin/events/%s%s", probe->event, leaf);
    return probe_operate(probe, service, method, path, body);
}

bool probe_visit(struct probe *probe, const char *method, const char *path, const char *body)
{
    struct call call = {.method = method,
                        .open = true,
                        .bearer = probe->bearer,
                        .cookie = probe->cookies,
                        .key = probe->key};
    bool known = call_to_edge(&call, probe->job->profile, path);
    return ask(probe, "the edge", known, &call, body);
}

void probe_failure(const struct probe *probe, char *out, size_t size)
{
    struct grow why = {.ptr = NULL};
    call_failure(&probe->call, probe->who, &why);
    const char *text = grow_cstr(&why);
    snprintf(out, size, "%s", text != NULL ? text : "no memory");
    grow_free(&why);
}

/* ---- the event ---- */

/* Deletes the event of the last answer. If it is gone, or another run has made its own, there is
 * nothing left to delete. */
static bool delete_closed(struct probe *probe)
{
    char etag[CTL_ETAG_MAX], path[CTL_URL_MAX];
    memcpy(etag, probe->call.etag, sizeof(etag));
    snprintf(path, sizeof(path), "/admin/events/%s?unarchived=true", probe->event);
    struct call call = {.method = "DELETE", .if_match = etag};
    return operate(probe, COMMAND_LINE, &call, path, NULL) ||
           (probe->call.end == CALL_ANSWERED &&
            (probe->call.status == 404 || probe->call.status == 409 || probe->call.status == 412));
}

static bool is_closed(const struct probe *probe)
{
    return span_eq(value_text(probe->call.json, "state"), SPAN("closed"));
}

bool probe_delete(struct probe *probe)
{
    if (!at_event(probe, COMMAND_LINE, NULL, "", NULL))
        return probe->call.end == CALL_ANSWERED && probe->call.status == 404;
    if (!span_eq(value_text(probe->call.json, "incarnation"), span_of(probe->incarnation)))
        return true;
    return (is_closed(probe) || at_event(probe, COMMAND_LINE, "POST", "/actions/close", "{}")) &&
           delete_closed(probe);
}

/* Creates the event, replacing a closed one; one that is not closed belongs to another run. */
static bool claim(struct probe *probe, const char *knobs, uint64_t most_s)
{
    char body[512], path[CTL_URL_MAX], closes[RFC3339_LEN + 1];
    struct text time = text_on(closes, RFC3339_LEN);
    if (at_event(probe, COMMAND_LINE, NULL, "", NULL) && is_closed(probe) && !delete_closed(probe))
        return false;
    rfc3339_put(&time, system_wall_us() / 1000 + most_s * UINT64_C(1000));
    closes[time.len] = '\0';
    snprintf(body, sizeof(body), "{%s,\"code_required\":true,\"closes_at\":\"%s\"}", knobs, closes);
    snprintf(path, sizeof(path), "/admin/events/%s", probe->event);
    struct call call = {.method = "PUT", .if_none_match = "*"};
    bool made = operate(probe, COMMAND_LINE, &call, path, body);
    span_to_cstr_cut(value_text(probe->call.json, "incarnation"), probe->incarnation,
                     sizeof(probe->incarnation));
    return made;
}

const char *probe_make(struct probe *probe, const char *hall, const char *knobs, uint64_t uses,
                       uint64_t most_s)
{
    char codes[128];
    snprintf(codes, sizeof(codes), "{\"codes\":[\"%s\"],\"uses\":%" PRIu64 "}", probe->code, uses);
    snprintf(probe->busy, sizeof(probe->busy),
             "another %s runs, or was cut off: fairgate close %s ends it", probe->why,
             probe->event);
    probe->made = claim(probe, knobs, most_s);
    bool busy = !probe->made && probe->call.status == 412;
    probe->mend = busy ? probe->busy : "/readyz of the service that is named says why";
    /* A hall that another version created is good enough. */
    if (probe->made && !at_event(probe, COMMAND_SEATS, "PUT", "", hall) &&
        probe->call.status != 409)
        return "its hall";
    if (!probe->made || !at_event(probe, COMMAND_LINE, "PUT", "/codes", codes) ||
        !at_event(probe, COMMAND_LINE, "POST", "/actions/open", "{}"))
        return "its event";
    return NULL;
}
