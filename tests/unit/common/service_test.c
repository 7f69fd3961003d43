/* service_test.c: a small service as a process of its own, driven from outside: signals, requests,
 * its log and its exit code. What it logs tells the order in which its hooks were called. */
#include "unit.h"

#include "service/service.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the service ---- */

struct sample_config {
    uint64_t fail_loop; /* loop_start fails on it */
    bool ready;
};

static const struct config_setting settings[] = {
    {.section = "sample",
     .key = "fail_loop",
     .kind = CONFIG_U64,
     .fallback = "99",
     .max = 99,
     .offset = offsetof(struct sample_config, fail_loop),
     .help = "the loop that fails"},
    {.section = "sample",
     .key = "ready",
     .kind = CONFIG_BOOL,
     .fallback = "true",
     .offset = offsetof(struct sample_config, ready),
     .help = "ready from the start"},
};

struct sample_loop {
    struct http_req *slow; /* waits for the drain */
};

static void say(struct service_loop *loop, const char *msg)
{
    struct log_line line;
    log_begin(&line, loop->log, LOG_LEVEL_INFO, msg);
    log_u64(&line, "loop", loop->index);
    log_end(&line);
}

static void reply_text(struct http_req *req, const char *text)
{
    http_reply(req,
               &(struct http_reply){.status = 200, .type = "text/plain", .body = span_of(text)});
}

static void on_hello(struct http_req *req)
{
    log_say(service_loop_of(req)->log, LOG_LEVEL_DEBUG, "hello was asked");
    reply_text(req, "hello");
}

static void on_slow(struct http_req *req)
{
    struct sample_loop *sample = service_loop_of(req)->ctx;
    sample->slow = req;
    say(service_loop_of(req), "slow begun");
}

static void on_fail(struct http_req *req)
{
    struct service *service = service_loop_of(req)->service;
    reply_text(req, "as you like");
    service_fail(service, "somebody asked for it");
}

static void on_broken(struct http_req *req)
{
    http_problem(req, 503, "broken", "not now");
}

static const struct call_name calls[] = {
    {"greet", HTTP_METHOD_GET, "/hello"},
    {"break", HTTP_METHOD_GET, "/broken/{what}"},
    {NULL, HTTP_METHOD_GET, NULL},
};

static int start(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err)
{
    log_say(service_log(service), LOG_LEVEL_INFO, "start");
    const struct http_route hello = {HTTP_METHOD_GET, "/hello", on_hello, NULL, 0};
    const struct http_route slow = {HTTP_METHOD_GET, "/slow", on_slow, NULL, 0};
    const struct http_route fail = {HTTP_METHOD_POST, "/fail", on_fail, NULL, 0};
    const struct http_route broken = {HTTP_METHOD_GET, "/broken/{what}", on_broken, NULL, 0};
    const struct http_route inner = {HTTP_METHOD_GET, "/internal/x", on_hello, NULL, 0};
    const struct http_route admin = {HTTP_METHOD_GET, "/admin/x", on_hello, NULL, 0};
    const struct http_route console = {HTTP_METHOD_GET, "/console/page", on_hello, NULL, 0};
    const struct http_route consoles = {HTTP_METHOD_GET, "/consoles", on_hello, NULL, 0};
    int rc = http_router_add(routes, &hello, err);
    if (private_routes == NULL)
        return rc;
    rc = rc < 0 ? rc : http_router_add(routes, &slow, err);
    rc = rc < 0 ? rc : http_router_add(routes, &fail, err);
    rc = rc < 0 ? rc : http_router_add(routes, &broken, err);
    rc = rc < 0 ? rc : http_router_add(private_routes, &inner, err);
    rc = rc < 0 ? rc : http_router_add(private_routes, &admin, err);
    rc = rc < 0 ? rc : http_router_add(private_routes, &console, err);
    return rc < 0 ? rc : http_router_add(private_routes, &consoles, err);
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    const struct sample_config *config = loop->config;
    assert(loop->index < service_loops(loop->service));
    if (config->fail_loop == loop->index)
        return err_set(err, ERR_IO, "loop %u does not like it here", loop->index);
    loop->ctx = calloc(1, sizeof(struct sample_loop));
    assert(loop->ctx != NULL);
    if (!config->ready)
        service_ready(loop, "store", "not connected");
    say(loop, "loop_start");
    return 0;
}

static int reload(struct service *service, struct err_slot *err)
{
    if (getenv("SAMPLE_RELOAD_FAILS") != NULL)
        return err_set(err, ERR_IO, "no keys today");
    log_say(service_log(service), LOG_LEVEL_INFO, "reload");
    return 0;
}

static void loop_reload(struct service_loop *loop)
{
    service_ready(loop, "store", NULL);
    say(loop, "loop_reload");
}

static void loop_drain(struct service_loop *loop)
{
    struct sample_loop *sample = loop->ctx;
    say(loop, "loop_drain");
    if (sample->slow != NULL && getenv("SAMPLE_NEVER_ANSWERS") == NULL)
        reply_text(sample->slow, "at last");
}

static void loop_stop(struct service_loop *loop)
{
    struct sample_loop *sample = loop->ctx;
    say(loop, "loop_stop");
    if (sample->slow != NULL && getenv("SAMPLE_NEVER_ANSWERS") != NULL)
        reply_text(sample->slow, "too late");
    free(sample);
}

static void stop(struct service *service)
{
    log_say(service_log(service), LOG_LEVEL_INFO, "stop");
}

static int check(void *config, struct err_slot *err)
{
    const struct sample_config *sample = config;
    if (sample->fail_loop == 98)
        return err_set(err, ERR_RANGE, "fail_loop and 98 do not go together");
    return 0;
}

static int migrate(void *config, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct sample_config *sample = config;
    if (sample->fail_loop == 97)
        return err_set(err, ERR_PEER, "there is no database");
    on_wait("somebody has a table.");
    return 0;
}

static int run_service(int argc, char **argv)
{
    static struct sample_config config;
    static const char *const open[] = {"/console", NULL};
    const struct service_conf conf = {.name = "sample",
                                      .version = "1.2.3",
                                      .settings = settings,
                                      .settings_len = sizeof(settings) / sizeof(settings[0]),
                                      .config = &config,
                                      .private_open = open,
                                      .public_only = getenv("SAMPLE_PUBLIC_ONLY") != NULL,
                                      .calls = getenv("SAMPLE_PUBLIC_ONLY") != NULL ? NULL : calls,
                                      .check = check,
                                      .migrate =
                                          getenv("SAMPLE_STORELESS") == NULL ? migrate : NULL,
                                      .start = start,
                                      .loop_start = loop_start,
                                      .reload = reload,
                                      .loop_reload = loop_reload,
                                      .loop_drain = loop_drain,
                                      .loop_stop = loop_stop,
                                      .stop = stop};
    return service_main(&conf, argc, argv);
}

/* ---- the world outside ---- */

struct child {
    pid_t pid;
    FILE *log; /* its standard output and error */
    char *config_path;
    char *token_path;
    char *service_token_path;
    uint16_t port, private_port;
    char seen[65536]; /* all of the log so far */
    size_t seen_len;
};

static void spawn(struct child *child, int argc, char **argv)
{
    int fds[2];
    assert_int_equal(0, pipe(fds));
    fflush(NULL);
    child->seen_len = 0;
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        close(fds[0]);
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        close(fds[1]);
        exit(run_service(argc, argv));
    }
    close(fds[1]);
    child->log = fdopen(fds[0], "r");
}

/* Reads the log up to a line that contains `part`; false at its end. */
static bool await_line(struct child *child, const char *part, char line[2048])
{
    while (fgets(line, 2048, child->log) != NULL) {
        size_t len = strlen(line);
        assert_true(child->seen_len + len < sizeof(child->seen));
        memcpy(child->seen + child->seen_len, line, len + 1);
        child->seen_len += len;
        if (strstr(line, part) != NULL)
            return true;
    }
    return false;
}

static void await(struct child *child, const char *part)
{
    char line[2048];
    while (await_line(child, "", line)) {
        if (strstr(line, part) != NULL)
            return;
        if (strstr(line, "reload failed") != NULL)
            break; /* and nothing more is said */
    }
    fail_msg("\"%s\" never came:\n%s", part, child->seen);
}

/* Awaits its end; answers the exit code. */
static int end(struct child *child)
{
    char line[2048];
    int status;
    assert_false(await_line(child, "no line ever has this in it", line));
    fclose(child->log);
    assert_int_equal(child->pid, waitpid(child->pid, &status, 0));
    if (child->config_path != NULL) {
        unit_file_remove(child->config_path);
        unit_file_remove(child->token_path);
        unit_file_remove(child->service_token_path);
    }
    if (!WIFEXITED(status))
        fail_msg("ended by signal %d:\n%s", WTERMSIG(status), child->seen);
    return WEXITSTATUS(status);
}

/* A service with these lines for its listeners in its config. */
static void launch_on(struct child *child, const char *public, const char *private)
{
    char text[2048];
    child->token_path = unit_file(SPAN("s3cret\n"), 0600);
    child->service_token_path = unit_file(SPAN("between-us\n"), 0600);
    snprintf(text, sizeof(text),
             "[private]\ntoken_file = %s\nservice_token_file = %s\n%s"
             "[log]\nrequests = 1\n[http]\n%s",
             child->token_path, child->service_token_path, private, public);
    child->config_path = unit_file(span_of(text), 0600);
    spawn(child, 3, (char *[]){"sample", "--config", child->config_path, NULL});
}

/* A service on any ports, with these further lines in its config. */
static void launch(struct child *child, const char *more)
{
    char public[1024];
    snprintf(public, sizeof(public), "port = 0\n%s", more);
    launch_on(child, public, "port = 0\n");
}

static void await_serving(struct child *child)
{
    char line[2048];
    if (!await_line(child, "\"msg\":\"serving\"", line))
        fail_msg("it does not serve:\n%s", child->seen);
    child->port = (uint16_t)atoi(strstr(line, "\"port\":") + 7);
    child->private_port = (uint16_t)atoi(strstr(line, "\"private_port\":") + 15);
}

static int send_request(uint16_t port, const char *method, const char *path, const char *headers,
                        const char *body)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(0, connect(fd, (struct sockaddr *)&to, sizeof(to)));
    dprintf(fd, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s",
            method, path, strlen(body), headers, body);
    return fd;
}

/* The whole answer; static memory. */
static const char *read_answer(int fd)
{
    static char answer[262144];
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, answer + len, sizeof(answer) - 1 - len);
        assert_true(got >= 0 && len + (size_t)got < sizeof(answer) - 1);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    answer[len] = '\0';
    close(fd);
    return answer;
}

static const char *get(uint16_t port, const char *path, const char *headers)
{
    return read_answer(send_request(port, "GET", path, headers, ""));
}

static void expect(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, answer);
}

/* ---- the tests ---- */

static int run_with(const char *a, const char *b, struct child *child)
{
    *child = (struct child){.config_path = NULL};
    spawn(child, b != NULL ? 3 : 2,
          (char *[]){"sample", (char *)(uintptr_t)a, (char *)(uintptr_t)b, NULL});
    return end(child);
}

static void options_and_settings_are_judged_before_anything_starts(void **state)
{
    (void)state;
    static struct child child;
    assert_int_equal(0, run_with("--version", NULL, &child));
    assert_string_equal("sample 1.2.3\n", child.seen);
    assert_int_equal(0, run_with("--help", NULL, &child));
    expect(child.seen, "[http]\n  host: numeric address to listen on\n");
    expect(child.seen, "  token_file: file (mode 0600) with the admin token\n");
    expect(child.seen, "[sample]\n  fail_loop: the loop that fails\n");
    assert_int_equal(2, run_with("--verbose", NULL, &child));
    expect(child.seen, "sample: \"--verbose\" is not an option");
    assert_int_equal(2, run_with("--config", NULL, &child));
    expect(child.seen, "\"--config\" is not an option, or lacks its value");
    assert_int_equal(2, run_with("--config", "/nowhere/a.conf", &child));
    expect(child.seen, "sample: /nowhere/a.conf: No such file");

    char *path = unit_file(SPAN("[sample]\nfail_lop = 3\n"), 0600);
    assert_int_equal(2, run_with("--check-config", "--config", &child));
    char option[128];
    snprintf(option, sizeof(option), "--config=%s", path);
    assert_int_equal(2, run_with("--check-config", option, &child));
    expect(child.seen, ":2: [sample] fail_lop is not known; known are fail_loop, ready\n");
    unit_file_remove(path);

    const char *good = "[http]\nport = 0\n[private]\nport = 0\ntoken_file = x\n";
    path = unit_file(span_of(good), 0600);
    snprintf(option, sizeof(option), "--config=%s", path);
    assert_int_equal(0, run_with("--check-config", option, &child));
    assert_string_equal("sample: the configuration is good\n", child.seen);
    setenv("FAIRGATE_SAMPLE_FAIL_LOOP", "98", 1);
    assert_int_equal(2, run_with("--check-config", option, &child));
    assert_string_equal("sample: fail_loop and 98 do not go together\n", child.seen);
    setenv("FAIRGATE_SAMPLE_FAIL_LOOP", "97", 1);
    assert_int_equal(1, run_with("--migrate", option, &child));
    assert_string_equal("sample: there is no database\n", child.seen);
    unsetenv("FAIRGATE_SAMPLE_FAIL_LOOP");
    assert_int_equal(0, run_with("--migrate", option, &child));
    assert_string_equal("somebody has a table.\n"
                        "sample: the database is as this program wants it\n",
                        child.seen);
    setenv("SAMPLE_STORELESS", "1", 1);
    assert_int_equal(2, run_with("--migrate", option, &child));
    assert_string_equal("sample has no database to bring up\n", child.seen);
    unsetenv("SAMPLE_STORELESS");
    unit_file_remove(path);
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        n++;
    return n;
}

static void a_service_serves_on_every_loop_and_drains_on_sigterm(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "loops = 3\n");
    await_serving(&child);
    for (unsigned i = 0; i < 20; i++)
        expect(get(child.port, "/hello", ""), "hello");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
    assert_int_equal(1, count(child.seen, "\"msg\":\"start\""));
    assert_int_equal(3, count(child.seen, "\"msg\":\"loop_start\""));
    assert_int_equal(3, count(child.seen, "\"msg\":\"loop_drain\""));
    assert_int_equal(3, count(child.seen, "\"msg\":\"loop_stop\""));
    assert_int_equal(1, count(child.seen, "\"msg\":\"stop\""));
    assert_int_equal(20, count(child.seen, "\"msg\":\"request\""));
    assert_true(strstr(child.seen, "\"msg\":\"stop\"") >
                strstr(child.seen, "\"msg\":\"loop_stop\""));
    expect(child.seen, "\"msg\":\"ended\"");
}

static void sigint_drains_too(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "drain_delay = 1ms\n");
    await_serving(&child);
    kill(child.pid, SIGINT);
    assert_int_equal(0, end(&child));
}

static void whoever_is_being_served_is_answered_before_the_end(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "");
    await_serving(&child);
    int fd = send_request(child.port, "GET", "/slow", "", "");
    await(&child, "slow begun");
    kill(child.pid, SIGTERM);
    expect(read_answer(fd), "at last");
    assert_int_equal(0, end(&child));
}

static void a_drain_has_a_time_limit(void **state)
{
    (void)state;
    static struct child child;
    setenv("SAMPLE_NEVER_ANSWERS", "1", 1);
    launch(&child, "drain_timeout = 50ms\n");
    unsetenv("SAMPLE_NEVER_ANSWERS");
    await_serving(&child);
    int fd = send_request(child.port, "GET", "/slow", "", "");
    await(&child, "slow begun");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
    close(fd);
}

static void a_second_signal_ends_it_at_once(void **state)
{
    (void)state;
    static struct child child;
    setenv("SAMPLE_NEVER_ANSWERS", "1", 1);
    launch(&child, "drain_timeout = 10m\n");
    unsetenv("SAMPLE_NEVER_ANSWERS");
    await_serving(&child);
    int fd = send_request(child.port, "GET", "/slow", "", "");
    await(&child, "slow begun");
    kill(child.pid, SIGTERM);
    await(&child, "loop_drain");
    kill(child.pid, SIGTERM);
    assert_int_equal(1, end(&child));
    expect(child.seen, "ending at once");
    close(fd);
}

#define ADMIN "Authorization: Bearer s3cret\r\n"
#define PEER  "Authorization: Bearer between-us\r\n"

static unsigned count_of(const char *text, const char *word)
{
    unsigned count = 0;
    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        count++;
    }
    return count;
}

static void the_private_listener_wants_the_token_that_opens_the_path(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "");
    await_serving(&child);
    uint16_t port = child.private_port;
    expect(get(port, "/healthz", ""), "200 OK");
    expect(get(port, "/readyz", ""), "{\"ready\":true}");
    expect(get(port, "/admin/x", ""), "401 Unauthorized");
    expect(get(port, "/admin/x", ""), "\"code\":\"admin-token-required\"");
    expect(get(port, "/admin/x", ""), "WWW-Authenticate: Bearer\r\n");
    expect(get(port, "/admin/x", "Authorization: Bearer s3creT\r\n"), "401 Unauthorized");
    expect(get(port, "/admin/x", "Authorization: Bearer s3cret1\r\n"), "401 Unauthorized");
    expect(get(port, "/admin/x", "Authorization: Basic s3cret\r\n"), "401 Unauthorized");
    expect(get(port, "/admin/x", PEER), "401 Unauthorized");
    expect(get(port, "/admin/x", ADMIN), "hello");
    expect(get(port, "/internal/x", ""), "401 Unauthorized");
    expect(get(port, "/internal/x", PEER), "hello");
    expect(get(port, "/internal/x", ADMIN), "hello");
    expect(get(port, "/console/page", ""), "hello");
    expect(get(port, "/consoles", ""), "401 Unauthorized");
    expect(get(port, "/nothing", ""), "401 Unauthorized"); /* says nothing about what there is */
    expect(get(port, "/nothing", ADMIN), "404 Not Found");
    expect(get(child.port, "/admin/x", ADMIN), "404 Not Found");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
    /* None of them came with a traceparent, so each was given one. */
    assert_true(count_of(child.seen, "\"msg\":\"request\"") > 0);
    assert_int_equal(count_of(child.seen, "\"msg\":\"request\""),
                     count_of(child.seen, "\"traceparent\":\"00-"));
    assert_null(strstr(child.seen, "s3cre"));
    assert_null(strstr(child.seen, "between"));
}

static void readiness_tells_every_reason_and_a_reload_reaches_every_loop(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "loops = 2\n[sample]\nready = false\n");
    await_serving(&child);
    const char *answer = get(child.private_port, "/readyz", "");
    expect(answer, "503 Service Unavailable");
    expect(answer, "{\"ready\":false,\"reasons\":["
                   "{\"loop\":0,\"condition\":\"store\",\"reason\":\"not connected\"},"
                   "{\"loop\":1,\"condition\":\"store\",\"reason\":\"not connected\"}]}");
    kill(child.pid, SIGHUP);
    await(&child, "\"msg\":\"reload\"");
    await(&child, "loop_reload");
    await(&child, "loop_reload");
    expect(get(child.private_port, "/readyz", ""), "200 OK");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
}

static void a_reload_takes_new_tokens_and_a_failed_one_keeps_the_old(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "");
    await_serving(&child);
    FILE *file = fopen(child.token_path, "w");
    fputs("n3w", file);
    fclose(file);
    expect(get(child.private_port, "/admin/x", ADMIN), "hello");
    kill(child.pid, SIGHUP);
    await(&child, "\"msg\":\"reloaded\"");
    expect(get(child.private_port, "/admin/x", ADMIN), "401 Unauthorized");
    expect(get(child.private_port, "/admin/x", "Authorization: Bearer n3w\r\n"), "hello");
    unlink(child.token_path);
    kill(child.pid, SIGHUP);
    await(&child, "reload failed");
    expect(get(child.private_port, "/admin/x", "Authorization: Bearer n3w\r\n"), "hello");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
}

static void a_hook_that_fails_to_reload_is_told(void **state)
{
    (void)state;
    static struct child child;
    setenv("SAMPLE_RELOAD_FAILS", "1", 1);
    launch(&child, "");
    unsetenv("SAMPLE_RELOAD_FAILS");
    await_serving(&child);
    kill(child.pid, SIGHUP);
    await(&child, "no keys today");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
    assert_int_equal(0, count(child.seen, "loop_reload"));
}

static void not_ready_while_draining_and_private_until_the_last(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "drain_delay = 10m\n");
    await_serving(&child);
    kill(child.pid, SIGTERM);
    await(&child, "\"msg\":\"draining\"");
    expect(get(child.private_port, "/readyz", ""), "\"condition\":\"draining\"");
    expect(get(child.port, "/hello", ""), "hello");
    kill(child.pid, SIGTERM);
    assert_int_equal(1, end(&child));
}

static void what_it_counts_can_be_scraped(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "loops = 2\n");
    await_serving(&child);
    for (unsigned i = 0; i < 10; i++)
        expect(get(child.port, "/hello", ""), "200 OK");
    const char *text = get(child.private_port, "/metrics", "");
    assert_non_null(strstr(text, "\nfairgate_odd_events_total{what=\"loop-stood-still\"} 0\n"));
    expect(text, "\nfairgate_build_info{program=\"");
    expect(text, "\nfairgate_warnings_total{what=\"connection-without-deadline\"} 0\n");
    expect(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8");
    expect(text, "fairgate_http_request_duration_seconds_count{listener=\"public\"} 10\n");
    expect(text, "fairgate_http_responses_total{listener=\"public\",class=\"2xx\"} 10\n");
    expect(text, "fairgate_http_accepted_total{listener=\"private\"} 1\n");
    expect(text, "process_open_fds ");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
}

static void a_call_with_a_name_is_counted_by_itself(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "loops = 2\n");
    await_serving(&child);
    for (unsigned i = 0; i < 10; i++)
        expect(get(child.port, "/hello", ""), "200 OK");
    expect(get(child.port, "/nothing", ""), "404 Not Found");
    for (unsigned i = 0; i < 3; i++)
        expect(get(child.port, "/broken/anything", ""), "503 Service Unavailable");
    const char *text = get(child.private_port, "/metrics", "");
    expect(text, "fairgate_call_duration_seconds_count{call=\"greet\"} 10\n");
    expect(text, "fairgate_call_failures_total{call=\"greet\"} 0\n");
    expect(text, "fairgate_call_duration_seconds_count{call=\"break\"} 0\n");
    expect(text, "fairgate_call_failures_total{call=\"break\"} 3\n");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
}

static void the_logs_level_is_changed_while_it_runs(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "");
    await_serving(&child);
    expect(get(child.port, "/hello", ""), "200 OK");
    uint16_t port = child.private_port;
    expect(read_answer(send_request(port, "PUT", "/log/level", ADMIN, "{\"level\":\"loud\"}")),
           "/level: must be one of debug, info, warn, error");
    expect(read_answer(send_request(port, "PUT", "/log/level", ADMIN, "{")), "400 Bad Request");
    expect(read_answer(send_request(port, "PUT", "/log/level", "", "{\"level\":\"debug\"}")),
           "401 Unauthorized");
    expect(read_answer(send_request(port, "PUT", "/log/level", ADMIN, "{\"level\":\"debug\"}")),
           "204 No Content");
    expect(get(child.port, "/hello?token=for-nobody", ""), "200 OK");
    await(&child, "hello was asked");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
    assert_int_equal(1, count(child.seen, "hello was asked"));
    assert_null(strstr(child.seen, "for-nobody"));
    expect(child.seen, "\"listener\":\"private\",\"method\":\"PUT\",\"path\":\"/log/level\"");
}

static void what_cannot_start_says_why_and_leaves_nothing_open(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "host = 192.0.2.1\n");
    assert_int_equal(1, end(&child));
    expect(child.seen, "listening on 192.0.2.1");
    assert_int_equal(0, count(child.seen, "loop_stop"));

    launch(&child, "trusted_proxies = everybody\n");
    assert_int_equal(2, end(&child));
    expect(child.seen, "] trusted_proxies: \"everybody\" is no address or network");

    launch(&child, "client_ip_header = X Forwarded For\n");
    assert_int_equal(2, end(&child));
    expect(child.seen, "] client_ip_header: \"X Forwarded For\" is not the name of a header");

    launch(&child, "loops = 4\n[sample]\nfail_loop = 2\n");
    assert_int_equal(1, end(&child));
    expect(child.seen, "loop 2 does not like it here");
    assert_int_equal(2, count(child.seen, "\"msg\":\"loop_start\""));
    assert_int_equal(2, count(child.seen, "\"msg\":\"loop_stop\""));
    assert_int_equal(0, count(child.seen, "\"msg\":\"serving\""));
    assert_int_equal(1, count(child.seen, "\"msg\":\"stop\""));

    launch(&child, "[sample]\nfail_loop = 0\n");
    assert_int_equal(1, end(&child));
    assert_int_equal(0, count(child.seen, "loop_stop"));
}

static void a_second_one_on_a_port_does_not_start_unless_it_is_to_share(void **state)
{
    (void)state;
    static struct child first, second;
    char more[128];
    launch(&first, "loops = 2\n");
    await_serving(&first);
    snprintf(more, sizeof(more), "port = %u\n", first.port);
    launch_on(&second, more, "port = 0\n");
    assert_int_equal(1, end(&second));
    expect(second.seen, "Address already in use");

    snprintf(more, sizeof(more), "port = %u\n", first.private_port);
    launch_on(&second, "port = 0\n", more);
    assert_int_equal(1, end(&second));
    expect(second.seen, "Address already in use");
    assert_int_equal(0, count(second.seen, "\"msg\":\"serving\""));

    snprintf(more, sizeof(more), "port = %u\nshare_port = true\n", first.port);
    launch_on(&second, more, "port = 0\n");
    await_serving(&second);
    assert_int_equal(first.port, second.port);
    kill(first.pid, SIGTERM);
    assert_int_equal(0, end(&first));
    expect(get(second.port, "/hello", ""), "hello");
    kill(second.pid, SIGTERM);
    assert_int_equal(0, end(&second));
}

static void a_stand_in_has_one_listener_and_needs_no_token(void **state)
{
    (void)state;
    static struct child child = {.config_path = NULL};
    char *path = unit_file(SPAN("[http]\nport = 0\nloops = 2\n"), 0600);
    setenv("SAMPLE_PUBLIC_ONLY", "1", 1);
    spawn(&child, 3, (char *[]){"sample", "--config", path, NULL});
    unsetenv("SAMPLE_PUBLIC_ONLY");
    char line[2048];
    assert_true(await_line(&child, "\"msg\":\"serving\"", line));
    assert_null(strstr(line, "private_port"));
    uint16_t port = (uint16_t)atoi(strstr(line, "\"port\":") + 7);
    expect(get(port, "/hello", ""), "200 OK");
    expect(get(port, "/metrics", ""), "404 Not Found");
    kill(child.pid, SIGHUP);
    await(&child, "loop_reload");
    kill(child.pid, SIGTERM);
    assert_int_equal(0, end(&child));
    unit_file_remove(path);
}

static void a_missing_token_is_told_at_the_start(void **state)
{
    (void)state;
    static struct child child = {.config_path = NULL};
    char *path =
        unit_file(SPAN("[http]\nport = 0\n[private]\nport = 0\ntoken_file = /nowhere/t\n"), 0600);
    assert_int_equal(1, run_with("--config", path, &child));
    expect(child.seen, "/nowhere/t: No such file");
    unit_file_remove(path);
}

static void a_service_that_cannot_go_on_drains_and_exits_with_1(void **state)
{
    (void)state;
    static struct child child;
    launch(&child, "loops = 2\n");
    await_serving(&child);
    expect(read_answer(send_request(child.port, "POST", "/fail", "", "")), "as you like");
    assert_int_equal(1, end(&child));
    expect(child.seen, "somebody asked for it");
    assert_int_equal(2, count(child.seen, "\"msg\":\"loop_stop\""));
}

int main(void)
{
    alarm(120); /* a hang is a failure with a name */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_settings_are_judged_before_anything_starts),
        cmocka_unit_test(a_service_serves_on_every_loop_and_drains_on_sigterm),
        cmocka_unit_test(sigint_drains_too),
        cmocka_unit_test(whoever_is_being_served_is_answered_before_the_end),
        cmocka_unit_test(a_drain_has_a_time_limit),
        cmocka_unit_test(a_second_signal_ends_it_at_once),
        cmocka_unit_test(the_private_listener_wants_the_token_that_opens_the_path),
        cmocka_unit_test(readiness_tells_every_reason_and_a_reload_reaches_every_loop),
        cmocka_unit_test(a_reload_takes_new_tokens_and_a_failed_one_keeps_the_old),
        cmocka_unit_test(a_hook_that_fails_to_reload_is_told),
        cmocka_unit_test(not_ready_while_draining_and_private_until_the_last),
        cmocka_unit_test(what_it_counts_can_be_scraped),
        cmocka_unit_test(a_call_with_a_name_is_counted_by_itself),
        cmocka_unit_test(the_logs_level_is_changed_while_it_runs),
        cmocka_unit_test(what_cannot_start_says_why_and_leaves_nothing_open),
        cmocka_unit_test(a_second_one_on_a_port_does_not_start_unless_it_is_to_share),
        cmocka_unit_test(a_stand_in_has_one_listener_and_needs_no_token),
        cmocka_unit_test(a_missing_token_is_told_at_the_start),
        cmocka_unit_test(a_service_that_cannot_go_on_drains_and_exits_with_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
