/* pack_test.c: changes are packed into one body and unpacked again; the follower refuses a pack
 * that differs from what its row says. */
#include "journal/follower.h"
#include "journal/pack.h"
#include "unit.h"

#include <string.h>

static void fill(struct change *change, uint64_t seq)
{
    change_init(change, CHANGE_TAKEN, 1700000000000 + seq);
    change->seq = seq;
    change->hold = seq * 1000003;
    change->hold_version = 1;
    change->add_count = 1 + (uint16_t)(seq % 3);
    for (uint32_t i = 0; i < change->add_count; i++)
        change->seats[i] = (uint32_t)seq * 4 + i;
}

static void what_was_packed_comes_out_in_order(void **state)
{
    (void)state;
    uint8_t body[64 * PACK_ENTRY_BYTES_MAX], key[PACK_IDEM_BYTES];
    memset(key, 7, sizeof(key));
    size_t len = 0;
    for (uint64_t seq = 1; seq <= 64; seq++) {
        struct change change;
        struct span record;
        fill(&change, seq);
        len += pack_put(body + len, &change, seq % 2 == 0 ? key : NULL, &record);
    }
    struct span rest = {(const char *)body, len}, record, idem;
    for (uint64_t seq = 1; seq <= 64; seq++) {
        struct change expected, change;
        struct err_slot err = {0};
        fill(&expected, seq);
        assert_true(pack_next(&rest, &record, &idem));
        assert_int_equal(seq % 2 == 0 ? PACK_IDEM_BYTES : 0, idem.len);
        assert_true(idem.len == 0 || memcmp(idem.ptr, key, sizeof(key)) == 0);
        assert_int_equal(0, change_decode((const uint8_t *)record.ptr, record.len, &err, &change));
        assert_true(change.seq == seq && change.hold == expected.hold);
        assert_int_equal(expected.add_count, change.add_count);
    }
    assert_int_equal(0, rest.len);
    assert_false(pack_next(&rest, &record, &idem));
}

static void pack_that_was_cut_short_is_refused(void **state)
{
    (void)state;
    uint8_t body[PACK_ENTRY_BYTES_MAX], key[PACK_IDEM_BYTES] = {1};
    struct change change;
    struct span record, idem;
    fill(&change, 5);
    size_t len = pack_put(body, &change, key, &record);
    for (size_t cut = 0; cut < len; cut++) {
        struct span rest = {(const char *)body, cut};
        assert_false(pack_next(&rest, &record, &idem));
    }
}

/* ---- the follower ---- */

struct received {
    uint64_t seqs[8];
    uint32_t len, keys, refuse_at; /* refuse_at: answer ERR_FULL there; 0: never */
};

static int receive(void *ctx, const struct change *change, const struct store_row *row,
                   struct err_slot *err)
{
    struct received *received = ctx;
    if (received->len + 1 == received->refuse_at)
        return err_set(err, ERR_FULL, "enough");
    received->seqs[received->len++] = change->seq;
    received->keys += row->idem.len > 0 ? 1 : 0;
    return 0;
}

struct reading {
    struct follower follower;
    struct received received;
    struct err_slot err;
    uint8_t body[8 * PACK_ENTRY_BYTES_MAX];
    struct store_row row;
    struct chain chain;
};

/* A row of `count` changes from the number `from` on, behind the follower's head. */
static void make_row(struct reading *reading, uint64_t from, uint32_t count)
{
    static const uint8_t key[PACK_IDEM_BYTES] = {9};
    struct span record;
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct change change;
        fill(&change, from + i);
        len += pack_put(reading->body + len, &change, i == 1 ? key : NULL, &record);
    }
    uint64_t last = from + count - 1;
    struct store_row *row = &reading->row;
    *row = (struct store_row){.seq = last,
                              .epoch = 1,
                              .at_ms = 1700000000000 + last,
                              .kind = PACK_KIND,
                              .changes = count,
                              .body = {(const char *)reading->body, len}};
    reading->chain = chain_next(&reading->follower.head.chain, row->seq, row->epoch, row->at_ms,
                                row->kind, row->body);
    row->chain = (struct span){(const char *)reading->chain.bytes, CHAIN_BYTES};
}

static void start_reading(struct reading *reading)
{
    static const struct store_event event = {.no = 1, .id = "hall"};
    memset(reading, 0, sizeof(*reading));
    follower_init(&reading->follower, &event);
    reading->follower.apply = receive;
    reading->follower.ctx = &reading->received;
    reading->follower.err = &reading->err;
}

static void a_row_of_several_is_several_changes(void **state)
{
    (void)state;
    struct reading reading;
    start_reading(&reading);
    make_row(&reading, 1, 3);
    assert_int_equal(0, follower_row(&reading.follower, &reading.row));
    make_row(&reading, 4, 2);
    assert_int_equal(0, follower_row(&reading.follower, &reading.row));
    assert_int_equal(5, reading.received.len);
    assert_int_equal(2, reading.received.keys);
    for (uint64_t i = 0; i < 5; i++)
        assert_true(reading.received.seqs[i] == i + 1);
    assert_true(reading.follower.head.seq == 5 && follower_seq(&reading.follower) == 5);
}

static void a_row_left_in_its_middle_is_taken_up_there(void **state)
{
    (void)state;
    struct reading reading;
    start_reading(&reading);
    make_row(&reading, 1, 4);
    reading.received.refuse_at = 3;
    assert_int_equal(ERR_FULL, follower_row(&reading.follower, &reading.row));
    assert_true(reading.follower.head.seq == 0 && follower_seq(&reading.follower) == 2);
    reading.received.refuse_at = 0;
    assert_int_equal(0, follower_row(&reading.follower, &reading.row));
    assert_int_equal(4, reading.received.len);
    for (uint64_t i = 0; i < 4; i++)
        assert_true(reading.received.seqs[i] == i + 1);
}

static void a_pack_that_is_not_what_its_row_says_is_refused(void **state)
{
    (void)state;
    struct reading reading;
    /* One change less, one more, other numbers, and bytes behind the last: each with a chain that
     * is right. */
    for (unsigned wrong = 0; wrong < 4; wrong++) {
        start_reading(&reading);
        make_row(&reading, wrong == 2 ? 2 : 1, 3);
        struct store_row *row = &reading.row;
        row->changes = wrong == 0 ? 4 : wrong == 1 ? 2 : 3;
        row->seq = row->changes;
        row->body.len += wrong == 3 ? 1 : 0;
        reading.chain = chain_next(&reading.follower.head.chain, row->seq, row->epoch, row->at_ms,
                                   row->kind, row->body);
        assert_int_equal(ERR_SYNTAX, follower_row(&reading.follower, row));
        assert_non_null(strstr(reading.err.text, "hall, journal row"));
    }
    start_reading(&reading);
    make_row(&reading, 2, 3);
    assert_int_equal(ERR_SYNTAX, follower_row(&reading.follower, &reading.row));
    assert_non_null(strstr(reading.err.text, "journal row 1 is missing"));
    make_row(&reading, 1, 3);
    reading.body[9] ^= 1;
    assert_int_equal(ERR_SYNTAX, follower_row(&reading.follower, &reading.row));
    assert_non_null(strstr(reading.err.text, "the chain breaks at row 3"));
    assert_int_equal(0, reading.received.len);
}

/* Its link is right, and so is the number in its record, but changes 1 and 2 are nowhere. */
static void a_lone_record_whose_row_counts_three_is_refused(void **state)
{
    (void)state;
    struct reading reading;
    start_reading(&reading);
    struct change change;
    fill(&change, 3);
    struct span record;
    pack_put(reading.body, &change, NULL, &record);
    struct store_row *row = &reading.row;
    *row = (struct store_row){
        .seq = 3, .epoch = 1, .at_ms = 1, .kind = change.kind, .changes = 3, .body = record};
    reading.chain = chain_next(&reading.follower.head.chain, row->seq, row->epoch, row->at_ms,
                               row->kind, row->body);
    row->chain = (struct span){(const char *)reading.chain.bytes, CHAIN_BYTES};
    assert_int_equal(ERR_SYNTAX, follower_row(&reading.follower, row));
    assert_non_null(strstr(reading.err.text, "hall, journal row 3"));
    assert_int_equal(0, reading.received.len);
    assert_true(reading.follower.head.seq == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out_in_order),
        cmocka_unit_test(pack_that_was_cut_short_is_refused),
        cmocka_unit_test(a_row_of_several_is_several_changes),
        cmocka_unit_test(a_row_left_in_its_middle_is_taken_up_there),
        cmocka_unit_test(a_pack_that_is_not_what_its_row_says_is_refused),
        cmocka_unit_test(a_lone_record_whose_row_counts_three_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
