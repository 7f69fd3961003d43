/* generic.h: commands that are one call, which is most of them. */
#ifndef FG_CTL_ACTS_GENERIC_H
#define FG_CTL_ACTS_GENERIC_H

#include "acts/job.h"

/* Asks if the row says so, calls, shows. */
int generic_run(struct job *job);

/* The parts of it, for commands that are nearly that. `body` may be NULL, and is taken;
 * options and the reason become members of it. Of `call`, if_match, if_none_match, body and
 * content_type are used. */
int generic_send(struct job *job, json_t *body, struct call *call);
/* Sends the file that the word FILE names, of the type in the command's row. */
int generic_send_file(struct job *job, struct call *call);
int generic_show(const struct job *job, const struct call *call);
/* The end of a command: shows the answer if it went well, and frees the call. */
int generic_end(const struct job *job, int status, struct call *call);
/* Sends a body if it could be made (`status`), and ends the command. */
int generic_send_made(struct job *job, int status, json_t *body, struct call *call);

/* Reads the version of an event's document as If-Match needs it, and writes the event's state into
 * `told`. The question shows that state, and the call depends on that version. */
int generic_event_now(struct job *job, char etag[CTL_ETAG_MAX], struct grow *told);

#endif
