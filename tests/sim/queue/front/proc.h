/* proc.h: one front as a process: queue-front's own (front/front.h) and its surroundings here. */
#ifndef FG_SIM_QUEUE_FRONT_PROC_H
#define FG_SIM_QUEUE_FRONT_PROC_H

#include "front/front.h"
#include "queue/front/ask.h"

#include <stddef.h>

/* Shared by all fronts. */
struct proc_fleet {
    struct ask_ears ears;
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

static inline struct proc *proc_of(struct sim_proc *sim)
{
    return (struct proc *)(void *)((char *)sim - offsetof(struct proc, sim));
}

void proc_fleet_begin(const struct ask_ears *ears);
void proc_fleet_report(void (*on_left)(const char *session));
const struct proc_fleet *proc_fleet(void);
bool proc_fleet_is_rotated(void); /* the last new key has reached every front */
void proc_fleet_rotate(void);     /* passes' keys; each front signs with them from its reload on */
void proc_reload(struct proc *proc); /* soon */

/* The network to Redis, below the product's own connection (redis_route.h) and hiredis. */
void proc_peer_begin(void);

void proc_start(struct proc *proc);
/* Like main.c on SIGTERM: accepts no more requests, finishes the open ones, and ends. */
void proc_leave(struct proc *proc);

const struct line_view *proc_view(const struct proc *proc, struct line_ref line);
/* The general line, whose document, version and state are valid for all lanes. */
const struct line_view *proc_general(const struct proc *proc, const struct ask *ask);
/* Whether the request is about the newest event of this id; older ones are not checked. */
bool proc_is_judged(const struct proc *proc, const struct ask *ask);
void proc_answer(struct proc *proc, struct ask *ask, int outcome);
/* Sends the request over HTTP. */
void proc_ask(struct proc *proc, struct ask *ask);

/* The digest of a presale code, as Redis has it. */
void proc_digest(unsigned event, uint64_t presale, uint8_t out[LINE_CODE_BYTES]);

#endif
