/* panic_test.c: what a program says when it fails, seen from its parent: children trip an assert, a
 * stop and a magic that does not fit, and their last words are read from a pipe. */
#include "unit.h"

#include "base/bug.h"
#include "base/magic.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_MAX = 16384 };

struct hall {
    uint32_t magic;
    unsigned doors;
};

MAGIC(hall, 0x4a110001);

/* ---- children ---- */

static void describe_hall(struct panic_text *text, const void *ctx)
{
    const struct hall *hall = ctx;
    panic_put_u64(text, "doors", hall->doors);
    panic_put_bytes(text, "unprintable", "a\nb\x1b", 4);
    panic_open(text, "left open");
}

static void describe_after(struct panic_text *text, const void *ctx)
{
    panic_put(text, "told", ctx);
}

static void describe_request(struct panic_text *text, const void *ctx)
{
    panic_put(text, "path", ctx);
}

static void describe_badly(struct panic_text *text, const void *ctx)
{
    panic_put(text, "told", "before");
    assert(ctx != NULL);
}

static void trip_assert(void)
{
    struct hall hall = {hall_magic, 7};
    struct panic_part after = {"after", describe_after, "as well", NULL};
    struct panic_part part = {"hall", describe_hall, &hall, NULL};
    struct panic_part gone = {"gone", describe_badly, NULL, NULL};
    panic_program("usher", "1.2.3");
    panic_register(&after);
    panic_register(&gone);
    panic_register(&part);
    panic_forget(&gone);
    struct panic_work before = panic_work_begin(describe_request, "/outer");
    struct panic_work outer = panic_work_begin(describe_request, "/inner");
    panic_work_end(outer);
    (void)before;
    assert(hall.doors == 8);
}

static void trip_while_described(void)
{
    struct panic_part part = {"hall", describe_badly, NULL, NULL};
    panic_register(&part);
    assert(part.name == NULL);
}

static void stop(void)
{
    BUG_STOP("no door is left");
}

static void *no_hall;

static void take_a_stranger(void)
{
    struct hall hall = {0xdead, 1};
    no_hall = &hall;
    (void)MAGIC_OF(hall, no_hall);
}

static void take_nothing(void)
{
    (void)MAGIC_OF(hall, no_hall);
}

static void use_after_the_end(void)
{
    struct hall hall = {0, 1};
    MAGIC_BEGIN(hall, &hall);
    MAGIC_END(hall, &hall);
    (void)MAGIC_OF(hall, &hall);
}

static void warn_twice(void)
{
    for (unsigned i = 0; i < 2; i++)
        BUG_WARN("test-door-jammed");
}

static const struct {
    const char *name;
    void (*run)(void);
} children[] = {
    {"assert", trip_assert},
    {"described", trip_while_described},
    {"stop", stop},
    {"stranger", take_a_stranger},
    {"nothing", take_nothing},
    {"after the end", use_after_the_end},
    {"warn twice", warn_twice},
};

static int be(const char *name)
{
    for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
        if (strcmp(children[i].name, name) == 0)
            children[i].run();
    return 0;
}

/* ---- the parent ---- */

/* What the child says until its end; answers how it ended. */
static int said_by(const char *child, char out[SAID_MAX])
{
    int said;
    pid_t pid = unit_child(child, &said);
    size_t len = 0;
    for (ssize_t got = 1; got > 0; len += (size_t)(got > 0 ? got : 0))
        got = read(said, out + len, SAID_MAX - 1 - len);
    out[len] = '\0';
    close(said);
    int status;
    assert_int_equal(pid, waitpid(pid, &status, 0));
    return status;
}

static void assert_aborted(const char *child, char out[SAID_MAX])
{
    int status = said_by(child, out);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("status %x, said: %s", (unsigned)status, out);
}

/* In this order, one behind the other. */
static void assert_in_order(const char *said, const char *const *parts)
{
    const char *at = said;
    for (; *parts != NULL; parts++) {
        const char *found = strstr(at, *parts);
        if (found == NULL)
            fail_msg("\"%s\" is missing or out of order in: %s", *parts, said);
        else
            at = found + strlen(*parts);
    }
}

static void a_failed_assert_prints_one_block_and_aborts(void **state)
{
    (void)state;
    char said[SAID_MAX];
    assert_aborted("assert", said);
    static const char *const parts[] = {"==== panic: usher 1.2.3, process ",
                                        "what: Assertion `hall.doors == 8' failed.\n",
                                        "where: tests/unit/common/panic_test.c:",
                                        ", trip_assert()\n",
                                        "backtrace",
                                        "request: \n  path: /outer\n",
                                        "state: \n",
                                        "  hall: \n    doors: 7\n    unprintable: a.b.\n",
                                        "  after: \n    told: as well\n",
                                        "==== panic: the end\n",
                                        NULL};
    assert_in_order(said, parts);
    assert_null(strstr(said, "gone"));
    assert_null(strstr(said, "/inner"));
}

static void a_describe_function_that_fails_takes_only_what_follows_it(void **state)
{
    (void)state;
    char said[SAID_MAX];
    assert_aborted("described", said);
    static const char *const parts[] = {
        "what: Assertion `part.name == NULL' failed.", "request: none on this thread\n",
        "told: before\n", "and while it was described: Assertion `ctx != NULL' failed.", NULL};
    assert_in_order(said, parts);
}

static void a_stop_says_why(void **state)
{
    (void)state;
    char said[SAID_MAX];
    assert_aborted("stop", said);
    static const char *const parts[] = {"what: no door is left\n", ", stop()\n", NULL};
    assert_in_order(said, parts);
}

static void a_pointer_to_something_else_is_caught_where_it_comes_in(void **state)
{
    (void)state;
    char said[SAID_MAX];
    static const char *const parts[] = {"what: this is no struct hall\n",
                                        "where: tests/unit/common/panic_test.c:", NULL};
    const char *const wrong[] = {"stranger", "nothing", "after the end"};
    for (size_t i = 0; i < 3; i++) {
        assert_aborted(wrong[i], said);
        assert_in_order(said, parts);
    }
}

static void taking_a_reference_empties_the_giver(void **state)
{
    (void)state;
    struct hall hall = {hall_magic, 3};
    struct hall *giver = &hall;
    const struct hall *taken = MAGIC_TAKE(hall, &giver);
    assert_ptr_equal(&hall, taken);
    assert_null(giver);
    void *back = &hall;
    assert_int_equal(3, MAGIC_OF(hall, back)->doors);
}

static void a_warning_speaks_once_and_counts_twice(void **state)
{
    (void)state;
    char said[SAID_MAX];
    assert_int_equal(0, said_by("warn twice", said));
    const char *first = strstr(said, "warning: test-door-jammed\nwhere: tests/unit/common/");
    assert_non_null(first);
    assert_null(strstr(first + 1, "warning"));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return be(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_assert_prints_one_block_and_aborts),
        cmocka_unit_test(a_describe_function_that_fails_takes_only_what_follows_it),
        cmocka_unit_test(a_stop_says_why),
        cmocka_unit_test(a_pointer_to_something_else_is_caught_where_it_comes_in),
        cmocka_unit_test(taking_a_reference_empties_the_giver),
        cmocka_unit_test(a_warning_speaks_once_and_counts_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
