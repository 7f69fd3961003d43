/* line_event.c: one event's picture and marks from their beginning to their end, what this front
 * has seen of it, and the input of the scripts: tick.lua what is known already, heard.lua
 * who was heard from, heal.lua what a Redis that lost its memory is to get back. What a tick
 * answers is read in line_event_tick.c.
 *
 * What was picked for a call and did not arrive is picked again for the next one. */
#include "line/event/line_event.h"

#include "core/event/draw_seal.h"
#include "core/line/place.h"
#include "line/line_limits.h"
#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void line_event_init(struct line_event *event, struct span id)
{
    *event = (struct line_event){.view = {.stale = true, .show_up_milli = 1000}};
    bool fits = span_to_cstr(id, event->view.id, sizeof(event->view.id));
    assert(fits);
    event->view.lane = (uint8_t)line_lane_named(event->view.id);
    assert(event->view.lane <= LANES_MAX);
    event->view.heard = &event->heard;
    event->view.ghosts = &event->ghosts;
    event->heard.ghosts = &event->ghosts;
    event->view.moves = &event->moves;
    event->view.turns = &event->turns;
    memcpy(event->turns_upto, "0-0", sizeof("0-0"));
    event->view.told = &event->told;
}

void line_event_deinit(struct line_event *event)
{
    free(event->doc);
    free(event->proof);
    free(event->calls);
    heard_deinit(&event->heard);
    ghosts_deinit(&event->ghosts);
    moves_deinit(&event->moves);
    turns_deinit(&event->turns);
}

void line_event_saw_place(struct line_event *event, uint64_t place)
{
    if (place > event->marks.issued && place <= LINE_PLACE_MAX)
        event->marks.issued = place;
}

void line_event_saw_called(struct line_event *event, uint64_t place)
{
    line_event_saw_place(event, place);
    if (place > event->marks.serving && place <= LINE_PLACE_MAX)
        event->marks.serving = place;
    assert(event->marks.serving <= event->marks.issued);
}

void line_event_doubt_document(struct line_event *event)
{
    event->marks.digest[0] = '\0';
}

/* ---- the input of the scripts ---- */

/* Redis's clock; a little behind rather than ahead, since the answer took time to arrive. */
uint64_t line_event_now_ms(const struct line_event *event, uint64_t now_us)
{
    return place_time_ms(&event->view, now_us);
}

void line_event_set_clock(struct line_event *event, uint64_t now_ms, uint64_t now_us)
{
    assert(now_ms <= LINE_MS_MAX);
    event->view.redis_ms = now_ms;
    event->view.at_us = now_us;
}

bool line_event_wants_heard(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us)
{
    assert(gone_after_ms > 0);
    /* Only a place that waits for its call can be a ghost. */
    enum line_state state = event->view.state;
    bool has_people = state == LINE_OPEN || state == LINE_SOLD_OUT || line_stands_still(state);
    if (!event->seen || !has_people)
        return false;
    uint64_t now_ms = line_event_now_ms(event, now_us);
    heard_turn(&event->heard, now_ms / gone_after_ms);
    heard_reserve(&event->heard, event->view.issued);
    if (event->heard.urgent || event->heard_ms < now_ms / gone_after_ms * gone_after_ms ||
        (event->heard_hurry && !heard_all_told(&event->heard)))
        return true;
    return now_us >= event->heard_due_us &&
           (!heard_all_told(&event->heard) || ghosts_behind(&event->ghosts) ||
            event->ghosts.owed_len > 0);
}

void line_event_lost_marks(struct line_event *event)
{
    heard_tell_again(&event->heard);
    event->heard_due_us = 0;
}

uint32_t line_event_pick_heard(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us)
{
    uint32_t picked = heard_pick(&event->heard);
    uint32_t owed = ghosts_pick_owed(&event->ghosts, HEARD_SEND_MAX - picked);
    assert(picked + owed <= HEARD_SEND_MAX); /* what a command has room for */
    event->telling_ms = 0;
    if (heard_all_told(&event->heard))
        event->telling_ms = line_event_now_ms(event, now_us);
    else if (heard_last_told(&event->heard))
        event->telling_ms = event->heard.epoch * gone_after_ms;
    if (heard_all_told(&event->heard) && event->ghosts.owed_len == owed)
        event->heard_due_us = now_us + gone_after_ms * 1000 / 30;
    return 3 * (picked + owed);
}

void line_event_put_heard(const struct line_event *event, struct text *command,
                          struct span front_name, uint64_t gone_after_ms, bool leaves)
{
    assert(!leaves || heard_all_told(&event->heard));
    const struct ask_heard ask = {
        .front = front_name,
        .epoch_ms = gone_after_ms,
        .told_ms = event->telling_ms,
        .leaves = leaves,
        .seq = event->ghosts.seq,
        .pages_max = leaves ? 0 : HEARD_SEND_MAX,
    };
    ask_heard_put(command, &ask);
    for (uint32_t i = 0; i < event->heard.sent_len; i++) {
        resp_u64(command, event->heard.sent[i].epoch);
        resp_u64(command, event->heard.sent[i].page);
        resp_word(command, heard_marks(&event->heard, event->heard.sent[i]));
    }
    for (uint32_t i = 0; i < event->ghosts.owing_len; i++) {
        resp_cstr(command, "away");
        resp_u64(command, event->ghosts.owing[i]);
        resp_word(command, ghosts_shown(&event->ghosts, event->ghosts.owing[i]));
    }
}

bool line_event_take_heard(struct line_event *event, const redisReply *reply)
{
    struct tell_heard tell = {.outcome = LINE_UNAVAILABLE};
    bool arrived = reply != NULL && tell_heard_read(reply, 0, &tell) && tell.outcome == LINE_OK;
    heard_sent(&event->heard, arrived);
    ghosts_paid(&event->ghosts, arrived);
    if (arrived && event->telling_ms > 0)
        event->heard_ms = event->telling_ms;
    /* Behind what a call of heard.lua tells: page, bits, ... What cannot be taken is asked for
     * again.
     */
    bool whole = arrived;
    for (size_t i = TELL_HEARD_WORDS; whole && i + 1 < resp_len(reply); i += 2) {
        uint64_t page;
        struct span bits;
        whole = resp_get_u64(reply, i, &page) && resp_get_str(reply, i + 1, &bits) &&
                ghosts_take_page(&event->ghosts, page, bits);
    }
    if (whole)
        event->ghosts.seq = tell.seq;
    return reply == NULL || tell.outcome != LINE_UNAVAILABLE;
}

uint32_t line_event_pick_moves(struct line_event *event)
{
    event->sending = event->told;
    event->telling_len = moves_pick(&event->moves, event->telling, &event->telling_upto);
    assert(event->telling_len <= event->telling_upto);
    return 2 * event->telling_len;
}

void line_event_saw_move(struct line_event *event, struct move move)
{
    moves_note(&event->moves, move);
}

void line_event_saw_turn(struct line_event *event, struct turn turn)
{
    assert(turn.kind != TURN_NONE); /* only Redis's log takes back what was known */
    turns_note(&event->turns, turn);
}

static void put_moves(struct text *command, const struct move *moves, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        resp_u64(command, moves[i].entry);
        resp_u64(command, moves[i].moves);
    }
}

void line_event_wait(struct line_event *event, uint64_t now_us)
{
    if (event->not_yet_us == 0)
        event->not_yet_us = now_us;
}

static uint64_t waited_ms(const struct line_event *event, uint64_t now_us)
{
    assert(event->not_yet_us <= now_us);
    return event->not_yet_us > 0 ? (now_us - event->not_yet_us) / 1000 : 0;
}

void line_event_put_tick(const struct line_event *event, struct text *command, uint64_t slot_ms,
                         uint64_t now_us)
{
    const struct line_marks *marks = &event->marks;
    const struct line_told *told = &event->sending, *taken = &event->taken;
    assert(event->early_len <= LINE_EARLY_MAX);
    assert(told->errors >= taken->errors); /* sums only grow, and Redis has what was sent once */
    const struct ask_tick ask = {
        .issued = marks->issued,
        .serving = marks->serving,
        .version = marks->version,
        .generation = marks->generation,
        .upto = marks->upto,
        .slot_ms = slot_ms,
        .early_len = event->early_len,
        .moves_run = marks->moves_run,
        .moves_seq = marks->moves_seq,
        .moves_len = event->telling_len,
        .join_judged = told->judged[0] - taken->judged[0],
        .join_kept = told->kept[0] - taken->kept[0],
        .join_error = told->error_milli[0] - taken->error_milli[0],
        .way_judged = told->judged[1] - taken->judged[1],
        .way_kept = told->kept[1] - taken->kept[1],
        .way_error = told->error_milli[1] - taken->error_milli[1],
        .errors = told->errors - taken->errors,
        .turns_upto = span_of(event->turns_upto),
        .era = marks->era,
        .digest = span_of(marks->digest),
        .identity = span_of(event->offer != NULL ? event->offer : ""),
        .served = told->served,
        .waited_ms = waited_ms(event, now_us),
    };
    ask_tick_put(command, &ask);
    for (uint32_t i = 0; i < event->early_len; i++) {
        resp_u64(command, event->early[i]);
        resp_u64(command, place_position(&event->view, event->early[i]));
    }
    put_moves(command, event->telling, event->telling_len);
}

uint64_t line_event_drawn(const struct line_event *event)
{
    return event->view.draw.drawn ? event->view.draw.order.entries : WIRE_NONE;
}

/* How many places may have been given out that this front has not seen: the joins between its last
 * tick and the loss, plus a second for the append-only file, doubled to be safe.
 * */
static uint64_t safety_gap(const struct line_event *event, uint64_t now_us)
{
    assert(!event->seen || event->view.at_us <= now_us);
    uint64_t unseen_ms = event->seen ? (now_us - event->view.at_us) / 1000 : 0;
    if (unseen_ms > HEAL_UNSEEN_MAX_MS)
        unseen_ms = HEAL_UNSEEN_MAX_MS;
    uint64_t gap = 2 * (event->joins_milli / 1000 * (unseen_ms + 1000)) / 1000;
    if (gap < HEAL_GAP_MIN)
        return HEAL_GAP_MIN;
    return gap < HEAL_GAP_MAX ? gap : HEAL_GAP_MAX;
}

/* What is known of the draw. Its texts are written into the caller's memory. */
static void say_draw(struct ask_heal *ask, const struct line_event *event,
                     char hex[2 * DRAW_SEED_BYTES + 1], struct text *seal)
{
    const struct line_draw *draw = &event->view.draw;
    assert(draw->beacon_len <= DRAW_BEACON_MAX);
    if (draw->drawn)
        sodium_bin2hex(hex, 2 * DRAW_SEED_BYTES + 1, draw->seed, sizeof(draw->seed));
    if (draw->has_seal)
        draw_seal_put(seal, &draw->seal);
    assert(!seal->overflown);
    ask->seed = span_of(hex);
    ask->entries = line_event_drawn(event);
    ask->beacon = (struct span){draw->beacon, draw->beacon_len};
    ask->drawn_ms = draw->drawn_ms;
    ask->sealed = text_span(seal);
    ask->closed = draw->closed ? draw->closed_entries : WIRE_NONE;
    ask->closed_ms = draw->closed_ms;
    ask->proof = event->view.proof;
}

uint32_t line_event_heal_words(const struct line_event *event)
{
    struct move newest[MOVES_SEND_MAX];
    return ASK_HEAL_WORDS + 2 * moves_newest(&event->moves, newest);
}

void line_event_put_heal(const struct line_event *event, struct text *command,
                         struct span front_name, uint64_t now_us)
{
    const struct line_view *view = &event->view;
    assert(view->show_up_milli <= 1000);
    char hex[2 * DRAW_SEED_BYTES + 1] = "", seal_memory[DRAW_SEAL_LEN_MAX];
    char gaps_memory[LINE_GAPS_MAX * 24];
    struct text seal = text_on(seal_memory, sizeof(seal_memory));
    struct text gaps = text_on(gaps_memory, sizeof(gaps_memory));
    struct move newest[MOVES_SEND_MAX];
    assert(event->gaps_len <= LINE_GAPS_MAX);
    for (uint32_t i = 0; i < event->gaps_len; i++) {
        if (i > 0)
            text_char(&gaps, ',');
        text_u64(&gaps, event->gaps[i].from);
        text_char(&gaps, ':');
        text_u64(&gaps, event->gaps[i].upto);
    }
    assert(!gaps.overflown);
    uint64_t calls_until_ms = 0;
    for (uint32_t i = 0; i < event->view.calls_len; i++) {
        if (event->calls[i].expires_ms > calls_until_ms)
            calls_until_ms = event->calls[i].expires_ms;
    }
    struct ask_heal ask = {
        .window_ms = HEAL_WINDOW_MS,
        .gap = safety_gap(event, now_us),
        .front = front_name,
        .passes = event->passes,
        .issued = event->marks.issued,
        .serving = event->marks.serving,
        .dead = event->marks.dead,
        .active = view->active,
        .outstanding = view->outstanding,
        .admitted = view->admitted,
        .no_shows = view->no_shows,
        .stay_away_milli = 1000 - view->show_up_milli,
        .service_rate_milli = view->service_rate_milli,
        .stood_ms = event->view.stood_ms,
        .raised = event->marks.raised,
        .visits_until_ms = event->visits_until_ms,
        .calls_until_ms = calls_until_ms,
        .version = event->marks.version,
        .state = view->state,
        .doc = view->doc,
        .knobs = view->knobs,
        .gaps = text_span(&gaps),
        .codes = line_codes_known(view),
        .era = event->marks.era,
        .identity = span_of(view->identity),
        .waited_ms = waited_ms(event, now_us),
        .moves_len = moves_newest(&event->moves, newest),
    };
    ask.knobs.rate_milli = event->knob_rate_milli;
    say_draw(&ask, event, hex, &seal);
    ask_heal_put(command, &ask);
    put_moves(command, newest, (uint32_t)ask.moves_len);
}
