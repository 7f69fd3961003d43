/* probe.h: an event of the command line's own, for trying what visitors do. A random code closes it
 * to everybody else, and it is deleted at the end. An interrupted run leaves it open for at most
 * `most_s`; once it is closed the next run deletes it. Only its hall stays. */
#ifndef FG_CTL_WATCH_PROBE_H
#define FG_CTL_WATCH_PROBE_H

#include "acts/job.h"

enum { PROBE_CODE_LEN = 32, PROBE_SECRET_MAX = 2048, PROBE_STEP_S = 20, PROBE_AGAIN_MS = 300 };

struct probe {
    struct job *job;
    const char *event, *why; /* `why`: for the trail */
    struct call call;        /* the last one, with its answer */
    const char *who;         /* the service that it called */
    char code[PROBE_CODE_LEN + 1],
        key[PROBE_CODE_LEN + 1]; /* opens the event; for a visitor's calls */
    char bearer[PROBE_SECRET_MAX], cookies[CTL_COOKIES_MAX];
    char incarnation[PROBE_CODE_LEN + 1], busy[128];
    const char *mend;
    bool made;
};

void probe_init(struct probe *probe, struct job *job, const char *event, const char *why);
void probe_deinit(struct probe *probe); /* wipes the secrets */

/* These make a call, and retry it for a while where that may help; true: 200 to 299. */
bool probe_operate(struct probe *probe, enum command_service service, const char *method,
                   const char *path, const char *body);
bool probe_visit(struct probe *probe, const char *method, const char *path, const char *body);

/* Creates and opens the event, which only one run at a time may have; `knobs` are members of its
 * document. An existing hall stays. NULL, or the step that failed; probe->mend says what helps. */
const char *probe_make(struct probe *probe, const char *hall, const char *knobs, uint64_t uses,
                       uint64_t most_s);
bool probe_delete(struct probe *probe); /* leaves another run's event alone */

/* Writes why the last call failed, safe for a terminal. */
void probe_failure(const struct probe *probe, char *out, size_t size);

#endif
