/* jwks_test.c: reading and writing keys, the examples of the RFCs, and published sets. */
#include "scarce.h"
#include "script.h"

#include "base/base64.h"
#include "crypto/jwks.h"
#include "crypto/jwt.h"
#include "crypto/openssl.h"

#include <assert.h>

/* The key and the message of RFC 7515, appendix A.3. */
#define RFC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define RFC_PAYLOAD                                                                                \
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV" \
    "l"                                                                                            \
    "fQ"
static const char rfc_message[] = "eyJhbGciOiJFUzI1NiJ9" RFC_PAYLOAD;
static const char rfc_signature[] =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/* RFC 7515, A.2, and RFC 8037, A.4. */
#define RSA_MIDDLE                                                                                 \
    "gWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc"                   \
    "S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGz"                 \
    "jb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xs"                 \
    "mtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8"                 \
    "q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpo"
#define RSA_N "of" RSA_MIDDLE "Q"
static const char rs256_message[] = "eyJhbGciOiJSUzI1NiJ9" RFC_PAYLOAD;
static const char rs256_signature[] =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Q"
    "c_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTy"
    "WzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwu"
    "sC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5A"
    "XLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
#define ED25519_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
static const char eddsa_message[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char eddsa_signature[] =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/* Made with openssl genpkey for this test only. */
#define PEM_P256                                                                                   \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZJVKoWzEbOTokI00\n"                           \
    "WvUb19xkE9KO1ysY9g017a7NxTmhRANCAARCHb/NjzKxHXaX2k53mW7xLQC5cWem\n"                           \
    "NUXv5XbgCYO+ZrA0g89qc08euAywhe25V1zNeVMb3uN4ho/MtZ/AKP5t\n"                                   \
    "-----END PRIVATE KEY-----\n"

static const char pem_p384[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDBwM7nkmRqGN+HnO6lQ\n"
                               "j3/7Z5ElJ4BWz90/k5if4NqYuuVkocSkXG2+26WnLTlBdf+hZANiAASwA8iclLB1\n"
                               "CI1ByWrwr1lbvOCBC6cFxrqoGSu5BizsfSTTYhLLZy5iuE3l2sx3viIl8dAJ6msu\n"
                               "1KZx/5iW8ULYEOHjhRvZZkoSaav0xp/3HZjrGzMHqoGtFdgzdOiaSiQ=\n"
                               "-----END PRIVATE KEY-----\n";

static const char pem_ed25519[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIKcZnAQLxChysuY+MKqTHGhbc4wcl/zR0j/EQMYBsf3p\n"
    "-----END PRIVATE KEY-----\n";

/* ---- sets: ' is a quote ---- */

static int parse_for(const char *json, unsigned algs, struct jwks **set)
{
    const struct span text = span_of(script_json(json));
    struct err_slot err;
    *set = NULL;
    int rc = jwks_parse(text, algs, &err, set);
    if (rc < 0)
        assert_int_equal(rc, jwks_parse(text, algs, NULL, set));
    return rc;
}

static struct jwks *parse(const char *json)
{
    struct jwks *set;
    assert_int_equal(0, parse_for(json, JWKS_ANY, &set));
    return set;
}

#define SET(KEYS)   "{'keys':[" KEYS "]}"
#define EC(X, Y)    "'kty':'EC','crv':'P-256','x':'" X "','y':'" Y "'"
#define RSA(N, E)   "'kty':'RSA','kid':'r','n':'" N "','e':'" E "'"
#define OKP(CRV, X) "'kty':'OKP','kid':'e','crv':'" CRV "','x':'" X "'"
#define RFC         EC(RFC_X, RFC_Y)
#define ED25519     OKP("Ed25519", ED25519_X)
#define K32         "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define LONGEST_KID K32 K32 K32 K32
static_assert(sizeof(LONGEST_KID) == JWKS_KID_MAX + 1, "one of 128 letters");

TEST_CASE(only_usable_keys_are_taken)
{
    static const struct {
        const char *set;
        unsigned algs;
        int rc;
    } rows[] = {
        {"", JWKS_ANY, ERR_SYNTAX},
        {"[]", JWKS_ANY, ERR_SYNTAX},
        {"{}", JWKS_ANY, ERR_SYNTAX},
        {"{'keys':{}}", JWKS_ANY, ERR_SYNTAX},
        {SET(""), JWKS_ANY, ERR_NOT_FOUND},
        {SET("1"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RFC ",'kid':'a'},{" RFC ",'kid':'a'}"), JWKS_ES256, ERR_EXISTS},
        {SET("{" RFC "}"), JWKS_ES256, 0},
        {SET("{" RFC "}"), JWKS_RS256, ERR_NOT_FOUND},
        {SET("{" RFC ",'use':'sig','alg':'ES256'}"), JWKS_ES256, 0},
        {SET("{" RFC ",'use':'enc'}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RFC ",'alg':'ES384'}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RFC ",'kid':''}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RFC ",'kid':7}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RFC ",'kid':'" LONGEST_KID "'}"), JWKS_ES256, 0},
        {SET("{" RFC ",'kid':'" LONGEST_KID "k'}"), JWKS_ES256, ERR_NOT_FOUND},
        {SET("{" EC(RFC_Y, RFC_X) "}"), JWKS_ANY, ERR_NOT_FOUND}, /* not on the curve */
        {SET("{" EC("AA", "AA") "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{'kty':'EC','crv':'P-384','x':'" RFC_X "','y':'" RFC_Y "'}"), JWKS_ANY,
         ERR_NOT_FOUND},
        {SET("{" RSA(RSA_N, "AQAB") "}"), JWKS_ANY, 0},
        {SET("{" RSA(RSA_N, "AQAB") "}"), JWKS_ES256, ERR_NOT_FOUND},
        {SET("{" RSA(RSA_N, "Aw") "}"), JWKS_ANY, 0},
        {SET("{" RSA(RSA_N, "A!") "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RSA(RSA_N, "AQ") "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RSA(RSA_N, "AQAC") "}"), JWKS_ANY, ERR_NOT_FOUND}, /* even */
        {SET("{" RSA(RSA_N, "") "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RSA("of" RSA_MIDDLE "!", "AQAB") "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RSA("of" RSA_MIDDLE "A", "AQAB") "}"), JWKS_ANY, ERR_NOT_FOUND}, /* even */
        {SET("{" RSA("AA" RSA_MIDDLE "Q", "AQAB") "}"), JWKS_ANY, ERR_NOT_FOUND}, /* short */
        {SET("{" RSA("ofgWCuLjybRl", "AQAB") "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RSA("AQAB", "AQAB") "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RSA(RSA_N, "AQAB") ",'alg':'PS256'}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" RSA(RSA_N, "AQAB") ",'use':'enc'}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{'kty':'RSA','n':'" RSA_N "','e':'AQAB'}"), JWKS_ANY, ERR_NOT_FOUND}, /* no name */
        {SET("{" ED25519 "}"), JWKS_ANY, 0},
        {SET("{" ED25519 "}"), JWKS_ES256, ERR_NOT_FOUND},
        {SET("{" ED25519 ",'alg':'EdDSA'}"), JWKS_ANY, 0},
        {SET("{" ED25519 ",'alg':'Ed25519'}"), JWKS_ANY, 0},
        {SET("{" ED25519 ",'alg':'ES256'}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" OKP("Ed448", ED25519_X) "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{" OKP("Ed25519", "11qY") "}"), JWKS_ANY, ERR_NOT_FOUND},
        {SET("{'kty':'OKP','kid':'" LONGEST_KID "','crv':'Ed25519','x':'" ED25519_X "'}"), JWKS_ANY,
         0},
        {SET("{'kty':'OKP','kid':'" LONGEST_KID "k','crv':'Ed25519','x':'" ED25519_X "'}"),
         JWKS_ANY, ERR_NOT_FOUND},
        {SET("{'kty':'oct','kid':'o','k':'" ED25519_X "'}"), JWKS_ANY, ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct jwks *set;
        int rc = parse_for(rows[i].set, rows[i].algs, &set);
        if (rc != rows[i].rc)
            fail_msg("%s: %s", rows[i].set, err_name(rc));
        jwks_destroy(set);
    }
    struct jwks *set = parse(SET("1,{" RFC ",'use':'enc'},{" RFC ",'kid':'good'}"));
    assert_int_equal(1, jwks_len(set));
    assert_non_null(jwks_find(set, SPAN("good")));
    assert_null(jwks_find(set, SPAN("goo")));
    assert_null(jwks_find(set, SPAN("")));
    jwks_destroy(set);
}

/* RFC 9449, section 6.1, has the thumbprint of a P-256 key. */
TEST_CASE(a_key_without_a_name_is_named_by_its_thumbprint)
{
    struct jwks *set = parse(SET("{" EC("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
                                        "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA") "}"));
    assert_non_null(jwks_find(set, SPAN("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")));
    jwks_destroy(set);
}

/* ---- signatures ---- */

static struct jwks_key *new_key(void)
{
    struct jwks_key *key;
    assert_int_equal(0, jwks_key_generate(NULL, &key));
    return key;
}

TEST_CASE(the_example_of_rfc_7515_verifies)
{
    struct jwks *set = parse(SET("{" RFC ",'kid':'a'}"));
    const struct jwks_key *key = jwks_find(set, SPAN("a"));
    assert_non_null(key);
    assert_null(jwks_signer(set));
    uint8_t signature[JWKS_SIGNATURE_BYTES];
    assert_true(base64_decode_exact(SPAN(rfc_signature), signature, sizeof(signature)));
    assert_int_equal(0, jwks_key_verify(key, SPAN(rfc_message), signature));
    assert_int_equal(ERR_AUTH, jwks_key_verify(key, span_skip(SPAN(rfc_message), 1), signature));
    for (unsigned bit = 0; bit < 8 * JWKS_SIGNATURE_BYTES; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(ERR_AUTH, jwks_key_verify(key, SPAN(rfc_message), signature));
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    memset(signature, 0, sizeof(signature));
    assert_int_equal(ERR_AUTH, jwks_key_verify(key, SPAN(rfc_message), signature));
    memset(signature, 0xFF, sizeof(signature));
    assert_int_equal(ERR_AUTH, jwks_key_verify(key, SPAN(rfc_message), signature));
    jwks_destroy(set);
}

TEST_CASE(only_the_key_that_signed_verifies)
{
    struct jwks_key *key = new_key(), *other = new_key();
    assert_int_equal(jwks_key_kid(key).len, JWKS_KID_LEN);
    uint8_t signature[JWKS_SIGNATURE_BYTES];
    /* Often enough to meet integers with leading zeros, which are shorter in DER. */
    for (unsigned i = 0; i < 600; i++) {
        char message[16];
        snprintf(message, sizeof(message), "message %u", i);
        assert_int_equal(0, jwks_key_sign(key, span_of(message), NULL, signature));
        assert_int_equal(0, jwks_key_verify(key, span_of(message), signature));
    }
    assert_int_equal(ERR_AUTH, jwks_key_verify(other, SPAN("message 599"), signature));
    jwks_key_destroy(key);
    jwks_key_destroy(other);
    jwks_key_destroy(NULL);
}

/* The result is valid until the next call. */
static struct span decoded(const char *signature)
{
    static uint8_t bytes[JWKS_SIGNATURE_BYTES_MAX];
    size_t len;
    assert_true(base64_decode(span_of(signature), bytes, sizeof(bytes), &len));
    return (struct span){(const char *)bytes, len};
}

static bool verifies(const struct jwks *set, const char *kid, const char *message,
                     const char *signature)
{
    int rc =
        jwks_key_verify_own(jwks_find(set, span_of(kid)), span_of(message), decoded(signature));
    assert_true(rc == 0 || rc == ERR_AUTH);
    return rc == 0;
}

TEST_CASE(each_key_verifies_by_its_own_algorithm)
{
    struct jwks *set = parse(SET("{" RSA(RSA_N, "AQAB") "},{" ED25519 "}"));
    assert_string_equal("RS256", jwks_key_alg(jwks_find(set, SPAN("r"))));
    assert_string_equal("EdDSA", jwks_key_alg(jwks_find(set, SPAN("e"))));
    assert_true(verifies(set, "r", rs256_message, rs256_signature));
    assert_true(verifies(set, "e", eddsa_message, eddsa_signature));
    assert_false(verifies(set, "r", eddsa_message, rs256_signature));
    assert_false(verifies(set, "e", rs256_message, eddsa_signature));
    assert_false(verifies(set, "r", eddsa_message, eddsa_signature));
    assert_false(verifies(set, "e", rs256_message, rs256_signature));
    jwks_destroy(set);
}

/* Counts OpenSSL's allocations. */
static unsigned lent, not_lent_at;

static void *lend(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return ++lent == not_lent_at ? NULL : malloc(size);
}

static void *lend_more(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return ++lent == not_lent_at ? NULL : realloc(memory, size);
}

static void take_back(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

/* How often a failed allocation prevented the check. */
static unsigned unknown_of(const struct jwks_key *key, struct span message, struct span signature)
{
    unsigned unknown = 0;
    assert_int_equal(0, jwks_key_verify_own(key, message, signature));
    for (unsigned at = 1; at == 1 || lent >= at - 1; at++) {
        lent = 0;
        not_lent_at = at;
        int rc = jwks_key_verify_own(key, message, signature);
        not_lent_at = 0;
        if (rc != 0 && rc != ERR_NOMEM)
            fail_msg("%s, the %uth: %s", jwks_key_alg(key), at, err_name(rc));
        unknown += rc == ERR_NOMEM;
    }
    return unknown;
}

TEST_CASE(lack_of_memory_is_not_a_wrong_signature)
{
    static const struct {
        const char *kid, *message, *signature;
    } rows[] = {{"a", rfc_message, rfc_signature}, {"r", rs256_message, rs256_signature}};
    struct jwks *set = parse(SET("{" RFC ",'kid':'a'},{" RSA(RSA_N, "AQAB") "}"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(unknown_of(jwks_find(set, span_of(rows[i].kid)), span_of(rows[i].message),
                               decoded(rows[i].signature)) > 0);
    jwks_destroy(set);
}

TEST_CASE(lack_of_memory_is_not_a_wrong_token)
{
    struct clock_fake clock;
    const struct jwt_rules rules = {.typ = "t", .iss = "i", .aud = "a", .clock = &clock.clock};
    const struct jwt_claims claims = {
        .iss = SPAN("i"), .aud = SPAN("a"), .iat_s = 1795159950, .exp_s = 1795159999};
    struct jwks *set;
    char memory[JWT_BYTES_MAX];
    struct text token = text_on(memory, sizeof(memory));
    unsigned unknown = 0;
    clock_fake_init(&clock, 1795159953000000);
    assert_int_equal(0, jwks_create(NULL, &set));
    assert_int_equal(0, jwks_add(set, new_key(), NULL));
    assert_int_equal(0, jwt_sign(jwks_signer(set), "t", &claims, NULL, &token));
    for (unsigned at = 1; at == 1 || lent >= at - 1; at++) {
        struct jwt jwt;
        struct err_slot err;
        lent = 0;
        not_lent_at = at;
        int rc = jwt_verify(set, &rules, text_span(&token), &err, &jwt);
        not_lent_at = 0;
        assert_true(rc == 0 || rc == ERR_NOMEM);
        unknown += rc != 0;
        if (rc == 0)
            jwt_deinit(&jwt);
    }
    assert_true(unknown > 0);
    jwks_destroy(set);
}

/* ---- sets of keys ---- */

TEST_CASE(a_published_set_has_the_public_halves_only)
{
    struct jwks *set;
    struct jwks_key *current = new_key(), *previous = new_key();
    assert_int_equal(0, jwks_create(NULL, &set));
    assert_int_equal(0, jwks_add(set, current, NULL));
    assert_int_equal(0, jwks_add(set, previous, NULL));
    assert_ptr_equal(current, jwks_signer(set));
    char memory[JWKS_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory) - 1);
    jwks_put(&text, set);
    assert_false(text.overflown);
    memory[text.len] = '\0';
    assert_null(strstr(memory, "\"d\""));

    struct jwks *theirs = parse(memory);
    assert_int_equal(2, jwks_len(theirs));
    uint8_t signature[JWKS_SIGNATURE_BYTES];
    assert_int_equal(0, jwks_key_sign(previous, SPAN("hello"), NULL, signature));
    const struct jwks_key *found = jwks_find(theirs, jwks_key_kid(previous));
    assert_int_equal(0, jwks_key_verify(found, SPAN("hello"), signature));
    assert_int_equal(JWKS_KID_LEN, jwks_key_kid(previous).len);
    jwks_destroy(theirs);
    jwks_destroy(set);
    jwks_destroy(NULL);
}

TEST_CASE(a_full_set_fits_into_jwks_text_max)
{
    struct jwks *set;
    assert_int_equal(0, jwks_create(NULL, &set));
    for (unsigned i = 0; i < JWKS_KEYS_MAX; i++)
        assert_int_equal(0, jwks_add(set, new_key(), NULL));
    struct jwks_key *one_more = new_key();
    assert_int_equal(ERR_FULL, jwks_add(set, one_more, NULL));
    jwks_key_destroy(one_more);
    char memory[JWKS_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory));
    jwks_put(&text, set);
    assert_false(text.overflown);
    jwks_destroy(set);
}

#define TWO SET("{" RFC ",'kid':'a'},{" RFC ",'kid':'b'}")

TEST_CASE(a_set_has_all_of_its_keys_or_is_refused)
{
    struct jwks *set;
    struct err_slot err;
    int rc = jwks_parse(span_of(script_json(TWO)), JWKS_ES256, &err, &set);
    unit_never(rc == 0 && jwks_len(set) < 2, "a set without one of its keys");
    unit_never(rc == ERR_NOT_FOUND, "a good set that is refused for having no keys");
    assert_int_equal(0, rc);
    jwks_destroy(set);
}

TEST_CASE(lack_of_memory_is_not_a_bad_key_set)
{
    struct jwks *set;
    struct err_slot err;
    bool lacking = true;
    for (unsigned nth = 0; lacking; nth++) {
        scarce_nth(nth);
        int rc = jwks_parse(span_of(script_json(TWO)), JWKS_ES256, &err, &set);
        lacking = scarce_end();
        assert_int_equal(lacking ? ERR_NOMEM : 0, rc);
        if (lacking)
            assert_says(&err, "key set: no memory");
    }
    assert_int_equal(2, jwks_len(set));
    jwks_destroy(set);
}

/* ---- files of keys ---- */

TEST_CASE(keys_are_loaded_from_a_list_of_files)
{
    enum { GOOD, BAD, CUT, P384, EDDSA, NOTED, OPEN, FILES };
    static char many[513];
    memset(many, 'x', sizeof(many) - 1);
    char *const path[FILES] = {
        [GOOD] = unit_file(SPAN(PEM_P256), 0600),
        [BAD] = unit_file(SPAN("nonsense"), 0600),
        [CUT] = unit_file((struct span){PEM_P256, 60}, 0600),
        [P384] = unit_file(SPAN(pem_p384), 0600),
        [EDDSA] = unit_file(SPAN(pem_ed25519), 0600),
        [NOTED] = unit_file(SPAN(PEM_P256 "kept in the safe\n"), 0600),
        [OPEN] = unit_file(SPAN(PEM_P256), 0640),
    };
    const struct {
        const char *first, *more;
        int rc;
        const char *says;
    } rows[] = {
        {path[GOOD], "", 0, ""},
        {path[NOTED], "", 0, ""},                              /* what follows the key is ignored */
        {path[GOOD], " , ", ERR_EXISTS, "the same key twice"}, /* the good key again */
        {path[GOOD], ",", ERR_SYNTAX, "no list of key files"},
        {path[GOOD], ",/nowhere/key.pem", ERR_NOT_FOUND, "/nowhere/key.pem"},
        {path[BAD], "", ERR_SYNTAX, path[BAD]},
        {path[BAD], " , ", ERR_SYNTAX, path[BAD]}, /* the first wrong one ends the reading */
        {path[CUT], "", ERR_SYNTAX, path[CUT]},
        {path[P384], "", ERR_AUTH, "EC on P-256"},
        {path[EDDSA], "", ERR_AUTH, "EC on P-256"},
        {path[OPEN], "", ERR_AUTH, path[OPEN]},
        {"", "", ERR_SYNTAX, "no list of key files"},
        {many, "", ERR_SYNTAX, ""},
        {many + 312, "", ERR_NOT_FOUND, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char list[700];
        struct err_slot err = {.text = ""};
        struct jwks *set = NULL;
        snprintf(list, sizeof(list), "%s%s%s", rows[i].first, rows[i].more,
                 strcmp(rows[i].more, " , ") == 0 ? path[GOOD] : "");
        if (jwks_load(span_of(list), &err, &set) != rows[i].rc)
            fail_msg("%s: %s", list, err.text);
        assert_says(&err, rows[i].says);
        if (rows[i].rc < 0) {
            assert_int_equal(rows[i].rc, jwks_load(span_of(list), NULL, &set));
            continue;
        }
        assert_int_equal(1, jwks_len(set));
        assert_span(jwks_key_kid(jwks_signer(set)), "GI3YD_RTEuMlE_Q_-us5XDwM7VviSLWeWW5OHtYPyTE");
        jwks_destroy(set);
    }
    assert_int_equal(ERR_SYNTAX, jwks_load((struct span){NULL, 0}, NULL, &(struct jwks *){NULL}));
    for (unsigned i = 0; i < FILES; i++)
        unit_file_remove(path[i]);
}

TEST_CASE(keys_of_one_file_are_read_in_their_order)
{
    struct jwks_key *key[3];
    struct jwks *set;
    struct err_slot err;
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    for (size_t i = 0; i < 3; i++) {
        key[i] = new_key();
        assert_int_equal(0, jwks_key_put_pem(key[i], &text, &err));
    }
    char *path = unit_file(text_span(&text), 0600);
    assert_int_equal(0, jwks_load(span_of(path), &err, &set));
    assert_int_equal(3, jwks_len(set));
    for (size_t i = 0; i < 3; i++) {
        assert_true(span_eq(jwks_key_kid(key[i]), jwks_key_kid(jwks_at(set, i))));
        jwks_key_destroy(key[i]);
    }
    assert_ptr_equal(jwks_at(set, 0), jwks_signer(set));
    jwks_destroy(set);
    unit_file_remove(path);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(lend, lend_more, take_back) != 1)
        return 1;
    return unit_run();
}
