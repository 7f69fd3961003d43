/* house.h: commands that ask nobody: help, completion, manual, version; secrets.h has another. Each
 * is a row's run(). */
#ifndef FG_CTL_ACTS_HOUSE_H
#define FG_CTL_ACTS_HOUSE_H

#include "acts/job.h"

int house_version(struct job *job);
int house_help(struct job *job);
int house_completion(struct job *job);
int house_manual(struct job *job);

/* Is the command one of these? They need no profile and no token. */
bool house_is(const struct command *command);

#endif
