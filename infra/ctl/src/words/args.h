/* args.h: the words of a command line, taken apart by the row of their command. */
#ifndef FG_CTL_WORDS_ARGS_H
#define FG_CTL_WORDS_ARGS_H

#include "base/err.h"
#include "ctl_limits.h"
#include "words/command.h"

struct args {
    const struct command *command;   /* NULL: none was named, which --help excuses */
    const char *word[CTL_WORDS_MAX]; /* what follows the command's name, in order; borrowed */
    size_t words_len;
    const char *option[OPTION_COUNT]; /* its value, "" where it takes none; NULL: not given */
};

/* Options stand anywhere, as --name VALUE or --name=VALUE; after "--" there are none. The sentence
 * of a failure says what would be right. */
int args_parse(const struct command_table *table, int argc, char **argv, struct err_slot *err,
               struct args *out);

/* The word of that name ("EVENT"); NULL: it was not given. */
const char *args_word(const struct args *args, const char *name);
/* Where the words of a name begin that may be given several times; words_len: there are none. */
size_t args_words_from(const struct args *args, const char *name);

#endif
