/* draw_seal_test.c: the commitment before a draw, as text and as stored. */
#include "core/event/draw_seal.h"

#include "unit.h"

#include <sodium.h>

static const struct mac_ring keys = {
    .key = {{.id = 2, .key = "fedcba9876543210"}, {.id = 1, .key = "0123456789abcdef"}}, .len = 2};
static const struct mac_ring others = {.key = {{.id = 2, .key = "not the same key"}}, .len = 1};

static struct draw_seal make(uint64_t seed)
{
    struct rng_seeded rng;
    struct draw_seal seal;
    rng_seeded_init(&rng, seed);
    draw_seal_make(&keys, SPAN("show"), &rng.rng, &seal);
    return seal;
}

TEST_CASE(a_seal_reads_back_and_other_texts_are_refused)
{
    struct draw_seal seal = make(1), read = {0};
    char memory[DRAW_SEAL_LEN_MAX + 8];
    struct text text = text_on(memory, sizeof(memory));
    draw_seal_put(&text, &seal);
    assert_true(draw_seal_parse(text_span(&text), &read));
    assert_memory_equal(&read, &seal, sizeof(seal));
    for (size_t len = 0; len < text.len; len++) /* cut at every length */
        assert_false(draw_seal_parse((struct span){memory, len}, &read));
    TEXT_LIT(&text, " 00");
    assert_false(draw_seal_parse(text_span(&text), &read)); /* one lane too many */
    text.len -= 3;
    const struct {
        size_t at;
        const char *text;
    } changes[] = {{0, "2"}, {0, "x"}, {2, "x"}, {4, "g"}, {4, "  "}, {text.len - 1, "x"}};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char changed[sizeof(memory)];
        memcpy(changed, memory, text.len);
        memcpy(changed + changes[i].at, changes[i].text, strlen(changes[i].text));
        assert_false(draw_seal_parse((struct span){changed, text.len}, &read));
    }
    assert_false(draw_seal_parse(SPAN("1 300 00"), &read));
    assert_false(draw_seal_parse((struct span){NULL, 0}, &read));
}

TEST_CASE(a_seal_opens_with_its_key_to_the_committed_seed)
{
    struct draw_seal seal = make(1);
    uint8_t seed[DRAW_SEED_BYTES], commitment[DRAW_COMMITMENT_BYTES], last[DRAW_SEED_BYTES] = {0};
    char memory[DRAW_SEAL_LEN_MAX], hex[2 * DRAW_SEED_BYTES + 1];
    struct text text = text_on(memory, sizeof(memory));
    draw_seal_put(&text, &seal);
    for (unsigned lane = 0; lane <= LANES_MAX; lane++) {
        assert_true(draw_seal_open(&keys, &seal, SPAN("show"), lane, seed));
        assert_memory_not_equal(seed, last, sizeof(seed));
        memcpy(last, seed, sizeof(seed));
        sodium_bin2hex(hex, sizeof(hex), seed, sizeof(seed));
        assert_null(memmem(memory, text.len, hex, strlen(hex))); /* no seed in the seal */
        draw_commit(seed, commitment);
        assert_memory_equal(commitment, seal.commitment[lane], sizeof(commitment));
        assert_false(draw_seal_open(&others, &seal, SPAN("show"), lane, seed));
        assert_false(draw_seal_open(&keys, &seal, SPAN("shop"), lane, seed));
    }
    static const uint8_t none[DRAW_SEED_BYTES];
    assert_memory_equal(seed, none, sizeof(seed)); /* a wrong key gives no seed */
    seal.key_id = 9;
    assert_false(draw_seal_open(&keys, &seal, SPAN("show"), 0, seed));
    struct draw_seal other = make(2);
    struct rng_seeded rng;
    uint8_t salt[sizeof(seal.salt)];
    rng_seeded_init(&rng, 1);
    rng_fill(&rng.rng, salt, sizeof(salt));
    assert_memory_equal(seal.salt, salt, sizeof(salt));
    assert_memory_not_equal(other.salt, seal.salt, sizeof(seal.salt));
    assert_memory_not_equal(other.commitment[0], seal.commitment[0], DRAW_COMMITMENT_BYTES);
}

/* Seals stay in Redis for weeks. The values were computed by another program, with BLAKE2b and
 * SHA-256 as at the top of draw_seal.c. */
TEST_CASE(opened_seals_match_the_vectors)
{
    static const struct {
        unsigned lane;
        const char *seed, *commitment;
    } rows[] = {
        {0, "e7b2860598f0bf2baf53b3f9db1dc096d2c796c4342d88cc39119d0f08221b6d",
         "06abaa19ef55cc9e559e0ad986952cf53b87e94db54b8eb06d2df3246a70314d"},
        {LANES_MAX, "d6abd3a78d33d13635d48462203fda72f536dd59e342b44fc7b1c34a85710aa2",
         "e8a9018c4a8c5adcc660cef0dfe1f25c3658b655a44f21080728557840eff71a"},
    };
    struct draw_seal seal = {.key_id = 1};
    for (uint8_t i = 0; i < sizeof(seal.salt); i++)
        seal.salt[i] = i;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t seed[DRAW_SEED_BYTES], want[DRAW_SEED_BYTES];
        sodium_hex2bin(seal.commitment[rows[i].lane], DRAW_COMMITMENT_BYTES, rows[i].commitment,
                       2 * DRAW_COMMITMENT_BYTES, NULL, NULL, NULL);
        sodium_hex2bin(want, sizeof(want), rows[i].seed, 2 * sizeof(want), NULL, NULL, NULL);
        assert_true(draw_seal_open(&keys, &seal, SPAN("show"), rows[i].lane, seed));
        assert_memory_equal(seed, want, sizeof(seed));
    }
}

TEST_CASE(a_line_has_the_commitment_of_its_lane)
{
    struct line_view line = {.lane = 1};
    uint8_t promise[DRAW_COMMITMENT_BYTES] = {7};
    assert_false(draw_seal_commitment(&line, promise));
    assert_int_equal(promise[0], 7);
    line.draw.has_seal = true;
    line.draw.seal = make(1);
    assert_true(draw_seal_commitment(&line, promise));
    assert_memory_equal(promise, line.draw.seal.commitment[1], sizeof(promise));
}
