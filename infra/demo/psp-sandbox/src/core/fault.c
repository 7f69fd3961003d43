/* fault.c: reading and striking. A table lists the kinds with the values they take, so that a
 * misspelt fault is refused where it is written instead of never striking. Rules strike in the
 * order in which they were given; a rule that has struck as often as it says is gone. */
#include "core/fault.h"

#include <assert.h>

struct kind {
    const char *name;
    bool of_hook;
    uint32_t fallback; /* the value if none is written */
    uint32_t min;      /* of a value; max 0: it takes none */
    uint32_t max;
};

static const struct kind kinds[FAULT_KIND_COUNT] = {
    [FAULT_DELAY] = {"delay", false, 1000, 1, FAULT_DELAY_MS_MAX},
    [FAULT_SLOW] = {"slow", false, 1000, 1, FAULT_DELAY_MS_MAX},
    [FAULT_ERROR] = {"error", false, 500, 400, 599},
    [FAULT_ERROR_AFTER] = {"error_after", false, 500, 400, 599},
    [FAULT_LOST] = {"lost", false, 0, 0, 0},
    [FAULT_CUT] = {"cut", false, 0, 0, 0},
    [FAULT_DROP] = {"drop", false, 0, 0, 0},
    [FAULT_HOOK_LOST] = {"lost", true, 0, 0, 0},
    [FAULT_HOOK_DUPLICATE] = {"duplicate", true, 100, 2, FAULT_COPIES_MAX},
    [FAULT_HOOK_REORDER] = {"reorder", true, 1, 1, 1000},
    [FAULT_HOOK_LATE] = {"late", true, 1000, 1, FAULT_DELAY_MS_MAX},
    [FAULT_HOOK_FUTURE] = {"future", true, 3600, 1, 100000000},
    [FAULT_HOOK_STALE] = {"stale", true, 3600, 1, 100000000},
    [FAULT_HOOK_BADSIG] = {"badsig", true, 0, 0, 0},
};

static const char *const operations[] = {
    "create", "get",     "list",         "confirm",   "capture",     "cancel", "refund",
    "event",  "charge",  "refund_get",   "hosted",    "toss_get",    "expire", "toss_cancel",
    "any",    "webhook", "toss_confirm", "toss_list", "toss_hosted",
};

static const struct span hook = {"webhook", sizeof("webhook") - 1};

static bool is_hook(struct span operation)
{
    return span_starts(operation, hook);
}

static bool operation_known(struct span name)
{
    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (span_eq(name, span_of(operations[i])))
            return true;
    }
    return span_starts(name, SPAN("webhook/")) && name.len > hook.len + 1;
}

static enum fault_kind kind_named(struct span name, bool of_hook)
{
    for (unsigned i = 1; i < FAULT_KIND_COUNT; i++) {
        if (kinds[i].of_hook == of_hook && span_eq(name, span_of(kinds[i].name)))
            return (enum fault_kind)i;
    }
    return FAULT_NONE;
}

static int parse_one(struct span text, struct err_slot *err, struct fault *out)
{
    struct span operation;
    struct span name;
    struct span value;
    struct span rest = span_cut(span_trim(text), ':', &operation);
    struct span count = span_cut(rest, '*', &rest);
    value = span_cut(rest, '=', &name);

    if (!operation_known(operation) ||
        !span_to_cstr(operation, out->operation, sizeof(out->operation)))
        return err_set(err, ERR_SYNTAX, "%.*s: no such operation; write OPERATION:KIND=VALUE*COUNT",
                       (int)(operation.len < 60 ? operation.len : 60), operation.ptr);
    out->kind = kind_named(name, is_hook(operation));
    if (out->kind == FAULT_NONE)
        return err_set(err, ERR_SYNTAX, "%s: no such kind of fault as '%.*s'", out->operation,
                       (int)(name.len < 60 ? name.len : 60), name.ptr != NULL ? name.ptr : "");
    const struct kind *kind = &kinds[out->kind];
    uint64_t number = kind->fallback;
    if (value.ptr != NULL &&
        (kind->max == 0 || !span_u64(value, kind->max, &number) || number < kind->min))
        return err_set(err, ERR_RANGE, "%s:%s: a value from %u to %u", out->operation, kind->name,
                       kind->min, kind->max);
    out->value = (uint32_t)number;
    number = 1;
    if (count.ptr != NULL && (!span_u64(count, FAULT_COUNT_MAX, &number) || number == 0))
        return err_set(err, ERR_RANGE, "%s:%s: a count from 1 to %d", out->operation, kind->name,
                       FAULT_COUNT_MAX);
    out->count = (uint32_t)number;
    return 0;
}

int fault_parse(struct span text, struct err_slot *err, struct fault faults[FAULT_SPECS_MAX],
                unsigned *count)
{
    *count = 0;
    while (text.ptr != NULL) {
        struct span one;
        text = span_cut(text, ',', &one);
        if (*count == FAULT_SPECS_MAX)
            return err_set(err, ERR_FULL, "at most %d faults in one text", FAULT_SPECS_MAX);
        int rc = parse_one(one, err, &faults[*count]);
        if (rc < 0)
            return rc;
        (*count)++;
    }
    return 0;
}

/* `operation` is a call's name, or "webhook/" and a type. */
static bool fault_strikes(const struct fault *fault, struct span operation)
{
    struct span mine = span_of(fault->operation);
    if (is_hook(operation))
        return span_eq(mine, hook) || span_eq(mine, operation);
    return span_eq(mine, SPAN("any")) || span_eq(mine, operation);
}

int fault_list_add(struct fault_list *list, struct span text, struct err_slot *err)
{
    struct fault faults[FAULT_SPECS_MAX];
    unsigned count;
    int rc = fault_parse(text, err, faults, &count);
    if (rc < 0)
        return rc;
    if (list->len + count > FAULT_RULES_MAX)
        return err_set(err, ERR_FULL, "more than %d faults waiting", FAULT_RULES_MAX);
    memcpy(&list->rules[list->len], faults, count * sizeof(faults[0]));
    list->len += count;
    return 0;
}

bool fault_list_take(struct fault_list *list, struct span operation, struct fault *out)
{
    for (unsigned i = 0; i < list->len; i++) {
        struct fault *rule = &list->rules[i];
        if (!fault_strikes(rule, operation))
            continue;
        assert(rule->count > 0);
        *out = *rule;
        if (--rule->count == 0) {
            list->len--;
            memmove(rule, rule + 1, (list->len - i) * sizeof(*rule));
        }
        return true;
    }
    return false;
}

void fault_list_put(const struct fault_list *list, struct text *out)
{
    json_open(out, '[');
    for (unsigned i = 0; i < list->len; i++) {
        const struct fault *rule = &list->rules[i];
        json_open(out, '{');
        json_member_cstr(out, "operation", rule->operation);
        json_member_cstr(out, "kind", kinds[rule->kind].name);
        json_member_u64(out, "value", rule->value);
        json_member_u64(out, "left", rule->count);
        json_close(out, '}');
    }
    json_close(out, ']');
}
