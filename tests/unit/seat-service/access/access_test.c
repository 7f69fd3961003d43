/* access_test.c: the checks before a request reaches the engine: idempotency, rates, hold ids and
 * passes. */
#include "access/hold_id.h"
#include "access/idem.h"
#include "access/pass.h"
#include "access/rate.h"
#include "crypto/jwt.h"
#include "scarce.h"
#include "script.h"
#include "shell_limits.h"

#include <sodium.h>

static struct err_slot err;

/* ---- idempotency ---- */

static struct idem_key key_of(uint64_t who, uint32_t what)
{
    struct idem_key key;
    uint8_t hash[crypto_generichash_BYTES_MIN];
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)&who, sizeof(who), NULL, 0);
    memcpy(key.who, hash, sizeof(key.who));
    memcpy(key.what, &what, sizeof(what));
    return key;
}

/* Uniform, as pass_hash() makes them. */
static uint64_t session_of(uint64_t n)
{
    return (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct idem *idem; /* one per test */

static void open_idem(void)
{
    unit_must(idem_create(1 << 20, &err, &idem), &err);
}

static void close_idem(void)
{
    idem_destroy(idem);
}

/* Expects this verdict on a request of session n. */
static struct idem_answer begin(enum idem_verdict want, uint64_t n, struct idem_key key,
                                uint64_t now_ms)
{
    struct idem_answer answer = {0};
    assert_int_equal(want, idem_begin(idem, session_of(n), &key, now_ms, &answer));
    return answer;
}

/* Handles one request of session n that takes a hold. */
static void take_with_key(uint64_t n, uint64_t key_no, uint64_t now_ms)
{
    struct idem_key key = key_of(key_no, 1);
    begin(IDEM_NEW, n, key, now_ms);
    idem_finish(idem, session_of(n), &key,
                &(struct idem_answer){.hold = key_no + 1, .kind = CHANGE_TAKEN});
}

static bool is_known(uint64_t n, uint64_t key_no, uint64_t now_ms)
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

TEST_CASE_IN(repeated_key_finds_the_answer, open_idem, close_idem)
{
    enum { KEEP_MS = IDEM_KEEP_S * 1000 };
    struct idem_key key = key_of(7, 1);
    struct idem_answer answer = {.hold = 77, .kind = CHANGE_TAKEN, .flags = CHANGE_FLAG_BEST};
    begin(IDEM_NEW, 1, key, 1000);
    begin(IDEM_RUNNING, 1, key, 1000);
    idem_finish(idem, session_of(1), &key, &answer);
    struct idem_answer again = begin(IDEM_DONE, 1, key, 1000 + KEEP_MS);
    assert_true(again.hold == 77 && again.kind == CHANGE_TAKEN && again.flags == CHANGE_FLAG_BEST);
    begin(IDEM_OTHER, 1, key_of(7, 2), 2000);
    begin(IDEM_NEW, 1, key, 2000 + KEEP_MS);
    idem_forget(idem, session_of(1), &key);
    begin(IDEM_NEW, 1, key, 2001 + KEEP_MS);
}

TEST_CASE_IN(running_request_is_never_evicted, open_idem, close_idem)
{
    begin(IDEM_NEW, 3, key_of(UINT64_MAX, 0), 1000);
    for (uint64_t i = 0; i < 4 * IDEM_NEAR * IDEM_WAYS; i++)
        take_with_key(3, i, 1000);
    begin(IDEM_RUNNING, 3, key_of(UINT64_MAX, 0), 1000);

    /* When all places of a session are running requests, another request is refused. */
    bool full = false;
    for (uint64_t i = 0; i < 4 * IDEM_NEAR * IDEM_WAYS && !full; i++) {
        struct idem_key key = key_of(1000000 + i, 0);
        struct idem_answer out;
        full = idem_begin(idem, session_of(4), &key, 1000, &out) == IDEM_FULL;
    }
    assert_true(full);
}

/* Ten minutes of 10,000 changes per second; memory and changes are scaled down by a hundred. */
TEST_CASE_IN(answers_are_kept_for_ten_minutes, open_idem, close_idem)
{
    enum { PER_S = 100, SESSIONS = 500, KEPT = IDEM_KEEP_S * PER_S };
    uint64_t n = 0, lost = 0;
    idem_destroy(idem);
    assert_int_equal(0, idem_create((UINT64_C(256) << 20) / 100, &err, &idem));
    for (uint64_t s = 1; s <= 2 * IDEM_KEEP_S; s++)
        for (unsigned i = 0; i < PER_S; i++, n++)
            take_with_key(n % SESSIONS, n, s * 1000);
    for (uint64_t i = n - KEPT; i < n; i++)
        lost += !is_known(i % SESSIONS, i, 2 * IDEM_KEEP_S * 1000);
    assert_in_range(lost, 0, KEPT / 100 - 1);
}

TEST_CASE_IN(busy_session_evicts_only_its_own_answers, open_idem, close_idem)
{
    enum { OTHERS = 1000 };
    const struct idem_stats *stats = idem_stats(idem);
    for (uint64_t i = 0; i < OTHERS; i++)
        take_with_key(i, i, 1000);
    assert_int_equal(IDEM_KEEP_S, stats->kept_s);
    for (uint64_t i = 0; i < 200000; i++)
        take_with_key(OTHERS, OTHERS + i, 31000);
    assert_true(stats->pushed_out > 190000);
    assert_true(stats->kept_s <= 30); /* the metric shows how long responses are kept at present */
    for (uint64_t i = 0; i < OTHERS; i++)
        assert_true(is_known(i, i, 31000));
    /* After ten calm minutes the metric is back. */
    assert_false(is_known(0, 1, 40000 + IDEM_KEEP_S * 1000));
    assert_int_equal(IDEM_KEEP_S, stats->kept_s);
}

TEST_CASE_IN(next_owner_answers_from_the_journal, open_idem, close_idem)
{
    struct idem_key key = key_of(9, 1);
    struct change change;
    change_init(&change, CHANGE_TAKEN, 5000);
    change.hold = 77;
    idem_restore(idem, session_of(5), (struct span){(const char *)&key, sizeof(key)}, &change,
                 6000);
    struct idem_answer answer = begin(IDEM_DONE, 5, key, 6000);
    assert_true(answer.hold == 77 && answer.kind == CHANGE_TAKEN);
    begin(IDEM_OTHER, 5, key_of(9, 2), 6000);
}

/* ---- rates ---- */

enum { RATE_BEGAN_US = 1000000000 };

/* How many of these requests pass at a rate of five per second. */
static unsigned passed(struct rate *rate, uint64_t session, unsigned requests, uint64_t now_us)
{
    unsigned passed = 0;
    uint64_t retry_ms = 0;
    for (unsigned i = 0; i < requests; i++) {
        bool allowed = rate_allows(rate, session, 5, now_us, &retry_ms);
        passed += allowed;
        assert_true(allowed || (retry_ms > 0 && retry_ms <= 201));
    }
    return passed;
}

TEST_CASE(session_may_burst_and_then_keeps_to_its_rate)
{
    struct rate *rate;
    uint64_t retry_ms;
    unsigned later = 0;
    assert_int_equal(0, rate_create(&err, &rate));
    assert_int_equal(10, passed(rate, 42, 100, RATE_BEGAN_US)); /* a burst is twice the rate */
    for (unsigned second = 1; second <= 10; second++)
        later += passed(rate, 42, 50, RATE_BEGAN_US + second * UINT64_C(1000000));
    assert_in_range(later, 48, 52);
    assert_int_equal(1, passed(rate, 43, 1, RATE_BEGAN_US));
    rate_charge(rate, 43, 5, 8, RATE_BEGAN_US);
    assert_int_equal(1, passed(rate, 43, 10, RATE_BEGAN_US)); /* nine are left */
    rate_charge(rate, 43, 5, 20, RATE_BEGAN_US); /* charges beyond the burst: four seconds */
    assert_int_equal(0, passed(rate, 43, 1, RATE_BEGAN_US + UINT64_C(4000000)));
    assert_int_equal(1, passed(rate, 43, 10, RATE_BEGAN_US + UINT64_C(4200000)));
    assert_true(rate_allows(rate, 42, 0, RATE_BEGAN_US, &retry_ms)); /* 0: unlimited */
    for (uint64_t tag = 1; tag <= 3; tag++) /* same cell, different upper bits */
        assert_int_equal(10, passed(rate, tag << 48 | 5, 50, RATE_BEGAN_US));
    rate_destroy(rate);
}

/* ---- hold ids ---- */

TEST_CASE(hold_name_is_valid_in_its_event_only_and_cannot_be_forged)
{
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

static struct {
    struct jwks_key *key; /* of the set published last */
    struct jwks *sets[2];
    uv_loop_t loop;
    struct jwks_feed *keys;
    struct pass_revoked *revoked;
    struct pass_cache *cache;
    struct clock_fake clock;
    char *path;
    char memory[JWT_BYTES_MAX];
    struct span token; /* the token signed last */
    struct pass pass;  /* the claims of the last valid token */
} office;

/* Publishes a set of one new key and returns the key. */
static struct jwks_key *publish_key(struct jwks **set)
{
    struct jwks_key *key;
    char memory[JWKS_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory));
    assert_int_equal(0, jwks_key_generate(&err, &key));
    assert_int_equal(0, jwks_create(&err, set));
    assert_int_equal(0, jwks_add(*set, key, &err));
    jwks_put(&text, *set);
    FILE *file = fopen(office.path, "w");
    assert_int_equal(text.len, fwrite(text.ptr, 1, text.len, file));
    fclose(file);
    return key;
}

static void until_generation(uint64_t generation)
{
    while (jwks_feed_generation(office.keys) < generation) {
        jwks_feed_doubt(office.keys);
        uv_run(&office.loop, UV_RUN_ONCE);
    }
}

static void open_office(void)
{
    memset(&office, 0, sizeof(office));
    office.path = unit_file(SPAN(""), 0600);
    clock_fake_init(&office.clock, 1700000000000000);
    office.key = publish_key(&office.sets[0]);
    uv_loop_init(&office.loop);
    const struct jwks_feed_conf keys = {.whose = "the waiting room's",
                                        .file = office.path,
                                        .refresh_ms = 60000,
                                        .loop = &office.loop,
                                        .clock = clock_system(),
                                        .rng = rng_system()};
    assert_int_equal(0, jwks_feed_create(&keys, &err, &office.keys));
    until_generation(1);
    assert_int_equal(0, pass_revoked_create(&err, &office.revoked));
    struct pass_conf conf = {office.keys, office.revoked, "fairgate", &office.clock.clock};
    assert_int_equal(0, pass_cache_create(&conf, &err, &office.cache));
}

static void close_office(void)
{
    pass_cache_destroy(office.cache);
    pass_revoked_destroy(office.revoked);
    jwks_feed_close(office.keys);
    uv_run(&office.loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&office.loop));
    jwks_destroy(office.sets[0]);
    jwks_destroy(office.sets[1]);
    unit_file_remove(office.path);
}

static const char *value_or(const struct script_line *line, const char *key, const char *usual)
{
    const char *value = script_value(line, key);
    return value != NULL ? value : usual;
}

/* "sign [typ=] [iss=] [aud=] [member=]": by default as the waiting room does for "night" */
SCRIPT_VERB(do_sign, "sign")
{
    uint64_t now_s = office.clock.now_wall_us / 1000000;
    const char *member = script_value(line, "member");
    char extra[64] = "";
    struct text text = text_on(office.memory, sizeof(office.memory));
    if (member != NULL)
        snprintf(extra, sizeof(extra), "\"member\":\"%s\"", member);
    struct jwt_claims claims = {
        .iss = span_of(value_or(line, "iss", "fairgate")),
        .aud = span_of(value_or(line, "aud", "night")),
        .sub = SPAN("session-1"),
        .iat_s = now_s,
        .exp_s = now_s + 100,
        .extra = span_of(extra),
    };
    assert_int_equal(0,
                     jwt_sign(office.key, value_or(line, "typ", PASS_TYPE), &claims, &err, &text));
    office.token = text_span(&text);
}

/* "token [TEXT]" */
SCRIPT_VERB(do_token, "token")
{
    snprintf(office.memory, sizeof(office.memory), "%s", script_rest(line, 0));
    office.token = line->len > 1 ? span_of(office.memory) : (struct span){NULL, 0};
}

/* "check VERDICT [at=EVENT] [buyer=NAME]" */
SCRIPT_VERB(do_check, "check")
{
    static const char *const names[PASS_UNREAD + 1] = {
        [PASS_OK] = "ok",           [PASS_MISSING] = "missing", [PASS_INVALID] = "invalid",
        [PASS_FOREIGN] = "foreign", [PASS_EXPIRED] = "expired", [PASS_ENDED] = "ended",
        [PASS_UNREAD] = "unread"};
    const char *buyer = script_value(line, "buyer");
    enum pass_verdict verdict = pass_check(office.cache, span_of(value_or(line, "at", "night")),
                                           office.token, &office.pass);
    script_expect_text(line, script_word(line, 1),
                       names[verdict] != NULL ? names[verdict] : "other");
    if (verdict == PASS_OK)
        assert_true(office.pass.session == pass_hash(SPAN("session-1")));
    if (buyer != NULL)
        assert_true(office.pass.buyer == pass_hash(span_of(buyer)));
}

/* "clock +TIME" or "clock -TIME"; with -TIME the token comes from the future */
SCRIPT_DOES("clock", office.clock.now_wall_us += script_number_at(line, 1))

SCRIPT_DOES("no-memory", scarce_from(0))
SCRIPT_DOES("memory", scarce_end())

SCRIPT_VERB(do_revoke, "revoke")
{
    for (uint64_t i = 0; i < 8; i++) /* neighbours in the same cell do not hide it */
        pass_revoke(office.revoked, office.pass.session + i * PASS_REVOKED_MAX, 1800000000);
}

SCRIPT_VERB(do_renew_keys, "renew-keys")
{
    publish_key(&office.sets[1]);
    until_generation(2);
}

static const struct script_row rows[] = {
    {"a pass is checked by type, issuer and event",
     "sign typ=JWT; check invalid; sign iss=else; check invalid; sign aud=day; check foreign;"
     "token a.b.c; check missing; token; check missing; sign;"
     "check ok buyer=session-1; check foreign at=day"},
    {"a pass ends with its time, also in the cache",
     "sign; check ok; clock +99s; check ok; clock +1s; check expired"}, /* no leeway */
    /* Fronts whose clock is a minute ahead sign passes too. Passes end by Redis's clock. */
    {"a pass may come from the future", "sign; clock -60s; check ok"},
    {"a pass without memory to read it is not invalid",
     "token a.b; no-memory; check missing; memory; sign; no-memory; check unread;"
     "memory; check ok; no-memory; check ok; memory"},
    {"a member counts across sessions", "sign member=m-1; check ok buyer=m-1"},
    {"an ended session is refused, also in the cache", "sign; check ok; revoke; check ended"},
    {"a key that was withdrawn ends what was cached", "sign; check ok; renew-keys; check invalid"},
};

SCRIPT_TESTS_IN(rows, script_verbs, open_office, close_office)
