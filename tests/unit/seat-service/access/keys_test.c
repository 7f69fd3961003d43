/* keys_test.c: sets of the waiting room's keys, exchanged as often as it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/keys.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETS = 2, ROUNDS = 200 };

struct office {
    struct jwks *sets[SETS];
    const struct jwks_key *own[SETS];
    char path[64], next[80];
    struct keys *keys;
};

static void publish(struct office *office, unsigned nth)
{
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    jwks_put(&text, office->sets[nth]);
    FILE *file = fopen(office->next, "w");
    assert_int_equal(text.len, fwrite(text.ptr, 1, text.len, file));
    fclose(file);
    assert_int_equal(0, rename(office->next, office->path));
}

static void until_generation(struct office *office, uint64_t generation)
{
    for (unsigned i = 0; i < 20000 && keys_generation(office->keys) < generation; i++) {
        keys_look_again(office->keys);
        poll(NULL, 0, 1);
    }
    assert_int_equal(generation, keys_generation(office->keys));
}

static void open_office(struct office *office)
{
    struct err_slot err;
    strcpy(office->path, "/tmp/fg-keys-XXXXXX");
    close(mkstemp(office->path));
    snprintf(office->next, sizeof(office->next), "%s.next", office->path);
    for (unsigned i = 0; i < SETS; i++) {
        struct jwks_key *key;
        assert_int_equal(0, jwks_key_generate(&err, &key));
        assert_int_equal(0, jwks_create(&err, &office->sets[i]));
        assert_int_equal(0, jwks_add(office->sets[i], key, &err));
        office->own[i] = key;
    }
    publish(office, 0);
    struct keys_conf conf = {office->path, "", 60000, 1, clock_system(), NULL};
    assert_int_equal(0, keys_create(&conf, &err, &office->keys));
    until_generation(office, 1);
}

static void close_office(struct office *office)
{
    keys_destroy(office->keys);
    for (unsigned i = 0; i < SETS; i++)
        jwks_destroy(office->sets[i]);
    unlink(office->path);
}

static bool knows(const struct keys_set *set, const struct jwks_key *key)
{
    return jwks_find(keys_jwks(set), jwks_key_kid(key)) != NULL;
}

/* Two fronts that serve different sets for a while, in turns, as in a rotation that takes long. */
static void sets_may_alternate_for_as_long_as_they_like(void **state)
{
    (void)state;
    struct office office = {.keys = NULL};
    open_office(&office);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        publish(&office, round % SETS);
        until_generation(&office, round + 1);
        struct keys_set *set = keys_take(office.keys);
        assert_true(knows(set, office.own[round % SETS]));
        assert_false(knows(set, office.own[(round + 1) % SETS]));
        keys_give_back(office.keys, set);
    }
    close_office(&office);
}

static void a_set_stays_good_for_who_has_taken_it_until_it_is_given_back(void **state)
{
    (void)state;
    struct office office = {.keys = NULL};
    open_office(&office);
    struct keys_set *first = keys_take(office.keys), *again = keys_take(office.keys);
    publish(&office, 1);
    until_generation(&office, 2);
    assert_true(knows(first, office.own[0]));
    keys_give_back(office.keys, first);
    assert_true(knows(again, office.own[0]));
    keys_give_back(office.keys, again);
    close_office(&office);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_may_alternate_for_as_long_as_they_like),
        cmocka_unit_test(a_set_stays_good_for_who_has_taken_it_until_it_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
