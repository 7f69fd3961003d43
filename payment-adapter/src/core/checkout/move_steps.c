/* move_steps.c: the tickets of the old seats are voided first, then the seat service moves the
 * seats, then the holders of the old tickets get new ones. If the new seats are gone by then, the
 * old seats were never released, and their holders get new tickets for them. Either way every
 * holder gets a mail, because the old ticket is void.
 *
 * A move to the same seats replaces lost or stolen tickets. Then the seat service has nothing to
 * do, and the shop is not notified. */
#include "core/checkout/move_steps.h"

#include "core/checkout/attempt.h"
#include "core/checkout/effect.h"
#include "core/checkout/moving.h"

#include <assert.h>
#include <stdio.h>

static bool is_renewal(const struct moving *moving)
{
    return moving->len > 0 && strcmp(moving->seats[0].from, moving->seats[0].to) == 0;
}

void move_revoke(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin_moving(call, ctx);
    if (attempt == NULL)
        return;
    effect_plain(saga_call_effects(call), EFFECT_MOVE_SHUT, attempt->order.id);
    attempt_finish(attempt, SAGA_DONE, NULL);
}

static void then_moved(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_SEATS_MOVE);
    assert(attempt->peer.verdict != SAGA_DONE || attempt->peer.places != NULL);
    if (attempt->peer.verdict == SAGA_DONE &&
        !effect_move_seats(saga_call_effects(attempt->call), attempt->order.id,
                           attempt->peer.places)) {
        attempt_finish(attempt, SAGA_UNKNOWN, "no-memory");
        return;
    }
    attempt_finish_replied(attempt);
}

void move_seats(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin_moving(call, ctx);
    if (attempt == NULL)
        return;
    if (is_renewal(attempt->moving))
        attempt_finish(attempt, SAGA_DONE, NULL);
    else
        attempt_ask(attempt, PEER_SEATS_MOVE, then_moved);
}

/* False: a ticket could not be signed. */
static bool issue(struct attempt *attempt, bool moved)
{
    struct saga_effects *effects = saga_call_effects(attempt->call);
    const struct moving *moving = attempt->moving;
    assert(moving->len > 0);
    assert(moving->len <= MOVING_SEATS_MAX);
    for (uint32_t i = 0; i < moving->len; i++) {
        const struct moving_seat *seat = &moving->seats[i];
        struct ticket ticket;
        char token[TICKET_TOKEN_MAX];
        if (attempt_sign(attempt, moved ? seat->to : seat->from, seat->member, &ticket, token) < 0)
            return false;
        effect_move_ticket(effects, attempt->order.id, seat->ticket, &ticket, token);
    }
    effect_move_end(effects, attempt->order.id, moving->number, moved);
    return true;
}

/* The message's kind carries the number of the move, because an order has only one message of each
 * kind. */
static void write_mails(struct attempt *attempt, const char *kind)
{
    struct saga_effects *effects = saga_call_effects(attempt->call);
    const struct moving *moving = attempt->moving;
    char about[24];
    snprintf(about, sizeof(about), "%s-%u", kind, moving->number);
    assert(moving->number > 0);
    effect_letter(effects, EFFECT_MAIL, &attempt->order, about);
    for (uint32_t i = 0; i < moving->len; i++) {
        if (strcmp(moving->seats[i].member, attempt->order.member) != 0)
            effect_mail_to(effects, attempt->order.id, moving->seats[i].member,
                           moving->seats[i].lang, about);
    }
}

void move_restore(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin_moving(call, ctx);
    if (attempt == NULL)
        return;
    bool good = issue(attempt, false);
    write_mails(attempt, "renewed");
    attempt_finish(attempt, good ? SAGA_DONE : SAGA_UNKNOWN, good ? NULL : "signing");
}

void move_issue(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin_moving(call, ctx);
    if (attempt == NULL)
        return;
    bool good = issue(attempt, !is_renewal(attempt->moving));
    attempt_finish(attempt, good ? SAGA_DONE : SAGA_UNKNOWN, good ? NULL : "signing");
}

void move_tell(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin_moving(call, ctx);
    if (attempt == NULL)
        return;
    bool renewal = is_renewal(attempt->moving);
    char about[24];
    snprintf(about, sizeof(about), "moved-%u", attempt->moving->number);
    assert(attempt->call == call);
    if (!renewal)
        effect_letter(saga_call_effects(call), EFFECT_SHOP, &attempt->order, about);
    write_mails(attempt, renewal ? "renewed" : "moved");
    attempt_finish(attempt, SAGA_DONE, NULL);
}
