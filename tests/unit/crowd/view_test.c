/* view_test.c: what somebody sees who watches a run; and the work that a visitor's browser does. */
#include "view.h"
#include "visitor/solve.h"

#include "unit.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static struct view before, now;
static char memory[VIEW_BYTES_MAX];

static void panel_returns_its_number_of_lines(void **state)
{
    (void)state;
    now = (struct view){.seconds = 12.5, .visitors = 1000, .arrived = 900};
    now.in[PHASE_WAIT] = 300;
    now.in[PHASE_LISTEN] = 100;
    now.in[PHASE_HOLD] = 7;
    now.ended[END_DONE] = 500;
    struct text text = text_on(memory, sizeof(memory));
    unsigned lines = view_panel(&now, &before, &text), ends = 0;
    assert_false(text.overflown);
    for (size_t i = 0; i < text.len; i++)
        ends += text.ptr[i] == '\n';
    assert_int_equal(ends, lines);
    memory[text.len] = '\0';
    assert_non_null(strstr(memory, "500 of 1000 came to an end"));
    assert_non_null(strstr(memory, "waiting 400   inside 7"));
    assert_non_null(strstr(memory, "[####################...................."));
}

static void latency_is_measured_since_the_last_view(void **state)
{
    (void)state;
    static struct histogram took;
    before = (struct view){.seconds = 1, .visitors = 10};
    now = (struct view){.seconds = 3, .visitors = 10};
    for (int i = 0; i < 1000; i++)
        histogram_record(&took, 1000000);
    histogram_add_to(&took, &before.took[PHASE_WAIT]);
    for (int i = 0; i < 500; i++)
        histogram_record(&took, 2000);
    histogram_add_to(&took, &now.took[PHASE_WAIT]);
    struct text text = text_on(memory, sizeof(memory));
    view_panel(&now, &before, &text);
    memory[text.len] = '\0';
    double p50;
    const char *me = strstr(memory, "  me ");
    assert_non_null(me);
    assert_int_equal(sscanf(me, "  me 250/s p50 %lf ms", &p50), 1);
    assert_true(p50 > 1.9 && p50 < 2.1);
}

static void the_line_for_a_log_is_one_line(void **state)
{
    (void)state;
    now = (struct view){.seconds = 3, .visitors = 10, .arrived = 4};
    struct text text = text_on(memory, sizeof(memory));
    view_line(&now, &text);
    assert_ptr_equal(memchr(memory, '\n', text.len), memory + text.len - 1);
}

static void proof_of_work_has_the_required_zero_bits(void **state)
{
    (void)state;
    uint64_t n;
    char text[96];
    unsigned char hash[crypto_hash_sha256_BYTES];
    assert_true(solve(SPAN("a-challenge-of-forty-characters-or-there"), 12, 1 << 20, &n));
    int len = snprintf(text, sizeof(text), "a-challenge-of-forty-characters-or-there.%lu", n);
    crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned)len);
    assert_int_equal(hash[0], 0);
    assert_int_equal(hash[1] >> 4, 0);
    for (uint64_t lower = 0; lower < n; lower++) { /* the first that does */
        len = snprintf(text, sizeof(text), "a-challenge-of-forty-characters-or-there.%lu", lower);
        crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned)len);
        assert_true(hash[0] != 0 || hash[1] >> 4 != 0);
    }
    assert_false(solve(SPAN("a-challenge-of-forty-characters-or-there"), 60, 100, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panel_returns_its_number_of_lines),
        cmocka_unit_test(latency_is_measured_since_the_last_view),
        cmocka_unit_test(the_line_for_a_log_is_one_line),
        cmocka_unit_test(proof_of_work_has_the_required_zero_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
