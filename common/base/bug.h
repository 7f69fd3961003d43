/* bug.h: what to do about something that cannot happen, in four strengths.
 *
 *     assert(...)       going on would be worse than a restart: panic (system/panic.h).
 *                       Asserts stay on in production.
 *     BUG_STOP("...")   the same where there is no condition to write: a switch that left its
 *                       enum, no memory for a few hundred bytes without which nothing goes on.
 *     BUG_WARN("...")   somebody must look soon, and the code has an answer meanwhile. It
 *                       counts, and the first time each place logs a line.
 *     BUG_COUNT("...")  odd, endangers nothing, and the code has an answer. It counts.
 *
 *     if (blob == NULL)
 *         BUG_COUNT("answer-without-memory");
 *
 * What came from outside (a visitor, Redis, a file, an operator) is none of these: it is refused.
 * What happens in the ordinary course of things has a metric of its own.
 *
 * Each place counts for itself. A service shows them live as
 * fairgate_odd_events_total{what="answer-without-memory"} and fairgate_warnings_total{what="..."};
 * a figure that is not 0 is worth a look, and a warning is worth one today.
 *
 * A place is found by the linker: pointers to all of them stand in one section of the program. */
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
