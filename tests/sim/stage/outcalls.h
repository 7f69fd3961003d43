/* outcalls.h: HTTP calls between the services of the world, linked instead of outcall/outcall.c. A
 * call may be lost, refused, slow, or answered in vain. The loop's `data` is its process. */
#ifndef FG_SIM_OUTCALLS_H
#define FG_SIM_OUTCALLS_H

#include "base/text.h"

struct sim_proc;

/* The peer of all calls: returns the status, and writes the body. */
void outcalls_begin(unsigned (*peer)(const char *url, struct text *body),
                    void (*on_sent)(struct sim_proc *from, const char *url));

#endif
