/* lines.h: the lines of this world: of each event the general one, and its lanes. In the books a
 * place has one number for all of them; in the first event's general line it is the place itself.
 *
 * An event that was lost with all who knew of it is made again by its operator. That is another
 * event, whose places begin at 1, and have other numbers. */
#ifndef FG_SIM_QUEUE_LINES_H
#define FG_SIM_QUEUE_LINES_H

#include "base/span.h"
#include "core/line/line.h"

enum { EVENTS = 2, EVENT_LANES = 2, LINES_KEY_MAX = 96, LINES_SAYS_MAX = 96 };

struct line_ref {
    unsigned event, lane;
};

const char *lines_event(unsigned event);
const char *lines_lane(unsigned lane); /* as its operator calls it; from 1 */
/* As the store names it. */
void lines_id(struct line_ref line, char out[LINE_ID_MAX + 1]);
/* "fg:{show}:@1:NAME"; of lane 0 also what all lanes share. The newest few stay. */
const char *lines_key(struct line_ref line, const char *name);
/* False: it is of no line. */
bool lines_read_key(struct span key, struct line_ref *line, struct span *name);

/* Redis has an event of this incarnation. True: it is another one than was there before. */
bool lines_made(unsigned event, struct span incarnation);
bool lines_was_made_again(unsigned event);
bool lines_is_newest(unsigned event, struct span incarnation);

/* Of the newest event of this id. */
uint64_t lines_number(struct line_ref line, uint64_t place);
/* Is it this event's, and of the newest? */
bool lines_is_of(uint64_t number, unsigned event);
struct line_ref lines_of(uint64_t number);
uint64_t lines_place(uint64_t number);
/* For a reader: "17", or "17 of play@1". The newest few stay. */
const char *lines_says(uint64_t number);

#endif
