/* line_store.h: one loop's access to the lines in Redis. No other file of queue-front talks to
 * Redis or knows its keys. All joins of a turn for one event are one script call.
 *
 * Each request is answered exactly once, within STORE_DEADLINE_MS, never from within the call
 * itself. When Redis is slow or gone the outcome is LINE_UNAVAILABLE: for a join or a pass it means
 * "unknown", and a retry with the same key is safe. A picture whose last tick is old is stale. */
#ifndef FG_QUEUE_FRONT_LINE_STORE_H
#define FG_QUEUE_FRONT_LINE_STORE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"
#include "core/line/line.h"
#include "core/line/turns.h"
#include "core/token/move_code.h"
#include "line/line_limits.h"
#include "redis/redis_link.h"

#include <uv.h>

struct cut_snapshot;
struct line_store;
struct logger;
struct store_event;

/* All pointers are borrowed until line_store_close(). */
struct line_store_conf {
    uv_loop_t *loop;
    /* Exactly one of the four: see redis_route.h. */
    const char *redis_path; /* unix socket */
    const char *redis_host; /* with port */
    const char *redis_sentinels;
    const char *redis_cluster;
    uint16_t redis_port;
    const char *redis_master;     /* the master's name at the sentinels */
    struct tls_client *redis_tls; /* NULL: no TLS */
    struct redis_login redis_login, sentinel_login;
    uint32_t tick_period_ms; /* usually 100 */
    const char *identity;    /* identity key for events without one; copied */
    const char *place;       /* HOST:PORT to list the process under; NULL: another loop lists it */
    uint32_t gone_after_ms;  /* visitors silent for one to two times this long are gone */
    struct cut_snapshot *snapshot; /* shared with the process's other loops; NULL: the only loop */
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
    /* After each tick that changed anything but the clock, and whenever `stale` flips. */
    void (*on_view)(void *ctx, const struct line_view *view);
    /* An event appeared (at start: each event), before its first on_view, or went, after its
     * last. */
    void (*on_event)(void *ctx, const char *id, bool here);
    /* Writes the entry for a list of ended events: a JSON object. */
    void (*describe)(void *ctx, const struct line_view *view, struct text *card);
    void *ctx;
};

int line_store_create(const struct line_store_conf *conf, struct err_slot *err,
                      struct line_store **out);
/* The process is about to end: sends Redis at once what only this front knows. */
void line_store_leave(struct line_store *store);
/* Offers another identity key from now on. */
void line_store_offer_identity(struct line_store *store, const char *name);
/* The fronts that reported to Redis in the last 15 minutes, as of the last registry read. A front
 * that shut down is not listed, one that crashed is. Borrowed until the next turn. */
struct store_front {
    char place[STORE_PLACE_MAX + 1];
    uint64_t silent_ms;
};
const struct store_front *line_store_fronts(const struct line_store *store, unsigned *len);
bool line_store_ready(
    const struct line_store *store); /* connected, scripts loaded, nothing to heal */
/* Why Redis was last unreachable; "" if it was not. Borrowed until the next turn. */
const char *line_store_trouble(const struct line_store *store);
const struct line_view *line_store_view(const struct line_store *store, struct span event);
/* Call before answering from the picture. A process that was suspended reads requests before its
 * timers fire, and must mark the picture stale by then. on_view comes later. */
void line_store_look(struct line_store *store, const struct line_view *view, uint64_t now_us);
/* Answers open requests with LINE_UNAVAILABLE and then makes no more callbacks; the loop frees the
 * memory. No requests afterwards. */
void line_store_close(struct line_store *store);

/* Requests are the caller's memory until on_done; `store` is the store's own part. LINE_NEAR_BYTES
 * from there are prefetched while the previous answer is given, so what on_done needs should be
 * there. */
enum { LINE_NEAR_BYTES = 768 };

struct line_link {
    struct redis_call call;
    struct line_store *store;
    struct line_link *next;
    struct store_event *event; /* NULL: it holds no event */
    /* Of the request that contains this link: finish() delivers its outcome. NULL: no request. */
    void (*finish)(struct line_link *link);
    enum line_outcome *outcome;
    uint64_t *retry_after_ms;
};

/* Private to the store: the claims of a join of a sharded line (line_joins.c). */
struct line_claims {
    uint8_t left;    /* bit set of the claims still to make */
    uint8_t now;     /* and the one under way */
    uint8_t made;    /* bit set of those that this key has */
    uint8_t taken;   /* and of those that it got by this join */
    uint8_t spare;   /* and of those that did not open the earlier number that was found */
    bool is_refused; /* refuse for `why`, as in join.lua, unless it already has a number */
    uint64_t why;
    uint64_t numbered_us;               /* when it got its number */
    char channel[LINE_CHANNEL_MAX + 1]; /* opened by its code; "": none */
};

struct line_join {
    struct line_link store;
    char event[LINE_ID_MAX + 1];   /* of the line: an event or a lane */
    bool has_idem;                 /* a key always gets the same place in an event */
    uint8_t idem[LINE_IDEM_BYTES]; /* a hash of the key; must be evenly distributed */
    uint8_t addr[16];              /* for joins_per_ip_per_min: IPv6 already cut to its /64 */
    /* Of the document that this join was checked against. LINE_CONFLICT: Redis has another
     * document; check the join against that. 0: any version. */
    uint64_t version, era;
    /* Work counts for one place. Reused work returns LINE_SAME if the join has no key of its own,
     * else LINE_WORK_SPENT. So does work of a minute, by the event's clock, that Redis no longer
     * keeps. */
    bool has_work;
    uint64_t work_minute; /* the minute in which the work was issued */
    uint8_t work[LINE_IDEM_BYTES];
    bool has_invitation; /* the same for a member with a key of their own */
    uint8_t invitation[LINE_IDEM_BYTES];
    bool has_code; /* a presale code; this place takes one use of it */
    uint8_t code[LINE_CODE_BYTES];
    uint64_t over; /* the key's entry if it is this one, which has ended: it gets another */
    /* The entry that this visitor already has (LINE_SAME): only LINE_PRESALE_LANE is checked. 0:
     * none. Not used for sharded lines. */
    uint64_t held;
    void (*on_done)(struct line_join *join);
    void *ctx;
    /* Results: */
    enum line_outcome outcome;
    enum line_state state;
    uint64_t entry; /* 1-based, gap-free; see place_position() */
    unsigned lane;  /* LINE_PRESALE_LANE */
    uint64_t retry_after_ms;
    bool has_claimed; /* sharded: the work is now used, even if the place is an old one */
    struct line_claims claims;
};

void line_store_join(struct line_store *store, struct line_join *join);

struct line_visit {
    enum line_visit_call call;
    char event[LINE_ID_MAX + 1]; /* of the line: an event or a lane */
    /* The position of a verified ticket or pass, which proves that it was issued. Computed from the
     * view that is current during the call. */
    uint64_t place;
    uint64_t entry;  /* of the ticket; 0: the caller has a pass */
    uint8_t moves;   /* of the ticket; LINE_LOOK also returns Redis's number here */
    bool has_member; /* the place's member; only one place of a member is inside at a time */
    uint8_t member[LINE_VISITOR_BYTES];
    /* LINE_HEARTBEAT: when the visit ends according to the pass, in whole seconds; 0: unknown. It
     * overrides Redis, which may have lost the time. */
    uint64_t shown_ms;
    void (*on_done)(struct line_visit *visit);
    void *ctx;
    /* Results: */
    enum line_outcome outcome;
    enum line_state state;
    uint64_t expires_ms; /* session: ends then without a heartbeat; call: when it expired */
    /* session: latest end. Also an input of LINE_HEARTBEAT, from the pass (0: unknown), so that a
     * session that Redis lost gets its own end back. */
    uint64_t ends_ms;
    uint64_t retry_after_ms;
    /* LINE_PASS, LINE_EXTEND refused, LINE_HEARTBEAT LINE_GONE; LINE_END, LINE_DONE, LINE_LEAVE:
     * the outcome of the visit */
    enum turn_kind turn;
    uint8_t times;                      /* LINE_EXTEND: extensions so far */
    char channel[LINE_CHANNEL_MAX + 1]; /* LINE_PASS: opened by this place's code; "": none */
    struct line_link store;
};

void line_store_visit(struct line_store *store, struct line_visit *visit);

/* A verified ticket proves that this entry of the line was issued. If Redis does not know the
 * entry, after a loss that no front remembers, the next tick reports it and heal.lua raises the
 * count. */
void line_store_saw_place(struct line_store *store, const char *line_id, uint64_t entry);

/* Moves a place to another device. */
struct line_move {
    enum line_move_call call;
    char event[LINE_ID_MAX + 1]; /* of the line: an event or a lane */
    char code[MOVE_CODE_LEN];
    uint8_t addr[16]; /* counts wrong codes */
    uint64_t place;   /* position of `entry` by the current view */
    uint64_t life_ms; /* LINE_MOVE_MAKE: lifetime of the code */
    bool is_missed;   /* its call has expired, if nobody is inside with it */
    bool has_user;    /* not LINE_MOVE_MAKE: recognises the same user again */
    uint8_t user[LINE_IDEM_BYTES];
    void (*on_done)(struct line_move *move);
    void *ctx;
    /* Result; an input of LINE_MOVE_MAKE: entry, lane, visitor and member of the place, and the
     * number of moves that the valid ticket must have. */
    struct ticket ticket;
    enum line_outcome outcome;
    enum line_state state;
    enum turn_kind turn; /* LINE_GONE, LINE_EXPIRED: how the visit ended */
    uint64_t retry_after_ms;
    struct line_link store;
};

void line_store_move(struct line_store *store, struct line_move *move);

/* Create, change and transition are atomic, check the version and write the audit trail. */
enum line_admin_call {
    LINE_CREATE,     /* doc, knobs; LINE_SAME if it exists (nothing is changed) */
    LINE_CHANGE,     /* doc, knobs */
    LINE_TRANSITION, /* from the state `from` (as the caller saw it) to `to`, with doc */
    /* Undoes the newest change if it made if_version; `to`: state before. LINE_WRONG_STATE: a
     * time of it is over, or it withdraws a promise of the draw. */
    LINE_UNDO,
    LINE_SEATS,   /* seats_left; `to` LINE_OPEN: reopens a sold-out event when seats return */
    LINE_PILOT,   /* pilot; LINE_SAME: another front decided, or another interval did */
    LINE_ARCHIVE, /* version `if_version` is stored in a file */
    /* Event must be closed, and archived unless `unarchived`; else LINE_NOT_YET. Once answered, no
     * front has it; the rest in Redis is cleared over time. */
    LINE_DELETE,
    LINE_CODES, /* presale codes; see `codes` */
    /* Restores an event from an archive: doc, knobs, `to`, if_version (its own), incarnation, and
     * `draw` (see admin.lua). LINE_SAME: it exists; LINE_CONFLICT: another one exists. */
    LINE_RESTORE,
    LINE_FIND, /* LINE_OK: the event exists, and this front will soon have its picture */
    /* reads: reply is a JSON array of ended events below `below`, newest first, whose id or name
     * contains `words`; `version` is where the next page starts, or 0 */
    LINE_ENDED,
    LINE_REGISTRY_AUDIT, /* like LINE_AUDIT, for entries without an event */
    LINE_AUDIT,          /* reads: reply is a JSON array, newest first, at most `limit` */
    LINE_SERIES,         /* reads: samples, oldest first, at most `limit` */
};

/* One decision of the autopilot. */
struct line_pilot_move {
    uint64_t interval_ms, silent_ms;
    bool answered;
    uint64_t from_milli, to_milli; /* from: as view.pilot says, or there is no reading */
    const char *reason;
    struct span why, because, reading; /* borrowed until on_done */
};

/* Presale codes: load, count, or drop all of them. */
enum line_codes_call { LINE_CODES_PUT, LINE_CODES_COUNT, LINE_CODES_DROP };

struct line_codes {
    enum line_codes_call call;
    unsigned lane;
    char channel[LINE_CHANNEL_MAX + 1]; /* of the seats that the codes open; "": none */
    uint64_t uses;                      /* of each code */
    const uint8_t (*digest)[LINE_CODE_BYTES];
    uint32_t len; /* at most CODES_PUT_MAX */
    /* Results: */
    uint64_t added;          /* codes that the event did not have before */
    struct line_code_group { /* codes of one lane and channel */
        unsigned lane;
        char channel[LINE_CHANNEL_MAX + 1];
        uint64_t codes, uses, used;
    } group[CODE_GROUPS_MAX];
    uint32_t groups_len;
};

struct line_admin {
    enum line_admin_call call;
    char event[LINE_EVENT_ID_MAX + 1];
    struct span doc; /* borrowed until on_done */
    struct line_knobs knobs;
    enum line_state from, to;
    /* LINE_TRANSITION that draws: {beacon, proof, seeds} as JSON, see drawing.h; and the seal for
     * the seeds of an event that has none. Both borrowed until on_done. */
    struct span draw, seal;
    struct span incarnation; /* LINE_RESTORE; likewise */
    uint64_t hall_until_ms;  /* LINE_TRANSITION by an operator, as in wire.list */
    uint64_t seats_left;
    uint64_t now_ms;                     /* LINE_UNDO: by the event's clock */
    const struct line_pilot_move *pilot; /* LINE_PILOT; borrowed until on_done */
    struct line_codes *codes;            /* LINE_CODES; likewise */
    bool unarchived;                     /* LINE_DELETE */
    uint64_t below;                      /* LINE_ENDED; 0: from the newest */
    struct span words;                   /* likewise; borrowed until on_done */
    uint64_t if_version;                 /* 0: any */
    struct span audit; /* JSON object {who, what, from, to, why}; the script adds `at`, `version` */
    uint32_t limit;
    /* LINE_AUDIT, LINE_SERIES: oldest first, starting after this entry ("0-0") or with this sample
     * ("0"); an audit newest first: before this entry, or "". As a result: where to continue if
     * there is `more`, which LINE_SERIES has only oldest first. */
    bool oldest_first, more;
    char from_row[48];
    void (*on_done)(struct line_admin *admin);
    void *ctx;
    /* Results: */
    enum line_outcome outcome;
    enum line_state state;
    uint64_t version;
    struct span reply; /* borrowed during on_done */
    unsigned step;     /* of a deletion or another call with several steps */
    bool finding;      /* first asks Redis whether the event still exists */
    struct line_link store;
};

void line_store_admin(struct line_store *store, struct line_admin *admin);
/* The samples in the brackets of LINE_SERIES, as JSON of at most this many bytes. Any thread. */
size_t line_store_samples_len(struct span samples);
void line_store_samples(struct span samples, struct text *out);

/* For /metrics: commands sent, answered, timed out; reconnects; joins and the script calls that
 * carried them; heals. Sharded lines: cuts that this loop made, and those that another loop made
 * first; seals, each of which leaves a hole if the shard had given numbers; missing shard readings;
 * joins that a shard deferred to its next cut; joins placed by a cut, their total wait, and how
 * many waited longer than CUT_SLOW_MS. */
struct line_store_stats {
    _Atomic uint64_t calls, answers, timeouts, reconnects, redirects, joins, join_calls, ticks,
        heals, cuts_made, cuts_lost, seals, shards_silent, joins_put_off, joins_cut,
        joins_cut_wait_us, joins_cut_slow;
    _Atomic uint64_t ready;          /* gauges */
    _Atomic uint64_t clock_apart_ms; /* between this machine and the Redis with the registry */
};

const struct line_store_stats *line_store_stats(const struct line_store *store);

#endif
