/* settings.h: the shop's configuration. */
#ifndef FG_DEMO_SHOP_SETTINGS_H
#define FG_DEMO_SHOP_SETTINGS_H

#include "config/config.h"

struct settings {
    char conninfo[CONFIG_STRING_MAX];
    uint64_t connections;
    char session_key[CONFIG_STRING_MAX];
    char issuer[CONFIG_STRING_MAX];
    char audience[CONFIG_STRING_MAX];
    char partner[CONFIG_STRING_MAX];
    char api_key[CONFIG_STRING_MAX];
    char reader_role[CONFIG_STRING_MAX];
    uint64_t import_per_s;
    uint64_t import_burst;
    uint64_t seed_users;
    char demo_users[CONFIG_STRING_MAX];
    unsigned seed_hashes; /* enum password_cost */
};

#endif
