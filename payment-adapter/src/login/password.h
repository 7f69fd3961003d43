/* password.h: checks a password against a hash that another system stored.
 *
 *     $2a$ $2b$ $2y$            bcrypt
 *     $6$                       sha512-crypt
 *     $argon2id$ (and $argon2i$)
 *     pbkdf2_sha256$, pbkdf2_sha1$   Django
 *     argon2$..., bcrypt$...    Django's names before the above
 *
 * Since the hashes come from another system's table, their costs are bounded here: a hash that asks
 * for a gigabyte or a minute is rejected. Any thread; takes as long as the hash's costs say. */
#ifndef FG_PAY_PASSWORD_H
#define FG_PAY_PASSWORD_H

#include "base/err.h"
#include "base/span.h"

#include <stdbool.h>

enum {
    PASSWORD_HASH_MAX = 512,
    PASSWORD_BCRYPT_COST_MAX = 14,
    PASSWORD_SHA512_ROUNDS_MAX = 1000000,
    PASSWORD_PBKDF2_ITERATIONS_MAX = 3000000,
    PASSWORD_ARGON2_KIB_MAX = 256 * 1024,
    PASSWORD_ARGON2_TIME_MAX = 16,
};

/* 0: right. ERR_AUTH: wrong. ERR_SYNTAX: an unknown or damaged hash. ERR_RANGE: its costs are too
 * high. ERR_NOMEM: nothing was compared. */
int password_check(const char *hash, const char *password);

#endif
