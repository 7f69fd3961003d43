/* line_limits.h: every bound of the line store, each with the reason for its size. */
#ifndef FG_QUEUE_FRONT_LINE_LIMITS_H
#define FG_QUEUE_FRONT_LINE_LIMITS_H

#include "queue-front/lua/line_names.h"
#include "redis/redis_limits.h"

enum {
    /* A picture older than this is marked stale: ten ticks missed. */
    STORE_STALE_MS = 1000,
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
    /* How long an older event that an operator asked about stays in memory. */
    STORE_HOLD_MS = 600 * 1000,
    /* How long visitors may ask about an event that has ended; then what only they had a use for
     * is swept. Longer than tickets live (three days), and it lasts over a long weekend. */
    STORE_ENDED_KEEP_MS = 7 * 86400 * 1000,
    STORE_CARD_BYTES_MAX = 2048, /* what a list of ended events says of one: name and figures */
    /* How often a look is taken whether events came or went: all fronts know within a second. */
    STORE_DISCOVER_MS = 400,
    /* This many loops of all processes tick at their full pace, beyond them each a little less
     * often, so that Redis is not asked for more; but three times less often at most: with its
     * jitter that is 450 ms, and a picture is stale after a second. */
    STORE_TICKERS = 128,
    STORE_PERIODS_MAX = 3,
    /* Events that cannot move by themselves tick this many times less often. */
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
    /* For how long, at most, joins may have gone on unseen: append-only file and ticks are behind
     * by a second each at worst; a front cut off for longer counts no more than this. */
    HEAL_UNSEEN_MAX_MS = 5000,
    /* What of the log of turns is read once more after a loss: far more than a loss is behind. */
    HEAL_TURNS_MS = 60000,

    /* Presale codes: a load is a few milliseconds of Redis at most; an event may have 100,000
     * (lua/codes.lua). The body holds a load of digests in hex. */
    CODES_PUT_MAX = 1000,
    /* While codes are missing somebody has to load them again: a matter of minutes. */
    CODES_RETRY_MS = 15000,
};

/* Rate and burst that tick.lua's integers bear: 250,000 us of the rate and the whole burst, in
 * billionths of a token, stay below 2^53 together. */
#define LINE_RATE_MILLI_MAX UINT64_C(1000000000)
#define LINE_BURST_MAX      UINT64_C(8000000)

#endif
