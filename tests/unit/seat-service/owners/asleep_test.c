/* asleep_test.c: names are added and removed, as many as a database may hold. None is lost, and
 * only requested ones are wanted. */
#include "base/rng.h"
#include "owners/asleep.h"
#include "unit.h"

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

static int put_due(struct asleep *asleep, uint32_t no, uint64_t due_ms)
{
    struct err_slot err = {0};
    return asleep_put(asleep,
                      &(struct asleep_event){(int32_t)no, name_of(no), 0, due_ms, false, no}, false,
                      &err);
}

static int put(struct asleep *asleep, uint32_t no, uint64_t incarnation, bool wanted)
{
    struct err_slot err = {0};
    return asleep_put(asleep,
                      &(struct asleep_event){(int32_t)no, name_of(no), incarnation, 0, false, 1},
                      wanted, &err);
}

static uint32_t take(struct asleep *asleep, enum asleep_kind kind, uint64_t now_ms, int32_t *nos,
                     struct asleep_room *room)
{
    uint64_t asked_ms[EVENTS_MAX];
    return asleep_take(asleep, kind, now_ms, nos, asked_ms, room);
}

static uint32_t due(struct asleep *asleep, uint64_t now_ms, int32_t *nos, uint32_t places,
                    uint64_t bytes)
{
    return take(asleep, ASLEEP_DUE, now_ms, nos, &(struct asleep_room){places, bytes, 100});
}

TEST_CASE(names_have_a_bound)
{
    struct asleep *asleep = fresh();
    for (uint32_t no = 0; no < ASLEEP_NAMES_MAX; no++)
        assert_int_equal(0, put(asleep, no, 0, false));
    assert_int_equal(ERR_FULL, put(asleep, ASLEEP_NAMES_MAX, 0, true));
    assert_int_equal(0, put(asleep, 7, 0, true)); /* it is there already */
    assert_int_equal(ASLEEP_NAMES_MAX, asleep_len(asleep));
    assert_true(asleep_knows(asleep, SPAN("event-7"), NULL));
    asleep_remove(asleep, "event-0");
    assert_int_equal(0, put(asleep, ASLEEP_NAMES_MAX, 0, false));
    asleep_destroy(asleep);
}

/* Of more than there is room for those that have waited longest are next. */
TEST_CASE(event_that_is_due_first_is_woken_first)
{
    struct asleep *asleep = fresh();
    int32_t nos[4];
    for (uint32_t no = 1; no <= 5; no++)
        assert_int_equal(0, put_due(asleep, no, UINT64_C(1000) * (9 - no)));
    asleep_remove(asleep, name_of(1)); /* and comes back, later than all */
    assert_int_equal(0, put_due(asleep, 1, 9000));
    assert_int_equal(2, due(asleep, 9000, nos, 2, 100));
    assert_int_equal(5, nos[0]);
    assert_int_equal(4, nos[1]);
    assert_int_equal(1, due(asleep, 9000, nos, 1, 4)); /* which the first has no room in */
    assert_int_equal(4, nos[0]);
    asleep_destroy(asleep);
}

TEST_CASE(events_are_due_from_their_time_until_they_are_awake)
{
    struct asleep *asleep = fresh();
    int32_t nos[4] = {0};
    uint64_t largest;
    for (uint32_t no = 1; no <= 3; no++)
        assert_int_equal(0, put_due(asleep, no, UINT64_C(1000) * no));
    assert_int_equal(0, put_due(asleep, 4, 0));
    assert_int_equal(0, due(asleep, 999, nos, 4, 100));
    assert_int_equal(1, due(asleep, 1000, nos, 4, 100));
    assert_int_equal(1, nos[0]);
    assert_int_equal(2, due(asleep, 3000, nos, 2, 100)); /* there are no more places */
    assert_int_equal(2, due(asleep, 3000, nos, 4, 5));   /* the third takes 3, and there are 2 */
    asleep_want(asleep, SPAN("event-1"), 500);
    assert_int_equal(2, due(asleep, 3000, nos, 4, 100));        /* those that nobody asks for */
    assert_int_equal(1, asleep_waiting(asleep, 999, &largest)); /* it is wanted */
    assert_int_equal(1, largest);
    assert_int_equal(3, asleep_waiting(asleep, 3000, &largest));
    assert_int_equal(3, largest);
    asleep_remove(asleep, name_of(1));
    assert_int_equal(0, put_due(asleep, 2, 0)); /* its hold has ended */
    assert_int_equal(1, due(asleep, 3000, nos, 4, 100));
    assert_int_equal(3, nos[0]);
    asleep_remove(asleep, name_of(3));
    assert_int_equal(0, due(asleep, 3000, nos, 4, 100));
    assert_int_equal(0, put_due(asleep, 5, 10)); /* earlier than any before */
    assert_int_equal(1, due(asleep, 3000, nos, 4, 100));
    asleep_destroy(asleep);
}

TEST_CASE(event_that_sleeps_needs_room_at_another_process_and_one_that_is_awake_does_not)
{
    struct asleep *asleep = fresh();
    int32_t nos[4] = {0};
    struct asleep_room room = {.places = 4, .bytes = 10};
    assert_int_equal(0, put(asleep, 1, 0, false));
    assert_int_equal(0, put(asleep, 2, 0, true)); /* awake at that process */
    asleep_want(asleep, SPAN("event-1"), 500);
    assert_int_equal(0, take(asleep, ASLEEP_WANTED, 0, nos, &room));
    assert_int_equal(1, take(asleep, ASLEEP_AWAKE, 0, nos, &room));
    assert_int_equal(2, nos[0]);
    assert_int_equal(3, room.places);
    room.elsewhere = 1;
    assert_int_equal(1, take(asleep, ASLEEP_WANTED, 0, nos, &room));
    assert_int_equal(1, nos[0]);
    assert_int_equal(0, room.elsewhere);
    asleep_destroy(asleep);
}

TEST_CASE(event_that_was_asked_for_first_is_woken_first_and_a_refusal_is_noted_once)
{
    struct asleep *asleep = fresh();
    struct err_slot err = {0};
    int32_t nos[4];
    uint64_t asked_ms[4];
    for (uint32_t no = 1; no <= 4; no++) {
        assert_int_equal(0, put_due(asleep, no, no == 4 ? 0 : 9000)); /* no hold of the last ends */
        asleep_want(asleep, span_of(name_of(no)), UINT64_C(100) * (9 - no));
    }
    asleep_want(asleep, span_of(name_of(3)), 900); /* again */
    assert_int_equal(
        2, asleep_take(asleep, ASLEEP_WANTED, 0, nos, asked_ms, &(struct asleep_room){2, 9, 9}));
    assert_int_equal(4, nos[0]);
    assert_int_equal(3, nos[1]);
    assert_int_equal(600, asked_ms[1]);
    assert_int_equal(3, asleep_refused(asleep, nos, asked_ms, 4));
    assert_int_equal(800, asked_ms[0]);
    const struct asleep_event noted = {1, "event-1", 0, 9000, true, 1};
    assert_int_equal(0, asleep_put(asleep, &noted, false, &err)); /* still wanted */
    assert_int_equal(2, asleep_refused(asleep, nos, asked_ms, 4));
    assert_int_equal(2, nos[0]);
    asleep_destroy(asleep);
}

/* Against a plain array of what should be there. The newest incarnation stays known, and an event
 * is wanted from a request until it is removed, or sleeps after it was awake. */
TEST_CASE(names_agree_with_a_plain_array)
{
    enum { NAMES = 50, STEPS = 20000 };
    struct asleep *asleep = fresh();
    const struct rng *rng = unit_rng();
    struct {
        bool here, wanted, awake;
        uint64_t incarnation;
    } events[NAMES] = {{.here = false}};
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t no = (uint32_t)rng_below(rng, NAMES), len = 0, wanted_len = 0;
        uint64_t incarnation = rng_below(rng, 4), known;
        int32_t nos[NAMES];
        switch (rng_below(rng, 4)) {
        case 0:
            events[no].here = events[no].wanted = events[no].awake = false;
            asleep_remove(asleep, name_of(no));
            break;
        case 1:
            events[no].wanted = events[no].here;
            asleep_want(asleep, span_of(name_of(no)), step + 1);
            break;
        default:
            if (!events[no].here || events[no].incarnation < incarnation)
                events[no].incarnation = incarnation;
            events[no].here = true;
            events[no].wanted = step % 2 == 0 || (events[no].wanted && !events[no].awake);
            events[no].awake = step % 2 == 0;
            assert_int_equal(0, put(asleep, no, incarnation, events[no].awake));
        }
        for (uint32_t i = 0; i < NAMES; i++) {
            len += events[i].here;
            wanted_len += events[i].wanted;
            assert_int_equal(events[i].here, asleep_knows(asleep, span_of(name_of(i)), &known));
            if (events[i].here)
                assert_int_equal(events[i].incarnation, known);
        }
        assert_int_equal(len, asleep_len(asleep));
        struct asleep_room one = {1, NAMES, NAMES}, all = {NAMES, NAMES, NAMES};
        uint32_t awake = take(asleep, ASLEEP_AWAKE, 0, nos, &one);
        assert_int_equal(wanted_len > 0, awake + take(asleep, ASLEEP_WANTED, 0, nos + awake, &one));
        awake = take(asleep, ASLEEP_AWAKE, 0, nos, &all);
        assert_int_equal(wanted_len, awake + take(asleep, ASLEEP_WANTED, 0, nos + awake, &all));
        for (uint32_t i = 0; i < wanted_len; i++)
            assert_true(events[nos[i]].wanted);
    }
    asleep_destroy(asleep);
}
