/* placing.c: least loaded first.
 *
 * When an owner dies its events go to those that live, at once. When processes start, the first of
 * them sees every event free and nobody else alive; it would take all, and nothing takes an event
 * from an owner that is well. So an event that never had an owner is also placed at members that
 * are expected and not there yet, and stays free there for as long as the caller says that it
 * waits. */
#include "owners/placing.h"

#include <assert.h>

/* The lowest places that nobody has stand for the members that are still to come. */
static void find_missing(const struct placing *placing, bool *missing)
{
    uint32_t alive = 0;
    for (uint32_t place = 0; place < OWNERS_MAX; place++)
        alive += placing->alive[place];
    for (uint32_t place = 0; place < OWNERS_MAX; place++) {
        missing[place] = !placing->alive[place] && alive < placing->expected;
        alive += missing[place];
    }
}

static uint32_t least_loaded(const struct placing *placing, const bool *also)
{
    uint32_t best = placing->self;
    for (uint32_t place = OWNERS_MAX; place > 0; place--) {
        uint32_t at = place - 1;
        if ((placing->alive[at] || also[at]) && placing->load[at] <= placing->load[best])
            best = at;
    }
    return best;
}

void placing_choose(struct placing *placing, const struct placing_event *events, uint32_t len,
                    bool *mine)
{
    static const bool nobody[OWNERS_MAX];
    bool missing[OWNERS_MAX];
    assert(placing->self < OWNERS_MAX);
    assert(placing->alive[placing->self]);
    find_missing(placing, missing);
    for (uint32_t i = 0; i < len; i++) {
        mine[i] = false;
        if (events[i].owned)
            continue;
        uint32_t place = least_loaded(placing, events[i].waits ? missing : nobody);
        placing->load[place] += 1;
        mine[i] = place == placing->self || events[i].forlorn;
    }
}
