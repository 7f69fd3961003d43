/* view.h: how a run stands, as a few lines for people. Pure: numbers in, text out. */
#ifndef FG_CROWD_VIEW_H
#define FG_CROWD_VIEW_H

#include "observe/histogram.h"
#include "visitor/visitor.h"

/* All processes together, at one moment. */
struct view {
    double seconds, of_seconds; /* since the first arrival; when patience ends */
    uint64_t visitors, arrived, in[PHASES], ended[ENDS], answers[6];
    uint64_t seats_held, seats_sold, streams, streams_lost, events;
    uint64_t tricks_met, tricks_worked;
    struct histogram_view took[PHASES]; /* since the last look: view_since() */
};

enum { VIEW_BYTES_MAX = 4096 };

/* One line, for a log. */
void view_line(const struct view *view, struct text *out);
/* Several, to be drawn over the last ones; `before`: the last look (may be all zero). Answers how
 * many. */
unsigned view_panel(const struct view *view, const struct view *before, struct text *out);

#endif
