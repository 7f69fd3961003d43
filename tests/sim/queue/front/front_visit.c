/* front_visit.c: see front_visit.h. */
#include "queue/front/front_visit.h"

#include "core/token/pass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void front_visit_look(struct front *front, struct ask *ask)
{
    struct ticket ticket;
    if (!front_read_ticket(front, ask, &ticket))
        return;
    front_stand(front, ask);
    front_answer(front, ask, LINE_OK);
}

struct visiting {
    struct line_visit line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct ask *ask;
};

static void put_pass(const struct front *front, const struct pass_grant *grant,
                     char out[GUEST_PASS_MAX])
{
    struct text pass = text_on(out, GUEST_PASS_MAX - 1);
    struct err_slot err;
    int rc = pass_put(&pass, front->house->passes, GUEST_ISSUER, grant, &err);
    assert(rc == 0 && !pass.overflown);
    out[pass.len] = '\0';
}

static void name_session(const struct front *front, struct ask *ask, struct ticket *ticket)
{
    uint64_t place = line_place_of(ask->line.lane, ask->position);
    struct text session = text_on(ask->session, sizeof(ask->session) - 1);
    bool reads = front_parse_ticket(front, ask, ticket);
    assert(reads);
    session_put(&session, &front->house->keys, front_event(ask), ticket, place);
    assert(!session.overflown);
    ask->session[session.len] = '\0';
}

/* As answer_pass(). */
static void sign_pass(struct front *front, struct ask *ask)
{
    const struct line_view *view = front_general(front, ask);
    uint64_t now_s = clock_wall_us(&front->clock) / SIM_S;
    struct ticket ticket;
    assert(view != NULL);
    name_session(front, ask, &ticket);
    struct pass_grant grant = {.event = front_event(ask),
                               .session = span_of(ask->session),
                               .place = line_place_of(ask->line.lane, ask->position),
                               .now_s = now_s,
                               .expires_s = (ask->expires_ms + 999) / 1000,
                               .ends_s = (ask->visit_ends_ms + 999) / 1000,
                               .incarnation = span_of(view->incarnation)};
    memcpy(grant.visitor, ticket.visitor, sizeof(grant.visitor));
    put_pass(front, &grant, ask->pass);
    if (ask->kind != ASK_PASS)
        return;
    grant.event = span_of(lines_event(1));
    put_pass(front, &grant, ask->foreign);
}

/* As tell_left(). */
static void tell_left(struct front *front, struct ask *ask, const struct line_visit *line)
{
    struct ticket ticket;
    bool by_pass = line->outcome == LINE_OK && ask->told_ms > 0;
    if (ask->kind != ASK_LEAVE || (line->turn == TURN_NONE && !by_pass))
        return;
    name_session(front, ask, &ticket);
    front->house->on_left(ask->session);
}

static void on_visited(struct line_visit *line)
{
    struct visiting *visit = (struct visiting *)line;
    struct ask *ask = visit->ask;
    ask->expires_ms = line->expires_ms;
    ask->visit_ends_ms = line->ends_ms;
    ask->retry_ms = line->retry_after_ms;
    ask->turn = line->turn;
    memcpy(ask->channel, line->channel, sizeof(ask->channel));
    bool inside = line->outcome == LINE_OK || line->outcome == LINE_SAME;
    bool signs = visit->front->house->passes != NULL;
    if (signs && inside && (ask->kind == ASK_PASS || ask->kind == ASK_BEAT))
        sign_pass(visit->front, ask);
    if (signs)
        tell_left(visit->front, ask, line);
    front_answer(visit->front, ask, (int)line->outcome);
    free(visit);
}

void front_visit_handle(struct front *front, struct ask *ask)
{
    static const enum line_visit_call calls[] = {[ASK_PASS] = LINE_PASS,
                                                 [ASK_BEAT] = LINE_HEARTBEAT,
                                                 [ASK_LEAVE] = LINE_LEAVE,
                                                 [ASK_DONE] = LINE_DONE,
                                                 [ASK_EXTEND] = LINE_EXTEND};
    struct ticket ticket;
    if (!front_read_ticket(front, ask, &ticket))
        return;
    bool by_pass = ask->kind == ASK_BEAT || ask->kind == ASK_DONE;
    struct visiting *visit = calloc(1, sizeof(*visit));
    assert(visit != NULL);
    visit->front = front;
    visit->ask = ask;
    visit->line.call = calls[ask->kind];
    lines_id(ask->line, visit->line.event);
    visit->line.place = ask->position;
    visit->line.entry = by_pass ? 0 : ticket.entry;
    visit->line.moves = ticket.moves;
    visit->line.has_member = ticket.member;
    memcpy(visit->line.member, ticket.visitor, sizeof(visit->line.member));
    /* As on_session(). */
    bool ran_out = ask->told_ms <= clock_wall_us(&front->clock) / SIM_MS;
    visit->line.ends_ms = ran_out ? ask->told_ms : ask->ends_ms;
    visit->line.told_ms = ask->told_ms;
    visit->line.on_done = on_visited;
    bool leaves = ask->kind == ASK_LEAVE || ask->kind == ASK_DONE;
    if (leaves && front_is_judged(front, ask))
        front->house->ears.on_leaving(lines_number(ask->line, ask->position));
    line_store_visit(front->store, &visit->line);
}
