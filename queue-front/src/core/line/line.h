/* line.h: a line as plain values: its states and the knobs of admission (both in lua/wire.list,
 * shared with the scripts in Redis), and every front's picture of it. No behaviour here: the store
 * fills the picture, the core reads it, and tests construct it. */
#ifndef FG_QUEUE_FRONT_CORE_LINE_H
#define FG_QUEUE_FRONT_CORE_LINE_H

#include "base/rfc3339.h"
#include "base/span.h"
#include "core/draw/draw.h"
#include "queue-front/lua/line_names.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct seen;
struct ghosts;
struct moves;
struct turns;

enum {
    LINE_EVENT_ID_MAX = 64,
    LINE_ID_MAX = LINE_EVENT_ID_MAX + 2, /* of a line: the event's, plus "@2" for the second lane */
    LINE_SHARD_NAME_MAX = LINE_EVENT_ID_MAX + 3, /* "show:15" */
    LINE_IDEM_BYTES = 16,
    LINE_VISITOR_BYTES = 8,
    LINE_CODE_BYTES = 16,      /* keyed digest of a presale code */
    LINE_CHANNEL_MAX = 32,     /* name of the channel of seats that a code opens */
    LINE_INCARNATION_LEN = 18, /* hex: time of creation in ms, 12 digits, and 6 random ones */
    LINE_TAG_BYTES = 3,
    LINE_IDENTITY_MAX = 16, /* name of an identity key */
    LINE_DIGEST_LEN = 40,
    LANES_MAX = 4, /* besides the general line, which is 0; each is a line of its own, served by the
                    * event's ticks */
};

/* Limit of a time or a duration from Redis: sums of a few of them are still dates that can be
 * shown. Later than the year 3900, so it rejects only corrupt values. */
#define LINE_MS_MAX (RFC3339_MS_MAX / 4)

/* The lanes' shares, packed: seven bits per lane. */
#define LINE_SHARES_MAX ((UINT64_C(1) << 7 * LANES_MAX) - 1)

/* A step of an operator's schedule. */
struct line_rate_at {
    uint64_t at_ms;
    uint64_t rate_milli;
};

enum {
    LINE_PILOT_REASON_MAX = 16,
    LINE_PILOT_WHY_MAX = 96,
    LINE_PILOT_BECAUSE_MAX = 96,
    LINE_PILOT_READING_MAX = 160,
    LINE_ODDS_MAX = 256,
};

/* The autopilot's last actions, on any front: stored in Redis, sent with each tick. */
struct line_pilot {
    bool on;
    uint64_t rate_milli;                      /* effective; replaces the knob's */
    uint64_t at_ms;                           /* time of the last decision; 0: none yet */
    uint64_t heard_ms;                        /* time of the last health reading */
    uint64_t from_milli;                      /* the last move: from here to rate_milli, */
    uint64_t moved_ms;                        /* its time and reason */
    char reason[LINE_PILOT_REASON_MAX + 1];   /* of the last decision, with or without a move */
    char why[LINE_PILOT_WHY_MAX + 1];         /* reason of the last move, a sentence */
    char because[LINE_PILOT_BECAUSE_MAX + 1]; /* the same for programs, JSON; empty: none */
    char reading[LINE_PILOT_READING_MAX + 1]; /* JSON; empty: none */
};

/* A stretch of positions called together. Those in (previous.upto, upto] were called at called_ms
 * and may come until expires_ms. Times are Redis's wall clock. */
struct line_stretch {
    uint64_t upto;
    uint64_t called_ms;
    uint64_t expires_ms;
};

/* The commitments to the seeds of the event's line and of all possible lanes; see
 * core/event/draw_seal.h. */
struct draw_seal {
    uint8_t key_id;
    uint8_t salt[DRAW_SEED_BYTES];
    uint8_t commitment[1 + LANES_MAX][DRAW_COMMITMENT_BYTES];
};

/* The event's draw. Once the entries are closed, N does not change. Once it is drawn, nothing here
 * does. */
struct line_draw {
    bool has_seal;
    struct draw_seal seal;
    bool closed;
    bool drawn;
    uint8_t seed[DRAW_SEED_BYTES]; /* after the draw */
    uint64_t closed_entries;
    uint64_t closed_ms;
    uint64_t drawn_ms;
    char beacon[DRAW_BEACON_MAX];
    uint32_t beacon_len;
    struct draw order; /* after the draw */
};

/* Promised waits compared with the real ones, since this front started: [0] the wait promised in
 * each admitted visitor's ticket, [1] a sample of places along the line. */
struct line_sums {
    uint64_t judged[2];
    uint64_t kept[2];         /* called by p90 */
    uint64_t error_milli[2];  /* sums: the error of p50, in thousandths of the real wait */
    uint64_t errors;          /* 5xx answers, for any event, since this one appeared */
    enum served_state served; /* whether visits are served, from this front's view */
};

/* The newest picture of one event. Owned by the store, read on its loop. */
struct line_view {
    char id[LINE_ID_MAX + 1];
    uint8_t lane;
    /* Identifies the event among those with this id: deleted and created again, it has another one;
     * lost by Redis and healed by fronts, the same. Later ones compare higher. */
    char incarnation[LINE_INCARNATION_LEN + 1];
    uint32_t tag; /* line_tag() of the incarnation */
    enum line_state state;
    uint64_t version;    /* of the document; rises with each change of a knob or of the state */
    struct span doc;     /* the event's document as JSON; borrowed until the next on_view */
    uint64_t era;        /* of the version: versions compare only within one era */
    uint64_t doc_serial; /* another value: the document was sent again, in any version */
    char identity[LINE_IDENTITY_MAX + 1]; /* name of this event's identity key */
    struct line_knobs knobs; /* rate_milli: the effective rate, perhaps the autopilot's */
    struct line_pilot pilot;
    struct line_draw draw;
    struct span proof;           /* of the beacon, JSON, after the draw; borrowed like doc */
    enum line_state frozen_from; /* while frozen: the previous state */
    uint64_t undo_version;       /* version made by the operator's last change; 0: unknown */
    enum line_state undo_state;  /* the state before it */
    bool has_seats_left;         /* there is a seat feed */
    uint64_t seats_left;
    char odds[LINE_ODDS_MAX + 1]; /* as odds_put() writes them; empty: none */
    uint64_t issued;              /* places issued: 1..issued */
    uint64_t raised;              /* those that a heal or a sealed shard added: no joins */
    uint64_t serving;             /* 1..serving have been called */
    uint64_t dead;                /* 1..dead were called, and their grace is over */
    uint64_t waiting;             /* issued - serving, less places given up and ghosts */
    uint64_t skipped;             /* ghosts skipped, ever: serving - skipped are people */
    uint64_t nobodys;             /* places ahead that a heal skipped and nobody has claimed */
    uint64_t nobodys_passed;      /* those among `skipped`, ever */
    uint64_t active;              /* sessions inside */
    uint64_t outstanding;         /* called, not here yet, still in time */
    uint64_t admitted;            /* passes issued, ever */
    uint64_t no_shows;            /* calls that expired, ever */
    uint32_t show_up_milli;       /* smoothed share of the called who come; 1000 if unmeasured */
    uint64_t service_rate_milli;  /* smoothed positions called per second; 0: unmeasured */
    uint64_t joins_milli;         /* joins per second, a slowly decaying peak */
    uint64_t late_ms;             /* how long nothing was called because no tick came in time */
    uint64_t stood_ms;            /* total time the line was paused; see turns.h */
    uint64_t halted_ms;           /* when the visit clock was paused; 0: it runs */
    uint64_t hall_until_ms;       /* no report of a missing hall counts until then */
    bool no_hall;                 /* paused for want of a hall: nobody is called */
    uint64_t resumed_ms;          /* when this front saw it resume; 0: never paused */
    uint64_t clock_ahead_ms;      /* how far Redis's clock is ahead of the event's time, */
    uint64_t clock_behind_ms;     /* or behind it; one of the two is 0 */
    uint64_t codes;               /* presale codes in Redis */
    uint64_t codes_lost;          /* how many there were when Redis lost some; 0: none lost */
    uint64_t wrong_codes;         /* in this minute, of presales and of moves */
    uint64_t fronts;              /* fronts that send signs of life: loops of all processes */
    uint64_t redis_ms;            /* Redis's wall clock at the tick */
    uint64_t at_us;               /* this loop's monotonic clock at the tick's reply, */
    uint64_t asked_us;            /* and at its request: the picture is as old as that */
    bool resting; /* ended, and nobody is inside: it cannot change, and ticks have stopped */
    bool stale;   /* older than STORE_STALE_MS, or the line is being healed */
    const struct line_stretch *calls; /* oldest first, those still relevant; borrowed */
    uint32_t calls_len;
    struct seen *seen;           /* polls leave their marks here; NULL: no marks */
    const struct ghosts *ghosts; /* NULL: everybody counts as present */
    struct line_sums *sums;      /* this front's totals; NULL: not collected */
    const struct moves *moves;   /* NULL: no place has moved to another device */
    const struct turns *turns;   /* NULL: no outcomes are known */
};

/* Presale codes loaded by the operator, whether Redis still has them or not. */
static inline uint64_t line_codes_known(const struct line_view *view)
{
    return view->codes > view->codes_lost ? view->codes : view->codes_lost;
}

/* Of these, the ones that Redis has lost. */
static inline uint64_t line_codes_missing(const struct line_view *view)
{
    return view->codes_lost > view->codes ? view->codes_lost - view->codes : 0;
}

/* The line is stopped temporarily: paused or frozen. */
static inline bool line_stands_still(enum line_state state)
{
    return state == LINE_PAUSED || state == LINE_FROZEN;
}

/* The tag of an incarnation in tickets, sessions and codes: its random digits. */
static inline uint32_t line_tag(const char *incarnation)
{
    uint32_t tag = 0;
    for (const char *at = incarnation; *at != '\0'; at++)
        tag = tag << 4 | (uint32_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return tag & 0xFFFFFF;
}

/* Whether an event id is valid in paths, cookies, Redis keys and tokens, as in seat-service: it
 * needs no escaping, and no program takes it for an option. */
static inline bool line_event_id_ok(struct span id)
{
    return id.len > 0 && id.len <= LINE_EVENT_ID_MAX && id.ptr[0] != '-' &&
           span_is_of(id, SPAN_LOWER SPAN_DIGITS "-");
}

static inline bool line_incarnation_ok(struct span text)
{
    return (text.len == 0 || text.len == LINE_INCARNATION_LEN) && span_is_of(text, SPAN_HEX);
}

/* ---- lanes ----
 *
 * A lane is a separate line: it has its own numbers, draw and ghosts. It shares its event's
 * document, state, slots, and admission tokens. */

/* The shares in percent of `len` lanes, each 1 to 99: digits of base 128. */
static inline uint64_t line_lanes_pack(const uint64_t *shares, unsigned len)
{
    assert(len <= LANES_MAX);
    uint64_t packed = 0;
    for (unsigned i = len; i > 0; i--)
        packed = packed << 7 | shares[i - 1];
    return packed;
}

static inline unsigned line_lanes(uint64_t packed)
{
    unsigned len = 0;
    for (; packed > 0; packed >>= 7)
        len++;
    return len;
}

/* The calls of a visit. LINE_PASS: a called visitor enters; repeated by the same place it is
 * LINE_SAME: the same session. */
enum line_visit_call {
    LINE_PASS,
    LINE_HEARTBEAT, /* extends the session within session_ttl and session_max */
    LINE_END,       /* the visit has ended: frees the slot, uses up the place */
    LINE_LEAVE,     /* gives up place or slot at once */
    /* Read only. LINE_SAME: the visit goes on; LINE_NOT_YET: it has not begun, but may; LINE_GONE,
     * LINE_EXPIRED: given up, used, or expired: nobody can enter with this place. */
    LINE_LOOK,
    LINE_DONE,   /* like LINE_END, after a completed order */
    LINE_EXTEND, /* extends the call: expires_ms; LINE_EXHAUSTED: no more extensions */
};

/* The calls that move a place to another device. */
enum line_move_call {
    LINE_MOVE_MAKE, /* a code for the ticket's `entry` */
    LINE_MOVE_LOOK, /* finds the code's place; LINE_SAME: this user has already taken it */
    LINE_MOVE_TAKE, /* takes it; `entry` and `place` as LINE_MOVE_LOOK found them */
};

/* The event in a line's name, and the name of an event's lane. */
static inline struct span line_event_of(struct span line_id)
{
    const char *at = line_id.len > 0 ? memchr(line_id.ptr, '@', line_id.len) : NULL;
    return at != NULL ? (struct span){line_id.ptr, (size_t)(at - line_id.ptr)} : line_id;
}

static inline unsigned line_lane_named(const char *line_id)
{
    struct span event = line_event_of(span_of(line_id));
    return line_id[event.len] == '@' ? (unsigned)(line_id[event.len + 1] - '0') : 0;
}

static inline void line_name(struct span event, unsigned lane, char out[LINE_ID_MAX + 1])
{
    assert(event.len <= LINE_EVENT_ID_MAX && lane <= LANES_MAX);
    memcpy(out, event.ptr, event.len);
    if (lane > 0) {
        out[event.len++] = '@';
        out[event.len++] = (char)('0' + lane);
    }
    out[event.len] = '\0';
}

/* A shard of an event in key tags: "show:3". */
static inline void line_shard_name(struct span event, unsigned shard,
                                   char out[LINE_SHARD_NAME_MAX + 1])
{
    assert(event.len <= LINE_EVENT_ID_MAX && shard < CUT_SHARDS_MAX);
    memcpy(out, event.ptr, event.len);
    out[event.len++] = ':';
    if (shard >= 10)
        out[event.len++] = '1';
    out[event.len++] = (char)('0' + shard % 10);
    out[event.len] = '\0';
}

/* Percent of the calls; the general line gets the rest. */
static inline unsigned line_lane_share(uint64_t packed, unsigned lane)
{
    unsigned general = 100;
    if (lane > 0)
        return packed >> (7 * (lane - 1)) & 127;
    for (; packed > 0; packed >>= 7)
        general -= packed & 127;
    return general;
}

/* One number for a place in the whole event, for sessions and passes: in the general line the place
 * itself. */
static inline uint64_t line_place_of(unsigned lane, uint64_t place)
{
    assert(lane <= LANES_MAX);
    return (uint64_t)lane << 32 | place;
}

static inline unsigned line_lane_of(uint64_t place)
{
    return (unsigned)(place >> 32);
}

static inline uint64_t line_place_in_lane(uint64_t place)
{
    return place & UINT32_MAX;
}

static inline struct span line_view_event(const struct line_view *view)
{
    return view->lane == 0 ? span_of(view->id) : line_event_of(span_of(view->id));
}

#endif
