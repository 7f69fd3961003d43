/* saga.c: where a saga goes next. This file makes all of the engine's decisions:
 *
 *              DONE            FAILED              ONGOING        UNKNOWN
 *   forward,   next step       back, from the      same step      same step, same key,
 *   to pivot                   step above          later          after a backoff; at the
 *                                                                 deadline back, from this step
 *   forward,   next step       parked (optional:   same step      same; at the deadline parked
 *   below it                   next step)          later          (optional: next step)
 *   backward   step above      parked              same step      same; at the deadline parked
 *
 * Going back "from the step above" skips the failed step, because FAILED means that nothing
 * happened. Going back "from this step" includes it, because its outcome is unknown. That is why an
 * undo has to settle what was done, what may have been done, and what never was. The pivot differs
 * in one way: at its deadline the saga is parked, because the money may have moved.
 *
 * The switch over verdicts has no default, so a new verdict does not compile until it is handled,
 * and no branch turns silence into a failure. I4 rests on this file: at each deadline the saga
 * turns back, goes on or is parked. */
#include "core/saga/saga.h"

#include "base/bug.h"
#include "pace/backoff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void saga_def_check(const struct saga_def *def)
{
    assert(strlen(def->key) < SAGA_KEY_MAX);
    assert(def->steps_len >= 1);
    assert(def->steps_len <= SAGA_STEPS_MAX);
    assert(def->pivot < def->steps_len);
    for (uint8_t i = 0; i < def->steps_len; i++) {
        const struct saga_step *step = def->steps[i];
        assert(step->name != NULL);
        assert(step->run != NULL);
        assert(step->timeout_ms > 0);
        assert(step->deadline_ms >= step->timeout_ms);
        assert(step->retry_first_ms > 0);
        assert(step->retry_cap_ms >= step->retry_first_ms);
        assert(step->undo == NULL || i < def->pivot);
        assert(!step->optional || i > def->pivot);
        assert(step->peer == SAGA_PEER_NONE || step->peer < SAGA_PEERS_MAX);
        assert(step->peer == SAGA_PEER_NONE || !step->rides);
    }
}

int saga_undo_step(const struct saga_def *def, uint8_t step)
{
    assert(step < def->steps_len);
    int from = step;
    while (from >= 0 && def->steps[from]->undo == NULL)
        from--;
    return from;
}

static void copy_word(char *to, size_t cap, const char *from)
{
    span_to_cstr_cut(span_of(from), to, cap);
}

/* A move that stays at its step; the caller fills in what differs. */
static void begin(const struct saga_row *row, enum saga_mark mark, struct saga_move *out)
{
    assert(!saga_ended(row->state));
    assert(!row->parked);
    assert(row->step < row->def->steps_len);
    *out = (struct saga_move){
        .id = row->id,
        .token = row->token,
        .moves = row->moves,
        .wake = row->wake,
        .at_step = row->step,
        .way = saga_way(row),
        .mark = mark,
        .tried = row->tries + 1,
        .state = row->state,
        .step = row->step,
        .tries = row->tries,
    };
    memcpy(out->cause, row->cause, sizeof(out->cause));
    memcpy(out->trace, row->trace, sizeof(out->trace));
}

static void end(struct saga_move *out, enum saga_state state)
{
    assert(saga_ended(state));
    out->state = state;
    out->tries = 0;
    out->release = true;
    out->delay_ms = 0;
}

static void go_forward(const struct saga_row *row, struct saga_move *out)
{
    assert(row->state == SAGA_RUNNING);
    out->tries = 0;
    if (row->step + 1 == row->def->steps_len)
        end(out, SAGA_COMPLETED);
    else
        out->step = (uint8_t)(row->step + 1);
}

/* To the nearest undo at or above `from` - 1. */
static void go_back(const struct saga_row *row, unsigned from, struct saga_move *out)
{
    assert(from <= row->def->steps_len);
    int undo = from > 0 ? saga_undo_step(row->def, (uint8_t)(from - 1)) : -1;
    out->tries = 0;
    if (undo < 0) {
        end(out, SAGA_UNDONE);
        return;
    }
    assert(undo < row->def->pivot); /* below the pivot there is no way back */
    out->state = SAGA_UNDOING;
    out->step = (uint8_t)undo;
}

static void park(struct saga_move *out, const char *cause)
{
    assert(cause[0] != '\0'); /* an operator will ask why */
    out->parked = true;
    out->release = true;
    out->delay_ms = 0;
    if (out->cause[0] == '\0')
        copy_word(out->cause, sizeof(out->cause), cause);
}

static void sleep_for(struct saga_move *out, uint32_t delay_ms)
{
    out->release = true;
    out->delay_ms = delay_ms;
}

bool saga_must_turn(const struct saga_row *row)
{
    if (!row->cancel || row->state != SAGA_RUNNING)
        return false;
    /* The flag is only ever set above the pivot, in the same row that a move into the pivot
     * changes. So one of the two came first, and if the flag is set, the pivot was never tried.
     * Below the pivot, only a manual edit can have set the flag; there is no way back from
     * there. */
    if (row->step > row->def->pivot)
        BUG_WARN("cancel-below-the-pivot");
    return row->step <= row->def->pivot;
}

void saga_turn_back(const struct saga_row *row, const char *cause, struct saga_move *out)
{
    assert(cause[0] != '\0');
    assert(row->state == SAGA_RUNNING);
    assert(row->step <= row->def->pivot);
    begin(row, SAGA_MARK_TURNED, out);
    copy_word(out->cause, sizeof(out->cause), cause);
    copy_word(out->code, sizeof(out->code), cause);
    go_back(row, row->step + 1u, out);
}

void saga_defer(const struct saga_row *row, uint32_t delay_ms, struct saga_move *out)
{
    begin(row, SAGA_MARK_DEFERRED, out);
    sleep_for(out, delay_ms);
}

static void decide_failed(const struct saga_row *row, struct saga_move *out)
{
    const struct saga_def *def = row->def;
    const char *cause = out->code[0] != '\0' ? out->code : "refused";
    if (row->state == SAGA_UNDOING) {
        park(out, cause);
    } else if (row->step <= def->pivot) {
        copy_word(out->cause, sizeof(out->cause), cause);
        go_back(row, row->step, out);
    } else if (def->steps[row->step]->optional) {
        out->mark = SAGA_MARK_SKIPPED;
        go_forward(row, out);
    } else {
        park(out, cause);
    }
}

/* The step's time is up and the outcome is still unknown. */
static void decide_overdue(const struct saga_row *row, struct saga_move *out)
{
    assert(row->step < row->def->steps_len);
    const struct saga_def *def = row->def;
    if (row->state == SAGA_RUNNING && row->step < def->pivot) {
        out->mark = SAGA_MARK_TURNED;
        copy_word(out->cause, sizeof(out->cause), "deadline");
        go_back(row, row->step + 1u, out);
    } else if (row->state == SAGA_RUNNING && def->steps[row->step]->optional) {
        out->mark = SAGA_MARK_SKIPPED;
        go_forward(row, out);
    } else {
        park(out, "deadline");
    }
}

static bool is_overdue(const struct saga_row *row, uint64_t now_us)
{
    assert(row->step < row->def->steps_len);
    int64_t deadline_us = (int64_t)row->def->steps[row->step]->deadline_ms * 1000;
    return (int64_t)now_us >= row->step_us + deadline_us;
}

/* A peer whose process is replaced is back within seconds. If pauses doubled from the first silence
 * on, a saga would wait about that long again afterwards. */
static uint64_t pause_ms(const struct saga_step *step, uint32_t tries, const struct rng *rng)
{
    assert(tries >= 1);
    uint32_t growing = tries;
    if (tries > 2)
        growing = tries - 2 > step->retry_near ? tries - step->retry_near : 2;
    return backoff_ms(step->retry_first_ms, step->retry_cap_ms, growing, rng);
}

/* An event that was loaded for a saga waits longer for it: EVENT_AWAITED_MS of the seat service. */
enum { ASKED_SPREAD_MS = 4000 };

static void decide_unknown(const struct saga_row *row, const struct saga_outcome *outcome,
                           uint64_t now_us, const struct rng *rng, struct saga_move *out)
{
    if (is_overdue(row, now_us)) {
        decide_overdue(row, out);
        return;
    }
    const struct saga_step *step = row->def->steps[row->step];
    out->tries = row->tries + 1;
    uint64_t wait_ms = pause_ms(step, out->tries, rng);
    /* A peer that says when to retry is called soon after that, however many tries there were: an
     * event that the seat service loads for this saga waits for it, but not for long. */
    if (outcome->retry_ms > 0 && wait_ms > outcome->retry_ms + ASKED_SPREAD_MS)
        wait_ms = outcome->retry_ms + rng_below(rng, ASKED_SPREAD_MS);
    if (wait_ms < outcome->retry_ms)
        wait_ms = outcome->retry_ms;
    /* Do not sleep past the deadline. */
    int64_t left_us = row->step_us + (int64_t)step->deadline_ms * 1000 - (int64_t)now_us;
    assert(left_us > 0); /* otherwise the step would be overdue */
    uint64_t left_ms = (uint64_t)(left_us + 999) / 1000;
    sleep_for(out, (uint32_t)(wait_ms < left_ms ? wait_ms : left_ms));
}

void saga_decide(const struct saga_row *row, const struct saga_outcome *outcome, uint64_t now_us,
                 const struct rng *rng, struct saga_move *out)
{
    begin(row, (enum saga_mark)outcome->verdict, out);
    out->took_us = outcome->took_us;
    copy_word(out->code, sizeof(out->code), outcome->code);
    copy_word(out->detail, sizeof(out->detail), outcome->detail);
    switch (outcome->verdict) {
    case SAGA_DONE:
        if (row->state == SAGA_RUNNING)
            go_forward(row, out);
        else
            go_back(row, row->step, out);
        if (outcome->retry_ms > 0 && !saga_ended(out->state))
            sleep_for(out, outcome->retry_ms);
        return;
    case SAGA_FAILED:
        decide_failed(row, out);
        return;
    case SAGA_ONGOING:
        out->tries = 0; /* the peer answers, so consecutive silences count from zero again */
        if (is_overdue(row, now_us))
            decide_overdue(row, out);
        else
            sleep_for(out, outcome->retry_ms);
        return;
    case SAGA_UNKNOWN:
        decide_unknown(row, outcome, now_us, rng, out);
        return;
    case SAGA_VERDICT_COUNT:
        break;
    }
    assert(false && "a verdict out of its range");
}

bool saga_rides(const struct saga_row *row, const struct saga_move *move)
{
    assert(move->step < row->def->steps_len);
    return move->mark == SAGA_MARK_DONE && move->state == SAGA_RUNNING && !move->release &&
           move->at_step >= row->def->pivot && row->def->steps[move->step]->rides;
}

void saga_ride(struct saga_move *move, const struct saga_move *next)
{
    assert(next->mark == SAGA_MARK_DONE);
    assert(next->at_step == move->step);
    move->rode++;
    move->state = next->state;
    move->step = next->step;
    move->tries = next->tries;
    move->release = next->release;
    move->delay_ms = next->delay_ms;
}

void saga_refuse(const struct saga_row *row, const char *why, struct saga_move *out)
{
    begin(row, SAGA_MARK_UNKNOWN, out);
    out->tries = row->tries + 1;
    copy_word(out->code, sizeof(out->code), "bad-row");
    copy_word(out->detail, sizeof(out->detail), why);
    park(out, "bad-row");
}

void saga_apply(struct saga_row *row, const struct saga_move *move, uint64_t now_us)
{
    assert(row->id == move->id);
    assert(row->token == move->token);
    assert(row->moves == move->moves);
    assert(!saga_ended(row->state)); /* I4: an ended saga never moves again */
    assert(move->step < row->def->steps_len);
    if (row->step != move->step || row->state != move->state)
        row->step_us = (int64_t)now_us;
    row->moves++;
    row->state = move->state;
    row->step = move->step;
    row->tries = move->tries;
    row->parked = move->parked;
    memcpy(row->cause, move->cause, sizeof(row->cause));
}

const char *saga_state_name(enum saga_state state)
{
    static const char *const names[SAGA_STATE_COUNT] = {
        [SAGA_RUNNING] = "running",
        [SAGA_UNDOING] = "undoing",
        [SAGA_COMPLETED] = "completed",
        [SAGA_UNDONE] = "undone",
    };
    assert(state < SAGA_STATE_COUNT);
    return names[state];
}

const char *saga_mark_name(enum saga_mark mark)
{
    static const char *const names[SAGA_MARK_COUNT] = {
        [SAGA_MARK_DONE] = "done",         [SAGA_MARK_FAILED] = "failed",
        [SAGA_MARK_ONGOING] = "ongoing",   [SAGA_MARK_UNKNOWN] = "unknown",
        [SAGA_MARK_TURNED] = "turned",     [SAGA_MARK_SKIPPED] = "skipped",
        [SAGA_MARK_DEFERRED] = "deferred", [SAGA_MARK_OPERATOR] = "operator",
    };
    assert(mark < SAGA_MARK_COUNT);
    return names[mark];
}

/* ---- effects: kind (1 byte), length (4 bytes), bytes; one after the other ---- */

enum { EFFECT_HEAD = 5 };

static bool make_room(struct saga_effects *effects, size_t more)
{
    size_t need = effects->len + more;
    if (need <= effects->cap)
        return true;
    size_t cap = effects->cap > 0 ? effects->cap : 1024;
    while (cap < need)
        cap *= 2;
    char *bytes = need <= SAGA_EFFECTS_MAX ? realloc(effects->bytes, cap) : NULL;
    if (bytes == NULL) {
        effects->failed = true;
        return false;
    }
    assert(cap >= need);
    effects->bytes = bytes;
    effects->cap = (uint32_t)cap;
    return true;
}

void saga_effects_add(struct saga_effects *effects, uint8_t kind, struct span json)
{
    assert(json.len > 0);
    if (!make_room(effects, EFFECT_HEAD + json.len))
        return;
    char *at = effects->bytes + effects->len;
    uint32_t len = (uint32_t)json.len;
    at[0] = (char)kind;
    memcpy(at + 1, &len, sizeof(len));
    memcpy(at + EFFECT_HEAD, json.ptr, json.len);
    effects->len += EFFECT_HEAD + len;
    assert(effects->len <= effects->cap);
}

bool saga_effects_next(const struct saga_effects *effects, uint32_t *at, uint8_t *kind,
                       struct span *json)
{
    assert(*at <= effects->len);
    if (*at == effects->len)
        return false;
    uint32_t len;
    memcpy(&len, effects->bytes + *at + 1, sizeof(len));
    *kind = (uint8_t)effects->bytes[*at];
    *json = (struct span){effects->bytes + *at + EFFECT_HEAD, len};
    *at += EFFECT_HEAD + len;
    assert(*at <= effects->len); /* saga_effects_add() writes whole effects only */
    return true;
}

void saga_effects_clear(struct saga_effects *effects)
{
    free(effects->bytes);
    *effects = (struct saga_effects){0};
}
