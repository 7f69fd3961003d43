/* args.h: parses a command line by the row of its command. */
#ifndef FG_CTL_WORDS_ARGS_H
#define FG_CTL_WORDS_ARGS_H

#include "base/err.h"
#include "ctl_limits.h"
#include "words/command.h"

struct args {
    const struct command *command;   /* NULL: none was named, which --help allows */
    const char *word[CTL_WORDS_MAX]; /* the words after the command's name, in order; borrowed */
    size_t words_len;
    const char *option[OPTION_COUNT]; /* its value, "" if it takes none; NULL: not given */
};

/* Options may be anywhere, as --name VALUE or --name=VALUE; after "--" there are only words. On
 * failure the sentence says what would be right. */
int args_parse(const struct command_table *table, int argc, char **argv, struct err_slot *err,
               struct args *out);

/* The word of that name ("EVENT"); NULL: not given. */
const char *args_word(const struct args *args, const char *name);
/* Index of the first word of a repeatable name; words_len: there are none. */
size_t args_words_from(const struct args *args, const char *name);

#endif
