/* sale_steps.c: seats, tickets, outbox messages and the end of the visit. Most of these steps are a
 * single request or a single effect. Two are not:
 *
 * When the hold has expired but the buyer paid in the last second, confirm_seats takes the same
 * seats again; if they are gone, the payment is released.
 *
 * end_session notifies two peers: seat-service, that the visit's pass is no longer valid (one
 * visit, one order), and the waiting room, that its slot is free. Both expire by themselves, so
 * after a minute without success the saga continues without them. */
#include "core/checkout/sale_steps.h"

#include "core/checkout/attempt.h"
#include "core/checkout/effect.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- seats ---- */

static void then_extended(struct attempt *attempt)
{
    struct peer_call *peer = &attempt->peer;
    assert(peer->op == PEER_SEATS_EXTEND);
    if (peer->verdict == SAGA_DONE && peer->expires_ms > 0) {
        attempt->order.expires_ms = peer->expires_ms;
        if (!attempt_keep_order(attempt)) {
            attempt_finish(attempt, SAGA_UNKNOWN, "no-memory");
            return;
        }
        effect_expiry(saga_call_effects(attempt->call), attempt->order.id, peer->expires_ms);
    }
    attempt_finish_replied(attempt);
}

void sale_extend_hold(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_SEATS_EXTEND, then_extended);
}

void sale_release_hold(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_UNDO);
    attempt_begin_by(call, ctx, PEER_SEATS_RELEASE, attempt_finish_replied);
}

void sale_confirm_seats(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_SEATS_CONFIRM, attempt_finish_replied);
}

void sale_free_seats(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_SEATS_REFUND, attempt_finish_replied);
}

/* ---- tickets, outbox messages, the session ---- */

void sale_issue_tickets(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_DO);
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    assert(attempt->order.seats_len <= ORDER_SEATS_MAX);
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

static void then_first_revoked(struct attempt *attempt)
{
    bool pass = attempt->peer.op == PEER_SEATS_SESSION_END;
    assert(pass || attempt->peer.op == PEER_SESSION_END);
    if (attempt->peer.verdict == SAGA_DONE)
        attempt_ask(attempt, pass ? PEER_SESSION_END : PEER_SEATS_SESSION_END,
                    attempt_finish_replied);
    else
        attempt_finish_replied(attempt);
}

/* The two peers take turns at being first, so a peer that is down does not block the other's
 * notice. */
void sale_end_session(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_DO);
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    if (attempt->order.session[0] == '\0')
        attempt_finish(attempt, SAGA_DONE, "no-session");
    else
        attempt_ask(attempt, call->tries % 2 == 0 ? PEER_SEATS_SESSION_END : PEER_SESSION_END,
                    then_first_revoked);
}

static void write_letters(struct saga_call *call, void *ctx, const char *about)
{
    assert(about[0] != '\0');
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    struct saga_effects *effects = saga_call_effects(call);
    effect_letter(effects, EFFECT_SHOP, &attempt->order, about);
    effect_letter(effects, EFFECT_MAIL, &attempt->order, about);
    attempt_finish(attempt, SAGA_DONE, NULL);
}

void sale_hand_over(struct saga_call *call, void *ctx)
{
    write_letters(call, ctx, LETTER_COMPLETED);
}

void sale_tell_shop(struct saga_call *call, void *ctx)
{
    write_letters(call, ctx, LETTER_REFUNDED);
}

void sale_revoke_tickets(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_DO);
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    effect_plain(saga_call_effects(call), EFFECT_REVOKE, attempt->order.id);
    attempt_finish(attempt, SAGA_DONE, NULL);
}

/* ---- a refund of a part ----
 *
 * The order's status does not change. Often only money goes back, since the tickets were used. If
 * unused tickets are given back, they are voided first, and their holders other than the buyer get
 * a mail; then their seats become free. */

void sale_revoke_part(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_DO);
    struct attempt *attempt = attempt_begin_moving(call, ctx);
    if (attempt == NULL)
        return;
    const struct moving *moving = attempt->moving;
    assert(moving->number > 0);
    struct saga_effects *effects = saga_call_effects(call);
    char about[24];
    snprintf(about, sizeof(about), LETTER_REVOKED "-%u", moving->number);
    if (moving->len > 0)
        effect_plain(effects, EFFECT_MOVE_SHUT, attempt->order.id);
    for (uint32_t i = 0; i < moving->len; i++) {
        const struct moving_seat *seat = &moving->seats[i];
        assert(seat->to[0] == '\0'); /* it is given back, not moved */
        if (strcmp(seat->member, attempt->order.member) != 0)
            effect_mail_to(effects, attempt->order.id, seat->member, seat->lang, about);
    }
    attempt_finish(attempt, SAGA_DONE, NULL);
}

static void then_part_freed(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_SEATS_RETURN);
    if (attempt->peer.verdict == SAGA_DONE)
        effect_plain(saga_call_effects(attempt->call), EFFECT_PART_FREED, attempt->order.id);
    attempt_finish_replied(attempt);
}

void sale_free_part(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_DO);
    struct attempt *attempt = attempt_begin_moving(call, ctx);
    if (attempt == NULL)
        return;
    if (attempt->moving->len > 0)
        attempt_ask(attempt, PEER_SEATS_RETURN, then_part_freed);
    else
        attempt_finish(attempt, SAGA_DONE, NULL);
}

void sale_tell_credit(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_DO);
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    struct saga_effects *effects = saga_call_effects(call);
    const struct order *order = &attempt->order;
    char about[24];
    assert(order->credit > 0);
    snprintf(about, sizeof(about), LETTER_CREDITED "-%u", order->credit);
    effect_letter(effects, EFFECT_SHOP, order, about);
    effect_letter(effects, EFFECT_MAIL, order, about);
    effect_move_end(effects, order->id, order->credit, false);
    attempt_finish(attempt, SAGA_DONE, NULL);
}
