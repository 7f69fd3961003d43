/* cli.h: the commands besides the service: what an operator types, and what a door runs.
 *
 *     payment-adapter saga list [open|parked|all]
 *     payment-adapter saga show ID
 *     payment-adapter saga retry ID REASON
 *     payment-adapter saga compensate ID REASON
 *     payment-adapter reconcile [--explain]
 *     payment-adapter verify-ticket --keys FILE [--revoked FILE] [TOKEN]
 *     payment-adapter retire ...      is retiring.h's
 *
 * The first five ask a running service over its private listener: --url URL (or
 * FAIRGATE_PAY_PRIVATE_URL) and --token-file FILE (or FAIRGATE_ADMIN_TOKEN_FILE). verify-ticket
 * needs no network at all. */
#ifndef FG_PAY_CLI_H
#define FG_PAY_CLI_H

#include <stdbool.h>

/* The lines above, for --help. */
extern const char cli_commands[];

/* Is the first word one of these commands? */
bool cli_is_command(int argc, char **argv);
/* 0: fine. 1: the answer is no (drift, an invalid ticket). 2: it could not be done, so nobody knows
 * the answer. */
int cli_run(int argc, char **argv);

#endif
