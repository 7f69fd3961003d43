/* retry_test.c: which requests may wait for a result that is about to be known, and how long. */
#include "http/http_internal.h"
#include "loop/retry.h"
#include "shell_limits.h"
#include "unit.h"

static uint64_t now_us;

static uint64_t mono_us(void *ctx)
{
    (void)ctx;
    return now_us;
}

static const struct clock test_clock = {mono_us, mono_us, NULL};
static struct loop loop;
static struct retry *retry;
static unsigned handled;

static void count(struct http_req *req)
{
    (void)req;
    handled += 1;
}

static bool wait_as(uint64_t session, bool looks)
{
    return retry_wait(retry, &(struct retry_ask){.session = session,
                                                 .started_us = now_us,
                                                 .again = count,
                                                 .ending = REFUSAL_BEHIND,
                                                 .looks = looks});
}

static void open_list(void)
{
    struct err_slot err;
    now_us = UINT64_C(1000) * 1000 * 1000;
    loop.conf.clock = &test_clock;
    handled = 0;
    unit_must(retry_create(&loop, &err, &retry), &err);
}

static void close_list(void)
{
    retry_destroy(retry);
}

UNIT_BETWEEN(open_list, close_list)

/* Adds requests of this session until one is rejected; returns how many fit. */
static unsigned fill(uint64_t session, bool looks)
{
    unsigned waiting = 0;
    while (waiting <= RETRY_WAITERS_MAX && wait_as(session, looks))
        waiting += 1;
    return waiting;
}

TEST_CASE(session_does_not_fill_the_list_for_others)
{
    assert_int_equal(RETRY_LOOKS_OF_SESSION_MAX, fill(1, true));
    assert_int_equal(RETRY_OF_SESSION_MAX, fill(1, false));
    assert_true(wait_as(2, true));
    assert_true(wait_as(3, false));
}

TEST_CASE(reads_leave_room_for_repeated_changes)
{
    unsigned looking = 0, repeating = 0;
    for (uint64_t session = 1; looking < RETRY_LOOKING_MAX; session++)
        looking += fill(session, true);
    assert_int_equal(RETRY_LOOKING_MAX, looking);
    assert_false(wait_as(1000, true));
    for (uint64_t session = 1000; repeating < RETRY_WAITERS_MAX - RETRY_LOOKING_MAX; session++)
        repeating += fill(session, false);
    assert_false(wait_as(2000, false));
    retry_look(retry);
    assert_int_equal(RETRY_WAITERS_MAX, handled);
    assert_true(wait_as(1, true)); /* all were handled, and none waits again */
}

TEST_CASE(request_waits_no_longer_than_the_limit)
{
    struct retry_ask ask = {.session = 1, .started_us = now_us, .again = count};
    assert_true(retry_wait(retry, &ask));
    now_us += RETRY_WAIT_MS * UINT64_C(1000);
    retry_look(retry);
    assert_int_equal(1, handled);
    assert_false(retry_wait(retry, &ask));
}

static struct http_req waiter = {.serial = 7};
static uint64_t asked_us, behind_asked_us;
static bool resumes, behind_resumes;

/* The request is answered, and the next pipelined request is handled in its place. */
static void note_when_asked(struct http_req *req)
{
    resumes = retry_resumes(retry, req);
    asked_us = retry_asked_us(retry, req);
    req->serial += 1;
    behind_resumes = retry_resumes(retry, req);
    behind_asked_us = retry_asked_us(retry, req);
}

TEST_CASE(waiting_request_keeps_its_first_time_and_the_next_has_its_own)
{
    const uint64_t started_us = now_us, first_us = now_us + 5;
    now_us = first_us;
    assert_int_equal(first_us, retry_asked_us(retry, &waiter));
    assert_false(retry_resumes(retry, &waiter));
    assert_true(retry_wait(retry, &(struct retry_ask){.req = &waiter,
                                                      .serial = waiter.serial,
                                                      .started_us = started_us,
                                                      .asked_us = first_us,
                                                      .again = note_when_asked}));
    now_us += RETRY_LOOK_US;
    retry_look(retry);
    assert_true(resumes);
    assert_int_equal(first_us, asked_us);
    assert_false(behind_resumes);
    assert_int_equal(now_us, behind_asked_us);
    assert_int_equal(now_us, retry_asked_us(retry, &waiter));
}
