/* unit.h: additions to cmocka for each unit test: comparisons of spans, printed seeds.
 *
 * A test is TEST_CASE(a_sentence) { ... }. The program runs them in order; a program with more to
 * do has its own main(), which calls unit_run(). Libsodium is initialised by then.
 *
 * A test with random input takes unit_seed() or unit_rng(): a new seed each run, printed, and
 * FAIRGATE_TEST_SEED=N repeats the run that printed N. */
#ifndef FG_UNIT_H
#define FG_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"

/* Before main(), each test adds itself to the list that unit_run() runs. */
#define TEST_CASE(NAME) TEST_CASE_IN(NAME, NULL, NULL)
/* The same with a setup and a teardown; either may be NULL. */
#define TEST_CASE_IN(NAME, SET_UP, TEAR_DOWN)                                                      \
    static void NAME(void **state);                                                                \
    __attribute__((constructor)) static void add_##NAME(void)                                      \
    {                                                                                              \
        unit_add(&(struct unit_test){#NAME, NAME, NULL, SET_UP, TEAR_DOWN});                       \
    }                                                                                              \
    static void NAME(__attribute__((unused)) void **state)
/* Each row of a list is a test. A row begins with its name; `RUN` gets it in *state. */
#define UNIT_ROWS(ROWS, RUN)                                                                       \
    __attribute__((constructor)) static void add_##ROWS(void)                                      \
    {                                                                                              \
        for (size_t i = 0; i < sizeof(ROWS) / sizeof((ROWS)[0]); i++)                              \
            unit_add(&(struct unit_test){(ROWS)[i].name, (RUN), &(ROWS)[i], NULL, NULL});          \
    }
/* Setup and teardown of all tests without their own; either may be NULL. Use it once per
 * program. */
#define UNIT_BETWEEN(SET_UP, TEAR_DOWN)                                                            \
    __attribute__((constructor)) static void add_between(void)                                     \
    {                                                                                              \
        unit_between((SET_UP), (TEAR_DOWN));                                                       \
    }
/* Runs before the first test, and after the last; either may be NULL. Ends run in reverse order. */
#define UNIT_ONCE(BEGIN, END)                                                                      \
    __attribute__((constructor)) static void add_once(void)                                        \
    {                                                                                              \
        unit_once((BEGIN), (END));                                                                 \
    }

struct unit_test {
    const char *name;
    void (*run)(void **state);
    const void *state; /* run() gets it in *state */
    void (*set_up)(void), (*tear_down)(void);
};

void unit_add(const struct unit_test *test); /* copied */
void unit_between(void (*set_up)(void), void (*tear_down)(void));
void unit_once(void (*begin)(void), void (*end)(void));
int unit_run(void); /* returns main()'s exit status */
/* Runs teardown and setup of the current test again, in its middle. */
void unit_again(void);

uint64_t unit_seed(void);
const struct rng *unit_rng(void); /* seeded by unit_seed(); valid until the next call */

/* Fails the test with the error's sentence if rc is an error. */
void unit_must(int rc, const struct err_slot *err);

/* Fails the test if `wrong`, an outcome that no failing call may cause, such as a partial result
 * that passes for complete. It prints a word that `make nth` looks for, since there any failed test
 * counts as a reported error. */
void unit_never(bool wrong, const char *what);

/* Creates a file with this content and mode in a directory of its own. The caller passes the path
 * to unit_file_remove(). */
char *unit_file(struct span content, unsigned mode);
void unit_file_remove(char *path);

/* Runs the test's own program with this argument in a child, where sanitizers do not catch SIGABRT.
 * `said` becomes the read end of its stderr. */
pid_t unit_child(const char *argument, int *said);

void unit_assert_span(struct span got, const char *want, const char *file, int line);
void unit_assert_says(const struct err_slot *err, const char *part, const char *file, int line);

#define assert_span(got, want) unit_assert_span((got), (want), __FILE__, __LINE__)
/* The error's sentence contains this part. */
#define assert_says(err, part) unit_assert_says((err), (part), __FILE__, __LINE__)

#endif
