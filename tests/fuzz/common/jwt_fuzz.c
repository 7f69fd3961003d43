/* jwt_fuzz.c: any bytes as a token, and as claims signed by an honest key: the second way leads the
 * fuzzer past the signature. Only claims with iss "i", aud "a" and a time around 1,000 are
 * accepted. */
#include "../fuzz.h"
#include "base/base64.h"
#include "crypto/jwt.h"

struct world {
    struct jwks *keys;
    struct clock_fake fake;
    struct jwt_rules rules;
};

static struct world *the_world(void)
{
    static struct world world;
    if (world.keys != NULL)
        return &world;
    struct jwks_key *key;
    int rc = jwks_key_generate(NULL, &key);
    assert(rc == 0);
    rc = jwks_create(NULL, &world.keys);
    assert(rc == 0);
    rc = jwks_add(world.keys, key, NULL);
    assert(rc == 0);
    clock_fake_init(&world.fake, 1000 * UINT64_C(1000000));
    world.rules = (struct jwt_rules){.typ = "t",
                                     .iss = "i",
                                     .aud = "a",
                                     .leeway_s = 1,
                                     .lifetime_s_max = 100,
                                     .clock = &world.fake.clock};
    return &world;
}

static bool believes(const struct world *world, struct span token)
{
    struct jwt jwt;
    struct err_slot err = {.text = ""};
    if (jwt_verify(world->keys, &world->rules, token, &err, &jwt) < 0) {
        assert(err.text[0] != '\0');
        return false;
    }
    assert(span_eq(jwt.claims.iss, SPAN("i")));
    assert(span_eq(jwt.claims.aud, SPAN("a")));
    assert(jwt.claims.iat_s <= 1001);
    assert(jwt.claims.exp_s > 999);
    assert(jwt.claims.exp_s - jwt.claims.iat_s <= 100);
    jwt_deinit(&jwt);
    return true;
}

static void fuzz(struct span in)
{
    const struct world *world = the_world();
    bool believed = believes(world, in);
    assert(!believed); /* only this program has the key */
    struct jwks *set;
    if (jwks_parse(in, JWKS_ANY, NULL, &set) == 0) {
        assert(jwks_len(set) > 0);
        assert(jwks_len(set) <= JWKS_KEYS_MAX);
        jwks_destroy(set);
    }
    if (in.len > 1024)
        return;

    char memory[JWT_BYTES_MAX], header[128];
    struct text text = text_on(header, sizeof(header));
    const struct jwks_key *key = jwks_signer(world->keys);
    json_open(&text, '{');
    json_member_cstr(&text, "alg", "ES256");
    json_member_cstr(&text, "typ", "t");
    json_member_str(&text, "kid", jwks_key_kid(key));
    json_close(&text, '}');
    struct text token = text_on(memory, sizeof(memory));
    base64_put(&token, header, text.len);
    text_char(&token, '.');
    base64_put(&token, in.ptr, in.len);
    uint8_t signature[JWKS_SIGNATURE_BYTES];
    int rc = jwks_key_sign(key, text_span(&token), NULL, signature);
    assert(rc == 0);
    text_char(&token, '.');
    base64_put(&token, signature, sizeof(signature));
    assert(!token.overflown);
    believes(world, text_span(&token));
}
