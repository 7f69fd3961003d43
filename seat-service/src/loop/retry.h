/* retry.h: requests that wait for a result that is about to be known.
 *
 * A request whose idempotency key is in use is not refused: it is set aside and handled again from
 * the start, until the first request is answered. So is a request with a version newer than what is
 * known here of another owner's event, until its journal is next polled. */
#ifndef FG_SEAT_SERVICE_RETRY_H
#define FG_SEAT_SERVICE_RETRY_H

#include "loop/call.h"

struct retry;

/* A waiting request, and how to handle it. */
struct retry_ask {
    struct http_req *req;
    uint64_t serial;              /* of the request: the next one may have the same address */
    uint64_t session, started_us; /* its session; when it began */
    uint64_t asked_us;            /* when it had fully arrived */
    /* The current handler, which is called again. */
    void (*again)(struct http_req *req);
    enum refusal ending; /* if the process ends first */
    bool looks;          /* it only reads */
};

int retry_create(struct loop *loop, struct err_slot *err, struct retry **out);
void retry_destroy(struct retry *retry);

/* False: too many requests wait, of this session or of all, or this one has waited too long. */
bool retry_wait(struct retry *retry, const struct retry_ask *ask);
/* For a visitor's call. */
struct retry_ask retry_ask(const struct call *call, void (*again)(struct http_req *req),
                           enum refusal ending);
/* Whether this very request has waited, so its checks were done before. Requests pipelined behind
 * it are handled while it is answered, and have not. */
bool retry_resumes(const struct retry *retry, const struct http_req *req);
/* When it was first handled; all versions in it were sent before that. It began earlier. */
uint64_t retry_asked_us(const struct retry *retry, const struct http_req *req);

/* Handles the waiting requests again, unless that was just done. */
void retry_look(struct retry *retry);
/* The process is ending: refuses all waiting requests. */
void retry_answer_all(struct retry *retry);

#endif
