/* span_test.c: spans, errors, random numbers and clocks, at their edges. */
#include "unit.h"

#include "base/clock.h"

#include <string.h>
#include <time.h>

static const struct span absent = {NULL, 0};

static void spans_compare_by_content(void **state)
{
    (void)state;
    assert_true(span_eq(SPAN("abc"), span_of("abc")));
    assert_false(span_eq(SPAN("abc"), SPAN("abd")));
    assert_false(span_eq(SPAN("abc"), SPAN("ab")));
    assert_true(span_eq(absent, SPAN("")));
    assert_true(span_eq(absent, span_of(NULL)));
    assert_true(span_eq_nocase(SPAN("Bearer"), SPAN("bEARER")));
    assert_false(span_eq_nocase(SPAN("Bearer"), SPAN("Bearers")));
    assert_false(span_eq_nocase(SPAN("Bearer"), SPAN("Bearing"))); /* longer and other */
    assert_false(span_eq_nocase(SPAN("Basic "), SPAN("Bearer")));
    assert_true(span_eq_nocase(absent, SPAN("")));
}

static void a_prefix_is_seen_and_skipped(void **state)
{
    (void)state;
    assert_true(span_starts(SPAN("/admin/events"), SPAN("/admin/")));
    assert_false(span_starts(SPAN("/adm"), SPAN("/admin/")));
    assert_false(span_starts(SPAN("/addin/events"), SPAN("/admin/")));
    assert_true(span_starts(SPAN("x"), absent));
    assert_span(span_skip(SPAN("abcdef"), 4), "ef");
}

static void trimming_takes_spaces_and_tabs_only(void **state)
{
    (void)state;
    assert_span(span_trim(SPAN(" \t a b\t ")), "a b");
    assert_span(span_trim(SPAN(" \t ")), "");
    assert_span(span_trim(SPAN("\na ")), "\na");
}

static void a_list_is_cut_until_nothing_is_left(void **state)
{
    (void)state;
    const char *want[] = {"a", "", "c", ""};
    unsigned n = 0;
    struct span rest = SPAN("a,,c,");
    while (rest.ptr != NULL) {
        struct span head;
        rest = span_cut(rest, ',', &head);
        assert_span(head, want[n++]);
    }
    assert_int_equal(4, n);
}

static void numbers_are_digits_and_nothing_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "18446744073709551616",
                                      "99999999999999999999",
                                      "000000000000000000001"};
    uint64_t value = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(span_u64(span_of(bad[i]), UINT64_MAX, &value));
    assert_false(span_u64(SPAN("101"), 100, &value));
    assert_int_equal(77, value);
    assert_true(span_u64(SPAN("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(span_u64(SPAN("100"), 100, &value));
    assert_int_equal(100, value);
    assert_true(span_u64(SPAN("007"), 100, &value));
    assert_int_equal(7, value);
}

static void a_copy_fits_whole_or_is_refused(void **state)
{
    (void)state;
    char out[4] = "zzz";
    assert_false(span_to_cstr(SPAN("abcd"), out, sizeof(out)));
    assert_false(span_to_cstr(SPAN("a\0b"), out, sizeof(out)));
    assert_string_equal("zzz", out);
    assert_true(span_to_cstr(SPAN("abc"), out, sizeof(out)));
    assert_string_equal("abc", out);
    assert_true(span_to_cstr(absent, out, sizeof(out)));
    assert_string_equal("", out);
}

static void secrets_compare_by_every_byte(void **state)
{
    (void)state;
    assert_true(span_eq_secret(SPAN("token"), SPAN("token")));
    assert_false(span_eq_secret(SPAN("token"), SPAN("tokem")));
    assert_false(span_eq_secret(SPAN("Token"), SPAN("token")));
    assert_false(span_eq_secret(SPAN("token"), SPAN("token1")));
    assert_true(span_eq_secret(absent, SPAN("")));
}

static void what_is_cut_is_cut_between_letters(void **state)
{
    (void)state;
    char out[8];
    const struct {
        const char *text, *kept;
    } cases[] = {
        {"abcdefg", "abcdefg"}, {"abcdefgh", "abcdefg"}, {"가나다", "가나"}, {"x가나다", "x가나"},
        {"xy가나다", "xy가"},   {"abcd🎫", "abcd"},       {"abc🎫", "abc🎫"},   {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        span_to_cstr_cut(span_of(cases[i].text), out, sizeof(out));
        assert_string_equal(out, cases[i].kept);
    }
    static const char middles[] = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80";
    assert_true(sizeof(middles) > sizeof(out));
    span_to_cstr_cut(span_of(middles), out, sizeof(out)); /* of letters that never began */
    assert_string_equal(out, "");
    span_to_cstr_cut(absent, out, sizeof(out));
    assert_string_equal(out, "");
    span_to_cstr_cut(SPAN("ab\0cd"), out, sizeof(out));
    assert_string_equal(out, "ab");
}

/* ---- err ---- */

static void an_error_keeps_its_code_and_its_sentence(void **state)
{
    (void)state;
    struct err_slot err;
    assert_int_equal(ERR_RANGE, err_set(&err, ERR_RANGE, "rate of %d", 7));
    assert_int_equal(ERR_RANGE, err.code);
    assert_string_equal("rate of 7", err.text);
}

static void a_caller_that_wants_no_sentence_gets_the_code(void **state)
{
    (void)state;
    assert_int_equal(ERR_FULL, err_set(NULL, ERR_FULL, "queue"));
    assert_int_equal(ERR_UNKNOWN, err_wrap(NULL, "reading %s", "a.toml"));
}

static void a_wrapped_error_reads_from_the_outside_in(void **state)
{
    (void)state;
    struct err_slot err;
    err_set(&err, ERR_IO, "open: no such file");
    assert_int_equal(ERR_IO, err_wrap(&err, "reading %s", "a.toml"));
    assert_string_equal("reading a.toml: open: no such file", err.text);
}

static void a_sentence_that_is_too_long_keeps_its_front(void **state)
{
    (void)state;
    struct err_slot err;
    char longer[2 * ERR_TEXT_MAX];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    err_set(&err, ERR_IO, "%s", longer);
    assert_int_equal(ERR_TEXT_MAX - 1, strlen(err.text));
    err_wrap(&err, "context");
    assert_int_equal(ERR_TEXT_MAX - 1, strlen(err.text));
    assert_memory_equal("context: xxx", err.text, 12);
    err_wrap(&err, "%s", longer);
    assert_int_equal(ERR_TEXT_MAX - 1, strlen(err.text));
}

static void a_sentence_is_cut_between_letters(void **state)
{
    (void)state;
    struct err_slot err;
    for (int shift = 0; shift < 4; shift++) {
        char text[3 * ERR_TEXT_MAX];
        size_t len = (size_t)shift;
        memset(text, 'x', len);
        for (; len + 4 < sizeof(text); len += 3)
            memcpy(text + len, "가", 3);
        text[len] = '\0';
        err_set(&err, ERR_IO, "%s", text);
        assert_int_equal(0, (strlen(err.text) - (size_t)shift) % 3);
        assert_true(strlen(err.text) > ERR_TEXT_MAX - 4);
    }
    static const char *const rows[][2] = {
        {"\x80\x80\x80", "\x80\x80\x80"}, /* no letters at all: as it came */
        {"\x80", "\x80"},
        {"", ""},
        {"a\x80", "a\x80"}, /* a tail that belongs to nothing */
        {"a\xC3", "a"},     /* of two bytes, of three, of four: one is missing, or none */
        {"a\xC3\xBC", "a\xC3\xBC"},
        {"a\xE2\x82", "a"},
        {"a\xE2\x82\xAC", "a\xE2\x82\xAC"},
        {"a\xF0\x9F\x8E", "a"},
        {"a\xF0\x9F\x8E\xAB", "a\xF0\x9F\x8E\xAB"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        err_set(&err, ERR_IO, "%s", rows[i][0]);
        assert_string_equal(err.text, rows[i][1]);
    }
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a >= ERR_PEER; a--) {
        for (int b = a - 1; b >= ERR_UNKNOWN; b--)
            assert_string_not_equal(err_name(a), err_name(b));
    }
    assert_string_equal("unknown", err_name(-1000));
}

/* ---- rng ---- */

static void the_seeded_generator_gives_the_published_numbers(void **state)
{
    (void)state;
    /* xoshiro256++ from the state 1, 2, 3, 4, as its authors' program prints it. */
    static const uint64_t want[] = {41943041,
                                    58720359,
                                    3588806011781223,
                                    3591011842654386,
                                    9228616714210784205u,
                                    9973669472204895162u};
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 0);
    memcpy(seeded.state, (uint64_t[]){1, 2, 3, 4}, sizeof(seeded.state));
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_true(rng_u64(&seeded.rng) == want[i]);
}

static void a_seed_is_spread_by_splitmix64(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 0);
    assert_true(seeded.state[0] == 0xE220A8397B1DCDAFu);
    assert_true(seeded.state[1] == 0x6E789E6AA1B965F4u);
}

static void the_same_seed_gives_the_same_bytes_and_another_gives_others(void **state)
{
    (void)state;
    struct rng_seeded a, b, c;
    rng_seeded_init(&a, 7);
    rng_seeded_init(&b, 7);
    rng_seeded_init(&c, 8);
    char from_a[37], from_b[37], from_c[37];
    rng_fill(&a.rng, from_a, sizeof(from_a));
    rng_fill(&b.rng, from_b, sizeof(from_b));
    rng_fill(&c.rng, from_c, sizeof(from_c));
    assert_memory_equal(from_a, from_b, sizeof(from_a));
    assert_memory_not_equal(from_a, from_c, sizeof(from_a));
}

static void a_bound_is_kept_and_every_number_below_it_comes(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    unsigned seen[7] = {0};
    for (unsigned i = 0; i < 70000; i++)
        seen[rng_below(&seeded.rng, 7)]++;
    /* 10,000 each; a thousand off is more than ten standard deviations. */
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(seen[i], 9000, 11000);
    assert_int_equal(0, rng_below(&seeded.rng, 1));
    for (unsigned i = 0; i < 1000; i++)
        assert_true(rng_below(&seeded.rng, (UINT64_MAX / 2) + 2) <= UINT64_MAX / 2 + 1);
}

static void the_kernel_s_numbers_do_not_repeat(void **state)
{
    (void)state;
    assert_true(rng_u64(rng_system()) != rng_u64(rng_system()));
}

/* ---- clock ---- */

static void the_system_clock_goes_on_and_knows_the_date(void **state)
{
    (void)state;
    const struct clock *clock = clock_system();
    uint64_t before = clock_mono_us(clock);
    assert_true(clock_mono_us(clock) >= before);
    uint64_t wall_s = clock_wall_us(clock) / 1000000;
    assert_in_range(wall_s, (uintmax_t)time(NULL) - 2, (uintmax_t)time(NULL) + 2);
}

static void a_fake_clock_moves_by_hand_only(void **state)
{
    (void)state;
    struct clock_fake fake;
    clock_fake_init(&fake, 1700000000000000);
    uint64_t mono = clock_mono_us(&fake.clock);
    assert_true(mono > 0);
    assert_int_equal(mono, clock_mono_us(&fake.clock));
    assert_int_equal(1700000000000000, clock_wall_us(&fake.clock));
    clock_fake_step(&fake, 250);
    assert_int_equal(mono + 250, clock_mono_us(&fake.clock));
    assert_int_equal(1700000000000250, clock_wall_us(&fake.clock));
}

static void clocks_are_apart_by_what_no_wait_explains(void **state)
{
    (void)state;
    struct clock_fake fake;
    clock_fake_init(&fake, 1700000000000000);
    uint64_t asked_us = clock_mono_us(&fake.clock), wall_us = clock_wall_us(&fake.clock);
    clock_fake_step(&fake, 4000000);
    static const struct {
        int64_t ahead_us; /* of ours, as the question was asked */
        uint64_t apart_ms;
    } rows[] = {
        {-3600000000, 3600000}, {-1000, 1},   {-999, 0},    {0, 0},
        {4000000, 0},           {4000999, 0}, {4001000, 1}, {3604000000, 3600000},
        {2000000, 0},           {-2500, 2},   {4002500, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t theirs_us = (uint64_t)((int64_t)wall_us + rows[i].ahead_us);
        assert_int_equal(rows[i].apart_ms, clock_apart_ms(&fake.clock, asked_us, theirs_us));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_by_content),
        cmocka_unit_test(a_prefix_is_seen_and_skipped),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_only),
        cmocka_unit_test(a_list_is_cut_until_nothing_is_left),
        cmocka_unit_test(numbers_are_digits_and_nothing_else),
        cmocka_unit_test(a_copy_fits_whole_or_is_refused),
        cmocka_unit_test(what_is_cut_is_cut_between_letters),
        cmocka_unit_test(secrets_compare_by_every_byte),
        cmocka_unit_test(an_error_keeps_its_code_and_its_sentence),
        cmocka_unit_test(a_caller_that_wants_no_sentence_gets_the_code),
        cmocka_unit_test(a_wrapped_error_reads_from_the_outside_in),
        cmocka_unit_test(a_sentence_that_is_too_long_keeps_its_front),
        cmocka_unit_test(a_sentence_is_cut_between_letters),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
        cmocka_unit_test(the_seeded_generator_gives_the_published_numbers),
        cmocka_unit_test(a_seed_is_spread_by_splitmix64),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_and_another_gives_others),
        cmocka_unit_test(a_bound_is_kept_and_every_number_below_it_comes),
        cmocka_unit_test(the_kernel_s_numbers_do_not_repeat),
        cmocka_unit_test(the_system_clock_goes_on_and_knows_the_date),
        cmocka_unit_test(a_fake_clock_moves_by_hand_only),
        cmocka_unit_test(clocks_are_apart_by_what_no_wait_explains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
