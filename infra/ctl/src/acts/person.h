/* person.h: the person at the keyboard: login, logout, whoami. */
#ifndef FG_CTL_ACTS_PERSON_H
#define FG_CTL_ACTS_PERSON_H

#include "acts/job.h"

/* The job of these two has a profile, but neither a token nor a caller. */
int person_login(struct job *job);
int person_logout(struct job *job);
int person_whoami(struct job *job);

#endif
