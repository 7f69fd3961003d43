/* command.h: what a command is called, takes and does: one row of one table. The arguments it
 * accepts, its help, its page in the manual and its completion are all made from that row. */
#ifndef FG_CTL_WORDS_COMMAND_H
#define FG_CTL_WORDS_COMMAND_H

#include "base/span.h"

#include <stdint.h>

struct job;

enum command_service { COMMAND_LINE, COMMAND_SEATS, COMMAND_PAY, COMMAND_SERVICES };

/* Exit codes. The manual lists them, and scripts rely on them. */
enum command_exit {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,   /* the service said no, or what was judged is not good */
    EXIT_USAGE = 2,     /* nothing was asked: the words, the profile or a file are wrong */
    EXIT_AWAY = 3,      /* the service could not be reached: nothing happened */
    EXIT_UNKNOWN = 4,   /* no answer came: whether it happened is not known */
    EXIT_TOKEN = 5,     /* there is no token, or it was refused */
    EXIT_CHANGED = 6,   /* somebody else changed it in the meantime */
    EXIT_CANCELLED = 7, /* the question was not answered by yes */
};

/* Where the value of an option goes when a command is nothing but one call. */
enum option_way {
    OPTION_GLOBAL, /* of every command, and no part of a call */
    OPTION_OWN,    /* read by the command itself */
    OPTION_ASKED,  /* member=true in the query */
    OPTION_QUERY,
    OPTION_TEXT,   /* a member of the body: a text, */
    OPTION_NUMBER, /* a number, */
    OPTION_LIST,   /* texts, comma between, */
    OPTION_FLAG,   /* or true; takes no value */
};

enum option_id {
#define OPTION(id, ...) OPTION_##id,
#include "words/options.h"
#undef OPTION
    OPTION_COUNT,
};

#define OPT(name) (UINT64_C(1) << OPTION_##name)

struct option {
    const char *name;  /* without the two hyphens */
    const char *value; /* what its value is called; NULL: it takes none */
    const char *help;
    enum option_way way;
    const char *member; /* of the query or body */
};

extern const struct option options[OPTION_COUNT];

struct command {
    /* "halls block EVENT [SEAT...]": a name of one word or two, and then, in capitals, what it
     * takes: each word once, the last one perhaps several times. */
    const char *form;
    const char *brief; /* one line */
    const char *text;  /* more of it, for help and manual; NULL: nothing more to say */
    uint64_t options;  /* those that it takes besides the global ones, */
    uint64_t needs;    /* and those that must be given */
    /* A command that is one call. {EVENT} in the path is the word of that name. */
    enum command_service service;
    const char *method;
    const char *path;
    const char *body;    /* content type of the word FILE, which is the body; NULL: JSON */
    const char *part;    /* the member that is shown, a line for each of its own; NULL: all */
    const char *rows;    /* the member that is shown as a table ("" : the answer itself is) */
    const char *columns; /* of it, as in show/value.h */
    const char *done;    /* said in place of the answer, with {EVENT} and so on in it */
    const char *asks;    /* what a person has to say yes to, before it is done */
    /* Everything else, answering what the process ends with; NULL: it is that call (generic_run).
     */
    int (*run)(struct job *job);
    bool hidden;    /* not in the list of commands */
    bool alone;     /* asks nobody: it needs neither profile nor token */
    bool tokenless; /* needs the profile, and no token: it gets one, or gives one up */
};

struct command_table {
    const struct command *command;
    size_t len;
};

extern const struct command_table commands; /* all of them: commands.c */

/* The command that the words begin with, and how many of them are its name; NULL: none. */
const struct command *command_find(const struct command_table *table, char **words, int words_len,
                                   int *name_len);

/* "halls block"; borrowed from the row. */
struct span command_name(const struct command *command);

static inline uint64_t command_options(const struct command *command)
{
    return command->options | command->needs;
}

/* Does any command begin with this word, such as "halls"? */
bool command_is_group(const struct command_table *table, const char *word);

/* The n-th word that a command takes. False: there are not so many. `name` is borrowed from the
 * row. */
struct command_word {
    struct span name;
    bool optional, several;
};
bool command_word(const struct command *command, size_t n, struct command_word *out);

/* How many letters are to be changed, at most 3: to guess what was meant. */
unsigned command_distance(struct span a, struct span b);

#endif
