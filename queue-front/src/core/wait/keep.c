/* keep.c: how long a page without visitor data may be cached.
 *
 * A change reaches every cached page within fresh_s + stale_s, without notifying any cache. A page
 * with a script is correct long before: on arrival it requests the status, which is cached for a
 * second. So a page served while we are down is still honest: it says that the connection is lost.
 *
 * max-age is used rather than s-maxage, which forbids serving stale responses (RFC 9111, 5.2.2.10).
 * A browser that caches the page as well is no worse off than the cache. */
#include "core/wait/keep.h"

#include "base/text.h"

#include <assert.h>

enum {
    /* An uncacheable page would be requested by everybody, in the busiest second; and some caches
     * would remember for two minutes that it is uncacheable. */
    FRESH_MIN_S = 1,
    LOST_S = 60,   /* we are down: a restart takes less */
    CLOSED_S = 60, /* a closed event stays closed, but may be deleted and created again */
    CLOSED_LOST_S = 86400,
};

static uint32_t least(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

struct keep keep_for(enum line_state state, const struct event_doc *doc, uint64_t now_ms,
                     uint32_t kept_s)
{
    assert(state < LINE_STATE_COUNT);
    if (state == LINE_CLOSED)
        return (struct keep){CLOSED_S, CLOSED_S, CLOSED_LOST_S};
    const uint64_t times[] = {doc->prequeue_at_ms, doc->opens_at_ms, doc->closes_at_ms};
    uint64_t left_ms = UINT64_MAX;
    for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i] > now_ms && times[i] - now_ms < left_ms)
            left_ms = times[i] - now_ms;
    }
    uint64_t left_s = left_ms / 1000;
    struct keep keep = {.fresh_s = least(kept_s, left_s), .error_s = LOST_S};
    keep.stale_s = least(kept_s, left_s - keep.fresh_s);
    assert((uint64_t)keep.fresh_s + keep.stale_s <= left_s); /* expires before the page changes */
    if (keep.fresh_s == 0)
        keep.fresh_s = FRESH_MIN_S;
    return keep;
}

void keep_put(struct text *out, const struct keep *keep)
{
    assert(keep->fresh_s > 0);
    TEXT_LIT(out, "public, max-age=");
    text_u64(out, keep->fresh_s);
    if (keep->stale_s > 0) {
        TEXT_LIT(out, ", stale-while-revalidate=");
        text_u64(out, keep->stale_s);
    }
    TEXT_LIT(out, ", stale-if-error=");
    text_u64(out, keep->error_s);
}
