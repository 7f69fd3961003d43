/* call.h: one request and its reply.
 *
 * A call lives on its handler's stack. A call that makes a change is copied into the loop's pending
 * calls (pending.h) until the commit. */
#ifndef FG_SEAT_SERVICE_CALL_H
#define FG_SEAT_SERVICE_CALL_H

#include "loop/loop.h"
#include "loop/refusals.h"
#include "render/render.h"

struct call;
struct call_refusal;

/* How calls from a page without scripts are answered (api/plain_page.h). */
struct call_plain {
    void (*reply)(struct call *call); /* on success */
    void (*refuse)(struct call *call, const struct call_refusal *refusal);
};

struct call {
    struct http_req *req; /* NULL: no request, or it was already answered with an open outcome */
    struct loop *loop;
    struct event *event;
    struct engine_who who;
    uint64_t now_ms;
    const struct call_plain *plain; /* NULL: an API request */
    bool has_idem;
    struct idem_key idem;
    struct idem_answer done;     /* the change that was made, once it is settled */
    bool replayed;               /* responds to a repeat */
    enum engine_verdict verdict; /* for a proven response */
    /* Replies once the op is settled, or the result is proven. NULL: no reply is needed. */
    void (*finish)(struct call *call, const struct engine_op *op);
    /* Called with each outcome before the engine; NULL for calls that only reply. */
    void (*on_outcome)(void *ctx, int rc, const struct change *change);
    void *outcome_ctx;
};

/* Replies, and stores what was done (call->done) under the call's key; if nothing was done, the key
 * is free again. */
void call_reply(struct call *call, unsigned status, const struct text *json, struct span headers);

/* Nothing was done (with OUTCOME_UNKNOWN it may have been), and nothing is stored. */
void call_refuse(struct call *call, enum refusal refusal);
/* With a request-specific detail, for a row without one. */
void call_refuse_as(struct call *call, enum refusal refusal, const char *detail);

struct call_refusal {
    unsigned status;
    const char *code;
    unsigned retry_after_s; /* 0: no Retry-After */
    enum refusal_text text;
    const char *detail;  /* "": set by the caller */
    struct span members; /* as in struct http_problem, any length */
    const char *owner;   /* of the event, for the header Fairgate-Owner; NULL: no header */
};
struct call_refusal call_refusal(enum refusal refusal); /* returns the row */
/* For refusals that are not just a row: a verdict, or a row with more members. */
void call_refuse_with(struct call *call, const struct call_refusal *refusal);

/* The call's event in the form that render.h takes. */
struct render_event call_view(const struct call *call);

#endif
