/* placing.c: least loaded first.
 *
 * When an owner dies its events go to those that live, at once. When processes start, the first of
 * them sees every event free and nobody else alive; it would take all, and nothing takes an event
 * from an owner that is well. So an event that never had an owner is also placed at members that
 * are expected and not there yet, and stays free there for as long as the caller says that it
 * waits.
 *
 * When PostgreSQL was away all come back, one a little before the other, and each takes up what it
 * had. So a process that has just connected leaves what others had to them for a while.
 *
 * An event that is to move is free for a moment: it is left to the process that is to have it, for
 * as long as it would be to the one whose turn it is. */
#include "owners/placing.h"

#include <assert.h>

struct placing_event placing_judge(const struct placing_seen *seen)
{
    bool waits = !seen->was_owned && seen->here_ms < OWNERS_WAIT_MS;
    bool returns =
        seen->was_owned && seen->here_ms > seen->again_ms && seen->again_ms < OWNERS_RETURN_MS;
    uint64_t patience_ms = OWNERS_FORLORN_MS;
    if (!seen->was_owned)
        patience_ms += OWNERS_WAIT_MS;
    return (struct placing_event){
        .wish = seen->wish,
        .owned = seen->owned,
        .returns = !seen->owned && returns,
        .waits = !seen->owned && waits,
        .forlorn = !seen->owned && !returns && seen->free_ms >= patience_ms,
    };
}

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
        bool wanted = events[i].wish == PLACING_WISH_US && !events[i].owned;
        bool lies = events[i].wish != PLACING_WISH_OTHER || events[i].forlorn;
        if (wanted) {
            placing->load[placing->self] += 1;
            mine[i] = true;
        }
        if (wanted || !lies || events[i].owned || events[i].returns)
            continue;
        uint32_t place = least_loaded(placing, events[i].waits ? missing : nobody);
        placing->load[place] += 1;
        mine[i] = place == placing->self || events[i].forlorn;
    }
}
