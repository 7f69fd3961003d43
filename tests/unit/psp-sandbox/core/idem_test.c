/* idem_test.c: answers kept under keys, and the map that finds them. */
#include "unit.h"

#include "core/idem.h"
#include "core/strmap.h"

#include <stdio.h>
#include <stdlib.h>

static const uint8_t these[FORM_DIGEST_BYTES] = {1};
static const uint8_t others[FORM_DIGEST_BYTES] = {2};

static struct idem *make(uint32_t keys_max, uint64_t ttl_s)
{
    struct err_slot err;
    struct idem *idem;
    assert_int_equal(0, idem_create(keys_max, ttl_s, &err, &idem));
    return idem;
}

static void keep(struct idem *idem, const char *key, uint64_t now_s, const char *body)
{
    struct err_slot err;
    struct idem_answer answer = {402, span_of(body)};
    assert_int_equal(0, idem_keep(idem, span_of(key), these, now_s, &answer, &err));
}

static void the_first_answer_is_given_again(void **state)
{
    (void)state;
    struct idem *idem = make(8, 100);
    struct idem_answer answer;
    assert_int_equal(IDEM_NEW, idem_look(idem, SPAN("k"), these, 1, &answer));
    keep(idem, "k", 1, "{\"a\":1}");
    assert_int_equal(IDEM_SAME, idem_look(idem, SPAN("k"), these, 2, &answer));
    assert_int_equal(402, answer.status);
    assert_span(answer.body, "{\"a\":1}");
    assert_int_equal(IDEM_DIFFERS, idem_look(idem, SPAN("k"), others, 2, &answer));
    assert_int_equal(IDEM_NEW, idem_look(idem, SPAN("K"), these, 2, &answer));
    idem_destroy(idem);
}

static void a_key_runs_out_to_the_second(void **state)
{
    (void)state;
    struct idem *idem = make(8, 100);
    struct idem_answer answer;
    keep(idem, "k", 1000, "");
    assert_int_equal(IDEM_SAME, idem_look(idem, SPAN("k"), these, 1099, &answer));
    assert_int_equal(IDEM_NEW, idem_look(idem, SPAN("k"), these, 1100, &answer));
    assert_int_equal(0, idem_len(idem));
    idem_destroy(idem);
}

static void the_oldest_makes_room(void **state)
{
    (void)state;
    struct idem *idem = make(3, 100);
    struct idem_answer answer;
    keep(idem, "a", 1, "1");
    keep(idem, "b", 1, "2");
    keep(idem, "c", 1, "3");
    keep(idem, "d", 1, "4");
    assert_int_equal(3, idem_len(idem));
    assert_int_equal(IDEM_NEW, idem_look(idem, SPAN("a"), these, 2, &answer));
    assert_int_equal(IDEM_SAME, idem_look(idem, SPAN("b"), these, 2, &answer));
    assert_int_equal(IDEM_SAME, idem_look(idem, SPAN("d"), these, 2, &answer));
    assert_span(answer.body, "4");
    idem_destroy(idem);
}

enum { TEXTS = 600 };
static char texts[TEXTS][16];

static struct span text_of(void *ctx, uint32_t number)
{
    (void)ctx;
    return span_of(texts[number]);
}

/* Against a plain array of what should be there, through growth and removals. */
static void the_map_agrees_with_a_list(void **state)
{
    (void)state;
    struct err_slot err;
    struct strmap *map;
    bool there[TEXTS] = {false};
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned i = 0; i < TEXTS; i++)
        snprintf(texts[i], sizeof(texts[i]), "key-%u", i);
    assert_int_equal(0, strmap_create(text_of, NULL, &err, &map));
    uint32_t len = 0;
    for (int step = 0; step < 40000; step++) {
        uint32_t i = (uint32_t)rng_below(&rng.rng, TEXTS);
        uint32_t found;
        assert_int_equal(there[i], strmap_find(map, span_of(texts[i]), &found));
        if (there[i]) {
            assert_int_equal(i, found);
            strmap_remove(map, span_of(texts[i]));
            len--;
        } else {
            assert_int_equal(0, strmap_put(map, i, &err));
            len++;
        }
        there[i] = !there[i];
        assert_int_equal(len, strmap_len(map));
    }
    strmap_destroy(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_answer_is_given_again),
        cmocka_unit_test(a_key_runs_out_to_the_second),
        cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(the_map_agrees_with_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
