/* line_moves.c: asks Redis to carry a place to another device; what that means is in lua/move.lua.
 * Ends and repeats are those of all calls, in line_calls.c. */
#include "line/line_store_internal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static void on_moved(struct redis_call *call, const redisReply *reply);

static void put_hex(struct text *command, const uint8_t *bytes, size_t len)
{
    char hex[2 * LINE_IDEM_BYTES + 1];
    assert(2 * len < sizeof(hex));
    sodium_bin2hex(hex, sizeof(hex), bytes, len);
    resp_cstr(command, hex);
}

static void send_move(struct line_move *move)
{
    static const char *const names[] = {"make", "look", "take"};
    static const uint8_t args[] = {9, 4, 6};
    struct line_store *store = move->store.store;
    const struct store_event *event = move->store.call.ctx;
    struct text command = store_script(store, SCRIPT_MOVE, move->event, args[move->call]);
    resp_cstr(&command, names[move->call]);
    resp_word(&command, (struct span){move->code, sizeof(move->code)});
    calls_put_address(&command, move->addr);
    if (move->call == LINE_MOVE_MAKE) {
        resp_u64(&command, move->entry);
        resp_u64(&command, move->moves);
        uint8_t holder[1 + LINE_VISITOR_BYTES] = {
            (uint8_t)(move->lane | (move->member ? 0x80 : 0))};
        memcpy(holder + 1, move->visitor, LINE_VISITOR_BYTES);
        put_hex(&command, holder, sizeof(holder));
        resp_u64(&command, move->life_ms);
    } else {
        put_hex(&command, move->user, move->has_user ? sizeof(move->user) : 0);
    }
    if (move->call != LINE_MOVE_LOOK) {
        resp_u64(&command, move->place);
        line_event_put_drawn(&event->line, &command);
    }
    move->store.call.on_reply = on_moved;
    store_send(store, &move->store.call, &command);
}

void line_store_move(struct line_store *store, struct line_move *move)
{
    assert(move->call == LINE_MOVE_LOOK || (move->entry > 0 && move->place > 0));
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
    uint64_t outcome, state, retry_ms, entry, moves;
    struct span hex;
    uint8_t holder[1 + LINE_VISITOR_BYTES];
    size_t bytes;
    if (!resp_get_u64(reply, 0, &outcome) || !resp_get_u64(reply, 1, &state) ||
        !resp_get_u64(reply, 2, &retry_ms) || !resp_get_u64(reply, 3, &entry) ||
        !resp_get_u64(reply, 4, &moves) || !resp_get_str(reply, 5, &hex) ||
        outcome >= LINE_OUTCOME_COUNT || state >= LINE_STATE_COUNT || entry > LINE_PLACE_MAX ||
        moves > MOVES_OF_PLACE_MAX)
        return false;
    bool found = outcome == LINE_OK || outcome == LINE_SAME;
    if (found && move->call != LINE_MOVE_MAKE) {
        if (entry == 0 ||
            sodium_hex2bin(holder, sizeof(holder), hex.ptr, hex.len, NULL, &bytes, NULL) != 0 ||
            bytes != sizeof(holder) || (holder[0] & 0x7F) > LANES_MAX)
            return false;
        move->member = (holder[0] & 0x80) != 0;
        move->lane = holder[0] & 0x7F;
        memcpy(move->visitor, holder + 1, LINE_VISITOR_BYTES);
        move->entry = entry;
        move->moves = (uint8_t)moves;
    }
    move->outcome = (enum line_outcome)outcome;
    move->state = (enum line_state)state;
    move->retry_after_ms = retry_ms;
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
        if (taken || (had && move->lane == 0))
            line_event_saw_move(&event->line, (struct move){move->entry, move->moves});
        calls_finish(link);
        return;
    }
    calls_finish_refused(link, event, answer == STORE_ANSWER ? reply : NULL);
}
