/* operation.h: a request that is answered later. Slow work runs on libuv's pool; then, if the
 * result takes time to appear, it is polled for.
 *
 * If the process ends first, the caller gets an error, and the operation ends as soon as the pool
 * has finished with it. So a job may outlive its request and must not read it: it gets the body
 * from operation_body().
 *
 * It is the first member of the struct of its kind. Threading: belongs to the loop of the
 * private listener, except for its jobs. */
#ifndef FG_SEAT_SERVICE_OPERATION_H
#define FG_SEAT_SERVICE_OPERATION_H

#include "loop/call.h"
#include "pg/pg.h"

#include <pthread.h>

struct operation;
struct operation_list;

typedef void operation_job(struct operation *operation);  /* on the pool */
typedef bool operation_step(struct operation *operation); /* on the loop; true: it has responded */

struct operation_kind {
    size_t size;             /* of the struct that begins with the operation */
    uint32_t most;           /* running at once */
    enum refusal full;       /* sent if `most` are running, or out of memory */
    enum refusal unfinished; /* sent if the process ends first */
    bool keeps_event;        /* keeps the call's event until the end */
    /* Frees the operation's data once the operation is over. May be NULL. */
    void (*end)(struct operation *operation);
};

struct operation {
    uint32_t magic;
    struct call call;
    /* Private to operation.c: */
    const struct operation_kind *kind;
    struct operation_list *list;
    struct operation *next;
    uv_work_t work;
    uv_timer_t timer;
    operation_job *job;
    operation_step *then, *look;
    uint64_t until_ms;
    enum refusal late;
    bool working;
    pthread_mutex_t lock; /* no response while the body is being copied */
    bool answered;        /* written under the lock while a job runs */
    char *body;
};

/* `dsn` is borrowed. */
int operation_list_create(const char *dsn, struct err_slot *err, struct operation_list **out);
/* Before the loop is closed: answers each running operation. */
void operation_answer_all(struct operation_list *list);
void operation_list_destroy(struct operation_list *list); /* after the loop has ended */

/* Takes over the call, which a step or this file answers. The result is zeroed after its first
 * member. NULL: the call was refused. */
void *operation_begin(struct operation_list *list, const struct operation_kind *kind,
                      struct call *call);
/* The operation's struct, which must be of this kind. */
void *operation_of(struct operation *operation, const struct operation_kind *kind);
/* `then` is called after the job, unless the request has been answered meanwhile. If it returns
 * false it must have called this or operation_watch() again. */
void operation_do(struct operation *operation, operation_job *job, operation_step *then);
/* Calls `look` at once and every OPERATION_LOOK_MS; after wait_ms the request is refused as `late`.
 */
void operation_watch(struct operation *operation, operation_step *look, uint64_t wait_ms,
                     enum refusal late);

/* For a job, once: a copy of the request's body, valid until the operation is over. ERR_CLOSED: the
 * request has been answered, so there is nothing to do. */
int operation_body(struct operation *operation, struct err_slot *err, struct span *out);
/* For a job: its own connection, which it must close. */
int operation_connect(struct operation *operation, const char *app, uint32_t answer_ms,
                      struct err_slot *err, struct pg **out);

#endif
