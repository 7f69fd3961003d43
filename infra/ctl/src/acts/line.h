/* line.h: commands of the waiting room that are more than one call. Each is a row's run(). */
#ifndef FG_CTL_ACTS_LINE_H
#define FG_CTL_ACTS_LINE_H

#include "acts/job.h"

int line_events(struct job *job);
int line_show(struct job *job);
int line_create(struct job *job);
int line_set(struct job *job);
int line_codes_load(struct job *job);
int line_fairness(struct job *job);
int line_archive(struct job *job);

#endif
