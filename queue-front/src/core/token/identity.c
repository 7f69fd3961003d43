/* identity.c: see identity.h. */
#include "core/token/identity.h"

#include "base/err.h"

#include <assert.h>
#include <sodium.h>

static void add(struct identity_ring *ring, const struct mac_ring_key *key)
{
    assert(ring->len < MAC_RING_MAX);
    struct identity *identity = &ring->key[ring->len++];
    mac_key_name(key, identity->name);
    visitor_key(key, identity->visitors);
    identity->codes = (struct mac_ring){.key[0] = *key, .len = 1};
}

void identity_ring_make(const struct mac_ring *keys, struct identity_ring *out)
{
    assert(keys->len > 0);
    *out = (struct identity_ring){.len = 0};
    for (uint32_t i = 0; i < keys->len; i++)
        add(out, &keys->key[i]);
}

void identity_ring_of_tickets(const struct mac_ring *tickets, struct identity_ring *out)
{
    assert(tickets->len > 0);
    *out = (struct identity_ring){.len = 0};
    for (uint32_t i = tickets->len; i > 0; i--)
        add(out, &tickets->key[i - 1]);
}

void identity_ring_wipe(struct identity_ring *ring)
{
    sodium_memzero(ring, sizeof(*ring));
}

const struct identity *identity_named(const struct identity_ring *ring, const char *name)
{
    for (uint32_t i = 0; i < ring->len; i++) {
        if (strcmp(ring->key[i].name, name) == 0)
            return &ring->key[i];
    }
    return NULL;
}

int identity_read_code(const struct identity_ring *ring, const struct mac_ring *before,
                       struct span event, struct span text, struct invitation *out)
{
    int rc = ERR_AUTH;
    for (uint32_t i = 0; i < ring->len && rc == ERR_AUTH; i++)
        rc = invitation_parse(&ring->key[i].codes, event, text, out);
    return rc == ERR_AUTH ? invitation_parse(before, event, text, out) : rc;
}
