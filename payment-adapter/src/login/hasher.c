/* hasher.c: a check is one work item for libuv's thread pool, with copies of hash and password,
 * which are wiped afterwards. The bound is the process's, not the loop's: all hashers take places
 * from one atomic counter before they queue anything, so the longest wait is known whichever loop
 * gets a login. Closing answers all open checks, as closing pools and peers does, since the caller
 * has a request to answer and a password to wipe. Running checks still come back, and only return
 * their places. */
#include "login/hasher.h"

#include "login/password.h"
#include "pay_limits.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

struct hasher {
    uv_loop_t *loop;
    struct hash_queue *queue;
    struct work *first; /* ours in the queue */
    bool closing;
    _Atomic uint64_t refused;
};

struct work {
    uv_work_t req;
    struct hasher *hasher;
    struct work *before, *next; /* among the hasher's */
    void (*on_done)(void *ctx, int rc);
    void *ctx;
    int rc;
    char hash[PASSWORD_HASH_MAX];
    char password[LOGIN_PASSWORD_MAX + 1];
};

/* relaxed: places are only counted, nothing else depends on them */
static bool take_place(struct hash_queue *queue)
{
    uint64_t len = atomic_load_explicit(&queue->len, memory_order_relaxed);
    do {
        if (len >= queue->max)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&queue->len, &len, len + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void give_place(struct hash_queue *queue)
{
    atomic_fetch_sub_explicit(&queue->len, 1, memory_order_relaxed);
}

int hasher_create(uv_loop_t *loop, struct hash_queue *queue, struct err_slot *err,
                  struct hasher **out)
{
    struct hasher *hasher = calloc(1, sizeof(*hasher));
    if (hasher == NULL)
        return err_set(err, ERR_NOMEM, "hasher");
    hasher->loop = loop;
    hasher->queue = queue;
    *out = hasher;
    return 0;
}

void hasher_close(struct hasher *hasher)
{
    if (hasher == NULL)
        return;
    hasher->closing = true;
    for (const struct work *work = hasher->first; work != NULL; work = work->next)
        work->on_done(work->ctx, ERR_CLOSED);
    if (hasher->first == NULL)
        free(hasher);
}

static void on_work(uv_work_t *req)
{
    struct work *work = req->data;
    work->rc = password_check(work->hash, work->password, NULL);
}

static void on_after(uv_work_t *req, int status)
{
    struct work *work = req->data;
    struct hasher *hasher = work->hasher;
    if (work->next != NULL)
        work->next->before = work->before;
    if (work->before != NULL)
        work->before->next = work->next;
    else
        hasher->first = work->next;
    give_place(hasher->queue);
    if (!hasher->closing)
        work->on_done(work->ctx, status == 0 ? work->rc : ERR_CLOSED);
    else if (hasher->first == NULL)
        free(hasher);
    sodium_memzero(work, sizeof(*work));
    free(work);
}

int hasher_check(struct hasher *hasher, const char *hash, const char *password,
                 void (*on_done)(void *ctx, int rc), void *ctx, struct err_slot *err)
{
    assert(!hasher->closing);
    assert(strlen(password) <= LOGIN_PASSWORD_MAX);
    bool place = take_place(hasher->queue);
    struct work *work = place ? calloc(1, sizeof(*work)) : NULL;
    if (work == NULL) {
        if (place)
            give_place(hasher->queue);
        atomic_fetch_add_explicit(&hasher->refused, 1, memory_order_relaxed);
        return err_set(err, ERR_FULL, "%u password checks are waiting", hasher->queue->max);
    }
    work->req.data = work;
    work->hasher = hasher;
    work->on_done = on_done;
    work->ctx = ctx;
    /* A hash that is too long is truncated, and then fails like a damaged one. */
    snprintf(work->hash, sizeof(work->hash), "%s", hash);
    snprintf(work->password, sizeof(work->password), "%s", password);
    uv_queue_work(hasher->loop, &work->req, on_work, on_after); /* fails only without a callback */
    work->next = hasher->first;
    if (work->next != NULL)
        work->next->before = work;
    hasher->first = work;
    return 0;
}

const _Atomic uint64_t *hasher_refused(const struct hasher *hasher)
{
    return &hasher->refused;
}
