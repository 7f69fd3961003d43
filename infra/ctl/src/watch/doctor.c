/* doctor.c: requests all services' reports on themselves at once, then evaluates them. A finding
 * says what is wrong and how to fix it. "bad" harms a sale, "note" is worth knowing. Both are
 * printed; a bad one sets the exit status.
 *
 * Alerts are judged by two looks some seconds apart, because a hall that is just opening is
 * harmless. Alerts over a period, such as errors per minute, are left to Prometheus. */
#include "watch/doctor.h"

#include "acts/runs.h"
#include "base/json_in.h"
#include "show/plain.h"
#include "show/value.h"
#include "system/system.h"
#include "watch/finding.h"
#include "watch/look.h"
#include "watch/purchase.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>

enum { SENTENCE_MAX = 512, POW_BITS_SLOW = 22, VERSION_MAX = 40, PICTURE_BYTES_MAX = 20000 };

const struct doctor_alert doctor_alerts[] = {
    {"FairgateLineStale", "fairgate_line_stale", COMMAND_LINE, false, 0, 0,
     "Redis is away, or is being healed; /readyz of the front says which"},
    {"FairgateVisitsHalted", "fairgate_line_visits_halted", COMMAND_LINE, false, 0, 0,
     "repair the seats; if they work, [visits] served_by names the wrong pages"},
    {"FairgateHallMissing", "fairgate_line_hall_missing", COMMAND_LINE, false, 0, 0,
     "import its hall and prices (fairgate halls import EVENT FILE)"},
    {"FairgateCodesMissing", "fairgate_line_codes_missing", COMMAND_LINE, false, 0, 0,
     "load the codes again (fairgate codes load), or drop them"},
    {"FairgateCodesBounded", "fairgate_line_wrong_codes", COMMAND_LINE, false, 999, 0,
     "ask newcomers for work (fairgate set EVENT pow_bits=18)"},
    {"FairgateEventShut", "fairgate_events_shut", COMMAND_LINE, false, 0, 0,
     "/readyz of the front names the event and why"},
    {"FairgateClockOff", "fairgate_line_clock_ahead_ms", COMMAND_LINE, false, 1000, 0,
     "correct the clock of the Redis host (NTP)"},
    {"FairgateClockOff", "fairgate_line_clock_behind_ms", COMMAND_LINE, false, 1000, 0,
     "correct the clock of the Redis host (NTP)"},
    {"FairgateSeatsNotOpen", "fairgate_seats_open", COMMAND_SEATS, true, 1, -1,
     "PostgreSQL is away, or no process owns the event; /readyz says which"},
    {"FairgateEventOut", "fairgate_seats_events{state=\"out\"}", COMMAND_SEATS, false, 0, 0,
     "/readyz names the event and the row; seat-service replay checks the journal"},
    {"FairgateEventsFull", "fairgate_seats_events_refused", COMMAND_SEATS, false, 0, 0,
     "raise [owner] memory of every seat-service, or give some events to another database"},
    {"FairgateIdemShort", "fairgate_idem_kept_seconds", COMMAND_SEATS, true, 150, -1,
     "raise [idempotency] memory of seat-service"},
    {"FairgateClockApart", "fairgate_clock_apart_ms", COMMAND_LINE, false, 1000, 0,
     "correct the clock of that host, or of Redis's (NTP)"},
    {"FairgateClockApart", "fairgate_clock_apart_ms", COMMAND_SEATS, false, 1000, 0,
     "correct the clock of that host, or of PostgreSQL's (NTP)"},
    {"FairgateClockApart", "fairgate_clock_apart_ms", COMMAND_PAY, false, 1000, 0,
     "correct the clock of that host, or of PostgreSQL's (NTP)"},
    {"FairgateWalArchiveLate", "fairgate_wal_archive_late_ms", COMMAND_SEATS, false, 300000, 0,
     "the last file that PostgreSQL could not archive stands in pg_stat_archiver and in its log"},
    {"FairgateWalArchiveLate", "fairgate_wal_archive_late_ms", COMMAND_PAY, false, 300000, 0,
     "the last file that PostgreSQL could not archive stands in pg_stat_archiver and in its log"},
    {"FairgateSnapshotOld", "fairgate_database_snapshot_ms", COMMAND_SEATS, false, 300000, 0,
     "pg_stat_activity names the session; end its transaction"},
    {"FairgateSnapshotOld", "fairgate_database_snapshot_ms", COMMAND_PAY, false, 300000, 0,
     "pg_stat_activity names the session; end its transaction"},
    {"FairgateSeatsClockApart", "fairgate_seats_clock_apart_ms", COMMAND_SEATS, false, 5000, 0,
     "restart it once PostgreSQL's clock is right: it judges seats by another time"},
    {"FairgatePayClockApart", "fairgate_pay_seats_clock_apart_ms", COMMAND_PAY, false, 5000, 0,
     "correct the clock of that host, or of the seat service's (NTP)"},
    {"FairgatePayDatabaseGone", "fairgate_pay_db_connected", COMMAND_PAY, true, 1, -1,
     "PostgreSQL of payment-adapter is away"},
    {"FairgateSagasParked", "fairgate_sagas_parked", COMMAND_PAY, false, 0, 0,
     "fairgate sagas list --state parked; retry or compensate each"},
    {"FairgateSagasUnknown", "fairgate_sagas_unknown", COMMAND_PAY, false, 0, 0,
     "a newer payment-adapter began them; start that version"},
    {"FairgateSagasOverdue", "fairgate_sagas_overdue_microseconds", COMMAND_PAY, false, 60000000, 0,
     "the provider, the seats or the database is slow; the saga's steps say which"},
    {"FairgateDrift", "fairgate_drift", COMMAND_PAY, false, 0, 0,
     "fairgate reconcile now lists what disagrees; decide each by hand"},
    {"FairgateReconcileSeatsLate", "fairgate_reconcile_seats_age_seconds", COMMAND_PAY, false, 3600,
     0, "fairgate reconcile show names who is not reached; seat-service has to answer"},
    {"FairgateShopLags", "fairgate_shop_lag_microseconds", COMMAND_PAY, false, 900000000, 0,
     "look at the shop's order API"},
    {"FairgateShopLettersParked", "fairgate_shop_letters_parked", COMMAND_PAY, false, 0, 0,
     "fairgate letters list; mend it at the shop, then retry"},
    {"FairgateMailLags", "fairgate_mail_lag_microseconds", COMMAND_PAY, false, 900000000, 0,
     "look at the mail server"},
};
const size_t doctor_alerts_len = sizeof(doctor_alerts) / sizeof(doctor_alerts[0]);

/* ---- the services ---- */

static void judge_service(const struct look *look, enum command_service service, json_t *findings)
{
    const char *name = job_service_name(service);
    enum look_at at = LOOK_READY_LINE + service;
    const struct call *call = &look->call[at];
    if (!look_asked(look, at)) {
        finding_add(findings, "note", "name it in the profile",
                    "the profile does not say where %s is", name);
    } else if (call_good(call)) {
        finding_add(findings, "ok", NULL, "%s is ready, and answers in %" PRIu64 " ms", name,
                    call->took_ms);
    } else if (call->end == CALL_ANSWERED) {
        char *reasons = call->json != NULL ? json_in_text(call->json, JSON_COMPACT) : NULL;
        finding_add(findings, "bad", "its store is away, or it is starting; its log says more",
                    "%s is not ready: %.300s", name, reasons != NULL ? reasons : "no reason given");
        free(reasons);
    } else {
        finding_add(findings, "bad", "start it, or mend its address in the profile",
                    "%s cannot be reached at %.200s: %s", name, call->url, call->error);
    }
}

static void judge_token(const struct look *look, json_t *findings)
{
    static const enum look_at asks[] = {LOOK_EVENTS, LOOK_HALLS, LOOK_SAGAS};
    size_t good = 0;
    for (size_t i = 0; i < COMMAND_SERVICES; i++) {
        const struct call *call = &look->call[asks[i]];
        const char *name = job_service_name((enum command_service)i);
        if (!look_asked(look, asks[i]) || call->end != CALL_ANSWERED)
            continue;
        if (call_good(call))
            good++;
        else if (call->status == 401)
            finding_add(findings, "bad", "give each service the same token, or name the right one",
                        "%s refuses the token", name);
        else if (call->status == 403)
            finding_add(findings, "note", "use a role for all events to see the rest",
                        "the token is for some events only: %s does not list all", name);
        else
            finding_add(findings, "bad", "its log says why", "%s answers %ld to an operator", name,
                        call->status);
    }
    if (good == COMMAND_SERVICES)
        finding_add(findings, "ok", NULL, "the token opens all three services");
}

/* How far the server's clock is ahead or behind. The server wrote `Date` at some moment between the
 * request and the response. */
static int64_t seconds_apart(const struct call *call)
{
    if (call->date_s < call->asked_s)
        return call->date_s - call->asked_s;
    return call->date_s > call->answered_s ? call->date_s - call->answered_s : 0;
}

static void judge_clocks(const struct look *look, json_t *findings)
{
    int64_t most = 0;
    size_t known = 0;
    for (size_t i = 0; i < COMMAND_SERVICES; i++) {
        const struct call *call = &look->call[LOOK_READY_LINE + i];
        if (call->date_s == 0)
            continue;
        int64_t apart = seconds_apart(call);
        known++;
        if (llabs(apart) > llabs(most))
            most = apart;
        if (llabs(apart) > CTL_CLOCK_APART_S)
            finding_add(findings, "bad", "correct the clock of that host, or of this one (NTP)",
                        "the clock of %s is %" PRId64 " s %s",
                        job_service_name((enum command_service)i), (int64_t)llabs(apart),
                        apart > 0 ? "ahead" : "behind");
    }
    if (known > 0 && llabs(most) <= CTL_CLOCK_APART_S)
        finding_add(findings, "ok", NULL, "the clocks agree to %d s", CTL_CLOCK_APART_S);
}

static bool version_of(const struct call *page, char out[VERSION_MAX])
{
    struct look_metric metric;
    if (!look_metric(page, "fairgate_build_info", false, &metric))
        return false;
    const char *at = strstr(metric.labels, "version=\"");
    struct span version;
    if (at == NULL)
        return false;
    span_cut(span_of(at + strlen("version=\"")), '"', &version);
    return span_to_cstr(version, out, VERSION_MAX);
}

static void judge_versions(const struct look *look, json_t *findings)
{
    char first[VERSION_MAX] = "";
    bool same = true;
    size_t known = 0;
    for (size_t i = 0; i < COMMAND_SERVICES; i++) {
        char version[VERSION_MAX];
        if (!look_good(look, LOOK_METRICS_LINE + i))
            continue;
        if (!version_of(&look->call[LOOK_METRICS_LINE + i], version)) {
            finding_add(findings, "note", "it is older than this program",
                        "%s does not tell its version", job_service_name((enum command_service)i));
            continue;
        }
        if (known++ == 0)
            memcpy(first, version, sizeof(first));
        else if (strcmp(first, version) != 0) {
            same = false;
            finding_add(findings, "bad", "finish the upgrade, or go back",
                        "%s is version %s, %s is %s", job_service_name((enum command_service)i),
                        version, "another", first);
        }
    }
    if (known > 1 && same)
        finding_add(findings, "ok", NULL, "all are version %s", first);
}

/* The key that signs passes must be among the published keys. */
static void judge_keys(struct job *job, const struct look *look, json_t *findings)
{
    struct span signs = value_text(look->call[LOOK_READY_LINE].json, "keys.passes.signs");
    struct call call = {.open = true};
    if (signs.len == 0 || !call_to_edge(&call, job->profile, "/.well-known/jwks.json"))
        return;
    caller_make(job->caller, &call, 1, job->timeout_ms, -1);
    const json_t *keys = value_at(call.json, "keys");
    bool found = false;
    for (size_t i = 0; i < json_array_size(keys); i++)
        found = found || span_eq(value_text(json_array_get(keys, i), "kid"), signs);
    if (call.end != CALL_ANSWERED)
        finding_add(findings, "bad",
                    "start the edge, or mend its certificate or its address in the profile",
                    "the edge cannot be reached at %.200s: %s", job->profile->edge, call.error);
    else if (!found)
        finding_add(findings, "bad",
                    "the edge leads to another front, or to one with other keys; give all the same",
                    "the key that signs passes is not among those that the edge tells");
    else
        finding_add(findings, "ok", NULL,
                    "the key that signs passes is the one that the edge tells");
    call_free(&call);
}

/* ---- settings ---- */

static void judge_setup(const struct look *look, json_t *findings)
{
    const struct call *call = &look->call[LOOK_SETUP];
    const json_t *rows = value_at(call->json, "findings");
    if (!look_asked(look, LOOK_SETUP) || call->end != CALL_ANSWERED || call->status == 401 ||
        call->status == 403)
        return; /* other findings name it */
    if (!call_good(call) || !json_is_array(rows)) {
        finding_add(findings, "note", "finish the upgrade if it is older; its log says more",
                    "payment-adapter does not say whether its settings are fit for a sale");
        return;
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct span what = value_text(row, "what");
        char mend[SENTENCE_MAX];
        span_to_cstr_cut(value_text(row, "mend"), mend, sizeof(mend));
        finding_add(findings, span_eq(value_text(row, "level"), SPAN("bad")) ? "bad" : "note", mend,
                    "%.*s", (int)what.len, what.ptr);
    }
    if (json_array_size(rows) == 0)
        finding_add(findings, "ok", NULL, "the settings of payment-adapter are fit for a sale");
}

/* ---- alerts ---- */

/* FairgateSeatsNotOpen, from one process of several. Events of other owners are closed here, as
 * they should be, and while this process is ready it knows which they are. */
static bool is_hall_closed(const struct look *look, struct look_metric *metric)
{
    const json_t *halls = value_at(look->call[LOOK_HALLS].json, "events");
    for (size_t i = 0; i < json_array_size(halls); i++) {
        const json_t *hall = json_array_get(halls, i);
        struct span id = value_text(hall, "event");
        char name[sizeof(metric->labels) + sizeof("fairgate_seats_open{}")];
        if (look_good(look, LOOK_READY_SEATS) &&
            span_eq(value_text(hall, "state"), SPAN("following")))
            continue;
        snprintf(name, sizeof(name), "fairgate_seats_open{event=\"%.*s\"}", (int)id.len, id.ptr);
        if (look_metric(&look->call[LOOK_METRICS_SEATS], name, true, metric) &&
            metric->value == 0) {
            snprintf(metric->labels, sizeof(metric->labels), "event=\"%.*s\"", (int)id.len, id.ptr);
            return true;
        }
    }
    return false;
}

static bool fires(const struct doctor_alert *alert, const struct look *look,
                  struct look_metric *metric)
{
    enum look_at at = LOOK_METRICS_LINE + alert->service;
    if (look_good(look, LOOK_HALLS) && strcmp(alert->name, "FairgateSeatsNotOpen") == 0)
        return look_good(look, at) && is_hall_closed(look, metric);
    if (!look_good(look, at) || !look_metric(&look->call[at], alert->metric, alert->below, metric))
        return false;
    if (alert->below)
        return metric->value < alert->limit && metric->value > alert->floor;
    return metric->value > alert->limit;
}

/* Counts the alerts that fire in both looks. */
static size_t judge_metrics(struct job *job, const struct look *look, json_t *findings)
{
    unsigned which = 1U << LOOK_METRICS_LINE | 1U << LOOK_METRICS_SEATS | 1U << LOOK_METRICS_PAY |
                     1U << LOOK_READY_SEATS | 1U << LOOK_HALLS;
    struct look again;
    bool looked = false;
    size_t fired = 0;
    for (size_t i = 0; i < doctor_alerts_len; i++) {
        const struct doctor_alert *alert = &doctor_alerts[i];
        struct look_metric metric;
        if (!fires(alert, look, &metric))
            continue;
        if (!looked) {
            system_sleep_us(CTL_ALERT_AGAIN_MS * UINT64_C(1000));
            look_take(job, which, job->timeout_ms, -1, &again);
            looked = true;
        }
        if (look_good(&again, LOOK_METRICS_LINE + alert->service) && !fires(alert, &again, &metric))
            continue;
        fired++;
        finding_add(findings, "bad", alert->mend, "%s would fire: %s%s%s is %.10g", alert->name,
                    alert->metric, metric.labels[0] != '\0' ? " of " : "", metric.labels,
                    metric.value);
    }
    if (looked)
        look_free(&again);
    return fired;
}

static void judge_alerts(struct job *job, const struct look *look, json_t *findings)
{
    static const struct {
        const char *metric, *did, *mend;
    } notes[] = {
        {"fairgate_warnings_total", "warned", "its log has a line about it"},
        {"fairgate_psp_refused_us_total", "been rejected by the provider",
         "unless you have since, put the account's key into its file, and reload"},
        {"fairgate_bound_refused_total", "refused over a bound",
         "FairgateBoundReached in the runbook says what to do about each"},
    };
    size_t fired = judge_metrics(job, look, findings);
    bool all_read = true;
    for (size_t i = 0; i < COMMAND_SERVICES; i++) {
        struct look_metric metric;
        enum look_at at = LOOK_METRICS_LINE + i;
        all_read = all_read && (look_good(look, at) || !look_asked(look, at));
        for (size_t n = 0; n < sizeof(notes) / sizeof(notes[0]); n++)
            if (look_good(look, at) &&
                look_metric(&look->call[at], notes[n].metric, false, &metric) && metric.value > 0)
                finding_add(findings, "note", notes[n].mend, "%s has %s since it was started: %s",
                            job_service_name((enum command_service)i), notes[n].did, metric.labels);
    }
    if (fired == 0 && all_read)
        finding_add(findings, "ok", NULL, "no alert that one look can judge would fire");
}

/* ---- events ---- */

void doctor_knobs(const json_t *document, uint64_t now_ms, json_t *findings)
{
    char id[80];
    span_to_cstr_cut(value_text(document, "id"), id, sizeof(id));
    struct span state = value_text(document, "state");
    bool waits = span_eq(state, SPAN("scheduled")) || span_eq(state, SPAN("pre-queue"));
    double rate = value_number(document, "rate_per_s");
    double most = value_number(document, "max_active");
    uint64_t opens_ms = value_time_ms(document, "opens_at");
    if (rate == 0 && json_array_size(value_at(document, "schedule")) == 0)
        finding_add(findings, span_eq(state, SPAN("open")) ? "bad" : "note",
                    "fairgate rate EVENT RATE", "%s calls nobody: rate_per_s is 0", id);
    if (most > 0 && most < rate)
        finding_add(findings, "note", "raise max_active, or lower rate_per_s",
                    "%s: max_active %.10g is full within a second at %.10g a second", id, most,
                    rate);
    if (most == 0)
        finding_add(findings, "note", "set max_active to what the seats and the shop can bear",
                    "%s has no cap on how many are inside", id);
    if (json_is_true(value_at(document, "autopilot.on")) &&
        value_number(document, "autopilot.ceiling") < rate)
        finding_add(findings, "note", "raise autopilot.ceiling",
                    "%s: the autopilot's ceiling is below rate_per_s", id);
    if (value_number(document, "pow_bits") > POW_BITS_SLOW)
        finding_add(findings, "bad", "lower pow_bits; each bit halves the work",
                    "%s: pow_bits %.0f takes an old phone minutes", id,
                    value_number(document, "pow_bits"));
    if (waits && opens_ms > 0 && opens_ms + 60000 < now_ms)
        finding_add(findings, "bad", "do the fronts run, and is the clock of Redis right?",
                    "%s should have opened by now", id);
    if (json_is_true(value_at(document, "auto_reopen")) &&
        !json_is_true(value_at(document, "seats_left")))
        finding_add(findings, "note", "set seats_left=true, and feed it",
                    "%s cannot reopen by itself: nothing feeds it the seats left", id);
    if (waits && value_time_ms(document, "prequeue_at") > 0 &&
        json_is_null(value_at(document, "beacon")))
        finding_add(findings, "note", "promise a beacon, so that nobody has to believe you",
                    "%s: the seed alone decides the draw", id);
    if (json_object_size(value_at(document, "message")) == 1)
        finding_add(findings, "note", "say it in every language of your visitors",
                    "%s: the notice is there in one language only", id);
}

/* Every visitor loads the picture. The line knows only its path; the edge serves it. */
static void judge_picture(struct job *job, const json_t *document, json_t *findings)
{
    char path[CTL_URL_MAX];
    struct call call = {.open = true};
    struct span id = value_text(document, "id"), picture = value_text(document, "picture");
    if (picture.len == 0 || !span_to_cstr(picture, path, sizeof(path)) ||
        !call_to_edge(&call, job->profile, path))
        return;
    caller_make(job->caller, &call, 1, job->timeout_ms, -1);
    if (call.end == CALL_ANSWERED && !call_good(&call))
        finding_add(findings, "note",
                    "put it there, or name another (fairgate set EVENT picture=PATH)",
                    "%.*s: the edge has no picture at %s", (int)id.len, id.ptr, path);
    else if (call_good(&call) && call.answer.len > PICTURE_BYTES_MAX)
        finding_add(findings, "bad", "make it smaller: every visitor loads it",
                    "%.*s: the picture %s has %zu bytes, of at most %d", (int)id.len, id.ptr, path,
                    call.answer.len, PICTURE_BYTES_MAX);
    call_free(&call);
}

static void judge_events(struct job *job, const struct look *look, json_t *findings)
{
    const json_t *events = value_at(look->call[LOOK_EVENTS].json, "events");
    size_t before = json_array_size(findings);
    for (size_t i = 0; i < json_array_size(events); i++) {
        struct call call = {.method = NULL};
        struct span id = value_text(json_array_get(events, i), "id");
        if (!call_to_event(&call, job->profile, COMMAND_LINE, id, ""))
            continue;
        caller_make(job->caller, &call, 1, job->timeout_ms, -1);
        if (call_good(&call)) {
            doctor_knobs(call.json, look->at_ms, findings);
            judge_picture(job, call.json, findings);
        } else if (call.end != CALL_ANSWERED || call.status != 404) { /* 404: just deleted */
            finding_add(findings, "bad", "its log says why",
                        "%.*s: queue-front does not show its knobs (%ld)", (int)id.len, id.ptr,
                        call.status);
        }
        call_free(&call);
    }
    if (look_good(look, LOOK_EVENTS) && json_array_size(findings) == before)
        finding_add(findings, "ok", NULL, "the knobs of each event make sense: %zu",
                    json_array_size(events));
}

/* ---- this machine ---- */

static void judge_disk(const struct job *job, json_t *findings)
{
    struct statvfs disk;
    for (size_t i = 0; i < COMMAND_SERVICES; i++) {
        const char *address = job->profile->address[i];
        if (strstr(address, "//127.") == NULL && strstr(address, "//localhost") == NULL)
            return; /* another machine is left to Prometheus's node exporter */
    }
    if (statvfs("/var/lib", &disk) != 0 || disk.f_blocks == 0)
        return;
    unsigned long long free_percent = 100ULL * disk.f_bavail / disk.f_blocks;
    if (free_percent < CTL_DISK_FREE_PERCENT)
        finding_add(findings, "bad", "make room before PostgreSQL and Redis stop writing",
                    "the disk of /var/lib has %llu %% left", free_percent);
    else
        finding_add(findings, "ok", NULL, "the disk of /var/lib has %llu %% left", free_percent);
}

static int report(const struct job *job, const json_t *findings)
{
    struct grow out = {.ptr = NULL};
    size_t bad = 0;
    for (size_t i = 0; i < json_array_size(findings); i++)
        bad += span_eq(value_text(json_array_get(findings, i), "level"), SPAN("bad"));
    bool json = job_option(job, OPTION_JSON);
    for (size_t i = 0; !json && i < json_array_size(findings); i++) {
        const json_t *one = json_array_get(findings, i);
        plain_format(&out, "%-5s", value_text(one, "level").ptr);
        value_fill(&out, "{what}\n", one);
        if (value_text(one, "mend").len > 0)
            value_fill(&out, "     -> {mend}\n", one);
    }
    int status =
        json ? job_put_json(job, json_pack("{s:O}", "findings", findings)) : job_put(job, &out);
    return status == EXIT_DONE && bad > 0 ? EXIT_REFUSED : status;
}

int doctor_run(struct job *job)
{
    struct look look;
    if (job_option(job, OPTION_PAY) && !job_option(job, OPTION_BUYER))
        return job_say(job, EXIT_USAGE, "--pay: who buys? (--buyer FILE)");
    json_t *findings = json_array();
    unsigned which = 1U << LOOK_EVENTS | 1U << LOOK_HALLS | 1U << LOOK_SAGAS | 1U << LOOK_SETUP;
    for (unsigned i = LOOK_READY_LINE; i <= LOOK_METRICS_PAY; i++)
        which |= 1U << i;
    look_take(job, which, job->timeout_ms, -1, &look);
    for (unsigned i = 0; i < COMMAND_SERVICES; i++)
        judge_service(&look, (enum command_service)i, findings);
    judge_token(&look, findings);
    judge_clocks(&look, findings);
    judge_versions(&look, findings);
    judge_keys(job, &look, findings);
    judge_setup(&look, findings);
    judge_alerts(job, &look, findings);
    judge_events(job, &look, findings);
    judge_disk(job, findings);
    if (job_option(job, OPTION_BUYER))
        purchase_try(job, look.call[LOOK_SETUP].json, findings);
    look_free(&look);
    int status = report(job, findings);
    json_decref(findings);
    return status;
}
