/* act.h: one operator call that changes an event, or asks Redis about it, from the request to its
 * answer.
 *
 * Each kind has its own struct whose first member is `struct act`, and two functions: `attempt`
 * validates the call against this front's picture and calls the store, `answer` sends the store's
 * result. The act is memory of its request and ends with the response. It must not be touched after
 * calling the store. It belongs to one loop, like its request. */
#ifndef FG_QUEUE_FRONT_ACT_H
#define FG_QUEUE_FRONT_ACT_H

#include "core/event/draw_seal.h"
#include "core/event/event_doc.h"
#include "front/front.h"
#include "front_limits.h"

enum {
    ACT_TRIES_MAX = 5,              /* attempts of a patch against concurrent ones */
    ACT_AUDIT_SIDE_MAX = 11 * 1024, /* one side of a change; fits the largest message */
    ACT_AUDIT_MAX = 2 * ACT_AUDIT_SIDE_MAX + 2048,
};

struct act;

/* May be called several times: after another look, and after another operator's change. `event` is
 * NULL only if the act may create it. */
typedef void act_attempt(struct act *act, const struct front_line *event);
typedef void act_answer(struct act *act);

struct act {
    struct line_admin line; /* first: the store returns a pointer to it */
    struct front_wait wait;
    struct service_job job;
    void (*then)(void *ctx); /* after the read */
    struct front *front;
    struct http_req *req;
    act_attempt *attempt;
    act_answer *answer;
    void (*on_end)(struct act *act); /* NULL: there is nothing else to free */
    unsigned tries;
    bool searched; /* searched for the event beyond this front's memory */
    bool creates;  /* it may create the event */
    bool created;
    bool create_only;  /* If-None-Match: * */
    bool has_doc;      /* `doc` is the written document, for the answer */
    uint64_t if_match; /* 0: none */
    unsigned without;  /* missing parts that the operator confirmed; for the audit trail */
    char who[OPERATOR_BYTES_MAX + 32];
    char why[REASON_BYTES_MAX + 1];
    char seal[DRAW_SEAL_LEN_MAX];
    struct event_doc doc;
    char json[EVENT_DOC_BYTES_MAX]; /* of the document, or the arguments of a draw */
    char audit[ACT_AUDIT_MAX];
};

/* An act of `bytes`, zeroed, with event, operator and reason read. NULL: the request was
 * answered. */
void *act_begin(struct http_req *req, size_t bytes, act_attempt *attempt);
/* NULL: this front does not know the event, or no longer. */
const struct front_line *act_event(const struct act *act);
/* Finds the event, even one that ended long ago, and calls `attempt`. */
void act_try(struct act *act);
/* Calls `run`, which reads a long body, off the loop, and then `then`. Both get the act. */
void act_read(struct act *act, void (*run)(void *ctx), void (*then)(void *ctx));

/* What the body may contain besides {"why": ".."}; it may be empty. */
struct act_words {
    struct text *beacon; /* {"beacon": ".."}; NULL: not allowed here */
    unsigned *without;   /* {"without": ["hall", ..]}, one bit each (front/sale.h); likewise */
};
/* False: the request was answered. */
bool act_read_body(struct act *act, const struct act_words *words);

/* Text too long for the audit trail is named instead of cut: half a document is useless. */
struct span act_audit_side(const struct text *json);
/* "without": ["hall", ..], from the bits. */
void act_put_parts(struct text *json, const char *name, unsigned parts);
/* The audit entry, which the store writes in the same step as the change. */
void act_audit(struct act *act, const char *what, struct span from, struct span to);
/* Whether the stored document can be written back from what this program read of it. False: the
 * request was answered. */
bool act_may_rewrite(struct act *act, const struct front_line *event);
/* The document as it will be stored, with its knobs. False: the request was answered. */
bool act_put_document(struct act *act);

void act_ask(struct act *act, enum line_admin_call call, act_answer *answer);
/* The same, with seeds for an event that has none yet. */
void act_ask_sealed(struct act *act, enum line_admin_call call, act_answer *answer);

/* The default of `answer`, for outcomes that it does not handle itself. */
void act_done(struct act *act);
/* Answers with the document once this front has the picture of `line.version`. */
void act_answer_seen(struct act *act);
/* Tries again once this front's picture has that version, or after `for_us`. */
void act_try_later(struct act *act, uint64_t version, uint64_t for_us);
/* Refuses with the outcome in `line`. */
void act_refuse(struct act *act);

#endif
