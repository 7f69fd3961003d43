/* outcalls.c: see outcalls.h. */
#include "stage/outcalls.h"

#include "stage/faults.h"
#include "stage/sim.h"

#include "outcall/outcall.h"

#include <assert.h>
#include <string.h>

enum { BODY_MAX = 8192 };

struct outcalls {
    struct sim_proc *proc;
    uint32_t life; /* of the process, which may die and start again */
    bool closed;
};

struct sent {
    struct outcalls *from;
    char *url;
    outcall_on_done *on_done;
    void *ctx;
    bool over;
    struct outcall_answer answer;
    struct text body;
    char memory[BODY_MAX];
};

static struct {
    unsigned (*peer)(const char *url, struct text *body);
    void (*on_sent)(struct sim_proc *from, const char *url);
} world;

void outcalls_begin(unsigned (*peer)(const char *url, struct text *body),
                    void (*on_sent)(struct sim_proc *from, const char *url))
{
    world.peer = peer;
    world.on_sent = on_sent;
}

int outcalls_create(uv_loop_t *loop, const char *tls_ca, struct err_slot *err,
                    struct outcalls **out)
{
    (void)tls_ca;
    (void)err;
    struct sim_proc *proc = loop->data;
    *out = sim_new(sizeof(**out));
    **out = (struct outcalls){.proc = proc, .life = proc->life};
    return 0;
}

/* Only at the end of a process, so open calls need no answer. */
void outcalls_close(struct outcalls *outcalls)
{
    outcalls->closed = true;
}

static void finish(void *ctx)
{
    struct sent *sent = ctx;
    const struct outcalls *from = sent->from;
    if (sent->over || from->closed || from->life != from->proc->life)
        return;
    sent->over = true;
    sent->answer.body = text_span(&sent->body);
    sent->on_done(sent->ctx, &sent->answer);
}

static void time_out(void *ctx)
{
    struct sent *sent = ctx;
    if (!sent->over)
        sent->answer = (struct outcall_answer){.rc = ERR_TIMEOUT, .why = "no answer in time"};
    finish(sent);
}

static void at_peer(void *ctx)
{
    struct sent *sent = ctx;
    unsigned status = fault_now(FAULT_CALL_REFUSED) ? 503 : world.peer(sent->url, &sent->body);
    if (sent->over || fault_now(FAULT_CALL_ANSWER_LOST))
        return;
    sent->answer.status = status;
    sim_after(sent->from->proc, sim_between(SIM_MS, 40 * SIM_MS), finish, sent);
}

void outcall_send(struct outcalls *outcalls, const struct outcall *call)
{
    struct sent *sent = sim_new(sizeof(*sent));
    assert(call->timeout_ms > 0);
    *sent = (struct sent){.from = outcalls, .on_done = call->on_done, .ctx = call->ctx};
    sent->url = strdup(call->url);
    sent->body = text_on(sent->memory, sizeof(sent->memory));
    world.on_sent(outcalls->proc, call->url);
    sim_after(outcalls->proc, call->timeout_ms * (uint64_t)SIM_MS, time_out, sent);
    if (!fault_now(FAULT_CALL_LOST))
        sim_after(NULL,
                  fault_now(FAULT_CALL_SLOW) ? sim_between(0, 8 * (uint64_t)SIM_S)
                                             : sim_between(SIM_MS, 40 * SIM_MS),
                  at_peer, sent);
}
