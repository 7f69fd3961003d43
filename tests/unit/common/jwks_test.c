/* jwks_test.c: keys in and out, the RFCs' own examples, and sets that others publish. */
#include "unit.h"

#include "base/base64.h"
#include "base/json_in.h"
#include "base/secret_file.h"
#include "crypto/jwks.h"
#include "crypto/openssl.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The key and the message of RFC 7515, appendix A.3. */
#define RFC_X   "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC_Y   "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define RFC_JWK "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_Y "\""
static const char rfc_message[] =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ";
static const char rfc_signature[] =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

static struct jwks *parse(const char *json)
{
    struct jwks *set = NULL;
    struct err_slot err;
    if (jwks_parse(span_of(json), &err, &set) < 0)
        fail_msg("%s: %s", json, err.text);
    return set;
}

static struct jwks_key *new_key(void)
{
    struct jwks_key *key;
    assert_int_equal(0, jwks_key_generate(NULL, &key));
    return key;
}

static void the_example_of_rfc_7515_verifies(void **state)
{
    (void)state;
    struct jwks *set = parse("{\"keys\":[" RFC_JWK ",\"kid\":\"a\"}]}");
    const struct jwks_key *key = jwks_find(set, SPAN("a"));
    assert_non_null(key);
    assert_false(jwks_key_signs(key));
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

/* RFC 9449, section 6.1, has the thumbprint of a P-256 key. */
static void a_key_without_a_name_is_named_by_its_thumbprint(void **state)
{
    (void)state;
    struct jwks *set = parse("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
                             "\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
                             "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\"}]}");
    assert_non_null(jwks_find(set, SPAN("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")));
    jwks_destroy(set);
}

static void what_a_key_signs_only_that_key_verifies(void **state)
{
    (void)state;
    struct jwks_key *key = new_key(), *other = new_key();
    uint8_t signature[JWKS_SIGNATURE_BYTES];
    /* Often enough that integers with leading zeros, shorter in DER, come by. */
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

static void a_set_shows_public_halves_that_another_reads_back(void **state)
{
    (void)state;
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

static void a_full_set_has_room_in_the_promised_text(void **state)
{
    (void)state;
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

static void keys_that_are_not_for_us_are_passed_over(void **state)
{
    (void)state;
    struct jwks *set = parse(
        "{\"keys\":[1,{},{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},"
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}," RFC_JWK ",\"use\":\"enc\"}," RFC_JWK
        ",\"alg\":\"ES384\"}," RFC_JWK ",\"kid\":\"\"}," RFC_JWK ",\"kid\":7},"
        /* a point that is not on the curve, and coordinates of a wrong length */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_Y "\",\"y\":\"" RFC_X "\"},"
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"},"
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_Y "\"}," RFC_JWK
        ",\"kid\":\"good\",\"use\":\"sig\",\"alg\":\"ES256\"}]}");
    assert_int_equal(1, jwks_len(set));
    assert_non_null(jwks_find(set, SPAN("good")));
    assert_null(jwks_find(set, SPAN("goo")));
    assert_null(jwks_find(set, SPAN("")));
    jwks_destroy(set);
}

static void a_useless_set_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int rc;
    } cases[] = {
        {"", ERR_SYNTAX},
        {"[]", ERR_SYNTAX},
        {"{}", ERR_SYNTAX},
        {"{\"keys\":{}}", ERR_SYNTAX},
        {"{\"keys\":[]}", ERR_NOT_FOUND},
        {"{\"keys\":[" RFC_JWK ",\"kid\":\"a\"}," RFC_JWK ",\"kid\":\"a\"}]}", ERR_EXISTS}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jwks *set;
        struct err_slot err;
        assert_int_equal(cases[i].rc, jwks_parse(span_of(cases[i].json), &err, &set));
        assert_int_equal(cases[i].rc, jwks_parse(span_of(cases[i].json), NULL, &set));
    }
}

static void a_set_has_all_of_its_keys_or_is_refused(void **state)
{
    (void)state;
    struct jwks *set;
    struct err_slot err;
    static const char two[] = "{\"keys\":[" RFC_JWK ",\"kid\":\"a\"}," RFC_JWK ",\"kid\":\"b\"}]}";
    int rc = jwks_parse(span_of(two), &err, &set);
    unit_never(rc == 0 && jwks_len(set) < 2, "a set without one of its keys");
    unit_never(rc == ERR_NOT_FOUND, "a set whose keys are not for us, as if it were so");
    assert_int_equal(0, rc);
    jwks_destroy(set);
}

static unsigned allocations, refused_at;

static void *refuse_one(size_t size)
{
    return allocations++ == refused_at ? NULL : malloc(size);
}

static void for_want_of_memory_no_set_is_called_bad(void **state)
{
    (void)state;
    static const char two[] = "{\"keys\":[" RFC_JWK ",\"kid\":\"a\"}," RFC_JWK ",\"kid\":\"b\"}]}";
    struct jwks *set;
    struct err_slot err;
    json_in_allocate(refuse_one);
    for (refused_at = 0;; refused_at++) {
        allocations = 0;
        int rc = jwks_parse(span_of(two), &err, &set);
        if (rc == 0)
            break;
        assert_int_equal(ERR_NOMEM, rc);
        assert_says(&err, "key set: no memory");
    }
    json_in_allocate(malloc);
    assert_int_equal(allocations, refused_at);
    assert_int_equal(2, jwks_len(set));
    jwks_destroy(set);
}

/* Made with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256, for this test only. */
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

static void keys_are_loaded_from_files_and_the_first_signs(void **state)
{
    (void)state;
    char *first = unit_file(SPAN(PEM_P256), 0600);
    char paths[256];
    struct err_slot err;
    struct jwks *set;
    assert_int_equal(0, jwks_load(span_of(first), &err, &set));
    assert_span(jwks_key_kid(jwks_signer(set)), "GI3YD_RTEuMlE_Q_-us5XDwM7VviSLWeWW5OHtYPyTE");
    jwks_destroy(set);

    snprintf(paths, sizeof(paths), "%s , %s", first, first);
    assert_int_equal(ERR_EXISTS, jwks_load(span_of(paths), &err, &set));
    snprintf(paths, sizeof(paths), "%s,", first);
    assert_int_equal(ERR_SYNTAX, jwks_load(span_of(paths), &err, &set));
    snprintf(paths, sizeof(paths), "%s,/nowhere/key.pem", first);
    assert_int_equal(ERR_NOT_FOUND, jwks_load(span_of(paths), &err, &set));
    assert_says(&err, "/nowhere/key.pem");
    assert_int_equal(ERR_SYNTAX, jwks_load(SPAN(""), &err, &set));
    unit_file_remove(first);
}

static void keys_that_were_written_one_after_the_other_are_read_in_that_order(void **state)
{
    (void)state;
    struct jwks_key *key[3];
    struct jwks *set;
    struct err_slot err;
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    for (size_t i = 0; i < 3; i++)
        key[i] = new_key();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(0, jwks_key_put_pem(key[i], &text, &err));
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

static void a_file_that_is_no_such_key_is_refused(void **state)
{
    (void)state;
    struct err_slot err;
    struct jwks_key *key;
    assert_int_equal(ERR_AUTH, jwks_key_parse(SPAN(pem_p384), &err, &key));
    assert_says(&err, "EC on P-256");
    assert_int_equal(ERR_SYNTAX, jwks_key_parse(SPAN("nonsense"), &err, &key));
    assert_int_equal(ERR_SYNTAX, jwks_key_parse(SPAN(""), &err, &key));
    char cut[] = PEM_P256;
    assert_int_equal(ERR_SYNTAX, jwks_key_parse((struct span){cut, 60}, &err, &key));
    char *path = unit_file(SPAN(PEM_P256), 0640);
    assert_int_equal(ERR_AUTH, jwks_key_load(path, &err, &key));
    unit_file_remove(path);
}

static void noise_is_survived(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned round = 0; round < 3000; round++) {
        char in[512];
        struct span good = SPAN("{\"keys\":[" RFC_JWK ",\"kid\":\"a\",\"use\":\"sig\"}]}");
        size_t len = unit_mutate(&rng.rng, good, in, sizeof(in));
        struct jwks *set;
        struct err_slot err;
        if (jwks_parse((struct span){in, len}, &err, &set) < 0)
            continue;
        assert_in_range(jwks_len(set), 1, JWKS_KEYS_MAX);
        jwks_destroy(set);
        struct jwks_key *key;
        len = unit_mutate(&rng.rng, SPAN(PEM_P256), in, sizeof(in));
        if (jwks_key_parse((struct span){in, len}, &err, &key) == 0)
            jwks_key_destroy(key);
    }
}

/* Made with openssl genpkey -algorithm ED25519, for this test only. */
static const char pem_ed25519[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIKcZnAQLxChysuY+MKqTHGhbc4wcl/zR0j/EQMYBsf3p\n"
    "-----END PRIVATE KEY-----\n";

static void lists_of_files_and_what_stands_in_them_are_refused_with_their_names(void **state)
{
    (void)state;
    char longer[600];
    struct err_slot err;
    struct jwks *set;
    struct jwks_key *key;
    char *good = unit_file(SPAN(PEM_P256), 0600);
    char *bad = unit_file(SPAN("nonsense"), 0600);
    char *other = unit_file(SPAN(pem_ed25519), 0600);
    char *noted = unit_file(SPAN(PEM_P256 "kept in the safe\n"), 0600);

    assert_int_equal(ERR_AUTH, jwks_key_parse(SPAN(pem_ed25519), &err, &key));
    assert_says(&err, "EC on P-256");
    assert_int_equal(0, jwks_key_load(good, &err, &key));
    assert_true(jwks_key_signs(key));
    jwks_key_destroy(key);
    assert_int_equal(ERR_SYNTAX, jwks_key_load(bad, &err, &key));
    assert_says(&err, bad);
    assert_int_equal(ERR_SYNTAX, jwks_key_load(bad, NULL, &key));
    assert_int_equal(ERR_SYNTAX, jwks_load(span_of(bad), &err, &set));
    assert_says(&err, bad);
    assert_int_equal(ERR_SYNTAX, jwks_load(span_of(bad), NULL, &set));
    assert_int_equal(ERR_AUTH, jwks_load(span_of(other), &err, &set));
    snprintf(longer, sizeof(longer), "%s,%s", bad, good); /* the first that is wrong ends it */
    assert_int_equal(ERR_SYNTAX, jwks_load(span_of(longer), &err, &set));
    assert_says(&err, bad);
    assert_int_equal(0, jwks_load(span_of(noted), &err, &set)); /* what follows is no key */
    assert_int_equal(1, jwks_len(set));
    jwks_destroy(set);

    assert_int_equal(ERR_SYNTAX, jwks_load((struct span){NULL, 0}, &err, &set));
    assert_says(&err, "no key file");
    memset(longer, 'x', sizeof(longer));
    assert_int_equal(ERR_SYNTAX, jwks_load((struct span){longer, 512}, &err, &set));
    assert_int_equal(ERR_NOT_FOUND, jwks_load((struct span){longer, 200}, &err, &set));
    static char large[SECRET_FILE_BYTES_MAX + 1];
    assert_int_equal(ERR_RANGE, jwks_key_parse((struct span){large, sizeof(large)}, &err, &key));
    assert_int_equal(ERR_SYNTAX,
                     jwks_key_parse((struct span){large, sizeof(large) - 1}, &err, &key));
    unit_file_remove(good);
    unit_file_remove(bad);
    unit_file_remove(other);
    unit_file_remove(noted);
}

static void a_kid_is_as_long_as_it_may_be_and_no_longer(void **state)
{
    (void)state;
    for (size_t len = JWKS_KID_MAX; len <= JWKS_KID_MAX + 1; len++) {
        char json[1024];
        struct text text = text_on(json, sizeof(json));
        TEXT_LIT(&text, "{\"keys\":[" RFC_JWK ",\"kid\":\"");
        for (size_t i = 0; i < len; i++)
            text_char(&text, 'k');
        TEXT_LIT(&text, "\"}]}");
        struct jwks *set = NULL;
        int rc = jwks_parse(text_span(&text), NULL, &set);
        assert_int_equal(rc, len <= JWKS_KID_MAX ? 0 : ERR_NOT_FOUND);
        jwks_destroy(set);
    }
}

static void a_key_that_is_made_signs_and_has_a_name(void **state)
{
    (void)state;
    struct jwks_key *key = new_key();
    bool signs = jwks_key_signs(key);
    size_t len = jwks_key_kid(key).len;
    jwks_key_destroy(key);
    assert_true(signs);
    assert_int_equal(len, JWKS_KID_LEN);
}

/* RFC 7515, A.2, and RFC 8037, A.4. */
#define RSA_N                                                                                      \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc"                 \
    "S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGz"                 \
    "jb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xs"                 \
    "mtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8"                 \
    "q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
static const char rs256_message[] =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ";
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

static bool verifies(const struct jwks *set, const char *kid, const char *message,
                     const char *signature)
{
    uint8_t bytes[JWKS_SIGNATURE_BYTES_MAX];
    size_t len;
    assert_true(base64_decode(span_of(signature), bytes, sizeof(bytes), &len));
    int rc = jwks_key_verify_own(jwks_find(set, span_of(kid)), span_of(message),
                                 (struct span){(const char *)bytes, len});
    assert_true(rc == 0 || rc == ERR_AUTH);
    return rc == 0;
}

static void keys_of_others_verify_by_their_own_algorithm_where_they_are_asked_for(void **state)
{
    (void)state;
    static const char both[] =
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"},"
        "{\"kty\":\"OKP\",\"kid\":\"e\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\"}]}";
    struct err_slot err;
    struct jwks *set;
    assert_int_equal(ERR_NOT_FOUND, jwks_parse(SPAN(both), &err, &set)); /* ours are ES256 */
    assert_int_equal(0, jwks_parse_for(SPAN(both), JWKS_ANY, &err, &set));
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

/* Of OpenSSL, which has its memory from here. */
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

/* How often it could not be checked. */
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

static void for_want_of_memory_no_signature_is_called_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *kid, *message, *signature;
    } rows[] = {{"a", rfc_message, rfc_signature}, {"r", rs256_message, rs256_signature}};
    struct err_slot err;
    struct jwks *set;
    assert_int_equal(
        0, jwks_parse_for(SPAN("{\"keys\":[" RFC_JWK ",\"kid\":\"a\"},{\"kty\":\"RSA\",\"kid\":"
                               "\"r\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}]}"),
                          JWKS_ANY, &err, &set));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[JWKS_SIGNATURE_BYTES_MAX];
        size_t len;
        assert_true(base64_decode(span_of(rows[i].signature), bytes, sizeof(bytes), &len));
        struct span signature = {(const char *)bytes, len};
        assert_true(unknown_of(jwks_find(set, span_of(rows[i].kid)), span_of(rows[i].message),
                               signature) > 0);
    }
    jwks_destroy(set);
}

static void a_key_of_others_that_is_weak_or_odd_is_passed_over(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"", /* no name */
        "\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"",
        "\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"" RSA_N "\",\"e\":\"AQAC\"",
        "\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"" RSA_N "\",\"e\":\"\"",
        "\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"ofgWCuLjybRl\",\"e\":\"AQAB\"", /* short */
        "\"kty\":\"RSA\",\"kid\":\"r\",\"alg\":\"PS256\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"",
        "\"kty\":\"RSA\",\"kid\":\"r\",\"use\":\"enc\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"",
        "\"kty\":\"OKP\",\"kid\":\"e\",\"crv\":\"Ed448\",\"x\":\"" ED25519_X "\"",
        "\"kty\":\"OKP\",\"kid\":\"e\",\"crv\":\"Ed25519\",\"x\":\"11qY\"",
        "\"kty\":\"oct\",\"kid\":\"o\",\"k\":\"" ED25519_X "\"",
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char json[1024];
        struct err_slot err;
        struct jwks *set;
        snprintf(json, sizeof(json), "{\"keys\":[{%s}]}", keys[i]);
        if (jwks_parse_for(span_of(json), JWKS_ANY, &err, &set) != ERR_NOT_FOUND)
            fail_msg("%s", keys[i]);
    }
}

static int parse_one(const char *members, unsigned algs)
{
    char json[1024];
    struct err_slot err;
    struct jwks *set = NULL;
    snprintf(json, sizeof(json), "{\"keys\":[{%s}]}", members);
    int rc = jwks_parse_for(span_of(json), algs, &err, &set);
    jwks_destroy(set);
    return rc;
}

/* Of RSA: filled up in front, even, no base64; each of the last beside one that is good. */
static void a_number_of_others_is_whole_and_odd(void **state)
{
    (void)state;
    static const char form[] = "\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"%s\",\"e\":\"%s\"";
    char n[] = RSA_N, key[600];
    const size_t last = sizeof(n) - 2;
    const struct {
        size_t at;
        char letter;
        const char *e;
        int rc;
    } rows[] = {{0, n[0], "AQAB", 0},
                {0, n[0], "Aw", 0},
                {0, n[0], "A!", ERR_NOT_FOUND},
                {last, '!', "AQAB", ERR_NOT_FOUND},
                {last, 'A', "AQAB", ERR_NOT_FOUND}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char was = n[rows[i].at];
        n[rows[i].at] = rows[i].letter;
        snprintf(key, sizeof(key), form, n, rows[i].e);
        assert_int_equal(parse_one(key, JWKS_ANY), rows[i].rc);
        n[rows[i].at] = was;
    }
    n[0] = n[1] = 'A';
    snprintf(key, sizeof(key), form, n, "AQAB");
    assert_int_equal(parse_one(key, JWKS_ANY), ERR_NOT_FOUND);
}

static void a_key_of_others_is_for_what_it_says_and_for_what_was_asked(void **state)
{
    (void)state;
    static const char ed[] =
        "\"kty\":\"OKP\",\"kid\":\"e\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\"";
    static const struct {
        const char *more;
        unsigned algs;
        int rc;
    } rows[] = {{"", JWKS_ANY, 0},
                {",\"alg\":\"EdDSA\"", JWKS_ANY, 0},
                {",\"alg\":\"Ed25519\"", JWKS_ANY, 0},
                {",\"alg\":\"ES256\"", JWKS_ANY, ERR_NOT_FOUND},
                {"", JWKS_ES256, ERR_NOT_FOUND}};
    char key[600], kid[JWKS_KID_MAX + 2];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(key, sizeof(key), "%s%s", ed, rows[i].more);
        assert_int_equal(parse_one(key, rows[i].algs), rows[i].rc);
    }
    for (size_t len = JWKS_KID_MAX; len <= JWKS_KID_MAX + 1; len++) {
        memset(kid, 'k', len);
        kid[len] = '\0';
        snprintf(key, sizeof(key),
                 "\"kty\":\"OKP\",\"kid\":\"%s\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\"", kid);
        assert_int_equal(parse_one(key, JWKS_ANY), len > JWKS_KID_MAX ? ERR_NOT_FOUND : 0);
    }
    snprintf(key, sizeof(key), "%s",
             "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_Y "\"");
    assert_int_equal(parse_one(key, JWKS_ES256), 0);
    assert_int_equal(parse_one(key, JWKS_RS256), ERR_NOT_FOUND);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(lend, lend_more, take_back) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(for_want_of_memory_no_signature_is_called_wrong),
        cmocka_unit_test(keys_of_others_verify_by_their_own_algorithm_where_they_are_asked_for),
        cmocka_unit_test(a_key_of_others_that_is_weak_or_odd_is_passed_over),
        cmocka_unit_test(a_number_of_others_is_whole_and_odd),
        cmocka_unit_test(a_key_of_others_is_for_what_it_says_and_for_what_was_asked),
        cmocka_unit_test(the_example_of_rfc_7515_verifies),
        cmocka_unit_test(a_key_without_a_name_is_named_by_its_thumbprint),
        cmocka_unit_test(what_a_key_signs_only_that_key_verifies),
        cmocka_unit_test(a_set_shows_public_halves_that_another_reads_back),
        cmocka_unit_test(a_full_set_has_room_in_the_promised_text),
        cmocka_unit_test(keys_that_are_not_for_us_are_passed_over),
        cmocka_unit_test(a_useless_set_is_refused),
        cmocka_unit_test(a_set_has_all_of_its_keys_or_is_refused),
        cmocka_unit_test(for_want_of_memory_no_set_is_called_bad),
        cmocka_unit_test(keys_are_loaded_from_files_and_the_first_signs),
        cmocka_unit_test(keys_that_were_written_one_after_the_other_are_read_in_that_order),
        cmocka_unit_test(a_file_that_is_no_such_key_is_refused),
        cmocka_unit_test(noise_is_survived),
        cmocka_unit_test(lists_of_files_and_what_stands_in_them_are_refused_with_their_names),
        cmocka_unit_test(a_kid_is_as_long_as_it_may_be_and_no_longer),
        cmocka_unit_test(a_key_that_is_made_signs_and_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
