/* job.h: one command that is being done: its words, its installation, where it writes. */
#ifndef FG_CTL_ACTS_JOB_H
#define FG_CTL_ACTS_JOB_H

#include "reach/call.h"
#include "words/args.h"

#include <stdio.h>

struct job {
    const struct command_table *table;
    const struct args *args;
    const struct profile *profile;
    struct caller *caller;
    FILE *out, *err;
    size_t width; /* columns of the terminal behind out; 0: no terminal */
    bool asks;    /* the standard input is a terminal */
    uint64_t timeout_ms;
    const char *why; /* --why, or NULL */
};

bool job_option(const struct job *job, enum option_id id);
const char *job_event(const struct job *job);
const char *job_service_name(enum command_service service);

/* The value of an option, if it is given, as a number of its range. EXIT_DONE, or EXIT_USAGE after
 * saying why. */
int job_number(const struct job *job, enum option_id id, uint64_t min, uint64_t max, uint64_t *out);

/* A sentence on the error output, fit for a terminal; answers `status`. */
int job_say(const struct job *job, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Begins a call of a path such as "/admin/events/{EVENT}", filled from the words; what else the
 * call has stays. EXIT_DONE, or EXIT_USAGE after saying why. */
int job_call(const struct job *job, enum command_service service, const char *method,
             const char *path, struct call *call);

/* Makes the call and judges it: EXIT_DONE, or what went wrong, after saying so; with --json the
 * problem document stands on the output. */
int job_make(const struct job *job, enum command_service service, struct call *call);

/* Both for a GET. */
int job_get(const struct job *job, enum command_service service, const char *path,
            struct call *call);

/* A GET, which leaves no JSON where the service does not know the event (404) or is not in the
 * profile, if it `may_lack` it; else as job_make(). */
int job_look(const struct job *job, enum command_service service, const char *path, bool may_lack,
             struct call *call);

/* Says why a call that was made did not do; answers what the command ends with. */
int job_failed(const struct job *job, enum command_service service, const struct call *call);

/* A question that is to be answered by yes. EXIT_DONE: it was, or --yes is there. */
int job_ask(const struct job *job, const char *question);

/* SIGTERM and SIGINT from here on: readable once one came, also in the first process of a
 * container, which ignores them otherwise. */
int job_signals(void);

/* Writes text that is fit for a terminal to the output. Answers EXIT_DONE, or EXIT_REFUSED where
 * there is no memory or the output is full. */
int job_put(const struct job *job, struct grow *text);

/* A document in one line; taken. NULL: there is no memory. */
int job_put_json(const struct job *job, json_t *document);

/* A document, taken: in one line with --json, else as `put` writes it. NULL: there is no memory. */
int job_put_document(const struct job *job, json_t *document,
                     void (*put)(const struct job *job, struct grow *out, const json_t *document));

/* The answer as it came, closed by one end of line; "{}" where it was empty. */
int job_put_raw(const struct job *job, const struct call *call);

/* A whole file, "-" being standard input; freed by the caller. NULL: after saying why. */
char *job_read_file(const struct job *job, const char *path, size_t *len);

/* "KNOB=VALUE" into an object: a value that is JSON is that, else a text; "message.ko=.." is a
 * member of a member. EXIT_DONE, or EXIT_USAGE after saying why: a knob is set once. */
int job_read_settings(const struct job *job, size_t from, json_t *object);

#endif
