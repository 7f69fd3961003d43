/* appeal.h: the reference that a visitor who was slowed down gives to the operator's staff. It says
 * which limit it was and in which minute, under a MAC. Any front can read it, also after restarts,
 * and nothing is kept of anybody: all visitors whom one limit slowed in one minute have the same.
 *
 *     ABCD1234     3 bits limit, 17 bits minute, 15 bits MAC, a check
 *
 * The minutes start over after 91 days; a reference is read as the latest minute that it can mean.
 * It is believed as long as the identity key it was made with (core/token/identity.h). It only
 * decides what a member of staff is shown, so 15 bits are enough. */
#ifndef FG_QUEUE_FRONT_CORE_APPEAL_H
#define FG_QUEUE_FRONT_CORE_APPEAL_H

#include "base/text.h"
#include "crypto/mac.h"

enum { APPEAL_LEN = 8, APPEAL_MINUTES = 1 << 17 };

enum appeal_limit {
    APPEAL_JOINS, /* joins of one address in a minute */
    APPEAL_CODES, /* wrong codes of one address in a minute */
    APPEAL_WORK,  /* work that the browser could not do */
    APPEAL_LIMIT_COUNT,
};

/* The code of the problem that the visitor got: "too-many-joins". */
const char *appeal_limit_code(enum appeal_limit limit);

struct appeal {
    enum appeal_limit limit;
    uint64_t minute; /* since 1970 */
};

void appeal_make(char reference[APPEAL_LEN + 1], const struct mac_ring *ring, struct span event,
                 struct appeal appeal);

/* Could this be one, by its letters alone? */
bool appeal_looks_right(struct span text);

/* ERR_SYNTAX: mistyped; ERR_AUTH: not one of ours, or for another event. `now` is a minute. */
int appeal_parse(const struct mac_ring *ring, struct span event, struct span text, uint64_t now,
                 struct appeal *out);

#endif
