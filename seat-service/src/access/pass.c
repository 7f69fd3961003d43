/* pass.c: checking a signature takes some 60 us, a cache lookup half of one.
 *
 * The cache is a table of sets of four, found by a tag of event and token: 128-bit SipHash with
 * this cache's secret key. So no client can make a token with another token's tag, and equal tags
 * mean equal tokens. It costs a third of BLAKE2b. The oldest entry of a set is evicted. An entry
 * says that the signature was valid under a generation of keys: expiry and revocation are checked
 * each time.
 *
 * Ended sessions are a table of words: the session's hash, and the time until which the entry is
 * valid. It is written rarely, and read by every loop without a lock. */
#include "access/pass.h"

#include "base/json_in.h"
#include "base/text.h"
#include "crypto/jwt.h"
#include "shell_limits.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 4, TAG_BYTES = crypto_shorthash_siphashx24_BYTES, REVOKED_PROBES = 16 };

struct slot {
    uint8_t tag[TAG_BYTES];
    struct pass pass;
    uint64_t generation; /* of the keys; 0: unused */
    uint64_t used;       /* the cache's count at the last use */
};

struct pass_cache {
    struct pass_conf conf;
    uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
    uint64_t uses;
    struct slot slots[PASS_CACHE_SLOTS];
};

struct pass_revoked {
    pthread_mutex_t writers; /* one writer at a time; readers take no lock */
    struct {
        _Atomic uint64_t session;
        _Atomic uint64_t until_s;
    } cells[PASS_REVOKED_MAX];
};

uint64_t pass_hash(struct span name)
{
    uint8_t bytes[crypto_generichash_BYTES_MIN];
    uint64_t hash;
    crypto_generichash(bytes, sizeof(bytes), (const uint8_t *)name.ptr, name.len, NULL, 0);
    memcpy(&hash, bytes, sizeof(hash));
    return hash != 0 ? hash : 1;
}

int pass_cache_create(const struct pass_conf *conf, struct err_slot *err, struct pass_cache **out)
{
    struct pass_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return err_set(err, ERR_NOMEM, "%zu bytes for passes", sizeof(*cache));
    cache->conf = *conf;
    randombytes_buf(cache->key, sizeof(cache->key));
    *out = cache;
    return 0;
}

void pass_cache_destroy(struct pass_cache *cache)
{
    free(cache);
}

/* Twelve hex digits of time and six random ones, of which four are used: two creations within one
 * millisecond count as one event. */
static bool read_incarnation(const json_t *claim, uint64_t *out)
{
    enum { DIGITS = 18, KEPT = 16 };
    uint64_t value = 0;
    const char *text = json_string_value(claim);
    *out = 0;
    if (claim == NULL || (json_is_string(claim) && json_string_length(claim) == 0))
        return true;
    if (!json_is_string(claim) || json_string_length(claim) != DIGITS)
        return false;
    for (unsigned i = 0; i < DIGITS; i++) {
        const char *digits = "0123456789abcdef", *at = memchr(digits, text[i], 16);
        if (at == NULL)
            return false;
        value = i < KEPT ? value << 4 | (uint64_t)(at - digits) : value;
    }
    *out = value;
    return value <= INT64_MAX; /* PostgreSQL's range */
}

static enum pass_verdict read_claims(const struct jwt *jwt, struct pass *out)
{
    if (jwt->claims.sub.len == 0)
        return PASS_INVALID;
    struct span member = json_in_text_of(jwt->payload, "member");
    struct span channel = json_in_text_of(jwt->payload, "channel");
    out->session = pass_hash(jwt->claims.sub);
    out->buyer = member.len > 0 ? pass_hash(member) : out->session;
    out->expires_s = jwt->claims.exp_s;
    out->channel = channel.len > 0 ? pass_hash(channel) : 0;
    const json_t *incarnation = json_object_get(jwt->payload, "incarnation");
    return read_incarnation(incarnation, &out->incarnation) ? PASS_OK : PASS_INVALID;
}

/* A pass for another event has its own verdict: it is an honest mistake, with two windows open. */
static enum pass_verdict verify(struct pass_cache *cache, struct span event, struct span token,
                                struct pass *out)
{
    char audience[EVENT_ID_MAX + 1];
    if (!span_to_cstr(event, audience, sizeof(audience)))
        return PASS_FOREIGN;
    enum jwt_fault fault = JWT_FAULT_FORM;
    struct jwt_rules rules = {
        .typ = PASS_TYPE,
        .iss = cache->conf.issuer,
        .aud = audience,
        .iat_ahead_ok = true,
        .run_out_ok = true, /* checked below each time, so that the signature is checked once */
        .clock = cache->conf.clock,
        .fault = &fault,
    };
    struct jwt jwt;
    const struct jwks *keys = jwks_feed_keys(cache->conf.keys);
    if (keys == NULL)
        return PASS_NO_KEYS;
    int rc = jwt_verify(keys, &rules, token, NULL, &jwt);
    if (rc == 0) {
        enum pass_verdict verdict = read_claims(&jwt, out);
        jwt_deinit(&jwt);
        return verdict;
    }
    if (rc == ERR_NOMEM)
        return PASS_UNREAD;
    if (rc == ERR_SYNTAX)
        return PASS_MISSING;
    if (fault == JWT_FAULT_AUDIENCE)
        return PASS_FOREIGN;
    if (fault == JWT_FAULT_SIGNATURE)
        return PASS_FORGED;
    if (fault == JWT_FAULT_KEY)
        (void)jwks_feed_doubt(cache->conf.keys);
    return PASS_INVALID;
}

static bool is_revoked(const struct pass_revoked *revoked, uint64_t session, uint64_t now_s)
{
    for (unsigned i = 0; i < REVOKED_PROBES; i++) {
        uint64_t at = (session + i) % PASS_REVOKED_MAX;
        /* acquire: pairs with the release in pass_revoke() */
        uint64_t there = atomic_load_explicit(&revoked->cells[at].session, memory_order_acquire);
        if (there == 0)
            return false;
        if (there == session)
            return atomic_load_explicit(&revoked->cells[at].until_s, memory_order_relaxed) > now_s;
    }
    return false;
}

static enum pass_verdict judge(struct pass_cache *cache, struct span event, struct span token,
                               bool may_verify, struct pass *out)
{
    if (token.ptr == NULL || token.len > JWT_BYTES_MAX)
        return PASS_MISSING;
    uint8_t tag[TAG_BYTES];
    char memory[EVENT_ID_MAX + 1 + JWT_BYTES_MAX];
    struct text message = text_on(memory, sizeof(memory));
    text_put(&message, event);
    text_char(&message, ' '); /* no event id has a space */
    text_put(&message, token);
    if (message.overflown)
        return PASS_FOREIGN; /* no event has an id that long */
    crypto_shorthash_siphashx24(tag, (const uint8_t *)message.ptr, message.len, cache->key);

    uint64_t set, generation = jwks_feed_generation(cache->conf.keys);
    memcpy(&set, tag, sizeof(set));
    struct slot *slots = &cache->slots[set % (PASS_CACHE_SLOTS / WAYS) * WAYS];
    struct slot *slot = NULL, *oldest = &slots[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (slots[i].generation == generation && generation != 0 &&
            memcmp(slots[i].tag, tag, sizeof(tag)) == 0)
            slot = &slots[i];
        oldest = slots[i].used < oldest->used ? &slots[i] : oldest;
    }
    if (slot == NULL) {
        struct pass pass;
        enum pass_verdict verdict = may_verify ? verify(cache, event, token, &pass) : PASS_INVALID;
        if (verdict != PASS_OK)
            return verdict;
        slot = oldest;
        slot->pass = pass;
        slot->generation = generation;
        memcpy(slot->tag, tag, sizeof(tag));
    }
    slot->used = ++cache->uses;
    uint64_t now_s = clock_wall_us(cache->conf.clock) / 1000000;
    if (slot->pass.expires_s <= now_s)
        return PASS_EXPIRED;
    if (is_revoked(cache->conf.revoked, slot->pass.session, now_s))
        return PASS_ENDED;
    *out = slot->pass;
    return PASS_OK;
}

enum pass_verdict pass_check(struct pass_cache *cache, struct span event, struct span token,
                             struct pass *out)
{
    return judge(cache, event, token, true, out);
}

enum pass_verdict pass_recall(struct pass_cache *cache, struct span event, struct span token,
                              struct pass *out)
{
    return judge(cache, event, token, false, out);
}

int pass_revoked_create(struct err_slot *err, struct pass_revoked **out)
{
    struct pass_revoked *revoked = calloc(1, sizeof(*revoked));
    if (revoked == NULL)
        return err_set(err, ERR_NOMEM, "the ended sessions");
    pthread_mutex_init(&revoked->writers, NULL);
    *out = revoked;
    return 0;
}

void pass_revoked_destroy(struct pass_revoked *revoked)
{
    if (revoked == NULL)
        return;
    pthread_mutex_destroy(&revoked->writers);
    free(revoked);
}

/* Called by the private listener's loop, and by the reader for sessions ended elsewhere. A cell is
 * never emptied, only reused, so a search may stop at an unused one. */
void pass_revoke(struct pass_revoked *revoked, uint64_t session, uint64_t until_s)
{
    uint64_t oldest_s = UINT64_MAX, chosen = session % PASS_REVOKED_MAX;
    pthread_mutex_lock(&revoked->writers);
    for (unsigned i = 0; i < REVOKED_PROBES; i++) {
        uint64_t at = (session + i) % PASS_REVOKED_MAX;
        uint64_t there = atomic_load_explicit(&revoked->cells[at].session, memory_order_relaxed);
        uint64_t its_s = atomic_load_explicit(&revoked->cells[at].until_s, memory_order_relaxed);
        if (there == 0 || there == session) {
            chosen = at;
            break;
        }
        if (its_s < oldest_s) {
            oldest_s = its_s;
            chosen = at;
        }
    }
    atomic_store_explicit(&revoked->cells[chosen].until_s, until_s, memory_order_relaxed);
    /* release: pairs with is_revoked(): the time is stored before the session */
    atomic_store_explicit(&revoked->cells[chosen].session, session, memory_order_release);
    pthread_mutex_unlock(&revoked->writers);
}
