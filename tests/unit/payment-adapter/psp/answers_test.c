/* answers_test.c: a peer's answer without memory to read it. It may be a yes or a no, so it counts
 * as neither, and the question is asked again.
 *
 * The peer is a thread that answers each request with what the test wants it to say. */
#include "base/json_in.h"
#include "psp/peers.h"
#include "psp/psp.h"
#include "psp/seats_clock.h"
#include "unit.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 16 * 1024, ANSWER_MAX = 1024 };

static bool json_has_memory = true;

static void *json_memory(size_t len)
{
    return json_has_memory ? malloc(len) : NULL;
}

/* Replaces libc's. */
static bool places_lack_memory;

char *strdup(const char *text)
{
    if (places_lack_memory && span_starts(span_of(text), SPAN("[{\"id\":")))
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static bool calls_lack_memory;

CURL *curl_easy_init(void)
{
    CURL *(*init)(void);
    *(void **)&init = dlsym(RTLD_NEXT, "curl_easy_init");
    return calls_lack_memory ? NULL : init();
}

/* ---- the peer ---- */

struct talker {
    int listener;
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock;
    char answer[ANSWER_MAX]; /* under the lock */
};

/* Reads to the end of the request's head, with which the body comes. */
static bool hear(int fd)
{
    static char request[REQUEST_MAX];
    size_t len = 0;
    ssize_t n;
    do {
        n = recv(fd, request + len, sizeof(request) - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
        request[len] = '\0';
    } while (n > 0 && strstr(request, "\r\n\r\n") == NULL);
    return n > 0;
}

static void *serve(void *ctx)
{
    struct talker *peer = ctx;
    int fd;
    while ((fd = accept(peer->listener, NULL, NULL)) >= 0) {
        if (hear(fd)) {
            pthread_mutex_lock(&peer->lock);
            (void)send(fd, peer->answer, strlen(peer->answer), MSG_NOSIGNAL);
            pthread_mutex_unlock(&peer->lock);
        }
        shutdown(fd, SHUT_WR);
        (void)hear(fd); /* until the other side closes, or its rest would be a reset */
        close(fd);
    }
    return NULL;
}

static void peer_open(struct talker *peer)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(name);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, bind(peer->listener, (struct sockaddr *)&name, len));
    assert_int_equal(0, listen(peer->listener, 8));
    assert_int_equal(0, getsockname(peer->listener, (struct sockaddr *)&name, &len));
    snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%u", ntohs(name.sin_port));
    assert_int_equal(0, pthread_mutex_init(&peer->lock, NULL));
    assert_int_equal(0, pthread_create(&peer->thread, NULL, serve, peer));
}

static void peer_close(struct talker *peer)
{
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->listener);
    pthread_mutex_destroy(&peer->lock);
}

static void peer_says(struct talker *peer, unsigned status, const char *body)
{
    pthread_mutex_lock(&peer->lock);
    int len = snprintf(peer->answer, sizeof(peer->answer),
                       "HTTP/1.1 %u X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                       status, strlen(body), body);
    pthread_mutex_unlock(&peer->lock);
    assert_in_range(len, 1, sizeof(peer->answer) - 1);
}

/* ---- the client ---- */

struct client {
    uv_loop_t loop;
    struct outcalls *outcalls;
    struct seats_clock seats_clock;
    struct seats_map *seats_map;
    struct psp_shared shared;
    struct psp psps[2];
    struct psp *list[2];
    struct peers_http *peers;
    bool answered;
};

static void client_open(struct client *client, const char *url)
{
    struct err_slot err;
    assert_int_equal(0, uv_loop_init(&client->loop));
    assert_int_equal(0, outcalls_create(&client->loop, NULL, &err, &client->outcalls));
    seats_clock_init(&client->seats_clock, clock_system());
    const struct seats_map_conf map = {
        .url = url, .internal_url = url, .service_token = "t", .outcalls = client->outcalls};
    assert_int_equal(0, seats_map_create(&map, &err, &client->seats_map));
    pace_init(&client->shared.pace, 1000);
    for (uint32_t i = 0; i < 2; i++) {
        client->psps[i] = (struct psp){.driver = psp_drivers[i],
                                       .place = i,
                                       .conf = {.api_url = url,
                                                .key = "k",
                                                .webhook_secrets = "s",
                                                .checkout_url = "https://shop.example/pay",
                                                .return_url = "https://shop.example/o/",
                                                .timeout_ms = 5000,
                                                .outcalls = client->outcalls,
                                                .clock = clock_system(),
                                                .shared = &client->shared}};
        client->list[i] = &client->psps[i];
    }
    const struct peers_http_conf conf = {.seats_url = url,
                                         .seats_map = client->seats_map,
                                         .queue_url = url,
                                         .service_token = "t",
                                         .seats_clock = &client->seats_clock,
                                         .psps = client->list,
                                         .psps_len = 2,
                                         .outcalls = client->outcalls};
    assert_int_equal(0, peers_http_create(&conf, &err, &client->peers));
}

static void client_close(struct client *client)
{
    outcalls_close(client->outcalls);
    uv_run(&client->loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&client->loop));
    peers_http_destroy(client->peers);
    seats_map_destroy(client->seats_map);
}

static void on_done(struct peer_call *call)
{
    ((struct client *)call->ctx)->answered = true;
}

static struct peer_call ask(struct client *client, enum peer_op op, const char *provider)
{
    struct order order = {.id = "o_1",
                          .event = "gala",
                          .hold = "h_1",
                          .member = "42",
                          .lang = "en",
                          .currency = "KRW",
                          .amount = 5000,
                          .payment = "pi_1",
                          .session = "s_1"};
    snprintf(order.provider, sizeof(order.provider), "%s", provider);
    struct moving moving = {.len = 1, .seats = {{.from = "A-1", .to = "A-2"}}};
    struct peer_call call = {.op = op,
                             .order = &order,
                             .moving = &moving,
                             .timeout_ms = 5000,
                             .on_done = on_done,
                             .ctx = client};
    struct peers peers = peers_http_peers(client->peers);
    client->answered = false;
    peers.start(peers.ctx, &call);
    while (!client->answered)
        uv_run(&client->loop, UV_RUN_ONCE);
    free(call.places);
    return call;
}

static void answer_without_memory_to_read_it_is_neither_yes_nor_no(void **state)
{
    (void)state;
#define PLACES "{\"places\":[{\"id\":\"A-2\",\"zone\":\"A\"}]}"
    static const struct {
        enum peer_op op;
        const char *provider;
        unsigned status;
        const char *body;
        enum saga_verdict verdict; /* with memory */
        const char *code;
        bool places; /* there is no memory for the places alone */
    } rows[] = {
        {PEER_SEATS_EXTEND, "", 409, "{\"code\":\"seats-busy\"}", SAGA_UNKNOWN, "seats-busy",
         false},
        {PEER_SEATS_EXTEND, "", 409, "{\"code\":\"buyer-limit\"}", SAGA_FAILED, "buyer-limit",
         false},
        {PEER_SEATS_EXTEND, "", 409, "busy", SAGA_FAILED, "refused", false},
        {PEER_SEATS_EXTEND, "", 200, "{\"expires_at\":\"2026-11-20T19:00:00Z\"}", SAGA_DONE, "",
         false},
        {PEER_SEATS_CONFIRM, "", 409, "{\"code\":\"seats-busy\"}", SAGA_UNKNOWN, "seats-busy",
         false},
        {PEER_SEATS_MOVE, "", 200, PLACES, SAGA_DONE, "", true},
        {PEER_SEATS_MOVE, "", 200, "{\"places\":[]}", SAGA_UNKNOWN, "no-places", false},
        {PEER_PSP_CAPTURE, "stripe", 402, "{\"error\":{\"type\":\"card_error\"}}", SAGA_FAILED,
         "card_error", false},
        {PEER_PSP_READ, "stripe", 200, "{\"id\":\"pi_1\",\"status\":\"canceled\"}", SAGA_DONE, "",
         false},
        {PEER_PSP_READ, "toss", 404, "{\"code\":\"NOT_FOUND_PAYMENT\"}", SAGA_DONE, "", false},
        {PEER_PSP_READ, "toss", 200, "{}", SAGA_DONE, "", false},
    };
    struct talker peer;
    struct client client = {0};
    peer_open(&peer);
    client_open(&client, peer.url);
    json_in_allocate(json_memory);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        peer_says(&peer, rows[i].status, rows[i].body);
        struct peer_call read = ask(&client, rows[i].op, rows[i].provider);
        json_has_memory = rows[i].places;
        places_lack_memory = rows[i].places;
        struct peer_call starved = ask(&client, rows[i].op, rows[i].provider);
        json_has_memory = true;
        places_lack_memory = false;
        if (read.verdict != rows[i].verdict || strcmp(read.code, rows[i].code) != 0)
            fail_msg("row %zu: %u, %s", i, read.verdict, read.code);
        assert_false(read.answered);
        if (starved.verdict != SAGA_UNKNOWN || strcmp(starved.code, "no-memory") != 0)
            fail_msg("row %zu without memory: %u, %s", i, starved.verdict, starved.code);
        assert_true(starved.answered); /* so its breaker stays closed */
    }
    json_in_allocate(malloc);
    client_close(&client);
    peer_close(&peer);
}

/* A peer that was never asked was not silent. */
static void question_that_was_not_sent_does_not_count_against_its_peer(void **state)
{
    (void)state;
    static const struct {
        enum peer_op op;
        const char *provider;
    } rows[] = {{PEER_SEATS_CONFIRM, ""}, {PEER_PSP_CAPTURE, "stripe"}, {PEER_PSP_CAPTURE, "toss"}};
    struct client client = {0};
    client_open(&client, "http://127.0.0.1:1"); /* nobody listens there */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer_call sent = ask(&client, rows[i].op, rows[i].provider);
        calls_lack_memory = true;
        struct peer_call unsent = ask(&client, rows[i].op, rows[i].provider);
        calls_lack_memory = false;
        assert_int_equal(SAGA_UNKNOWN, sent.verdict);
        assert_false(sent.unasked);
        assert_int_equal(SAGA_UNKNOWN, unsent.verdict);
        assert_true(unsent.unasked);
    }
    client_close(&client);
}

/* A provider repeats a webhook that was not accepted, and drops one that was called invalid. */
static void webhook_without_memory_to_read_it_must_come_again(void **state)
{
    (void)state;
    static const char body[] = "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"payment_intent."
                               "succeeded\",\"data\":{\"object\":{\"id\":\"pi_1\",\"object\":"
                               "\"payment_intent\"}}}";
    static const char signature[] =
        "t=1800000000,v1=2ae9c697fce430c979eb90c14dc7c704355c89aeacc1b9e4785d0ad32ab54a3e";
    const struct psp stripe = {.driver = &psp_stripe, .conf.webhook_secrets = "whsec_fairgate"};
    const struct psp toss = {.driver = &psp_toss};
    json_in_allocate(json_memory);
    for (unsigned memory = 0; memory < 2; memory++) {
        struct psp_event event = {0};
        struct err_slot err;
        json_has_memory = memory;
        int want = memory ? 0 : ERR_NOMEM;
        int of_stripe =
            psp_stripe.webhook(&stripe, SPAN(signature), SPAN(body), 1800000000, &err, &event);
        int of_toss = psp_toss.webhook(&toss, SPAN(""), SPAN("{\"data\":{\"orderId\":\"o_1\"}}"),
                                       1800000000, &err, &event);
        json_has_memory = true;
        assert_int_equal(want, of_stripe);
        assert_int_equal(want, of_toss);
    }
    json_in_allocate(malloc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_without_memory_to_read_it_is_neither_yes_nor_no),
        cmocka_unit_test(question_that_was_not_sent_does_not_count_against_its_peer),
        cmocka_unit_test(webhook_without_memory_to_read_it_must_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
