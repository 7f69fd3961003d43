/* retry.c: a short list that is walked after each commit and at each tick.
 *
 * Handling a request again is cheap and needs nothing from the one that it waits for, which may be
 * on another loop. Requests for which it is still too early put themselves back on the list while
 * it is walked, so the list is copied first. */
#include "loop/retry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct waiter {
    struct http_req *req;
    void (*again)(struct http_req *req);
    enum refusal ending;
};

struct retry {
    struct loop *loop;
    struct waiter waiters[IDEM_WAITERS_MAX];
    uint32_t len;
    uint64_t looked_us;
    bool resuming;
};

bool retry_resumes(const struct retry *retry)
{
    return retry->resuming;
}

bool retry_wait(struct retry *retry, struct http_req *req, void (*again)(struct http_req *req),
                enum refusal ending)
{
    uint64_t waited_us = clock_mono_us(retry->loop->conf.clock) - http_req_started_us(req);
    if (retry->len == IDEM_WAITERS_MAX || waited_us >= IDEM_WAIT_MS * UINT64_C(1000))
        return false;
    retry->waiters[retry->len++] = (struct waiter){req, again, ending};
    return true;
}

void retry_look(struct retry *retry)
{
    struct waiter waiters[IDEM_WAITERS_MAX];
    uint32_t len = retry->len;
    uint64_t now_us = clock_mono_us(retry->loop->conf.clock);
    assert(!retry->resuming);
    if (len == 0 || now_us - retry->looked_us < IDEM_LOOK_US)
        return;
    retry->looked_us = now_us;
    memcpy(waiters, retry->waiters, len * sizeof(waiters[0]));
    retry->len = 0;
    retry->resuming = true;
    for (uint32_t i = 0; i < len; i++)
        waiters[i].again(waiters[i].req);
    retry->resuming = false;
}

void retry_answer_all(struct retry *retry)
{
    for (uint32_t i = 0; i < retry->len; i++) {
        struct call call = {.req = retry->waiters[i].req, .loop = retry->loop};
        call_refuse(&call, retry->waiters[i].ending);
    }
    retry->len = 0;
}

int retry_create(struct loop *loop, struct err_slot *err, struct retry **out)
{
    struct retry *retry = calloc(1, sizeof(*retry));
    if (retry == NULL)
        return err_set(err, ERR_NOMEM, "a loop's waiting requests");
    retry->loop = loop;
    *out = retry;
    return 0;
}

void retry_destroy(struct retry *retry)
{
    free(retry);
}
