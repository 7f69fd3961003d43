/* identity.c: derives a ring of identities from a ring of secret keys.
 *
 * Each key gives a name (the same on all fronts that read the same file), a key for visitors' ids,
 * and a ring of one for invitation codes. All are derived when keys are loaded, so that a request
 * only looks one up. An event stores only the name: two keys of one name would mix up two events'
 * visitors, and mac_key_name() makes that as unlikely as a collision of its hash. */
#include "core/token/identity.h"

#include "base/err.h"

#include <assert.h>
#include <sodium.h>

void identity_ring_make(const struct mac_ring *keys, struct identity_ring *out)
{
    assert(keys->len > 0);
    *out = (struct identity_ring){.len = 0};
    for (uint32_t i = 0; i < keys->len; i++) {
        assert(out->len < MAC_RING_MAX);
        struct identity *identity = &out->key[out->len++];
        mac_key_name(&keys->key[i], identity->name);
        visitor_key(&keys->key[i], identity->visitors);
        identity->codes = (struct mac_ring){.key[0] = keys->key[i], .len = 1};
        assert(identity->name[0] != '\0' && identity_named(out, identity->name) != NULL);
    }
    assert(out->len == keys->len);
}

void identity_ring_wipe(struct identity_ring *ring)
{
    sodium_memzero(ring, sizeof(*ring));
}

const struct identity *identity_named(const struct identity_ring *ring, const char *name)
{
    assert(ring->len <= MAC_RING_MAX);
    for (uint32_t i = 0; i < ring->len; i++) {
        if (strcmp(ring->key[i].name, name) == 0)
            return &ring->key[i];
    }
    return NULL;
}

int identity_read_code(const struct identity_ring *ring, struct span event, struct span text,
                       struct invitation *out)
{
    int rc = ERR_AUTH;
    for (uint32_t i = 0; i < ring->len && rc == ERR_AUTH; i++)
        rc = invitation_parse(&ring->key[i].codes, event, text, out);
    return rc;
}
