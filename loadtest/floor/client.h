/* client.h: what the generators of load share: connections to this machine, options, the clock. */
#ifndef FG_FLOOR_CLIENT_H
#define FG_FLOOR_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program with errno's words. */
void client_die(const char *what) __attribute__((noreturn));
uint64_t client_now_us(void);

/* A connection to the port of this machine, which the epoll watches for reading with `data`. */
int client_dial(int epoll, uint16_t port, void *data);

/* What follows `name` in an answer; NULL if it is not there. */
const char *client_behind(const char *answer, size_t len, const char *name);
/* Head and body are there. For servers that are known to send a length: nothing is parsed, since a
 * generator that runs against the bare floor of the machine must cost next to nothing. */
bool client_has_all(const char *answer, size_t len);

enum { CLIENT_OPTIONS_MAX = 128 };

/* The arguments by their letters, as getopt() has them; NULL: not given. -1: an unknown one. */
int client_options(int argc, char **argv, const char *letters,
                   const char *given[CLIENT_OPTIONS_MAX]);
uint64_t client_number(const char *text, uint64_t missing);

#endif
