/* bug.h: what to do about something that cannot happen: assert() where going on would be worse than
 * a restart, BUG_STOP() the same without a condition to write, BUG_WARN() where somebody must look
 * soon, BUG_COUNT() where it endangers nothing. What came from outside is refused instead, and what
 * happens in the ordinary course of things has a metric of its own. Each place counts for itself,
 * found by the linker, and is shown as fairgate_odd_events_total{what=".."} or
 * fairgate_warnings_total{what=".."}. */
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

/* relaxed: a figure, which orders nothing */
#define BUG_PLACE(WHAT, WARNS)                                                                     \
    static struct bug_place place_here = {WHAT, WARNS, 0};                                         \
    static struct bug_place *const place_told __attribute__((used, section("bug_places"))) =       \
        &place_here;                                                                               \
    (void)place_told;                                                                              \
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

/* Places of one name may be several. */
static inline void bug_each(void (*each)(void *ctx, const struct bug_place *place), void *ctx)
{
    for (struct bug_place *const *at = __start_bug_places; at < __stop_bug_places; at++)
        each(ctx, *at);
}

#endif
