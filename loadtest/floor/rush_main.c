/* rush_main.c: one buyer per connection, who holds one seat after another, as fast as the service
 * answers.
 *
 *   rush -p PORT -u PATH -t PASSES -c CONNECTIONS -s SECONDS [-n SEATS] [-r PER_ROW] [-a AREA]
 *        [-l LOG] [-o RATE]
 *
 * A closed loop, or an open one of RATE requests a second, over persistent connections with one
 * request in flight on each. A scripted load generator costs more than the service under test;
 * here a request is a prepared head plus thirty bytes. Seats are named rRsN, scattered over SEATS
 * seats in rows of PER_ROW, none requested twice. With AREA, each request is for one place of that
 * area. PASSES has one pass per line; connections take them in turn.
 *
 * Ends after SECONDS, once pending requests are answered, or when the service has closed every
 * connection, and prints one line of JSON. LOG gets a line for each request: the seat's number and
 * the outcome, "held HOLD", the status, or "lost" if the connection ended before the answer. A
 * test compares this with the state of a restarted service. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_MAX = 2048,
    BODY_MAX = 128,
    SCATTER = 7919, /* a prime that divides no hall's size: each seat once */
};

struct head {
    size_t len;
    char bytes[HEAD_MAX];
};

struct rush {
    struct load load;
    const char *path, *area;
    uint64_t seats, per_row;
    struct head *heads; /* per connection, up to the value of Content-Length */
    FILE *log;
    uint64_t answered, held, other;
};

static unsigned seat_of(const struct rush *rush, const struct wire *wire)
{
    return (unsigned)(wire->number * SCATTER % rush->seats);
}

static void note(const struct rush *rush, const struct wire *wire, const char *what, int len)
{
    if (rush->log != NULL)
        fprintf(rush->log, "%u %.*s\n", seat_of(rush, wire), len, what);
}

static void on_lost(void *ctx, const struct wire *wire)
{
    note(ctx, wire, "lost", 4);
}

static size_t write_request(void *ctx, const struct wire *wire, char *out)
{
    const struct rush *rush = ctx;
    const struct head *head = &rush->heads[wire - wire->flow->wires];
    unsigned seat = seat_of(rush, wire), per_row = (unsigned)rush->per_row;
    char body[BODY_MAX];
    if (rush->area != NULL)
        snprintf(body, sizeof(body), "{\"area\":\"%s\",\"quantity\":1}", rush->area);
    else
        snprintf(body, sizeof(body), "{\"seats\":[\"r%us%u\"]}", seat / per_row + 1,
                 seat % per_row + 1);
    memcpy(out, head->bytes, head->len);
    return head->len + (size_t)snprintf(out + head->len, LOAD_REQUEST_MAX - head->len,
                                        "%zu\r\n\r\n%s", strlen(body), body);
}

static void on_answer(void *ctx, const struct wire *wire, uint64_t took_us)
{
    struct rush *rush = ctx;
    histogram_record(&wire->flow->took_us, took_us);
    rush->answered++;
    if (memcmp(wire->answer, "HTTP/1.1 201", 12) != 0) {
        rush->other++;
        note(rush, wire, wire->answer + 9, 3);
        return;
    }
    rush->held++;
    const char *hold = rush->log != NULL ? load_behind(wire, "\"hold\":\"") : NULL;
    const char *end = hold != NULL ? strchr(hold, '"') : NULL;
    char line[HEAD_MAX];
    int len = end != NULL ? snprintf(line, sizeof(line), "held %.*s", (int)(end - hold), hold) : 0;
    note(rush, wire, line, len);
}

static void read_passes(struct rush *rush, unsigned connections, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        load_die(path);
    char *line = NULL;
    size_t cap = 0;
    for (unsigned i = 0; i < connections; i++) {
        ssize_t len = getline(&line, &cap, file);
        if (len <= 0 && i == 0) {
            fprintf(stderr, "rush: %s is empty\n", path);
            exit(1);
        }
        if (len <= 0) { /* fewer passes than connections: start again with the first */
            rewind(file);
            len = getline(&line, &cap, file);
        }
        line[strcspn(line, "\r\n")] = '\0';
        struct head *head = &rush->heads[i];
        len = snprintf(head->bytes, HEAD_MAX,
                       "POST %s HTTP/1.1\r\nHost: rush\r\nAuthorization: Bearer %s\r\n"
                       "Content-Type: application/json\r\nContent-Length: ",
                       rush->path, line);
        if (len < 0 || len >= HEAD_MAX) {
            fprintf(stderr, "rush: a pass in %s is too long\n", path);
            exit(1);
        }
        head->len = (size_t)len;
    }
    free(line);
    fclose(file);
}

static void report(const struct rush *rush)
{
    static struct histogram_view view;
    const struct flow *flow = &rush->load.flow[0];
    histogram_add_to(&flow->took_us, &view);
    printf("{\"requests\":%lu,\"duration_us\":%lu,\"held\":%lu,"
           "\"errors\":{\"lost\":%lu,\"status\":%lu},"
           "\"latency_us\":{\"p50\":%lu,\"p90\":%lu,\"p99\":%lu,\"max\":%lu}}\n",
           rush->answered, rush->load.now_us - rush->load.began_us, rush->held, flow->lost,
           rush->other, histogram_quantile(&view, 0.5), histogram_quantile(&view, 0.9),
           histogram_quantile(&view, 0.99), view.max);
}

static int usage(void)
{
    fprintf(stderr, "usage: rush -p PORT -u PATH -t PASSES -c CONNECTIONS -s SECONDS [-n SEATS]\n"
                    "            [-r PER_ROW] [-a AREA] [-l LOG] [-o RATE]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const char *given[LOAD_OPTIONS_MAX];
    if (load_options(argc, argv, "p:u:t:c:s:n:r:a:l:o:", given) < 0)
        return usage();
    static struct rush rush = {
        .load = {.write = write_request, .on_answer = on_answer, .on_lost = on_lost}};
    struct load *load = &rush.load;
    load->ctx = &rush;
    load->port = (uint16_t)load_number(given['p'], 0);
    load->seconds = load_number(given['s'], 0);
    load->wait_us = UINT64_MAX;
    rush.path = given['u'];
    rush.seats = load_number(given['n'], 256);
    rush.per_row = load_number(given['r'], 256);
    rush.area = given['a'];
    load->flow[0].rate = load_number(given['o'], 0);
    load->flow[0].most = rush.area == NULL ? rush.seats : 0;
    unsigned connections = (unsigned)load_number(given['c'], 0);
    const char *passes = given['t'], *log = given['l'];
    if (load->port == 0 || rush.path == NULL || passes == NULL || connections == 0 ||
        load->seconds == 0 || rush.seats == 0 || rush.per_row == 0)
        return usage();
    rush.heads = calloc(connections, sizeof(*rush.heads));
    rush.log = log != NULL ? fopen(log, "we") : NULL;
    if (rush.heads == NULL || (log != NULL && rush.log == NULL))
        load_die("rush");
    read_passes(&rush, connections, passes);
    load_dial(load, &load->flow[0], connections);
    load_run(load);
    report(&rush);
    if (rush.log != NULL && fclose(rush.log) != 0)
        load_die(log);
    return 0;
}
