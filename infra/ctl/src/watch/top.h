/* top.h: a live picture of an event, or of all of them. */
#ifndef FG_CTL_WATCH_TOP_H
#define FG_CTL_WATCH_TOP_H

#include "acts/job.h"

int top_run(struct job *job);

#endif
