/* work_test.c: work on the thread pool stays within its limit to the last place, and each place is
 * given back once. */
#include "pay_loop.h"
#include "service/service_internal.h"
#include "unit.h"

enum { PLACES = 2, TRIES = 5 };

static struct service service;

static void run(void *ctx)
{
    (void)ctx;
}

static void then(void *ctx)
{
    unsigned *ended = ctx;
    ++*ended;
}

TEST_CASE(work_beyond_its_limit_is_refused_until_some_of_it_ends)
{
    uv_loop_t uv;
    unsigned ended = 0;
    struct pay_limit limit = {.max = PLACES};
    struct service_loop loop = {.service = &service, .uv = &uv};
    assert_int_equal(uv_loop_init(&uv), 0);
    for (unsigned round = 1; round <= 2; round++) {
        struct pay_work works[TRIES];
        for (unsigned i = 0; i < TRIES; i++) {
            works[i] = (struct pay_work){
                .loop = &loop, .run = run, .then = then, .ctx = &ended, .limit = &limit};
            assert_int_equal(pay_work_begin(&works[i]), i < PLACES);
        }
        assert_int_equal(limit.used, PLACES);
        uv_run(&uv, UV_RUN_DEFAULT);
        assert_int_equal(limit.used, 0);
        assert_int_equal(ended, round * PLACES);
    }
    assert_int_equal(uv_loop_close(&uv), 0);
}
