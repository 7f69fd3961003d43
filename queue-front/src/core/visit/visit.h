/* visit.h: how one request about a visit comes to its answer: pass, extend, heartbeat, verify,
 * leave, and the end that another service reports. Which ticket or pass counts, whether Redis is
 * asked, and what its reply means. Pure: the shell reads the request, asks Redis and answers.
 *
 * The shell owes one event after each effect but VISIT_ANSWER, which is the last. */
#ifndef FG_QUEUE_FRONT_CORE_VISIT_H
#define FG_QUEUE_FRONT_CORE_VISIT_H

#include "core/token/pass.h"

enum visit_state {
    VISIT_BEGUN,
    VISIT_CHECKING, /* whether the member who asks owns the place */
    VISIT_ASKING,   /* Redis */
    VISIT_DONE,
    VISIT_STATE_COUNT,
};

enum visit_input { VISIT_REQUEST, VISIT_MEMBER, VISIT_NO_ROOM, VISIT_REPLY, VISIT_INPUT_COUNT };

enum visit_wish { VISIT_PASS, VISIT_EXTEND, VISIT_LEAVE, VISIT_HEARTBEAT, VISIT_VERIFY, VISIT_END };

/* The request, by the picture of now. Errors are as caller_ticket() and caller_pass() return. */
struct visit_request {
    enum visit_wish wish;
    int ticket_rc; /* VISIT_PASS, VISIT_EXTEND, VISIT_LEAVE */
    struct ticket ticket;
    struct pass begun; /* the visit that the ticket begins: no times */
    int pass_rc;       /* VISIT_LEAVE, VISIT_HEARTBEAT, VISIT_VERIFY */
    struct pass pass;  /* VISIT_END: place and visitor, as the session's name says */
    bool is_shut;      /* nobody new enters for now */
    bool surely_waits; /* the place is so far behind that Redis cannot have called it */
    bool is_renewed;   /* VISIT_END: the session is of an earlier event */
    bool has_ordered;  /* VISIT_END */
};

struct visit_event {
    enum visit_input input;
    uint64_t now_s;
    bool knows_event; /* this front does */
    uint64_t session_ttl_ms;
    struct visit_request request; /* VISIT_REQUEST */
    bool holds;                   /* VISIT_MEMBER: the place; false: refused, and answered */
    struct member_name name;      /* likewise */
    enum line_outcome outcome;    /* VISIT_REPLY */
    enum turn_kind turn;          /* likewise */
};

enum visit_answer {
    VISIT_ANSWERED, /* when the member was checked */
    VISIT_ADMITTED, /* by a pass; is_new: the visit begins */
    VISIT_EXTENDED,
    VISIT_LEFT,
    VISIT_VERIFIED, /* is_new: by a new pass */
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
    enum line_visit_call call; /* VISIT_ASK, and with it: */
    uint64_t ends_ms, told_ms; /* as in struct line_visit */
    enum visit_answer answer;  /* VISIT_ANSWER, and with it: */
    bool is_new;
    int rc;
    uint64_t pass_life_ms; /* VISIT_LEFT: report the end of the visit, whose pass may run so long;
                              0: there was no visit */
    enum line_outcome outcome;
    enum turn_kind turn;
};

struct visit {
    enum visit_state state;
    enum visit_wish wish;
    struct pass pass;     /* the visit: whose, where, by which name, and what its next pass says */
    struct ticket ticket; /* that shows it; without entry: a pass or a session's name does */
    /* pass.visitor is a member of the shop, and inside once. The name of a session does not say it;
     * nobody else is called so. */
    bool is_member;
    bool surely_waits;
};

void visit_step(struct visit *visit, const struct visit_event *event, struct visit_effect *effect);

#endif
