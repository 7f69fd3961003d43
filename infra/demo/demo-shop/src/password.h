/* password.h: password hashes in the four formats that are common in old user tables. Any thread;
 * as slow as the cost says. */
#ifndef FG_DEMO_SHOP_PASSWORD_H
#define FG_DEMO_SHOP_PASSWORD_H

#include "base/err.h"
#include "base/rng.h"
#include "shop_limits.h"

#include <stdbool.h>

enum password_format {
    PASSWORD_BCRYPT,
    PASSWORD_ARGON2ID,
    PASSWORD_PBKDF2_DJANGO,
    PASSWORD_SHA512_CRYPT,
    PASSWORD_FORMATS,
};

/* How expensive a new hash is to make and to check. */
enum password_cost { PASSWORD_USUAL, PASSWORD_CHEAP, PASSWORD_COSTS };

extern const char *const password_cost_words[]; /* for a setting */

int password_make(enum password_format format, enum password_cost cost, const char *password,
                  const struct rng *rng, struct err_slot *err, char out[PASSWORD_HASH_MAX]);

/* False for a wrong password and for a hash of no known format. */
bool password_holds(const char *hash, const char *password);

#endif
