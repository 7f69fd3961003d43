/* http_server_test.c: the server on a real loop with real sockets. The test is the client: it turns
 * the loop by hand until the expected bytes have come, or fails after WAIT_S. The loop's clock is
 * the test's.
 *
 * Connections are called A to Z. In texts ~ is CRLF, ^ is a semicolon, ` a percent sign, @ is
 * " HTTP/1.1~Host: a~" and %500% is 500 letters. */
#include "script.h"

#include "base/bug.h"
#include "base/ip.h"
#include "http/http_internal.h"
#include "http/http_server.h"
#include "page/form.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT_S = 30,
    RECEIVED_MAX = 32 << 20,
    KEPT_MAX = 32,
    PAGE_LEN = 16384,
    CROWD_MAX = 1500,
};

static struct world {
    uv_loop_t loop;
    struct http_router *router;
    struct http_server *server;
    struct http_channel *channel, *older;
    struct http_req *kept[KEPT_MAX]; /* by the /later handler */
    unsigned kept_len;
    unsigned later_paths; /* responses sent while the request's path was still /later */
    unsigned rooms;       /* request rooms that have not ended yet */
    struct http_blob *big;
    struct clock_fake clock;    /* paused, except that /dear advances it */
    unsigned turns, noted_turn; /* turns of the loop; the turn of /noted's response */
    uint64_t serial;            /* serial of the last request to /again or /later */
    bool closing, closed;
    bool drained;
    bool hurried;  /* publishes before each turn */
    uint16_t port; /* the drained port */
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

static void on_form(struct http_req *req)
{
    char memory[16];
    struct text field = text_on(memory, sizeof(memory));
    reply(req, form_field(req, SPAN("a"), &field));
}

static void on_param(struct http_req *req)
{
    char memory[512], addr[INET6_ADDRSTRLEN];
    struct text body = text_on(memory, sizeof(memory));
    text_put(&body, http_req_param(req, 0));
    text_char(&body, '|');
    text_put(&body, http_req_query_arg(req, SPAN("q")));
    text_char(&body, '|');
    text_put(&body, http_req_cookie(req, SPAN("c")));
    text_char(&body, '|');
    text_put(&body, http_req_bearer(req));
    text_char(&body, '|');
    text_str(&body, inet_ntop(AF_INET6, http_req_addr(req), addr, sizeof(addr)));
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

static void on_room_end(void *room)
{
    assert_int_equal(*(uint32_t *)room, 7);
    world.rooms--;
}

static void take_room(struct http_req *req)
{
    uint32_t *room = http_req_room(req, sizeof(*room), on_room_end);
    assert_int_equal(*room, 0);
    *room = 7;
    assert_non_null(http_req_room(req, 1000, NULL));
    world.rooms++;
}

static void on_later(struct http_req *req)
{
    expect_a_new_serial(req);
    take_room(req);
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

/* Two of them exceed a turn's time, one takes more than half of it. */
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
    take_room(req);
    http_reply_stream(req, world.channel, first, (struct span){NULL, 0});
    http_blob_unref(first);
}

static void on_older(struct http_req *req)
{
    http_reply_stream(req, world.older, NULL, (struct span){NULL, 0});
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
    {HTTP_METHOD_POST, "/form", on_form, NULL, 99},
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
    {HTTP_METHOD_GET, "/older", on_older, NULL, 0},
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
    assert_int_equal(http_channel_create(world.server, &channel, &err, &world.older), 0);
    assert_int_equal(http_channel_create(world.server, &channel, &err, &world.channel), 0);
    size_t big_len = 12 << 20; /* more than the sockets' buffers */
    char *big = malloc(big_len);
    for (size_t i = 0; i < big_len; i++)
        big[i] = (char)('a' + i % 23);
    world.big = blob_of((struct span){big, big_len});
    free(big);
    world.received = malloc(RECEIVED_MAX);
}

/* Each deadline kept its slot. */
static void expect_no_stall(void *ctx, const struct bug_place *place)
{
    (void)ctx;
    assert_true(strcmp(place->what, "loop-stood-still") != 0 || place->count == 0);
}

static void world_close(void)
{
    bug_each(expect_no_stall, NULL);
    for (unsigned i = 0; i < world.kept_len; i++) {
        if (world.kept[i] != NULL)
            on_hello(world.kept[i]);
    }
    close_server();
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_true(world.closed);
    assert_int_equal(uv_loop_close(&world.loop), 0); /* every handle was closed */
    assert_int_equal(world.rooms, 0);
    http_router_destroy(world.router);
    http_blob_unref(world.big);
    free(world.received);
}

/* ---- time ---- */

static uint64_t passed_ms;

/* Replaces the C library's function. It begins just before its milliseconds exceed 32 bits. */
int clock_gettime(clockid_t id, struct timespec *now)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, id, now);
    uint64_t ms = UINT64_C(4294967000) + passed_ms;
    *now = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    return 0;
}

/* The deadline of a wait that begins now. */
static time_t wait_end(void)
{
    return time(NULL) + WAIT_S;
}

static void publish(struct http_channel *channel, const char *text)
{
    struct http_blob *blob = blob_of(span_of(text));
    http_channel_publish(channel, blob);
    http_blob_unref(blob);
}

static void turn(void)
{
    world.turns++;
    if (world.hurried)
        publish(world.channel, "data: again\n\n");
    uv_run(&world.loop, UV_RUN_NOWAIT);
}

/* ---- the client ---- */

/* `room`: the client's receive buffer in bytes, 0 for the default. Returns -1 if refused. */
static int dial(uint16_t port, int room)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (room > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int dial_server(void)
{
    int fd = dial(http_server_port(world.server), 0);
    assert_true(fd >= 0);
    return fd;
}

static void hang_up(int fd, bool by_reset)
{
    const struct linger hard = {1, 0};
    if (by_reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
}

static void put(int fd, struct span text)
{
    assert_int_equal(send(fd, text.ptr, text.len, MSG_NOSIGNAL), text.len);
}

/* Receives up to `until`, or (NULL) until the server closes. Returns all of it. */
static const char *receive(int fd, const char *until)
{
    size_t len = 0;
    time_t end = wait_end();
    world.received[0] = '\0';
    while (time(NULL) < end) {
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
    if (until != NULL || time(NULL) >= end)
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

/* ---- scripts ---- */

static struct {
    int fds[26];
    int crowd[CROWD_MAX];
    unsigned crowd_len;
    unsigned answered, turns; /* responses and turns since "mark" */
    const char *received;
} run;

static bool is_verb(const struct script_line *line, const char *verb)
{
    return strcmp(line->words[0], verb) == 0;
}

static void limit(const struct script_line *line, const char *name, uint32_t *value)
{
    *value = (uint32_t)script_value_or(line, name, *value);
}

/* open LIMIT=NUMBER... trusted=LIST header=NAME: another server than the usual one */
SCRIPT_VERB(run_open, "open")
{
    world_close();
    struct http_limits limits = http_limits_default();
    limit(line, "head_ms", &limits.head_timeout_ms);
    limit(line, "body_ms", &limits.body_timeout_ms);
    limit(line, "idle_ms", &limits.idle_timeout_ms);
    limit(line, "write_ms", &limits.write_timeout_ms);
    limit(line, "per_turn", &limits.requests_per_turn_max);
    limit(line, "connections", &limits.connections_max);
    limit(line, "per_addr", &limits.connections_per_addr_max);
    world_open(limits, script_value(line, "trusted"), script_value(line, "header"));
}

/* The connection whose letter follows the verb; its first use makes it. */
static int *fd_at(const struct script_line *line)
{
    int *fd = &run.fds[script_word(line, 1)[0] - 'A'];
    if (*fd < 0)
        *fd = dial_server();
    return fd;
}

/* Writes the letters of "%COUNT%"; returns the second %. */
static const char *put_letters(struct text *out, const char *at)
{
    char *end;
    for (unsigned long count = strtoul(at + 1, &end, 10); count > 0; count--)
        text_char(out, 'y');
    assert_int_equal(*end, '%');
    return end;
}

/* The bytes of a row's text, NUL-terminated. */
static struct span bytes_of(const char *text)
{
    static char memory[65536];
    struct text out = text_on(memory, sizeof(memory) - 1);
    for (; *text != '\0'; text++) {
        if (*text == '~')
            text_str(&out, "\r\n");
        else if (*text == '@')
            text_str(&out, " HTTP/1.1\r\nHost: a\r\n");
        else if (*text == '%')
            text = put_letters(&out, text);
        else
            text_char(&out, *text == '^' ? ';' : *text == '`' ? '%' : *text);
    }
    assert_false(out.overflown);
    memory[out.len] = '\0';
    return text_span(&out);
}

/* dial A room=BYTES */
SCRIPT_VERB(run_dial, "dial")
{
    int room = (int)script_value_or(line, "room", 0);
    run.fds[script_word(line, 1)[0] - 'A'] = dial(http_server_port(world.server), room);
}

/* send A TEXT; get A /path */
SCRIPT_VERB(run_send, "send|get")
{
    const char *text = script_rest(line, 1);
    char get[256];
    if (is_verb(line, "get")) {
        snprintf(get, sizeof(get), "GET %s@~", text);
        text = get;
    }
    put(*fd_at(line), bytes_of(text));
}

/* repeat A TIMES TEXT: in one packet */
SCRIPT_VERB(run_repeat, "repeat")
{
    static char memory[32768];
    struct text text = text_on(memory, sizeof(memory));
    for (uint64_t n = script_number_at(line, 2); n > 0; n--)
        text_put(&text, bytes_of(script_rest(line, 2)));
    assert_false(text.overflown);
    put(*fd_at(line), text_span(&text));
}

/* bytes A TEXT: single bytes, each in a turn */
SCRIPT_VERB(run_bytes, "bytes")
{
    struct span text = bytes_of(script_rest(line, 1));
    for (size_t i = 0; i < text.len; i++) {
        put(*fd_at(line), (struct span){text.ptr + i, 1});
        turn();
    }
}

/* crowd COUNT: connections that the server has accepted */
SCRIPT_VERB(run_crowd, "crowd")
{
    const struct http_stats *stats = http_server_stats(world.server);
    uint64_t there = atomic_load(&stats->connections);
    run.crowd_len = (unsigned)script_number_at(line, 1);
    assert_in_range(run.crowd_len, 1, CROWD_MAX);
    for (unsigned i = 0; i < run.crowd_len; i++) {
        run.crowd[i] = dial_server();
        turn();
    }
    while (atomic_load(&stats->connections) < there + run.crowd_len)
        turn();
}

/* each TIMES TEXT: sent by each of the crowd */
SCRIPT_VERB(run_each, "each")
{
    struct span text = bytes_of(script_rest(line, 1));
    for (uint64_t n = script_number_at(line, 1); n > 0; n--) {
        for (unsigned i = 0; i < run.crowd_len; i++)
            put(run.crowd[i], text);
    }
}

/* all TEXT: each of the crowd receives it */
SCRIPT_VERB(run_all, "all")
{
    const char *text = bytes_of(script_rest(line, 0)).ptr;
    for (unsigned i = 0; i < run.crowd_len; i++)
        receive(run.crowd[i], text);
}

/* leave [reset] [third]: the crowd closes its connections, or a third of them */
SCRIPT_VERB(run_leave, "leave")
{
    unsigned stay = 0;
    bool third = line != NULL && script_has(line, "third");
    bool by_reset = line != NULL && script_has(line, "reset");
    for (unsigned i = 0; i < run.crowd_len; i++) {
        if (third && i % 3 != 0)
            run.crowd[stay++] = run.crowd[i];
        else
            hang_up(run.crowd[i], by_reset);
    }
    run.crowd_len = stay;
}

/* until A TEXT; end A: until the server closes */
SCRIPT_VERB(run_receive, "until|end")
{
    int fd = *fd_at(line);
    bool to_the_end = is_verb(line, "end");
    run.received = receive(fd, to_the_end ? NULL : bytes_of(script_rest(line, 1)).ptr);
}

/* Parts of what was received, in this order, separated by &. */
SCRIPT_DOES("has", script_expect_parts(line, bytes_of(script_rest(line, 0)).ptr, run.received))

SCRIPT_VERB(run_count, "count")
{
    const char *part = bytes_of(script_rest(line, 1)).ptr;
    script_expect(line, script_word(line, 1), count_of(run.received, part));
}

/* What was received is a response with this body, which is the big blob as often as it says. */
SCRIPT_VERB(run_big, "big")
{
    const char *at = run.received;
    for (uint64_t n = script_number_at(line, 1); n > 0; n--) {
        at = strstr(at, "\r\n\r\n") + 4;
        assert_memory_equal(at, world.big->bytes, world.big->len);
        at += world.big->len;
    }
    assert_int_equal(atomic_load(&world.big->refs), 1);
}

/* What was received is one response, whose Content-Length is that of its body. */
SCRIPT_VERB(run_whole, "whole")
{
    const char *length = strstr(run.received, "Content-Length: ");
    const char *body = strstr(run.received, "\r\n\r\n");
    assert_true(length != NULL && body != NULL && length < body);
    assert_int_equal(strlen(body + 4), strtoull(length + strlen("Content-Length: "), NULL, 10));
}

/* is NAME=VALUE...: numbers of the server; wait NAME=VALUE...: turns the loop until they fit */
SCRIPT_VERB(run_numbers, "is|wait")
{
    static const struct http_stats none; /* a closed server may be freed */
    for (time_t end = wait_end();; turn()) {
        const struct http_stats *stats = world.closing ? &none : http_server_stats(world.server);
        const struct script_field fields[SCRIPT_FIELDS] = {
            SCRIPT_NUMBER("answered", world.answered),
            SCRIPT_NUMBER("answered_since", world.answered - run.answered),
            SCRIPT_NUMBER("later", world.kept_len),
            SCRIPT_NUMBER("later_paths", world.later_paths),
            SCRIPT_NUMBER("connections", stats->connections),
            SCRIPT_NUMBER("streams", world.closing ? 0 : http_channel_streams(world.channel)),
            SCRIPT_NUMBER("skips", stats->stream_skips),
            SCRIPT_NUMBER("timeouts", stats->timeouts),
            SCRIPT_NUMBER("writes", stats->writes),
            SCRIPT_NUMBER("malformed", stats->malformed),
            SCRIPT_NUMBER("bytes_in", stats->bytes_in),
            SCRIPT_NUMBER("bytes_out", stats->bytes_out),
            SCRIPT_NUMBER("drained", world.drained),
            SCRIPT_NUMBER("serial", world.serial),
        };
        if (is_verb(line, "wait") && time(NULL) < end && !script_values_fit(line, 1, fields))
            continue;
        script_expect_values(line, 1, fields);
        return;
    }
}

SCRIPT_VERB(run_mark, "mark")
{
    run.answered = world.answered;
    run.turns = world.turns;
}

/* No turn since the mark sent more responses than it has time for. */
SCRIPT_VERB(run_fair, "fair")
{
    unsigned each = 1 + HTTP_AGAIN_US / DEAR_US;
    assert_in_range(world.answered - run.answered, 1, 1 + each * (world.turns - run.turns));
}

/* turns COUNT; pass MS: while the loop turns; stall MS: in one turn */
SCRIPT_VERB(run_turns, "turns|pass|stall")
{
    uint64_t count = script_number_at(line, 1);
    uint64_t step_ms = is_verb(line, "pass") ? 10 : is_verb(line, "stall") ? count : 0;
    for (uint64_t done = 0; done<count; done += step_ms> 0 ? step_ms : 1) {
        passed_ms += step_ms;
        turn();
    }
}

/* close A [reset]; half A: its sending half */
SCRIPT_VERB(run_close, "close|half")
{
    int *fd = fd_at(line);
    if (is_verb(line, "half")) {
        shutdown(*fd, SHUT_WR);
        return;
    }
    hang_up(*fd, script_has(line, "reset"));
    *fd = -1;
}

static void on_drained(void *ctx)
{
    assert_ptr_equal(ctx, &world);
    assert_false(world.drained);
    world.drained = true;
}

/* drain MS */
SCRIPT_VERB(run_drain, "drain")
{
    world.port = http_server_port(world.server);
    http_server_drain(world.server, (uint32_t)script_number_at(line, 1), on_drained, &world);
}

/* answer: all requests of /later, the last one first */
SCRIPT_VERB(run_answer, "answer")
{
    while (world.kept_len > 0) {
        struct http_req *req = world.kept[--world.kept_len];
        world.later_paths += span_eq(http_req_path(req), SPAN("/later"));
        on_hello(req);
    }
}

/* streams: answers all requests of /later with a stream, each for a visitor of its own */
SCRIPT_VERB(run_streams, "streams")
{
    for (uint64_t visitor = 1; world.kept_len > 0; visitor++)
        assert_true(http_reply_stream_to(world.kept[--world.kept_len], visitor, 1, world.channel,
                                         NULL, (struct span){NULL, 0}));
}

/* publish TEXT; older TEXT: to the older channel; hurry: from now on the other has news each turn;
 * refused: a connection to the drained port; raw: answers the last request of /later; shut */
SCRIPT_DOES("publish", publish(world.channel, bytes_of(script_rest(line, 0)).ptr))
SCRIPT_DOES("older", publish(world.older, bytes_of(script_rest(line, 0)).ptr))
SCRIPT_DOES("hurry", world.hurried = true)
SCRIPT_DOES("refused", assert_int_equal(dial(world.port, 0), -1))
SCRIPT_DOES("raw", on_raw(world.kept[--world.kept_len]))
SCRIPT_DOES("shut", close_server())

/* cuts TEXT: in two packets, wherever it is cut */
SCRIPT_VERB(run_cuts, "cuts")
{
    struct span text = bytes_of(script_rest(line, 0));
    for (size_t cut = 1; cut < text.len; cut++) {
        int fd = dial_server();
        put(fd, (struct span){text.ptr, cut});
        for (int i = 0; i < 3; i++)
            turn();
        put(fd, span_skip(text, cut));
        assert_non_null(strstr(receive(fd, "raw"), "\r\n\r\nhello, world"));
        close(fd);
    }
}

/* bad TEXT: is refused with 400, once, and the connection closed */
SCRIPT_VERB(run_bad, "bad")
{
    int fd = dial_server();
    put(fd, bytes_of(script_rest(line, 0)));
    const char *got = receive(fd, NULL);
    if (strncmp(got, "HTTP/1.1 400 ", 13) != 0)
        fail_msg("no 400 for [%s] but [%s]", line->text, got);
    assert_non_null(strstr(got, "Connection: close"));
    assert_non_null(strstr(got, "\"code\":\"bad-request\""));
    assert_int_equal(count_of(got, "HTTP/1.1 "), 1);
    close(fd);
}

SCRIPT_VERB(run_noise, "noise")
{
    static const char alphabet[] =
        "GET POST/hello HTTP/1.1\r\n\r\n\r\n:;=0123456789abcdef\t \x01\xFF"
        "Transfer-Encoding: chunked\r\nContent-Length: ";
    const struct rng *rng = unit_rng();
    for (int round = 0; round < 2000; round++) {
        char text[300];
        size_t len = rng_below(rng, 299) + 1;
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[rng_below(rng, sizeof(alphabet) - 1)];
        int fd = dial_server();
        if (rng_below(rng, 2) == 0)
            put(fd, bytes_of("POST /echo@Transfer-Encoding: chunked~~"));
        put(fd, (struct span){text, len});
        turn();
        turn();
        close(fd);
    }
}

/* Waits until the server's socket has all bytes. */
static void wait_until_there(int fd)
{
    time_t end = wait_end();
    int under_way = 1;
    while (under_way > 0 && time(NULL) < end)
        assert_int_equal(ioctl(fd, SIOCOUTQ, &under_way), 0);
    assert_int_equal(under_way, 0);
}

/* among TEXT: each of five such requests is answered in the turn in which it arrives, while the
 * loop reads the large heads of a crowd, a few in each turn. */
SCRIPT_VERB(run_among, "among")
{
    const struct http_stats *stats = http_server_stats(world.server);
    int other = *fd_at(line);
    for (unsigned i = 0; i < run.crowd_len; i++)
        wait_until_there(run.crowd[i]);
    while (stats->bytes_in < run.crowd_len * HTTP_BUFFER_LEN)
        turn();
    struct span request = bytes_of(script_rest(line, 1));
    for (int n = 0; n < 5; n++) {
        uint64_t before = stats->bytes_in;
        unsigned turns = world.turns;
        put(other, request);
        wait_until_there(other);
        turn();
        assert_int_equal(world.noted_turn, turns + 1);
        assert_in_range(stats->bytes_in - before - request.len, 0, HTTP_AGAIN_PER_TURN * 16384);
        receive(other, "hello");
    }
}

/* versions A COUNT: publishes versions of a megabyte; A reads each before the next */
SCRIPT_VERB(run_versions, "versions")
{
    enum { LEN = 1 << 20, END_LEN = 16 };
    char *text = malloc(LEN + END_LEN);
    memset(text, 'z', LEN);
    for (uint64_t nth = 1; nth <= script_number_at(line, 2); nth++) {
        snprintf(text + LEN, END_LEN, "end of %u\n", (unsigned)nth);
        publish(world.channel, text);
        receive(*fd_at(line), text + LEN);
    }
    free(text);
}

static void set_up(void)
{
    run.received = "";
    memset(run.fds, 0xFF, sizeof(run.fds));
    world_open(http_limits_default(), NULL, NULL);
}

static void tear_down(void)
{
    for (int i = 0; i < 26; i++) {
        if (run.fds[i] >= 0)
            close(run.fds[i]);
    }
    run_leave(NULL);
    world_close();
}

static_assert(HTTP_BUFFER_LEN == 4096, "two rows send as much");

static const struct script_row rows[] = {
    {"a connection is kept after a response",
     "get A /hello; until A ~~hello;"
     "has HTTP/1.1 200 OK~Date: &~Content-Type: text/plain~Content-Length: 5~;"
     "count 0 Connection:; get A /hello; until A ~~hello; get A /hello; until A ~~hello;"
     "is answered=3 writes=3"},
    {"pipelined requests are answered in order by one write",
     "send A GET /p/a/x@~GET /p/b/x@~GET /p/c/x@~GET /p/d/x@~GET /p/e/x@~; until A e|;"
     "has a|&b|&c|&d|&e|; is writes=1"},
    {"more pipelined requests than a turn takes are all answered",
     "repeat A 399 GET /hello@~; get A /raw; until A ~~raw; count 399 hello"},
    {"a handler closes the server while others wait for a turn",
     "open per_turn=1; get A /hello; get A /end; get A /hello; get B /hello; get B /end;"
     "get B /hello; get C /hello; get C /end; get C /hello; wait later=1; close A; close B;"
     "close C; answer; turns 5; is answered=3"},
    {"a request that differs in a letter is parsed anew",
     "send A GET /again/one?q=1@~GET /again/two?q=1@~GET /again/two?q=1@~GET /again/two?q=2@~;"
     "send A GET /again/two?q=2@Authorization: Bearer z~~;"
     "send A POST /echo@Content-Length: 4~~ab|.POST /echo@Content-Length: 4~~cd|.;"
     "send A POST /echo@Content-Length: 4~~cd|.GET /again/two?q=2@~;"
     "send A POST /echo@Content-Length: 5~~<end>; until A <end>;"
     "has <new/one/1/>&<new/two/1/>&<same/two/1/>&<new/two/2/>&<new/two/2/z>&ab|&cd|&cd|&"
     "<new/two/2/>"},
    {"a waiting request keeps its serial",
     "repeat A 2 GET /again/one?q=1@~; get A /later; get A /again/end?q=1; wait later=1;"
     "is serial=3; repeat B 2 GET /again/one?q=1@~; get B /later; get B /again/end?q=1;"
     "wait later=2; answer; until A <new/end/1/>; until B <new/end/1/>; is serial=8"},
    {"a repeated request on another connection is parsed anew",
     "get A /again/one?q=1; until A <new/one/1/>; get A /again/one?q=1; until A <new/one/1/>;"
     "get B /again/one?q=1; until B <new/one/1/>"},
    {"HEAD gets the head of GET",
     "send A HEAD /hello@~HEAD /raw@~GET /hello@Connection: close~~; end A; count 1 hello;"
     "count 2 Content-Length: 5; count 0 raw"},
    {"a body of known length reaches the handler",
     "send A POST /echo@Content-Length: 50000~~; turns 1; send A %49999%z; get A /hello;"
     "until A hello; has ~~yyyy&yyyzHTTP/1.1 200"},
    {"Expect gets a 100 before the body",
     "send A POST /echo@Content-Length: 4~Expect: 100-continue~~; until A HTTP/1.1 100 Continue~~;"
     "send A body; until A ~~body"},
    {"an expected body that is too large is refused at once",
     "send A POST /echo@Content-Length: 100001~Expect: 100-continue~~; end A; has HTTP/1.1 413 ;"
     "count 0 100 Continue"},
    {"a chunked body that is too large is refused",
     "send A POST /echo@Transfer-Encoding: chunked~~c000~%49152%~c000~; turns 1;"
     "send A %49152%~c000~; turns 1; send A %49152%; end A; has HTTP/1.1 413"},
    {"a large body, shared or of the handler, reaches a slow reader whole",
     "get A $a; get A /raw; turns 20; until A ~~raw; big 1 || /big | /long"},
    {"a large body is sent in parts, a turn for each",
     "get A /big; get A /raw; until A ~~raw; big 1; is writes=48..999999"},
    {"a large body is read in parts, a turn for each",
     "send A POST /echo@Content-Length: 49999~~; turns 5; send A %49999%; turns 1;"
     "is bytes_in=1..33000; until A yyyy; whole"},
    {"a repeated request waits for a slow reader",
     "repeat A 2 GET /big@~; get A /raw; turns 20; until A ~~raw; big 2"},
    {"an unknown path is a 404",
     "get A /nothing; until A }; has 404 Not Found&application/problem+json&\"not-found\""},
    {"an unknown method of a path is a 405",
     "send A DELETE /hello@~; until A }; has 405 Method Not Allowed;"
     "has ~Allow: GET, HEAD, POST, OPTIONS~"},
    {"OPTIONS has no body",
     "send A OPTIONS /hello@~; until A ~~; has 204 No Content; count 0 Content-Length"},
    {"an unknown method is a 400", "send A BREW /hello@~; end A; has HTTP/1.1 400"},
    {"of two fields of one name the first counts, even if it is malformed",
     "send A POST /form@Content-Type: application/x-www-form-urlencoded~Content-Length: 10~~"
     "a=x`zz&a=y; until A ~~; has Content-Length: 0"},
    {"the rest of a path is one parameter", "get A /files/a/b/c.js; until A ~~a/b/c.js|"},
    {"a client without a trusted proxy cannot choose its address",
     "send A GET /p/n/x@X-Forwarded-For: 1.2.3.4~X-Forwarded-Proto: https~~;"
     "until A :127.0.0.1|plain"},
    {"the visitor behind trusted proxies is found",
     "open trusted=127.0.0.0/8,10.0.0.0/8;"
     "send A GET /p/n/x@X-Forwarded-For: 1.2.3.4, 198.51.100.7, 10.1.2.3~"
     "X-Forwarded-Proto: https~~; until A :198.51.100.7|tls;"
     "send A GET /p/n/x@X-Forwarded-For: junk~~;"
     "until A :127.0.0.1|plain"},
    {"another header names the visitor",
     "open trusted=127.0.0.0/8 header=CF-Connecting-IP;"
     "send A GET /p/n/x@X-Forwarded-For: 1.2.3.4~cf-connecting-ip: 2001:db8::7~~;"
     "until A |2001:db8::7|plain; send A GET /p/n/x@X-Forwarded-For: 1.2.3.4~~;"
     "until A :127.0.0.1|plain;"
     "send A GET /p/n/x@CF-Connecting-IP: 1.2.3.4~CF-Connecting-IP: 5.6.7.8~~;"
     "until A :127.0.0.1|plain"},
    {"no response overtakes a later one", "get A /later; get A /raw; wait later=1; turns 5; is "
                                          "writes=0; answer; is later_paths=1; until A ~~raw;"
                                          "has hello"},
    {"a response to a client that has left is dropped",
     "get A /later; wait later=1; close A reset; turns 10; answer; get B /raw; until B ~~raw"},
    {"a handler may answer several requests out of order",
     "get A /later; get B /later; get C /later; wait later=3; answer; until A hello;"
     "until B hello; until C hello"},
    {"HTTP/1.0 is answered and closed", "send A GET /hello HTTP/1.0~~; end A; has HTTP/1.1 200"},
    {"TRACE is a 501", "send A TRACE /hello@Connection: close~~; end A; has HTTP/1.1 501"},
    {"an unknown expectation is a 417",
     "send A POST /echo@Expect: miracles~Content-Length: 1~~x; end A; has HTTP/1.1 417"},
    {"a body where none is taken is a 413",
     "send A POST /hello@Content-Length: 3~~abc; end A; has HTTP/1.1 413"},
    {"a target may be absolute",
     "send A GET http://a/hello@Connection: close~~; end A; has HTTP/1.1 200"},
    {"a long target is a 414", "send A GET /%5000%@~; end A; has HTTP/1.1 414"},
    {"a long head is a 431", "send A GET /hello@X: %20000%~~; end A; has HTTP/1.1 431"},
    {"a request that waits for its next turn does not time out",
     "open head_ms=300 idle_ms=300 per_turn=1; repeat A 2 GET /hello@~; wait answered=1;"
     "stall 800; wait answered=2; is timeouts=0"},
    {"a body that does not arrive is a 408",
     "open body_ms=300; send A POST /echo@Content-Length: 10~~abc; pass 290; is timeouts=0;"
     "pass 300; is timeouts=1; end A; has HTTP/1.1 408"},
    {"an idle connection is closed",
     "open idle_ms=300; get A /hello; until A hello; pass 290; is connections=1; pass 300;"
     "is connections=0; end A"},
    {"a client that does not read is closed",
     "open write_ms=300; get A /big; turns 20; pass 290; is timeouts=0; pass 3000; is timeouts=1;"
     "close A; turns 5; big 0"},
    {"a request does not time out in its handler",
     "open head_ms=300 body_ms=300 idle_ms=300 write_ms=300; get A /later; wait later=1;"
     "pass 1200; answer; until A hello"},
    {"connections above the limit get a 503",
     "open connections=2; get A /hello; until A hello; dial B; end C;"
     "has 503 Service Unavailable&too-many-connections; whole"},
    {"an address has its own limit of connections",
     "open per_addr=2; dial A; dial B; end C; has 503; close A; wait connections=1; get D /hello;"
     "until D hello"},
    {"a trusted proxy is exempt from the limit of an address",
     "open per_addr=2 trusted=127.0.0.1; get A /hello; until A hello; get B /hello; until B hello;"
     "get C /hello; until C hello; get D /hello; until D hello"},
    {"a stream gets what is published",
     "get A /stream; until A data: first; has Content-Type: text/event-stream~; is streams=1;"
     "publish data: second~; until A data: second~; publish data: third~; until A data: third~;"
     "close A; wait streams=0"},
    {"draining answers begun requests and ends the others",
     "dial A; get B /later; get C /stream; until C first; wait later=1; drain 5000; end A; end C;"
     "is drained=0; answer; end B; has hello; wait drained=1; refused"},
    {"a raw response ends its connection while the server drains",
     "get A /later; wait later=1; drain 5000; raw; end A; has ~~raw; wait drained=1"},
    {"draining answers a request that has arrived but was not read",
     "get A /hello; until A hello; send A GET /hello@~; get B /hello; drain 5000; until A hello;"
     "until B hello; end A; end B; wait drained=1"},
    {"a stream that begins while the server drains ends at once",
     "get A /later; wait later=1; dial B; send B GET /str; turns 3; drain 5000; send B eam@~;"
     "end B; has first; streams; end A; has text/event-stream; wait drained=1"},
    {"a stream for a client that has left is not counted",
     "open connections=2; get A /later; wait later=1; close A reset; wait connections=0; get B "
     "/later;"
     "get C /later; wait later=3; streams; is streams=2"},
    {"draining has a time limit",
     "get A /later; wait later=1; drain 200; pass 190; is drained=0; pass 10; is drained=1; shut;"
     "answer"},
    {"a request in single bytes is parsed",
     "bytes A GET /p/some-name/x?a=1&q=tion@Cookie: b=2^ c=\"val\"^ c=3~"
     "Authorization: bearer  tok ~~; until A plain; has ~~some-name|tion|val|tok|::ffff:127.0.0.1"},
    {"a repeated request is recognised unless a buffer ends in it",
     "repeat A 150 GET /again/one?q=1@Authorization: Bearer x~~; get A /raw; until A raw;"
     "count 150 /one/1/x>; count 1..50 <new/one/1/x>; count 100..149 <same/one/1/x>"},
    {"a chunked body is decoded wherever it is cut",
     "cuts POST /echo@Transfer-Encoding: chunked~~5~hello~1^ext=1~,~6~ world~0~Trailer: x~~"
     "GET /raw@~"},
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
     "bad nonsense~~; bad \x16\x03\x01\x02; is malformed=30"},
    {"too many headers are a 431",
     "send A GET /hello@; repeat A 70 X: y~; send A ~; end A; has HTTP/1.1 431"},
    {"random bytes do not stop the server", "noise; get A /hello; until A hello"},
    {"a head that arrives byte by byte times out",
     "open head_ms=300; send A GET /hello@X-Slow: ; pass 200; send A a; pass 350; end A;"
     "has HTTP/1.1 408"},
    {"the timeout of a head begins with the head",
     "open head_ms=1200 idle_ms=300; send A GET /hello HTTP/1.1~Hos; pass 700;"
     "send A t: a~~GET /hello HTTP/1.1~Hos; until A hello; pass 700;"
     "send A t: a~~GET /hello HTTP/1.1~Hos; until A hello; pass 700; send A t: a~~;"
     "until A hello"},
    {"many requests of one client do not delay others",
     "dial A; dial B; turns 1; repeat A 60 GET /page@~; get B /hello; until B hello;"
     "is answered=2..11"},
    {"many interrupted clients do not delay others",
     "open per_turn=1; dial A; crowd 40; each 1 GET /hello@~GET /hello@~GET /hello@~;"
     "wait answered=40..999999; get A /hello; mark; until A hello; is answered_since=1..20;"
     "wait answered=121"},
    {"many large senders do not delay others",
     "dial A; crowd 60; each 3 GET /hello@X-Flood: %11900%~~; among A GET /noted@~;"
     "wait answered=185"},
    {"a head with many cookies is served in the turn it arrives",
     "dial A; crowd 60; each 3 GET /hello@X-Flood: %11900%~~;"
     "among A GET /noted@Cookie: shop=%5000%~~; wait answered=185"},
    {"waiting clients that leave are forgotten",
     "crowd 20; each 1 GET /hello@X-Flood: %11900%~~; wait bytes_in=81920..999999; leave reset;"
     "wait connections=0"},
    {"a head that fills a read is continued",
     "dial A; dial B; wait connections=2; send A GET /hello@X-Flood: %4057%;"
     "send B GET /hello@X-Flood: %4057%; half B; wait connections=1; turns 5; is connections=1;"
     "send A %8000%~~; until A ~~hello; is answered=1"},
    {"a request that fills a read is followed by others",
     "send A GET /hello@X-Long: %4054%~~; until A ~~hello; turns 5; get A /hello; until A ~~hello;"
     "is answered=2; send A GET /hello@X-Long: %4054%~~; until A ~~hello; turns 5; get A /hello;"
     "until A ~~hello; is answered=4; send A GET /hello@X-Long: %4054%~~; until A ~~hello;"
     "turns 5; get A /hello; until A ~~hello; is answered=6"},
    {"many expensive requests do not delay others",
     "crowd 30; dial A; wait connections=31; each 20 GET /dear@~; get A /hello; until A hello;"
     "is answered=1..60; mark; get A /hello; until A hello; fair; wait answered=602"},
    {"the second of two expensive requests ends the turn",
     "dial A; wait connections=1; repeat A 20 GET /dear@~; wait answered=1..999999; is answered=2;"
     "wait answered=20"},
    {"a client that does not read costs bounded memory",
     "dial A room=16384; repeat A 300 GET /page@~; wait answered=1..999999;"
     "turns 1000; is bytes_out=1..400000; is answered=1..24"},
    {"many streams all get the newest version",
     "crowd 1500; each 1 GET /stream@~; wait streams=1500; publish data: old~; leave third;"
     "publish data: new~; all data: new~; leave; wait streams=0"},
    {"a channel with much to send does not delay another's",
     "crowd 1500; get A /older; until A event-stream; each 1 GET /stream@~; wait streams=1500;"
     "older data: mine~; hurry; until A mine; leave"},
    {"a slow stream skips to the newest version",
     "dial A; get A /stream; get B /stream; until B first; wait streams=2; versions B 20;"
     "is skips=0; until A end of 20; is skips=1..20"},
};

/* ---- without a server ---- */

TEST_CASE(an_invalid_address_to_listen_on_is_named)
{
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

TEST_CASE(routes_are_added_up_to_the_first_duplicate)
{
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

TEST_CASE(escapes_in_urls_are_decoded_or_refused)
{
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

SCRIPT_TESTS_IN(rows, script_verbs, set_up, tear_down)
