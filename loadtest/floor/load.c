/* load.c: a wire is idle, busy with one request, or closed for good. Latency counts from a
 * request's due time, even if the request was sent later. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_MAX = 1024, LAST_ANSWERS_US = 5000000, PAUSE_US = 100 };

void load_die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_us(void)
{
    return clock_mono_us(clock_system());
}

static const char *behind(const char *answer, size_t len, const char *name)
{
    const char *at = memmem(answer, len, name, strlen(name));
    return at != NULL ? at + strlen(name) : NULL;
}

const char *load_behind(const struct wire *wire, const char *name)
{
    return behind(wire->answer, wire->got, name);
}

/* Returns whether head and body are complete. Relies on Content-Length instead of parsing: next to
 * the minimal server (floor_main.c), the generator must cost next to nothing. */
static bool has_all(const struct wire *wire)
{
    const char *body = load_behind(wire, "\r\n\r\n");
    if (body == NULL)
        return false;
    size_t head = (size_t)(body - wire->answer);
    const char *length = behind(wire->answer, head, "Content-Length: ");
    if (length == NULL)
        length = behind(wire->answer, head, "content-length: ");
    return wire->got >= head + (length != NULL ? strtoul(length, NULL, 10) : 0);
}

/* ---- connections ---- */

static void dial(struct wire *wire)
{
    const struct load *load = wire->flow->load;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(load->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    wire->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        load_die("connect");
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = wire};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, wire->fd, &event) < 0)
        load_die("epoll_ctl");
}

void load_dial(struct load *load, struct flow *flow, unsigned connections)
{
    if (load->epoll == 0 && (load->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        load_die("epoll");
    flow->load = load;
    flow->wires_len = flow->open = connections;
    flow->wires = calloc(connections + 1, sizeof(*flow->wires));
    flow->idle = calloc(connections + 1, sizeof(*flow->idle));
    if (flow->wires == NULL || flow->idle == NULL)
        load_die("connections");
    for (unsigned i = 0; i < connections; i++) {
        flow->wires[i].flow = flow;
        dial(&flow->wires[i]);
    }
}

/* ---- requests ---- */

static void ask(struct wire *wire, uint64_t due_us)
{
    char request[LOAD_REQUEST_MAX];
    struct flow *flow = wire->flow;
    wire->number = flow->due++;
    wire->due_us = due_us;
    wire->got = 0;
    wire->busy = true;
    flow->busy++;
    size_t len = flow->load->write(flow->load->ctx, wire, request);
    (void)!send(wire->fd, request, len, MSG_NOSIGNAL); /* the next read reports an error */
}

static bool is_over(const struct flow *flow, uint64_t at_us)
{
    return at_us >= flow->load->until_us || (flow->most > 0 && flow->due == flow->most);
}

/* A closed loop sends the next request at once; an open loop puts the wire on the idle list. */
static void go_on(struct wire *wire)
{
    struct flow *flow = wire->flow;
    uint64_t now = flow->rate == 0 ? now_us() : 0;
    if (flow->rate == 0 && !is_over(flow, now))
        ask(wire, now);
    else
        flow->idle[flow->idle_len++] = (unsigned)(wire - flow->wires);
}

static uint64_t next_us(const struct flow *flow)
{
    return flow->load->began_us + flow->due * 1000000 / flow->rate;
}

/* The open loop: sends the requests that are due, as long as there are idle connections. */
static void send_due(struct flow *flow)
{
    const struct load *load = flow->load;
    while (flow->rate > 0 && next_us(flow) <= load->now_us && !is_over(flow, next_us(flow))) {
        if (load->now_us - next_us(flow) > load->wait_us) {
            flow->away++;
            flow->due++;
        } else if (flow->idle_len == 0) {
            return;
        } else {
            struct wire *wire = &flow->wires[flow->idle[--flow->idle_len]];
            if (wire->fd >= 0)
                ask(wire, next_us(flow));
        }
    }
}

/* Closes a connection, with or without a request in flight; replaces it if `redials`. */
static void hung_up(struct wire *wire)
{
    struct flow *flow = wire->flow;
    const struct load *load = flow->load;
    bool was_busy = wire->busy;
    close(wire->fd);
    wire->fd = -1;
    if (was_busy) {
        wire->busy = false;
        flow->busy--;
        flow->lost++;
        if (load->on_lost != NULL)
            load->on_lost(load->ctx, wire);
    }
    if (!load->redials) {
        flow->open--;
        return;
    }
    dial(wire);
    if (was_busy)
        go_on(wire);
}

static void on_readable(struct wire *wire)
{
    const struct load *load = wire->flow->load;
    size_t room = sizeof(wire->answer) - 1 - wire->got;
    ssize_t got = recv(wire->fd, wire->answer + wire->got, room, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || (size_t)got == room || !wire->busy) {
        hung_up(wire);
        return;
    }
    wire->got += (size_t)got;
    wire->answer[wire->got] = '\0';
    if (!has_all(wire))
        return;
    wire->busy = false;
    wire->flow->busy--;
    load->on_answer(load->ctx, wire, now_us() - wire->due_us);
    go_on(wire);
}

/* Returns whether nothing more will be sent or received. */
static bool is_through(const struct flow *flow)
{
    return flow->open == 0 ||
           (flow->busy == 0 && (flow->rate == 0 || is_over(flow, next_us(flow))));
}

void load_run(struct load *load)
{
    struct flow *end = load->flow + LOAD_FLOWS;
    struct timespec pause = {.tv_nsec = 100 * 1000000};
    load->began_us = load->now_us = now_us();
    load->until_us = load->began_us + load->seconds * 1000000;
    for (struct flow *flow = load->flow; flow < end; flow++) {
        if (flow->rate > 0)
            pause.tv_nsec = PAUSE_US * 1000; /* bounds how late a request is sent */
        for (unsigned i = 0; i < flow->wires_len; i++)
            go_on(&flow->wires[i]);
    }
    while (load->now_us < load->until_us + LAST_ANSWERS_US) {
        struct epoll_event events[EVENTS_MAX];
        unsigned through = 0;
        /* Send due requests first: all answers may arrive at once, while requests still wait. */
        for (struct flow *flow = load->flow; flow < end; flow++) {
            send_due(flow);
            through += is_through(flow);
        }
        if (through == LOAD_FLOWS)
            break;
        int count = epoll_pwait2(load->epoll, events, EVENTS_MAX, &pause, NULL);
        load->now_us = now_us();
        for (int i = 0; i < count; i++)
            on_readable(events[i].data.ptr);
    }
    for (struct flow *flow = load->flow; flow < end && !load->redials; flow++) {
        for (unsigned i = 0; i < flow->wires_len; i++) {
            if (flow->wires[i].busy)
                hung_up(&flow->wires[i]);
        }
    }
}

/* ---- options ---- */

int load_options(int argc, char **argv, const char *letters, const char *given[LOAD_OPTIONS_MAX])
{
    int option;
    while ((option = getopt(argc, argv, letters)) != -1) {
        if (option == '?')
            return -1;
        given[option] = optarg;
    }
    return 0;
}

uint64_t load_number(const char *text, uint64_t missing)
{
    return text != NULL ? strtoull(text, NULL, 10) : missing;
}
