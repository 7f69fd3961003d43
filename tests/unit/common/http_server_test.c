/* http_server_test.c: the server on a real loop with real sockets. The test is the client: it turns
 * the loop by hand until the expected bytes have come, or fails after WAIT_MS.
 *
 * Most tests are scripts. Connections are called A to Z. In texts ~ is CRLF, ^ is a semicolon, @ is
 * " HTTP/1.1~Host: a~" and % is 5000 letters. */
#include "script.h"

#include "base/ip.h"
#include "http/http_internal.h"
#include "http/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WAIT_MS = 30000,
    RECEIVED_MAX = 32 << 20,
    KEPT_MAX = 32,
    PAGE_LEN = 16384,
    CROWD_MAX = 60,
};

static struct world {
    uv_loop_t loop;
    struct http_router *router;
    struct http_server *server;
    struct http_channel *channel;
    struct http_req *kept[KEPT_MAX]; /* by the /later handler */
    unsigned kept_len;
    unsigned later_paths; /* answered requests whose path was still /later */
    struct http_blob *big;
    struct clock_fake clock;    /* paused, except that /dear advances it */
    unsigned turns, noted_turn; /* of the loop; the one in which /noted was answered */
    uint64_t serial;            /* of the request that /again or /later had last */
    bool closing, closed;
    bool drained;
    uint16_t port; /* that was drained */
    unsigned answered;
    char *received;
} world;

/* ---- handlers ---- */

static void reply(struct http_req *req, struct span body)
{
    http_reply(req, &(struct http_reply){.status = 200, .type = "text/plain", .body = body});
}

static void on_hello(struct http_req *req)
{
    reply(req, SPAN("hello"));
}

static void on_echo(struct http_req *req)
{
    reply(req, http_req_body(req));
}

static void on_param(struct http_req *req)
{
    char memory[512];
    struct text body = text_on(memory, sizeof(memory));
    text_put(&body, http_req_param(req, 0));
    text_char(&body, '|');
    text_put(&body, http_req_query_arg(req, SPAN("q")));
    text_char(&body, '|');
    text_put(&body, http_req_cookie(req, SPAN("c")));
    text_char(&body, '|');
    text_put(&body, http_req_bearer(req));
    text_char(&body, '|');
    ip_put(&body, http_req_addr(req));
    text_str(&body, http_req_is_tls(req) ? "|tls" : "|plain");
    reply(req, text_span(&body));
}

/* Each request has a serial of its own, also in the memory of the one before it. */
static void expect_a_new_serial(struct http_req *req)
{
    assert_true(http_req_serial(req) > world.serial);
    world.serial = http_req_serial(req);
}

static void on_again(struct http_req *req)
{
    expect_a_new_serial(req);
    char memory[512];
    struct text body = text_on(memory, sizeof(memory));
    text_str(&body, http_req_repeats(req) ? "<same/" : "<new/");
    text_put(&body, http_req_param(req, 0));
    text_char(&body, '/');
    text_put(&body, http_req_query_arg(req, SPAN("q")));
    text_char(&body, '/');
    text_put(&body, http_req_bearer(req));
    text_char(&body, '>');
    reply(req, text_span(&body));
}

static void on_later(struct http_req *req)
{
    expect_a_new_serial(req);
    assert_true(world.kept_len < KEPT_MAX);
    world.kept[world.kept_len++] = req;
}

static struct http_blob *blob_of(struct span bytes)
{
    struct http_blob *blob = http_blob_create(bytes);
    assert_non_null(blob);
    return blob;
}

static void on_page(struct http_req *req)
{
    struct http_blob *page = blob_of((struct span){world.big->bytes, PAGE_LEN});
    http_reply(req, &(struct http_reply){.status = 200, .type = "text/plain", .blob = page});
    http_blob_unref(page);
}

static void on_big(struct http_req *req)
{
    http_reply(req, &(struct http_reply){.status = 200, .type = "text/plain", .blob = world.big});
}

static void on_long(struct http_req *req)
{
    reply(req, (struct span){world.big->bytes, world.big->len});
}

/* Two of them take more than the time of a turn, one more than half of it. */
enum { DEAR_US = HTTP_TURN_US * 6 / 10 };

static void on_dear(struct http_req *req)
{
    clock_fake_step(&world.clock, DEAR_US);
    on_hello(req);
}

static void on_noted(struct http_req *req)
{
    world.noted_turn = world.turns;
    on_hello(req);
}

static void on_raw(struct http_req *req)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw";
    struct http_blob *blob = blob_of((struct span){whole, sizeof(whole) - 1});
    http_reply_raw(req, blob, (uint32_t)sizeof(whole) - 1 - 3);
    http_blob_unref(blob);
}

static void on_stream(struct http_req *req)
{
    struct http_blob *first = blob_of(SPAN("data: first\n\n"));
    http_reply_stream(req, world.channel, first, (struct span){NULL, 0});
    http_blob_unref(first);
}

static void on_closed(void *ctx)
{
    assert_ptr_equal(ctx, &world);
    world.closed = true;
}

static void close_server(void)
{
    if (!world.closing)
        http_server_close(world.server, on_closed, &world);
    world.closing = true;
}

static void on_end(struct http_req *req)
{
    on_later(req);
    close_server();
}

static void on_answered(void *ctx, struct http_req *req, unsigned status, uint64_t took_us)
{
    assert_ptr_equal(ctx, &world);
    assert_non_null(http_req_path(req).ptr);
    assert_true(status >= 100 && took_us < 60000000);
    world.answered++;
}

/* ---- the world ---- */

static const struct http_route routes[] = {
    {HTTP_METHOD_GET, "/hello", on_hello, NULL, 0},
    {HTTP_METHOD_POST, "/hello", on_hello, NULL, 0},
    {HTTP_METHOD_POST, "/echo", on_echo, NULL, 100000},
    {HTTP_METHOD_GET, "/p/{name}/x", on_param, NULL, 0},
    {HTTP_METHOD_GET, "/files/{path...}", on_param, NULL, 0},
    {HTTP_METHOD_GET, "/again/{name}", on_again, NULL, 0},
    {HTTP_METHOD_GET, "/later", on_later, NULL, 0},
    {HTTP_METHOD_GET, "/page", on_page, NULL, 0},
    {HTTP_METHOD_GET, "/big", on_big, NULL, 0},
    {HTTP_METHOD_GET, "/long", on_long, NULL, 0},
    {HTTP_METHOD_GET, "/dear", on_dear, NULL, 0},
    {HTTP_METHOD_GET, "/noted", on_noted, NULL, 0},
    {HTTP_METHOD_GET, "/raw", on_raw, NULL, 0},
    {HTTP_METHOD_GET, "/stream", on_stream, NULL, 0},
    {HTTP_METHOD_GET, "/end", on_end, NULL, 0},
};

static void world_open(struct http_limits limits, const char *trusted, const char *client_ip_header)
{
    memset(&world, 0, sizeof(world));
    struct err_slot err = {0};
    assert_int_equal(uv_loop_init(&world.loop), 0);
    assert_int_equal(http_router_create(&err, &world.router), 0);
    assert_int_equal(
        http_router_add_all(world.router, routes, sizeof(routes) / sizeof(routes[0]), &err), 0);
    clock_fake_init(&world.clock, UINT64_C(1795000000) * 1000000);
    struct http_server_conf conf = {
        .loop = &world.loop,
        .router = world.router,
        .host = "127.0.0.1",
        .limits = limits,
        .clock = &world.clock.clock,
        .trusted_proxies = trusted,
        .client_ip_header = client_ip_header,
        .loop_ctx = &world,
        .on_answered = on_answered,
    };
    assert_int_equal(http_server_create(&conf, &err, &world.server), 0);
    struct http_channel_conf channel = {0};
    assert_int_equal(http_channel_create(world.server, &channel, &err, &world.channel), 0);
    size_t big_len = 12 << 20; /* more than the sockets of both sides buffer */
    char *big = malloc(big_len);
    for (size_t i = 0; i < big_len; i++)
        big[i] = (char)('a' + i % 23);
    world.big = blob_of((struct span){big, big_len});
    free(big);
    world.received = malloc(RECEIVED_MAX);
}

static void world_close(void)
{
    for (unsigned i = 0; i < world.kept_len; i++) {
        if (world.kept[i] != NULL)
            on_hello(world.kept[i]);
    }
    close_server();
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_true(world.closed);
    assert_int_equal(uv_loop_close(&world.loop), 0); /* every handle was closed */
    http_router_destroy(world.router);
    http_blob_unref(world.big);
    free(world.received);
}

/* ---- the client ---- */

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void turn(void)
{
    world.turns++;
    uv_run(&world.loop, UV_RUN_NOWAIT);
}

/* `room`: bytes that the kernel buffers for the client, 0 for its default. */
static int dial_with_room(int room)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (room > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(http_server_port(world.server)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int dial(void)
{
    return dial_with_room(0);
}

static void put(int fd, struct span text)
{
    assert_int_equal(send(fd, text.ptr, text.len, MSG_NOSIGNAL), text.len);
}

/* Waits until the server's socket has all bytes. */
static void wait_until_there(int fd)
{
    uint64_t deadline = now_ms() + WAIT_MS;
    int under_way = 1;
    while (under_way > 0 && now_ms() < deadline)
        assert_int_equal(ioctl(fd, SIOCOUTQ, &under_way), 0);
    assert_int_equal(under_way, 0);
}

/* Receives until `until` has come, or (NULL) until the server closes. Returns all of it. */
static const char *receive(int fd, const char *until)
{
    size_t len = 0;
    uint64_t deadline = now_ms() + WAIT_MS;
    world.received[0] = '\0';
    while (now_ms() < deadline) {
        turn();
        ssize_t got = recv(fd, world.received + len, RECEIVED_MAX - 1 - len, 0);
        if (got == 0)
            break;
        if (got < 0) {
            assert_true(errno == EAGAIN || until == NULL);
            if (errno != EAGAIN)
                break;
            continue;
        }
        len += (size_t)got;
        world.received[len] = '\0';
        if (until != NULL && strstr(world.received, until) != NULL)
            return world.received;
    }
    if (until != NULL || now_ms() >= deadline)
        fail_msg("\"%s\" did not come; received: %.300s", until != NULL ? until : "the end",
                 world.received);
    return world.received;
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        count++;
    return count;
}

static uint64_t stat_of(_Atomic const uint64_t *counter)
{
    return atomic_load(counter);
}

static void publish(const char *text)
{
    struct http_blob *blob = blob_of(span_of(text));
    http_channel_publish(world.channel, blob);
    http_blob_unref(blob);
}

static void on_drained(void *ctx)
{
    assert_ptr_equal(ctx, &world);
    assert_false(world.drained);
    world.drained = true;
}

/* ---- scripts ---- */

static struct {
    int fds[26];
    int crowd[CROWD_MAX];
    unsigned crowd_len;
    unsigned answered, turns; /* at the "mark" */
    const char *received;
} run;

static void open_with(struct http_limits limits, const char *trusted, const char *header)
{
    world_open(limits, trusted, header);
    memset(run.fds, 0xFF, sizeof(run.fds));
}

/* open timeouts=MS head=MS per_turn=N connections=N per_addr=N trusted=LIST header=NAME */
static void run_open(const struct script_line *line)
{
    struct http_limits limits = http_limits_default();
    uint64_t timeout = script_value_or(line, "timeouts", limits.head_timeout_ms);
    if (script_value(line, "timeouts") != NULL)
        limits.head_timeout_ms = limits.body_timeout_ms = limits.idle_timeout_ms =
            limits.write_timeout_ms = (uint32_t)timeout;
    limits.head_timeout_ms = (uint32_t)script_value_or(line, "head", limits.head_timeout_ms);
    limits.requests_per_turn_max =
        (uint32_t)script_value_or(line, "per_turn", limits.requests_per_turn_max);
    limits.connections_max = (uint32_t)script_value_or(line, "connections", limits.connections_max);
    limits.connections_per_addr_max =
        (uint32_t)script_value_or(line, "per_addr", limits.connections_per_addr_max);
    open_with(limits, script_value(line, "trusted"), script_value(line, "header"));
}

static int *fd_at(const struct script_line *line)
{
    int *fd = &run.fds[script_word(line, 1)[0] - 'A'];
    if (*fd < 0)
        *fd = dial();
    return fd;
}

static const char *bytes_of(const char *text)
{
    static char memory[32768];
    struct text out = text_on(memory, sizeof(memory) - 1);
    for (; *text != '\0'; text++) {
        if (*text == '~')
            text_str(&out, "\r\n");
        else if (*text == '@')
            text_str(&out, " HTTP/1.1\r\nHost: a\r\n");
        else if (*text == '%')
            for (int i = 0; i < 5000; i++)
                text_char(&out, 'y');
        else
            text_char(&out, *text == '^' ? ';' : *text);
    }
    assert_false(out.overflown);
    memory[out.len] = '\0';
    return memory;
}

/* dial A room=BYTES */
static void run_dial(const struct script_line *line)
{
    int *fd = &run.fds[script_word(line, 1)[0] - 'A'];
    *fd = dial_with_room((int)script_value_or(line, "room", 0));
}

static void run_send(const struct script_line *line)
{
    int fd = *fd_at(line);
    put(fd, span_of(bytes_of(script_rest(line, 1))));
}

/* get A /path [times] */
static void run_get(const struct script_line *line)
{
    int fd = *fd_at(line);
    char text[256];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", script_word(line, 2));
    for (uint64_t n = line->len > 3 ? script_number(line->words[3]) : 1; n > 0; n--)
        put(fd, span_of(text));
}

/* fill A LETTER COUNT */
static void run_fill(const struct script_line *line)
{
    static char bytes[65536];
    size_t len = script_number(script_word(line, 3));
    assert_in_range(len, 1, sizeof(bytes));
    memset(bytes, script_word(line, 2)[0], len);
    put(*fd_at(line), (struct span){bytes, len});
}

/* repeat A TIMES TEXT: in one packet */
static void run_repeat(const struct script_line *line)
{
    static char memory[32768];
    struct text text = text_on(memory, sizeof(memory));
    for (uint64_t n = script_number(script_word(line, 2)); n > 0; n--)
        text_str(&text, bytes_of(script_rest(line, 2)));
    assert_false(text.overflown);
    put(*fd_at(line), text_span(&text));
}

/* A head that needs a buffer of 16 KB. */
static struct span large_head(void)
{
    static char text[12000];
    struct text head = text_on(text, sizeof(text));
    text_str(&head, "GET /hello HTTP/1.1\r\nHost: a\r\n");
    while (head.len < sizeof(text) - 300) {
        text_str(&head, "X-Flood: ");
        for (int i = 0; i < 200; i++)
            text_char(&head, 'y');
        text_str(&head, "\r\n");
    }
    text_str(&head, "\r\n");
    assert_false(head.overflown);
    return text_span(&head);
}

/* begin A: the part of a large head that fills a read; finish A: the rest */
static void run_part(const struct script_line *line)
{
    bool begin = strcmp(line->words[0], "begin") == 0;
    struct span head = large_head();
    put(*fd_at(line),
        begin ? (struct span){head.ptr, HTTP_BUFFER_LEN} : span_skip(head, HTTP_BUFFER_LEN));
}

static void run_half(const struct script_line *line)
{
    shutdown(*fd_at(line), SHUT_WR);
}

/* A request as long as a read. */
static void run_exact(const struct script_line *line)
{
    char memory[HTTP_BUFFER_LEN];
    struct text head = text_on(memory, sizeof(memory));
    text_str(&head, "GET /hello HTTP/1.1\r\nHost: a\r\nX-Long: ");
    while (head.len < sizeof(memory) - 4)
        text_char(&head, 'y');
    text_str(&head, "\r\n\r\n");
    assert_int_equal(head.len, HTTP_BUFFER_LEN);
    put(*fd_at(line), text_span(&head));
}

/* bytes A TEXT: single bytes, each in a turn */
static void run_bytes(const struct script_line *line)
{
    struct span text = span_of(bytes_of(script_rest(line, 1)));
    for (size_t i = 0; i < text.len; i++) {
        put(*fd_at(line), (struct span){text.ptr + i, 1});
        turn();
    }
}

/* trickle A TEXT: a byte each 50 ms, until the server responds */
static void run_trickle(const struct script_line *line)
{
    int fd = *fd_at(line);
    struct span text = span_of(bytes_of(script_rest(line, 1)));
    ssize_t got = 0;
    for (size_t i = 0; i < text.len && got <= 0; i++) {
        put(fd, (struct span){text.ptr + i, 1});
        uint64_t until = now_ms() + 50;
        while (now_ms() < until && got <= 0) {
            turn();
            got = recv(fd, world.received, RECEIVED_MAX - 1, 0);
        }
    }
    assert_true(got > 0);
    world.received[got] = '\0';
    run.received = world.received;
}

/* crowd COUNT: connections that the server has accepted */
static void run_crowd(const struct script_line *line)
{
    const struct http_stats *stats = http_server_stats(world.server);
    uint64_t there = stat_of(&stats->connections);
    run.crowd_len = (unsigned)script_number(script_word(line, 1));
    assert_in_range(run.crowd_len, 1, CROWD_MAX);
    for (unsigned i = 0; i < run.crowd_len; i++)
        run.crowd[i] = dial();
    while (stat_of(&stats->connections) < there + run.crowd_len)
        turn();
}

/* each TIMES TEXT: sent by each of the crowd; a text of "large" is a large head */
static void run_each(const struct script_line *line)
{
    struct span text = span_of(bytes_of(script_rest(line, 1)));
    if (span_eq(text, SPAN("large")))
        text = large_head();
    for (uint64_t n = script_number(script_word(line, 1)); n > 0; n--) {
        for (unsigned i = 0; i < run.crowd_len; i++)
            put(run.crowd[i], text);
    }
}

/* Closes the crowd's connections, by a reset if the word follows. */
static void run_leave(const struct script_line *line)
{
    const struct linger hard = {1, 0};
    for (unsigned i = 0; i < run.crowd_len; i++) {
        if (line != NULL && script_has(line, "reset"))
            setsockopt(run.crowd[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(run.crowd[i]);
    }
    run.crowd_len = 0;
}

static void run_mark(const struct script_line *line)
{
    (void)line;
    run.answered = world.answered;
    run.turns = world.turns;
}

/* since COUNT: responses since the mark; "since turns": as many as turns since then allow */
static void run_since(const struct script_line *line)
{
    unsigned each = 1 + HTTP_AGAIN_US / DEAR_US; /* that are begun within its time */
    unsigned got = world.answered - run.answered;
    if (script_has(line, "turns"))
        assert_in_range(got, 1, 1 + each * (world.turns - run.turns));
    else
        script_expect(line, script_word(line, 1), got);
}

static void run_until(const struct script_line *line)
{
    int fd = *fd_at(line);
    run.received = receive(fd, bytes_of(script_rest(line, 1)));
}

static void run_end(const struct script_line *line)
{
    int fd = *fd_at(line);
    run.received = receive(fd, NULL);
}

static void run_quiet(const struct script_line *line)
{
    int fd = *fd_at(line);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(recv(fd, world.received, 10, 0), -1);
}

/* Parts of what was received, in this order, separated by &. */
static void run_has(const struct script_line *line)
{
    char wanted[512];
    const char *at = run.received;
    snprintf(wanted, sizeof(wanted), "%s", bytes_of(script_rest(line, 0)));
    for (char *rest = NULL, *part = strtok_r(wanted, "&", &rest); part != NULL;
         part = strtok_r(NULL, "&", &rest)) {
        at = strstr(at, part);
        if (at == NULL)
            fail_msg("%s: no \"%s\" in: %.600s", line->row, part, run.received);
        at += strlen(part);
    }
}

static void run_count(const struct script_line *line)
{
    script_expect(line, script_word(line, 1),
                  count_of(run.received, bytes_of(script_rest(line, 1))));
}

/* What was received is a response with this body, which is the big blob as often as it says. */
static void run_big(const struct script_line *line)
{
    const char *at = run.received;
    for (uint64_t n = script_number(script_word(line, 1)); n > 0; n--) {
        at = strstr(at, "\r\n\r\n") + 4;
        assert_memory_equal(at, world.big->bytes, world.big->len);
        at += world.big->len;
    }
    assert_int_equal(atomic_load(&world.big->refs), 1);
}

static uint64_t value_of(const struct script_line *line, unsigned at)
{
    static const struct http_stats none; /* a closed server may be freed */
    const struct http_stats *stats = world.closing ? &none : http_server_stats(world.server);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"answered", world.answered},
        {"later", world.kept_len},
        {"later-paths", world.later_paths},
        {"connections", stat_of(&stats->connections)},
        {"streams", world.closing ? 0 : http_channel_streams(world.channel)},
        {"timeouts", stat_of(&stats->timeouts)},
        {"writes", stat_of(&stats->writes)},
        {"malformed", stat_of(&stats->malformed)},
        {"bytes_in", stat_of(&stats->bytes_in)},
        {"bytes_out", stat_of(&stats->bytes_out)},
        {"drained", world.drained},
        {"serial", world.serial},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, script_word(line, at)) == 0)
            return rows[i].value;
    }
    fail_msg("%s: unknown value in \"%s\"", line->row, line->text);
    abort();
}

/* wait NAME VALUE: until it is that, or above; then "is" compares a value at once. */
static void run_wait(const struct script_line *line)
{
    const char *word = script_word(line, 2);
    uint64_t deadline = now_ms() + WAIT_MS, want = script_number(word);
    bool above = strstr(word, "..") != NULL;
    for (uint64_t is; now_ms() < deadline; turn()) {
        is = value_of(line, 1);
        if (is == want || (above && is > want))
            return;
    }
    script_expect(line, word, value_of(line, 1));
}

static void run_is(const struct script_line *line)
{
    script_expect(line, script_word(line, 2), value_of(line, 1));
}

/* turns COUNT; sleep MS: without a turn; for MS: with turns */
static void run_turns(const struct script_line *line)
{
    uint64_t n = script_number(script_word(line, 1)), until = now_ms() + n;
    if (strcmp(line->words[0], "sleep") == 0)
        uv_sleep((unsigned)n);
    else if (strcmp(line->words[0], "for") == 0)
        while (now_ms() < until)
            turn();
    else
        for (; n > 0; n--)
            turn();
}

/* Answers all requests of /later, the last one first. */
static void run_answer(const struct script_line *line)
{
    (void)line;
    while (world.kept_len > 0) {
        struct http_req *req = world.kept[--world.kept_len];
        world.later_paths += span_eq(http_req_path(req), SPAN("/later"));
        on_hello(req);
    }
}

static void run_close(const struct script_line *line)
{
    int *fd = fd_at(line);
    close(*fd);
    *fd = -1;
}

static void run_reset(const struct script_line *line)
{
    const struct linger hard = {1, 0};
    setsockopt(*fd_at(line), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    run_close(line);
    for (int i = 0; i < 10; i++)
        turn();
}

static void run_publish(const struct script_line *line)
{
    publish(bytes_of(script_rest(line, 0)));
}

static void run_drain(const struct script_line *line)
{
    world.port = http_server_port(world.server);
    http_server_drain(world.server, (uint32_t)script_number(script_word(line, 1)), on_drained,
                      &world);
}

/* A connection to the drained port is refused. */
static void run_refused(const struct script_line *line)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(world.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    script_expect(line, "1", connect(fd, (struct sockaddr *)&name, sizeof(name)) == -1);
    close(fd);
}

/* What was received is one response, whose Content-Length is that of its body. */
static void run_whole(const struct script_line *line)
{
    const char *length = strstr(run.received, "Content-Length: ");
    const char *body = strstr(run.received, "\r\n\r\n");
    assert_true(length != NULL && body != NULL && length < body);
    char want[24];
    snprintf(want, sizeof(want), "%zu", strlen(body + 4));
    script_expect(line, want, strtoull(length + strlen("Content-Length: "), NULL, 10));
}

static void run_shut(const struct script_line *line)
{
    (void)line;
    close_server();
}

/* ---- verbs of one row ---- */

static void run_chunked(const struct script_line *line)
{
    (void)line;
    struct span text = SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "5\r\nhello\r\n1;ext=1\r\n,\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
                            "GET /raw HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t cut = 1; cut < text.len; cut++) {
        int fd = dial();
        put(fd, (struct span){text.ptr, cut});
        for (int i = 0; i < 3; i++)
            turn();
        put(fd, span_skip(text, cut));
        const char *got = receive(fd, "raw");
        assert_non_null(strstr(got, "\r\n\r\nhello, world"));
        close(fd);
    }
}

/* bad TEXT: is refused with 400, once, and the connection closed */
static void run_bad(const struct script_line *line)
{
    int fd = dial();
    put(fd, span_of(bytes_of(script_rest(line, 0))));
    const char *got = receive(fd, NULL);
    if (strncmp(got, "HTTP/1.1 400 ", 13) != 0)
        fail_msg("no 400 for [%s] but [%s]", line->text, got);
    assert_non_null(strstr(got, "Connection: close"));
    assert_non_null(strstr(got, "\"code\":\"bad-request\""));
    assert_int_equal(count_of(got, "HTTP/1.1 "), 1);
    close(fd);
}

static void run_noise(const struct script_line *line)
{
    (void)line;
    unsigned seed = (unsigned)uv_hrtime();
    print_message("seed %u\n", seed);
    static const char alphabet[] =
        "GET POST/hello HTTP/1.1\r\n\r\n\r\n:;=0123456789abcdef\t \x01\xFF"
        "Transfer-Encoding: chunked\r\nContent-Length: ";
    for (int round = 0; round < 2000; round++) {
        char text[300];
        size_t len = (size_t)(rand_r(&seed) % 299) + 1;
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[(unsigned)rand_r(&seed) % (sizeof(alphabet) - 1)];
        int fd = dial();
        if (rand_r(&seed) % 2 == 0)
            put(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
        put(fd, (struct span){text, len});
        turn();
        turn();
        close(fd);
    }
}

/* Heads that overlap, for longer than the timeout of one. False: this machine was so slow that one
 * of them really was late. */
static bool heads_are_in_time(void)
{
    int fd = dial();
    bool in_time = true;
    world.answered = 0;
    put(fd, SPAN("GET /hello HTTP/1.1\r\nHos"));
    for (unsigned i = 1; i <= 6 && in_time; i++) {
        turn();
        uint64_t began_ms = now_ms();
        uv_sleep(300);
        in_time = now_ms() - began_ms < 450;
        if (in_time) {
            put(fd, SPAN("t: a\r\n\r\nGET /hello HTTP/1.1\r\nHos"));
            receive(fd, "\r\n\r\nhello");
            assert_int_equal(world.answered, i);
        }
    }
    close(fd);
    return in_time;
}

/* Also of a head that begins in the packet in which another ends. */
static void run_heads(const struct script_line *line)
{
    bool measured = false;
    (void)line;
    for (int tries = 0; tries < 20 && !measured; tries++)
        measured = heads_are_in_time();
    assert_true(measured);
}

/* among TEXT: each of five such requests is answered in the turn in which it arrives, while the
 * loop reads the large heads of a crowd, a few in each turn. */
static void run_among(const struct script_line *line)
{
    const struct http_stats *stats = http_server_stats(world.server);
    int other = *fd_at(line);
    for (unsigned i = 0; i < run.crowd_len; i++)
        wait_until_there(run.crowd[i]);
    while (stat_of(&stats->bytes_in) < run.crowd_len * HTTP_BUFFER_LEN)
        turn();
    struct span request = span_of(bytes_of(script_rest(line, 1)));
    for (int n = 0; n < 5; n++) {
        uint64_t before = stat_of(&stats->bytes_in);
        unsigned turns = world.turns;
        put(other, request);
        wait_until_there(other);
        turn();
        assert_int_equal(world.noted_turn, turns + 1);
        assert_in_range(stat_of(&stats->bytes_in) - before - request.len, 0,
                        HTTP_AGAIN_PER_TURN * 16384);
        receive(other, "hello");
    }
}

static void run_streams(const struct script_line *line)
{
    (void)line;
    enum { MANY = 1500 }; /* more than one pump */
    static int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial();
        put(fds[i], SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
        if (i % 50 == 0)
            turn();
    }
    while (http_channel_streams(world.channel) < MANY)
        turn();
    for (int i = 0; i < MANY; i += 3) { /* a third leaves in the middle of it */
        close(fds[i]);
        if (i == 600)
            publish("data: old\n\n");
    }
    publish("data: new\n\n");
    for (int i = 0; i < MANY; i++) {
        if (i % 3 == 0)
            continue;
        receive(fds[i], "data: new\n\n");
        close(fds[i]);
    }
    while (http_channel_streams(world.channel) > 0)
        turn();
}

static void run_slow(const struct script_line *line)
{
    (void)line;
    int slow = dial(), quick = dial();
    put(slow, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    put(quick, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    receive(quick, "first");
    while (http_channel_streams(world.channel) < 2)
        turn();
    size_t filler_len = 1 << 20;
    char *filler = malloc(filler_len + 64);
    for (int version = 0; version < 20; version++) {
        int len = sprintf(filler, "data: v%d ", version);
        memset(filler + len, 'z', filler_len);
        strcpy(filler + (size_t)len + filler_len, version == 19 ? "END\n\n" : "\n\n");
        publish(filler);
        char mark[16];
        sprintf(mark, "v%d ", version);
        receive(quick, mark);
        while (recv(quick, world.received, RECEIVED_MAX, 0) > 0)
            turn();
    }
    free(filler);
    uint64_t skipped = stat_of(&http_server_stats(world.server)->stream_skips);
    assert_true(skipped == 0); /* counted when it catches up */
    receive(slow, "END\n\n");
    assert_true(stat_of(&http_server_stats(world.server)->stream_skips) > 0);
    close(slow);
    close(quick);
}

static const struct script_verb verbs[] = {
    {"open", run_open},       {"dial", run_dial},
    {"send", run_send},       {"get", run_get},
    {"fill", run_fill},       {"until", run_until},
    {"end", run_end},         {"quiet", run_quiet},
    {"has", run_has},         {"count", run_count},
    {"big", run_big},         {"wait", run_wait},
    {"is", run_is},           {"turns", run_turns},
    {"sleep", run_turns},     {"for", run_turns},
    {"answer", run_answer},   {"close", run_close},
    {"reset", run_reset},     {"publish", run_publish},
    {"drain", run_drain},     {"refused", run_refused},
    {"whole", run_whole},     {"shut", run_shut},
    {"repeat", run_repeat},   {"begin", run_part},
    {"finish", run_part},     {"half", run_half},
    {"exact", run_exact},     {"bytes", run_bytes},
    {"trickle", run_trickle}, {"crowd", run_crowd},
    {"each", run_each},       {"leave", run_leave},
    {"mark", run_mark},       {"since", run_since},
    {"chunked", run_chunked}, {"bad", run_bad},
    {"noise", run_noise},     {"heads", run_heads},
    {"among", run_among},     {"streams", run_streams},
    {"slow", run_slow},       {NULL, NULL},
};

static void run_row(void **state)
{
    const struct script_row *row = *state;
    run.received = "";
    if (strncmp(row->script, "open ", 5) != 0)
        open_with(http_limits_default(), NULL, NULL);
    script_run(row, verbs);
    for (int i = 0; i < 26; i++) {
        if (run.fds[i] >= 0)
            close(run.fds[i]);
    }
    run_leave(NULL);
    world_close();
}

static const struct script_row rows[] = {
    {"a connection is kept after a response",
     "get A /hello; until A ~~hello; has HTTP/1.1 200 OK~Date: &~Content-Type: text/plain~"
     "Content-Length: 5~; count 0 Connection:; get A /hello; until A ~~hello; get A /hello;"
     "until A ~~hello; is answered 3; is writes 3"},
    {"pipelined requests are answered in order by one write",
     "send A GET /p/a/x@~GET /p/b/x@~GET /p/c/x@~GET /p/d/x@~GET /p/e/x@~; until A e|;"
     "has a|&b|&c|&d|&e|; is writes 1"},
    {"more pipelined requests than a turn takes are all answered",
     "get A /hello 399; get A /raw; until A ~~raw; count 399 hello"},
    {"a handler closes the server while others wait for a turn",
     "open per_turn=1; get A /hello; get A /end; get A /hello; get B /hello; get B /end;"
     "get B /hello; get C /hello; get C /end; get C /hello; wait later 1; close A; close B;"
     "close C; answer; turns 5; is answered 3"},
    {"a request that differs in a letter is parsed anew",
     "send A GET /again/one?q=1@~GET /again/two?q=1@~GET /again/two?q=1@~GET /again/two?q=2@~;"
     "send A GET /again/two?q=2@Authorization: Bearer z~~;"
     "send A POST /echo@Content-Length: 4~~ab|.POST /echo@Content-Length: 4~~cd|.;"
     "send A POST /echo@Content-Length: 4~~cd|.GET /again/two?q=2@~;"
     "send A POST /echo@Content-Length: 5~~<end>; until A <end>; has <new/one/1/>&<new/two/1/>&"
     "<same/two/1/>&<new/two/2/>&<new/two/2/z>&ab|&cd|&cd|&<new/two/2/>"},
    {"a waiting request keeps its serial",
     "get A /again/one?q=1 2; get A /later; get A /again/end?q=1; wait later 1; is serial 3;"
     "get B /again/one?q=1 2; get B /later; get B /again/end?q=1; wait later 2; answer;"
     "until A <new/end/1/>; until B <new/end/1/>; is serial 8"},
    {"a repeated request on another connection is parsed anew",
     "get A /again/one?q=1; until A <new/one/1/>; get A /again/one?q=1; until A <new/one/1/>;"
     "get B /again/one?q=1; until B <new/one/1/>"},
    {"HEAD gets the head of GET",
     "send A HEAD /hello@~HEAD /raw@~GET /hello@Connection: close~~; end A; count 1 hello;"
     "count 2 Content-Length: 5; count 0 raw"},
    {"a body of known length reaches the handler",
     "send A POST /echo@Content-Length: 50000~~; turns 1; fill A x 49999; fill A z 1; get A /hello;"
     "until A hello; has ~~xxxx&xxxzHTTP/1.1 200"},
    {"Expect gets a 100 before the body",
     "send A POST /echo@Content-Length: 4~Expect: 100-continue~~; until A HTTP/1.1 100 Continue~~;"
     "send A body; until A ~~body"},
    {"an expected body that is too large is refused at once",
     "send A POST /echo@Content-Length: 100001~Expect: 100-continue~~; end A; has HTTP/1.1 413 ;"
     "count 0 100 Continue"},
    {"a chunked body that is too large is refused",
     "send A POST /echo@Transfer-Encoding: chunked~~c000~; fill A y 49152; send A ~c000~; turns 1;"
     "fill A y 49152; send A ~c000~; turns 1; fill A y 49152; end A; has HTTP/1.1 413 "},
    {"a large shared body reaches a slow reader whole",
     "get A /big; get A /raw; turns 20; until A ~~raw; big 1"},
    {"a large body of the handler reaches a slow reader whole",
     "get A /long; get A /raw; turns 20; until A ~~raw; big 1"},
    {"a repeated request waits for a slow reader",
     "get A /big 2; get A /raw; turns 20; until A ~~raw; big 2"},
    {"an unknown path is a 404",
     "get A /nothing; until A }; has 404 Not Found&application/problem+json&\"not-found\""},
    {"an unknown method of a path is a 405",
     "send A DELETE /hello@~; until A }; has 405 Method Not Allowed;"
     "has ~Allow: GET, HEAD, POST, OPTIONS~"},
    {"OPTIONS has no body", "send A OPTIONS /hello@~; until A ~~; has 204 No Content;"
                            "count 0 Content-Length"},
    {"an unknown method is a 400", "send A BREW /hello@~; end A; has HTTP/1.1 400 "},
    {"the rest of a path is one parameter", "get A /files/a/b/c.js; until A ~~a/b/c.js|"},
    {"a client without a trusted proxy cannot choose its address",
     "send A GET /p/n/x@X-Forwarded-For: 1.2.3.4~X-Forwarded-Proto: https~~;"
     "until A |127.0.0.1|plain"},
    {"the visitor behind trusted proxies is found",
     "open trusted=127.0.0.0/8,10.0.0.0/8;"
     "send A GET /p/n/x@X-Forwarded-For: 1.2.3.4, 198.51.100.7, 10.1.2.3~"
     "X-Forwarded-Proto: https~~; until A |198.51.100.7|tls;"
     "send A GET /p/n/x@X-Forwarded-For: junk~~; until A |127.0.0.1|plain"},
    {"another header names the visitor",
     "open trusted=127.0.0.0/8 header=CF-Connecting-IP;"
     "send A GET /p/n/x@X-Forwarded-For: 1.2.3.4~cf-connecting-ip: 2001:db8::7~~;"
     "until A |2001:db8::7|plain; send A GET /p/n/x@X-Forwarded-For: 1.2.3.4~~;"
     "until A |127.0.0.1|plain; send A GET /p/n/x@CF-Connecting-IP: 1.2.3.4~"
     "CF-Connecting-IP: 5.6.7.8~~; until A |127.0.0.1|plain"},
    {"Forwarded names the visitor",
     "open trusted=127.0.0.0/8 header=forwarded; send A GET /p/n/x@X-Forwarded-For: 1.2.3.4~"
     "Forwarded: for=9.9.9.9, for=\"[2001:db8::7]:4711\"^proto=https~~;"
     "until A |2001:db8::7|plain; send A GET /p/n/x@Forwarded: for=_hidden~~;"
     "until A |127.0.0.1|plain"},
    {"no response overtakes a later one", "get A /later; get A /raw; wait later 1; quiet A; answer;"
                                          "is later-paths 1; until A ~~raw; has hello"},
    {"a response to a client that has left is dropped",
     "get A /later; wait later 1; reset A; answer; get B /raw; until B ~~raw"},
    {"a handler may answer several requests out of order",
     "get A /later; get B /later; get C /later; wait later 3; answer; until A hello;"
     "until B hello; until C hello"},
    {"HTTP/1.0 is answered and closed", "send A GET /hello HTTP/1.0~~; end A; has HTTP/1.1 200 "},
    {"TRACE is a 501", "send A TRACE /hello@Connection: close~~; end A; has HTTP/1.1 501 "},
    {"an unknown expectation is a 417",
     "send A POST /echo@Expect: miracles~Content-Length: 1~~x; end A; has HTTP/1.1 417 "},
    {"a body where none is taken is a 413",
     "send A POST /hello@Content-Length: 3~~abc; end A; has HTTP/1.1 413 "},
    {"a target may be absolute",
     "send A GET http://a/hello@Connection: close~~; end A; has HTTP/1.1 200 "},
    {"a long target is a 414", "send A GET /; fill A 7 5000; send A @~; end A; has HTTP/1.1 414 "},
    {"a long head is a 431",
     "send A GET /hello@X: ; fill A 7 20000; send A ~~; end A; has HTTP/1.1 431 "},
    {"a request that waits for its next turn does not time out",
     "open timeouts=300 per_turn=1; get A /hello 2; wait answered 1; sleep 800; wait answered 2;"
     "is timeouts 0"},
    {"a body that does not arrive is a 408",
     "open timeouts=300; send A POST /echo@Content-Length: 10~~abc; end A; has HTTP/1.1 408 "},
    {"an idle connection is closed", "open timeouts=300; get A /hello; end A; count 1 hello"},
    {"a client that does not read is closed",
     "open timeouts=300; get A /big; wait timeouts 1; close A; turns 5; big 0"},
    {"a request does not time out in its handler",
     "open timeouts=300; get A /later; wait later 1; for 1200; answer; until A hello"},
    {"connections above the limit get a 503",
     "open connections=2; get A /hello; until A hello; dial B; end C;"
     "has 503 Service Unavailable&too-many-connections; whole"},
    {"an address has its own limit of connections",
     "open per_addr=2; dial A; dial B; end C; has 503; close A; wait connections 1; get D /hello;"
     "until D hello"},
    {"a trusted proxy is exempt from the limit of an address",
     "open per_addr=2 trusted=127.0.0.1; get A /hello; until A hello; get B /hello; until B hello;"
     "get C /hello; until C hello; get D /hello; until D hello"},
    {"a stream gets what is published",
     "get A /stream; until A data: first; has Content-Type: text/event-stream~; is streams 1;"
     "publish data: second~; until A data: second~; publish data: third~; until A data: third~;"
     "close A; wait streams 0"},
    {"draining answers begun requests and ends the others",
     "dial A; get B /later; get C /stream; until C first; wait later 1; drain 5000; end A; end C;"
     "is drained 0; answer; end B; has hello; wait drained 1; refused"},
    {"draining has a time limit",
     "get A /later; wait later 1; drain 200; wait drained 1; shut; answer"},
    {"a request in single bytes is parsed",
     "bytes A GET /p/some-name/x?a=1&q=tion@Cookie: b=2^ c=\"val\"^ c=3~Authorization: bearer  tok "
     "~~;"
     "until A plain; has ~~some-name|tion|val|tok|127.0.0.1|plain"},
    {"a repeated request is recognised unless a buffer ends in it",
     "repeat A 150 GET /again/one?q=1@Authorization: Bearer x~~; get A /raw; until A raw;"
     "count 150 /one/1/x>; count 1..50 <new/one/1/x>; count 100..149 <same/one/1/x>"},
    {"a chunked body is decoded wherever it is cut", "chunked"},
    {"a malformed request gets a 400 and is closed",
     "bad GET /hello HTTP/1.1\nHost: a\n\n; bad GET /hello HTTP/1.1~Host: a\n~; bad GET /hello@\n;"
     "bad GET /hello@X: b~ c~~; bad GET /hello@Host: a~~; bad GET /hello HTTP/1.1~~;"
     "bad GET /hello HTTP/1.1~Host:~~; bad GET /hello HTTP/1.1~Host : a~~; bad GET /hello@: b~~;"
     "bad GET /hello@X y: b~~; bad GET /hello@X: \x01~~; bad GET  /hello@~; bad GET /hel lo@~;"
     "bad GET /\x01@~; bad GET hello@~;"
     "bad POST /echo@Content-Length: 5~Transfer-Encoding: chunked~~;"
     "bad POST /echo@Transfer-Encoding: chunked~Content-Length: 5~~;"
     "bad POST /echo@Content-Length: 5~Content-Length: 6~~; bad POST /echo@Content-Length: +5~~;"
     "bad POST /echo@Content-Length: -5~~; bad POST /echo@Content-Length: 0x5~~;"
     "bad POST /echo@Content-Length: 99999999999999999999~~;"
     "bad POST /echo@Transfer-Encoding: chunked, identity~~;"
     "bad POST /echo@Transfer-Encoding: chunked~~-1~;"
     "bad POST /echo@Transfer-Encoding: chunked~~5\nhello~0~~;"
     "bad POST /echo@Transfer-Encoding: chunked~~5~helloXX0~~;"
     "bad POST /echo@Transfer-Encoding: chunked~~5^\x01~hello~0~~; bad PRI * HTTP/2.0~~SM~~;"
     "bad nonsense~~; bad \x16\x03\x01\x02; is malformed 30"},
    {"too many headers are a 431",
     "send A GET /hello@; repeat A 70 X: y~; send A ~; end A; has HTTP/1.1 431 "},
    {"random bytes do not stop the server", "noise; get A /hello; until A hello"},
    {"a head that arrives byte by byte times out",
     "open timeouts=300; trickle A GET /hello@X-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;"
     "has HTTP/1.1 408 "},
    {"the timeout of a head begins with the head", "open timeouts=300 head=1200; heads"},
    {"many requests of one client do not delay others",
     "dial A; dial B; turns 1; get A /page 60; get B /hello; until B hello; is answered 2..11"},
    {"many interrupted clients do not delay others",
     "open per_turn=1; dial A; crowd 40; each 1 GET /hello@~GET /hello@~GET /hello@~;"
     "wait answered 40..; get A /hello; mark; until A hello; since 1..20; wait answered 121"},
    {"many large senders do not delay others",
     "dial A; crowd 60; each 3 large; among A GET /noted@~; wait answered 185"},
    {"a head with many cookies is served in the turn it arrives",
     "dial A; crowd 60; each 3 large; among A GET /noted@Cookie: shop=%~~; wait answered 185"},
    {"waiting clients that leave are forgotten",
     "crowd 20; each 1 large; wait bytes_in 81920..; leave reset; wait connections 0"},
    {"a head that fills a read is continued",
     "dial A; dial B; wait connections 2; begin A; begin B; half B; wait connections 1; turns 5;"
     "is connections 1; finish A; until A ~~hello; is answered 1"},
    {"a request that fills a read is followed by others",
     "exact A; until A ~~hello; turns 5; get A /hello; until A ~~hello; is answered 2; exact A;"
     "until A ~~hello; turns 5; get A /hello; until A ~~hello; is answered 4; exact A;"
     "until A ~~hello; turns 5; get A /hello; until A ~~hello; is answered 6"},
    {"many expensive requests do not delay others",
     "crowd 30; dial A; wait connections 31; each 20 GET /dear@~; get A /hello; until A hello;"
     "is answered 1..60; mark; get A /hello; until A hello; since turns; wait answered 602"},
    {"the second of two expensive requests ends the turn",
     "dial A; wait connections 1; repeat A 20 GET /dear@~; wait answered 1..; is answered 2;"
     "wait answered 20"},
    {"a client that does not read costs bounded memory",
     "dial A room=16384; get A /page 300; wait answered 1..; turns 1000; is bytes_out 1..400000;"
     "is answered 1..24"},
    {"many streams all get the newest version", "streams"},
    {"a slow stream skips to the newest version", "slow"},
};

/* ---- without a server ---- */

static void an_invalid_address_to_listen_on_is_named(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct err_slot err;
    struct http_router *router;
    assert_int_equal(http_router_create(&err, &router), 0);
    struct http_server *server = NULL;
    struct http_server_conf conf = {
        .loop = &loop, .router = router, .host = "localhost", .limits = http_limits_default()};
    assert_int_equal(http_server_create(&conf, &err, &server), ERR_SYNTAX);
    assert_non_null(strstr(err.text, "localhost"));
    conf.host = "192.0.2.1";
    assert_int_equal(http_server_create(&conf, &err, &server), ERR_IO);
    conf.host = "127.0.0.1";
    conf.trusted_proxies = "10.0.0.0/33";
    assert_true(http_server_create(&conf, &err, &server) < 0);
    assert_null(server);
    assert_int_equal(uv_loop_close(&loop), 0);
    http_router_destroy(router);
}

static unsigned found(const struct http_router *router, const char *path)
{
    struct http_match match;
    http_router_find(router, HTTP_METHOD_GET, span_of(path), &match);
    return match.status;
}

static void routes_are_added_up_to_the_first_duplicate(void **state)
{
    (void)state;
    static const struct http_route table[] = {
        {HTTP_METHOD_GET, "/a", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/b/{x}", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/a", on_hello, NULL, 0},
        {HTTP_METHOD_GET, "/c", on_hello, NULL, 0},
    };
    struct err_slot err;
    struct http_router *router;
    assert_int_equal(http_router_create(&err, &router), 0);
    assert_int_equal(http_router_add_all(router, table, 0, &err), 0);
    assert_int_equal(found(router, "/a"), 404);
    assert_int_equal(http_router_add_all(router, table, 2, &err), 0);
    assert_int_equal(found(router, "/a"), 200);
    assert_int_equal(found(router, "/b/1"), 200);
    assert_int_equal(http_router_add_all(router, table + 2, 2, &err), ERR_EXISTS);
    assert_string_equal(err.text, "route GET /a is there already");
    assert_int_equal(found(router, "/c"), 404);
    static const struct http_route same = {HTTP_METHOD_GET, "/b/{y}", on_hello, NULL, 0};
    assert_int_equal(http_router_add(router, &same, &err), ERR_EXISTS);
    http_router_destroy(router);
}

static void escapes_in_urls_are_decoded_or_refused(void **state)
{
    (void)state;
    char memory[16];
    struct text out = text_on(memory, sizeof(memory));
    assert_true(http_url_decode(SPAN("a%20b+c%ED"), false, &out));
    assert_true(span_eq(text_span(&out), SPAN("a b+c\xED")));
    out = text_on(memory, sizeof(memory));
    assert_true(http_url_decode(SPAN("a+b"), true, &out));
    assert_true(span_eq(text_span(&out), SPAN("a b")));
    static const char *const bad[] = {"%", "%2", "%zz", "abc%4"};
    for (size_t i = 0; i < 4; i++) {
        out = text_on(memory, sizeof(memory));
        assert_false(http_url_decode(span_of(bad[i]), true, &out));
    }
    out = text_on(memory, 2);
    assert_false(http_url_decode(SPAN("abc"), true, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invalid_address_to_listen_on_is_named),
        cmocka_unit_test(routes_are_added_up_to_the_first_duplicate),
        cmocka_unit_test(escapes_in_urls_are_decoded_or_refused),
    };
    return script_tests(SCRIPT_LIST(tests), SCRIPT_LIST(rows), run_row);
}
