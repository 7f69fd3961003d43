/* draw.c: a permutation of [0, N) that needs no memory: a Feistel network over the smallest number
 * of bits that holds N - 1, walked again while it leads outside (cycle walking). A network is a
 * permutation whatever its rounds compute; walking it from inside [0, N) until it comes back inside
 * is one of [0, N). As 2^bits < 2N, fewer than two walks are needed on average.
 *
 *     key     = first 16 bytes of SHA-256("fairgate-draw-1" || seed || N || beacon), N eight bytes
 *               little-endian: draws of nearly the same size would resemble each other without it
 *     bits    = of N - 1; high = bits / 2, low = bits - high
 *     round r = 0..11 on x = (left: high bits, right: low bits):
 *               (left, right) = (right, left XOR F(r, right)), widths change places
 *     F(r, v) = SipHash-2-4(key, r || v), r one byte, v eight bytes little-endian; as many of its
 *               low bits as `left` has
 *
 * After an even number of rounds the widths are as at the beginning. Four rounds of independent
 * random functions make a strong permutation of a large range (Luby and Rackoff); small ranges need
 * more (Patarin), and with twelve the test of uniformity finds nothing from N = 2 on. SipHash is
 * quick enough for each poll (half a microsecond), and short enough to be written again in a page,
 * for a visitor who trusts nobody.
 *
 * Visitors cannot cheat: nobody knows the seed while entries are taken. Nor can the operator: the
 * commitment is published before the first entry. To rule out that a seed was picked from many, or
 * that an entry was slipped in at a lucky number, a draw can use a beacon, whose value nobody knows
 * until the entries are frozen. */
#include "core/draw/draw.h"

#include <assert.h>
#include <sodium.h>

static_assert(DRAW_ROUNDS % 2 == 0, "halves of unequal width change places each round");
static_assert(DRAW_KEY_BYTES == crypto_shorthash_KEYBYTES, "the round function's key");
static_assert(DRAW_COMMITMENT_BYTES == crypto_hash_sha256_BYTES, "SHA-256");

static const char purpose[] = DRAW_ALGORITHM;

static void put_le(uint8_t at[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

void draw_commit(const uint8_t seed[DRAW_SEED_BYTES], uint8_t commitment[DRAW_COMMITMENT_BYTES])
{
    crypto_hash_sha256(commitment, seed, DRAW_SEED_BYTES);
}

void draw_init(struct draw *draw, const uint8_t seed[DRAW_SEED_BYTES], struct span beacon,
               uint64_t entries)
{
    assert(entries <= DRAW_ENTRIES_MAX);
    assert(beacon.len <= DRAW_BEACON_MAX);
    crypto_hash_sha256_state state;
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)purpose, sizeof(purpose) - 1);
    crypto_hash_sha256_update(&state, seed, DRAW_SEED_BYTES);
    uint8_t number[8];
    put_le(number, entries);
    crypto_hash_sha256_update(&state, number, sizeof(number));
    if (beacon.len > 0)
        crypto_hash_sha256_update(&state, (const uint8_t *)beacon.ptr, beacon.len);
    crypto_hash_sha256_final(&state, hash);
    memcpy(draw->key, hash, DRAW_KEY_BYTES);

    unsigned bits = 0;
    while (entries > 1 && (entries - 1) >> bits != 0) /* DRAW_ENTRIES_MAX is far below 2^63 */
        bits++;
    draw->entries = entries;
    draw->high_bits = (uint8_t)(bits / 2);
    draw->low_bits = (uint8_t)(bits - bits / 2);
    assert(entries <= 1 || (entries - 1) >> bits == 0);       /* every entry fits into the bits, */
    assert(bits == 0 || entries > UINT64_C(1) << (bits - 1)); /* so two walks suffice on average */
}

static uint64_t mask(unsigned bits)
{
    assert(bits < 64);
    return (UINT64_C(1) << bits) - 1;
}

static uint64_t round_function(const struct draw *draw, unsigned round, uint64_t value)
{
    uint8_t message[9] = {(uint8_t)round};
    put_le(message + 1, value);
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, message, sizeof(message), draw->key);
    uint64_t out = 0;
    for (unsigned i = 0; i < 8; i++)
        out |= (uint64_t)hash[i] << (8 * i);
    return out;
}

static uint64_t forward(const struct draw *draw, uint64_t value)
{
    unsigned left_bits = draw->high_bits, right_bits = draw->low_bits;
    assert(value >> (left_bits + right_bits) == 0);
    uint64_t left = value >> right_bits, right = value & mask(right_bits);
    for (unsigned round = 0; round < DRAW_ROUNDS; round++) {
        uint64_t mixed = left ^ (round_function(draw, round, right) & mask(left_bits));
        left = right;
        right = mixed;
        unsigned bits = left_bits;
        left_bits = right_bits;
        right_bits = bits;
    }
    return left << right_bits | right;
}

uint64_t draw_position(const struct draw *draw, uint64_t entry)
{
    assert(entry >= 1);
    if (entry > draw->entries)
        return entry;
    uint64_t value = entry - 1;
    do {
        value = forward(draw, value);
    } while (value >= draw->entries);
    assert(value < draw->entries);
    return value + 1;
}
