/* operation.c: a short list of running operations.
 *
 *   begin --> a job on the pool --> its step --> another job --> ...
 *                                   its step --> looks, each OPERATION_LOOK_MS
 *
 * A step that has responded ends the operation: its timer is closed, then it is freed. When the
 * process ends all operations are answered first. A running job is waited for, because the loop
 * runs until the pool has finished its work. */
#include "api/operation.h"

#include "base/magic.h"
#include "tables/migrate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct operation_list {
    uint32_t magic;
    const char *dsn;
    struct operation *first;
};

MAGIC(operation_list, 0x5ea70018);
MAGIC(operation, 0x5ea70019);

static void on_closed(uv_handle_t *timer)
{
    struct operation *operation = MAGIC_OF(operation, timer->data);
    struct operation **at = &operation->list->first;
    while (*at != operation)
        at = &(*at)->next;
    *at = operation->next;
    pthread_mutex_destroy(&operation->lock);
    http_waste(operation->timer.loop, free, operation->body);
    if (operation->kind->end != NULL)
        operation->kind->end(operation);
    if (operation->kind->keeps_event)
        events_let_go(operation->call.event);
    MAGIC_END(operation, operation);
    free(operation);
}

static void over(struct operation *operation)
{
    assert(operation->answered && !operation->working);
    uv_close((uv_handle_t *)&operation->timer, on_closed);
}

/* ---- jobs ---- */

static void on_pool(uv_work_t *work)
{
    struct operation *operation = MAGIC_OF(operation, work->data);
    operation->job(operation);
}

static void on_done(uv_work_t *work, int status)
{
    struct operation *operation = MAGIC_OF(operation, work->data);
    (void)status; /* never cancelled */
    operation->working = false;
    if (!operation->answered && operation->then(operation))
        operation->answered = true;
    if (operation->answered)
        over(operation);
}

void operation_do(struct operation *operation, operation_job *job, operation_step *then)
{
    (void)MAGIC_OF(operation, operation);
    assert(!operation->answered && !operation->working);
    operation->job = job;
    operation->then = then;
    operation->working = true;
    int rc = uv_queue_work(operation->call.loop->conf.uv, &operation->work, on_pool, on_done);
    assert(rc == 0); /* fails only without a callback */
    (void)rc;
}

int operation_body(struct operation *operation, struct err_slot *err, struct span *out)
{
    int rc = 0;
    *out = (struct span){NULL, 0};
    pthread_mutex_lock(&operation->lock);
    assert(operation->body == NULL);
    if (operation->answered) {
        rc = err_set(err, ERR_CLOSED, "the request has been answered");
    } else {
        struct span body = http_req_body(operation->call.req);
        operation->body = malloc(body.len + 1);
        if (operation->body == NULL)
            rc = err_set(err, ERR_NOMEM, "a body of %zu bytes", body.len);
        else if (body.len > 0)
            memcpy(operation->body, body.ptr, body.len);
        *out = (struct span){operation->body, body.len};
    }
    pthread_mutex_unlock(&operation->lock);
    return rc;
}

int operation_connect(struct operation *operation, const char *app, uint32_t answer_ms,
                      struct err_slot *err, struct pg **out)
{
    struct pg_conf conf = {operation->list->dsn, app, MIGRATE_SCHEMA, JOURNAL_CONNECT_MS,
                           answer_ms};
    return pg_open(&conf, err, out);
}

/* ---- polling ---- */

static void on_look(uv_timer_t *timer)
{
    struct operation *operation = MAGIC_OF(operation, timer->data);
    if (!operation->look(operation)) {
        if (uv_now(timer->loop) < operation->until_ms)
            return;
        call_refuse(&operation->call, operation->late);
    }
    operation->answered = true;
    over(operation);
}

void operation_watch(struct operation *operation, operation_step *look, uint64_t wait_ms,
                     enum refusal late)
{
    (void)MAGIC_OF(operation, operation);
    assert(!operation->answered && !operation->working);
    operation->look = look;
    operation->late = late;
    operation->until_ms = uv_now(operation->timer.loop) + wait_ms;
    uv_timer_start(&operation->timer, on_look, 0, OPERATION_LOOK_MS);
}

/* ---- begin and end ---- */

void *operation_begin(struct operation_list *list, const struct operation_kind *kind,
                      struct call *call)
{
    (void)MAGIC_OF(operation_list, list);
    assert(kind->size >= sizeof(struct operation));
    uint32_t running = 0;
    for (const struct operation *other = list->first; other != NULL; other = other->next)
        running += other->kind == kind;
    struct operation *operation = running < kind->most ? calloc(1, kind->size) : NULL;
    if (operation == NULL) {
        call_refuse(call, kind->full);
        return NULL;
    }
    *operation = (struct operation){.call = *call, .kind = kind, .list = list, .next = list->first};
    MAGIC_BEGIN(operation, operation);
    operation->work.data = operation;
    operation->timer.data = operation;
    pthread_mutex_init(&operation->lock, NULL);
    uv_timer_init(call->loop->conf.uv, &operation->timer);
    list->first = operation;
    if (kind->keeps_event)
        events_keep(call->event);
    return operation;
}

void *operation_of(struct operation *operation, const struct operation_kind *kind)
{
    assert(MAGIC_OF(operation, operation)->kind == kind);
    return operation;
}

static struct operation *unanswered(const struct operation_list *list)
{
    struct operation *operation = list->first;
    while (operation != NULL && operation->answered)
        operation = operation->next;
    return operation;
}

/* A response may let the next request on its connection begin another operation. */
void operation_answer_all(struct operation_list *list)
{
    struct operation *operation;
    (void)MAGIC_OF(operation_list, list);
    while ((operation = unanswered(list)) != NULL) {
        pthread_mutex_lock(&operation->lock);
        operation->answered = true;
        pthread_mutex_unlock(&operation->lock);
        call_refuse(&operation->call, operation->kind->unfinished);
        if (!operation->working)
            over(operation);
    }
}

int operation_list_create(const char *dsn, struct err_slot *err, struct operation_list **out)
{
    struct operation_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "a list of errands");
    MAGIC_BEGIN(operation_list, list);
    list->dsn = dsn;
    *out = list;
    return 0;
}

void operation_list_destroy(struct operation_list *list)
{
    if (list == NULL)
        return;
    assert(list->first == NULL);
    MAGIC_END(operation_list, list);
    free(list);
}
