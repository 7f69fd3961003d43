/* checkout.c: the sagas of this service, as two tables. One has a row for each step; the other has
 * a row for each version of each saga and lists its steps. Statuses, outbox messages and what the
 * operator is shown all follow from these rows. A version never changes once an order has run under
 * it: another sequence of steps is another row.
 *
 * Money and seats stay consistent whichever process is killed when: a step that was tried before
 * first finds out how far it got, and an undo settles what was done, what may have been done, and
 * what never was. The pivot of a sale is the capture: until then the buyer's money is only
 * reserved.
 *
 * That is how I2 holds: nothing is confirmed for good without a capture, and a failure before the
 * capture releases both the seats and the money. */
#include "core/checkout/checkout.h"

#include "base/text.h"
#include "core/checkout/move_steps.h"
#include "core/checkout/payment_steps.h"
#include "core/checkout/refund_terms.h"
#include "core/checkout/sale_steps.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    DAY = 24 * 60 * MINUTE,
    TRY_MS = 10 * SECOND,    /* of a step with one request; no peer gets more (peer.c) */
    GOODBYE_MS = 4 * SECOND, /* of end_session, which calls two peers */
    RETRY_FIRST_MS = 200,    /* most hiccups are over by then */
    RETRY_CAP_MS = 30 * SECOND,
    /* Three seconds of tries: by then another process owns the seats (README of the seats). Many
     * waiting orders do not probe that often, since the breaker is open by then. */
    SEATS_NEAR = 16,
    PIVOTS_MAX = 1024, /* of text */
};

/* ---- steps ---- */

#define FOR(DEADLINE)                                                                              \
    .deadline_ms = (DEADLINE), .retry_first_ms = RETRY_FIRST_MS, .retry_cap_ms = RETRY_CAP_MS
/* Calls no peer, so it can only fail by running out of memory. */
#define BY_OURSELVES .peer = SAGA_PEER_NONE, .rides = true, .timeout_ms = TRY_MS, FOR(DAY)
#define BY(PEER)     .peer = (PEER), .timeout_ms = TRY_MS, FOR(DAY)
#define BY_SEATS     BY(PEER_SEATS), .retry_near = SEATS_NEAR

enum step {
    STEP_EXTEND_HOLD,
    STEP_CREATE_PAYMENT,
    STEP_AWAIT_BUYER,
    STEP_CONFIRM_SEATS,
    STEP_CAPTURE,
    STEP_ISSUE_TICKETS,
    STEP_END_SESSION,
    STEP_HAND_OVER,
    STEP_REVOKE_TICKETS,
    STEP_FREE_SEATS,
    STEP_REFUND_PAYMENT,
    STEP_TELL_SHOP,
    STEP_CREDIT_REVOKE,
    STEP_CREDIT_FREE,
    STEP_CREDIT_TELL,
    STEP_MOVE_REVOKE,
    STEP_MOVE_SEATS,
    STEP_MOVE_ISSUE,
    STEP_MOVE_TELL,
    STEP_COUNT,
};

static const struct checkout_step steps[STEP_COUNT] = {
    [STEP_EXTEND_HOLD] =
        {{.name = "extend_hold", .run = sale_extend_hold, .undo = sale_release_hold, BY_SEATS},
         .shown = ORDER_PENDING_PAYMENT},
    [STEP_CREATE_PAYMENT] = {{.name = "create_payment",
                              .run = payment_create,
                              .undo = payment_void,
                              .peer = PEER_PSP,
                              .timeout_ms = 3 * TRY_MS, /* its undo makes up to three requests */
                              FOR(DAY)},
                             .shown = ORDER_PENDING_PAYMENT,
                             .begins_payment = true},
    [STEP_AWAIT_BUYER] = {{.name = "await_buyer",
                           .run = payment_await,
                           .peer = PEER_PSP_POLL,
                           .timeout_ms = 2 * TRY_MS, /* a hint is read, then captured */
                           FOR(DAY)},
                          .shown = ORDER_PENDING_PAYMENT,
                          .answers_buyer = true},
    [STEP_CONFIRM_SEATS] =
        {{.name = "confirm_seats", .run = sale_confirm_seats, .undo = sale_free_seats, BY_SEATS},
         .shown = ORDER_CONFIRMING},
    [STEP_CAPTURE] = {{.name = "capture",
                       .run = payment_capture,
                       .peer = PEER_PSP_TAKE,
                       .timeout_ms = 2 * TRY_MS, /* a retry reads first */
                       FOR(DAY)},
                      .shown = ORDER_CONFIRMING},
    [STEP_ISSUE_TICKETS] = {{.name = "issue_tickets", .run = sale_issue_tickets, BY_OURSELVES},
                            .shown = ORDER_CONFIRMING},
    [STEP_END_SESSION] = {{.name = "end_session",
                           .run = sale_end_session,
                           .peer = PEER_QUEUE,
                           .optional = true,
                           .timeout_ms = GOODBYE_MS,
                           FOR(MINUTE)},
                          .shown = ORDER_COMPLETED},
    [STEP_HAND_OVER] = {{.name = "hand_over", .run = sale_hand_over, BY_OURSELVES},
                        .shown = ORDER_COMPLETED},

    [STEP_REVOKE_TICKETS] = {.saga = {.name = "revoke_tickets",
                                      .run = sale_revoke_tickets,
                                      BY_OURSELVES}},
    [STEP_FREE_SEATS] = {.saga = {.name = "free_seats", .run = sale_free_seats, BY_SEATS}},
    [STEP_REFUND_PAYMENT] = {.saga = {.name = "refund_payment",
                                      .run = payment_refund,
                                      .peer = PEER_PSP_TAKE,
                                      .timeout_ms = 2 * TRY_MS,
                                      FOR(DAY)}},
    [STEP_TELL_SHOP] = {.saga = {.name = "tell_shop", .run = sale_tell_shop, BY_OURSELVES}},

    [STEP_CREDIT_REVOKE] = {.saga = {.name = "revoke_tickets",
                                     .run = sale_revoke_part,
                                     BY_OURSELVES}},
    [STEP_CREDIT_FREE] = {.saga = {.name = "free_seats", .run = sale_free_part, BY_SEATS}},
    [STEP_CREDIT_TELL] = {.saga = {.name = "tell_shop", .run = sale_tell_credit, BY_OURSELVES}},

    [STEP_MOVE_REVOKE] = {.saga = {.name = "revoke_tickets",
                                   .run = move_revoke,
                                   .undo = move_restore,
                                   BY_OURSELVES}},
    [STEP_MOVE_SEATS] = {.saga = {.name = "move_seats", .run = move_seats, BY_SEATS}},
    [STEP_MOVE_ISSUE] = {.saga = {.name = "issue_tickets", .run = move_issue, BY_OURSELVES}},
    [STEP_MOVE_TELL] = {.saga = {.name = "tell_shop", .run = move_tell, BY_OURSELVES}},
};

/* ---- definitions ---- */

static const struct checkout_step *const checkout_1[] = {
    &steps[STEP_EXTEND_HOLD],   &steps[STEP_CREATE_PAYMENT], &steps[STEP_AWAIT_BUYER],
    &steps[STEP_CONFIRM_SEATS], &steps[STEP_CAPTURE],        &steps[STEP_ISSUE_TICKETS],
    &steps[STEP_END_SESSION],   &steps[STEP_HAND_OVER],
};
/* Tickets are voided before the seats are freed, and seats are freed before money goes back. There
 * is no way back from the first step on: a void ticket stays void. */
static const struct checkout_step *const refund_2[] = {
    &steps[STEP_REVOKE_TICKETS],
    &steps[STEP_FREE_SEATS],
    &steps[STEP_REFUND_PAYMENT],
    &steps[STEP_TELL_SHOP],
};
/* Like a full refund, in the same order. */
static const struct checkout_step *const credit_1[] = {
    &steps[STEP_CREDIT_REVOKE],
    &steps[STEP_CREDIT_FREE],
    &steps[STEP_REFUND_PAYMENT],
    &steps[STEP_CREDIT_TELL],
};
/* The old tickets are voided first, the old seats are released last. The move itself is the pivot:
 * before it, undoing issues new tickets for the old seats; after it only the new seats count. */
static const struct checkout_step *const move_1[] = {
    &steps[STEP_MOVE_REVOKE],
    &steps[STEP_MOVE_SEATS],
    &steps[STEP_MOVE_ISSUE],
    &steps[STEP_MOVE_TELL],
};

#define LIST(STEPS) .steps = (STEPS), .steps_len = sizeof(STEPS) / sizeof((STEPS)[0])

/* New sagas start under the last row of their kind. */
static const struct checkout_def definitions[] = {
    {CHECKOUT_SALE, "checkout.1", LIST(checkout_1), .pivot = 4},
    {CHECKOUT_REFUND, "refund.2", LIST(refund_2), .pivot = 0},
    {CHECKOUT_CREDIT, "credit.1", LIST(credit_1), .pivot = 0},
    {CHECKOUT_MOVE, "move.1", LIST(move_1), .pivot = 1},
};
enum { DEFINITIONS = sizeof(definitions) / sizeof(definitions[0]) };

/* The buyer's status. A sale has none for `running` and `undone`: its step (`shown`) and its cause
 * say them. */
static const struct {
    const char *family; /* SQL statements recognise a row's kind by it */
    enum order_status running, completed, undone, parked;
} kinds[CHECKOUT_KINDS] = {
    [CHECKOUT_SALE] = {"checkout.", ORDER_STATUS_COUNT, ORDER_COMPLETED, ORDER_STATUS_COUNT,
                       ORDER_PARKED},
    [CHECKOUT_REFUND] = {"refund.", ORDER_REFUNDING, ORDER_REFUNDED, ORDER_COMPLETED, ORDER_PARKED},
    /* It changes no status: all four are equal, so none is written. */
    [CHECKOUT_CREDIT] = {"credit.", ORDER_COMPLETED, ORDER_COMPLETED, ORDER_COMPLETED,
                         ORDER_COMPLETED},
    /* If the seats do not move, they are still the buyer's. */
    [CHECKOUT_MOVE] = {"move.", ORDER_COMPLETED, ORDER_COMPLETED, ORDER_COMPLETED, ORDER_COMPLETED},
};

/* ---- statuses ---- */

struct definition {       /* one of definitions[], in the engine's form */
    struct saga_def saga; /* must come first: checkout_kind() casts back */
    enum checkout_kind kind;
    const struct saga_step *steps[SAGA_STEPS_MAX];
};

struct checkout {
    struct checkout_conf conf;
    struct definition definitions[SAGA_DEFS_MAX];
    const struct saga_def *defs[SAGA_DEFS_MAX];
    uint32_t defs_len;
    char pivots[PIVOTS_MAX];
};

static_assert(offsetof(struct checkout_step, saga) == 0, "a definition's step is one of these");
static_assert(offsetof(struct definition, saga) == 0, "an engine's definition is one of these");

static const struct checkout_step *step_of(const struct saga_def *def, uint8_t step)
{
    assert(step < def->steps_len);
    return (const struct checkout_step *)def->steps[step];
}

enum checkout_kind checkout_kind(const struct saga_def *def)
{
    enum checkout_kind kind = ((const struct definition *)def)->kind;
    assert(kind < CHECKOUT_KINDS);
    assert(strncmp(def->key, kinds[kind].family, strlen(kinds[kind].family)) == 0);
    return kind;
}

static enum order_status status_of_cause(const char *cause)
{
    if (strcmp(cause, "cancelled") == 0)
        return ORDER_CANCELLED;
    if (strcmp(cause, "expired") == 0 || strcmp(cause, "hold-expired") == 0)
        return ORDER_EXPIRED;
    return ORDER_FAILED;
}

/* Turning back is final, so the buyer sees it at once, even if undoing takes a while. */
enum order_status checkout_status(const struct saga_def *def, enum saga_state state, uint8_t step,
                                  bool parked, const char *cause)
{
    enum checkout_kind kind = checkout_kind(def);
    if (parked)
        return kinds[kind].parked;
    switch (state) {
    case SAGA_RUNNING:
        return kind == CHECKOUT_SALE ? step_of(def, step)->shown : kinds[kind].running;
    case SAGA_UNDOING:
    case SAGA_UNDONE:
        return kind == CHECKOUT_SALE ? status_of_cause(cause) : kinds[kind].undone;
    case SAGA_COMPLETED:
        return kinds[kind].completed;
    case SAGA_STATE_COUNT:
        break;
    }
    assert(false && "a saga state out of its range");
    return ORDER_PARKED;
}

bool checkout_answers(const struct saga_def *def, uint8_t step)
{
    assert(step < def->steps_len);
    bool answers = false;
    for (int i = 0; i <= step; i++)
        answers = answers || step_of(def, (uint8_t)i)->answers_buyer;
    return answers;
}

bool checkout_gives_up(const struct saga_def *def, uint8_t step)
{
    assert(def != NULL);
    return checkout_kind(def) == CHECKOUT_CREDIT &&
           step_of(def, step) == &steps[STEP_REFUND_PAYMENT];
}

static bool has_begun_payment(const struct saga_def *def, uint8_t step)
{
    assert(step < def->steps_len);
    bool begun = false;
    for (int i = 0; i <= step; i++)
        begun = begun || step_of(def, (uint8_t)i)->begins_payment;
    return begun;
}

static void on_move(void *ctx, const struct saga_row *row, const struct saga_move *move,
                    struct saga_effects *effects)
{
    (void)ctx;
    const struct saga_def *def = row->def;
    assert(move->id == row->id);
    assert(move->at_step == row->step);
    enum order_status before = checkout_status(def, row->state, row->step, row->parked, row->cause);
    enum order_status after =
        checkout_status(def, move->state, move->step, move->parked, move->cause);
    /* saga_compensate has set the status. What is missing is the mail; a second one is ignored. */
    bool by_operator = strcmp(row->cause, ACTOR_OPERATOR) == 0;
    if (before == after && !by_operator)
        return;
    struct order order;
    int rc = order_parse(row->data, NULL, &order);
    if (rc < 0) {
        /* Otherwise no step can run either, and the saga is parked. */
        effects->failed |= rc == ERR_NOMEM;
        return;
    }
    /* A stuck refund has voided the tickets already, so its buyer gets different words. The saga
     * says why it is stuck, for the operator. */
    bool held = after == ORDER_PARKED && checkout_kind(def) == CHECKOUT_REFUND;
    if (before != after)
        effect_status(effects, order.id, after, held ? ORDER_CAUSE_REFUND_HELD : move->cause);
    /* A buyer who paid and gets no seats gets a mail. */
    if (after == ORDER_FAILED && has_begun_payment(def, row->step))
        effect_letter(effects, EFFECT_MAIL, &order, order_status_name(after));
}

/* ---- create and destroy ---- */

static void add_definition(struct checkout *checkout, const struct checkout_def *from)
{
    assert(checkout->defs_len < SAGA_DEFS_MAX);
    assert(from->steps_len <= SAGA_STEPS_MAX);
    struct definition *to = &checkout->definitions[checkout->defs_len];
    for (uint8_t i = 0; i < from->steps_len; i++)
        to->steps[i] = &from->steps[i]->saga;
    to->kind = from->kind;
    to->saga = (struct saga_def){
        .key = from->key,
        .steps = to->steps,
        .steps_len = from->steps_len,
        .pivot = from->pivot,
        .on_move = on_move,
        .ctx = &checkout->conf,
    };
    saga_def_check(&to->saga);
    assert(checkout_kind(&to->saga) == from->kind);
    checkout->defs[checkout->defs_len++] = &to->saga;
}

int checkout_create(const struct checkout_conf *conf, struct err_slot *err, struct checkout **out)
{
    assert(conf->poll_first_ms > 0);
    assert(conf->poll_cap_ms >= conf->poll_first_ms);
    assert(conf->poll_rare_ms >= conf->poll_cap_ms);
    struct checkout *checkout = calloc(1, sizeof(*checkout));
    if (checkout == NULL)
        return err_set(err, ERR_NOMEM, "checkout");
    checkout->conf = *conf;
    for (uint32_t i = 0; i < DEFINITIONS; i++)
        add_definition(checkout, &definitions[i]);
    for (uint32_t i = 0; i < conf->next_len; i++)
        add_definition(checkout, &conf->next[i]);
    struct text text = text_on(checkout->pivots, sizeof(checkout->pivots) - 1);
    json_open(&text, '{');
    for (uint32_t i = 0; i < checkout->defs_len; i++) {
        if (checkout_kind(checkout->defs[i]) == CHECKOUT_SALE)
            json_member_u64(&text, checkout->defs[i]->key, checkout->defs[i]->pivot);
    }
    json_close(&text, '}');
    assert(!text.overflown);
    assert(checkout->defs_len == DEFINITIONS + conf->next_len);
    *out = checkout;
    return 0;
}

void checkout_use_signer(struct checkout *checkout, const struct ticket_signer *signer)
{
    assert(signer != NULL);
    checkout->conf.signer = signer;
}

void checkout_destroy(struct checkout *checkout)
{
    free(checkout);
}

const struct saga_def *const *checkout_defs(const struct checkout *checkout, uint32_t *len)
{
    assert(checkout->defs_len > 0);
    *len = checkout->defs_len;
    return checkout->defs;
}

const struct saga_def *checkout_find(const struct checkout *checkout, struct span key)
{
    assert(checkout->defs_len <= SAGA_DEFS_MAX);
    for (uint32_t i = 0; i < checkout->defs_len; i++) {
        if (span_eq(key, span_of(checkout->defs[i]->key)))
            return checkout->defs[i];
    }
    return NULL;
}

const struct saga_def *checkout_now(const struct checkout *checkout, enum checkout_kind kind)
{
    const struct saga_def *now = NULL;
    for (uint32_t i = 0; i < checkout->defs_len; i++) {
        if (checkout_kind(checkout->defs[i]) == kind)
            now = checkout->defs[i];
    }
    assert(now != NULL);
    return now;
}

const char *checkout_pivots(const struct checkout *checkout)
{
    assert(checkout->pivots[0] == '{');
    return checkout->pivots;
}
