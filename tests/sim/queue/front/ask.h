/* ask.h: requests of visitors and operators to fronts, and the responses. */
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

enum { FRONTS = 3 };
enum { ASK_PATCH_MAX = 512 };
enum { ASK_PRESALES = 24 }; /* loaded codes; others are guesses */
enum { ASK_PRESALE_MAX = 24 };
enum { ASK_INVITATIONS = 2000 }; /* per lane */

#define ASK_SHOP "shop" /* issuer of the members' tokens */

/* The channel of the seats that the codes of this lane open. */
#define ASK_CHANNEL(LANE) ((LANE) == 1 ? "stalls" : "")

enum ask_kind {
    ASK_JOIN,
    ASK_ME,
    ASK_PASS,
    ASK_BEAT,
    ASK_LEAVE,
    ASK_DONE,
    ASK_EXTEND,
    ASK_CODE, /* gets a code that moves the place to another device, */
    ASK_TAKE, /* which sends it with this */
    ASK_CREATE,
    ASK_PRESALE, /* loads codes of a presale, or drops all */
    ASK_CHANGE,
    ASK_MOVE,
    ASK_DELETE
};

/* More outcomes than enum line_outcome has. */
enum {
    ANSWER_NONE = LINE_OUTCOME_COUNT,
    ANSWER_WORK,
    ANSWER_CODE,
    ANSWER_TICKET,
    ANSWER_MOVED,
    ANSWER_REFUSED /* an operator's act, which changes nothing */
};

/* An operator's load of presale codes: each `step`th from `first` on. Step 0 drops all codes. */
struct ask_load {
    unsigned lane, first, step;
    uint64_t uses; /* per code */
};

/* One request. Its memory is never freed: the network may still have it. */
struct ask {
    enum ask_kind kind;
    struct sim_gate *bell; /* rung with the response */
    struct line_ref line;  /* with a ticket: the ticket's own */
    /* for a join or a take: */
    uint64_t who;        /* the visitor's name; 0: not recognisable */
    uint64_t member;     /* number at the shop; 0: none */
    uint64_t invitation; /* sent by a member; 0: none */
    uint64_t presale;    /* code that is sent; 0: none */
    uint64_t work;       /* proof of work that is sent; 0: none */
    uint64_t device;     /* of a visitor with a member number or an invitation */
    char solution[POW_SOLUTION_MAX + 1];
    bool shows_ticket; /* sends the one below */
    /* for a request with a place: */
    char ticket[TICKET_LEN + 1];
    uint64_t shown_ms;               /* the visit's end according to its pass */
    char pass[GUEST_PASS_MAX];       /* sent with a beat, or received */
    char session[GUEST_SESSION_MAX]; /* to end, or received with the pass */
    char code[MOVE_CODE_LEN];        /* sent with a take, or received */
    /* for an operator's request: */
    char patch[ASK_PATCH_MAX]; /* patch, or the whole document */
    unsigned act;              /* its number, which is the document's name */
    uint64_t if_version;       /* 0: any */
    bool is_slip;              /* no event can have this setting, or end like this */
    bool unarchived;           /* deletes an event that is in no file */
    const char *action;
    uint64_t lot; /* the draw's beacon; 0: no draw */
    struct ask_load load;

    /* the response */
    int outcome;               /* ANSWER_NONE: unknown */
    bool over, stale, is_kept; /* is_kept: a join found the place of the ticket that it sent */
    enum line_state state;
    char challenge[POW_CHALLENGE_LEN + 1]; /* to solve, */
    unsigned bits;                         /* with this difficulty */
    uint64_t entry, position;
    uint8_t moves; /* of the ticket, or of the taken place */
    struct place place;
    uint64_t before; /* uncalled places before this one, ghosts included */
    uint64_t expires_ms;
    bool was_inside;              /* the leave ended a visit */
    char foreign[GUEST_PASS_MAX]; /* the visitor's pass for another event */

    char channel[LINE_CHANNEL_MAX + 1]; /* of the seats that the place's code opens */

    /* for the fronts */
    uint64_t asked_us;
    unsigned asked_lane;
};

/* Callbacks of the checkers. `front` is the number of the responding front. */
struct ask_ears {
    void (*on_answer)(unsigned front, const struct ask *ask);
    void (*on_shown)(uint64_t number); /* a front showed a place */
    /* A front asks Redis to end a place or visit; the response may be lost. */
    void (*on_leaving)(uint64_t number);
    void (*on_silenced)(unsigned front); /* it died, left, is paused or cut off */
};

const char *ask_says(enum ask_kind kind);
/* Half of the visitors are browsers, the others programs with a key. */
static inline bool ask_has_cookie(const struct ask *ask)
{
    return ask->who % 4 >= 2;
}

/* The text of a presale code. */
void ask_presale_text(uint64_t presale, char out[ASK_PRESALE_MAX]);
/* Writes the request as HTTP. */
void ask_put(struct text *out, const struct ask *ask);
/* Writes a solution: "CHALLENGE.n". */
void ask_solve(const struct ask *asked, char out[POW_SOLUTION_MAX + 1]);

#endif
