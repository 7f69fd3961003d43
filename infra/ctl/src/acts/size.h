/* size.h: fairgate size: machines, settings and a timetable for a sale, before there is one. It
 * asks no service. */
#ifndef FG_CTL_ACTS_SIZE_H
#define FG_CTL_ACTS_SIZE_H

#include "acts/job.h"

int size_run(struct job *job);

#endif
