/* judge_found.c: collects what was found, by name.
 *
 * Each kind is counted, and a few of it are written out, so that a thousand findings of one kind
 * do not hide the only one of another. */
#include "judge/judge_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const judge_kind_names[FOUND_KINDS] = {
    [FOUND_TWO_OWNERS] = "two-owners",
    [FOUND_CHANGED] = "changed",
    [FOUND_ORDER] = "order-of-joins",
    [FOUND_JUMP] = "jump",
    [FOUND_UNCALLED] = "uncalled-pass",
    [FOUND_TWO_VISITS] = "two-visits",
    [FOUND_RATE] = "rate",
    [FOUND_CROWDED] = "too-many-inside",
    [FOUND_AHEAD] = "ahead-rose",
    [FOUND_ETA] = "eta",
    [FOUND_OVERLAP] = "overlapping-holds",
    [FOUND_TOO_MANY] = "too-many-seats",
    [FOUND_UNPAID] = "ticket-not-paid",
    [FOUND_NO_TICKET] = "paid-no-ticket",
    [FOUND_GONE_EARLY] = "gone-early",
    [FOUND_TRICK] = "trick",
    [FOUND_NO_END] = "no-end",
    [FOUND_FAILED] = "failed",
    [FOUND_LOST] = "lost-answers",
    [FOUND_FEW_PLACED] = "few-placed",
    [FOUND_FEW_PASSED] = "few-passed",
    [FOUND_FEW_DONE] = "few-done",
    [FOUND_LEFT_WAITING] = "left-waiting",
    [FOUND_TURNED_AWAY] = "turned-away",
};

void judge_found(struct judge_verdict *verdict, enum judge_kind kind, const char *format, ...)
{
    if (verdict->found[kind] < JUDGE_EXAMPLES_MAX) {
        struct judge_finding *finding = &verdict->finding[verdict->told++];
        va_list args;
        va_start(args, format);
        vsnprintf(finding->text, sizeof(finding->text), format, args);
        va_end(args);
        finding->kind = kind;
    }
    verdict->found[kind]++;
    verdict->findings++;
}

bool judge_room(void **array, size_t len, size_t *cap, size_t size)
{
    if (len < *cap)
        return true;
    size_t wanted = *cap == 0 ? 1024 : *cap * 2;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = wanted;
    return true;
}
