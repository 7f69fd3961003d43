/* access_test.c: what a request is judged by before it reaches the engine: repeated answers, rates,
 * names of holds, passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/hold_id.h"
#include "access/idem.h"
#include "access/pass.h"
#include "access/rate.h"
#include "base/json_in.h"
#include "crypto/jwt.h"
#include "rim_limits.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- idempotency ---- */

static struct idem_key key_of(uint64_t who, uint32_t what)
{
    struct idem_key key = {0};
    crypto_generichash(key.who, sizeof(key.who), (const uint8_t *)&who, sizeof(who), NULL, 0);
    memcpy(key.what, &what, sizeof(what));
    return key;
}

/* As pass_hash() makes them: uniform. */
static uint64_t session_of(uint64_t n)
{
    return (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct idem *open_idem(uint64_t bytes)
{
    struct err_slot err;
    struct idem *idem;
    assert_int_equal(0, idem_create(bytes, &err, &idem));
    return idem;
}

/* One request of session n that took a hold. */
static void take_with_key(struct idem *idem, uint64_t n, uint64_t key_no, uint64_t now_ms)
{
    struct idem_key key = key_of(key_no, 1);
    struct idem_answer answer = {.hold = key_no + 1, .kind = CHANGE_TAKEN};
    struct idem_answer out;
    assert_int_equal(IDEM_NEW, idem_begin(idem, session_of(n), &key, now_ms, &out));
    idem_finish(idem, session_of(n), &key, &answer);
}

static bool is_known(struct idem *idem, uint64_t n, uint64_t key_no, uint64_t now_ms)
{
    struct idem_key key = key_of(key_no, 1);
    struct idem_answer out;
    if (idem_begin(idem, session_of(n), &key, now_ms, &out) == IDEM_DONE) {
        assert_int_equal(key_no + 1, out.hold);
        return true;
    }
    idem_forget(idem, session_of(n), &key);
    return false;
}

static void a_repeated_key_finds_what_was_done(void **state)
{
    (void)state;
    enum { KEEP_MS = IDEM_KEEP_S * 1000 };
    struct idem *idem = open_idem(1 << 20);
    uint64_t session = session_of(1);
    struct idem_key key = key_of(7, 1), other = key_of(7, 2);
    struct idem_answer answer = {.hold = 77, .kind = CHANGE_TAKEN, .flags = CHANGE_FLAG_BEST};
    struct idem_answer again = {0};
    assert_int_equal(IDEM_NEW, idem_begin(idem, session, &key, 1000, &again));
    assert_int_equal(IDEM_RUNNING, idem_begin(idem, session, &key, 1000, &again));
    idem_finish(idem, session, &key, &answer);
    assert_int_equal(IDEM_DONE, idem_begin(idem, session, &key, 1000 + KEEP_MS, &again));
    assert_int_equal(77, again.hold);
    assert_int_equal(CHANGE_TAKEN, again.kind);
    assert_int_equal(CHANGE_FLAG_BEST, again.flags);
    assert_int_equal(IDEM_OTHER, idem_begin(idem, session, &other, 2000, &again));
    assert_int_equal(IDEM_NEW, idem_begin(idem, session, &key, 2000 + KEEP_MS, &again));
    idem_forget(idem, session, &key);
    assert_int_equal(IDEM_NEW, idem_begin(idem, session, &key, 2001 + KEEP_MS, &again));
    idem_forget(idem, session, &key);
    idem_destroy(idem);
}

static void a_request_under_way_is_never_given_up(void **state)
{
    (void)state;
    struct idem *idem = open_idem(1 << 20);
    struct idem_answer out;
    struct idem_key first = key_of(UINT64_MAX, 0);
    assert_int_equal(IDEM_NEW, idem_begin(idem, session_of(3), &first, 1000, &out));
    for (uint64_t i = 0; i < 4 * IDEM_NEAR * IDEM_WAYS; i++)
        take_with_key(idem, 3, i, 1000);
    assert_int_equal(IDEM_RUNNING, idem_begin(idem, session_of(3), &first, 1000, &out));

    /* All of a session's places under way: it is told so. */
    bool full = false;
    for (uint64_t i = 0; i < 4 * IDEM_NEAR * IDEM_WAYS && !full; i++) {
        struct idem_key key = key_of(1000000 + i, 0);
        full = idem_begin(idem, session_of(4), &key, 1000, &out) == IDEM_FULL;
    }
    assert_true(full);
    idem_destroy(idem);
}

/* Ten minutes of 10,000 changes a second, scaled down by a hundred: memory and changes alike. */
static void what_there_is_memory_for_is_kept_for_ten_minutes(void **state)
{
    (void)state;
    enum { PER_S = 100, SESSIONS = 500 };
    struct idem *idem = open_idem((UINT64_C(256) << 20) / 100);
    const struct idem_stats *stats = idem_stats(idem);
    uint64_t n = 0, lost = 0;
    for (uint64_t s = 1; s <= 2 * IDEM_KEEP_S; s++)
        for (unsigned i = 0; i < PER_S; i++, n++)
            take_with_key(idem, n % SESSIONS, n, s * 1000);
    for (uint64_t i = n - (uint64_t)IDEM_KEEP_S * PER_S; i < n; i++)
        lost += !is_known(idem, i % SESSIONS, i, 2 * IDEM_KEEP_S * 1000);
    print_message("%" PRIu64 " of %d lost, %" PRIu64 " pushed out, kept %" PRIu64 " s at least\n",
                  lost, IDEM_KEEP_S * PER_S, stats->pushed_out, stats->kept_s);
    assert_true(lost * 100 < (uint64_t)IDEM_KEEP_S * PER_S); /* less than one in a hundred */
    idem_destroy(idem);
}

static void a_session_that_hurries_pushes_out_its_own(void **state)
{
    (void)state;
    enum { OTHERS = 1000 };
    struct idem *idem = open_idem(1 << 20);
    const struct idem_stats *stats = idem_stats(idem);
    for (uint64_t i = 0; i < OTHERS; i++)
        take_with_key(idem, i, i, 1000);
    assert_int_equal(IDEM_KEEP_S, stats->kept_s);
    for (uint64_t i = 0; i < 200000; i++)
        take_with_key(idem, OTHERS, OTHERS + i, 31000);
    assert_true(stats->pushed_out > 190000);
    assert_true(stats->kept_s <= 30); /* and it is told for how long things are kept now */
    unsigned lost = 0;
    for (uint64_t i = 0; i < OTHERS; i++)
        lost += !is_known(idem, i, i, 31000);
    assert_int_equal(0, lost);
    /* Ten calm minutes later that is over. */
    assert_false(is_known(idem, 0, 1, 40000 + IDEM_KEEP_S * 1000));
    assert_int_equal(IDEM_KEEP_S, stats->kept_s);
    idem_destroy(idem);
}

static void what_the_journal_knows_is_answered_by_the_next_owner(void **state)
{
    (void)state;
    struct idem *idem = open_idem(1 << 20);
    struct idem_key key = key_of(9, 1), other = key_of(9, 2);
    struct change change;
    change_init(&change, CHANGE_TAKEN, 5000);
    change.hold = 77;
    struct span bytes = {(const char *)&key, sizeof(key)};
    idem_restore(idem, session_of(5), bytes, &change, 6000);
    struct idem_answer answer = {0};
    assert_int_equal(IDEM_DONE, idem_begin(idem, session_of(5), &key, 6000, &answer));
    assert_int_equal(77, answer.hold);
    assert_int_equal(CHANGE_TAKEN, answer.kind);
    assert_int_equal(IDEM_OTHER, idem_begin(idem, session_of(5), &other, 6000, &answer));
    idem_destroy(idem);
}

/* ---- rates ---- */

static void a_session_may_burst_and_then_keeps_to_its_rate(void **state)
{
    (void)state;
    struct err_slot err;
    struct rate *rate;
    uint64_t retry_ms = 0, now_us = 1000000000;
    assert_int_equal(0, rate_create(&err, &rate));
    unsigned passed = 0;
    for (unsigned i = 0; i < 100; i++)
        passed += rate_allows(rate, 42, 5, now_us, &retry_ms) ? 1 : 0;
    assert_int_equal(10, passed); /* twice the rate at once */
    assert_true(retry_ms > 0 && retry_ms <= 201);
    for (unsigned second = 1; second <= 10; second++)
        for (unsigned i = 0; i < 50; i++)
            passed += rate_allows(rate, 42, 5, now_us + second * 1000000, &retry_ms) ? 1 : 0;
    assert_in_range(passed, 58, 62);
    assert_true(rate_allows(rate, 43, 5, now_us, &retry_ms));
    assert_true(rate_allows(rate, 42, 0, now_us, &retry_ms)); /* no limit */
    rate_destroy(rate);
}

static void sessions_that_meet_in_a_cell_do_not_count_for_each_other(void **state)
{
    (void)state;
    struct err_slot err;
    struct rate *rate;
    uint64_t retry_ms;
    assert_int_equal(0, rate_create(&err, &rate));
    for (uint64_t tag = 1; tag <= 3; tag++) { /* the same cell, other upper bits */
        unsigned passed = 0;
        for (unsigned i = 0; i < 50; i++)
            passed += rate_allows(rate, tag << 48 | 5, 5, 1000000000, &retry_ms) ? 1 : 0;
        assert_int_equal(10, passed);
    }
    rate_destroy(rate);
}

/* ---- names of holds ---- */

static void a_name_is_read_back_by_its_event_only_and_cannot_be_made_up(void **state)
{
    (void)state;
    struct err_slot err;
    struct mac_ring ring, other;
    assert_int_equal(0, mac_ring_parse(SPAN("1 000102030405060708090a0b0c0d0e0f"), &err, &ring));
    assert_int_equal(0, mac_ring_parse(SPAN("1 ff0102030405060708090a0b0c0d0e0f"), &err, &other));
    struct hold_id id = hold_id_make(&ring, SPAN("night"), 0x123456789abcdef);
    assert_int_equal(HOLD_ID_LEN, strlen(id.text));
    uint64_t hold = 0;
    assert_true(hold_id_read(&ring, SPAN("night"), span_of(id.text), &hold));
    assert_true(hold == 0x123456789abcdef);
    assert_false(hold_id_read(&ring, SPAN("day"), span_of(id.text), &hold));
    assert_false(hold_id_read(&other, SPAN("night"), span_of(id.text), &hold));
    for (unsigned i = 0; i < HOLD_ID_LEN; i++) {
        struct hold_id forged = id;
        forged.text[i] = forged.text[i] == 'A' ? 'B' : 'A';
        assert_false(hold_id_read(&ring, SPAN("night"), span_of(forged.text), &hold));
    }
    assert_false(hold_id_read(&ring, SPAN("night"), SPAN(""), &hold));
}

/* ---- passes ---- */

struct office {
    struct jwks_key *key; /* of one of the sets */
    struct jwks *sets[2];
    uv_loop_t loop;
    struct jwks_feed *keys;
    struct pass_revoked *revoked;
    struct pass_cache *cache;
    struct clock_fake clock;
    char path[64];
    char memory[JWT_BYTES_MAX]; /* of the pass that was signed last */
    struct pass pass;           /* what the last one that was judged says */
};

/* Publishes a set of one new key, which is the set's. */
static struct jwks_key *publish_key(const char *path, struct jwks **set)
{
    struct err_slot err;
    struct jwks_key *key;
    char memory[JWKS_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory));
    assert_int_equal(0, jwks_key_generate(&err, &key));
    assert_int_equal(0, jwks_create(&err, set));
    assert_int_equal(0, jwks_add(*set, key, &err));
    jwks_put(&text, *set);
    FILE *file = fopen(path, "w");
    assert_int_equal(text.len, fwrite(text.ptr, 1, text.len, file));
    fclose(file);
    return key;
}

static void until_generation(struct office *office, uint64_t generation)
{
    while (jwks_feed_generation(office->keys) < generation) {
        jwks_feed_doubt(office->keys);
        uv_run(&office->loop, UV_RUN_ONCE);
    }
}

static struct office *open_office(void)
{
    struct office *office = calloc(1, sizeof(*office));
    struct err_slot err;
    strcpy(office->path, "/tmp/fg-keys-XXXXXX");
    close(mkstemp(office->path));
    clock_fake_init(&office->clock, 1700000000000000);
    office->key = publish_key(office->path, &office->sets[0]);
    uv_loop_init(&office->loop);
    const struct jwks_feed_conf keys = {.whose = "the waiting room's",
                                        .file = office->path,
                                        .refresh_ms = 60000,
                                        .loop = &office->loop,
                                        .clock = clock_system(),
                                        .rng = rng_system()};
    assert_int_equal(0, jwks_feed_create(&keys, &err, &office->keys));
    until_generation(office, 1);
    assert_int_equal(0, pass_revoked_create(&err, &office->revoked));
    struct pass_conf conf = {office->keys, office->revoked, "fairgate", &office->clock.clock};
    assert_int_equal(0, pass_cache_create(&conf, &err, &office->cache));
    return office;
}

static void close_office(struct office *office)
{
    pass_cache_destroy(office->cache);
    pass_revoked_destroy(office->revoked);
    jwks_feed_close(office->keys);
    uv_run(&office->loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&office->loop));
    jwks_destroy(office->sets[0]);
    jwks_destroy(office->sets[1]);
    unlink(office->path);
    free(office);
}

/* As the waiting room signs it, with what a test wants different; good until the next one. */
static struct span sign(struct office *office, const char *typ, const char *iss, const char *aud,
                        const char *extra)
{
    struct err_slot err;
    uint64_t now_s = office->clock.now_wall_us / 1000000;
    struct jwt_claims claims = {
        .iss = span_of(iss),
        .aud = span_of(aud),
        .sub = SPAN("session-1"),
        .iat_s = now_s,
        .exp_s = now_s + 100,
        .extra = span_of(extra),
    };
    struct text text = text_on(office->memory, sizeof(office->memory));
    assert_int_equal(0, jwt_sign(office->key, typ, &claims, &err, &text));
    return text_span(&text);
}

static struct span sign_good(struct office *office)
{
    return sign(office, PASS_TYPE, "fairgate", "night", "");
}

/* What becomes of a pass that is shown at "night". */
static void judged(struct office *office, enum pass_verdict verdict, struct span token)
{
    assert_int_equal(verdict, pass_check(office->cache, SPAN("night"), token, &office->pass));
}

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static void a_pass_for_which_there_is_no_memory_is_none_of_the_bad_ones(void **state)
{
    (void)state;
    struct office *office = open_office();
    struct span good = sign_good(office);
    json_in_allocate(no_memory);
    judged(office, PASS_UNREAD, good);
    judged(office, PASS_MISSING, SPAN("a.b"));
    json_in_allocate(malloc);
    judged(office, PASS_OK, good);
    json_in_allocate(no_memory);
    judged(office, PASS_OK, good); /* remembered */
    json_in_allocate(malloc);
    close_office(office);
}

static void a_pass_is_judged_by_type_issuer_event_and_time(void **state)
{
    (void)state;
    struct office *office = open_office();
    judged(office, PASS_INVALID, sign(office, "JWT", "fairgate", "night", ""));
    judged(office, PASS_INVALID, sign(office, PASS_TYPE, "else", "night", ""));
    judged(office, PASS_FOREIGN, sign(office, PASS_TYPE, "fairgate", "day", ""));
    judged(office, PASS_MISSING, SPAN("a.b.c"));
    judged(office, PASS_MISSING, (struct span){NULL, 0});
    struct span good = sign_good(office);
    judged(office, PASS_OK, good);
    assert_true(office->pass.session == pass_hash(SPAN("session-1")));
    assert_true(office->pass.buyer == office->pass.session);
    assert_int_equal(PASS_FOREIGN, pass_check(office->cache, SPAN("day"), good, &office->pass));
    clock_fake_step(&office->clock, 104 * 1000000);
    judged(office, PASS_OK, good); /* leeway */
    clock_fake_step(&office->clock, 2 * 1000000);
    judged(office, PASS_EXPIRED, good); /* though remembered */
    close_office(office);
}

/* A front whose clock is a minute ahead makes passes, too. Their end is by Redis's clock. */
static void a_pass_may_have_been_made_in_the_future(void **state)
{
    (void)state;
    struct office *office = open_office();
    struct span token = sign_good(office);
    office->clock.now_wall_us -= 60 * 1000000;
    judged(office, PASS_OK, token);
    close_office(office);
}

static void a_member_counts_across_sessions(void **state)
{
    (void)state;
    struct office *office = open_office();
    judged(office, PASS_OK, sign(office, PASS_TYPE, "fairgate", "night", "\"member\":\"m-1\""));
    assert_true(office->pass.buyer == pass_hash(SPAN("m-1")));
    assert_true(office->pass.session == pass_hash(SPAN("session-1")));
    close_office(office);
}

static void an_ended_session_is_refused_also_where_its_pass_is_remembered(void **state)
{
    (void)state;
    struct office *office = open_office();
    struct span token = sign_good(office);
    judged(office, PASS_OK, token);
    for (uint64_t i = 0; i < 8; i++) /* neighbours in its place do not hide it */
        pass_revoke(office->revoked, office->pass.session + i * PASS_REVOKED_MAX, 1800000000);
    judged(office, PASS_ENDED, token);
    close_office(office);
}

static void a_key_that_was_taken_back_ends_what_was_remembered(void **state)
{
    (void)state;
    struct office *office = open_office();
    struct span token = sign_good(office);
    judged(office, PASS_OK, token);
    publish_key(office->path, &office->sets[1]);
    until_generation(office, 2);
    judged(office, PASS_INVALID, token);
    close_office(office);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeated_key_finds_what_was_done),
        cmocka_unit_test(a_request_under_way_is_never_given_up),
        cmocka_unit_test(what_there_is_memory_for_is_kept_for_ten_minutes),
        cmocka_unit_test(a_session_that_hurries_pushes_out_its_own),
        cmocka_unit_test(what_the_journal_knows_is_answered_by_the_next_owner),
        cmocka_unit_test(a_session_may_burst_and_then_keeps_to_its_rate),
        cmocka_unit_test(sessions_that_meet_in_a_cell_do_not_count_for_each_other),
        cmocka_unit_test(a_name_is_read_back_by_its_event_only_and_cannot_be_made_up),
        cmocka_unit_test(a_pass_is_judged_by_type_issuer_event_and_time),
        cmocka_unit_test(a_pass_for_which_there_is_no_memory_is_none_of_the_bad_ones),
        cmocka_unit_test(a_pass_may_have_been_made_in_the_future),
        cmocka_unit_test(a_member_counts_across_sessions),
        cmocka_unit_test(an_ended_session_is_refused_also_where_its_pass_is_remembered),
        cmocka_unit_test(a_key_that_was_taken_back_ends_what_was_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
