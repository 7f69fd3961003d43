/* probe.h: an event of the command line's own, through which it tries what visitors do: closed to
 * everybody else by a code that is drawn, and deleted at the end. A run that is cut off leaves it
 * open for `most_s` at most; once it is closed the next run deletes it. Only its hall stays. */
#ifndef FG_CTL_WATCH_PROBE_H
#define FG_CTL_WATCH_PROBE_H

#include "acts/job.h"

enum { PROBE_CODE_LEN = 32, PROBE_SECRET_MAX = 2048, PROBE_STEP_S = 20, PROBE_AGAIN_MS = 300 };

struct probe {
    struct job *job;
    const char *event, *why; /* `why`: for the trail */
    struct call call;        /* the last one; its answer */
    const char *who;         /* was asked */
    char code[PROBE_CODE_LEN + 1],
        key[PROBE_CODE_LEN + 1]; /* that opens it; of a visitor's calls */
    char bearer[PROBE_SECRET_MAX], cookies[CTL_COOKIES_MAX];
    char incarnation[PROBE_CODE_LEN + 1], busy[128];
    const char *mend;
    bool made;
};

void probe_init(struct probe *probe, struct job *job, const char *event, const char *why);
void probe_deinit(struct probe *probe); /* wipes the secrets */

/* Each makes a call, again for a while where that may help; true: 200 to 299. */
bool probe_operate(struct probe *probe, enum command_service service, const char *method,
                   const char *path, const char *body);
bool probe_visit(struct probe *probe, const char *method, const char *path, const char *body);
/* As an operator, at the event. */
bool probe_at(struct probe *probe, enum command_service service, const char *method,
              const char *leaf, const char *body);

/* Makes the event, which one run at a time has, and opens it; `knobs` are members of its document.
 * NULL, or at what it stops; probe->mend is what helps. A hall that is there already stays. */
const char *probe_make(struct probe *probe, const char *hall, const char *knobs, uint64_t uses,
                       uint64_t most_s);
bool probe_delete(struct probe *probe); /* and no other run's */

/* What the last call has to say, fit for a terminal. */
void probe_failure(const struct probe *probe, char *out, size_t size);

#endif
