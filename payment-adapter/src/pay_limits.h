/* pay_limits.h: every bound of the payment adapter, with its reason (limits.h is the C library's).
 * Reaching one shows in a metric or in the answer. */
#ifndef FG_PAY_LIMITS_H
#define FG_PAY_LIMITS_H

enum {
    /* login */
    LOGIN_ACCOUNT_MAX = 256,
    LOGIN_PASSWORD_MAX = 1024, /* longer is an attack on the hash, not a password */
    /* Wrong shop tokens per address, minute and loop: each costs a signature check. 300 cost 27 ms,
     * and real customers rarely have a wrong one. */
    TOKENS_WRONG_MAX = 300,
    SESSION_TOKEN_BYTES = 32,
    SESSION_CACHE_MAX = 16384, /* logged-in visitors who need no look-up for a while */

    PAY_SECRET_MAX = 512, /* a provider's longest keys are a fifth of it */

    /* bodies */
    BODY_SMALL_MAX = 4096,
    BODY_SEATS_MAX = 16 * 1024,    /* the most places with the longest names, some escaped */
    BODY_EVENT_MAX = 32 * 1024,    /* a venue in all its languages, escaped */
    BODY_WEBHOOK_MAX = 256 * 1024, /* a provider's event with the whole object inside */
    BODY_CHECKIN_MAX = 256 * 1024, /* an evening's scans of one offline door */

    /* orders */
    ORDERS_WAIT_MS =
        2500, /* how long POST orders waits for the payment before it answers without one */
    REFUND_TERMS_ID_MAX = 20, /* a word and a number of 32 bits */
    ORDER_LINES_PAGE = 200,   /* orders; the longest names make 14 MB of it */
    CREDITS_MAX = 32,         /* refunds of parts of an order, by hand, all kept in its row */
    ORDER_WATCH_MAX = 8192,   /* calls that wait for a saga's next move */
    /* Payment keys brought back in return addresses; each costs a look-up. A carrier's address has
     * many buyers, and each comes back once. */
    HINTS_PER_S = 10,
    HINTS_BURST = 100,
    REFUSED_KEPT_US = 5 * 60 * 1000000, /* how long a refusal of our key counts */

    /* Bytes of a webhook that is read on the loop, and how many longer ones are read at once off
     * it: anybody may send them. Stripe's events have some 5 KB. */
    WEBHOOK_SHORT_MAX = 8192,
    WEBHOOKS_LONG_MAX = 16,
    WEBHOOK_BATCH_MAX = 512, /* a commit's worth; webhooks beyond that during a commit are
                                told to retry */

    /* queues (store/look.h): how often a scan covers a whole queue, and how far before the last
     * scan's oldest row the other scans start: longer than a transaction takes to commit (its
     * statements end after 8 s). */
    LOOK_WHOLE_MS = 5000,
    LOOK_SPARE_MS = 10000,

    /* outboxes */
    SHOP_LETTER_MAX = 192 * 1024, /* 100 places and lines with the longest names: 180 KiB */
    OUTBOX_REFUSED_MAX = 5, /* the shop may be in the middle of a deployment, and a mail server may
                               mistake an address for unknown for a while; then an operator looks */
    OUTBOX_STREAK_MAX = 3,  /* one in 125,000 by chance, with one bad address in fifty */
    OUTBOX_HELD_MAX_MS = 24 * 60 * 60 * 1000, /* time to mend a relay, or `shop.url` */
    OUTBOX_PAUSE_MAX_MS =
        60000,               /* one message per loop and minute is no load for a receiver that
                              refuses us, and messages go on within a minute once that is fixed */
    OUTBOX_LIST_MAX = 500,   /* in one call, to list or to send again */
    MAIL_UNDER_WAY_MAX = 16, /* claimed each 100 ms at most: with a server that needs 380 ms per
                                mail that is 25,000 in ten minutes */

    DRAWINGS_MAX = 64, /* orders whose tickets are being drawn, per process: a login waits behind
                          them for a thread, two seconds at worst with 100 tickets each */

    /* pictures of events */
    PICTURE_BYTES_MAX = 20000, /* all who wait load it in the same seconds */
    PICTURES_MAX = 100,        /* per event: 3 MB */

    /* cancelled and postponed events */
    EVENT_REASON_MAX = 200,   /* a sentence, as for a refund */
    CANCEL_REFUNDS_MAX = 256, /* in progress: seconds of a provider's pace, and few enough
                                 that sales of other events find workers */
    CANCEL_LISTED_MAX = 100,  /* parked orders in one answer; all are in the list of sagas */

    /* doors */
    DOOR_SCANS_MAX = 500,  /* from a door that was offline, in one call */
    DOOR_REASON_MAX = 200, /* a sentence */
    DOOR_UNDO_MS = 600000, /* an undo corrects a slip; later than that it would be abuse */
    DOOR_TOKEN_PER_S = 10, /* a busy gate lets in two people a second */
    DOOR_TOKEN_BURST = 40,
    DOOR_ADDRESS_PER_S = 100, /* a venue's scanners behind one address; and guesses at tokens */
    DOOR_ADDRESS_BURST = 400,
    SCANNERS_MAX = 500, /* valid ones per event; a stadium has fewer turnstiles */
    SCANNER_TTL_MIN_S = 60,
    SCANNER_TTL_MAX_S = 30 * 86400, /* a run of shows; a lost device is revoked or expires */
    TRANSFERS_PER_S = 1,            /* people transfer tickets by hand */
    TRANSFERS_BURST = 20,
    TICKET_HOPS_MAX = 8,      /* each transfer leaves a void ticket on the doors' list */
    REVOKED_PAGE_MAX = 50000, /* a page of the doors' list: 1.3 MB */
    REVOKED_SHORT_MAX = 1000, /* written on the loop, in 0.1 ms */
    LISTINGS_MAX = 4,         /* longer ones, written off the loop: anybody may request them */
    DOOR_SHORT_MAX = 2048, /* bytes of a body that is read on the loop: a signature takes 60 us, and
                              an offline door sends hundreds */
    DOOR_SCANS_AT_ONCE = 32, /* per call, in the database: leaves room for other doors */

    /* counts over time */
    COUNTED_ROWS_MAX =
        4096, /* per event: eleven hours in steps of ten seconds; then they are thinned */
    COUNTS_POINTS_MAX = 720, /* in one answer: more than a chart has pixels */
};

#endif
