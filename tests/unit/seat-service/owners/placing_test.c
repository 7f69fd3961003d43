/* placing_test.c: free events go to those that live, evenly; those that are still to come are
 * waited for once; and what one process leaves is what another takes. */
#include "owners/placing.h"
#include "unit.h"

#include <string.h>

enum { EVENTS = 7 };

static struct placing members(uint32_t expected, const char *alive, uint32_t self)
{
    struct placing placing = {.expected = expected, .self = self};
    for (; *alive != '\0'; alive++)
        placing.alive[*alive - '0'] = true;
    return placing;
}

/* The letters of those that are `self`'s turn. */
static const char *turns(struct placing placing, const struct placing_event *events)
{
    static char taken[EVENTS + 1];
    bool mine[EVENTS];
    uint32_t len = 0;
    placing_choose(&placing, events, EVENTS, mine);
    for (uint32_t i = 0; i < EVENTS; i++)
        if (mine[i])
            taken[len++] = (char)('a' + i);
    taken[len] = '\0';
    return taken;
}

static void one_process_takes_all(void **state)
{
    static const struct placing_event events[EVENTS];
    (void)state;
    assert_string_equal(turns(members(1, "0", 0), events), "abcdefg");
    assert_string_equal(turns(members(2, "3", 3), events), "abcdefg");
}

static void those_that_live_share_evenly(void **state)
{
    static const struct placing_event events[EVENTS];
    (void)state;
    assert_string_equal(turns(members(3, "025", 0), events), "adg");
    assert_string_equal(turns(members(3, "025", 2), events), "be");
    assert_string_equal(turns(members(3, "025", 5), events), "cf");
}

static void whoever_has_less_takes_more(void **state)
{
    const struct placing_event events[EVENTS] = {[0] = {.owned = true}, [4] = {.owned = true}};
    struct placing first = members(2, "01", 0), second = members(2, "01", 1);
    (void)state;
    first.load[0] = second.load[0] = 2;
    assert_string_equal(turns(second, events), "bcf");
    assert_string_equal(turns(first, events), "dg");
}

static void events_without_a_first_owner_wait_for_members_to_come(void **state)
{
    struct placing_event events[EVENTS];
    (void)state;
    memset(events, 0, sizeof(events));
    for (uint32_t i = 0; i < EVENTS; i++)
        events[i].waits = i != 2;
    /* The places 0 and 2 stand for those that are missing. */
    assert_string_equal(turns(members(3, "1", 1), events), "bc");
}

static void what_nobody_takes_is_anybodys(void **state)
{
    const struct placing_event events[EVENTS] = {[1] = {.forlorn = true}, [3] = {.forlorn = true}};
    (void)state;
    assert_string_equal(turns(members(2, "01", 0), events), "abcdeg");
    assert_string_equal(turns(members(2, "01", 1), events), "bdf");
}

static struct placing_event judged(bool was_owned, uint64_t free_ms, uint64_t here_ms,
                                   uint64_t again_ms)
{
    return placing_judge(&(struct placing_seen){
        .was_owned = was_owned, .free_ms = free_ms, .here_ms = here_ms, .again_ms = again_ms});
}

static void what_a_dead_owner_leaves_is_taken_at_once(void **state)
{
    struct placing_event event = judged(true, 0, 60000, 60000);
    (void)state;
    assert_false(event.returns);
    assert_false(event.waits);
}

static void after_a_break_owners_find_what_they_had(void **state)
{
    struct placing_event events[EVENTS];
    (void)state;
    for (uint32_t i = 0; i < EVENTS; i++)
        events[i] = judged(i != 2, 0, 60000, OWNERS_RETURN_MS - 1);
    assert_string_equal(turns(members(1, "0", 0), events), "c");
    for (uint32_t i = 0; i < EVENTS; i++)
        events[i] = judged(i != 2, 0, 60000, OWNERS_RETURN_MS);
    assert_string_equal(turns(members(1, "0", 0), events), "abcdefg");
    /* Whoever is here for the first time has seen no break. */
    assert_false(judged(true, 0, 10, 10).returns);
}

static void a_start_is_waited_for_and_an_end_not(void **state)
{
    (void)state;
    assert_true(judged(false, 0, OWNERS_WAIT_MS - 1, 0).waits);
    assert_false(judged(false, 0, OWNERS_WAIT_MS, 0).waits);
    assert_false(judged(true, OWNERS_FORLORN_MS - 1, 60000, 60000).forlorn);
    assert_true(judged(true, OWNERS_FORLORN_MS, 60000, 60000).forlorn);
    assert_false(judged(false, OWNERS_WAIT_MS + OWNERS_FORLORN_MS - 1, 60000, 60000).forlorn);
    assert_true(judged(false, OWNERS_WAIT_MS + OWNERS_FORLORN_MS, 60000, 60000).forlorn);
    const struct placing_seen owned = {.owned = true, .free_ms = 60000};
    assert_false(placing_judge(&owned).forlorn);
}

static void every_free_event_is_exactly_one_members_turn(void **state)
{
    struct rng_seeded rng;
    (void)state;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned round = 0; round < 2000; round++) {
        struct placing placing = {.expected = 1};
        struct placing_event events[EVENTS];
        uint32_t turns_of[EVENTS] = {0};
        memset(events, 0, sizeof(events));
        placing.alive[rng_below(&rng.rng, OWNERS_MAX)] = true;
        for (uint32_t place = 0; place < OWNERS_MAX; place++) {
            placing.alive[place] = placing.alive[place] || rng_below(&rng.rng, 4) == 0;
            placing.load[place] = placing.alive[place] ? (uint32_t)rng_below(&rng.rng, 5) : 0;
        }
        for (uint32_t i = 0; i < EVENTS; i++)
            events[i].owned = rng_below(&rng.rng, 3) == 0;
        for (uint32_t place = 0; place < OWNERS_MAX; place++) {
            struct placing its = placing;
            bool mine[EVENTS];
            its.self = place;
            if (placing.alive[place])
                placing_choose(&its, events, EVENTS, mine);
            for (uint32_t i = 0; placing.alive[place] && i < EVENTS; i++)
                turns_of[i] += mine[i];
        }
        for (uint32_t i = 0; i < EVENTS; i++)
            assert_int_equal(turns_of[i], events[i].owned ? 0 : 1);
    }
}

static void whoever_is_wanted_has_it_and_what_they_let_lie_is_anybodys(void **state)
{
    (void)state;
    struct placing_event events[EVENTS];
    for (uint32_t i = 0; i < EVENTS; i++)
        events[i] = (struct placing_event){.owned = i > 2};
    struct placing placing = members(2, "01", 0);
    placing.load[0] = 9; /* it would not be its turn */
    events[0].wish = PLACING_WISH_US;
    events[1].wish = PLACING_WISH_OTHER;
    assert_string_equal(turns(placing, events), "a");
    placing.self = 1;
    events[0].wish = PLACING_WISH_OTHER;
    assert_string_equal(turns(placing, events), "c");
    events[1].forlorn = true;
    assert_string_equal(turns(placing, events), "bc");
    events[0].wish = PLACING_WISH_US;
    events[0].owned = true; /* it stays where it is until it is free */
    placing.self = 0;
    events[1].forlorn = false;
    assert_string_equal(turns(placing, events), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_process_takes_all),
        cmocka_unit_test(those_that_live_share_evenly),
        cmocka_unit_test(whoever_has_less_takes_more),
        cmocka_unit_test(events_without_a_first_owner_wait_for_members_to_come),
        cmocka_unit_test(what_nobody_takes_is_anybodys),
        cmocka_unit_test(what_a_dead_owner_leaves_is_taken_at_once),
        cmocka_unit_test(after_a_break_owners_find_what_they_had),
        cmocka_unit_test(a_start_is_waited_for_and_an_end_not),
        cmocka_unit_test(whoever_is_wanted_has_it_and_what_they_let_lie_is_anybodys),
        cmocka_unit_test(every_free_event_is_exactly_one_members_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
