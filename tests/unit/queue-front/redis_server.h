/* redis_server.h: the test's own Redis: a temporary folder, a unix socket, append-only as in
 * production. It dies with the test, even in a crash. */
#ifndef FG_TEST_REDIS_SERVER_H
#define FG_TEST_REDIS_SERVER_H

#include <stdint.h>
#include <sys/types.h>

struct redis_server {
    char dir[64];
    char socket[96];
    uint16_t port; /* 0: unix socket only */
    const char *password;
    pid_t pid;
};

uint16_t redis_server_free_port(void);                 /* on 127.0.0.1 */
void redis_server_start(struct redis_server *server);  /* the first call creates the folder */
void redis_server_kill(struct redis_server *server);   /* by SIGKILL */
void redis_server_wipe(struct redis_server *server);   /* deletes its data while it is stopped */
void redis_server_remove(struct redis_server *server); /* kills it and removes the folder */

/* Runs one command on a new connection. Returns the integer, or the length of any other reply. */
long long redis_server_ask(const struct redis_server *server, const char *format, ...);

#endif
