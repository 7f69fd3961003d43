/* unit.c: see unit.h. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TESTS_MAX = 192 };
static struct CMUnitTest tests[TESTS_MAX];
static size_t tests_len;

void unit_add(const struct CMUnitTest *test)
{
    if (tests_len == TESTS_MAX)
        abort();
    tests[tests_len++] = *test;
}

int unit_run(CMFixtureFunction set_up, CMFixtureFunction tear_down)
{
    for (size_t i = 0; i < tests_len; i++) {
        if (tests[i].setup_func == NULL && tests[i].teardown_func == NULL) {
            tests[i].setup_func = set_up;
            tests[i].teardown_func = tear_down;
        }
    }
    return _cmocka_run_group_tests("tests", tests, tests_len, NULL, NULL);
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

static void change_one(const struct rng *rng, char *out, size_t *len, size_t cap)
{
    size_t at = *len > 0 ? rng_below(rng, *len) : 0;
    switch (rng_below(rng, 5)) {
    case 0: /* another byte */
        if (*len > 0)
            out[at] = (char)rng_u64(rng);
        break;
    case 1: /* one bit */
        if (*len > 0)
            out[at] = (char)(out[at] ^ (1 << rng_below(rng, 8)));
        break;
    case 2: /* the end is missing */
        *len = at;
        break;
    case 3: /* a piece is missing */
        if (*len > 0) {
            size_t gone = 1 + rng_below(rng, *len - at);
            memmove(out + at, out + at + gone, *len - at - gone);
            *len -= gone;
        }
        break;
    default: /* a piece comes twice */
        if (*len > 0) {
            size_t piece = 1 + rng_below(rng, *len - at);
            if (*len + piece > cap)
                return;
            memmove(out + at + piece, out + at, *len - at);
            *len += piece;
        }
    }
}

size_t unit_mutate(const struct rng *rng, struct span good, char *out, size_t cap)
{
    size_t len = good.len < cap ? good.len : cap;
    if (rng_below(rng, 8) == 0) { /* nothing but noise */
        len = rng_below(rng, len + 1);
        rng_fill(rng, out, len);
        return len;
    }
    memcpy(out, good.ptr, len);
    for (uint64_t changes = 1 + rng_below(rng, 3); changes > 0; changes--)
        change_one(rng, out, &len, cap);
    return len;
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
