/* line_moves.c: asks Redis to carry a place to another device; lua/move.lua decides.
 *
 * A move has three calls: make a code, look at what it would carry, take it. Only `take` changes
 * anything, and it is safe to repeat, because the same code taken twice by the same user is the
 * same move. How calls end, and when they are repeated, is the same for all of them
 * (line_calls.c). What this front learns of a move on the way it notes at once, so that the old
 * ticket is void here before the next tick. */
#include "line/line_store_internal.h"

#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static void on_moved(struct redis_call *call, const redisReply *reply);

static void send_move(struct line_move *move)
{
    static const char *const names[] = {"make", "look", "take"};
    struct line_store *store = move->store.store;
    const struct store_event *event = move->store.call.ctx;
    assert(event == move->store.event); /* held by this request, so it is there */
    char visitor[2 * (1 + LINE_VISITOR_BYTES) + 1] = "", user[2 * LINE_IDEM_BYTES + 1] = "";
    struct ask_move ask = {
        .call = span_of(names[move->call]),
        .code = {move->code, sizeof(move->code)},
        .address = calls_address(move->addr),
        .place = move->place,
        .drawn = line_event_drawn(&event->line),
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

void line_store_move(struct line_store *store, struct line_move *move)
{
    assert(move->on_done != NULL);
    assert(move->call <= LINE_MOVE_TAKE);
    assert(move->call == LINE_MOVE_LOOK || move->ticket.entry > 0);
    assert(move->call == LINE_MOVE_LOOK || move->place > 0);
    move->state = LINE_DRAFT;
    move->retry_after_ms = 0;
    calls_begin(store, &move->store, REQUEST_MOVE);
    struct store_event *event = calls_admit(&move->store, move->event);
    if (event == NULL)
        return;
    move->state = event->line.view.state;
    move->store.call.ctx = event;
    send_move(move);
}

static bool read_move(struct line_move *move, const redisReply *reply)
{
    struct tell_move tell;
    uint8_t holder[1 + LINE_VISITOR_BYTES];
    size_t bytes;
    if (!tell_move_read(reply, 0, &tell))
        return false;
    bool found = tell.outcome == LINE_OK || tell.outcome == LINE_SAME;
    if (found && move->call != LINE_MOVE_MAKE) {
        if (tell.entry == 0 ||
            sodium_hex2bin(holder, sizeof(holder), tell.visitor.ptr, tell.visitor.len, NULL, &bytes,
                           NULL) != 0 ||
            bytes != sizeof(holder) || (holder[0] & 0x7F) > LANES_MAX)
            return false;
        move->ticket.member = (holder[0] & 0x80) != 0;
        move->ticket.lane = holder[0] & 0x7F;
        memcpy(move->ticket.visitor, holder + 1, LINE_VISITOR_BYTES);
        move->ticket.entry = tell.entry;
        move->ticket.moves = (uint8_t)tell.moves;
    }
    move->outcome = (enum line_outcome)tell.outcome;
    move->state = (enum line_state)tell.state;
    move->retry_after_ms = tell.retry_ms;
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
        if (move->outcome == LINE_CONFLICT) { /* drawn a moment ago */
            store_tick_now(event);
            move->outcome = LINE_UNAVAILABLE;
            move->retry_after_ms = STORE_RETRY_MS;
        }
        bool taken = move->call == LINE_MOVE_TAKE && move->outcome == LINE_OK;
        bool had = move->call == LINE_MOVE_LOOK && move->outcome == LINE_SAME;
        if (taken || (had && move->ticket.lane == 0))
            line_event_saw_move(&event->line,
                                (struct move){move->ticket.entry, move->ticket.moves});
        calls_finish(link);
        return;
    }
    calls_finish_refused(link, event, answer == STORE_ANSWER ? reply : NULL);
}
