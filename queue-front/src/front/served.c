/* served.c: a round each second: all pages of [visits] served_by are asked at once, and when the
 * last has answered or failed, an event is served if any of them says so. The owner of its seats
 * does, a standby does not; which of them is the owner is nobody's business here. Silence is a no:
 * an event that no page names as served is not, whether its page says so, does not name it, or did
 * not answer in time. All that it takes is one page that says yes, and Redis waits for three
 * seconds of no before it stops a clock.
 *
 * What this front saw goes to Redis with its ticks, which is where it is weighed against what
 * others see.
 *
 * Threading: none, the first loop owns all of it. */
#include "front/served.h"

#include "core/load/health.h"

#include <assert.h>

enum {
    ROUND_US = 1000000,
    ANSWER_MS = 900, /* a round should end before the next; Redis waits for three */
};

static void settle_event(struct front_line *event, void *ctx)
{
    (void)ctx;
    if (event->view->lane > 0)
        return; /* its event's word is taken for all */
    event->served = event->seen_served ? SERVED_YES : SERVED_NO;
    event->seen_served = false;
    if (event->view->told != NULL)
        event->view->told->served = event->served; /* with the next tick, even if nothing moves */
}

static void on_page(void *ctx, const struct outcall_answer *answer)
{
    struct front *front = ctx;
    if (front->closing)
        return;
    struct span page = answer->rc == 0 && answer->status == 200 ? answer->body : SPAN(""), id;
    bool is_served;
    while (health_next_served(&page, &id, &is_served)) {
        struct front_line *event = front_line_find(front, id);
        if (event != NULL && is_served)
            event->seen_served = true;
    }
    assert(front->served_asking > 0);
    if (--front->served_asking == 0)
        front_each_event(front, settle_event, NULL);
}

void served_look(struct front *front)
{
    uint64_t now_us = clock_mono_us(front->loop->clock);
    if (front->served_asking > 0 || now_us < front->served_next_us)
        return;
    front->served_next_us = now_us + ROUND_US;
    front->served_asking = front->served.len;
    for (unsigned i = 0; i < front->served.len; i++) {
        struct outcall call = {
            .url = front->served.url[i],
            .timeout_ms = ANSWER_MS,
            .reply_max = PAGE_BYTES_MAX,
            .on_done = on_page,
            .ctx = front,
        };
        outcall_send(front->served.outcalls, &call);
    }
}
