/* grow.h: text that grows while it is written, for texts without a useful bound, such as a batch
 * for the database. A failure marks the whole text as failed; grow_cstr() reports it at the end. */
#ifndef FG_BASE_GROW_H
#define FG_BASE_GROW_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct grow {
    char *ptr; /* owned; NUL-terminated by grow_cstr() */
    size_t len, cap;
    bool failed;
};

void grow_clear(struct grow *grow); /* empties it and keeps the memory */
void grow_free(struct grow *grow);
void grow_add(struct grow *grow, struct span bytes);
void grow_u64(struct grow *grow, uint64_t value);
const char *grow_cstr(struct grow *grow);    /* NULL if anything failed */
bool grow_is_empty(const struct grow *grow); /* nothing was added, and nothing failed */

/* PostgreSQL's array literals: open, elements, close. */
void grow_array_open(struct grow *grow);
void grow_array_i64(struct grow *grow, int64_t value);
void grow_array_bool(struct grow *grow, bool value);
void grow_array_text(struct grow *grow, struct span text); /* not there or empty: NULL */
void grow_array_close(struct grow *grow);

#endif
