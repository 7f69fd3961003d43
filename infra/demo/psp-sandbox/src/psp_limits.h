/* psp_limits.h: every bound of the sandbox, each with its reason. */
#ifndef FG_PSP_SANDBOX_PSP_LIMITS_H
#define FG_PSP_SANDBOX_PSP_LIMITS_H

enum {
    /* 50 metadata pairs of 540 bytes, each byte as %XX, and some more parameters. */
    FORM_BYTES_MAX = 96 * 1024,
    FORM_FIELDS_MAX = 128, /* 50 metadata pairs, lists and the named ones */
    FORM_DEPTH_MAX = 4,    /* a[b][c][d]: nothing at Stripe is deeper */
    FORM_KEY_MAX = 200,    /* the longest name in use is under 80 */

    /* Stripe's own bounds on what a caller may attach. */
    META_PAIRS_MAX = 50,
    META_KEY_MAX = 40,
    META_VALUE_MAX = 500,
    URL_MAX = 2048,
    AMOUNT_MAX = 99999999, /* Stripe's largest amount in most currencies */

    CAPTURE_WINDOW_S = 7 * 24 * 3600, /* how long an authorisation lasts, as at Stripe */

    SESSION_MIN_S = 30 * 60, /* Stripe's bounds of a session's life */
    SESSION_MAX_S = 24 * 3600,

    LIST_LIMIT_DEFAULT = 10,
    LIST_LIMIT_MAX = 100,

    /* Objects of one kind. A payment takes some 20 KB with its events: a load test of more than a
     * few hundred thousand should start with an empty journal. */
    OBJECTS_MAX = 4000000,
    EVENTS_KEPT_MAX = 400000, /* the newest ones; 1.5 KB each. Stripe lists 30 days */

    IDEM_KEYS_MAX = 262144, /* four minutes at 1,000 calls a second; the oldest is dropped first */
    IDEM_KEY_BYTES_MAX = 255,
    IDEM_TTL_S = 24 * 3600,

    ANSWER_BYTES_MAX = 8 * 1024 * 1024, /* a hundred of the largest objects, expanded */

    FAULT_RULES_MAX = 256, /* waiting at once */
    FAULT_DELAY_MS_MAX = 600000,
    FAULT_COPIES_MAX = 1000,
    FAULT_COUNT_MAX = 1000000,

    WEBHOOK_QUEUE_MAX = 200000, /* deliveries waiting; beyond it new ones are given up */
    WEBHOOK_TIMEOUT_MS = 10000, /* how long a receiver has to confirm */
    WEBHOOK_RETRY_MS_MAX = 3600000,
    WEBHOOK_REORDER_MS = 2000, /* a held event goes out after this even if nothing overtook it */

    TOSS_SESSION_S = 600,           /* between the buyer's consent and confirm */
    TOSS_DEPOSIT_S = 7 * 24 * 3600, /* how long a virtual account waits, as Toss's own */
    TOSS_RETRIES_MAX = 8,
    TOSS_CANCELS_MAX = 32,
    TOSS_ORDER_ID_MAX = 64,
    TOSS_REASON_MAX = 200,
    TOSS_LIST_DEFAULT = 100,
    TOSS_LIST_MAX = 5000,

    CLOCK_ADVANCE_S_MAX = 366 * 24 * 3600,
};

#endif
