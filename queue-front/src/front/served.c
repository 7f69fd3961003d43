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

#include "behind/page_list.h"
#include "core/load/health.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ROUND_US = 1000000,
    ANSWER_MS = 900, /* a round should end before the next; Redis waits for three */
};

struct served_pages {
    struct front *front;
    struct page_list pages;
    uint64_t next_us;
    unsigned asking;
    bool closed;
};

static void take_page(struct front *front, struct span page)
{
    struct span id;
    bool is_served;
    while (health_next_served(&page, &id, &is_served)) {
        struct front_line *event = front_line_find(front, id);
        if (event != NULL && is_served)
            event->seen_served = true;
    }
}

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
    struct served_pages *served = ctx;
    if (served->closed)
        return;
    if (answer->rc == 0 && answer->status == 200)
        take_page(served->front, answer->body);
    assert(served->asking > 0);
    if (--served->asking == 0)
        front_each_event(served->front, settle_event, NULL);
}

void served_look(struct front *front)
{
    struct served_pages *served = front->served;
    uint64_t now_us = clock_mono_us(front->loop->clock);
    if (served == NULL || served->asking > 0 || now_us < served->next_us)
        return;
    served->next_us = now_us + ROUND_US;
    served->asking = served->pages.len;
    for (unsigned i = 0; i < served->pages.len; i++) {
        struct outcall call = {
            .url = served->pages.url[i],
            .timeout_ms = ANSWER_MS,
            .reply_max = PAGE_BYTES_MAX,
            .on_done = on_page,
            .ctx = served,
        };
        outcall_send(served->pages.outcalls, &call);
    }
}

int served_create(struct front *front, struct err_slot *err)
{
    const struct front_config *config = front->config;
    if (front->loop->index != 0 || config->visits_served_by[0] == '\0')
        return 0;
    struct served_pages *served = calloc(1, sizeof(*served));
    if (served == NULL)
        return err_set(err, ERR_NOMEM, "the look at those inside");
    served->front = front;
    int rc = page_list_open(&served->pages, front->loop->uv, config->visits_served_by,
                            config->visits_tls_ca, err);
    if (rc < 0) {
        free(served);
        return rc;
    }
    front->served = served;
    return 0;
}

void served_close(struct served_pages *served)
{
    if (served == NULL)
        return;
    served->closed = true;
    page_list_close(&served->pages);
}
