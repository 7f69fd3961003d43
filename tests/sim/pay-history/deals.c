/* deals.c: orders that arrive, are paid, cancelled and refunded in part or whole, and the moves of
 * their sagas by workers that die, repeat themselves and come too late.
 *
 * Cases that PostgreSQL decides by its plan are left out: which of too many due sagas a lease
 * takes, two sagas of one order in one commit, one effect twice in one move, two tickets of one
 * commit with the same seat or id. */
#include "deals.h"

#include "base/rng.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ORDERS_MAX = 1000,
    NEWEST = 6, /* most calls are about these orders */
    HELD_MAX = 24,
    BATCH_MAX = 4,
    SEATS = 10,
    WALK = 250, /* steps between comparisons of all rows */
    S = 1000000,
};

/* A saga as a worker has it; the lease may be lost. */
struct held {
    struct saga_row row;
    char data[DEALS_DATA_MAX];
    struct order order;
};

static struct rng_seeded dice;
static const struct deals_side *side;
static struct checkout *checkout;
static uint64_t now_us;
static struct order orders[ORDERS_MAX];
static bool is_dead[ORDERS_MAX]; /* another order has its hold, which it may not extend again */
static uint32_t orders_len, held_len, tickets;
static struct held held[HELD_MAX];

static uint64_t below(uint64_t bound)
{
    return rng_below(&dice.rng, bound);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static uint32_t any_nth(void)
{
    return (uint32_t)(chance(95) && orders_len > NEWEST ? orders_len - 1 - below(NEWEST)
                                                        : below(orders_len));
}

static const struct order *any_order(void)
{
    static const struct order nobody = {.id = "o_none", .provider = "bank"};
    return orders_len == 0 || chance(2) ? &nobody : &orders[any_nth()];
}

static void let_go(uint32_t at)
{
    held[at] = held[--held_len];
    held[at].row.data = span_of(held[at].data);
}

/* ---- orders ---- */

static void create(void)
{
    if (orders_len == ORDERS_MAX || (orders_len > 0 && chance(40)))
        return;
    struct order *order = &orders[orders_len];
    *order = (struct order){.event = "gala",
                            .lang = "ko",
                            .provider = "bank",
                            .currency = "KRW",
                            .amount = chance(5) ? 0 : 1 + below(10000),
                            .expires_ms = UINT64_C(1700000000000) + below(1 << 20),
                            .seats_len = 1,
                            .seats = {"s0"}};
    uint32_t other = orders_len > 0 && chance(25) ? any_nth() : orders_len;
    snprintf(order->id, sizeof(order->id), "o_%05u", (unsigned)orders_len);
    snprintf(order->member, sizeof(order->member), "m_%05u", (unsigned)orders_len);
    snprintf(order->hold, sizeof(order->hold), "%x", (unsigned)other + 1);
    if (other < orders_len)
        memcpy(order->hold, orders[other].hold, sizeof(order->hold));
    bool made = side->order(order, checkout_now(checkout, CHECKOUT_SALE));
    printf("order %s of %s: %d", order->id, order->hold, made);
    for (uint32_t i = 0; made && i < orders_len; i++)
        is_dead[i] = is_dead[i] || strcmp(orders[i].hold, order->hold) == 0;
    for (uint32_t i = held_len; i > 0; i--)
        if (is_dead[strtoul(held[i - 1].order.id + 2, NULL, 10)])
            let_go(i - 1);
    side->print(order->id);
    orders_len += made;
}

/* ---- tickets, and an event that is cancelled or postponed ---- */

static void use(void)
{
    char ticket[TICKET_ID_MAX];
    if (tickets == 0)
        return;
    snprintf(ticket, sizeof(ticket), "t_%06u",
             (unsigned)(tickets - below(tickets < 20 ? tickets : 20)));
    printf("use %s: %d", ticket, side->use(ticket));
}

static void postpone(void)
{
    static uint64_t until_us, day = 1;
    if (chance(70)) /* rarely, so that orders are made and refunded in between */
        return;
    if (until_us == 0 || chance(80))
        until_us = (now_us + below(2000 * (uint64_t)S)) / 1000 * 1000;
    if (chance(50))
        day = 1 + below(30);
    side->postpone(day, until_us);
    printf("postpone %" PRIu64 " %" PRIu64, day, until_us);
    side->print("");
}

static void call_off(void)
{
    side->call_off();
    printf("call off");
    side->print("");
}

static void give_back(const struct deals_due *due)
{
    switch (order_off(due->status, due->moving, due->used)) {
    case ORDER_OFF_TURN_BACK:
        printf(" cancel %d", side->cancel(due->order, checkout));
        return;
    case ORDER_OFF_REFUND:
        (void)side->refund(due->order, checkout_now(checkout, CHECKOUT_REFUND), 100);
        return;
    case ORDER_OFF_CREDIT:
        (void)side->credit(due->order, checkout_now(checkout, CHECKOUT_CREDIT), due->amount, "off",
                           true, DEALS_CREDITS_MAX + 1);
        return;
    default:
        return;
    }
}

static void look(void)
{
    struct deals_page page;
    side->page((uint32_t)(1 + below(DEALS_PAGE_MAX)), (uint32_t)below(40), 20 * S, &page);
    printf("look");
    if (!page.found)
        return;
    printf(" %" PRIu64, page.most);
    for (uint32_t i = 0; i < page.len; i++) {
        const struct deals_due *due = &page.orders[i];
        printf("\n %s %s moving=%d used=%d amount=%" PRIu64, due->order,
               order_status_name(due->status), due->moving, due->used, due->amount);
        give_back(due);
        side->print(due->order);
    }
    if (page.most > 0 && chance(80))
        printf("\n ended=%d",
               side->passed(page.len == page.most ? page.orders[page.len - 1].order : NULL,
                            chance(50) ? S : 5 * S));
}

static void cancel(void)
{
    const struct order *order = any_order();
    printf("cancel %s: %d", order->id, side->cancel(order->id, checkout));
    side->print(order->id);
}

static void hint(void)
{
    struct order order = *any_order();
    order.amount += chance(10);
    order.provider[0] = chance(10) ? 'x' : order.provider[0];
    const char *key = chance(50) ? "key-1" : "key-2";
    printf("hint %s %s: %d", order.id, key, side->hint(&order, key));
    side->print(order.id);
}

static void wake(void)
{
    const struct order *order = any_order();
    printf("wake %s: %d", order->id, side->wake(order->id));
    side->print(order->id);
}

static void refund(void)
{
    const struct order *order = any_order();
    unsigned percent = (unsigned)(chance(50) ? below(101) : 0);
    const char *why = side->refund(order->id, checkout_now(checkout, CHECKOUT_REFUND), percent);
    printf("refund %s %u%%: %s", order->id, percent, why != NULL ? why : "");
    side->print(order->id);
}

static void credit(void)
{
    const struct order *order = any_order();
    uint64_t amount = chance(40) ? 7 : 1 + below(1 + order->amount / (chance(20) ? 1 : 8));
    const char *reason = chance(50) ? "late" : "rain";
    const char *why = side->credit(order->id, checkout_now(checkout, CHECKOUT_CREDIT), amount,
                                   reason, chance(20), DEALS_CREDITS_MAX);
    printf("credit %s %" PRIu64 " %s: %s", order->id, amount, reason, why != NULL ? why : "");
    side->print(order->id);
}

static int by_order_and_kind(const void *a, const void *b)
{
    const struct deals_letter *one = a, *two = b;
    int order = strcmp(one->order, two->order);
    return order != 0 ? order : strcmp(one->kind, two->kind);
}

static void deliver(void)
{
    static struct deals_letter letters[DEALS_LETTERS_MAX];
    uint32_t len = side->deliver(letters);
    qsort(letters, len, sizeof(letters[0]), by_order_and_kind);
    printf("deliver");
    for (uint32_t i = 0; i < len; i++) {
        printf("\n %s %s back=%" PRIu64, letters[i].order, letters[i].kind, letters[i].back);
        side->print(letters[i].order);
    }
}

/* ---- workers ---- */

static const char *any_owner(void)
{
    return chance(50) ? "pay-a" : "pay-b";
}

static void reclaim(void)
{
    const char *owner = any_owner();
    side->reclaim(owner);
    printf("reclaim %s", owner);
}

static void hold(const struct saga_row *row)
{
    static struct order order; /* too big for the stack */
    uint32_t at = held_len < HELD_MAX ? held_len : (uint32_t)below(HELD_MAX);
    int rc = order_parse(row->data, NULL, &order);
    assert(rc == 0);
    if (is_dead[strtoul(order.id + 2, NULL, 10)])
        return;
    for (uint32_t i = 0; i < held_len; i++)
        if (held[i].row.id == row->id && chance(90))
            at = i;
    held_len += at == held_len;
    held[at].row = *row;
    held[at].order = order;
    bool fits = span_to_cstr(row->data, held[at].data, sizeof(held[at].data));
    assert(fits);
    held[at].row.data = span_of(held[at].data);
    held[at].row.step_us = (int64_t)now_us - row->step_us;
}

static int by_id(const void *a, const void *b)
{
    const struct saga_row *one = a, *two = b;
    return one->id < two->id ? -1 : one->id > two->id;
}

static void lease(void)
{
    static struct saga_row rows[DEALS_SAGAS_MAX];
    uint64_t ids[HELD_MAX], tokens[HELD_MAX];
    struct saga_held kept = {ids, tokens, 0};
    const char *owner = any_owner();
    bool is_after_loss = chance(20);
    for (uint32_t i = 0; is_after_loss && i < held_len; i++)
        if (chance(70)) {
            ids[kept.len] = held[i].row.id;
            tokens[kept.len++] = held[i].row.token;
        }
    uint32_t len = side->lease(owner, checkout, is_after_loss ? &kept : NULL, rows);
    qsort(rows, len, sizeof(rows[0]), by_id);
    printf("lease %s%s", owner, is_after_loss ? " after a lost one" : "");
    for (uint32_t i = 0; i < len; i++) {
        const struct saga_row *row = &rows[i];
        printf("\n %" PRIu64 " %s token=%" PRIu64 " moves=%u wake=%u %s %u/%s cancel=%d tries=%u"
               " age=%" PRId64,
               row->id, row->def->key, row->token, row->moves, row->wake,
               saga_state_name(row->state), row->step, row->cause, row->cancel, row->tries,
               row->step_us);
        hold(row);
    }
}

static void draw_ticket(struct saga_effects *effects, const struct order *order, uint32_t *seats)
{
    struct ticket ticket = {.event = "gala", .holder = "holder", .kid = "kid"};
    uint32_t seat = (uint32_t)below(SEATS), bit = UINT32_C(1) << seat;
    if ((*seats & bit) != 0)
        return;
    tickets += tickets == 0 || *seats != 0 || chance(90);
    *seats |= bit;
    snprintf(ticket.id, sizeof(ticket.id), "t_%06u", (unsigned)tickets);
    snprintf(ticket.seat, sizeof(ticket.seat), "s%u", (unsigned)seat);
    memcpy(ticket.order, order->id, sizeof(ticket.order));
    effect_ticket(effects, order, &ticket, "token");
}

static void draw_status(struct saga_effects *effects, const struct order *order)
{
    static const char *const causes[] = {"", "operator", ORDER_CAUSE_BUYER_LIMIT};
    enum order_status status =
        chance(80) ? ORDER_COMPLETED : (enum order_status)below(ORDER_STATUS_COUNT);
    effect_status(effects, order->id, status, causes[below(3)]);
}

static void draw_effect(struct saga_effects *effects, const struct order *order, uint32_t *seats)
{
    static const char *const kinds[] = {LETTER_COMPLETED, LETTER_REFUNDED, LETTER_CREDITED "-1",
                                        LETTER_CREDITED "-2", "failed"};
    static const char *const payments[] = {"pi_1", "pi_2"};
    switch (below(6)) {
    case 0:
        effect_payment(effects, order->id, payments[below(2)], "secret", "");
        return;
    case 1:
        effect_expiry(effects, order->id, UINT64_C(1700000000000) + below(1 << 20));
        return;
    case 2:
        effect_plain(effects, EFFECT_REVOKE, order->id);
        return;
    case 3:
        effect_letter(effects, EFFECT_SHOP, order, kinds[below(5)]);
        return;
    default:
        for (uint32_t i = 0, most = (uint32_t)(1 + below(3)); i < most; i++)
            draw_ticket(effects, order, seats);
    }
}

static void draw_rides(const struct saga_row *row, struct saga_move *move)
{
    while (saga_rides(row, move) && chance(80)) {
        struct saga_row after = *row;
        struct saga_move next;
        saga_apply(&after, move, now_us);
        saga_decide(&after, &(struct saga_outcome){.verdict = SAGA_DONE}, now_us, &dice.rng, &next);
        saga_ride(move, &next);
    }
}

static void draw_move(struct held *one, struct saga_move *move, struct saga_effects *effects)
{
    struct saga_row *row = &one->row;
    struct saga_outcome outcome = {
        .verdict = chance(70) ? SAGA_DONE : (enum saga_verdict)below(SAGA_VERDICT_COUNT),
        .retry_ms = (uint32_t)below(4000)};
    if (saga_must_turn(row))
        saga_turn_back(row, "cancelled", move);
    else if (chance(5))
        saga_defer(row, (uint32_t)below(4000), move);
    else
        saga_decide(row, &outcome, now_us, &dice.rng, move);
    draw_rides(row, move);
    if (chance(30)) {
        char *data;
        snprintf(one->order.payment_key, sizeof(one->order.payment_key), "key-%u",
                 (unsigned)below(3));
        int rc = order_dump(&one->order, NULL, &data);
        assert(rc == 0);
        snprintf(one->data, sizeof(one->data), "%s", data);
        free(data);
        move->data = row->data = span_of(one->data);
    }
    if (chance(40))
        row->def->on_move(row->def->ctx, row, move, effects);
    else
        draw_status(effects, &one->order);
    if (one->order.credit > 0 && (saga_ended(move->state) || chance(60)))
        effect_move_end(effects, one->order.id, one->order.credit, false);
    move->effects = effects;
    bool is_late = chance(10); /* under the lease before, perhaps with a move that was stored */
    move->token -= is_late;
    move->moves -= chance(is_late ? 50 : 5) && move->moves > 0;
    if (move->rode == 0 && chance(5))
        move->at_step = (uint8_t)below(row->def->steps_len);
}

static void print_reply(const struct held *one, const struct saga_move *move,
                        const struct saga_store_reply *reply)
{
    printf("\n %" PRIu64 " of %s token=%" PRIu64 " moves=%u step %u %s %s, %s %u: %d cancel=%d"
           " wake=%u lease=%" PRIu64,
           move->id, one->order.id, move->token, move->moves, move->at_step,
           move->way == SAGA_UNDO ? "back" : "on", saga_mark_name(move->mark),
           saga_state_name(move->state), move->step, (int)reply->stored, reply->cancel, reply->wake,
           reply->lease_us);
    side->print(one->order.id);
}

/* The worker continues, has to give the saga back, or dies without knowing. */
static void go_on(struct held *one, const struct saga_move *move,
                  const struct saga_store_reply *reply)
{
    bool own = reply->stored == SAGA_STORED && move->moves == one->row.moves &&
               move->token == one->row.token;
    if (own && chance(97)) {
        saga_apply(&one->row, move, now_us);
        one->row.cancel = reply->cancel;
        one->row.wake = reply->wake;
    }
    if (saga_ended(one->row.state) || chance(own && !move->release ? 1 : 40))
        let_go((uint32_t)(one - held));
}

static uint32_t choose(uint32_t *picked)
{
    uint32_t len = 0;
    for (uint32_t tries = (uint32_t)(1 + below(BATCH_MAX)); tries > 0 && held_len > 0; tries--) {
        uint32_t at = (uint32_t)below(held_len), same = 0;
        for (uint32_t i = 0; i < len; i++)
            same += strcmp(held[picked[i]].order.id, held[at].order.id) == 0;
        if (same == 0 && !held[at].row.parked)
            picked[len++] = at;
    }
    return len;
}

static int falling(const void *a, const void *b)
{
    return (int)*(const uint32_t *)b - (int)*(const uint32_t *)a;
}

static void commit(void)
{
    uint32_t picked[BATCH_MAX], len = choose(picked), seats = 0;
    struct saga_move moves[BATCH_MAX];
    struct saga_effects effects[BATCH_MAX] = {0};
    struct saga_store_reply replies[BATCH_MAX];
    if (len == 0) {
        lease();
        return;
    }
    for (uint32_t i = 0; i < len; i++) {
        draw_move(&held[picked[i]], &moves[i], &effects[i]);
        if (chance(80))
            draw_effect(&effects[i], &held[picked[i]].order, &seats);
    }
    for (unsigned times = chance(10) ? 2 : 1; times > 0; times--) {
        side->commit(moves, len, replies);
        printf("commit");
        for (uint32_t i = 0; i < len; i++)
            print_reply(&held[picked[i]], &moves[i], &replies[i]);
        printf("\n ");
    }
    struct saga_move *of[HELD_MAX] = {NULL};
    struct saga_store_reply *its[HELD_MAX] = {NULL};
    for (uint32_t i = 0; i < len; i++) {
        of[picked[i]] = &moves[i];
        its[picked[i]] = &replies[i];
    }
    qsort(picked, len, sizeof(picked[0]), falling); /* a removed entry's place takes the last one */
    for (uint32_t i = 0; i < len; i++)
        go_on(&held[picked[i]], of[picked[i]], its[picked[i]]);
    for (uint32_t i = 0; i < len; i++)
        saga_effects_clear(&effects[i]);
}

static void operate(void)
{
    if (held_len == 0)
        return;
    const struct held *one = &held[below(held_len)];
    const struct saga_row *row = &one->row;
    int undo = row->step <= row->def->pivot ? saga_undo_step(row->def, row->step) : -1;
    bool turns = undo >= 0 && checkout_kind(row->def) == CHECKOUT_SALE && chance(40);
    enum order_status status = checkout_status(row->def, row->state, row->step, false, row->cause);
    bool done = turns ? side->turn_back(row->id, row->def, (uint8_t)undo, row->moves)
                      : side->retry(row->id, status, row->moves);
    printf("%s %" PRIu64 ": %d", turns ? "turn back" : "retry", row->id, done);
    side->print(one->order.id);
}

/* ---- all of it ---- */

static void refuse_call(void *ctx, struct peer_call *call)
{
    (void)ctx;
    (void)call;
    abort(); /* no step is run */
}

struct checkout *deals_checkout(void)
{
    struct checkout_conf conf = {
        .peers = {refuse_call, NULL}, .poll_first_ms = 1, .poll_cap_ms = 1, .poll_rare_ms = 1};
    if (checkout == NULL && checkout_create(&conf, NULL, &checkout) < 0)
        abort();
    return checkout;
}

void deals_run(uint64_t seed, uint64_t steps, const struct deals_side *its)
{
    static void (*const rare[])(void) = {create,  create,  create,  cancel,  cancel, cancel,
                                         hint,    wake,    refund,  credit,  credit, deliver,
                                         operate, operate, operate, use,     use,    use,
                                         reclaim, look,    look,    postpone};
    rng_seeded_init(&dice, seed);
    (void)deals_checkout();
    side = its;
    uint64_t off_at = steps / 2 + below(1 + steps / 3);
    for (uint64_t i = 0; i < steps; i++) {
        uint64_t us = chance(3) ? 20 * S : chance(1) ? 600 * S : below(2 * S);
        now_us += us;
        side->wait(us);
        printf("\n# %" PRIu64 " ", i);
        if (i == off_at)
            call_off();
        else if (orders_len == 0)
            create();
        else if (chance(50))
            commit();
        else if (chance(30))
            lease();
        else
            rare[below(sizeof(rare) / sizeof(rare[0]))]();
        if (i % WALK == WALK - 1)
            side->print("");
    }
    side->print("");
    printf("\n");
    checkout_destroy(checkout);
}
