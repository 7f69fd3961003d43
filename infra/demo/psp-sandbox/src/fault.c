/* fault.c: parses faults and applies them. A table lists the kinds with the values they take, so
 * that a misspelt fault is refused when it is set instead of never striking. Rules strike in the
 * order in which they were given, and are removed after their last strike. */
#include "fault.h"

#include <assert.h>

static const struct kind {
    const char *name;
    bool of_hook;
    uint32_t fallback; /* the value if none is written */
    uint32_t min;      /* of a value; max 0: it takes none */
    uint32_t max;
} kinds[FAULT_KIND_COUNT] = {
    [FAULT_NONE] = {"", false, 0, 0, 0},
    [FAULT_DELAY] = {"delay", false, 1000, 1, FAULT_DELAY_MS_MAX},
    [FAULT_SLOW] = {"slow", false, 1000, 1, FAULT_DELAY_MS_MAX},
    [FAULT_ERROR] = {"error", false, 500, 400, 599},
    [FAULT_ERROR_AFTER] = {"error_after", false, 500, 400, 599},
    [FAULT_LOST] = {"lost", false, 0, 0, 0},
    [FAULT_CUT] = {"cut", false, 0, 0, 0},
    [FAULT_HOOK_LOST] = {"lost", true, 0, 0, 0},
    [FAULT_HOOK_DUPLICATE] = {"duplicate", true, 100, 2, FAULT_COPIES_MAX},
    [FAULT_HOOK_REORDER] = {"reorder", true, 1, 1, 1000},
    [FAULT_HOOK_FUTURE] = {"future", true, 3600, 1, 100000000},
    [FAULT_HOOK_STALE] = {"stale", true, 3600, 1, 100000000},
    [FAULT_HOOK_BADSIG] = {"badsig", true, 0, 0, 0},
};

static const char *const operations[] = {
    "create", "get",     "list",         "confirm",   "capture",     "cancel", "refund",
    "event",  "charge",  "refund_get",   "hosted",    "toss_get",    "expire", "toss_cancel",
    "any",    "webhook", "toss_confirm", "toss_list", "toss_hosted",
};

static bool is_hook(struct span operation)
{
    return span_starts(operation, SPAN("webhook"));
}

static bool operation_known(struct span name)
{
    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (span_eq(name, span_of(operations[i])))
            return true;
    }
    return span_starts(name, SPAN("webhook/")) && name.len > sizeof("webhook/") - 1;
}

static int parse_one(struct span text, struct err_slot *err, struct fault *out)
{
    struct span operation, name;
    struct span rest = span_cut(span_trim(text), ':', &operation);
    struct span count = span_cut(rest, '*', &rest);
    struct span value = span_cut(rest, '=', &name);
    if (!operation_known(operation) ||
        !span_to_cstr(operation, out->operation, sizeof(out->operation)))
        return err_set(err, ERR_SYNTAX, "%.*s: no such operation; write OPERATION:KIND=VALUE*COUNT",
                       (int)(operation.len < 60 ? operation.len : 60), operation.ptr);
    out->kind = FAULT_DELAY;
    while (out->kind < FAULT_KIND_COUNT && (kinds[out->kind].of_hook != is_hook(operation) ||
                                            !span_eq(name, span_of(kinds[out->kind].name))))
        out->kind++;
    if (out->kind == FAULT_KIND_COUNT)
        return err_set(err, ERR_SYNTAX, "%s: no such kind of fault as '%.*s'", out->operation,
                       (int)(name.len < 60 ? name.len : 60), name.ptr != NULL ? name.ptr : "");
    const struct kind *kind = &kinds[out->kind];
    uint64_t number = kind->fallback, times = 1;
    if (value.ptr != NULL &&
        (kind->max == 0 || !span_u64(value, kind->max, &number) || number < kind->min))
        return err_set(err, ERR_RANGE, "%s:%s: a value from %u to %u", out->operation, kind->name,
                       kind->min, kind->max);
    if (count.ptr != NULL && (!span_u64(count, FAULT_COUNT_MAX, &times) || times == 0))
        return err_set(err, ERR_RANGE, "%s:%s: a count from 1 to %d", out->operation, kind->name,
                       FAULT_COUNT_MAX);
    out->value = (uint32_t)number;
    out->count = (uint32_t)times;
    return 0;
}

int fault_add(struct faults *faults, struct span text, struct err_slot *err)
{
    unsigned len = faults->len;
    while (text.ptr != NULL) {
        struct span one;
        text = span_cut(text, ',', &one);
        if (len == FAULT_RULES_MAX)
            return err_set(err, ERR_FULL, "more than %d faults waiting", FAULT_RULES_MAX);
        int rc = parse_one(one, err, &faults->rules[len++]);
        if (rc < 0)
            return rc;
    }
    faults->len = len;
    return 0;
}

static bool strikes(const struct fault *fault, struct span operation)
{
    struct span mine = span_of(fault->operation);
    return span_eq(mine, operation) ||
           span_eq(mine, is_hook(operation) ? SPAN("webhook") : SPAN("any"));
}

bool fault_take(struct faults *faults, struct span operation, struct fault *out)
{
    unsigned i = 0;
    while (i < faults->len && !strikes(&faults->rules[i], operation))
        i++;
    if (i == faults->len)
        return false;
    struct fault *rule = &faults->rules[i];
    assert(rule->count > 0);
    *out = *rule;
    if (--rule->count == 0)
        memmove(rule, rule + 1, (--faults->len - i) * sizeof(*rule));
    return true;
}

void fault_put(const struct faults *faults, struct text *out)
{
    json_open(out, '[');
    for (unsigned i = 0; i < faults->len; i++) {
        const struct fault *rule = &faults->rules[i];
        json_open(out, '{');
        json_member_cstr(out, "operation", rule->operation);
        json_member_cstr(out, "kind", kinds[rule->kind].name);
        json_member_u64(out, "value", rule->value);
        json_member_u64(out, "left", rule->count);
        json_close(out, '}');
    }
    json_close(out, ']');
}
