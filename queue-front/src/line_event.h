/* line_event.h: one event as one front knows it: the picture that it shows to others, and the
 * marks, which are the highest it has ever seen of what must never go back. Out of the marks the
 * line is made whole when Redis has lost it.
 *
 * Pure: neither a connection nor a loop is in it. */
#ifndef FG_QUEUE_FRONT_LINE_EVENT_H
#define FG_QUEUE_FRONT_LINE_EVENT_H

#include "core/ghosts.h"
#include "core/heard.h"
#include "core/line.h"
#include "core/moves.h"
#include "line_store.h"
#include "resp.h"

enum {
    LINE_KNOBS = 13, /* in knob_names() of prelude.lua */
    LINE_HEAL_WORDS = 24 + LINE_KNOBS,
    LINE_EARLY_MAX = 64, /* as many as tick.lua tells at once */
};

struct line_marks {
    uint64_t issued;
    uint64_t serving;
    uint64_t version;
    uint64_t dead;       /* all up to here were called, and even their grace is over */
    uint64_t generation; /* of the stretches: another one means that all were written anew */
    uint64_t upto;       /* the newest stretch known */
    uint64_t moves_run;  /* another one means that Redis may have lost moves */
    uint64_t moves_seq;  /* the newest move known */
};

struct line_event {
    struct line_view view;
    struct line_marks marks;
    bool seen;                       /* a tick was answered: the view holds something */
    uint64_t knob_rate_milli;        /* as the operator set it; the view has the one in force */
    struct line_told told;           /* this front's, as it has left it */
    struct line_told sending, taken; /* with the tick under way; what Redis has of it */
    uint64_t passes;                 /* given by this front since its last tick */
    uint64_t joins_milli; /* joins a second on all fronts: the peak of late, slowly forgotten */
    /* Entries given up before the draw, which Redis wants to know the positions of. */
    uint64_t early[LINE_EARLY_MAX];
    uint32_t early_len;
    char *doc;
    char *proof;
    struct line_call *calls;
    uint32_t calls_cap;
    struct heard heard;
    struct ghosts ghosts;
    struct moves moves;
    struct move telling[MOVES_SEND_MAX]; /* on their way to Redis */
    uint32_t telling_len, telling_upto, telling_cap;
    bool moves_more; /* Redis has more of them to tell */
};

void line_event_init(struct line_event *event, struct span id);
void line_event_deinit(struct line_event *event);

/* A place was seen that somebody has. */
void line_event_saw_place(struct line_event *event, uint64_t place);

enum { LINE_TICK_WORDS = 21 };

/* How many words more a tick's marks take; picks them, so the tick is to be sent. Their end is
 * heard_sent(). */
uint32_t line_event_pick_heard(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us);
/* Likewise for moved places that Redis has lost. */
uint32_t line_event_pick_moves(struct line_event *event);
/* The arguments of tick.lua and heal.lua that follow the run id. */
void line_event_put_tick(const struct line_event *event, struct text *command,
                         struct span front_name, uint64_t gone_after_ms);
void line_event_put_heal(const struct line_event *event, struct text *command,
                         struct span front_name, uint64_t now_us);
/* Which draw this front reckons with: its entries, or nothing. */
void line_event_put_drawn(const struct line_event *event, struct text *command);
void line_event_put_knobs(const struct line_knobs *knobs, struct text *command);

enum line_tick {
    LINE_TICK_SAME,    /* nothing new but the clock */
    LINE_TICK_CHANGED, /* worth showing */
    LINE_TICK_HEAL,    /* Redis knows less than we do, or was restarted */
    LINE_TICK_RENEWED, /* there is another event of this id now */
    LINE_TICK_BAD,     /* not an answer of tick.lua; nothing was taken from it */
};

/* A place has moved just now. */
void line_event_saw_move(struct line_event *event, struct move move);

/* Takes an answer of tick.lua over into view and marks. */
enum line_tick line_event_take_tick(struct line_event *event, const redisReply *reply,
                                    uint64_t now_us);

#endif
