/* pay_limits.h: every bound of the payment adapter, with its reason (limits.h is the C library's).
 * Each has a metric or an honest answer when it is reached. */
#ifndef FG_PAY_LIMITS_H
#define FG_PAY_LIMITS_H

enum {
    /* login */
    HASH_THREADS_QUEUE_MAX = 64, /* 64 hashes of 50 ms on two cores: an answer within two seconds */
    LOGIN_ACCOUNT_MAX = 256,
    LOGIN_PASSWORD_MAX = 1024, /* longer is an attack on the hash, not a password */
    /* Tokens of the shop with a wrong signature or wrong claims, from one address in a minute, of
     * one loop: each costs a signature. 300 are 27 ms, and few enough people have a bad one by
     * mistake. */
    TOKENS_WRONG_MAX = 300,
    SESSION_TOKEN_BYTES = 32,
    SESSION_CACHE_MAX = 16384, /* logged-in people who need no database look-up in this minute */

    PAY_SECRET_MAX = 512, /* a provider's longest keys are a fifth of it */

    /* bodies */
    BODY_SMALL_MAX = 4096,
    BODY_WEBHOOK_MAX = 256 * 1024, /* a provider's event with its whole object inside */
    BODY_CHECKIN_MAX = 256 * 1024, /* an evening's scans of one offline door */

    /* orders */
    ORDERS_WAIT_MS =
        2500, /* how long POST orders waits for the payment to exist before it says so */
    ORDER_WATCH_MAX = 8192, /* calls that wait for a saga's next move */

    WEBHOOK_BATCH_MAX = 512, /* a commit's worth; more while one travels are told to come again */

    /* outboxes */
    OUTBOX_BATCH_MAX = 64,
    OUTBOX_REFUSED_MAX = 5, /* the shop may be in the middle of a deployment; then a person looks */
    MAIL_UNDER_WAY_MAX = 4,

    /* doors */
    DOOR_SCANS_MAX = 500,  /* of a door that was offline, in one call */
    DOOR_REASON_MAX = 200, /* a sentence */
    DOOR_UNDO_MS = 600000, /* an undo mends a slip; ten minutes later it would be a trick */
    DOOR_TOKEN_PER_S = 10, /* a busy gate lets two in each second */
    DOOR_TOKEN_BURST = 40,
    DOOR_ADDRESS_PER_S = 100, /* a venue's scanners behind one address; and guesses at tokens */
    DOOR_ADDRESS_BURST = 400,
    SCANNERS_MAX = 500, /* alive, of an event: a stadium has fewer turnstiles */
    SCANNER_TTL_MIN_S = 60,
    SCANNER_TTL_MAX_S = 30 * 86400, /* a run of shows; a lost device is revoked, or runs out */
    TRANSFERS_PER_S = 1,            /* a member hands tickets on by hand */
    TRANSFERS_BURST = 20,
    TICKET_HOPS_MAX = 8,      /* each hand leaves a dead ticket on the doors' list */
    REVOKED_PAGE_MAX = 50000, /* a page of the doors' list: 1.3 MB */

    /* counts over time */
    COUNTED_ROWS_MAX = 4096, /* of an event: eleven hours of ten seconds; then they are thinned */
    COUNTS_POINTS_MAX = 720, /* in one answer: finer than a chart is wide */
};

#endif
