/* visit.h: the steps of one request about a visit: pass, extend, heartbeat, verify, leave, and the
 * end that another service reports. Decides which ticket or pass counts, whether to call Redis, and
 * what its reply means. Pure: the shell reads the request, calls Redis and answers.
 *
 * The shell sends one event after each effect except VISIT_ANSWER, which is the last. */
#ifndef FG_QUEUE_FRONT_CORE_VISIT_H
#define FG_QUEUE_FRONT_CORE_VISIT_H

#include "core/token/pass.h"

enum visit_state {
    VISIT_BEGUN,
    VISIT_CHECKING, /* whether the requesting member owns the place */
    VISIT_ASKING,   /* Redis */
    VISIT_DONE,
    VISIT_STATE_COUNT,
};

enum visit_input { VISIT_REQUEST, VISIT_MEMBER, VISIT_NO_ROOM, VISIT_REPLY, VISIT_INPUT_COUNT };

enum visit_wish { VISIT_PASS, VISIT_EXTEND, VISIT_LEAVE, VISIT_HEARTBEAT, VISIT_VERIFY, VISIT_END };

/* The request, against the current picture. Errors as from caller_ticket() and caller_pass(). */
struct visit_request {
    enum visit_wish wish;
    int ticket_rc; /* VISIT_PASS, VISIT_EXTEND, VISIT_LEAVE */
    struct ticket ticket;
    struct pass begun; /* the visit that the ticket begins: without times */
    int pass_rc;       /* VISIT_LEAVE, VISIT_HEARTBEAT, VISIT_VERIFY */
    struct pass pass;  /* VISIT_END: place and visitor from the session's name */
    bool is_shut;      /* newcomers cannot enter for now */
    bool surely_waits; /* the place is so far behind that Redis cannot have called it */
    bool is_renewed;   /* VISIT_END: the session is of an earlier event */
    bool has_ordered;  /* VISIT_END */
};

struct visit_event {
    enum visit_input input;
    uint64_t now_s;
    bool knows_event; /* still on this front */
    uint64_t session_ttl_ms;
    struct visit_request request; /* VISIT_REQUEST */
    bool holds;                   /* VISIT_MEMBER: owns the place; false: refused and answered */
    struct member_name name;      /* VISIT_MEMBER */
    enum line_outcome outcome;    /* VISIT_REPLY */
    enum turn_kind turn;          /* VISIT_REPLY */
};

enum visit_answer {
    VISIT_ANSWERED, /* during the member check */
    VISIT_ADMITTED, /* with a pass; is_new: the visit begins */
    VISIT_EXTENDED,
    VISIT_LEFT,
    VISIT_VERIFIED, /* is_new: with a new pass */
    VISIT_ENDED,
    VISIT_SHUT,
    VISIT_OVERLOADED,
    VISIT_BAD_TICKET, /* rc */
    VISIT_BAD_PASS,   /* rc */
    VISIT_EXTENDED_ENOUGH,
    VISIT_REFUSED, /* outcome, turn */
};

struct visit_effect {
    enum { VISIT_CHECK, VISIT_ASK, VISIT_ANSWER } kind;
    enum line_visit_call call;  /* VISIT_ASK, with these: */
    uint64_t ends_ms, shown_ms; /* as in struct line_visit */
    enum visit_answer answer;   /* VISIT_ANSWER, with these: */
    bool is_new;
    int rc;
    uint64_t pass_life_ms; /* VISIT_LEFT: report the end of a visit whose pass may last this long;
                            * 0: no visit */
    enum line_outcome outcome;
    enum turn_kind turn;
};

struct visit {
    enum visit_state state;
    enum visit_wish wish;
    struct pass pass;     /* the visit: owner, place, name, and the contents of its next pass */
    struct ticket ticket; /* of the request; without entry: a pass or session name was sent */
    /* pass.visitor is a member of the shop, who may be inside once. A session's name does not say
     * so; only members have these ids. */
    bool is_member;
    bool surely_waits;
};

void visit_step(struct visit *visit, const struct visit_event *event, struct visit_effect *effect);

#endif
