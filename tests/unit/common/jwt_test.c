/* jwt_test.c: good tokens are accepted; each kind of bad token is refused for its own reason. */
#include "scarce.h"
#include "unit.h"

#include "base/base64.h"
#include "crypto/jwt.h"
#include "crypto/openssl.h"

enum { NOW_S = 1795159953 };

static struct world {
    struct clock_fake fake;
    struct jwks *keys; /* the verifier's: [0] signs, [1] is the previous one */
    struct jwks_key *stranger;
    struct jwt_rules rules;
    char memory[2 * JWT_BYTES_MAX];
    struct text token; /* of each test */
    struct jwt_claims claims;
    struct err_slot err;
} world;

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

static void set_up(void)
{
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
    world.token = text_on(world.memory, sizeof(world.memory));
    world.claims = good_claims();
}

static void tear_down(void)
{
    jwks_destroy(world.keys);
    jwks_key_destroy(world.stranger);
}

UNIT_BETWEEN(set_up, tear_down)

/* Each sentence has its code and its fault; the last row is the default. */
static const struct refusal {
    const char *starts;
    int rc;
    enum jwt_fault fault;
} refusals[] = {
    {"token: alg ", ERR_AUTH, JWT_FAULT_ALG},
    {"token: a signature is ", ERR_AUTH, JWT_FAULT_ALG},
    {"token: the signature ", ERR_AUTH, JWT_FAULT_SIGNATURE},
    {"token: kid is not of", ERR_UNKNOWN, JWT_FAULT_KEY},
    {"token: iss ", ERR_AUTH, JWT_FAULT_ISSUER},
    {"token: aud ", ERR_AUTH, JWT_FAULT_AUDIENCE},
    {"token: iat is in", ERR_AUTH, JWT_FAULT_TIME},
    {"token: it is too early", ERR_AUTH, JWT_FAULT_TIME},
    {"token: exp is not after", ERR_AUTH, JWT_FAULT_TIME},
    {"token: it lives longer", ERR_AUTH, JWT_FAULT_TIME},
    {"token: it has run out", ERR_TIMEOUT, JWT_FAULT_EXPIRED},
    {"token: its ", ERR_SYNTAX, JWT_FAULT_FORM},
    {"token: it is not three parts", ERR_SYNTAX, JWT_FAULT_FORM},
    {"token: ", ERR_AUTH, JWT_FAULT_FORM},
};

static int verify(struct span token, struct err_slot *err)
{
    struct jwt jwt;
    enum jwt_fault fault = (enum jwt_fault) - 1;
    struct jwt_rules rules = world.rules;
    rules.fault = &fault;
    int rc = jwt_verify(world.keys, &rules, token, err, &jwt);
    if (rc == 0) {
        jwt_deinit(&jwt);
        return 0;
    }
    const struct refusal *refusal = refusals;
    while (strncmp(err->text, refusal->starts, strlen(refusal->starts)) != 0)
        refusal++;
    assert_int_equal(refusal->rc, rc);
    assert_int_equal(refusal->fault, fault);
    return rc;
}

static struct span signed_token(void)
{
    world.token.len = 0;
    assert_int_equal(
        0, jwt_sign(jwks_signer(world.keys), "pass+jwt", &world.claims, NULL, &world.token));
    return text_span(&world.token);
}

/* ---- tables: headers and payloads, signed by the verifier's key unless the row says otherwise,
 * and what the refusal says. In both ' is a quote, $ the kid, % that of the previous key, & iss and
 * aud, and @ the times. ---- */

#define AGREED "'iss':'queue','aud':'seats'"
#define TIMES  "'iat':1795159953,'exp':1795159963"

enum rules {
    OUTSIDE = 1,
    IAT_AHEAD = 2,
    ENDLESS = 4,
    RUN_OUT = 8,
    NO_AUD = 16,
    PREVIOUS = 32,
    STRANGER = 64
};

struct token_row {
    const char *part, *says;
    unsigned rules;
};

static void expand(struct text *out, const char *pattern)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '$')
            text_put(out, jwks_key_kid(jwks_signer(world.keys)));
        else if (*pattern == '%')
            text_put(out, jwks_key_kid(jwks_at(world.keys, 1)));
        else if (*pattern == '&')
            expand(out, AGREED);
        else if (*pattern == '@')
            expand(out, TIMES);
        else
            text_char(out, *pattern == '\'' ? '"' : *pattern);
    }
}

static void put_part(struct text *out, const char *pattern)
{
    char memory[JWT_BYTES_MAX];
    struct text text = text_on(memory, sizeof(memory));
    expand(&text, pattern);
    assert_false(text.overflown);
    base64_put(out, text.ptr, text.len);
}

static void check(const char *header, const char *payload, const char *says, unsigned rules)
{
    char memory[2 * JWT_BYTES_MAX];
    uint8_t signature[JWKS_SIGNATURE_BYTES];
    struct text token = text_on(memory, sizeof(memory));
    struct err_slot err = {.text = ""};
    const struct jwks_key *key = rules & STRANGER   ? world.stranger
                                 : rules & PREVIOUS ? jwks_at(world.keys, 1)
                                                    : jwks_signer(world.keys);
    put_part(&token, header);
    text_char(&token, '.');
    put_part(&token, payload);
    assert_int_equal(0, jwks_key_sign(key, text_span(&token), NULL, signature));
    text_char(&token, '.');
    base64_put(&token, signature, sizeof(signature));
    assert_false(token.overflown);
    world.rules.typ = rules & OUTSIDE ? NULL : "pass+jwt";
    world.rules.iat_ahead_ok = rules & IAT_AHEAD;
    world.rules.lifetime_s_max = rules & ENDLESS ? 0 : 3600;
    world.rules.run_out_ok = rules & RUN_OUT;
    world.rules.aud = rules & NO_AUD ? "" : "seats";
    int rc = verify(text_span(&token), &err);
    if ((rc == 0) != (says == NULL) || (rc != 0 && strstr(err.text, says) == NULL))
        fail_msg("%s %s: %d %s", header, payload, rc, err.text);
}

#define OUR_HEADER "{'alg':'ES256','typ':'pass+jwt','kid':'$'}"

/* The verifier, not the token, chooses the algorithm; the header may require nothing else. */
TEST_CASE(the_verifier_chooses_the_algorithm)
{
    static const char alg[] = "alg must be ES256", any[] = "alg must be ES256, RS256 or EdDSA";
    static const char typ[] = "typ must be", wrong[] = "the signature is wrong";
    static const struct token_row headers[] = {
        {OUR_HEADER, NULL, 0},
        {"{'alg':'ES256','typ':'pass+jwt','kid':'%'}", NULL, PREVIOUS},
        {"{'alg':'none','typ':'pass+jwt','kid':'$'}", alg, 0},
        {"{'alg':'none'}", alg, 0},
        {"{'alg':'None','typ':'pass+jwt','kid':'$'}", alg, 0},
        {"{'alg':'RS256','typ':'pass+jwt','kid':'$'}", alg, 0},
        {"{'alg':'HS256','typ':'pass+jwt','kid':'$'}", alg, 0},
        {"{'alg':'es256','typ':'pass+jwt','kid':'$'}", alg, 0},
        {"{'alg':['ES256'],'typ':'pass+jwt','kid':'$'}", alg, 0},
        {"{'typ':'pass+jwt','kid':'$'}", alg, 0},
        {"{'alg':'none','kid':'$'}", any, OUTSIDE},
        {"{'alg':'HS256','kid':'$'}", any, OUTSIDE},
        {"{'alg':'ES256','typ':'JWT','kid':'$'}", typ, 0},
        {"{'alg':'ES256','kid':'$'}", typ, 0},
        {"{'alg':'ES256','typ':'JWT','kid':'$'}", NULL, OUTSIDE},
        {"{'alg':'ES256','typ':'jwt','kid':'$'}", NULL, OUTSIDE},
        {"{'alg':'ES256','typ':'at+jwt','kid':'$'}", NULL, OUTSIDE},
        {"{'alg':'ES256','typ':'application/at+jwt','kid':'$'}", NULL, OUTSIDE},
        {"{'alg':'ES256','kid':'$'}", NULL, OUTSIDE},
        {OUR_HEADER, typ, OUTSIDE},
        {"{'alg':'ES256','typ':'pass+jwt'}", "kid is missing", 0},
        {"{'alg':'ES256','typ':'pass+jwt','kid':7}", "kid is missing", 0},
        {"{'alg':'ES256','typ':'pass+jwt','kid':'$x'}", "kid is not of a key", 0},
        {"{'alg':'ES256','typ':'pass+jwt','kid':'$','crit':['b64'],'b64':false}", "crit", 0},
        {"{'alg':'ES256','typ':'pass+jwt','kid':'$','crit':[]}", "crit", 0},
        {OUR_HEADER, wrong, STRANGER},
        {OUR_HEADER, wrong, PREVIOUS},
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        check(headers[i].part, "{&,@}", headers[i].says, headers[i].rules);
}

TEST_CASE(every_claim_is_compared)
{
    static const char iss[] = "iss must be", aud[] = "aud must be", texts[] = "sub and jti";
    static const struct token_row payloads[] = {
        {"{'iss':'queue','aud':['x','seats'],@}", NULL, 0},
        {"{'iss':'other','aud':'seats',@}", iss, 0},
        {"{'aud':'seats',@}", iss, 0},
        {"{'iss':['queue'],'aud':'seats',@}", iss, 0},
        {"{'iss':'queue','aud':'pay',@}", aud, 0},
        {"{'iss':'queue','aud':[],@}", aud, 0},
        {"{'iss':'queue','aud':[['seats']],@}", aud, 0},
        {"{'iss':'queue','aud':{'seats':1},@}", aud, 0},
        {"{'iss':'queue',@}", aud, 0},
        {"{'iss':'queue','aud':'',@}", aud, NO_AUD}, /* an empty audience allows nobody */
        {"{'iss':'queue','aud':[],@}", aud, NO_AUD},
        {"{&,'sub':'',@}", texts, 0},
        {"{&,'jti':5,@}", texts, 0},
        {"[1]", "payload", 0},
        {"{&,'iss':'queue',@}", "payload", 0},
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        check(OUR_HEADER, payloads[i].part, payloads[i].says, payloads[i].rules);
}

TEST_CASE(the_leeway_for_times_is_exact_to_the_second)
{
    static const char form[] = "seconds since 1970", expired[] = "run out",
                      longer[] = "longer than it may", early[] = "too early for nbf",
                      ahead[] = "iat is in the future", backwards[] = "not after iat";
    static const struct token_row payloads[] = {
        {"{&,'iat':1795159900,'exp':1795159949}", NULL, 0},
        {"{&,'iat':1795159900,'exp':1795159948}", expired, 0},
        {"{&,'iat':1795159958,'exp':1795159999}", NULL, 0},
        {"{&,'iat':1795159959,'exp':1795159999}", ahead, 0},
        {"{&,'iat':1795159953,'nbf':1795159958,'exp':1795159999}", NULL, 0},
        {"{&,'iat':1795159953,'nbf':1795159959,'exp':1795159999}", early, 0},
        {"{&,'iat':1795159953,'exp':1795159953}", backwards, 0},
        {"{&,'iat':1795159953,'exp':1795163553}", NULL, 0},
        {"{&,'iat':1795159953,'exp':1795163554}", longer, 0},
        {"{&,'iat':1795159953}", form, 0},
        {"{&,'exp':1795159999}", form, 0},
        {"{&,'iat':1795159953,'exp':'1795159999'}", form, 0},
        {"{&,'iat':1795159953,'exp':1795159999.5}", form, 0},
        {"{&,'iat':-1,'exp':1795159999}", form, 0},
        {"{&,'iat':0,'exp':1795159999}", form, 0},
        {"{&,'iat':1795159953,'exp':2147483647}", longer, 0},
        {"{&,'iat':1795159953,'exp':2147483648}", form, 0},
        {"{&,'iat':1795159953,'exp':9223372036854775807}", form, 0},
        {"{&,'iat':1795159953,'exp':1795159999,'nbf':null}", form, 0},
        /* iat may be a minute ahead where the signer's clock is */
        {"{&,'iat':1795160013,'exp':1795160073}", NULL, IAT_AHEAD},
        {"{&,'iat':1795159953,'nbf':1795159959,'exp':1795159999}", early, IAT_AHEAD},
        {"{&,'iat':1795160013,'exp':1795160013}", backwards, IAT_AHEAD},
        {"{&,'iat':1795159953,'exp':2147483647}", NULL, ENDLESS},
        {"{&,'iat':1795159900,'exp':1795159901}", expired, ENDLESS},
        {"{&,'iat':1795159900,'exp':1795159901}", NULL, ENDLESS | RUN_OUT},
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        check(OUR_HEADER, payloads[i].part, payloads[i].says, payloads[i].rules);
}

TEST_CASE(sub_and_jti_have_a_maximum_length)
{
    static const char *const names[] = {"sub", "jti"};
    static char name[JWT_CLAIM_MAX + 2];
    char payload[JWT_CLAIM_MAX + 128];
    memset(name, 'n', JWT_CLAIM_MAX + 1);
    for (unsigned i = 0; i < 4; i++) {
        bool good = i < 2;
        size_t len = JWT_CLAIM_MAX + i / 2;
        world.claims = good_claims();
        world.token.len = 0;
        *(i % 2 == 0 ? &world.claims.sub : &world.claims.jti) = (struct span){name, len};
        int rc = jwt_sign(jwks_signer(world.keys), "pass+jwt", &world.claims, NULL, &world.token);
        assert_int_equal(rc, good ? 0 : ERR_RANGE);
        snprintf(payload, sizeof(payload), "{&,@,'%s':'%.*s'}", names[i % 2], (int)len, name);
        check(OUR_HEADER, payload, good ? NULL : "texts of 1 to", 0);
    }
}

/* ---- what a row cannot say ---- */

TEST_CASE(claims_are_read_back)
{
    struct jwt jwt;
    world.claims.nbf_s = NOW_S - 1;
    assert_int_equal(0, jwt_verify(world.keys, &world.rules, signed_token(), &world.err, &jwt));
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

    world.claims = good_claims(); /* optional claims may be missing */
    world.claims.sub = world.claims.jti = world.claims.extra = (struct span){NULL, 0};
    assert_int_equal(0, jwt_verify(world.keys, &world.rules, signed_token(), &world.err, &jwt));
    assert_int_equal(4, json_object_size(jwt.payload)); /* iss, aud, iat, exp */
    assert_null(jwt.claims.sub.ptr);
    assert_null(jwt.claims.jti.ptr);
    jwt_deinit(&jwt);
}

TEST_CASE(malformed_tokens_are_refused)
{
    static const char *const bad[] = {"",      ".",       "..",       "...",         "a.b",
                                      "a.b.c", "a.b.c.d", "e30.e30.", "e30=.e30.AA", " e30.e30.AA"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct jwt jwt;
        int rc = verify(span_of(bad[i]), &world.err);
        assert_true(rc < 0);
        /* A caller may pass no fault. */
        assert_int_equal(rc,
                         jwt_verify(world.keys, &world.rules, span_of(bad[i]), &world.err, &jwt));
    }
    char large[JWT_BYTES_MAX + 1];
    memset(large, 'A', sizeof(large));
    large[10] = large[20] = '.';
    assert_int_equal(ERR_SYNTAX, verify((struct span){large, sizeof(large)}, &world.err));
}

TEST_CASE(a_signature_is_raw_and_64_bytes_long)
{
    struct span token = signed_token();
    for (size_t cut = 1; cut <= 86; cut++)
        assert_int_equal(ERR_AUTH, verify((struct span){token.ptr, token.len - cut}, &world.err));
    /* In DER, as other libraries return it. */
    uint8_t raw[JWKS_SIGNATURE_BYTES], whole[70] = "\x30\x44\x02\x20";
    assert_true(base64_decode_exact(span_skip(token, token.len - 86), raw, sizeof(raw)));
    memcpy(whole + 4, raw, 32);
    memcpy(whole + 36, "\x02\x20", 2);
    memcpy(whole + 38, raw + 32, 32);
    world.token.len -= 86;
    base64_put(&world.token, whole, sizeof(whole));
    assert_int_equal(ERR_AUTH, verify(text_span(&world.token), &world.err));
    assert_says(&world.err, "64 bytes");
}

TEST_CASE(a_token_that_would_be_too_long_is_not_signed)
{
    static char extra[JWT_BYTES_MAX];
    memset(extra, ' ', sizeof(extra));
    memcpy(extra, "\"a\":1", 5);
    const struct jwks_key *key = jwks_signer(world.keys);
    bool refused = false;
    for (size_t len = 1100; len < 1400; len += 3) {
        world.token.len = 0;
        world.claims.extra = (struct span){extra, len};
        int rc = jwt_sign(key, "pass+jwt", &world.claims, &world.err, &world.token);
        assert_true(rc == 0 || rc == ERR_FULL);
        assert_true(rc == 0 ? verify(text_span(&world.token), &world.err) == 0
                            : world.token.len == 0);
        refused |= rc != 0;
    }
    assert_true(refused);
    world.claims = good_claims();
    struct text small = text_on(world.memory, 100);
    assert_int_equal(ERR_FULL, jwt_sign(key, "pass+jwt", &world.claims, &world.err, &small));
    assert_int_equal(0, small.len);
}

TEST_CASE(a_changed_token_is_refused)
{
    struct span token = signed_token();
    for (size_t at = 0; at < token.len; at++) {
        world.memory[at] ^= 1;
        assert_int_not_equal(0, verify(token, &world.err));
        world.memory[at] ^= 1;
        assert_int_not_equal(0, verify((struct span){token.ptr, at}, &world.err));
    }
    world.memory[token.len] = 'A';
    assert_int_not_equal(0, verify((struct span){token.ptr, token.len + 1}, &world.err));
    assert_int_equal(0, verify(token, &world.err));
}

/* ---- issuers outside ---- */

enum { OTHERS = 2 };

static const struct {
    const char *alg, *kid;
} others[OTHERS] = {{"RS256", "r"}, {"EdDSA", "e"}};

/* The public halves of both keys, as published by their issuer. */
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
    assert_int_equal(0, jwks_parse(text_span(&text), JWKS_ANY, NULL, &set));
    BN_free(n);
    return set;
}

/* A token whose header names this algorithm and this key, signed by `signer`. */
static void put_others_token(struct text *out, const char *alg, const char *kid, EVP_PKEY *signer)
{
    char header[128];
    uint8_t signature[512];
    size_t len = sizeof(signature);
    snprintf(header, sizeof(header), "{'alg':'%s','kid':'%s'}", alg, kid);
    put_part(out, header);
    text_char(out, '.');
    put_part(out, "{&,@}");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *hash = EVP_PKEY_get_base_id(signer) == EVP_PKEY_RSA ? EVP_sha256() : NULL;
    assert_int_equal(1, EVP_DigestSignInit(ctx, NULL, hash, NULL, signer));
    assert_int_equal(
        1, EVP_DigestSign(ctx, signature, &len, (const unsigned char *)out->ptr, out->len));
    EVP_MD_CTX_free(ctx);
    text_char(out, '.');
    base64_put(out, signature, len);
}

TEST_CASE(an_outside_issuer_signs_by_the_algorithm_of_its_key)
{
    EVP_PKEY *keys[OTHERS] = {EVP_RSA_gen(2048), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    jwks_destroy(world.keys);
    world.keys = published(keys);
    for (unsigned i = 0; i < OTHERS * OTHERS * OTHERS * 2; i++) {
        unsigned alg = i & 1, key = i >> 1 & 1, signer = i >> 2 & 1;
        bool outside = i >> 3 == 0, good = outside && alg == key && key == signer;
        world.token.len = 0;
        put_others_token(&world.token, others[alg].alg, others[key].kid, keys[signer]);
        world.rules.typ = outside ? NULL : "pass+jwt";
        assert_int_equal(good ? 0 : ERR_AUTH, verify(text_span(&world.token), &world.err));
        if (!outside)
            assert_says(&world.err, "alg must be ES256");
        else if (alg != key)
            assert_says(&world.err, "alg is not that of its key");
        else if (key != signer)
            assert_says(&world.err, "the signature is wrong");
    }
    world.rules.typ = NULL;
    world.token.len = 0;
    put_others_token(&world.token, others[0].alg, others[0].kid, keys[0]);
    for (unsigned i = 0; i < 1000; i++)
        text_char(&world.token, 'A');
    assert_int_equal(ERR_AUTH, verify(text_span(&world.token), &world.err));
    assert_says(&world.err, "a signature is 512 at most");
    for (unsigned key = 0; key < OTHERS; key++)
        EVP_PKEY_free(keys[key]);
}

/* jansson allocates header and claims here. */
TEST_CASE(lack_of_memory_is_no_fault_of_the_token)
{
    struct span good = signed_token();
    struct err_slot err = {.text = ""};
    struct jwt jwt;
    enum jwt_fault fault = JWT_FAULT_EXPIRED;
    bool lacking = true;
    unsigned nth = 0;
    world.rules.fault = &fault;
    for (; lacking; nth++) {
        scarce_nth(nth);
        int rc = jwt_verify(world.keys, &world.rules, good, &err, &jwt);
        lacking = scarce_end();
        if (rc != (lacking ? ERR_NOMEM : 0) || fault != JWT_FAULT_EXPIRED) /* the token is valid */
            fail_msg("the %uth: %s: %s", nth, err_name(rc), err.text);
        if (lacking)
            assert_says(&err, "no memory");
    }
    jwt_deinit(&jwt);
    assert_true(nth > 20);
}
