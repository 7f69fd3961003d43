/* line_event_tick.c: turns the answers of tick.lua into a picture and marks, or refuses them.
 *
 * An answer is read whole before anything is taken from it, so a bad one changes nothing. Then
 * it is taken in one go. Marks only rise, whatever Redis says: a lost line is rebuilt from them.
 * The list of stretches grows at its end; a stretch that grew in Redis arrives again with the
 * same beginning (its called_ms) and replaces its shorter self. What tick.lua calls dead falls
 * off at the front.
 *
 * A Redis that lost its last second knows less than this front. It finds that out itself, since
 * each tick tells it the marks, and answers HEAL instead of a picture. */
#include "line/event/line_event.h"

#include "core/event/draw_seal.h"
#include "line/line_limits.h"
#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An answer of tick.lua and its parts, as in wire.list, and what was parsed from them. */
struct tick_answer {
    struct tell_tick line;
    struct tell_ghosts ghosts;
    struct tell_gaps nobodys;
    struct line_gap gaps[LINE_GAPS_MAX];
    uint32_t gaps_len;
    struct line_pilot pilot;
    bool has_doc;
    struct tell_document document;
    struct tell_draw drawn;
    struct line_draw draw;
};

static bool is_word(struct span text)
{
    return text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL;
}

/* "from:upto,from:upto" */
static bool read_gap_list(struct span text, struct tick_answer *tick)
{
    while (text.len > 0) {
        struct span one, from;
        text = span_cut(text, ',', &one);
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

static bool read_seed(const struct tell_draw *told, struct line_draw *draw)
{
    size_t bytes;
    if (sodium_hex2bin(draw->seed, sizeof(draw->seed), told->seed.ptr, told->seed.len, NULL, &bytes,
                       NULL) != 0 ||
        bytes != sizeof(draw->seed) || told->entries == WIRE_NONE)
        return false;
    assert(told->beacon.len <= sizeof(draw->beacon)); /* tell_draw_read() has looked */
    draw->drawn = true;
    memcpy(draw->beacon, told->beacon.ptr, told->beacon.len);
    draw->beacon_len = (uint32_t)told->beacon.len;
    draw_init(&draw->order, draw->seed, told->beacon, told->entries);
    return true;
}

static bool read_draw(const redisReply *reply, struct tell_draw *told, struct line_draw *draw)
{
    *draw = (struct line_draw){0};
    if (!tell_draw_read(reply, 0, told) || !is_word(told->incarnation) ||
        !line_incarnation_ok(told->incarnation))
        return false;
    draw->has_seal = told->seal.len > 0;
    draw->closed = told->closed_entries != WIRE_NONE;
    draw->closed_entries = draw->closed ? told->closed_entries : 0;
    draw->closed_ms = told->closed_ms;
    draw->drawn_ms = told->drawn_ms;
    return (told->seal.len == 0 || draw_seal_parse(told->seal, &draw->seal)) &&
           (told->seed.len == 0 || read_seed(told, draw));
}

/* {} while it is off. */
static bool read_pilot(const redisReply *reply, struct line_pilot *pilot)
{
    struct tell_pilot told;
    *pilot = (struct line_pilot){.on = resp_len(reply) > 0};
    if (!pilot->on)
        return true;
    if (!tell_pilot_read(reply, 0, &told))
        return false;
    pilot->rate_milli = told.rate_milli;
    pilot->at_ms = told.at_ms;
    pilot->heard_ms = told.heard_ms;
    pilot->from_milli = told.from_milli;
    pilot->moved_ms = told.moved_ms;
    return span_to_cstr(told.reason, pilot->reason, sizeof(pilot->reason)) &&
           span_to_cstr(told.why, pilot->why, sizeof(pilot->why)) &&
           span_to_cstr(told.because, pilot->because, sizeof(pilot->because)) &&
           span_to_cstr(told.reading, pilot->reading, sizeof(pilot->reading));
}

static bool read_tick(const redisReply *reply, struct tick_answer *tick)
{
    struct tell_tick *line = &tick->line;
    struct tell_ghosts *ghosts = &tick->ghosts;
    struct tell_gaps *nobodys = &tick->nobodys;
    struct tell_document *document = &tick->document;
    tick->gaps_len = 0;
    if (!tell_tick_read(reply, 0, line) || line->serving > line->issued || !is_word(line->odds) ||
        !read_pilot(line->pilot, &tick->pilot))
        return false;
    if (!tell_ghosts_read(line->ghosts, 0, ghosts) || ghosts->judged > line->issued ||
        ghosts->skipped > line->serving || ghosts->waiting > line->issued - line->serving ||
        ghosts->whole > ghosts->seq)
        return false;
    if (!tell_gaps_read(line->gaps, 0, nobodys) || nobodys->nobodys > ghosts->waiting ||
        nobodys->passed > ghosts->skipped || nobodys->raised > line->issued ||
        !read_gap_list(nobodys->ranges, tick))
        return false;
    tick->has_doc = resp_len(line->document) > 0;
    return !tick->has_doc ||
           (tell_document_read(line->document, 0, document) &&
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
        drop_calls(event, 1); /* the oldest: their visitors are the most likely to have gone */
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

/* True if the list is another one than before. */
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
            break; /* no memory: asked for again by the next tick */
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

/* False if there is no memory for it; then the version stays behind and it is sent again. */
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
    assert(fits); /* read_tick() and read_draw() have looked */
    event->view.tag = line_tag(event->view.incarnation);
    return true;
}

/* tell_moves, and behind it entry, moves, ... */
static void take_moves(struct line_event *event, const struct tick_answer *tick)
{
    struct line_marks *marks = &event->marks;
    struct tell_moves told;
    if (!tell_moves_read(tick->line.moves, 0, &told))
        return;
    if (event->telling_len > 0)
        event->moves.told = event->telling_upto;
    if (told.run != marks->moves_run) {
        moves_tell_again(&event->moves);
        ghosts_tell_again(&event->ghosts);
    }
    for (size_t i = TELL_MOVES_WORDS; i + 1 < resp_len(tick->line.moves); i += 2) {
        struct move move;
        uint64_t moves = 0;
        if (!resp_get_u64(tick->line.moves, i, &move.entry) ||
            !resp_get_u64(tick->line.moves, i + 1, &moves) || move.entry == 0 ||
            move.entry > LINE_PLACE_MAX || moves == 0 || moves > MOVES_OF_PLACE_MAX)
            continue;
        move.moves = (uint8_t)moves;
        moves_note(&event->moves, move);
    }
    event->moves_more = told.seq > marks->moves_seq &&
                        resp_len(tick->line.moves) >= TELL_MOVES_WORDS + 2 * LINE_MOVES_MAX;
    marks->moves_run = told.run;
    marks->moves_seq = told.seq;
}

/* {how far, "place:kind:until_ms:times", ...}. The log's ids are Redis's times: after a loss,
 * what was written around it is read again. True if something was new. */
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

/* What a heal adds is no joins: most of those places are nobody's, and their pace would ask
 * newcomers for the work of a rush, and the next heal for a gap as large. So would a batch of joins
 * between two ticks that happen to be a millisecond apart. */
static void measure_joins(struct line_event *event, const struct tick_answer *tick)
{
    uint64_t now_ms = tick->line.now_ms, joined = tick->line.issued - tick->nobodys.raised;
    if (event->seen && now_ms > event->view.redis_ms)
        event->joins_milli -= event->joins_milli / 64;
    assert(tick->nobodys.raised <= tick->line.issued); /* read_tick() has looked */
    bool went_back = now_ms < event->joins_at_ms || joined < event->joined;
    if (event->seen && !went_back && now_ms - event->joins_at_ms < JOINS_WINDOW_MS)
        return;
    if (event->seen && !went_back) {
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

/* An event that appears while we watch was just made. */
static void take_gaps(struct line_event *event, const struct tick_answer *tick)
{
    for (uint32_t i = 0; i < tick->gaps_len && event->seen; i++) {
        if (!knows_gap(event, tick->gaps[i]))
            ghosts_add_gap(&event->ghosts, tick->gaps[i]);
    }
    assert(tick->gaps_len <= LINE_GAPS_MAX);
    memcpy(event->gaps, tick->gaps, sizeof(event->gaps));
    event->gaps_len = tick->gaps_len;
    event->view.nobodys = tick->nobodys.nobodys;
    event->view.nobodys_passed = tick->nobodys.passed;
}

static bool take_numbers(struct line_event *event, const struct tick_answer *tick,
                         uint64_t asked_us, uint64_t now_us)
{
    struct line_view *view = &event->view;
    struct line_view before = *view;
    assert(tick->line.serving <= tick->line.issued); /* read_tick() has looked */
    measure_joins(event, tick);
    view->state = (enum line_state)tick->line.state;
    view->issued = tick->line.issued;
    view->serving = tick->line.serving;
    const struct ghosts_told told = {.judged = tick->ghosts.judged,
                                     .waiting = tick->ghosts.waiting,
                                     .seq = tick->ghosts.seq,
                                     .whole = tick->ghosts.whole,
                                     .at_ms = tick->ghosts.at_ms};
    ghosts_take(&event->ghosts, told, tick->line.now_ms);
    take_gaps(event, tick);
    view->waiting = tick->line.waiting;
    view->skipped = tick->ghosts.skipped;
    view->late_ms = tick->line.late_ms;
    view->stood_ms = tick->line.stood_ms;
    if (view->halted_ms > 0 && tick->line.halted_ms == 0)
        view->resumed_ms = tick->line.now_ms;
    view->halted_ms = tick->line.halted_ms;
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
    assert(fits); /* read_tick() has looked */
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
        event->not_yet_us = 0; /* those who know the time have to see this Redis first */
        return LINE_TICK_HEAL;
    }
    if (outcome == LINE_RENEWED)
        return LINE_TICK_RENEWED;
    if (outcome == LINE_NOT_YET) {
        line_event_wait(event, now_us);
        return LINE_TICK_NOT_YET;
    }
    if (outcome != LINE_OK || !read_tick(reply, &tick) || (!event->seen && !tick.has_doc))
        return LINE_TICK_BAD;

    bool changed = !event->seen;
    if (tick.has_doc) {
        if (!take_doc(event, &tick))
            return LINE_TICK_BAD;
        changed = true;
    }
    bool healed = event->seen && tick.line.generation != event->marks.generation;
    changed = take_stretches(event, &tick) || changed;
    changed = take_turns(event, &tick, healed) || changed;
    changed = take_numbers(event, &tick, asked_us, now_us) || changed;
    /* Their positions go with the next tick. One that comes twice counts once. */
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
    event->seen = true;
    return changed ? LINE_TICK_CHANGED : LINE_TICK_SAME;
}
