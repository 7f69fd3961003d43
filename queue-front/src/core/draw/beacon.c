/* beacon.c: selects the public value for a draw, and checks whether an answer is that value.
 *
 * Nobody may know the value until the entries are closed, so it is the first one that comes at
 * least a gap after that. The gap, gap_ms, is some seconds: enough for clock differences, and for
 * anybody to see that the entries are closed and how many there were. Redis closes them by its
 * clock. If that happens late, because no front was there to tick, the rule takes the first round
 * that is a gap later. So nobody can ever pick a round.
 *
 * Rounds of drand are numbered from 1 at its genesis. */
#include "core/draw/beacon.h"

#include "base/json_in.h"
#include "base/json_time.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char *const names[] = {"none", "drand", "text", NULL};

const char *beacon_kind_name(enum beacon_kind kind)
{
    assert(kind <= BEACON_TEXT);
    return names[kind];
}

/* Round, time and other values that we settle are read from the stored document. An operator may
 * send them back with it; they are settled again anyway. */
void beacon_read(struct json_in *in, const char *key, struct beacon *out)
{
    struct json_in beacon;
    unsigned kind = BEACON_NONE;
    struct span chain = {NULL, 0}, words = {NULL, 0};
    *out = (struct beacon){.late_s = BEACON_LATE_S};
    if (!json_in_child(in, key, &beacon))
        return;
    json_in_require(&beacon, "kind");
    json_in_word(&beacon, "kind", names, &kind);
    out->kind = (enum beacon_kind)kind;
    json_in_u64(&beacon, "late_s", BEACON_LATE_S_MIN, BEACON_LATE_S_MAX, &out->late_s);
    if (kind == BEACON_TEXT)
        json_in_require(&beacon, "words");
    json_in_str(&beacon, "words", 1, BEACON_WORDS_MAX, &words);
    if (words.len > 0 && !span_is_printable(words))
        json_in_refuse(&beacon, "words", "must be printable");
    if (kind != BEACON_TEXT)
        words.len = 0; /* a patch of the kind keeps the previous kind's words */
    json_in_str(&beacon, "chain", 1, BEACON_HASH_LEN, &chain);
    json_in_u64(&beacon, "round", 0, INT64_MAX, &out->round);
    if (json_in_has(&beacon, "at"))
        json_in_time(&beacon, "at", &out->at_ms);
    if (json_in_has(&beacon, "since"))
        json_in_time(&beacon, "since", &out->since_ms);
    json_in_u64(&beacon, "changes", 0, INT64_MAX, &out->changes);
    bool fits = words.len == 0 || span_to_cstr(words, out->words, sizeof(out->words));
    fits &= chain.len == 0 || span_to_cstr(chain, out->chain, sizeof(out->chain));
    assert(fits); /* the length was limited, and JSON strings here have no NUL */
    json_in_end(&beacon);
    assert(out->kind <= BEACON_TEXT);
    assert(out->kind == BEACON_TEXT || out->words[0] == '\0'); /* as beacon_put() requires */
}

void beacon_put(struct text *out, const struct beacon *beacon)
{
    assert(beacon->kind == BEACON_TEXT || beacon->words[0] == '\0');
    json_open(out, '{');
    json_member_cstr(out, "kind", beacon_kind_name(beacon->kind));
    if (beacon->kind == BEACON_DRAND) {
        json_member_cstr(out, "chain", beacon->chain);
        json_member_u64(out, "round", beacon->round);
        json_member_time(out, "at", beacon->at_ms);
    }
    if (beacon->kind == BEACON_TEXT)
        json_member_cstr(out, "words", beacon->words);
    json_member_u64(out, "late_s", beacon->late_s);
    json_member_time(out, "since", beacon->since_ms);
    json_member_u64(out, "changes", beacon->changes);
    json_close(out, '}');
}

/* The first round at `ms` or later. */
static void take_first(struct beacon *beacon, const struct beacon_sources *sources, uint64_t ms)
{
    assert(sources->period_ms > 0);
    assert(beacon->kind == BEACON_DRAND);
    uint64_t since = ms > sources->genesis_ms ? ms - sources->genesis_ms : 0;
    uint64_t before = (since + sources->period_ms - 1) / sources->period_ms;
    beacon->round = before + 1;
    beacon->at_ms = sources->genesis_ms + before * sources->period_ms;
    assert(beacon->at_ms >= ms); /* never one that may be published already */
}

bool beacon_same_choice(const struct beacon *a, const struct beacon *b)
{
    assert(a->kind <= BEACON_TEXT && b->kind <= BEACON_TEXT);
    return a->kind == b->kind && a->late_s == b->late_s && strcmp(a->words, b->words) == 0;
}

void beacon_settle(struct beacon *beacon, const struct beacon *before,
                   const struct beacon_sources *sources, uint64_t closes_ms, uint64_t now_ms)
{
    beacon->chain[0] = '\0';
    beacon->round = beacon->at_ms = 0;
    beacon->since_ms = now_ms;
    beacon->changes = 0;
    if (beacon->kind == BEACON_DRAND)
        memcpy(beacon->chain, sources->chain, sizeof(beacon->chain));
    if (beacon->kind == BEACON_DRAND && closes_ms > 0)
        take_first(beacon, sources, closes_ms + sources->gap_ms);
    assert(beacon->at_ms == 0 || beacon->at_ms >= closes_ms); /* unknown until they close */
    if (before == NULL)
        return;

    bool is_same = beacon_same_choice(before, beacon) &&
                   strcmp(before->chain, beacon->chain) == 0 && before->round == beacon->round &&
                   before->at_ms == beacon->at_ms;
    beacon->changes = before->changes + (is_same ? 0 : 1);
    if (is_same)
        beacon->since_ms = before->since_ms;
    assert(beacon->changes >= before->changes); /* changes are never uncounted */
}

struct beacon beacon_after(const struct beacon *beacon, const struct beacon_sources *sources,
                           uint64_t closed_ms)
{
    struct beacon after = *beacon;
    /* A closing by the clock may come half a gap late: that is a tick or two. */
    if (beacon->kind == BEACON_DRAND && beacon->at_ms < closed_ms + sources->gap_ms / 2)
        take_first(&after, sources, closed_ms + sources->gap_ms);
    if (beacon->kind == BEACON_TEXT)
        after.at_ms = closed_ms;
    assert(beacon_same_choice(beacon, &after)); /* only the round may be a later one */
    return after;
}

bool beacon_drand_value(struct span signature, char value[BEACON_HASH_LEN + 1])
{
    if (signature.len != BEACON_SIGN_LEN || !span_is_of(signature, SPAN_HEX))
        return false;
    uint8_t bytes[BEACON_SIGN_LEN / 2], hash[crypto_hash_sha256_BYTES];
    bool is_hex = span_hex(signature, bytes, sizeof(bytes));
    assert(is_hex); /* checked above */
    crypto_hash_sha256(hash, bytes, sizeof(bytes));
    sodium_bin2hex(value, BEACON_HASH_LEN + 1, hash, sizeof(hash));
    assert(span_is_of(span_of(value), SPAN_HEX) && strlen(value) == BEACON_HASH_LEN);
    return true;
}

static bool read_answer(json_t *json, uint64_t round, struct span *signature, struct span *hash)
{
    struct json_in in;
    struct err_slot err;
    uint64_t said = 0;
    json_in_object(&in, json, &err);
    json_in_require(&in, "round");
    json_in_u64(&in, "round", 1, INT64_MAX, &said);
    json_in_require(&in, "signature");
    json_in_str(&in, "signature", BEACON_SIGN_LEN, BEACON_SIGN_LEN, signature);
    json_in_str(&in, "randomness", BEACON_HASH_LEN, BEACON_HASH_LEN, hash);
    return in.rc == 0 && said == round; /* unknown members are allowed */
}

int beacon_drand_answer(struct span json, uint64_t round, struct err_slot *err,
                        char signature[BEACON_SIGN_LEN + 1], char value[BEACON_HASH_LEN + 1])
{
    json_t *doc;
    struct span sign = {NULL, 0}, hash = {NULL, 0};
    int rc = json_in_parse(json, err, &doc);
    if (rc < 0)
        return rc;
    bool good = read_answer(doc, round, &sign, &hash) && beacon_drand_value(sign, value) &&
                (hash.len == 0 || span_eq(hash, span_of(value)));
    if (good)
        good = span_to_cstr(sign, signature, BEACON_SIGN_LEN + 1);
    json_decref(doc);
    assert(!good || strlen(signature) == BEACON_SIGN_LEN);
    return good ? 0 : err_set(err, ERR_AUTH, "not of this round, or not the hash of its signature");
}
