/* scheduler.c: a step is a change of the document like an operator's, compared by version, written
 * and put on the trail in one script call. Every process tries and one comes first; the others are
 * told CONFLICT, and with the next picture the step is gone. Only a process's first loop tries, and
 * one attempt of an event is under way at most. */
#include "scheduler.h"

#include "core/schedule.h"

#include <assert.h>
#include <stdlib.h>

enum { AUDIT_MAX = 256 };

struct step {
    struct line_admin line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct event_doc doc;
    char json[EVENT_DOC_BYTES_MAX];
    char audit[AUDIT_MAX];
};

static void on_stepped(struct line_admin *line)
{
    struct step *step = (struct step *)line;
    struct front_event *event = front_event_find(step->front, span_of(line->event));
    if (event != NULL)
        event->stepping = false;
    free(step);
}

static void write_audit(struct step *step, uint64_t from_milli)
{
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
}

void scheduler_look(struct front *front, struct front_event *event)
{
    if (front->loop->index != 0 || event->stepping || event->view->stale ||
        event->doc.schedule_len == 0 || event->doc.newer ||
        event->doc.schedule[0].at_ms > front_event_now_ms(front, event))
        return;
    struct step *step = calloc(1, sizeof(*step));
    if (step == NULL)
        return; /* the next look tries again */
    step->front = front;
    step->doc = event->doc;
    bool due = schedule_take_due(&step->doc, front_event_now_ms(front, event));
    assert(due);
    struct text json = text_on(step->json, sizeof(step->json));
    event_doc_json(&json, &step->doc);
    assert(!json.overflown); /* it is shorter than what it was made from */
    step->line.call = LINE_CHANGE;
    memcpy(step->line.event, event->id, sizeof(step->line.event));
    step->line.doc = text_span(&json);
    step->line.knobs = event_doc_knobs(&step->doc);
    step->line.if_version = event->view->version;
    step->line.on_done = on_stepped;
    write_audit(step, event->doc.rate_milli);
    event->stepping = true;
    line_store_admin(front->store, &step->line);
}
