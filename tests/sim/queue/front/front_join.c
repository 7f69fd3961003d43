/* front_join.c: see front_join.h. */
#include "queue/front/front_join.h"

#include "stage/probes.h"

#include "core/event/event_state.h"
#include "core/line/moves.h"

#include <assert.h>
#include <stdlib.h>

enum { JUDGED_MAX = 10, JUDGED_EVERY_MS = 50, ADDRESSES = 4 };

struct joining {
    struct line_join line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct ask *ask;
    uint64_t serial; /* of the document that it was judged by */
};

/* As judge_again(): by the document that holds, once it is here. */
static void judge_again(void *ctx)
{
    struct joining *join = ctx;
    struct ask *ask = join->ask;
    const struct line_view *view = front_general(join->front, ask);
    if (view != NULL && view->doc_serial != join->serial) {
        probe_reached(PROBE_LINE_JUDGED_AGAIN);
        front_join_handle(join->front, ask);
        free(join);
    } else if (++ask->judged > JUDGED_MAX) {
        front_answer(join->front, ask, LINE_UNAVAILABLE);
        free(join);
    } else {
        sim_after(&join->front->proc, JUDGED_EVERY_MS * SIM_MS, judge_again, join);
    }
}

/* As queue_api.c: the code opens a lane, and nothing was given yet; the same join, there. */
static bool ask_in_lane(struct joining *join)
{
    struct ask *ask = join->ask;
    const struct line_ref there = {ask->line.event, join->line.lane};
    if (ask->line.lane != 0 || front_view(join->front, there) == NULL)
        return false;
    ask->line = there;
    lines_id(there, join->line.event);
    line_store_join(join->front->store, &join->line);
    return true;
}

static void on_joined(struct line_join *line)
{
    struct joining *join = (struct joining *)line;
    struct ask *ask = join->ask;
    if ((line->outcome == LINE_CONFLICT || line->outcome == LINE_RENEWED) &&
        ask->judged <= JUDGED_MAX) {
        judge_again(join);
        return;
    }
    if (line->outcome == LINE_PRESALE_LANE && ask_in_lane(join))
        return;
    ask->retry_ms = line->retry_after_ms;
    const struct line_view *view = front_view(join->front, ask->line);
    if (view == NULL || line->outcome == LINE_PRESALE_LANE)
        line->outcome = LINE_UNAVAILABLE;
    if (line->outcome == LINE_SAME && moves_of(view->moves, line->entry) > 0) {
        front_answer(join->front, ask, ANSWER_MOVED); /* as refuse_moved() */
    } else if (line->outcome == LINE_OK || line->outcome == LINE_SAME) {
        uint8_t visitor[LINE_IDEM_BYTES];
        ask_spread(ask->member != 0 ? ask->member : ask->who, visitor);
        ask->entry = line->entry;
        front_put_ticket(join->front, ask, visitor, ask->member != 0);
        front_stand(join->front, ask);
        front_answer(join->front, ask, (int)line->outcome);
    } else {
        front_answer(join->front, ask, (int)line->outcome);
    }
    free(join);
}

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
    bool work = doc->pow_bits > 0, code = event_doc_asks_code(doc, ask->line.lane);
    free(doc);
    if (work && ask->work == 0)
        return ANSWER_WORK;
    return code && ask->presale == 0 ? (int)ANSWER_CODE : (int)LINE_OK;
}

static struct joining *begin_join(struct front *front, struct ask *ask,
                                  const struct line_view *view)
{
    struct joining *join = calloc(1, sizeof(*join));
    assert(join != NULL);
    join->front = front;
    join->ask = ask;
    join->serial = view->doc_serial;
    join->line.version = view->version;
    join->line.era = view->era;
    lines_id(ask->line, join->line.event);
    join->line.on_done = on_joined;
    return join;
}

void front_join_handle(struct front *front, struct ask *ask)
{
    ask->line.lane = ask->asked_lane;
    const struct line_view *view = front_general(front, ask);
    bool knows = view != NULL && front_view(front, ask->line) != NULL;
    int lacks = knows ? what_lacks(ask, view) : (int)LINE_UNAVAILABLE;
    if (lacks != LINE_OK) {
        front_answer(front, ask, lacks);
        return;
    }
    struct joining *join = begin_join(front, ask, view);
    struct line_join *line = &join->line;
    line->has_idem = ask->who != 0;
    ask_spread(ask->who, line->idem);
    line->has_work = ask->work != 0;
    line->work_minute = ask->work_minute;
    ask_spread(ask->work, line->work);
    line->has_invitation = ask->invitation != 0;
    ask_spread(~ask->invitation, line->invitation);
    line->has_code = ask->presale != 0;
    ask_digest(ask->presale, line->code);
    line->addr[0] = (uint8_t)(1 + ask->who % ADDRESSES);
    line_store_join(front->store, line);
}
