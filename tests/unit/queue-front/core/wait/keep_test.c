/* keep_test.c: how long a cache may keep the page of visitors without a place. */
#include "core/wait/keep.h"
#include "unit.h"

enum { NOW_MS = 1000000, NONE = -NOW_MS, KEPT_S = 5 };

#define RUNS "public, max-age=5, stale-while-revalidate=5, stale-if-error=60"

static const struct {
    enum line_state state;
    int prequeue_ms, opens_ms, closes_ms; /* after NOW_MS */
    const char *header;
} rows[] = {
    {LINE_DRAFT, NONE, -1, NONE, RUNS},
    {LINE_SCHEDULED, NONE, -1, NONE, RUNS},
    {LINE_PRE_QUEUE, NONE, -1, NONE, RUNS},
    {LINE_OPEN, NONE, -1, NONE, RUNS},
    {LINE_PAUSED, NONE, -1, NONE, RUNS},
    {LINE_FROZEN, NONE, -1, NONE, RUNS},
    {LINE_SOLD_OUT, NONE, -1, NONE, RUNS},
    {LINE_CLOSED, NONE, NONE, 1,
     "public, max-age=60, stale-while-revalidate=60, stale-if-error=86400"},
    /* Nothing is cached beyond the second of the next known time. */
    {LINE_PRE_QUEUE, -1, 7999, 9000,
     "public, max-age=5, stale-while-revalidate=2, stale-if-error=60"},
    {LINE_SCHEDULED, -1, 5999, 9000, "public, max-age=5, stale-if-error=60"},
    {LINE_SCHEDULED, 1500, 9000, 9500, "public, max-age=1, stale-if-error=60"},
    {LINE_SCHEDULED, -1, 1500, 9000, "public, max-age=1, stale-if-error=60"},
    {LINE_SCHEDULED, -1, 1, 9000, "public, max-age=1, stale-if-error=60"}, /* cached all the same */
    {LINE_OPEN, -1, 0, 9000, "public, max-age=5, stale-while-revalidate=4, stale-if-error=60"},
};

static uint64_t at(int ms)
{
    return (uint64_t)(NOW_MS + ms);
}

TEST_CASE(a_page_is_kept_until_the_next_known_time)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[128];
        const struct event_doc doc = {.prequeue_at_ms = at(rows[i].prequeue_ms),
                                      .opens_at_ms = at(rows[i].opens_ms),
                                      .closes_at_ms = at(rows[i].closes_ms)};
        struct text text = text_on(memory, sizeof(memory));
        struct keep keep = keep_for(rows[i].state, &doc, NOW_MS, KEPT_S);
        keep_put(&text, &keep);
        assert_span(text_span(&text), rows[i].header);
    }
}
