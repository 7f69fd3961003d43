/* placing.c: each free event goes to the least loaded member.
 *
 * When an owner dies, the living members take its events at once. When processes start, the first
 * one sees every event free and no other member. It would take all of them for good, because a
 * healthy owner is never deprived of an event. So an event that never had an owner is also assigned
 * to expected members that have not started yet, and stays free as long as `waits` is set.
 *
 * After an outage of PostgreSQL the processes reconnect one by one, and each takes back its events.
 * So a process that has just reconnected leaves other processes' events free for a while, and then
 * first to the members whose turn it is.
 *
 * An event that is being moved is free for a moment. It is left to its target as long as any free
 * event is left to the member whose turn it is. */
#include "owners/placing.h"

#include <assert.h>

struct placing_event placing_judge(const struct placing_seen *seen)
{
    bool waits = !seen->was_owned && seen->here_ms < OWNERS_WAIT_MS;
    bool rejoined = seen->was_owned && seen->here_ms > seen->again_ms;
    bool returns = rejoined && seen->again_ms < OWNERS_RETURN_MS;
    bool settles = rejoined && seen->again_ms < OWNERS_RETURN_MS + OWNERS_FORLORN_MS;
    bool starts = !seen->was_owned && seen->here_ms < OWNERS_WAIT_MS + OWNERS_FORLORN_MS;
    return (struct placing_event){
        .wish = seen->wish,
        .owned = seen->owned,
        .returns = !seen->owned && returns,
        .waits = !seen->owned && waits,
        .forlorn = !seen->owned && !settles && !starts && seen->free_ms >= OWNERS_FORLORN_MS,
    };
}

/* The lowest unused places represent the expected members that have not started yet. */
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
