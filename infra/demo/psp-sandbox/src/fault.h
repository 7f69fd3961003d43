/* fault.h: faults that tests order, written as OPERATION:KIND[=VALUE][*COUNT].
 *
 * A list of rules waits for matching calls. Each rule strikes COUNT times and is then removed. */
#ifndef FG_PSP_SANDBOX_FAULT_H
#define FG_PSP_SANDBOX_FAULT_H

#include "base/err.h"
#include "base/text.h"
#include "psp_limits.h"

enum fault_kind {
    FAULT_NONE,
    /* of calls */
    FAULT_DELAY,
    FAULT_SLOW,
    FAULT_ERROR,
    FAULT_ERROR_AFTER,
    FAULT_LOST,
    FAULT_CUT,
    /* of webhooks */
    FAULT_HOOK_LOST,
    FAULT_HOOK_DUPLICATE,
    FAULT_HOOK_REORDER,
    FAULT_HOOK_FUTURE,
    FAULT_HOOK_STALE,
    FAULT_HOOK_BADSIG,
    FAULT_KIND_COUNT,
};

enum { FAULT_NAME_MAX = 63 };

struct fault {
    char operation[FAULT_NAME_MAX + 1]; /* "capture", "any", "webhook", "webhook/charge.captured" */
    enum fault_kind kind;
    uint32_t value;
    uint32_t count; /* remaining strikes */
};

struct faults {
    unsigned len;
    struct fault rules[FAULT_RULES_MAX];
};

/* Adds one or more rules, separated by commas; all or none. The error's sentence says what is
 * allowed. */
int fault_add(struct faults *faults, struct span text, struct err_slot *err);
/* Takes one strike of the first rule for this operation: a call's name, or "webhook/" and a type.
 * False if no rule matches. */
bool fault_take(struct faults *faults, struct span operation, struct fault *out);
void fault_put(const struct faults *faults, struct text *out); /* a JSON array */

#endif
