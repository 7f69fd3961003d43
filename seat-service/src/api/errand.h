/* errand.h: a request that is answered later. Slow work runs on libuv's pool; then, if the result
 * takes time to appear, it is polled for.
 *
 * If the process ends first, the caller gets an error, and the errand ends as soon as the pool has
 * finished with it. So a job may outlive its request and must not read it: it gets the body from
 * errand_body().
 *
 * An errand is the first member of its operation's struct. Threading: belongs to the loop of the
 * private listener, except for its jobs. */
#ifndef FG_SEAT_SERVICE_ERRAND_H
#define FG_SEAT_SERVICE_ERRAND_H

#include "loop/call.h"
#include "pg/pg.h"

#include <pthread.h>

struct errand;
struct errand_list;

typedef void errand_job(struct errand *errand);  /* on the pool */
typedef bool errand_step(struct errand *errand); /* on the loop; true: it has responded */

struct errand_kind {
    size_t size;             /* of the struct that begins with the errand */
    uint32_t most;           /* running at once */
    enum refusal full;       /* sent if `most` are running, or out of memory */
    enum refusal unfinished; /* sent if the process ends first */
    bool keeps_event;        /* keeps the call's event until the end */
    /* Frees the operation's data once the errand is over. May be NULL. */
    void (*end)(struct errand *errand);
};

struct errand {
    uint32_t magic;
    struct call call;
    /* Private to errand.c: */
    const struct errand_kind *kind;
    struct errand_list *list;
    struct errand *next;
    uv_work_t work;
    uv_timer_t timer;
    errand_job *job;
    errand_step *then, *look;
    uint64_t until_ms;
    enum refusal late;
    bool working;
    pthread_mutex_t lock; /* no response while the body is being copied */
    bool answered;        /* written under the lock while a job runs */
    char *body;
};

/* `dsn` is borrowed. */
int errand_list_create(const char *dsn, struct err_slot *err, struct errand_list **out);
/* Before the loop is closed: answers each running errand. */
void errand_answer_all(struct errand_list *list);
void errand_list_destroy(struct errand_list *list); /* after the loop has ended */

/* Takes over the call, which a step or this file answers. The result is zeroed after its first
 * member. NULL: the call was refused. */
void *errand_begin(struct errand_list *list, const struct errand_kind *kind, struct call *call);
/* The operation's struct, which must be of this kind. */
void *errand_of(struct errand *errand, const struct errand_kind *kind);
/* `then` is called after the job, unless the request has been answered meanwhile. If it returns
 * false it must have called this or errand_watch() again. */
void errand_do(struct errand *errand, errand_job *job, errand_step *then);
/* Calls `look` at once and every ERRAND_LOOK_MS; after wait_ms the request is refused as `late`. */
void errand_watch(struct errand *errand, errand_step *look, uint64_t wait_ms, enum refusal late);

/* For a job, once: a copy of the request's body, valid until the errand is over. ERR_CLOSED: the
 * request has been answered, so there is nothing to do. */
int errand_body(struct errand *errand, struct err_slot *err, struct span *out);
/* For a job: its own connection, which it must close. */
int errand_connect(struct errand *errand, const char *app, uint32_t answer_ms, struct err_slot *err,
                   struct pg **out);

#endif
