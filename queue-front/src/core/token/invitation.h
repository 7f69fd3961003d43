/* invitation.h: a code that opens a lane. It contains the lane and the number of the invitation
 * under a MAC, so nothing is stored about invited people. It is also the join's key, so one
 * invitation is one place.
 *
 *     ABCDEF-GHJKMN-PQRSTV     3 bits lane, 20 bits number, 62 bits MAC, a check
 *
 * It is valid as long as its identity key (core/token/identity.h). */
#ifndef FG_QUEUE_FRONT_CORE_INVITATION_H
#define FG_QUEUE_FRONT_CORE_INVITATION_H

#include "base/text.h"
#include "core/line/line.h"
#include "crypto/mac.h"

enum { INVITATION_LEN = 18, INVITATION_TEXT_LEN = INVITATION_LEN + 2, INVITATIONS_MAX = 1000000 };

struct invitation {
    uint8_t lane;    /* 1..LANES_MAX */
    uint32_t number; /* 1..INVITATIONS_MAX */
};

void invitation_put(struct text *out, const struct mac_ring *ring, struct span event,
                    struct invitation invitation);

/* ERR_SYNTAX: mistyped; ERR_AUTH: forged, or for another event. */
int invitation_parse(const struct mac_ring *ring, struct span event, struct span text,
                     struct invitation *out);

#endif
