/* mac.c: SipHash-2-4 with a result of 128 bits, from libsodium.
 *
 * Why not HMAC-SHA-256: a ticket is checked on every poll, and a million people poll. Measured for
 * 60 bytes: 31 ns, against 200 ns with OpenSSL's HMAC-SHA-256 from a prepared context.
 *
 * Why it is enough: SipHash is a keyed pseudo-random function (Aumasson and Bernstein, 2012): from
 * any number of messages and MACs an observer learns nothing about the MAC of another message. The
 * best known attack is guessing: key and MAC have 128 bits each, and a guessed MAC can only be
 * tried on a server. It is not a collision-resistant hash, but that matters only for public keys;
 * here the holder of the key can make any ticket anyway. A key lives for one rotation. Valuable
 * things (passes, door tickets) are signed with public-key signatures instead: crypto/jwt.h.
 *
 * A key has a number, so that a check tries one key and not all. */
#include "crypto/mac.h"

#include "base/secret_file.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

static_assert(MAC_BYTES == crypto_shorthash_siphashx24_BYTES, "128 bits");
static_assert(MAC_KEY_BYTES == crypto_shorthash_siphashx24_KEYBYTES, "128 bits");

static int parse_line(struct span line, unsigned number, struct err_slot *err,
                      struct mac_ring *ring)
{
    struct span id_text;
    struct span hex = span_cut(line, ' ', &id_text);
    struct mac_ring_key key;
    uint64_t id;
    if (hex.ptr == NULL || !span_u64(id_text, UINT8_MAX, &id))
        return err_set(err, ERR_SYNTAX,
                       "line %u: a key is written \"ID HEX\", the id from 0 to 255", number);
    if (!span_hex(hex, key.key, sizeof(key.key)))
        return err_set(err, ERR_SYNTAX, "line %u: a key has %d hex digits", number,
                       2 * MAC_KEY_BYTES);
    key.id = (uint8_t)id;
    for (uint32_t i = 0; i < ring->len; i++) {
        if (ring->key[i].id == key.id)
            return err_set(err, ERR_EXISTS, "line %u: there are two keys %u", number, key.id);
    }
    if (ring->len == MAC_RING_MAX)
        return err_set(err, ERR_FULL, "line %u: there are more than %d keys", number, MAC_RING_MAX);
    ring->key[ring->len++] = key;
    sodium_memzero(&key, sizeof(key));
    return 0;
}

int mac_ring_parse(struct span text, struct err_slot *err, struct mac_ring *out)
{
    struct mac_ring ring = {.len = 0};
    int rc = 0;
    unsigned number = 1;
    for (struct span line; rc == 0 && span_next(&text, '\n', &line); number++) {
        if (line.len > 0 || number == 1)
            rc = parse_line(line, number, err, &ring);
    }
    if (rc == 0 && ring.len == 0)
        rc = err_set(err, ERR_SYNTAX, "there is no key");
    if (rc == 0)
        *out = ring;
    mac_ring_wipe(&ring);
    return rc;
}

int mac_ring_load(const char *path, struct err_slot *err, struct mac_ring *out)
{
    struct secret_file *secret;
    int rc = secret_file_read(path, err, &secret);
    if (rc < 0)
        return rc;
    rc = mac_ring_parse(secret_file_span(secret), err, out);
    secret_file_destroy(secret);
    return rc < 0 && err != NULL ? err_wrap(err, "%s", path) : rc;
}

void mac_key_name(const struct mac_ring_key *key, char name[MAC_NAME_MAX + 1])
{
    static const char purpose[] = "fairgate key name";
    uint8_t digest[crypto_generichash_BYTES_MIN];
    int rc = crypto_generichash(digest, sizeof(digest), (const uint8_t *)purpose, sizeof(purpose),
                                key->key, MAC_KEY_BYTES);
    assert(rc == 0);
    int len = snprintf(name, MAC_NAME_MAX + 1, "%u-%02x%02x%02x%02x", key->id, digest[0], digest[1],
                       digest[2], digest[3]);
    assert(len > 0 && len <= MAC_NAME_MAX);
}

void mac_ring_wipe(struct mac_ring *ring)
{
    sodium_memzero(ring, sizeof(*ring));
}

static void hash(const struct mac_ring_key *key, const struct span *parts, size_t len,
                 uint8_t mac[MAC_BYTES])
{
    uint8_t message[MAC_MESSAGE_MAX];
    size_t at = 0;
    for (size_t i = 0; i < len; at += parts[i++].len) {
        assert(parts[i].len <= sizeof(message) - at);
        memcpy(message + at, parts[i].ptr, parts[i].len);
    }
    crypto_shorthash_siphashx24(mac, message, at, key->key);
}

void mac_make(const struct mac_ring *ring, const struct span *parts, size_t len,
              uint8_t mac[MAC_BYTES])
{
    assert(ring->len > 0);
    hash(&ring->key[0], parts, len, mac);
}

bool mac_check(const struct mac_ring *ring, uint8_t key_id, const struct span *parts, size_t len,
               const uint8_t mac[MAC_BYTES])
{
    assert(ring->len <= MAC_RING_MAX);
    for (uint32_t i = 0; i < ring->len; i++) {
        if (ring->key[i].id != key_id)
            continue;
        uint8_t want[MAC_BYTES];
        hash(&ring->key[i], parts, len, want);
        /* Compares all sixteen bytes: no branch depends on where they differ. */
        uint64_t one[2], two[2];
        static_assert(sizeof(one) == MAC_BYTES, "two words");
        memcpy(one, want, MAC_BYTES);
        memcpy(two, mac, MAC_BYTES);
        return ((one[0] ^ two[0]) | (one[1] ^ two[1])) == 0;
    }
    return false;
}
