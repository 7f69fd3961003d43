/* solve_test.c: the proof of work that a visitor's browser does. */
#include "visitor/solve.h"

#include "unit.h"

#include <sodium.h>
#include <stdio.h>

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
        cmocka_unit_test(proof_of_work_has_the_required_zero_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
