/* commands.h: the table of all commands. */
#ifndef FG_CTL_COMMANDS_H
#define FG_CTL_COMMANDS_H

#include "words/command.h"

extern const struct command_table commands;

#endif
