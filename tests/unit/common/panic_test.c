/* panic_test.c: what a program says when it fails, seen from its parent: children trip an assert, a
 * stop and a magic that does not fit, and their last words are read from a pipe. */
#include "unit.h"

#include "base/bug.h"
#include "base/magic.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
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

/* Seen by the allocator, when the hall comes back to it. */
static uint32_t magic_at_free = 1;
static const void *hall_on_heap;

static void on_malloc(const volatile void *ptr, size_t len)
{
    (void)ptr;
    (void)len;
}

static void on_free(const volatile void *ptr)
{
    if (ptr == hall_on_heap)
        memcpy(&magic_at_free, (const void *)ptr, sizeof(magic_at_free));
}

/* A sanitizer's allocator has it; without one the test is left out. */
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
                                              void (*)(const volatile void *))
    __attribute__((weak));

static void describe_alarmed(struct panic_text *text, const void *ctx)
{
    (void)ctx;
    panic_put(text, "told", "before");
    raise(SIGALRM); /* as if it had hung for five seconds */
}

static void hang(void)
{
    struct panic_part part = {"hall", describe_alarmed, NULL, NULL};
    panic_register(&part);
    BUG_STOP("no door is left");
}

/* In place of the C library's: every second call is interrupted, where a child asked for that. */
static bool interrupting;

int poll(struct pollfd *fds, nfds_t len, int timeout_ms)
{
    static unsigned calls;
    const struct timespec timeout = {timeout_ms / 1000, 0};
    if (!interrupting || calls++ % 2 == 1)
        return ppoll(fds, len, timeout_ms < 0 ? NULL : &timeout, NULL);
    errno = EINTR;
    return -1;
}

static void be_interrupted(void)
{
    interrupting = true;
    stop();
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
    {"hang", hang},
    {"interrupted", be_interrupted},
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

static void what_hangs_while_it_is_described_ends_as_an_abort(void **state)
{
    (void)state;
    char said[SAID_MAX];
    assert_aborted("hang", said);
    static const char *const parts[] = {"what: no door is left\n", "told: before\n", NULL};
    assert_in_order(said, parts);
    assert_null(strstr(said, "the end"));
}

static void a_signal_while_it_writes_loses_no_line(void **state)
{
    (void)state;
    char said[SAID_MAX];
    assert_aborted("interrupted", said);
    static const char *const parts[] = {"==== panic: ", "what: no door is left\n", ", stop()\n",
                                        "==== panic: the end\n", NULL};
    assert_in_order(said, parts);
}

/* The compiler sees nobody who could read it: the last store before free() is dead to it. */
static void what_is_freed_has_no_magic(void **state)
{
    (void)state;
    if (__sanitizer_install_malloc_and_free_hooks == NULL)
        skip();
    assert_true(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0);
    struct hall *hall = malloc(sizeof(*hall));
    assert_non_null(hall);
    MAGIC_BEGIN(hall, hall);
    hall_on_heap = hall;
    MAGIC_END(hall, hall);
    free(hall);
    assert_int_equal(0, magic_at_free);
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
        cmocka_unit_test(what_hangs_while_it_is_described_ends_as_an_abort),
        cmocka_unit_test(a_signal_while_it_writes_loses_no_line),
        cmocka_unit_test(what_is_freed_has_no_magic),
        cmocka_unit_test(taking_a_reference_empties_the_giver),
        cmocka_unit_test(a_warning_speaks_once_and_counts_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
