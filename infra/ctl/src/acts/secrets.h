/* secrets.h: brings secrets to where their owner alone can read them. */
#ifndef FG_CTL_ACTS_SECRETS_H
#define FG_CTL_ACTS_SECRETS_H

#include "acts/job.h"

int secrets_run(struct job *job); /* asks no service: it needs no profile and no token */

#endif
