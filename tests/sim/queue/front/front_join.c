/* front_join.c: see front_join.h. What the shell of queue_api.c does, for a visitor of the
 * simulator: the machine is the product's (core/join/join.h). */
#include "queue/front/front_join.h"

#include "stage/probes.h"

#include "core/event/event_state.h"
#include "core/join/join.h"
#include "core/line/moves.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { AWAIT_MS = 500, AWAIT_EVERY_MS = 50, ADDRESSES = 4 };

static const uint8_t NAMES_KEY[VISITOR_KEY_BYTES] = "names of visitors";

struct joining {
    struct line_join line; /* first: the store hands back a pointer to it */
    struct line_visit look;
    struct join machine;
    struct front *front;
    struct ask *ask;
    uint64_t serial; /* of the document that it was judged by */
    uint32_t tag;    /* of the event that it was judged for */
    uint64_t awaited_ms;
    uint8_t visitor[LINE_VISITOR_BYTES];
};

/* Is something asked for that is not shown? As event_doc.h reads the document. */
static int what_lacks(const struct ask *ask, const struct line_view *view)
{
    struct event_doc_fault fault;
    if (!event_state_takes_joins(view->state))
        return LINE_OK;
    struct event_doc *doc = calloc(1, sizeof(*doc));
    assert(doc != NULL);
    int rc = event_doc_load(view->doc, front_event(ask), &fault, doc);
    assert(rc == 0);
    bool work = doc->pow_bits > 0, code = event_doc_asks_code(doc, ask->asked_lane);
    free(doc);
    if (work && ask->work == 0)
        return ANSWER_WORK;
    return code && ask->presale == 0 ? (int)ANSWER_CODE : (int)LINE_OK;
}

static void read_request(struct joining *join, struct join_request *out)
{
    const struct ask *ask = join->ask;
    struct front *front = join->front;
    const struct line_view *general = front_general(front, ask);
    out->shows = JOIN_NO_TICKET;
    if (general == NULL || !ask->shows_ticket || !front_parse_ticket(front, ask, &out->ticket) ||
        out->ticket.tag != general->tag)
        return;
    struct line_ref line = {ask->line.event, out->ticket.lane};
    const struct line_view *view = front_view(front, line);
    uint64_t entry = out->ticket.entry;
    if (view == NULL)
        return;
    if (entry > view->issued)
        line_store_saw_place(front->store, view->id, entry);
    bool is_elsewhere = out->ticket.moves < moves_of(view->moves, entry);
    out->shows = is_elsewhere ? JOIN_TICKET_ELSEWHERE : JOIN_TICKET;
    out->other_lane = ask->invitation != 0 && ask->asked_lane != line.lane;
    struct place place = place_at(view, entry, place_now_ms(view, clock_mono_us(&front->clock)));
    out->is_over = place_is_over(place) || general->state == LINE_CLOSED;
    out->can_look = event_state_takes_joins(general->state);
}

static void read_newcomer(struct joining *join, struct join_newcomer *out)
{
    struct ask *ask = join->ask;
    ask->line.lane = ask->asked_lane;
    const struct line_view *view = front_general(join->front, ask);
    bool knows = view != NULL && front_view(join->front, ask->line) != NULL;
    int lacks = knows ? what_lacks(ask, view) : (int)LINE_UNAVAILABLE;
    out->is_refused = lacks != LINE_OK;
    if (out->is_refused) {
        front_answer(join->front, ask, lacks);
        return;
    }
    out->takes_joins = event_state_takes_joins(view->state);
    out->lane = ask->asked_lane;
    out->member.has_idem = ask->who != 0;
    ask_spread(ask->who, out->member.idem);
    uint8_t visitor[LINE_IDEM_BYTES];
    ask_spread(ask->member != 0 ? ask->member : ask->who, visitor);
    memcpy(out->member.id, visitor, sizeof(out->member.id));
    out->invited.has_idem = ask->invitation != 0;
    ask_spread(~ask->invitation, out->invited.idem);
    out->is_new = true;
    out->cookie = SPAN("somebody");
    out->key = NAMES_KEY;
    out->scope = front_event(ask);
}

static void on_joined(struct line_join *line);
static void on_looked(struct line_visit *look);

static void ask_for_place(struct joining *join, const struct join_effect *effect)
{
    struct ask *ask = join->ask;
    const struct line_view *view = front_general(join->front, ask);
    struct line_join *line = &join->line;
    *line = (struct line_join){
        .version = view->version,
        .era = view->era,
        .on_done = on_joined,
        .has_idem = effect->name.has_idem,
        .has_work = ask->work != 0,
        .work_minute = ask->work_minute,
        .has_invitation = effect->invitation_is_used,
        .has_code = ask->presale != 0,
    };
    lines_id(ask->line, line->event);
    memcpy(line->idem, effect->name.idem, sizeof(line->idem));
    memcpy(join->visitor, effect->name.id, sizeof(join->visitor));
    ask_spread(ask->work, line->work);
    ask_spread(~ask->invitation, line->invitation);
    ask_digest(ask->presale, line->code);
    line->addr[0] = (uint8_t)(1 + ask->who % ADDRESSES);
    join->serial = view->doc_serial;
    join->tag = view->tag;
    line_store_join(join->front->store, line);
}

static void look_at(struct joining *join, const struct ticket *ticket)
{
    join->ask->line.lane = ticket->lane;
    const struct line_view *view = front_view(join->front, join->ask->line);
    join->look = (struct line_visit){
        .call = LINE_LOOK,
        .place = place_position(view, ticket->entry),
        .entry = ticket->entry,
        .moves = ticket->moves,
        .on_done = on_looked,
    };
    memcpy(join->look.event, view->id, sizeof(join->look.event));
    line_store_visit(join->front->store, &join->look);
}

static void answer_join(struct joining *join, const struct join_effect *effect)
{
    struct ask *ask = join->ask;
    struct front *front = join->front;
    switch (effect->answer) {
    case JOIN_ANSWERED:
        break;
    case JOIN_PLACE:
        ask->entry = effect->ticket.entry;
        front_put_ticket(front, ask, effect->ticket.visitor, ask->member != 0);
        front_stand(front, ask);
        front_answer(front, ask, (int)effect->outcome);
        break;
    case JOIN_MOVED:
        front_answer(front, ask, ANSWER_MOVED);
        break;
    case JOIN_REFUSED:
        ask->retry_ms = join->line.retry_after_ms;
        front_answer(front, ask, (int)effect->outcome);
        break;
    case JOIN_NO_EVENT:
        front_answer(front, ask, LINE_UNAVAILABLE);
        break;
    case JOIN_KEPT:
        ask->line.lane = effect->ticket.lane;
        ask->entry = effect->ticket.entry;
        ask->moves = effect->ticket.moves;
        ask->is_kept = true;
        front_stand(front, ask);
        front_answer(front, ask, LINE_SAME);
        break;
    case JOIN_BAD_TICKET:
    case JOIN_NO_MEMORY:
        abort(); /* what is no ticket counts as none here, and memory does not run out */
    }
    free(join);
}

static void join_go_on(struct joining *join, struct join_event *next);

static void await_document(void *ctx)
{
    struct joining *join = ctx;
    const struct line_view *view = front_general(join->front, join->ask);
    struct join_event next = {.input = JOIN_DOCUMENT, .document = {.is_there = false}};
    if (view != NULL && view->doc_serial != join->serial) {
        probe_reached(PROBE_LINE_JUDGED_AGAIN);
        next.document.is_there = true;
        next.document.is_same_event = view->tag == join->tag;
        read_request(join, &next.document.request);
    } else if (join->awaited_ms < AWAIT_MS) {
        join->awaited_ms += AWAIT_EVERY_MS;
        sim_after(&join->front->proc, AWAIT_EVERY_MS * SIM_MS, await_document, join);
        return;
    }
    join_go_on(join, &next);
}

static void join_go_on(struct joining *join, struct join_event *next)
{
    struct join_effect effect;
    join_step(&join->machine, next, &effect);
    if (effect.kind == JOIN_READ) {
        struct join_event read = {.input = JOIN_NEWCOMER, .newcomer = {.lane = 0}};
        read_newcomer(join, &read.newcomer);
        join_step(&join->machine, &read, &effect);
    }
    switch (effect.kind) {
    case JOIN_ASK:
        ask_for_place(join, &effect);
        break;
    case JOIN_ASK_LANE:
        join->ask->line.lane = join->line.lane;
        lines_id(join->ask->line, join->line.event);
        line_store_join(join->front->store, &join->line);
        break;
    case JOIN_LOOK:
        look_at(join, &effect.ticket);
        break;
    case JOIN_AWAIT:
        join->awaited_ms = 0;
        await_document(join);
        break;
    case JOIN_ANSWER:
        answer_join(join, &effect);
        break;
    case JOIN_READ:
        abort();
    }
}

static void on_joined(struct line_join *line)
{
    struct joining *join = (struct joining *)line;
    struct line_ref lane = {join->ask->line.event, line->lane};
    const struct line_view *view = front_view(join->front, join->ask->line);
    struct join_event next = {.input = JOIN_REPLY, .reply = {.outcome = line->outcome}};
    struct join_reply *reply = &next.reply;
    reply->knows_event = view != NULL;
    reply->knows_lane = line->outcome == LINE_PRESALE_LANE && front_view(join->front, lane) != NULL;
    if (view != NULL && (line->outcome == LINE_OK || line->outcome == LINE_SAME)) {
        reply->ticket.entry = line->entry;
        reply->ticket.tag = view->tag;
        memcpy(reply->ticket.visitor, join->visitor, sizeof(join->visitor));
        reply->ticket.lane = (uint8_t)join->ask->line.lane;
        if (line->outcome == LINE_SAME)
            reply->ticket.moves = moves_of(view->moves, line->entry);
        reply->can_look = event_state_takes_joins(view->state);
    }
    join_go_on(join, &next);
}

static void on_looked(struct line_visit *look)
{
    struct joining *join =
        (struct joining *)(void *)((char *)look - offsetof(struct joining, look));
    const struct line_view *view = front_view(join->front, join->ask->line);
    struct join_event next = {.input = JOIN_LOOKED, .looked = {.outcome = look->outcome}};
    struct join_looked *looked = &next.looked;
    looked->knows_event = view != NULL;
    if (view != NULL) {
        uint64_t now_ms = place_now_ms(view, clock_mono_us(&join->front->clock));
        looked->is_renewed = view->tag != join->machine.ticket.tag;
        looked->is_over = place_is_over(place_at(view, look->entry, now_ms));
        looked->moves = moves_of(view->moves, look->entry);
    }
    join_go_on(join, &next);
}

void front_join_handle(struct front *front, struct ask *ask)
{
    struct joining *join = calloc(1, sizeof(*join));
    assert(join != NULL);
    join->front = front;
    join->ask = ask;
    struct join_event begin = {.input = JOIN_REQUEST};
    read_request(join, &begin.request);
    join_go_on(join, &begin);
}
