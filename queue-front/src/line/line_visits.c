/* line_visits.c: a called visitor or one inside (pass, heartbeat, end, leave), and moving a place
 * to another device (lua/move.lua decides).
 *
 * A visit is one script call, written at once. Its reply also informs this front: a place that was
 * let in has been called, whatever Redis knew of it; an extended call is shown from the next poll
 * on rather than from the next tick; and an ended visit stays ended: whatever Redis loses, its pass
 * cannot start it again here. The same holds for a place that was given up. Each call sends what
 * this front knows of the place, since Redis may have lost it.
 *
 * A move has three calls: make a code, look at what it would carry, take it. Only `take` changes
 * anything. It is safe to repeat: the same code taken twice by the same user is the same move. This
 * front notes a move as soon as it learns of it, so that the old ticket is void here before the
 * next tick. */
#include "line/line_store_internal.h"

#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static void on_visited(struct redis_call *call, const redisReply *reply);

static void send_visit(struct line_visit *visit)
{
    static const char *const names[] = {"pass", "heartbeat", "end",   "leave",
                                        "look", "done",      "extend"};
    struct line_store *store = visit->store.store;
    const struct store_event *event = visit->store.call.ctx;
    assert(event == visit->store.event); /* held by this request, so it exists */
    char member[2 * LINE_VISITOR_BYTES + 1] = "";
    if (visit->has_member)
        sodium_bin2hex(member, sizeof(member), visit->member, sizeof(visit->member));
    struct turn turn = turns_of(&event->line.turns, visit->place);
    if (turns_gave_up(&event->line.turns, visit->entry))
        turn = (struct turn){.kind = TURN_GIVEN_UP};
    const struct ask_visit ask = {
        .serving = event->line.marks.serving,
        .call = span_of(names[visit->call]),
        .place = visit->place,
        .ends_ms = visit->ends_ms,
        .shown_ms = visit->shown_ms,
        .drawn = line_event_drawn(&event->line),
        .entry = visit->entry > 0 ? visit->entry : WIRE_NONE,
        .moves = visit->moves,
        .turn = turn.kind != TURN_KEPT ? turn.kind : TURN_NONE,
        .ended = turn.ended,
        .kept_ms = turn.until_ms,
        .times = turn.times,
        .member = span_of(member),
    };
    struct text command = store_script(store, SCRIPT_VISIT, visit->event, ASK_VISIT_WORDS);
    ask_visit_put(&command, &ask);
    visit->store.call.on_reply = on_visited;
    store_send(store, &visit->store.call, &command);
}

void line_store_saw_place(struct line_store *store, const char *line_id, uint64_t entry)
{
    struct store_event *event = store_find(store, span_of(line_id));
    if (event != NULL)
        line_event_saw_place(&event->line, entry);
}

static void finish_visit(struct line_link *link)
{
    struct line_visit *visit = CONTAINER_OF(link, struct line_visit, store);
    visit->on_done(visit);
}

void line_store_visit(struct line_store *store, struct line_visit *visit)
{
    assert(visit->on_done != NULL);
    assert(visit->call <= LINE_EXTEND);
    assert(visit->place > 0 && visit->place <= LINE_PLACE_MAX);
    visit->state = LINE_DRAFT;
    visit->expires_ms = 0;
    visit->retry_after_ms = 0;
    visit->turn = TURN_NONE;
    visit->channel[0] = '\0';
    if (visit->call != LINE_HEARTBEAT)
        visit->ends_ms = 0;
    calls_begin(store, &visit->store, finish_visit, &visit->outcome, &visit->retry_after_ms);
    struct store_event *event = calls_admit(&visit->store, visit->event);
    if (event == NULL)
        return;
    visit->state = event->line.view.state;
    line_event_saw_place(&event->line, visit->place);
    visit->store.call.ctx = event;
    send_visit(visit);
}

static bool read_visit(struct line_visit *visit, const redisReply *reply)
{
    struct reply_visit got;
    if (!reply_visit_read(reply, 0, &got) ||
        (got.turn >= TURN_KIND_COUNT && visit->call != LINE_EXTEND) ||
        !span_to_cstr(got.channel, visit->channel, sizeof(visit->channel)))
        return false;
    bool extended = visit->call == LINE_EXTEND && got.outcome == LINE_OK;
    visit->times = extended ? (uint8_t)got.turn : 0;
    visit->turn = extended ? TURN_NONE : (enum turn_kind)got.turn;
    if (visit->call == LINE_LOOK)
        visit->moves = (uint8_t)got.moves;
    visit->outcome = (enum line_outcome)got.outcome;
    visit->state = (enum line_state)got.state;
    visit->expires_ms = got.expires_ms;
    visit->ends_ms = got.ends_ms;
    visit->retry_after_ms = got.retry_ms;
    return true;
}

/* How the visit was ended other than by time: by this call, or earlier, perhaps through another
 * front. TURN_NONE: not known to be. */
static enum turn_kind ended_as(const struct line_visit *visit)
{
    bool ends = visit->call == LINE_END || visit->call == LINE_LEAVE || visit->call == LINE_DONE;
    bool over = visit->outcome == LINE_GONE ||
                (ends && (visit->outcome == LINE_OK || visit->outcome == LINE_SAME));
    bool was = visit->turn == TURN_ENDED || visit->turn == TURN_DONE;
    return over && was ? visit->turn : TURN_NONE;
}

/* Given up by this call or earlier, so the place never entered. */
static bool is_given_up(const struct line_visit *visit)
{
    bool left =
        visit->call == LINE_LEAVE && (visit->outcome == LINE_OK || visit->outcome == LINE_SAME);
    return visit->entry > 0 && visit->turn == TURN_NONE && visit->call != LINE_LOOK &&
           (left || visit->outcome == LINE_GONE);
}

static void on_visited(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_visit *visit = CONTAINER_OF(link, struct line_visit, store);
    struct store_event *event = call->ctx;
    enum store_answer answer = store_judge(link->store, call, reply, SCRIPT_VISIT);
    if (answer == STORE_AGAIN) {
        send_visit(visit);
        return;
    }
    if (answer == STORE_ANSWER && read_visit(visit, reply)) {
        if (visit->outcome == LINE_CONFLICT) { /* just drawn: the place was computed before */
            store_tick_now(event);
            visit->outcome = LINE_UNAVAILABLE;
            visit->retry_after_ms = STORE_RETRY_MS;
        }
        bool is_good = visit->outcome == LINE_OK || visit->outcome == LINE_SAME;
        if ((visit->call == LINE_PASS || visit->call == LINE_HEARTBEAT) && is_good) {
            /* Slots belong to the event, whichever lane the place is in. */
            struct store_event *whole =
                store_find(event->store, line_event_of(span_of(event->line.view.id)));
            if (whole != NULL) {
                assert(whole->line.view.lane == 0);
                whole->line.passes += visit->call == LINE_PASS && visit->outcome == LINE_OK;
                if (visit->expires_ms > whole->line.visits_until_ms)
                    whole->line.visits_until_ms = visit->expires_ms;
            }
        }
        bool by_pass =
            visit->call == LINE_HEARTBEAT || visit->call == LINE_END || visit->call == LINE_DONE;
        /* It entered, so it was called, whatever Redis knows. */
        if (by_pass && visit->outcome == LINE_OK && visit->state > LINE_PRE_QUEUE)
            line_event_saw_called(&event->line, visit->place); /* it counts from the next tick on */
        if (ended_as(visit) != TURN_NONE)
            line_event_saw_turn(
                &event->line,
                (struct turn){.place = visit->place, .kind = ended_as(visit), .ended = true});
        if (is_given_up(visit))
            line_event_saw_turn(&event->line,
                                (struct turn){.place = visit->entry, .kind = TURN_GIVEN_UP});
        if (visit->call == LINE_EXTEND && visit->outcome == LINE_OK)
            line_event_saw_turn(&event->line, (struct turn){.place = visit->place,
                                                            .kind = TURN_KEPT,
                                                            .until_ms = visit->expires_ms -
                                                                        event->line.view.stood_ms,
                                                            .times = visit->times});
        calls_finish(link);
        return;
    }
    calls_finish_refused(link, event, answer == STORE_ANSWER ? reply : NULL);
}

/* ---- moves ---- */

static void on_moved(struct redis_call *call, const redisReply *reply);

static void send_move(struct line_move *move)
{
    static const char *const names[] = {"make", "look", "take"};
    struct line_store *store = move->store.store;
    const struct store_event *event = move->store.call.ctx;
    assert(event == move->store.event); /* held by this request, so it exists */
    char visitor[2 * (1 + LINE_VISITOR_BYTES) + 1] = "", user[2 * LINE_IDEM_BYTES + 1] = "";
    struct ask_move ask = {
        .call = span_of(names[move->call]),
        .code = {move->code, sizeof(move->code)},
        .address = calls_address(move->addr),
        .place = move->place,
        .drawn = line_event_drawn(&event->line),
        .missed = move->is_missed,
    };
    if (move->call == LINE_MOVE_MAKE) {
        assert(move->ticket.lane <= LANES_MAX);
        assert(move->life_ms > 0);
        uint8_t holder[1 + LINE_VISITOR_BYTES] = {
            (uint8_t)(move->ticket.lane | (move->ticket.member ? 0x80 : 0))};
        memcpy(holder + 1, move->ticket.visitor, LINE_VISITOR_BYTES);
        sodium_bin2hex(visitor, sizeof(visitor), holder, sizeof(holder));
        ask.entry = move->ticket.entry;
        ask.moves = move->ticket.moves;
        ask.life_ms = move->life_ms;
    } else if (move->has_user) {
        sodium_bin2hex(user, sizeof(user), move->user, sizeof(move->user));
    }
    ask.visitor = span_of(visitor);
    ask.user = span_of(user);
    struct text command = store_script(store, SCRIPT_MOVE, move->event, ASK_MOVE_WORDS);
    ask_move_put(&command, &ask);
    move->store.call.on_reply = on_moved;
    store_send(store, &move->store.call, &command);
}

static void finish_move(struct line_link *link)
{
    struct line_move *move = CONTAINER_OF(link, struct line_move, store);
    move->on_done(move);
}

void line_store_move(struct line_store *store, struct line_move *move)
{
    assert(move->on_done != NULL);
    assert(move->call <= LINE_MOVE_TAKE);
    assert(move->call == LINE_MOVE_LOOK || move->ticket.entry > 0);
    assert(move->call == LINE_MOVE_LOOK || move->place > 0);
    move->state = LINE_DRAFT;
    move->retry_after_ms = 0;
    calls_begin(store, &move->store, finish_move, &move->outcome, &move->retry_after_ms);
    struct store_event *event = calls_admit(&move->store, move->event);
    if (event == NULL)
        return;
    move->state = event->line.view.state;
    move->store.call.ctx = event;
    send_move(move);
}

static bool read_move(struct line_move *move, const redisReply *reply)
{
    struct reply_move got;
    uint8_t holder[1 + LINE_VISITOR_BYTES];
    if (!reply_move_read(reply, 0, &got))
        return false;
    bool found = got.outcome == LINE_OK || got.outcome == LINE_SAME;
    if (found && move->call != LINE_MOVE_MAKE) {
        if (got.entry == 0 || !span_hex(got.visitor, holder, sizeof(holder)) ||
            (holder[0] & 0x7F) > LANES_MAX)
            return false;
        move->ticket.member = (holder[0] & 0x80) != 0;
        move->ticket.lane = holder[0] & 0x7F;
        memcpy(move->ticket.visitor, holder + 1, LINE_VISITOR_BYTES);
        move->ticket.entry = got.entry;
        move->ticket.moves = (uint8_t)got.moves;
    }
    move->outcome = (enum line_outcome)got.outcome;
    move->state = (enum line_state)got.state;
    move->turn = (enum turn_kind)got.turn;
    move->retry_after_ms = got.retry_ms;
    return true;
}

static void on_moved(struct redis_call *call, const redisReply *reply)
{
    struct line_link *link = CONTAINER_OF(call, struct line_link, call);
    struct line_move *move = CONTAINER_OF(link, struct line_move, store);
    struct store_event *event = call->ctx;
    enum store_answer answer = store_judge(link->store, call, reply, SCRIPT_MOVE);
    if (answer == STORE_AGAIN) {
        send_move(move);
        return;
    }
    if (answer == STORE_ANSWER && read_move(move, reply)) {
        if (move->outcome == LINE_CONFLICT) { /* just drawn */
            store_tick_now(event);
            move->outcome = LINE_UNAVAILABLE;
            move->retry_after_ms = STORE_RETRY_MS;
        }
        bool taken = move->call == LINE_MOVE_TAKE && move->outcome == LINE_OK;
        bool had = move->call == LINE_MOVE_LOOK && move->outcome == LINE_SAME;
        if (taken || (had && move->ticket.lane == 0))
            moves_note(&event->line.moves, (struct move){move->ticket.entry, move->ticket.moves});
        calls_finish(link);
        return;
    }
    calls_finish_refused(link, event, answer == STORE_ANSWER ? reply : NULL);
}
