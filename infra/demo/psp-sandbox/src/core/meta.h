/* meta.h: what a caller attaches to an object: up to 50 names with a text each. */
#ifndef FG_PSP_SANDBOX_META_H
#define FG_PSP_SANDBOX_META_H

#include "core/form.h"

struct meta { /* all zero is an empty one */
    unsigned count;
    struct meta_pair {
        char *key;   /* one allocation for both; */
        char *value; /* closed by NUL */
    } * pairs;
};

/* Checks metadata[...] of a form: returns what is wrong as a sentence, and the field in `name`. */
int meta_check(const struct form *form, const struct meta *now, struct err_slot *err,
               struct span *name);

/* Takes over the form's metadata[...]: an empty value removes a pair, `metadata=` all of them. The
 * form was checked. ERR_NOMEM leaves what was there. */
int meta_merge(struct meta *meta, const struct form *form, struct err_slot *err);

/* Adds a pair, or replaces its value. ERR_RANGE, ERR_FULL: beyond the bounds. */
int meta_set(struct meta *meta, struct span key, struct span value, struct err_slot *err);

/* NULL: there is none. */
const char *meta_get(const struct meta *meta, const char *key);

void meta_deinit(struct meta *meta);

#endif
