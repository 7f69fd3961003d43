/* service_test.c: a small service in a child process, driven by signals and requests. Its log shows
 * the order of its hooks and the errors it prints. */
#include "script.h"

#include "base/bug.h"
#include "service/service.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the service ---- */

struct sample_config {
    uint64_t fail_loop; /* loop_start fails on it */
    bool ready;
};

#define FIELD(NAME) offsetof(struct sample_config, NAME)

/* Section, key, kind, member, default, least, most, words, help. */
static const struct config_setting settings[] = {
    {"sample", "fail_loop", CONFIG_U64, FIELD(fail_loop), "99", 0, 99, NULL, "the loop that fails"},
    {"sample", "ready", CONFIG_BOOL, FIELD(ready), "true", 0, 0, NULL, "ready from the start"},
};

struct sample_loop {
    _Atomic uint64_t counted; /* a metric */
    struct http_req *slow;    /* waits for the drain */
    unsigned blobs;           /* blobs sent so far */
};

enum { BLOB_LEN = 8000 };

static struct http_blob *blob; /* shared by all loops */

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

static void on_blob(struct http_req *req)
{
    struct sample_loop *sample = service_loop_of(req)->ctx;
    sample->blobs++;
    http_reply(req, &(struct http_reply){.status = 200, .type = "text/plain", .blob = blob});
}

static void on_panic(struct http_req *req)
{
    assert(http_req_body(req).len == 0);
    BUG_WARN("test-nearly-broken");
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
        {HTTP_METHOD_GET, "/hello", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/slow", on_slow, NULL, 0},
        {HTTP_METHOD_POST, "/fail", on_fail, NULL, 0},
        {HTTP_METHOD_GET, "/broken/{what}", on_broken, NULL, 0},
        {HTTP_METHOD_GET, "/blob", on_blob, NULL, 0},
        {HTTP_METHOD_POST, "/panic/{ticket}", on_panic, NULL, 100},
    };
    static const struct http_route private[] = {
        {HTTP_METHOD_GET, "/internal/x", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/admin/x", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/console/page", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/consoles", on_hello, NULL, 0},
    };
    log_say(service_log(service), LOG_LEVEL_INFO, "start");
    char bytes[BLOB_LEN];
    memset(bytes, 'b', sizeof(bytes));
    blob = http_blob_create((struct span){bytes, sizeof(bytes)});
    if (blob == NULL)
        return err_set(err, ERR_NOMEM, "a blob");
    int rc = http_router_add_all(routes, public, 6, err);
    return rc < 0 || private_routes == NULL ? rc
                                            : http_router_add_all(private_routes, private, 4, err);
}

static struct metrics_labels counted_by(const struct service_loop *loop)
{
    static const char digits[] = "0123456789";
    assert(loop->index < 10);
    return metrics_one_label("loop", (struct span){digits + loop->index, 1});
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    const struct sample_config *config = loop->config;
    assert(loop->index < service_loops(loop->service));
    if (config->fail_loop == loop->index)
        return err_set(err, ERR_IO, "loop %u cannot start", loop->index);
    loop->ctx = calloc(1, sizeof(struct sample_loop));
    assert(loop->ctx != NULL);
    struct sample_loop *sample = loop->ctx;
    struct metrics_labels labels = counted_by(loop);
    const struct metrics_desc desc = {"sample_total", "counted by each loop", labels.text};
    int rc = metrics_counter(loop->metrics, &desc, &sample->counted, err);
    if (rc < 0)
        return rc;
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
    char *text;
    size_t len;
    struct err_slot err = {0};
    assert(metrics_render(loop->metrics, &err, &text, &len) == 0);
    struct metrics_labels labels = counted_by(loop);
    if (memmem(text, len, labels.text, strlen(labels.text)) != NULL)
        say(loop, "is scraped while it ends");
    free(text);
    if (sample->blobs > 0)
        say(loop, "has sent blobs");
    if (sample->slow != NULL && getenv("SAMPLE_NEVER_ANSWERS") != NULL)
        reply_text(sample->slow, "too late");
    free(sample);
}

static void stop(struct service *service)
{
    log_say(service_log(service), LOG_LEVEL_INFO, "stop");
    assert(blob == NULL || atomic_load(&blob->refs) == 1);
    http_blob_unref(blob);
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
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    if (getenv("SAMPLE_ONE_CORE") != NULL)
        assert(sched_setaffinity(0, sizeof(one), &one) == 0);
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
    char env[4][32];  /* variables set by the row */
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

/* Reads the log up to a line that contains `part` and returns it, or NULL if none comes. */
static const char *await_line(const char *part)
{
    struct child *child = test.child;
    char *line = child->seen + child->seen_len;
    while (fgets(line, (int)(sizeof(child->seen) - child->seen_len), child->log) != NULL) {
        child->seen_len += strlen(line);
        if (part != NULL && strstr(line, part) != NULL)
            return line;
        if (part != NULL && strstr(line, "reload failed") != NULL)
            return NULL; /* failed otherwise than the row expects, and logs nothing more */
        line = child->seen + child->seen_len;
    }
    return NULL;
}

/* end CODE: waits for the child's end; a code above 128 is the number of a signal more */
SCRIPT_VERB(run_end, "end")
{
    struct child *child = test.child;
    int status;
    assert_null(await_line(NULL));
    fclose(child->log);
    assert_int_equal(child->pid, waitpid(child->pid, &status, 0));
    child->pid = 0;
    for (unsigned i = 0; i < 3 && child->paths[i] != NULL; i++) {
        unit_file_remove(child->paths[i]);
        child->paths[i] = NULL;
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code != atoi(script_word(line, 1)))
        fail_msg("%s: \"%s\": it ended with %d:\n%s", line->row, line->text, code, child->seen);
}

SCRIPT_DOES("conf", test.conf = unit_file(span_of(text_of(script_rest(line, 0))), 0600))

SCRIPT_VERB(run_env, "env")
{
    char *name = test.env[test.env_len++];
    const char *word = script_word(line, 1);
    snprintf(name, sizeof(test.env[0]), "%.*s", (int)strcspn(word, "="), word);
    setenv(name, strchr(word, '=') + 1, 1);
}

SCRIPT_VERB(run_unset, "unset")
{
    while (test.env_len > 0)
        unsetenv(test.env[--test.env_len]);
}

/* run CODE ARGUMENTS: a whole run of the program; $ is the file of "conf" */
SCRIPT_VERB(run_run, "run")
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
    run_end(line);
}

static uint16_t number_behind(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at != NULL ? (uint16_t)strtoul(at + strlen(key), NULL, 10) : 0;
}

static void await_ports(const struct script_line *line)
{
    const char *text = await_line("\"msg\":\"serving\"");
    if (text == NULL)
        fail_msg("%s: it does not serve:\n%s", line->row, test.child->seen);
    test.child->port = number_behind(text, "\"port\":");
    test.child->private_port = number_behind(text, "\"private_port\":");
}

/* start LINES: a service with these lines in [http] and after it; serve LINES: it has to serve */
SCRIPT_VERB(run_start, "start|serve")
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
    if (strcmp(line->words[0], "serve") == 0)
        await_ports(line);
}

/* Runs a service in a program of its own, so that it may abort. */
SCRIPT_VERB(run_apart, "apart")
{
    int fd;
    test.child->seen_len = 0;
    test.child->pid = unit_child("serve", &fd);
    test.child->log = fdopen(fd, "r");
    await_ports(line);
}

/* other [public | private]: the other child is meant from here on; its service gets a port that
 * the first has */
SCRIPT_VERB(run_other, "other")
{
    test.child = &test.children[test.child == test.children];
    if (line->len > 1) {
        bool private = strcmp(line->words[1], "private") == 0;
        test.port[0] = private ? 0 : test.children[0].port;
        test.port[1] = private ? test.children[0].private_port : 0;
    }
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(0, connect(fd, (struct sockaddr *)&to, sizeof(to)));
    return fd;
}

/* send METHOD public|private PATH BODY AUTHORIZATION; a body of - is empty. After & the
 * authorization may have further headers. */
static void send_request(const char *method, const char *listener, const char *path,
                         const char *body, const char *authorization)
{
    bool private = strcmp(listener, "private") == 0;
    body = strcmp(body, "-") == 0 ? "" : body;
    test.fd = dial(private ? test.child->private_port : test.child->port);
    dprintf(test.fd, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n",
            method, path, strlen(body));
    for (const char *name = "Authorization: "; *authorization != '\0'; name = "") {
        int len = (int)strcspn(authorization, "&");
        dprintf(test.fd, "%s%.*s\r\n", name, len, authorization);
        authorization += len + (authorization[len] == '&');
    }
    dprintf(test.fd, "\r\n%s", body);
}

SCRIPT_DOES("send", send_request(script_word(line, 1), script_word(line, 2), script_word(line, 3),
                                 script_word(line, 4), script_rest(line, 4)))

SCRIPT_VERB(run_read, "read")
{
    static char answer[262144];
    size_t len = 0;
    for (ssize_t got = 1; got > 0; len += (size_t)got) {
        got = read(test.fd, answer + len, sizeof(answer) - 1 - len);
        got = got < 0 ? 0 : got; /* a service that aborts resets it */
        assert_true(len + (size_t)got < sizeof(answer) - 1);
    }
    answer[len] = '\0';
    close(test.fd);
    test.fd = -1;
    test.answer = answer;
}

/* get public|private PATH AUTHORIZATION */
SCRIPT_VERB(run_get, "get")
{
    send_request("GET", script_word(line, 1), script_word(line, 2), "-", script_rest(line, 2));
    run_read(NULL);
}

/* has TEXT: in the response; says TEXT: in the log; & is between parts */
SCRIPT_DOES("has", script_expect_parts(line, text_of(script_rest(line, 0)), test.answer))
SCRIPT_DOES("says", script_expect_parts(line, text_of(script_rest(line, 0)), test.child->seen))

/* hello TIMES */
SCRIPT_VERB(run_hello, "hello")
{
    for (uint64_t n = script_number_at(line, 1); n > 0; n--) {
        send_request("GET", "public", "/hello", "-", "");
        run_read(NULL);
        script_expect_parts(line, "200 OK&\r\n\r\nhello", test.answer);
    }
}

static void read_blob(int fd)
{
    char got[BLOB_LEN + 1024], want[BLOB_LEN];
    const char *body = NULL;
    for (size_t len = 0; body == NULL || got + len < body + BLOB_LEN;) {
        ssize_t n = read(fd, got + len, sizeof(got) - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
        got[len] = '\0';
        body = strstr(got, "\r\n\r\n");
        body = body != NULL ? body + 4 : NULL;
    }
    memset(want, 'b', sizeof(want));
    assert_memory_equal(want, body, BLOB_LEN);
}

/* blobs CLIENTS ROUNDS: in each round each client gets the blob that the loops share */
SCRIPT_VERB(run_blobs, "blobs")
{
    int fds[64];
    uint64_t clients = script_number_at(line, 1);
    assert_in_range(clients, 1, 64);
    for (uint64_t i = 0; i < clients; i++)
        fds[i] = dial(test.child->port);
    for (uint64_t round = script_number_at(line, 2); round > 0; round--) {
        for (uint64_t i = 0; i < clients; i++)
            dprintf(fds[i], "GET /blob HTTP/1.1\r\nHost: a\r\n\r\n");
        for (uint64_t i = 0; i < clients; i++)
            read_blob(fds[i]);
    }
    for (uint64_t i = 0; i < clients; i++)
        close(fds[i]);
}

SCRIPT_VERB(run_signal, "signal")
{
    static const char *const names[] = {"TERM", "INT", "HUP", NULL};
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    kill(test.child->pid, signals[script_choice(line, script_word(line, 1), names)]);
}

SCRIPT_VERB(run_await, "await")
{
    const char *part = text_of(script_rest(line, 0));
    if (await_line(part) == NULL)
        fail_msg("%s: \"%s\" never came:\n%s", line->row, part, test.child->seen);
}

SCRIPT_DOES("is", script_expect_text(line, text_of(script_rest(line, 0)), test.child->seen))

/* said TIMES TEXT; logged TIMES MESSAGE */
SCRIPT_VERB(run_said, "said|logged")
{
    char part[256];
    bool msg = strcmp(line->words[0], "logged") == 0;
    snprintf(part, sizeof(part), "%s%s%s", msg ? "\"msg\":\"" : "", text_of(script_rest(line, 1)),
             msg ? "\"" : "");
    unsigned count = 0;
    for (const char *at = test.child->seen; (at = strstr(at, part)) != NULL; at++)
        count++;
    script_expect(line, script_word(line, 1), count);
}

/* Replaces or deletes the admin token's file. */
SCRIPT_VERB(run_token, "token")
{
    if (line->len == 1) {
        unlink(test.child->paths[1]);
        return;
    }
    FILE *file = fopen(test.child->paths[1], "w");
    fputs(line->words[1], file);
    fclose(file);
}

static void set_up(void)
{
    test.child = test.children;
    test.port[0] = test.port[1] = 0;
    test.fd = -1;
}

static void tear_down(void)
{
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
#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

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
     "env SAMPLE_STORELESS=1; run 2 --migrate --config=$; is sample has no database to bring up~"},
    {"every loop serves and drains on SIGTERM",
     "serve loops = 3; hello 20; signal TERM; end 0; logged 1 start; logged 3 loop_start;"
     "logged 3 loop_drain; logged 3 loop_stop; logged 0 is scraped while it ends;"
     "logged 1 stop; logged 20 request; logged 1 ended;"
     "says \"msg\":\"loop_stop\"&\"msg\":\"stop\""},
    /* All sixty connections on one of three loops: happens once in 10^28 runs. */
    {"loops share a port, a router and blobs",
     "env FAIRGATE_LOG_REQUESTS=0; serve loops = 3; blobs 60 20; get private /metrics;"
     "has fairgate_http_responses_total{listener=\"public\",class=\"2xx\"} 1200~; signal TERM;"
     "end 0; logged 2..3 has sent blobs"},
    {"no number of loops means one for each core that the process may use",
     "env SAMPLE_ONE_CORE=1; serve loops = 0; signal TERM; end 0; logged 1 loop_start"},
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
     "has 404 Not Found; signal TERM; end 0; logged 9 request;"
     "said 9 \"traceparent\":\"00-; said 0 s3cre; said 0 between"},
    {"readiness lists every reason, and a reload reaches every loop",
     "serve loops = 2~[sample]~ready = false; get private /readyz; has 503 Service Unavailable;"
     "has {\"ready\":false,\"reasons\":[{\"loop\":0,\"condition\":\"store\","
     "\"reason\":\"not connected\"},{\"loop\":1,\"condition\":\"store\",\"reason\":\"not "
     "connected\"}]};"
     "signal HUP; await \"msg\":\"reload\"; await loop_reload; await loop_reload;"
     "get private /readyz; has 200 OK; signal TERM; end 0"},
    {"a reload takes new tokens, and a failed one keeps the old",
     "serve; token n3w; get private /admin/x " ADMIN "has hello; signal HUP;"
     "await \"msg\":\"reloaded\"; get private /admin/x " ADMIN "has 401 Unauthorized;"
     "get private /admin/x Bearer n3w; has hello; token; signal HUP; await reload failed;"
     "get private /admin/x Bearer n3w; has hello; signal TERM; end 0"},
    {"a hook that fails to reload is logged",
     "env SAMPLE_RELOAD_FAILS=1; serve; signal HUP; await no keys today; signal TERM; end 0;"
     "said 0 loop_reload"},
    {"metrics are served, and a named call has its own counters",
     "serve loops = 2; hello 10; get public /nothing; has 404 Not Found; get public /broken/a;"
     "has 503 Service Unavailable; get public /broken/b; get public /broken/c;"
     "get private /metrics; has Content-Type: text/plain^ version=0.0.4^ charset=utf-8;"
     "has ~fairgate_odd_events_total{what=\"loop-stood-still\"} 0~;"
     "has ~fairgate_build_info{program=\"; has ~fairgate_log_lines_dropped_total 0~;"
     "has ~fairgate_warnings_total{what=\"connection-without-deadline\"} 0~;"
     "has fairgate_http_request_duration_seconds_count{listener=\"public\"} 14~;"
     "has fairgate_http_responses_total{listener=\"public\",class=\"2xx\"} 10~;"
     "has fairgate_http_accepted_total{listener=\"private\"} 1~; has process_open_fds ;"
     "has fairgate_call_duration_seconds_count{call=\"greet\"} 10~;"
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
     "says ] client_ip_header: \"X Forwarded For\" is not the name of a header;"
     "start client_ip_header = forwarded; end 2;"
     "says http.client_ip_header: Forwarded (RFC 7239) is not read"},
    {"a loop that fails to start stops the others",
     "start loops = 4~[sample]~fail_loop = 2; end 1; says loop 2 cannot start;"
     "logged 2 loop_start; logged 2 loop_stop; logged 0 serving; logged 1 stop; start "
     "[sample]~fail_loop = 0; end 1;"
     "said 0 loop_stop"},
    {"two services share a port only if told to",
     "serve loops = 2; other public; start; end 1; says Address already in use; other;"
     "other private; start; end 1; says Address already in use; logged 0 serving; other;"
     "other public; serve share_port = true; other; signal TERM; end 0; other; hello 1;"
     "signal TERM; end 0"},
    {"a stand-in has one listener and needs no token",
     "env SAMPLE_PUBLIC_ONLY=1; serve loops = 2; said 0 private_port; hello 1;"
     "get public /metrics; has 404 Not Found; signal HUP; await loop_reload; signal TERM; end 0"},
    {"a missing token file is named at the start",
     "conf [http]~port = 0~[private]~port = 0~token_file = /nowhere/t~; run 1 --config=$;"
     "says /nowhere/t: No such file"},
    {"a failing service drains and exits with 1",
     "serve loops = 2; send POST public /fail -; read; has as you like; end 1; says asked to fail;"
     "logged 2 loop_stop"},
    {"a service that aborts names the request without its secrets",
     "env SAMPLE_PUBLIC_ONLY=1; env FAIRGATE_HTTP_PORT=0; apart;"
     "send POST public /panic/T1CKET?q=QU3RY B0DY Bearer T0KEN&Cookie: fg=C00KIE&"
     "traceparent: " TRACE "; read; end 134; says ==== panic: sample 1.2.3, process &"
     "what: Assertion `http_req_body(req).len == 0' failed.;"
     "says method: POST~&route: /panic/{ticket}~&traceparent: " TRACE "~&bytes of the body: 4~&"
     "==== panic: the end~;"
     "said 0 T1CKET; said 0 QU3RY; said 0 T0KEN; said 0 C00KIE; said 0 B0DY"},
};

UNIT_BETWEEN(set_up, tear_down)
SCRIPT_TESTS(rows, script_verbs)

int main(int argc, char **argv)
{
    if (argc > 1)
        return run_service(1, argv);
    alarm(120); /* ends a hang */
    return unit_run();
}
