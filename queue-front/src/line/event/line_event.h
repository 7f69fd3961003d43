/* line_event.h: one event as one front knows it: the picture that it shows, and the marks, which
 * are the highest values it has seen of everything that must never go back. When Redis has lost a
 * line, it is rebuilt from the marks.
 *
 * Pure: no connection and no loop. */
#ifndef FG_QUEUE_FRONT_LINE_EVENT_H
#define FG_QUEUE_FRONT_LINE_EVENT_H

#include "core/line/ghosts.h"
#include "core/line/heard.h"
#include "core/line/line.h"
#include "core/line/moves.h"
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
    uint64_t era;                     /* of that version: when Redis was healed last before it */
    char digest[LINE_DIGEST_LEN + 1]; /* of the document; "": to be sent in any case */
    uint64_t raised;                  /* by how many places heals have raised `issued`, ever */
    uint64_t dead;       /* everybody up to here was called, and their grace is over too */
    uint64_t generation; /* of the stretches: another one means that all were written again */
    uint64_t upto;       /* the newest stretch known */
    uint64_t moves_run;  /* another one means that Redis may have lost moves */
    uint64_t moves_seq;  /* the newest move known */
};

struct line_event {
    struct line_view view;
    struct line_marks marks;
    bool seen;                       /* a tick was answered: the view holds something */
    uint64_t not_yet_us;             /* since when it waits for those who know the time; 0: not */
    const char *offer;               /* identity key for an event that has none yet; borrowed */
    uint64_t knob_rate_milli;        /* as the operator set it; the view has the one in force */
    struct line_told told;           /* this front's, as it has left it */
    struct line_told sending, taken; /* with the tick under way; what Redis has of it */
    uint64_t passes;                 /* given by this front since its last tick */
    uint64_t visits_until_ms;        /* the latest time that it has promised to a visit */
    uint64_t joins_milli; /* joins a second on all fronts: the recent peak, slowly forgotten */
    uint64_t joined, joins_at_ms; /* how many had, where the window that is measured began */
    /* Entries given up before the draw, whose positions Redis wants to know. */
    uint64_t early[LINE_EARLY_MAX];
    uint32_t early_len;
    char *doc;
    char *proof;
    struct line_stretch *calls;
    uint32_t calls_cap;
    struct heard heard;
    struct ghosts ghosts;
    struct line_gap gaps[LINE_GAPS_MAX]; /* not called yet, as the last tick told them */
    uint32_t gaps_len;
    uint64_t heard_due_us; /* when its marks are sent next, unless there is a hurry */
    uint64_t heard_ms;     /* all that was heard until then is sent; Redis's clock */
    uint64_t telling_ms;   /* as heard_ms, once the call under way has arrived; 0: it leaves some */
    bool heard_hurry;      /* the process is coming to its end */
    struct moves moves;
    struct move telling[MOVES_SEND_MAX]; /* on their way to Redis */
    uint32_t telling_len, telling_upto;
    bool moves_more; /* Redis has more of them to tell */
    struct turns turns;
    char turns_upto[LINE_STREAM_ID_MAX + 1]; /* how far the log of turns is known */
    bool turns_more;
};

void line_event_init(struct line_event *event, struct span id);
void line_event_deinit(struct line_event *event);

/* The event's clock now: the time of the last tick plus what has passed since. */
uint64_t line_event_now_ms(const struct line_event *event, uint64_t now_us);

/* Too old to be shown without saying so. */
static inline bool line_event_is_old(const struct line_view *view, uint64_t now_us)
{
    return now_us > view->asked_us && now_us - view->asked_us > STORE_STALE_MS * 1000;
}

void line_event_set_clock(struct line_event *event, uint64_t now_ms, uint64_t now_us);

/* A visitor showed up with this place, so it was given out. */
void line_event_saw_place(struct line_event *event, uint64_t place);
/* It was also called: its visit goes on. */
void line_event_saw_called(struct line_event *event, uint64_t place);

/* Redis may hold another document than the one known here, even under the same number. */
void line_event_doubt_document(struct line_event *event);

/* Is it time to call heard.lua? To be asked with each tick. An epoch is `gone_after_ms`. */
bool line_event_wants_heard(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us);
/* Picks the marks for a call and answers how many more words they take. The call must then be
 * sent; line_event_take_heard() ends it. */
uint32_t line_event_pick_heard(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us);
/* The line was healed: the signs of life that this front has are sent again, without delay. */
void line_event_lost_marks(struct line_event *event);
/* The arguments of heard.lua that follow the run id. A front that leaves has told everything. */
void line_event_put_heard(const struct line_event *event, struct text *command,
                          struct span front_name, uint64_t gone_after_ms, bool leaves);
/* NULL: it did not arrive, or that is not known. False: Redis knows less than we do. */
bool line_event_take_heard(struct line_event *event, const redisReply *reply);
/* Likewise for moved places that Redis has lost. */
uint32_t line_event_pick_moves(struct line_event *event);
/* The arguments of tick.lua and heal.lua that follow the run id. */
void line_event_put_tick(const struct line_event *event, struct text *command, uint64_t slot_ms,
                         uint64_t now_us);
uint32_t line_event_heal_words(const struct line_event *event); /* of the next */
void line_event_put_heal(const struct line_event *event, struct text *command,
                         struct span front_name, uint64_t now_us);
/* Which draw this front goes by: its entries, or WIRE_NONE. */
uint64_t line_event_drawn(const struct line_event *event);

enum line_tick {
    LINE_TICK_SAME,    /* nothing new but the clock */
    LINE_TICK_CHANGED, /* worth showing */
    LINE_TICK_HEAL,    /* Redis knows less than we do, or was restarted */
    LINE_TICK_RENEWED, /* there is another event of this id now */
    LINE_TICK_NOT_YET, /* this front cannot know the time, and others may: it asks on */
    LINE_TICK_BAD,     /* not an answer of tick.lua; nothing was taken from it */
};

/* A tick or a heal was answered NOT_YET. */
void line_event_wait(struct line_event *event, uint64_t now_us);

/* A place has moved just now. */
void line_event_saw_move(struct line_event *event, struct move move);
/* A call was made longer just now. */
void line_event_saw_turn(struct line_event *event, struct turn turn);

/* Takes an answer of tick.lua over into view and marks. One that took long is stale by now. */
enum line_tick line_event_take_tick(struct line_event *event, const redisReply *reply,
                                    uint64_t asked_us, uint64_t now_us);

#endif
