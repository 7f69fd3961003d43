/* fees_test.c: fees and VAT to the minor unit. */
#include "unit.h"

#include "sale/fees.h"

static void an_event_without_fees_has_none(void **state)
{
    (void)state;
    const struct fees none = {0};
    assert_int_equal(fees_of(&none, 300000, 2), 0);
    assert_int_equal(fees_vat(300000, 0), 0);
}

static void all_kinds_of_fees_are_added_up(void **state)
{
    (void)state;
    const struct fees fees = {.per_seat = 1000, .per_order = 500, .basis_points = 250};
    assert_int_equal(fees_of(&fees, 300000, 2), 500 + 2 * 1000 + 7500);
    assert_int_equal(fees_of(&fees, 0, 1), 1500); /* what costs nothing may still have a fee */
}

static void a_half_is_rounded_up(void **state)
{
    (void)state;
    const struct fees fees = {.basis_points = 50};
    assert_int_equal(fees_of(&fees, 100, 1), 1); /* 0.5 */
    assert_int_equal(fees_of(&fees, 99, 1), 0);  /* 0.495 */
    assert_int_equal(fees_of(&fees, 300, 1), 2); /* 1.5 */
}

static void vat_is_a_part_of_the_amount(void **state)
{
    (void)state;
    assert_int_equal(fees_vat(110000, 1000), 10000);
    assert_int_equal(fees_vat(11900, 1900), 1900);
    assert_int_equal(fees_vat(1, 1000), 0);
    assert_int_equal(fees_vat(6, 1000), 1); /* 0.545 */
}

static void the_largest_order_does_not_wrap_around(void **state)
{
    (void)state;
    const struct fees most = {FEES_MINOR_MAX, FEES_MINOR_MAX, FEES_BASIS_POINTS_MAX};
    const uint64_t total = UINT64_C(128) * UINT32_MAX;
    const uint64_t fees = fees_of(&most, total, 128);
    assert_int_equal(fees, total + UINT64_C(129) * FEES_MINOR_MAX);
    assert_int_equal(fees_vat(total + fees, FEES_VAT_MAX), (total + fees) / 2);
    assert_int_equal(fees_vat(UINT64_C(1) << 62, FEES_VAT_MAX), UINT64_C(1) << 61);
    assert_int_equal(fees_vat(UINT64_MAX, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_without_fees_has_none),
        cmocka_unit_test(all_kinds_of_fees_are_added_up),
        cmocka_unit_test(a_half_is_rounded_up),
        cmocka_unit_test(vat_is_a_part_of_the_amount),
        cmocka_unit_test(the_largest_order_does_not_wrap_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
