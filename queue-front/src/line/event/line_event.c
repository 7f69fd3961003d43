/* line_event.c: one event's picture and marks, what this front has seen of the event, and the
 * arguments of the scripts: for tick.lua what this front already knows, for seen.lua the signs of
 * life, for heal.lua what a Redis that lost its memory needs back. Data that was picked for a call
 * and did not arrive is picked again for the next one.
 *
 * A reply is parsed completely before any of it is applied, so a bad reply changes nothing. Marks
 * only rise, whatever Redis says: a lost line is rebuilt from them. The list of stretches grows at
 * its end. A stretch that grew in Redis arrives again with the same called_ms and replaces its
 * shorter self. Stretches that tick.lua calls dead are dropped at the front.
 *
 * A Redis that lost its last second knows less than this front. It detects that itself from the
 * marks in each tick, and replies HEAL instead of a picture. */
#include "line/event/line_event.h"

#include "core/event/draw_seal.h"
#include "core/line/place.h"
#include "line/line_limits.h"
#include "queue-front/lua/line_wire.h"

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
    assert(event->view.lane <= LANES_MAX);
    event->view.seen = &event->seen;
    event->view.ghosts = &event->ghosts;
    event->seen.ghosts = &event->ghosts;
    event->view.moves = &event->moves;
    event->view.turns = &event->turns;
    memcpy(event->turns_upto, "0-0", sizeof("0-0"));
    event->view.sums = &event->sums;
}

void line_event_deinit(struct line_event *event)
{
    free(event->doc);
    free(event->proof);
    free(event->calls);
    seen_deinit(&event->seen);
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

/* ---- script arguments ---- */

/* Redis's clock, slightly late rather than early, since the reply took time to arrive. */
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

bool line_event_wants_seen(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us)
{
    assert(gone_after_ms > 0);
    /* Only a place that waits for its call can become a ghost. */
    enum line_state state = event->view.state;
    bool has_people = state == LINE_OPEN || state == LINE_SOLD_OUT || line_stands_still(state);
    if (!event->filled || !has_people)
        return false;
    uint64_t now_ms = line_event_now_ms(event, now_us);
    seen_turn(&event->seen, now_ms / gone_after_ms);
    seen_reserve(&event->seen, event->view.issued);
    if (event->seen.urgent || event->seen_sent_ms < now_ms / gone_after_ms * gone_after_ms ||
        (event->seen_hurry && !seen_all_sent(&event->seen)))
        return true;
    return now_us >= event->seen_due_us &&
           (!seen_all_sent(&event->seen) || ghosts_behind(&event->ghosts) ||
            event->ghosts.owed_len > 0);
}

uint32_t line_event_pick_seen(struct line_event *event, uint64_t gone_after_ms, uint64_t now_us)
{
    uint32_t picked = seen_pick(&event->seen);
    uint32_t owed = ghosts_pick_owed(&event->ghosts, SEEN_SEND_MAX - picked);
    assert(picked + owed <= SEEN_SEND_MAX); /* fits a command */
    event->seen_sending_ms = 0;
    if (seen_all_sent(&event->seen))
        event->seen_sending_ms = line_event_now_ms(event, now_us);
    else if (seen_last_sent(&event->seen))
        event->seen_sending_ms = event->seen.epoch * gone_after_ms;
    if (seen_all_sent(&event->seen) && event->ghosts.owed_len == owed)
        event->seen_due_us = now_us + gone_after_ms * 1000 / 30;
    return 3 * (picked + owed);
}

void line_event_put_seen(const struct line_event *event, struct text *command,
                         struct span front_name, uint64_t gone_after_ms, bool leaves)
{
    assert(!leaves || seen_all_sent(&event->seen));
    const struct ask_seen ask = {
        .front = front_name,
        .epoch_ms = gone_after_ms,
        .sent_ms = event->seen_sending_ms,
        .leaves = leaves,
        .seq = event->ghosts.seq,
        .pages_max = leaves ? 0 : SEEN_SEND_MAX,
    };
    ask_seen_put(command, &ask);
    for (uint32_t i = 0; i < event->seen.sent_len; i++) {
        resp_u64(command, event->seen.sent[i].epoch);
        resp_u64(command, event->seen.sent[i].page);
        resp_word(command, seen_marks(&event->seen, event->seen.sent[i]));
    }
    for (uint32_t i = 0; i < event->ghosts.owing_len; i++) {
        resp_cstr(command, "away");
        resp_u64(command, event->ghosts.owing[i]);
        resp_word(command, ghosts_shown(&event->ghosts, event->ghosts.owing[i]));
    }
}

bool line_event_take_seen(struct line_event *event, const redisReply *reply)
{
    struct reply_seen got = {.outcome = LINE_UNAVAILABLE};
    bool arrived = reply != NULL && reply_seen_read(reply, 0, &got) && got.outcome == LINE_OK;
    seen_sent(&event->seen, arrived);
    ghosts_paid(&event->ghosts, arrived);
    if (arrived && event->seen_sending_ms > 0)
        event->seen_sent_ms = event->seen_sending_ms;
    /* The reply of seen.lua goes on with page, bits, ... A page that cannot be applied is
     * requested again. */
    bool whole = arrived;
    for (size_t i = REPLY_SEEN_WORDS; whole && i + 1 < resp_len(reply); i += 2) {
        uint64_t page;
        struct span bits;
        whole = resp_get_u64(reply, i, &page) && resp_get_str(reply, i + 1, &bits) &&
                ghosts_take_page(&event->ghosts, page, bits);
    }
    if (whole)
        event->ghosts.seq = got.seq;
    return reply == NULL || got.outcome != LINE_UNAVAILABLE;
}

uint32_t line_event_pick_moves(struct line_event *event)
{
    event->sending = event->sums;
    event->outgoing_len = moves_pick(&event->moves, event->outgoing, &event->outgoing_upto);
    assert(event->outgoing_len <= event->outgoing_upto);
    return 2 * event->outgoing_len;
}

void line_event_saw_turn(struct line_event *event, struct turn turn)
{
    assert(turn.kind != TURN_NONE); /* only Redis's log may revoke a turn */
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
    const struct line_sums *sums = &event->sending, *taken = &event->taken;
    assert(event->early_len <= LINE_EARLY_MAX);
    assert(sums->errors >= taken->errors); /* sums only grow; Redis has the ones already sent */
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
        .moves_len = event->outgoing_len,
        .join_judged = sums->judged[0] - taken->judged[0],
        .join_kept = sums->kept[0] - taken->kept[0],
        .join_error = sums->error_milli[0] - taken->error_milli[0],
        .way_judged = sums->judged[1] - taken->judged[1],
        .way_kept = sums->kept[1] - taken->kept[1],
        .way_error = sums->error_milli[1] - taken->error_milli[1],
        .errors = sums->errors - taken->errors,
        .turns_upto = span_of(event->turns_upto),
        .era = marks->era,
        .digest = span_of(marks->digest),
        .identity = span_of(event->offer != NULL ? event->offer : ""),
        .served = sums->served,
        .waited_ms = waited_ms(event, now_us),
    };
    ask_tick_put(command, &ask);
    for (uint32_t i = 0; i < event->early_len; i++) {
        resp_u64(command, event->early[i]);
        resp_u64(command, place_position(&event->view, event->early[i]));
    }
    put_moves(command, event->outgoing, event->outgoing_len);
}

uint64_t line_event_drawn(const struct line_event *event)
{
    return event->view.draw.drawn ? event->view.draw.order.entries : WIRE_NONE;
}

/* How many places may have been issued unseen by this front: the joins between its last tick and
 * the loss, plus a second for the append-only file, doubled to be safe. */
static uint64_t safety_gap(const struct line_event *event, uint64_t now_us)
{
    assert(!event->filled || event->view.at_us <= now_us);
    uint64_t unseen_ms = event->filled ? (now_us - event->view.at_us) / 1000 : 0;
    if (unseen_ms > HEAL_UNSEEN_MAX_MS)
        unseen_ms = HEAL_UNSEEN_MAX_MS;
    uint64_t gap = 2 * (event->joins_milli / 1000 * (unseen_ms + 1000)) / 1000;
    if (gap < HEAL_GAP_MIN)
        return HEAL_GAP_MIN;
    return gap < HEAL_GAP_MAX ? gap : HEAL_GAP_MAX;
}

/* What is known of the draw. The texts are written into the caller's memory. */
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
        .frozen_from = view->frozen_from,
        .hall_until_ms = view->hall_until_ms,
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

/* ---- replies of tick.lua ---- */

/* A reply of tick.lua and its parts, as in wire.list, and the values parsed from them. */
struct tick_answer {
    struct reply_tick line;
    struct reply_ghosts ghosts;
    struct reply_gaps nobodys;
    struct line_gap gaps[LINE_GAPS_MAX];
    uint32_t gaps_len;
    struct line_pilot pilot;
    bool has_doc;
    struct reply_document document;
    struct reply_draw drawn;
    struct line_draw draw;
};

static bool is_word(struct span text)
{
    return text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL;
}

/* "from:upto,from:upto" */
static bool read_gap_list(struct span text, struct tick_answer *tick)
{
    struct span one, from;
    while (text.len > 0 && span_next(&text, ',', &one)) {
        struct span upto = span_cut(one, ':', &from);
        assert(tick->gaps_len < LINE_GAPS_MAX);
        struct line_gap *gap = &tick->gaps[tick->gaps_len++];
        if (!span_u64(from, tick->line.issued, &gap->from) ||
            !span_u64(upto, tick->line.issued, &gap->upto) || gap->from == 0 ||
            gap->from > gap->upto)
            return false;
        if (tick->gaps_len == LINE_GAPS_MAX)
            return text.len == 0;
    }
    return true;
}

static bool read_seed(const struct reply_draw *got, struct line_draw *draw)
{
    if (!span_hex(got->seed, draw->seed, sizeof(draw->seed)) || got->entries == WIRE_NONE)
        return false;
    assert(got->beacon.len <= sizeof(draw->beacon)); /* checked by reply_draw_read() */
    draw->drawn = true;
    memcpy(draw->beacon, got->beacon.ptr, got->beacon.len);
    draw->beacon_len = (uint32_t)got->beacon.len;
    draw_init(&draw->order, draw->seed, got->beacon, got->entries);
    return true;
}

static bool read_draw(const redisReply *reply, struct reply_draw *got, struct line_draw *draw)
{
    *draw = (struct line_draw){0};
    if (!reply_draw_read(reply, 0, got) || !is_word(got->incarnation) ||
        !line_incarnation_ok(got->incarnation))
        return false;
    draw->has_seal = got->seal.len > 0;
    draw->closed = got->closed_entries != WIRE_NONE;
    draw->closed_entries = draw->closed ? got->closed_entries : 0;
    draw->closed_ms = got->closed_ms;
    draw->drawn_ms = got->drawn_ms;
    return (got->seal.len == 0 || draw_seal_parse(got->seal, &draw->seal)) &&
           (got->seed.len == 0 || read_seed(got, draw));
}

/* {} while the pilot is off. */
static bool read_pilot(const redisReply *reply, struct line_pilot *pilot)
{
    struct reply_pilot got;
    *pilot = (struct line_pilot){.on = resp_len(reply) > 0};
    if (!pilot->on)
        return true;
    if (!reply_pilot_read(reply, 0, &got))
        return false;
    pilot->rate_milli = got.rate_milli;
    pilot->at_ms = got.at_ms;
    pilot->heard_ms = got.heard_ms;
    pilot->from_milli = got.from_milli;
    pilot->moved_ms = got.moved_ms;
    return span_to_cstr(got.reason, pilot->reason, sizeof(pilot->reason)) &&
           span_to_cstr(got.why, pilot->why, sizeof(pilot->why)) &&
           span_to_cstr(got.because, pilot->because, sizeof(pilot->because)) &&
           span_to_cstr(got.reading, pilot->reading, sizeof(pilot->reading));
}

static bool read_tick(const redisReply *reply, struct tick_answer *tick)
{
    struct reply_tick *line = &tick->line;
    struct reply_ghosts *ghosts = &tick->ghosts;
    struct reply_gaps *nobodys = &tick->nobodys;
    struct reply_document *document = &tick->document;
    tick->gaps_len = 0;
    if (!reply_tick_read(reply, 0, line) || line->serving > line->issued || !is_word(line->odds) ||
        !read_pilot(line->pilot, &tick->pilot))
        return false;
    if (!reply_ghosts_read(line->ghosts, 0, ghosts) || ghosts->judged > line->issued ||
        ghosts->skipped > line->serving || ghosts->waiting > line->issued - line->serving ||
        ghosts->whole > ghosts->seq)
        return false;
    if (!reply_gaps_read(line->gaps, 0, nobodys) || nobodys->nobodys > ghosts->waiting ||
        nobodys->passed > ghosts->skipped || nobodys->raised > line->issued ||
        !read_gap_list(nobodys->ranges, tick))
        return false;
    tick->has_doc = resp_len(line->document) > 0;
    return !tick->has_doc ||
           (reply_document_read(line->document, 0, document) &&
            line_lanes(document->knobs.shares) <= LANES_MAX &&
            line_lane_share(document->knobs.shares, 0) <= 100 && is_word(document->digest) &&
            is_word(document->identity) && read_draw(line->draw, &tick->drawn, &tick->draw));
}

/* "upto:called_ms:expires_ms" */
static bool read_stretch(struct span text, struct line_stretch *out)
{
    struct span upto, called;
    struct span expires = span_cut(span_cut(text, ':', &upto), ':', &called);
    return span_u64(upto, LINE_PLACE_MAX, &out->upto) &&
           span_u64(called, LINE_MS_MAX, &out->called_ms) &&
           span_u64(expires, LINE_MS_MAX, &out->expires_ms);
}

static void drop_calls(struct line_event *event, uint32_t count)
{
    assert(event->calls != NULL);
    assert(count <= event->view.calls_len);
    event->view.calls_len -= count;
    memmove(event->calls, event->calls + count, event->view.calls_len * sizeof(*event->calls));
}

static bool make_room(struct line_event *event)
{
    if (event->view.calls_len < event->calls_cap)
        return true;
    if (event->calls_cap == LINE_CALLS_MAX) {
        drop_calls(event, 1); /* the oldest, whose visitors are most likely gone */
        return true;
    }
    uint32_t cap = event->calls_cap == 0 ? 64 : event->calls_cap * 2;
    struct line_stretch *grown = realloc(event->calls, cap * sizeof(*grown));
    if (grown == NULL)
        return false;
    event->calls = grown;
    event->calls_cap = cap;
    assert(event->calls_cap <= LINE_CALLS_MAX);
    return true;
}

static bool add_call(struct line_event *event, struct line_stretch call)
{
    uint32_t len = event->view.calls_len;
    struct line_stretch *last = len > 0 ? &event->calls[len - 1] : NULL;
    assert(last == NULL || last->upto == event->marks.upto); /* so no stretch comes twice */
    if (last != NULL && last->called_ms == call.called_ms && call.upto >= last->upto) {
        *last = call;
        return true;
    }
    if (!make_room(event))
        return false;
    assert(event->calls != NULL);
    assert(event->view.calls_len < event->calls_cap);
    event->calls[event->view.calls_len++] = call;
    return true;
}

/* True if the list changed. */
static bool take_stretches(struct line_event *event, const struct tick_answer *tick)
{
    bool changed = false;
    if (tick->line.generation != event->marks.generation) {
        event->view.calls_len = 0;
        event->marks.upto = 0;
        event->marks.generation = tick->line.generation;
        changed = true;
    }
    for (size_t i = 0; i < resp_len(tick->line.stretches); i++) {
        struct span text;
        struct line_stretch call;
        if (!resp_get_str(tick->line.stretches, i, &text) || !read_stretch(text, &call) ||
            call.upto <= event->marks.upto)
            continue;
        if (!add_call(event, call))
            break; /* no memory: the next tick requests it again */
        event->marks.upto = call.upto;
        changed = true;
    }
    assert(event->calls != NULL || event->view.calls_len == 0);
    uint32_t over = 0;
    while (over < event->view.calls_len && event->calls[over].upto <= tick->line.dead)
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

/* False without memory; the version then stays behind, so Redis sends the document again. */
static bool take_doc(struct line_event *event, const struct tick_answer *tick)
{
    char *doc = copy_of(tick->document.doc), *proof = copy_of(tick->drawn.proof);
    if (doc == NULL || proof == NULL) {
        free(doc);
        free(proof);
        return false;
    }
    free(event->doc);
    free(event->proof);
    event->doc = doc;
    event->proof = proof;
    event->view.doc = (struct span){doc, tick->document.doc.len};
    event->view.proof = (struct span){proof, tick->drawn.proof.len};
    event->view.knobs = tick->document.knobs;
    event->knob_rate_milli = tick->document.knobs.rate_milli;
    event->view.draw = tick->draw;
    event->view.frozen_from = (enum line_state)tick->drawn.frozen_from;
    event->view.undo_version = tick->drawn.undo_version;
    event->view.undo_state = (enum line_state)tick->drawn.undo_state;
    event->view.version = tick->line.version;
    event->view.doc_serial++;
    event->marks.version = tick->line.version;
    event->marks.era = tick->document.era;
    event->view.era = tick->document.era;
    bool fits =
        span_to_cstr(tick->document.digest, event->marks.digest, sizeof(event->marks.digest)) &&
        span_to_cstr(tick->document.identity, event->view.identity, sizeof(event->view.identity)) &&
        span_to_cstr(tick->drawn.incarnation, event->view.incarnation,
                     sizeof(event->view.incarnation));
    assert(fits); /* checked by read_tick() and read_draw() */
    event->view.tag = line_tag(event->view.incarnation);
    return true;
}

/* reply_moves, then entry, moves, ... */
static void take_moves(struct line_event *event, const struct tick_answer *tick)
{
    struct line_marks *marks = &event->marks;
    struct reply_moves got;
    if (!reply_moves_read(tick->line.moves, 0, &got))
        return;
    if (event->outgoing_len > 0)
        event->moves.sent = event->outgoing_upto;
    if (got.run != marks->moves_run) {
        moves_send_again(&event->moves);
        ghosts_send_again(&event->ghosts);
    }
    for (size_t i = REPLY_MOVES_WORDS; i + 1 < resp_len(tick->line.moves); i += 2) {
        struct move move;
        uint64_t moves = 0;
        if (!resp_get_u64(tick->line.moves, i, &move.entry) ||
            !resp_get_u64(tick->line.moves, i + 1, &moves) || move.entry == 0 ||
            move.entry > LINE_PLACE_MAX || moves == 0 || moves > MOVES_OF_PLACE_MAX)
            continue;
        move.moves = (uint8_t)moves;
        moves_note(&event->moves, move);
    }
    event->moves_more = got.seq > marks->moves_seq &&
                        resp_len(tick->line.moves) >= REPLY_MOVES_WORDS + 2 * LINE_MOVES_MAX;
    marks->moves_run = got.run;
    marks->moves_seq = got.seq;
}

/* {last id, "place:kind:until_ms:times", ...}. The log's ids are Redis's times: after a loss, the
 * entries around it are read again. True if there were new entries. */
static bool take_turns(struct line_event *event, const struct tick_answer *tick, bool healed)
{
    struct span upto, text;
    if (!resp_get_str(tick->line.turns, 0, &upto) ||
        !span_to_cstr(upto, event->turns_upto, sizeof(event->turns_upto)))
        return false;
    for (size_t i = 1; i < resp_len(tick->line.turns); i++) {
        struct turn turn;
        if (resp_get_str(tick->line.turns, i, &text) && turn_parse(text, &turn))
            turns_note(&event->turns, turn);
    }
    uint64_t upto_ms;
    struct span head;
    span_cut(span_of(event->turns_upto), '-', &head);
    if (healed && span_u64(head, UINT64_MAX, &upto_ms) && upto_ms > HEAL_TURNS_MS)
        snprintf(event->turns_upto, sizeof(event->turns_upto), "%" PRIu64 "-0",
                 upto_ms - HEAL_TURNS_MS);
    event->turns_more = resp_len(tick->line.turns) > LINE_TURNS_MAX;
    return resp_len(tick->line.turns) > 1;
}

/* Places that a heal adds are not joins: counting them would demand rush-hour work of newcomers,
 * and an equally large gap of the next heal. A batch of joins between two ticks that happen to be a
 * millisecond apart would do the same. */
static void measure_joins(struct line_event *event, const struct tick_answer *tick)
{
    uint64_t now_ms = tick->line.now_ms, joined = tick->line.issued - tick->nobodys.raised;
    if (event->filled && now_ms > event->view.redis_ms)
        event->joins_milli -= event->joins_milli / 64;
    assert(tick->nobodys.raised <= tick->line.issued); /* checked by read_tick() */
    bool went_back = now_ms < event->joins_at_ms || joined < event->joined;
    if (event->filled && !went_back && now_ms - event->joins_at_ms < JOINS_WINDOW_MS)
        return;
    if (event->filled && !went_back) {
        uint64_t milli = (joined - event->joined) * 1000000 / (now_ms - event->joins_at_ms);
        event->joins_milli = milli > event->joins_milli ? milli : event->joins_milli;
    }
    event->joins_at_ms = now_ms;
    event->joined = joined;
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

/* A gap that appears between two ticks of ours is new. So is one that was only noted, because
 * places were not final. */
static void take_gaps(struct line_event *event, const struct tick_answer *tick,
                      enum line_state before)
{
    bool are_final = event->filled && tick->line.state > LINE_PRE_QUEUE;
    for (uint32_t i = 0; i < tick->gaps_len && are_final; i++) {
        if (before <= LINE_PRE_QUEUE || !knows_gap(event, tick->gaps[i]))
            ghosts_add_gap(&event->ghosts, tick->gaps[i]);
    }
    assert(tick->gaps_len <= LINE_GAPS_MAX);
    memcpy(event->gaps, tick->gaps, sizeof(event->gaps));
    event->gaps_len = tick->gaps_len;
    event->view.nobodys = tick->nobodys.nobodys;
    event->view.nobodys_passed = tick->nobodys.passed;
    event->view.raised = tick->nobodys.raised;
}

static bool take_numbers(struct line_event *event, const struct tick_answer *tick,
                         uint64_t asked_us, uint64_t now_us)
{
    struct line_view *view = &event->view;
    struct line_view before = *view;
    assert(tick->line.serving <= tick->line.issued); /* checked by read_tick() */
    measure_joins(event, tick);
    view->state = (enum line_state)tick->line.state;
    view->issued = tick->line.issued;
    view->serving = tick->line.serving;
    const struct ghosts_reply got = {.judged = tick->ghosts.judged,
                                     .waiting = tick->ghosts.waiting,
                                     .seq = tick->ghosts.seq,
                                     .whole = tick->ghosts.whole,
                                     .at_ms = tick->ghosts.at_ms};
    ghosts_take(&event->ghosts, got, tick->line.now_ms);
    take_gaps(event, tick, before.state);
    view->waiting = tick->line.waiting;
    view->skipped = tick->ghosts.skipped;
    view->late_ms = tick->line.late_ms;
    view->stood_ms = tick->line.stood_ms;
    if (view->halted_ms > 0 && tick->line.halted_ms == 0)
        view->resumed_ms = tick->line.now_ms;
    view->halted_ms = tick->line.halted_ms;
    view->hall_until_ms = tick->line.hall_until_ms;
    view->no_hall = tick->line.halted_ms > 0 && tick->line.served_ms == 0;
    view->clock_ahead_ms = tick->line.clock_ahead_ms;
    view->clock_behind_ms = tick->line.clock_behind_ms;
    view->codes = tick->line.codes;
    view->codes_lost = tick->line.codes_lost;
    view->wrong_codes = tick->line.wrong_codes;
    view->fronts = tick->line.fronts;
    view->active = tick->line.active;
    view->outstanding = tick->line.outstanding;
    view->admitted = tick->line.admitted;
    view->no_shows = tick->line.no_shows;
    view->show_up_milli = (uint32_t)tick->line.show_up_milli;
    view->service_rate_milli = tick->line.service_rate_milli;
    bool fits = span_to_cstr(tick->line.odds, view->odds, sizeof(view->odds));
    assert(fits); /* checked by read_tick() */
    view->pilot = tick->pilot;
    view->knobs.rate_milli = tick->pilot.on ? tick->pilot.rate_milli : event->knob_rate_milli;
    view->joins_milli = event->joins_milli;
    view->has_seats_left = tick->line.seats > 0;
    view->seats_left = tick->line.seats > 0 ? tick->line.seats - 1 : 0;
    view->redis_ms = tick->line.now_ms;
    view->at_us = now_us;
    view->asked_us = asked_us;
    view->stale = line_event_is_old(view, now_us);
    struct line_marks *marks = &event->marks;
    marks->issued = max_u64(marks->issued, tick->line.issued);
    marks->serving = max_u64(marks->serving, tick->line.serving);
    marks->dead = max_u64(marks->dead, tick->line.dead);
    marks->raised = max_u64(marks->raised, tick->nobodys.raised);
    assert(marks->serving <= marks->issued);
    view->dead = marks->dead;
    return before.state != view->state || before.issued != view->issued ||
           before.serving != view->serving || before.waiting != view->waiting ||
           before.active != view->active || before.outstanding != view->outstanding ||
           before.admitted != view->admitted || before.no_shows != view->no_shows ||
           before.show_up_milli != view->show_up_milli ||
           before.has_seats_left != view->has_seats_left || before.seats_left != view->seats_left ||
           before.codes_lost != view->codes_lost || before.wrong_codes != view->wrong_codes ||
           before.halted_ms != view->halted_ms ||
           before.service_rate_milli != view->service_rate_milli ||
           strcmp(before.odds, view->odds) != 0 || before.pilot.on != view->pilot.on ||
           before.pilot.at_ms != view->pilot.at_ms ||
           before.knobs.rate_milli != view->knobs.rate_milli || before.stale || view->stale;
}

enum line_tick line_event_take_tick(struct line_event *event, const redisReply *reply,
                                    uint64_t asked_us, uint64_t now_us)
{
    uint64_t outcome;
    struct tick_answer tick;
    assert(asked_us <= now_us);
    if (!resp_get_u64(reply, 0, &outcome))
        return LINE_TICK_BAD;
    if (outcome == LINE_UNAVAILABLE) {
        event->not_yet_us = 0; /* fronts that know the time have to reach this Redis first */
        return LINE_TICK_HEAL;
    }
    if (outcome == LINE_RENEWED)
        return LINE_TICK_RENEWED;
    if (outcome == LINE_NOT_YET) {
        line_event_wait(event, now_us);
        return LINE_TICK_NOT_YET;
    }
    if (outcome != LINE_OK || !read_tick(reply, &tick) || (!event->filled && !tick.has_doc))
        return LINE_TICK_BAD;

    bool changed = !event->filled;
    if (tick.has_doc) {
        if (!take_doc(event, &tick))
            return LINE_TICK_BAD;
        changed = true;
    }
    bool healed = event->filled && tick.line.generation != event->marks.generation;
    changed = take_stretches(event, &tick) || changed;
    changed = take_turns(event, &tick, healed) || changed;
    changed = take_numbers(event, &tick, asked_us, now_us) || changed;
    /* Their positions go with the next tick. Duplicates count once. */
    event->early_len = 0;
    for (size_t i = 0; i < resp_len(tick.line.early) && event->early_len < LINE_EARLY_MAX; i++) {
        uint64_t entry;
        if (resp_get_u64(tick.line.early, i, &entry) && entry > 0)
            event->early[event->early_len++] = entry;
    }
    take_moves(event, &tick);
    event->passes = 0;
    event->taken = event->sending;
    event->not_yet_us = 0;
    event->filled = true;
    return changed ? LINE_TICK_CHANGED : LINE_TICK_SAME;
}
