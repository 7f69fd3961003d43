/* join.h: the steps of one request to join: which name it joins by, whether the place of this name
 * is still alive, and what to do if not. Pure: the shell reads the request, calls Redis and
 * answers; each step returns the next effect.
 *
 * The shell sends one event after each effect except JOIN_ANSWER, which is the last. */
#ifndef FG_QUEUE_FRONT_CORE_JOIN_H
#define FG_QUEUE_FRONT_CORE_JOIN_H

#include "core/token/visitor.h"

enum join_state {
    JOIN_BEGUN,
    JOIN_READING,  /* the newcomer's credentials */
    JOIN_ASKING,   /* Redis for a place */
    JOIN_LOOKING,  /* in Redis whether a place is still alive */
    JOIN_AWAITING, /* the document that Redis has */
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

/* The request, against the current picture. */
struct join_request {
    enum join_shows shows;
    struct ticket ticket; /* JOIN_TICKET, JOIN_TICKET_ELSEWHERE: its place is on another device */
    bool is_shut;         /* nobody can join for now, and places stay */
    bool is_refused;      /* answered already: the invitation next to its ticket is invalid */
    bool other_lane;      /* it has credentials for another lane than the ticket's */
    bool is_unread;       /* it has a pass, and there was no memory to read it */
    bool is_over;         /* the place's call has expired, or the event is closed */
    bool can_look;        /* it may have been used, and there is room for a Redis call */
    bool shows_code;      /* it waits in the general line, and the code may open another lane */
};

/* A newcomer's credentials, checked against the current document. */
struct join_newcomer {
    bool is_refused; /* answered already */
    bool takes_joins;
    unsigned lane;          /* opened by a token or an invitation */
    struct visitor member;  /* without idem: none */
    struct visitor invited; /* without idem: none */
    struct span idem;       /* Idempotency-Key; no ptr: none */
    struct span whose;      /* the key's owner */
    struct span cookie;     /* of the visitor, or a new one: is_new; ignored next to a key */
    bool is_new;
    struct span work; /* name of the work done for this join; no ptr: none */
    const uint8_t *key;
    struct span scope; /* binds the names */
};

struct join_reply {
    enum line_outcome outcome;
    struct ticket ticket; /* of the place, if one was given */
    bool knows_event;     /* still on this front */
    unsigned lane;        /* LINE_PRESALE_LANE: the other lane, */
    bool knows_lane;      /* which this front sees */
    bool can_look;
};

struct join_looked {
    enum line_outcome outcome;
    bool knows_event;
    bool is_renewed; /* the place is of an earlier event */
    bool is_over;    /* the place's call has expired */
    uint8_t moves;   /* of the place, current */
};

struct join_document {
    bool is_there;      /* it came in time, and the event exists */
    bool is_same_event; /* the event that the join was checked for */
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
    JOIN_ANSWERED, /* while reading the request or the newcomer */
    JOIN_PLACE,    /* a new place, or the earlier one: effect.outcome */
    JOIN_KEPT,     /* the place of the request's ticket */
    JOIN_MOVED,    /* the place of this name is on another device */
    JOIN_BAD_TICKET,
    JOIN_NO_MEMORY,
    JOIN_NO_EVENT,
    JOIN_REFUSED, /* by Redis, or because Redis is unreachable: effect.outcome */
};

struct join_effect {
    enum {
        JOIN_READ,
        JOIN_ASK,
        JOIN_ASK_LANE, /* the same again, in the lane that the reply named */
        JOIN_LOOK,
        JOIN_AWAIT,
        JOIN_ANSWER,
    } kind;
    unsigned lane;             /* JOIN_ASK, JOIN_ASK_LANE */
    struct visitor name;       /* JOIN_ASK, JOIN_ASK_LANE */
    bool invitation_is_used;   /* JOIN_ASK: by this place, next to the member's own name */
    bool cookie_is_new;        /* JOIN_ASK: the answer sets it */
    uint64_t over;             /* JOIN_ASK: if this is the name's place, it has ended */
    uint64_t held;             /* JOIN_ASK: only check the code, for the owner of this entry */
    struct ticket ticket;      /* JOIN_LOOK; JOIN_ANSWER with a place */
    enum join_answer answer;   /* JOIN_ANSWER */
    enum line_outcome outcome; /* JOIN_ANSWER */
};

struct join {
    enum join_state state;
    unsigned judged;   /* attempts with an outdated document */
    unsigned used;     /* used-up places of this visitor found on the way */
    bool has_over;     /* a place that this visitor has lost: */
    bool is_elsewhere; /* it is on another device, and its name leads there */
    struct ticket over;
    bool by_name;       /* the place being looked up was found by name, not by ticket */
    bool in_lane;       /* the Redis call was for another lane than the general line */
    unsigned code_lane; /* opened by its code; 0: none known */
    struct visitor own; /* its name in a line where none of its places has ended */
    bool holds;         /* keeps the place of `held`, whatever its code opens */
    struct ticket held;
    struct ticket ticket; /* of the place being looked up */
};

void join_step(struct join *join, const struct join_event *event, struct join_effect *effect);

#endif
