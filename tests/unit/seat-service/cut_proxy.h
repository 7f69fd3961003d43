/* cut_proxy.h: stands between a client and PostgreSQL and, when armed, lets a batch through and
 * cuts the connection before its answer gets back: written, but not known to be. */
#ifndef FG_TEST_CUT_PROXY_H
#define FG_TEST_CUT_PROXY_H

#include <stdbool.h>

struct cut_proxy;

/* Listens as port `port` in the socket folder `dir`, where the server is port 5432. */
struct cut_proxy *cut_proxy_start(const char *dir, int port);
void cut_proxy_arm(struct cut_proxy *proxy); /* the answer to the next batch is lost */
/* The next so many raisings of an epoch reach the server, which keeps its connection; their clients
 * lose theirs before the answer. */
void cut_proxy_cut_raises(struct cut_proxy *proxy, unsigned count);
/* The committer's connection breaks the same way behind its next answer, and its backend is kept at
 * work from then on. */
void cut_proxy_keep_at_work(struct cut_proxy *proxy);
/* While it is shut whoever connects waits; connections that are there go on. */
void cut_proxy_shut(struct cut_proxy *proxy, bool shut);
unsigned cut_proxy_cuts(struct cut_proxy *proxy); /* so far */
void cut_proxy_end(struct cut_proxy *proxy);

#endif
