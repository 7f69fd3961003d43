/* front.c: see front.h. */
#include "queue/front/front.h"

#include "stage/faults.h"
#include "stage/probes.h"

#include "core/line/heard.h"
#include "core/line/moves.h"

#include <assert.h>
#include <string.h>

enum { TICKET_LIFE_S = 3 * 86400 };

const struct line_view *front_view(const struct front *front, struct line_ref line)
{
    char id[LINE_ID_MAX + 1];
    lines_id(line, id);
    return line_store_view(front->store, span_of(id));
}

const struct line_view *front_general(const struct front *front, const struct ask *ask)
{
    return front_view(front, (struct line_ref){ask->line.event, 0});
}

struct span front_event(const struct ask *ask)
{
    return span_of(lines_event(ask->line.event));
}

bool front_is_judged(const struct front *front, const struct ask *ask)
{
    const struct line_view *view = front_general(front, ask);
    return view != NULL && lines_is_newest(ask->line.event, span_of(view->incarnation));
}

/* ---- answers ---- */

static void arrive_back(void *ctx)
{
    struct ask *ask = ctx;
    if (!ask->over) {
        ask->over = true;
        sim_gate_ring(ask->bell);
    }
}

void front_answer(struct front *front, struct ask *ask, int outcome)
{
    const struct line_view *view = front_view(front, ask->line);
    ask->outcome = outcome;
    ask->stale = view == NULL || view->stale;
    ask->state = view != NULL ? view->state : LINE_DRAFT;
    if (view != NULL)
        ask->minute = place_time_ms(view, clock_mono_us(&front->clock)) / 60000;
    if (front_is_judged(front, ask))
        front->house->ears.on_answer(front->number, ask);
    if (fault_now(FAULT_ASK_ANSWER_LOST)) {
        ask->outcome = ANSWER_NONE;
        return;
    }
    sim_after(NULL, sim_between(SIM_MS, 40 * SIM_MS), arrive_back, ask);
}

/* ---- tickets ---- */

void front_put_ticket(struct front *front, struct ask *ask, const uint8_t visitor[], bool member)
{
    uint64_t wall_ms = clock_wall_us(&front->clock) / SIM_MS;
    struct ticket ticket = {.tag = front_general(front, ask)->tag,
                            .lane = (uint8_t)ask->line.lane,
                            .entry = ask->entry,
                            .moves = ask->moves,
                            .member = member,
                            .issued_s = (uint32_t)(wall_ms / 1000),
                            .issued_ms = (uint16_t)(wall_ms % 1000)};
    struct text text = text_on(ask->ticket, sizeof(ask->ticket) - 1);
    memcpy(ticket.visitor, visitor, sizeof(ticket.visitor));
    ticket_put(&text, &front->house->keys, front_event(ask), &ticket);
    assert(!text.overflown);
    ask->ticket[text.len] = '\0';
}

/* As caller_ticket(). */
bool front_parse_ticket(const struct front *front, const struct ask *ask, struct ticket *out)
{
    return ticket_parse(&front->house->keys, front_event(ask), span_of(ask->ticket),
                        clock_wall_us(&front->clock) / SIM_S, TICKET_LIFE_S, out) == 0;
}

bool front_read_ticket(struct front *front, struct ask *ask, struct ticket *out)
{
    const struct line_view *general = front_general(front, ask);
    if (general == NULL || !front_parse_ticket(front, ask, out) || out->tag != general->tag) {
        front_answer(front, ask, general == NULL ? (int)LINE_UNAVAILABLE : (int)ANSWER_TICKET);
        return false;
    }
    ask->line.lane = out->lane;
    const struct line_view *view = front_view(front, ask->line);
    if (view == NULL) { /* this front does not know of the lane yet */
        front_answer(front, ask, LINE_UNAVAILABLE);
        return false;
    }
    if (out->entry > view->issued)
        line_store_saw_place(front->store, view->id, out->entry);
    if (out->moves < moves_of(view->moves, out->entry)) {
        probe_reached(PROBE_LINE_OLD_DEVICE);
        front_answer(front, ask, ANSWER_MOVED);
        return false;
    }
    ask->entry = out->entry;
    ask->moves = out->moves;
    ask->position = place_position(view, out->entry);
    return true;
}

void front_stand(struct front *front, struct ask *ask)
{
    const struct line_view *view = front_view(front, ask->line);
    uint64_t now_us = clock_mono_us(&front->clock);
    line_store_look(front->store, view, now_us);
    struct place place = place_at(view, ask->entry, place_now_ms(view, now_us));
    ask->place = place;
    ask->before = place.position > view->serving ? place.position - view->serving : 0;
    if (place.position != 0) {
        heard_mark(view->heard, place.position);
        if (front_is_judged(front, ask))
            front->house->ears.on_shown(lines_number(ask->line, place.position));
    }
}
