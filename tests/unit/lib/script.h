/* script.h: unit tests as rows of a table. A row is a name and a script of statements: a verb and
 * its words, separated by semicolons, as in "turn 3ms; end 1 done code=no; commits 1". Each test
 * brings its own verbs. A statement that fails is printed together with its row.
 *
 * Numbers may have a unit of time (ms, s, h; they become microseconds) and an offset: 3ms+1. An
 * expected number may be a range: 5..9. An expected text of "-" means an empty one. */
#ifndef FG_UNIT_SCRIPT_H
#define FG_UNIT_SCRIPT_H

#include "unit.h"

#include <stdbool.h>

/* A list of fields has SCRIPT_FIELDS, of which the first without a name ends it. */
enum { SCRIPT_WORDS_MAX = 32, SCRIPT_CASE_WORDS_MAX = 12, SCRIPT_FIELDS = 48 };

struct script_row {
    const char *name, *script;
};

struct script_line {
    const char *row, *text; /* for messages */
    const char *words[SCRIPT_WORDS_MAX];
    unsigned len;
};

struct script_field {
    const char *name;
    uint64_t number;
    const char *text; /* NULL: it is the number */
};

#define SCRIPT_NUMBER(NAME, VALUE)                                                                 \
    {                                                                                              \
        .name = (NAME), .number = (VALUE)                                                          \
    }
#define SCRIPT_TEXT(NAME, VALUE)                                                                   \
    {                                                                                              \
        .name = (NAME), .text = (VALUE)                                                            \
    }

struct script_verb {
    const char *names;
    void (*run)(const struct script_line *line);
    const struct script_verb *next;
};

/* Those of this file, before main() begins. */
static __attribute__((unused)) const struct script_verb *script_verbs;

/* SCRIPT_VERB(do_keep, "kept|lost") { ... } is the verb of these names; the statement is `line`. */
#define SCRIPT_VERB(RUN, NAMES)                                                                    \
    static void RUN(const struct script_line *line);                                               \
    __attribute__((constructor)) static void verb_##RUN(void)                                      \
    {                                                                                              \
        static struct script_verb verb = {NAMES, RUN, NULL};                                       \
        verb.next = script_verbs;                                                                  \
        script_verbs = &verb;                                                                      \
    }                                                                                              \
    static void RUN(__attribute__((unused)) const struct script_line *line)

/* The same of what one expression does: SCRIPT_DOES("kept|lost", keep(line)). */
#define SCRIPT_DOES(NAMES, ...)        SCRIPT_DOES_AT(__LINE__, NAMES, __VA_ARGS__)
#define SCRIPT_DOES_AT(AT, NAMES, ...) SCRIPT_DOES_IN(AT, NAMES, __VA_ARGS__)
#define SCRIPT_DOES_IN(AT, NAMES, ...)                                                             \
    SCRIPT_VERB(does_##AT, NAMES)                                                                  \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }

/* Calls the verb of the statement. */
void script_call(const struct script_line *line, const struct script_verb *verbs);
/* Calls the verb of each statement, in order. */
void script_run(const struct script_row *row, const struct script_verb *verbs);
/* The same in a test. A row "SCRIPT || CASE | CASE" runs once per case, as if each were a test;
 * $a to $l are the words of the case. */
void script_run_cases(const struct script_row *row, const struct script_verb *verbs);
/* Each row of a list is a test, between two functions, of which either may be NULL; or, if both
 * are, between those of UNIT_BETWEEN(). */
#define SCRIPT_TESTS_IN(ROWS, VERBS, SET_UP, TEAR_DOWN)                                            \
    static void run_##ROWS(void **state)                                                           \
    {                                                                                              \
        script_run_cases(*state, (VERBS));                                                         \
    }                                                                                              \
    __attribute__((constructor)) static void add_##ROWS(void)                                      \
    {                                                                                              \
        for (size_t i = 0; i < sizeof(ROWS) / sizeof((ROWS)[0]); i++)                              \
            unit_add(&(struct unit_test){(ROWS)[i].name, run_##ROWS, &(ROWS)[i], (SET_UP),         \
                                         (TEAR_DOWN)});                                            \
    }
#define SCRIPT_TESTS(ROWS, VERBS) SCRIPT_TESTS_IN(ROWS, VERBS, NULL, NULL)

/* The word at this index; the test fails if there is none. */
const char *script_word(const struct script_line *line, unsigned at);
/* The text behind the word at this index. */
const char *script_rest(const struct script_line *line, unsigned at);
uint64_t script_number(const char *word);
uint64_t script_number_at(const struct script_line *line, unsigned at);
/* JSON as rows have it, with ' for ". The result stays until the fourth call after this one. */
const char *script_json(const char *text);
/* What follows "key=" in one of the words; the second form has a number, or `missing`. */
const char *script_value(const struct script_line *line, const char *key);
uint64_t script_value_or(const struct script_line *line, const char *key, uint64_t missing);
bool script_has(const struct script_line *line, const char *word);
/* The index of a word among names, of which the last is NULL. */
unsigned script_choice(const struct script_line *line, const char *word, const char *const *names);
void script_expect(const struct script_line *line, const char *want, uint64_t got);
void script_expect_text(const struct script_line *line, const char *want, const char *got);
/* The text has these parts, which & separates, in this order. */
void script_expect_parts(const struct script_line *line, const char *parts, const char *text);
/* Each word from `from` on is name=value of one of these fields. */
void script_expect_values(const struct script_line *line, unsigned from,
                          const struct script_field *fields);
/* False: one of the numbers differs, as yet. */
bool script_values_fit(const struct script_line *line, unsigned from,
                       const struct script_field *fields);
/* The field that the word at `at` names. The last field has no name. */
const struct script_field *script_field(const struct script_line *line, unsigned at,
                                        const struct script_field *fields);
/* The word at `at` names a field, the next one its value. */
void script_expect_field(const struct script_line *line, unsigned at,
                         const struct script_field *fields);

#endif
