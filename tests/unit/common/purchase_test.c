/* purchase_test.c: digests of purchases, by vectors of another implementation of BLAKE2b, and fees.
 */
#include "unit.h"

#include "sale/fees.h"
#include "sale/purchase.h"

#include <string.h>

static const struct purchase_line two_seats[] = {
    {SPAN("r1s2"), SPAN("Front"), 150000, 1},
    {SPAN("r1s1"), SPAN("Front"), 150000, 1},
};

static struct purchase of_two_seats(void)
{
    return (struct purchase){.event = SPAN("gala"),
                             .currency = SPAN("KRW"),
                             .lines = two_seats,
                             .lines_len = 2,
                             .total = 300000};
}

static const char *text_of(const struct purchase *purchase)
{
    static char text[PURCHASE_DIGEST_CHARS + 1];
    uint8_t digest[PURCHASE_DIGEST_BYTES];
    purchase_digest(purchase, digest);
    purchase_digest_text(digest, text);
    return text;
}

static void the_vectors_come_out(void **state)
{
    (void)state;
    struct purchase seats = of_two_seats();
    assert_string_equal(text_of(&seats), "HAYdCQrG-p3U0Kl5ucmz7emeeWMiAJwdkmNPizPqG00");
    struct purchase_line floor = {SPAN("floor"), SPAN("스탠딩"), 99000, 3};
    struct purchase area = {.event = SPAN("gala"),
                            .currency = SPAN("EUR"),
                            .lines = &floor,
                            .lines_len = 1,
                            .fees = 500,
                            .total = 297500,
                            .terms = SPAN("refund:7d")};
    assert_string_equal(text_of(&area), "foQUUDmGA0fecKiWlYC13eBgnymwFtVke4xDjoDoMTo");
    const struct purchase_line alike[] = {{SPAN("r10"), SPAN("Front"), 150000, 1},
                                          {SPAN("r1"), SPAN("Front"), 150000, 1}};
    seats.lines = alike; /* the shorter of two names that begin alike comes first */
    assert_string_equal(text_of(&seats), "HlRksRyMUVx2lGfCjuBolSedyH8TQb5yky3p2XQJ3Vk");
}

static void the_order_of_its_lines_does_not_count(void **state)
{
    (void)state;
    struct purchase_line turned[] = {two_seats[1], two_seats[0]};
    struct purchase other = of_two_seats(), same = of_two_seats();
    other.lines = turned;
    char text[PURCHASE_DIGEST_CHARS + 1];
    strcpy(text, text_of(&same));
    assert_string_equal(text_of(&other), text);

    /* One place's name begins like the other's, and one place is listed twice. */
    const struct purchase_line alike[] = {{SPAN("r1"), SPAN("Front"), 1, 1},
                                          {SPAN("r10"), SPAN("Front"), 2, 1},
                                          {SPAN("r1"), SPAN("Front"), 1, 1}};
    const struct purchase_line alike_turned[] = {alike[1], alike[0], alike[2]};
    same.lines = alike;
    other.lines = alike_turned;
    same.lines_len = other.lines_len = 3;
    strcpy(text, text_of(&same));
    assert_string_equal(text_of(&other), text);

    /* What stands behind a name in memory is no part of it. */
    const struct purchase_line cut[] = {{{"r12", 2}, SPAN("Front"), 1, 1},
                                        {SPAN("r10"), SPAN("Front"), 2, 1},
                                        {{"r19", 2}, SPAN("Front"), 1, 1}};
    same.lines = cut;
    assert_string_equal(text_of(&same), text);
}

static void every_other_part_counts(void **state)
{
    (void)state;
    struct purchase_line lines[2];
    struct purchase all[10];
    for (size_t i = 0; i < 10; i++)
        all[i] = of_two_seats();
    for (size_t i = 0; i < 4; i++)
        all[i].lines = lines;
    all[4].event = SPAN("gal");
    all[5].currency = SPAN("EUR");
    all[6].fees = 1;
    all[7].total++;
    all[8].terms = SPAN("x");
    all[9].lines_len = 1;
    struct purchase plain = of_two_seats();
    char text[PURCHASE_DIGEST_CHARS + 1];
    strcpy(text, text_of(&plain));
    for (size_t i = 0; i < 10; i++) {
        memcpy(lines, two_seats, sizeof(lines));
        if (i == 0)
            lines[0].place = SPAN("r1s3");
        if (i == 1)
            lines[0].category = SPAN("Back");
        if (i == 2)
            lines[1].price--;
        if (i == 3)
            lines[1].count++;
        assert_string_not_equal(text_of(&all[i]), text);
    }
}

static void a_digest_is_read_back_and_other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "!BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"};
    struct purchase plain = of_two_seats();
    uint8_t digest[PURCHASE_DIGEST_BYTES], back[PURCHASE_DIGEST_BYTES];
    purchase_digest(&plain, digest);
    assert_false(purchase_digest_is_none(digest));
    assert_true(purchase_digest_parse(span_of(text_of(&plain)), back));
    assert_memory_equal(digest, back, sizeof(digest));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(purchase_digest_parse(span_of(bad[i]), back));
}

static void the_text_of_a_digest_has_its_length(void **state)
{
    (void)state;
    const uint8_t digest[PURCHASE_DIGEST_BYTES] = {1};
    char text[PURCHASE_DIGEST_CHARS + 2];
    memset(text, 'x', sizeof(text));
    purchase_digest_text(digest, text);
    assert_int_equal(strlen(text), PURCHASE_DIGEST_CHARS);
    assert_int_equal(text[PURCHASE_DIGEST_CHARS + 1], 'x');
}

/* ---- fees ---- */

static void fees_are_added_up_and_halves_rounded_up(void **state)
{
    (void)state;
    static const struct {
        struct fees fees;
        uint64_t total, want;
        uint32_t seats;
    } rows[] = {
        {{0}, 300000, 0, 2},
        {{.per_seat = 1000, .per_order = 500, .basis_points = 250}, 300000, 10000, 2},
        {{.per_seat = 1000, .per_order = 500, .basis_points = 250}, 0, 1500, 1},
        {{.basis_points = 50}, 100, 1, 1}, /* 0.5 */
        {{.basis_points = 50}, 99, 0, 1},  /* 0.495 */
        {{.basis_points = 50}, 300, 2, 1}, /* 1.5 */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(fees_of(&rows[i].fees, rows[i].total, rows[i].seats), rows[i].want);
    assert_int_equal(fees_vat(300000, 0), 0);
    assert_int_equal(fees_vat(110000, 1000), 10000);
    assert_int_equal(fees_vat(11900, 1900), 1900);
    assert_int_equal(fees_vat(1, 1000), 0);
    assert_int_equal(fees_vat(6, 1000), 1); /* 0.545 */
}

static void the_largest_order_does_not_wrap_around(void **state)
{
    (void)state;
    const struct fees most = {FEES_MINOR_MAX, FEES_MINOR_MAX, FEES_BASIS_POINTS_MAX};
    const uint64_t total = UINT64_C(128) * UINT32_MAX;
    const uint64_t fees = fees_of(&most, total, 128);
    assert_int_equal(fees, total + UINT64_C(129) * FEES_MINOR_MAX);
    assert_int_equal(fees_vat(total + fees, FEES_VAT_MAX), (total + fees) / 2);
    assert_int_equal(fees_vat(UINT64_C(1) << 62, FEES_VAT_MAX), UINT64_C(1) << 61);
    assert_int_equal(fees_vat(UINT64_MAX, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_come_out),
        cmocka_unit_test(the_order_of_its_lines_does_not_count),
        cmocka_unit_test(every_other_part_counts),
        cmocka_unit_test(a_digest_is_read_back_and_other_texts_are_refused),
        cmocka_unit_test(the_text_of_a_digest_has_its_length),
        cmocka_unit_test(fees_are_added_up_and_halves_rounded_up),
        cmocka_unit_test(the_largest_order_does_not_wrap_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
