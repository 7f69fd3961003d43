/* endings.h: tells the services behind the line that a visitor has left, so that a pass that has
 * not run out yet opens nothing any more. */
#ifndef FG_QUEUE_FRONT_ENDINGS_H
#define FG_QUEUE_FRONT_ENDINGS_H

#include "base/clock.h"
#include "base/rng.h"
#include "observe/log.h"

#include <uv.h>

struct endings; /* belongs to one loop, and tells of those who left by it */

struct endings_conf { /* all is borrowed */
    const char *urls; /* comma between, checked; any of them is enough. "": no reports */
    const char *tls_ca;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
    _Atomic uint64_t *untold; /* counts visits whose pass ran out before anybody took it */
};

/* ERR_RANGE, and the error names the setting: not a list of at most PAGES_MAX addresses of
 * services, without a path. */
int endings_check(const char *setting, const char *urls, struct err_slot *err);

/* *out is NULL without addresses to notify; NULL is fine for all below. It needs a token next. */
int endings_create(uv_loop_t *loop, const struct endings_conf *conf, struct err_slot *err,
                   struct endings **out);
void endings_close(struct endings *endings); /* silent from here on */
void endings_free(struct endings *endings);  /* once the loop has closed all */

/* Shown from the next call on; copied. At most VISITS_TOKEN_BYTES_MAX. */
void endings_use_token(struct endings *endings, struct span token);

/* The visit of this session is over, though its pass may run for life_ms. Returns at once. Saying
 * so of the same one again costs nothing while it is remembered. */
void endings_tell(struct endings *endings, struct span session, uint64_t life_ms);

/* To be called often: tells once more what was not taken. */
void endings_look(struct endings *endings);

#endif
