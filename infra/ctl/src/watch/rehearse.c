/* rehearse.c: sends a crowd (loadtest/crowd) of limited size, rate and duration to the public
 * address, for an event of its own (probe.h). It ends with a report and deletes the event.
 *
 * The crowd is a separate process that ends with this one, even if this one is killed. Half of its
 * visitors listen to a stream on a connection of their own, as a page does. The calls of the others
 * share kept-alive connections, so there are fewer handshakes than with real people. Nobody logs
 * in, so nothing is ordered, paid or mailed. */
#include "acts/runs.h"

#include "base/json_in.h"
#include "plan/figures.h"
#include "show/plain.h"
#include "show/value.h"
#include "system/system.h"
#include "watch/look.h"
#include "watch/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENT "fairgate-rehearsal"

enum { SOON_S = 7200, EACH_PROCESS = 8000, TARGETS_MAX = 8, ENDS_S = 30, HEARD_S = 2 };

struct rehearsal {
    struct job *job;
    struct probe probe;
    uint64_t visitors, within_s, rate_per_s, most_s, processes;
    char crowd[CTL_URL_MAX], hall[CTL_URL_MAX]; /* file names */
    char host[256], targets[TARGETS_MAX * 24];
    bool tls, stopped; /* stopped: by a signal */
    int signals;
    struct look_metric before[COMMAND_SERVICES], after[COMMAND_SERVICES];
    double seconds;
};

/* ---- beforehand ---- */

/* Finds a file in the package's layout, or next to this program in a build. */
static void find_file(const char *below, const char *next, char out[CTL_URL_MAX])
{
    char own[CTL_URL_MAX / 2] = "";
    ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
    char *slash = len > 0 ? strrchr(own, '/') : NULL;
    if (slash != NULL)
        *slash = '\0';
    snprintf(out, CTL_URL_MAX, "%s/../%s", own, below);
    if (next != NULL && access(out, R_OK) != 0)
        snprintf(out, CTL_URL_MAX, "%s/%s", own, next);
}

/* Resolves the profile's edge for the crowd: numeric addresses, and the host's name. */
static int resolve(struct rehearsal *r)
{
    const char *edge = r->job->profile->edge;
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *url = curl_url();
    struct addrinfo *found = NULL, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct text targets = text_on(r->targets, sizeof(r->targets) - 1);
    bool good = url != NULL && curl_url_set(url, CURLUPART_URL, edge, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                span_to_cstr(span_of(host), r->host, sizeof(r->host)) &&
                getaddrinfo(host, port, &hints, &found) == 0;
    r->tls = good && strcmp(scheme, "https") == 0;
    const struct addrinfo *one = found;
    for (int i = 0; one != NULL && i < TARGETS_MAX; i++, one = one->ai_next) {
        char address[INET_ADDRSTRLEN];
        const struct sockaddr_in *at = (const struct sockaddr_in *)(const void *)one->ai_addr;
        inet_ntop(AF_INET, &at->sin_addr, address, sizeof(address));
        text_printf(&targets, "%s%s:%s", i > 0 ? "," : "", address, port);
    }
    r->targets[targets.len] = '\0';
    if (found != NULL)
        freeaddrinfo(found);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    if (good && !targets.overflown)
        return EXIT_DONE;
    return job_say(r->job, EXIT_USAGE, "edge = \"%s\" of the profile has no IPv4 address", edge);
}

static bool is_soon(const json_t *event)
{
    uint64_t prequeue_ms = value_time_ms(event, "prequeue_at");
    uint64_t opens_ms = value_time_ms(event, "opens_at");
    uint64_t soon_ms = system_wall_us() / 1000 + SOON_S * UINT64_C(1000);
    return (prequeue_ms > 0 && prequeue_ms < soon_ms) || (opens_ms > 0 && opens_ms < soon_ms);
}

/* Refuses to run during a real sale. */
static int nothing_is_on_sale(const struct rehearsal *r)
{
    static const char *const over[] = {"draft", "closed", "sold-out"};
    struct call call = {.method = NULL};
    int status = job_get(r->job, COMMAND_LINE, "/admin/events", &call);
    const json_t *events = value_at(call.json, "events");
    for (size_t i = 0; status == EXIT_DONE && i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        struct span id = value_text(event, "id"), state = value_text(event, "state");
        bool idle = span_eq(state, SPAN("scheduled")) && !is_soon(event);
        for (size_t n = 0; n < sizeof(over) / sizeof(over[0]); n++)
            idle = idle || span_eq(state, span_of(over[n]));
        if (!idle && !span_eq(id, SPAN(EVENT)) && !job_option(r->job, OPTION_ANYWAY))
            status = job_say(r->job, EXIT_REFUSED,
                             "%.*s is on sale or opens soon (%.*s): not now, or --anyway",
                             (int)id.len, id.ptr, (int)state.len, state.ptr);
    }
    call_free(&call);
    return status;
}

static int read_words(struct rehearsal *r)
{
    const struct {
        enum option_id id;
        uint64_t max, *out;
    } words[] = {{OPTION_VISITORS, CTL_REHEARSAL_VISITORS_MAX, &r->visitors},
                 {OPTION_WITHIN, CTL_REHEARSAL_MAX_S / 2, &r->within_s},
                 {OPTION_CALLED, 10000, &r->rate_per_s}};
    int status = EXIT_DONE;
    for (size_t i = 0; status == EXIT_DONE && i < sizeof(words) / sizeof(words[0]); i++)
        status = job_number(r->job, words[i].id, 1, words[i].max, words[i].out);
    r->processes = 1 + r->visitors / EACH_PROCESS;
    r->most_s = r->within_s + 2 * r->visitors / r->rate_per_s + 60;
    if (status == EXIT_DONE && r->most_s > CTL_REHEARSAL_MAX_S)
        status = job_say(r->job, EXIT_USAGE,
                         "it may take %" PRIu64 " s, more than %d: fewer --visitors, or --called",
                         r->most_s, CTL_REHEARSAL_MAX_S);
    find_file("libexec/fairgate/crowd", "crowd", r->crowd);
    find_file("share/fairgate/halls/theatre.json", NULL, r->hall);
    if (status == EXIT_DONE)
        status = resolve(r);
    if (status == EXIT_DONE && access(r->crowd, X_OK) != 0)
        status = job_say(r->job, EXIT_USAGE, "%s: %s", r->crowd, strerror(errno));
    return status;
}

/* ---- the event ---- */

/* The document with a rehearsal's settings: no accounts, and short holds. */
static char *hall_text(const struct rehearsal *r)
{
    struct err_slot err;
    const char *given = r->job->args->option[OPTION_HALL];
    size_t len;
    char *bytes = job_read_file(r->job, given != NULL ? given : r->hall, &len);
    json_t *hall = NULL;
    if (bytes == NULL)
        return NULL;
    char *text = NULL;
    if (json_in_parse((struct span){bytes, len}, &err, &hall) == 0 && json_is_object(hall)) {
        json_t *limits = json_pack("{s:i, s:i, s:i, s:i}", "max_per_buyer", 0, "max_per_hold", 4,
                                   "hold_ttl_s", 30, "hold_max_s", 60);
        json_object_set_new(hall, "limits", limits);
        json_object_set_new(hall, "name", json_string("Rehearsal"));
        text = json_in_text(hall, JSON_COMPACT);
    }
    if (text == NULL)
        job_say(r->job, EXIT_USAGE, "%s is no hall's document", given != NULL ? given : r->hall);
    json_decref(hall);
    free(bytes);
    return text;
}

static int make_event(struct rehearsal *r)
{
    char knobs[256], why[300];
    snprintf(knobs, sizeof(knobs),
             "\"name\":\"Rehearsal\",\"rate_per_s\":%" PRIu64 ",\"max_active\":0,"
             "\"session_ttl_s\":60,\"pow_bits_max\":0",
             r->rate_per_s);
    char *hall = hall_text(r);
    if (hall == NULL)
        return EXIT_USAGE;
    const char *at =
        probe_make(&r->probe, hall, knobs, r->visitors, r->most_s + 4 * (uint64_t)ENDS_S);
    free(hall);
    /* One loop of one front answers this; the others learn of the event within a second. */
    if (at == NULL && !probe_visit(&r->probe, NULL, "/e/" EVENT, NULL))
        at = "its page", r->probe.mend = "the edge has to lead /e/ to a front that is ready";
    if (at == NULL) {
        sleep(HEARD_S);
        return EXIT_DONE;
    }
    probe_failure(&r->probe, why, sizeof(why));
    return job_say(r->job, EXIT_REFUSED, "the rehearsal stops at %s: %s; %s", at, why,
                   r->probe.mend);
}

static void look_at_services(const struct rehearsal *r, struct look_metric out[COMMAND_SERVICES])
{
    struct look look;
    look_take(r->job, 1U << LOOK_METRICS_LINE | 1U << LOOK_METRICS_SEATS | 1U << LOOK_METRICS_PAY,
              CTL_LOOK_MS, -1, &look);
    for (size_t i = 0; i < COMMAND_SERVICES; i++)
        if (!look_good(&look, (enum look_at)(LOOK_METRICS_LINE + i)) ||
            !look_metric(&look.call[LOOK_METRICS_LINE + i], "process_cpu_seconds_total", false,
                         &out[i]))
            out[i].value = NAN;
    look_free(&look);
}

/* ---- the crowd ---- */

static void set_number(const char *name, uint64_t value, const char *unit)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64 "%s", value, unit);
    setenv(name, text, 1);
}

/* Passes the settings by the environment: the code is a secret. */
static void set_crowd(const struct rehearsal *r)
{
    set_number("FAIRGATE_CROWD_VISITORS", r->visitors, "");
    set_number("FAIRGATE_CROWD_WITHIN", r->within_s, "s");
    set_number("FAIRGATE_CROWD_PATIENCE", r->most_s, "s");
    set_number("FAIRGATE_CROWD_PROCESSES", r->processes, "");
    const char *const texts[][2] = {
        {"FAIRGATE_CROWD_EVENT", EVENT},
        {"FAIRGATE_CROWD_ARRIVALS", "poisson"},
        {"FAIRGATE_JOURNEY_TO", "back"},
        {"FAIRGATE_JOURNEY_PAGE", "true"},
        {"FAIRGATE_JOURNEY_CODE", r->probe.code},
        {"FAIRGATE_PEOPLE_LISTENER", "50"},
        {"FAIRGATE_TARGETS_QUEUE", r->targets},
        {"FAIRGATE_TARGETS_SEATS", ""},
        {"FAIRGATE_TARGETS_TLS", r->tls ? "true" : "false"},
        {"FAIRGATE_TARGETS_HOST", r->host},
        {"FAIRGATE_TARGETS_CA", r->job->profile->ca_file},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        setenv(texts[i][0], texts[i][1], 1);
}

static pid_t start_crowd(const struct rehearsal *r, int *out)
{
    int ends[2];
    sigset_t none;
    struct rlimit files;
    sigemptyset(&none);
    set_crowd(r);
    if (pipe(ends) < 0)
        return -1;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
            files.rlim_cur = files.rlim_max;
            setrlimit(RLIMIT_NOFILE, &files);
        }
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (getppid() == parent)
            execl(r->crowd, "crowd", "/dev/null", "--i-own-this-host", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *out = ends[0];
    if (pid < 0)
        close(ends[0]);
    return pid;
}

/* Each line is one second; the last is the report. Shows the others and returns the last. */
static json_t *read_lines(const struct rehearsal *r, struct grow *all)
{
    struct span rest = {all->ptr, all->len}, line;
    json_t *report = NULL;
    while (memchr(rest.ptr, '\n', rest.len) != NULL) {
        rest = span_cut(rest, '\n', &line);
        if (span_starts(line, SPAN("{")))
            json_in_parse(line, NULL, &report);
        else if (r->job->width > 0)
            fprintf(r->job->err, "%.*s\n", (int)line.len, line.ptr);
    }
    memmove(all->ptr, rest.ptr, rest.len);
    all->len = rest.len;
    return report;
}

/* The crowd's report; NULL: none. One signal ends the crowd, a second one kills it. */
static json_t *run_crowd(struct rehearsal *r)
{
    struct grow all = {.ptr = NULL};
    json_t *report = NULL;
    int out = -1, status = 0;
    uint64_t start_us = system_mono_us();
    pid_t pid = start_crowd(r, &out);
    struct pollfd fds[2] = {{.fd = out, .events = POLLIN}, {.fd = r->signals, .events = POLLIN}};
    ssize_t got = pid < 0 ? 0 : 1;
    while (got > 0) {
        char bytes[65536];
        int ready = poll(fds, 2, 1000);
        bool late = system_mono_us() - start_us > (r->most_s + ENDS_S) * UINT64_C(1000000);
        bool asked = ready > 0 && fds[1].revents != 0 && read(r->signals, bytes, sizeof(bytes)) > 0;
        if (late || asked) {
            kill(pid, r->stopped || late ? SIGKILL : SIGTERM);
            r->stopped = true;
        }
        if (ready <= 0 || fds[0].revents == 0)
            continue;
        got = read(out, bytes, sizeof(bytes));
        grow_add(&all, (struct span){bytes, got > 0 ? (size_t)got : 0});
        json_t *last = all.len > 0 && !all.failed ? read_lines(r, &all) : NULL;
        if (last != NULL) {
            json_decref(report);
            report = last;
        }
    }
    if (pid > 0) {
        close(out);
        waitpid(pid, &status, 0);
    }
    grow_free(&all);
    r->seconds = (double)(system_mono_us() - start_us) / 1e6;
    if (report == NULL)
        job_say(r->job, EXIT_REFUSED, "the crowd did not come: %s ended with %d", r->crowd,
                WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return report;
}

/* ---- the report ---- */

static json_t *calls_of(const json_t *crowd)
{
    static const char *const shown[][2] = {
        {"page", "page"}, {"join", "join"}, {"poll", "me"}, {"pass", "pass"}, {"hold", "hold"}};
    json_t *calls = json_array();
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        const json_t *took = json_object_get(value_at(crowd, "took_us"), shown[i][1]);
        if (took != NULL)
            json_array_append_new(calls, json_pack("{s:s, s:O, s:f, s:f}", "call", shown[i][0],
                                                   "count", json_object_get(took, "count"),
                                                   "p50_ms", value_number(took, "p50") / 1000,
                                                   "p99_ms", value_number(took, "p99") / 1000));
    }
    return calls;
}

static json_t *rounded(double value, double steps)
{
    return json_real(round(value * steps) / steps);
}

/* What the processes at the profile's addresses used, and how many times this load fits in one
 * core. */
static json_t *services_of(const struct rehearsal *r)
{
    json_t *services = json_array();
    for (size_t i = 0; i < COMMAND_SERVICES; i++) {
        double cpu_s = r->after[i].value - r->before[i].value;
        if (isnan(cpu_s))
            continue;
        json_array_append_new(
            services,
            json_pack("{s:s, s:o, s:o}", "service", job_service_name((enum command_service)i),
                      "cpu_s", rounded(cpu_s, 1000), "times_in_a_core",
                      rounded(figure_machine_busy * r->seconds / fmax(cpu_s, 0.001), 1)));
    }
    return services;
}

/* Sentences about what went wrong; empty: nothing did. */
static json_t *faults_of(const struct rehearsal *r, const json_t *crowd)
{
    static const struct {
        const char *path, *what;
    } faults[] = {
        {"ended.failed", "visitors got an answer that should not be"},
        {"ended.turned away", "visitors were refused until they gave up"},
        {"ended.waiting", "visitors still waited at the end"},
        {"ended.too late", "visitors came too late, or lost their hold"},
        {"ended.sold out", "visitors got no seats: the hall is too small for them"},
        {"lost_answers", "calls had no answer"},
        {"answers.500", "answers 500"},
        {"answers.502", "answers 502: the edge had no service behind it"},
        {"answers.504", "answers 504: a service behind the edge took too long"},
        {"answers.429", "answers 429: list this machine as `trusted` in edge.conf meanwhile"},
    };
    json_t *out = json_array();
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        char text[160];
        double count = value_number(crowd, faults[i].path);
        snprintf(text, sizeof(text), "%.0f %s", count, faults[i].what);
        if (count > 0)
            json_array_append_new(out, json_string(text));
    }
    if (r->stopped)
        json_array_append_new(out, json_string("it was stopped"));
    if (value_number(crowd, "cpu_milli") / 1000 > 0.8 * r->seconds * (double)r->processes)
        json_array_append_new(out, json_string("this machine was busy: the services may be faster "
                                               "than it says here"));
    return out;
}

static json_t *document_of(const struct rehearsal *r, const json_t *crowd)
{
    double placed = value_number(crowd, "placed");
    const json_t *off = json_object_get(value_at(crowd, "took_us"), "promised p50 to call");
    double joined_s = value_number(crowd, "joined_milli") / 1000;
    return json_pack(
        "{s:s, s:s, s:I, s:f, s:I, s:I, s:f, s:f, s:f, s:{s:O, s:O, s:O, s:f, s:f}, s:o, s:o, s:O, "
        "s:O, s:o}",
        "event", EVENT, "edge", r->job->profile->edge, "visitors", (json_int_t)r->visitors,
        "placed", placed, "within_s", (json_int_t)r->within_s, "called_per_s",
        (json_int_t)r->rate_per_s, "seconds", r->seconds, "joins_offered_per_s",
        (double)r->visitors / (double)r->within_s, "joins_answered_per_s",
        joined_s > 0 ? placed / joined_s : 0.0, "waits", "judged", json_object_get(crowd, "waits"),
        "within_p50", json_object_get(crowd, "within_p50"), "within_p90",
        json_object_get(crowd, "within_p90"), "off_p50_s", value_number(off, "p50") / 1e6,
        "off_p99_s", value_number(off, "p99") / 1e6, "calls", calls_of(crowd), "services",
        services_of(r), "answers", json_object_get(crowd, "answers"), "ended",
        json_object_get(crowd, "ended"), "faults", faults_of(r, crowd));
}

static void put_document(const struct job *job, struct grow *out, const json_t *doc)
{
    double judged = value_number(doc, "waits.judged");
    size_t at;
    json_t *one;
    value_fill(out,
               "{visitors:0} visitors at {edge} within {within_s:0} s, {called_per_s:0} called a "
               "second; it took {seconds:0} s\n\n"
               "  joins     {joins_offered_per_s:1} a second came, {joins_answered_per_s:1} a "
               "second got a place, {placed:0} in all\n",
               doc);
    if (judged > 0)
        plain_format(out,
                     "  promises  %.0f %% of %.0f waits were over by p50, %.0f %% by p90; p50 was "
                     "off by %.1f s (p99 %.1f s)\n",
                     value_number(doc, "waits.within_p50") / judged * 100, judged,
                     value_number(doc, "waits.within_p90") / judged * 100,
                     value_number(doc, "waits.off_p50_s"), value_number(doc, "waits.off_p99_s"));
    value_fill(out, "  answers   {answers}\n  ended     {ended}\n\n", doc);
    value_rows(out, value_at(doc, "calls"), "call:CALL count:COUNT p50_ms:P50_MS p99_ms:P99_MS",
               job->width);
    grow_add(out, SPAN("\n"));
    value_rows(out, value_at(doc, "services"),
               "service:SERVICE cpu_s:CPU_S times_in_a_core:TIMES_IN_A_CORE", job->width);
    grow_add(out, SPAN("\n"));
    json_array_foreach(value_at(doc, "faults"), at, one)
    {
        plain_format(out, "- %s\n", json_string_value(one));
    }
    if (json_array_size(value_at(doc, "faults")) == 0)
        grow_add(out, SPAN("All went well.\n"));
}

/* ---- all of it ---- */

static int rehearse(struct rehearsal *r)
{
    int status = make_event(r);
    if (status != EXIT_DONE)
        return status;
    look_at_services(r, r->before);
    json_t *crowd = run_crowd(r);
    look_at_services(r, r->after);
    if (crowd == NULL)
        return EXIT_REFUSED;
    json_t *doc = document_of(r, crowd);
    bool good = json_array_size(value_at(doc, "faults")) == 0;
    json_decref(crowd);
    status = job_put_document(r->job, doc, put_document);
    return status == EXIT_DONE && !good ? EXIT_REFUSED : status;
}

int rehearse_run(struct job *job)
{
    struct rehearsal r = {.job = job, .visitors = 300, .within_s = 20, .rate_per_s = 20};
    char question[CTL_URL_MAX];
    int status = read_words(&r);
    snprintf(question, sizeof(question),
             "%" PRIu64 " visitors come to %s within %" PRIu64 " s, and all ends after %" PRIu64
             " s at most. Start?",
             r.visitors, job->profile->edge, r.within_s, r.most_s);
    if (status == EXIT_DONE)
        status = job_ask(job, question);
    if (status == EXIT_DONE)
        status = nothing_is_on_sale(&r);
    if (status != EXIT_DONE)
        return status;
    r.signals = job_signals();
    if (r.signals < 0)
        return job_say(job, EXIT_REFUSED, "signals: %s", strerror(errno));
    probe_init(&r.probe, job, EVENT, "rehearsal");
    status = rehearse(&r);
    if (r.probe.made && !probe_delete(&r.probe))
        status = job_say(job, EXIT_REFUSED,
                         "the event " EVENT " is left: fairgate close it, and rehearse again");
    probe_deinit(&r.probe);
    close(r.signals);
    return status;
}
