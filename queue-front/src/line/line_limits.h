/* line_limits.h: every bound of the line store, each with the reason for its size. */
#ifndef FG_QUEUE_FRONT_LINE_LIMITS_H
#define FG_QUEUE_FRONT_LINE_LIMITS_H

#include "queue-front/lua/line_names.h"
#include "redis/redis_limits.h"

enum {
    /* A picture older than this is marked stale: ten ticks missed. */
    STORE_STALE_MS = 1000,
    /* How often a call is sent while redirects are followed: an outdated map, a moving slot, a
     * script that is not loaded there, and one spare. */
    STORE_TRIES_MAX = 4,

    /* Why Redis can't be reached, as /readyz reports it: an OpenSSL message and a name. */
    STORE_TROUBLE_BYTES = 512,

    /* Running lines, lanes included. Each costs Redis a working tick, 20 to 35 us, ten to twenty
     * times a second, however many fronts there are. */
    STORE_EVENTS_MAX = 256,
    /* The newest ended events, kept in memory to answer their visitors. At 40 KB each they take 10
     * MB per front; at thirty a day they cover a week. They cost Redis nothing. */
    STORE_RESTING_MAX = 256,
    /* All lines in memory: these, lanes of resting events, and events that operators loaded. */
    STORE_LINES_MAX = 640,
    /* How long an older event stays in memory after an operator loads it. */
    STORE_HOLD_MS = 600 * 1000,
    /* How long visitors may ask about an ended event; then data that only visitors needed is swept.
     * Longer than tickets live (three days), and longer than a long weekend. */
    STORE_ENDED_KEEP_MS = 7 * 86400 * 1000,
    STORE_CARD_BYTES_MAX = 2048, /* what a list of ended events shows of each: name and figures */
    /* How often the registry is read, and with very many loops: all fronts learn of changes within
     * a second. */
    STORE_DISCOVER_MS = 400,
    STORE_DISCOVER_MS_MAX = 800,
    STORE_PLACE_MAX = 79, /* HOST:PORT of a front, from service_place() */
    /* Up to this many loops of all processes tick at full rate. With more, each ticks less often,
     * so that Redis has no more work, but at most three times less often: with jitter that is 450
     * ms, and a picture is stale after a second. */
    STORE_TICKERS = 128,
    STORE_PERIODS_MAX = 3,
    /* Events that cannot move by themselves tick this many times less often. */
    STORE_IDLE_FACTOR = 4,

    /* Requests under way in one store. At 100,000 joins a second this is a third of a second's
     * worth; more are refused rather than made to wait. */
    STORE_REQUESTS_MAX = 32768,
    /* Joins in one script call: Redis is held for less than a millisecond. */
    STORE_JOIN_BATCH_MAX = 512,
    /* Answers at the end of one turn. At 5 us each, a poll waits for 0.3 ms of them and not for a
     * whole batch. */
    STORE_ANSWERS_PER_TURN = 64,
    /* A join that its shard cannot take now is queued again while at least this much of its time is
     * left. A call that times out would take the connection down, and all others with it. */
    STORE_AGAIN_MS = STORE_DEADLINE_MS / 2,
    /* When a visitor rejected for such a reason should retry. */
    STORE_RETRY_MS = 1000,

    /* One command: fits the document and a script's source several times over. */
    STORE_COMMAND_BYTES = 256 * 1024,
    LINE_DOC_BYTES_MAX = 64 * 1024,
    LINE_AUDIT_BYTES_MAX = 24 * 1024,
    BEACON_PROOF_MAX = 4 * 1024, /* a drand round takes 600 bytes, words 1,300 at most */

    /* Stretches of calls kept per event: twice as many as tick.lua keeps (4,096). */
    LINE_CALLS_MAX = 8192,
    /* Rows per LINE_AUDIT or LINE_SERIES request. */
    LINE_ROWS_MAX = 8192,

    /* The join rate is measured over at least this much of Redis's time, about a tick. */
    JOINS_WINDOW_MS = 100,

    /* Healing. The window is twice the longest reconnect pause, so that every living front can
     * report. */
    HEAL_WINDOW_MS = 500,
    /* How long, at most, joins may have gone unseen. The append-only file and the ticks lag by a
     * second each at worst; a front that was cut off for longer counts no more than this. */
    HEAL_UNSEEN_MAX_MS = 5000,
    /* How much of the log of turns is re-read after a loss: far more than a loss can cover. */
    HEAL_TURNS_MS = 60000,

    /* Presale codes: one load takes Redis a few milliseconds at most; an event may have 100,000
     * (lua/codes.lua). The body holds one load of digests in hex. */
    CODES_PUT_MAX = 1000,
    /* Retry-After while codes are missing: an operator has to load them again, which takes
     * minutes. */
    CODES_RETRY_MS = 15000,

    /* A cut of a sharded line comes every 20 ms, so a longer wait means a late shard or server. */
    CUT_SLOW_MS = 100,

    /* Retry-After of a full line, plus up to as much again at random. Places free up one by one, so
     * sooner retries only add load. */
    LINE_FULL_RETRY_MS = 30000,
};

/* The highest rate and burst that tick.lua's integers allow: 250,000 us of the rate plus the whole
 * burst, in billionths of a token, stay below 2^53. */
#define LINE_RATE_MILLI_MAX UINT64_C(1000000000)
#define LINE_BURST_MAX      UINT64_C(8000000)

#endif
