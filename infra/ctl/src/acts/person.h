/* person.h: who is at the keyboard: login, logout, whoami. */
#ifndef FG_CTL_ACTS_PERSON_H
#define FG_CTL_ACTS_PERSON_H

#include "acts/job.h"

/* These two have a profile, and neither token nor caller. */
int person_login(struct job *job);
int person_logout(struct job *job);
int person_whoami(struct job *job);

#endif
