/* runs.h: the functions of those rows of commands.c that are more than one call. */
#ifndef FG_CTL_ACTS_RUNS_H
#define FG_CTL_ACTS_RUNS_H

#include "acts/job.h"

/* ---- the waiting room ---- */

int line_events(struct job *job);
int line_show(struct job *job);
int line_create(struct job *job);
int line_codes_load(struct job *job);
int line_fairness(struct job *job);
int line_archive(struct job *job);

/* ---- seats and orders ---- */

int sale_import(struct job *job);
/* Copies when and where the show is. */
void sale_copy_show(const json_t *from, json_t *into);
int sale_correct(struct job *job);
int sale_lines(struct job *job);
int sale_move(struct job *job);
int sale_price(struct job *job);
int sale_terms_set(struct job *job);
int sale_reconcile(struct job *job);
int sale_checkin(struct job *job);

/* ---- the person at the keyboard ---- */

int person_login(struct job *job);
int person_logout(struct job *job);
int person_whoami(struct job *job);

/* ---- all of it (watch/) ---- */

int top_run(struct job *job);
int report_run(struct job *job);
int doctor_run(struct job *job);
int feed_run(struct job *job);
int rehearse_run(struct job *job);

/* ---- without a service ---- */

int secrets_run(struct job *job);
int size_run(struct job *job);
struct size;
struct size_ask;
/* Writes the settings of each kind of machine as files below `dir`. */
int size_write(const struct job *job, const char *dir, const struct size_ask *ask,
               const struct size *size);
int about_version(struct job *job);
int about_help(struct job *job);
int about_completion(struct job *job);
int about_manual(struct job *job);

#endif
