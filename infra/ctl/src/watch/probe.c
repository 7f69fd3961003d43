/* probe.c: calls that are made again where that may help, and the life of the event. */
#include "watch/probe.h"

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

/* A call that may succeed later: not called yet, not known yet, asleep, full; as an operator,
 * while the event of the run before is being deleted. */
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
    if (body != NULL) {
        call->body = span_of(body);
        call->content_type = "application/json";
    }
    for (;;) {
        call_free(&probe->call);
        probe->call = *call;
        if (!known) {
            probe->call.end = CALL_AWAY;
            snprintf(probe->call.error, sizeof(probe->call.error),
                     "the profile does not say where it is");
            return false;
        }
        caller_make(probe->job->caller, &probe->call, 1, probe->job->timeout_ms, -1);
        if (!is_later(&probe->call) || system_mono_us() > until_us)
            return call_good(&probe->call);
        system_sleep_us(PROBE_AGAIN_MS * UINT64_C(1000));
    }
}

bool probe_operate(struct probe *probe, enum command_service service, const char *method,
                   const char *path, const char *body, const char *if_match)
{
    struct call call = {.method = method, .if_match = if_match};
    call.why = service == COMMAND_LINE && method != NULL ? probe->why : NULL;
    bool known = call_to(&call, probe->job->profile, service, path);
    return ask(probe, job_service_name(service), known, &call, body);
}

bool probe_at(struct probe *probe, enum command_service service, const char *method,
              const char *leaf, const char *body)
{
    char path[CTL_URL_MAX];
    snprintf(path, sizeof(path), "/admin/events/%s%s", probe->event, leaf);
    return probe_operate(probe, service, method, path, body, NULL);
}

bool probe_visit(struct probe *probe, const char *method, const char *path, const char *body)
{
    struct call call = {.method = method,
                        .open = true,
                        .bearer = probe->bearer[0] != '\0' ? probe->bearer : NULL,
                        .cookie = probe->cookies[0] != '\0' ? probe->cookies : NULL,
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

bool probe_delete(struct probe *probe)
{
    char etag[CTL_ETAG_MAX], path[CTL_URL_MAX];
    if (!probe_at(probe, COMMAND_LINE, NULL, "", NULL))
        return probe->call.end == CALL_ANSWERED && probe->call.status == 404;
    struct span state = value_text(probe->call.json, "state");
    if (!span_eq(state, SPAN("draft")) && !span_eq(state, SPAN("closed")) &&
        (!probe_at(probe, COMMAND_LINE, "POST", "/actions/close", "{}") ||
         !probe_at(probe, COMMAND_LINE, NULL, "", NULL)))
        return false;
    memcpy(etag, probe->call.etag, sizeof(etag));
    snprintf(path, sizeof(path), "/admin/events/%s?unarchived=true", probe->event);
    return probe_operate(probe, COMMAND_LINE, "DELETE", path, NULL, etag);
}

const char *probe_make(struct probe *probe, const char *hall, const char *knobs, uint64_t uses,
                       const char **mend)
{
    char codes[128];
    snprintf(codes, sizeof(codes), "{\"codes\":[\"%s\"],\"uses\":%" PRIu64 "}", probe->code, uses);
    *mend = "delete it (fairgate close, delete --unarchived)";
    if (!probe_delete(probe))
        return "the event of an earlier one";
    *mend = "/readyz of seat-service says why it opens no event";
    /* One that another version has made has what is needed, too. */
    if (!probe_at(probe, COMMAND_SEATS, "PUT", "", hall) && probe->call.status != 409)
        return "its hall";
    *mend = "/readyz of the service that is named says why";
    probe->made = probe_at(probe, COMMAND_LINE, "PUT", "", knobs);
    if (!probe->made || !probe_at(probe, COMMAND_LINE, "PUT", "/codes", codes) ||
        !probe_at(probe, COMMAND_LINE, "POST", "/actions/open", "{}"))
        return "its event";
    return NULL;
}
