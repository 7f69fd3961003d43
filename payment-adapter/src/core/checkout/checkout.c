/* checkout.c: see checkout.h.
 *
 * Each step here is one question to one peer, and what to make of the answer (attempt.h); those
 * about money are in payment_steps.c. What keeps money and seats together whatever is killed when:
 * a step that was tried before finds out first how far it came, and an undo settles what was done,
 * may have been done, and never was.
 *
 * When the seats' time ran out but the buyer has paid in the last second, confirm_seats takes the
 * same seats again, or the payment is let go.
 *
 * The pivot is capture: before it the buyer's money is only reserved.
 *
 * end_session tells two: seat-service, that the visit's pass is good for nothing more (one visit,
 * one order), and the waiting room, that its slot is free. Both would run out by themselves, so
 * after a minute without success the saga goes on without it. */
#include "core/checkout/checkout.h"

#include "core/checkout/attempt.h"
#include "core/checkout/move_steps.h"
#include "core/checkout/payment_steps.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    DAY = 24 * 60 * MINUTE,
    TRY_MS = 10 * SECOND,    /* of a step that asks once; a peer is given no longer (attempt.c) */
    GOODBYE_MS = 4 * SECOND, /* of end_session, which tells two */
    RETRY_FIRST_MS = 200,    /* most hiccups are over by then */
    RETRY_CAP_MS = 30 * SECOND,
};

struct checkout {
    struct checkout_conf conf;
    struct saga_def checkout_def, refund_def, refund_1_def, move_def;
    const struct saga_def *defs[CHECKOUT_DEFS];
};

/* ---- statuses ---- */

enum checkout_step {
    STEP_EXTEND_HOLD,
    STEP_CREATE_PAYMENT,
    STEP_AWAIT_BUYER,
    STEP_CONFIRM_SEATS,
    STEP_CAPTURE,
    STEP_ISSUE_TICKETS,
    STEP_END_SESSION,
    STEP_HAND_OVER,
    STEP_COUNT,
};

uint8_t checkout_pivot(void)
{
    return STEP_CAPTURE;
}

static bool is_refund(const char *def_key)
{
    return strncmp(def_key, "refund.", 7) == 0;
}

static bool is_move(const char *def_key)
{
    return strncmp(def_key, "move.", 5) == 0;
}

static enum order_status status_of_cause(const char *cause)
{
    if (strcmp(cause, "cancelled") == 0)
        return ORDER_CANCELLED;
    if (strcmp(cause, "expired") == 0 || strcmp(cause, "hold-expired") == 0)
        return ORDER_EXPIRED;
    return ORDER_FAILED;
}

/* The turn back is final, so it is told at once, while the undoing may still take its time. */
enum order_status checkout_status(const char *def_key, enum saga_state state, uint8_t step,
                                  bool parked, const char *cause)
{
    if (is_move(def_key)) /* the seats that stay are as good as ever */
        return ORDER_COMPLETED;
    if (parked)
        return ORDER_PARKED;
    bool refund = is_refund(def_key);
    switch (state) {
    case SAGA_RUNNING:
        if (refund)
            return ORDER_REFUNDING;
        if (step > STEP_ISSUE_TICKETS)
            return ORDER_COMPLETED;
        return step >= STEP_CONFIRM_SEATS ? ORDER_CONFIRMING : ORDER_PENDING_PAYMENT;
    case SAGA_UNDOING:
    case SAGA_UNDONE:
        return refund ? ORDER_COMPLETED : status_of_cause(cause);
    case SAGA_COMPLETED:
        return refund ? ORDER_REFUNDED : ORDER_COMPLETED;
    case SAGA_STATE_COUNT:
        break;
    }
    assert(!"a saga state out of its range");
    return ORDER_PARKED;
}

/* What a buyer who did not get seats has to hear by mail: only if a payment had begun. */
static bool is_worth_a_letter(uint8_t failed_at, enum order_status status)
{
    return status == ORDER_FAILED && failed_at > STEP_EXTEND_HOLD;
}

static void on_move(void *ctx, const struct saga_row *row, const struct saga_move *move,
                    struct saga_effects *effects)
{
    (void)ctx;
    const char *key = row->def->key;
    enum order_status before = checkout_status(key, row->state, row->step, row->parked, row->cause);
    enum order_status after =
        checkout_status(key, move->state, move->step, move->parked, move->cause);
    if (before == after)
        return;
    struct order order;
    if (order_parse(row->data, NULL, &order) < 0)
        return; /* then no step can run either; the saga ends parked, which is told by its row */
    /* A refund that stops has shut the tickets already: its buyer is told other words. Why it
     * stopped is the saga's to tell, and the operator's to read. */
    bool held = after == ORDER_PARKED && is_refund(key);
    effect_status(effects, order.id, after, held ? ORDER_CAUSE_REFUND_HELD : move->cause);
    if (is_worth_a_letter(row->step, after))
        effect_letter(effects, EFFECT_MAIL, &order, order_status_name(after));
}

/* ---- seats ---- */

static void then_extended(struct attempt *attempt)
{
    struct peer_call *peer = &attempt->peer;
    if (peer->verdict == SAGA_DONE && peer->expires_ms > 0) {
        attempt->order.expires_ms = peer->expires_ms;
        if (!attempt_keep_order(attempt)) {
            attempt_finish(attempt, SAGA_UNKNOWN, "no-memory");
            return;
        }
        effect_expiry(saga_call_effects(attempt->call), attempt->order.id, peer->expires_ms);
    }
    attempt_finish_as_told(attempt);
}

static void extend_hold(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_SEATS_EXTEND, then_extended);
}

static void release_hold(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_SEATS_RELEASE, attempt_finish_as_told);
}

static void confirm_seats(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_SEATS_CONFIRM, attempt_finish_as_told);
}

static void free_seats(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_SEATS_REFUND, attempt_finish_as_told);
}

/* ---- tickets, letters, the session ---- */

static void issue_tickets(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    for (uint32_t i = 0; i < attempt->order.seats_len; i++) {
        struct ticket ticket;
        char token[TICKET_TOKEN_MAX];
        if (attempt_sign(attempt, attempt->order.seats[i], attempt->order.member, &ticket, token) <
            0) {
            attempt_finish(attempt, SAGA_UNKNOWN, "signing");
            return;
        }
        effect_ticket(saga_call_effects(call), &attempt->order, &ticket, token);
    }
    attempt_finish(attempt, SAGA_DONE, NULL);
}

static void then_first_told(struct attempt *attempt)
{
    bool pass = attempt->peer.op == PEER_SEATS_SESSION_END;
    if (attempt->peer.verdict == SAGA_DONE)
        attempt_ask(attempt, pass ? PEER_SESSION_END : PEER_SEATS_SESSION_END,
                    attempt_finish_as_told);
    else
        attempt_finish_as_told(attempt);
}

/* Which of the two is told first changes with each try, so one that is gone does not keep the other
 * from hearing it. */
static void end_session(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    if (attempt->order.session[0] == '\0')
        attempt_finish(attempt, SAGA_DONE, "no-session");
    else
        attempt_ask(attempt, call->tries % 2 == 0 ? PEER_SEATS_SESSION_END : PEER_SESSION_END,
                    then_first_told);
}

static void write_letters(struct saga_call *call, void *ctx, const char *about)
{
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    struct saga_effects *effects = saga_call_effects(call);
    effect_letter(effects, EFFECT_SHOP, &attempt->order, about);
    effect_letter(effects, EFFECT_MAIL, &attempt->order, about);
    attempt_finish(attempt, SAGA_DONE, NULL);
}

static void hand_over(struct saga_call *call, void *ctx)
{
    write_letters(call, ctx, "completed");
}

static void tell_shop(struct saga_call *call, void *ctx)
{
    write_letters(call, ctx, "refunded");
}

static void revoke_tickets(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    effect_revoke(saga_call_effects(call), attempt->order.id);
    attempt_finish(attempt, SAGA_DONE, NULL);
}

/* ---- the tables ---- */

#define FOR_A_DAY .deadline_ms = DAY, .retry_first_ms = RETRY_FIRST_MS, .retry_cap_ms = RETRY_CAP_MS
/* No peer is asked: it fails for want of memory, if at all. */
#define BY_OURSELVES .peer = SAGA_PEER_NONE, .timeout_ms = TRY_MS, FOR_A_DAY

static const struct saga_step checkout_steps[STEP_COUNT] = {
    [STEP_EXTEND_HOLD] = {.name = "extend_hold",
                          .run = extend_hold,
                          .undo = release_hold,
                          .peer = PEER_SEATS,
                          .timeout_ms = TRY_MS,
                          FOR_A_DAY},
    [STEP_CREATE_PAYMENT] = {.name = "create_payment",
                             .run = payment_create,
                             .undo = payment_void,
                             .peer = PEER_PSP,
                             .timeout_ms = 3 * TRY_MS, /* its undo asks up to three times */
                             FOR_A_DAY},
    [STEP_AWAIT_BUYER] = {.name = "await_buyer",
                          .run = payment_await,
                          .peer = PEER_PSP_POLL,
                          .timeout_ms = TRY_MS,
                          FOR_A_DAY},
    [STEP_CONFIRM_SEATS] = {.name = "confirm_seats",
                            .run = confirm_seats,
                            .undo = free_seats,
                            .peer = PEER_SEATS,
                            .timeout_ms = TRY_MS,
                            FOR_A_DAY},
    [STEP_CAPTURE] = {.name = "capture",
                      .run = payment_capture,
                      .peer = PEER_PSP_TAKE,
                      .timeout_ms = 2 * TRY_MS, /* it reads first when tried again */
                      FOR_A_DAY},
    [STEP_ISSUE_TICKETS] = {.name = "issue_tickets", .run = issue_tickets, BY_OURSELVES},
    [STEP_END_SESSION] = {.name = "end_session",
                          .run = end_session,
                          .peer = PEER_QUEUE,
                          .optional = true,
                          .timeout_ms = GOODBYE_MS,
                          .deadline_ms = MINUTE,
                          .retry_first_ms = RETRY_FIRST_MS,
                          .retry_cap_ms = RETRY_CAP_MS},
    [STEP_HAND_OVER] = {.name = "hand_over", .run = hand_over, BY_OURSELVES},
};

#define REVOKE_TICKETS                                                                             \
    {                                                                                              \
        .name = "revoke_tickets", .run = revoke_tickets, BY_OURSELVES                              \
    }
#define FREE_SEATS                                                                                 \
    {                                                                                              \
        .name = "free_seats", .run = free_seats, .peer = PEER_SEATS, .timeout_ms = TRY_MS,         \
        FOR_A_DAY                                                                                  \
    }
#define REFUND_PAYMENT                                                                             \
    {                                                                                              \
        .name = "refund_payment", .run = payment_refund, .peer = PEER_PSP_TAKE,                    \
        .timeout_ms = 2 * TRY_MS, FOR_A_DAY                                                        \
    }
#define TELL_SHOP                                                                                  \
    {                                                                                              \
        .name = "tell_shop", .run = tell_shop, BY_OURSELVES                                        \
    }

/* What opens a door is shut before the seat is free, and the seat is free before money goes back.
 * From the first step on there is no way back: a dead ticket does not come to life again. */
static const struct saga_step refund_steps[] = {REVOKE_TICKETS, FREE_SEATS, REFUND_PAYMENT,
                                                TELL_SHOP};
/* For those that began under it. */
static const struct saga_step refund_1_steps[] = {REFUND_PAYMENT, FREE_SEATS, REVOKE_TICKETS,
                                                  TELL_SHOP};

/* The old seats are shut first and let go of last. The move itself decides: before it new tickets
 * for the old seats undo what was done, after it there are only the new seats. */
enum { MOVE_PIVOT = 1 };
static const struct saga_step move_saga_steps[] = {
    {.name = "revoke_tickets", .run = move_revoke, .undo = move_restore, BY_OURSELVES},
    [MOVE_PIVOT] = {.name = "move_seats",
                    .run = move_seats,
                    .peer = PEER_SEATS,
                    .timeout_ms = TRY_MS,
                    FOR_A_DAY},
    {.name = "issue_tickets", .run = move_issue, BY_OURSELVES},
    {.name = "tell_shop", .run = move_tell, BY_OURSELVES},
};

int checkout_create(const struct checkout_conf *conf, struct err_slot *err, struct checkout **out)
{
    assert(conf->poll_first_ms > 0 && conf->poll_cap_ms >= conf->poll_first_ms);
    assert(conf->poll_rare_ms >= conf->poll_cap_ms);
    struct checkout *checkout = calloc(1, sizeof(*checkout));
    if (checkout == NULL)
        return err_set(err, ERR_NOMEM, "checkout");
    checkout->conf = *conf;
    checkout->checkout_def = (struct saga_def){
        .key = "checkout.1",
        .steps = checkout_steps,
        .steps_len = STEP_COUNT,
        .pivot = STEP_CAPTURE,
        .on_move = on_move,
        .ctx = &checkout->conf,
    };
    checkout->refund_def = (struct saga_def){
        .key = CHECKOUT_REFUND,
        .steps = refund_steps,
        .steps_len = sizeof(refund_steps) / sizeof(refund_steps[0]),
        .pivot = 0,
        .on_move = on_move,
        .ctx = &checkout->conf,
    };
    checkout->refund_1_def = checkout->refund_def;
    checkout->refund_1_def.key = "refund.1";
    checkout->refund_1_def.steps = refund_1_steps;
    static_assert(sizeof(refund_1_steps) == sizeof(refund_steps), "the same steps, reordered");
    checkout->move_def = (struct saga_def){
        .key = CHECKOUT_MOVE,
        .steps = move_saga_steps,
        .steps_len = sizeof(move_saga_steps) / sizeof(move_saga_steps[0]),
        .pivot = MOVE_PIVOT,
        .on_move = on_move,
        .ctx = &checkout->conf,
    };
    checkout->defs[0] = &checkout->checkout_def;
    checkout->defs[1] = &checkout->refund_def;
    checkout->defs[2] = &checkout->refund_1_def;
    checkout->defs[3] = &checkout->move_def;
    *out = checkout;
    return 0;
}

void checkout_use_signer(struct checkout *checkout, const struct ticket_signer *signer)
{
    checkout->conf.signer = signer;
}

void checkout_destroy(struct checkout *checkout)
{
    free(checkout);
}

const struct saga_def *const *checkout_defs(const struct checkout *checkout)
{
    return checkout->defs;
}
