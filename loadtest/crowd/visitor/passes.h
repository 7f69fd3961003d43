/* passes.h: prepared admission passes, for runs that do not test the waiting room. */
#ifndef FG_CROWD_PASSES_H
#define FG_CROWD_PASSES_H

#include "base/err.h"
#include "base/span.h"

struct passes;

/* Reads one per line. On success *out is the caller's, to end with passes_destroy(). */
int passes_read(const char *path, struct err_slot *err, struct passes **out);
/* The pass of this visitor; if there are more visitors than passes, some share one. Borrowed. */
struct span passes_of(const struct passes *passes, uint32_t number);
void passes_destroy(struct passes *passes);

#endif
