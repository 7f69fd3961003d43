/* hasher_test.c: each check of a password is answered once, also if the loop is about to end.
 */
#include "login/hasher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char HASH[] =
    "pbkdf2_sha256$1200$seasalt$lA7UOvaNxfp1YZX8z9/cKIpH2EcwRvPU4aShohDz/vQ=";
static const char PASSWORD[] = "correct horse battery staple";

enum { CHECKS = 3 };

static struct answers {
    uv_loop_t loop;
    struct hash_queue queue;
    struct hasher *hasher;
    unsigned answered, good, closed;
} answers;

static void on_done(void *ctx, int rc)
{
    struct answers *all = ctx;
    all->answered += 1;
    all->good += rc == 0;
    all->closed += rc == ERR_CLOSED;
}

static int open_hasher(void **state)
{
    struct err_slot err;
    (void)state;
    answers = (struct answers){.queue = {.max = CHECKS}};
    uv_loop_init(&answers.loop);
    return hasher_create(&answers.loop, &answers.queue, &err, &answers.hasher);
}

static int close_loop(void **state)
{
    (void)state;
    return uv_loop_close(&answers.loop);
}

static int check(void)
{
    return hasher_check(answers.hasher, HASH, PASSWORD, on_done, &answers, NULL);
}

static void each_check_is_answered_and_its_slot_returned(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CHECKS; i++)
        assert_int_equal(0, check());
    assert_int_equal(ERR_FULL, check());
    assert_int_equal(1, *hasher_refused(answers.hasher));
    uv_run(&answers.loop, UV_RUN_DEFAULT);
    assert_int_equal(CHECKS, answers.good);
    assert_int_equal(0, answers.queue.len);
    assert_int_equal(0, check());
    uv_run(&answers.loop, UV_RUN_DEFAULT);
    hasher_close(answers.hasher);
    assert_int_equal(CHECKS + 1, answers.answered);
}

static void waiting_checks_are_ended_once_by_a_close(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CHECKS; i++)
        assert_int_equal(0, check());
    hasher_close(answers.hasher);
    assert_int_equal(CHECKS, answers.closed);
    uv_run(&answers.loop, UV_RUN_DEFAULT);
    assert_int_equal(CHECKS, answers.answered);
    assert_int_equal(0, answers.queue.len); /* other loops have the places again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_check_is_answered_and_its_slot_returned, open_hasher,
                                        close_loop),
        cmocka_unit_test_setup_teardown(waiting_checks_are_ended_once_by_a_close, open_hasher,
                                        close_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
