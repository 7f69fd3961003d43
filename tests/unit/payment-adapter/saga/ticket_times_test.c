/* ticket_times_test.c: how long payers wait for their tickets, by the moves of sagas alone. */
#include "unit.h"

#include "base/clock.h"
#include "core/checkout/checkout.h"
#include "saga/ticket_times.h"

#include <stdlib.h>

enum { SECOND_US = 1000000 };

/* Steps of checkout.1. */
enum { AWAIT_BUYER = 2, CONFIRM_SEATS, CAPTURE, ISSUE_TICKETS, END_SESSION };

struct stage {
    struct ticket_signer *signer;
    struct checkout *checkout;
    struct ticket_times *times;
    uint64_t now_us;
};

static void never(void *ctx, struct peer_call *call)
{
    (void)ctx;
    (void)call;
    fail();
}

static int set_up(void **state)
{
    static const uint8_t seed[32] = {1};
    struct err_slot err;
    struct stage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    stage->times = calloc(1, sizeof(*stage->times));
    assert_non_null(stage->times);
    stage->now_us = 1000 * (uint64_t)SECOND_US;
    assert_int_equal(0, ticket_signer_create(seed, &err, &stage->signer));
    const struct checkout_conf conf = {.peers = {never, NULL},
                                       .clock = clock_system(),
                                       .rng = rng_system(),
                                       .signer = stage->signer,
                                       .poll_first_ms = 10,
                                       .poll_cap_ms = 50,
                                       .poll_rare_ms = 50};
    assert_int_equal(0, checkout_create(&conf, &err, &stage->checkout));
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    checkout_destroy(stage->checkout);
    ticket_signer_destroy(stage->signer);
    free(stage->times);
    free(stage);
    return 0;
}

/* The saga comes to this step, by a try that took this long. */
static void moves(struct stage *stage, enum checkout_kind kind, uint64_t saga, struct saga_row to,
                  uint32_t took_us)
{
    struct saga_move move = {
        .id = saga, .state = to.state, .step = to.step, .parked = to.parked, .took_us = took_us};
    to.id = saga;
    to.def = checkout_now(stage->checkout, kind);
    ticket_times_on_stored(stage->times, &to, &move, stage->now_us);
}

static void comes_to(struct stage *stage, uint64_t saga, uint8_t step)
{
    moves(stage, CHECKOUT_SALE, saga, (struct saga_row){.state = SAGA_RUNNING, .step = step}, 0);
}

static struct histogram_view seen(const struct stage *stage)
{
    struct histogram_view view = {.count = 0};
    histogram_add_to(&stage->times->took, &view);
    return view;
}

static void order_is_measured_from_the_payment_to_the_tickets(void **state)
{
    struct stage *stage = *state;
    comes_to(stage, 7, AWAIT_BUYER);
    stage->now_us += 300 * (uint64_t)SECOND_US; /* the buyer's own time */
    comes_to(stage, 7, CONFIRM_SEATS);
    stage->now_us += SECOND_US;
    comes_to(stage, 7, CAPTURE);
    stage->now_us += 2 * SECOND_US;
    comes_to(stage, 7, ISSUE_TICKETS);
    assert_int_equal(0, seen(stage).count);
    stage->now_us += SECOND_US;
    comes_to(stage, 7, END_SESSION);
    assert_int_equal(1, seen(stage).count);
    assert_int_equal(4 * SECOND_US, seen(stage).sum);
    stage->now_us += 60 * (uint64_t)SECOND_US; /* what comes then is not waited for */
    moves(stage, CHECKOUT_SALE, 7, (struct saga_row){.state = SAGA_COMPLETED, .step = 7}, 0);
    assert_int_equal(1, seen(stage).count);
    assert_int_equal(0, stage->times->missed);
}

static void saga_from_another_process_is_measured_from_its_step_on(void **state)
{
    struct stage *stage = *state;
    moves(stage, CHECKOUT_SALE, 7, (struct saga_row){.state = SAGA_RUNNING, .step = ISSUE_TICKETS},
          3 * SECOND_US);
    comes_to(stage, 7, END_SESSION);
    assert_int_equal(1, seen(stage).count);
    assert_int_equal(3 * SECOND_US, seen(stage).sum);
}

static void payer_without_tickets_is_counted_once(void **state)
{
    struct stage *stage = *state;
    const struct saga_row undoing = {.state = SAGA_UNDOING, .step = CONFIRM_SEATS, .cause = "gone"};
    const struct saga_row undone = {.state = SAGA_UNDONE, .step = 0, .cause = "gone"};
    const struct saga_row parked = {.state = SAGA_RUNNING, .step = CAPTURE, .parked = true};
    comes_to(stage, 7, CONFIRM_SEATS);
    moves(stage, CHECKOUT_SALE, 7, undoing, 0);
    moves(stage, CHECKOUT_SALE, 7, undone, 0);
    assert_int_equal(1, stage->times->missed);
    comes_to(stage, 8, CAPTURE);
    moves(stage, CHECKOUT_SALE, 8, parked, 0);
    assert_int_equal(2, stage->times->missed);
    assert_int_equal(0, seen(stage).count);
}

static void unpaid_sales_and_refunds_are_not_counted(void **state)
{
    struct stage *stage = *state;
    const struct saga_row undone = {.state = SAGA_UNDONE, .step = 0, .cause = "expired"};
    comes_to(stage, 7, AWAIT_BUYER);
    moves(stage, CHECKOUT_SALE, 7, undone, 0);
    for (uint8_t step = 0; step < 4; step++)
        moves(stage, CHECKOUT_REFUND, 8, (struct saga_row){.state = SAGA_RUNNING, .step = step}, 0);
    moves(stage, CHECKOUT_REFUND, 8, (struct saga_row){.state = SAGA_COMPLETED, .step = 3}, 0);
    assert_int_equal(0, stage->times->missed);
    assert_int_equal(0, seen(stage).count);
}

static void newer_of_two_sagas_in_one_place_is_measured(void **state)
{
    struct stage *stage = *state;
    comes_to(stage, 7, CONFIRM_SEATS);
    stage->now_us += 9 * SECOND_US;
    comes_to(stage, 7 + TICKET_TIMES_OPEN, CONFIRM_SEATS);
    stage->now_us += SECOND_US;
    comes_to(stage, 7, END_SESSION);
    comes_to(stage, 7 + TICKET_TIMES_OPEN, END_SESSION);
    assert_int_equal(1, seen(stage).count);
    assert_int_equal(SECOND_US, seen(stage).sum);
    assert_int_equal(0, stage->times->missed);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(order_is_measured_from_the_payment_to_the_tickets),
        STAGED(saga_from_another_process_is_measured_from_its_step_on),
        STAGED(payer_without_tickets_is_counted_once),
        STAGED(unpaid_sales_and_refunds_are_not_counted),
        STAGED(newer_of_two_sagas_in_one_place_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
