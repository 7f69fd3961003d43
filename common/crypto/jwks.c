/* jwks.c: keys are OpenSSL's EVP_PKEY, created once and then only read, which OpenSSL allows from
 * any thread. A key's name and JWK are written when the key is created, so that publishing and
 * finding keys needs no cryptography.
 *
 * OpenSSL uses ASN.1: a signature is a DER sequence of two integers of varying length. JWS wants
 * the bare integers, 32 bytes each, so they are extracted after signing and encoded again before
 * verifying. With a fixed length there is nothing to parse on our side.
 *
 * key_from_evp() accepts only EC keys on P-256, whatever a file or a set contains. Other parties'
 * RSA and Ed25519 keys, which only verify, are read where a caller requests their algorithm. */
#include "crypto/jwks.h"

#include "base/base64.h"
#include "base/json_in.h"
#include "base/secret_file.h"
#include "crypto/openssl.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum {
    COORDINATE_BYTES = 32,
    COORDINATE_CHARS = 43,
    POINT_BYTES = 1 + 2 * COORDINATE_BYTES, /* 04, x, y */
    DER_BYTES_MAX = 72,                     /* two integers of 33 bytes, three heads */
    PATH_MAX_BYTES = 512,
    RSA_BYTES_MIN = 256, /* 2048 bits; less is no longer secure */
    RSA_BYTES_MAX = JWKS_SIGNATURE_BYTES_MAX,
    RSA_EXPONENT_BYTES_MAX = 4, /* practically all are 65537 */
    ED25519_BYTES = 32,
    ED25519_SIGNATURE_BYTES = 64,
};

struct jwks_key {
    EVP_PKEY *evp;
    enum jwks_alg alg;
    bool signs;
    char x[COORDINATE_CHARS + 1];
    char y[COORDINATE_CHARS + 1];
    size_t kid_len;
    char kid[JWKS_KID_MAX];
};

struct jwks {
    struct jwks_key *key[JWKS_KEYS_MAX];
    size_t len;
};

/* Reports OpenSSL's reason and clears its error queue for the next call. */
static int refuse(struct err_slot *err, enum err_code code, const char *what)
{
    unsigned long reason = ERR_peek_last_error();
    const char *text = reason != 0 ? ERR_reason_error_string(reason) : NULL;
    int rc = err_set(err, code, "%s%s%s", what, text != NULL ? ": " : "", text != NULL ? text : "");
    ERR_clear_error();
    return rc;
}

/* ---- one key ---- */

static bool is_p256(const EVP_PKEY *evp)
{
    char group[32];
    size_t len;
    return EVP_PKEY_is_a(evp, "EC") &&
           EVP_PKEY_get_group_name(evp, group, sizeof(group), &len) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool read_coordinate(const EVP_PKEY *evp, const char *name, char out[COORDINATE_CHARS + 1])
{
    BIGNUM *number = NULL;
    uint8_t bytes[COORDINATE_BYTES];
    bool good = EVP_PKEY_get_bn_param(evp, name, &number) == 1 &&
                BN_bn2binpad(number, bytes, sizeof(bytes)) == (int)sizeof(bytes);
    BN_free(number);
    if (!good)
        return false;
    struct text text = text_on(out, COORDINATE_CHARS);
    base64_put(&text, bytes, sizeof(bytes));
    assert(!text.overflown && text.len == COORDINATE_CHARS);
    out[COORDINATE_CHARS] = '\0';
    return true;
}

/* RFC 7638: the digest of the required members, in the order of their names. */
static void name_by_thumbprint(struct jwks_key *key)
{
    char json[192];
    struct text text = text_on(json, sizeof(json));
    text_printf(&text, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", key->x,
                key->y);
    assert(!text.overflown);
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const uint8_t *)text.ptr, text.len);
    struct text kid = text_on(key->kid, sizeof(key->kid));
    base64_put(&kid, digest, sizeof(digest));
    key->kid_len = kid.len;
    assert(key->kid_len == JWKS_KID_LEN);
}

/* Takes ownership of evp, also on failure. */
static int key_from_evp(EVP_PKEY *evp, bool signs, struct err_slot *err, struct jwks_key **out)
{
    int rc = 0;
    struct jwks_key *key = calloc(1, sizeof(*key));
    if (key == NULL)
        rc = err_set(err, ERR_NOMEM, "a key");
    else if (!is_p256(evp))
        rc = refuse(err, ERR_AUTH, "a key must be EC on P-256");
    else if (!read_coordinate(evp, OSSL_PKEY_PARAM_EC_PUB_X, key->x) ||
             !read_coordinate(evp, OSSL_PKEY_PARAM_EC_PUB_Y, key->y))
        rc = refuse(err, ERR_AUTH, "reading a key's coordinates");
    if (rc < 0) {
        EVP_PKEY_free(evp);
        free(key);
        return rc;
    }
    name_by_thumbprint(key);
    key->evp = evp;
    key->alg = JWKS_ES256;
    key->signs = signs;
    *out = key;
    return 0;
}

/* Without it OpenSSL would ask the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *out, int cap, int writing, void *ctx)
{
    (void)out, (void)cap, (void)writing, (void)ctx;
    return -1;
}

int jwks_key_generate(struct err_slot *err, struct jwks_key **out)
{
    EVP_PKEY *evp = EVP_EC_gen("P-256");
    if (evp == NULL)
        return refuse(err, ERR_IO, "making a key");
    return key_from_evp(evp, true, err, out);
}

struct span jwks_key_kid(const struct jwks_key *key)
{
    return (struct span){key->kid, key->kid_len};
}

int jwks_key_put_pem(const struct jwks_key *key, struct text *text, struct err_slot *err)
{
    assert(key->signs);
    BIO *bio = BIO_new(BIO_s_secmem());
    char *bytes = NULL;
    long len = 0;
    bool good = bio != NULL &&
                PEM_write_bio_PKCS8PrivateKey(bio, key->evp, NULL, NULL, 0, NULL, NULL) == 1 &&
                (len = BIO_get_mem_data(bio, &bytes)) > 0;
    if (good)
        text_add(text, bytes, (size_t)len);
    BIO_free(bio);
    return good ? 0 : refuse(err, ERR_AUTH, "writing a key");
}

void jwks_key_destroy(struct jwks_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->evp); /* wipes the private half */
    free(key);
}

/* ---- signing ---- */

static bool to_raw(const uint8_t *der, size_t len, uint8_t signature[JWKS_SIGNATURE_BYTES])
{
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)len);
    if (parts == NULL)
        return false;
    bool good =
        BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, COORDINATE_BYTES) == COORDINATE_BYTES &&
        BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + COORDINATE_BYTES, COORDINATE_BYTES) ==
            COORDINATE_BYTES;
    ECDSA_SIG_free(parts);
    return good;
}

/* Returns the DER's length; 0: no memory. */
static size_t to_der(const uint8_t signature[JWKS_SIGNATURE_BYTES], uint8_t der[DER_BYTES_MAX])
{
    int len = 0;
    BIGNUM *r = BN_bin2bn(signature, COORDINATE_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(signature + COORDINATE_BYTES, COORDINATE_BYTES, NULL);
    ECDSA_SIG *parts = ECDSA_SIG_new();
    if (r == NULL || s == NULL || parts == NULL || ECDSA_SIG_set0(parts, r, s) != 1) {
        BN_free(r);
        BN_free(s);
    } else {
        uint8_t *end = der;
        len = i2d_ECDSA_SIG(parts, &end);
        assert(len <= DER_BYTES_MAX);
    }
    ECDSA_SIG_free(parts);
    return len > 0 ? (size_t)len : 0;
}

int jwks_key_sign(const struct jwks_key *key, struct span message, struct err_slot *err,
                  uint8_t signature[JWKS_SIGNATURE_BYTES])
{
    assert(key->signs);
    uint8_t der[DER_BYTES_MAX];
    size_t len = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL &&
                EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->evp, NULL) == 1 &&
                EVP_DigestSign(ctx, der, &len, (const uint8_t *)message.ptr, message.len) == 1 &&
                to_raw(der, len, signature);
    EVP_MD_CTX_free(ctx);
    return good ? 0 : refuse(err, ERR_AUTH, "signing");
}

/* OpenSSL also reports a bad signature if it had no memory to check it; then its error queue, which
 * is emptied here, has the reason. There is none if it could not copy the context, so no copy is
 * made, and none if Ed25519 could not hash: such a signature counts as bad. The key was accepted,
 * so with memory the context can be set up. */
static int verify(const struct jwks_key *key, const char *digest, struct span message,
                  struct span signature)
{
    ERR_clear_error();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool lacked =
        ctx == NULL || EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key->evp, NULL) != 1;
    bool good = false;
    if (!lacked) {
        EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE);
        good = EVP_DigestVerify(ctx, (const uint8_t *)signature.ptr, signature.len,
                                (const uint8_t *)message.ptr, message.len) == 1;
    }
    EVP_MD_CTX_free(ctx);
    unsigned long reason;
    while ((reason = ERR_get_error()) != 0)
        lacked |= ERR_GET_REASON(reason) == ERR_R_MALLOC_FAILURE;
    return good ? 0 : lacked ? ERR_NOMEM : ERR_AUTH;
}

int jwks_key_verify(const struct jwks_key *key, struct span message,
                    const uint8_t signature[JWKS_SIGNATURE_BYTES])
{
    uint8_t der[DER_BYTES_MAX];
    size_t len = to_der(signature, der);
    if (len == 0) { /* any 64 bytes are two integers */
        ERR_clear_error();
        return ERR_NOMEM;
    }
    return verify(key, "SHA256", message, (struct span){(const char *)der, len});
}

const char *jwks_key_alg(const struct jwks_key *key)
{
    switch (key->alg) {
    case JWKS_RS256:
        return "RS256";
    case JWKS_EDDSA:
        return "EdDSA";
    case JWKS_ES256:
    case JWKS_ANY:
        break;
    }
    assert(key->alg == JWKS_ES256);
    return "ES256";
}

int jwks_key_verify_own(const struct jwks_key *key, struct span message, struct span signature)
{
    const uint8_t *bytes = (const uint8_t *)signature.ptr;
    if (key->alg == JWKS_ES256)
        return signature.len == JWKS_SIGNATURE_BYTES ? jwks_key_verify(key, message, bytes)
                                                     : ERR_AUTH;
    bool hashes_itself = key->alg == JWKS_EDDSA;
    if (hashes_itself && signature.len != ED25519_SIGNATURE_BYTES)
        return ERR_AUTH;
    /* For RSA this is PKCS #1 v1.5, as RS256 requires. */
    return verify(key, hashes_itself ? NULL : "SHA256", message, signature);
}

/* ---- sets ---- */

int jwks_create(struct err_slot *err, struct jwks **out)
{
    struct jwks *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return err_set(err, ERR_NOMEM, "a key set");
    *out = set;
    return 0;
}

int jwks_add(struct jwks *set, struct jwks_key *key, struct err_slot *err)
{
    assert(set->len <= JWKS_KEYS_MAX && key->kid_len > 0);
    if (set->len == JWKS_KEYS_MAX)
        return err_set(err, ERR_FULL, "a key set holds at most %d keys", JWKS_KEYS_MAX);
    if (jwks_find(set, jwks_key_kid(key)) != NULL)
        return err_set(err, ERR_EXISTS, "the same key twice: %.*s", (int)key->kid_len, key->kid);
    set->key[set->len++] = key;
    return 0;
}

const struct jwks_key *jwks_find(const struct jwks *set, struct span kid)
{
    for (size_t i = 0; i < set->len; i++) {
        if (span_eq(jwks_key_kid(set->key[i]), kid))
            return set->key[i];
    }
    return NULL;
}

const struct jwks_key *jwks_signer(const struct jwks *set)
{
    for (size_t i = 0; i < set->len; i++) {
        assert(set->key[i]->evp != NULL);
        if (set->key[i]->signs)
            return set->key[i];
    }
    return NULL;
}

const struct jwks_key *jwks_at(const struct jwks *set, size_t index)
{
    assert(index < set->len);
    return set->key[index];
}

size_t jwks_len(const struct jwks *set)
{
    return set->len;
}

void jwks_destroy(struct jwks *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->len; i++)
        jwks_key_destroy(set->key[i]);
    free(set);
}

/* OpenSSL reports "unsupported" both at the end of a file and for an unreadable key. */
static bool has_key_left(BIO *bio)
{
    static const char word[] = "-----BEGIN ";
    char *rest = NULL;
    long len = BIO_get_mem_data(bio, &rest);
    return len > 0 && memmem(rest, (size_t)len, word, sizeof(word) - 1) != NULL;
}

/* Adds all keys of one file. */
static int add_from(struct jwks *set, struct span pem, struct err_slot *err)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    if (bio == NULL)
        return refuse(err, ERR_NOMEM, "a key");
    int rc = 0;
    for (bool first = true; rc == 0 && (first || has_key_left(bio)); first = false) {
        EVP_PKEY *evp = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
        struct jwks_key *key = NULL;
        if (evp == NULL)
            rc = refuse(err, ERR_SYNTAX, "no private key in PEM that can be read");
        else
            rc = key_from_evp(evp, true, err, &key);
        if (rc == 0 && (rc = jwks_add(set, key, err)) < 0)
            jwks_key_destroy(key);
    }
    BIO_free(bio);
    return rc;
}

static int add_file(struct jwks *set, const char *path, struct err_slot *err)
{
    struct secret_file *secret;
    int rc = secret_file_read(path, err, &secret);
    if (rc < 0)
        return rc;
    rc = add_from(set, secret_file_span(secret), err);
    secret_file_destroy(secret);
    return rc < 0 && err != NULL ? err_wrap(err, "%s", path) : rc;
}

int jwks_load(struct span paths, struct err_slot *err, struct jwks **out)
{
    struct jwks *set;
    int rc = jwks_create(err, &set);
    if (rc < 0)
        return rc;
    struct span rest = paths, item;
    while (rc == 0 && span_next(&rest, ',', &item)) {
        char path[PATH_MAX_BYTES];
        item = span_trim(item);
        if (item.len == 0 || !span_to_cstr(item, path, sizeof(path)))
            rc = err_set(err, ERR_SYNTAX, "\"%.*s\" is no list of key files", (int)paths.len,
                         paths.ptr);
        else
            rc = add_file(set, path, err);
    }
    if (rc == 0 && set->len == 0)
        rc = err_set(err, ERR_SYNTAX, "there is no key file");
    if (rc < 0)
        jwks_destroy(set);
    else
        *out = set;
    return rc;
}

/* ---- JSON ---- */

void jwks_put(struct text *text, const struct jwks *set)
{
    json_open(text, '{');
    json_member_open(text, "keys", '[');
    for (size_t i = 0; i < set->len; i++) {
        const struct jwks_key *key = set->key[i];
        assert(key->alg == JWKS_ES256); /* our own key */
        json_open(text, '{');
        json_member_cstr(text, "kty", "EC");
        json_member_cstr(text, "crv", "P-256");
        json_member_cstr(text, "use", "sig");
        json_member_cstr(text, "alg", "ES256");
        json_member_str(text, "kid", jwks_key_kid(key));
        json_member_cstr(text, "x", key->x);
        json_member_cstr(text, "y", key->y);
        json_close(text, '}');
    }
    json_close(text, ']');
    json_close(text, '}');
}

/* Absent, or exactly this text. */
static bool allows(const json_t *jwk, const char *name, struct span only)
{
    return json_object_get(jwk, name) == NULL || span_eq(json_in_text_of(jwk, name), only);
}

/* *out is NULL if OpenSSL rejects the key. Without params there was no memory for them. */
static int evp_from(const char *type, OSSL_PARAM *params, struct err_slot *err, EVP_PKEY **out)
{
    *out = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    int rc = 0;
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
        rc = err_set(err, ERR_NOMEM, "a key");
    else if (EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params) != 1)
        *out = NULL;
    EVP_PKEY_CTX_free(ctx);
    return rc;
}

/* OpenSSL rejects a point that is not on the curve, by which an attacker could learn something; of
 * the points that are on P-256, only the one at infinity is unfit. */
static int evp_from_point(const uint8_t point[POINT_BYTES], struct err_slot *err, EVP_PKEY **out)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"P-256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point,
                                          POINT_BYTES),
        OSSL_PARAM_construct_end()};
    return evp_from("EC", params, err, out);
}

/* Takes ownership of evp. *out is NULL if OpenSSL rejects the key. */
static int verifier(EVP_PKEY *evp, enum jwks_alg alg, struct span kid, struct err_slot *err,
                    struct jwks_key **out)
{
    if (evp == NULL)
        return 0;
    struct jwks_key *key = calloc(1, sizeof(*key));
    if (key == NULL) {
        EVP_PKEY_free(evp);
        return err_set(err, ERR_NOMEM, "a key");
    }
    assert(kid.len > 0 && kid.len <= sizeof(key->kid));
    key->evp = evp;
    key->alg = alg;
    memcpy(key->kid, kid.ptr, kid.len);
    key->kid_len = kid.len;
    *out = key;
    return 0;
}

static int evp_from_rsa(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                        struct err_slot *err, EVP_PKEY **out)
{
    BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (modulus != NULL && exponent != NULL && builder != NULL &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    int rc = evp_from("RSA", params, err, out);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    return rc;
}

/* Reads a verify-only key of another party. Success with *out unchanged: the key is ignored. */
static int other_from_jwk(const json_t *jwk, unsigned algs, struct err_slot *err,
                          struct jwks_key **out)
{
    struct span kid = json_in_text_of(jwk, "kid");
    if (kid.len == 0 || kid.len > JWKS_KID_MAX || !allows(jwk, "use", SPAN("sig")))
        return 0;
    if ((algs & JWKS_RS256) != 0 && span_eq(json_in_text_of(jwk, "kty"), SPAN("RSA"))) {
        /* An even exponent, or 1, is no key, nor is an even modulus, or one that is filled up. */
        uint8_t n[RSA_BYTES_MAX], e[RSA_EXPONENT_BYTES_MAX];
        size_t n_len, e_len;
        EVP_PKEY *evp;
        if (!allows(jwk, "alg", SPAN("RS256")) ||
            !base64_decode(json_in_text_of(jwk, "n"), n, sizeof(n), &n_len) ||
            n_len < RSA_BYTES_MIN ||
            !base64_decode(json_in_text_of(jwk, "e"), e, sizeof(e), &e_len) || e_len == 0 ||
            n[0] == 0 || (n[n_len - 1] & 1) == 0 || (e[e_len - 1] & 1) == 0 ||
            (e_len == 1 && e[0] == 1))
            return 0;
        int rc = evp_from_rsa(n, n_len, e, e_len, err, &evp);
        return rc < 0 ? rc : verifier(evp, JWKS_RS256, kid, err, out);
    }
    if ((algs & JWKS_EDDSA) != 0 && span_eq(json_in_text_of(jwk, "kty"), SPAN("OKP"))) {
        uint8_t x[ED25519_BYTES];
        if (!span_eq(json_in_text_of(jwk, "crv"), SPAN("Ed25519")) ||
            (!allows(jwk, "alg", SPAN("EdDSA")) && !allows(jwk, "alg", SPAN("Ed25519"))) ||
            !base64_decode_exact(json_in_text_of(jwk, "x"), x, sizeof(x)))
            return 0;
        return verifier(EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, sizeof(x)),
                        JWKS_EDDSA, kid, err, out);
    }
    return 0;
}

/* Success with NULL for a key that is ignored or invalid. Lack of memory is an error: a set without
 * one of its keys would refuse valid signatures. */
static int key_from_jwk(const json_t *jwk, unsigned algs, struct err_slot *err,
                        struct jwks_key **out)
{
    *out = NULL;
    if (!span_eq(json_in_text_of(jwk, "kty"), SPAN("EC")))
        return other_from_jwk(jwk, algs, err, out);
    uint8_t point[POINT_BYTES] = {4};
    if ((algs & JWKS_ES256) == 0 || !span_eq(json_in_text_of(jwk, "crv"), SPAN("P-256")) ||
        !allows(jwk, "use", SPAN("sig")) || !allows(jwk, "alg", SPAN("ES256")) ||
        !base64_decode_exact(json_in_text_of(jwk, "x"), point + 1, COORDINATE_BYTES) ||
        !base64_decode_exact(json_in_text_of(jwk, "y"), point + 1 + COORDINATE_BYTES,
                             COORDINATE_BYTES))
        return 0;
    struct span kid = json_in_text_of(jwk, "kid");
    if (json_object_get(jwk, "kid") != NULL && (kid.len == 0 || kid.len > JWKS_KID_MAX))
        return 0;
    EVP_PKEY *evp;
    struct jwks_key *key;
    int rc = evp_from_point(point, err, &evp);
    if (rc < 0 || evp == NULL)
        return rc;
    rc = key_from_evp(evp, false, err, &key); /* it is on P-256, so it is readable */
    if (rc < 0)
        return rc;
    if (kid.len > 0) {
        assert(kid.len <= sizeof(key->kid) && !key->signs);
        memcpy(key->kid, kid.ptr, kid.len);
        key->kid_len = kid.len;
    }
    *out = key;
    return 0;
}

int jwks_parse(struct span json, unsigned algs, struct err_slot *err, struct jwks **out)
{
    json_t *doc;
    struct jwks *set = NULL;
    int rc = json_in_parse(json, err, &doc);
    if (rc < 0)
        return err != NULL ? err_wrap(err, "key set") : rc;
    const json_t *keys = json_object_get(doc, "keys");
    if (!json_is_array(keys))
        rc = err_set(err, ERR_SYNTAX, "key set: /keys must be a list");
    if (rc == 0)
        rc = jwks_create(err, &set);
    for (size_t i = 0; rc == 0 && i < json_array_size(keys); i++) {
        struct jwks_key *key;
        rc = key_from_jwk(json_array_get(keys, i), algs, err, &key);
        ERR_clear_error();
        if (rc < 0 || key == NULL)
            continue;
        rc = jwks_add(set, key, err);
        if (rc < 0)
            jwks_key_destroy(key);
    }
    if (rc == 0 && set->len == 0)
        rc = err_set(err, ERR_NOT_FOUND, "key set: no usable key in it");
    json_decref(doc);
    if (rc < 0)
        jwks_destroy(set);
    else
        *out = set;
    return rc;
}
