/* job.h: one running command: its words, its profile, its output. */
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
    size_t width; /* columns of the terminal behind out; 0: not a terminal */
    bool asks;    /* standard input is a terminal */
    uint64_t timeout_ms;
    const char *why; /* --why, or NULL */
    bool logged_in;  /* the token is that of a login */
};

bool job_option(const struct job *job, enum option_id id);
const char *job_event(const struct job *job);
const char *job_service_name(enum command_service service);

/* The value of a numeric option within its range; unchanged if the option is not given. EXIT_DONE,
 * or EXIT_USAGE after printing why. */
int job_number(const struct job *job, enum option_id id, uint64_t min, uint64_t max, uint64_t *out);

/* Prints a sentence on standard error, safe for a terminal; returns `status`. */
int job_say(const struct job *job, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Begins a call to a path such as "/admin/events/{EVENT}", filled from the words; other members of
 * the call stay. EXIT_DONE, or EXIT_USAGE after printing why. */
int job_call(const struct job *job, enum command_service service, const char *method,
             const char *path, struct call *call);

/* Makes the call and checks the outcome: EXIT_DONE, or another exit code after printing why. With
 * --json the problem document goes to standard output. */
int job_make(const struct job *job, enum command_service service, struct call *call);

/* Before a call of a command that may run for longer than an issuer's token lives. If the login
 * cannot be renewed, the services refuse the old token, and say so. */
void job_renew(const struct job *job);

/* job_call() and job_make() for a GET. */
int job_get(const struct job *job, enum command_service service, const char *path,
            struct call *call);

/* A GET. With `may_lack`, leaves json NULL if the service does not know the event (404) or is not
 * in the profile; otherwise as job_make(). */
int job_look(const struct job *job, enum command_service service, const char *path, bool may_lack,
             struct call *call);

/* Prints why a call failed; returns the exit code. */
int job_failed(const struct job *job, enum command_service service, const struct call *call);

/* Asks a question that must be confirmed. EXIT_DONE: by a yes or by --yes. */
int job_ask(const struct job *job, const char *question);

/* A descriptor that becomes readable on SIGTERM or SIGINT, also in the first process of a
 * container, which would otherwise ignore them. */
int job_signals(void);

/* Writes text that is safe for a terminal to the output. Returns EXIT_DONE, or EXIT_REFUSED if
 * there is no memory or the write fails. */
int job_put(const struct job *job, struct grow *text);

/* Writes a document on one line; takes it. NULL: no memory. */
int job_put_json(const struct job *job, json_t *document);

/* Writes a document and takes it: on one line with --json, else as `put` does. NULL: no memory. */
int job_put_document(const struct job *job, json_t *document,
                     void (*put)(const struct job *job, struct grow *out, const json_t *document));

/* Writes the answer as it came, with one newline at the end; "{}" if it is empty. */
int job_put_raw(const struct job *job, const struct call *call);

/* A whole file ("-": standard input), owned by the caller. NULL after printing why. */
char *job_read_file(const struct job *job, const char *path, size_t *len);

/* Adds "KNOB=VALUE" words to an object: JSON or a text. "message.ko=.." sets a nested member.
 * EXIT_DONE, or EXIT_USAGE after printing why; a knob may be set only once. */
int job_read_settings(const struct job *job, size_t from, json_t *object);

#endif
