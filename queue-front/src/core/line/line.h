/* line.h: what a line is, as plain values: its states and the knobs that admission obeys (both of
 * lua/wire.list, which the scripts in Redis share), and the picture of it that every front holds.
 * No behaviour here: the store fills the picture, the core reads it, and tests make it up. */
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

struct heard;
struct ghosts;
struct moves;
struct turns;

enum {
    LINE_EVENT_ID_MAX = 64,
    LINE_ID_MAX = LINE_EVENT_ID_MAX + 2, /* of a line: its event's, and "@2" for the second lane */
    LINE_SHARD_NAME_MAX = LINE_EVENT_ID_MAX + 3, /* "show:15" */
    LINE_IDEM_BYTES = 16,
    LINE_VISITOR_BYTES = 8,
    LINE_CODE_BYTES = 16,      /* keyed digest of a presale code */
    LINE_CHANNEL_MAX = 32,     /* name of the channel of seats that it opens */
    LINE_INCARNATION_LEN = 18, /* hex: milliseconds of its making in 12, and 6 at random */
    LINE_TAG_BYTES = 3,
    LINE_IDENTITY_MAX = 16, /* the name of an identity key */
    LINE_DIGEST_LEN = 40,
    LANES_MAX = 4, /* next to the general one, which is 0; each is a line of its own, worked on by
                      its event's ticks */
};

/* Of a time, or a length of time, that Redis tells: sums of a few of them are still dates that can
 * be shown to a visitor. Later than the year 3900, so it refuses nothing but damage. */
#define LINE_MS_MAX (RFC3339_MS_MAX / 4)

/* Of the lanes' shares, packed: seven bits a lane. */
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

/* What the autopilot did, on whichever front: kept in Redis, told by each tick. */
struct line_pilot {
    bool on;
    uint64_t rate_milli;                      /* in force in place of the knob's */
    uint64_t at_ms;                           /* when it was decided last; 0: not yet */
    uint64_t heard_ms;                        /* when health was heard last */
    uint64_t from_milli;                      /* the last move: from here to rate_milli, */
    uint64_t moved_ms;                        /* then, and why */
    char reason[LINE_PILOT_REASON_MAX + 1];   /* of the last decision, a move or not */
    char why[LINE_PILOT_WHY_MAX + 1];         /* of the last move, a sentence */
    char because[LINE_PILOT_BECAUSE_MAX + 1]; /* the same for programs, JSON; empty: none */
    char reading[LINE_PILOT_READING_MAX + 1]; /* JSON; empty: none */
};

/* A stretch of positions called together. Those of (previous.upto, upto] were called at called_ms
 * and may come until expires_ms. Times are Redis's wall clock. */
struct line_stretch {
    uint64_t upto;
    uint64_t called_ms;
    uint64_t expires_ms;
};

/* What was promised of the seeds, of the event's line and of as many lanes as there can be; see
 * core/draw_seal.h. */
struct draw_seal {
    uint8_t key_id;
    uint8_t salt[DRAW_SEED_BYTES];
    uint8_t commitment[1 + LANES_MAX][DRAW_COMMITMENT_BYTES];
};

/* The event's draw. First the entries are closed: from then on N does not change. Then it is drawn:
 * from then on nothing of this does. */
struct line_draw {
    bool has_seal;
    struct draw_seal seal;
    bool closed;
    bool drawn;
    uint8_t seed[DRAW_SEED_BYTES]; /* once drawn */
    uint64_t closed_entries;
    uint64_t closed_ms;
    uint64_t drawn_ms;
    char beacon[DRAW_BEACON_MAX];
    uint32_t beacon_len;
    struct draw order; /* once drawn */
};

/* Promised waits compared with the real ones, ever since this front began: [0] the wait shown to
 * each admitted visitor with the ticket, [1] a sample of places on their way. */
struct line_told {
    uint64_t judged[2];
    uint64_t kept[2];         /* called by p90 */
    uint64_t error_milli[2];  /* sums: how far p50 was off, thousandths of the real wait */
    uint64_t errors;          /* answers of 5xx, of whatever event, since it was first seen */
    enum served_state served; /* whether those inside are, as far as this front sees */
};

/* The newest picture of one event. Owned by the store, read on its loop. */
struct line_view {
    char id[LINE_ID_MAX + 1];
    uint8_t lane;
    /* Which event of this id it is: one that is deleted and made again is another, one that Redis
     * lost and fronts healed is the same. Later ones compare higher. */
    char incarnation[LINE_INCARNATION_LEN + 1];
    uint32_t tag; /* line_tag() of it */
    enum line_state state;
    uint64_t version;    /* of the document; rises with each change of a knob or of the state */
    struct span doc;     /* the event's document as JSON text; borrowed until the next on_view */
    uint64_t era;        /* of the version: versions are compared within one */
    uint64_t doc_serial; /* another one: the document was sent again, of any version */
    char identity[LINE_IDENTITY_MAX + 1]; /* the identity key of this event, by name */
    struct line_knobs knobs; /* rate_milli: the one in force, which may be the autopilot's */
    struct line_pilot pilot;
    struct line_draw draw;
    struct span proof; /* of the beacon, JSON, once drawn; of the event. Borrowed as doc is */
    enum line_state frozen_from; /* while frozen: what it goes back to */
    uint64_t undo_version;      /* what the operator did last made this version; 0: nothing known */
    enum line_state undo_state; /* the state before it */
    bool has_seats_left;        /* a number of seats was fed */
    uint64_t seats_left;
    char odds[LINE_ODDS_MAX + 1]; /* as core/odds.h writes them; empty: none */
    uint64_t issued;              /* places given out: 1..issued */
    uint64_t serving;             /* 1..serving have been called */
    uint64_t dead;                /* 1..dead were called, and even their grace is over */
    uint64_t waiting;             /* issued - serving, less those who left and the ghosts */
    uint64_t skipped;             /* ghosts stepped over, ever: serving - skipped are people */
    uint64_t nobodys;             /* places ahead that a heal left out and nobody has shown yet */
    uint64_t nobodys_passed;      /* those stepped over, ever; of `skipped` */
    uint64_t active;              /* sessions inside */
    uint64_t outstanding;         /* called, not yet come, still in time */
    uint64_t admitted;            /* passes given, ever */
    uint64_t no_shows;            /* calls that ran out, ever */
    uint32_t show_up_milli;       /* smoothed share of the called who come; 1000 until measured */
    uint64_t service_rate_milli;  /* smoothed positions called a second while open; 0: unmeasured */
    uint64_t joins_milli;         /* joins a second of late, the peak slowly forgotten */
    uint64_t late_ms;             /* how long nobody was called because no tick came in time */
    uint64_t stood_ms;            /* how long the line has been paused in all; see turns.h */
    uint64_t halted_ms;           /* since when the clock of visits is paused; 0: it runs */
    uint64_t resumed_ms;          /* when this front saw it go on; 0: it was not paused */
    uint64_t clock_ahead_ms;      /* how far the clock of Redis is ahead of the event's time, */
    uint64_t clock_behind_ms;     /* or behind it; one of them is 0 */
    uint64_t codes;               /* presale codes that there are */
    uint64_t codes_lost;          /* so many there were when Redis lost some; 0: it has all */
    uint64_t wrong_codes;         /* shown in this minute, of presales and of moves */
    uint64_t fronts;   /* how many tell Redis whom they have heard: loops of all processes */
    uint64_t redis_ms; /* Redis's wall clock at the tick */
    uint64_t at_us;    /* this loop's monotonic clock at the tick's answer, */
    uint64_t asked_us; /* and when it was asked: the picture is as old as that */
    bool resting; /* over, and nobody is inside: nothing moves, and nobody asks Redis any more */
    bool stale;   /* older than STORE_STALE_MS, or the line is being healed */
    const struct line_stretch *calls; /* oldest first, those that may still matter; borrowed */
    uint32_t calls_len;
    struct heard *heard;         /* where polls leave their marks; NULL: nobody keeps any */
    const struct ghosts *ghosts; /* NULL: everybody counts as there */
    struct line_told *told;      /* where a front leaves its own; NULL: nobody sums them up */
    const struct moves *moves;   /* NULL: no place was carried to another device */
    const struct turns *turns;   /* NULL: nothing is known of what followed a call */
};

/* Presale codes that the operator has loaded, whether Redis has them or not. */
static inline uint64_t line_codes_known(const struct line_view *view)
{
    return view->codes > view->codes_lost ? view->codes : view->codes_lost;
}

/* Of these, those that Redis has lost. */
static inline uint64_t line_codes_missing(const struct line_view *view)
{
    return view->codes_lost > view->codes ? view->codes_lost - view->codes : 0;
}

/* The line does not move, and will again: whether to pause or for an incident. */
static inline bool line_stands_still(enum line_state state)
{
    return state == LINE_PAUSED || state == LINE_FROZEN;
}

/* What tickets, sessions and codes carry of an incarnation: its random digits. */
static inline uint32_t line_tag(const char *incarnation)
{
    uint32_t tag = 0;
    for (const char *at = incarnation; *at != '\0'; at++)
        tag = tag << 4 | (uint32_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return tag & 0xFFFFFF;
}

/* An event's name as it stands in paths, cookies, keys of Redis and tokens, as seat-service has it:
 * it needs no escape anywhere, and no program takes it for an option. */
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
 * A lane is a line of its own: its numbers, its draw, its ghosts. What it shares with its event is
 * the document, the state, the slots, and the tokens by which people are called. */

/* Of so many lanes, the shares in percent, each 1 to 99: digits of base 128. */
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

/* What a line is asked about a visit. LINE_PASS: a called visitor comes in; repeated by the same
 * place, LINE_SAME: the same session. */
enum line_visit_call {
    LINE_PASS,
    LINE_HEARTBEAT, /* extends the session within session_ttl and session_max */
    LINE_END,       /* the visit is over: the slot is free, the place is used up */
    LINE_LEAVE,     /* gives place or slot up at once */
    /* Changes nothing. LINE_SAME: the visit goes on; LINE_NOT_YET: it has not begun, and may yet;
     * LINE_GONE, LINE_EXPIRED: given up, used, or over: nobody enters with this place any more. */
    LINE_LOOK,
    LINE_DONE,   /* as LINE_END: the order is through */
    LINE_EXTEND, /* the call is made longer: expires_ms; LINE_EXHAUSTED: not once more */
};

/* What it is asked about carrying a place to another device. */
enum line_move_call {
    LINE_MOVE_MAKE, /* a code for `entry`, as the ticket says */
    LINE_MOVE_LOOK, /* whose place is it? LINE_SAME: the asker has taken it before */
    LINE_MOVE_TAKE, /* it is ours now; `entry` and `place` as found by looking */
};

/* The event that a line's name speaks of, and the name of an event's lane. */
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

/* A shard of an event, as its keys are tagged: "show:3". */
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

/* Percent of the calls; of the general lane, what the others leave. */
static inline unsigned line_lane_share(uint64_t packed, unsigned lane)
{
    unsigned general = 100;
    if (lane > 0)
        return packed >> (7 * (lane - 1)) & 127;
    for (; packed > 0; packed >>= 7)
        general -= packed & 127;
    return general;
}

/* A place by one number in the whole event, as sessions and passes name it: in the general lane the
 * place itself. */
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
