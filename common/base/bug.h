/* bug.h: what to do in a case that cannot happen: assert() if continuing would be worse than a
 * restart, BUG_STOP() likewise without a condition, BUG_WARN() if an operator must look soon,
 * BUG_COUNT() if it is harmless. Input from outside is refused instead, and ordinary events have
 * metrics of their own. Each place has a counter, found through the linker, and is shown as
 * fairgate_odd_events_total{what=".."} or fairgate_warnings_total{what=".."}. */
#ifndef FG_BASE_BUG_H
#define FG_BASE_BUG_H

#include "system/panic.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bug_place {
    const char *what; /* small letters, digits and hyphens */
    bool warns;
    _Atomic uint64_t count;
};

/* relaxed: a statistic that orders nothing */
#define BUG_PLACE(WHAT, WARNS)                                                                     \
    static struct bug_place place_here = {WHAT, WARNS, 0};                                         \
    static struct bug_place *const place_listed __attribute__((used, section("bug_places"))) =     \
        &place_here;                                                                               \
    (void)place_listed;                                                                            \
    uint64_t count_before = atomic_fetch_add_explicit(&place_here.count, 1, memory_order_relaxed)

#define BUG_COUNT(WHAT)                                                                            \
    do {                                                                                           \
        BUG_PLACE(WHAT, false);                                                                    \
        (void)count_before;                                                                        \
    } while (0)

#define BUG_WARN(WHAT)                                                                             \
    do {                                                                                           \
        BUG_PLACE(WHAT, true);                                                                     \
        if (count_before == 0)                                                                     \
            panic_warn(WHAT, __FILE__, __LINE__);                                                  \
    } while (0)

#define BUG_STOP(WHAT) panic(WHAT, __FILE__, __LINE__, __func__)

extern struct bug_place *const __start_bug_places[] __attribute__((weak));
extern struct bug_place *const __stop_bug_places[] __attribute__((weak));

/* Several places may have the same name. */
static inline void bug_each(void (*each)(void *ctx, const struct bug_place *place), void *ctx)
{
    for (struct bug_place *const *at = __start_bug_places; at < __stop_bug_places; at++)
        each(ctx, *at);
}

#endif
