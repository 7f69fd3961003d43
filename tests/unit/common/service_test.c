/* service_test.c: a small service in a child process, driven by signals and requests. Its log
 * shows the order in which its hooks were called. */
#include "script.h"

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
    log_say(service_loop_of(req)->log, LOG_LEVEL_DEBUG, "hello was called");
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
    service_fail(service, "asked to fail");
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
    static const struct http_route public[] = {
        {HTTP_METHOD_GET, "/hello", on_hello, NULL, 0}, /* also without a private listener */
        {HTTP_METHOD_GET, "/slow", on_slow, NULL, 0},
        {HTTP_METHOD_POST, "/fail", on_fail, NULL, 0},
        {HTTP_METHOD_GET, "/broken/{what}", on_broken, NULL, 0},
    };
    static const struct http_route private[] = {
        {HTTP_METHOD_GET, "/internal/x", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/admin/x", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/console/page", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/consoles", on_hello, NULL, 0},
    };
    log_say(service_log(service), LOG_LEVEL_INFO, "start");
    int rc = http_router_add_all(routes, public, private_routes != NULL ? 4 : 1, err);
    return rc < 0 || private_routes == NULL ? rc
                                            : http_router_add_all(private_routes, private, 4, err);
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    const struct sample_config *config = loop->config;
    assert(loop->index < service_loops(loop->service));
    if (config->fail_loop == loop->index)
        return err_set(err, ERR_IO, "loop %u cannot start", loop->index);
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
    on_wait("a table is in use.");
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

/* ---- scripts: in each text ~ is a newline and ^ a semicolon ---- */

enum { CHILDREN = 2, LINE_MAX_BYTES = 2048 };

struct child {
    pid_t pid;
    FILE *log; /* its standard output and error */
    char *paths[3];
    uint16_t port, private_port;
    char seen[65536]; /* all of the log so far */
    size_t seen_len;
};

static struct {
    struct child children[CHILDREN], *child;
    unsigned env_len;
    char env[4][32];  /* names that the row has set */
    char *conf;       /* the file of "conf" */
    uint16_t port[2]; /* of the next service: public, private */
    int fd;           /* of the request without a response */
    const char *answer;
} test;

static const char *text_of(const char *words)
{
    static char memory[2048];
    assert_true(strlen(words) < sizeof(memory));
    strcpy(memory, words);
    for (char *at = memory; *at != '\0'; at++)
        *at = *at == '~' ? '\n' : *at == '^' ? ';' : *at;
    return memory;
}

static void spawn(int argc, char **argv)
{
    struct child *child = test.child;
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

/* Reads the log up to a line that contains `part` (NULL: to its end). */
static bool await_line(const char *part, char line[LINE_MAX_BYTES])
{
    struct child *child = test.child;
    while (fgets(line, LINE_MAX_BYTES, child->log) != NULL) {
        size_t len = strlen(line);
        assert_true(child->seen_len + len < sizeof(child->seen));
        memcpy(child->seen + child->seen_len, line, len + 1);
        child->seen_len += len;
        if (part != NULL && strstr(line, part) != NULL)
            return true;
        if (part != NULL && strstr(line, "reload failed") != NULL)
            return false; /* nothing more is logged */
    }
    return false;
}

/* Waits for the child's end and returns its exit code. */
static int end(void)
{
    struct child *child = test.child;
    char line[LINE_MAX_BYTES];
    int status;
    assert_false(await_line(NULL, line));
    fclose(child->log);
    assert_int_equal(child->pid, waitpid(child->pid, &status, 0));
    child->pid = 0;
    for (unsigned i = 0; i < 3 && child->paths[i] != NULL; i++) {
        unit_file_remove(child->paths[i]);
        child->paths[i] = NULL;
    }
    if (!WIFEXITED(status))
        fail_msg("ended by signal %d:\n%s", WTERMSIG(status), child->seen);
    return WEXITSTATUS(status);
}

static void run_conf(const struct script_line *line)
{
    test.conf = unit_file(span_of(text_of(script_rest(line, 0))), 0600);
}

static void run_env(const struct script_line *line)
{
    char *name = test.env[test.env_len++];
    const char *word = script_word(line, 1);
    snprintf(name, sizeof(test.env[0]), "%.*s", (int)strcspn(word, "="), word);
    setenv(name, strchr(word, '=') + 1, 1);
}

static void run_unset(const struct script_line *line)
{
    (void)line;
    while (test.env_len > 0)
        unsetenv(test.env[--test.env_len]);
}

/* run CODE ARGUMENTS: a whole run of the program; $ is the file of "conf" */
static void run_run(const struct script_line *line)
{
    char arguments[4][128], *argv[6] = {(char[]){"sample"}};
    int argc = 1;
    for (unsigned i = 2; i < line->len; i++, argc++) {
        const char *word = line->words[i], *at = strchr(word, '$');
        size_t len = at != NULL ? (size_t)(at - word) : strlen(word);
        argv[argc] = arguments[i - 2];
        snprintf(argv[argc], sizeof(arguments[0]), "%.*s%s", (int)len, word,
                 at != NULL ? test.conf : "");
    }
    argv[argc] = NULL;
    spawn(argc, argv);
    script_expect(line, script_word(line, 1), (uint64_t)end());
}

static uint16_t number_behind(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at != NULL ? (uint16_t)strtoul(at + strlen(key), NULL, 10) : 0;
}

/* start LINES: a service with these lines in [http] and after it; serve LINES: it has to serve */
static void run_start(const struct script_line *line)
{
    char text[LINE_MAX_BYTES];
    struct child *child = test.child;
    child->paths[1] = unit_file(SPAN("s3cret\n"), 0600);
    child->paths[2] = unit_file(SPAN("between-us\n"), 0600);
    int len = snprintf(text, sizeof(text),
                       "[private]\ntoken_file = %s\nservice_token_file = %s\nport = %u\n",
                       child->paths[1], child->paths[2], test.port[1]);
    if (getenv("SAMPLE_PUBLIC_ONLY") != NULL)
        len = 0;
    snprintf(text + len, sizeof(text) - (size_t)len, "[log]\nrequests = 1\n[http]\nport = %u\n%s\n",
             test.port[0], text_of(script_rest(line, 0)));
    child->paths[0] = unit_file(span_of(text), 0600);
    spawn(3, (char *[]){"sample", "--config", child->paths[0], NULL});
    if (strcmp(line->words[0], "start") == 0)
        return;
    if (!await_line("\"msg\":\"serving\"", text))
        fail_msg("%s: it does not serve:\n%s", line->row, child->seen);
    child->port = number_behind(text, "\"port\":");
    child->private_port = number_behind(text, "\"private_port\":");
}

/* other [public | private]: the other child is meant from here on; its service gets a port that
 * the first has */
static void run_other(const struct script_line *line)
{
    test.child = &test.children[test.child == test.children];
    if (line->len > 1) {
        bool private = strcmp(line->words[1], "private") == 0;
        test.port[0] = private ? 0 : test.children[0].port;
        test.port[1] = private ? test.children[0].private_port : 0;
    }
}

/* send METHOD public|private PATH BODY AUTHORIZATION; a body of - is empty */
static void send_request(const char *method, const char *listener, const char *path,
                         const char *body, const char *authorization)
{
    bool private = strcmp(listener, "private") == 0;
    uint16_t port = private ? test.child->private_port : test.child->port;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    body = strcmp(body, "-") == 0 ? "" : body;
    test.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(test.fd >= 0);
    assert_int_equal(0, connect(test.fd, (struct sockaddr *)&to, sizeof(to)));
    dprintf(test.fd, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n",
            method, path, strlen(body));
    if (*authorization != '\0')
        dprintf(test.fd, "Authorization: %s\r\n", authorization);
    dprintf(test.fd, "\r\n%s", body);
}

static void run_send(const struct script_line *line)
{
    send_request(script_word(line, 1), script_word(line, 2), script_word(line, 3),
                 script_word(line, 4), script_rest(line, 4));
}

static void run_read(const struct script_line *line)
{
    static char answer[262144];
    size_t len = 0;
    (void)line;
    for (ssize_t got = 1; got > 0; len += (size_t)got) {
        got = read(test.fd, answer + len, sizeof(answer) - 1 - len);
        assert_true(got >= 0 && len + (size_t)got < sizeof(answer) - 1);
    }
    answer[len] = '\0';
    close(test.fd);
    test.fd = -1;
    test.answer = answer;
}

/* get public|private PATH AUTHORIZATION */
static void run_get(const struct script_line *line)
{
    send_request("GET", script_word(line, 1), script_word(line, 2), "-", script_rest(line, 2));
    run_read(line);
}

static void contains(const struct script_line *line, const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("%s: \"%s\" is not in:\n%s", line->row, part, text);
}

/* has TEXT: in the response; says TEXT: in the log */
static void run_has(const struct script_line *line)
{
    bool response = strcmp(line->words[0], "has") == 0;
    contains(line, response ? test.answer : test.child->seen, text_of(script_rest(line, 0)));
}

/* hello TIMES */
static void run_hello(const struct script_line *line)
{
    for (uint64_t n = script_number(script_word(line, 1)); n > 0; n--) {
        send_request("GET", "public", "/hello", "-", "");
        run_read(line);
        contains(line, test.answer, "200 OK");
        contains(line, test.answer, "\r\n\r\nhello");
    }
}

static void run_signal(const struct script_line *line)
{
    static const char *const names[] = {"TERM", "INT", "HUP", NULL};
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    kill(test.child->pid, signals[script_choice(line, script_word(line, 1), names)]);
}

static void run_await(const struct script_line *line)
{
    char text[LINE_MAX_BYTES];
    const char *part = text_of(script_rest(line, 0));
    if (!await_line(part, text) && strstr(text, part) == NULL)
        fail_msg("%s: \"%s\" never came:\n%s", line->row, part, test.child->seen);
}

static void run_end(const struct script_line *line)
{
    script_expect(line, script_word(line, 1), (uint64_t)end());
}

static void run_is(const struct script_line *line)
{
    script_expect_text(line, text_of(script_rest(line, 0)), test.child->seen);
}

static unsigned count_of(const char *part)
{
    unsigned count = 0;
    for (const char *at = test.child->seen; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* said TIMES TEXT; logged TIMES MESSAGE */
static void run_said(const struct script_line *line)
{
    char part[256];
    bool msg = strcmp(line->words[0], "logged") == 0;
    snprintf(part, sizeof(part), "%s%s%s", msg ? "\"msg\":\"" : "", text_of(script_rest(line, 1)),
             msg ? "\"" : "");
    script_expect(line, script_word(line, 1), count_of(part));
}

/* Each request has a trace. */
static void run_traced(const struct script_line *line)
{
    unsigned requests = count_of("\"msg\":\"request\"");
    assert_true(requests > 0);
    script_expect(line, script_word(line, 1), requests - count_of("\"traceparent\":\"00-"));
}

/* The first of these messages comes before the first of those. */
static void run_order(const struct script_line *line)
{
    const char *at = test.child->seen;
    for (unsigned i = 1; i < line->len; i++) {
        char part[64];
        snprintf(part, sizeof(part), "\"msg\":\"%s\"", line->words[i]);
        contains(line, at, part);
        at = strstr(at, part);
    }
}

/* The file of the admin token has another one, or is gone. */
static void run_token(const struct script_line *line)
{
    if (line->len == 1) {
        unlink(test.child->paths[1]);
        return;
    }
    FILE *file = fopen(test.child->paths[1], "w");
    fputs(line->words[1], file);
    fclose(file);
}

static const struct script_verb verbs[] = {
    {"conf", run_conf},   {"env", run_env},       {"unset", run_unset}, {"run", run_run},
    {"start", run_start}, {"serve", run_start},   {"other", run_other}, {"send", run_send},
    {"read", run_read},   {"get", run_get},       {"has", run_has},     {"says", run_has},
    {"hello", run_hello}, {"signal", run_signal}, {"await", run_await}, {"end", run_end},
    {"is", run_is},       {"said", run_said},     {"logged", run_said}, {"traced", run_traced},
    {"order", run_order}, {"token", run_token},   {NULL, NULL},
};

static void run_row(void **state)
{
    test.child = test.children;
    test.port[0] = test.port[1] = 0;
    test.fd = -1;
    script_run(*state, verbs);
    for (unsigned i = 0; i < CHILDREN; i++)
        assert_int_equal(0, test.children[i].pid);
    run_unset(NULL);
    if (test.fd >= 0)
        close(test.fd);
    if (test.conf != NULL)
        unit_file_remove(test.conf);
    test.conf = NULL;
}

#define ADMIN "Bearer s3cret;"
#define PEER  "Bearer between-us;"

static const struct script_row rows[] = {
    {"the version and the help are printed",
     "run 0 --version; is sample 1.2.3~; run 0 --help;"
     "says [http]~  host: numeric address to listen on~;"
     "says ~  token_file: file (mode 0600) with the admin token~;"
     "says [sample]~  fail_loop: the loop that fails~"},
    {"a wrong option is refused",
     "run 2 --verbose; says sample: \"--verbose\" is not an option; run 2 --config;"
     "says \"--config\" is not an option, or lacks its value; run 2 --config /nowhere/a.conf;"
     "says sample: /nowhere/a.conf: No such file"},
    {"an unknown setting is refused",
     "conf [sample]~fail_lop = 3~; run 2 --check-config --config; run 2 --check-config --config=$;"
     "says :2: [sample] fail_lop is not known^ known are fail_loop, ready~"},
    {"the configuration is checked and the database migrated without a start",
     "conf [http]~port = 0~[private]~port = 0~token_file = x~; run 0 --check-config --config=$;"
     "is sample: the configuration is good~; env FAIRGATE_SAMPLE_FAIL_LOOP=98;"
     "run 2 --check-config --config=$; is sample: fail_loop and 98 do not go together~; unset;"
     "env FAIRGATE_SAMPLE_FAIL_LOOP=97; run 1 --migrate --config=$;"
     "is sample: there is no database~; unset; run 0 --migrate --config=$;"
     "is a table is in use.~sample: the database is as this program wants it~;"
     "env SAMPLE_STORELESS=1; run 2 --migrate --config=$;"
     "is sample has no database to bring up~"},
    {"every loop serves and drains on SIGTERM",
     "serve loops = 3; hello 20; signal TERM; end 0; logged 1 start; logged 3 loop_start;"
     "logged 3 loop_drain; logged 3 loop_stop; logged 1 stop; logged 20 request; logged 1 ended;"
     "order loop_stop stop"},
    {"SIGINT drains too", "serve drain_delay = 1ms; signal INT; end 0"},
    {"a request in service is answered before the end",
     "serve; send GET public /slow -; await slow begun; signal TERM; read; has at last; end 0"},
    {"a drain has a time limit",
     "env SAMPLE_NEVER_ANSWERS=1; serve drain_timeout = 50ms; send GET public /slow -;"
     "await slow begun; signal TERM; end 0"},
    {"a second signal ends the service at once",
     "env SAMPLE_NEVER_ANSWERS=1; serve drain_timeout = 10m; send GET public /slow -;"
     "await slow begun; signal TERM; await loop_drain; signal TERM; end 1; says ending at once"},
    {"a draining service is not ready and answers until the end",
     "serve drain_delay = 10m; signal TERM; await \"msg\":\"draining\"; get private /readyz;"
     "has \"condition\":\"draining\"; hello 1; signal TERM; end 1"},
    {"the private listener wants the token that opens the path",
     "serve; get private /healthz; has 200 OK; get private /readyz; has {\"ready\":true};"
     "get private /admin/x; has 401 Unauthorized; has \"code\":\"admin-token-required\";"
     "has WWW-Authenticate: Bearer; get private /admin/x Bearer s3creT; has 401 Unauthorized;"
     "get private /admin/x Bearer s3cret1; has 401 Unauthorized;"
     "get private /admin/x Basic s3cret; has 401 Unauthorized;"
     "get private /admin/x " PEER "has 401 Unauthorized; get private /admin/x " ADMIN "has hello;"
     "get private /internal/x; has 401 Unauthorized; get private /internal/x " PEER "has hello;"
     "get private /internal/x " ADMIN "has hello; get private /console/page; has hello;"
     "get private /consoles; has 401 Unauthorized; get private /nothing; has 401 Unauthorized;"
     "get private /nothing " ADMIN "has 404 Not Found; get public /admin/x " ADMIN
     "has 404 Not Found; signal TERM; end 0; traced 0; said 0 s3cre; said 0 between"},
    {"readiness lists every reason, and a reload reaches every loop",
     "serve loops = 2~[sample]~ready = false; get private /readyz; has 503 Service Unavailable;"
     "has {\"ready\":false,\"reasons\":["
     "{\"loop\":0,\"condition\":\"store\",\"reason\":\"not connected\"},"
     "{\"loop\":1,\"condition\":\"store\",\"reason\":\"not connected\"}]}; signal HUP;"
     "await \"msg\":\"reload\"; await loop_reload; await loop_reload; get private /readyz;"
     "has 200 OK; signal TERM; end 0"},
    {"a reload takes new tokens, and a failed one keeps the old",
     "serve; token n3w; get private /admin/x " ADMIN "has hello; signal HUP;"
     "await \"msg\":\"reloaded\"; get private /admin/x " ADMIN "has 401 Unauthorized;"
     "get private /admin/x Bearer n3w; has hello; token; signal HUP; await reload failed;"
     "get private /admin/x Bearer n3w; has hello; signal TERM; end 0"},
    {"a hook that fails to reload is logged",
     "env SAMPLE_RELOAD_FAILS=1; serve; signal HUP; await no keys today; signal TERM; end 0;"
     "said 0 loop_reload"},
    {"metrics are served",
     "serve loops = 2; hello 10; get private /metrics;"
     "has ~fairgate_odd_events_total{what=\"loop-stood-still\"} 0~;"
     "has ~fairgate_build_info{program=\";"
     "has ~fairgate_warnings_total{what=\"connection-without-deadline\"} 0~;"
     "has Content-Type: text/plain^ version=0.0.4^ charset=utf-8;"
     "has fairgate_http_request_duration_seconds_count{listener=\"public\"} 10~;"
     "has fairgate_http_responses_total{listener=\"public\",class=\"2xx\"} 10~;"
     "has fairgate_http_accepted_total{listener=\"private\"} 1~; has process_open_fds ;"
     "signal TERM; end 0"},
    {"a named call has its own counters",
     "serve loops = 2; hello 10; get public /nothing; has 404 Not Found; get public /broken/a;"
     "has 503 Service Unavailable; get public /broken/b; get public /broken/c;"
     "get private /metrics; has fairgate_call_duration_seconds_count{call=\"greet\"} 10~;"
     "has fairgate_call_failures_total{call=\"greet\"} 0~;"
     "has fairgate_call_duration_seconds_count{call=\"break\"} 0~;"
     "has fairgate_call_failures_total{call=\"break\"} 3~; signal TERM; end 0"},
    {"the log level changes while the service runs",
     "serve; hello 1; send PUT private /log/level {\"level\":\"loud\"} " ADMIN
     "read; has /level: must be one of debug, info, warn, error;"
     "send PUT private /log/level { " ADMIN "read; has 400 Bad Request;"
     "send PUT private /log/level {\"level\":\"debug\"}; read; has 401 Unauthorized;"
     "send PUT private /log/level {\"level\":\"debug\"} " ADMIN "read; has 204 No Content;"
     "get public /hello?token=for-nobody; has 200 OK; await hello was called; signal TERM; end 0;"
     "said 1 hello was called; said 0 for-nobody;"
     "says \"listener\":\"private\",\"method\":\"PUT\",\"path\":\"/log/level\""},
    {"a service that cannot listen says why",
     "start host = 192.0.2.1; end 1; says listening on 192.0.2.1; said 0 loop_stop"},
    {"an invalid proxy or header is named",
     "start trusted_proxies = everybody; end 2;"
     "says ] trusted_proxies: \"everybody\" is no address or network;"
     "start client_ip_header = X Forwarded For; end 2;"
     "says ] client_ip_header: \"X Forwarded For\" is not the name of a header"},
    {"a loop that fails to start stops the others",
     "start loops = 4~[sample]~fail_loop = 2; end 1; says loop 2 cannot start;"
     "logged 2 loop_start; logged 2 loop_stop; logged 0 serving; logged 1 stop;"
     "start [sample]~fail_loop = 0; end 1; said 0 loop_stop"},
    {"two services share a port only if told to",
     "serve loops = 2; other public; start; end 1; says Address already in use; other; other "
     "private;"
     "start; end 1; says Address already in use; logged 0 serving; other; other public;"
     "serve share_port = true; other; signal TERM; end 0; other; hello 1; signal TERM; end 0"},
    {"a stand-in has one listener and needs no token",
     "env SAMPLE_PUBLIC_ONLY=1; serve loops = 2; said 0 private_port; hello 1;"
     "get public /metrics; has 404 Not Found; signal HUP; await loop_reload; signal TERM; end 0"},
    {"a missing token file is named at the start",
     "conf [http]~port = 0~[private]~port = 0~token_file = /nowhere/t~; run 1 --config=$;"
     "says /nowhere/t: No such file"},
    {"a failing service drains and exits with 1",
     "serve loops = 2; send POST public /fail -; read; has as you like; end 1;"
     "says asked to fail; logged 2 loop_stop"},
};

int main(void)
{
    alarm(120); /* a hang is a failure with a name */
    return script_tests(NULL, 0, SCRIPT_LIST(rows), run_row);
}
