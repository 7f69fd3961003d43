/* admin_move.c: the operator moves an event from state to state, or undoes the last action. A move
 * that looks illegal is checked again a moment later, since our picture may be a tick behind
 * another front's. One that looks legal is checked by the store, which has the real state. Undo
 * restores the knobs, and the state if the table of states allows it: a draw or a closing cannot be
 * undone.
 *
 * A sale can begin, now or at its time, if its hall and payment answer now. Otherwise the operator
 * has to name the missing parts, which the audit trail records. */
#include "admin/admin.h"

#include "admin/act.h"
#include "admin/admin_answer.h"
#include "admin/admin_draw.h"
#include "api/answer.h"
#include "api/refusal.h"
#include "core/event/event_state.h"
#include "front/sale.h"

#include <assert.h>

enum {
    LOOK_AGAIN_US = 300000, /* two ticks with jitter */
    ASKS_MAX = 2,
};

struct move {
    struct act act;
    enum event_action action;
    bool looked_again;
    unsigned asks; /* checks of the sale's parts so far */
    bool no_hall;
    char unready[SALE_UNREADY_MAX + 1]; /* of payment, as sale_found has it */
    unsigned missing;                   /* from the last check */
    struct text beacon;                 /* named by the operator */
    char beacon_memory[DRAW_BEACON_MAX];
};

/* False: the request was answered. */
static bool may_act(struct move *move, const struct front_line *event)
{
    if (move->action == EVENT_DRAW && event->view->draw.drawn)
        admin_answer_drawn(move->act.req, event);
    else if (move->action == EVENT_DRAW && event->view->state != LINE_PRE_QUEUE)
        refusal_reply(move->act.req, REFUSAL_NO_PRE_QUEUE);
    else if (move->action == EVENT_SCHEDULE && event->view->knobs.opens_at_ms == 0)
        refusal_reply(move->act.req, REFUSAL_OPENS_AT_MISSING);
    else
        return true;
    return false;
}

static void answer_moved(struct act *act)
{
    enum event_action action = ((struct move *)act)->action;
    if (act->line.outcome != LINE_WRONG_STATE)
        act_done(act);
    /* Another operator was first; the current state counts. */
    else if (action == EVENT_DRAW && act->line.state == LINE_OPEN)
        admin_answer_drawn(act->req, act_event(act));
    else
        admin_answer_illegal(act->req, act->line.state, action);
}

/* With several seat services one may learn of a new hall later than another: missing parts are
 * checked twice. */
static void on_found(void *ctx, const struct sale_found *found)
{
    struct move *move = ctx;
    move->missing = found->missing;
    move->no_hall = found->no_hall;
    span_to_cstr_cut(span_of(found->unready), move->unready, sizeof(move->unready));
    if (found->closed) {
        move->act.line.outcome = LINE_UNAVAILABLE;
        act_refuse(&move->act);
    } else if ((found->missing & ~move->act.without) != 0 && move->asks < ASKS_MAX) {
        act_try_later(&move->act, UINT64_MAX, LOOK_AGAIN_US);
    } else {
        move->asks = ASKS_MAX;
        act_try(&move->act);
    }
}

/* False: the request was answered, or the sale's parts are being checked. */
static bool has_all(struct move *move)
{
    struct act *act = &move->act;
    if (act->front->sale == NULL)
        return true;
    if (move->asks < ASKS_MAX) {
        move->asks++;
        if (sale_ask(act->front, span_of(act->line.event), on_found, move) < 0)
            answer_overloaded(act->req);
        return false;
    }
    if ((move->missing & ~act->without) == 0)
        return true;
    char memory[64], words[384];
    struct text members = text_on(memory, sizeof(memory));
    struct text detail = text_on(words, sizeof(words) - 1);
    unsigned missing = move->missing & ~move->act.without;
    if (missing & 1u << SALE_HALL)
        text_str(&detail, move->no_hall ? "The seat service has no hall for this event. "
                                        : "The hall of this event does not answer. ");
    if (missing & 1u << SALE_PAYMENT && move->unready[0] == '\0')
        TEXT_LIT(&detail, "The payment service does not answer: nobody can pay. ");
    else if (missing & 1u << SALE_PAYMENT)
        text_printf(&detail, "The payment service is not ready (%s): nobody can pay. ",
                    move->unready);
    TEXT_LIT(&detail, "To go on all the same, name what is missing in \"without\".");
    assert(!detail.overflown);
    words[detail.len] = '\0';
    act_put_parts(&members, "missing", missing);
    refusal_reply_more(move->act.req, REFUSAL_SALE_INCOMPLETE,
                       &(struct refusal_more){.detail = words, .members = text_span(&members)});
    return false;
}

static void move_event(struct act *act, const struct front_line *event)
{
    struct move *move = (struct move *)act;
    enum line_state from = event->view->state, to = from;
    bool legal = event_state_move(from, move->action, &to);
    if (legal || move->action == EVENT_DRAW) { /* a refused draw has its own reasons */
        if (!may_act(move, event))
            return;
        /* Leaving a pause or a freeze is not a beginning. */
        bool begins =
            to == LINE_SCHEDULED || (to == LINE_OPEN && from != LINE_PAUSED && from != LINE_FROZEN);
        if (begins && !has_all(move))
            return;
        bool draws = from == LINE_PRE_QUEUE && to == LINE_OPEN;
        if ((draws && !admin_draw_make(act, event, text_span(&move->beacon))) ||
            (move->action == EVENT_SCHEDULE && !admin_draw_promise(act, event)))
            return;
        if (move->action == EVENT_UNFREEZE && event_state_may(from, event->view->frozen_from))
            to = event->view->frozen_from;
        char from_memory[24], to_memory[24];
        struct text from_json = text_on(from_memory, sizeof(from_memory));
        struct text to_json = text_on(to_memory, sizeof(to_memory));
        json_str(&from_json, span_of(event_state_name(from)));
        json_str(&to_json, span_of(event_state_name(to)));
        act_audit(&move->act, event_action_name(move->action), text_span(&from_json),
                  text_span(&to_json));
        act->line.from = from;
        act->line.to = to; /* as set above */
        /* A line alone: who opens it without a hall wants it to call people. A schedule is no such
         * order: its hall may still come. */
        if (begins && to == LINE_OPEN)
            act->line.hall_until_ms = act->without & 1u << SALE_HALL ? LINE_MS_MAX : 1;
        if (act->if_match != 0 || move->action != EVENT_SCHEDULE)
            act->line.if_version = act->if_match;
        act_ask_sealed(act, LINE_TRANSITION, answer_moved);
    } else if (!move->looked_again) {
        move->looked_again = true;
        act_try_later(act, event->view->version + 1, LOOK_AGAIN_US);
    } else {
        admin_answer_illegal(act->req, from, move->action);
    }
}

static void on_action(struct http_req *req)
{
    enum event_action action;
    if (!event_action_parse(http_req_param(req, 1), &action)) {
        refusal_reply(req, REFUSAL_ACTION_UNKNOWN);
        return;
    }
    struct move *move = act_begin(req, sizeof(*move), move_event);
    if (move == NULL)
        return;
    move->action = action;
    move->beacon = text_on(move->beacon_memory, sizeof(move->beacon_memory));
    bool begins = action == EVENT_SCHEDULE || action == EVENT_OPEN || action == EVENT_DRAW;
    const struct act_words words = {
        .beacon = action == EVENT_DRAW ? &move->beacon : NULL,
        .without = begins ? &move->act.without : NULL,
    };
    if (act_read_body(&move->act, &words))
        act_try(&move->act);
}

static void answer_undone(struct act *act)
{
    if (act->line.outcome == LINE_WRONG_STATE)
        refusal_say(
            act->req, REFUSAL_UNDO_IMPOSSIBLE,
            "Undo would restore a time that is over, an older promise of the draw, or other "
            "lanes for codes or invitations: change it instead.");
    else
        act_done(act);
}

static void undo_event(struct act *act, const struct front_line *event)
{
    const struct line_view *view = event->view;
    bool moves = view->undo_state != view->state;
    if (view->undo_version == 0 || view->undo_version != view->version) {
        refusal_reply(act->req, REFUSAL_NOTHING_TO_UNDO);
    } else if (moves && !event_state_may(view->state, view->undo_state)) {
        refusal_say(act->req, REFUSAL_UNDO_IMPOSSIBLE, "There is no way from %s back to %s.",
                    event_state_name(view->state), event_state_name(view->undo_state));
    } else {
        char from_memory[96], to_memory[96];
        struct text from = text_on(from_memory, sizeof(from_memory));
        struct text to = text_on(to_memory, sizeof(to_memory));
        json_open(&from, '{');
        json_member_u64(&from, "version", view->version);
        json_member_cstr(&from, "state", event_state_name(view->state));
        json_close(&from, '}');
        json_open(&to, '{');
        json_member_u64(&to, "version", view->version - 1);
        json_member_cstr(&to, "state", event_state_name(view->undo_state));
        json_close(&to, '}');
        act_audit(act, "undo", text_span(&from), text_span(&to));
        act->line.from = view->state;
        act->line.to = view->undo_state;
        act->line.if_version = act->if_match != 0 ? act->if_match : view->version;
        act->tries = ACT_TRIES_MAX; /* never undo a newer action of another operator */
        act->line.now_ms = front_line_now_ms(act->front, event);
        act_ask_sealed(act, LINE_UNDO, answer_undone);
    }
}

static void on_undo(struct http_req *req)
{
    struct act *act = act_begin(req, sizeof(*act), undo_event);
    if (act != NULL && act_read_body(act, &(struct act_words){.beacon = NULL}))
        act_try(act);
}

const struct http_route admin_move_routes[] = {
    {HTTP_METHOD_POST, "/admin/events/{event}/actions/{action}", on_action, NULL, ADMIN_BODY_MAX},
    {HTTP_METHOD_POST, "/admin/events/{event}/actions/undo", on_undo, NULL, ADMIN_BODY_MAX},
    {.pattern = NULL},
};
