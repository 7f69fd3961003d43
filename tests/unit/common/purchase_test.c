/* purchase_test.c: digests of purchases, with vectors of another BLAKE2b implementation, and
 * fees. */
#include "unit.h"

#include "sale/fees.h"
#include "sale/purchase.h"

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

/* The result is valid until the second call after this one. */
static const char *text_of(const struct purchase *purchase)
{
    static char texts[2][PURCHASE_DIGEST_CHARS + 2];
    static unsigned calls;
    char *text = texts[calls++ % 2];
    uint8_t digest[PURCHASE_DIGEST_BYTES];
    memset(text, 'x', sizeof(texts[0]));
    purchase_digest(purchase, digest);
    purchase_digest_text(digest, text);
    assert_int_equal(strlen(text), PURCHASE_DIGEST_CHARS);
    assert_int_equal(text[PURCHASE_DIGEST_CHARS + 1], 'x'); /* nothing is written after its end */
    return text;
}

TEST_CASE(the_digests_match_the_vectors)
{
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
    seats.lines = alike; /* of two names with the same prefix the shorter comes first */
    assert_string_equal(text_of(&seats), "HlRksRyMUVx2lGfCjuBolSedyH8TQb5yky3p2XQJ3Vk");
}

TEST_CASE(the_order_of_lines_does_not_change_the_digest)
{
    struct purchase_line turned[] = {two_seats[1], two_seats[0]};
    struct purchase other = of_two_seats(), same = of_two_seats();
    other.lines = turned;
    assert_string_equal(text_of(&other), text_of(&same));

    /* One place's name is a prefix of the other's, and one place is listed twice. */
    const struct purchase_line alike[] = {{SPAN("r1"), SPAN("Front"), 1, 1},
                                          {SPAN("r10"), SPAN("Front"), 2, 1},
                                          {SPAN("r1"), SPAN("Front"), 1, 1}};
    const struct purchase_line alike_turned[] = {alike[1], alike[0], alike[2]};
    same.lines = alike;
    other.lines = alike_turned;
    same.lines_len = other.lines_len = 3;
    assert_string_equal(text_of(&other), text_of(&same));

    /* Memory after a name is not part of it. */
    const struct purchase_line cut[] = {{{"r12", 2}, SPAN("Front"), 1, 1},
                                        {SPAN("r10"), SPAN("Front"), 2, 1},
                                        {{"r19", 2}, SPAN("Front"), 1, 1}};
    same.lines = cut;
    assert_string_equal(text_of(&same), text_of(&other));
}

TEST_CASE(every_other_part_changes_the_digest)
{
    struct purchase_line lines[4][2];
    struct purchase plain = of_two_seats(), other[10];
    for (size_t i = 0; i < 10; i++)
        other[i] = plain;
    for (size_t i = 0; i < 4; i++) {
        memcpy(lines[i], two_seats, sizeof(two_seats));
        other[i].lines = lines[i];
    }
    lines[0][0].place = SPAN("r1s3");
    lines[1][0].category = SPAN("Back");
    lines[2][1].price--;
    lines[3][1].count++;
    other[4].event = SPAN("gal");
    other[5].currency = SPAN("EUR");
    other[6].fees = 1;
    other[7].total++;
    other[8].terms = SPAN("x");
    other[9].lines_len = 1;
    for (size_t i = 0; i < 10; i++)
        assert_string_not_equal(text_of(&other[i]), text_of(&plain));
}

TEST_CASE(a_digest_is_read_back_and_other_texts_are_refused)
{
    static const char *const bad[] = {"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "!BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA",
                                      "\x80_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"};
    struct purchase plain = of_two_seats();
    uint8_t digest[PURCHASE_DIGEST_BYTES], back[PURCHASE_DIGEST_BYTES];
    purchase_digest(&plain, digest);
    assert_false(purchase_digest_is_none(digest));
    assert_true(purchase_digest_parse(span_of(text_of(&plain)), back));
    assert_memory_equal(digest, back, sizeof(digest));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(purchase_digest_parse(span_of(bad[i]), back));
}

/* ---- fees ---- */

TEST_CASE(fees_are_added_up_and_halves_rounded_up)
{
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

TEST_CASE(the_largest_order_does_not_wrap_around)
{
    const struct fees most = {FEES_MINOR_MAX, FEES_MINOR_MAX, FEES_BASIS_POINTS_MAX};
    const uint64_t total = UINT64_C(128) * UINT32_MAX;
    const uint64_t fees = fees_of(&most, total, 128);
    assert_int_equal(fees, total + UINT64_C(129) * FEES_MINOR_MAX);
    assert_int_equal(fees_vat(total + fees, FEES_VAT_MAX), (total + fees) / 2);
    assert_int_equal(fees_vat(UINT64_C(1) << 62, FEES_VAT_MAX), UINT64_C(1) << 61);
    assert_int_equal(fees_vat(UINT64_MAX, 0), 0);
}
