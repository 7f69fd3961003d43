/* scheduler.c: carries out what a document schedules: steps of the rate, and the end. A step is a
 * change of the document like an operator's: one script call compares the version, writes it and
 * adds it to the audit trail. Every process tries and one succeeds. The others get CONFLICT, and
 * the next picture no longer has the step. Only the first loop of a process tries, with at most one
 * attempt per event under way. */
#include "front/scheduler.h"

#include "core/event/event_state.h"
#include "core/event/schedule.h"

#include <assert.h>
#include <stdlib.h>

enum { AUDIT_MAX = 256 };

struct step {
    struct line_admin line; /* first: the store returns a pointer to it */
    struct front *front;
    struct event_doc doc;
    char json[EVENT_DOC_BYTES_MAX];
    char audit[AUDIT_MAX];
};

static void on_stepped(struct line_admin *line)
{
    struct step *step = (struct step *)line;
    struct front_line *event = front_line_find(step->front, span_of(line->event));
    if (event != NULL)
        event->stepping = false;
    free(step);
}

static struct step *step_create(struct front *front, struct front_line *event)
{
    struct step *step = calloc(1, sizeof(*step));
    if (step == NULL)
        return NULL; /* the next look retries */
    step->front = front;
    step->line.if_version = event->view->version;
    step->line.on_done = on_stepped;
    memcpy(step->line.event, event->id, sizeof(step->line.event));
    return step;
}

/* The scheduled end. */
static void close_event(struct front *front, struct front_line *event)
{
    struct step *step = step_create(front, event);
    if (step == NULL)
        return;
    struct text audit = text_on(step->audit, sizeof(step->audit));
    TEXT_LIT(&audit, "{\"who\":\"system\",\"what\":\"close\",\"from\":");
    json_str(&audit, span_of(event_state_name(event->view->state)));
    TEXT_LIT(&audit, ",\"to\":\"closed\",\"why\":\"closes_at\",\"because\":{\"reason\":"
                     "\"closes_at\",\"measured\":null,\"limit\":null}}");
    assert(!audit.overflown);
    step->line.audit = text_span(&audit);
    step->line.call = LINE_TRANSITION;
    step->line.from = event->view->state;
    step->line.to = LINE_CLOSED;
    event->stepping = true;
    line_store_admin(front->store, &step->line);
}

static void take_step(struct front *front, struct front_line *event)
{
    struct step *step = step_create(front, event);
    if (step == NULL)
        return;
    step->doc = event->doc;
    bool due = schedule_take_due(&step->doc, front_line_now_ms(front, event));
    assert(due);
    struct text json = text_on(step->json, sizeof(step->json));
    event_doc_json(&json, &step->doc);
    assert(!json.overflown); /* shorter than its source */
    step->line.call = LINE_CHANGE;
    step->line.doc = text_span(&json);
    step->line.knobs = event_doc_knobs(&step->doc);
    uint64_t from_milli = event->doc.rate_milli;
    struct text audit = text_on(step->audit, sizeof(step->audit));
    TEXT_LIT(&audit, "{\"who\":\"schedule\",\"what\":\"change\",\"from\":{\"rate_per_s\":");
    json_milli(&audit, (int64_t)from_milli);
    TEXT_LIT(&audit, "},\"to\":{\"rate_per_s\":");
    audit.comma = false;
    json_milli(&audit, (int64_t)step->doc.rate_milli);
    TEXT_LIT(&audit, "},\"why\":\"schedule\",\"because\":{\"reason\":\"schedule\","
                     "\"measured\":null,\"limit\":null}}");
    assert(!audit.overflown);
    step->line.audit = text_span(&audit);
    event->stepping = true;
    line_store_admin(front->store, &step->line);
}

void scheduler_look(struct front *front, struct front_line *event)
{
    const struct event_doc *doc = &event->doc;
    if (front->loop->index != 0 || event->stepping || event->view->stale || doc->newer)
        return;
    uint64_t now_ms = front_line_now_ms(front, event);
    if (doc->closes_at_ms > 0 && doc->closes_at_ms <= now_ms &&
        event_state_may(event->view->state, LINE_CLOSED))
        close_event(front, event);
    else if (doc->schedule_len > 0 && doc->schedule[0].at_ms <= now_ms)
        take_step(front, event);
}
