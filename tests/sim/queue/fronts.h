/* fronts.h: the fronts, and what visitors and operators ask of them.
 *
 * The line's store and all that it is made of, the places and their arithmetic and the tickets are
 * queue-front's own. What queue-front's api/ does between a request and the store is done here in
 * few words: no HTTP, no cookies, no passes with signatures. */
#ifndef FG_SIM_QUEUE_FRONTS_H
#define FG_SIM_QUEUE_FRONTS_H

#include "core/event/event_doc.h"
#include "core/line/place.h"
#include "core/token/ticket.h"
#include "line/line_store.h"
#include "stage/sim.h"

enum { FRONTS = 3, FRONTS_GONE_AFTER_MS = 6000, FRONTS_PATCH_MAX = 256 };

#define FRONTS_EVENT "show"

enum ask_kind {
    ASK_JOIN,
    ASK_ME,
    ASK_PASS,
    ASK_BEAT,
    ASK_LEAVE,
    ASK_DONE,
    ASK_EXTEND,
    ASK_CREATE,
    ASK_CHANGE,
    ASK_MOVE
};

/* Beyond enum line_outcome. */
enum { ANSWER_NONE = LINE_OUTCOME_COUNT, ANSWER_WORK, ANSWER_TICKET };

/* One request. Its memory stays, since the network may still have it. */
struct ask {
    enum ask_kind kind;
    struct sim_gate *bell; /* rung with the answer */
    /* a join: */
    uint64_t who;         /* the same is the same visitor; 0: nobody who could be recognised */
    uint64_t work;        /* what was worked for it; 0: nothing */
    uint64_t work_minute; /* when that was given out */
    /* with a place: */
    char ticket[TICKET_LEN_MAX + 1];
    uint64_t ends_ms;             /* of the visit, as its pass says */
    char patch[FRONTS_PATCH_MAX]; /* an operator's: of the document, */
    enum line_state to;           /* or where to */

    /* the answer */
    int outcome; /* ANSWER_NONE: nobody knows */
    bool over, stale;
    enum line_state state;
    uint64_t entry;
    struct place place;
    uint64_t before; /* places before this one not called yet, ghosts included */
    uint64_t expires_ms, visit_ends_ms, retry_ms;

    /* the fronts' own */
    uint64_t asked_us;
    unsigned judged;
};

/* Whoever judges hears what each is told; `front` is the number of the one that tells. */
struct fronts_ears {
    void (*on_answer)(unsigned front, const struct ask *ask);
    void (*on_shown)(uint64_t entry);    /* a ticket came to a front */
    void (*on_silenced)(unsigned front); /* it died, left or stands still */
};

void fronts_begin(const struct fronts_ears *ears);
void fronts_fault(uint32_t ms);
/* The answer comes later, or never. */
void fronts_ask(struct ask *ask);
/* Of a front that runs; NULL: none has any. */
const struct line_view *fronts_view(void);

#endif
