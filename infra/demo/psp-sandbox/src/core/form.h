/* form.h: application/x-www-form-urlencoded, as Stripe's clients write it: `amount=1000`,
 * `metadata[order]=7`, `expand[0]=charge`, `expand[]=charge`. This is where bytes become fields:
 * the result is UTF-8 without NUL, with well-formed names and no duplicates. */
#ifndef FG_PSP_SANDBOX_FORM_H
#define FG_PSP_SANDBOX_FORM_H

#include "base/err.h"
#include "base/span.h"
#include "core/psp_limits.h"

struct form_field {
    struct span name;  /* decoded, whole: "metadata[order]" */
    struct span root;  /* "metadata" */
    struct span rest;  /* "[order]", or empty */
    struct span value; /* decoded */
};

/* About 100 KB: lives in a call's context, not on a stack. */
struct form {
    unsigned count;
    size_t used;
    struct form_field fields[FORM_FIELDS_MAX];
    char memory[FORM_BYTES_MAX]; /* what the spans point into */
};

void form_clear(struct form *form);

/* Adds the fields of `raw`; a query and a body can be added one after the other. ERR_SYNTAX for bad
 * escapes, text or brackets, ERR_EXISTS for a name that is there already, ERR_FULL beyond the
 * bounds. After an error the form must not be read. */
int form_parse(struct form *form, struct span raw, struct err_slot *err);

/* The value of a plain name; false if absent. An empty value is present. */
bool form_get(const struct form *form, const char *name, struct span *value);
bool form_has_root(const struct form *form, const char *root);

/* Walks the fields of `root[...]` in the order they came: start with *at = 0, false at the end.
 * `inner` is what is inside the single pair of brackets, empty for []; deeper ones are skipped. */
bool form_next(const struct form *form, const char *root, unsigned *at, struct span *inner,
               struct span *value);

/* The first field whose root is not in the NULL-ended list, or NULL. */
const struct form_field *form_stranger(const struct form *form, const char *const *known);

enum { FORM_DIGEST_BYTES = 32 };

/* A SHA-256 that is the same for the same fields in any order, and differs otherwise. */
void form_digest(const struct form *form, struct span salt, uint8_t out[FORM_DIGEST_BYTES]);

#endif
