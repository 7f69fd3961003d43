/* manual.h: prints the table as help, as a manual page, and as completion for two shells. */
#ifndef FG_CTL_WORDS_MANUAL_H
#define FG_CTL_WORDS_MANUAL_H

#include "words/command.h"

#include <stdio.h>

void manual_list(const struct command_table *table, FILE *out); /* one line per command */
void manual_of(const struct command *command, FILE *out);       /* of one command */
/* Help for one command, or for all that begin with the word. False: there are none. */
bool manual_help(const struct command_table *table, const char *first, const char *second,
                 FILE *out);
void manual_page(const struct command_table *table, FILE *out); /* fairgate.1, as troff */
/* For "bash" or "zsh"; false for any other shell. */
bool manual_completion(const struct command_table *table, const char *shell, FILE *out);

#endif
