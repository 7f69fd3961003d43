/* pack_test.c: packing changes into one body and unpacking them. The follower refuses a body that
 * does not match its row. */
#include "journal/follower.h"
#include "journal/pack.h"
#include "unit.h"

static void fill(struct change *change, uint64_t seq)
{
    change_init(change, CHANGE_TAKEN, 1700000000000 + seq);
    change->seq = seq;
    change->hold = UINT64_C(9) << 24 | seq;
    change->hold_version = 1;
    change->buyer = change->session = seq * UINT64_C(0x9e3779b97f4a7c15);
    change->expires_ms = change->at_ms + 480000;
    change->hard_end_ms = change->expires_ms + 1200000;
    change->total = 120000;
    change->add_count = 1 + (uint16_t)(seq % 3);
    for (uint32_t i = 0; i < change->add_count; i++)
        change->seats[i] = (uint32_t)seq * 4 + i;
}

TEST_CASE(packed_changes_are_read_in_order)
{
    uint8_t body[64 * PACK_ENTRY_BYTES_MAX], key[PACK_IDEM_BYTES];
    struct change_before before;
    memset(key, 7, sizeof(key));
    size_t len = 0;
    for (uint64_t seq = 1; seq <= 64; seq++) {
        struct change change;
        fill(&change, seq);
        len += pack_put(body + len, seq == 1, &before, &change, seq % 2 == 0 ? key : NULL);
    }
    assert_in_range(len, 64 * 20, 64 * (27 + PACK_IDEM_BYTES / 2)); /* typical of a rush */
    struct pack pack = pack_open((struct span){(const char *)body, len});
    struct change expected, change;
    struct err_slot err = {0};
    struct span idem;
    for (uint64_t seq = 1; seq <= 64; seq++) {
        fill(&expected, seq);
        assert_int_equal(0, pack_next(&pack, &err, &change, &idem));
        assert_int_equal(seq % 2 == 0 ? PACK_IDEM_BYTES : 0, idem.len);
        assert_true(idem.len == 0 || memcmp(idem.ptr, key, sizeof(key)) == 0);
        assert_memory_equal(&expected, &change, offsetof(struct change, text));
        assert_memory_equal(expected.seats, change.seats, change.add_count * sizeof(uint32_t));
    }
    assert_false(pack_has_more(&pack));
    assert_int_equal(ERR_SYNTAX, pack_next(&pack, &err, &change, &idem));
}

TEST_CASE(pack_that_was_cut_short_is_refused)
{
    uint8_t body[PACK_ENTRY_BYTES_MAX], key[PACK_IDEM_BYTES] = {1};
    struct change_before before;
    struct change change;
    struct err_slot err;
    struct span idem;
    fill(&change, 5);
    size_t len = pack_put(body, true, &before, &change, key);
    for (size_t cut = 0; cut < len; cut++) {
        struct pack pack = pack_open((struct span){(const char *)body, cut});
        assert_int_equal(ERR_SYNTAX, pack_next(&pack, &err, &change, &idem));
    }
}

/* ---- the follower ---- */

struct received {
    uint64_t seqs[8];
    uint32_t len, keys, refuse_at; /* refuse_at: the nth change gets ERR_FULL; 0: none */
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

/* Computes the row's chain from its content and the follower's head. */
static void link_row(struct reading *reading)
{
    struct store_row *row = &reading->row;
    reading->chain = chain_next(&reading->follower.head.chain, row->seq, row->epoch, row->at_ms,
                                row->kind, row->body);
    row->chain = (struct span){(const char *)reading->chain.bytes, CHAIN_BYTES};
}

/* A row of `count` changes, numbered from `from`. */
static void make_row(struct reading *reading, uint64_t from, uint32_t count)
{
    static const uint8_t key[PACK_IDEM_BYTES] = {9};
    struct change_before before;
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct change change;
        fill(&change, from + i);
        len += pack_put(reading->body + len, i == 0, &before, &change, i == 1 ? key : NULL);
    }
    uint64_t last = from + count - 1;
    reading->row = (struct store_row){.seq = last,
                                      .epoch = 1,
                                      .at_ms = 1700000000000 + last,
                                      .kind = count == 1 ? CHANGE_TAKEN : PACK_KIND,
                                      .changes = count,
                                      .body = {(const char *)reading->body, len}};
    link_row(reading);
}

static void start_reading(struct reading *reading)
{
    memset(reading, 0, sizeof(*reading));
    follower_init(&reading->follower, 1, "hall");
    reading->follower.apply = receive;
    reading->follower.ctx = &reading->received;
    reading->follower.err = &reading->err;
}

TEST_CASE(row_of_several_is_several_changes_also_when_left_in_its_middle)
{
    struct reading reading;
    start_reading(&reading);
    make_row(&reading, 1, 3);
    assert_int_equal(0, follower_row(&reading.follower, &reading.row));
    assert_true(reading.follower.head.seq == 3 && follower_seq(&reading.follower) == 3);
    make_row(&reading, 4, 4);
    reading.received.refuse_at = 6;
    assert_int_equal(ERR_FULL, follower_row(&reading.follower, &reading.row));
    assert_true(reading.follower.head.seq == 3 && follower_seq(&reading.follower) == 5);
    reading.received.refuse_at = 0;
    assert_int_equal(0, follower_row(&reading.follower, &reading.row));
    assert_true(reading.follower.head.seq == 7 && follower_seq(&reading.follower) == 7);
    assert_int_equal(7, reading.received.len);
    assert_int_equal(2, reading.received.keys);
    for (uint64_t i = 0; i < 7; i++)
        assert_true(reading.received.seqs[i] == i + 1);
}

/* The chain of each row is valid. */
TEST_CASE(pack_that_contradicts_its_row_is_refused)
{
    static const struct {
        uint64_t from;
        uint32_t packed, said, behind; /* changes in the pack, changes by its row, extra bytes */
        const char *says;
    } rows[] = {
        {1, 3, 4, 0, "hall, journal row 4"}, /* one change too few */
        {1, 3, 2, 0, "hall, journal row 2"}, /* one too many */
        {2, 3, 3, 0, "hall, journal row 3"}, /* wrong numbers */
        {1, 3, 3, 1, "hall, journal row 3"}, {2, 3, 0, 0, "journal row 1 is missing"},
        {3, 1, 3, 0, "hall, journal row 3"}, /* 1 and 2 are missing */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reading reading;
        start_reading(&reading);
        make_row(&reading, rows[i].from, rows[i].packed);
        struct store_row *row = &reading.row;
        row->changes = rows[i].said > 0 ? rows[i].said : row->changes;
        row->seq = rows[i].said > 0 ? rows[i].said : row->seq;
        row->body.len += rows[i].behind;
        link_row(&reading);
        assert_int_equal(ERR_SYNTAX, follower_row(&reading.follower, row));
        assert_says(&reading.err, rows[i].says);
        assert_true(rows[i].from == 1 || reading.received.len == 0); /* change 1 was wrong */
        assert_true(reading.follower.head.seq == 0);
    }
    struct reading reading;
    start_reading(&reading);
    make_row(&reading, 1, 3);
    reading.body[9] ^= 1;
    assert_int_equal(ERR_SYNTAX, follower_row(&reading.follower, &reading.row));
    assert_says(&reading.err, "the chain breaks at row 3");
    assert_int_equal(0, reading.received.len);
}
