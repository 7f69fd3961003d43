/* retry.c: a short list that is processed after each commit and at each tick.
 *
 * Handling a request again is cheap and needs no link to the request that it waits for, which may
 * be on another loop. Requests that still have to wait put themselves back on the list during the
 * pass, so the list is copied first. An answered request makes way for the next pipelined one,
 * which is then handled within the pass, in the same struct http_req: the serial shows whether a
 * request has waited.
 *
 * No client can fill the list: a session has a few places, and reads get at most half of all
 * places, since a repeated change may concern seats that its buyer already has. */
#include "loop/retry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct retry {
    struct loop *loop;
    struct retry_ask waiters[RETRY_WAITERS_MAX];
    uint32_t len;
    uint64_t looked_us;
    const struct retry_ask *resuming;
};

bool retry_resumes(const struct retry *retry, const struct http_req *req)
{
    const struct retry_ask *ask = retry->resuming;
    return ask != NULL && ask->req == req && ask->serial == http_req_serial(req);
}

uint64_t retry_asked_us(const struct retry *retry, const struct http_req *req)
{
    return retry_resumes(retry, req) ? retry->resuming->asked_us
                                     : clock_mono_us(retry->loop->conf.clock);
}

static bool has_room(const struct retry *retry, const struct retry_ask *ask)
{
    uint32_t of_session = 0, looking = 0;
    for (uint32_t i = 0; i < retry->len; i++) {
        const struct retry_ask *waiter = &retry->waiters[i];
        of_session += waiter->session == ask->session && waiter->looks == ask->looks;
        looking += waiter->looks;
    }
    if (retry->len == RETRY_WAITERS_MAX)
        return false;
    return ask->looks ? of_session < RETRY_LOOKS_OF_SESSION_MAX && looking < RETRY_LOOKING_MAX
                      : of_session < RETRY_OF_SESSION_MAX;
}

bool retry_wait(struct retry *retry, const struct retry_ask *ask)
{
    uint64_t waited_us = clock_mono_us(retry->loop->conf.clock) - ask->started_us;
    if (waited_us >= RETRY_WAIT_MS * UINT64_C(1000) || !has_room(retry, ask))
        return false;
    retry->waiters[retry->len++] = *ask;
    return true;
}

struct retry_ask retry_ask(const struct call *call, void (*again)(struct http_req *req),
                           enum refusal ending)
{
    return (struct retry_ask){.req = call->req,
                              .serial = http_req_serial(call->req),
                              .session = call->who.session,
                              .started_us = http_req_started_us(call->req),
                              .asked_us = retry_asked_us(call->loop->retry, call->req),
                              .again = again,
                              .ending = ending};
}

void retry_look(struct retry *retry)
{
    struct retry_ask waiters[RETRY_WAITERS_MAX];
    uint32_t len = retry->len;
    uint64_t now_us = clock_mono_us(retry->loop->conf.clock);
    assert(retry->resuming == NULL);
    if (len == 0 || now_us - retry->looked_us < RETRY_LOOK_US)
        return;
    retry->looked_us = now_us;
    memcpy(waiters, retry->waiters, len * sizeof(waiters[0]));
    retry->len = 0;
    for (uint32_t i = 0; i < len; i++) {
        retry->resuming = &waiters[i];
        waiters[i].again(waiters[i].req);
    }
    retry->resuming = NULL;
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
