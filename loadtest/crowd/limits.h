/* limits.h: every limit of the crowd, each with its reason. */
#ifndef FG_CROWD_LIMITS_H
#define FG_CROWD_LIMITS_H

enum {
    CROWD_PROCESSES_MAX = 32,
    CROWD_VISITORS_MAX = 1 << 22,   /* per run: a third of a kilobyte each */
    CROWD_FILES_MAX = 19500,        /* per process: a little below the system's 20,000 */
    CROWD_FRONTS_MAX = 32,          /* waiting rooms that visitors are spread over */
    DIAL_PORTS_PER_ADDRESS = 16000, /* connections per source address; leaves ports to spare */
    POOL_CONNECTIONS_MAX = 4096,    /* to one service from one process */
    POOL_BODY_MAX = 24 << 20,       /* a stadium's plan as JSON, with spare room */
    POOL_REQUEST_MAX = 8192,        /* a pass, cookies and a list of seats */
    POOL_HEADER_MAX = 512,          /* of the few headers that are read */
    POOL_TIMEOUT_MS = 30000,        /* then the answer is counted as lost */
    POOL_WAITING_MAX = 1 << 20,     /* calls that wait for a connection */
    VISITOR_TOKEN_MAX = 2048,       /* a pass or a session cookie */
    VISITOR_ID_MAX = 96,            /* a hold, an order, a payment */
    VISITOR_SEATS_MAX = 8,
    VISITOR_TRIES_MAX = 12,      /* attempts to get seats before a visitor gives up */
    VISITOR_AGAIN_MAX_MS = 8000, /* the longest pause before a refused request is retried */
    VISITOR_HOARD_MAX = 12,      /* holds that a hoarder tries to get */
    VISITOR_REJOINS_MAX = 3,     /* for an impatient visitor */
    VISITOR_BEAT_MS = 45000,     /* how often a listener polls for itself */
    VISITOR_DOZE_MS = 40000,     /* how long a slow reader reads nothing */
    SOLVE_BITS_MAX = 24,      /* of a proof of work: seconds of a core each; more is no load test */
    SSE_EVENT_MAX = 65536,    /* bytes of one event: a status is below 24 KB */
    STREAM_REQUEST_MAX = 512, /* a GET with a ticket */
    PRELUDE_REFUSALS_MAX = 100, /* refused logins before the run, with a pause after each */
    BUYERS_MAX = 20000,         /* accounts of the shop that the crowd knows */
    PASSES_MAX = 1 << 17,       /* passes made beforehand: one for each buyer of a full stadium */
};

#endif
