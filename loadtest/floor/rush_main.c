/* rush_main.c: as many buyers as there are connections, each of whom takes a seat, and then the
 * next, as fast as they are answered.
 *
 *   rush -p PORT -u PATH -t PASSES -c CONNECTIONS -s SECONDS [-f FROM] [-n SEATS] [-r PER_ROW]
 *        [-a AREA] [-l LOG] [-o RATE]
 *
 * A closed loop over kept connections with one request under way on each. A script in a general
 * load generator costs more than the service that it asks; here a request is a head that was made
 * once and thirty bytes behind it. Seats are named rRsN, scattered over SEATS seats in rows of
 * PER_ROW, none asked for twice; or one place of AREA each. PASSES has an admission pass a line;
 * connections take them in turn.
 *
 * Ends after SECONDS, once what is under way was answered, or when the service has closed every
 * connection, and prints one line of JSON as wrk/report.lua does. LOG gets a line for each request:
 * the seat's number and its outcome: "held HOLD", the status, or "lost" where a connection
 * ended before its answer: what a test compares with what a restarted service says. */
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
    EVENTS_MAX = 512,
    HEAD_MAX = 2048,
    BODY_MAX = 128,
    ANSWER_MAX = 16384,
    SCATTER = 7919, /* a prime that divides no hall: each seat once */
    LAST_ANSWERS_MS = 5000,
};

struct buyer {
    int fd;
    uint32_t seat; /* asked for; under way if busy */
    bool busy;
    uint64_t sent_us;
    char *head;
    size_t head_len, got;
    char answer[ANSWER_MAX];
};

struct rush {
    int epoll;
    uint16_t port;
    const char *path, *area;
    unsigned connections, open, busy;
    uint64_t seconds, next, end, seats, per_row;
    uint64_t rate, began_us, asked; /* of the open loop; rate 0: closed */
    struct buyer *buyers;
    unsigned *idle, idle_len; /* which of the buyers */
    FILE *log;
    uint64_t answered, held, other, lost, bytes, until_us;
    struct histogram took_us;
};

/* ---- one request, one answer ---- */

static void note(struct rush *rush, const struct buyer *buyer, const char *what, int len)
{
    if (rush->log != NULL)
        fprintf(rush->log, "%u %.*s\n", buyer->seat, len, what);
}

static void hang_up(struct rush *rush, struct buyer *buyer)
{
    if (buyer->busy) {
        note(rush, buyer, "lost", 4);
        buyer->busy = false;
        rush->busy--;
        rush->lost++;
    }
    close(buyer->fd);
    rush->open--;
}

static size_t write_body(const struct rush *rush, uint32_t seat, char *out)
{
    int len;
    if (rush->area != NULL)
        len = snprintf(out, BODY_MAX, "{\"area\":\"%s\",\"quantity\":1}", rush->area);
    else
        len = snprintf(out, BODY_MAX, "{\"seats\":[\"r%us%u\"]}",
                       seat / (unsigned)rush->per_row + 1, seat % (unsigned)rush->per_row + 1);
    return (size_t)len;
}

/* `due_us`: when it should go out, which is when its time begins. */
static void ask(struct rush *rush, struct buyer *buyer, uint64_t due_us)
{
    char request[HEAD_MAX + 16 + BODY_MAX], body[BODY_MAX];
    buyer->seat = (uint32_t)(rush->next++ * SCATTER % rush->seats);
    size_t body_len = write_body(rush, buyer->seat, body), len = buyer->head_len;
    memcpy(request, buyer->head, len);
    len += (size_t)snprintf(request + len, sizeof(request) - len, "%zu\r\n\r\n", body_len);
    memcpy(request + len, body, body_len);
    len += body_len;
    buyer->busy = true;
    buyer->got = 0;
    buyer->sent_us = due_us;
    rush->busy++;
    if (send(buyer->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
        hang_up(rush, buyer);
}

static void judge(struct rush *rush, struct buyer *buyer)
{
    histogram_record(&rush->took_us, client_now_us() - buyer->sent_us);
    buyer->busy = false;
    rush->busy--;
    rush->answered++;
    rush->bytes += buyer->got;
    if (memcmp(buyer->answer, "HTTP/1.1 201", 12) != 0) {
        rush->other++;
        note(rush, buyer, buyer->answer + 9, 3);
        return;
    }
    rush->held++;
    if (rush->log == NULL)
        return;
    const char *hold = client_behind(buyer->answer, buyer->got, "\"hold\":\"");
    const char *end = hold != NULL ? strchr(hold, '"') : NULL;
    char line[HEAD_MAX];
    int len = end != NULL ? snprintf(line, sizeof(line), "held %.*s", (int)(end - hold), hold) : 0;
    note(rush, buyer, line, len);
}

static bool is_over(const struct rush *rush, uint64_t now)
{
    return now >= rush->until_us || (rush->area == NULL && rush->next == rush->end);
}

/* Of the closed loop at once, of the open one when it is due. */
static void go_on(struct rush *rush, struct buyer *buyer)
{
    uint64_t now = client_now_us();
    if (rush->rate > 0)
        rush->idle[rush->idle_len++] = (unsigned)(buyer - rush->buyers);
    else if (!is_over(rush, now))
        ask(rush, buyer, now);
}

/* The open loop: what is due by now, as far as there are connections for it. */
static void ask_due(struct rush *rush)
{
    uint64_t now = client_now_us();
    while (rush->rate > 0 && rush->idle_len > 0) {
        uint64_t due_us = rush->began_us + rush->asked * 1000000 / rush->rate;
        if (due_us > now || is_over(rush, due_us))
            return;
        rush->asked++;
        ask(rush, &rush->buyers[rush->idle[--rush->idle_len]], due_us);
    }
}

/* Whether there is nothing more to ask and nothing more to hear. */
static bool is_through(const struct rush *rush)
{
    if (rush->busy > 0 || rush->open == 0)
        return rush->open == 0;
    return rush->rate == 0 || is_over(rush, rush->began_us + rush->asked * 1000000 / rush->rate);
}

static void on_readable(struct rush *rush, struct buyer *buyer)
{
    size_t room = sizeof(buyer->answer) - 1 - buyer->got;
    ssize_t got = recv(buyer->fd, buyer->answer + buyer->got, room, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || (size_t)got == room || !buyer->busy) {
        hang_up(rush, buyer);
        return;
    }
    buyer->got += (size_t)got;
    buyer->answer[buyer->got] = '\0';
    if (!client_has_all(buyer->answer, buyer->got))
        return;
    judge(rush, buyer);
    go_on(rush, buyer);
}

/* ---- the whole ---- */

/* The head of each buyer's requests, up to the number of bytes in the body. */
static void read_passes(struct rush *rush, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        client_die(path);
    char *line = NULL;
    size_t cap = 0;
    for (unsigned i = 0; i < rush->connections; i++) {
        ssize_t len = getline(&line, &cap, file);
        if (len <= 0 && i == 0) {
            fprintf(stderr, "rush: %s is empty\n", path);
            exit(1);
        }
        if (len <= 0) { /* fewer passes than connections: from the first again */
            rewind(file);
            len = getline(&line, &cap, file);
        }
        line[strcspn(line, "\r\n")] = '\0';
        char head[HEAD_MAX];
        int head_len = snprintf(head, sizeof(head),
                                "POST %s HTTP/1.1\r\nHost: rush\r\nAuthorization: Bearer %s\r\n"
                                "Content-Type: application/json\r\nContent-Length: ",
                                rush->path, line);
        if (head_len < 0 || (size_t)head_len >= sizeof(head)) {
            fprintf(stderr, "rush: a pass in %s is too long\n", path);
            exit(1);
        }
        rush->buyers[i].head = strdup(head);
        rush->buyers[i].head_len = (size_t)head_len;
    }
    free(line);
    fclose(file);
}

static void report(const struct rush *rush, uint64_t took_us)
{
    static struct histogram_view view;
    histogram_add_to(&rush->took_us, &view);
    printf("{\"requests\":%lu,\"duration_us\":%lu,\"bytes\":%lu,\"held\":%lu,"
           "\"errors\":{\"lost\":%lu,\"status\":%lu},"
           "\"latency_us\":{\"p50\":%lu,\"p90\":%lu,\"p99\":%lu,\"max\":%lu}}\n",
           rush->answered, took_us, rush->bytes, rush->held, rush->lost, rush->other,
           histogram_quantile(&view, 0.5), histogram_quantile(&view, 0.9),
           histogram_quantile(&view, 0.99), view.max);
}

static void run(struct rush *rush)
{
    for (unsigned i = 0; i < rush->connections; i++)
        rush->buyers[i].fd = client_dial(rush->epoll, rush->port, &rush->buyers[i]);
    rush->open = rush->connections;
    rush->began_us = client_now_us();
    rush->until_us = rush->began_us + rush->seconds * 1000000;
    for (unsigned i = 0; i < rush->connections; i++)
        go_on(rush, &rush->buyers[i]);
    while (!is_through(rush) && client_now_us() < rush->until_us + LAST_ANSWERS_MS * 1000) {
        struct epoll_event events[EVENTS_MAX];
        ask_due(rush);
        int count = epoll_wait(rush->epoll, events, EVENTS_MAX, rush->rate > 0 ? 1 : 100);
        for (int i = 0; i < count; i++)
            on_readable(rush, events[i].data.ptr);
    }
    uint64_t took_us = client_now_us() - rush->began_us;
    for (unsigned i = 0; i < rush->connections; i++)
        if (rush->buyers[i].busy)
            hang_up(rush, &rush->buyers[i]);
    report(rush, took_us);
}

static int usage(void)
{
    fprintf(stderr, "usage: rush -p PORT -u PATH -t PASSES -c CONNECTIONS -s SECONDS [-f FROM]\n"
                    "            [-n SEATS] [-r PER_ROW] [-a AREA] [-l LOG] [-o RATE]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const char *given[CLIENT_OPTIONS_MAX];
    if (client_options(argc, argv, "p:u:t:c:s:f:n:r:a:l:o:", given) < 0)
        return usage();
    static struct rush rush;
    rush.port = (uint16_t)client_number(given['p'], 0);
    rush.path = given['u'];
    rush.connections = (unsigned)client_number(given['c'], 0);
    rush.seconds = client_number(given['s'], 0);
    rush.next = client_number(given['f'], 0);
    rush.seats = client_number(given['n'], 256);
    rush.per_row = client_number(given['r'], 256);
    rush.area = given['a'];
    rush.rate = client_number(given['o'], 0);
    const char *passes = given['t'], *log = given['l'];
    if (rush.port == 0 || rush.path == NULL || passes == NULL || rush.connections == 0 ||
        rush.seconds == 0 || rush.seats == 0 || rush.per_row == 0)
        return usage();
    rush.buyers = calloc(rush.connections, sizeof(*rush.buyers));
    rush.idle = calloc(rush.connections, sizeof(*rush.idle));
    rush.end = rush.seats;
    rush.epoll = epoll_create1(EPOLL_CLOEXEC);
    rush.log = log != NULL ? fopen(log, "we") : NULL;
    if (rush.buyers == NULL || rush.idle == NULL || rush.epoll < 0 ||
        (log != NULL && rush.log == NULL))
        client_die("rush");
    read_passes(&rush, passes);
    run(&rush);
    if (rush.log != NULL && fclose(rush.log) != 0)
        client_die(log);
    for (unsigned i = 0; i < rush.connections; i++)
        free(rush.buyers[i].head);
    free(rush.idle);
    free(rush.buyers);
    close(rush.epoll);
    return 0;
}
