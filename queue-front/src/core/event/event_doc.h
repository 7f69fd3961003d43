/* event_doc.h: an event's document: its name and its knobs, as the operator writes them.
 *
 * One table describes every knob. It reads, judges and writes them, and the console is built from
 * it, so a new knob is one row. The whole document is stored, with defaults filled in; the store
 * keeps state and version apart, and they are added when it is shown. */
#ifndef FG_QUEUE_FRONT_CORE_EVENT_DOC_H
#define FG_QUEUE_FRONT_CORE_EVENT_DOC_H

#include "base/err.h"
#include "base/text.h"
#include "core/draw/beacon.h"
#include "core/event/prices.h"
#include "core/limits.h"
#include "core/line/line.h"
#include "sale/show.h"

struct event_text { /* one language's words */
    char tag[EVENT_LANGUAGE_TAG_MAX + 1];
    uint16_t len;
    char text[EVENT_MESSAGE_BYTES_MAX + 1];
};

struct event_lane { /* next to the general one, for invited people */
    char id[EVENT_LANE_ID_MAX + 1];
    char name[EVENT_LANE_NAME_MAX + 1];
    uint64_t share;       /* percent of the calls */
    uint64_t invitations; /* those numbered 1 to this are good */
    bool code_required;   /* nobody joins it without a presale code */
};

struct event_doc {
    bool newer; /* a newer program has set knobs in it that this one does not know */
    char id[LINE_EVENT_ID_MAX + 1];
    char name[EVENT_NAME_BYTES_MAX + 1];
    uint64_t shards; /* that its line is kept in; 1: in none. Never changes */
    uint64_t rate_milli;
    uint64_t burst;
    uint64_t max_active;
    uint64_t session_ttl_s;
    uint64_t session_max_s;
    uint64_t call_ttl_s;
    uint64_t grace_s;
    uint64_t line_max; /* 0: no cap */
    uint64_t joins_per_ip_per_min;
    uint64_t pow_bits;
    uint64_t pow_bits_max;
    bool member_required;
    bool code_required; /* for the general lane */
    bool seats_left;
    bool auto_reopen;
    bool autopilot_on;
    uint64_t autopilot_ceiling_milli; /* never above it */
    uint64_t autopilot_floor_milli;   /* where it goes when nothing is heard */
    uint64_t autopilot_target_p99_ms;
    uint64_t autopilot_errors_max_milli; /* share of the answers; 0: not looked at */
    uint64_t autopilot_held_max;         /* held seats; 0: not looked at */
    uint64_t autopilot_backlog_max;      /* open sagas; 0: not looked at */
    uint64_t opens_at_ms;                /* 0: by hand only */
    uint64_t prequeue_at_ms;             /* 0: no pre-queue */
    uint64_t closes_at_ms;               /* 0: by hand only */
    uint64_t planned_end_at_ms;          /* the console's forecast is compared with it; 0: none */
    struct beacon beacon;                /* of the draw */
    struct show show;                    /* when and where it is */
    uint32_t abouts_len;
    struct event_text about[EVENT_LANGUAGES_MAX]; /* what else is said below the name */
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

/* Why a document is refused: the JSON pointer of the member and the rule it breaks. */
struct event_doc_fault {
    char pointer[96];
    char rule[ERR_TEXT_MAX];
};

/* With all knobs at their defaults, as a document that sets none. */
void event_doc_init(struct span id, struct event_doc *out);

/* A stored document: absent knobs have their defaults. A newer program may have written it, with a
 * member `needs`: the lowest format that a program must know to do what the document asks for. If
 * this program knows it, members that it does not know are passed over and `newer` is true;
 * otherwise, or without `needs`, they are a fault. ERR_SYNTAX: not JSON; ERR_RANGE: a value against
 * its rule; ERR_NOMEM: nobody knows. All fill the fault. */
enum { EVENT_DOC_FORMAT = 3 }; /* 2: presale codes; 3: shards */
int event_doc_load(struct span stored, struct span id, struct event_doc_fault *fault,
                   struct event_doc *out);

/* Applies a JSON merge patch (RFC 7396) to `stored`; a member set to null gets its default again.
 * A document that was read, edited and sent back must work as a patch. So `state` and `version` may
 * stand in it if they are as they are now, and `autopilot_state` is passed over. */
struct event_doc_now {
    enum line_state state;
    uint64_t version;
    const struct line_pilot *pilot; /* NULL: the autopilot is off */
    const char *incarnation;        /* which event of this id; "" or NULL: not known here */
};
int event_doc_patch(struct span stored, struct span patch, struct span id,
                    const struct event_doc_now *now, struct event_doc_fault *fault,
                    struct event_doc *out);

/* As it is stored: {"id":..,"name":..,...}, all knobs. */
void event_doc_json(struct text *out, const struct event_doc *doc);
/* As it is shown: with state, version and incarnation after the name, and the autopilot's state at
 * the end. */
void event_doc_show(struct text *out, const struct event_doc *doc, const struct event_doc_now *now);

/* Its number, 0 for "general"; LANES_MAX + 1: there is none. */
unsigned event_doc_lane(const struct event_doc *doc, struct span id);

/* Does this lane require a presale code? */
bool event_doc_asks_code(const struct event_doc *doc, unsigned lane);
bool event_doc_asks_code_anywhere(const struct event_doc *doc);

/* Are these the same lanes? Names and shares may differ. */
bool event_doc_same_lanes(const struct event_doc *a, const struct event_doc *b);

/* The messages alone: {"en":"..","ko":".."}. */
void event_doc_messages(struct text *out, const struct event_doc *doc);

void event_doc_appeals(struct text *out, const struct event_doc *doc); /* likewise */

/* The numbers that admission obeys. */
struct line_knobs event_doc_knobs(const struct event_doc *doc);

/* The members that differ between two stored documents, as two objects: for the audit trail.
 * *differ: one does. ERR_SYNTAX for a document that cannot be read. After
 * ERR_NOMEM the two may differ or not. */
int event_doc_diff(struct span before, struct span after, struct text *from, struct text *to,
                   bool *differ);

/* The table itself: [{"name","kind","min","max","default","unit","help"},...]. */
void event_doc_table(struct text *out);

#endif
