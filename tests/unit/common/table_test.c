/* table_test.c: a table beside the plainest thing that does the same, with hashes that collide. */
#include "unit.h"

#include "base/table.h"

enum { THINGS = 500 };

struct owner {
    uint64_t name[THINGS];
    bool here[THINGS];
    unsigned hashes; /* so many different ones; 0: as they come */
};

static bool is_named(const void *ctx, uint32_t number, const void *key)
{
    const struct owner *owner = ctx;
    assert_true(owner->here[number]); /* nobody is asked about what is gone */
    return owner->name[number] == *(const uint64_t *)key;
}

static uint64_t hash_of(const struct owner *owner, uint64_t name)
{
    uint64_t hash = table_hash_u64(name);
    return owner->hashes == 0 ? hash : hash % owner->hashes;
}

static uint32_t look(const struct owner *owner, const struct table *table, uint64_t name)
{
    return table_find(table, hash_of(owner, name), is_named, owner, &name);
}

static void judge_random(unsigned hashes)
{
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    struct owner owner = {.hashes = hashes};
    struct table table = {0};
    for (uint32_t i = 0; i < THINGS; i++)
        owner.name[i] = i + 1;
    uint32_t len = 0;
    for (unsigned turn = 0; turn < 20000; turn++) {
        uint32_t thing = (uint32_t)(rng_u64(&rng.rng) % THINGS);
        uint64_t name = owner.name[thing];
        assert_int_equal(owner.here[thing] ? thing : TABLE_NONE, look(&owner, &table, name));
        if (owner.here[thing]) {
            table_remove(&table, hash_of(&owner, name), thing);
            len--;
        } else {
            assert_int_equal(0, table_add(&table, hash_of(&owner, name), thing, NULL));
            len++;
        }
        owner.here[thing] = !owner.here[thing];
        assert_int_equal(len, table.len);
    }
    for (uint32_t i = 0; i < THINGS; i++)
        assert_int_equal(owner.here[i] ? i : TABLE_NONE, look(&owner, &table, owner.name[i]));
    table_deinit(&table);
}

static void what_was_added_is_found_and_what_was_removed_is_not(void **state)
{
    (void)state;
    judge_random(0);
}

static void so_it_is_when_many_share_a_hash(void **state)
{
    (void)state;
    judge_random(37);
    judge_random(1);
}

static void an_empty_table_finds_nothing(void **state)
{
    (void)state;
    struct owner owner = {0};
    struct table table = {0};
    assert_int_equal(TABLE_NONE, look(&owner, &table, 1));
    table_deinit(&table);
}

static void a_thing_that_moved_is_found_at_its_new_number(void **state)
{
    (void)state;
    struct owner owner = {.name = {[3] = 8, [5] = 8}, .here = {[3] = true}};
    struct table table = {0};
    assert_int_equal(0, table_add(&table, hash_of(&owner, 8), 3, NULL));
    table_renumber(&table, hash_of(&owner, 8), 3, 5);
    owner.here[3] = false;
    owner.here[5] = true;
    assert_int_equal(5, look(&owner, &table, 8));
    assert_int_equal(1, table.len);
    table_deinit(&table);
}

static void what_was_reserved_is_not_allocated_again(void **state)
{
    (void)state;
    struct owner owner = {0};
    struct table table = {0};
    assert_int_equal(0, table_reserve(&table, THINGS, NULL));
    const struct table_slot *slots = table.slot;
    for (uint32_t i = 0; i < THINGS; i++)
        assert_int_equal(0, table_add(&table, hash_of(&owner, i), i, NULL));
    assert_ptr_equal(slots, table.slot);
    table_deinit(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_and_what_was_removed_is_not),
        cmocka_unit_test(so_it_is_when_many_share_a_hash),
        cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(a_thing_that_moved_is_found_at_its_new_number),
        cmocka_unit_test(what_was_reserved_is_not_allocated_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
