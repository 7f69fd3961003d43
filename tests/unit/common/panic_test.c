/* panic_test.c: what a program prints when it fails. Children trip an assert, a stop or a wrong
 * magic, and their parent reads what they wrote. */
#include "unit.h"

#include "base/bug.h"
#include "base/magic.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_MAX = 16384 };

struct hall {
    uint32_t magic;
    unsigned doors;
};

MAGIC(hall, 0x4a110001);

/* ---- children ---- */

static void describe_request(struct panic_text *text, const void *ctx)
{
    panic_put(text, "path", ctx);
    panic_put_u64(text, "doors", 7);
    panic_put_bytes(text, "unprintable", "a\nb\x1b", 4);
}

static void describe_badly(struct panic_text *text, const void *ctx)
{
    panic_put(text, "note", "before");
    assert(ctx != NULL);
}

static void trip_assert(void)
{
    struct hall hall = {hall_magic, 7};
    panic_program("usher", "1.2.3");
    struct panic_work before = panic_work_begin(describe_request, "/outer");
    struct panic_work outer = panic_work_begin(describe_request, "/inner");
    panic_work_end(outer);
    (void)before;
    assert(hall.doors == 8);
}

static void trip_while_described(void)
{
    struct panic_work before = panic_work_begin(describe_badly, NULL);
    assert(before.describe != NULL);
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

/* The allocator's view of the hall when it is freed. */
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

/* Only sanitizers' allocators have it; otherwise the test is skipped. */
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
                                              void (*)(const volatile void *))
    __attribute__((weak));

static void describe_alarmed(struct panic_text *text, const void *ctx)
{
    (void)ctx;
    panic_put(text, "note", "before");
    raise(SIGALRM); /* like a hang of five seconds */
}

static void hang(void)
{
    (void)panic_work_begin(describe_alarmed, NULL);
    BUG_STOP("no door is left");
}

/* Replaces the C library's: interrupts every second call if a child sets this. */
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

/* ---- rows: parts of what a child prints, in this order, and what it does not print ---- */

#define IN_THIS_FILE "where: tests/unit/common/panic_test.c:"

static const struct row {
    const char *name;
    void (*run)(void);
    const char *parts[11];
    const char *absent[2];
} rows[] = {
    {"a failed assert prints one block and aborts", trip_assert,
     .parts = {"==== panic: usher 1.2.3, process ", "what: Assertion `hall.doors == 8' failed.\n",
               IN_THIS_FILE, ", trip_assert()\n", "backtrace",
               "request: \n  path: /outer\n  doors: 7\n  unprintable: a.b.\n",
               "==== panic: the end\n"},
     .absent = {"/inner"}},
    {"a describe function that fails takes only what follows it", trip_while_described,
     .parts = {"what: Assertion `before.describe != NULL' failed.", "request: \n", "note: before\n",
               "and while it was described: Assertion `ctx != NULL' failed."}},
    {"a stop prints its reason", stop,
     .parts = {"what: no door is left\n", ", stop()\n", "request: none on this thread\n"}},
    {"a pointer to another struct is caught", take_a_stranger,
     .parts = {"what: this is no struct hall\n", IN_THIS_FILE}},
    {"a null pointer is caught", take_nothing,
     .parts = {"what: this is no struct hall\n", IN_THIS_FILE}},
    {"a pointer to a struct that has ended is caught", use_after_the_end,
     .parts = {"what: this is no struct hall\n", IN_THIS_FILE}},
    {"a describe function that hangs ends as an abort", hang,
     .parts = {"what: no door is left\n", "note: before\n"}, .absent = {"the end"}},
    {"a signal during a write loses no line", be_interrupted,
     .parts = {"==== panic: ", "what: no door is left\n", ", stop()\n", "==== panic: the end\n"}},
};

/* Reads the child's output to its end; returns its status. */
static int output_of(const char *child, char out[SAID_MAX])
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

static void run_row(void **state)
{
    const struct row *row = *state;
    char said[SAID_MAX];
    int status = output_of(row->name, said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("status %x, said: %s", (unsigned)status, said);
    const char *at = said;
    for (const char *const *part = row->parts; *part != NULL; part++) {
        const char *found = strstr(at, *part);
        if (found == NULL)
            fail_msg("\"%s\" is missing or out of order in: %s", *part, said);
        else
            at = found + strlen(*part);
    }
    for (unsigned i = 0; i < 2 && row->absent[i] != NULL; i++)
        assert_null(strstr(said, row->absent[i]));
}

/* A last store before free() may be dropped as dead. Only a sanitizer sees that moment. */
TEST_CASE(freed_memory_has_no_magic)
{
    if (__sanitizer_install_malloc_and_free_hooks == NULL)
        return;
    assert_true(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0);
    struct hall *hall = malloc(sizeof(*hall));
    assert_non_null(hall);
    MAGIC_BEGIN(hall, hall);
    hall_on_heap = hall;
    MAGIC_END(hall, hall);
    free(hall);
    assert_int_equal(0, magic_at_free);
}

TEST_CASE(taking_a_reference_empties_the_giver)
{
    struct hall hall = {hall_magic, 3};
    struct hall *giver = &hall;
    const struct hall *taken = MAGIC_TAKE(hall, &giver);
    assert_ptr_equal(&hall, taken);
    assert_null(giver);
    void *back = &hall;
    assert_int_equal(3, MAGIC_OF(hall, back)->doors);
}

TEST_CASE(a_warning_is_printed_once)
{
    char said[SAID_MAX];
    assert_int_equal(0, output_of("warn", said));
    const char *first = strstr(said, "warning: test-door-jammed\nwhere: tests/unit/common/");
    assert_non_null(first);
    assert_null(strstr(first + 1, "warning"));
}

struct seen {
    uint64_t first, never;
    unsigned places;
};

static void on_place(void *ctx, const struct bug_place *place)
{
    struct seen *seen = ctx;
    seen->places++;
    if (strcmp(place->what, "test-first") == 0)
        seen->first += place->count;
    else if (strcmp(place->what, "test-never") == 0)
        seen->never += place->count;
}

TEST_CASE(each_bug_place_has_its_own_count)
{
    struct seen before = {0}, after = {0};
    bug_each(on_place, &before);
    assert_int_equal(0, before.first);
    assert_true(before.places >= 2);
    for (unsigned i = 0; i < 3; i++)
        BUG_COUNT("test-first");
    if (state == NULL)
        BUG_COUNT("test-never");
    bug_each(on_place, &after);
    assert_int_equal(3, after.first);
    assert_int_equal(0, after.never);
    assert_int_equal(before.places, after.places);
}

int main(int argc, char **argv)
{
    enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
    if (argc > 1 && strcmp(argv[1], "warn") == 0)
        warn_twice();
    for (size_t i = 0; argc > 1 && i < ROWS; i++) {
        if (strcmp(rows[i].name, argv[1]) == 0)
            rows[i].run();
    }
    if (argc > 1)
        return 0;
    return unit_run();
}

UNIT_ROWS(rows, run_row)
