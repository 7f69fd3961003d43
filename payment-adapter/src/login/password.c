/* password.c: the prefix of the stored hash names its format, and each format has its library:
 * libxcrypt (bcrypt, sha512-crypt), libargon2, OpenSSL (PBKDF2). The costs inside the hash are read
 * and bounded first, because the table is not ours. Comparison takes constant time. */
#include "login/password.h"

#include "crypto/openssl.h"

#include <argon2.h>
#include <crypt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- crypt(3) ---- */

static int check_crypt_cost(const char *hash)
{
    if (hash[1] == '2') {
        uint64_t cost;
        if (strlen(hash) != 60 || !span_u64((struct span){hash + 4, 2}, 99, &cost))
            return ERR_SYNTAX;
        if (cost > PASSWORD_BCRYPT_COST_MAX)
            return ERR_RANGE;
        return 0;
    }
    static const char mark[] = "$6$rounds=";
    if (strncmp(hash, mark, sizeof(mark) - 1) != 0)
        return 0;
    unsigned long rounds = strtoul(hash + sizeof(mark) - 1, NULL, 10);
    if (rounds > PASSWORD_SHA512_ROUNDS_MAX)
        return ERR_RANGE;
    return 0;
}

static int check_crypt(const char *hash, const char *password)
{
    int rc = check_crypt_cost(hash);
    if (rc < 0)
        return rc;
    struct crypt_data *data = calloc(1, sizeof(*data)); /* 32 KB: too large for a thread's stack */
    if (data == NULL)
        return ERR_NOMEM;
    const char *made = crypt_rn(password, hash, data, sizeof(*data));
    if (made == NULL)
        rc = ERR_SYNTAX;
    else if (!span_eq_secret(span_of(made), span_of(hash)))
        rc = ERR_AUTH;
    sodium_memzero(data, sizeof(*data));
    free(data);
    return rc;
}

/* ---- Argon2 ---- */

static int check_argon2(const char *hash, const char *password)
{
    unsigned version, kib, time, lanes;
    const char *costs = strstr(hash, "$v=");
    if (costs == NULL || sscanf(costs, "$v=%u$m=%u,t=%u,p=%u$", &version, &kib, &time, &lanes) != 4)
        return ERR_SYNTAX;
    if (kib > PASSWORD_ARGON2_KIB_MAX || time > PASSWORD_ARGON2_TIME_MAX || lanes > 16)
        return ERR_RANGE;
    bool id = strncmp(hash, "$argon2id$", 10) == 0;
    int rc = argon2_verify(hash, password, strlen(password), id ? Argon2_id : Argon2_i);
    if (rc == ARGON2_OK)
        return 0;
    if (rc == ARGON2_VERIFY_MISMATCH)
        return ERR_AUTH;
    if (rc == ARGON2_MEMORY_ALLOCATION_ERROR || rc == ARGON2_THREAD_FAIL)
        return ERR_NOMEM;
    return ERR_SYNTAX;
}

/* ---- PBKDF2 as Django writes it: algorithm$iterations$salt$base64 ---- */

enum { DIGEST_MAX = 32 };

static int check_pbkdf2(const char *hash, const char *password, const EVP_MD *md)
{
    struct span name, iterations_text, salt, rest = span_of(hash);
    rest = span_cut(rest, '$', &name);
    rest = span_cut(rest, '$', &iterations_text);
    rest = span_cut(rest, '$', &salt);
    uint64_t iterations;
    uint8_t stored[DIGEST_MAX], made[DIGEST_MAX];
    size_t len = (size_t)EVP_MD_size(md), stored_len;
    if (rest.ptr == NULL || salt.len == 0 || !span_u64(iterations_text, UINT32_MAX, &iterations) ||
        iterations == 0 ||
        sodium_base642bin(stored, sizeof(stored), rest.ptr, rest.len, NULL, &stored_len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        stored_len != len)
        return ERR_SYNTAX;
    if (iterations > PASSWORD_PBKDF2_ITERATIONS_MAX)
        return ERR_RANGE;
    if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const uint8_t *)salt.ptr, (int)salt.len,
                          (int)iterations, md, (int)len, made) != 1)
        return ERR_NOMEM;
    return sodium_memcmp(made, stored, len) == 0 ? 0 : ERR_AUTH;
}

int password_check(const char *hash, const char *password)
{
    if (strlen(hash) >= PASSWORD_HASH_MAX)
        return ERR_SYNTAX;
    if (strncmp(hash, "argon2$", 7) == 0)
        hash += 6;
    else if (strncmp(hash, "bcrypt$", 7) == 0)
        hash += 7;
    if (strncmp(hash, "$2a$", 4) == 0 || strncmp(hash, "$2b$", 4) == 0 ||
        strncmp(hash, "$2y$", 4) == 0 || strncmp(hash, "$6$", 3) == 0)
        return check_crypt(hash, password);
    if (strncmp(hash, "$argon2id$", 10) == 0 || strncmp(hash, "$argon2i$", 9) == 0)
        return check_argon2(hash, password);
    if (strncmp(hash, "pbkdf2_sha256$", 14) == 0)
        return check_pbkdf2(hash, password, EVP_sha256());
    if (strncmp(hash, "pbkdf2_sha1$", 12) == 0)
        return check_pbkdf2(hash, password, EVP_sha1());
    return ERR_SYNTAX;
}
