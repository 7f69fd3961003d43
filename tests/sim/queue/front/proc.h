/* proc.h: one front as a process: queue-front's own (front/front.h) and its surroundings here.
 *
 * proc.c and proc_ask.c are compiled twice: with this version's front, and with the previous one's
 * in a library (`make OUT/lib/before.so`). Each has its own keys and routes. All else of the world
 * is there once, and reaches a front by its version's functions. */
#ifndef FG_SIM_QUEUE_FRONT_PROC_H
#define FG_SIM_QUEUE_FRONT_PROC_H

#include "front/front.h"
#include "queue/front/ask.h"

#include <stddef.h>

enum { PROC_PATH_BYTES = 32 };

/* Shared by all fronts of a version. */
struct proc_fleet {
    struct ask_ears ears;
    /* Called for what a front sends to a service, and with the service's answer to write. */
    void (*on_sent)(struct sim_proc *from, const char *url);
    unsigned (*answer_call)(const char *url, struct text *body);
    struct {
        char ring[PROC_PATH_BYTES], shop[PROC_PATH_BYTES], token[PROC_PATH_BYTES];
        char passes[2 * PROC_PATH_BYTES]; /* the newest key first */
    } files;
    struct secrets *keys;
    const struct jwks *before; /* the set of passes' keys before the last rotation */
    uint64_t rotated_us;
    const struct jwks_key *shop;          /* signs the tokens of its members */
    struct http_router *routes;           /* for both listeners */
    void (*on_left)(const char *session); /* NULL: nothing is sold inside */
};

struct proc {
    struct sim_proc sim;
    char name[16];
    unsigned number;
    const struct proc_version *version; /* of this life, too */
    /* valid for this life of the process: */
    uv_loop_t loop;
    struct clock clock;
    uint64_t mono_base_us;
    int64_t wall_ahead_us;
    struct service_loop *service;
    struct front *front;
    bool leaving, serves;
    uint64_t judged_again; /* last value of its counter of joins */
    uint64_t reported_us;  /* when it last reported the end of a visit */
    uint64_t fault_us;     /* the newest fault of its network to Redis; 0: none */
};

/* What the world does with a front of either version. */
struct proc_version {
    size_t proc_bytes, ask_bytes; /* the same in both */
    void (*begin)(const struct proc_fleet *fleet);
    void (*read_keys)(const struct proc_fleet *fleet); /* again, from the files */
    void (*start)(struct proc *proc);
    void (*use_keys)(void *proc);
    /* Like main.c on SIGTERM: accepts no more requests, finishes the open ones, and ends. */
    void (*leave)(void *proc);
    bool (*is_ready)(const struct proc *proc);
    /* Sends the request over HTTP. */
    void (*ask)(struct proc *proc, struct ask *ask, struct span request);
};

extern const struct proc_version proc_version;

static inline struct proc *proc_of(struct sim_proc *sim)
{
    return (struct proc *)(void *)((char *)sim - offsetof(struct proc, sim));
}

void proc_fleet_begin(const struct ask_ears *ears);
void proc_fleet_report(void (*on_left)(const char *session)); /* for each visit that ended */
const struct proc_fleet *proc_fleet(void);
bool proc_fleet_is_rotated(void); /* the last new key has reached every front */
/* Passes' keys: each front signs with them from its reload on. `before`: or NULL. */
void proc_fleet_rotate(const struct proc_version *before);
enum { PROC_ROTATES_US = 5 * SIM_S }; /* until all have reloaded */

/* The network to Redis, below the product's own connection (redis_route.h) and hiredis. */
void proc_peer_begin(void);

const struct line_view *proc_view(const struct proc *proc, struct line_ref line);
/* The general line, whose document, version and state are valid for all lanes. */
const struct line_view *proc_general(const struct proc *proc, const struct ask *ask);
/* Whether the request is about the newest event of this id; older ones are not checked. */
bool proc_is_judged(const struct proc *proc, const struct ask *ask);
void proc_answer(struct proc *proc, struct ask *ask, int outcome);
/* For proc_version, in proc_ask.c. */
void proc_begin(const struct proc_fleet *of);
void proc_read_keys(const struct proc_fleet *of);
void proc_start(struct proc *proc);
void proc_use_keys(void *ctx);
void proc_leave(void *ctx);
bool proc_is_ready(const struct proc *proc);

/* The digest of a presale code, as Redis has it. */
void proc_digest(unsigned event, uint64_t presale, uint8_t out[LINE_CODE_BYTES]);

#endif
