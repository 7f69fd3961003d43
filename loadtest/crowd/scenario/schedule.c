/* schedule.c: due entries in order of time: a binary heap in one array, in which the parent of i is
 * (i - 1) / 2.
 *
 * A crowd has an entry for each waiting visitor, most of them far in the future. A loop timer for
 * each would cost an allocation and a handle; an entry here is a few bytes, and the loop reads only
 * the first one. */
#include "scenario/schedule.h"

#include "base/bug.h"

#include <stdlib.h>

struct schedule {
    struct due *heap;
    uint32_t len, cap;
};

struct schedule *schedule_create(uint32_t entries)
{
    struct schedule *schedule = calloc(1, sizeof(*schedule));
    if (schedule == NULL)
        return NULL;
    schedule->cap = entries > 0 ? entries : 1;
    schedule->heap = malloc(schedule->cap * sizeof(*schedule->heap));
    if (schedule->heap == NULL) {
        free(schedule);
        return NULL;
    }
    return schedule;
}

void schedule_add(struct schedule *schedule, const struct due *due)
{
    if (schedule->len == schedule->cap) {
        struct due *grown = realloc(schedule->heap, 2ul * schedule->cap * sizeof(*grown));
        if (grown == NULL)
            BUG_STOP("no memory for a visitor"); /* an incomplete crowd proves nothing */
        schedule->heap = grown;
        schedule->cap *= 2;
    }
    uint32_t i = schedule->len++;
    while (i > 0 && schedule->heap[(i - 1) / 2].at_us > due->at_us) {
        schedule->heap[i] = schedule->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    schedule->heap[i] = *due;
}

bool schedule_take(struct schedule *schedule, uint64_t now_us, struct due *out)
{
    if (schedule->len == 0 || schedule->heap[0].at_us > now_us)
        return false;
    *out = schedule->heap[0];
    struct due last = schedule->heap[--schedule->len];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < schedule->len &&
            schedule->heap[child + 1].at_us < schedule->heap[child].at_us)
            child++;
        if (child >= schedule->len || schedule->heap[child].at_us >= last.at_us)
            break;
        schedule->heap[i] = schedule->heap[child];
        i = child;
    }
    schedule->heap[i] = last;
    return true;
}
