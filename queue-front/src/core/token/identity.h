/* identity.h: the keys by which visitors, members and invitations are recognised. They are not the
 * keys of tickets, which are rotated while people wait.
 *
 * An event keeps the key it began with, by name (lua/README.md, `identity`), for as long as it
 * lives. So a visitor who was recognised once is recognised by every front, however the ring
 * changes. A rotation takes effect for events that begin after it, and an old key may be removed
 * when the last event that names it is over. */
#ifndef FG_QUEUE_FRONT_CORE_IDENTITY_H
#define FG_QUEUE_FRONT_CORE_IDENTITY_H

#include "core/token/invitation.h"
#include "core/token/visitor.h"

struct identity {
    char name[MAC_NAME_MAX + 1];
    uint8_t visitors[VISITOR_KEY_BYTES];
    struct mac_ring codes; /* this key and no other */
};

/* [0] is given to new events. */
struct identity_ring {
    struct identity key[MAC_RING_MAX];
    uint32_t len;
};

void identity_ring_make(const struct mac_ring *keys, struct identity_ring *out);
void identity_ring_wipe(struct identity_ring *ring);

/* NULL: it is not in the ring. */
const struct identity *identity_named(const struct identity_ring *ring, const char *name);

/* An invitation to this event, made with any key of the ring. Errors as of invitation_parse(). */
int identity_read_code(const struct identity_ring *ring, struct span event, struct span text,
                       struct invitation *out);

#endif
