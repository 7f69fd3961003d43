/* pow.c: the bytes of a challenge, in order:
 *
 *     0       version, 1
 *     1       key id
 *     2       bits
 *     3..6    issued, seconds since 1970, big-endian
 *     7..13   salt
 *     14..29  MAC over the kind of bond, bytes 0..13, the cookie or site, and the event's id
 *
 * Nothing is stored about a challenge before it is solved. A solution cannot be used twice, because
 * the join stores the challenge's MAC with its place for the challenge's lifetime.
 *
 * A browser's challenge is bound to its cookie, since its address may change before it answers: two
 * families, private relays, a carrier's pool, a phone that leaves its Wi-Fi. Anybody can make up a
 * cookie, so this bond does not prevent solving elsewhere. Nor would an address: the text to be
 * hashed can be handed to another computer. But each place costs its own work, and limits by
 * address count each visitor who sends it. */
#include "core/token/pow.h"

#include "base/base64.h"

#include <assert.h>
#include <sodium.h>

enum {
    VERSION = 1,
    SALT_AT = 7,
    PLAIN_BYTES = SALT_AT + POW_SALT_BYTES,
    CHALLENGE_BYTES = PLAIN_BYTES + MAC_BYTES,
    WHOSE_BYTES = 16,
    PARTS = 4,
};

static const struct span by_site = {"pow", sizeof("pow")};
static const struct span by_cookie = {"pow-cookie", sizeof("pow-cookie")};

static_assert(CHALLENGE_BYTES / 3 * 4 == POW_CHALLENGE_LEN && CHALLENGE_BYTES % 3 == 0,
              "40 characters, no rest");
static_assert((int)LINE_IDEM_BYTES == (int)MAC_BYTES, "the MAC is its name");

static void parts_of(const struct pow_bond *bond, const uint8_t plain[PLAIN_BYTES],
                     struct span parts[PARTS])
{
    assert(bond->event.len <= LINE_EVENT_ID_MAX);
    parts[0] = bond->by_cookie ? by_cookie : by_site;
    parts[1] = (struct span){(const char *)plain, PLAIN_BYTES};
    parts[2] = (struct span){(const char *)bond->whose, WHOSE_BYTES};
    parts[3] = bond->event;
}

void pow_challenge_put(struct text *out, const struct mac_ring *ring, const struct pow_bond *bond,
                       unsigned bits, uint64_t now_s, const uint8_t salt[POW_SALT_BYTES])
{
    assert(bits <= POW_BITS_MAX);
    uint8_t bytes[CHALLENGE_BYTES] = {VERSION, mac_ring_current(ring), (uint8_t)bits};
    for (unsigned i = 0; i < 4; i++)
        bytes[3 + i] = (uint8_t)(now_s >> (8 * (3 - i)));
    memcpy(bytes + SALT_AT, salt, POW_SALT_BYTES);
    struct span parts[PARTS];
    parts_of(bond, bytes, parts);
    mac_make(ring, parts, PARTS, bytes + PLAIN_BYTES);
    base64_put(out, bytes, sizeof(bytes));
}

static bool starts_with_zero_bits(const uint8_t hash[crypto_hash_sha256_BYTES], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    assert(bits < 8 * crypto_hash_sha256_BYTES);
    for (unsigned i = 0; i < whole; i++) {
        if (hash[i] != 0)
            return false;
    }
    return rest == 0 || hash[whole] >> (8 - rest) == 0;
}

int pow_check(const struct mac_ring *ring, const struct pow_bond *bond, struct span solution,
              unsigned bits_min, uint64_t now_s, struct pow_once *once)
{
    struct span challenge;
    struct span number = span_cut(solution, '.', &challenge);
    uint8_t bytes[CHALLENGE_BYTES];
    uint64_t ignored;
    if (solution.len > POW_SOLUTION_MAX || challenge.len != POW_CHALLENGE_LEN ||
        !span_u64(number, UINT64_MAX, &ignored) ||
        !base64_decode_exact(challenge, bytes, sizeof(bytes)) || bytes[0] != VERSION)
        return ERR_SYNTAX;
    struct span parts[PARTS];
    parts_of(bond, bytes, parts);
    if (!mac_check(ring, bytes[1], parts, PARTS, bytes + PLAIN_BYTES))
        return ERR_AUTH;
    uint64_t issued_s = 0;
    for (unsigned i = 0; i < 4; i++)
        issued_s = issued_s << 8 | bytes[3 + i];
    if (now_s > issued_s && now_s - issued_s > POW_LIFETIME_S)
        return ERR_TIMEOUT;
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)solution.ptr, solution.len);
    if (bytes[2] < bits_min || !starts_with_zero_bits(hash, bytes[2]))
        return ERR_RANGE;
    once->minute = issued_s / 60;
    memcpy(once->name, bytes + PLAIN_BYTES, LINE_IDEM_BYTES);
    return 0;
}

const char *pow_fault_name(int rc)
{
    switch (rc) {
    case ERR_AUTH:
        return "foreign";
    case ERR_TIMEOUT:
        return "stale";
    case ERR_RANGE:
        return "unsolved";
    default:
        return "malformed";
    }
}

unsigned pow_bits_for(unsigned floor, unsigned ceiling, uint64_t joins_per_s, uint64_t calm_per_s)
{
    assert(ceiling <= POW_BITS_MAX);
    unsigned bits = floor;
    uint64_t bound = calm_per_s > 0 ? calm_per_s : 1;
    while (bits < ceiling && joins_per_s > bound) {
        bits++;
        bound = bound > UINT64_MAX / 2 ? UINT64_MAX : bound * 2;
    }
    assert(bits >= floor && (bits <= ceiling || bits == floor));
    return bits;
}
