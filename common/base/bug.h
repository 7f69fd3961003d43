/* bug.h: what to do about something that cannot be.
 *
 * If going on would be worse than a restart, it is asserted, and asserts stay on in production. If
 * it is odd and endangers nothing, and the code has an answer to it, then the code goes on and says
 * so:
 *
 *     if (blob == NULL)
 *         BUG_COUNT("answer-without-memory");
 *
 * Each place counts for itself, and the service shows it live as
 * fairgate_odd_events_total{what="answer-without-memory"}. A figure that is not 0 is worth a look;
 * what happens in the ordinary course of things has a metric of its own, not this.
 *
 * A place is found by the linker: pointers to all of them stand in one section of the program. */
#ifndef FG_BASE_BUG_H
#define FG_BASE_BUG_H

#include <stdatomic.h>
#include <stdint.h>

struct bug_place {
    const char *what; /* small letters, digits and hyphens */
    _Atomic uint64_t count;
};

/* relaxed: a figure, which orders nothing */
#define BUG_COUNT(WHAT)                                                                            \
    do {                                                                                           \
        static struct bug_place place_here = {WHAT, 0};                                            \
        static struct bug_place *const place_told __attribute__((used, section("bug_places"))) =   \
            &place_here;                                                                           \
        (void)place_told;                                                                          \
        atomic_fetch_add_explicit(&place_here.count, 1, memory_order_relaxed);                     \
    } while (0)

extern struct bug_place *const __start_bug_places[] __attribute__((weak));
extern struct bug_place *const __stop_bug_places[] __attribute__((weak));

/* Places of one name may be several. */
static inline void bug_each(void (*each)(void *ctx, const struct bug_place *place), void *ctx)
{
    for (struct bug_place *const *at = __start_bug_places; at < __stop_bug_places; at++)
        each(ctx, *at);
}

#endif
