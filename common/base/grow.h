/* grow.h: text that grows as it is written, for what has no bound worth reserving: a batch for the
 * database. One failure spoils the whole text, and grow_cstr() reports it at the end. */
#ifndef FG_BASE_GROW_H
#define FG_BASE_GROW_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct grow {
    char *ptr; /* owned; closed by a NUL whenever grow_cstr() is called */
    size_t len, cap;
    bool failed;
};

void grow_clear(struct grow *grow); /* empty, the memory stays */
void grow_free(struct grow *grow);
void grow_add(struct grow *grow, struct span bytes);
void grow_u64(struct grow *grow, uint64_t value);
const char *grow_cstr(struct grow *grow);    /* NULL if anything failed */
bool grow_is_empty(const struct grow *grow); /* nothing was added, and nothing was to be added */

/* PostgreSQL's array literals: open, elements, close. */
void grow_array_open(struct grow *grow);
void grow_array_i64(struct grow *grow, int64_t value);
void grow_array_bool(struct grow *grow, bool value);
void grow_array_text(struct grow *grow, struct span text); /* not there or empty: NULL */
void grow_array_close(struct grow *grow);

#endif
