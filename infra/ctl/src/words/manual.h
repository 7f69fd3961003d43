/* manual.h: the table as help, as a page of the manual, and as completion of two shells. */
#ifndef FG_CTL_WORDS_MANUAL_H
#define FG_CTL_WORDS_MANUAL_H

#include "words/command.h"

#include <stdio.h>

void manual_list(const struct command_table *table, FILE *out); /* every command in a line */
void manual_of(const struct command *command, FILE *out);       /* of one command */
/* Of one command, or of those that begin with its word. False: there is none. */
bool manual_help(const struct command_table *table, const char *first, const char *second,
                 FILE *out);
void manual_page(const struct command_table *table, FILE *out); /* fairgate.1, as troff */
/* For "bash" or "zsh"; false: for no other. */
bool manual_completion(const struct command_table *table, const char *shell, FILE *out);

#endif
