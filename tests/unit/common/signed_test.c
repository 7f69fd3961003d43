/* signed_test.c: of a signature by RSA over SHA-512 everything counts, and nothing else is one. */
#include "unit.h"

#include "crypto/openssl.h"
#include "crypto/signed.h"

#include <openssl/x509.h>
#include <string.h>

enum { PEM_MAX = 4096 };

struct owner {
    EVP_PKEY *key;
    char memory[PEM_MAX];
    struct span pem;
};

static struct owner rsa, other, curve;

static void become(struct owner *owner, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    assert_non_null(key);
    owner->key = key;
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(1, PEM_write_bio_X509(bio, certificate));
    int len = BIO_read(bio, owner->memory, PEM_MAX);
    assert_in_range(len, 1, PEM_MAX - 1);
    owner->pem = (struct span){owner->memory, (size_t)len};
    BIO_free(bio);
    X509_free(certificate);
}

static int make_owners(void **state)
{
    (void)state;
    become(&rsa, EVP_RSA_gen(2048));
    become(&other, EVP_RSA_gen(2048));
    become(&curve, EVP_EC_gen("P-256"));
    return 0;
}

static int forget_owners(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa.key);
    EVP_PKEY_free(other.key);
    EVP_PKEY_free(curve.key);
    return 0;
}

static struct span sign(const struct owner *owner, const EVP_MD *hash, struct span message)
{
    static unsigned char signature[512];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(1, EVP_DigestSignInit(ctx, NULL, hash, NULL, owner->key));
    assert_int_equal(
        1, EVP_DigestSign(ctx, signature, &len, (const unsigned char *)message.ptr, message.len));
    EVP_MD_CTX_free(ctx);
    return (struct span){(const char *)signature, len};
}

static void a_certificate_is_one_of_an_rsa_key(void **state)
{
    (void)state;
    struct err_slot err;
    assert_int_equal(0, signed_certificate_check(rsa.pem, &err));
    const struct span bad[] = {curve.pem, SPAN(""), SPAN("none"), {rsa.pem.ptr, rsa.pem.len / 2}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ERR_SYNTAX, signed_certificate_check(bad[i], &err));
        assert_says(&err, "there is no certificate of an RSA key in PEM");
    }
}

static void what_was_signed_is_signed_and_nothing_else(void **state)
{
    (void)state;
    struct span message = SPAN("seven at noon"), signature = sign(&rsa, EVP_sha512(), message);
    assert_true(signed_by(rsa.pem, message, signature));
    assert_false(signed_by(rsa.pem, SPAN("seven at noom"), signature));
    assert_false(signed_by(rsa.pem, SPAN("seven at noo"), signature));
    assert_false(signed_by(rsa.pem, message, (struct span){signature.ptr, signature.len - 1}));
    assert_false(signed_by(rsa.pem, message, SPAN("")));
    assert_false(signed_by(other.pem, message, signature));
    assert_false(signed_by(SPAN("none"), message, signature));
    *(char *)signature.ptr ^= 1;
    assert_false(signed_by(rsa.pem, message, signature));
}

static void another_hash_or_kind_of_key_is_no_signature(void **state)
{
    (void)state;
    struct span message = SPAN("seven at noon");
    assert_false(signed_by(rsa.pem, message, sign(&rsa, EVP_sha256(), message)));
    assert_false(signed_by(curve.pem, message, sign(&curve, EVP_sha512(), message)));
}

/* What OpenSSL remembers of it would be taken for the next caller's. */
static void a_refusal_leaves_no_error_behind(void **state)
{
    (void)state;
    struct err_slot err;
    signed_certificate_check(SPAN("none"), &err);
    assert_int_equal(0, ERR_peek_error());
    assert_false(signed_by(rsa.pem, SPAN("a"), SPAN("b")));
    assert_int_equal(0, ERR_peek_error());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_one_of_an_rsa_key),
        cmocka_unit_test(what_was_signed_is_signed_and_nothing_else),
        cmocka_unit_test(another_hash_or_kind_of_key_is_no_signature),
        cmocka_unit_test(a_refusal_leaves_no_error_behind),
    };
    return cmocka_run_group_tests(tests, make_owners, forget_owners);
}
