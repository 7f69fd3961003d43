/* cli.h: the command for doors, which needs no service; `retire` is in retiring.h.
 *
 *     payment-adapter verify-ticket --keys FILE --event EVENT --revoked FILE... [TOKEN]
 */
#ifndef FG_PAY_CLI_H
#define FG_PAY_CLI_H

#include <stdbool.h>

/* For --help, with those of `retire`. */
extern const char cli_commands[];

/* Whether the first word is this command. */
bool cli_is_command(int argc, char **argv);
/* Returns 0: valid; 1: invalid; 2: unknown, since it could not be checked. */
int cli_run(int argc, char **argv);

#endif
