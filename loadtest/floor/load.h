/* load.h: shared by the load generators: connections to this machine, each with one request in
 * flight, in a closed or an open loop; options, the clock. */
#ifndef FG_FLOOR_LOAD_H
#define FG_FLOOR_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observe/histogram.h"

enum { LOAD_FLOWS = 3, LOAD_REQUEST_MAX = 2304, LOAD_ANSWER_MAX = 16384, LOAD_OPTIONS_MAX = 128 };

struct wire { /* a connection */
    struct flow *flow;
    int fd; /* -1: closed for good */
    bool busy;
    uint64_t number; /* of its request, within its flow */
    uint64_t due_us;
    size_t got;
    char answer[LOAD_ANSWER_MAX];
};

/* All requests of one kind: when the next one is due, and which connections are free. */
struct flow {
    struct load *load;
    uint64_t rate; /* per second, each with a due time; 0: a closed loop */
    uint64_t most; /* requests in all; 0: no limit */
    uint64_t due;  /* so far, including those given up */
    struct wire *wires;
    unsigned wires_len, open, busy, *idle, idle_len;
    uint64_t away, lost; /* found no free connection in time; connection ended before the answer */
    struct histogram took_us;
};

struct load {
    int epoll;
    uint16_t port;
    bool redials; /* replace a closed connection */
    uint64_t seconds, began_us, until_us, now_us;
    uint64_t wait_us; /* wait for a free connection before giving up a request */
    struct flow flow[LOAD_FLOWS];
    void *ctx;
    /* Writes a request of at most LOAD_REQUEST_MAX bytes; returns its length. */
    size_t (*write)(void *ctx, const struct wire *wire, char *out);
    void (*on_answer)(void *ctx, const struct wire *wire, uint64_t took_us); /* since it was due */
    void (*on_lost)(void *ctx, const struct wire *wire);                     /* NULL: nothing */
};

/* Opens the connections, or ends the program; they are closed when it exits. */
void load_dial(struct load *load, struct flow *flow, unsigned connections);
/* Runs for `seconds` or until nothing more is due, plus some seconds until all is answered. */
void load_run(struct load *load);

/* Ends the program with errno's message. */
void load_die(const char *what) __attribute__((noreturn));

/* The text after `name` in an answer; NULL if it is missing. */
const char *load_behind(const struct wire *wire, const char *name);

/* The arguments by letter, as for getopt(); NULL: not given. Returns -1 for an unknown one. */
int load_options(int argc, char **argv, const char *letters, const char *given[LOAD_OPTIONS_MAX]);
uint64_t load_number(const char *text, uint64_t missing);

#endif
