/* event_doc.h: an event's document: its name and its knobs, as the operator writes them.
 *
 * One table describes every knob. It reads, validates and writes them, and the console is built
 * from it, so a new knob is one row. The whole document is stored, with defaults filled in; the
 * store keeps state and version separately, and they are added for display. */
#ifndef FG_QUEUE_FRONT_CORE_EVENT_DOC_H
#define FG_QUEUE_FRONT_CORE_EVENT_DOC_H

#include "base/err.h"
#include "base/text.h"
#include "core/draw/beacon.h"
#include "core/event/prices.h"
#include "core/limits.h"
#include "core/line/line.h"
#include "sale/show.h"

struct event_text { /* words in one language */
    char tag[EVENT_LANGUAGE_TAG_MAX + 1];
    uint16_t len;
    char text[EVENT_MESSAGE_BYTES_MAX + 1];
};

struct event_lane { /* next to the general line, for invited people */
    char id[EVENT_LANE_ID_MAX + 1];
    char name[EVENT_LANE_NAME_MAX + 1];
    uint64_t share;       /* percent of the calls */
    uint64_t invitations; /* invitations 1 to this are valid */
    bool code_required;   /* joining requires a presale code */
};

struct event_doc {
    bool newer; /* a newer program has set knobs that this one does not know */
    char id[LINE_EVENT_ID_MAX + 1];
    char name[EVENT_NAME_BYTES_MAX + 1];
    uint64_t shards; /* number of shards of its line; 1: not sharded. Never changes */
    uint64_t rate_milli;
    uint64_t burst;
    uint64_t max_active;
    uint64_t session_ttl_s;
    uint64_t session_max_s;
    uint64_t call_ttl_s;
    uint64_t grace_s;
    uint64_t line_max; /* 0: no limit */
    uint64_t joins_per_ip_per_min;
    uint64_t pow_bits;
    uint64_t pow_bits_max;
    bool member_required;
    bool code_required; /* for the general line */
    bool seats_left;
    bool auto_reopen;
    bool autopilot_on;
    uint64_t autopilot_ceiling_milli; /* upper limit */
    uint64_t autopilot_floor_milli;   /* the rate without readings */
    uint64_t autopilot_target_p99_ms;
    uint64_t autopilot_errors_max_milli; /* share of the answers; 0: ignored */
    uint64_t autopilot_held_max;         /* held seats; 0: ignored */
    uint64_t autopilot_backlog_max;      /* open sagas; 0: ignored */
    uint64_t opens_at_ms;                /* 0: only by hand */
    uint64_t prequeue_at_ms;             /* 0: no pre-queue */
    uint64_t closes_at_ms;               /* 0: only by hand */
    uint64_t planned_end_at_ms;          /* for comparison with the console's forecast; 0: none */
    struct beacon beacon;                /* of the draw */
    struct show show;                    /* date and venue */
    uint32_t abouts_len;
    struct event_text about[EVENT_LANGUAGES_MAX]; /* more text below the name */
    uint32_t messages_len;
    struct event_text message[EVENT_LANGUAGES_MAX];
    uint32_t appeals_len;
    struct event_text appeal[EVENT_LANGUAGES_MAX]; /* contacts, by language */
    struct prices prices;
    uint32_t lanes_len;
    struct event_lane lane[LANES_MAX];
    uint32_t schedule_len;
    struct line_rate_at schedule[EVENT_SCHEDULE_MAX];
};

/* Why a document is rejected: the JSON pointer of the member and the rule it breaks. */
struct event_doc_fault {
    char pointer[96];
    char rule[ERR_TEXT_MAX];
};

/* All knobs at their defaults. */
void event_doc_init(struct span id, struct event_doc *out);

/* Parses a stored document; absent knobs have their defaults. A newer program may have written it,
 * with a member `needs`: the lowest format that a reader must know. If this program knows that
 * format, unknown members are ignored and `newer` is true; otherwise, or without `needs`, they are
 * a fault. ERR_SYNTAX: not JSON; ERR_RANGE: an invalid value; ERR_NOMEM: not checked. All fill the
 * fault. */
enum { EVENT_DOC_FORMAT = 3 }; /* 2: presale codes; 3: shards */
int event_doc_load(struct span stored, struct span id, struct event_doc_fault *fault,
                   struct event_doc *out);

/* Applies a JSON merge patch (RFC 7396) to `stored`; null resets a member to its default. A
 * document that was read, edited and sent back must work as a patch. So it may contain `state` and
 * `version` if they are current, and `autopilot_state` is ignored. */
struct event_doc_now {
    enum line_state state;
    uint64_t version;
    const struct line_pilot *pilot; /* NULL: the autopilot is off */
    const char *incarnation;        /* which event with this id; "" or NULL: not known here */
};
int event_doc_patch(struct span stored, struct span patch, struct span id,
                    const struct event_doc_now *now, struct event_doc_fault *fault,
                    struct event_doc *out);

/* As stored: {"id":..,"name":..,...}, all knobs. */
void event_doc_json(struct text *out, const struct event_doc *doc);
/* For display: with state, version and incarnation after the name, and the autopilot's state at the
 * end. */
void event_doc_show(struct text *out, const struct event_doc *doc, const struct event_doc_now *now);

/* The lane's number, 0 for "general"; LANES_MAX + 1: unknown. */
unsigned event_doc_lane(const struct event_doc *doc, struct span id);

/* Whether this lane requires a presale code. */
bool event_doc_asks_code(const struct event_doc *doc, unsigned lane);
bool event_doc_asks_code_anywhere(const struct event_doc *doc);

/* Whether both have the same lanes; names and shares may differ. */
bool event_doc_same_lanes(const struct event_doc *a, const struct event_doc *b);

/* Only the messages: {"en":"..","ko":".."}. */
void event_doc_messages(struct text *out, const struct event_doc *doc);

void event_doc_appeals(struct text *out, const struct event_doc *doc); /* the contacts */

/* The numbers that admission uses. */
struct line_knobs event_doc_knobs(const struct event_doc *doc);

/* The members that differ between two stored documents, as two objects, for the audit trail.
 * *differ: any difference. ERR_SYNTAX: a document is unreadable. After ERR_NOMEM it is unknown
 * whether the two differ. */
int event_doc_diff(struct span before, struct span after, struct text *from, struct text *to,
                   bool *differ);

/* The table itself: [{"name","kind","min","max","default","unit","help"},...]. */
void event_doc_table(struct text *out);

#endif
