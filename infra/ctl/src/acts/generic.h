/* generic.h: runs the commands that are a single call, as most are. */
#ifndef FG_CTL_ACTS_GENERIC_H
#define FG_CTL_ACTS_GENERIC_H

#include "acts/job.h"

/* Asks for confirmation if the row says so, makes the call, shows the answer. */
int generic_run(struct job *job);

/* The steps of generic_run(), for commands that differ a little. Takes `body`, which may be NULL,
 * and adds options and the reason to it. Of `call` it uses if_match, if_none_match, body and
 * content_type. */
int generic_send(struct job *job, json_t *body, struct call *call);
/* Sends the file named by the word FILE, with the content type in the command's row. */
int generic_send_file(struct job *job, struct call *call);
int generic_show(const struct job *job, const struct call *call);
/* Ends a command: shows the answer if `status` is EXIT_DONE, and frees the call. */
int generic_end(const struct job *job, int status, struct call *call);
/* Sends the body if making it succeeded (`status`), and ends the command. */
int generic_send_made(struct job *job, int status, json_t *body, struct call *call);

#endif
