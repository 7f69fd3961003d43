/* admin_find.c: finds an operator's event, in memory or in Redis.
 *
 * A front keeps only events that are alive. One that ended long ago is only in Redis, so Redis is
 * asked (LINE_FIND); if it has the event, its picture arrives with a tick like any other, and the
 * search waits for it with a deadline. The event then stays in memory for a while, because an
 * operator who looks at it once looks at it again. The caller sees none of this: found, unknown or
 * unavailable. */
#include "admin/admin_find.h"

#include <stdlib.h>

enum { SEEN_US = 1000000 };

struct search {
    struct line_admin line; /* first: the store returns a pointer to it */
    struct front_wait wait;
    struct front *front;
    admin_found *on_found;
    void *ctx;
};

static void search_end(struct search *search, const struct front_line *event, bool unavailable)
{
    struct search it = *search;
    free(search);
    it.on_found(it.ctx, event, unavailable);
}

static void on_seen(struct front_wait *wait, bool seen)
{
    struct search *search = (struct search *)((char *)wait - offsetof(struct search, wait));
    const struct front_line *event =
        seen ? front_line_find(search->front, span_of(wait->event)) : NULL;
    search_end(search, event, !seen);
}

static void on_asked(struct line_admin *line)
{
    struct search *search = (struct search *)line;
    if (line->outcome != LINE_OK) {
        search_end(search, NULL, line->outcome != LINE_UNKNOWN);
        return;
    }
    memcpy(search->wait.event, line->event, sizeof(search->wait.event));
    search->wait.deadline_us = clock_mono_us(search->front->loop->clock) + SEEN_US;
    search->wait.on_done = on_seen;
    front_await(search->front, &search->wait);
}

void admin_find(struct front *front, struct span id, admin_found *on_found, void *ctx)
{
    const struct front_line *event = front_line_find(front, id);
    if (event != NULL || !line_event_id_ok(id)) {
        on_found(ctx, event, false);
        return;
    }
    struct search *search = calloc(1, sizeof(*search));
    if (search == NULL) {
        on_found(ctx, NULL, true);
        return;
    }
    search->front = front;
    search->on_found = on_found;
    search->ctx = ctx;
    search->line.call = LINE_FIND;
    search->line.on_done = on_asked;
    span_to_cstr(id, search->line.event, sizeof(search->line.event));
    line_store_admin(front->store, &search->line);
}
