/* cut_proxy.h: stands between a client and PostgreSQL and, when armed, lets a batch through and
 * cuts the connection before its answer gets back: written, but not known to be. */
#ifndef FG_TEST_CUT_PROXY_H
#define FG_TEST_CUT_PROXY_H

#include <stdbool.h>

struct cut_proxy;

/* Listens as port `port` in the socket folder `dir`, where the server is port 5432. */
struct cut_proxy *cut_proxy_start(const char *dir, int port);
void cut_proxy_arm(struct cut_proxy *proxy); /* the answer to the next batch is lost */
/* The next `count` raisings of an epoch reach the server, and their clients are cut off before the
 * answer. The server keeps its side of these connections. */
void cut_proxy_cut_raises(struct cut_proxy *proxy, unsigned count);
/* The committer's connection breaks in the same way after its next answer. Its backend is busy from
 * then on. */
void cut_proxy_keep_at_work(struct cut_proxy *proxy);
/* While it is shut, new connections wait and existing ones continue. */
void cut_proxy_shut(struct cut_proxy *proxy, bool shut);
unsigned cut_proxy_cuts(struct cut_proxy *proxy); /* so far */
void cut_proxy_end(struct cut_proxy *proxy);

#endif
