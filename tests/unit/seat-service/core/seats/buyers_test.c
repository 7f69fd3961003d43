/* buyers_test.c: the number of seats per buyer. */
#include "base/rng.h"
#include "core/seats/buyers.h"
#include "unit.h"

static struct buyers buyers;
static uint32_t has;

static void end(void)
{
    buyers_deinit(&buyers);
}

UNIT_BETWEEN(NULL, end)

TEST_CASE(counts_agree_with_a_plain_array)
{
    enum { BUYERS = 300 };
    struct rng_seeded rng;
    uint32_t plain[BUYERS] = {0};
    rng_seeded_init(&rng, 3);
    assert_int_equal(buyers_init(&buyers, BUYERS, 9), 0);
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t buyer = (uint32_t)rng_below(&rng.rng, BUYERS);
        uint32_t n = 1 + (uint32_t)rng_below(&rng.rng, 4);
        if (rng_below(&rng.rng, 2)) {
            enum buyers_answer answer = buyers_add(&buyers, buyer, n, 6, &has);
            assert_int_equal(answer, plain[buyer] + n <= 6 ? BUYERS_ADDED : BUYERS_OVER);
            assert_int_equal(has, plain[buyer]);
            plain[buyer] += answer == BUYERS_ADDED ? n : 0;
        } else if (plain[buyer] > 0) {
            n = n < plain[buyer] ? n : plain[buyer];
            buyers_sub(&buyers, buyer, n);
            plain[buyer] -= n;
        }
        assert_int_equal(buyers_count(&buyers, buyer), plain[buyer]);
    }
}

TEST_CASE(a_buyer_for_each_seat_of_a_sold_out_stadium_fits)
{
    enum { SEATS = 66000 };
    for (uint64_t seed = 1; seed <= 5; seed++) {
        assert_int_equal(buyers_init(&buyers, SEATS, seed), 0);
        for (uint64_t i = 0; i < SEATS; i++)
            assert_int_equal(buyers_add(&buyers, i * seed, 1, 4, &has), BUYERS_ADDED);
        for (uint64_t i = 0; i < SEATS; i += 97)
            assert_int_equal(buyers_count(&buyers, i * seed), 1);
        buyers_deinit(&buyers);
    }
}

TEST_CASE(buyers_that_left_make_room)
{
    assert_int_equal(buyers_init(&buyers, 1000, 1), 0);
    for (uint64_t i = 0; i < 1000000; i++) {
        assert_int_equal(buyers_add(&buyers, i, 2, 4, &has), BUYERS_ADDED);
        if (i >= 900)
            buyers_sub(&buyers, i - 900, 2);
    }
}

/* ---- concurrent first requests ---- */

/* Writes entries by hand, as another request leaves them between its two steps. */
TEST_CASE(colliding_first_requests_start_again)
{
    enum { TRY = 1 << 16 };
    assert_int_equal(buyers_init(&buyers, 8, 7), 0);
    assert_int_equal(buyers_add(&buyers, 5, 1, 4, &has), BUYERS_ADDED);
    _Atomic uint64_t *his = buyers.entries;
    while (*his == 0)
        his++;
    uint64_t tag = *his - 1;
    buyers_sub(&buyers, 5, 1);
    his[0] = tag | TRY | 1;
    his[1] = tag | TRY | 1;
    assert_int_equal(buyers_add(&buyers, 5, 1, 4, &has), BUYERS_FULL);
    assert_int_equal(his[0], tag | TRY | 1);
    assert_int_equal(his[1], tag | TRY | 1);
    his[0] = tag | TRY; /* the other try was withdrawn */
    assert_int_equal(buyers_add(&buyers, 5, 1, 4, &has), BUYERS_ADDED);
    assert_int_equal(his[1], tag | 2);
    /* The entry is the buyer's now. Another try next to it no longer counts. */
    his[0] = tag | TRY | 1;
    assert_int_equal(buyers_add(&buyers, 5, 3, 4, &has), BUYERS_OVER);
    assert_int_equal(has, 2);
    assert_int_equal(buyers_add(&buyers, 5, 2, 4, &has), BUYERS_ADDED);
    assert_int_equal(buyers_count(&buyers, 5), 4);
}

/* A table of eight has two buckets. Buyers that do not fit are refused. */
TEST_CASE(buyer_without_room_is_refused_until_another_leaves)
{
    uint64_t known = 0, refused = 0;
    assert_int_equal(buyers_init(&buyers, 8, 7), 0);
    for (uint64_t buyer = 1; refused == 0; buyer++) {
        if (buyers_add(&buyers, buyer, 1, 4, &has) == BUYERS_ADDED)
            known = buyer;
        else
            refused = buyer;
        assert_true(buyer <= buyers.size + 1);
    }
    assert_int_equal(buyers_add(&buyers, refused, 1, 4, &has), BUYERS_FULL);
    assert_int_equal(buyers_add(&buyers, refused, 5, 4, &has), BUYERS_OVER); /* room or not */
    assert_int_equal(has, 0);
    assert_int_equal(buyers_add(&buyers, known, 1, 4, &has), BUYERS_ADDED);
    for (uint64_t buyer = 1; buyer <= known; buyer++)
        buyers_sub(&buyers, buyer, buyer == known ? 2 : 1);
    assert_int_equal(buyers_add(&buyers, refused, 1, 4, &has), BUYERS_ADDED);
}

/* One of two concurrent first requests was withdrawn. Its entry belongs to no buyer. */
TEST_CASE(a_withdrawn_try_counts_for_no_buyer)
{
    enum { BUYER = 5, TRY = 1 << 16, COUNT = 0xffff };
    uint32_t used = 0;
    assert_int_equal(buyers_init(&buyers, 8, 7), 0);
    assert_int_equal(buyers_add(&buyers, BUYER, 2, 4, &has), BUYERS_ADDED);
    for (uint32_t i = 0; i < buyers.size; i++)
        if (buyers.entries[i] != 0)
            buyers.entries[i] = (buyers.entries[i] & ~(uint64_t)COUNT) | TRY;
    assert_int_equal(buyers_count(&buyers, BUYER), 0);
    assert_int_equal(buyers_add(&buyers, BUYER, 3, 3, &has), BUYERS_ADDED);
    assert_int_equal(has, 0);
    assert_int_equal(buyers_count(&buyers, BUYER), 3);
    for (uint32_t i = 0; i < buyers.size; i++)
        used += buyers.entries[i] != 0;
    assert_int_equal(used, 1); /* its word is reused */
    buyers_sub(&buyers, BUYER, 3);
    assert_int_equal(buyers_count(&buyers, BUYER), 0);
}
