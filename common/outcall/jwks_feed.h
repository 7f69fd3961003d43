/* jwks_feed.h: the public keys of a signer (the waiting room's passes, the shop's member tokens),
 * from a URL or a file, cached and fetched again at intervals, so that a rotation there needs no
 * action here. One loop; no request ever waits for it. */
#ifndef FG_OUTCALL_JWKS_FEED_H
#define FG_OUTCALL_JWKS_FEED_H

#include "base/clock.h"
#include "base/rng.h"
#include "crypto/jwks.h"
#include "outcall/outcall.h"

#include <stdatomic.h>

struct jwks_feed;
struct logger;

struct jwks_feed_conf {
    const char *whose; /* for the log: "the shop's" */
    const char *url;   /* borrowed, as all here, until jwks_feed_close(); "": use the file */
    const char *file;  /* NULL or "": use the url */
    unsigned algs;     /* of enum jwks_alg; 0: ES256 alone */
    uint64_t refresh_ms;
    uint64_t retry_max_ms; /* after failures at the latest; 0: a minute. Never above refresh_ms */
    uint64_t doubt_ms;     /* minimum pause between refetches for unknown key names */
    const char *ca_file;   /* for the url: certificates to trust; NULL or "": the system's */
    uv_loop_t *loop;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
    void (*on_first)(void *ctx); /* once, when the first set has arrived; may be NULL */
    void *ctx;
};

struct jwks_feed_stats { /* written by the loop, read by any thread */
    _Atomic uint64_t fetched, failed;
};

/* Fetches at once. */
int jwks_feed_create(const struct jwks_feed_conf *conf, struct err_slot *err,
                     struct jwks_feed **out);
/* NULL is fine; the loop frees the memory once a running fetch has ended. */
void jwks_feed_close(struct jwks_feed *feed);

/* The last good set, borrowed until the next loop turn; NULL: none yet. */
const struct jwks *jwks_feed_keys(const struct jwks_feed *feed);
/* Rises with each set that differs from the previous one; 0: none yet. Results of one generation
 * must not be reused in the next. */
uint64_t jwks_feed_generation(const struct jwks_feed *feed);
/* Call it when a token names a key that the set does not have. Returns true if a newer set is being
 * fetched. */
bool jwks_feed_doubt(struct jwks_feed *feed);
const struct jwks_feed_stats *jwks_feed_stats(const struct jwks_feed *feed);

#endif
