/* front_move.c: see front_move.h. */
#include "queue/front/front_move.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct moving {
    struct line_move line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct ask *ask;
};

static void on_code(struct line_move *line)
{
    struct moving *moving = (struct moving *)line;
    memcpy(moving->ask->code, line->code, sizeof(line->code));
    front_answer(moving->front, moving->ask, (int)line->outcome);
    free(moving);
}

static struct moving *begin_move(struct front *front, struct ask *ask, enum line_move_call call)
{
    struct moving *moving = calloc(1, sizeof(*moving));
    assert(moving != NULL);
    moving->front = front;
    moving->ask = ask;
    moving->line.call = call;
    moving->line.addr[0] = 1;
    return moving;
}

void front_move_code(struct front *front, struct ask *ask)
{
    uint64_t now_s = clock_wall_us(&front->clock) / SIM_S;
    struct ticket ticket;
    if (!front_read_ticket(front, ask, &ticket))
        return;
    struct moving *moving = begin_move(front, ask, LINE_MOVE_MAKE);
    struct line_move *line = &moving->line;
    lines_id(ask->line, line->event);
    line->entry = ticket.entry;
    line->moves = ticket.moves;
    line->lane = ticket.lane;
    line->member = ticket.member;
    memcpy(line->visitor, ticket.visitor, sizeof(line->visitor));
    line->place = ask->position;
    line->life_ms = (move_code_expires_s(now_s) - now_s) * 1000;
    move_code_make(&front->house->keys, front_event(ask), &ticket, now_s, line->code);
    line->on_done = on_code;
    line_store_move(front->store, line);
}

static void end_take(struct moving *moving)
{
    struct line_move *line = &moving->line;
    struct ask *ask = moving->ask;
    if (line->outcome == LINE_OK || line->outcome == LINE_SAME) {
        ask->entry = line->entry;
        ask->moves = line->moves;
        front_put_ticket(moving->front, ask, line->visitor, line->member);
    }
    front_answer(moving->front, ask, (int)line->outcome);
    free(moving);
}

static void on_taken(struct line_move *line)
{
    end_take((struct moving *)line);
}

/* As on_looked(): the position follows from a draw, which only a front can compute. */
static void on_looked(struct line_move *line)
{
    struct moving *moving = (struct moving *)line;
    moving->ask->line.lane = line->lane;
    const struct line_view *view = front_view(moving->front, moving->ask->line);
    if (line->outcome == LINE_OK && view != NULL) {
        lines_id(moving->ask->line, line->event);
        line->call = LINE_MOVE_TAKE;
        line->place = place_position(view, line->entry);
        line->on_done = on_taken;
        line_store_move(moving->front->store, line);
        return;
    }
    if (view == NULL)
        line->outcome = LINE_UNAVAILABLE;
    end_take(moving);
}

void front_move_take(struct front *front, struct ask *ask)
{
    struct moving *moving = begin_move(front, ask, LINE_MOVE_LOOK);
    lines_id((struct line_ref){ask->line.event, 0}, moving->line.event);
    memcpy(moving->line.code, ask->code, sizeof(ask->code));
    moving->line.has_user = true;
    ask_spread(ask->who, moving->line.user);
    moving->line.on_done = on_looked;
    line_store_move(front->store, &moving->line);
}
