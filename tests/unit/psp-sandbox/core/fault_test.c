/* fault_test.c: how faults are written, which calls they strike, and how often. */
#include "unit.h"

#include "core/fault.h"

static void a_fault_is_read_as_it_is_written(void **state)
{
    (void)state;
    struct err_slot err;
    struct fault faults[FAULT_SPECS_MAX];
    unsigned count;
    assert_int_equal(0, fault_parse(SPAN("capture:error=503*3, webhook:duplicate,any:lost"), &err,
                                    faults, &count));
    assert_int_equal(3, count);
    assert_string_equal("capture", faults[0].operation);
    assert_int_equal(FAULT_ERROR, faults[0].kind);
    assert_int_equal(503, faults[0].value);
    assert_int_equal(3, faults[0].count);
    assert_int_equal(FAULT_HOOK_DUPLICATE, faults[1].kind);
    assert_int_equal(100, faults[1].value);
    assert_int_equal(FAULT_LOST, faults[2].kind);
    assert_int_equal(1, faults[2].count);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"", "no such operation"},           {"captur:lost", "no such operation"},
        {"capture", "no such kind"},         {"capture:duplicate", "no such kind"},
        {"webhook:drop", "no such kind"},    {"webhook/:lost", "no such operation"},
        {"capture:error=200", "400 to 599"}, {"capture:lost=1", "0 to 0"},
        {"capture:delay=0", "1 to 600000"},  {"capture:lost*0", "a count"},
        {"capture:lost*x", "a count"},       {"a:b,c:d", "no such operation"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err_slot err;
        struct fault faults[FAULT_SPECS_MAX];
        unsigned count;
        assert_true(fault_parse(span_of(bad[i].text), &err, faults, &count) < 0);
        assert_says(&err, bad[i].says);
    }
}

static void a_rule_strikes_so_often_and_is_gone(void **state)
{
    (void)state;
    static struct fault_list list;
    struct err_slot err;
    struct fault fault;
    assert_int_equal(0, fault_list_add(&list, SPAN("capture:lost*2,any:drop"), &err));
    assert_true(fault_list_take(&list, SPAN("create"), &fault)); /* any */
    assert_int_equal(FAULT_DROP, fault.kind);
    assert_false(fault_list_take(&list, SPAN("create"), &fault));
    assert_true(fault_list_take(&list, SPAN("capture"), &fault));
    assert_true(fault_list_take(&list, SPAN("capture"), &fault));
    assert_false(fault_list_take(&list, SPAN("capture"), &fault));
    assert_int_equal(0, list.len);
}

static void webhooks_and_calls_do_not_meet(void **state)
{
    (void)state;
    static struct fault_list list;
    struct err_slot err;
    struct fault fault;
    assert_int_equal(0, fault_list_add(&list, SPAN("any:lost,webhook/charge.captured:lost"), &err));
    assert_false(fault_list_take(&list, SPAN("webhook/charge.refunded"), &fault));
    assert_true(fault_list_take(&list, SPAN("webhook/charge.captured"), &fault));
    assert_int_equal(FAULT_HOOK_LOST, fault.kind);
    assert_true(fault_list_take(&list, SPAN("get"), &fault));
    assert_int_equal(0, fault_list_add(&list, SPAN("webhook:late=5"), &err));
    assert_true(fault_list_take(&list, SPAN("webhook/payment_intent.created"), &fault));
}

static void the_list_is_bounded(void **state)
{
    (void)state;
    static struct fault_list list;
    struct err_slot err;
    for (unsigned i = 0; i < FAULT_RULES_MAX; i++)
        assert_int_equal(0, fault_list_add(&list, SPAN("get:lost"), &err));
    assert_int_equal(ERR_FULL, fault_list_add(&list, SPAN("get:lost"), &err));
}

static void a_payments_own_faults_are_counted_by_its_counters(void **state)
{
    (void)state;
    uint32_t used[FAULT_SPECS_MAX] = {0};
    const char *text = "confirm:lost,capture:lost*2";
    struct fault fault;
    int slot;
    assert_true(fault_in_text(text, used, SPAN("capture"), &fault, &slot));
    assert_int_equal(1, slot);
    used[1] = 2;
    assert_false(fault_in_text(text, used, SPAN("capture"), &fault, &slot));
    assert_true(fault_in_text(text, used, SPAN("confirm"), &fault, &slot));
    assert_false(fault_in_text(NULL, used, SPAN("confirm"), &fault, &slot));
    assert_false(fault_in_text("not a fault", used, SPAN("confirm"), &fault, &slot));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_read_as_it_is_written),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_rule_strikes_so_often_and_is_gone),
        cmocka_unit_test(webhooks_and_calls_do_not_meet),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(a_payments_own_faults_are_counted_by_its_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
