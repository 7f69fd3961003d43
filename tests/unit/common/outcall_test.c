/* outcall_test.c: a call is sent whole or not at all, and its callback runs once. That matters
 * under `make nth`, where each call of libcurl fails once. */
#include "http_peer.h"
#include "outcall/outcall.h"
#include "unit.h"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\n"
                             "Idempotent-Replayed: true\r\nConnection: close\r\n\r\n{}";

static struct http_peer *peer;

static struct {
    uv_loop_t loop;
    struct outcalls *outcalls;
    unsigned answers, well, awaited;
    struct outcall_answer last, failed;
    char body[16]; /* of the last answer */
} caller;

static void peer_open(void)
{
    peer = http_peer_open(answer);
}

static void peer_close(void)
{
    http_peer_close(peer);
    peer = NULL;
}

UNIT_BETWEEN(peer_open, peer_close)

static void begin(void)
{
    struct err_slot err;
    memset(&caller, 0, sizeof(caller));
    assert_int_equal(0, uv_loop_init(&caller.loop));
    int rc = outcalls_create(&caller.loop, NULL, &err, &caller.outcalls);
    if (rc < 0)
        uv_loop_close(&caller.loop);
    assert_int_equal(0, rc);
}

static void end(void)
{
    outcalls_close(caller.outcalls);
    uv_run(&caller.loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&caller.loop));
}

static void on_done(void *ctx, const struct outcall_answer *got)
{
    (void)ctx;
    caller.answers++;
    caller.last = *got;
    if (got->rc == 0)
        caller.well++;
    else
        caller.failed = *got;
    snprintf(caller.body, sizeof(caller.body), "%.*s", (int)got->body.len, got->body.ptr);
    if (caller.answers == caller.awaited)
        uv_stop(&caller.loop);
}

static const struct outcall get = {.method = "GET", .timeout_ms = 5000, .on_done = on_done};
static const struct outcall post = {.headers = {"Authorization: Bearer t", "Idempotency-Key: k-1",
                                                "Content-Type: application/json"},
                                    .body = SPAN("{\"amount\":1}"),
                                    .timeout_ms = 5000,
                                    .on_done = on_done};

/* Sends this call `times` times and waits for the responses. The peer gets whole requests. */
static void call_port(uint16_t port, struct outcall call, unsigned times)
{
    static const char *const whole[] = {"POST /captures HTTP/1.1\r\n",
                                        "Authorization: Bearer t\r\n", "Idempotency-Key: k-1\r\n",
                                        "\r\n\r\n{\"amount\":1}"};
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/captures", port);
    call.url = url;
    caller.answers = caller.well = 0;
    caller.awaited = times;
    for (unsigned i = 0; i < times; i++)
        outcall_send(caller.outcalls, &call);
    assert_int_equal(0, caller.answers); /* never called from within outcall_send() */
    uv_run(&caller.loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < 4 && peer != NULL && peer->requests > 0; i++)
        unit_never(strstr(peer->request, whole[i]) == NULL, "a request without a part");
}

TEST_CASE(a_call_is_sent_whole_and_answered_once)
{
    begin();
    call_port(peer->port, post, 1);
    end();
    assert_int_equal(1, caller.answers);
    assert_int_equal(0, caller.last.rc);
    assert_int_equal(200, caller.last.status);
    assert_int_equal(7, caller.last.retry_after_s);
    assert_true(caller.last.replayed);
    assert_string_equal("{}", caller.body);
}

TEST_CASE(a_port_without_a_listener_is_an_error)
{
    uint16_t port = peer->port;
    peer_close();
    begin();
    call_port(port, get, 1);
    end();
    assert_int_equal(1, caller.answers);
    assert_int_equal(ERR_PEER, caller.last.rc);
    assert_true(caller.last.why[0] != '\0');
}

/* ---- a socket that cannot be watched ---- */

/* Replaces libuv's function: the linker finds the program's first. */
static int watched_until; /* limit of watched sockets; 0: none */
static int watched;

int uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *poll, uv_os_sock_t socket)
{
    if (watched_until > 0 && ++watched > watched_until)
        return UV_ENOMEM;
    return uv_poll_init(loop, poll, socket);
}

TEST_CASE(a_call_whose_socket_cannot_be_watched_fails_alone)
{
    begin();
    watched_until = 1;
    watched = 0;
    call_port(peer->port, post, 2);
    watched_until = 0;
    assert_int_equal(2, caller.answers);
    assert_int_equal(1, caller.well);              /* the other one was in flight */
    assert_int_equal(ERR_NOMEM, caller.failed.rc); /* not an error of the peer */
    assert_string_equal("its socket cannot be watched", caller.failed.why);

    call_port(peer->port, post, 2); /* the failure left nothing behind */
    assert_int_equal(2, caller.well);
    assert_int_equal(3, atomic_load(&outcalls_stats(caller.outcalls)->answered));
    assert_int_equal(1, atomic_load(&outcalls_stats(caller.outcalls)->failed));
    end();
}
