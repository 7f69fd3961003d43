/* endings.h: notifies the services behind the line that a visitor has left, so that an unexpired
 * pass no longer opens anything. */
#ifndef FG_QUEUE_FRONT_ENDINGS_H
#define FG_QUEUE_FRONT_ENDINGS_H

#include "base/clock.h"
#include "base/rng.h"
#include "observe/log.h"

#include <uv.h>

struct endings; /* belongs to one loop, and reports visitors who left through it */

struct endings_conf { /* all pointers are borrowed; log, clock and rng until the loop ends */
    const char *urls; /* comma-separated, validated; one of them is enough. "": no reports */
    const char *tls_ca;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
    _Atomic uint64_t *unreported; /* counts visits whose pass expired before a report succeeded */
};

/* ERR_RANGE, with the setting's name in the error: not a list of at most PAGES_MAX service URLs
 * without a path. */
int endings_check(const char *setting, const char *urls, struct err_slot *err);

/* *out is NULL without addresses; NULL is fine for all functions below. Needs a token next. */
int endings_create(uv_loop_t *loop, const struct endings_conf *conf, struct err_slot *err,
                   struct endings **out);
/* Reports the rest once more and frees itself. The loop ends some seconds later at the latest. */
void endings_close(struct endings *endings);

/* Used from the next call on; copied. At most VISITS_TOKEN_BYTES_MAX. */
void endings_use_token(struct endings *endings, struct span token);

/* The visit of this session has ended, though its pass may last life_ms. Returns at once. Repeating
 * it costs nothing while the session is remembered. */
void endings_report(struct endings *endings, struct span session, uint64_t life_ms);

/* Call often: retries failed reports. */
void endings_look(struct endings *endings);

#endif
