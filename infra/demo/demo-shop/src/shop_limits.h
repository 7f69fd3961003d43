/* shop_limits.h: every bound of the shop, each with its reason. */
#ifndef FG_DEMO_SHOP_SHOP_LIMITS_H
#define FG_DEMO_SHOP_SHOP_LIMITS_H

enum {
    DB_QUEUE_MAX = 512, /* queries that wait for a connection: half a second's worth at full load */
    DB_DEADLINE_MS = 5000, /* from query to answer; a customer has left by then */

    PASSWORD_HASH_MAX = 256,
    PASSWORD_MAX = 128,
    PASSWORD_QUEUE_MAX = 32, /* up to 300 ms each, four at a time: a wait of two seconds at most */
    EMAIL_MAX = 254,

    SESSION_TOKEN_BYTES = 32,
    SESSION_TTL_S = 14 * 24 * 3600,
    PARTNER_TOKEN_TTL_S = 120, /* handed over at once, used at once */

    BASKET_LINES_MAX = 20,
    BASKET_QUANTITY_MAX = 99,
    SKU_MAX = 40,
    LIST_LIMIT_DEFAULT = 20,
    LIST_LIMIT_MAX = 100,

    IMPORT_SEATS_MAX = 100,
    IMPORT_TEXT_MAX = 128,        /* ids, names of events and providers */
    IMPORT_BODY_MAX = 192 * 1024, /* a hundred places, as many lines, of the longest names */
    BODY_MAX = 8 * 1024,

    SEED_USERS_MAX = 5000000,
    SEED_DEMO_USERS = 20,
};

#endif
