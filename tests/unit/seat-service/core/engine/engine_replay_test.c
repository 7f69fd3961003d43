/* engine_replay_test.c: a journal or a snapshot that does not fit is refused in each of its parts,
 * and leaves the engine as it was; one that fits gives back everything, limits of buyers included.
 */
#include "test_hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PLACES = 10, LIMIT = 5, HANDED_TO = 77 };

/* Who owns, and who reads its journal. */
struct world {
    struct plan *plan;
    struct engine *owner, *reader;
    struct engine_op op;
};

static struct world *open_world_of(uint32_t rows, uint32_t seats, uint32_t places,
                                   struct plan_limits limits)
{
    struct world *w = calloc(1, sizeof(*w));
    w->plan = test_hall_block(rows, seats, limits, places);
    w->owner = test_hall_engine(w->plan);
    w->reader = test_hall_engine(w->plan);
    engine_replay_begin(w->reader);
    return w;
}

static struct world *open_world(void)
{
    struct plan_limits limits = test_limits();
    limits.max_per_buyer = LIMIT;
    return open_world_of(2, 6, PLACES, limits);
}

static void close_world(struct world *w)
{
    engine_destroy(w->owner);
    engine_destroy(w->reader);
    plan_destroy(w->plan);
    free(w);
}

static void refused(struct world *w, const struct change *change, const char *why)
{
    struct err_slot err = {.text = ""};
    uint64_t before = engine_state_hash(w->reader);
    assert_int_equal(engine_apply(w->reader, change, &err), ERR_STATE);
    assert_non_null(strstr(err.text, why));
    assert_int_equal(engine_state_hash(w->reader), before);
}

/* What the owner has just begun is committed, and read. */
static void commit(struct world *w)
{
    struct err_slot err = {.text = ""};
    engine_settle(w->owner, &w->op);
    int rc = engine_apply(w->reader, &w->op.change, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
    assert_int_equal(engine_state_hash(w->reader), engine_state_hash(w->owner));
}

#define BEGIN(call) assert_int_equal(call, ENGINE_OK)

static void begin_hold(struct world *w, uint64_t buyer, const uint32_t *seats, uint32_t count)
{
    struct engine_ask ask = test_ask_seats(buyer, seats, count);
    BEGIN(engine_hold(w->owner, &ask, TEST_NOW_MS, &w->op));
}

static uint64_t hold(struct world *w, uint64_t buyer, const uint32_t *seats, uint32_t count)
{
    begin_hold(w, buyer, seats, count);
    commit(w);
    return w->op.change.hold;
}

static void begin_places(struct world *w, uint64_t buyer, uint32_t count)
{
    struct engine_ask ask = test_ask_area(buyer, count);
    BEGIN(engine_hold(w->owner, &ask, TEST_NOW_MS, &w->op));
}

static uint64_t hold_places(struct world *w, uint64_t buyer, uint32_t count)
{
    begin_places(w, buyer, count);
    commit(w);
    return w->op.change.hold;
}

static void begin_extend(struct world *w, uint64_t id, uint64_t buyer)
{
    struct engine_order order = {.id = SPAN("o1"), .buyer = buyer};
    BEGIN(engine_extend(w->owner, id, &order, 300000, TEST_NOW_MS, &w->op));
}

static void begin_confirm(struct world *w, uint64_t id)
{
    BEGIN(engine_confirm(w->owner, id, SPAN("o1"), NULL, TEST_NOW_MS, &w->op));
}

static void begin_change(struct world *w, uint64_t id, uint64_t buyer, struct engine_edit edit)
{
    struct engine_who who = test_who(buyer);
    BEGIN(engine_change(w->owner, id, &who, &edit, TEST_NOW_MS, &w->op));
}

/* ---- holds that begin ---- */

static void a_taking_is_refused_whichever_of_its_seats_is_not_free(void **state)
{
    (void)state;
    struct world *w = open_world();
    hold(w, 1, TEST_SEATS(2, 3));
    begin_hold(w, 2, TEST_SEATS(4, 5, 6));
    struct change wrong = w->op.change;
    wrong.seats[0] = 3; /* the first of them */
    refused(w, &wrong, "its seats are not free");
    wrong = w->op.change;
    wrong.seats[0] = 1, wrong.seats[1] = 2; /* in the middle */
    refused(w, &wrong, "its seats are not free");
    wrong = w->op.change;
    wrong.seats[0] = 0, wrong.seats[1] = 1, wrong.seats[2] = 2; /* the last */
    refused(w, &wrong, "its seats are not free");
    wrong = w->op.change;
    wrong.seats[2] = 12;
    refused(w, &wrong, "a seat or area that the plan does not have");
    wrong.seats[0] = 12, wrong.seats[2] = 11;
    refused(w, &wrong, "a seat or area that the plan does not have");
    commit(w); /* none of it is in the way of what is right */
    close_world(w);
}

static void a_taking_is_refused_where_it_makes_no_sense(void **state)
{
    (void)state;
    struct world *w = open_world();
    begin_hold(w, 1, TEST_SEATS(0, 1));
    struct change wrong = w->op.change;
    wrong.add_count = 0;
    refused(w, &wrong, "no seats, or too many");
    wrong = w->op.change;
    wrong.price_list = 1;
    refused(w, &wrong, "its prices are not known");
    wrong = w->op.change;
    wrong.hold &= ~UINT64_C(0xffffff); /* no slot */
    refused(w, &wrong, "its hold exists already");
    wrong.hold |= 0xffffff; /* one that no hall of this size has */
    refused(w, &wrong, "its hold exists already");
    commit(w);

    begin_places(w, 2, 4);
    wrong = w->op.change;
    wrong.quantity = 0;
    refused(w, &wrong, "no seats, or too many");
    wrong.quantity = HOLD_AREA_QUANTITY_MAX + 1;
    refused(w, &wrong, "no seats, or too many");
    wrong = w->op.change;
    wrong.quantity = PLACES + 1;
    refused(w, &wrong, "its seats are not free");
    wrong = w->op.change;
    wrong.area = 1;
    refused(w, &wrong, "a seat or area that the plan does not have");
    commit(w);
    begin_places(w, 3, 3);
    wrong = w->op.change;
    wrong.quantity = PLACES - 4 + 1; /* one more than is left */
    refused(w, &wrong, "its seats are not free");
    commit(w);
    close_world(w);
}

/* ---- what happens to a hold ---- */

static void what_a_hold_gives_back_is_its_own_from_the_first_seat_to_the_last(void **state)
{
    (void)state;
    struct world *w = open_world();
    uint64_t id = hold(w, 1, TEST_SEATS(2, 3, 4));
    hold(w, 2, TEST_SEATS(1, 5));
    BEGIN(engine_release(w->owner, id, 1, TEST_NOW_MS, &w->op));
    struct change wrong = w->op.change;
    assert_int_equal(wrong.remove_count, 3);
    wrong.seats[0] = 1;
    refused(w, &wrong, "its seats are not the hold's");
    wrong = w->op.change;
    wrong.seats[2] = 5;
    refused(w, &wrong, "its seats are not the hold's");
    wrong.seats[2] = 6; /* nobody's */
    refused(w, &wrong, "its seats are not the hold's");
    wrong = w->op.change;
    wrong.remove_count = 2;
    refused(w, &wrong, "it names another number of places than the hold has");
    wrong = w->op.change;
    wrong.area = 0;
    wrong.remove_count = 0;
    refused(w, &wrong, "its area is another one");
    wrong = w->op.change;
    wrong.hold += UINT64_C(1) << 24; /* another life of the slot */
    refused(w, &wrong, "there is no such hold");
    commit(w);
    refused(w, &w->op.change, "there is no such hold"); /* twice */
    close_world(w);
}

static void a_sale_is_of_the_holds_own_seats_and_of_all_of_them(void **state)
{
    (void)state;
    struct world *w = open_world();
    uint64_t id = hold(w, 1, TEST_SEATS(2, 3));
    hold(w, 2, TEST_SEATS(1, 4));
    begin_extend(w, id, 0);
    commit(w);
    begin_confirm(w, id);
    struct change wrong = w->op.change;
    assert_int_equal(wrong.add_count, 2);
    wrong.seats[0] = 1;
    refused(w, &wrong, "its seats are not the hold's");
    wrong = w->op.change;
    wrong.seats[1] = 4;
    refused(w, &wrong, "its seats are not the hold's");
    wrong = w->op.change;
    wrong.add_count = 1;
    refused(w, &wrong, "it names another number of places than the hold has");
    commit(w);
    refused(w, &w->op.change, "the hold is in another state");

    const uint32_t from = 2, to = 8;
    BEGIN(engine_move(w->owner, id, SPAN("o1"), &from, &to, 1, TEST_NOW_MS, &w->op));
    wrong = w->op.change;
    wrong.seats[1] = 1; /* sold to somebody else */
    refused(w, &wrong, "its seats are not the hold's");
    wrong = w->op.change;
    wrong.seats[0] = 4;
    refused(w, &wrong, "its seats are not free");
    commit(w);
    BEGIN(engine_refund(w->owner, id, SPAN("o1"), TEST_NOW_MS, &w->op));
    wrong = w->op.change;
    wrong.seats[1] = 9;
    refused(w, &wrong, "its seats are not the hold's");
    commit(w);
    close_world(w);
}

static void a_change_leaves_a_hold_with_seats_and_not_with_too_many(void **state)
{
    (void)state;
    struct world *w = open_world();
    uint64_t id = hold(w, 1, TEST_SEATS(2, 3));
    begin_change(w, id, 1,
                 (struct engine_edit){.add = (const uint32_t[]){8},
                                      .add_count = 1,
                                      .remove = (const uint32_t[]){2},
                                      .remove_count = 1});
    struct change wrong = w->op.change;
    wrong.add_count = 0;
    wrong.remove_count = 2;
    wrong.seats[0] = 2, wrong.seats[1] = 3;
    refused(w, &wrong, "no seats would be left, or too many");
    wrong = w->op.change;
    wrong.seats[1] = 9;
    refused(w, &wrong, "its seats are not the hold's");
    wrong = w->op.change;
    wrong.seats[0] = 3;
    refused(w, &wrong, "its seats are not free");
    commit(w);

    uint64_t places = hold_places(w, 2, 3);
    begin_change(w, places, 2, (struct engine_edit){.quantity = 4});
    wrong = w->op.change;
    wrong.quantity = 0;
    refused(w, &wrong, "no places");
    wrong.quantity = HOLD_AREA_QUANTITY_MAX + 1;
    refused(w, &wrong, "no places");
    wrong.quantity = PLACES + 1;
    refused(w, &wrong, "its seats are not free");
    commit(w);
    begin_change(w, places, 2, (struct engine_edit){.quantity = 1});
    commit(w);
    BEGIN(engine_release(w->owner, places, 2, TEST_NOW_MS, &w->op));
    wrong = w->op.change;
    wrong.quantity = 2;
    refused(w, &wrong, "it names another number of places than the hold has");
    commit(w);
    close_world(w);
}

static void a_hold_may_have_as_much_as_fits_and_not_one_more(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_hold = 0;
    struct world *w = open_world_of(2, 40, 3 * HOLD_AREA_QUANTITY_MAX, limits);
    uint32_t seats[HOLD_SEATS_MAX];
    for (uint32_t i = 0; i < HOLD_SEATS_MAX; i++)
        seats[i] = i;
    begin_hold(w, 1, seats, HOLD_SEATS_MAX);
    struct change wrong = w->op.change;
    wrong.seats[wrong.add_count++] = HOLD_SEATS_MAX;
    refused(w, &wrong, "no seats, or too many");
    commit(w);
    begin_change(w, w->op.change.hold, 1,
                 (struct engine_edit){.add = (const uint32_t[]){HOLD_SEATS_MAX},
                                      .add_count = 1,
                                      .remove = seats,
                                      .remove_count = 1});
    wrong = w->op.change;
    wrong.remove_count = 0;
    refused(w, &wrong, "no seats would be left, or too many");
    commit(w);

    begin_places(w, 2, HOLD_AREA_QUANTITY_MAX);
    wrong = w->op.change;
    wrong.quantity++;
    refused(w, &wrong, "no seats, or too many");
    commit(w);
    uint64_t id = w->op.change.hold;
    begin_change(w, id, 2, (struct engine_edit){.quantity = 1});
    commit(w);
    begin_change(w, id, 2, (struct engine_edit){.quantity = HOLD_AREA_QUANTITY_MAX});
    wrong = w->op.change;
    wrong.quantity++;
    refused(w, &wrong, "no places");
    commit(w);
    close_world(w);
}

/* ---- the operator ---- */

static void what_is_unblocked_was_blocked_from_the_first_seat_to_the_last(void **state)
{
    (void)state;
    struct world *w = open_world();
    hold(w, 1, TEST_SEATS(1));
    BEGIN(engine_block(w->owner, TEST_SEATS(2, 3, 4), SPAN("x"), TEST_NOW_MS, &w->op));
    struct change wrong = w->op.change;
    wrong.seats[0] = 1;
    refused(w, &wrong, "seats are not free");
    commit(w);
    BEGIN(engine_unblock(w->owner, TEST_SEATS(2, 3), SPAN("x"), TEST_NOW_MS, &w->op));
    wrong = w->op.change;
    wrong.seats[0] = 1;
    refused(w, &wrong, "its seats are not blocked");
    wrong = w->op.change;
    wrong.seats[1] = 5;
    refused(w, &wrong, "its seats are not blocked");
    commit(w);

    BEGIN(engine_block_area(w->owner, 0, 4, SPAN("x"), TEST_NOW_MS, &w->op));
    wrong = w->op.change;
    wrong.quantity = PLACES + 1;
    refused(w, &wrong, "seats are not free");
    commit(w);
    BEGIN(engine_unblock_area(w->owner, 0, 4, SPAN("x"), TEST_NOW_MS, &w->op));
    wrong = w->op.change;
    wrong.quantity = 5;
    refused(w, &wrong, "its places are not blocked");
    commit(w);
    assert_int_equal(engine_area(w->reader, 0).free, PLACES);
    close_world(w);
}

static void a_plan_and_a_price_are_those_that_come_next(void **state)
{
    (void)state;
    struct world *w = open_world();
    struct change imported;
    change_init(&imported, CHANGE_IMPORTED, TEST_NOW_MS);
    imported.area = CHANGE_AREA_NONE;
    memcpy(imported.plan_hash, plan_hash(w->plan), sizeof(imported.plan_hash));
    assert_int_equal(engine_apply(w->reader, &imported, NULL), 0);
    imported.plan_hash[31] ^= 1;
    refused(w, &imported, "it is of another plan");

    BEGIN(engine_price(w->owner, 1, 700, SPAN(""), TEST_NOW_MS, &w->op));
    struct change wrong = w->op.change;
    wrong.category = 2;
    refused(w, &wrong, "its category or price list is not the next one");
    wrong = w->op.change;
    wrong.price_list = 2;
    refused(w, &wrong, "its category or price list is not the next one");
    wrong.price_list = 0;
    refused(w, &wrong, "its category or price list is not the next one");
    commit(w);
    assert_int_equal(engine_price_of(w->reader, 1, 1), 700);
    close_world(w);
}

/* ---- limits of buyers ---- */

/* How many places a buyer has may be seen by how many more there may be, once the reader owns. */
static void has_places(struct world *w, uint64_t buyer, uint32_t count)
{
    struct engine *next = test_hall_engine(w->plan);
    struct engine_op op;
    size_t room = engine_snapshot_size(w->reader);
    uint8_t *bytes = malloc(room);
    engine_replay_begin(next);
    size_t len = engine_snapshot_write(w->reader, bytes, room);
    assert_int_equal(engine_snapshot_read(next, bytes, len, NULL), 0);
    engine_replay_end(next);
    free(bytes);
    struct engine_ask ask = test_ask_area(buyer, LIMIT - count + 1);
    assert_int_equal(engine_hold(next, &ask, TEST_NOW_MS, &op), ENGINE_BUYER_LIMIT);
    assert_int_equal(op.has, count);
    engine_destroy(next);
}

/* By replay and by snapshot; the reader is at its end afterwards. */
static void ends_with(struct world *w, const uint64_t *buyers, const uint32_t *counts)
{
    for (int i = 0; i < 2; i++)
        has_places(w, buyers[i], counts[i]);
    engine_replay_end(w->reader);
    for (int i = 0; i < 2; i++) {
        struct engine_ask ask = test_ask_area(buyers[i], LIMIT - counts[i] + 1);
        assert_int_equal(engine_hold(w->reader, &ask, TEST_NOW_MS, &w->op), ENGINE_BUYER_LIMIT);
        assert_int_equal(w->op.has, counts[i]);
        if (counts[i] == LIMIT)
            continue;
        ask.quantity--;
        BEGIN(engine_hold(w->reader, &ask, TEST_NOW_MS, &w->op));
        engine_undo(w->reader, &w->op);
    }
}

static void what_a_buyer_has_is_counted_in_a_journal_read_back(void **state)
{
    (void)state;
    struct world *w = open_world();
    uint64_t id = hold(w, 1, TEST_SEATS(0, 1));
    uint64_t places = hold_places(w, 2, 2);
    begin_change(w, id, 1,
                 (struct engine_edit){.add = (const uint32_t[]){2, 3},
                                      .add_count = 2,
                                      .remove = (const uint32_t[]){1},
                                      .remove_count = 1});
    commit(w);
    begin_change(w, places, 2, (struct engine_edit){.quantity = 4});
    commit(w);
    ends_with(w, (const uint64_t[]){1, 2}, (const uint32_t[]){3, 4});
    close_world(w);
}

static void a_hold_that_was_handed_over_counts_for_its_new_owner(void **state)
{
    (void)state;
    struct world *w = open_world();
    uint64_t id = hold(w, 1, TEST_SEATS(0, 1, 2));
    begin_extend(w, id, HANDED_TO);
    commit(w);
    begin_confirm(w, id);
    commit(w);
    ends_with(w, (const uint64_t[]){1, HANDED_TO}, (const uint32_t[]){0, 3});
    close_world(w);
}

static void seats_taken_again_count_again(void **state)
{
    (void)state;
    struct world *w = open_world();
    uint64_t id = hold(w, 1, TEST_SEATS(0, 1, 2)), places = hold_places(w, 2, 2);
    begin_extend(w, id, 0);
    commit(w);
    begin_extend(w, places, 0);
    commit(w);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(engine_expire_next(w->owner, TEST_NOW_MS + 600000, &w->op));
        commit(w);
    }
    begin_confirm(w, id);
    assert_int_equal(w->op.change.verdict, CHANGE_VERDICT_RETAKEN);
    struct change wrong = w->op.change;
    wrong.seats[2] = 12;
    refused(w, &wrong, "a seat or area that the plan does not have");
    commit(w);
    begin_confirm(w, places);
    commit(w);
    ends_with(w, (const uint64_t[]){1, 2}, (const uint32_t[]){3, 2});
    close_world(w);
}

/* ---- snapshots ---- */

/* One of each: blocked, held, sold and late, by seat and by place. */
static struct world *open_full_world(void)
{
    struct world *w = open_world();
    uint64_t late = hold(w, 1, TEST_SEATS(0, 1)), late_places = hold_places(w, 2, 3);
    begin_extend(w, late, 0);
    commit(w);
    begin_extend(w, late_places, 0);
    commit(w);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(engine_expire_next(w->owner, TEST_NOW_MS + 600000, &w->op));
        commit(w);
    }
    uint64_t sold = hold(w, 3, TEST_SEATS(1, 3)), sold_places = hold_places(w, 4, 2);
    begin_extend(w, sold, HANDED_TO);
    commit(w);
    begin_confirm(w, sold);
    commit(w);
    begin_extend(w, sold_places, 0);
    commit(w);
    begin_confirm(w, sold_places);
    commit(w);
    BEGIN(engine_price(w->owner, 0, 700, SPAN(""), TEST_NOW_MS, &w->op));
    commit(w);
    hold(w, 5, TEST_SEATS(6, 7, 8));
    hold_places(w, 6, 4);
    BEGIN(engine_block(w->owner, TEST_SEATS(9, 11), SPAN("x"), TEST_NOW_MS, &w->op));
    commit(w);
    BEGIN(engine_block_area(w->owner, 0, 2, SPAN("x"), TEST_NOW_MS, &w->op));
    commit(w);
    return w;
}

static int read_into(struct world *w, const uint8_t *bytes, size_t len, uint64_t *hash)
{
    struct engine *next = test_hall_engine(w->plan);
    struct err_slot err = {.text = ""};
    engine_replay_begin(next);
    int rc = engine_snapshot_read(next, bytes, len, &err);
    assert_int_equal(rc < 0, err.text[0] != '\0');
    if (rc == 0)
        *hash = engine_state_hash(next);
    engine_destroy(next);
    return rc;
}

static void a_snapshot_that_lost_or_gained_bytes_is_refused(void **state)
{
    (void)state;
    struct world *w = open_full_world();
    size_t room = engine_snapshot_size(w->reader);
    uint8_t *bytes = calloc(1, room + 1);
    size_t len = engine_snapshot_write(w->reader, bytes, room);
    uint64_t hash = 0;
    assert_int_equal(read_into(w, bytes, len, &hash), 0);
    assert_int_equal(hash, engine_state_hash(w->reader));
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(read_into(w, bytes, cut, &hash), ERR_SYNTAX);
    assert_int_equal(read_into(w, bytes, len + 1, &hash), ERR_SYNTAX);
    free(bytes);
    close_world(w);
}

static void a_snapshot_with_a_wrong_byte_is_refused_or_means_the_same(void **state)
{
    (void)state;
    struct world *w = open_full_world();
    size_t room = engine_snapshot_size(w->reader);
    uint8_t *bytes = malloc(room);
    size_t len = engine_snapshot_write(w->reader, bytes, room);
    for (size_t at = 0; at < len; at++) {
        uint64_t hash = 0;
        bytes[at] ^= 1;
        int rc = read_into(w, bytes, len, &hash);
        if (rc == 0) /* the highest generation is no part of the state */
            assert_int_equal(hash, engine_state_hash(w->reader));
        if (at < 4) /* the magic */
            assert_int_equal(rc, ERR_SYNTAX);
        if (at >= 5 && at < 5 + PLAN_HASH_BYTES)
            assert_int_equal(rc, ERR_STATE);
        if (at >= len - 8) /* the state's hash */
            assert_int_equal(rc, ERR_STATE);
        bytes[at] ^= 1;
    }
    uint64_t hash = 0;
    bytes[4] = 0;
    assert_int_equal(read_into(w, bytes, len, &hash), ERR_SYNTAX);
    bytes[4] = 4;
    assert_int_equal(read_into(w, bytes, len, &hash), ERR_SYNTAX);
    free(bytes);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_taking_is_refused_whichever_of_its_seats_is_not_free),
        cmocka_unit_test(a_taking_is_refused_where_it_makes_no_sense),
        cmocka_unit_test(what_a_hold_gives_back_is_its_own_from_the_first_seat_to_the_last),
        cmocka_unit_test(a_sale_is_of_the_holds_own_seats_and_of_all_of_them),
        cmocka_unit_test(a_change_leaves_a_hold_with_seats_and_not_with_too_many),
        cmocka_unit_test(a_hold_may_have_as_much_as_fits_and_not_one_more),
        cmocka_unit_test(what_is_unblocked_was_blocked_from_the_first_seat_to_the_last),
        cmocka_unit_test(a_plan_and_a_price_are_those_that_come_next),
        cmocka_unit_test(what_a_buyer_has_is_counted_in_a_journal_read_back),
        cmocka_unit_test(a_hold_that_was_handed_over_counts_for_its_new_owner),
        cmocka_unit_test(seats_taken_again_count_again),
        cmocka_unit_test(a_snapshot_that_lost_or_gained_bytes_is_refused),
        cmocka_unit_test(a_snapshot_with_a_wrong_byte_is_refused_or_means_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
