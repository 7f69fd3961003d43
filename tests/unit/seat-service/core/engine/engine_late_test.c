/* engine_late_test.c: holds that ran out while an order had them: how long they are remembered,
 * what ends that, and that a journal read back gives the same memory, row by row. */
#include "base/rng.h"
#include "test_hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

/* An owner, its journal, and who follows it. */
struct world {
    struct plan *plan;
    struct engine *engine, *follower;
    struct engine_op op;
    uint64_t now_ms, seq;
    uint8_t *journal;
    size_t len, room;
};

static struct engine *make_engine(const struct plan *plan, uint32_t late_max)
{
    struct engine_conf conf = {
        .plan = plan, .seed = 1, .now_ms = TEST_NOW_MS, .late_max = late_max};
    struct engine *engine;
    struct err_slot err;
    assert_int_equal(engine_create(&conf, &err, &engine), 0);
    return engine;
}

static struct world *open_world(uint32_t rows, uint32_t seats, uint32_t area, uint32_t late_max)
{
    struct world *w = calloc(1, sizeof(*w));
    w->plan = test_hall_block(rows, seats, test_limits(), area);
    w->engine = make_engine(w->plan, late_max);
    w->follower = make_engine(w->plan, late_max);
    engine_replay_begin(w->follower);
    w->now_ms = TEST_NOW_MS;
    return w;
}

static void close_world(struct world *w)
{
    engine_destroy(w->follower);
    engine_destroy(w->engine);
    plan_destroy(w->plan);
    free(w->journal);
    free(w);
}

static void apply_to(struct engine *engine, const uint8_t *bytes, size_t len)
{
    struct change change;
    struct err_slot err = {.text = ""};
    int rc = change_decode(bytes, len, &err, &change);
    if (rc == 0)
        rc = engine_apply(engine, &change, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
}

/* Through the journal, and settled; the follower reads the row at once. */
static void commit(struct world *w)
{
    uint8_t bytes[CHANGE_BYTES_MAX];
    w->op.change.seq = ++w->seq;
    size_t len = change_encode(&w->op.change, bytes);
    if (w->len + 2 + len > w->room) {
        w->room = w->room * 2 + 4 * CHANGE_BYTES_MAX;
        w->journal = realloc(w->journal, w->room);
        assert_non_null(w->journal);
    }
    w->journal[w->len] = (uint8_t)len;
    w->journal[w->len + 1] = (uint8_t)(len >> 8);
    memcpy(w->journal + w->len + 2, bytes, len);
    w->len += 2 + len;
    engine_settle(w->engine, &w->op);
    if (w->follower != NULL)
        apply_to(w->follower, bytes, len);
}

static const char *end(struct world *w, enum engine_verdict verdict)
{
    if (verdict == ENGINE_OK)
        commit(w);
    return engine_verdict_name(verdict);
}

static const char *take(struct world *w, uint64_t buyer, const uint32_t *seats, uint32_t count)
{
    struct engine_ask ask = test_ask_seats(buyer, seats, count);
    return end(w, engine_hold(w->engine, &ask, w->now_ms, &w->op));
}

static const char *take_places(struct world *w, uint64_t buyer, uint32_t count)
{
    struct engine_ask ask = test_ask_area(buyer, count);
    return end(w, engine_hold(w->engine, &ask, w->now_ms, &w->op));
}

static const char *extend(struct world *w, uint64_t hold, const char *order)
{
    return end(w, engine_extend(w->engine, hold, &(struct engine_order){.id = span_of(order)},
                                300000, w->now_ms, &w->op));
}

static const char *confirm(struct world *w, uint64_t hold, const char *order)
{
    return end(w, engine_confirm(w->engine, hold, span_of(order), NULL, w->now_ms, &w->op));
}

static const char *release(struct world *w, uint64_t hold, const char *order)
{
    return end(w, engine_order_release(w->engine, hold, span_of(order), w->now_ms, &w->op));
}

static const char *refund(struct world *w, uint64_t hold, const char *order)
{
    return end(w, engine_refund(w->engine, hold, span_of(order), w->now_ms, &w->op));
}

static uint32_t expire_all(struct world *w)
{
    uint32_t count = 0;
    for (; engine_expire_next(w->engine, w->now_ms, &w->op); count++)
        commit(w);
    return count;
}

/* By replay alone, or from a snapshot of the follower: another process owns from here on. */
static void take_over(struct world *w, bool by_snapshot)
{
    struct engine *next = make_engine(w->plan, 0);
    engine_replay_begin(next);
    if (by_snapshot) {
        size_t room = engine_snapshot_size(w->follower);
        uint8_t *bytes = malloc(room);
        size_t len = engine_snapshot_write(w->follower, bytes, room);
        struct err_slot err = {.text = ""};
        int rc = engine_snapshot_read(next, bytes, len, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(rc, 0);
        free(bytes);
    } else {
        for (size_t at = 0; at < w->len;) {
            size_t len = (size_t)w->journal[at] | (size_t)w->journal[at + 1] << 8;
            apply_to(next, w->journal + at + 2, len);
            at += 2 + len;
        }
    }
    assert_int_equal(engine_state_hash(next), engine_state_hash(w->engine));
    engine_replay_end(next);
    engine_destroy(w->engine);
    w->engine = next;
}

static uint64_t hold_in_payment(struct world *w, uint32_t seat)
{
    assert_string_equal(take(w, seat + 1, &seat, 1), "ok");
    uint64_t hold = w->op.change.hold;
    assert_string_equal(extend(w, hold, "o"), "ok");
    return hold;
}

static uint64_t late_hold(struct world *w, uint32_t seat)
{
    uint64_t hold = hold_in_payment(w, seat);
    w->now_ms += 10 * MINUTE_MS;
    assert_int_equal(expire_all(w), 1);
    return hold;
}

/* ---- the journal says what was forgotten ---- */

static void after_two_hours_of_abandoned_payments_the_journal_still_replays(void **state)
{
    (void)state;
    enum { ROW = 60, ROWS = LATE_HOLDS_MAX / ROW + 2 };
    struct world *w = open_world(ROWS, ROW, 0, 0);
    for (uint32_t i = 0; i < LATE_HOLDS_MAX; i++)
        (void)hold_in_payment(w, i);
    w->now_ms += 10 * MINUTE_MS;
    assert_int_equal(expire_all(w), LATE_HOLDS_MAX);
    uint64_t forgotten_ms = w->now_ms + LATE_KEEP_MS;
    w->now_ms = forgotten_ms - 8 * MINUTE_MS + MINUTE_MS / 2;
    uint64_t last = hold_in_payment(w, LATE_HOLDS_MAX);
    w->now_ms = forgotten_ms + 1000;
    (void)expire_all(w); /* forgets those, */
    w->now_ms += MINUTE_MS / 2;
    (void)expire_all(w); /* and remembers this one in the place of one of them */
    assert_int_equal(engine_state_hash(w->follower), engine_state_hash(w->engine));
    assert_string_equal(confirm(w, last, "o"), "ok");
    assert_int_equal(w->op.change.verdict, CHANGE_VERDICT_RETAKEN);
    assert_int_equal(engine_state_hash(w->follower), engine_state_hash(w->engine));
    close_world(w);
}

static void beyond_its_room_a_late_hold_is_over_and_says_so(void **state)
{
    (void)state;
    struct world *w = open_world(1, 8, 20, 2);
    uint64_t a = late_hold(w, 0), b = late_hold(w, 2), c = late_hold(w, 4);
    assert_int_equal(engine_stats(w->engine).late_dropped, 1);
    assert_string_equal(confirm(w, c, "o"), "no-such-hold");
    assert_string_equal(confirm(w, a, "o"), "ok"); /* that makes room */
    uint64_t d = late_hold(w, 6);
    assert_string_equal(take_places(w, 9, 3), "ok");
    uint64_t e = w->op.change.hold;
    assert_string_equal(extend(w, e, "o"), "ok");
    w->now_ms += 10 * MINUTE_MS;
    assert_int_equal(expire_all(w), 1);
    assert_string_equal(confirm(w, e, "o"), "no-such-hold");
    assert_string_equal(confirm(w, d, "o"), "ok");
    assert_string_equal(confirm(w, b, "o"), "ok");
    close_world(w);
}

static void room_that_two_late_holds_gave_back_is_for_two(void **state)
{
    (void)state;
    struct world *w = open_world(1, 8, 0, 2);
    uint64_t a = late_hold(w, 0), b = late_hold(w, 2);
    assert_string_equal(confirm(w, a, "o"), "ok");
    assert_string_equal(confirm(w, b, "o"), "ok");
    uint64_t c = late_hold(w, 4), d = late_hold(w, 6);
    assert_int_equal(engine_stats(w->engine).late_dropped, 0);
    assert_string_equal(confirm(w, c, "o"), "ok");
    assert_string_equal(confirm(w, d, "o"), "ok");
    close_world(w);
}

static void abandoned_payments_of_standing_places_do_not_use_up_the_slots(void **state)
{
    (void)state;
    enum { HOLDS = 1000 + LATE_HOLDS_MAX + 3000 }; /* more than there are slots in such a hall */
    struct world *w = open_world(1, 8, 1000, 0);
    engine_destroy(w->follower);
    w->follower = NULL;
    for (uint32_t i = 0; i < HOLDS; i++) {
        w->now_ms += 250; /* four a second, for an hour and a half */
        (void)expire_all(w);
        assert_string_equal(take_places(w, i + 1, 1), "ok");
        uint64_t hold = w->op.change.hold;
        assert_int_equal(engine_extend(w->engine, hold, &(struct engine_order){.id = SPAN("o")}, 1,
                                       w->now_ms, &w->op),
                         ENGINE_OK);
        w->op.change.expires_ms = w->now_ms + 1000;
        commit(w);
    }
    close_world(w);
}

static void a_refused_memory_is_as_if_it_never_was(void **state)
{
    (void)state;
    struct world *w = open_world(1, 8, 0, 1);
    uint64_t hold = hold_in_payment(w, 0);
    for (unsigned i = 0; i < 5; i++) {
        w->now_ms += 10 * MINUTE_MS;
        assert_true(engine_expire_next(w->engine, w->now_ms, &w->op));
        assert_int_equal(w->op.change.flags, CHANGE_FLAG_REMEMBERED);
        engine_undo(w->engine, &w->op);
    }
    w->now_ms += MINUTE_MS;
    assert_int_equal(expire_all(w), 1);
    w->now_ms += 2 * HOUR_MS + MINUTE_MS;
    assert_true(engine_expire_next(w->engine, w->now_ms, &w->op));
    assert_int_equal(w->op.change.kind, CHANGE_FORGOTTEN);
    engine_undo(w->engine, &w->op);
    assert_string_equal(confirm(w, hold, "o"), "ok"); /* still remembered */
    close_world(w);
}

/* ---- what an order gave back it does not get again ---- */

static void a_late_hold_that_its_order_released_is_not_sold_to_it_any_more(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct world *w = open_world(1, 8, 20, 0);
        uint64_t hold = late_hold(w, 0);
        assert_string_equal(way & 1 ? refund(w, hold, "o") : release(w, hold, "o"), "ok");
        assert_string_equal(confirm(w, hold, "o"), "no-such-hold");
        take_over(w, way & 2);
        assert_string_equal(confirm(w, hold, "o"), "no-such-hold");
        assert_string_equal(extend(w, hold, "o"), "no-such-hold");
        assert_string_equal(release(w, hold, "o"), "no-such-hold");
        close_world(w);
    }
}

static void a_refund_that_comes_before_its_confirm_is_final_too(void **state)
{
    (void)state;
    struct world *w = open_world(1, 8, 20, 0);
    uint64_t hold = hold_in_payment(w, 3);
    assert_string_equal(refund(w, hold, "p"), "other-order");
    assert_string_equal(refund(w, hold, "o"), "ok");
    assert_int_equal(w->op.change.kind, CHANGE_RELEASED);
    assert_string_equal(confirm(w, hold, "o"), "no-such-hold");
    take_over(w, true);
    assert_string_equal(confirm(w, hold, "o"), "no-such-hold");

    assert_string_equal(take_places(w, 1, 4), "ok");
    hold = w->op.change.hold;
    assert_string_equal(extend(w, hold, "o"), "ok");
    w->now_ms += 10 * MINUTE_MS;
    assert_int_equal(expire_all(w), 1);
    assert_string_equal(refund(w, hold, "o"), "ok");
    assert_string_equal(confirm(w, hold, "o"), "no-such-hold");
    close_world(w);
}

/* ---- random histories, with time ---- */

enum { HOLDS_MAX = 2000, RECENT = 16 };

struct history {
    struct world *w;
    struct rng_seeded rng;
    uint64_t holds[HOLDS_MAX];
    uint32_t len;
};

static uint32_t roll(struct history *h, uint32_t below)
{
    return (uint32_t)rng_below(&h->rng.rng, below);
}

static void step(struct history *h)
{
    struct world *w = h->w;
    static const char *const orders[] = {"o", "p"};
    uint32_t near = h->len < RECENT ? h->len : RECENT;
    uint64_t hold = h->len > 0 ? h->holds[h->len - 1 - roll(h, near)] : 0;
    const char *order = orders[roll(h, 8) == 0];
    uint32_t seats[2] = {roll(h, 31), 0};
    seats[1] = seats[0] + 1;
    switch (roll(h, h->len > 0 ? 9 : 2)) {
    case 0:
        if (strcmp(take(w, 1 + roll(h, 4), seats, 2), "ok") == 0)
            h->holds[h->len++] = w->op.change.hold;
        break;
    case 1:
        if (strcmp(take_places(w, 1 + roll(h, 4), 1 + roll(h, 3)), "ok") == 0)
            h->holds[h->len++] = w->op.change.hold;
        break;
    case 2:
    case 3:
        (void)extend(w, hold, order);
        break;
    case 4:
        (void)confirm(w, hold, order);
        break;
    case 5:
        (void)release(w, hold, order);
        break;
    case 6:
        (void)refund(w, hold, order);
        break;
    case 7: /* minutes, now and then hours */
        w->now_ms += roll(h, 6) == 0 ? roll(h, 3 * HOUR_MS) : roll(h, 8 * MINUTE_MS);
        break;
    default:
        (void)expire_all(w);
        break;
    }
}

static void a_history_replays_to_the_same_state_at_each_of_its_rows(void **state)
{
    (void)state;
    const char *given = getenv("FAIRGATE_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : rng_u64(rng_system()) >> 32;
    for (unsigned round = 0; round < 40; round++) {
        printf("seed %llu\n", (unsigned long long)seed + round);
        fflush(stdout);
        struct history h = {.w = open_world(2, 16, 30, 1 + round % 4)};
        rng_seeded_init(&h.rng, seed + round);
        uint64_t seen = 0;
        for (unsigned i = 0; i < 600 && h.len < HOLDS_MAX; i++) {
            step(&h);
            if (h.w->seq == seen)
                continue;
            seen = h.w->seq;
            assert_int_equal(engine_state_hash(h.w->follower), engine_state_hash(h.w->engine));
        }
        close_world(h.w);
    }
}

/* ---- rows that do not fit ---- */

/* An engine that rows are tried on, and its snapshot: what it must still be after one was refused.
 */
struct probe {
    struct engine *engine;
    uint32_t late_max;
    uint8_t *is;
    size_t len;
    unsigned refused, taken; /* rows; those of them that take a hold */
};

static uint8_t *snapshot(const struct engine *engine, size_t *len)
{
    size_t room = engine_snapshot_size(engine);
    uint8_t *bytes = malloc(room);
    assert_non_null(bytes);
    *len = engine_snapshot_write(engine, bytes, room);
    return bytes;
}

static void probe_load(struct probe *probe, const struct world *w, const uint8_t *bytes, size_t len)
{
    struct err_slot err = {.text = ""};
    engine_destroy(probe->engine);
    probe->engine = make_engine(w->plan, probe->late_max);
    engine_replay_begin(probe->engine);
    assert_int_equal(engine_snapshot_read(probe->engine, bytes, len, &err), 0);
    free(probe->is);
    probe->is = snapshot(probe->engine, &probe->len);
}

/* A row that comes next, with something wrong in it; perhaps it takes a slot that was given out. */
static bool spoil(struct history *h, const uint8_t *row, size_t len, struct change *out)
{
    uint8_t bytes[CHANGE_BYTES_MAX];
    struct err_slot err;
    memcpy(bytes, row, len);
    if (roll(h, 3) > 0)
        bytes[roll(h, (uint32_t)len)] = (uint8_t)roll(h, 256);
    if (change_decode(bytes, len, &err, out) < 0)
        return false;
    if (h->len > 0 && roll(h, 2) == 0)
        out->hold = h->holds[roll(h, h->len)] + ((uint64_t)roll(h, 3) << 24);
    return true;
}

static void try_wrong(struct history *h, struct probe *probe, const uint8_t *row, size_t len)
{
    struct err_slot err;
    struct change wrong;
    size_t now_len;
    if (!spoil(h, row, len, &wrong))
        return;
    uint64_t hash = engine_state_hash(probe->engine);
    int rc = engine_apply(probe->engine, &wrong, &err);
    if (rc == 0) { /* it fits: another history, which nobody wants */
        uint8_t *was = probe->is;
        probe->is = NULL;
        probe_load(probe, h->w, was, probe->len);
        free(was);
        return;
    }
    assert_int_equal(engine_state_hash(probe->engine), hash);
    uint8_t *now = snapshot(probe->engine, &now_len);
    assert_int_equal(now_len, probe->len);
    assert_memory_equal(now, probe->is, now_len);
    free(now);
    probe->refused++;
    probe->taken += wrong.kind == CHANGE_TAKEN;
}

static void a_row_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    const char *given = getenv("FAIRGATE_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : rng_u64(rng_system()) >> 32;
    struct probe probe = {.late_max = 4};
    for (unsigned round = 0; round < 10; round++) {
        printf("seed %llu\n", (unsigned long long)seed + round);
        fflush(stdout);
        struct history h = {.w = open_world(2, 16, 30, probe.late_max)};
        rng_seeded_init(&h.rng, seed + round);
        for (unsigned i = 0; i < 200; i++) {
            size_t len, at = h.w->len;
            uint8_t *bytes = snapshot(h.w->follower, &len);
            probe_load(&probe, h.w, bytes, len);
            free(bytes);
            step(&h);
            for (unsigned k = 0; k < 8 && at < h.w->len; k++) {
                const uint8_t *row = h.w->journal + at;
                try_wrong(&h, &probe, row + 2, (size_t)row[0] | (size_t)row[1] << 8);
            }
        }
        engine_destroy(probe.engine);
        probe.engine = NULL;
        close_world(h.w);
    }
    free(probe.is);
    assert_true(probe.refused > 1000);
    assert_true(probe.taken > 100);
}

static void a_taking_that_is_refused_does_not_forget_the_hold_whose_slot_it_wants(void **state)
{
    (void)state;
    struct world *w = open_world(1, 8, 0, 2);
    assert_string_equal(take(w, 1, TEST_SEATS(0)), "ok");
    uint64_t hold = w->op.change.hold;
    assert_string_equal(extend(w, hold, "o"), "ok");
    w->now_ms += 10 * MINUTE_MS;
    assert_int_equal(expire_all(w), 1);
    assert_string_equal(take(w, 2, TEST_SEATS(3)), "ok");

    uint64_t next = hold + (UINT64_C(1) << 24), before = engine_state_hash(w->follower);
    const uint64_t holds[] = {next, hold}; /* a later one in its slot, and itself again */
    for (unsigned i = 0; i < 2; i++) {
        struct err_slot err = {.text = ""};
        struct change wrong;
        change_init(&wrong, CHANGE_TAKEN, w->now_ms);
        wrong.hold = holds[i];
        wrong.hold_version = wrong.add_count = 1;
        wrong.seats[0] = 5;
        wrong.expires_ms = wrong.hard_end_ms = w->now_ms + MINUTE_MS;
        assert_int_equal(engine_apply(w->follower, &wrong, &err), ERR_STATE);
        assert_non_null(strstr(err.text, "its hold exists already"));
        assert_int_equal(engine_state_hash(w->follower), before);
    }
    assert_string_equal(confirm(w, hold, "o"),
                        "ok"); /* by the owner, and who follows knows it still */
    assert_int_equal(engine_state_hash(w->follower), engine_state_hash(w->engine));
    close_world(w);
}

/* Its seats are free, so only the hold itself tells what it remembers: each seat of it. */
static void two_late_holds_that_remember_other_seats_are_two_states(void **state)
{
    (void)state;
    static const uint32_t remembered[][2] = {{1, 3}, {1, 4}, {2, 3}, {1, 3}};
    uint64_t hashes[4];
    for (size_t i = 0; i < 4; i++) {
        struct world *w = open_world(1, 8, 0, 0);
        assert_string_equal(take(w, 1, remembered[i], 2), "ok");
        assert_string_equal(extend(w, w->op.change.hold, "o"), "ok");
        w->now_ms += 10 * MINUTE_MS;
        assert_int_equal(expire_all(w), 1);
        for (uint32_t seat = 0; seat < 8; seat++)
            assert_int_equal(engine_seat(w->engine, seat).state, ENGINE_FREE);
        hashes[i] = engine_state_hash(w->engine);
        assert_int_equal(engine_state_hash(w->follower), hashes[i]);
        close_world(w);
    }
    assert_int_not_equal(hashes[0], hashes[1]);
    assert_int_not_equal(hashes[0], hashes[2]);
    assert_int_not_equal(hashes[1], hashes[2]);
    assert_int_equal(hashes[0], hashes[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_two_hours_of_abandoned_payments_the_journal_still_replays),
        cmocka_unit_test(beyond_its_room_a_late_hold_is_over_and_says_so),
        cmocka_unit_test(room_that_two_late_holds_gave_back_is_for_two),
        cmocka_unit_test(abandoned_payments_of_standing_places_do_not_use_up_the_slots),
        cmocka_unit_test(a_refused_memory_is_as_if_it_never_was),
        cmocka_unit_test(a_late_hold_that_its_order_released_is_not_sold_to_it_any_more),
        cmocka_unit_test(a_refund_that_comes_before_its_confirm_is_final_too),
        cmocka_unit_test(a_history_replays_to_the_same_state_at_each_of_its_rows),
        cmocka_unit_test(a_taking_that_is_refused_does_not_forget_the_hold_whose_slot_it_wants),
        cmocka_unit_test(a_row_that_is_refused_changes_nothing),
        cmocka_unit_test(two_late_holds_that_remember_other_seats_are_two_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
