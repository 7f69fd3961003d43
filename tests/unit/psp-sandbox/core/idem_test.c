/* idem_test.c: answers kept under keys, and cards by token and number. */
#include "unit.h"

#include "core/card.h"
#include "core/idem.h"

#include <stdio.h>

static void keep(struct idem *idem, const char *key, uint64_t now_s, const char *body)
{
    idem_keep(idem, span_of(key), now_s, &(struct idem_answer){402, span_of(body), "digest"});
}

static void an_answer_is_kept_to_the_second(void **state)
{
    (void)state;
    struct idem idem;
    struct idem_answer answer;
    idem_init(&idem);
    assert_false(idem_find(&idem, SPAN("k"), 1000, &answer));
    keep(&idem, "k", 1000, "{\"a\":1}");
    assert_false(idem_find(&idem, SPAN("K"), 1000, &answer));
    assert_true(idem_find(&idem, SPAN("k"), 1000 + IDEM_TTL_S - 1, &answer));
    assert_int_equal(402, answer.status);
    assert_span(answer.body, "{\"a\":1}");
    assert_string_equal("digest", answer.digest);
    assert_false(idem_find(&idem, SPAN("k"), 1000 + IDEM_TTL_S, &answer));
    idem_deinit(&idem);
}

static void the_oldest_key_makes_room(void **state)
{
    (void)state;
    struct idem idem;
    struct idem_answer answer;
    char key[16];
    idem_init(&idem);
    for (unsigned i = 0; i < IDEM_KEYS_MAX; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        keep(&idem, key, 1, "");
    }
    assert_true(idem_find(&idem, SPAN("key-1"), 1, &answer));
    assert_false(idem_find(&idem, SPAN("key-0"), 1, &answer));
    idem_deinit(&idem);
}

static const struct card *card(const char *token)
{
    const struct card *found = card_by_token(span_of(token));
    assert_non_null(found);
    return found;
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
        cmocka_unit_test(an_answer_is_kept_to_the_second),
        cmocka_unit_test(the_oldest_key_makes_room),
        cmocka_unit_test(cards_are_known_by_token_and_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
