/* http_server_test.c: the server on a real loop with real sockets. The test is the client: it turns
 * the loop by hand until what it waits for is there, or fails after WAIT_MS. */
#include "base/ip.h"
#include "http/http_internal.h"
#include "http/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 30000, HEARD_MAX = 32 << 20, KEPT_MAX = 32, PAGE_LEN = 16384 };

struct world {
    uv_loop_t loop;
    struct http_router *router;
    struct http_server *server;
    struct http_channel *channel;
    struct http_req *kept[KEPT_MAX]; /* by the /later handler */
    unsigned kept_len;
    struct http_blob *big;
    struct clock_fake clock;    /* stands still but for /dear */
    unsigned turns, noted_turn; /* of the loop; the one in which /noted was answered */
    uint64_t serial;            /* of the request that /again or /later had last */
    bool closing, closed;
    bool drained;
    unsigned answered;
    char *heard;
};

/* ---- handlers ---- */

static void on_hello(struct http_req *req)
{
    http_reply(req,
               &(struct http_reply){.status = 200, .type = "text/plain", .body = SPAN("hello")});
}

static void on_echo(struct http_req *req)
{
    http_reply(
        req, &(struct http_reply){.status = 200, .type = "text/plain", .body = http_req_body(req)});
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
    http_reply(req,
               &(struct http_reply){.status = 200, .type = "text/plain", .body = text_span(&body)});
}

/* In the same place as the one before it, or in another one. */
static void expect_a_new_serial(struct http_req *req)
{
    struct world *world = http_req_route_ctx(req);
    assert_true(http_req_serial(req) > world->serial);
    world->serial = http_req_serial(req);
}

static void on_again(struct http_req *req)
{
    expect_a_new_serial(req);
    char memory[512];
    struct text body = text_on(memory, sizeof(memory));
    text_str(&body, http_req_repeats(req) ? "<same " : "<new ");
    text_put(&body, http_req_param(req, 0));
    text_char(&body, ' ');
    text_put(&body, http_req_query_arg(req, SPAN("q")));
    text_char(&body, ' ');
    text_put(&body, http_req_bearer(req));
    text_char(&body, '>');
    http_reply(req,
               &(struct http_reply){.status = 200, .type = "text/plain", .body = text_span(&body)});
}

static void on_later(struct http_req *req)
{
    struct world *world = http_req_route_ctx(req);
    expect_a_new_serial(req);
    assert_true(world->kept_len < KEPT_MAX);
    world->kept[world->kept_len++] = req;
}

static struct http_blob *blob_of(struct span bytes)
{
    struct http_blob *blob = http_blob_create(bytes);
    assert_non_null(blob);
    return blob;
}

static void on_page(struct http_req *req)
{
    struct world *world = http_req_route_ctx(req);
    struct http_blob *page = blob_of((struct span){world->big->bytes, PAGE_LEN});
    http_reply(req, &(struct http_reply){.status = 200, .type = "text/plain", .blob = page});
    http_blob_unref(page);
}

static void on_big(struct http_req *req)
{
    struct world *world = http_req_route_ctx(req);
    http_reply(req, &(struct http_reply){.status = 200, .type = "text/plain", .blob = world->big});
}

static void on_long(struct http_req *req)
{
    struct world *world = http_req_route_ctx(req);
    http_reply(req, &(struct http_reply){.status = 200,
                                         .type = "text/plain",
                                         .body = {world->big->bytes, world->big->len}});
}

/* Two of them are more than a turn's time, one more than half of it. */
enum { DEAR_US = HTTP_TURN_US * 6 / 10 };

static void on_dear(struct http_req *req)
{
    struct world *world = http_req_route_ctx(req);
    clock_fake_step(&world->clock, DEAR_US);
    on_hello(req);
}

static void on_noted(struct http_req *req)
{
    struct world *world = http_req_route_ctx(req);
    world->noted_turn = world->turns;
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
    struct world *world = http_req_route_ctx(req);
    struct http_blob *first = blob_of(SPAN("data: first\n\n"));
    http_reply_stream(req, world->channel, first, (struct span){NULL, 0});
    http_blob_unref(first);
}

static void on_closed(void *ctx)
{
    struct world *world = ctx;
    world->closed = true;
}

static void close_server(struct world *world)
{
    if (!world->closing)
        http_server_close(world->server, on_closed, world);
    world->closing = true;
}

static void on_end(struct http_req *req)
{
    on_later(req);
    close_server(http_req_route_ctx(req));
}

static void on_answered(void *ctx, struct http_req *req, unsigned status, uint64_t took_us)
{
    struct world *world = ctx;
    assert_non_null(http_req_path(req).ptr);
    assert_true(status >= 100 && took_us < 60000000);
    world->answered++;
}

/* ---- the world ---- */

static void route(struct world *world, enum http_method method, const char *pattern,
                  http_handler *handler, uint32_t body_max)
{
    struct http_route entry = {method, pattern, handler, world, body_max};
    struct err_slot err;
    assert_int_equal(http_router_add(world->router, &entry, &err), 0);
}

static void world_open_told_by(struct world *world, struct http_limits limits, const char *trusted,
                               const char *client_ip_header)
{
    memset(world, 0, sizeof(*world));
    struct err_slot err = {0};
    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(http_router_create(&err, &world->router), 0);
    route(world, HTTP_METHOD_GET, "/hello", on_hello, 0);
    route(world, HTTP_METHOD_POST, "/hello", on_hello, 0);
    route(world, HTTP_METHOD_POST, "/echo", on_echo, 100000);
    route(world, HTTP_METHOD_GET, "/p/{name}/x", on_param, 0);
    route(world, HTTP_METHOD_GET, "/files/{path...}", on_param, 0);
    route(world, HTTP_METHOD_GET, "/again/{name}", on_again, 0);
    route(world, HTTP_METHOD_GET, "/later", on_later, 0);
    route(world, HTTP_METHOD_GET, "/page", on_page, 0);
    route(world, HTTP_METHOD_GET, "/big", on_big, 0);
    route(world, HTTP_METHOD_GET, "/long", on_long, 0);
    route(world, HTTP_METHOD_GET, "/dear", on_dear, 0);
    route(world, HTTP_METHOD_GET, "/noted", on_noted, 0);
    route(world, HTTP_METHOD_GET, "/raw", on_raw, 0);
    route(world, HTTP_METHOD_GET, "/stream", on_stream, 0);
    route(world, HTTP_METHOD_GET, "/end", on_end, 0);
    clock_fake_init(&world->clock, UINT64_C(1795000000) * 1000000);
    struct http_server_conf conf = {
        .loop = &world->loop,
        .router = world->router,
        .host = "127.0.0.1",
        .limits = limits,
        .clock = &world->clock.clock,
        .trusted_proxies = trusted,
        .client_ip_header = client_ip_header,
        .loop_ctx = world,
        .on_answered = on_answered,
    };
    assert_int_equal(http_server_create(&conf, &err, &world->server), 0);
    struct http_channel_conf channel = {0};
    assert_int_equal(http_channel_create(world->server, &channel, &err, &world->channel), 0);
    size_t big_len = 12 << 20; /* more than the sockets of both sides buffer */
    char *big = malloc(big_len);
    for (size_t i = 0; i < big_len; i++)
        big[i] = (char)('a' + i % 23);
    world->big = blob_of((struct span){big, big_len});
    free(big);
    world->heard = malloc(HEARD_MAX);
}

static void world_open(struct world *world, struct http_limits limits, const char *trusted)
{
    world_open_told_by(world, limits, trusted, NULL);
}

static void world_close(struct world *world)
{
    for (unsigned i = 0; i < world->kept_len; i++) {
        if (world->kept[i] != NULL)
            on_hello(world->kept[i]);
    }
    close_server(world);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_true(world->closed);
    assert_int_equal(uv_loop_close(&world->loop), 0); /* every handle was closed */
    http_router_destroy(world->router);
    http_blob_unref(world->big);
    free(world->heard);
}

static int setup(void **state)
{
    struct world *world = malloc(sizeof(*world));
    world_open(world, http_limits_default(), NULL);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    world_close(world);
    free(world);
    return 0;
}

/* ---- the client ---- */

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void turn(struct world *world)
{
    world->turns++;
    uv_run(&world->loop, UV_RUN_NOWAIT);
}

/* With room for so many bytes (0: what the kernel likes) that were not read yet. */
static int dial_with_room(struct world *world, int room)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (room > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(http_server_port(world->server)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int dial(struct world *world)
{
    return dial_with_room(world, 0);
}

static void say(int fd, struct span text)
{
    assert_int_equal(send(fd, text.ptr, text.len, MSG_NOSIGNAL), text.len);
}

/* Until all that was said is at the server's socket. */
static void wait_until_there(int fd)
{
    uint64_t deadline = now_ms() + WAIT_MS;
    int under_way = 1;
    while (under_way > 0 && now_ms() < deadline)
        assert_int_equal(ioctl(fd, SIOCOUTQ, &under_way), 0);
    assert_int_equal(under_way, 0);
}

/* Hears until `until` has come, or (NULL) until the server hangs up. Answers what was heard. */
static const char *hear(struct world *world, int fd, const char *until)
{
    size_t len = 0;
    uint64_t deadline = now_ms() + WAIT_MS;
    world->heard[0] = '\0';
    while (now_ms() < deadline) {
        turn(world);
        ssize_t got = recv(fd, world->heard + len, HEARD_MAX - 1 - len, 0);
        if (got == 0)
            break;
        if (got < 0) {
            assert_true(errno == EAGAIN || until == NULL);
            if (errno != EAGAIN)
                break;
            continue;
        }
        len += (size_t)got;
        world->heard[len] = '\0';
        if (until != NULL && strstr(world->heard, until) != NULL)
            return world->heard;
    }
    if (until != NULL || now_ms() >= deadline)
        fail_msg("\"%s\" did not come; heard: %.300s", until != NULL ? until : "the end",
                 world->heard);
    return world->heard;
}

static void turn_until(struct world *world, const unsigned *count, unsigned at_least)
{
    uint64_t deadline = now_ms() + WAIT_MS;
    while (*count < at_least && now_ms() < deadline)
        turn(world);
    assert_true(*count >= at_least);
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

/* ---- requests and answers ---- */

static void a_get_is_answered_and_the_connection_kept(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    for (int i = 0; i < 3; i++) {
        say(fd, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
        const char *heard = hear(world, fd, "\r\n\r\nhello");
        assert_true(strncmp(heard, "HTTP/1.1 200 OK\r\nDate: ", 23) == 0);
        assert_non_null(strstr(heard, "\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"));
        assert_null(strstr(heard, "Connection:"));
    }
    assert_int_equal(world->answered, 3);
    assert_int_equal(stat_of(&http_server_stats(world->server)->writes), 3);
    close(fd);
}

static void a_request_in_single_bytes_is_understood(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    struct span text =
        SPAN("GET /p/some-name/x?a=1&q=tion HTTP/1.1\r\nHost: a\r\nCookie: b=2; c=\"val\"; "
             "c=3\r\nAuthorization: bearer  tok \r\n\r\n");
    for (size_t i = 0; i < text.len; i++) {
        say(fd, (struct span){text.ptr + i, 1});
        turn(world);
    }
    assert_non_null(
        strstr(hear(world, fd, "plain"), "\r\n\r\nsome-name|tion|val|tok|127.0.0.1|plain"));
    close(fd);
}

static void pipelined_requests_are_answered_in_order_by_one_write(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    char text[4000] = "";
    for (int i = 0; i < 16; i++)
        sprintf(text + strlen(text), "GET /p/n%02d/x HTTP/1.1\r\nHost: a\r\n\r\n", i);
    say(fd, span_of(text));
    const char *heard = hear(world, fd, "n15|");
    for (int i = 0; i < 15; i++) {
        char before[24], after[24];
        sprintf(before, "n%02d|", i);
        sprintf(after, "n%02d|", i + 1);
        assert_true(strstr(heard, before) < strstr(heard, after));
    }
    assert_int_equal(stat_of(&http_server_stats(world->server)->writes), 1);
    close(fd);
}

static void more_pipelined_requests_than_a_turn_takes_are_all_answered(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    static char text[400 * 40];
    text[0] = '\0';
    for (int i = 0; i < 399; i++)
        strcat(text, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    strcat(text, "GET /raw HTTP/1.1\r\nHost: a\r\n\r\n");
    say(fd, span_of(text));
    const char *heard = hear(world, fd, "raw");
    assert_int_equal(count_of(heard, "hello"), 399);
    close(fd);
}

/* Several wait for their next turn, and the first to get it ends the server under the others. */
static void a_handler_may_close_the_server_while_others_wait_for_their_turn(void **state)
{
    (void)state;
    struct world world;
    struct http_limits limits = http_limits_default();
    limits.requests_per_turn_max = 1;
    world_open(&world, limits, NULL);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(&world);
        say(fds[i],
            SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /end HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    turn_until(&world, &world.kept_len, 1);
    assert_int_equal(world.kept_len, 1);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    world_close(&world);
    assert_int_equal(world.answered, 3); /* the first of each; nobody hears the rest */
}

/* Many more than one turn takes, so that the turn also ends between two of them. The few that are
 * cut by the end of the buffer are read again. */
static void a_request_that_repeats_the_one_before_means_the_same(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    static char text[16000];
    text[0] = '\0';
    for (int i = 0; i < 150; i++)
        strcat(text, "GET /again/one?q=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n");
    strcat(text, "GET /raw HTTP/1.1\r\nHost: a\r\n\r\n");
    say(fd, span_of(text));
    const char *heard = hear(world, fd, "raw");
    unsigned anew = count_of(heard, "<new one 1 x>");
    assert_in_range(anew, 1, 50);
    assert_int_equal(count_of(heard, "<same one 1 x>"), 150 - anew);
    close(fd);
}

static void a_request_that_differs_in_a_letter_is_read_anew(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /again/one?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET /again/two?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET /again/two?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET /again/two?q=2 HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET /again/two?q=2 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer z\r\n\r\n"
                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab|\n"
                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ncd|\n"
                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ncd|\n"
                 "GET /again/two?q=2 HTTP/1.1\r\nHost: a\r\n\r\n"
                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n<end>"));
    const char *heard = hear(world, fd, "<end>");
    const char *const wanted[] = {"<new one 1 >", "<new two 1 >",  "<same two 1 >",
                                  "<new two 2 >", "<new two 2 z>", "ab|",
                                  "cd|",          "cd|",           "<new two 2 >"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        heard = strstr(heard, wanted[i]);
        assert_non_null(heard);
        heard += strlen(wanted[i]);
    }
    close(fd);
}

/* One that waits is known by its serial, whatever is handled in its place before it asks again. */
static void a_request_has_a_serial_that_no_other_one_has(void **state)
{
    struct world *world = *state;
    int first = dial(world), second = dial(world);
    static const char text[] = "GET /again/one?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /again/one?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /again/end?q=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    say(first, span_of(text));
    turn_until(world, &world->kept_len, 1);
    uint64_t serial = http_req_serial(world->kept[0]);
    assert_int_equal(serial, 3);
    say(second, span_of(text));
    turn_until(world, &world->kept_len, 2);
    assert_int_equal(http_req_serial(world->kept[0]), serial);
    for (int i = 0; i < 2; i++)
        on_hello(world->kept[i]);
    world->kept_len = 0;
    hear(world, first, "<new end 1 >");
    hear(world, second, "<new end 1 >");
    assert_int_equal(world->serial, 8);
    close(first);
    close(second);
}

/* What is said on one connection means nothing on another. */
static void a_repeated_request_on_another_connection_is_read_anew(void **state)
{
    struct world *world = *state;
    static const char text[] = "GET /again/one?q=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int i = 0; i < 3; i++) {
        int fd = dial(world);
        for (int round = 0; round < 2; round++) {
            say(fd, span_of(text));
            hear(world, fd, "<new one 1 >");
        }
        close(fd);
    }
}

static void a_repeated_request_waits_for_a_slow_reader(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET /raw HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (int i = 0; i < 20; i++)
        turn(world);
    const char *body = strstr(hear(world, fd, "\r\n\r\nraw"), "\r\n\r\n") + 4;
    assert_memory_equal(body, world->big->bytes, world->big->len);
    body = strstr(body + world->big->len, "\r\n\r\n") + 4;
    assert_memory_equal(body, world->big->bytes, world->big->len);
    close(fd);
}

static void head_gets_the_head_of_get_only(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nHEAD /raw HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    const char *heard = hear(world, fd, NULL);
    assert_int_equal(count_of(heard, "hello"), 1);
    assert_int_equal(count_of(heard, "Content-Length: 5"), 2);
    assert_int_equal(count_of(heard, "raw"), 0);
    close(fd);
}

static void a_body_of_known_length_reaches_the_handler(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    static char body[50001];
    memset(body, 'x', 50000);
    char head[100];
    sprintf(head, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
    say(fd, span_of(head));
    turn(world);
    say(fd, span_of(body));
    say(fd, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    const char *heard = hear(world, fd, "hello");
    assert_non_null(strstr(heard, body));
    close(fd);
}

static void a_chunked_body_is_decoded_wherever_it_is_cut(void **state)
{
    struct world *world = *state;
    struct span text = SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "5\r\nhello\r\n1;ext=1\r\n,\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
                            "GET /raw HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t cut = 1; cut < text.len; cut++) {
        int fd = dial(world);
        say(fd, (struct span){text.ptr, cut});
        for (int i = 0; i < 3; i++)
            turn(world);
        say(fd, span_skip(text, cut));
        const char *heard = hear(world, fd, "raw");
        assert_non_null(strstr(heard, "\r\n\r\nhello, world"));
        close(fd);
    }
}

static void expect_gets_a_continue_before_the_body(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd,
        SPAN(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
    hear(world, fd, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, SPAN("body"));
    hear(world, fd, "\r\n\r\nbody");
    close(fd);
}

static void an_expected_body_that_is_too_large_is_refused_at_once(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n"
                 "Expect: 100-continue\r\n\r\n"));
    const char *heard = hear(world, fd, NULL);
    assert_true(strncmp(heard, "HTTP/1.1 413 ", 13) == 0);
    assert_null(strstr(heard, "100 Continue"));
    close(fd);
}

static void a_chunked_body_that_is_too_large_is_refused(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    static char chunk[8200];
    sprintf(chunk, "2000\r\n");
    memset(chunk + 6, 'y', 8192);
    for (int i = 0; i < 13; i++) {
        say(fd, (struct span){chunk, 6 + 8192});
        say(fd, SPAN("\r\n"));
        turn(world);
    }
    assert_true(strncmp(hear(world, fd, NULL), "HTTP/1.1 413 ", 13) == 0);
    close(fd);
}

static void a_large_shared_body_arrives_whole_at_a_slow_reader(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /raw HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (int i = 0; i < 20; i++)
        turn(world); /* the socket is full by now, and most is still to be sent */
    const char *heard = hear(world, fd, "\r\n\r\nraw");
    const char *body = strstr(heard, "\r\n\r\n") + 4;
    assert_memory_equal(body, world->big->bytes, world->big->len);
    assert_int_equal(atomic_load(&world->big->refs), 1);
    close(fd);
}

static void a_long_body_of_the_handlers_own_arrives_whole_at_a_slow_reader(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /long HTTP/1.1\r\nHost: a\r\n\r\nGET /raw HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (int i = 0; i < 20; i++)
        turn(world);
    const char *heard = hear(world, fd, "\r\n\r\nraw");
    const char *body = strstr(heard, "\r\n\r\n") + 4;
    assert_memory_equal(body, world->big->bytes, world->big->len);
    close(fd);
}

static void unknown_paths_and_methods_are_told_apart(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"));
    const char *heard = hear(world, fd, "}");
    assert_non_null(strstr(heard, "404 Not Found"));
    assert_non_null(strstr(heard, "application/problem+json"));
    assert_non_null(strstr(heard, "\"code\":\"not-found\""));
    say(fd, SPAN("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    heard = hear(world, fd, "}");
    assert_non_null(strstr(heard, "405 Method Not Allowed"));
    assert_non_null(strstr(heard, "\r\nAllow: GET, HEAD, POST, OPTIONS\r\n"));
    say(fd, SPAN("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    heard = hear(world, fd, "\r\n\r\n");
    assert_non_null(strstr(heard, "204 No Content"));
    assert_null(strstr(heard, "Content-Length"));
    say(fd, SPAN("BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_non_null(strstr(hear(world, fd, NULL), "HTTP/1.1 400 "));
    close(fd);
}

static void the_rest_of_a_path_is_one_parameter(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /files/a/b/c.js HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(world, fd, "\r\n\r\na/b/c.js|");
    close(fd);
}

static void the_visitor_behind_trusted_proxies_is_found(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, http_limits_default(), "127.0.0.0/8, 10.0.0.0/8");
    int fd = dial(&world);
    say(fd, SPAN("GET /p/n/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4, 198.51.100.7, "
                 "10.1.2.3\r\nX-Forwarded-Proto: https\r\n\r\n"));
    hear(&world, fd, "|198.51.100.7|tls");
    say(fd, SPAN("GET /p/n/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: junk\r\n\r\n"));
    hear(&world, fd, "|127.0.0.1|plain");
    close(fd);
    world_close(&world);
}

static void the_visitor_may_be_named_by_another_header(void **state)
{
    (void)state;
    struct world world;
    world_open_told_by(&world, http_limits_default(), "127.0.0.0/8", "CF-Connecting-IP");
    int fd = dial(&world);
    say(fd, SPAN("GET /p/n/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\n"
                 "cf-connecting-ip: 2001:db8::7\r\n\r\n"));
    hear(&world, fd, "|2001:db8::7|plain");
    say(fd, SPAN("GET /p/n/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"));
    hear(&world, fd, "|127.0.0.1|plain");
    say(fd, SPAN("GET /p/n/x HTTP/1.1\r\nHost: a\r\nCF-Connecting-IP: 1.2.3.4\r\n"
                 "CF-Connecting-IP: 5.6.7.8\r\n\r\n"));
    hear(&world, fd, "|127.0.0.1|plain");
    close(fd);
    world_close(&world);
}

static void the_visitor_may_be_named_by_forwarded(void **state)
{
    (void)state;
    struct world world;
    world_open_told_by(&world, http_limits_default(), "127.0.0.0/8", "forwarded");
    int fd = dial(&world);
    say(fd, SPAN("GET /p/n/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\n"
                 "Forwarded: for=9.9.9.9, for=\"[2001:db8::7]:4711\";proto=https\r\n\r\n"));
    hear(&world, fd, "|2001:db8::7|plain");
    say(fd, SPAN("GET /p/n/x HTTP/1.1\r\nHost: a\r\nForwarded: for=_hidden\r\n\r\n"));
    hear(&world, fd, "|127.0.0.1|plain");
    close(fd);
    world_close(&world);
}

static void a_stranger_cannot_forge_its_address(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /p/n/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\n"
                 "X-Forwarded-Proto: https\r\n\r\n"));
    hear(world, fd, "|127.0.0.1|plain");
    close(fd);
}

/* ---- answers that come later ---- */

static void a_later_answer_is_followed_by_what_was_pipelined_behind_it(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /raw HTTP/1.1\r\nHost: a\r\n\r\n"));
    turn_until(world, &world->kept_len, 1);
    for (int i = 0; i < 5; i++)
        turn(world);
    assert_int_equal(recv(fd, world->heard, 10, 0), -1); /* nothing overtakes it */
    assert_true(span_eq(http_req_path(world->kept[0]), SPAN("/later")));
    on_hello(world->kept[0]);
    world->kept_len = 0;
    const char *heard = hear(world, fd, "raw");
    assert_non_null(strstr(heard, "hello"));
    close(fd);
}

static void an_answer_to_a_visitor_who_has_gone_falls_to_the_floor(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    turn_until(world, &world->kept_len, 1);
    struct linger hard = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd); /* a reset */
    for (int i = 0; i < 10; i++)
        turn(world);
    on_hello(world->kept[0]);
    world->kept_len = 0;
    int other = dial(world);
    say(other, SPAN("GET /raw HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(world, other, "raw");
    close(other);
}

static void a_handler_may_answer_many_others_first(void **state)
{
    struct world *world = *state;
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = dial(world);
        say(fds[i], SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    turn_until(world, &world->kept_len, 8);
    for (unsigned i = 8; i-- > 0;)
        on_hello(world->kept[i]);
    world->kept_len = 0;
    for (int i = 0; i < 8; i++) {
        hear(world, fds[i], "hello");
        close(fds[i]);
    }
}

/* ---- bad input ---- */

static void malformed_requests_get_400_and_the_door(void **state)
{
    struct world *world = *state;
    static const char *const bad[] = {
        "GET /hello HTTP/1.1\nHost: a\n\n",
        "GET /hello HTTP/1.1\r\nHost: a\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\n\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /hello HTTP/1.1\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\nX y: b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /hel lo HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET hello HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
         "chunked\r\n\r\n5;\x01\r\nhello\r\n0\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "nonsense\r\n\r\n",
        "\x16\x03\x01\x02",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int fd = dial(world);
        say(fd, span_of(bad[i]));
        const char *heard = hear(world, fd, NULL);
        if (strncmp(heard, "HTTP/1.1 400 ", 13) != 0)
            fail_msg("no 400 for [%s] but [%s]", bad[i], heard);
        assert_non_null(strstr(heard, "Connection: close"));
        assert_non_null(strstr(heard, "\"code\":\"bad-request\""));
        assert_int_equal(count_of(heard, "HTTP/1.1 "), 1);
        close(fd);
    }
    assert_int_equal(stat_of(&http_server_stats(world->server)->malformed),
                     sizeof(bad) / sizeof(bad[0]));
}

static void what_is_not_spoken_here_gets_its_own_status(void **state)
{
    struct world *world = *state;
    static const char *const odd[][2] = {
        {"GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200 "},
        {"TRACE /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 501 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\nx",
         "HTTP/1.1 417 "},
        {"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 413 "},
        {"GET http://a/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 "},
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        int fd = dial(world);
        say(fd, span_of(odd[i][0]));
        const char *heard = hear(world, fd, NULL);
        if (strncmp(heard, odd[i][1], strlen(odd[i][1])) != 0)
            fail_msg("[%s] got [%s]", odd[i][0], heard);
        close(fd);
    }
}

static void long_heads_targets_and_lists_are_refused(void **state)
{
    struct world *world = *state;
    static char text[40000];
    int fd = dial(world);
    sprintf(text, "GET /%05000d HTTP/1.1\r\nHost: a\r\n\r\n", 7);
    say(fd, span_of(text));
    assert_non_null(strstr(hear(world, fd, NULL), "HTTP/1.1 414 "));
    close(fd);
    fd = dial(world);
    sprintf(text, "GET /hello HTTP/1.1\r\nHost: a\r\nX: %020000d\r\n\r\n", 7);
    say(fd, span_of(text));
    assert_non_null(strstr(hear(world, fd, NULL), "HTTP/1.1 431 "));
    close(fd);
    fd = dial(world);
    strcpy(text, "GET /hello HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 70; i++)
        strcat(text, "X: y\r\n");
    strcat(text, "\r\n");
    say(fd, span_of(text));
    assert_non_null(strstr(hear(world, fd, NULL), "HTTP/1.1 431 "));
    close(fd);
}

static void random_bytes_never_upset_the_server(void **state)
{
    struct world *world = *state;
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
        int fd = dial(world);
        if (rand_r(&seed) % 2 == 0)
            say(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
        say(fd, (struct span){text, len});
        turn(world);
        turn(world);
        close(fd);
    }
    int fd = dial(world);
    say(fd, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(world, fd, "hello");
    close(fd);
}

/* ---- slow and many ---- */

static struct http_limits quick_limits(void)
{
    struct http_limits limits = http_limits_default();
    limits.head_timeout_ms = 300;
    limits.body_timeout_ms = 300;
    limits.idle_timeout_ms = 300;
    limits.write_timeout_ms = 300;
    return limits;
}

static void whoever_sends_a_byte_now_and_then_is_shown_the_door(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, quick_limits(), NULL);
    int fd = dial(&world);
    struct span text =
        SPAN("GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    uint64_t start = now_ms();
    size_t len = 0;
    for (size_t i = 0; i < text.len && len == 0; i++) {
        say(fd, (struct span){text.ptr + i, 1});
        uint64_t until = now_ms() + 50;
        while (now_ms() < until && len == 0) {
            turn(&world);
            ssize_t got = recv(fd, world.heard, HEARD_MAX, 0);
            len = got > 0 ? (size_t)got : 0;
        }
    }
    assert_true(len > 13 && strncmp(world.heard, "HTTP/1.1 408 ", 13) == 0);
    assert_true(now_ms() - start >= 300);
    close(fd);
    world_close(&world);
}

/* Its next turn is ours to give: however long that takes, it is not slow. */
static void whoever_waits_for_the_next_turn_does_not_time_out(void **state)
{
    (void)state;
    struct world world;
    struct http_limits limits = quick_limits();
    limits.requests_per_turn_max = 1;
    world_open(&world, limits, NULL);
    int fd = dial(&world);
    say(fd, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    turn_until(&world, &world.answered, 1);
    assert_int_equal(world.answered, 1);
    uv_sleep(300 + 2 * 250); /* its deadline, and the wheel's next tick */
    turn_until(&world, &world.answered, 2);
    assert_int_equal(stat_of(&http_server_stats(world.server)->timeouts), 0);
    close(fd);
    world_close(&world);
}

/* Heads that overlap, for longer than one may take. False: this machine stood still for so long
 * that one of them was too late indeed. */
static bool heads_are_in_time(struct world *world)
{
    int fd = dial(world);
    bool in_time = true;
    world->answered = 0;
    say(fd, SPAN("GET /hello HTTP/1.1\r\nHos"));
    for (unsigned i = 1; i <= 6 && in_time; i++) {
        turn(world);
        uint64_t began_ms = now_ms();
        uv_sleep(300);
        in_time = now_ms() - began_ms < 450;
        if (in_time) {
            say(fd, SPAN("t: a\r\n\r\nGET /hello HTTP/1.1\r\nHos"));
            hear(world, fd, "\r\n\r\nhello");
            assert_int_equal(world->answered, i);
        }
    }
    close(fd);
    return in_time;
}

/* Each head has its own time, also one that begins in the packet in which another ends. */
static void the_time_of_a_head_begins_with_the_head(void **state)
{
    (void)state;
    struct world world;
    struct http_limits limits = quick_limits();
    limits.head_timeout_ms = 1200;
    world_open(&world, limits, NULL);
    bool judged = false;
    for (int tries = 0; tries < 20 && !judged; tries++)
        judged = heads_are_in_time(&world);
    assert_true(judged);
    world_close(&world);
}

static void a_body_that_does_not_come_is_given_up(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, quick_limits(), NULL);
    int fd = dial(&world);
    say(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"));
    assert_true(strncmp(hear(&world, fd, NULL), "HTTP/1.1 408 ", 13) == 0);
    close(fd);
    world_close(&world);
}

static void an_idle_connection_and_a_stuck_reader_are_closed(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, quick_limits(), NULL);
    int idle = dial(&world);
    say(idle, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(count_of(hear(&world, idle, NULL), "hello"), 1);
    close(idle);
    int stuck = dial(&world);
    say(stuck, SPAN("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    uint64_t deadline = now_ms() + WAIT_MS;
    while (stat_of(&http_server_stats(world.server)->timeouts) == 0 && now_ms() < deadline)
        turn(&world);
    assert_int_equal(stat_of(&http_server_stats(world.server)->timeouts), 1);
    assert_int_equal(atomic_load(&world.big->refs), 1);
    close(stuck);
    world_close(&world);
}

static void say_pages(int fd, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        say(fd, SPAN("GET /page HTTP/1.1\r\nHost: a\r\n\r\n"));
}

/* What one visitor asks for at once is sent in parts, and others are served between two of them. */
static void pages_asked_for_at_once_leave_others_their_turn(void **state)
{
    struct world *world = *state;
    int hog = dial(world);
    int other = dial(world);
    turn(world);
    say_pages(hog, 60);
    say(other, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(world, other, "hello");
    assert_in_range(world->answered, 2, 1 + 2 * (65536 / PAGE_LEN + 1));
    close(other);
    close(hog);
}

/* However many were cut short, a few of them go on before whoever came meanwhile is heard. */
static void many_who_ask_for_much_leave_others_their_turn(void **state)
{
    (void)state;
    enum { MANY = 40 };
    struct world world;
    struct http_limits limits = http_limits_default();
    limits.requests_per_turn_max = 1;
    world_open(&world, limits, NULL);
    int other = dial(&world);
    int many[MANY];
    for (int i = 0; i < MANY; i++)
        many[i] = dial(&world);
    while (stat_of(&http_server_stats(world.server)->connections) <= MANY)
        turn(&world);
    for (int i = 0; i < MANY; i++)
        say(many[i], SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: "
                          "a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    turn_until(&world, &world.answered, MANY);
    say(other, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    unsigned before = world.answered;
    hear(&world, other, "hello");
    assert_in_range(world.answered - before, 1, MANY / 2);
    turn_until(&world, &world.answered, 3 * MANY + 1);
    for (int i = 0; i < MANY; i++)
        close(many[i]);
    close(other);
    world_close(&world);
}

/* `many` connections that the server has taken. */
static void dial_many(struct world *world, int *fds, unsigned many)
{
    uint64_t there = stat_of(&http_server_stats(world->server)->connections);
    for (unsigned i = 0; i < many; i++)
        fds[i] = dial(world);
    while (stat_of(&http_server_stats(world->server)->connections) < there + many)
        turn(world);
}

static void close_many(const int *fds, unsigned many)
{
    for (unsigned i = 0; i < many; i++)
        close(fds[i]);
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

/* Somebody asks five times while many are read on, a few of them in a turn, and is answered in the
 * turn in which the question is there. */
static void asks_among_many_who_send_much(struct world *world, struct span question)
{
    enum { MANY = 60, HEADS = 3 };
    const struct http_stats *stats = http_server_stats(world->server);
    int other;
    int many[MANY];
    dial_many(world, &other, 1);
    dial_many(world, many, MANY);
    for (int n = 0; n < HEADS; n++) {
        for (int i = 0; i < MANY; i++)
            say(many[i], large_head());
    }
    for (int i = 0; i < MANY; i++)
        wait_until_there(many[i]);
    while (stat_of(&stats->bytes_in) < MANY * HTTP_BUFFER_LEN)
        turn(world);
    for (int asked = 0; asked < 5; asked++) {
        uint64_t before = stat_of(&stats->bytes_in);
        unsigned turns = world->turns;
        say(other, question);
        wait_until_there(other);
        turn(world);
        assert_int_equal(world->noted_turn, turns + 1);
        assert_in_range(stat_of(&stats->bytes_in) - before - question.len, 0,
                        HTTP_AGAIN_PER_TURN * 16384);
        hear(world, other, "hello");
    }
    turn_until(world, &world->answered, HEADS * MANY + 5);
    close_many(many, MANY);
    close(other);
}

/* Whoever has sent more than a read takes is read on with a few others of that kind, after those
 * who sent less. So it is not their number that somebody else waits for. */
static void many_who_send_much_leave_others_their_turn(void **state)
{
    asks_among_many_who_send_much(*state, SPAN("GET /noted HTTP/1.1\r\nHost: a\r\n\r\n"));
}

/* A head longer than a read is no flood. */
static void whoever_has_many_cookies_is_served_in_the_turn_of_its_bytes(void **state)
{
    char memory[6000];
    struct text head = text_on(memory, sizeof(memory));
    text_str(&head, "GET /noted HTTP/1.1\r\nHost: a\r\nCookie: shop=");
    while (head.len < 5000)
        text_char(&head, 'y');
    text_str(&head, "\r\n\r\n");
    asks_among_many_who_send_much(*state, text_span(&head));
}

/* Some wait for their next turn when they vanish, with all that they have sent. */
static void whoever_vanishes_while_it_waits_for_its_turn_is_forgotten(void **state)
{
    enum { MANY = 20 };
    struct world *world = *state;
    const struct http_stats *stats = http_server_stats(world->server);
    int many[MANY];
    dial_many(world, many, MANY);
    for (int i = 0; i < MANY; i++)
        say(many[i], large_head());
    while (stat_of(&stats->bytes_in) < MANY * HTTP_BUFFER_LEN)
        turn(world);
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (int i = 0; i < MANY; i++)
        setsockopt(many[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close_many(many, MANY);
    uint64_t deadline = now_ms() + WAIT_MS;
    while (stat_of(&stats->connections) > 0 && now_ms() < deadline)
        turn(world);
    assert_int_equal(stat_of(&stats->connections), 0);
}

/* The rest of it is not there yet, or never will be. */
static void a_head_that_ends_with_a_read_is_read_on_when_more_comes(void **state)
{
    struct world *world = *state;
    const struct http_stats *stats = http_server_stats(world->server);
    struct span head = large_head();
    int fds[2];
    dial_many(world, fds, 2);
    for (int i = 0; i < 2; i++)
        say(fds[i], (struct span){head.ptr, HTTP_BUFFER_LEN});
    shutdown(fds[1], SHUT_WR);
    uint64_t deadline = now_ms() + WAIT_MS;
    while (stat_of(&stats->connections) > 1 && now_ms() < deadline)
        turn(world);
    for (int idle = 0; idle < 5; idle++)
        turn(world);
    assert_int_equal(stat_of(&stats->connections), 1);
    say(fds[0], (struct span){head.ptr + HTTP_BUFFER_LEN, head.len - HTTP_BUFFER_LEN});
    hear(world, fds[0], "\r\n\r\nhello");
    assert_int_equal(world->answered, 1);
    close_many(fds, 2);
}

/* What a read took was all there was: the next request is waited for as ever. */
static void a_request_that_just_fills_a_read_is_followed_by_others(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    char memory[HTTP_BUFFER_LEN];
    struct text head = text_on(memory, sizeof(memory));
    text_str(&head, "GET /hello HTTP/1.1\r\nHost: a\r\nX-Long: ");
    while (head.len < sizeof(memory) - 4)
        text_char(&head, 'y');
    text_str(&head, "\r\n\r\n");
    assert_int_equal(head.len, HTTP_BUFFER_LEN);
    for (unsigned i = 1; i <= 3; i++) {
        say(fd, text_span(&head));
        hear(world, fd, "\r\n\r\nhello");
        for (int idle = 0; idle < 5; idle++)
            turn(world);
        say(fd, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
        hear(world, fd, "\r\n\r\nhello");
        assert_int_equal(world->answered, 2 * i);
    }
    close(fd);
}

/* A turn that has taken long gives each connection one request, and what stands behind it waits. */
static void many_who_ask_for_what_is_dear_leave_others_their_turn(void **state)
{
    enum { MANY = 30, EACH = 20 };
    struct world *world = *state;
    int other;
    int many[MANY];
    dial_many(world, many, MANY);
    dial_many(world, &other, 1);
    for (int n = 0; n < EACH; n++) {
        for (int i = 0; i < MANY; i++)
            say(many[i], SPAN("GET /dear HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    say(other, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(world, other, "hello");
    assert_in_range(world->answered, 1, 2 * MANY);
    unsigned before = world->answered, turns = world->turns;
    say(other, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(world, other, "hello");
    unsigned a_turn = 1 + HTTP_AGAIN_US / DEAR_US; /* that are begun within its time */
    assert_in_range(world->answered - before, 1, 1 + a_turn * (world->turns - turns));
    turn_until(world, &world->answered, EACH * MANY + 2);
    close_many(many, MANY);
    close(other);
}

/* Once more than half of a turn's time is gone, each request may be the last of it. */
static void the_second_of_two_dear_requests_ends_the_turn(void **state)
{
    struct world *world = *state;
    char memory[1000];
    struct text dear = text_on(memory, sizeof(memory));
    for (int n = 0; n < 20; n++)
        text_str(&dear, "GET /dear HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_false(dear.overflown);
    int fd;
    dial_many(world, &fd, 1);
    say(fd, text_span(&dear));
    turn_until(world, &world->answered, 1);
    assert_int_equal(world->answered, 2);
    turn_until(world, &world->answered, 20);
    close(fd);
}

/* The kernel would keep megabytes for each, and the server would render pages that nobody reads. */
static void a_reader_that_does_not_read_costs_no_more_than_so_much(void **state)
{
    struct world *world = *state;
    int fd = dial_with_room(world, 16384);
    say_pages(fd, 300);
    turn_until(world, &world->answered, 1);
    for (int i = 0; i < 1000; i++)
        turn(world);
    assert_in_range(stat_of(&http_server_stats(world->server)->bytes_out), 1, 400000);
    assert_in_range(world->answered, 1, 400000 / PAGE_LEN);
    close(fd);
}

static void a_handlers_request_does_not_time_out_under_it(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, quick_limits(), NULL);
    int fd = dial(&world);
    say(fd, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    turn_until(&world, &world.kept_len, 1);
    uint64_t until = now_ms() + 1200;
    while (now_ms() < until)
        turn(&world);
    on_hello(world.kept[0]);
    world.kept_len = 0;
    hear(&world, fd, "hello");
    close(fd);
    world_close(&world);
}

static void connections_over_the_bound_are_told_so(void **state)
{
    (void)state;
    struct http_limits limits = http_limits_default();
    limits.connections_max = 2;
    struct world world;
    world_open(&world, limits, NULL);
    int first = dial(&world), second = dial(&world);
    say(first, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(&world, first, "hello");
    int third = dial(&world);
    const char *heard = hear(&world, third, NULL);
    assert_non_null(strstr(heard, "503 Service Unavailable"));
    assert_non_null(strstr(heard, "too-many-connections"));
    const char *body = strstr(heard, "\r\n\r\n") + 4;
    char length[40];
    sprintf(length, "Content-Length: %zu\r\n", strlen(body));
    assert_non_null(strstr(heard, length));
    close(third);
    close(first);
    close(second);
    world_close(&world);
}

static void one_address_gets_its_share_of_connections_only(void **state)
{
    (void)state;
    struct http_limits limits = http_limits_default();
    limits.connections_per_addr_max = 2;
    struct world world;
    world_open(&world, limits, NULL);
    int first = dial(&world), second = dial(&world), third = dial(&world);
    assert_non_null(strstr(hear(&world, third, NULL), "503"));
    close(third);
    close(first);
    while (stat_of(&http_server_stats(world.server)->connections) > 1)
        turn(&world);
    int fourth = dial(&world);
    say(fourth, SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(&world, fourth, "hello");
    close(fourth);
    close(second);
    world_close(&world);
}

static void a_trusted_proxy_may_hold_connections_for_everybody(void **state)
{
    (void)state;
    struct http_limits limits = http_limits_default();
    limits.connections_per_addr_max = 2;
    struct world world;
    world_open(&world, limits, "127.0.0.1");
    int fds[5];
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(&world);
        say(fds[i], SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
        hear(&world, fds[i], "hello");
    }
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    world_close(&world);
}

/* ---- streams ---- */

static void publish(struct world *world, const char *text)
{
    struct http_blob *blob = blob_of(span_of(text));
    http_channel_publish(world->channel, blob);
    http_blob_unref(blob);
}

static void a_stream_gets_what_is_published(void **state)
{
    struct world *world = *state;
    int fd = dial(world);
    say(fd, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    const char *heard = hear(world, fd, "data: first\n\n");
    assert_non_null(strstr(heard, "Content-Type: text/event-stream\r\n"));
    assert_int_equal(http_channel_streams(world->channel), 1);
    publish(world, "data: second\n\n");
    hear(world, fd, "data: second\n\n");
    publish(world, "data: third\n\n");
    hear(world, fd, "data: third\n\n");
    close(fd);
    while (http_channel_streams(world->channel) > 0)
        turn(world);
}

static void many_streams_all_get_the_newest(void **state)
{
    struct world *world = *state;
    enum { MANY = 1500 }; /* more than one pump */
    static int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial(world);
        say(fds[i], SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
        if (i % 50 == 0)
            turn(world);
    }
    while (http_channel_streams(world->channel) < MANY)
        turn(world);
    for (int i = 0; i < MANY; i += 3) { /* a third leaves in the middle of it */
        close(fds[i]);
        if (i == 600)
            publish(world, "data: old\n\n");
    }
    publish(world, "data: new\n\n");
    for (int i = 0; i < MANY; i++) {
        if (i % 3 == 0)
            continue;
        hear(world, fds[i], "data: new\n\n");
        close(fds[i]);
    }
    while (http_channel_streams(world->channel) > 0)
        turn(world);
}

static void a_slow_reader_misses_versions_and_then_gets_the_newest(void **state)
{
    struct world *world = *state;
    int slow = dial(world), quick = dial(world);
    say(slow, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    say(quick, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(world, quick, "first");
    while (http_channel_streams(world->channel) < 2)
        turn(world);
    size_t filler_len = 1 << 20;
    char *filler = malloc(filler_len + 64);
    for (int version = 0; version < 20; version++) {
        int len = sprintf(filler, "data: v%d ", version);
        memset(filler + len, 'z', filler_len);
        strcpy(filler + (size_t)len + filler_len, version == 19 ? "END\n\n" : "\n\n");
        publish(world, filler);
        char mark[16];
        sprintf(mark, "v%d ", version);
        hear(world, quick, mark);
        while (recv(quick, world->heard, HEARD_MAX, 0) > 0)
            turn(world);
    }
    free(filler);
    uint64_t skipped = stat_of(&http_server_stats(world->server)->stream_skips);
    assert_true(skipped == 0); /* counted when it catches up */
    hear(world, slow, "END\n\n");
    assert_true(stat_of(&http_server_stats(world->server)->stream_skips) > 0);
    close(slow);
    close(quick);
}

/* ---- the end ---- */

static void on_drained(void *ctx)
{
    struct world *world = ctx;
    assert_false(world->drained);
    world->drained = true;
}

static void draining_answers_what_was_begun_and_ends_the_rest(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, http_limits_default(), NULL);
    int idle = dial(&world), busy = dial(&world), stream = dial(&world);
    say(busy, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    say(stream, SPAN("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    hear(&world, stream, "first");
    turn_until(&world, &world.kept_len, 1);
    uint16_t port = http_server_port(world.server);
    http_server_drain(world.server, 5000, on_drained, &world);
    hear(&world, idle, NULL);
    hear(&world, stream, NULL);
    assert_false(world.drained);
    on_hello(world.kept[0]);
    world.kept_len = 0;
    assert_non_null(strstr(hear(&world, busy, NULL), "hello"));
    while (!world.drained)
        turn(&world);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(late, (struct sockaddr *)&name, sizeof(name)), -1);
    close(late);
    close(idle);
    close(busy);
    close(stream);
    world_close(&world);
}

static void draining_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, http_limits_default(), NULL);
    int busy = dial(&world);
    say(busy, SPAN("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    turn_until(&world, &world.kept_len, 1);
    http_server_drain(world.server, 200, on_drained, &world);
    uint64_t deadline = now_ms() + WAIT_MS;
    while (!world.drained && now_ms() < deadline)
        turn(&world);
    assert_true(world.drained);
    close_server(&world);
    on_hello(world.kept[0]); /* the server waits for it, then is gone */
    world.kept_len = 0;
    while (!world.closed)
        turn(&world);
    close(busy);
    world_close(&world);
}

static void a_bad_address_to_listen_on_is_named(void **state)
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

static void a_route_that_stands_twice_is_refused(void **state)
{
    (void)state;
    struct err_slot err;
    struct http_router *router;
    assert_int_equal(http_router_create(&err, &router), 0);
    struct http_route one = {HTTP_METHOD_GET, "/a/{x}/b", on_hello, NULL, 0};
    struct http_route same = {HTTP_METHOD_GET, "/a/{y}/b", on_hello, NULL, 0};
    assert_int_equal(http_router_add(router, &one, &err), 0);
    assert_int_equal(http_router_add(router, &same, &err), ERR_EXISTS);
    http_router_destroy(router);
}

static unsigned found(const struct http_router *router, const char *path)
{
    struct http_match match;
    http_router_find(router, HTTP_METHOD_GET, span_of(path), &match);
    return match.status;
}

static void a_table_of_routes_is_added_up_to_the_first_that_is_refused(void **state)
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

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_get_is_answered_and_the_connection_kept),
        IN_WORLD(a_request_in_single_bytes_is_understood),
        IN_WORLD(pipelined_requests_are_answered_in_order_by_one_write),
        IN_WORLD(more_pipelined_requests_than_a_turn_takes_are_all_answered),
        cmocka_unit_test(a_handler_may_close_the_server_while_others_wait_for_their_turn),
        IN_WORLD(a_request_that_repeats_the_one_before_means_the_same),
        IN_WORLD(a_request_that_differs_in_a_letter_is_read_anew),
        IN_WORLD(a_request_has_a_serial_that_no_other_one_has),
        IN_WORLD(a_repeated_request_on_another_connection_is_read_anew),
        IN_WORLD(a_repeated_request_waits_for_a_slow_reader),
        IN_WORLD(head_gets_the_head_of_get_only),
        IN_WORLD(a_body_of_known_length_reaches_the_handler),
        IN_WORLD(a_chunked_body_is_decoded_wherever_it_is_cut),
        IN_WORLD(expect_gets_a_continue_before_the_body),
        IN_WORLD(an_expected_body_that_is_too_large_is_refused_at_once),
        IN_WORLD(a_chunked_body_that_is_too_large_is_refused),
        IN_WORLD(a_large_shared_body_arrives_whole_at_a_slow_reader),
        IN_WORLD(a_long_body_of_the_handlers_own_arrives_whole_at_a_slow_reader),
        IN_WORLD(unknown_paths_and_methods_are_told_apart),
        IN_WORLD(the_rest_of_a_path_is_one_parameter),
        IN_WORLD(a_stranger_cannot_forge_its_address),
        IN_WORLD(a_later_answer_is_followed_by_what_was_pipelined_behind_it),
        IN_WORLD(an_answer_to_a_visitor_who_has_gone_falls_to_the_floor),
        IN_WORLD(a_handler_may_answer_many_others_first),
        IN_WORLD(malformed_requests_get_400_and_the_door),
        IN_WORLD(what_is_not_spoken_here_gets_its_own_status),
        IN_WORLD(long_heads_targets_and_lists_are_refused),
        IN_WORLD(random_bytes_never_upset_the_server),
        IN_WORLD(a_stream_gets_what_is_published),
        IN_WORLD(many_streams_all_get_the_newest),
        IN_WORLD(a_slow_reader_misses_versions_and_then_gets_the_newest),
        cmocka_unit_test(the_visitor_behind_trusted_proxies_is_found),
        cmocka_unit_test(the_visitor_may_be_named_by_another_header),
        cmocka_unit_test(the_visitor_may_be_named_by_forwarded),
        cmocka_unit_test(whoever_sends_a_byte_now_and_then_is_shown_the_door),
        cmocka_unit_test(whoever_waits_for_the_next_turn_does_not_time_out),
        cmocka_unit_test(the_time_of_a_head_begins_with_the_head),
        cmocka_unit_test(a_body_that_does_not_come_is_given_up),
        cmocka_unit_test(an_idle_connection_and_a_stuck_reader_are_closed),
        IN_WORLD(pages_asked_for_at_once_leave_others_their_turn),
        cmocka_unit_test(many_who_ask_for_much_leave_others_their_turn),
        IN_WORLD(many_who_send_much_leave_others_their_turn),
        IN_WORLD(whoever_has_many_cookies_is_served_in_the_turn_of_its_bytes),
        IN_WORLD(whoever_vanishes_while_it_waits_for_its_turn_is_forgotten),
        IN_WORLD(a_head_that_ends_with_a_read_is_read_on_when_more_comes),
        IN_WORLD(a_request_that_just_fills_a_read_is_followed_by_others),
        IN_WORLD(many_who_ask_for_what_is_dear_leave_others_their_turn),
        IN_WORLD(the_second_of_two_dear_requests_ends_the_turn),
        IN_WORLD(a_reader_that_does_not_read_costs_no_more_than_so_much),
        cmocka_unit_test(a_handlers_request_does_not_time_out_under_it),
        cmocka_unit_test(connections_over_the_bound_are_told_so),
        cmocka_unit_test(one_address_gets_its_share_of_connections_only),
        cmocka_unit_test(a_trusted_proxy_may_hold_connections_for_everybody),
        cmocka_unit_test(draining_answers_what_was_begun_and_ends_the_rest),
        cmocka_unit_test(draining_does_not_wait_for_ever),
        cmocka_unit_test(a_bad_address_to_listen_on_is_named),
        cmocka_unit_test(a_route_that_stands_twice_is_refused),
        cmocka_unit_test(a_table_of_routes_is_added_up_to_the_first_that_is_refused),
        cmocka_unit_test(escapes_in_urls_are_decoded_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
