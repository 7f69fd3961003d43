/* identity.h: the keys that recognise visitors, members and invitations. Ticket keys are separate
 * and rotate while people wait.
 *
 * An event keeps the key it began with, by name (lua/README.md, `identity`), for its whole life. So
 * a recognised visitor is recognised by every front, however the ring changes. A rotation applies
 * to events that begin after it, and an old key may be removed when the last event that names it
 * has ended. */
#ifndef FG_QUEUE_FRONT_CORE_IDENTITY_H
#define FG_QUEUE_FRONT_CORE_IDENTITY_H

#include "core/token/invitation.h"
#include "core/token/visitor.h"

struct identity {
    char name[MAC_NAME_MAX + 1];
    uint8_t visitors[VISITOR_KEY_BYTES];
    struct mac_ring codes; /* only this key */
};

/* New events get [0]. */
struct identity_ring {
    struct identity key[MAC_RING_MAX];
    uint32_t len;
};

void identity_ring_make(const struct mac_ring *keys, struct identity_ring *out);
void identity_ring_wipe(struct identity_ring *ring);

/* NULL: not in the ring. */
const struct identity *identity_named(const struct identity_ring *ring, const char *name);

/* An invitation to this event, by any key of the ring. Errors: see invitation_parse(). */
int identity_read_code(const struct identity_ring *ring, struct span event, struct span text,
                       struct invitation *out);

#endif
