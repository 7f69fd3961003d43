/* visitor_move.c: moves a visitor from phase to phase, at once or later, and records it. All other
 * files of a visitor use it for that.
 *
 * Invariant: at most one entry of the schedule is the visitor's current turn; moving on cancels the
 * earlier plan. */
#include "visitor/visitor_internal.h"

#include "base/rfc3339.h"

#include <assert.h>
#include <stdio.h>

/* ---- what is kept ---- */

void visitor_note_flagged(struct visitor *visitor, enum record_kind kind,
                          const struct pool_answer *answer, uint64_t value, uint64_t more,
                          unsigned flags)
{
    struct record record = {
        .at_us = system_wall_us(),
        .value = value,
        .more = more,
        .visitor = visitor->number,
        .took_us = answer != NULL ? (uint32_t)answer->took_us : 0,
        .status = answer != NULL ? (uint16_t)answer->status : 0,
        .kind = (uint8_t)kind,
        .flags = (uint8_t)flags,
    };
    if (kind == RECORD_JOIN || kind == RECORD_ENTRY) /* an earlier attempt may have got it */
        record.took_us = (uint32_t)(system_mono_us() - visitor->asked_us);
    recorder_put(visitor->crowd->recorder, &record);
}

void visitor_note(struct visitor *visitor, enum record_kind kind, const struct pool_answer *answer,
                  uint64_t value, uint64_t more)
{
    visitor_note_flagged(visitor, kind, answer, value, more, 0);
}

uint64_t visitor_time_us(const struct pool_answer *answer, const char *key)
{
    struct span text;
    uint64_t at_ms;
    return peek_str(answer->body, key, &text) && rfc3339_parse(text, &at_ms) ? at_ms * 1000 : 0;
}

void visitor_step(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_note(visitor, RECORD_STEP, answer, visitor->phase, 0);
}

void visitor_trick(struct visitor *visitor, enum record_trick trick,
                   const struct pool_answer *answer, bool worked, uint64_t more)
{
    struct crowd_stats *stats = visitor->crowd->stats;
    visitor_count(worked ? &stats->tricks_worked[trick] : &stats->tricks_met[trick], 1);
    visitor_note(visitor, RECORD_TRICK, answer, trick, more);
}

/* ---- moving ---- */

void visitor_stop_listening(struct visitor *visitor)
{
    if (visitor->stream == NULL)
        return;
    atomic_fetch_sub_explicit(&visitor->crowd->stats->streams, 1, memory_order_relaxed);
    stream_close(visitor->stream);
    visitor->stream = NULL;
}

void visitor_enter(struct visitor *visitor, enum phase phase)
{
    struct crowd_stats *stats = visitor->crowd->stats;
    if (visitor->phase == phase)
        return;
    atomic_fetch_sub_explicit(&stats->in[visitor->phase], 1, memory_order_relaxed);
    visitor->phase = (uint8_t)phase;
    visitor->tries = 0;
    visitor_count(&stats->in[phase], 1);
}

void visitor_end(struct visitor *visitor, enum record_end how)
{
    assert(!visitor->ended);
    visitor_stop_listening(visitor);
    visitor->ended = true;
    visitor_enter(visitor, PHASE_AWAY);
    free(visitor->baggage);
    free(visitor->proof);
    visitor->baggage = NULL;
    visitor->proof = NULL;
    visitor->crowd->ended++;
    visitor_count(&visitor->crowd->stats->ended[how], 1);
    visitor_note(visitor, RECORD_END, NULL, how, 0);
}

void visitor_later(struct visitor *visitor, enum phase phase, uint64_t in_ms)
{
    struct crowd *crowd = visitor->crowd;
    visitor_enter(visitor, phase);
    struct due due = {.at_us = system_mono_us() + in_ms * 1000,
                      .visitor = (uint32_t)(visitor - crowd->visitors),
                      .turn = ++visitor->turn};
    schedule_add(crowd->schedule, &due);
}

uint64_t visitor_between_ms(const struct visitor *visitor, uint64_t low, uint64_t high)
{
    return low + rng_below(visitor->crowd->rng, high - low + 1);
}

void visitor_soon(struct visitor *visitor, enum phase phase, uint64_t low_ms, uint64_t high_ms)
{
    visitor_later(visitor, phase, visitor_between_ms(visitor, low_ms, high_ms));
}

void visitor_again(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_note(visitor, RECORD_OTHER, answer, visitor->phase, 0);
    if (++visitor->tries >= VISITOR_TRIES_MAX) {
        visitor_end(visitor, answer->rc == 0 ? END_TURNED : END_FAILED);
        return;
    }
    uint64_t pause_ms = UINT64_C(500) << (visitor->tries - 1);
    if (pause_ms > VISITOR_AGAIN_MAX_MS)
        pause_ms = VISITOR_AGAIN_MAX_MS;
    if (answer->retry_after_s > 0)
        pause_ms = answer->retry_after_s * 1000u;
    visitor_soon(visitor, visitor->phase, pause_ms, pause_ms * 3 / 2);
}

bool visitor_is_for_later(const struct pool_answer *answer)
{
    return answer->rc != 0 || answer->status == 429 || answer->status == 503 ||
           answer->status == 502 || answer->status == 504;
}

bool visitor_has_code(const struct pool_answer *answer, const char *code)
{
    struct span text;
    return peek_str(answer->body, "code", &text) && span_eq(text, span_of(code));
}

void visitor_unexpected(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_note(visitor, RECORD_OTHER, answer, visitor->phase, 0);
    if (getenv("CROWD_DEBUG") != NULL)
        fprintf(stderr, "visitor %u in phase %u: %u %.*s\n", visitor->number,
                (unsigned)visitor->phase, answer->status,
                (int)(answer->body.len < 400 ? answer->body.len : 400), answer->body.ptr);
    visitor_end(visitor, END_FAILED);
}
