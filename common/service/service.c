/* service.c: one process, n loops, from its arguments to its exit code.
 *
 * Starting: settings, then what all loops share, then the loops one after another, each on its own
 * thread and each waiting for the previous one, so that the first failure is the one reported.
 *
 * Ending: loop 0 handles the signals. SIGTERM first turns /readyz to 503 and waits [http]
 * drain_delay, so that load balancers notice. Then every loop drains its connections, and the last
 * one to finish wakes loop 0, whose private listener has stayed open until then.
 *
 *   loop 0:   run --SIGTERM--> delay --> drain --drained--> wait for the last --> finish
 *   others:   run -----------asked-----> drain --drained--> finish
 *
 * A loop ends by itself once every handle on it is closed: uv_run() returns, its thread ends, loop
 * 0 joins it.
 *
 * Threading: a runner belongs to its thread, except for `asked` and its conditions. struct service
 * is loop 0's, except for what is atomic or does not change while loops run. */
#include "service/service_internal.h"

#include "base/bug.h"

#include "observe/trace.h"
#include "system/panic.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_WRONG = 2, FILES_APART = 128 };

/* ---- accessors for handlers and hooks ---- */

unsigned service_loops(const struct service *service)
{
    return (unsigned)service->settings.http_loops; /* known before the loops start */
}

void *service_ctx(const struct service *service)
{
    return service->conf->ctx;
}

const void *service_config(const struct service *service)
{
    return service->conf->config;
}

struct logger *service_log(const struct service *service)
{
    return service->log;
}

struct metrics *service_metrics(const struct service *service)
{
    return service->metrics;
}

uint64_t service_errors(const struct service *service)
{
    uint64_t errors = 0;
    assert(service->runners_len == 0 || service->runner != NULL);
    for (unsigned i = 0; i < service->runners_len; i++) /* relaxed: a statistic for a graph */
        errors += atomic_load_explicit(&service->runner[i].errors, memory_order_relaxed);
    return errors;
}

struct tracer *service_tracer(const struct service *service)
{
    return service->tracer;
}

/* ---- answered requests ---- */

struct note {
    struct trace trace;
    bool known;
};

/* The request brought no trace, and no part of this program has used its own. */
static bool is_alone(struct http_req *req)
{
    const struct note *note = http_req_note(req);
    struct trace trace;
    return !note->known && !trace_parse(http_req_header(req, HTTP_HEADER_TRACEPARENT), &trace);
}

struct trace service_trace(struct http_req *req)
{
    struct note *note = http_req_note(req);
    static_assert(sizeof(*note) <= HTTP_NOTE_BYTES, "a request's note holds it");
    if (!note->known)
        note->trace = trace_continue(http_req_header(req, HTTP_HEADER_TRACEPARENT),
                                     service_loop_of(req)->rng);
    note->known = true;
    return note->trace;
}

static void send_trace(const struct service_runner *runner, struct http_req *req,
                       const char *listener, unsigned status, uint64_t took_us)
{
    struct tracer *tracer = runner->loop.service->tracer;
    bool alone = is_alone(req); /* before service_trace() is called */
    struct trace trace = service_trace(req), parent;
    if (!tracer_wants(tracer, &trace, status >= 500, took_us, alone))
        return;
    const struct http_route *route = http_req_route(req);
    const char *pattern = route != NULL ? route->pattern : "(none)";
    const char *method = http_method_name(http_req_method(req));
    struct tracer_span span = {.trace = trace,
                               .kind = TRACER_SERVER,
                               .failed = status >= 500,
                               .began_us = clock_wall_us(runner->loop.clock) - took_us,
                               .took_us = took_us};
    if (trace_parse(http_req_header(req, HTTP_HEADER_TRACEPARENT), &parent))
        memcpy(span.parent, parent.span_id, sizeof(span.parent));
    tracer_span_name(&span, method, pattern);
    tracer_span_text(&span, "http.request.method", span_of(method));
    tracer_span_text(&span, "http.route", span_of(pattern));
    tracer_span_number(&span, "http.response.status_code", status);
    tracer_span_text(&span, "fairgate.listener", span_of(listener));
    /* Of a route's parameters only the event is logged, and only if it exists: visitors choose
     * their values. */
    const char *param = strchr(pattern, '{');
    if (status < 400 && param != NULL && strncmp(param, "{event}", 7) == 0)
        tracer_span_text(&span, "fairgate.event", http_req_param(req, 0));
    tracer_add(tracer, &span);
}

static void log_request(const struct service_runner *runner, struct http_req *req,
                        const char *listener, const char *who, unsigned status, uint64_t took_us)
{
    struct log_line line;
    log_begin(&line, runner->loop.log, LOG_LEVEL_INFO, "request");
    struct trace trace = service_trace(req);
    log_trace(&line, &trace);
    log_cstr(&line, "listener", listener);
    log_cstr(&line, "method", http_method_name(http_req_method(req)));
    log_str(&line, "path", http_req_path(req)); /* never the query: it may contain tokens */
    if (who != NULL)
        log_cstr(&line, "operator", who);
    log_u64(&line, "status", status);
    log_u64(&line, "took_us", took_us);
    log_end(&line);
}

static void on_answered(void *loop_ctx, struct http_req *req, unsigned status, uint64_t took_us)
{
    struct service_runner *runner = loop_ctx;
    histogram_record(&runner->took, took_us);
    call_times_answered(&runner->calls, req, status, took_us);
    if (status >= 500)
        atomic_fetch_add_explicit(&runner->errors, 1, memory_order_relaxed);
    uint64_t one_in = runner->loop.service->settings.log_requests;
    if (runner->loop.service->tracer != NULL)
        send_trace(runner, req, "public", status, took_us);
    if (one_in != 0 && runner->requests++ % one_in == 0)
        log_request(runner, req, "public", NULL, status, took_us);
}

/* Logs operators' actions, which are rare, but not the polling of programs. */
static void on_private_answered(void *loop_ctx, struct http_req *req, unsigned status,
                                uint64_t took_us)
{
    const struct service_runner *runner = loop_ctx;
    enum http_method method = http_req_method(req);
    if (runner->loop.service->tracer != NULL && !service_is_probe(http_req_path(req)))
        send_trace(runner, req, "private", status, took_us);
    if (method != HTTP_METHOD_GET || status == 401)
        log_request(runner, req, "private", service_operator(&runner->loop, req), status, took_us);
}

/* ---- ending ---- */

static void ask(struct service_runner *runner, unsigned what)
{
    assert(what != 0);
    /* release: partner of the acquire in on_wake(), which then sees the request's data */
    atomic_fetch_or_explicit(&runner->asked, what, memory_order_release);
    uv_async_send(&runner->wake);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* For a handle of loop 0 that may not have been opened yet. */
static void close_if_there(uv_handle_t *handle)
{
    if (handle->data != NULL)
        close_handle(handle);
}

/* Ends the loop. Idempotent, as the request to finish may race with the end of the drain. */
static void finish(struct service_runner *runner)
{
    struct service *service = runner->loop.service;
    if (runner->finished)
        return;
    runner->finished = true;
    metrics_forget_mine(service->metrics); /* the other loops may still be scraped */
    /* Each remaining answer ends its connection: pipelined requests behind it are dropped, and no
     * handler keeps an unanswered request. The public server has drained. */
    if (runner->loop.private_server != NULL)
        http_server_drain(runner->loop.private_server, 0, NULL, NULL);
    if (runner->start_rc == 0 && service->conf->loop_stop != NULL)
        service->conf->loop_stop(&runner->loop);
    runner->loop.ctx = NULL;
    if (runner->loop.index == 0) {
        persons_close(service->persons);
        service->persons = NULL;
    }
    struct http_server *servers[] = {runner->loop.server, runner->loop.private_server};
    for (size_t i = 0; i < 2; i++)
        if (servers[i] != NULL)
            http_server_close(servers[i], NULL, NULL);
    if (runner->loop.index == 0) {
        close_if_there((uv_handle_t *)&service->on_term);
        close_if_there((uv_handle_t *)&service->on_int);
        close_if_there((uv_handle_t *)&service->on_hup);
        close_if_there((uv_handle_t *)&service->drain_delay);
    }
    close_handle((uv_handle_t *)&runner->wake);
}

static void on_drained(void *ctx)
{
    struct service_runner *runner = ctx;
    struct service *service = runner->loop.service;
    assert(runner->draining && !runner->finished);
    /* acq_rel: the last one sees the work of all others */
    unsigned left = atomic_fetch_sub_explicit(&service->runners_left, 1, memory_order_acq_rel);
    assert(left >= 1 && left <= service->runners_len);
    if (left == 1)
        ask(&service->runner[0], SERVICE_ASK_FINISH);
    if (runner->loop.index != 0)
        finish(runner);
}

static void on_drain_delay(uv_timer_t *timer)
{
    struct service *service = MAGIC_OF(service, timer->data);
    for (unsigned i = 0; i < service->runners_len; i++)
        ask(&service->runner[i], SERVICE_ASK_DRAIN);
}

/* Runs on loop 0. */
static void drain_all(struct service *service)
{
    if (atomic_load_explicit(&service->draining, memory_order_relaxed))
        return;
    atomic_store_explicit(&service->draining, true, memory_order_relaxed);
    log_say(service->log, LOG_LEVEL_INFO, "draining");
    uv_timer_start(&service->drain_delay, on_drain_delay, service->settings.http_drain_delay_ms, 0);
}

static void on_wake(uv_async_t *wake)
{
    struct service_runner *runner = MAGIC_OF(service_runner, wake->data);
    struct service *service = runner->loop.service;
    /* acquire: partner of ask() */
    unsigned asked = atomic_exchange_explicit(&runner->asked, 0, memory_order_acquire);
    if ((asked & SERVICE_ASK_RELOAD) != 0 && !runner->finished &&
        service->conf->loop_reload != NULL)
        service->conf->loop_reload(&runner->loop);
    if ((asked & SERVICE_ASK_DRAIN_ALL) != 0)
        drain_all(service);
    if ((asked & SERVICE_ASK_DRAIN) != 0 && !runner->draining && !runner->finished) {
        assert(runner->loop.server != NULL);
        runner->draining = true;
        if (service->conf->loop_drain != NULL)
            service->conf->loop_drain(&runner->loop);
        http_server_drain(runner->loop.server, (uint32_t)service->settings.http_drain_timeout_ms,
                          on_drained, runner);
    }
    if ((asked & SERVICE_ASK_FINISH) != 0)
        finish(runner);
}

static void on_end_signal(uv_signal_t *handle, int number)
{
    struct service *service = MAGIC_OF(service, handle->data);
    if (atomic_load_explicit(&service->draining, memory_order_relaxed)) {
        dprintf(STDERR_FILENO, "%s: signal %d again: ending at once\n", service->conf->name,
                number);
        _exit(EXIT_FAILED);
    }
    drain_all(service);
}

void service_fail(struct service *service, const char *reason)
{
    log_text(service->log, LOG_LEVEL_ERROR, "cannot go on", "error", reason);
    atomic_store_explicit(&service->failed, true, memory_order_relaxed);
    /* Loop 0 cannot end before the drain that it starts; once it drains, nothing needs to be
     * sent. */
    if (!atomic_load_explicit(&service->draining, memory_order_relaxed))
        ask(&service->runner[0], SERVICE_ASK_DRAIN_ALL);
}

/* ---- reloading ---- */

static void read_again(uv_work_t *work)
{
    struct service *service = MAGIC_OF(service, work->data);
    service->reload_rc = 0;
    if (!service->conf->public_only)
        service->reload_rc =
            service_tokens_read(&service->settings, &service->reload_err, &service->new_tokens);
    if (service->reload_rc == 0 && service->conf->reload != NULL)
        service->reload_rc = service->conf->reload(service, &service->reload_err);
}

static void begin_reload(struct service *service);

static void on_read_again(uv_work_t *work, int status)
{
    struct service *service = MAGIC_OF(service, work->data);
    (void)status; /* this work is never cancelled */
    assert(service->reloading);
    service->reloading = false;
    if (service->reload_rc < 0) {
        service_tokens_destroy(&service->new_tokens);
        log_failure(service->log, "reload failed; the old keys and settings stay in use",
                    &service->reload_err);
    } else {
        if (!service->conf->public_only) {
            service_tokens_destroy(&service->tokens);
            service->tokens = service->new_tokens;
            service->new_tokens = (struct service_tokens){.admin = NULL};
        }
        /* Once a drain has begun, a loop may have ended and must not be woken. */
        bool draining = atomic_load_explicit(&service->draining, memory_order_relaxed);
        for (unsigned i = 0; i < service->runners_len && !draining; i++)
            ask(&service->runner[i], SERVICE_ASK_RELOAD);
        log_say(service->log, LOG_LEVEL_INFO, "reloaded");
    }
    if (service->reload_again)
        begin_reload(service);
}

/* Files are read on the thread pool; a signal during that time causes another reload. */
static void begin_reload(struct service *service)
{
    service->reload_again = service->reloading;
    if (service->reloading || atomic_load_explicit(&service->draining, memory_order_relaxed))
        return;
    service->reloading = true;
    service->reload.data = service;
    int rc = uv_queue_work(&service->runner[0].uv, &service->reload, read_again, on_read_again);
    assert(rc == 0); /* fails only without a callback */
    (void)rc;
}

static void on_hup_signal(uv_signal_t *handle, int number)
{
    (void)number;
    begin_reload(MAGIC_OF(service, handle->data));
}

/* ---- starting a loop ---- */

static struct http_limits limits_of(const struct service *service)
{
    const struct service_settings *settings = &service->settings;
    struct http_limits limits = http_limits_default();
    limits.connections_max = (uint32_t)settings->http_connections_max;
    limits.connections_per_addr_max = (uint32_t)settings->http_connections_per_addr_max;
    limits.head_timeout_ms = (uint32_t)settings->http_head_timeout_ms;
    limits.body_timeout_ms = (uint32_t)settings->http_body_timeout_ms;
    limits.idle_timeout_ms = (uint32_t)settings->http_idle_timeout_ms;
    limits.write_timeout_ms = (uint32_t)settings->http_write_timeout_ms;
    return limits;
}

static int open_public(struct service_runner *runner)
{
    struct service *service = runner->loop.service;
    /* With port 0 the first loop gets a free port, and the others share it. */
    bool shared = runner->loop.index > 0;
    assert(!shared || service->runner[0].loop.server != NULL); /* the first loop started first */
    struct http_server_conf conf = {
        .loop = &runner->uv,
        .router = service->routes,
        .host = service->settings.http_host,
        .port = shared ? http_server_port(service->runner[0].loop.server)
                       : (uint16_t)service->settings.http_port,
        .alone = !shared && !service->settings.http_share_port,
        .limits = limits_of(service),
        .clock = runner->loop.clock,
        .trusted_proxies = service->settings.http_trusted_proxies,
        .client_ip_header = service->settings.http_client_ip_header,
        .loop_ctx = runner,
        .on_answered = on_answered,
    };
    int rc = http_server_create(&conf, &runner->err, &runner->loop.server);
    if (rc < 0)
        return rc;
    return metrics_http(service->metrics, "public", http_server_stats(runner->loop.server),
                        &runner->err);
}

static int open_private(struct service_runner *runner)
{
    struct service *service = runner->loop.service;
    const char *origins = service->settings.private_origins;
    struct http_server_conf conf = {
        .loop = &runner->uv,
        .router = service->private_routes,
        .origins = origins[0] != '\0' ? origins : NULL,
        .host = service->settings.private_host,
        .port = (uint16_t)service->settings.private_port,
        .alone = !service->settings.http_share_port,
        .limits = http_limits_default(),
        .clock = runner->loop.clock,
        .loop_ctx = runner,
        .on_answered = on_private_answered,
    };
    int rc = http_server_create(&conf, &runner->err, &runner->loop.private_server);
    if (rc < 0)
        return rc;
    return metrics_http(service->metrics, "private", http_server_stats(runner->loop.private_server),
                        &runner->err);
}

static int watch_signal(struct service *service, uv_signal_t *handle, uv_signal_cb cb, int number)
{
    int rc = uv_signal_init(&service->runner[0].uv, handle);
    if (rc < 0)
        return rc;
    handle->data = service; /* non-NULL data marks an open handle */
    return uv_signal_start(handle, cb, number);
}

static int open_signals(struct service *service)
{
    uv_loop_t *loop = &service->runner[0].uv;
    uv_timer_init(loop, &service->drain_delay);
    service->drain_delay.data = service;
    int rc = watch_signal(service, &service->on_term, on_end_signal, SIGTERM);
    if (rc == 0)
        rc = watch_signal(service, &service->on_int, on_end_signal, SIGINT);
    if (rc == 0)
        rc = watch_signal(service, &service->on_hup, on_hup_signal, SIGHUP);
    if (rc < 0)
        return err_set(&service->runner[0].err, ERR_LOOP, "watching signals: %s", uv_strerror(rc));
    return 0;
}

/* On failure finish() closes what was opened. */
static int open_runner(struct service_runner *runner)
{
    struct service *service = runner->loop.service;
    static const struct metrics_desc took = {"fairgate_http_request_duration_seconds",
                                             "From a request's first byte to its answer.",
                                             "listener=\"public\""};
    int rc = metrics_histogram(service->metrics, &took, METRICS_UNIT_SECONDS, &runner->took,
                               &runner->err);
    if (rc == 0)
        rc = call_times_begin(&runner->calls, service->conf->calls, service->routes,
                              service->metrics, &runner->err);
    if (rc == 0)
        rc = open_public(runner);
    if (rc == 0 && runner->loop.index == 0 && !service->conf->public_only)
        rc = open_private(runner);
    if (rc == 0 && runner->loop.index == 0 && !service->conf->public_only)
        rc = service_persons_open(runner);
    if (rc == 0 && runner->loop.index == 0)
        rc = open_signals(service);
    if (rc == 0 && service->conf->loop_start != NULL)
        rc = service->conf->loop_start(&runner->loop, &runner->err);
    return rc;
}

static int init_runner(struct service *service, unsigned index)
{
    assert(index < service->settings.http_loops);
    struct service_runner *runner = &service->runner[index];
    const struct clock *clock = service->conf->clock;
    runner->loop = (struct service_loop){.service = service,
                                         .index = index,
                                         .uv = &runner->uv,
                                         .clock = clock != NULL ? clock : clock_system(),
                                         .rng = &runner->rng.rng,
                                         .log = service->log,
                                         .metrics = service->metrics,
                                         .config = service->conf->config};
    MAGIC_BEGIN(service_runner, runner);
    rng_seeded_init(&runner->rng, rng_u64(rng_system()));
    int rc = uv_loop_init(&runner->uv);
    if (rc < 0)
        return err_set(&runner->err, ERR_LOOP, "making a loop: %s", uv_strerror(rc));
    rc = uv_async_init(&runner->uv, &runner->wake, on_wake);
    if (rc < 0) {
        uv_loop_close(&runner->uv);
        return err_set(&runner->err, ERR_LOOP, "making a loop: %s", uv_strerror(rc));
    }
    runner->wake.data = runner;
    return 0;
}

static void run_to_end(struct service_runner *runner)
{
    uv_run(&runner->uv, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&runner->uv);
    assert(rc == 0); /* otherwise a hook left a handle open */
    (void)rc;
}

static void run_thread(void *arg)
{
    struct service_runner *runner = MAGIC_OF(service_runner, arg);
    assert(runner->loop.index > 0); /* loop 0 is the main thread's */
    runner->start_rc = open_runner(runner);
    if (runner->start_rc < 0)
        finish(runner);
    uv_sem_post(&runner->started);
    run_to_end(runner);
}

static int start_thread(struct service *service, unsigned index)
{
    struct service_runner *runner = &service->runner[index];
    int rc = init_runner(service, index);
    if (rc < 0)
        return rc;
    uv_sem_init(&runner->started, 0);
    int why = uv_thread_create(&runner->thread, run_thread, runner);
    if (why < 0) {
        uv_sem_destroy(&runner->started);
        finish(runner);
        run_to_end(runner);
        return err_set(&runner->err, ERR_LOOP, "starting a thread: %s", uv_strerror(why));
    }
    uv_sem_wait(&runner->started);
    uv_sem_destroy(&runner->started);
    if (runner->start_rc < 0)
        uv_thread_join(&runner->thread);
    return runner->start_rc;
}

/* ---- all loops ---- */

static int fail_start(struct service *service, const struct err_slot *err)
{
    log_failure(service->log, "cannot start", err);
    atomic_store_explicit(&service->failed, true, memory_order_relaxed);
    return EXIT_FAILED;
}

static int run_loops(struct service *service)
{
    unsigned wanted = (unsigned)service->settings.http_loops;
    service->runner = calloc(wanted, sizeof(*service->runner));
    if (service->runner == NULL)
        return EXIT_FAILED;
    service->runners_len = wanted;
    struct service_runner *first = &service->runner[0];
    int rc = init_runner(service, 0);
    if (rc < 0) {
        int code = fail_start(service, &first->err);
        service->runners_len = 0;
        free(service->runner);
        return code;
    }
    atomic_store_explicit(&service->runners_left, wanted, memory_order_relaxed);
    first->start_rc = rc = open_runner(first);
    if (rc < 0)
        fail_start(service, &first->err);
    unsigned started = 1;
    for (; rc == 0 && started < wanted; started++) {
        rc = start_thread(service, started);
        if (rc < 0) {
            fail_start(service, &service->runner[started].err);
            break;
        }
    }
    if (rc == 0) {
        const struct service_loop *begun = &service->runner[0].loop;
        struct log_line line;
        log_begin(&line, service->log, LOG_LEVEL_INFO, "serving");
        log_cstr(&line, "version", service->conf->version);
        log_cstr(&line, "host", service->settings.http_host);
        log_u64(&line, "port", http_server_port(begun->server));
        if (begun->private_server != NULL)
            log_u64(&line, "private_port", http_server_port(begun->private_server));
        log_u64(&line, "loops", service->runners_len);
        log_end(&line);
    } else {
        atomic_store_explicit(&service->draining, true, memory_order_relaxed);
        for (unsigned i = 0; i < started; i++)
            ask(&service->runner[i], SERVICE_ASK_FINISH);
    }
    run_to_end(first);
    for (unsigned i = 1; i < started; i++)
        uv_thread_join(&service->runner[i].thread);
    service->runners_len = 0;
    free(service->runner);
    return atomic_load_explicit(&service->failed, memory_order_relaxed) ? EXIT_FAILED : EXIT_GOOD;
}

/* ---- what the loops share ---- */

/* Every visitor needs a file descriptor, so raise the limit to what the kernel grants. */
static void take_files(struct service *service)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)!setrlimit(RLIMIT_NOFILE, &limit);
    if (service->settings.http_connections_max != 0)
        return;
    uint64_t files = limit.rlim_cur > 10000000 ? 10000000 : limit.rlim_cur;
    uint64_t each = files > 2 * FILES_APART ? (files - FILES_APART) : files / 2;
    service->settings.http_connections_max =
        each / service->settings.http_loops > 0 ? each / service->settings.http_loops : 1;
}

/* A core dump would write every key, ticket and session of the process to an unprotected file. The
 * limit is one byte, too small for any core: with 0 the kernel would still pipe cores to a handler
 * program. A lower hard limit stays. The panic's block has what is needed to analyse a crash. */
static void leave_no_core(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) != 0)
        return;
    if (limit.rlim_max > 1)
        limit.rlim_max = 1;
    limit.rlim_cur = limit.rlim_max;
    (void)!setrlimit(RLIMIT_CORE, &limit);
}

static void log_warning(void *ctx, const char *what, const char *file, unsigned at)
{
    const struct service *service = ctx;
    struct log_line line;
    log_begin(&line, service->log, LOG_LEVEL_WARN, "something that should not happen happened");
    log_cstr(&line, "what", what);
    log_cstr(&line, "file", file);
    log_u64(&line, "line", at);
    log_end(&line);
}

struct odd_events {
    struct metrics *metrics;
    struct err_slot *err;
    int rc;
};

static void show_place(void *ctx, const struct bug_place *place)
{
    struct odd_events *odd = ctx;
    const struct metrics_labels labels = metrics_one_label("what", span_of(place->what));
    struct metrics_desc desc = {
        "fairgate_odd_events_total",
        "Things that should not happen and did no harm; anything but 0 is worth a look.",
        labels.text};
    if (place->warns) {
        desc.name = "fairgate_warnings_total";
        desc.help = "Things that should not happen and need a look soon; the log names the place.";
    }
    if (odd->rc == 0)
        odd->rc = metrics_counter(odd->metrics, &desc, &place->count, odd->err);
}

static int show_bounds(struct metrics *metrics, struct err_slot *err)
{
    size_t len;
    const struct http_bound *bounds = http_bounds(&len);
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0; i++) {
        const struct metrics_labels labels = metrics_one_label("bound", span_of(bounds[i].code));
        const struct metrics_desc desc = {"fairgate_bound_refused_total",
                                          "Requests refused since a bound was reached, by code.",
                                          labels.text};
        rc = metrics_counter(metrics, &desc, &bounds[i].refused, err);
    }
    return rc;
}

/* Exports program and version, to compare machines. */
static int show_build(struct service *service, struct err_slot *err)
{
    char memory[METRICS_LABELS_MAX];
    struct text labels = text_on(memory, sizeof(memory) - 1);
    metrics_label(&labels, "program", span_of(service->conf->name));
    metrics_label(&labels, "version", span_of(service->conf->version));
    if (labels.overflown)
        return err_set(err, ERR_FULL, "name and version of the program");
    memory[labels.len] = '\0';
    static const _Atomic uint64_t one = 1;
    const struct metrics_desc desc = {"fairgate_build_info", "Program and version.", memory};
    return metrics_gauge(service->metrics, &desc, &one, err);
}

static int make_tracer(struct service *service, struct err_slot *err)
{
    const struct tracer_conf conf = {.endpoint = service->settings.trace_endpoint,
                                     .service = service->conf->name,
                                     .version = service->conf->version,
                                     .sample_milli = (uint32_t)service->settings.trace_sample,
                                     .slow_us = service->settings.trace_slow_ms * 1000};
    int rc = tracer_create(&conf, err, &service->tracer);
    if (rc < 0)
        return rc;
    const struct tracer_stats *stats = tracer_stats(service->tracer);
    static const char name[] = "fairgate_trace_spans_total";
    const struct metrics_row rows[] = {
        {name, "Spans for the collector, by outcome.", "outcome=\"sent\"", &stats->sent, false},
        {name, "", "outcome=\"dropped\"", &stats->dropped, false},
        {name, "", "outcome=\"failed\"", &stats->failed, false}};
    return metrics_add_all(service->metrics, rows, sizeof(rows) / sizeof(rows[0]), err);
}

static int make_shared(struct service *service, struct err_slot *err)
{
    if (sodium_init() < 0)
        return err_set(err, ERR_IO, "libsodium did not start");
    int rc = metrics_create(err, &service->metrics);
    if (rc == 0)
        rc = metrics_process(service->metrics, err);
    if (rc == 0 && service->settings.trace_endpoint[0] != '\0')
        rc = make_tracer(service, err);
    if (rc == 0)
        rc = show_build(service, err);
    if (rc == 0) {
        struct metrics *metrics = service->metrics;
        struct odd_events odd = {metrics, err, 0};
        bug_each(show_place, &odd);
        rc = odd.rc;
    }
    if (rc == 0)
        rc = show_bounds(service->metrics, err);
    if (rc == 0) {
        const struct metrics_row rows[] = {
            {"fairgate_off_loop_jobs_total", "Long parts of requests that were done off the loop.",
             NULL, &service->jobs, false},
            {"fairgate_log_lines_dropped_total", "Log lines that will not come.", NULL,
             logger_dropped(service->log), false}};
        rc = metrics_add_all(service->metrics, rows, sizeof(rows) / sizeof(rows[0]), err);
    }
    if (rc == 0 && !service->conf->public_only)
        rc = service_tokens_read(&service->settings, err, &service->tokens);
    if (rc == 0 && !service->conf->public_only)
        rc = service_refused_metrics(service, err);
    if (rc == 0) {
        rc = http_router_create(err, &service->routes);
        if (rc == 0 && !service->conf->public_only)
            rc = http_router_create(err, &service->private_routes);
        if (rc == 0 && !service->conf->public_only)
            rc = service_private_routes(service, service->private_routes, err);
    }
    return rc;
}

static int run(struct service *service)
{
    struct err_slot err;
    struct logger_conf log_conf = {.service = service->conf->name,
                                   .level = (enum log_level)service->settings.log_level,
                                   .fd = STDERR_FILENO};
    if (logger_create(&log_conf, &err, &service->log) < 0) {
        fprintf(stderr, "%s: %s\n", service->conf->name, err.text);
        return EXIT_FAILED;
    }
    signal(SIGPIPE,
           SIG_IGN); /* writing to a closed peer must be an error of write(), not end the process */
    take_files(service);
    leave_no_core();
    panic_warn_to(log_warning, service);
    int code = EXIT_FAILED;
    int rc = make_shared(service, &err);
    if (rc == 0 && service->conf->start != NULL)
        rc = service->conf->start(service, service->routes, service->private_routes, &err);
    if (rc < 0) {
        fail_start(service, &err);
    } else {
        code = run_loops(service);
        if (service->conf->stop != NULL)
            service->conf->stop(service);
        log_say(service->log, LOG_LEVEL_INFO, "ended");
    }
    panic_warn_to(NULL, NULL);
    http_router_destroy(service->routes);
    http_router_destroy(service->private_routes);
    service_tokens_destroy(&service->tokens);
    tracer_destroy(service->tracer);
    metrics_destroy(service->metrics);
    logger_destroy(service->log);
    return code;
}

/* ---- options ---- */

struct options {
    const char *config;
    bool check, migrate, version, help;
};

static int parse_options(const char *name, int argc, char **argv, struct options *out)
{
    for (int i = 1; i < argc; i++) {
        struct span word = span_of(argv[i]);
        if (span_eq(word, SPAN("--check-config"))) {
            out->check = true;
        } else if (span_eq(word, SPAN("--migrate"))) {
            out->migrate = true;
        } else if (span_eq(word, SPAN("--version"))) {
            out->version = true;
        } else if (span_eq(word, SPAN("--help"))) {
            out->help = true;
        } else if (span_starts(word, SPAN("--config="))) {
            out->config = argv[i] + strlen("--config=");
        } else if (span_eq(word, SPAN("--config")) && i + 1 < argc) {
            out->config = argv[++i];
        } else {
            fprintf(stderr,
                    "%s: \"%s\" is not an option, or lacks its value; there are --config FILE, "
                    "--check-config, --migrate, --version and --help\n",
                    name, argv[i]);
            return ERR_SYNTAX;
        }
    }
    return 0;
}

static int load_settings(struct service *service, const char *path)
{
    struct err_slot err;
    int rc = service_settings_read(service, path, &err);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", service->conf->name, err.text);
    uint64_t *loops = &service->settings.http_loops;
    if (rc == 0 && *loops == 0)
        *loops = uv_available_parallelism();
    if (rc == 0 && *loops > SERVICE_LOOPS_MAX)
        *loops = SERVICE_LOOPS_MAX;
    return rc;
}

static void show_wait(const char *words)
{
    fprintf(stderr, "%s\n", words);
}

static int migrate(const struct service *service)
{
    struct err_slot err = {0};
    if (service->conf->migrate == NULL) {
        fprintf(stderr, "%s has no database to bring up\n", service->conf->name);
        return EXIT_WRONG;
    }
    if (service->conf->migrate(service->conf->config, show_wait, &err) < 0) {
        fprintf(stderr, "%s: %s\n", service->conf->name, err.text);
        return EXIT_FAILED;
    }
    printf("%s: the database is as this program wants it\n", service->conf->name);
    return EXIT_GOOD;
}

static void end_early(int number)
{
    _exit(128 + number);
}

/* A container's first process gets no signal that it does not handle. It may wait for its database
 * for long, before loop 0 watches for signals. */
static void end_as_first_process(void)
{
    if (getpid() != 1)
        return;
    signal(SIGTERM, end_early);
    signal(SIGINT, end_early);
}

int service_main(const struct service_conf *conf, int argc, char **argv)
{
    assert(conf->name != NULL && conf->version != NULL);
    panic_program(conf->name, conf->version);
    end_as_first_process();
    struct options options = {.config = NULL};
    if (parse_options(conf->name, argc, argv, &options) < 0)
        return EXIT_WRONG;
    if (options.version) {
        printf("%s %s\n", conf->name, conf->version);
        return EXIT_GOOD;
    }
    struct service *service = calloc(1, sizeof(*service));
    if (service == NULL)
        return EXIT_FAILED;
    MAGIC_BEGIN(service, service);
    service->conf = conf;
    service->path = options.config;
    int code;
    if (options.help) {
        code = service_settings_help(service) < 0 ? EXIT_FAILED : EXIT_GOOD;
    } else if (load_settings(service, options.config) < 0) {
        code = EXIT_WRONG;
    } else if (options.check) {
        printf("%s: the configuration is good\n", conf->name);
        code = EXIT_GOOD;
    } else if (options.migrate) {
        code = migrate(service);
    } else {
        code = run(service);
    }
    free(service);
    return code;
}
