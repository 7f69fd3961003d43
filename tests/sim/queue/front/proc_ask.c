/* proc_ask.c: sends a request to a front and reads the response like browsers and operators'
 * tools. Checkers also need facts that a response lacks: those come from the front's picture at
 * that moment. */
#include "queue/front/proc.h"

#include "queue/front/wire.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include "base/json_in.h"
#include "base/rfc3339.h"
#include "core/line/moves.h"
#include "core/token/pass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESSES = 4 };

struct asking {
    struct proc *proc;
    struct ask *ask;
    bool is_begun; /* no response yet */
    bool is_over;
};

static struct span event_of(const struct ask *ask)
{
    return span_of(lines_event(ask->line.event));
}

/* ---- the place ---- */

static bool has_place(enum ask_kind kind)
{
    return kind != ASK_JOIN && kind != ASK_TAKE && kind < ASK_CREATE;
}

/* Finds the ticket's place, if this front knows the event and its lane. */
static bool read_ticket(const struct proc *proc, struct ask *ask)
{
    const struct line_view *general = proc_general(proc, ask);
    struct ticket ticket;
    if (general == NULL ||
        ticket_parse(&proc_fleet()->keys->tickets, event_of(ask), span_of(ask->ticket),
                     clock_wall_us(&proc->clock) / SIM_S,
                     proc->front->config->ticket_lifetime_ms / 1000, &ticket) < 0 ||
        ticket.tag != general->tag)
        return false;
    const struct line_ref line = {ask->line.event, ticket.lane};
    const struct line_view *view = proc_view(proc, line);
    if (view == NULL)
        return false;
    ask->line = line;
    ask->entry = ticket.entry;
    ask->moves = ticket.moves;
    ask->position = place_position(view, ticket.entry);
    return true;
}

static void show(const struct proc *proc, const struct ask *ask, uint64_t position)
{
    if (position != 0 && proc_is_judged(proc, ask))
        proc_fleet()->ears.on_shown(lines_number(ask->line, position));
}

/* ---- the answer ---- */

static uint64_t number_in(const json_t *json, const char *name)
{
    const json_t *member = json_object_get(json, name);
    return json_is_integer(member) ? (uint64_t)json_integer_value(member) : 0;
}

static uint64_t time_in(const json_t *json, const char *name)
{
    uint64_t ms = 0;
    struct span text = json_in_text_of(json, name);
    bool good = text.ptr == NULL || rfc3339_parse(text, &ms);
    assert(good);
    return ms;
}

static void copy_in(const json_t *json, const char *name, char *out, size_t cap)
{
    bool fits = json_in_copy_of(json, name, out, cap);
    assert(fits);
}

static int outcome_of_problem(const struct ask *ask, const json_t *json)
{
    static const struct {
        const char *code;
        int outcome;
    } all[] = {
        {"event-unknown", LINE_UNKNOWN},
        {"starting", LINE_UNAVAILABLE},
        {"unavailable", LINE_UNAVAILABLE},
        {"overloaded", LINE_UNAVAILABLE},
        {"event-not-open", LINE_WRONG_STATE},
        {"event-closed", LINE_WRONG_STATE},
        {"event-changing", LINE_WRONG_STATE},
        {"event-sold-out", LINE_WRONG_STATE},
        {"event-frozen", LINE_WRONG_STATE},
        {"event-renewed", ANSWER_TICKET},
        {"ticket-invalid", ANSWER_TICKET},
        {"pass-invalid", ANSWER_TICKET},
        {"ticket-moved", ANSWER_MOVED},
        {"line-full", LINE_FULL},
        {"too-many-joins", LINE_LIMITED},
        {"place-gone", LINE_GONE},
        {"already-inside", LINE_INSIDE},
        {"session-ended", LINE_GONE},
        {"order-complete", LINE_GONE},
        {"session-expired", LINE_EXPIRED},
        {"call-expired", LINE_EXPIRED},
        {"not-yet", LINE_NOT_YET},
        {"extensions-exhausted", LINE_EXHAUSTED},
        {"moves-exhausted", LINE_EXHAUSTED},
        {"code-used", LINE_CODE_USED},
        {"member-inside", LINE_MEMBER_INSIDE},
        {"invitation-used", LINE_INVITATION_SPENT},
        {"code-required", ANSWER_CODE},
        {"code-used-up", LINE_PRESALE_USED_UP},
        {"too-many-codes", LINE_PRESALE_GUESSES},
        {"codes-missing", LINE_PRESALE_MISSING},
    };
    struct span code = json_in_text_of(json, "code");
    if (span_eq(code, SPAN("proof-of-work-required")))
        return span_eq(json_in_text_of(json, "reason"), SPAN("used")) ? (int)LINE_WORK_SPENT
                                                                      : (int)ANSWER_WORK;
    if (span_eq(code, SPAN("code-unknown")))
        return ask->kind == ASK_JOIN ? LINE_PRESALE_UNKNOWN : LINE_NO_CODE;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (span_eq(code, span_of(all[i].code)))
            return all[i].outcome;
    invariant_broken(INVARIANT_4, "%s is refused: %.*s", ask_says(ask->kind), (int)code.len,
                     code.ptr);
}

/* An operator retries, or reads first. */
static int outcome_of_act(const struct ask *ask, const json_t *json)
{
    static const char *const all[] = {"starting",        "unavailable",        "overloaded",
                                      "no-pre-queue",    "already-drawn",      "illegal-transition",
                                      "nothing-to-undo", "undo-impossible",    "event-changing",
                                      "sale-incomplete", "event-being-deleted"};
    static const char *const of_slips[] = {"knob-invalid", "event-not-closed",
                                           "event-not-archived"};
    struct span code = json_in_text_of(json, "code");
    if (span_eq(code, SPAN("event-unknown")))
        return LINE_UNKNOWN;
    if (span_eq(code, SPAN("version-mismatch")))
        return ANSWER_REFUSED;
    for (size_t i = 0; ask->is_slip && i < sizeof(of_slips) / sizeof(of_slips[0]); i++)
        if (span_eq(code, span_of(of_slips[i])))
            return ANSWER_REFUSED;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (span_eq(code, span_of(all[i])))
            return LINE_UNAVAILABLE;
    struct span detail = json_in_text_of(json, "detail");
    invariant_broken(INVARIANT_4, "an operator hears: %.*s", (int)detail.len, detail.ptr);
}

/* Reads a place like the waiting page. */
static void read_place(const struct proc *proc, struct ask *ask, const json_t *json)
{
    struct span state = json_in_text_of(json, "place");
    const struct line_view *view = proc_view(proc, ask->line);
    struct place *place = &ask->place;
    *place = (struct place){.state = PLACE_STATE_COUNT};
    for (unsigned i = 0; i < PLACE_STATE_COUNT; i++)
        if (span_eq(state, span_of(place_state_name((enum place_state)i))))
            place->state = (enum place_state)i;
    assert(place->state < PLACE_STATE_COUNT && view != NULL);
    place->position = number_in(json, "position");
    place->ahead = number_in(json, "ahead");
    place->call_expires_ms = time_in(json, "call_expires_at");
    ask->before = place->position > view->serving ? place->position - view->serving : 0;
    show(proc, ask, place->position);
}

static void take_ticket(const struct proc *proc, struct ask *ask, const json_t *json)
{
    struct span text = json_in_text_of(json, "ticket");
    ask->is_kept = ask->shows_ticket && span_eq(text, span_of(ask->ticket));
    copy_in(json, "ticket", ask->ticket, sizeof(ask->ticket));
    bool reads = read_ticket(proc, ask);
    assert(reads);
}

/* Signs a pass for an event that sells nothing. */
static void sign_foreign(const struct proc *proc, struct ask *ask, const struct pass *pass)
{
    struct text text = text_on(ask->foreign, sizeof(ask->foreign) - 1);
    struct err_slot err;
    struct pass_grant grant = {.event = span_of(lines_event(1)),
                               .session = span_of(pass->session),
                               .place = pass->place,
                               .now_s = clock_wall_us(&proc->clock) / SIM_S,
                               .expires_s = pass->expires_s,
                               .ends_s = pass->ends_s,
                               .incarnation = span_of(pass->incarnation)};
    memcpy(grant.visitor, pass->visitor, sizeof(grant.visitor));
    int rc = pass_put(&text, proc_fleet()->keys->passes, GUEST_ISSUER, &grant, &err);
    assert(rc == 0 && !text.overflown);
    ask->foreign[text.len] = '\0';
}

static void take_pass(const struct proc *proc, struct ask *ask, const json_t *json)
{
    struct pass pass;
    struct err_slot err;
    copy_in(json, "pass", ask->pass, sizeof(ask->pass));
    copy_in(json, "session", ask->session, sizeof(ask->session));
    ask->expires_ms = time_in(json, "expires_at");
    if (ask->kind != ASK_PASS)
        return;
    int rc = pass_verify(proc_fleet()->keys->passes, GUEST_ISSUER, event_of(ask),
                         span_of(ask->pass), &proc->clock, true, &err, &pass);
    assert(rc == 0);
    memcpy(ask->channel, pass.channel, sizeof(ask->channel));
    sign_foreign(proc, ask, &pass);
}

static void take_code(struct ask *ask, const json_t *json)
{
    bool good = move_code_parse(json_in_text_of(json, "code"), ask->code);
    assert(good);
}

static void take_challenge(struct ask *ask, const json_t *json)
{
    copy_in(json, "challenge", ask->challenge, sizeof(ask->challenge));
    ask->bits = (unsigned)number_in(json, "bits");
}

static int read_answer(const struct proc *proc, struct ask *ask, unsigned status,
                       const json_t *json)
{
    if (status == 428)
        take_challenge(ask, json);
    if (status >= 300)
        return ask->kind < ASK_CREATE ? outcome_of_problem(ask, json) : outcome_of_act(ask, json);
    if (ask->is_slip)
        invariant_broken(INVARIANT_6, "an operator's slip is done: %s", ask->patch);
    switch (ask->kind) {
    case ASK_JOIN:
    case ASK_TAKE:
        take_ticket(proc, ask, json);
        read_place(proc, ask, json);
        return ask->kind == ASK_TAKE || status == 201 ? LINE_OK : LINE_SAME;
    case ASK_ME:
        read_place(proc, ask, json);
        return LINE_OK;
    case ASK_EXTEND:
        read_place(proc, ask, json);
        ask->expires_ms = ask->place.call_expires_ms;
        return LINE_OK;
    case ASK_PASS:
        take_pass(proc, ask, json);
        return status == 201 ? LINE_OK : LINE_SAME;
    case ASK_BEAT:
        take_pass(proc, ask, json);
        return LINE_OK;
    case ASK_CODE:
        take_code(ask, json);
        return LINE_OK;
    default:
        return LINE_OK;
    }
}

static void look_at_counters(struct proc *proc)
{
    uint64_t judged_again = atomic_load(&proc->front->stats.joins_judged_again);
    if (judged_again > proc->judged_again)
        probe_reached(PROBE_LINE_JUDGED_AGAIN);
    proc->judged_again = judged_again;
}

static void on_answer(void *ctx, struct span answer)
{
    struct asking *asking = ctx;
    struct proc *proc = asking->proc;
    struct ask *ask = asking->ask;
    unsigned status = (unsigned)strtoul(answer.ptr + strlen("HTTP/1.1 "), NULL, 10);
    const char *end = memmem(answer.ptr, answer.len, "\r\n\r\n", 4);
    struct span body = span_skip(answer, (size_t)(end + 4 - answer.ptr));
    json_t *json = NULL;
    struct err_slot err;
    int rc = body.len > 0 ? json_in_parse(body, &err, &json) : 0;
    assert(rc == 0);
    int outcome = read_answer(proc, ask, status, json);
    json_decref(json);
    ask->was_inside = proc->reported_us == sim_us();
    bool shows_ticket = has_place(ask->kind) && ask->kind != ASK_BEAT && ask->kind != ASK_DONE;
    if (!asking->is_begun && outcome == ANSWER_TICKET && shows_ticket && ask->entry != 0)
        invariant_broken(INVARIANT_6, "%s: the valid ticket of place %s is refused",
                         ask_says(ask->kind), lines_says(lines_number(ask->line, ask->position)));
    bool reads_not = outcome == ANSWER_TICKET || outcome == ANSWER_MOVED ||
                     outcome == LINE_UNKNOWN || outcome == LINE_UNAVAILABLE;
    if (!asking->is_begun && reads_not && has_place(ask->kind))
        ask->entry = 0; /* no request went to Redis */
    if (!asking->is_begun && outcome == ANSWER_MOVED)
        probe_reached(PROBE_LINE_OLD_DEVICE);
    look_at_counters(proc);
    bool was_begun = asking->is_begun;
    asking->is_over = true;
    proc_answer(proc, ask, outcome);
    if (was_begun)
        free(asking);
}

static void ask_front(struct proc *proc, struct ask *ask, struct span request)
{
    struct asking *asking = sim_new(sizeof(*asking));
    struct ask shown = *ask;
    asking->proc = proc;
    asking->ask = ask;
    bool reads = read_ticket(proc, &shown);
    if (reads && has_place(ask->kind)) {
        ask->line = shown.line;
        ask->entry = shown.entry;
        ask->moves = shown.moves;
        ask->position = shown.position;
    }
    /* A ticket that moved to another device is no sign of life. */
    bool lives = reads && shown.moves >= moves_of(proc_view(proc, shown.line)->moves, shown.entry);
    if (lives && ask->shows_ticket && (ask->kind == ASK_JOIN || ask->kind == ASK_ME))
        show(proc, &shown, shown.position);
    struct wire_ask wire = {.routes = proc_fleet()->routes,
                            .addr = {[10] = 0xFF, [11] = 0xFF, 10, 0, 0},
                            .request = request,
                            .on_answer = on_answer,
                            .ctx = asking};
    wire.addr[15] = (uint8_t)(1 + ask->who % ADDRESSES);
    wire_request(proc->service->server, &wire);
    if (asking->is_over) {
        free(asking);
        return;
    }
    asking->is_begun = true;
    bool leaves = ask->kind == ASK_LEAVE || ask->kind == ASK_DONE;
    if (leaves && ask->entry != 0 && proc_is_judged(proc, ask))
        proc_fleet()->ears.on_leaving(lines_number(ask->line, ask->position));
}

const struct proc_version proc_version = {.proc_bytes = sizeof(struct proc),
                                          .ask_bytes = sizeof(struct ask),
                                          .begin = proc_begin,
                                          .read_keys = proc_read_keys,
                                          .start = proc_start,
                                          .use_keys = proc_use_keys,
                                          .leave = proc_leave,
                                          .is_ready = proc_is_ready,
                                          .ask = ask_front};
