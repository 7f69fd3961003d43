/* retry.h: requests that wait for something that is about to be known.
 *
 * A request whose idempotency key is already under way is not refused: it is put aside and handled
 * again from the start, until the first has been answered. So is one of a reader who is ahead of
 * what is known here of another's event, until the next look at its journal. */
#ifndef FG_SEAT_SERVICE_RETRY_H
#define FG_SEAT_SERVICE_RETRY_H

#include "loop/call.h"

struct retry;

/* A request that waits, and how it is answered. */
struct retry_ask {
    struct http_req *req;
    uint64_t serial;              /* of the request: another one may be in the same place next */
    uint64_t session, started_us; /* whose it is; when it came */
    uint64_t asked_us;            /* when all of it was there */
    /* The current handler, with which it starts over when it may have become known. */
    void (*again)(struct http_req *req);
    enum refusal ending; /* if the process ends first */
    bool looks;          /* it only reads */
};

int retry_create(struct loop *loop, struct err_slot *err, struct retry **out);
void retry_destroy(struct retry *retry);

/* False: too many are waiting, of this session or of all, or this one has waited too long. */
bool retry_wait(struct retry *retry, const struct retry_ask *ask);
/* Of a call; it is of a visitor. */
struct retry_ask retry_ask(const struct call *call, void (*again)(struct http_req *req),
                           enum refusal ending);
/* This very request has waited, so it was judged before. Those that were pipelined behind it are
 * handled while it is answered, and were not. */
bool retry_resumes(const struct retry *retry, const struct http_req *req);
/* When it was handled first; all versions that it names were sent before. It began earlier. */
uint64_t retry_asked_us(const struct retry *retry, const struct http_req *req);

/* Handles the waiting requests again, unless that was done just now. */
void retry_look(struct retry *retry);
/* The process is ending: refuses all of them. */
void retry_answer_all(struct retry *retry);

#endif
