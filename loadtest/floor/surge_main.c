/* surge_main.c: newcomers who join a line, more of them than it can take, with some who wait and
 * some who are called.
 *
 *   surge -p PORT -e EVENT -c CONNECTIONS -s SECONDS [-o RATE] [-w WAIT_MS] [-k SALT]
 *         [-t TICKET] [-m POLLS] [-q PASSES] [-f FILE]
 *
 * Without RATE each of CONNECTIONS joins again as soon as it is answered: the peak. With it RATE
 * newcomers a second are due, each at an instant of its own, whatever the service does. They come
 * over CONNECTIONS, one request at a time on each, as an edge would send them; one that finds none
 * free for WAIT_MS is turned away by the edge, that is, by us. At the same time TICKET's owner asks
 * `me` POLLS times a second and for a pass PASSES times, on connections of their own.
 *
 * Time counts from the instant at which a request was due. Prints a line of JSON: of the joins how
 * many were due, had a place within a second (`good`), had one later, were refused with a time to
 * come back, were turned away, or met anything else. What the owner of TICKET feels is measured
 * best by a process of its own (-c 0), which does not wait for the answers to a crowd to be read.
 *
 * FILE gets a line for each place: when the join was sent, in microseconds of the machine's own
 * clock, and its position. So several processes can say together who came before whom.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "observe/histogram.h"

enum {
    EVENTS_MAX = 1024,
    REQUEST_MAX = 512,
    ANSWER_MAX = 4096,
    CONNECTIONS_MAX = 18000, /* a process has 20,000 files, here and there */
    OWNER_WIRES = 16,        /* connections of those who poll, and of those who are called */
    GOOD_US = 1000000,
    LAST_ANSWERS_US = 5000000,
};

enum kind { JOIN, POLL, PASS, KINDS };

struct wire {
    int fd;
    enum kind kind;
    bool busy;
    uint64_t due_us, sent_us;
    size_t got;
    char answer[ANSWER_MAX];
};

/* All requests of one kind: when the next is due, and who is free to send it. */
struct flow {
    uint64_t rate; /* a second; 0: closed loop */
    uint64_t due;  /* so far, those given up among them */
    struct wire *wires;
    unsigned wires_len, *free, free_len;
    uint64_t good, late, refused, bad, away, lost;
    struct histogram took_us; /* of the good and the late */
};

struct surge {
    int epoll;
    uint16_t port;
    const char *event, *salt, *ticket;
    uint64_t seconds, wait_us, began_us, until_us, now_us;
    struct flow flow[KINDS];
    FILE *places; /* NULL: nobody asks who came when */
};

/* ---- one request, one answer ---- */

static void dial(const struct surge *surge, struct wire *wire)
{
    wire->fd = client_dial(surge->epoll, surge->port, wire);
}

static size_t write_request(const struct surge *surge, enum kind kind, uint64_t number, char *out)
{
    static const char *const line[KINDS] = {[JOIN] = "POST /v1/queue/%s/join",
                                            [POLL] = "GET /v1/queue/%s/me",
                                            [PASS] = "POST /v1/queue/%s/pass"};
    char target[REQUEST_MAX / 4];
    snprintf(target, sizeof(target), line[kind], surge->event);
    int len;
    if (kind == JOIN)
        len = snprintf(out, REQUEST_MAX,
                       "%s HTTP/1.1\r\nHost: surge\r\nContent-Length: 0\r\n"
                       "Idempotency-Key: %s-%lu\r\n\r\n",
                       target, surge->salt, number);
    else
        len = snprintf(out, REQUEST_MAX,
                       "%s HTTP/1.1\r\nHost: surge\r\nContent-Length: 0\r\n"
                       "Authorization: Bearer %s\r\n\r\n",
                       target, surge->ticket);
    if (len < 0 || len >= REQUEST_MAX) {
        fprintf(stderr, "surge: a request is too long\n");
        exit(2);
    }
    return (size_t)len;
}

static void ask(struct surge *surge, struct wire *wire, uint64_t number, uint64_t due_us)
{
    char request[REQUEST_MAX];
    size_t len = write_request(surge, wire->kind, number, request);
    wire->busy = true;
    wire->got = 0;
    wire->due_us = due_us;
    wire->sent_us = surge->places != NULL ? client_now_us() : 0;
    (void)!send(wire->fd, request, len, MSG_NOSIGNAL); /* what failed is seen at reading */
}

static void note_place(FILE *places, const struct wire *wire)
{
    const char *position = client_behind(wire->answer, wire->got, "\"position\":");
    if (position != NULL)
        fprintf(places, "%lu %lu\n", wire->sent_us, strtoul(position, NULL, 10));
}

static void judge(struct surge *surge, const struct wire *wire)
{
    struct flow *flow = &surge->flow[wire->kind];
    uint64_t took_us = client_now_us() - wire->due_us;
    const char *status = wire->answer + strlen("HTTP/1.1 ");
    if (memcmp(status, "201", 3) == 0 || memcmp(status, "200", 3) == 0) {
        histogram_record(&flow->took_us, took_us);
        flow->good += took_us <= GOOD_US;
        flow->late += took_us > GOOD_US;
        if (surge->places != NULL && wire->kind == JOIN)
            note_place(surge->places, wire);
    } else if (memcmp(status, "503", 3) == 0 &&
               client_behind(wire->answer, wire->got, "\r\nRetry-After: ") != NULL) {
        flow->refused++;
    } else {
        flow->bad++;
    }
}

/* ---- what is due ---- */

static void send_due(struct surge *surge, struct flow *flow)
{
    uint64_t until_us = surge->now_us < surge->until_us ? surge->now_us : surge->until_us;
    uint64_t due = (until_us - surge->began_us) * flow->rate / 1000000;
    while (flow->due < due) {
        uint64_t due_us = surge->began_us + flow->due * 1000000 / flow->rate;
        if (surge->now_us - due_us > surge->wait_us)
            flow->away++;
        else if (flow->free_len == 0)
            return;
        else
            ask(surge, &flow->wires[flow->free[--flow->free_len]], flow->due, due_us);
        flow->due++;
    }
}

static void go_on(struct surge *surge, struct wire *wire)
{
    struct flow *flow = &surge->flow[wire->kind];
    wire->busy = false;
    if (flow->rate == 0 && wire->kind == JOIN && surge->now_us < surge->until_us)
        ask(surge, wire, flow->due++, client_now_us());
    else
        flow->free[flow->free_len++] = (unsigned)(wire - flow->wires);
}

/* A connection that was closed under its request, or without one. */
static void hung_up(struct surge *surge, struct wire *wire)
{
    surge->flow[wire->kind].lost += wire->busy;
    close(wire->fd);
    bool was_busy = wire->busy;
    dial(surge, wire);
    if (was_busy)
        go_on(surge, wire);
}

static void on_readable(struct surge *surge, struct wire *wire)
{
    size_t room = sizeof(wire->answer) - 1 - wire->got;
    ssize_t got = recv(wire->fd, wire->answer + wire->got, room, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || (size_t)got == room || !wire->busy) {
        hung_up(surge, wire);
        return;
    }
    wire->got += (size_t)got;
    wire->answer[wire->got] = '\0';
    if (!client_has_all(wire->answer, wire->got))
        return;
    judge(surge, wire);
    go_on(surge, wire);
}

static unsigned busy_len(const struct surge *surge)
{
    unsigned busy = 0;
    for (unsigned kind = 0; kind < KINDS; kind++)
        busy += surge->flow[kind].wires_len - surge->flow[kind].free_len;
    return busy;
}

/* ---- the whole ---- */

static void run(struct surge *surge)
{
    surge->began_us = surge->now_us = client_now_us();
    surge->until_us = surge->began_us + surge->seconds * 1000000;
    struct flow *joins = &surge->flow[JOIN];
    while (joins->rate == 0 && joins->free_len > 0)
        ask(surge, &joins->wires[joins->free[--joins->free_len]], joins->due++, client_now_us());
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        /* First what is due: all answers may come at once, while others wait for a connection. */
        for (unsigned kind = 0; kind < KINDS; kind++) {
            if (surge->flow[kind].rate > 0)
                send_due(surge, &surge->flow[kind]);
        }
        if (surge->now_us >= surge->until_us + LAST_ANSWERS_US ||
            (surge->now_us >= surge->until_us && busy_len(surge) == 0))
            return;
        int count = epoll_wait(surge->epoll, events, EVENTS_MAX, 1);
        surge->now_us = client_now_us();
        for (int i = 0; i < count; i++)
            on_readable(surge, events[i].data.ptr);
    }
}

static void add_flow(struct surge *surge, enum kind kind, unsigned wires_len)
{
    struct flow *flow = &surge->flow[kind];
    flow->wires_len = wires_len;
    flow->wires = calloc(wires_len + 1, sizeof(*flow->wires));
    flow->free = calloc(wires_len + 1, sizeof(*flow->free));
    if (flow->wires == NULL || flow->free == NULL)
        client_die("surge");
    for (unsigned i = 0; i < wires_len; i++) {
        flow->wires[i].kind = kind;
        dial(surge, &flow->wires[i]);
        flow->free[flow->free_len++] = i;
    }
}

static void report_flow(const struct flow *flow)
{
    static struct histogram_view view;
    view = (struct histogram_view){0};
    histogram_add_to(&flow->took_us, &view);
    printf("{\"due\":%lu,\"good\":%lu,\"late\":%lu,\"refused\":%lu,\"away\":%lu,"
           "\"bad\":%lu,\"lost\":%lu,\"p50_us\":%lu,\"p99_us\":%lu,\"max_us\":%lu}",
           flow->due, flow->good, flow->late, flow->refused, flow->away, flow->bad, flow->lost,
           histogram_quantile(&view, 0.5), histogram_quantile(&view, 0.99), view.max);
}

static void report(const struct surge *surge)
{
    static const char *const names[KINDS] = {[JOIN] = "join", [POLL] = "me", [PASS] = "pass"};
    printf("{\"duration_us\":%lu", surge->until_us - surge->began_us);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        printf(",\"%s\":", names[kind]);
        report_flow(&surge->flow[kind]);
    }
    printf("}\n");
}

static int usage(void)
{
    fprintf(stderr,
            "usage: surge -p PORT -e EVENT -c CONNECTIONS -s SECONDS [-o RATE] "
            "[-w WAIT_MS]\n             [-k SALT] [-t TICKET] [-m POLLS] [-q PASSES] [-f FILE]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const char *given[CLIENT_OPTIONS_MAX];
    if (client_options(argc, argv, "p:e:c:s:o:w:k:t:m:q:f:", given) < 0)
        return usage();
    static struct surge surge;
    surge.port = (uint16_t)client_number(given['p'], 0);
    surge.event = given['e'];
    surge.seconds = client_number(given['s'], 0);
    surge.wait_us = client_number(given['w'], 250) * 1000;
    surge.salt = given['k'] != NULL ? given['k'] : "surge";
    surge.ticket = given['t'];
    surge.flow[JOIN].rate = client_number(given['o'], 0);
    surge.flow[POLL].rate = client_number(given['m'], 0);
    surge.flow[PASS].rate = client_number(given['q'], 0);
    surge.places = given['f'] != NULL ? fopen(given['f'], "w") : NULL;
    if (given['f'] != NULL && surge.places == NULL)
        client_die(given['f']);
    unsigned connections = (unsigned)client_number(given['c'], 0);
    bool asks = surge.flow[POLL].rate + surge.flow[PASS].rate > 0;
    if (surge.port == 0 || surge.event == NULL || connections + asks == 0 ||
        connections > CONNECTIONS_MAX || surge.seconds == 0 || (asks && surge.ticket == NULL))
        return usage();
    surge.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (surge.epoll < 0)
        client_die("surge");
    add_flow(&surge, JOIN, connections);
    add_flow(&surge, POLL, surge.flow[POLL].rate > 0 ? OWNER_WIRES : 0);
    add_flow(&surge, PASS, surge.flow[PASS].rate > 0 ? OWNER_WIRES : 0);
    run(&surge);
    report(&surge);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        for (unsigned i = 0; i < surge.flow[kind].wires_len; i++)
            close(surge.flow[kind].wires[i].fd);
        free(surge.flow[kind].wires);
        free(surge.flow[kind].free);
    }
    close(surge.epoll);
    if (surge.places != NULL && fclose(surge.places) != 0)
        client_die("surge: places");
    return 0;
}
