/* script.h: unit tests as rows of a table. A row is a name and a script of statements, separated by
 * semicolons: a verb and its words, as in "turn 3ms; end 1 done code=no; commits 1". Each test
 * defines its own verbs. A failing statement is printed with its row.
 *
 * Numbers may have a unit of time (ms, s, h; converted to microseconds) and an offset: 3ms+1. An
 * expected number may be a range: 5..9. An expected text of "-" means an empty one. */
#ifndef FG_UNIT_SCRIPT_H
#define FG_UNIT_SCRIPT_H

#include "unit.h"

#include <stdbool.h>

/* A list of fields has up to SCRIPT_FIELDS entries; the first one without a name ends it. */
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
    const char *text; /* NULL: the field is the number */
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

/* The verbs of this file, registered before main(). */
static __attribute__((unused)) const struct script_verb *script_verbs;

/* SCRIPT_VERB(do_keep, "kept|lost") { ... } defines these verbs; the statement is `line`. */
#define SCRIPT_VERB(RUN, NAMES)                                                                    \
    static void RUN(const struct script_line *line);                                               \
    __attribute__((constructor)) static void verb_##RUN(void)                                      \
    {                                                                                              \
        static struct script_verb verb = {NAMES, RUN, NULL};                                       \
        verb.next = script_verbs;                                                                  \
        script_verbs = &verb;                                                                      \
    }                                                                                              \
    static void RUN(__attribute__((unused)) const struct script_line *line)

/* The same for a single expression: SCRIPT_DOES("kept|lost", keep(line)). */
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
/* Runs the row as a test. A row "SCRIPT || CASE | CASE" runs once per case, as if each were a test;
 * $a to $l are the words of the case. */
void script_run_cases(const struct script_row *row, const struct script_verb *verbs);
/* Each row of a list is a test with this setup and teardown, either of which may be NULL. If both
 * are, those of UNIT_BETWEEN() apply. */
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

/* The word at this index. The test fails if it is missing. */
const char *script_word(const struct script_line *line, unsigned at);
/* The text after the word at this index. */
const char *script_rest(const struct script_line *line, unsigned at);
uint64_t script_number(const char *word);
uint64_t script_number_at(const struct script_line *line, unsigned at);
/* Parses JSON written with ' for ". The result is valid until the fourth call after this one. */
const char *script_json(const char *text);
/* The value of a word "key=value"; the second form returns a number, or `missing`. */
const char *script_value(const struct script_line *line, const char *key);
uint64_t script_value_or(const struct script_line *line, const char *key, uint64_t missing);
bool script_has(const struct script_line *line, const char *word);
/* The index of a word in a list of names that NULL ends. */
unsigned script_choice(const struct script_line *line, const char *word, const char *const *names);
void script_expect(const struct script_line *line, const char *want, uint64_t got);
void script_expect_text(const struct script_line *line, const char *want, const char *got);
/* The text contains these parts, separated by &, in this order. */
void script_expect_parts(const struct script_line *line, const char *parts, const char *text);
/* Each word from `from` on is name=value for one of these fields. */
void script_expect_values(const struct script_line *line, unsigned from,
                          const struct script_field *fields);
/* Returns false while one of the numbers differs. */
bool script_values_fit(const struct script_line *line, unsigned from,
                       const struct script_field *fields);
/* The field named by the word at `at`. The last field of a list has no name. */
const struct script_field *script_field(const struct script_line *line, unsigned at,
                                        const struct script_field *fields);
/* The word at `at` names a field; the next word is its expected value. */
void script_expect_field(const struct script_line *line, unsigned at,
                         const struct script_field *fields);

#endif
