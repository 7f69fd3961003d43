/* pow_test.c: proofs of work are requested, done and checked, and cannot be had cheaper. */
#include "core/token/pow.h"

#include "unit.h"

#include <stdio.h>

enum { NOW_S = 1800000000 };

struct world {
    struct mac_ring ring;
    uint8_t site[16];
    struct pow_bond bond;
    char challenge[POW_CHALLENGE_LEN + 1];
    char solution[POW_SOLUTION_MAX + 1];
};

static void make(struct world *world, unsigned bits)
{
    static const uint8_t salt[POW_SALT_BYTES] = {1, 2, 3, 4, 5, 6, 7};
    struct text text = text_on(world->challenge, sizeof(world->challenge));
    pow_challenge_put(&text, &world->ring, &world->bond, bits, NOW_S, salt);
    assert_int_equal(text.len, POW_CHALLENGE_LEN);
    world->challenge[POW_CHALLENGE_LEN] = '\0';
}

static int check(struct world *world, unsigned bits_min, uint64_t now_s, struct pow_once *once)
{
    return pow_check(&world->ring, &world->bond, span_of(world->solution), bits_min, now_s, once);
}

/* As a visitor's worker does it: counts up until the check accepts. Returns the tries. */
static uint64_t solve(struct world *world)
{
    struct pow_once once;
    for (uint64_t n = 0;; n++) {
        snprintf(world->solution, sizeof(world->solution), "%s.%lu", world->challenge,
                 (unsigned long)n);
        if (check(world, 0, NOW_S, &once) == 0)
            return n + 1;
    }
}

static int setup(void **state)
{
    static struct world world;
    struct err_slot err;
    memset(&world, 0, sizeof(world));
    assert_int_equal(
        mac_ring_parse(SPAN("7 000102030405060708090a0b0c0d0e0f\n"), &err, &world.ring), 0);
    world.site[15] = 9;
    world.bond = (struct pow_bond){SPAN("gala"), world.site, false};
    *state = &world;
    return 0;
}

static void solved_work_is_accepted_once_per_challenge(void **state)
{
    struct world *world = *state;
    make(world, 10);
    solve(world);
    struct pow_once once, again, other;
    assert_int_equal(check(world, 10, NOW_S + POW_LIFETIME_S, &once), 0);
    assert_int_equal(check(world, 10, NOW_S, &again), 0);
    assert_memory_equal(once.name, again.name, sizeof(once.name)); /* one name, one place */
    assert_int_equal(once.minute, NOW_S / 60);
    world->challenge[0] = '\0';
    struct text text = text_on(world->challenge, sizeof(world->challenge));
    static const uint8_t salt[POW_SALT_BYTES] = {9};
    pow_challenge_put(&text, &world->ring, &world->bond, 10, NOW_S, salt);
    solve(world);
    assert_int_equal(check(world, 10, NOW_S, &other), 0);
    assert_memory_not_equal(once.name, other.name, sizeof(once.name));
}

static void each_bit_doubles_the_work(void **state)
{
    struct world *world = *state;
    uint64_t tries[2] = {0, 0};
    for (unsigned round = 0; round < 64; round++) {
        for (unsigned kind = 0; kind < 2; kind++) {
            uint8_t salt[POW_SALT_BYTES] = {(uint8_t)round, (uint8_t)kind};
            struct text text = text_on(world->challenge, sizeof(world->challenge));
            pow_challenge_put(&text, &world->ring, &world->bond, kind == 0 ? 4 : 8, NOW_S, salt);
            world->challenge[POW_CHALLENGE_LEN] = '\0';
            tries[kind] += solve(world);
        }
    }
    assert_in_range(tries[0], 64 * 8, 64 * 32);    /* 16 on average */
    assert_in_range(tries[1], 64 * 128, 64 * 512); /* 256 */
}

static void work_is_good_for_one_visitor_event_key_and_time(void **state)
{
    static const struct {
        unsigned bits;
        uint64_t after_s;
        const char *event;
        uint8_t site, key_id;
        bool by_cookie;
        int rc;
    } rows[] = {
        {12, 0, "gala", 9, 7, false, 0},
        {13, 0, "gala", 9, 7, false, ERR_RANGE},
        {12, POW_LIFETIME_S + 1, "gala", 9, 7, false, ERR_TIMEOUT},
        {12, 0, "gala", 8, 7, false, ERR_AUTH},
        {12, 0, "gala", 9, 7, true, ERR_AUTH},
        {12, 0, "galb", 9, 7, false, ERR_AUTH},
        {12, 0, "gala", 9, 8, false, ERR_AUTH},
    };
    struct world *world = *state;
    struct pow_once once;
    make(world, 12);
    solve(world);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world->site[15] = rows[i].site;
        world->bond = (struct pow_bond){span_of(rows[i].event), world->site, rows[i].by_cookie};
        world->ring.key[0].id = rows[i].key_id;
        assert_int_equal(check(world, rows[i].bits, NOW_S + rows[i].after_s, &once), rows[i].rc);
    }
    world->bond.event = SPAN("gala");
    world->ring.key[0].id = 7;
    char last = world->solution[strlen(world->solution) - 1];
    world->solution[strlen(world->solution) - 1] = last == '9' ? '8' : (char)(last + 1);
    assert_int_equal(check(world, 12, NOW_S, &once), ERR_RANGE);
    strcpy(world->solution, world->challenge);
    assert_int_equal(check(world, 12, NOW_S, &once), ERR_SYNTAX);
    world->solution[0] = '\0';
    assert_int_equal(check(world, 12, NOW_S, &once), ERR_SYNTAX);
}

static void every_changed_byte_is_noticed(void **state)
{
    struct world *world = *state;
    struct pow_once once;
    make(world, 6);
    solve(world);
    for (size_t i = 0; i < POW_CHALLENGE_LEN; i++) {
        char was = world->solution[i];
        world->solution[i] = was == 'A' ? 'B' : 'A';
        assert_true(check(world, 0, NOW_S, &once) < 0);
        world->solution[i] = was;
    }
    assert_int_equal(check(world, 0, NOW_S, &once), 0);
}

static void random_solutions_are_refused_without_harm(void **state)
{
    struct world *world = *state;
    make(world, 6);
    solve(world);
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (int i = 0; i < 20000; i++) {
        char text[200];
        struct pow_once once;
        size_t len = unit_mutate(&rng.rng, span_of(world->solution), text, sizeof(text));
        struct span span = {text, len};
        int rc = pow_check(&world->ring, &world->bond, span, 6, NOW_S, &once);
        assert_true(rc < 0 || span_starts(span, span_of(world->challenge)));
    }
}

static void bits_rise_with_the_rush_and_fall_with_it(void **state)
{
    (void)state;
    /* least, most, joins and calm joins in the same time; the bits */
    static const uint64_t rows[][5] = {{0, 20, 0, 100, 0},
                                       {0, 20, 100, 100, 0},
                                       {0, 20, 101, 100, 1},
                                       {12, 20, 800, 100, 15},
                                       {12, 20, UINT64_MAX, 100, 20},
                                       {12, 12, UINT64_MAX, 100, 12},
                                       {3, 30, UINT64_MAX, 0, 30},
                                       {0, 30, UINT64_MAX, UINT64_MAX, 0},
                                       {0, 30, UINT64_MAX, UINT64_MAX - 1, 1},
                                       {0, 30, UINT64_MAX, UINT64_MAX / 2, 2},
                                       {0, 30, UINT64_MAX, 0, 30},
                                       {5, 30, 8, 1, 8},
                                       {5, 4, 8, 1, 5}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint64_t *row = rows[i];
        assert_int_equal(pow_bits_for((unsigned)row[0], (unsigned)row[1], row[2], row[3]), row[4]);
    }
}

static void each_fault_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(pow_fault_name(ERR_AUTH), "foreign");
    assert_string_equal(pow_fault_name(ERR_TIMEOUT), "stale");
    assert_string_equal(pow_fault_name(ERR_RANGE), "unsolved");
    assert_string_equal(pow_fault_name(ERR_SYNTAX), "malformed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(solved_work_is_accepted_once_per_challenge, setup),
        cmocka_unit_test_setup(each_bit_doubles_the_work, setup),
        cmocka_unit_test_setup(work_is_good_for_one_visitor_event_key_and_time, setup),
        cmocka_unit_test_setup(every_changed_byte_is_noticed, setup),
        cmocka_unit_test_setup(random_solutions_are_refused_without_harm, setup),
        cmocka_unit_test(bits_rise_with_the_rush_and_fall_with_it),
        cmocka_unit_test(each_fault_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
