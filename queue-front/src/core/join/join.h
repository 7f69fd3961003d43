/* join.h: how one request to join comes to its answer: which name it joins by, whether the place
 * that this name leads to still lives, and what to do if not. Pure: the shell reads the request,
 * asks Redis and answers; each step says which of these is next.
 *
 * The shell owes one event after each effect but JOIN_ANSWER, which is the last. */
#ifndef FG_QUEUE_FRONT_CORE_JOIN_H
#define FG_QUEUE_FRONT_CORE_JOIN_H

#include "core/token/visitor.h"

enum join_state {
    JOIN_BEGUN,
    JOIN_READING,  /* what a newcomer shows */
    JOIN_ASKING,   /* Redis for a place */
    JOIN_LOOKING,  /* in Redis whether a place still lives */
    JOIN_AWAITING, /* the document that Redis judges by */
    JOIN_DONE,
    JOIN_STATE_COUNT,
};

enum join_input {
    JOIN_REQUEST,
    JOIN_NEWCOMER,
    JOIN_REPLY,
    JOIN_LOOKED,
    JOIN_DOCUMENT,
    JOIN_INPUT_COUNT,
};

enum join_shows { JOIN_NO_TICKET, JOIN_TICKET, JOIN_TICKET_ELSEWHERE, JOIN_TICKET_BAD };

/* The request, by the picture of now. */
struct join_request {
    enum join_shows shows;
    struct ticket ticket; /* JOIN_TICKET, JOIN_TICKET_ELSEWHERE: its place is on another device */
    bool is_shut;         /* nobody joins for now, and places are kept */
    bool is_refused;      /* and answered: next to the ticket it shows no invitation of ours */
    bool other_lane;      /* it shows what opens another lane than the ticket's */
    bool is_unread;       /* there is a pass, and no memory to read it */
    bool is_over;         /* the place's call has run out, or the event is closed */
    bool can_look;        /* it may have been used, and there is room to ask */
    bool shows_code;      /* it waits in the general line, and the code may open another lane */
};

/* What a newcomer shows, judged by the document of now. */
struct join_newcomer {
    bool is_refused; /* and answered */
    bool takes_joins;
    unsigned lane;          /* that a token or an invitation opens */
    struct visitor member;  /* without idem: none */
    struct visitor invited; /* likewise */
    struct span idem;       /* Idempotency-Key; no ptr: none */
    struct span whose;      /* the sender of it */
    struct span cookie;     /* of the visitor, or a new one: is_new. Not read next to a key */
    bool is_new;
    struct span work; /* the name of work that was done for this join; no ptr: none */
    const uint8_t *key;
    struct span scope; /* names are bound to it */
};

struct join_reply {
    enum line_outcome outcome;
    struct ticket ticket; /* of the place, if it was given */
    bool knows_event;     /* this front still does */
    unsigned lane;        /* LINE_PRESALE_LANE: the other one, */
    bool knows_lane;      /* and this front sees it */
    bool can_look;
};

struct join_looked {
    enum line_outcome outcome;
    bool knows_event;
    bool is_renewed; /* the place is of an earlier event */
    bool is_over;    /* the place's call has run out */
    uint8_t moves;   /* of the place, by now */
};

struct join_document {
    bool is_there;      /* it came in time, and there is such an event */
    bool is_same_event; /* as the one that the join was judged for */
    struct join_request request;
};

struct join_event {
    enum join_input input;
    union {
        struct join_request request;
        struct join_newcomer newcomer;
        struct join_reply reply;
        struct join_looked looked;
        struct join_document document;
    };
};

enum join_answer {
    JOIN_ANSWERED, /* when the request or the newcomer was read */
    JOIN_PLACE,    /* a new one, or the one that was given before: effect.outcome */
    JOIN_KEPT,     /* the place of the ticket in the request */
    JOIN_MOVED,    /* the place that this name leads to is on another device */
    JOIN_BAD_TICKET,
    JOIN_NO_MEMORY,
    JOIN_NO_EVENT,
    JOIN_REFUSED, /* by Redis, or for lack of it: effect.outcome */
};

struct join_effect {
    enum {
        JOIN_READ,
        JOIN_ASK,
        JOIN_ASK_LANE, /* the same once more, in the lane that the reply named */
        JOIN_LOOK,
        JOIN_AWAIT,
        JOIN_ANSWER,
    } kind;
    unsigned lane;             /* JOIN_ASK, JOIN_ASK_LANE */
    struct visitor name;       /* likewise */
    bool invitation_is_used;   /* JOIN_ASK: by this place, next to the member's own name */
    bool cookie_is_new;        /* JOIN_ASK: the answer sets it */
    uint64_t held;             /* JOIN_ASK: only its code is asked about, of who has this entry */
    struct ticket ticket;      /* JOIN_LOOK; JOIN_ANSWER with a place */
    enum join_answer answer;   /* JOIN_ANSWER */
    enum line_outcome outcome; /* JOIN_ANSWER */
};

struct join {
    enum join_state state;
    unsigned judged;   /* so often it was tried by a document that was over */
    unsigned used;     /* places of this visitor that were found used up on the way */
    bool has_over;     /* a place that is not this visitor's any more: */
    bool is_elsewhere; /* it is on another device, and whatever names it leads there */
    struct ticket over;
    bool by_name;       /* the place that is looked at was found by name, not shown */
    bool in_lane;       /* Redis was asked in another lane than the general one */
    unsigned code_lane; /* that its code opens; 0: none that is known */
    struct visitor own; /* its name in a line where no place of it is over */
    bool holds;         /* the place of `held`, whatever its code opens */
    struct ticket held;
    struct ticket ticket; /* of the place that is looked at */
};

void join_step(struct join *join, const struct join_event *event, struct join_effect *effect);

#endif
