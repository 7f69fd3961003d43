/* intent_test.c: who may do what to a payment, and that its amounts always add up. */
#include "unit.h"

#include "core/intent.h"

#include <string.h>

static struct intent fresh(enum intent_capture capture_method)
{
    struct intent intent = {
        .capture_method = capture_method, .amount = 1000, .charge = INTENT_NONE, .currency = "krw"};
    return intent;
}

static const struct card *card(const char *token)
{
    const struct card *found = card_by_token(span_of(token));
    assert_non_null(found);
    return found;
}

static void held(struct intent *intent)
{
    *intent = fresh(INTENT_MANUAL);
    intent_use_card(intent, card("pm_card_visa"), "pm_1");
    intent_approve(intent);
}

static void manual_capture_holds_first_and_takes_later(void **state)
{
    (void)state;
    struct intent intent;
    held(&intent);
    assert_int_equal(INTENT_REQUIRES_CAPTURE, intent.status);
    assert_int_equal(1000, intent.capturable);
    assert_int_equal(0, intent.received);
    intent_capture(&intent, 600);
    assert_int_equal(INTENT_SUCCEEDED, intent.status);
    assert_int_equal(0, intent.capturable);
    assert_int_equal(600, intent.received);
    assert_int_equal(600, intent_refundable(&intent));
}

static void automatic_capture_takes_at_once(void **state)
{
    (void)state;
    struct intent intent = fresh(INTENT_AUTOMATIC_ASYNC);
    intent_use_card(&intent, card("pm_card_visa"), "pm_1");
    assert_int_equal(INTENT_REQUIRES_CONFIRMATION, intent.status);
    intent_approve(&intent);
    assert_int_equal(INTENT_SUCCEEDED, intent.status);
    assert_int_equal(1000, intent.received);
}

static void a_refusal_leads_back_and_forgets_the_card(void **state)
{
    (void)state;
    struct intent intent = fresh(INTENT_MANUAL);
    intent_use_card(&intent, card("pm_card_chargeDeclined"), "pm_1");
    intent_refuse(&intent, intent.card);
    assert_int_equal(INTENT_REQUIRES_PAYMENT_METHOD, intent.status);
    assert_null(intent.card);
    assert_string_equal("", intent.payment_method);
    assert_string_equal("card_declined", intent.refusal->code);
    intent_use_card(&intent, card("pm_card_visa"), "pm_2");
    intent_approve(&intent);
    assert_null(intent.refusal);
}

static void a_question_waits_for_its_answer(void **state)
{
    (void)state;
    struct intent intent = fresh(INTENT_MANUAL);
    intent_use_card(&intent, card("pm_card_authenticationRequired"), "pm_1");
    assert_false(intent_may(&intent, INTENT_ACT_AUTHENTICATE));
    intent_ask(&intent);
    assert_true(intent_may(&intent, INTENT_ACT_AUTHENTICATE));
    assert_false(intent_may(&intent, INTENT_ACT_CAPTURE));
    intent_refuse(&intent, NULL);
    assert_true(intent.authentication_failed);
}

static void refunds_never_exceed_what_was_taken(void **state)
{
    (void)state;
    struct intent intent;
    held(&intent);
    intent_capture(&intent, 1000);
    intent_refund(&intent, 400);
    assert_int_equal(600, intent_refundable(&intent));
    intent_refund(&intent, 600);
    assert_int_equal(0, intent_refundable(&intent));
    assert_int_equal(INTENT_SUCCEEDED, intent.status);
}

static void each_state_allows_what_it_should_and_nothing_else(void **state)
{
    (void)state;
    static const char *const allowed[INTENT_STATUS_COUNT] = {
        /* update confirm authenticate capture cancel */
        [INTENT_REQUIRES_PAYMENT_METHOD] = "UC..X",
        [INTENT_REQUIRES_CONFIRMATION] = "UC..X",
        [INTENT_REQUIRES_ACTION] = "UCA.X",
        [INTENT_REQUIRES_CAPTURE] = "...PX",
        [INTENT_SUCCEEDED] = ".....",
        [INTENT_CANCELED] = ".....",
    };
    for (unsigned status = 0; status < INTENT_STATUS_COUNT; status++) {
        struct intent intent = {.status = (enum intent_status)status};
        for (unsigned act = 0; act < INTENT_ACT_COUNT; act++)
            assert_int_equal(allowed[status][act] != '.',
                             intent_may(&intent, (enum intent_act)act));
    }
}

static void a_canceled_hold_gives_everything_back(void **state)
{
    (void)state;
    struct intent intent;
    held(&intent);
    intent_cancel(&intent, "abandoned", 7);
    assert_int_equal(INTENT_CANCELED, intent.status);
    assert_int_equal(0, intent.capturable);
    assert_int_equal(0, intent_refundable(&intent));
    assert_int_equal(7, intent.canceled_s);
}

/* Any sequence of allowed acts keeps the books: the asserts of intent.c judge each step. */
static void any_order_of_allowed_acts_adds_up(void **state)
{
    (void)state;
    static const char *const tokens[] = {"pm_card_visa", "pm_card_chargeDeclined",
                                         "pm_card_authenticationRequired"};
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (int round = 0; round < 5000; round++) {
        struct intent intent =
            fresh(rng_below(&rng.rng, 2) == 0 ? INTENT_MANUAL : INTENT_AUTOMATIC);
        for (int step = 0; step < 12; step++) {
            enum intent_act act = (enum intent_act)rng_below(&rng.rng, INTENT_ACT_COUNT);
            if (intent_refundable(&intent) > 0)
                intent_refund(&intent, 1 + (int64_t)rng_below(
                                               &rng.rng, (uint64_t)intent_refundable(&intent)));
            if (!intent_may(&intent, act))
                continue;
            const struct card *next = card(tokens[rng_below(&rng.rng, 3)]);
            if (act == INTENT_ACT_UPDATE) {
                intent_use_card(&intent, next, "pm_x");
            } else if (act == INTENT_ACT_CONFIRM) {
                intent_use_card(&intent, next, "pm_y");
                if (next->asks)
                    intent_ask(&intent);
                else if (next->code != NULL)
                    intent_refuse(&intent, next);
                else
                    intent_approve(&intent);
            } else if (act == INTENT_ACT_AUTHENTICATE) {
                intent_approve(&intent);
            } else if (act == INTENT_ACT_CAPTURE) {
                intent_capture(&intent,
                               1 + (int64_t)rng_below(&rng.rng, (uint64_t)intent.capturable));
            } else {
                intent_cancel(&intent, NULL, 1);
            }
            assert_true(intent.received - intent.refunded >= 0);
            assert_true(intent.capturable + intent.received <= intent.amount);
        }
    }
}

static void cards_are_known_by_token_and_by_number(void **state)
{
    (void)state;
    assert_ptr_equal(card("pm_card_visa_chargeDeclined"), card("pm_card_chargeDeclined"));
    assert_ptr_equal(card("pm_card_visa"), card_by_number(SPAN("4242 4242-4242 4242")));
    assert_null(card_by_token(SPAN("pm_card_nobody")));
    assert_null(card_by_number(SPAN("4242424242424241"))); /* the check digit is wrong */
    assert_null(card_by_number(SPAN("4242")));
    assert_null(card_by_number(SPAN("4242x42424242424")));
    assert_null(card_by_number(SPAN("42424242424242424242424242")));
    const struct card *stranger = card_by_number(SPAN("4111111111111111"));
    assert_string_equal("test_mode_live_card", stranger->decline);
    assert_string_equal("0000", card_last4(stranger));
    assert_string_equal("0002", card_last4(card("pm_card_chargeDeclined")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manual_capture_holds_first_and_takes_later),
        cmocka_unit_test(automatic_capture_takes_at_once),
        cmocka_unit_test(a_refusal_leads_back_and_forgets_the_card),
        cmocka_unit_test(a_question_waits_for_its_answer),
        cmocka_unit_test(refunds_never_exceed_what_was_taken),
        cmocka_unit_test(each_state_allows_what_it_should_and_nothing_else),
        cmocka_unit_test(a_canceled_hold_gives_everything_back),
        cmocka_unit_test(any_order_of_allowed_acts_adds_up),
        cmocka_unit_test(cards_are_known_by_token_and_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
