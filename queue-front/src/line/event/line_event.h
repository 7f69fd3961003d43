/* line_event.h: one event as one front knows it: the picture, and the marks, which are the highest
 * values this front has seen of everything that must never go back. When Redis has lost a line, it
 * is rebuilt from the marks.
 *
 * Pure: no connection and no loop. */
#ifndef FG_QUEUE_FRONT_LINE_EVENT_H
#define FG_QUEUE_FRONT_LINE_EVENT_H

#include "core/line/ghosts.h"
#include "core/line/line.h"
#include "core/line/moves.h"
#include "core/line/seen.h"
#include "core/line/turns.h"
#include "line/line_limits.h"
#include "redis/resp.h"

enum {
    LINE_STREAM_ID_MAX = 40,
};

struct line_marks {
    uint64_t issued;
    uint64_t serving;
    uint64_t version;
    uint64_t era;                     /* of that version: when Redis was last healed before it */
    char digest[LINE_DIGEST_LEN + 1]; /* of the document; "": always send it */
    uint64_t raised;                  /* how many places heals have added to `issued`, ever */
    uint64_t dead;       /* all places up to here were called, and their grace is over */
    uint64_t generation; /* of the stretches: another value means that all were rewritten */
    uint64_t upto;       /* the newest stretch known */
    uint64_t moves_run;  /* another value means that Redis may have lost moves */
    uint64_t moves_seq;  /* the newest move known */
};

struct line_event {
    struct line_view view;
    struct line_marks marks;
    bool filled;                     /* a tick was answered, so the view is filled */
    uint64_t not_yet_us;             /* waits since then for the time; 0: no */
    const char *offer;               /* identity key for an event without one; borrowed */
    uint64_t knob_rate_milli;        /* the operator's setting; the view has the effective rate */
    struct line_sums sums;           /* this front's latest totals */
    struct line_sums sending, taken; /* totals in the tick under way; totals that Redis has */
    uint64_t passes;                 /* issued by this front since its last tick */
    uint64_t visits_until_ms;        /* the latest end that it has promised to a visit */
    uint64_t joins_milli; /* joins a second on all fronts: the recent peak, slowly decaying */
    uint64_t joined, joins_at_ms; /* joins when the measured window began */
    /* Entries given up before the draw; Redis wants their positions. */
    uint64_t early[LINE_EARLY_MAX];
    uint32_t early_len;
    char *doc;
    char *proof;
    struct line_stretch *calls;
    uint32_t calls_cap;
    struct seen seen;
    struct ghosts ghosts;
    struct line_gap gaps[LINE_GAPS_MAX]; /* not called yet, as of the last tick */
    uint32_t gaps_len;
    uint64_t seen_due_us;     /* when its marks are sent next, unless urgent */
    uint64_t seen_sent_ms;    /* all signs of life until then are sent; Redis's clock */
    uint64_t seen_sending_ms; /* that once the current call arrives; 0: it does not send all */
    bool seen_hurry;          /* the process is shutting down */
    struct moves moves;
    struct move outgoing[MOVES_SEND_MAX]; /* on their way to Redis */
    uint32_t outgoing_len, outgoing_upto;
    bool moves_more; /* Redis has more moves to send */
    struct turns turns;
    char turns_upto[LINE_STREAM_ID_MAX + 1]; /* how far the log of turns was read */
    bool turns_more;
};

void line_event_init(struct line_event *event, struct span id);
void line_event_deinit(struct line_event *event);

/* The event's clock now: the time of the last tick plus what has passed since. */
uint64_t line_event_now_ms(const struct line_event *event, uint64_t now_us);

/* Too old to be shown without a warning. */
static inline bool line_event_is_old(const struct line_view *view, uint64_t now_us)
{
    return now_us > view->asked_us && now_us - view->asked_us > STORE_STALE_MS * 1000;
}

void line_event_set_clock(struct line_event *event, uint64_t now_ms, uint64_t now_us);

/* A visitor showed a ticket or pass for this place, so it was issued. */
void line_event_saw_place(struct line_event *event, uint64_t place);
/* The place was also called: its visit goes on. */
void line_event_saw_called(struct line_event *event, uint64_t place);

/* Redis may hold another document than this front, even under the same number. */
void line_event_doubt_document(struct line_event *event);

/* Whether to call seen.lua now; ask with each tick. An epoch is `gone_after_ms`. */
bool line_event_wants_seen(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us);
/* Picks the marks for a call and returns how many more words they take. The call must then be sent;
 * line_event_take_seen() ends it. */
uint32_t line_event_pick_seen(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us);
/* The arguments of seen.lua after the run id. A front that leaves has sent everything. */
void line_event_put_seen(const struct line_event *event, struct text *command,
                         struct span front_name, uint64_t gone_after_ms, bool leaves);
/* reply NULL: the call was lost or its outcome is unknown. False: Redis knows less than we do. */
bool line_event_take_seen(struct line_event *event, const redisReply *reply);
/* The same for moves that Redis has lost. */
uint32_t line_event_pick_moves(struct line_event *event);
/* The arguments of tick.lua and heal.lua after the run id. */
void line_event_put_tick(const struct line_event *event, struct text *command, uint64_t slot_ms,
                         uint64_t now_us);
uint32_t line_event_heal_words(const struct line_event *event); /* of the next heal */
void line_event_put_heal(const struct line_event *event, struct text *command,
                         struct span front_name, uint64_t now_us);
/* The draw that this front uses: its entries, or WIRE_NONE. */
uint64_t line_event_drawn(const struct line_event *event);

enum line_tick {
    LINE_TICK_SAME,    /* nothing new but the clock */
    LINE_TICK_CHANGED, /* worth showing */
    LINE_TICK_HEAL,    /* Redis knows less than we do, or was restarted */
    LINE_TICK_RENEWED, /* the id now belongs to another event */
    LINE_TICK_NOT_YET, /* this front cannot know the time, others may: it keeps asking */
    LINE_TICK_BAD,     /* not a valid reply of tick.lua; nothing was applied */
};

/* A tick or a heal returned NOT_YET. */
void line_event_wait(struct line_event *event, uint64_t now_us);

/* A call was just extended. */
void line_event_saw_turn(struct line_event *event, struct turn turn);

/* Applies a reply of tick.lua to view and marks. A reply that took long is already stale. */
enum line_tick line_event_take_tick(struct line_event *event, const redisReply *reply,
                                    uint64_t asked_us, uint64_t now_us);

#endif
