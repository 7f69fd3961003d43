/* ask.h: what visitors and operators ask of fronts, and what they are answered. */
#ifndef FG_SIM_QUEUE_FRONT_ASK_H
#define FG_SIM_QUEUE_FRONT_ASK_H

#include "core/event/event_doc.h"
#include "core/line/place.h"
#include "core/token/pow.h"
#include "core/token/ticket.h"
#include "line/line_store.h"
#include "queue/front/inside.h"
#include "queue/front/lines.h"
#include "stage/sim.h"

enum { FRONTS = 3, FRONTS_GONE_AFTER_MS = 6000 };

enum { ASK_PATCH_MAX = 512 };
enum { ASK_PRESALES = 24 }; /* codes that are loaded; others are guesses */
enum { ASK_PRESALE_MAX = 24 };
enum { ASK_INVITATIONS = 2000 }; /* of each lane */

#define ASK_SHOP "shop" /* whose members they are */

/* Of the seats that the codes of this lane open. */
#define ASK_CHANNEL(LANE) ((LANE) == 1 ? "stalls" : "")

enum ask_kind {
    ASK_JOIN,
    ASK_ME,
    ASK_PASS,
    ASK_BEAT,
    ASK_LEAVE,
    ASK_DONE,
    ASK_EXTEND,
    ASK_CODE, /* that carries the place to another device, */
    ASK_TAKE, /* where it is shown */
    ASK_CREATE,
    ASK_PRESALE, /* codes of a presale are loaded, or all taken away */
    ASK_CHANGE,
    ASK_MOVE
};

/* Beyond enum line_outcome. */
enum { ANSWER_NONE = LINE_OUTCOME_COUNT, ANSWER_WORK, ANSWER_CODE, ANSWER_TICKET, ANSWER_MOVED };

/* An operator's load of presale codes: each `step`th from `first` on; step 0: all are taken away.
 */
struct ask_load {
    unsigned lane, first, step;
    uint64_t uses; /* of each */
};

/* One request. Its memory stays, since the network may still have it. */
struct ask {
    enum ask_kind kind;
    struct sim_gate *bell; /* rung with the answer */
    struct line_ref line;  /* with a ticket: its own */
    /* a join, and a take: */
    uint64_t who;        /* the same is the same visitor; 0: nobody who could be recognised */
    uint64_t member;     /* of the shop; 0: none */
    uint64_t invitation; /* that a member shows; 0: none */
    uint64_t presale;    /* code that is shown; 0: none */
    uint64_t work;       /* what was worked for it; 0: nothing */
    char solution[POW_SOLUTION_MAX + 1];
    bool shows_ticket; /* the one below */
    /* with a place: */
    char ticket[TICKET_LEN + 1];
    uint64_t told_ms;                /* until when the visit lasts, as its pass says */
    char pass[GUEST_PASS_MAX];       /* of a beat; or the one that was given */
    char session[GUEST_SESSION_MAX]; /* to end; or that of the pass */
    char code[MOVE_CODE_LEN];        /* to take; or the one that was made */
    /* an operator's: */
    char patch[ASK_PATCH_MAX]; /* of the document, or all of it; */
    const char *action;
    uint64_t lot; /* what a draw's beacon says; 0: nothing is drawn */
    struct ask_load load;

    /* the answer */
    int outcome;               /* ANSWER_NONE: nobody knows */
    bool over, stale, is_kept; /* kept: a join found the place of the ticket that it shows */
    enum line_state state;
    char challenge[POW_CHALLENGE_LEN + 1]; /* to work on, */
    unsigned bits;                         /* so hard */
    uint64_t entry, position;
    uint8_t moves; /* of the ticket, or of the place that was taken */
    struct place place;
    uint64_t before; /* places before this one not called yet, ghosts included */
    uint64_t expires_ms;
    bool was_inside;              /* a leaving: a visit is over by it */
    char foreign[GUEST_PASS_MAX]; /* the same visitor's, for another event */

    char channel[LINE_CHANNEL_MAX + 1]; /* of the seats that the place's code opens */

    /* the fronts' own */
    uint64_t asked_us;
    unsigned asked_lane;
    unsigned judged;
};

/* The checkers hear each answer; `front` is the number of the front that gives it. */
struct ask_ears {
    void (*on_answer)(unsigned front, const struct ask *ask);
    void (*on_shown)(uint64_t number); /* a place was shown at a front */
    /* A front asks Redis to end what there is of it, and may never hear that this was done. */
    void (*on_leaving)(uint64_t number);
    void (*on_silenced)(unsigned front); /* it died, left, stands still or is cut off */
};

const char *ask_says(enum ask_kind kind);
/* Half of them are browsers, and the others programs, which have a key. */
static inline bool ask_has_cookie(const struct ask *ask)
{
    return ask->who % 4 >= 2;
}

/* What stands for a presale code. */
void ask_presale_text(uint64_t presale, char out[ASK_PRESALE_MAX]);
/* Works: "CHALLENGE.n". */
void ask_solve(const struct ask *asked, char out[POW_SOLUTION_MAX + 1]);

#endif
