/* line_limits.h: every bound of the line store, each with the reason for its size. */
#ifndef FG_QUEUE_FRONT_LINE_LIMITS_H
#define FG_QUEUE_FRONT_LINE_LIMITS_H

enum {
    /* No call waits longer for Redis; the contract's "503 within 1 s" leaves the rest for the way
     * to the visitor, also on a machine that is busy. */
    STORE_DEADLINE_MS = 800,
    /* A picture older than this is marked stale: ten ticks missed. */
    STORE_STALE_MS = 1000,

    /* Reconnecting: the wait doubles between these two, the last half of it by chance, so that
     * fronts do not come back in step. The upper end stays below the healing window. */
    REDIS_BACKOFF_MIN_MS = 20,
    REDIS_BACKOFF_MAX_MS = 500,

    /* Addresses of one name that are tried in turn: two families of a handful of servers. */
    LINK_ADDRS_MAX = 8,
    LINK_ADDR_BYTES = 46, /* an IPv6 address in full, and its NUL */
    /* User and password as one command; Redis itself hashes whatever it is given. */
    REDIS_PASSWORD_MAX = 1024,
    LINK_LOGIN_BYTES = 2048,

    /* How often a sentinel or a node of the cluster is asked who is in charge: well within the
     * healing window, so that a front which did not feel a failover hears of it in time. When
     * something is amiss, more often for some seconds: a failover takes about as long. */
    SCOUT_QUIET_MS = 400,
    SCOUT_HURRIED_MS = 50,
    SCOUT_HURRY_MS = 5000,
    /* A server that ASK has named is kept so long, though no slot is its own yet. */
    ROUTE_KEEP_MS = 5000,
    /* How often one call is sent, following where it is sent to: an outdated map, a slot on the
     * move, a script that is not known there, and once more. */
    STORE_TRIES_MAX = 4,

    /* Why Redis can't be reached, as /readyz tells it: a sentence of OpenSSL's and a name. */
    STORE_TROUBLE_BYTES = 512,

    /* Lines that run, lanes counted. Each costs Redis a tick that works, 20 to 35 us,
     * some ten to twenty times a second, however many fronts there are. */
    STORE_EVENTS_MAX = 256,
    /* Ended events kept in memory to be told about, the newest: at 40 KB a front they are 10 MB,
     * and at thirty a day a week of them. They cost Redis nothing. */
    STORE_RESTING_MAX = 256,
    /* All lines in memory: beside these, lanes of what rests and what operators have called up. */
    STORE_LINES_MAX = 640,
    /* For so long an older event that an operator asked about stays in memory. */
    STORE_HOLD_MS = 600 * 1000,
    /* For so long visitors may ask about an event that has ended; then what only they had a use for
     * is swept. Longer than tickets live (three days), and it lasts over a long weekend. */
    STORE_ENDED_KEEP_MS = 7 * 86400 * 1000,
    STORE_CARD_BYTES_MAX = 2048, /* what a list of ended events says of one: name and figures */
    /* How often a look is taken whether events came or went: all fronts know within a second. */
    STORE_DISCOVER_MS = 400,
    /* So many loops of all processes tick at their full pace, beyond them each a little less often,
     * so that Redis is not asked for more; but three times less often at most: with its jitter that
     * is 450 ms, and a picture is stale after a second. */
    STORE_TICKERS = 128,
    STORE_PERIODS_MAX = 3,
    /* Events that cannot move by themselves tick so many times less often. */
    STORE_IDLE_FACTOR = 4,

    /* Requests under way in one store. At 100,000 joins a second this is a third of a second's
     * worth; what comes on top is told to come again rather than made to wait. */
    STORE_REQUESTS_MAX = 32768,
    /* Joins in one script call: Redis is held for less than a millisecond. */
    STORE_JOIN_BATCH_MAX = 512,
    /* Seconds after which somebody turned away for such a reason should come again. */
    STORE_RETRY_MS = 1000,

    /* One command: the document and a script's source fit several times over. */
    STORE_COMMAND_BYTES = 256 * 1024,
    LINE_DOC_BYTES_MAX = 64 * 1024,
    LINE_AUDIT_BYTES_MAX = 24 * 1024,
    BEACON_PROOF_MAX =
        12 * 1024, /* a pulse of NIST's is 5 KB, the certificate beside it 4 at most */

    /* Stretches of calls kept per event: what tick.lua keeps (4,096), twice. */
    LINE_CALLS_MAX = 8192,
    /* Rows that one LINE_AUDIT or LINE_SERIES may ask for. */
    LINE_ROWS_MAX = 8192,

    /* Healing. The window is twice the longest reconnect pause, so that every front that lives
     * gets its word in. */
    HEAL_WINDOW_MS = 1000,
    /* The safety gap: places skipped for what a front that died with Redis may have given out.
     * At least so many, because a join rate measured as 0 does not mean that none was under way. */
    HEAL_GAP_MIN = 128,
    HEAL_GAP_MAX = 1000000,
    /* For how long, at most, joins may have gone on unseen: append-only file and ticks are behind
     * by a second each at worst; a front cut off for longer counts no more than this. */
    HEAL_UNSEEN_MAX_MS = 5000,
    /* What of the log of turns is read once more after a loss: far more than a loss is behind. */
    HEAL_TURNS_MS = 60000,
};

/* Rate and burst that tick.lua's integers bear: 250,000 us of the rate and the whole burst, in
 * billionths of a token, stay below 2^53 together. */
#define LINE_RATE_MILLI_MAX UINT64_C(1000000000)
#define LINE_BURST_MAX      UINT64_C(8000000)

/* join.lua stops here: three bitmaps of this length are 384 MB. */
#define LINE_PLACE_MAX UINT64_C(1073741824)

#endif
