/* move.h: the steps of one request to move a place to another device: the holder makes a code, the
 * other device takes it. Pure: the shell reads the request, calls Redis and answers.
 *
 * The shell sends one event after each effect except MOVE_ANSWER, which is the last. */
#ifndef FG_QUEUE_FRONT_CORE_MOVE_H
#define FG_QUEUE_FRONT_CORE_MOVE_H

#include "core/token/move_code.h"

enum move_state {
    MOVE_BEGUN,
    MOVE_MAKING,   /* a code, in Redis */
    MOVE_LOOKING,  /* up the code's place in Redis */
    MOVE_CHECKING, /* whether the requesting member owns it */
    MOVE_TAKING,   /* the place, in Redis */
    MOVE_DONE,
    MOVE_STATE_COUNT,
};

enum move_input { MOVE_REQUEST, MOVE_MEMBER, MOVE_REPLY, MOVE_INPUT_COUNT };

struct move_request {
    uint64_t now_s;
    bool is_refused;      /* answered already: unreadable, or no valid ticket */
    bool has_room;        /* for a Redis call */
    bool takes;           /* takes a place by a well-formed code; else: makes a code */
    struct ticket ticket; /* that the code is for */
    uint64_t banned_ms;   /* this address is banned this long for too many wrong codes */
};

struct move_event {
    enum move_input input;
    struct move_request request; /* MOVE_REQUEST */
    bool holds;                  /* MOVE_MEMBER: owns the place; false: refused and answered */
    enum line_outcome outcome;   /* MOVE_REPLY, with these: */
    uint64_t retry_after_ms;
    bool knows_event;     /* still on this front */
    bool knows_lane;      /* of the place found, and: */
    struct ticket ticket; /* the ticket it would have */
};

enum move_answer {
    MOVE_ANSWERED, /* while reading the request or checking the member */
    MOVE_CODE,
    MOVE_PLACE,
    MOVE_OVERLOADED,
    MOVE_REFUSED, /* outcome, retry_after_ms, is_unchecked */
};

struct move_effect {
    enum { MOVE_CHECK, MOVE_ASK, MOVE_ANSWER } kind;
    bool counts;              /* with any effect: this address used a code that has expired */
    uint64_t bans_ms;         /* with any effect: reject all codes of this address this long */
    enum line_move_call call; /* MOVE_ASK */
    uint64_t life_ms;         /* of the code: LINE_MOVE_MAKE */
    enum move_answer answer;  /* MOVE_ANSWER, with these: */
    enum line_outcome outcome;
    uint64_t retry_after_ms;
    bool is_unchecked; /* the code was not checked */
};

struct moving {
    enum move_state state;
    bool takes;
    struct ticket ticket; /* of the place */
    uint64_t expires_s;   /* of the code */
    bool is_taken;        /* the place is now on this device */
};

void move_step(struct moving *moving, const struct move_event *event, struct move_effect *effect);

#endif
