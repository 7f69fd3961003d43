/* front.c: what handlers need of a front: an event by its name, or a callback once a certain
 * picture has arrived. front_life.c fills it.
 *
 * Threading: none. One loop owns all of it. */
#include "front/front_internal.h"

#include "base/tag.h"

#include <assert.h>

static bool is_named(const void *ctx, uint32_t number, const void *id)
{
    const struct front_line *event = ((const struct front *)ctx)->event[number];
    return span_eq((struct span){event->id, event->whole_id_len}, *(const struct span *)id);
}

/* Ids come from the operator, so attackers cannot choose colliding ones. */
static uint32_t number_of(const struct front *front, struct span id)
{
    return table_find(&front->by_id, tag_hash(id), is_named, front, &id);
}

struct front_line *front_line_any(const struct front *front, struct span id)
{
    uint32_t number = number_of(front, id);
    return number != TABLE_NONE ? front->event[number] : NULL;
}

int front_line_add(struct front *front, struct front_line *event, struct err_slot *err)
{
    assert(front->events_len < FRONT_EVENTS_MAX);
    int rc = table_add(&front->by_id, tag_hash(span_of(event->id)), front->events_len, err);
    if (rc == 0)
        front->event[front->events_len++] = event;
    return rc;
}

/* The last one moves into the gap. */
void front_line_remove(struct front *front, const struct front_line *event)
{
    struct span id = span_of(event->id);
    uint32_t number = number_of(front, id);
    assert(number != TABLE_NONE);
    table_remove(&front->by_id, tag_hash(id), number);
    uint32_t last = --front->events_len;
    if (number != last) {
        struct front_line *moved = front->event[last];
        table_renumber(&front->by_id, tag_hash(span_of(moved->id)), last, number);
        front->event[number] = moved;
    }
}

struct front_line *front_line_find(const struct front *front, struct span id)
{
    struct front_line *event = front_line_any(front, id);
    return event != NULL && event->view != NULL && event->view->lane == 0 ? event : NULL;
}

struct front_line *front_line_named(const struct front *front, const char *line_id)
{
    struct front_line *line = front_line_any(front, span_of(line_id));
    return line != NULL && line->view != NULL ? line : NULL;
}

const struct front_line *front_line_in(const struct front *front, const struct front_line *event,
                                       unsigned lane)
{
    if (lane == 0)
        return event;
    if (lane > LANES_MAX)
        return NULL;
    char name[LINE_ID_MAX + 1];
    line_name(front_line_id(event), lane, name);
    return front_line_named(front, name);
}

bool front_has_lanes(const struct front *front, const struct front_line *event)
{
    for (unsigned lane = 1; lane <= event->doc.lanes_len; lane++) {
        if (front_line_in(front, event, lane) == NULL)
            return false;
    }
    return true;
}

struct front_sum front_sum_add(struct front_sum sum, const struct line_view *line)
{
    sum.issued += line->issued;
    sum.joined += line->issued - line->raised;
    sum.serving += line->serving;
    sum.waiting += line->waiting;
    sum.outstanding += line->outstanding;
    sum.admitted += line->admitted;
    sum.no_shows += line->no_shows;
    return sum;
}

struct front_sum front_sum(const struct front *front, const struct front_line *event)
{
    struct front_sum sum = {0};
    for (unsigned lane = 0; lane <= event->doc.lanes_len; lane++) {
        const struct front_line *line = front_line_in(front, event, lane);
        if (line != NULL)
            sum = front_sum_add(sum, line->view);
    }
    return sum;
}

void front_each_event(const struct front *front, void (*each)(struct front_line *, void *ctx),
                      void *ctx)
{
    for (uint32_t i = 0; i < front->events_len; i++) {
        if (front->event[i]->view != NULL)
            each(front->event[i], ctx);
    }
}

bool front_is_shut(const struct front_line *event)
{
    return event->shut == FRONT_SHUT_DOCUMENT ||
           (event->shut == FRONT_SHUT_IDENTITY && event->view->state != LINE_CLOSED);
}

void front_next_url(const struct front *front, struct span event, struct text *out)
{
    struct span rest = span_of(front->config->pass_next_url);
    const char *mark = memmem(rest.ptr, rest.len, "{event}", 7); /* main.c checked: at most once */
    if (mark != NULL) {
        struct span head = {rest.ptr, (size_t)(mark - rest.ptr)};
        text_put(out, head);
        text_put(out, event);
        rest = span_skip(rest, head.len + 7);
    }
    text_put(out, rest);
    assert(!out->overflown); /* main.c checked the setting with the longest id */
}

void front_await(struct front *front, struct front_wait *wait)
{
    wait->next = front->waits;
    front->waits = wait;
}

static bool has_seen(const struct front *front, const struct front_wait *wait)
{
    const struct front_line *event = front_line_find(front, span_of(wait->event));
    if (event == NULL || !front_has_lanes(front, event))
        return false;
    if (wait->any_other)
        return event->doc_serial != wait->not_serial || event->view->tag != wait->not_tag;
    return event->view->version >= wait->version;
}

/* All finished waits are taken out before any is called, since a callback may wait again. */
void front_check_waits(struct front *front)
{
    uint64_t now_us = clock_mono_us(front->loop->clock);
    struct front_wait *done = NULL, **at = &front->waits;
    while (*at != NULL) {
        struct front_wait *wait = *at;
        if (now_us < wait->deadline_us && !has_seen(front, wait)) {
            at = &wait->next;
            continue;
        }
        *at = wait->next;
        wait->next = done;
        done = wait;
    }
    while (done != NULL) {
        struct front_wait *wait = done;
        done = wait->next;
        wait->on_done(wait, has_seen(front, wait));
    }
}

void front_end_waits(struct front *front)
{
    while (front->waits != NULL) {
        struct front_wait *wait = front->waits;
        front->waits = wait->next;
        wait->on_done(wait, false);
    }
}
