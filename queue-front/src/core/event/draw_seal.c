/* draw_seal.c: seed = BLAKE2b-256(key; "fairgate-draw-seed-1" || event || 0 || lane || salt).
 *
 * A keyed hash: the salt alone reveals nothing, and one seed reveals nothing about the key or
 * another event's seed. The salt makes two events of the same name differ. Opening a seal compares
 * the seed with the published commitment: a wrong key gives no seed rather than another draw. */
#include "core/event/draw_seal.h"

#include <assert.h>
#include <sodium.h>

static_assert(DRAW_SEED_BYTES == crypto_generichash_BYTES, "256 bits");
static_assert(MAC_KEY_BYTES >= crypto_generichash_KEYBYTES_MIN, "a key that BLAKE2b takes");

static void make_seed(const uint8_t key[MAC_KEY_BYTES], const struct draw_seal *seal,
                      struct span event, unsigned lane, uint8_t seed[DRAW_SEED_BYTES])
{
    assert(lane <= LANES_MAX && event.len <= LINE_EVENT_ID_MAX);
    static const char purpose[] = "fairgate-draw-seed-1";
    const uint8_t mark[2] = {0, (uint8_t)lane};
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, MAC_KEY_BYTES, DRAW_SEED_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof(purpose) - 1);
    crypto_generichash_update(&state, (const uint8_t *)event.ptr, event.len);
    crypto_generichash_update(&state, mark, sizeof(mark));
    crypto_generichash_update(&state, seal->salt, sizeof(seal->salt));
    crypto_generichash_final(&state, seed, DRAW_SEED_BYTES);
    sodium_memzero(&state, sizeof(state));
}

void draw_seal_make(const struct mac_ring *keys, struct span event, const struct rng *rng,
                    struct draw_seal *out)
{
    assert(keys->len > 0);
    uint8_t seed[DRAW_SEED_BYTES];
    out->key_id = keys->key[0].id;
    rng_fill(rng, out->salt, sizeof(out->salt));
    for (unsigned lane = 0; lane <= LANES_MAX; lane++) {
        make_seed(keys->key[0].key, out, event, lane, seed);
        draw_commit(seed, out->commitment[lane]);
    }
    assert(draw_seal_open(keys, out, event, LANES_MAX, seed)); /* every new seal can be opened */
    sodium_memzero(seed, sizeof(seed));
}

bool draw_seal_open(const struct mac_ring *keys, const struct draw_seal *seal, struct span event,
                    unsigned lane, uint8_t seed[DRAW_SEED_BYTES])
{
    assert(lane <= LANES_MAX);
    for (uint32_t i = 0; i < keys->len; i++) {
        uint8_t commitment[DRAW_COMMITMENT_BYTES];
        if (keys->key[i].id != seal->key_id)
            continue;
        make_seed(keys->key[i].key, seal, event, lane, seed);
        draw_commit(seed, commitment);
        if (memcmp(commitment, seal->commitment[lane], sizeof(commitment)) == 0)
            return true;
        sodium_memzero(seed, DRAW_SEED_BYTES);
    }
    return false;
}

static void put_hex(struct text *out, const uint8_t *bytes, size_t len)
{
    char hex[2 * DRAW_SEED_BYTES + 1];
    assert(len <= DRAW_SEED_BYTES);
    sodium_bin2hex(hex, sizeof(hex), bytes, len);
    text_char(out, ' ');
    text_str(out, hex);
}

void draw_seal_put(struct text *out, const struct draw_seal *seal)
{
    size_t before = out->len;
    text_u64(out, DRAW_SEAL_VERSION);
    text_char(out, ' ');
    text_u64(out, seal->key_id);
    put_hex(out, seal->salt, sizeof(seal->salt));
    for (unsigned lane = 0; lane <= LANES_MAX; lane++)
        put_hex(out, seal->commitment[lane], DRAW_COMMITMENT_BYTES);
    assert(out->len - before <= DRAW_SEAL_LEN_MAX);
    struct draw_seal again;
    assert(out->overflown ||
           draw_seal_parse((struct span){out->ptr + before, out->len - before}, &again));
}

static bool take_hex(struct span *rest, uint8_t *out, size_t len)
{
    struct span hex;
    assert(len <= DRAW_SEED_BYTES); /* as put_hex() writes it */
    return span_next(rest, ' ', &hex) && span_hex(hex, out, len);
}

bool draw_seal_parse(struct span text, struct draw_seal *out)
{
    struct span word;
    uint64_t version = 0, key_id = 0;
    struct span rest = span_cut(text, ' ', &word);
    if (rest.ptr == NULL || !span_u64(word, DRAW_SEAL_VERSION, &version) ||
        version != DRAW_SEAL_VERSION)
        return false;
    rest = span_cut(rest, ' ', &word);
    if (!span_u64(word, UINT8_MAX, &key_id) || !take_hex(&rest, out->salt, sizeof(out->salt)))
        return false;
    out->key_id = (uint8_t)key_id;
    for (unsigned lane = 0; lane <= LANES_MAX; lane++) {
        if (!take_hex(&rest, out->commitment[lane], DRAW_COMMITMENT_BYTES))
            return false;
    }
    return rest.ptr == NULL;
}

bool draw_seal_commitment(const struct line_view *line, uint8_t out[DRAW_COMMITMENT_BYTES])
{
    const struct line_draw *draw = &line->draw;
    assert(line->lane <= LANES_MAX);
    if (draw->has_seal)
        memcpy(out, draw->seal.commitment[line->lane], DRAW_COMMITMENT_BYTES);
    return draw->has_seal;
}
