/* load.h: what the generators of load share: connections to this machine, each with one request
 * under way, in a closed or an open loop; options, the clock. */
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
    uint64_t number; /* of its request, counted through in its flow */
    uint64_t due_us;
    size_t got;
    char answer[LOAD_ANSWER_MAX];
};

/* All requests of one kind: when the next is due, and who is free to send it. */
struct flow {
    struct load *load;
    uint64_t rate; /* a second, due at an instant each; 0: a closed loop */
    uint64_t most; /* requests in all; 0: no bound */
    uint64_t due;  /* so far, those given up among them */
    struct wire *wires;
    unsigned wires_len, open, busy, *idle, idle_len;
    uint64_t away, lost; /* found no connection in time; whose connection ended before the answer */
    struct histogram took_us;
};

struct load {
    int epoll;
    uint16_t port;
    bool redials; /* a connection that ends is replaced */
    uint64_t seconds, began_us, until_us, now_us;
    uint64_t wait_us; /* for a free connection; then a request is given up */
    struct flow flow[LOAD_FLOWS];
    void *ctx;
    /* Writes a request of at most LOAD_REQUEST_MAX bytes; answers its length. */
    size_t (*write)(void *ctx, const struct wire *wire, char *out);
    void (*on_answer)(void *ctx, const struct wire *wire, uint64_t took_us); /* since it was due */
    void (*on_lost)(void *ctx, const struct wire *wire);                     /* NULL: nothing */
};

/* Opens the connections, which the end of the program closes, or ends it. */
void load_dial(struct load *load, struct flow *flow, unsigned connections);
/* Until `seconds` are over or nothing more is due, and for some seconds until all is answered. */
void load_run(struct load *load);

/* Ends the program with errno's words. */
void load_die(const char *what) __attribute__((noreturn));

/* A connection to the port of this machine, which the epoll watches for reading with `data`. */
int load_connect(int epoll, uint16_t port, void *data);

/* What follows `name` in an answer; NULL if it is not there. */
const char *load_behind(const struct wire *wire, const char *name);

/* The arguments by their letters, as getopt() has them; NULL: not given. -1: an unknown one. */
int load_options(int argc, char **argv, const char *letters, const char *given[LOAD_OPTIONS_MAX]);
uint64_t load_number(const char *text, uint64_t missing);

#endif
