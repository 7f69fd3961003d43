/* asleep_test.c: names are added and removed, as many as a database may hold. None is lost, and
 * only requested ones are wanted. */
#include "base/rng.h"
#include "owners/asleep.h"
#include "unit.h"

#include <stdio.h>

static struct asleep *fresh(void)
{
    struct err_slot err = {0};
    struct asleep *asleep = NULL;
    assert_int_equal(0, asleep_create(&err, &asleep));
    return asleep;
}

static const char *name_of(uint32_t no)
{
    static char id[EVENT_ID_MAX + 1];
    snprintf(id, sizeof(id), "event-%u", no);
    return id;
}

static int put(struct asleep *asleep, uint32_t no, bool wanted)
{
    struct err_slot err = {0};
    return asleep_put(asleep, &(struct asleep_event){(int32_t)no, name_of(no), 0}, wanted, &err);
}

static void requested_event_is_wanted_until_it_is_put_or_removed(void **state)
{
    (void)state;
    struct asleep *asleep = fresh();
    int32_t nos[4];
    assert_int_equal(0, put(asleep, 1, false));
    assert_int_equal(0, put(asleep, 2, true));
    asleep_want(asleep, SPAN("event-1"));
    asleep_want(asleep, SPAN("event-1"));
    asleep_want(asleep, SPAN("event-3")); /* which is not here */
    assert_int_equal(2, asleep_wanted(asleep, nos, 4));
    assert_int_equal(1, asleep_wanted(asleep, nos, 1));
    assert_int_equal(0, put(asleep, 1, false));
    assert_int_equal(1, asleep_wanted(asleep, nos, 4));
    assert_int_equal(2, nos[0]);
    asleep_remove(asleep, "event-2");
    asleep_remove(asleep, "event-2");
    assert_int_equal(0, asleep_wanted(asleep, nos, 4));
    assert_true(asleep_knows(asleep, SPAN("event-1"), NULL));
    assert_false(asleep_knows(asleep, SPAN("event-2"), NULL));
    assert_int_equal(1, asleep_len(asleep));
    asleep_destroy(asleep);
}

static void newest_incarnation_stays_known(void **state)
{
    (void)state;
    struct asleep *asleep = fresh();
    struct err_slot err = {0};
    for (uint64_t incarnation = 3; incarnation > 0; incarnation--) {
        uint64_t known = 0;
        assert_int_equal(
            0, asleep_put(asleep, &(struct asleep_event){1, "event-1", incarnation}, false, &err));
        assert_true(asleep_knows(asleep, SPAN("event-1"), &known));
        assert_int_equal(3, known);
    }
    asleep_destroy(asleep);
}

static void names_have_a_bound(void **state)
{
    (void)state;
    struct asleep *asleep = fresh();
    for (uint32_t no = 0; no < EVENTS_ASLEEP_MAX; no++)
        assert_int_equal(0, put(asleep, no, false));
    assert_int_equal(ERR_FULL, put(asleep, EVENTS_ASLEEP_MAX, true));
    assert_int_equal(0, put(asleep, 7, true)); /* it is there already */
    assert_int_equal(EVENTS_ASLEEP_MAX, asleep_len(asleep));
    asleep_remove(asleep, "event-0");
    assert_int_equal(0, put(asleep, EVENTS_ASLEEP_MAX, false));
    asleep_destroy(asleep);
}

/* Against a plain array of what should be there. */
static void names_agree_with_a_plain_array(void **state)
{
    enum { NAMES = 50, STEPS = 20000 };
    (void)state;
    struct asleep *asleep = fresh();
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    bool here[NAMES] = {false}, wanted[NAMES] = {false};
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t no = (uint32_t)rng_below(&seeded.rng, NAMES);
        switch (rng_below(&seeded.rng, 4)) {
        case 0:
            here[no] = wanted[no] = false;
            asleep_remove(asleep, name_of(no));
            break;
        case 1:
            wanted[no] = here[no];
            asleep_want(asleep, span_of(name_of(no)));
            break;
        default:
            here[no] = true;
            wanted[no] = step % 2 == 0;
            assert_int_equal(0, put(asleep, no, wanted[no]));
        }
        uint32_t len = 0, wanted_len = 0;
        int32_t nos[NAMES];
        for (uint32_t i = 0; i < NAMES; i++) {
            len += here[i];
            wanted_len += wanted[i];
            assert_int_equal(here[i], asleep_knows(asleep, span_of(name_of(i)), NULL));
        }
        assert_int_equal(len, asleep_len(asleep));
        assert_int_equal(wanted_len, asleep_wanted(asleep, nos, NAMES));
        for (uint32_t i = 0; i < wanted_len; i++)
            assert_true(wanted[nos[i]]);
    }
    asleep_destroy(asleep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requested_event_is_wanted_until_it_is_put_or_removed),
        cmocka_unit_test(newest_incarnation_stays_known),
        cmocka_unit_test(names_have_a_bound),
        cmocka_unit_test(names_agree_with_a_plain_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
