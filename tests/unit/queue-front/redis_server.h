/* redis_server.h: a Redis of the test's own: a temporary folder, a unix socket, append-only as in
 * production. It ends with the test even if that crashes. */
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

uint16_t redis_server_free_port(void);                 /* of 127.0.0.1 */
void redis_server_start(struct redis_server *server);  /* on first use makes the folder */
void redis_server_kill(struct redis_server *server);   /* -9 */
void redis_server_wipe(struct redis_server *server);   /* its data, while it does not run */
void redis_server_remove(struct redis_server *server); /* kills it, removes the folder */

/* One command on a connection of its own; answers an integer or the length of what came back. */
long long redis_server_ask(const struct redis_server *server, const char *format, ...);

#endif
