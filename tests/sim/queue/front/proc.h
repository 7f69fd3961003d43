/* proc.h: one front, as a process: queue-front's own (front/front.h), with what surrounds it here.
 */
#ifndef FG_SIM_QUEUE_FRONT_PROC_H
#define FG_SIM_QUEUE_FRONT_PROC_H

#include "front/front.h"
#include "queue/front/ask.h"

#include <stddef.h>

/* What all fronts have in common. */
struct proc_house {
    struct ask_ears ears;
    struct secrets *keys;
    const struct jwks_key *shop;          /* signs the tokens of its members */
    struct http_router *routes;           /* of both listeners */
    void (*on_left)(const char *session); /* NULL: nothing is sold inside */
};

struct proc {
    struct sim_proc sim;
    char name[16];
    unsigned number;
    /* of this life: */
    uv_loop_t loop;
    struct clock clock;
    uint64_t mono_base_us;
    int64_t wall_ahead_us;
    struct service_loop *service;
    struct front *front;
    bool leaving, serves;
    uint64_t judged_again; /* joins, as its counter says */
    bool has_told; /* the one inside that a visit is over, with the answer that is being given */
};

static inline struct proc *proc_of(struct sim_proc *sim)
{
    return (struct proc *)(void *)((char *)sim - offsetof(struct proc, sim));
}

void proc_house_begin(const struct ask_ears *ears);
void proc_house_tell(void (*on_left)(const char *session));
const struct proc_house *proc_house(void);

void proc_start(struct proc *proc);
/* As main.c ends on SIGTERM: no more requests, what is under way is answered, then the end. */
void proc_leave(struct proc *proc);

const struct line_view *proc_view(const struct proc *proc, struct line_ref line);
/* Of the event, whose document, version and state are those of all its lanes. */
const struct line_view *proc_general(const struct proc *proc, const struct ask *ask);
/* Whether it speaks of the newest event of this id; of an older one nothing is judged. */
bool proc_is_judged(const struct proc *proc, const struct ask *ask);
void proc_answer(struct proc *proc, struct ask *ask, int outcome);

/* As a presale code is known to Redis. */
void proc_digest(unsigned event, uint64_t presale, uint8_t out[LINE_CODE_BYTES]);

#endif
