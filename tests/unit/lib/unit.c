/* unit.c: see unit.h. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TESTS_MAX = 192, ONCE_MAX = 4 };
static struct unit_test tests[TESTS_MAX], *test; /* all tests, and the running one */
static size_t tests_len;

static struct {
    void (*begin)(void), (*end)(void);
} between, once[ONCE_MAX];
static size_t once_len;

void unit_add(const struct unit_test *added)
{
    if (tests_len == TESTS_MAX)
        abort();
    tests[tests_len++] = *added;
}

void unit_between(void (*set_up)(void), void (*tear_down)(void))
{
    between.begin = set_up;
    between.end = tear_down;
}

void unit_once(void (*begin)(void), void (*end)(void))
{
    if (once_len == ONCE_MAX)
        abort();
    once[once_len].begin = begin;
    once[once_len++].end = end;
}

static int set_up(void **state)
{
    test = *state;
    *state = (void *)(uintptr_t)test->state;
    if (test->set_up != NULL)
        test->set_up();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (test->tear_down != NULL)
        test->tear_down();
    return 0;
}

void unit_again(void)
{
    void *state = test;
    tear_down(NULL);
    set_up(&state);
}

int unit_run(void)
{
    struct CMUnitTest list[TESTS_MAX];
    /* Where the first call is wrapped (nth.c), the second makes the linker take the library. */
    if (sodium_init() < 0 || sodium_library_version_major() <= 0)
        return 1;
    for (size_t i = 0; i < tests_len; i++) {
        if (tests[i].set_up == NULL && tests[i].tear_down == NULL) {
            tests[i].set_up = between.begin;
            tests[i].tear_down = between.end;
        }
        list[i] = (struct CMUnitTest){tests[i].name, tests[i].run, set_up, tear_down, &tests[i]};
    }
    for (size_t i = 0; i < once_len; i++)
        if (once[i].begin != NULL)
            once[i].begin();
    int failed = _cmocka_run_group_tests("tests", list, tests_len, NULL, NULL);
    for (size_t i = once_len; i > 0; i--)
        if (once[i - 1].end != NULL)
            once[i - 1].end();
    return failed;
}

uint64_t unit_seed(void)
{
    const char *given = getenv("FAIRGATE_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : rng_u64(rng_system()) >> 32;
    printf("seed: FAIRGATE_TEST_SEED=%" PRIu64 "\n", seed);
    return seed;
}

const struct rng *unit_rng(void)
{
    static struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    return &seeded.rng;
}

void unit_must(int rc, const struct err_slot *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

void unit_never(bool wrong, const char *what)
{
    if (!wrong)
        return;
    fprintf(stderr, "FOUND: %s\n", what);
    fail();
}

char *unit_file(struct span content, unsigned mode)
{
    char *path = malloc(64);
    assert_non_null(path);
    strcpy(path, "/tmp/fairgate-unit-XXXXXX");
    assert_non_null(mkdtemp(path));
    strcat(path, "/file");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(content.len, write(fd, content.ptr, content.len));
    assert_int_equal(0, fchmod(fd, mode));
    close(fd);
    return path;
}

void unit_file_remove(char *path)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    free(path);
}

pid_t unit_child(const char *argument, int *said)
{
    int ends[2];
    assert_int_equal(0, pipe(ends));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("ASAN_OPTIONS", "handle_abort=0:detect_leaks=0", 1);
        setenv("UBSAN_OPTIONS", "handle_abort=0", 1);
        setenv("TSAN_OPTIONS", "handle_abort=0", 1);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", program_invocation_name, argument, (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    *said = ends[0];
    return pid;
}

void unit_assert_span(struct span got, const char *want, const char *file, int line)
{
    if (span_eq(got, span_of(want)))
        return;
    print_error("got  \"%.*s\"\nwant \"%s\"\n", (int)got.len, got.ptr != NULL ? got.ptr : "", want);
    _fail(file, line);
}

void unit_assert_says(const struct err_slot *err, const char *part, const char *file, int line)
{
    if (strstr(err->text, part) != NULL)
        return;
    print_error("the sentence \"%s\"\nlacks        \"%s\"\n", err->text, part);
    _fail(file, line);
}
