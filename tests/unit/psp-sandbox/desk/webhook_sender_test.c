/* webhook_sender_test.c: a webhook for which something was missing here is sent again, and costs no
 * other one anything.
 *
 * The receiver is a thread that confirms whatever comes. */
#include "desk/webhook_sender.h"
#include "unit.h"

#include "ops/counter.h"
#include "ops/op.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what can be missing: the program's own come first to all who call them ---- */

static unsigned asked, refused_at; /* 0: none */

int uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *poll, uv_os_sock_t socket)
{
    return ++asked == refused_at ? UV_ENOMEM : uv_poll_init(loop, poll, socket);
}

static unsigned added, refused_add_at;

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    CURLMcode (*add)(CURLM *, CURL *);
    *(void **)&add = dlsym(RTLD_NEXT, "curl_multi_add_handle");
    return ++added == refused_add_at ? CURLM_OUT_OF_MEMORY : add(multi, easy);
}

static _Atomic unsigned allocated, refused_memory_at;

/* The thread sanitizer knows nothing yet of a thread that asks as it begins. */
__attribute__((no_sanitize("thread"))) void *calloc(size_t n, size_t size)
{
    /* Not by name, or the compiler makes a calloc() of it. */
    static void *(*const volatile fill)(void *, int, size_t) = memset;
    size_t bytes = size > 0 && n > SIZE_MAX / size ? SIZE_MAX : n * size;
    void *memory = NULL;
    if (++allocated == refused_memory_at ||
        posix_memalign(&memory, alignof(max_align_t), bytes) != 0)
        return NULL; /* not malloc(), which `make nth` has ask for more memory */
    return fill(memory, 0, bytes);
}

/* ---- who receives ---- */

struct receiver {
    int listener;
    char url[64];
    pthread_t thread;
};

static const char confirmed[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/* What it is sent comes in one piece, and is followed by nothing. */
static void *serve(void *ctx)
{
    const struct receiver *receiver = ctx;
    char request[16 * 1024];
    int fd;
    while ((fd = accept(receiver->listener, NULL, NULL)) >= 0) {
        if (recv(fd, request, sizeof(request), 0) > 0)
            (void)send(fd, confirmed, sizeof(confirmed) - 1, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof(request), 0) > 0) {
        }
        close(fd);
    }
    return NULL;
}

static void receiver_open(struct receiver *receiver)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(name);
    receiver->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, bind(receiver->listener, (struct sockaddr *)&name, len));
    assert_int_equal(0, listen(receiver->listener, 8));
    assert_int_equal(0, getsockname(receiver->listener, (struct sockaddr *)&name, &len));
    snprintf(receiver->url, sizeof(receiver->url), "http://127.0.0.1:%u/", ntohs(name.sin_port));
    assert_int_equal(0, pthread_create(&receiver->thread, NULL, serve, receiver));
}

static void receiver_close(struct receiver *receiver)
{
    shutdown(receiver->listener, SHUT_RDWR);
    pthread_join(receiver->thread, NULL);
    close(receiver->listener);
}

/* ---- who sends ---- */

struct fixture {
    uv_loop_t loop;
    struct receiver receiver;
    struct bank *bank;
    struct fault_list faults;
    struct webhook_sender *sender;
    const struct webhook_sender_stats *stats;
    unsigned over, lost;
};

static void on_over(void *ctx, const struct journal_delivery *delivery)
{
    struct fixture *fixture = ctx;
    fixture->over++;
    fixture->lost += !delivery->confirmed;
}

static void begin(struct fixture *fixture)
{
    struct err_slot err;
    *fixture = (struct fixture){.over = 0};
    receiver_open(&fixture->receiver);
    const struct bank_conf bank = {.capture_window_s = 100,
                                   .public_url = "http://psp",
                                   .webhook_url = fixture->receiver.url,
                                   .webhook_secret = "whsec_test"};
    assert_int_equal(0, uv_loop_init(&fixture->loop));
    assert_int_equal(0, bank_create(&bank, &err, &fixture->bank));
    const struct webhook_sender_conf conf = {.loop = &fixture->loop,
                                             .bank = fixture->bank,
                                             .faults = &fixture->faults,
                                             .clock = clock_system(),
                                             .retry_ms = 1,
                                             .attempts_max = 5,
                                             .on_over = on_over,
                                             .ctx = fixture};
    assert_int_equal(0, webhook_sender_create(&conf, &err, &fixture->sender));
    fixture->stats = webhook_sender_stats(fixture->sender);
}

static void end(struct fixture *fixture)
{
    webhook_sender_close(fixture->sender);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&fixture->loop));
    bank_destroy(fixture->bank);
    receiver_close(&fixture->receiver);
}

/* Makes this many payments; each creates one event to send. */
static void happen(struct fixture *fixture, unsigned events)
{
    unsigned op = 0;
    while (ops[op].route == NULL || strcmp(ops[op].route, "/v1/payment_intents") != 0 ||
           ops[op].method != OP_POST)
        op++;
    uint32_t before = fixture->bank->events.count;
    for (unsigned i = 0; i < events; i++) {
        struct answer answer;
        const struct call call = {.op = &ops[op],
                                  .at_us = 1000000000,
                                  .seed = before + i + 1,
                                  .body = SPAN("amount=1&currency=krw"),
                                  .fault_slot = -1};
        counter_run(fixture->bank, &call, &answer);
    }
    assert_int_equal(before + events, fixture->bank->events.count);
    allocated = 0;
    webhook_sender_events(fixture->sender, before, before + events);
}

/* Until none is on its way any more, or nobody works on any. */
static void await(struct fixture *fixture, unsigned over)
{
    while (fixture->over < over && uv_run(&fixture->loop, UV_RUN_ONCE) != 0) {
    }
    assert_int_equal(over, fixture->over);
    assert_int_equal(0, fixture->lost);
}

static void
a_webhook_whose_socket_cannot_be_watched_is_sent_again_and_costs_no_other_one(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 2; nth++) {
        struct fixture fixture;
        begin(&fixture);
        asked = 0;
        refused_at = nth;
        happen(&fixture, 2);
        await(&fixture, 2);
        refused_at = 0;
        assert_int_equal(2, fixture.stats->confirmed);
        assert_int_equal(1, fixture.stats->retries);
        happen(&fixture, 1); /* and nothing is left of it */
        await(&fixture, 3);
        assert_int_equal(1, fixture.stats->retries);
        end(&fixture);
    }
}

static void a_webhook_that_there_is_no_memory_to_send_is_sent_again(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    added = 0;
    refused_add_at = 1;
    happen(&fixture, 2);
    await(&fixture, 2);
    refused_add_at = 0;
    assert_int_equal(2, fixture.stats->confirmed);
    assert_int_equal(1, fixture.stats->retries);
    end(&fixture);
}

/* It is not even on its way: there was no memory for what keeps it. */
static void a_webhook_that_there_is_no_memory_for_is_sent_later(void **state)
{
    (void)state;
    for (unsigned flushed = 0; flushed < 2; flushed++) {
        struct fixture fixture;
        begin(&fixture);
        refused_memory_at = 1;
        happen(&fixture, 2);
        refused_memory_at = 0;
        assert_int_equal(2, fixture.stats->waiting);
        if (flushed)
            webhook_sender_flush(fixture.sender);
        await(&fixture, 2);
        assert_int_equal(2, fixture.stats->confirmed);
        assert_int_equal(2, fixture.stats->attempts);
        assert_int_equal(0, fixture.stats->overflow);
        assert_int_equal(0, fixture.stats->waiting);
        end(&fixture);
    }
}

static void closing_leaves_no_delivery_pending(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    refused_memory_at = 1;
    happen(&fixture, 1);
    refused_memory_at = 0;
    end(&fixture);
    assert_int_equal(0, fixture.over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_webhook_whose_socket_cannot_be_watched_is_sent_again_and_costs_no_other_one),
        cmocka_unit_test(a_webhook_that_there_is_no_memory_to_send_is_sent_again),
        cmocka_unit_test(a_webhook_that_there_is_no_memory_for_is_sent_later),
        cmocka_unit_test(closing_leaves_no_delivery_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
