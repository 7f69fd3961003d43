/* cut_proxy.h: a proxy between a client and PostgreSQL that cuts connections at chosen moments: a
 * write succeeds, but the client does not learn that. The test sets what to cut next. */
#ifndef FG_TEST_CUT_PROXY_H
#define FG_TEST_CUT_PROXY_H

#include <stdatomic.h>
#include <stdbool.h>

struct cut_proxy {
    atomic_bool armed; /* lose the response to the next batch */
    /* This many epoch raises reach the server, and their clients are cut off before the response.
     * The server's side of these connections stays open. */
    atomic_uint raises;
    atomic_uint raised; /* raises sent so far */
    /* Cuts the committer's connection in the same way after the next response. Its backend is busy
     * from then on. */
    atomic_bool keeps_at_work;
    atomic_bool shut; /* new connections wait and existing ones continue */
    atomic_uint cuts; /* so far */
};

/* Listens as port `port` in the socket folder `dir`, whose server has port 5432. */
struct cut_proxy *cut_proxy_start(const char *dir, int port);
void cut_proxy_end(struct cut_proxy *proxy);

#endif
