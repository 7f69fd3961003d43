/* outcall_test.c: a call is sent whole or not at all, and has one answer.
 *
 * The peer is a thread that reads a request, ends the program if a part of it is missing, and
 * answers. That matters under `make nth`, where each call of libcurl fails once. */
#include "outcall/outcall.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const whole[] = {"POST /captures HTTP/1.1\r\n", "Authorization: Bearer t\r\n",
                                    "Idempotency-Key: k-1\r\n", "\r\n\r\n{\"amount\":1}"};
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\n"
                             "Idempotent-Replayed: true\r\nConnection: close\r\n\r\n{}";

static struct peer {
    int listener;
    uint16_t port;
    pthread_t thread;
} peer;

static void check(const char *request)
{
    for (unsigned i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (strstr(request, whole[i]) == NULL) {
            fprintf(stderr, "FOUND: a request without %s: %s\n", whole[i], request);
            abort();
        }
    }
}

static void *serve(void *ctx)
{
    (void)ctx;
    int fd;
    while ((fd = accept(peer.listener, NULL, NULL)) >= 0) {
        char request[2048];
        size_t len = 0;
        ssize_t n;
        do {
            n = recv(fd, request + len, sizeof(request) - 1 - len, 0);
            len += n > 0 ? (size_t)n : 0;
            request[len] = '\0';
        } while (n > 0 && strstr(request, "}") == NULL);
        if (len > 0) {
            check(request);
            (void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
        }
        close(fd);
    }
    return NULL;
}

static int peer_open(void **state)
{
    (void)state;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(name);
    peer.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, bind(peer.listener, (struct sockaddr *)&name, len));
    assert_int_equal(0, listen(peer.listener, 8));
    assert_int_equal(0, getsockname(peer.listener, (struct sockaddr *)&name, &len));
    peer.port = ntohs(name.sin_port);
    assert_int_equal(0, pthread_create(&peer.thread, NULL, serve, NULL));
    return 0;
}

static int peer_close(void **state)
{
    (void)state;
    shutdown(peer.listener, SHUT_RDWR);
    pthread_join(peer.thread, NULL);
    close(peer.listener);
    return 0;
}

struct caller {
    unsigned answers;
    struct outcall_answer last;
    char body[16];
    struct outcalls *outcalls;
};

static void on_done(void *ctx, const struct outcall_answer *got)
{
    struct caller *caller = ctx;
    caller->answers++;
    caller->last = *got;
    snprintf(caller->body, sizeof(caller->body), "%.*s", (int)got->body.len, got->body.ptr);
    outcalls_close(caller->outcalls);
}

/* Sends one call to the peer's port and runs until its answer. */
static int call_peer(struct outcall call, struct caller *caller)
{
    struct err_slot err;
    uv_loop_t loop;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/captures", peer.port);
    call.url = url;
    call.timeout_ms = 5000;
    call.on_done = on_done;
    call.ctx = caller;
    assert_int_equal(0, uv_loop_init(&loop));
    int rc = outcalls_create(&loop, NULL, &err, &caller->outcalls);
    if (rc == 0) {
        outcall_send(caller->outcalls, &call);
        assert_int_equal(0, caller->answers); /* never from within */
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    assert_int_equal(0, uv_loop_close(&loop));
    return rc;
}

static void a_call_is_sent_whole_and_answered_once(void **state)
{
    (void)state;
    struct caller caller = {0};
    int rc =
        call_peer((struct outcall){.headers = {"Authorization: Bearer t", "Idempotency-Key: k-1",
                                               "Content-Type: application/json"},
                                   .body = SPAN("{\"amount\":1}")},
                  &caller);
    assert_int_equal(0, rc);
    assert_int_equal(1, caller.answers);
    assert_int_equal(0, caller.last.rc);
    assert_int_equal(200, caller.last.status);
    assert_int_equal(7, caller.last.retry_after_s);
    assert_true(caller.last.replayed);
    assert_string_equal("{}", caller.body);
}

static void a_port_without_a_listener_is_an_error(void **state)
{
    (void)state;
    struct caller caller = {0};
    peer_close(NULL);
    assert_int_equal(0, call_peer((struct outcall){.method = "GET"}, &caller));
    assert_int_equal(1, caller.answers);
    assert_int_equal(ERR_PEER, caller.last.rc);
    assert_true(caller.last.why[0] != '\0');
    peer_open(NULL);
}

/* ---- a socket that cannot be watched ---- */

/* In place of libuv's function: the program's is found first. */
static int watched_until; /* so many sockets, and no more; 0: any number */
static int watched;

int uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *poll, uv_os_sock_t socket)
{
    if (watched_until > 0 && ++watched > watched_until)
        return UV_ENOMEM;
    return uv_poll_init(loop, poll, socket);
}

struct pair {
    unsigned answers, well;
    struct outcall_answer failed;
    uv_loop_t *loop;
};

static void on_pair(void *ctx, const struct outcall_answer *got)
{
    struct pair *pair = ctx;
    pair->answers++;
    if (got->rc == 0)
        pair->well++;
    else
        pair->failed = *got;
    if (pair->answers == 2)
        uv_stop(pair->loop);
}

static void a_call_whose_socket_cannot_be_watched_fails_alone(void **state)
{
    (void)state;
    struct err_slot err;
    struct outcalls *outcalls;
    uv_loop_t loop;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/captures", peer.port);
    assert_int_equal(0, uv_loop_init(&loop));
    assert_int_equal(0, outcalls_create(&loop, NULL, &err, &outcalls));
    struct pair pair = {.loop = &loop};
    const struct outcall call = {.url = url,
                                 .headers = {"Authorization: Bearer t", "Idempotency-Key: k-1"},
                                 .body = SPAN("{\"amount\":1}"),
                                 .timeout_ms = 60000,
                                 .on_done = on_pair,
                                 .ctx = &pair};
    watched_until = 1;
    watched = 0;
    outcall_send(outcalls, &call);
    outcall_send(outcalls, &call);
    uv_run(&loop, UV_RUN_DEFAULT);
    watched_until = 0;
    assert_int_equal(2, pair.answers);
    assert_int_equal(1, pair.well);              /* the other one was under way */
    assert_int_equal(ERR_NOMEM, pair.failed.rc); /* which says nothing of the peer */
    assert_string_equal("its socket cannot be watched", pair.failed.why);

    pair = (struct pair){.loop = &loop}; /* and nothing is left of it */
    outcall_send(outcalls, &call);
    outcall_send(outcalls, &call);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(2, pair.well);
    assert_int_equal(3, atomic_load(&outcalls_stats(outcalls)->answered));
    assert_int_equal(1, atomic_load(&outcalls_stats(outcalls)->failed));
    outcalls_close(outcalls);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&loop));
}

int main(void)
{
#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, peer_open, peer_close)
    const struct CMUnitTest tests[] = {
        WITH_PEER(a_call_whose_socket_cannot_be_watched_fails_alone),
        WITH_PEER(a_call_is_sent_whole_and_answered_once),
        WITH_PEER(a_port_without_a_listener_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
