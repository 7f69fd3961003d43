/* line_store.h: one loop's way to the lines that Redis keeps; no other file of queue-front speaks
 * to Redis or knows a key's name. All joins of a turn for one event are one script call.
 *
 * Each call is answered exactly once, after at most STORE_DEADLINE_MS, never from within the call
 * itself. When Redis is slow or gone the answer is LINE_UNAVAILABLE: for a join or a pass "not
 * known", and repeating it with the same key is safe. A picture whose last tick is old is stale. */
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

struct cut_board;
struct line_store;
struct logger;
struct store_event;

/* What it points to is borrowed until line_store_close(). */
struct line_store_conf {
    uv_loop_t *loop;
    /* Exactly one of the four: see redis_route.h. */
    const char *redis_path; /* unix socket */
    const char *redis_host; /* with port */
    const char *redis_sentinels;
    const char *redis_cluster;
    uint16_t redis_port;
    const char *redis_master;     /* what the sentinels call it */
    struct tls_client *redis_tls; /* NULL: plain */
    struct redis_login redis_login, sentinel_login;
    uint32_t tick_period_ms; /* 100 */
    const char *identity;    /* name of the identity key for events that have none yet; copied */
    const char *place; /* HOST:PORT, by which the process is listed; NULL: another loop says it */
    uint32_t gone_after_ms;  /* a visitor not heard for this long to twice as long has gone */
    struct cut_board *board; /* shared with the process's other loops; NULL: there are none */
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
    /* After each tick that changed anything but the clock, and whenever `stale` flips. */
    void (*on_view)(void *ctx, const struct line_view *view);
    /* An event appeared (also at start, for each) or went. Before the first on_view, after the
     * last. */
    void (*on_event)(void *ctx, const char *id, bool here);
    /* What a list of ended events shall say of this one: a JSON object. */
    void (*describe)(void *ctx, const struct line_view *view, struct text *card);
    void *ctx;
};

int line_store_create(const struct line_store_conf *conf, struct err_slot *err,
                      struct line_store **out);
/* The process is about to end: what only this front knows is sent to Redis without delay. */
void line_store_leave(struct line_store *store);
/* Another one from now on. */
void line_store_offer_identity(struct line_store *store, const char *name);
/* The fronts that reported to Redis in the last quarter of an hour, as of the last look. One that
 * stopped in order is not listed, one that died is. Borrowed until the next turn. */
struct store_front {
    char place[STORE_PLACE_MAX + 1];
    uint64_t silent_ms;
};
const struct store_front *line_store_fronts(const struct line_store *store, unsigned *len);
bool line_store_ready(
    const struct line_store *store); /* connected, scripts loaded, nothing to heal */
/* Why Redis could not be reached the last time; "": it could. Borrowed until the next turn. */
const char *line_store_trouble(const struct line_store *store);
const struct line_view *line_store_view(const struct line_store *store, struct span event);
/* To be called before an answer is made from the picture: a process that was stopped reads requests
 * before its timers are due, and has to mark the picture as stale by then. on_view comes later. */
void line_store_look(struct line_store *store, const struct line_view *view, uint64_t now_us);
/* Answers what is open with LINE_UNAVAILABLE and is silent from then on; the loop frees the memory.
 * Nothing may be asked afterwards. */
void line_store_close(struct line_store *store);

/* Requests are the caller's memory until on_done; `store` is the store's own part. So many bytes
 * from there on are brought near while the answer before is given: what it needs should be there.
 */
enum { LINE_NEAR_BYTES = 768 };

struct line_link {
    struct redis_call call;
    struct line_store *store;
    struct line_link *next;
    struct store_event *event; /* NULL: none is held by it */
    /* Of the request that this is part of; finish() hands its answer out. NULL: it has none. */
    void (*finish)(struct line_link *link);
    enum line_outcome *outcome;
    uint64_t *retry_after_ms;
};

/* The store's own, of a join of a line in shards: line_joins.c. */
struct line_claims {
    uint8_t left;    /* bits: what is still to be claimed, */
    uint8_t now;     /* and what is under way */
    bool took_code;  /* a use of it, just now */
    bool is_refused; /* for `why`, as join.lua says it, unless it has a number already */
    uint64_t why;
    uint64_t numbered_us;               /* when it got its number */
    char channel[LINE_CHANNEL_MAX + 1]; /* that its code opens; "": none */
};

struct line_join {
    struct line_link store;
    char event[LINE_ID_MAX + 1];   /* of the line: an event's, or its lane's */
    bool has_idem;                 /* the same key for the same event always gets the same place */
    uint8_t idem[LINE_IDEM_BYTES]; /* a hash of the key: it must be spread evenly */
    uint8_t addr[16];              /* for joins_per_ip_per_min: IPv6 already cut to its /64 */
    /* Of the document by which this join was found good. LINE_CONFLICT: Redis has another one, and
     * the join is to be judged by that. 0: any will do. */
    uint64_t version, era;
    /* Work that was done for this place, and by no other: an earlier use is LINE_SAME where the
     * join has no key of its own, else LINE_WORK_SPENT; so is work of a minute, by the event's
     * clock, of which Redis keeps none any more. */
    bool has_work;
    uint64_t work_minute; /* the minute in which the work was given out */
    uint8_t work[LINE_IDEM_BYTES];
    bool has_invitation; /* likewise, of a member with a key of their own */
    uint8_t invitation[LINE_IDEM_BYTES];
    bool has_code; /* a presale code, of which this place uses one use */
    uint8_t code[LINE_CODE_BYTES];
    /* The entry that this visitor has already, which is LINE_SAME: only LINE_PRESALE_LANE is asked
     * for. 0: none. Not of a line in shards. */
    uint64_t held;
    void (*on_done)(struct line_join *join);
    void *ctx;
    /* answer */
    enum line_outcome outcome;
    enum line_state state;
    uint64_t entry; /* 1-based, gap-free; place_position() makes a position of it */
    unsigned lane;  /* LINE_PRESALE_LANE */
    uint64_t retry_after_ms;
    bool has_claimed; /* over shards the work is used now, also if the place is an old one */
    struct line_claims claims;
};

void line_store_join(struct line_store *store, struct line_join *join);

struct line_visit {
    enum line_visit_call call;
    char event[LINE_ID_MAX + 1]; /* of the line: an event's, or its lane's */
    /* The position of a ticket or pass that was verified: it proves that it was issued. Computed
     * from the view that is current during the call. */
    uint64_t place;
    uint64_t entry;  /* of the ticket; 0: it is a pass that asks */
    uint8_t moves;   /* of the ticket; of LINE_LOOK: and what Redis says of the place */
    bool has_member; /* whose place it is: one of them is inside at a time */
    uint8_t member[LINE_VISITOR_BYTES];
    /* LINE_HEARTBEAT: until when the visit lasts, as the pass says, in whole seconds; 0: not known.
     * It counts for more than what Redis has, which may have lost it. */
    uint64_t told_ms;
    void (*on_done)(struct line_visit *visit);
    void *ctx;
    /* answer */
    enum line_outcome outcome;
    enum line_state state;
    uint64_t expires_ms; /* session: until then without a heartbeat; call: when it ran out */
    /* session: never beyond. For LINE_HEARTBEAT it goes in as well, as the pass says it (0: not
     * known), so that a session that Redis lost gets its own end back. */
    uint64_t ends_ms;
    uint64_t retry_after_ms;
    /* LINE_PASS, LINE_EXTEND refused, LINE_HEARTBEAT LINE_GONE; LINE_END, LINE_DONE, LINE_LEAVE:
     * the outcome of the visit */
    enum turn_kind turn;
    uint8_t times;                      /* LINE_EXTEND: how often by now */
    char channel[LINE_CHANNEL_MAX + 1]; /* LINE_PASS: that the code of this place opened; "" */
    struct line_link store;
};

void line_store_visit(struct line_store *store, struct line_visit *visit);

/* A ticket was verified, so this entry of the line was given to somebody. If Redis does not know
 * it, after a loss that no front remembers, the next tick says so and heal.lua raises the count.
 * */
void line_store_saw_place(struct line_store *store, const char *line_id, uint64_t entry);

/* Carrying a place to another device. */
struct line_move {
    enum line_move_call call;
    char event[LINE_ID_MAX + 1]; /* of the line: an event's, or its lane's */
    char code[MOVE_CODE_LEN];
    uint8_t addr[16]; /* wrong codes are counted by it */
    uint64_t place;   /* position of `entry` by the current view */
    uint64_t life_ms; /* LINE_MOVE_MAKE: of the code */
    bool has_user;    /* not LINE_MOVE_MAKE: the asker, to be recognised again */
    uint8_t user[LINE_IDEM_BYTES];
    void (*on_done)(struct line_move *move);
    void *ctx;
    /* answer, but for LINE_MOVE_MAKE it goes in: entry, lane, visitor and member of the place, and
     * the moves that a ticket must say to be the one that holds */
    struct ticket ticket;
    enum line_outcome outcome;
    enum line_state state;
    uint64_t retry_after_ms;
    struct line_link store;
};

void line_store_move(struct line_store *store, struct line_move *move);

/* create, change, move: each is atomic, checks the version and writes the audit trail itself. */
enum line_admin_call {
    LINE_CREATE,     /* doc, knobs; LINE_SAME if it exists (nothing is changed) */
    LINE_CHANGE,     /* doc, knobs */
    LINE_TRANSITION, /* from the state named in `from` (as the caller saw it) to `to`, with doc */
    LINE_UNDO,    /* the newest change, if if_version is what it made; `to`: the state before it */
    LINE_SEATS,   /* seats_left; `to` LINE_OPEN: a sold-out event opens when some come back */
    LINE_PILOT,   /* pilot; LINE_SAME: not now, another front or another interval has decided */
    LINE_ARCHIVE, /* the version `if_version` lies in a file */
    /* Closed, and archived unless `unarchived`: LINE_NOT_YET. Gone from all fronts once it is
     * answered; what it leaves in Redis is cleared away over time. */
    LINE_DELETE,
    LINE_CODES, /* what `codes` says, of presale codes */
    /* Makes an event again as an archive has it: doc, knobs, `to`, if_version (its own),
     * incarnation, and `draw`, which admin.lua describes. LINE_SAME: it is there; LINE_CONFLICT:
     * another is. */
    LINE_RESTORE,
    LINE_FIND, /* LINE_OK: there is such an event, and this front will soon have its picture */
    /* reads: reply is a JSON array of ended events below `below`, newest first, those with `words`
     * in id or name; `version` is where to go on, or 0 */
    LINE_ENDED,
    LINE_HOUSE_AUDIT, /* as LINE_AUDIT, of what has no event left */
    LINE_AUDIT,       /* reads: reply is a JSON array, newest first, at most `limit` */
    LINE_SERIES,      /* reads: samples, oldest first, at most `limit` */
};

/* One decision of the autopilot. */
struct line_pilot_move {
    uint64_t interval_ms, silent_ms;
    bool heard;
    uint64_t from_milli, to_milli; /* from: what view.pilot says, or there is no telling */
    const char *reason;
    struct span why, because, reading; /* borrowed until on_done */
};

/* Presale codes: loaded, counted, or all of them taken away. */
enum line_codes_call { LINE_CODES_PUT, LINE_CODES_COUNT, LINE_CODES_DROP };

struct line_codes {
    enum line_codes_call call;
    unsigned lane;
    char channel[LINE_CHANNEL_MAX + 1]; /* of the seats that they open; "": none */
    uint64_t uses;                      /* of each */
    const uint8_t (*digest)[LINE_CODE_BYTES];
    uint32_t len; /* at most CODES_PUT_MAX */
    /* answer: */
    uint64_t added;          /* codes that the event did not have before */
    struct line_code_group { /* those of one lane and channel */
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
    /* LINE_TRANSITION that draws: {beacon, proof, seeds} as JSON; see drawing.h. And what seals the
     * seeds of an event that has none. Both borrowed until on_done. */
    struct span draw, seal;
    struct span incarnation; /* LINE_RESTORE; likewise */
    uint64_t seats_left;
    const struct line_pilot_move *pilot; /* LINE_PILOT; borrowed until on_done */
    struct line_codes *codes;            /* LINE_CODES; likewise */
    bool unarchived;                     /* LINE_DELETE */
    uint64_t below;                      /* LINE_ENDED; 0: from the newest */
    struct span words;                   /* likewise; borrowed until on_done */
    uint64_t if_version;                 /* 0: any */
    struct span audit; /* JSON object {who, what, from, to, why}; the script adds `at`, `version` */
    uint32_t limit;
    /* LINE_AUDIT, LINE_SERIES: in the order of time, beginning behind this entry ("0-0") or with
     * this sample ("0"); LINE_AUDIT newest first: before this entry, or "". In the answer: where to
     * go on, if there is `more`, which LINE_SERIES has in the order of time alone. */
    bool oldest_first, more;
    char from_row[48];
    void (*on_done)(struct line_admin *admin);
    void *ctx;
    /* answer */
    enum line_outcome outcome;
    enum line_state state;
    uint64_t version;
    struct span reply; /* borrowed during on_done */
    unsigned step;     /* of a deletion, which takes several calls */
    bool finding;      /* Redis is asked first whether there still is such an event */
    struct line_link store;
};

void line_store_admin(struct line_store *store, struct line_admin *admin);
/* What LINE_SERIES has in its brackets, as JSON of at most so many bytes. On any thread. */
size_t line_store_samples_len(struct span samples);
void line_store_samples(struct span samples, struct text *out);

/* For /metrics: commands sent, answered, timed out; reconnects; joins and script calls that carried
 * them; heals. Of lines in shards: cuts that this loop made, and those that another one made first;
 * seals, each of which leaves a hole where the shard had given anything; readings of shards that
 * did not come; joins that a shard put off to its next cut; those that got their places by one, how
 * long they waited for it in all, and how many for longer than CUT_SLOW_MS. */
struct line_store_stats {
    _Atomic uint64_t calls, answers, timeouts, reconnects, redirects, joins, join_calls, ticks,
        heals, cuts_made, cuts_lost, seals, shards_silent, joins_put_off, joins_cut,
        joins_cut_wait_us, joins_cut_slow;
    _Atomic uint64_t ready;          /* gauges */
    _Atomic uint64_t clock_apart_ms; /* between this machine and the Redis that has the registry */
};

const struct line_store_stats *line_store_stats(const struct line_store *store);

#endif
