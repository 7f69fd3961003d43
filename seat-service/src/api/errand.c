/* errand.c: a short list of running errands.
 *
 *   begin --> a job on the pool --> its step --> another job --> ...
 *                                   its step --> looks, each ERRAND_LOOK_MS
 *
 * A step that has responded ends the errand: its timer is closed, then it is freed. When the
 * process ends all errands are answered first. A running job is waited for, because the loop runs
 * until the pool has finished its work. */
#include "api/errand.h"

#include "base/magic.h"
#include "tables/migrate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct errand_list {
    uint32_t magic;
    const char *dsn;
    struct errand *first;
};

MAGIC(errand_list, 0x5ea70018);
MAGIC(errand, 0x5ea70019);

static void on_closed(uv_handle_t *timer)
{
    struct errand *errand = MAGIC_OF(errand, timer->data);
    struct errand **at = &errand->list->first;
    while (*at != errand)
        at = &(*at)->next;
    *at = errand->next;
    pthread_mutex_destroy(&errand->lock);
    http_waste(errand->timer.loop, free, errand->body);
    if (errand->kind->end != NULL)
        errand->kind->end(errand);
    if (errand->kind->keeps_event)
        events_let_go(errand->call.event);
    MAGIC_END(errand, errand);
    free(errand);
}

static void over(struct errand *errand)
{
    assert(errand->answered && !errand->working);
    uv_close((uv_handle_t *)&errand->timer, on_closed);
}

/* ---- jobs ---- */

static void on_pool(uv_work_t *work)
{
    struct errand *errand = MAGIC_OF(errand, work->data);
    errand->job(errand);
}

static void on_done(uv_work_t *work, int status)
{
    struct errand *errand = MAGIC_OF(errand, work->data);
    (void)status; /* never cancelled */
    errand->working = false;
    if (!errand->answered && errand->then(errand))
        errand->answered = true;
    if (errand->answered)
        over(errand);
}

void errand_do(struct errand *errand, errand_job *job, errand_step *then)
{
    (void)MAGIC_OF(errand, errand);
    assert(!errand->answered && !errand->working);
    errand->job = job;
    errand->then = then;
    errand->working = true;
    int rc = uv_queue_work(errand->call.loop->conf.uv, &errand->work, on_pool, on_done);
    assert(rc == 0); /* fails only without a callback */
    (void)rc;
}

int errand_body(struct errand *errand, struct err_slot *err, struct span *out)
{
    int rc = 0;
    *out = (struct span){NULL, 0};
    pthread_mutex_lock(&errand->lock);
    assert(errand->body == NULL);
    if (errand->answered) {
        rc = err_set(err, ERR_CLOSED, "the request has been answered");
    } else {
        struct span body = http_req_body(errand->call.req);
        errand->body = malloc(body.len + 1);
        if (errand->body == NULL)
            rc = err_set(err, ERR_NOMEM, "a body of %zu bytes", body.len);
        else if (body.len > 0)
            memcpy(errand->body, body.ptr, body.len);
        *out = (struct span){errand->body, body.len};
    }
    pthread_mutex_unlock(&errand->lock);
    return rc;
}

int errand_connect(struct errand *errand, const char *app, uint32_t answer_ms, struct err_slot *err,
                   struct pg **out)
{
    struct pg_conf conf = {errand->list->dsn, app, MIGRATE_SCHEMA, JOURNAL_CONNECT_MS, answer_ms};
    return pg_open(&conf, err, out);
}

/* ---- polling ---- */

static void on_look(uv_timer_t *timer)
{
    struct errand *errand = MAGIC_OF(errand, timer->data);
    if (!errand->look(errand)) {
        if (uv_now(timer->loop) < errand->until_ms)
            return;
        call_refuse(&errand->call, errand->late);
    }
    errand->answered = true;
    over(errand);
}

void errand_watch(struct errand *errand, errand_step *look, uint64_t wait_ms, enum refusal late)
{
    (void)MAGIC_OF(errand, errand);
    assert(!errand->answered && !errand->working);
    errand->look = look;
    errand->late = late;
    errand->until_ms = uv_now(errand->timer.loop) + wait_ms;
    uv_timer_start(&errand->timer, on_look, 0, ERRAND_LOOK_MS);
}

/* ---- begin and end ---- */

void *errand_begin(struct errand_list *list, const struct errand_kind *kind, struct call *call)
{
    (void)MAGIC_OF(errand_list, list);
    assert(kind->size >= sizeof(struct errand));
    uint32_t running = 0;
    for (const struct errand *other = list->first; other != NULL; other = other->next)
        running += other->kind == kind;
    struct errand *errand = running < kind->most ? calloc(1, kind->size) : NULL;
    if (errand == NULL) {
        call_refuse(call, kind->full);
        return NULL;
    }
    *errand = (struct errand){.call = *call, .kind = kind, .list = list, .next = list->first};
    MAGIC_BEGIN(errand, errand);
    errand->work.data = errand;
    errand->timer.data = errand;
    pthread_mutex_init(&errand->lock, NULL);
    uv_timer_init(call->loop->conf.uv, &errand->timer);
    list->first = errand;
    if (kind->keeps_event)
        events_keep(call->event);
    return errand;
}

void *errand_of(struct errand *errand, const struct errand_kind *kind)
{
    assert(MAGIC_OF(errand, errand)->kind == kind);
    return errand;
}

static struct errand *unanswered(const struct errand_list *list)
{
    struct errand *errand = list->first;
    while (errand != NULL && errand->answered)
        errand = errand->next;
    return errand;
}

/* A response may let the next request on its connection begin another errand. */
void errand_answer_all(struct errand_list *list)
{
    struct errand *errand;
    (void)MAGIC_OF(errand_list, list);
    while ((errand = unanswered(list)) != NULL) {
        pthread_mutex_lock(&errand->lock);
        errand->answered = true;
        pthread_mutex_unlock(&errand->lock);
        call_refuse(&errand->call, errand->kind->unfinished);
        if (!errand->working)
            over(errand);
    }
}

int errand_list_create(const char *dsn, struct err_slot *err, struct errand_list **out)
{
    struct errand_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "a list of errands");
    MAGIC_BEGIN(errand_list, list);
    list->dsn = dsn;
    *out = list;
    return 0;
}

void errand_list_destroy(struct errand_list *list)
{
    if (list == NULL)
        return;
    assert(list->first == NULL);
    MAGIC_END(errand_list, list);
    free(list);
}
