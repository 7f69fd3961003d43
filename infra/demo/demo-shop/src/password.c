/* password.c: makes and checks hashes in four formats, each by the library that real programs use
 * for it. The usual costs are the defaults of those programs in about 2024, so that a login here
 * takes the time it takes elsewhere: a demo shop with cheap hashes would make every load test look
 * better than it is. The cheap ones are the least that the formats allow, or little more. */
#include "password.h"

#include "base/span.h"
#include "crypto/openssl.h"

#include <assert.h>
#include <crypt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DJANGO_SALT = 22,
    DJANGO_HASH = 32,
    DJANGO_BASE64 = sodium_base64_ENCODED_LEN(DJANGO_HASH, sodium_base64_VARIANT_ORIGINAL),
};

static const char django_name[] = "pbkdf2_sha256";

const char *const password_cost_words[] = {
    [PASSWORD_USUAL] = "usual", [PASSWORD_CHEAP] = "cheap", [PASSWORD_COSTS] = NULL};

static const struct costs {
    unsigned long bcrypt;        /* a power of two of rounds */
    unsigned long sha512_rounds; /* 0: crypt()'s default */
    size_t argon2_passes, argon2_kib;
    int django_iterations;
} costs_of[PASSWORD_COSTS] = {
    [PASSWORD_USUAL] = {.bcrypt = 10,
                        .argon2_passes = 2,
                        .argon2_kib = 19456,
                        .django_iterations = 390000},
    [PASSWORD_CHEAP] = {.bcrypt = 4,
                        .sha512_rounds = 1000,
                        .argon2_passes = 1,
                        .argon2_kib = 8,
                        .django_iterations = 1000},
};

static int make_crypt(const char *prefix, unsigned long cost, const char *password,
                      const struct rng *rng, struct err_slot *err, char out[PASSWORD_HASH_MAX])
{
    char random[16];
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    rng_fill(rng, random, sizeof(random));
    struct crypt_data *data = calloc(1, sizeof(*data)); /* 32 KB: too large for a thread's stack */
    if (data == NULL)
        return err_set(err, ERR_NOMEM, "password hash");
    int rc = 0;
    const char *hash = NULL;
    if (crypt_gensalt_rn(prefix, cost, random, sizeof(random), setting, sizeof(setting)) != NULL)
        hash = crypt_rn(password, setting, data, sizeof(*data));
    if (hash == NULL || strlen(hash) >= PASSWORD_HASH_MAX)
        rc = err_set(err, ERR_IO, "crypt() does not make %s hashes", prefix);
    else
        strcpy(out, hash);
    sodium_memzero(data, sizeof(*data));
    free(data);
    return rc;
}

static bool pbkdf2(const char *password, struct span salt, int iterations,
                   char base64[DJANGO_BASE64])
{
    uint8_t hash[DJANGO_HASH];
    if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const uint8_t *)salt.ptr, (int)salt.len,
                          iterations, EVP_sha256(), sizeof(hash), hash) != 1)
        return false;
    sodium_bin2base64(base64, DJANGO_BASE64, hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    return true;
}

static int make_django(int iterations, const char *password, const struct rng *rng,
                       struct err_slot *err, char out[PASSWORD_HASH_MAX])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char salt[DJANGO_SALT + 1];
    char base64[DJANGO_BASE64];
    for (unsigned i = 0; i < DJANGO_SALT; i++)
        salt[i] = alphabet[rng_below(rng, sizeof(alphabet) - 1)];
    salt[DJANGO_SALT] = '\0';
    if (!pbkdf2(password, span_of(salt), iterations, base64))
        return err_set(err, ERR_IO, "PBKDF2");
    snprintf(out, PASSWORD_HASH_MAX, "%s$%d$%s$%s", django_name, iterations, salt, base64);
    return 0;
}

int password_make(enum password_format format, enum password_cost cost, const char *password,
                  const struct rng *rng, struct err_slot *err, char out[PASSWORD_HASH_MAX])
{
    assert(cost < PASSWORD_COSTS);
    const struct costs *costs = &costs_of[cost];
    switch (format) {
    case PASSWORD_BCRYPT:
        return make_crypt("$2b$", costs->bcrypt, password, rng, err, out);
    case PASSWORD_ARGON2ID:
        /* Salted by libsodium itself. */
        if (crypto_pwhash_str(out, password, strlen(password), costs->argon2_passes,
                              costs->argon2_kib * 1024) == 0)
            return 0;
        return err_set(err, ERR_NOMEM, "argon2id of %zu KiB", costs->argon2_kib);
    case PASSWORD_PBKDF2_DJANGO:
        return make_django(costs->django_iterations, password, rng, err, out);
    case PASSWORD_SHA512_CRYPT:
        return make_crypt("$6$", costs->sha512_rounds, password, rng, err, out);
    case PASSWORD_FORMATS:
        break;
    }
    assert(format < PASSWORD_FORMATS);
    return ERR_RANGE;
}

static bool crypt_holds(const char *hash, const char *password)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    if (data == NULL)
        return false;
    const char *made = crypt_rn(password, hash, data, sizeof(*data));
    bool holds = made != NULL && span_eq_secret(span_of(made), span_of(hash));
    sodium_memzero(data, sizeof(*data));
    free(data);
    return holds;
}

static bool django_holds(struct span hash, const char *password)
{
    struct span name;
    struct span iterations_text;
    struct span salt;
    struct span rest = span_cut(hash, '$', &name);
    rest = span_cut(rest, '$', &iterations_text);
    rest = span_cut(rest, '$', &salt);
    uint64_t iterations;
    char base64[DJANGO_BASE64];
    return span_eq(name, span_of(django_name)) &&
           span_u64(iterations_text, 10000000, &iterations) && iterations > 0 &&
           pbkdf2(password, salt, (int)iterations, base64) && span_eq_secret(span_of(base64), rest);
}

bool password_holds(const char *hash, const char *password)
{
    struct span text = span_of(hash);
    if (span_starts(text, SPAN("$2b$")) || span_starts(text, SPAN("$6$")))
        return crypt_holds(hash, password);
    if (span_starts(text, SPAN("$argon2id$")))
        return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
    return django_holds(text, password);
}
