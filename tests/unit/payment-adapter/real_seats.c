/* real_seats.c: see real_seats.h. */
#include "real_seats.h"

#include "../seat-service/test_hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEATS = 4, BUYER = 1, OTHERS = 2 };

struct real_seats {
    struct engine *engine;
    struct engine_op op;
    uint64_t hold;
    uint64_t tick_ms; /* the wheel comes by each second */
};

static uint64_t take(struct real_seats *seats, uint64_t buyer, const uint32_t *which,
                     uint32_t count, uint64_t now_ms)
{
    struct engine_ask ask = test_ask_seats(buyer, which, count);
    if (engine_hold(seats->engine, &ask, now_ms, &seats->op) != ENGINE_OK)
        return 0;
    engine_settle(seats->engine, &seats->op);
    return seats->op.change.hold;
}

/* The same for every world, and never changed; so it is made once. */
static const struct plan *hall(void)
{
    static const char *const rows[] = {"aaaa", NULL};
    static struct plan *plan;
    struct plan_limits limits = test_limits();
    limits.hold_ttl_ms = REAL_SEATS_TTL_MS;
    if (plan == NULL)
        plan = test_hall_plan(&(struct test_hall){.rows = rows, .limits = limits});
    return plan;
}

struct real_seats *real_seats_create(uint64_t now_ms, char hold[ORDER_HOLD_MAX])
{
    struct real_seats *seats = calloc(1, sizeof(*seats));
    assert_non_null(seats);
    struct engine_conf conf = {.plan = hall(), .seed = 7, .now_ms = now_ms};
    assert_int_equal(engine_create(&conf, NULL, &seats->engine), 0);
    seats->hold = take(seats, BUYER, TEST_SEATS(0, 1), now_ms);
    snprintf(hold, ORDER_HOLD_MAX, "%" PRIu64, seats->hold);
    return seats;
}

void real_seats_price(const char *event, char digest[PURCHASE_DIGEST_CHARS + 1])
{
    static const struct purchase_line lines[] = {
        {SPAN("s0"), SPAN("a"), REAL_SEATS_TOTAL / 2, 1},
        {SPAN("s1"), SPAN("a"), REAL_SEATS_TOTAL / 2, 1},
    };
    uint8_t bytes[PURCHASE_DIGEST_BYTES];
    purchase_digest(&(struct purchase){.event = span_of(event),
                                       .currency = SPAN("KRW"),
                                       .lines = lines,
                                       .lines_len = 2,
                                       .total = REAL_SEATS_TOTAL},
                    bytes);
    purchase_digest_text(bytes, digest);
}

void real_seats_destroy(struct real_seats *seats)
{
    engine_destroy(seats->engine);
    free(seats);
}

/* As the service answers, and peers.c reads it. */
static void judge(struct peer_call *call, enum engine_verdict verdict)
{
    bool back = call->op == PEER_SEATS_RELEASE || call->op == PEER_SEATS_REFUND;
    if (verdict == ENGINE_OK || verdict == ENGINE_SAME) {
        call->verdict = SAGA_DONE;
    } else if (verdict == ENGINE_BUSY || verdict == ENGINE_FULL) {
        call->verdict = SAGA_UNKNOWN;
    } else if (back && (verdict == ENGINE_NO_HOLD || verdict == ENGINE_NO_ORDER)) {
        call->verdict = SAGA_DONE;
        snprintf(call->code, sizeof(call->code), "nothing-left");
    } else {
        call->verdict = SAGA_FAILED;
        snprintf(call->code, sizeof(call->code), "%s",
                 call->op == PEER_SEATS_CONFIRM && verdict != ENGINE_NO_ORDER &&
                         verdict != ENGINE_DIFFERS
                     ? "seats-gone"
                     : engine_verdict_name(verdict));
    }
}

static enum engine_verdict move(struct real_seats *seats, uint64_t hold, struct span order,
                                const struct moving *moving, uint64_t now_ms)
{
    uint32_t from[MOVING_SEATS_MAX], to[MOVING_SEATS_MAX];
    for (uint32_t i = 0; i < moving->len; i++) { /* "s2" is the seat 2 */
        from[i] = (uint32_t)strtoul(moving->seats[i].from + 1, NULL, 10);
        to[i] = (uint32_t)strtoul(moving->seats[i].to + 1, NULL, 10);
    }
    return engine_move(seats->engine, hold, order, from, to, moving->len, now_ms, &seats->op);
}

void real_seats_act(struct real_seats *seats, struct peer_call *call, uint64_t now_ms)
{
    struct engine *engine = seats->engine;
    struct span order = span_of(call->order->id);
    uint64_t hold = strtoull(call->order->hold, NULL, 10);
    struct engine_purchase purchase = {.event = span_of(call->order->event)};
    assert_true(purchase_digest_parse(span_of(call->order->purchase), purchase.digest));
    enum engine_verdict verdict;
    switch (call->op) {
    case PEER_SEATS_EXTEND:
        verdict =
            engine_extend(engine, hold, &(struct engine_order){.id = order, .purchase = &purchase},
                          REAL_SEATS_TTL_MS, now_ms, &seats->op);
        break;
    case PEER_SEATS_CONFIRM:
        verdict = engine_confirm(engine, hold, order, purchase.digest, now_ms, &seats->op);
        break;
    case PEER_SEATS_MOVE:
        verdict = move(seats, hold, order, call->moving, now_ms);
        break;
    case PEER_SEATS_RELEASE:
        verdict = engine_order_release(engine, hold, order, now_ms, &seats->op);
        break;
    default:
        assert_int_equal(call->op, PEER_SEATS_REFUND);
        verdict = engine_refund(engine, hold, order, now_ms, &seats->op);
    }
    if (verdict == ENGINE_OK)
        engine_settle(engine, &seats->op);
    judge(call, verdict);
    struct engine_hold_view view;
    if (call->op == PEER_SEATS_EXTEND && call->verdict == SAGA_DONE &&
        engine_hold_read(engine, hold, &view) == ENGINE_OK)
        call->expires_ms = view.expires_ms;
    if (call->op == PEER_SEATS_MOVE && call->verdict == SAGA_DONE)
        call->places = strdup("[]");
}

void real_seats_tick(struct real_seats *seats, uint64_t now_ms, bool wanted)
{
    if (now_ms < seats->tick_ms)
        return;
    seats->tick_ms = now_ms + 1000;
    while (engine_expire_next(seats->engine, now_ms, &seats->op))
        engine_settle(seats->engine, &seats->op);
    if (wanted)
        take(seats, OTHERS, TEST_SEATS(0, 1), now_ms);
}

static uint32_t count(const struct real_seats *seats, enum engine_seat_state state)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < SEATS; i++) {
        struct engine_seat seat = engine_seat(seats->engine, i);
        found += seat.state == state && seat.hold == seats->hold;
    }
    return found;
}

void real_seats_take(struct real_seats *seats, uint32_t seat, uint64_t now_ms)
{
    assert_int_not_equal(take(seats, OTHERS, &seat, 1, now_ms), 0);
}

bool real_seats_has(const struct real_seats *seats, uint32_t seat)
{
    struct engine_seat now = engine_seat(seats->engine, seat);
    return now.state == ENGINE_SEAT_SOLD && now.hold == seats->hold;
}

uint32_t real_seats_held(const struct real_seats *seats)
{
    return count(seats, ENGINE_HELD);
}

uint32_t real_seats_sold(const struct real_seats *seats)
{
    return count(seats, ENGINE_SEAT_SOLD);
}
