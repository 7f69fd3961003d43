/* table_test.c: hash tables compared with the simplest equivalent, and growing text. */
#include "unit.h"

#include "base/grow.h"
#include "base/table.h"

enum { THINGS = 500 };

struct owner {
    uint64_t name[THINGS];
    bool here[THINGS];
    unsigned hashes; /* number of different hashes; 0: not limited */
};

static bool is_named(const void *ctx, uint32_t number, const void *key)
{
    const struct owner *owner = ctx;
    assert_true(owner->here[number]); /* not called for removed items */
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

static void check_random(unsigned hashes)
{
    const struct rng *rng = unit_rng();
    struct owner owner = {.hashes = hashes};
    struct table table = {0};
    for (uint32_t i = 0; i < THINGS; i++)
        owner.name[i] = i + 1;
    uint32_t len = 0;
    for (unsigned turn = 0; turn < 20000; turn++) {
        uint32_t thing = (uint32_t)(rng_u64(rng) % THINGS);
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

TEST_CASE(added_entries_are_found_and_removed_ones_are_not)
{
    check_random(0);
    check_random(37); /* many share a hash */
    check_random(1);
}

TEST_CASE(a_moved_entry_has_its_new_number)
{
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

TEST_CASE(reserved_slots_are_not_allocated_again)
{
    struct owner owner = {0};
    struct table table = {0};
    assert_int_equal(0, table_reserve(&table, THINGS, NULL));
    const struct table_slot *slots = table.slot;
    for (uint32_t i = 0; i < THINGS; i++)
        assert_int_equal(0, table_add(&table, hash_of(&owner, i), i, NULL));
    assert_ptr_equal(slots, table.slot);
    table_deinit(&table);
}

/* ---- grow ---- */

TEST_CASE(text_grows_as_it_is_written)
{
    struct grow grow = {0};
    assert_string_equal(grow_cstr(&grow), "");
    grow_add(&grow, SPAN("a"));
    grow_u64(&grow, UINT64_MAX);
    grow_add(&grow, (struct span){0});
    assert_string_equal(grow_cstr(&grow), "a18446744073709551615");
    assert_int_equal(grow.len, 21);
    grow_clear(&grow);
    assert_string_equal(grow_cstr(&grow), "");
    grow_add(&grow, SPAN("again"));
    assert_string_equal(grow_cstr(&grow), "again");
    grow_free(&grow);
    assert_null(grow.ptr);
}

/* Lengths around each doubling: nothing is lost, and the NUL fits, too. */
TEST_CASE(no_text_is_lost_when_memory_doubles)
{
    struct grow grow = {0};
    char all[2100], part[300];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)('a' + i % 26);
    for (size_t len = 0; len < sizeof(all); len++) {
        assert_int_equal(strlen(grow_cstr(&grow)), len);
        assert_memory_equal(grow.ptr, all, len);
        assert_true(grow.len < grow.cap);
        grow_add(&grow, (struct span){&all[len], 1});
    }
    assert_int_equal(grow.cap, 4096);
    grow_free(&grow);
    memset(part, 'x', sizeof(part));
    grow_add(&grow, (struct span){part, sizeof(part)}); /* more than the first size at once */
    assert_int_equal(strlen(grow_cstr(&grow)), sizeof(part));
    assert_int_equal(grow.cap, 512);
    grow_free(&grow);
}

TEST_CASE(arrays_have_the_form_of_postgresql)
{
    struct grow grow = {0};
    grow_add(&grow, SPAN("what was there before"));
    grow_array_open(&grow);
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{}");
    grow_array_open(&grow);
    grow_array_i64(&grow, INT64_MIN);
    grow_array_i64(&grow, 0);
    grow_array_i64(&grow, INT64_MAX);
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{-9223372036854775808,0,9223372036854775807}");
    grow_array_open(&grow);
    grow_array_bool(&grow, true);
    grow_array_bool(&grow, false);
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{t,f}");
    grow_array_open(&grow);
    grow_array_text(&grow, SPAN("plain"));
    grow_array_text(&grow, (struct span){0});
    grow_array_text(&grow, SPAN("a \"b\" \\c, {d}"));
    grow_array_text(&grow, SPAN(""));
    grow_array_text(&grow, SPAN("NULL"));
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow),
                        "{\"plain\",NULL,\"a \\\"b\\\" \\\\c, {d}\",NULL,\"NULL\"}");
    grow_free(&grow);
}

/* All of it quoted: twice as long, and just before memory doubles. */
TEST_CASE(a_quoted_text_has_room_for_each_quote)
{
    char quotes[200];
    memset(quotes, '"', sizeof(quotes));
    for (size_t len = 1; len <= sizeof(quotes); len++) {
        struct grow grow = {0};
        grow_array_open(&grow);
        grow_array_text(&grow, (struct span){quotes, len});
        grow_array_close(&grow);
        assert_int_equal(strlen(grow_cstr(&grow)), 2 * len + 4);
        assert_int_equal(strspn(grow.ptr + 2, "\\\""), 2 * len + 1);
        grow_free(&grow);
    }
}

TEST_CASE(a_text_without_memory_is_not_empty)
{
    struct grow grow = {0};
    assert_true(grow_is_empty(&grow));
    grow_add(&grow, (struct span){0});
    assert_true(grow_is_empty(&grow));
    grow.failed = true; /* as if the first piece found no memory */
    grow_add(&grow, SPAN("more"));
    assert_int_equal(grow.len, 0);
    assert_false(grow_is_empty(&grow));
    grow_array_text(&grow, SPAN("more"));
    assert_int_equal(grow.len, 0);
    assert_null(grow_cstr(&grow));
    grow_clear(&grow);
    assert_true(grow_is_empty(&grow));
    grow_add(&grow, SPAN("a"));
    assert_false(grow_is_empty(&grow));
    grow_free(&grow);
}
