/* front_limits.h: every limit of queue-front's shell, each with its reason. The core's are in
 * core/limits.h, the line store's in line/line_limits.h, the connections' in redis/redis_limits.h,
 * the HTTP server's in http_server.h. */
#ifndef FG_QUEUE_FRONT_FRONT_LIMITS_H
#define FG_QUEUE_FRONT_FRONT_LIMITS_H

#include "core/limits.h"

enum {
    /* Lines per front, as many as the store keeps (see STORE_LINES_MAX). Each costs about 40 KB,
     * and a running one a render a second while somebody looks. */
    FRONT_EVENTS_MAX = 640,

    SLOWED_LINES_MAX = 20, /* per second: a log for people who ask, not of each refusal */
    /* Of these, for proof of work. Every newcomer may have to do it, so it leaves room for
     * refusals. */
    SLOWED_WORK_LINES_MAX = 10,
    JOINS_JUDGED_WAIT_MS = 500, /* wait for the new document: some ticks */
    FRONT_PAGE_US = 1000000,    /* how long visitors without a place may share a page */

    FRONT_SHUT_RETRY_S = 5, /* repairing a document or a key ring takes more than a second */

    /* The proof of a beacon's value, its words and value, each byte escaped, and the rest. */
    FAIRNESS_BYTES_MAX = 20 * 1024,

    REASON_BYTES_MAX = 400,     /* an operator's "why": a sentence or three */
    OPERATOR_BYTES_MAX = 80,    /* an operator's name */
    ADMIN_BODY_MAX = 64 * 1024, /* a document with generous escaping */
    PUBLIC_URL_MAX = 280,       /* the site's URL: a host name has at most 253 */
    NEXT_URL_BYTES_MAX = 512,   /* a pass's target URL, including the event's id */
    FORM_BODY_MAX = 1024,       /* body of a public call, from a form or a program */

    /* Joins per second that are not a storm. Each doubling beyond adds one bit, in lines that
     * require work at all. */
    POW_CALM_JOINS_PER_S = 100,

    /* Failed signature checks per loop and minute, before 429: each costs as much as ten polls. A
     * pass is only verified if its session is one of ours, so failures are its holder's own, from
     * one address. A member token has no cheaper check first, and thousands of a carrier's
     * customers may share one address, so one of them must not lock the others out easily: 300 take
     * 27 ms. */
    PASSES_WRONG_MAX = 30,
    TOKENS_WRONG_MAX = 300,
    /* Expired codes per address and minute: each is a script call. The store counts codes that
     * never existed, and the front refuses addresses with too many. */
    CODES_USED_MAX = 100,

    PAGES_MAX = 8, /* metrics pages: each service behind the line, and the shop */
    VISITS_TOKEN_BYTES_MAX = 256,
    PAGE_BYTES_MAX = 512 * 1024, /* a service with two thousand series */
    CODES_BODY_MAX = 96 * 1024,
    CODE_USES_MAX = 10 * 1000 * 1000, /* a code that everybody knows */

    MEMBER_KEYS_BYTES_MAX = 16 * 1024, /* a key set of a shop that keeps many */

    ENDED_ROWS_DEFAULT = 50, /* a page of ended events; there may be thousands */
    ENDED_ROWS_MAX = 200,
    ENDED_WORDS_MAX = 100,  /* a search text for ended events */
    ARCHIVE_ROWS_MAX = 200, /* rows of one part of an archive */
    ROWS_AT_ONCE = 50,      /* audit entries per Redis call: with the longest reasons 100 KB */

    /* An archive to restore: the longest trail and series have some 5 MB. */
    RESTORE_BODY_MAX = 16 * 1024 * 1024,

    AUDIT_ROWS_DEFAULT = 100, /* a screenful or two */
    AUDIT_ROWS_MAX = 1000,
    REGISTRY_ROWS_MAX = 200, /* of the deployment's trail */
    SERIES_ROWS_DEFAULT = 600,
    SERIES_ROWS_MAX = 5000,

    /* Requests per loop that wait for Redis. At 400 bytes each this is 13 MB, and more than the
     * deadline lets through: later ones get Retry-After. Joins stop earlier than passes, which were
     * promised. */
    FRONT_PENDING_MAX = 32768,
    FRONT_JOINS_PENDING_MAX = 24576,
};

#endif
