/* call.h: one request and its reply.
 *
 * A call lives on its handler's stack. One that changes something is copied into the loop's pending
 * calls (pending.h) until its change is committed. */
#ifndef FG_SEAT_SERVICE_CALL_H
#define FG_SEAT_SERVICE_CALL_H

#include "loop/loop.h"
#include "loop/refusals.h"
#include "render/render.h"

struct call;
struct call_refusal;

/* How calls are answered that come from a page without a script (api/plain_page.h). */
struct call_plain {
    void (*reply)(struct call *call); /* it was done */
    void (*refuse)(struct call *call, const struct call_refusal *refusal);
};

struct call {
    struct http_req *req; /* NULL: no request, or it was answered that the outcome is open */
    struct loop *loop;
    struct event *event;
    struct engine_who who;
    uint64_t now_ms;
    const struct call_plain *plain; /* NULL: a program's */
    bool has_idem;
    struct idem_key idem;
    struct idem_answer done;     /* what was changed, once it is settled */
    bool replayed;               /* answers a repetition */
    enum engine_verdict verdict; /* which a proven answer tells */
    /* Replies once the op is settled, or what the call found is proven. NULL: there is nobody to
     * reply to. */
    void (*finish)(struct call *call, const struct engine_op *op);
    /* Called with each outcome before the engine is; NULL for calls that only reply. */
    void (*on_outcome)(void *ctx, int rc, const struct change *change);
    void *outcome_ctx;
};

/* Replies, and remembers what was done (call->done) if the call has a key; if nothing was done, the
 * key is unused again. */
void call_reply(struct call *call, unsigned status, const struct text *json, struct span headers);

/* Nothing happened (but for OUTCOME_UNKNOWN, where it may have), and nothing is remembered. */
void call_refuse(struct call *call, enum refusal refusal);
/* With a detail of this request's own, for a row without one. */
void call_refuse_as(struct call *call, enum refusal refusal, const char *detail);

struct call_refusal {
    unsigned status;
    const char *code;
    unsigned retry_after_s; /* 0: no Retry-After */
    enum refusal_text text;
    const char *detail;  /* "": the caller says it */
    struct span members; /* as in struct http_problem, any length */
    const char *owner;   /* of the event, for the header Fairgate-Owner; NULL: no header */
};
struct call_refusal call_refusal(enum refusal refusal); /* the row */
/* For refusals beyond a row: a verdict, or a row with more members. */
void call_refuse_with(struct call *call, const struct call_refusal *refusal);

/* The call's event, as render.h shows it. */
struct render_event call_view(const struct call *call);

#endif
