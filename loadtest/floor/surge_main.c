/* surge_main.c: newcomers who join a line, more than it can take, while a waiting visitor polls and
 * requests passes.
 *
 *   surge -p PORT -e EVENT -c CONNECTIONS -s SECONDS [-o RATE] [-w WAIT_MS] [-k SALT]
 *         [-t TICKET] [-m POLLS] [-q PASSES] [-f FILE] [-a ADDRESS]
 *
 * Without RATE each of CONNECTIONS joins again as soon as it is answered: the peak rate. With RATE,
 * that many newcomers a second are due, each at a fixed time, whatever the service does. They use
 * CONNECTIONS, one request at a time on each, as an edge would. A newcomer who finds no idle
 * connection for WAIT_MS is turned away, as by an edge. At the same time TICKET's owner polls `me`
 * POLLS times and requests a pass PASSES times a second, on separate connections.
 *
 * Latency counts from a request's due time. Prints one line of JSON: the joins that were due, got a
 * place within a second (`good`) or later (`late`), were refused with a Retry-After, were turned
 * away (`away`), or failed. Measure TICKET's owner with a process of its own (-c 0), which does not
 * have to read a crowd's answers first.
 *
 * FILE gets a line for each place: the due time of the join, in microseconds of the machine's
 * monotonic clock, and the position. It lets a test order the joins of several processes.
 *
 * With ADDRESS, a number, each newcomer has an address of their own in 10.0.0.0/8, counted up from
 * it. The front must trust this machine as its proxy.
 */
#include "load.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTIONS_MAX = 18000, /* a process may open 20,000 files, on both sides */
    OWNER_WIRES = 16,        /* connections for polls, and as many for passes */
    GOOD_US = 1000000,
};

enum kind { JOIN, POLL, PASS, KINDS };

static_assert((int)KINDS == (int)LOAD_FLOWS, "a flow for each kind");

struct surge {
    struct load load;
    const char *event, *salt, *ticket;
    struct {
        uint64_t good, late, refused, bad;
    } met[KINDS];
    FILE *places; /* of -f; NULL: not given */
    bool has_addresses;
    uint64_t first_address;
};

static enum kind kind_of(const struct surge *surge, const struct wire *wire)
{
    return (enum kind)(wire->flow - surge->load.flow);
}

static size_t write_request(void *ctx, const struct wire *wire, char *out)
{
    static const char *const line[KINDS] = {[JOIN] = "POST /v1/queue/%s/join",
                                            [POLL] = "GET /v1/queue/%s/me",
                                            [PASS] = "POST /v1/queue/%s/pass"};
    const struct surge *surge = ctx;
    enum kind kind = kind_of(surge, wire);
    char target[128], address[64] = "";
    snprintf(target, sizeof(target), line[kind], surge->event);
    uint64_t at = surge->first_address + wire->number;
    if (surge->has_addresses)
        snprintf(address, sizeof(address), "X-Forwarded-For: 10.%lu.%lu.%lu\r\n", at >> 16 & 255,
                 at >> 8 & 255, at & 255);
    int len;
    if (kind == JOIN)
        len = snprintf(out, LOAD_REQUEST_MAX,
                       "%s HTTP/1.1\r\nHost: surge\r\nContent-Length: 0\r\n"
                       "%sIdempotency-Key: %s-%lu\r\n\r\n",
                       target, address, surge->salt, wire->number);
    else
        len = snprintf(out, LOAD_REQUEST_MAX,
                       "%s HTTP/1.1\r\nHost: surge\r\nContent-Length: 0\r\n"
                       "Authorization: Bearer %s\r\n\r\n",
                       target, surge->ticket);
    if (len < 0 || len >= LOAD_REQUEST_MAX) {
        fprintf(stderr, "surge: a request is too long\n");
        exit(2);
    }
    return (size_t)len;
}

static void note_place(FILE *places, const struct wire *wire)
{
    const char *position = load_behind(wire, "\"position\":");
    if (position != NULL)
        fprintf(places, "%lu %lu\n", wire->due_us, strtoul(position, NULL, 10));
}

static void on_answer(void *ctx, const struct wire *wire, uint64_t took_us)
{
    struct surge *surge = ctx;
    enum kind kind = kind_of(surge, wire);
    const char *status = wire->answer + strlen("HTTP/1.1 ");
    if (memcmp(status, "201", 3) == 0 || memcmp(status, "200", 3) == 0) {
        histogram_record(&wire->flow->took_us, took_us);
        surge->met[kind].good += took_us <= GOOD_US;
        surge->met[kind].late += took_us > GOOD_US;
        if (surge->places != NULL && kind == JOIN)
            note_place(surge->places, wire);
    } else if (memcmp(status, "503", 3) == 0 && load_behind(wire, "\r\nRetry-After: ") != NULL) {
        surge->met[kind].refused++;
    } else {
        surge->met[kind].bad++;
    }
}

static void report(const struct surge *surge)
{
    static const char *const names[KINDS] = {[JOIN] = "join", [POLL] = "me", [PASS] = "pass"};
    static struct histogram_view view;
    printf("{\"duration_us\":%lu", surge->load.until_us - surge->load.began_us);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const struct flow *flow = &surge->load.flow[kind];
        view = (struct histogram_view){0};
        histogram_add_to(&flow->took_us, &view);
        printf(",\"%s\":{\"due\":%lu,\"good\":%lu,\"late\":%lu,\"refused\":%lu,\"away\":%lu,"
               "\"bad\":%lu,\"lost\":%lu,\"p50_us\":%lu,\"p99_us\":%lu,\"max_us\":%lu}",
               names[kind], flow->due, surge->met[kind].good, surge->met[kind].late,
               surge->met[kind].refused, flow->away, surge->met[kind].bad, flow->lost,
               histogram_quantile(&view, 0.5), histogram_quantile(&view, 0.99), view.max);
    }
    printf("}\n");
}

static int usage(void)
{
    fprintf(stderr,
            "usage: surge -p PORT -e EVENT -c CONNECTIONS -s SECONDS [-o RATE] "
            "[-w WAIT_MS]\n             [-k SALT] [-t TICKET] [-m POLLS] [-q PASSES] [-f FILE] "
            "[-a ADDRESS]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const char *given[LOAD_OPTIONS_MAX];
    if (load_options(argc, argv, "p:e:c:s:o:w:k:t:m:q:f:a:", given) < 0)
        return usage();
    static struct surge surge = {
        .load = {.redials = true, .write = write_request, .on_answer = on_answer}};
    struct load *load = &surge.load;
    load->ctx = &surge;
    load->port = (uint16_t)load_number(given['p'], 0);
    load->seconds = load_number(given['s'], 0);
    load->wait_us = load_number(given['w'], 250) * 1000;
    surge.event = given['e'];
    surge.salt = given['k'] != NULL ? given['k'] : "surge";
    surge.ticket = given['t'];
    surge.has_addresses = given['a'] != NULL;
    surge.first_address = load_number(given['a'], 0);
    load->flow[JOIN].rate = load_number(given['o'], 0);
    load->flow[POLL].rate = load_number(given['m'], 0);
    load->flow[PASS].rate = load_number(given['q'], 0);
    surge.places = given['f'] != NULL ? fopen(given['f'], "w") : NULL;
    if (given['f'] != NULL && surge.places == NULL)
        load_die(given['f']);
    unsigned connections = (unsigned)load_number(given['c'], 0);
    bool asks = load->flow[POLL].rate + load->flow[PASS].rate > 0;
    if (load->port == 0 || surge.event == NULL || connections + asks == 0 ||
        connections > CONNECTIONS_MAX || load->seconds == 0 || (asks && surge.ticket == NULL))
        return usage();
    load_dial(load, &load->flow[JOIN], connections);
    load_dial(load, &load->flow[POLL], load->flow[POLL].rate > 0 ? OWNER_WIRES : 0);
    load_dial(load, &load->flow[PASS], load->flow[PASS].rate > 0 ? OWNER_WIRES : 0);
    load_run(load);
    report(&surge);
    if (surge.places != NULL && fclose(surge.places) != 0)
        load_die("surge: places");
    return 0;
}
