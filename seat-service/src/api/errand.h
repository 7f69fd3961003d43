/* errand.h: a request that is answered later. What takes long is done on libuv's pool; then, where
 * something has to become so, one looks until it is.
 *
 * If the process ends first, the caller gets an error, and the errand is over as soon as the pool
 * has let go of it. So a job may outlive its request, and must not read it: the body is had by
 * errand_body().
 *
 * What an errand is about has it as its first member. Threading: belongs to the loop of the private
 * listener, but for its jobs. */
#ifndef FG_SEAT_SERVICE_ERRAND_H
#define FG_SEAT_SERVICE_ERRAND_H

#include "loop/call.h"
#include "pg/pg.h"

#include <pthread.h>

struct errand;
struct errand_list;

typedef void errand_job(struct errand *errand);  /* on the pool */
typedef bool errand_step(struct errand *errand); /* on the loop; true: it has answered */

struct errand_kind {
    size_t size;             /* of the struct that begins with the errand */
    uint32_t most;           /* at a time */
    enum refusal full;       /* told if there are as many, or no memory */
    enum refusal unfinished; /* told if the process ends first */
    bool keeps_event;        /* the call's, until it is over */
    /* It is over, and silent: frees what belongs to it. NULL: nothing does. */
    void (*end)(struct errand *errand);
};

struct errand {
    uint32_t magic;
    struct call call;
    /* errand.c's: */
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
    pthread_mutex_t lock; /* keeps the request from being answered while its body is copied */
    bool answered;        /* while a job is under way it is written under the lock */
    char *body;
};

/* `dsn` is borrowed. */
int errand_list_create(const char *dsn, struct err_slot *err, struct errand_list **out);
/* Before the loop is closed: each that is under way is answered. */
void errand_answer_all(struct errand_list *list);
void errand_list_destroy(struct errand_list *list); /* after the loop has ended */

/* Takes the call, which is answered by a step, or else from here. What is returned is zero behind
 * its first member. NULL: the call was refused. */
void *errand_begin(struct errand_list *list, const struct errand_kind *kind, struct call *call);
/* What the errand is about, which is of this kind. */
void *errand_of(struct errand *errand, const struct errand_kind *kind);
/* `then` is called once the job is done, unless the request has been answered meanwhile. If it
 * answers false it has called this or errand_watch() again. */
void errand_do(struct errand *errand, errand_job *job, errand_step *then);
/* Looks at once and every ERRAND_LOOK_MS; after wait_ms the request is refused as `late`. */
void errand_watch(struct errand *errand, errand_step *look, uint64_t wait_ms, enum refusal late);

/* For a job, once: the request's body, copied; valid until the errand is over. ERR_CLOSED: the
 * request has been answered, so that there is nothing to do. */
int errand_body(struct errand *errand, struct err_slot *err, struct span *out);
/* For a job: a connection of its own, to be closed by it. */
int errand_connect(struct errand *errand, const char *app, uint32_t answer_ms, struct err_slot *err,
                   struct pg **out);

#endif
