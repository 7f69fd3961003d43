/* identity.h: the keys that say who is who: a visitor's id and join key, a member's, an
 * invitation's code. They are not the keys of tickets, which come and go while people wait.
 *
 * An event keeps the key that it began with, by name (lua/README.md, `identity`), for as long as it
 * lives: whoever was recognised once is recognised by whichever front, however the ring changes.
 * So a rotation is for the events that begin after it, and an old key may go when the last event
 * that names it is over. */
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
/* Of a house that has ticket keys and no others: as identities were made before they had keys of
 * their own, from the oldest key of tickets, which stands last. */
void identity_ring_of_tickets(const struct mac_ring *tickets, struct identity_ring *out);
void identity_ring_wipe(struct identity_ring *ring);

/* NULL: it is not in the ring. */
const struct identity *identity_named(const struct identity_ring *ring, const char *name);

/* An invitation of this event's. Codes that were made while they were signed by a ticket key are
 * read by `before`, for as long as it has that key. As invitation_parse(). */
int identity_read_code(const struct identity_ring *ring, const struct mac_ring *before,
                       struct span event, struct span text, struct invitation *out);

#endif
