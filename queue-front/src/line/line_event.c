/* line_event.c: see line_event.h.
 *
 * An answer is read whole before anything is taken from it, so that a bad one changes nothing.
 * Marks only rise. The list of stretches grows at its end; a stretch that grew in Redis comes again
 * with the same beginning (its called_ms) and replaces its shorter self. What tick.lua calls dead
 * falls off at the front. */
#include "line/line_event.h"

#include "core/event/draw_seal.h"
#include "core/line/place.h"
#include "line/line_limits.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void line_event_init(struct line_event *event, struct span id)
{
    *event = (struct line_event){.view = {.stale = true, .show_up_milli = 1000}};
    bool fits = span_to_cstr(id, event->view.id, sizeof(event->view.id));
    assert(fits);
    event->view.lane = (uint8_t)line_lane_named(event->view.id);
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
}

void line_event_doubt_document(struct line_event *event)
{
    event->marks.digest[0] = '\0';
}

/* ---- what the scripts are told ---- */

/* Redis's clock, a little behind rather than ahead: the answer it was read from took its time. */
uint64_t line_event_now_ms(const struct line_event *event, uint64_t now_us)
{
    return event->view.redis_ms + (now_us - event->view.at_us) / 1000;
}

void line_event_set_clock(struct line_event *event, uint64_t now_ms, uint64_t now_us)
{
    event->view.redis_ms = now_ms;
    event->view.at_us = now_us;
}

/* Only who waits for a call can be a ghost. */
static bool has_people(const struct line_event *event)
{
    enum line_state state = event->view.state;
    return event->seen &&
           (state == LINE_OPEN || state == LINE_SOLD_OUT || line_stands_still(state));
}

bool line_event_wants_heard(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us)
{
    if (!has_people(event))
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
    resp_word(command, front_name);
    resp_u64(command, gone_after_ms);
    resp_u64(command, event->telling_ms);
    resp_u64(command, leaves);
    resp_u64(command, event->ghosts.seq);
    resp_u64(command, leaves ? 0 : HEARD_SEND_MAX);
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

/* {OK, number of the newest change told, page, bits, ...} */
static void take_pages(struct line_event *event, const redisReply *reply, uint64_t seq)
{
    for (size_t i = 2; i + 1 < resp_len(reply); i += 2) {
        uint64_t page;
        struct span bits;
        if (!resp_get_u64(reply, i, &page) || !resp_get_str(reply, i + 1, &bits) ||
            !ghosts_take_page(&event->ghosts, page, bits))
            return; /* asked for again */
    }
    event->ghosts.seq = seq;
}

bool line_event_take_heard(struct line_event *event, const redisReply *reply)
{
    uint64_t outcome = LINE_UNAVAILABLE, seq;
    bool arrived = reply != NULL && resp_get_u64(reply, 0, &outcome) && outcome == LINE_OK &&
                   resp_get_u64(reply, 1, &seq);
    heard_sent(&event->heard, arrived);
    ghosts_paid(&event->ghosts, arrived);
    if (arrived && event->telling_ms > 0)
        event->heard_ms = event->telling_ms;
    if (arrived)
        take_pages(event, reply, seq);
    return reply == NULL || outcome != LINE_UNAVAILABLE;
}

uint32_t line_event_pick_moves(struct line_event *event)
{
    event->sending = event->told;
    event->telling_len = moves_pick(&event->moves, event->telling, &event->telling_upto);
    return 2 * event->telling_len;
}

void line_event_saw_move(struct line_event *event, struct move move)
{
    moves_note(&event->moves, move);
}

void line_event_saw_turn(struct line_event *event, struct turn turn)
{
    turns_note(&event->turns, turn);
}

void line_event_put_tick(const struct line_event *event, struct text *command, uint64_t slot_ms)
{
    resp_u64(command, event->marks.issued);
    resp_u64(command, event->marks.serving);
    resp_u64(command, event->marks.version);
    resp_u64(command, event->marks.generation);
    resp_u64(command, event->marks.upto);
    resp_u64(command, slot_ms);
    resp_u64(command, event->early_len);
    for (uint32_t i = 0; i < event->early_len; i++) {
        resp_u64(command, event->early[i]);
        resp_u64(command, place_position(&event->view, event->early[i]));
    }
    resp_u64(command, event->marks.moves_run);
    resp_u64(command, event->marks.moves_seq);
    resp_u64(command, event->telling_len);
    for (uint32_t i = 0; i < event->telling_len; i++) {
        resp_u64(command, event->telling[i].entry);
        resp_u64(command, event->telling[i].moves);
    }
    for (int i = 0; i < 2; i++) {
        resp_u64(command, event->sending.judged[i] - event->taken.judged[i]);
        resp_u64(command, event->sending.kept[i] - event->taken.kept[i]);
        resp_u64(command, event->sending.error_milli[i] - event->taken.error_milli[i]);
    }
    resp_u64(command, event->sending.errors - event->taken.errors);
    resp_cstr(command, event->turns_upto);
    resp_u64(command, event->marks.era);
    resp_cstr(command, event->marks.digest);
    resp_cstr(command, event->offer != NULL ? event->offer : "");
}

void line_event_put_drawn(const struct line_event *event, struct text *command)
{
    if (event->view.draw.drawn)
        resp_u64(command, event->view.draw.order.entries);
    else
        resp_cstr(command, "");
}

static void put_draw(const struct line_event *event, struct text *command)
{
    const struct line_draw *draw = &event->view.draw;
    char hex[2 * DRAW_SEED_BYTES + 1] = "";
    if (draw->has_seed)
        sodium_bin2hex(hex, sizeof(hex), draw->seed, sizeof(draw->seed));
    resp_cstr(command, hex);
    line_event_put_drawn(event, command);
    resp_word(command, (struct span){draw->beacon, draw->beacon_len});
    resp_u64(command, draw->drawn_ms);
}

static void put_closing(const struct line_event *event, struct text *command)
{
    const struct line_draw *draw = &event->view.draw;
    char memory[DRAW_SEAL_LEN_MAX];
    struct text seal = text_on(memory, sizeof(memory));
    if (draw->has_seal)
        draw_seal_put(&seal, &draw->seal);
    assert(!seal.overflown);
    resp_word(command, text_span(&seal));
    if (draw->closed)
        resp_u64(command, draw->closed_entries);
    else
        resp_cstr(command, "");
    resp_u64(command, draw->closed_ms);
    resp_word(command, event->view.proof);
}

void line_event_put_knobs(const struct line_knobs *knobs, struct text *command)
{
    assert(knobs->rate_milli <= LINE_RATE_MILLI_MAX);
    assert(knobs->burst <= LINE_BURST_MAX);
    resp_u64(command, knobs->rate_milli);
    resp_u64(command, knobs->burst);
    resp_u64(command, knobs->max_active);
    resp_u64(command, knobs->session_ttl_ms);
    resp_u64(command, knobs->session_max_ms);
    resp_u64(command, knobs->call_ttl_ms);
    resp_u64(command, knobs->grace_ms);
    resp_u64(command, knobs->joins_per_ip_per_min);
    resp_u64(command, knobs->opens_at_ms);
    resp_u64(command, knobs->prequeue_at_ms);
    resp_u64(command, knobs->pilot_ceiling_milli);
    resp_u64(command, knobs->pilot_floor_milli);
    resp_u64(command, knobs->shares);
}

/* How many places may have been given out that this front has not seen: what was joined between its
 * last tick and the loss, with a second on top for the append-only file, doubled for good measure.
 */
static uint64_t safety_gap(const struct line_event *event, uint64_t now_us)
{
    uint64_t unseen_ms = event->seen ? (now_us - event->view.at_us) / 1000 : 0;
    if (unseen_ms > HEAL_UNSEEN_MAX_MS)
        unseen_ms = HEAL_UNSEEN_MAX_MS;
    uint64_t gap = 2 * (event->joins_milli / 1000 * (unseen_ms + 1000)) / 1000;
    if (gap < HEAL_GAP_MIN)
        return HEAL_GAP_MIN;
    return gap < HEAL_GAP_MAX ? gap : HEAL_GAP_MAX;
}

static void put_gaps(const struct line_event *event, struct text *command)
{
    char memory[LINE_GAPS_MAX * 24];
    struct text list = text_on(memory, sizeof(memory));
    for (uint32_t i = 0; i < event->gaps_len; i++) {
        if (i > 0)
            text_char(&list, ',');
        text_u64(&list, event->gaps[i].from);
        text_char(&list, ':');
        text_u64(&list, event->gaps[i].upto);
    }
    assert(!list.overflown);
    resp_word(command, text_span(&list));
}

void line_event_put_heal(const struct line_event *event, struct text *command,
                         struct span front_name, uint64_t now_us)
{
    const struct line_view *view = &event->view;
    resp_u64(command, HEAL_WINDOW_MS);
    resp_u64(command, safety_gap(event, now_us));
    resp_word(command, front_name);
    resp_u64(command, event->passes);
    resp_u64(command, event->marks.issued);
    resp_u64(command, event->marks.serving);
    resp_u64(command, event->marks.dead);
    resp_u64(command, view->active);
    resp_u64(command, view->outstanding);
    resp_u64(command, view->admitted);
    resp_u64(command, view->no_shows);
    resp_u64(command, 1000 - view->show_up_milli);
    resp_u64(command, view->service_rate_milli);
    resp_u64(command, event->marks.version);
    resp_u64(command, view->state);
    resp_word(command, view->doc);
    put_draw(event, command);
    struct line_knobs knobs = view->knobs;
    knobs.rate_milli = event->knob_rate_milli;
    line_event_put_knobs(&knobs, command);
    put_closing(event, command);
    put_gaps(event, command);
    resp_u64(command, line_codes_known(view));
    resp_u64(command, event->marks.era);
    resp_cstr(command, view->identity);
}

/* ---- what a tick tells ---- */

struct tick_answer {
    uint64_t state, version, issued, serving, waiting, active, outstanding, admitted, no_shows;
    uint64_t show_up_milli, service_rate_milli, redis_ms, dead, generation;
    bool has_doc;
    struct span doc;
    struct line_knobs knobs;
    uint64_t era;
    struct span digest, identity;
    struct line_draw draw;
    struct span proof;
    const redisReply *stretches;
    uint64_t skipped;
    struct ghosts_told ghosts;
    uint64_t nobodys, nobodys_passed;
    struct line_gap gaps[LINE_GAPS_MAX];
    uint32_t gaps_len;
    const redisReply *early;
    uint64_t frozen_from, undo_version, undo_state;
    char incarnation[LINE_INCARNATION_LEN + 1];
    const redisReply *moves;
    uint64_t seats; /* one more than there are; 0: nobody tells */
    struct line_pilot pilot;
    char odds[LINE_ODDS_MAX + 1];
    const redisReply *turns;
    uint64_t fronts, late_ms, stood_ms, clock_ahead_ms, clock_behind_ms, codes, codes_lost;
};

static bool read_knobs(const redisReply *document, struct line_knobs *knobs)
{
    return resp_get_u64(document, 1, &knobs->rate_milli) &&
           resp_get_u64(document, 2, &knobs->burst) &&
           resp_get_u64(document, 3, &knobs->max_active) &&
           resp_get_u64(document, 4, &knobs->session_ttl_ms) &&
           resp_get_u64(document, 5, &knobs->session_max_ms) &&
           resp_get_u64(document, 6, &knobs->call_ttl_ms) &&
           resp_get_u64(document, 7, &knobs->grace_ms) &&
           resp_get_u64(document, 8, &knobs->joins_per_ip_per_min) &&
           resp_get_u64(document, 9, &knobs->opens_at_ms) &&
           resp_get_u64(document, 10, &knobs->prequeue_at_ms) &&
           resp_get_u64(document, 11, &knobs->pilot_ceiling_milli) &&
           resp_get_u64(document, 12, &knobs->pilot_floor_milli) &&
           resp_get_u64(document, 13, &knobs->shares) && line_lanes(knobs->shares) <= LANES_MAX &&
           line_lane_share(knobs->shares, 0) <= 100 && knobs->rate_milli <= LINE_RATE_MILLI_MAX &&
           knobs->burst <= LINE_BURST_MAX;
}

static bool is_word(struct span text, size_t len_max)
{
    return text.len <= len_max && (text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL);
}

/* {doc, knobs..., era, digest, identity} */
static bool read_document(const redisReply *document, struct tick_answer *tick)
{
    return resp_get_str(document, 0, &tick->doc) && tick->doc.len <= LINE_DOC_BYTES_MAX &&
           read_knobs(document, &tick->knobs) &&
           resp_get_u64(document, 1 + LINE_KNOBS, &tick->era) &&
           resp_get_str(document, 2 + LINE_KNOBS, &tick->digest) &&
           resp_get_str(document, 3 + LINE_KNOBS, &tick->identity) &&
           is_word(tick->digest, LINE_DIGEST_LEN) && is_word(tick->identity, LINE_IDENTITY_MAX);
}

/* {judged, skipped, ghosts, newest change, newest that must be known, when to show it} */
static bool read_ghosts(const redisReply *told, struct tick_answer *tick)
{
    struct ghosts_told *ghosts = &tick->ghosts;
    return resp_get_u64(told, 0, &ghosts->judged) && resp_get_u64(told, 1, &tick->skipped) &&
           resp_get_u64(told, 2, &ghosts->waiting) && resp_get_u64(told, 3, &ghosts->seq) &&
           resp_get_u64(told, 4, &ghosts->whole) && resp_get_u64(told, 5, &ghosts->at_ms) &&
           ghosts->judged <= tick->issued && tick->skipped <= tick->serving &&
           ghosts->waiting <= tick->issued - tick->serving && ghosts->whole <= ghosts->seq;
}

/* {..., seal, entries when they closed or '', when that was, proof} */
static bool read_closing(const redisReply *reply, struct line_draw *draw, struct span *proof)
{
    struct span seal, closed;
    if (!resp_get_str(reply, 8, &seal) || !resp_get_str(reply, 9, &closed) ||
        !resp_get_u64(reply, 10, &draw->closed_ms) || !resp_get_str(reply, 11, proof) ||
        proof->len > BEACON_PROOF_MAX)
        return false;
    draw->has_seal = seal.len > 0;
    draw->closed = closed.len > 0;
    return (seal.len == 0 || draw_seal_parse(seal, &draw->seal)) &&
           (closed.len == 0 || span_u64(closed, LINE_PLACE_MAX, &draw->closed_entries));
}

/* "from:upto,from:upto" */
static bool read_gap_list(struct span text, struct tick_answer *tick)
{
    while (text.len > 0) {
        struct span one, from;
        text = span_cut(text, ',', &one);
        struct span upto = span_cut(one, ':', &from);
        struct line_gap *gap = &tick->gaps[tick->gaps_len++];
        if (!span_u64(from, tick->issued, &gap->from) ||
            !span_u64(upto, tick->issued, &gap->upto) || gap->from == 0 || gap->from > gap->upto)
            return false;
        if (tick->gaps_len == LINE_GAPS_MAX)
            return text.len == 0;
    }
    return true;
}

/* {nobody's places ahead, those stepped over, gaps} */
static bool read_gaps(const redisReply *reply, struct tick_answer *tick)
{
    struct span list;
    tick->gaps_len = 0;
    return resp_get_u64(reply, 0, &tick->nobodys) && tick->nobodys <= tick->ghosts.waiting &&
           resp_get_u64(reply, 1, &tick->nobodys_passed) && tick->nobodys_passed <= tick->skipped &&
           resp_get_str(reply, 2, &list) && read_gap_list(list, tick);
}

/* {seed, entries or '', beacon, drawn_ms, ...} */
static bool read_draw(const redisReply *reply, struct line_draw *draw, struct span *proof)
{
    struct span seed, entries, beacon;
    uint64_t count;
    size_t bytes;
    *draw = (struct line_draw){0};
    if (!read_closing(reply, draw, proof))
        return false;
    if (!resp_get_str(reply, 0, &seed) || !resp_get_str(reply, 1, &entries) ||
        !resp_get_str(reply, 2, &beacon) || !resp_get_u64(reply, 3, &draw->drawn_ms))
        return false;
    if (seed.len == 0)
        return true;
    if (sodium_hex2bin(draw->seed, sizeof(draw->seed), seed.ptr, seed.len, NULL, &bytes, NULL) !=
            0 ||
        bytes != sizeof(draw->seed))
        return false;
    draw->has_seed = true;
    if (entries.len == 0)
        return true;
    if (!span_u64(entries, LINE_PLACE_MAX, &count) || beacon.len > DRAW_BEACON_MAX)
        return false;
    draw->drawn = true;
    memcpy(draw->beacon, beacon.ptr, beacon.len);
    draw->beacon_len = (uint32_t)beacon.len;
    draw_init(&draw->order, draw->seed, beacon, count);
    return true;
}

static bool read_words(const redisReply *reply, size_t at, char *out, size_t cap)
{
    struct span text;
    return resp_get_str(reply, at, &text) && span_to_cstr(text, out, cap);
}

/* {..., state before a freeze, version that an undo takes back, state before it, incarnation} */
static bool read_before(const redisReply *reply, struct tick_answer *tick)
{
    return resp_get_u64(reply, 4, &tick->frozen_from) && tick->frozen_from < LINE_STATE_COUNT &&
           resp_get_u64(reply, 5, &tick->undo_version) &&
           resp_get_u64(reply, 6, &tick->undo_state) && tick->undo_state < LINE_STATE_COUNT &&
           read_words(reply, 7, tick->incarnation, sizeof(tick->incarnation)) &&
           line_incarnation_ok(span_of(tick->incarnation));
}

/* {rate in force, decided_ms, heard_ms, rate before, moved_ms, reason, why, because, reading}, or
 * {} */
static bool read_pilot(const redisReply *reply, struct line_pilot *pilot)
{
    *pilot = (struct line_pilot){.on = resp_len(reply) > 0};
    return !pilot->on ||
           (resp_get_u64(reply, 0, &pilot->rate_milli) && resp_get_u64(reply, 1, &pilot->at_ms) &&
            resp_get_u64(reply, 2, &pilot->heard_ms) &&
            resp_get_u64(reply, 3, &pilot->from_milli) &&
            resp_get_u64(reply, 4, &pilot->moved_ms) &&
            read_words(reply, 5, pilot->reason, sizeof(pilot->reason)) &&
            read_words(reply, 6, pilot->why, sizeof(pilot->why)) &&
            read_words(reply, 7, pilot->because, sizeof(pilot->because)) &&
            read_words(reply, 8, pilot->reading, sizeof(pilot->reading)) &&
            pilot->rate_milli <= LINE_RATE_MILLI_MAX);
}

static bool read_tick(const redisReply *reply, struct tick_answer *tick)
{
    const redisReply *document, *ghosts, *gaps, *draw, *pilot;
    uint64_t *const numbers[] = {
        &tick->state,
        &tick->version,
        &tick->issued,
        &tick->serving,
        &tick->waiting,
        &tick->active,
        &tick->outstanding,
        &tick->admitted,
        &tick->no_shows,
        &tick->show_up_milli,
        &tick->service_rate_milli,
        &tick->redis_ms,
        &tick->dead,
        &tick->generation,
    };
    size_t count = sizeof(numbers) / sizeof(numbers[0]);
    for (size_t i = 0; i < count; i++) {
        if (!resp_get_u64(reply, 1 + i, numbers[i]))
            return false;
    }
    if (!resp_array(reply, 1 + count, &document) ||
        !resp_array(reply, 2 + count, &tick->stretches) || !resp_array(reply, 3 + count, &ghosts) ||
        !resp_array(reply, 4 + count, &draw) || !resp_array(reply, 5 + count, &tick->early) ||
        !resp_get_u64(reply, 6 + count, &tick->seats) || !resp_array(reply, 7 + count, &pilot) ||
        !read_pilot(pilot, &tick->pilot) || !resp_array(reply, 8 + count, &tick->moves) ||
        !read_words(reply, 9 + count, tick->odds, sizeof(tick->odds)) ||
        !resp_array(reply, 10 + count, &tick->turns) || tick->state >= LINE_STATE_COUNT ||
        tick->serving > tick->issued || tick->issued > LINE_PLACE_MAX ||
        tick->show_up_milli > 1000 || !read_ghosts(ghosts, tick) ||
        !resp_array(reply, 11 + count, &gaps) || !read_gaps(gaps, tick) ||
        !resp_get_u64(reply, 12 + count, &tick->fronts) ||
        !resp_get_u64(reply, 13 + count, &tick->late_ms) ||
        !resp_get_u64(reply, 14 + count, &tick->stood_ms) ||
        !resp_get_u64(reply, 15 + count, &tick->clock_ahead_ms) ||
        !resp_get_u64(reply, 16 + count, &tick->clock_behind_ms))
        return false;
    tick->codes = tick->codes_lost = 0; /* a picture that the version before has left is without */
    resp_get_u64(reply, 17 + count, &tick->codes);
    resp_get_u64(reply, 18 + count, &tick->codes_lost);
    tick->has_doc = resp_len(document) > 0;
    return !tick->has_doc ||
           (read_document(document, tick) && read_draw(draw, &tick->draw, &tick->proof) &&
            read_before(draw, tick));
}

/* "upto:called_ms:expires_ms" */
static bool read_stretch(struct span text, struct line_call *out)
{
    struct span upto, called;
    struct span expires = span_cut(span_cut(text, ':', &upto), ':', &called);
    return span_u64(upto, LINE_PLACE_MAX, &out->upto) &&
           span_u64(called, UINT64_MAX, &out->called_ms) &&
           span_u64(expires, UINT64_MAX, &out->expires_ms);
}

static void drop_calls(struct line_event *event, uint32_t count)
{
    assert(event->calls != NULL && count <= event->view.calls_len);
    event->view.calls_len -= count;
    memmove(event->calls, event->calls + count, event->view.calls_len * sizeof(*event->calls));
}

static bool make_room(struct line_event *event)
{
    if (event->view.calls_len < event->calls_cap)
        return true;
    if (event->calls_cap == LINE_CALLS_MAX) {
        drop_calls(event, 1); /* the oldest: nobody is as likely to be gone as they are */
        return true;
    }
    uint32_t cap = event->calls_cap == 0 ? 64 : event->calls_cap * 2;
    struct line_call *grown = realloc(event->calls, cap * sizeof(*grown));
    if (grown == NULL)
        return false;
    event->calls = grown;
    event->calls_cap = cap;
    return true;
}

static bool add_call(struct line_event *event, struct line_call call)
{
    uint32_t len = event->view.calls_len;
    struct line_call *last = len > 0 ? &event->calls[len - 1] : NULL;
    if (last != NULL && last->called_ms == call.called_ms && call.upto >= last->upto) {
        *last = call;
        return true;
    }
    if (!make_room(event))
        return false;
    assert(event->calls != NULL && event->view.calls_len < event->calls_cap);
    event->calls[event->view.calls_len++] = call;
    return true;
}

/* True if the list is another one than before. */
static bool take_stretches(struct line_event *event, const struct tick_answer *tick)
{
    bool changed = false;
    if (tick->generation != event->marks.generation) {
        event->view.calls_len = 0;
        event->marks.upto = 0;
        event->marks.generation = tick->generation;
        changed = true;
    }
    for (size_t i = 0; i < resp_len(tick->stretches); i++) {
        struct span text;
        struct line_call call;
        if (!resp_get_str(tick->stretches, i, &text) || !read_stretch(text, &call) ||
            call.upto <= event->marks.upto)
            continue;
        if (!add_call(event, call))
            break; /* no memory: asked for again by the next tick */
        event->marks.upto = call.upto;
        changed = true;
    }
    assert(event->calls != NULL || event->view.calls_len == 0);
    uint32_t over = 0;
    while (over < event->view.calls_len && event->calls[over].upto <= tick->dead)
        over++;
    if (over > 0)
        drop_calls(event, over);
    event->view.calls = event->calls;
    return changed || over > 0;
}

static char *copy_of(struct span text)
{
    char *copy = malloc(text.len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* False if there is no memory for it; then the version stays behind and it is told again. */
static bool take_doc(struct line_event *event, const struct tick_answer *tick)
{
    char *doc = copy_of(tick->doc), *proof = copy_of(tick->proof);
    if (doc == NULL || proof == NULL) {
        free(doc);
        free(proof);
        return false;
    }
    free(event->doc);
    free(event->proof);
    event->doc = doc;
    event->proof = proof;
    event->view.doc = (struct span){doc, tick->doc.len};
    event->view.proof = (struct span){proof, tick->proof.len};
    event->view.knobs = tick->knobs;
    event->knob_rate_milli = tick->knobs.rate_milli;
    event->view.draw = tick->draw;
    event->view.frozen_from = (enum line_state)tick->frozen_from;
    event->view.undo_version = tick->undo_version;
    event->view.undo_state = (enum line_state)tick->undo_state;
    memcpy(event->view.incarnation, tick->incarnation, sizeof(tick->incarnation));
    event->view.tag = line_tag(tick->incarnation);
    event->view.version = tick->version;
    event->view.doc_serial++;
    event->marks.version = tick->version;
    event->marks.era = tick->era;
    event->view.era = tick->era;
    bool fits = span_to_cstr(tick->digest, event->marks.digest, sizeof(event->marks.digest)) &&
                span_to_cstr(tick->identity, event->view.identity, sizeof(event->view.identity));
    assert(fits); /* read_document() has looked */
    return true;
}

/* Their positions go with the next tick; one that is told twice is taken once. */
static void take_early(struct line_event *event, const struct tick_answer *tick)
{
    event->early_len = 0;
    for (size_t i = 0; i < resp_len(tick->early) && event->early_len < LINE_EARLY_MAX; i++) {
        uint64_t entry;
        if (resp_get_u64(tick->early, i, &entry) && entry > 0)
            event->early[event->early_len++] = entry;
    }
}

/* {run, number of the newest, entry, moves, ...} */
static void take_moves(struct line_event *event, const struct tick_answer *tick)
{
    struct line_marks *marks = &event->marks;
    uint64_t run = 0, newest = 0;
    if (!resp_get_u64(tick->moves, 0, &run) || !resp_get_u64(tick->moves, 1, &newest))
        return;
    if (event->telling_len > 0)
        event->moves.told = event->telling_upto;
    if (run != marks->moves_run) {
        moves_tell_again(&event->moves);
        ghosts_tell_again(&event->ghosts);
    }
    for (size_t i = 2; i + 1 < resp_len(tick->moves); i += 2) {
        struct move move;
        uint64_t moves = 0;
        if (!resp_get_u64(tick->moves, i, &move.entry) ||
            !resp_get_u64(tick->moves, i + 1, &moves) || move.entry == 0 ||
            move.entry > LINE_PLACE_MAX || moves == 0 || moves > MOVES_OF_PLACE_MAX)
            continue;
        move.moves = (uint8_t)moves;
        moves_note(&event->moves, move);
    }
    event->moves_more = newest > marks->moves_seq && resp_len(tick->moves) >= 2 + 2 * 512;
    marks->moves_run = run;
    marks->moves_seq = newest;
}

/* {how far, "place:kind:until_ms:times", ...}. The log's ids are Redis's time: after a loss what
 * was written around it is read once more. True if something was new. */
static bool take_turns(struct line_event *event, const struct tick_answer *tick, bool healed)
{
    struct span upto, text;
    if (!resp_get_str(tick->turns, 0, &upto) ||
        !span_to_cstr(upto, event->turns_upto, sizeof(event->turns_upto)))
        return false;
    for (size_t i = 1; i < resp_len(tick->turns); i++) {
        struct turn turn;
        if (resp_get_str(tick->turns, i, &text) && turn_parse(text, &turn))
            turns_note(&event->turns, turn);
    }
    uint64_t upto_ms;
    struct span head;
    span_cut(span_of(event->turns_upto), '-', &head);
    if (healed && span_u64(head, UINT64_MAX, &upto_ms) && upto_ms > HEAL_TURNS_MS)
        snprintf(event->turns_upto, sizeof(event->turns_upto), "%" PRIu64 "-0",
                 upto_ms - HEAL_TURNS_MS);
    event->turns_more = resp_len(tick->turns) > LINE_TURNS_MAX;
    return resp_len(tick->turns) > 1;
}

static void measure_joins(struct line_event *event, const struct tick_answer *tick)
{
    if (!event->seen || tick->redis_ms <= event->view.redis_ms || tick->issued < event->view.issued)
        return;
    uint64_t elapsed_ms = tick->redis_ms - event->view.redis_ms;
    uint64_t now_milli = (tick->issued - event->view.issued) * 1000000 / elapsed_ms;
    uint64_t faded_milli = event->joins_milli - event->joins_milli / 64;
    event->joins_milli = now_milli > faded_milli ? now_milli : faded_milli;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool knows_gap(const struct line_event *event, struct line_gap gap)
{
    for (uint32_t i = 0; i < event->gaps_len; i++) {
        if (event->gaps[i].from <= gap.from && gap.upto <= event->gaps[i].upto)
            return true;
    }
    return false;
}

/* One that appears while we look on was made just now. */
static void take_gaps(struct line_event *event, const struct tick_answer *tick)
{
    for (uint32_t i = 0; i < tick->gaps_len && event->seen; i++) {
        if (!knows_gap(event, tick->gaps[i]))
            ghosts_add_gap(&event->ghosts, tick->gaps[i]);
    }
    memcpy(event->gaps, tick->gaps, sizeof(event->gaps));
    event->gaps_len = tick->gaps_len;
    event->view.nobodys = tick->nobodys;
    event->view.nobodys_passed = tick->nobodys_passed;
}

static bool take_numbers(struct line_event *event, const struct tick_answer *tick, uint64_t now_us)
{
    struct line_view *view = &event->view;
    struct line_view before = *view;
    measure_joins(event, tick);
    view->state = (enum line_state)tick->state;
    view->issued = tick->issued;
    view->serving = tick->serving;
    ghosts_take(&event->ghosts, tick->ghosts, tick->redis_ms);
    take_gaps(event, tick);
    view->waiting = tick->waiting;
    view->skipped = tick->skipped;
    view->late_ms = tick->late_ms;
    view->stood_ms = tick->stood_ms;
    view->clock_ahead_ms = tick->clock_ahead_ms;
    view->clock_behind_ms = tick->clock_behind_ms;
    view->codes = tick->codes;
    view->codes_lost = tick->codes_lost;
    view->fronts = tick->fronts;
    view->active = tick->active;
    view->outstanding = tick->outstanding;
    view->admitted = tick->admitted;
    view->no_shows = tick->no_shows;
    view->show_up_milli = (uint32_t)tick->show_up_milli;
    view->service_rate_milli = tick->service_rate_milli;
    memcpy(view->odds, tick->odds, sizeof(view->odds));
    view->pilot = tick->pilot;
    view->knobs.rate_milli = tick->pilot.on ? tick->pilot.rate_milli : event->knob_rate_milli;
    view->joins_milli = event->joins_milli;
    view->has_seats_left = tick->seats > 0;
    view->seats_left = tick->seats > 0 ? tick->seats - 1 : 0;
    view->redis_ms = tick->redis_ms;
    view->at_us = now_us;
    view->stale = false;
    struct line_marks *marks = &event->marks;
    marks->issued = max_u64(marks->issued, tick->issued);
    marks->serving = max_u64(marks->serving, tick->serving);
    marks->dead = max_u64(marks->dead, tick->dead);
    view->dead = marks->dead;
    return before.state != view->state || before.issued != view->issued ||
           before.serving != view->serving || before.waiting != view->waiting ||
           before.active != view->active || before.outstanding != view->outstanding ||
           before.admitted != view->admitted || before.no_shows != view->no_shows ||
           before.show_up_milli != view->show_up_milli ||
           before.has_seats_left != view->has_seats_left || before.seats_left != view->seats_left ||
           before.codes_lost != view->codes_lost ||
           before.service_rate_milli != view->service_rate_milli ||
           strcmp(before.odds, view->odds) != 0 || before.pilot.on != view->pilot.on ||
           before.pilot.at_ms != view->pilot.at_ms ||
           before.knobs.rate_milli != view->knobs.rate_milli || before.stale;
}

enum line_tick line_event_take_tick(struct line_event *event, const redisReply *reply,
                                    uint64_t now_us)
{
    uint64_t outcome;
    struct tick_answer tick;
    if (!resp_get_u64(reply, 0, &outcome))
        return LINE_TICK_BAD;
    if (outcome == LINE_UNAVAILABLE)
        return LINE_TICK_HEAL;
    if (outcome == LINE_RENEWED)
        return LINE_TICK_RENEWED;
    if (outcome != LINE_OK || !read_tick(reply, &tick) || (!event->seen && !tick.has_doc))
        return LINE_TICK_BAD;

    bool changed = !event->seen;
    if (tick.has_doc) {
        if (!take_doc(event, &tick))
            return LINE_TICK_BAD;
        changed = true;
    }
    bool healed = event->seen && tick.generation != event->marks.generation;
    changed = take_stretches(event, &tick) || changed;
    changed = take_turns(event, &tick, healed) || changed;
    changed = take_numbers(event, &tick, now_us) || changed;
    take_early(event, &tick);
    take_moves(event, &tick);
    event->passes = 0;
    event->taken = event->sending;
    event->seen = true;
    return changed ? LINE_TICK_CHANGED : LINE_TICK_SAME;
}
