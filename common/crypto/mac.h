/* mac.h: a short keyed MAC for data made and checked by the same company: position tickets.
 *
 * A ring holds the keys of one purpose. The first signs; the others are still accepted, so that a
 * rotation invalidates nothing: put the new key first, reload, and drop the old one when its last
 * ticket has expired. A ring is a value without pointers: copy it where it is needed, wipe it with
 * mac_ring_wipe(). Several threads may read it. Only mac_ring_load() allocates. */
#ifndef FG_CRYPTO_MAC_H
#define FG_CRYPTO_MAC_H

#include "base/err.h"
#include "base/span.h"

enum {
    MAC_BYTES = 16,
    MAC_KEY_BYTES = 16,
    MAC_RING_MAX = 4,
    MAC_NAME_MAX = 12, /* "255-0123abcd" */
    MAC_MESSAGE_MAX = 256,
};

struct mac_ring {
    struct mac_ring_key {
        uint8_t id;
        uint8_t key[MAC_KEY_BYTES];
    } key[MAC_RING_MAX]; /* [0] signs */
    uint32_t len;
};

/* Reads a secret file (mode 0600) of one to MAC_RING_MAX lines "ID HEX": an id from 0 to 255, a
 * space, 32 hex digits. To create one: printf '1 %s\n' "$(openssl rand -hex 16)" */
int mac_ring_load(const char *path, struct err_slot *err, struct mac_ring *out);
int mac_ring_parse(struct span text, struct err_slot *err, struct mac_ring *out);
void mac_ring_wipe(struct mac_ring *ring);

/* A key's public name: its id and four bytes derived from the key, so that two programs can compare
 * their keys, and two keys with the same id are told apart. */
void mac_key_name(const struct mac_ring_key *key, char name[MAC_NAME_MAX + 1]);

static inline uint8_t mac_ring_current(const struct mac_ring *ring)
{
    return ring->key[0].id;
}

/* Of a message in `len` parts, MAC_MESSAGE_MAX bytes together. Uses the signing key, whose id the
 * message should contain. */
void mac_make(const struct mac_ring *ring, const struct span *parts, size_t len,
              uint8_t mac[MAC_BYTES]);

/* False if no key has this id or the MAC differs; compares in constant time. */
bool mac_check(const struct mac_ring *ring, uint8_t key_id, const struct span *parts, size_t len,
               const uint8_t mac[MAC_BYTES]);

#endif
