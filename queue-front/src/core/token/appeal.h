/* appeal.h: the reference that a slowed-down visitor gives to the operator's staff. It encodes the
 * limit and the minute, under a MAC. Any front can read it, also after restarts, and nothing is
 * stored about anybody: all visitors slowed by one limit in one minute have the same.
 *
 *     ABCD1234     3 bits limit, 17 bits minute, 15 bits MAC, a check
 *
 * The minutes wrap after 91 days; a reference is read as the latest possible minute. It is valid as
 * long as its identity key (core/token/identity.h). It only decides what staff see, so 15 bits are
 * enough. */
#ifndef FG_QUEUE_FRONT_CORE_APPEAL_H
#define FG_QUEUE_FRONT_CORE_APPEAL_H

#include "base/text.h"
#include "crypto/mac.h"

enum { APPEAL_LEN = 8, APPEAL_MINUTES = 1 << 17 };

enum appeal_limit {
    APPEAL_JOINS, /* joins per address and minute */
    APPEAL_CODES, /* wrong codes per address and minute */
    APPEAL_WORK,  /* work that the browser could not do */
    APPEAL_LIMIT_COUNT,
};

/* The code of the visitor's problem document: "too-many-joins". */
const char *appeal_limit_code(enum appeal_limit limit);

struct appeal {
    enum appeal_limit limit;
    uint64_t minute; /* since 1970 */
};

void appeal_make(char reference[APPEAL_LEN + 1], const struct mac_ring *ring, struct span event,
                 struct appeal appeal);

/* Whether the letters alone could be a reference. */
bool appeal_looks_right(struct span text);

/* ERR_SYNTAX: mistyped; ERR_AUTH: forged, or for another event. `now` is a minute. */
int appeal_parse(const struct mac_ring *ring, struct span event, struct span text, uint64_t now,
                 struct appeal *out);

#endif
