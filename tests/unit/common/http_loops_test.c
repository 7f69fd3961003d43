/* http_loops_test.c: several loops on one port, each on its thread, sharing a router and blobs. Its
 * worth is under the thread sanitizer. */
#include "http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOOPS = 3, CLIENTS = 60, ROUNDS = 20 };

struct shared {
    struct http_router *router;
    struct http_blob *blob;
    uint16_t port;
};

struct worker {
    struct shared *shared;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t stop;
    struct http_server *server;
    uv_sem_t ready;
};

static void on_blob(struct http_req *req)
{
    struct shared *shared = http_req_route_ctx(req);
    http_reply(req,
               &(struct http_reply){.status = 200, .type = "text/plain", .blob = shared->blob});
}

static void on_stop(uv_async_t *async)
{
    struct worker *worker = async->data;
    http_server_close(worker->server, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void run(void *arg)
{
    struct worker *worker = arg;
    uv_loop_init(&worker->loop);
    uv_async_init(&worker->loop, &worker->stop, on_stop);
    worker->stop.data = worker;
    struct err_slot err;
    struct http_server_conf conf = {.loop = &worker->loop,
                                    .router = worker->shared->router,
                                    .host = "127.0.0.1",
                                    .port = worker->shared->port,
                                    .limits = http_limits_default()};
    int rc = http_server_create(&conf, &err, &worker->server);
    assert_int_equal(rc, 0);
    worker->shared->port = http_server_port(worker->server);
    uv_sem_post(&worker->ready);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&worker->loop), 0);
}

static int dial(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static void read_whole(int fd, const struct shared *shared)
{
    static char heard[65536];
    size_t len = 0;
    const char *body = NULL;
    while (body == NULL || heard + len < body + shared->blob->len) {
        ssize_t got = recv(fd, heard + len, sizeof(heard) - 1 - len, 0);
        assert_true(got > 0);
        len += (size_t)got;
        heard[len] = '\0';
        body = strstr(heard, "\r\n\r\n");
        body = body != NULL ? body + 4 : NULL;
    }
    assert_memory_equal(body, shared->blob->bytes, shared->blob->len);
}

static void loops_share_a_port_a_router_and_blobs(void **state)
{
    (void)state;
    struct shared shared = {0};
    struct err_slot err;
    char bytes[8000];
    memset(bytes, 'b', sizeof(bytes));
    shared.blob = http_blob_create((struct span){bytes, sizeof(bytes)});
    assert_int_equal(http_router_create(&err, &shared.router), 0);
    struct http_route route = {HTTP_METHOD_GET, "/blob", on_blob, &shared, 0};
    assert_int_equal(http_router_add(shared.router, &route, &err), 0);

    static struct worker workers[LOOPS];
    for (int i = 0; i < LOOPS; i++) { /* one after the other: the first one finds the port */
        workers[i].shared = &shared;
        uv_sem_init(&workers[i].ready, 0);
        uv_thread_create(&workers[i].thread, run, &workers[i]);
        uv_sem_wait(&workers[i].ready);
    }
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = dial(shared.port);
    static const char ask[] = "GET /blob HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++)
            assert_int_equal(send(fds[i], ask, sizeof(ask) - 1, MSG_NOSIGNAL), sizeof(ask) - 1);
        for (int i = 0; i < CLIENTS; i++)
            read_whole(fds[i], &shared);
    }
    uint64_t served = 0;
    unsigned busy = 0;
    for (int i = 0; i < LOOPS; i++) {
        uint64_t requests = atomic_load(&http_server_stats(workers[i].server)->requests);
        served += requests;
        busy += requests > 0;
    }
    assert_int_equal(served, CLIENTS * ROUNDS);
    assert_true(busy > 1); /* sixty connections all on one of three loops: once in 10^28 runs */
    for (int i = 0; i < LOOPS; i++) {
        uv_async_send(&workers[i].stop);
        uv_thread_join(&workers[i].thread);
        uv_sem_destroy(&workers[i].ready);
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    assert_int_equal(atomic_load(&shared.blob->refs), 1);
    http_blob_unref(shared.blob);
    http_router_destroy(shared.router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(loops_share_a_port_a_router_and_blobs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
