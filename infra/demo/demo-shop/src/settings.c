/* settings.c: the table of settings, one row each: where it is in the file, its default, its
 * bounds, and the sentence that --help prints. Nothing else knows a setting's name. */
#include "settings.h"

#include "password.h"
#include "pg/pg_pool.h"
#include "shop_limits.h"

#include <stddef.h>

#define AT(member) offsetof(struct settings, member)
#define TEXT       1, CONFIG_STRING_MAX - 1, NULL
#define MAYBE      0, CONFIG_STRING_MAX - 1, NULL

const struct config_setting settings_table[] = {
    {"database", "conninfo", CONFIG_STRING, AT(conninfo), NULL, TEXT,
     "the shop's PostgreSQL, as libpq writes it; by address or socket folder"},
    {"database", "connections", CONFIG_U64, AT(connections), "4", 1, PG_CONNECTIONS_MAX, NULL,
     "connections"},
    {"session", "key", CONFIG_STRING, AT(session_key), "", MAYBE,
     "file: the ES256 key that signs tokens for partners; empty: none are signed"},
    {"session", "issuer", CONFIG_STRING, AT(issuer), "shop", TEXT, "iss of those tokens"},
    {"session", "audience", CONFIG_STRING, AT(audience), "partner", TEXT, "aud of those tokens"},
    {"partner", "name", CONFIG_STRING, AT(partner), "partner", 1, 40, NULL,
     "what orders that are handed in are marked with"},
    {"partner", "api_key", CONFIG_STRING, AT(api_key), "", MAYBE,
     "file: the key for handing in orders; empty: nobody may"},
    {"partner", "reader_role", CONFIG_STRING, AT(reader_role), "", 0, 63, NULL,
     "seed: the database role that may read the columns of a login; empty: none"},
    {"partner", "per_s", CONFIG_U64, AT(import_per_s), "50", 1, 100000, NULL,
     "orders a second that a partner may hand in; 429 above"},
    {"partner", "burst", CONFIG_U64, AT(import_burst), "10", 1, 100000, NULL, "orders at once"},
    {"seed", "users", CONFIG_U64, AT(seed_users), "5000", SEED_DEMO_USERS, SEED_USERS_MAX, NULL,
     "seed: customers in all"},
    {"seed", "demo_users", CONFIG_STRING, AT(demo_users), "", MAYBE,
     "seed: the file that lists customers with their passwords"},
    {"seed", "hashes", CONFIG_WORD, AT(seed_hashes), "usual", 0, 0, password_cost_words,
     "what password hashes cost: as elsewhere, or little, which is for tests of something else"},
};

const size_t settings_table_len = sizeof(settings_table) / sizeof(settings_table[0]);
