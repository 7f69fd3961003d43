/* member_name_test.c: two services make the name, each by itself, and passes that are out bear it:
 * so it is compared with what SHA-256 gives elsewhere, by the bytes that the file's head tells. */
#include "unit.h"

#include "crypto/member_name.h"

#include <string.h>

static void a_name_is_the_same_wherever_and_whenever_it_is_made(void **state)
{
    (void)state;
    char long_id[300];
    memset(long_id, 'm', sizeof(long_id));
    assert_string_equal(member_name_make(SPAN("show"), SPAN("17")).text, "vHEwXtu8vQxukDfsSgZTgA");
    assert_string_equal(
        member_name_make(SPAN("show"), (struct span){long_id, sizeof(long_id)}).text,
        "Rpj4HD7G1dxe7PU34nSYUQ");
}

static void event_and_member_do_not_run_into_each_other(void **state)
{
    (void)state;
    assert_string_equal(member_name_make(SPAN("sho"), SPAN("w17")).text, "5ZGWjzcz_wbt_FpY-OpqAQ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_the_same_wherever_and_whenever_it_is_made),
        cmocka_unit_test(event_and_member_do_not_run_into_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
