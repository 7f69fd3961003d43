/* visitor_line.c: handles the waiting room's answers to a visitor, from the page to the pass.
 *
 * A visitor does what the page's script does: it joins, polls at the intervals that the answers
 * name, and enters when called. Each answer (position, wait) is recorded for the checker, which
 * later compares it with what happened. Some visitors leave or join again, and bots try their
 * tricks. */
#include "visitor/solve.h"
#include "visitor/visitor_internal.h"

#include "base/tag.h"

#include <stdio.h>

enum { NOTICE_UNTIMED = 1 };

static bool line_is_over(struct visitor *visitor, const struct pool_answer *answer)
{
    if (!visitor_has_code(answer, "event-sold-out") && !visitor_has_code(answer, "event-closed"))
        return false;
    visitor_step(visitor, answer);
    visitor_end(visitor, END_SOLD_OUT);
    return true;
}

void visitor_on_page(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_step(visitor, answer);
    visitor_soon(visitor, PHASE_JOIN, 20, 300);
}

/* ---- proof of work ---- */

struct proving {
    uv_work_t work;
    struct visitor *visitor;
    unsigned bits;
    uint64_t n;
    bool solved;
    char challenge[64];
};

static void prove(uv_work_t *work)
{
    struct proving *proving = work->data;
    proving->solved =
        solve(span_of(proving->challenge), proving->bits, UINT64_C(1) << 40, &proving->n);
}

static void on_proved(uv_work_t *work, int status)
{
    struct proving *proving = work->data;
    struct visitor *visitor = proving->visitor;
    char text[96];
    int len = snprintf(text, sizeof(text), "%s.%lu", proving->challenge, proving->n);
    if (!visitor->ended && visitor->phase == PHASE_SOLVE) {
        free(visitor->proof);
        visitor->proof = status == 0 && proving->solved ? strndup(text, (size_t)len) : NULL;
        visitor_later(visitor, PHASE_JOIN, 0);
    }
    free(proving);
}

/* Returns false if no solvable proof of work was requested for the join. */
static bool asked_to_prove(struct visitor *visitor, const struct pool_answer *answer)
{
    struct span challenge;
    uint64_t bits = 0;
    if (answer->status != 428 || !peek_str(answer->body, "challenge", &challenge) ||
        !peek_u64(answer->body, "bits", &bits) || bits > SOLVE_BITS_MAX)
        return false;
    struct proving *proving = calloc(1, sizeof(*proving));
    if (proving == NULL)
        return false;
    proving->visitor = visitor;
    proving->bits = (unsigned)bits;
    proving->work.data = proving;
    if (!span_to_cstr(challenge, proving->challenge, sizeof(proving->challenge)) ||
        uv_queue_work(visitor->crowd->loop, &proving->work, prove, on_proved) < 0) {
        free(proving);
        return false;
    }
    visitor_step(visitor, answer);
    visitor_enter(visitor, PHASE_SOLVE);
    return true;
}

/* ---- joining ---- */

static void join_again_answered(struct visitor *visitor, const struct pool_answer *answer)
{
    enum record_trick trick = (enum record_trick)(visitor->trick - 1);
    uint64_t place = 0;
    if (!peek_u64(answer->body, "position", &place))
        peek_u64(answer->body, "entry", &place);
    else if (visitor->undrawn) /* the draw happened meanwhile */
        place = visitor->place;
    visitor_trick(visitor, trick, answer, answer->status != 200 || place != visitor->place, place);
    visitor->trick = 0;
}

static void remember_promise(struct visitor *visitor, const struct pool_answer *answer)
{
    struct crowd_stats *stats = visitor->crowd->stats;
    uint64_t p50 = 0, p90 = 0;
    if (peek_u64(answer->body, "p50_s", &p50))
        peek_u64(answer->body, "p90_s", &p90);
    visitor->undrawn = !peek_u64(answer->body, "position", &visitor->place);
    if (visitor->undrawn)
        peek_u64(answer->body, "entry", &visitor->place);
    visitor->promised = p50 << 32 | p90;
    visitor_count(&stats->placed, 1);
    atomic_store_explicit(&stats->joined_us, system_mono_us(), memory_order_relaxed);
    visitor_note(visitor, visitor->undrawn ? RECORD_ENTRY : RECORD_JOIN, answer, visitor->place,
                 visitor->promised);
}

/* Compares the promise with the wait until the poll that showed the call. The checker, which has
 * the records, is more exact. */
static void count_wait(const struct visitor *visitor)
{
    struct crowd_stats *stats = visitor->crowd->stats;
    uint64_t p50_us = (visitor->promised >> 32) * 1000000, waited_us;
    uint64_t p90_us = (uint32_t)visitor->promised * UINT64_C(1000000);
    if (p50_us == 0)
        return;
    waited_us = system_mono_us() - visitor->asked_us;
    visitor_count(&stats->waits, 1);
    visitor_count(&stats->within_p50, waited_us < p50_us + 1000000);
    visitor_count(&stats->within_p90, waited_us < p90_us + 1000000);
    histogram_record(&stats->eta_error,
                     waited_us > p50_us ? waited_us - p50_us : p50_us - waited_us);
}

static void open_stream(struct visitor *visitor);

/* The next step of a visitor with a place. */
static void begin_to_wait(struct visitor *visitor, uint64_t poll_ms)
{
    const struct crowd *crowd = visitor->crowd;
    if (visitor_is(visitor, MANNER_SLOW) && visitor->stream == NULL)
        open_stream(visitor);
    if (visitor_is(visitor, MANNER_JUMPER) || visitor_is(visitor, MANNER_FORGER)) {
        visitor_soon(visitor, PHASE_PASS, 50, 300);
    } else if (visitor_is(visitor, MANNER_LEAVER)) {
        visitor_soon(visitor, PHASE_LEAVE, 500, 5000);
    } else if (crowd->scenario->journey == JOURNEY_LINE) {
        visitor_end(visitor, END_DONE);
    } else if (visitor_is(visitor, MANNER_LISTENER)) {
        uint64_t now_us = system_mono_us(), wait_ms = 0;
        if (crowd->streams_from_us > now_us)
            wait_ms = (crowd->streams_from_us - now_us) / 1000;
        if (crowd->streams_from_us > 0)
            wait_ms += visitor_between_ms(visitor, 0, crowd->scenario->streams_within_ms);
        visitor_later(visitor, PHASE_LISTEN, wait_ms);
    } else {
        visitor_later(visitor, PHASE_WAIT, poll_ms);
    }
}

/* Joins again, out of impatience or in a second tab, with a trick prepared. */
static bool joins_again(struct visitor *visitor)
{
    bool tab = visitor_is(visitor, MANNER_TWO_TABS) && visitor->rejoins == 0;
    bool rejoin = visitor_is(visitor, MANNER_IMPATIENT) && visitor->rejoins < VISITOR_REJOINS_MAX;
    if (!tab && !rejoin)
        return false;
    visitor->rejoins++;
    visitor->trick = tab ? 1 + TRICK_TAB : 1 + TRICK_REJOIN;
    visitor_soon(visitor, PHASE_JOIN, 0, 500);
    return true;
}

void visitor_on_join(struct visitor *visitor, const struct pool_answer *answer)
{
    bool again = visitor->trick > 0 && answer->status < 300;
    struct span ticket;
    if (again) {
        join_again_answered(visitor, answer);
    } else if (answer->status >= 300 || !peek_str(answer->body, "ticket", &ticket) ||
               !span_to_cstr(ticket, visitor->ticket, sizeof(visitor->ticket))) {
        if (!asked_to_prove(visitor, answer) && !line_is_over(visitor, answer))
            visitor_unexpected(visitor, answer);
        return;
    } else {
        remember_promise(visitor, answer);
    }
    if (joins_again(visitor))
        return;
    free(visitor->proof);
    visitor->proof = NULL;
    uint64_t poll_ms = 1000;
    peek_u64(answer->body, "poll_after_ms", &poll_ms);
    begin_to_wait(visitor, poll_ms);
}

/* ---- waiting ---- */

/* The draw has assigned a place to the entry. */
static void place_drawn(struct visitor *visitor, const struct pool_answer *answer)
{
    uint64_t place;
    if (!visitor->undrawn || !peek_u64(answer->body, "position", &place))
        return;
    visitor->undrawn = false;
    visitor->place = place;
    visitor_note(visitor, RECORD_JOIN, answer, place, 0);
}

/* A slow reader's pause is over: reads the piled-up input. */
static void wake_up(struct visitor *visitor)
{
    if (visitor->stream != NULL && visitor->doze_end != 0 &&
        (int32_t)((uint32_t)uv_now(visitor->crowd->loop) - visitor->doze_end) >= 0) {
        visitor->doze_end = 0;
        stream_wake(visitor->stream);
    }
}

static void not_called(struct visitor *visitor, const struct pool_answer *answer)
{
    struct span state;
    uint64_t poll_ms = 5000;
    peek_u64(answer->body, "poll_after_ms", &poll_ms);
    wake_up(visitor);
    if (peek_str(answer->body, "state", &state) &&
        (span_eq(state, SPAN("sold-out")) || span_eq(state, SPAN("closed"))))
        visitor_end(visitor, END_SOLD_OUT);
    else if (visitor_is(visitor, MANNER_LISTENER) && !visitor->woken)
        visitor_later(visitor, PHASE_LISTEN, visitor->stream != NULL ? VISITOR_BEAT_MS : 0);
    else /* a woken listener, too, if this front does not know of the call yet */
        visitor_later(visitor, PHASE_WAIT, poll_ms);
    visitor->woken = false;
}

static unsigned standing(const struct pool_answer *answer)
{
    struct span place;
    bool stale = false;
    peek_bool(answer->body, "stale", &stale);
    bool waits = peek_str(answer->body, "place", &place) && span_eq(place, SPAN("waiting"));
    return (waits ? RECORD_WAITING : 0u) | (stale ? RECORD_STALE : 0u);
}

void visitor_on_wait(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor->tries = 0;
    place_drawn(visitor, answer);
    bool called = false;
    uint64_t place = 0, ahead = 0;
    peek_bool(answer->body, "called", &called);
    peek_u64(answer->body, "position", &place);
    peek_u64(answer->body, "ahead", &ahead);
    visitor_note_flagged(visitor, RECORD_WAIT, answer, place, ahead, standing(answer));
    if (called && !visitor->called) {
        visitor->called = true;
        count_wait(visitor);
        visitor_note(visitor, RECORD_CALLED, answer, visitor->place,
                     visitor_time_us(answer, "call_expires_at"));
    }
    if (!called) {
        not_called(visitor, answer);
        return;
    }
    visitor_stop_listening(visitor);
    if (visitor_is(visitor, MANNER_NO_SHOW))
        visitor_end(visitor, END_NO_SHOW);
    else
        visitor_soon(visitor, PHASE_PASS, 100, 1500);
}

/* ---- listening ---- */

/* Measures how old a notice is: it may end with @ and its time, in microseconds. The first notice
 * seen may be an old one, and does not count. */
static void time_notice(struct visitor *visitor, struct span data)
{
    struct span before, rest = span_cut(data, '@', &before);
    size_t digits = 0;
    uint64_t at_us = NOTICE_UNTIMED, now_us = system_wall_us();
    while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')
        digits++;
    if (digits == 16)
        span_u64((struct span){rest.ptr, digits}, now_us, &at_us);
    if (at_us != NOTICE_UNTIMED && visitor->notice_us != 0 && visitor->notice_us != at_us)
        histogram_record(&visitor->crowd->stats->noticed, now_us - at_us);
    visitor->notice_us = at_us;
}

static void on_data(void *ctx, struct span data)
{
    struct visitor *visitor = ctx;
    struct crowd_stats *stats = visitor->crowd->stats;
    visitor_count(&stats->events, 1);
    if (visitor->doze_end == UINT32_MAX) { /* a slow reader has seen that it works */
        visitor->doze_end = (uint32_t)uv_now(visitor->crowd->loop) + VISITOR_DOZE_MS;
        stream_doze(visitor->stream);
    }
    if (visitor->phase != PHASE_LISTEN)
        return;
    time_notice(visitor, data);
    uint64_t serving = 0;
    struct span state = {NULL, 0};
    peek_u64(data, "serving", &serving);
    peek_str(data, "state", &state);
    visitor->woken = !visitor->undrawn && serving >= visitor->place;
    if (visitor->woken)
        visitor_later(visitor, PHASE_WAIT, 0);
    else if (span_eq(state, SPAN("sold-out")) || span_eq(state, SPAN("closed")) ||
             (visitor->undrawn && !span_eq(state, SPAN("pre-queue"))))
        visitor_soon(visitor, PHASE_WAIT, 0, 2000);
}

static void on_stream_end(void *ctx, unsigned status)
{
    struct visitor *visitor = ctx;
    visitor_note(visitor, RECORD_STREAM, NULL, status, 1);
    visitor_count(&visitor->crowd->stats->streams_lost, 1);
    visitor_stop_listening(visitor);
    if (visitor->phase == PHASE_LISTEN)
        visitor_soon(visitor, PHASE_LISTEN, 500, 3000);
}

static void open_stream(struct visitor *visitor)
{
    struct crowd *crowd = visitor->crowd;
    bool slow = visitor_is(visitor, MANNER_SLOW);
    char request[STREAM_REQUEST_MAX];
    size_t len = visitor_ask_stream(visitor, request, sizeof(request));
    struct stream_conf conf = {
        .link = crowd->link,
        .request = {request, len},
        .on_data = on_data,
        .on_end = on_stream_end,
        .ctx = visitor,
    };
    conf.link.to = crowd->front[(visitor->number + visitor->turn) % crowd->fronts];
    conf.link.number = visitor->number - crowd->first_number;
    conf.link.receive_bytes = slow ? 2048 : 0;
    visitor->stream = stream_open(&conf);
    if (visitor->stream == NULL) {
        visitor_count(&crowd->stats->streams_lost, 1);
        return;
    }
    visitor->doze_end = slow ? UINT32_MAX : 0;
    visitor_count(&crowd->stats->streams, 1);
}

void visitor_listen(struct visitor *visitor)
{
    if (visitor->stream != NULL) { /* a listener, too, polls from time to time */
        visitor_later(visitor, PHASE_WAIT, 0);
        return;
    }
    open_stream(visitor);
    visitor_later(visitor, PHASE_LISTEN, visitor->stream != NULL ? VISITOR_BEAT_MS : 2000);
}

/* ---- the pass ---- */

void visitor_prepare_trick(struct visitor *visitor)
{
    if (visitor->called)
        return;
    if (visitor_is(visitor, MANNER_FORGER)) {
        visitor->trick = 1 + TRICK_FORGE;
        visitor->letter = visitor->ticket[FORGED_AT];
        visitor->ticket[FORGED_AT] = visitor->letter == 'A' ? 'B' : 'A';
    } else {
        visitor->trick = 1 + TRICK_JUMP;
    }
}

/* Before the call: a bot tried to jump the line with its own ticket or a forged one. */
static void early_answered(struct visitor *visitor, const struct pool_answer *answer)
{
    enum record_trick trick = (enum record_trick)(visitor->trick - 1);
    visitor_trick(visitor, trick, answer, answer->rc == 0 && answer->status < 300, visitor->place);
    visitor->trick = 0;
    if (trick == TRICK_FORGE) /* restores the ticket */
        visitor->ticket[FORGED_AT] = visitor->letter;
    visitor->manner &= (uint16_t) ~(1u << MANNER_JUMPER | 1u << MANNER_FORGER);
    begin_to_wait(visitor, visitor_between_ms(visitor, 200, 1000));
}

/* Has a pass, and goes on to the seats. */
static void go_in(struct visitor *visitor)
{
    visitor->attempt = 0;
    if (visitor->crowd->scenario->journey == JOURNEY_PASS)
        visitor_end(visitor, END_DONE);
    else
        visitor_soon(visitor, visitor_first_at_seats(visitor), 50, 1000);
}

static void let_in(struct visitor *visitor, const struct pool_answer *answer, unsigned flags)
{
    struct span session;
    peek_str(answer->body, "session", &session);
    visitor->baggage->session = tag_hash(session);
    visitor_note_flagged(visitor, RECORD_PASS, answer, visitor->place, visitor->baggage->session,
                         flags);
    visitor->attempt = 0;
    if (visitor_is(visitor, MANNER_REUSER))
        visitor_soon(visitor, PHASE_REPASS, 0, 300);
    else
        go_in(visitor);
}

void visitor_on_pass(struct visitor *visitor, const struct pool_answer *answer)
{
    unsigned flags = 0;
    if (visitor->trick == 1 + TRICK_JUMP && answer->rc == 0 && answer->status < 300) {
        visitor->trick = 0; /* already called, or let in too early: the checker finds out */
        visitor->called = true;
        flags = RECORD_EARLY;
        visitor_stop_listening(visitor);
    }
    if (visitor->trick > 0) {
        early_answered(visitor, answer);
        return;
    }
    if (visitor_has_code(answer, "not-yet")) { /* called, but no slot is free: waits at the door */
        visitor_step(visitor, answer);
        uint64_t pause_ms = 1000u * (answer->retry_after_s > 0 ? answer->retry_after_s : 1);
        visitor_soon(visitor, PHASE_PASS, pause_ms, pause_ms + 500);
        return;
    }
    if (visitor_is_for_later(answer)) {
        visitor_again(visitor, answer);
        return;
    }
    if (answer->status == 410) {
        visitor_note(visitor, RECORD_GONE, answer, GONE_CALL, 0);
        visitor_end(visitor, END_TOO_LATE);
        return;
    }
    struct span pass;
    if (visitor->baggage == NULL)
        visitor->baggage = calloc(1, sizeof(*visitor->baggage));
    if (answer->status >= 300 || visitor->baggage == NULL ||
        !peek_str(answer->body, "pass", &pass) ||
        !span_to_cstr(pass, visitor->baggage->pass, sizeof(visitor->baggage->pass))) {
        if (!line_is_over(visitor, answer))
            visitor_unexpected(visitor, answer);
        return;
    }
    let_in(visitor, answer, flags);
}

/* ---- tickets used more than once ---- */

static uint64_t session_of(const struct pool_answer *answer)
{
    struct span session;
    return peek_str(answer->body, "session", &session) ? tag_hash(session) : 0;
}

void visitor_on_repass(struct visitor *visitor, const struct pool_answer *answer)
{
    uint64_t session = answer->status < 300 ? session_of(answer) : visitor->baggage->session;
    visitor_trick(visitor, TRICK_REUSE, answer, session != visitor->baggage->session, session);
    if (++visitor->attempt < VISITOR_REJOINS_MAX)
        visitor_soon(visitor, PHASE_REPASS, 0, 300);
    else
        go_in(visitor);
}

void visitor_on_return(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_trick(visitor, TRICK_RETURN, answer, answer->status < 300, session_of(answer));
    visitor_through(visitor, MANNER_REUSER);
}

/* If the first try finds no hold to give up, the hold was lost. A retry may find none because an
 * earlier try was executed. */
void visitor_on_leave(struct visitor *visitor, const struct pool_answer *answer)
{
    bool gone = answer->status == 404 || answer->status == 410;
    if (gone && visitor->tries == 0 && visitor->phase == PHASE_DROP) {
        visitor_note(visitor, RECORD_GONE, answer, GONE_HOLD, 0);
        visitor_end(visitor, END_LEFT);
    } else if (answer->status >= 300 && !(gone && visitor->tries > 0)) {
        visitor_unexpected(visitor, answer);
    } else {
        bool back = visitor->crowd->scenario->journey == JOURNEY_BACK &&
                    !visitor_is(visitor, MANNER_LEAVER);
        visitor_step(visitor, answer);
        if (back && visitor->phase == PHASE_DROP)
            visitor_later(visitor, PHASE_LEAVE, 0);
        else
            visitor_end(visitor, back ? END_DONE : END_LEFT);
    }
}
