/* cut_proxy.h: stands between a client and PostgreSQL and cuts connections at chosen moments: what
 * was sent is written, but not known to be. The test sets what is to happen next. */
#ifndef FG_TEST_CUT_PROXY_H
#define FG_TEST_CUT_PROXY_H

#include <stdatomic.h>
#include <stdbool.h>

struct cut_proxy {
    atomic_bool armed; /* the answer to the next batch is lost */
    /* So many raisings of an epoch reach the server, and their clients are cut off before the
     * answer. The server keeps its side of these connections. */
    atomic_uint raises;
    atomic_uint raised; /* so many were sent */
    /* The committer's connection breaks in the same way after its next answer. Its backend is busy
     * from then on. */
    atomic_bool keeps_at_work;
    atomic_bool shut; /* new connections wait and existing ones continue */
    atomic_uint cuts; /* so far */
};

/* Listens as port `port` in the socket folder `dir`, where the server is port 5432. */
struct cut_proxy *cut_proxy_start(const char *dir, int port);
void cut_proxy_end(struct cut_proxy *proxy);

#endif
