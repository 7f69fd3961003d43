/* jwt_test.c: good tokens pass, and of the bad ones each of the known kinds is refused for its own
 * reason. */
#include "unit.h"

#include "base/base64.h"
#include "base/json_in.h"
#include "crypto/jwt.h"
#include "crypto/openssl.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_S = 1795159953 };

struct world {
    struct clock_fake fake;
    struct jwks *keys; /* the verifier's: [0] signs, [1] is the previous one */
    struct jwks_key *stranger;
    struct jwt_rules rules;
};

static int set_up(void **state)
{
    static struct world world;
    struct jwks_key *current, *previous;
    clock_fake_init(&world.fake, (uint64_t)NOW_S * 1000000);
    assert_int_equal(0, jwks_create(NULL, &world.keys));
    assert_int_equal(0, jwks_key_generate(NULL, &current));
    assert_int_equal(0, jwks_key_generate(NULL, &previous));
    assert_int_equal(0, jwks_key_generate(NULL, &world.stranger));
    assert_int_equal(0, jwks_add(world.keys, current, NULL));
    assert_int_equal(0, jwks_add(world.keys, previous, NULL));
    world.rules = (struct jwt_rules){.typ = "pass+jwt",
                                     .iss = "queue",
                                     .aud = "seats",
                                     .leeway_s = 5,
                                     .lifetime_s_max = 3600,
                                     .clock = &world.fake.clock};
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    jwks_destroy(world->keys);
    jwks_key_destroy(world->stranger);
    return 0;
}

static struct jwt_claims good_claims(void)
{
    return (struct jwt_claims){.iss = SPAN("queue"),
                               .aud = SPAN("seats"),
                               .sub = SPAN("visitor"),
                               .jti = SPAN("s-1"),
                               .iat_s = NOW_S - 10,
                               .exp_s = NOW_S + 600,
                               .extra = SPAN("\"event\":\"x\",\"n\":7")};
}

/* What a sentence is about. */
static enum jwt_fault fault_of(const char *sentence)
{
    static const struct {
        const char *starts;
        enum jwt_fault fault;
    } rows[] = {
        {"token: alg ", JWT_FAULT_ALG},
        {"token: a signature is ", JWT_FAULT_ALG},
        {"token: the signature ", JWT_FAULT_SIGNATURE},
        {"token: kid is not of", JWT_FAULT_KEY},
        {"token: iss ", JWT_FAULT_ISSUER},
        {"token: aud ", JWT_FAULT_AUDIENCE},
        {"token: iat is in", JWT_FAULT_TIME},
        {"token: it is too early", JWT_FAULT_TIME},
        {"token: exp is not after", JWT_FAULT_TIME},
        {"token: it lives longer", JWT_FAULT_TIME},
        {"token: it has run out", JWT_FAULT_EXPIRED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncmp(sentence, rows[i].starts, strlen(rows[i].starts)) == 0)
            return rows[i].fault;
    }
    return JWT_FAULT_FORM;
}

static int verify(struct world *world, struct span token, struct err_slot *err)
{
    struct jwt jwt;
    enum jwt_fault fault = (enum jwt_fault) - 1;
    struct jwt_rules rules = world->rules;
    rules.fault = &fault;
    int rc = jwt_verify(world->keys, &rules, token, err, &jwt);
    if (rc == 0)
        jwt_deinit(&jwt);
    else
        assert_int_equal(fault_of(err->text), fault);
    return rc;
}

/* Any header and payload, honestly signed by `key`. Static memory. */
static struct span forge(const struct jwks_key *key, const char *header, const char *payload)
{
    static char memory[2 * JWT_BYTES_MAX];
    struct text text = text_on(memory, sizeof(memory));
    uint8_t signature[JWKS_SIGNATURE_BYTES];
    base64_put(&text, header, strlen(header));
    text_char(&text, '.');
    base64_put(&text, payload, strlen(payload));
    assert_int_equal(0, jwks_key_sign(key, text_span(&text), NULL, signature));
    text_char(&text, '.');
    base64_put(&text, signature, sizeof(signature));
    assert_false(text.overflown);
    return text_span(&text);
}

static const char *good_header(const struct world *world)
{
    static char memory[256];
    struct span kid = jwks_key_kid(jwks_signer(world->keys));
    snprintf(memory, sizeof(memory), "{\"alg\":\"ES256\",\"typ\":\"pass+jwt\",\"kid\":\"%.*s\"}",
             (int)kid.len, kid.ptr);
    return memory;
}

static void check_payload(struct world *world, const char *payload, int rc, const char *says)
{
    struct err_slot err = {.text = ""};
    struct span token = forge(jwks_signer(world->keys), good_header(world), payload);
    int got = verify(world, token, &err);
    if (got != rc)
        fail_msg("%s: %d %s", payload, got, err.text);
    assert_says(&err, says);
}

/* A header in which $ stands for the kid that the verifier knows. */
static void check_header(struct world *world, const char *pattern, const char *says)
{
    char header[512];
    struct text text = text_on(header, sizeof(header) - 1);
    struct err_slot err = {.text = ""};
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '$')
            text_put(&text, jwks_key_kid(jwks_signer(world->keys)));
        else
            text_char(&text, *pattern);
    }
    header[text.len] = '\0';
    struct span token =
        forge(jwks_signer(world->keys), header,
              "{\"iss\":\"queue\",\"aud\":\"seats\",\"iat\":1795159953,\"exp\":1795159963}");
    int got = verify(world, token, &err);
    if (got != (strcmp(says, "kid is not of") == 0 ? ERR_UNKNOWN : ERR_AUTH))
        fail_msg("%s: %d %s", header, got, err.text);
    assert_says(&err, says);
}

static void what_is_signed_is_believed_and_read_back(void **state)
{
    struct world *world = *state;
    char memory[JWT_BYTES_MAX];
    struct text token = text_on(memory, sizeof(memory));
    struct jwt_claims claims = good_claims();
    struct err_slot err;
    struct jwt jwt;
    claims.nbf_s = NOW_S - 1;
    assert_int_equal(0, jwt_sign(jwks_signer(world->keys), "pass+jwt", &claims, &err, &token));
    int rc = jwt_verify(world->keys, &world->rules, text_span(&token), &err, &jwt);
    assert_int_equal(0, rc);
    assert_span(jwt.claims.iss, "queue");
    assert_span(jwt.claims.aud, "seats");
    assert_span(jwt.claims.sub, "visitor");
    assert_span(jwt.claims.jti, "s-1");
    assert_int_equal(NOW_S - 10, jwt.claims.iat_s);
    assert_int_equal(NOW_S - 1, jwt.claims.nbf_s);
    assert_int_equal(NOW_S + 600, jwt.claims.exp_s);
    assert_string_equal("x", json_string_value(json_object_get(jwt.payload, "event")));
    assert_int_equal(7, json_integer_value(json_object_get(jwt.payload, "n")));
    jwt_deinit(&jwt);
}

static void the_previous_key_is_still_believed_and_a_strangers_is_not(void **state)
{
    struct world *world = *state;
    struct jwt_claims claims = good_claims();
    struct err_slot err;
    char memory[JWKS_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory));
    jwks_put(&text, world->keys);
    /* The second kid in the published set is the previous key's. */
    json_t *doc = json_loadb(text.ptr, text.len, 0, NULL);
    json_t *second = json_array_get(json_object_get(doc, "keys"), 1);
    const struct jwks_key *previous =
        jwks_find(world->keys, span_of(json_string_value(json_object_get(second, "kid"))));
    json_decref(doc);

    text.len = 0;
    assert_int_equal(0, jwt_sign(previous, "pass+jwt", &claims, &err, &text));
    assert_int_equal(0, verify(world, text_span(&text), &err));
    text.len = 0;
    assert_int_equal(0, jwt_sign(world->stranger, "pass+jwt", &claims, &err, &text));
    assert_int_equal(ERR_UNKNOWN, verify(world, text_span(&text), &err));
    assert_says(&err, "kid is not of a key");
    /* A stranger that claims our kid. */
    struct span token = forge(world->stranger, good_header(world),
                              "{\"iss\":\"queue\",\"aud\":\"seats\",\"iat\":1,\"exp\":2}");
    assert_int_equal(ERR_AUTH, verify(world, token, &err));
    assert_says(&err, "signature is wrong");
}

static void the_algorithm_is_ours_and_not_the_tokens(void **state)
{
    struct world *world = *state;
    check_header(world, "{\"alg\":\"none\",\"typ\":\"pass+jwt\",\"kid\":\"$\"}", "alg must be");
    check_header(world, "{\"alg\":\"None\",\"typ\":\"pass+jwt\",\"kid\":\"$\"}", "alg must be");
    check_header(world, "{\"alg\":\"RS256\",\"typ\":\"pass+jwt\",\"kid\":\"$\"}", "alg must be");
    check_header(world, "{\"alg\":\"es256\",\"typ\":\"pass+jwt\",\"kid\":\"$\"}", "alg must be");
    check_header(world, "{\"alg\":[\"ES256\"],\"typ\":\"pass+jwt\",\"kid\":\"$\"}", "alg must be");
    check_header(world, "{\"typ\":\"pass+jwt\",\"kid\":\"$\"}", "alg must be");
    world->rules.typ = NULL; /* of an issuer outside, who has three to choose from */
    check_header(world, "{\"alg\":\"none\",\"kid\":\"$\"}", "alg must be ES256, RS256 or EdDSA");
    check_header(world, "{\"alg\":\"HS256\",\"kid\":\"$\"}", "alg must be ES256, RS256 or EdDSA");
}

/* alg none with an empty signature, and HS256 keyed with the bytes that we publish. */
static void an_unsigned_token_and_one_keyed_with_our_public_key_are_refused(void **state)
{
    struct world *world = *state;
    char memory[JWT_BYTES_MAX], jwks_text[JWKS_TEXT_MAX];
    struct err_slot err;
    struct text token = text_on(memory, sizeof(memory));
    const char *payload = "{\"iss\":\"queue\",\"aud\":\"seats\",\"iat\":1795159953,"
                          "\"exp\":1795159963}";
    base64_put(&token, "{\"alg\":\"none\"}", 14);
    text_char(&token, '.');
    base64_put(&token, payload, strlen(payload));
    text_char(&token, '.');
    assert_int_equal(ERR_AUTH, verify(world, text_span(&token), &err));
    assert_says(&err, "alg must be");

    struct text published = text_on(jwks_text, sizeof(jwks_text));
    jwks_put(&published, world->keys);
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state hmac;
    char header[256];
    struct span kid = jwks_key_kid(jwks_signer(world->keys));
    snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"typ\":\"pass+jwt\",\"kid\":\"%.*s\"}",
             (int)kid.len, kid.ptr);
    token.len = 0;
    base64_put(&token, header, strlen(header));
    text_char(&token, '.');
    base64_put(&token, payload, strlen(payload));
    crypto_auth_hmacsha256_init(&hmac, (unsigned char *)published.ptr, published.len);
    crypto_auth_hmacsha256_update(&hmac, (unsigned char *)token.ptr, token.len);
    crypto_auth_hmacsha256_final(&hmac, mac);
    text_char(&token, '.');
    base64_put(&token, mac, sizeof(mac));
    assert_int_equal(ERR_AUTH, verify(world, text_span(&token), &err));
    assert_says(&err, "alg must be");
}

static void headers_that_ask_for_more_are_refused(void **state)
{
    struct world *world = *state;
    check_header(world, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"$\"}", "typ must be");
    check_header(world, "{\"alg\":\"ES256\",\"kid\":\"$\"}", "typ must be");
    check_header(world, "{\"alg\":\"ES256\",\"typ\":\"pass+jwt\"}", "kid is missing");
    check_header(world, "{\"alg\":\"ES256\",\"typ\":\"pass+jwt\",\"kid\":\"$x\"}", "kid is not of");
    check_header(world, "{\"alg\":\"ES256\",\"typ\":\"pass+jwt\",\"kid\":7}", "kid is missing");
    check_header(world,
                 "{\"alg\":\"ES256\",\"typ\":\"pass+jwt\",\"kid\":\"$\",\"crit\":[\"b64\"],"
                 "\"b64\":false}",
                 "crit");
    check_header(world, "{\"alg\":\"ES256\",\"typ\":\"pass+jwt\",\"kid\":\"$\",\"crit\":[]}",
                 "crit");
}

static void where_no_type_is_asked_for_tokens_and_access_tokens_are_taken(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *typ;
        bool taken;
    } rows[] = {{"JWT", true},
                {"jwt", true},
                {"at+jwt", true},
                {"application/at+jwt", true},
                {"pass+jwt", false}};
    world->rules.typ = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[1024];
        struct text text = text_on(memory, sizeof(memory));
        struct jwt_claims claims = good_claims();
        struct err_slot err = {.text = ""};
        assert_int_equal(0, jwt_sign(jwks_signer(world->keys), rows[i].typ, &claims, &err, &text));
        assert_int_equal(rows[i].taken ? 0 : ERR_AUTH, verify(world, text_span(&text), &err));
    }
}

static void claims_are_all_compared(void **state)
{
    struct world *world = *state;
#define TIMES "\"iat\":1795159953,\"exp\":1795159963"
    check_payload(world, "{\"iss\":\"queue\",\"aud\":\"seats\"," TIMES "}", 0, "");
    check_payload(world, "{\"iss\":\"queue\",\"aud\":[\"x\",\"seats\"]," TIMES "}", 0, "");
    check_payload(world, "{\"iss\":\"other\",\"aud\":\"seats\"," TIMES "}", ERR_AUTH, "iss must");
    check_payload(world, "{\"aud\":\"seats\"," TIMES "}", ERR_AUTH, "iss must");
    check_payload(world, "{\"iss\":[\"queue\"],\"aud\":\"seats\"," TIMES "}", ERR_AUTH, "iss must");
    check_payload(world, "{\"iss\":\"queue\",\"aud\":\"pay\"," TIMES "}", ERR_AUTH, "aud must");
    check_payload(world, "{\"iss\":\"queue\",\"aud\":[]," TIMES "}", ERR_AUTH, "aud must");
    check_payload(world, "{\"iss\":\"queue\",\"aud\":[[\"seats\"]]," TIMES "}", ERR_AUTH,
                  "aud must");
    check_payload(world, "{\"iss\":\"queue\",\"aud\":{\"seats\":1}," TIMES "}", ERR_AUTH,
                  "aud must");
    check_payload(world, "{\"iss\":\"queue\"," TIMES "}", ERR_AUTH, "aud must");
    check_payload(world, "{\"iss\":\"queue\",\"aud\":\"seats\",\"sub\":\"\"," TIMES "}", ERR_AUTH,
                  "sub and jti");
    check_payload(world, "{\"iss\":\"queue\",\"aud\":\"seats\",\"jti\":5," TIMES "}", ERR_AUTH,
                  "sub and jti");
    check_payload(world, "[1]", ERR_SYNTAX, "payload");
    check_payload(world, "{\"iss\":\"queue\",\"iss\":\"queue\",\"aud\":\"seats\"," TIMES "}",
                  ERR_SYNTAX, "payload");
#undef TIMES
}

static void check_times(struct world *world, const char *times, int rc, const char *says)
{
    char payload[256];
    snprintf(payload, sizeof(payload), "{\"iss\":\"queue\",\"aud\":\"seats\",%s}", times);
    check_payload(world, payload, rc, says);
}

static void iat_may_lie_ahead_where_the_clock_of_whoever_signs_does(void **state)
{
    struct world *world = *state;
    world->rules.iat_ahead_ok = true;
    check_times(world, "\"iat\":1795160013,\"exp\":1795160073", 0, ""); /* in a minute */
    check_times(world, "\"iat\":1795159953,\"nbf\":1795159959,\"exp\":1795159999", ERR_AUTH, "nbf");
    check_times(world, "\"iat\":1795160013,\"exp\":1795160013", ERR_AUTH, "not after iat");
}

static void times_are_judged_with_the_leeway_and_not_a_second_more(void **state)
{
    struct world *world = *state;
    check_times(world, "\"iat\":1795159900,\"exp\":1795159949", 0, ""); /* 4 s ago */
    check_times(world, "\"iat\":1795159900,\"exp\":1795159948", ERR_TIMEOUT, "run out");
    check_times(world, "\"iat\":1795159958,\"exp\":1795159999", 0, ""); /* in 5 s */
    check_times(world, "\"iat\":1795159959,\"exp\":1795159999", ERR_AUTH, "iat is in the future");
    check_times(world, "\"iat\":1795159953,\"nbf\":1795159958,\"exp\":1795159999", 0, "");
    check_times(world, "\"iat\":1795159953,\"nbf\":1795159959,\"exp\":1795159999", ERR_AUTH, "nbf");
    check_times(world, "\"iat\":1795159953,\"exp\":1795159953", ERR_AUTH, "not after iat");
    check_times(world, "\"iat\":1795159953,\"exp\":1795163553", 0, "");
    check_times(world, "\"iat\":1795159953,\"exp\":1795163554", ERR_AUTH, "longer than it may");
    check_times(world, "\"iat\":1795159953", ERR_AUTH, "seconds since 1970");
    check_times(world, "\"exp\":1795159999", ERR_AUTH, "seconds since 1970");
    check_times(world, "\"iat\":1795159953,\"exp\":\"1795159999\"", ERR_AUTH, "seconds since");
    check_times(world, "\"iat\":1795159953,\"exp\":1795159999.5", ERR_AUTH, "seconds since");
    check_times(world, "\"iat\":-1,\"exp\":1795159999", ERR_AUTH, "seconds since");
    check_times(world, "\"iat\":0,\"exp\":1795159999", ERR_AUTH, "seconds since");
    check_times(world, "\"iat\":1795159953,\"exp\":2147483647", ERR_AUTH, "longer than it may");
    check_times(world, "\"iat\":1795159953,\"exp\":2147483648", ERR_AUTH, "seconds since");
    check_times(world, "\"iat\":1795159953,\"exp\":9223372036854775807", ERR_AUTH, "seconds since");
    check_times(world, "\"iat\":1795159953,\"exp\":1795159999,\"nbf\":null", ERR_AUTH, "seconds");
}

static void a_token_good_for_a_while_runs_out(void **state)
{
    struct world *world = *state;
    char memory[JWT_BYTES_MAX];
    struct text token = text_on(memory, sizeof(memory));
    struct jwt_claims claims = good_claims();
    struct err_slot err;
    assert_int_equal(0, jwt_sign(jwks_signer(world->keys), "pass+jwt", &claims, &err, &token));
    clock_fake_step(&world->fake, 604 * UINT64_C(1000000));
    assert_int_equal(0, verify(world, text_span(&token), &err));
    clock_fake_step(&world->fake, 1000000);
    assert_int_equal(ERR_TIMEOUT, verify(world, text_span(&token), &err));
}

static void what_is_no_token_is_refused(void **state)
{
    struct world *world = *state;
    static const char *const bad[] = {"",      ".",       "..",       "...",         "a.b",
                                      "a.b.c", "a.b.c.d", "e30.e30.", "e30=.e30.AA", " e30.e30.AA"};
    struct err_slot err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct jwt jwt;
        int rc = verify(world, span_of(bad[i]), &err);
        assert_true(rc < 0);
        /* Also by a caller who does not ask for the fault. */
        assert_int_equal(rc, jwt_verify(world->keys, &world->rules, span_of(bad[i]), &err, &jwt));
    }
    char large[JWT_BYTES_MAX + 1];
    memset(large, 'A', sizeof(large));
    large[10] = large[20] = '.';
    assert_int_equal(ERR_SYNTAX, verify(world, (struct span){large, sizeof(large)}, &err));
}

static void a_signature_is_raw_and_64_bytes_long(void **state)
{
    struct world *world = *state;
    char memory[JWT_BYTES_MAX + 8];
    struct text token = text_on(memory, sizeof(memory));
    struct jwt_claims claims = good_claims();
    struct err_slot err;
    assert_int_equal(0, jwt_sign(jwks_signer(world->keys), "pass+jwt", &claims, &err, &token));
    for (size_t cut = 1; cut <= 86; cut++)
        assert_int_equal(ERR_AUTH, verify(world, (struct span){memory, token.len - cut}, &err));
    /* In DER, as other libraries hand it out. */
    size_t signed_len = token.len - 87;
    static const char der[] = "\x30\x44\x02\x20";
    uint8_t raw[JWKS_SIGNATURE_BYTES];
    assert_true(base64_decode_exact((struct span){memory + signed_len + 1, 86}, raw, sizeof(raw)));
    uint8_t whole[70];
    memcpy(whole, der, 4);
    memcpy(whole + 4, raw, 32);
    memcpy(whole + 36, "\x02\x20", 2);
    memcpy(whole + 38, raw + 32, 32);
    token.len = signed_len + 1;
    base64_put(&token, whole, sizeof(whole));
    assert_int_equal(ERR_AUTH, verify(world, text_span(&token), &err));
    assert_says(&err, "64 bytes");
}

static void a_token_too_long_to_be_believed_is_not_made(void **state)
{
    struct world *world = *state;
    static char extra[JWT_BYTES_MAX];
    memset(extra, ' ', sizeof(extra));
    memcpy(extra, "\"a\":1", 5);
    char memory[2 * JWT_BYTES_MAX];
    struct err_slot err;
    struct jwt_claims claims = good_claims();
    const struct jwks_key *key = jwks_signer(world->keys);
    bool refused = false;
    for (size_t len = 1100; len < 1400; len += 3) {
        struct text token = text_on(memory, sizeof(memory));
        claims.extra = (struct span){extra, len};
        int rc = jwt_sign(key, "pass+jwt", &claims, &err, &token);
        assert_true(rc == 0 || rc == ERR_FULL);
        assert_true(rc == 0 ? verify(world, text_span(&token), &err) == 0 : token.len == 0);
        refused |= rc != 0;
    }
    assert_true(refused);
    claims = good_claims();
    struct text small = text_on(memory, 100);
    assert_int_equal(ERR_FULL, jwt_sign(key, "pass+jwt", &claims, &err, &small));
    assert_int_equal(0, small.len);
    claims.sub = (struct span){extra, JWT_CLAIM_MAX + 1};
    assert_int_equal(ERR_RANGE, jwt_sign(key, "pass+jwt", &claims, &err, &small));
}

static void no_changed_token_is_believed(void **state)
{
    struct world *world = *state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    char memory[JWT_BYTES_MAX];
    struct text token = text_on(memory, sizeof(memory));
    struct jwt_claims claims = good_claims();
    struct err_slot err;
    assert_int_equal(0, jwt_sign(jwks_signer(world->keys), "pass+jwt", &claims, &err, &token));
    for (unsigned round = 0; round < 5000; round++) {
        char in[JWT_BYTES_MAX];
        struct span changed = {in, unit_mutate(&rng.rng, text_span(&token), in, sizeof(in))};
        if (span_eq(changed, text_span(&token)))
            continue;
        if (verify(world, changed, &err) == 0)
            fail_msg("%.*s", (int)changed.len, changed.ptr);
    }
}

static void what_a_token_need_not_say_is_left_out(void **state)
{
    struct world *world = *state;
    char memory[JWT_BYTES_MAX];
    struct text token = text_on(memory, sizeof(memory));
    struct jwt_claims claims = good_claims();
    struct err_slot err;
    struct jwt jwt;
    claims.sub = claims.jti = claims.extra = (struct span){NULL, 0};
    assert_int_equal(0, jwt_sign(jwks_signer(world->keys), "pass+jwt", &claims, &err, &token));
    assert_int_equal(0, jwt_verify(world->keys, &world->rules, text_span(&token), &err, &jwt));
    assert_int_equal(4, json_object_size(jwt.payload)); /* iss, aud, iat, exp */
    assert_null(jwt.claims.sub.ptr);
    assert_null(jwt.claims.jti.ptr);
    jwt_deinit(&jwt);
}

static void a_name_in_a_token_is_as_long_as_it_may_be_and_no_longer(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"sub", "jti"};
    static char name[JWT_CLAIM_MAX + 2];
    char memory[JWT_BYTES_MAX];
    struct err_slot err;
    memset(name, 'n', JWT_CLAIM_MAX + 1);
    for (int i = 0; i < 2; i++) {
        for (size_t len = JWT_CLAIM_MAX; len <= JWT_CLAIM_MAX + 1; len++) {
            struct text token = text_on(memory, sizeof(memory));
            struct jwt_claims claims = good_claims();
            *(i == 0 ? &claims.sub : &claims.jti) = (struct span){name, len};
            int rc = jwt_sign(jwks_signer(world->keys), "pass+jwt", &claims, &err, &token);
            assert_int_equal(rc, len <= JWT_CLAIM_MAX ? 0 : ERR_RANGE);
            char payload[JWT_CLAIM_MAX + 128];
            snprintf(payload, sizeof(payload),
                     "{\"iss\":\"queue\",\"aud\":\"seats\",\"iat\":1795159953,"
                     "\"exp\":1795159963,\"%s\":\"%.*s\"}",
                     names[i], (int)len, name);
            check_payload(world, payload, len <= JWT_CLAIM_MAX ? 0 : ERR_AUTH,
                          len <= JWT_CLAIM_MAX ? "" : "texts of 1 to");
        }
    }
}

static void whoever_asks_for_no_end_or_no_audience_is_told_what_holds_then(void **state)
{
    struct world *world = *state;
    world->rules.lifetime_s_max = 0; /* as long as whoever signed it said */
    check_times(world, "\"iat\":1795159953,\"exp\":2147483647", 0, "");
    check_times(world, "\"iat\":1795159900,\"exp\":1795159901", ERR_TIMEOUT, "run out");
    world->rules.run_out_ok = true; /* it is read for what it was */
    check_times(world, "\"iat\":1795159900,\"exp\":1795159901", 0, "");
    world->rules.aud = ""; /* which is nobody, and not anybody */
    check_payload(world, "{\"iss\":\"queue\",\"aud\":\"\",\"iat\":1795159953,\"exp\":1795159963}",
                  ERR_AUTH, "aud must be");
    check_payload(world, "{\"iss\":\"queue\",\"aud\":[],\"iat\":1795159953,\"exp\":1795159963}",
                  ERR_AUTH, "aud must be");
}

/* ---- issuers outside ---- */

enum { OTHERS = 2 };

static const struct {
    const char *alg, *kid;
} others[OTHERS] = {{"RS256", "r"}, {"EdDSA", "e"}};

/* The public halves of both, as their issuer publishes them. */
static struct jwks *published(EVP_PKEY *const keys[OTHERS])
{
    char json[1024];
    uint8_t number[256], point[32];
    size_t point_len = sizeof(point);
    BIGNUM *n = NULL;
    struct text text = text_on(json, sizeof(json));
    assert_int_equal(1, EVP_PKEY_get_bn_param(keys[0], OSSL_PKEY_PARAM_RSA_N, &n));
    assert_int_equal(sizeof(number), BN_bn2binpad(n, number, sizeof(number)));
    assert_int_equal(1, EVP_PKEY_get_raw_public_key(keys[1], point, &point_len));
    TEXT_LIT(&text, "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\",\"n\":\"");
    base64_put(&text, number, sizeof(number));
    TEXT_LIT(&text, "\"},{\"kty\":\"OKP\",\"kid\":\"e\",\"crv\":\"Ed25519\",\"x\":\"");
    base64_put(&text, point, point_len);
    TEXT_LIT(&text, "\"}]}");
    assert_false(text.overflown);
    struct jwks *set = NULL;
    assert_int_equal(0, jwks_parse_for(text_span(&text), JWKS_ANY, NULL, &set));
    BN_free(n);
    return set;
}

/* A token whose header names this algorithm and this key, signed by `signer`. */
static void put_others_token(struct text *out, const char *alg, const char *kid, EVP_PKEY *signer)
{
    static const char payload[] =
        "{\"iss\":\"queue\",\"aud\":\"seats\",\"iat\":1795159953,\"exp\":1795159963}";
    char header[128];
    uint8_t signature[512];
    size_t len = sizeof(signature);
    int header_len = snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid);
    base64_put(out, header, (size_t)header_len);
    text_char(out, '.');
    base64_put(out, payload, strlen(payload));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *hash = EVP_PKEY_get_base_id(signer) == EVP_PKEY_RSA ? EVP_sha256() : NULL;
    assert_int_equal(1, EVP_DigestSignInit(ctx, NULL, hash, NULL, signer));
    assert_int_equal(
        1, EVP_DigestSign(ctx, signature, &len, (const unsigned char *)out->ptr, out->len));
    EVP_MD_CTX_free(ctx);
    text_char(out, '.');
    base64_put(out, signature, len);
}

static void an_issuer_outside_signs_by_its_own_algorithm_and_nobody_else_may(void **state)
{
    struct world *world = *state;
    EVP_PKEY *keys[OTHERS] = {EVP_RSA_gen(2048), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    jwks_destroy(world->keys);
    world->keys = published(keys);
    for (unsigned i = 0; i < OTHERS * OTHERS * OTHERS * 2; i++) {
        unsigned alg = i & 1, key = i >> 1 & 1, signer = i >> 2 & 1;
        bool outside = i >> 3 == 0, good = outside && alg == key && key == signer;
        char memory[2048];
        struct err_slot err = {.text = ""};
        struct text token = text_on(memory, sizeof(memory));
        put_others_token(&token, others[alg].alg, others[key].kid, keys[signer]);
        world->rules.typ = outside ? NULL : "pass+jwt";
        assert_int_equal(good ? 0 : ERR_AUTH, verify(world, text_span(&token), &err));
        if (!outside)
            assert_says(&err, "alg must be ES256");
        else if (alg != key)
            assert_says(&err, "alg is not that of its key");
        else if (key != signer)
            assert_says(&err, "the signature is wrong");
    }
    world->rules.typ = NULL;
    char memory[4096];
    struct err_slot err = {.text = ""};
    struct text token = text_on(memory, sizeof(memory));
    put_others_token(&token, others[0].alg, others[0].kid, keys[0]);
    for (unsigned i = 0; i < 1000; i++)
        text_char(&token, 'A');
    assert_int_equal(ERR_AUTH, verify(world, text_span(&token), &err));
    assert_says(&err, "a signature is 512 at most");
    for (unsigned key = 0; key < OTHERS; key++)
        EVP_PKEY_free(keys[key]);
}

static unsigned allocations, refused_at;

static void *refuse_one(size_t size)
{
    return allocations++ == refused_at ? NULL : malloc(size);
}

/* Its header and its claims are read by jansson, which has its memory from here. */
static void for_want_of_memory_no_token_is_called_bad(void **state)
{
    struct world *world = *state;
    char memory[JWT_BYTES_MAX];
    struct text good = text_on(memory, sizeof(memory));
    struct jwt_claims claims = good_claims();
    assert_int_equal(0, jwt_sign(jwks_signer(world->keys), "pass+jwt", &claims, NULL, &good));
    json_in_allocate(refuse_one);
    for (refused_at = 0;; refused_at++) {
        struct err_slot err = {.text = ""};
        struct jwt jwt;
        enum jwt_fault fault = JWT_FAULT_EXPIRED;
        world->rules.fault = &fault;
        allocations = 0;
        int rc = jwt_verify(world->keys, &world->rules, text_span(&good), &err, &jwt);
        if (rc == 0) {
            jwt_deinit(&jwt);
            break;
        }
        if (rc != ERR_NOMEM || fault != JWT_FAULT_EXPIRED) /* nothing is at fault */
            fail_msg("the %uth: %s: %s", refused_at, err_name(rc), err.text);
        assert_says(&err, "no memory");
    }
    json_in_allocate(malloc);
    assert_int_equal(allocations, refused_at);
    assert_true(refused_at > 20);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORLD(what_is_signed_is_believed_and_read_back),
        IN_WORLD(the_previous_key_is_still_believed_and_a_strangers_is_not),
        IN_WORLD(the_algorithm_is_ours_and_not_the_tokens),
        IN_WORLD(an_unsigned_token_and_one_keyed_with_our_public_key_are_refused),
        IN_WORLD(headers_that_ask_for_more_are_refused),
        IN_WORLD(where_no_type_is_asked_for_tokens_and_access_tokens_are_taken),
        IN_WORLD(claims_are_all_compared),
        IN_WORLD(times_are_judged_with_the_leeway_and_not_a_second_more),
        IN_WORLD(iat_may_lie_ahead_where_the_clock_of_whoever_signs_does),
        IN_WORLD(a_token_good_for_a_while_runs_out),
        IN_WORLD(what_is_no_token_is_refused),
        IN_WORLD(a_signature_is_raw_and_64_bytes_long),
        IN_WORLD(a_token_too_long_to_be_believed_is_not_made),
        IN_WORLD(no_changed_token_is_believed),
        IN_WORLD(what_a_token_need_not_say_is_left_out),
        IN_WORLD(a_name_in_a_token_is_as_long_as_it_may_be_and_no_longer),
        IN_WORLD(whoever_asks_for_no_end_or_no_audience_is_told_what_holds_then),
        IN_WORLD(an_issuer_outside_signs_by_its_own_algorithm_and_nobody_else_may),
        IN_WORLD(for_want_of_memory_no_token_is_called_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
