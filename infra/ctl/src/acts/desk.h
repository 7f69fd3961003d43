/* desk.h: commands of seats and orders that are more than one call. Each is a row's run(). */
#ifndef FG_CTL_ACTS_DESK_H
#define FG_CTL_ACTS_DESK_H

#include "acts/job.h"

int desk_import(struct job *job);
int desk_export(struct job *job);
int desk_move(struct job *job);
int desk_terms_set(struct job *job);
int desk_reconcile(struct job *job);
int desk_checkin(struct job *job);

#endif
