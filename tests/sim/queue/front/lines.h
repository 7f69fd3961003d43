/* lines.h: the lines of this world: per event the general one and its lanes. The checkers give a
 * place one number across all lines; in the first event's general line it is the place itself.
 *
 * An operator makes an event again that was lost with all fronts that knew it. That is another
 * event, whose places begin at 1 and have other numbers. */
#ifndef FG_SIM_QUEUE_LINES_H
#define FG_SIM_QUEUE_LINES_H

#include "base/span.h"
#include "core/line/line.h"

enum { EVENTS = 2, EVENT_LANES = 2, LINES_KEY_MAX = 96, LINES_SAYS_MAX = 96 };

struct line_ref {
    unsigned event, lane;
};

const char *lines_event(unsigned event);
const char *lines_lane(unsigned lane); /* the lane's id at its operator; from 1 */
/* The line's name in the store. */
void lines_id(struct line_ref line, char out[LINE_ID_MAX + 1]);
/* "fg:{show}:@1:NAME"; lane 0 also has the lanes' shared keys. Only the newest few stay valid. */
const char *lines_key(struct line_ref line, const char *name);
/* Returns false if the key belongs to no line. */
bool lines_read_key(struct span key, struct line_ref *line, struct span *name);

/* Redis has an event of this incarnation. Returns true if it replaced another one. */
bool lines_made(unsigned event, struct span incarnation);
bool lines_was_made_again(unsigned event);
bool lines_is_newest(unsigned event, struct span incarnation);

/* In the newest event of this id. */
uint64_t lines_number(struct line_ref line, uint64_t place);
/* Whether the number is of the newest event of this id. */
bool lines_is_of(uint64_t number, unsigned event);
struct line_ref lines_of(uint64_t number);
bool lines_are_same(uint64_t number, uint64_t other); /* of one line */
uint64_t lines_place(uint64_t number);
/* For messages: "17", or "17 of play@1". Only the newest few stay valid. */
const char *lines_says(uint64_t number);

uint64_t lines_u64(struct span text); /* 0: it is no number */

#endif
