/* stripe_signature_test.c: webhook signatures, against one that the official client made. */
#include "psp/psp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

static const char body[] = "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"payment_intent."
                           "succeeded\",\"data\":{\"object\":{\"id\":\"pi_1\",\"object\":"
                           "\"payment_intent\"}}}";

#define T   "t=1800000000"
#define V1  "v1=2ae9c697fce430c979eb90c14dc7c704355c89aeacc1b9e4785d0ad32ab54a3e"
#define BAD "v1=2ae9c697fce430c979eb90c14dc7c704355c89aeacc1b9e4785d0ad32ab54a3f"
#define BIG "v1=2AE9C697FCE430C979EB90C14DC7C704355C89AEACC1B9E4785D0AD32AB54A3E"

static const uint64_t at_s = 1800000000;

static int verify(const char *secrets, const char *signature, uint64_t now_s)
{
    return psp_stripe_verify(span_of(secrets), span_of(signature), span_of(body), now_s, 300, NULL);
}

static void signature_of_the_official_client_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(verify("whsec_fairgate", T "," V1, at_s), 0);
    assert_int_equal(verify("whsec_fairgate", T "," V1 ",v0=whatever", at_s), 0);
}

static void keys_can_be_rotated_on_both_sides(void **state)
{
    (void)state;
    assert_int_equal(verify("whsec_fairgate", T "," BAD "," V1, at_s), 0);
    assert_int_equal(verify("whsec_new whsec_fairgate", T "," V1, at_s), 0);
    assert_int_equal(verify("whsec_new", T "," V1, at_s), ERR_AUTH);
    assert_int_equal(verify("", T "," V1, at_s), ERR_AUTH);
}

static void both_sides_of_the_clock_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(verify("whsec_fairgate", T "," V1, at_s + 300), 0);
    assert_int_equal(verify("whsec_fairgate", T "," V1, at_s + 301), ERR_TIMEOUT);
    assert_int_equal(verify("whsec_fairgate", T "," V1, at_s - 300), 0);
    assert_int_equal(verify("whsec_fairgate", T "," V1, at_s - 301), ERR_TIMEOUT);
}

static void malformed_signature_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        T "," BAD, T "," BIG, T ", " V1, T, T ",v0=2ae9", T ",v1=", "t=1800000001," V1,
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(verify("whsec_fairgate", bad[i], at_s), ERR_AUTH);
    assert_int_equal(verify("whsec_fairgate", V1, at_s), ERR_SYNTAX);
    assert_int_equal(verify("whsec_fairgate", T "," T "," V1, at_s), ERR_SYNTAX);
    assert_int_equal(verify("whsec_fairgate", "t=x," V1, at_s), ERR_SYNTAX);
    assert_int_equal(verify("whsec_fairgate", "", at_s), ERR_SYNTAX);
}

static void the_raw_body_counts_to_its_last_byte(void **state)
{
    (void)state;
    char changed[sizeof(body)];
    for (size_t i = 0; i + 1 < sizeof(body); i++) {
        memcpy(changed, body, sizeof(body));
        changed[i] ^= 1;
        assert_int_equal(psp_stripe_verify(SPAN("whsec_fairgate"), SPAN(T "," V1),
                                           (struct span){changed, sizeof(body) - 1}, at_s, 300,
                                           NULL),
                         ERR_AUTH);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_of_the_official_client_is_accepted),
        cmocka_unit_test(keys_can_be_rotated_on_both_sides),
        cmocka_unit_test(both_sides_of_the_clock_are_bounded),
        cmocka_unit_test(malformed_signature_is_refused),
        cmocka_unit_test(the_raw_body_counts_to_its_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
