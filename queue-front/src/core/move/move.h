/* move.h: how one request to carry a place to another device comes to its answer: the holder makes
 * a code, the other device takes it. Pure: the shell reads the request, asks Redis and answers.
 *
 * The shell owes one event after each effect but MOVE_ANSWER, which is the last. */
#ifndef FG_QUEUE_FRONT_CORE_MOVE_H
#define FG_QUEUE_FRONT_CORE_MOVE_H

#include "core/token/move_code.h"

enum move_state {
    MOVE_BEGUN,
    MOVE_MAKING,   /* a code, in Redis */
    MOVE_LOOKING,  /* in Redis whose place a code carries */
    MOVE_CHECKING, /* whether the member who asks owns it */
    MOVE_TAKING,   /* it, in Redis */
    MOVE_DONE,
    MOVE_STATE_COUNT,
};

enum move_input { MOVE_REQUEST, MOVE_MEMBER, MOVE_REPLY, MOVE_INPUT_COUNT };

struct move_request {
    uint64_t now_s;
    bool is_refused;      /* and answered: it cannot be read, or has no good ticket */
    bool has_room;        /* to ask Redis */
    bool takes;           /* by a code, which is well-formed; else: makes one */
    struct ticket ticket; /* that makes one */
    uint64_t banned_ms;   /* for too many codes, this address has to wait so long */
};

struct move_event {
    enum move_input input;
    struct move_request request; /* MOVE_REQUEST */
    bool holds;                  /* MOVE_MEMBER: the place; false: refused, and answered */
    enum line_outcome outcome;   /* MOVE_REPLY, and with it: */
    uint64_t retry_after_ms;
    bool knows_event;     /* this front still does */
    bool knows_lane;      /* of the place that was found, and: */
    struct ticket ticket; /* what it says there */
};

enum move_answer {
    MOVE_ANSWERED, /* when the request was read or the member checked */
    MOVE_CODE,
    MOVE_PLACE,
    MOVE_OVERLOADED,
    MOVE_REFUSED, /* outcome, retry_after_ms, is_unchecked */
};

struct move_effect {
    enum { MOVE_CHECK, MOVE_ASK, MOVE_ANSWER } kind;
    bool counts;      /* whatever the effect: this address has used a code that was good once */
    uint64_t bans_ms; /* likewise: no code from this address is looked at for so long */
    enum line_move_call call; /* MOVE_ASK */
    uint64_t life_ms;         /* of the code: LINE_MOVE_MAKE */
    enum move_answer answer;  /* MOVE_ANSWER, and with it: */
    enum line_outcome outcome;
    uint64_t retry_after_ms;
    bool is_unchecked; /* no code was looked at */
};

struct moving {
    enum move_state state;
    bool takes;
    struct ticket ticket; /* of the place */
    uint64_t expires_s;   /* of the code */
    bool is_taken;        /* the place is on this device */
};

void move_step(struct moving *moving, const struct move_event *event, struct move_effect *effect);

#endif
