/* span_test.c: edges of spans, errors, random numbers and clocks. */
#include "unit.h"

#include "base/clock.h"

#include <time.h>

static const struct span absent = {NULL, 0};

TEST_CASE(spans_compare_by_content)
{
    static const struct {
        struct span a, b;
        bool eq, nocase, starts; /* equal, also for secrets; equal but for case; a starts with b */
    } rows[] = {
        {SPAN("abc"), SPAN("abc"), true, true, true},
        {SPAN("abc"), SPAN("abd"), false, false, false},
        {SPAN("abc"), SPAN("ab"), false, false, true},
        {SPAN("ab"), SPAN("abc"), false, false, false},
        {SPAN("Token"), SPAN("token"), false, true, false},
        {SPAN("token"), SPAN("tokem"), false, false, false},
        {SPAN("Bearer"), SPAN("bEARER"), false, true, false},
        {SPAN("Bearer"), SPAN("Bearing"), false, false, false}, /* longer and other */
        {SPAN("Basic "), SPAN("Bearer"), false, false, false},
        {SPAN("/admin/events"), SPAN("/admin/"), false, false, true},
        {SPAN("/addin/events"), SPAN("/admin/"), false, false, false},
        {{NULL, 0}, SPAN(""), true, true, true},
        {{NULL, 0}, {NULL, 0}, true, true, true},
        {SPAN("x"), {NULL, 0}, false, false, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(rows[i].eq, span_eq(rows[i].a, rows[i].b));
        assert_int_equal(rows[i].eq, span_eq_secret(rows[i].a, rows[i].b));
        assert_int_equal(rows[i].nocase, span_eq_nocase(rows[i].a, rows[i].b));
        assert_int_equal(rows[i].starts, span_starts(rows[i].a, rows[i].b));
    }
    assert_true(span_eq(absent, span_of(NULL)));
    assert_true(span_eq(SPAN("abc"), span_of("abc")));
    assert_span(span_skip(SPAN("abcdef"), 4), "ef");
}

TEST_CASE(trimming_takes_spaces_and_tabs_only)
{
    assert_span(span_trim(SPAN(" \t a b\t ")), "a b");
    assert_span(span_trim(SPAN(" \t ")), "");
    assert_span(span_trim(SPAN("\na ")), "\na");
}

TEST_CASE(only_http_and_https_are_schemes)
{
    assert_span(span_after_scheme(SPAN("https://a/b")), "a/b");
    assert_null(span_after_scheme(SPAN("ftp://a")).ptr);
}

TEST_CASE(hex_has_two_digits_for_each_byte)
{
    static const char *const bad[] = {"", "0aF1f", "0aF1f1", "0aFg"};
    uint8_t out[2];
    assert_true(span_hex(SPAN("0aF1"), out, sizeof(out)));
    assert_memory_equal("\x0A\xF1", out, sizeof(out));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(span_hex(span_of(bad[i]), out, sizeof(out)));
}

TEST_CASE(a_list_is_cut_until_nothing_is_left)
{
    const char *want[] = {"a", "", "c", ""};
    unsigned n = 0;
    struct span rest = SPAN("a,,c,"), head;
    while (span_next(&rest, ',', &head))
        assert_span(head, want[n++]);
    assert_int_equal(4, n);
}

TEST_CASE(numbers_are_digits_and_nothing_else)
{
    enum { REFUSED = 77 };
    static const struct {
        const char *text;
        uint64_t max, want;
    } rows[] = {
        {"18446744073709551615", UINT64_MAX, UINT64_MAX},
        {"100", 100, 100},
        {"007", 100, 7},
        {"101", 100, REFUSED},
        {"", UINT64_MAX, REFUSED},
        {"-1", UINT64_MAX, REFUSED},
        {"+1", UINT64_MAX, REFUSED},
        {" 1", UINT64_MAX, REFUSED},
        {"1 ", UINT64_MAX, REFUSED},
        {"1.0", UINT64_MAX, REFUSED},
        {"0x1", UINT64_MAX, REFUSED},
        {"1e3", UINT64_MAX, REFUSED},
        {"18446744073709551616", UINT64_MAX, REFUSED},
        {"99999999999999999999", UINT64_MAX, REFUSED},
        {"000000000000000000001", UINT64_MAX, REFUSED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = REFUSED;
        bool good = span_u64(span_of(rows[i].text), rows[i].max, &value);
        if (good != (rows[i].want != REFUSED) || value != rows[i].want)
            fail_msg("\"%s\"", rows[i].text);
    }
}

TEST_CASE(a_copy_fits_whole_or_is_refused)
{
    char out[4] = "zzz";
    assert_false(span_to_cstr(SPAN("abcd"), out, sizeof(out)));
    assert_false(span_to_cstr(SPAN("a\0b"), out, sizeof(out)));
    assert_string_equal("zzz", out);
    assert_true(span_to_cstr(SPAN("abc"), out, sizeof(out)));
    assert_string_equal("abc", out);
    assert_true(span_to_cstr(absent, out, sizeof(out)));
    assert_string_equal("", out);
}

TEST_CASE(a_cut_falls_between_characters)
{
    static const struct {
        struct span text;
        const char *kept; /* cut to 7 bytes */
    } rows[] = {
        {SPAN("abcdefg"), "abcdefg"},
        {SPAN("abcdefgh"), "abcdefg"},
        {SPAN("가나다"), "가나"},
        {SPAN("x가나다"), "x가나"},
        {SPAN("xy가나다"), "xy가"},
        {SPAN("abcd🎫"), "abcd"},
        {SPAN("abc🎫"), "abc🎫"},
        {SPAN("\x80\x80\x80\x80\x80\x80\x80\x80\x80"), ""}, /* continuation bytes without a start */
        {SPAN("ab\0cd"), "ab"},
        {SPAN(""), ""},
        {{NULL, 0}, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[8];
        span_to_cstr_cut(rows[i].text, out, sizeof(out));
        assert_string_equal(out, rows[i].kept);
    }
}

/* ---- err ---- */

TEST_CASE(a_wrapped_error_keeps_its_code_and_begins_with_the_context)
{
    struct err_slot err;
    assert_int_equal(ERR_RANGE, err_set(&err, ERR_RANGE, "rate of %d", 7));
    assert_int_equal(ERR_RANGE, err.code);
    assert_string_equal("rate of 7", err.text);
    assert_int_equal(ERR_RANGE, err_wrap(&err, "reading %s", "a.toml"));
    assert_string_equal("reading a.toml: rate of 7", err.text);
    assert_int_equal(ERR_FULL, err_set(NULL, ERR_FULL, "queue")); /* only the code */
    assert_int_equal(ERR_UNKNOWN, err_wrap(NULL, "reading %s", "a.toml"));
}

TEST_CASE(a_long_error_text_keeps_its_beginning)
{
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
    for (size_t start = 0; start < 4; start++) { /* cuts between characters of three bytes */
        for (size_t at = start; at + 4 < sizeof(longer); at += 3)
            memcpy(longer + at, "가\0", 4);
        err_set(&err, ERR_IO, "%s", longer);
        assert_int_equal(0, (strlen(err.text) - start) % 3);
        assert_true(strlen(err.text) > ERR_TEXT_MAX - 4);
    }
}

TEST_CASE(an_error_text_drops_an_incomplete_last_character)
{
    static const char *const rows[][2] = {
        {"\x80\x80\x80", "\x80\x80\x80"}, /* no whole character: unchanged */
        {"\x80", "\x80"},
        {"", ""},
        {"a\x80", "a\x80"}, /* a continuation byte without a start */
        {"a\xC3", "a"},     /* characters of two, three and four bytes, cut or whole */
        {"a\xC3\xBC", "a\xC3\xBC"},
        {"a\xE2\x82", "a"},
        {"a\xE2\x82\xAC", "a\xE2\x82\xAC"},
        {"a\xF0\x9F\x8E", "a"},
        {"a\xF0\x9F\x8E\xAB", "a\xF0\x9F\x8E\xAB"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err_slot err;
        err_set(&err, ERR_IO, "%s", rows[i][0]);
        assert_string_equal(err.text, rows[i][1]);
    }
}

TEST_CASE(every_code_has_a_name_of_its_own)
{
    for (int a = 0; a >= ERR_PEER; a--) {
        for (int b = a - 1; b >= ERR_UNKNOWN; b--)
            assert_string_not_equal(err_name(a), err_name(b));
    }
    assert_string_equal("unknown", err_name(-1000));
}

/* ---- rng ---- */

TEST_CASE(the_seeded_generator_gives_the_published_numbers)
{
    /* xoshiro256++ from the state 1, 2, 3, 4, as its authors' program prints it. */
    static const uint64_t want[] = {41943041,
                                    58720359,
                                    3588806011781223,
                                    3591011842654386,
                                    9228616714210784205u,
                                    9973669472204895162u};
    const uint64_t start[] = {1, 2, 3, 4};
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 0); /* splitmix64 spreads the seed */
    assert_true(seeded.state[0] == 0xE220A8397B1DCDAFu);
    assert_true(seeded.state[1] == 0x6E789E6AA1B965F4u);
    memcpy(seeded.state, start, sizeof(start));
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_true(rng_u64(&seeded.rng) == want[i]);
    rng_seeded_init(&seeded, 1);
    assert_true(seeded.state[0] == 0x910A2DEC89025CC1u);
    memcpy(seeded.state, start, sizeof(start));
    char bytes[sizeof(want) - 3];
    rng_fill(&seeded.rng, bytes, sizeof(bytes));
    assert_memory_equal(bytes, want, sizeof(bytes));
}

TEST_CASE(each_number_below_a_bound_is_drawn)
{
    const struct rng *rng = unit_rng();
    unsigned seen[7] = {0};
    for (unsigned i = 0; i < 70000; i++)
        seen[rng_below(rng, 7)]++;
    /* Each should be 10,000; a difference of a thousand is over ten standard deviations. */
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(seen[i], 9000, 11000);
    assert_int_equal(0, rng_below(rng, 1));
    for (unsigned i = 0; i < 1000; i++)
        assert_true(rng_below(rng, (UINT64_MAX / 2) + 2) <= UINT64_MAX / 2 + 1);
}

TEST_CASE(numbers_of_the_kernel_do_not_repeat)
{
    assert_true(rng_u64(rng_system()) != rng_u64(rng_system()));
}

/* ---- clock ---- */

TEST_CASE(the_system_clock_advances_and_has_the_date)
{
    const struct clock *clock = clock_system();
    uint64_t before = clock_mono_us(clock);
    assert_true(clock_mono_us(clock) >= before);
    uint64_t wall_s = clock_wall_us(clock) / 1000000;
    assert_in_range(wall_s, (uintmax_t)time(NULL) - 2, (uintmax_t)time(NULL) + 2);
}

TEST_CASE(the_wait_does_not_count_as_a_clock_difference)
{
    struct clock_fake fake;
    clock_fake_init(&fake, 1700000000000000);
    uint64_t asked_us = clock_mono_us(&fake.clock), wall_us = clock_wall_us(&fake.clock);
    assert_int_equal(1700000000000000, wall_us);
    clock_fake_step(&fake, 4000000);
    assert_int_equal(asked_us + 4000000, clock_mono_us(&fake.clock));
    assert_int_equal(wall_us + 4000000, clock_wall_us(&fake.clock));
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
