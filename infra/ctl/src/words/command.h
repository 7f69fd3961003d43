/* command.h: the name, words, options and effect of a command: one row of one table. Argument
 * parsing, help, manual page and completion are derived from that row. */
#ifndef FG_CTL_WORDS_COMMAND_H
#define FG_CTL_WORDS_COMMAND_H

#include "base/span.h"

#include <stdint.h>

struct job;

enum command_service { COMMAND_LINE, COMMAND_SEATS, COMMAND_PAY, COMMAND_SERVICES };

/* Exit codes. The manual lists them, and scripts rely on them. */
enum command_exit {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,   /* the service refused, or a check failed */
    EXIT_USAGE = 2,     /* no call was made: the words, the profile or a file are wrong */
    EXIT_AWAY = 3,      /* the service could not be reached: nothing happened */
    EXIT_UNKNOWN = 4,   /* no answer came: it may or may not have happened */
    EXIT_TOKEN = 5,     /* there is no token, or it was refused */
    EXIT_CHANGED = 6,   /* somebody else changed it in the meantime */
    EXIT_CANCELLED = 7, /* the question was not confirmed */
};

/* Where the value of an option goes if a command is a single call. */
enum option_way {
    OPTION_GLOBAL, /* for every command, and not part of a call */
    OPTION_OWN,    /* read by the command itself */
    OPTION_QUERY,  /* "member=", and the value if it takes one */
    OPTION_TEXT,   /* a member of the body: a text, */
    OPTION_NUMBER, /* a number, */
    OPTION_LIST,   /* texts, separated by commas, */
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
    const char *value; /* what help calls its value; NULL: it takes none */
    const char *help;
    enum option_way way;
    const char *member; /* of the body, or its part of the query */
};

extern const struct option options[OPTION_COUNT];

struct command {
    /* "halls block EVENT [SEAT...]": a name of one or two words, then its words in capitals. Only
     * the last one may be repeated. */
    const char *form;
    const char *brief; /* one line */
    const char *text;  /* more, for help and manual; NULL: nothing */
    uint64_t options;  /* options it accepts besides the global ones, */
    uint64_t needs;    /* and options that are required */
    /* For a command that is a single call. {EVENT} in the path is the word of that name. */
    enum command_service service;
    const char *method;
    const char *path;
    const char *body;    /* content type of the word FILE, which is the body; NULL: JSON */
    const char *part;    /* the member that is shown, one line per member of it; NULL: all */
    const char *rows;    /* the member that is shown as a table ("": the answer itself) */
    const char *columns; /* of that table, as in show/value.h */
    const char *done;    /* printed instead of the answer; may contain {EVENT} and so on */
    const char *asks;    /* the question that must be confirmed first */
    /* Runs any other command and returns the exit code; NULL: generic_run(). */
    int (*run)(struct job *job);
    bool hidden;    /* not in the list of commands */
    bool alone;     /* makes no call: it needs neither profile nor token */
    bool tokenless; /* needs the profile but no token: it gets or returns one */
};

struct command_table {
    const struct command *command;
    size_t len;
};

extern const struct command_table commands; /* all of them: commands.c */

/* The command at the start of the words, and the length of its name in words; NULL: none. */
const struct command *command_find(const struct command_table *table, char **words, int words_len,
                                   int *name_len);

/* Such as "halls block"; borrowed from the row. */
struct span command_name(const struct command *command);

static inline uint64_t command_options(const struct command *command)
{
    return command->options | command->needs;
}

/* Whether any command begins with this word, such as "halls". */
bool command_is_group(const struct command_table *table, const char *word);

/* The n-th word that a command takes. False: it takes fewer. `name` is borrowed from the row. */
struct command_word {
    struct span name;
    bool optional, several;
};
bool command_word(const struct command *command, size_t n, struct command_word *out);

#endif
