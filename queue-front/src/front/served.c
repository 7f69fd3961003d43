/* served.c: one round per second: all pages of [visits] served_by are requested at once; when the
 * last has answered or failed, an event is served if any of them says so. The owner of its seats
 * does, a standby does not; this file need not know which is which. Silence counts as no: an event
 * is not served if no page says so, whether the pages deny it, do not list it, or did not answer in
 * time. One yes is enough, and Redis waits for three seconds of no before it pauses a clock.
 *
 * The result goes to Redis with this front's ticks, and is combined there with other fronts'
 * results.
 *
 * Threading: none, the first loop owns all of it. */
#include "front/served.h"

#include "core/load/health.h"

#include <assert.h>

enum {
    ROUND_US = 1000000,
    ANSWER_MS = 900, /* a round should end before the next; Redis waits for three */
};

void served_put(struct front_line *event)
{
    bool is_found = event->hall_found && event->served != SERVED_YES;
    if (event->view->sums != NULL)
        event->view->sums->served = event->hall_missing ? SERVED_NO_HALL
                                    : is_found          ? SERVED_HALL
                                                        : event->served;
}

static void settle_event(struct front_line *event, void *ctx)
{
    (void)ctx;
    if (event->view->lane > 0)
        return; /* the event's result applies to its lanes */
    event->served = event->seen_served ? SERVED_YES : SERVED_NO;
    event->seen_served = false;
    served_put(event);
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
