/* idem.c: a set-associative table. A key belongs to one set, in which it may take any place. The
 * session's hash selects the first of IDEM_NEAR consecutive sets, the key's hash one of them. So a
 * session's share is limited, while all sessions together spread over the whole table.
 *
 * A place costs IDEM_ENTRY_BYTES: half of the key's hash (the chance that two in one set share it
 * is one in 2^59), a quarter of the body's hash, and the change. Whole bodies would cost some two
 * thousand bytes each, and a rush would fill the table within seconds.
 *
 * A full set drops its oldest entry; a session with a quarter of the set or more drops its own
 * oldest entry. A request under way is never dropped. */
#include "access/idem.h"

#include "shell_limits.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { RUNNING = 0xff, UNUSED = 0 }; /* kinds that no change has */
static_assert((int)CHANGE_KIND_COUNT < (int)RUNNING, "kinds fit beside them");

struct set {
    uint64_t tag[IDEM_WAYS];
    uint64_t hold[IDEM_WAYS];
    uint32_t what[IDEM_WAYS];
    uint32_t at_s[IDEM_WAYS];
    uint8_t kind[IDEM_WAYS];
    uint8_t flags[IDEM_WAYS];
    uint8_t whose[IDEM_WAYS]; /* the session's hash, first byte */
};

static_assert(sizeof(struct set) == (size_t)IDEM_WAYS * IDEM_ENTRY_BYTES, "nothing is wasted");

struct idem {
    struct set *sets;
    uint64_t sets_len;
    pthread_mutex_t locks[IDEM_LOCKS];
    struct idem_stats stats;
    _Atomic uint64_t pushed_at_s; /* last eviction */
};

struct idem_key idem_key_of(uint64_t session, struct http_req *req, struct span key)
{
    struct idem_key out;
    crypto_generichash_state state;
    uint8_t hash[crypto_generichash_BYTES_MIN];
    struct span path = http_req_path(req), body = http_req_body(req);
    uint64_t head[3] = {session, http_req_method(req), path.len};
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const uint8_t *)head, sizeof(head));
    crypto_generichash_update(&state, (const uint8_t *)path.ptr, path.len);
    crypto_generichash_update(&state, (const uint8_t *)key.ptr, key.len);
    crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(out.who, hash, sizeof(out.who));
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)body.ptr, body.len, NULL, 0);
    memcpy(out.what, hash, sizeof(out.what));
    return out;
}

int idem_create(uint64_t bytes, struct err_slot *err, struct idem **out)
{
    struct idem *idem = calloc(1, sizeof(*idem));
    if (idem == NULL)
        return err_set(err, ERR_NOMEM, "repeated requests");
    idem->sets_len = bytes / sizeof(struct set) + IDEM_NEAR;
    idem->sets = calloc(idem->sets_len, sizeof(*idem->sets)); /* fresh pages, used as they fill */
    if (idem->sets == NULL) {
        free(idem);
        return err_set(err, ERR_NOMEM, "%llu bytes for repeated requests",
                       (unsigned long long)bytes);
    }
    for (unsigned i = 0; i < IDEM_LOCKS; i++)
        pthread_mutex_init(&idem->locks[i], NULL);
    idem->stats.room = idem->sets_len * IDEM_WAYS;
    idem->stats.kept_s = IDEM_KEEP_S;
    *out = idem;
    return 0;
}

void idem_destroy(struct idem *idem)
{
    if (idem == NULL)
        return;
    for (unsigned i = 0; i < IDEM_LOCKS; i++)
        pthread_mutex_destroy(&idem->locks[i]);
    free(idem->sets);
    free(idem);
}

const struct idem_stats *idem_stats(const struct idem *idem)
{
    return &idem->stats;
}

/* ---- one set, under its lock ---- */

struct at {
    struct set *set;
    pthread_mutex_t *lock;
    uint64_t tag;
    uint32_t what;
    uint8_t whose;
};

static struct at lock_set(struct idem *idem, uint64_t session, const struct idem_key *key)
{
    struct at at = {.whose = (uint8_t)(session >> 56)};
    memcpy(&at.tag, key->who, sizeof(at.tag));
    memcpy(&at.what, key->what, sizeof(at.what));
    uint64_t nth = (session + key->who[sizeof(at.tag)] % IDEM_NEAR) % idem->sets_len;
    at.set = &idem->sets[nth];
    at.lock = &idem->locks[nth % IDEM_LOCKS];
    pthread_mutex_lock(at.lock);
    return at;
}

static uint32_t age_of(const struct set *set, unsigned way, uint32_t now_s)
{
    return now_s > set->at_s[way] ? now_s - set->at_s[way] : 0;
}

static bool is_vacant(const struct set *set, unsigned way, uint32_t now_s)
{
    uint8_t kind = set->kind[way];
    return kind == UNUSED || (kind != RUNNING && age_of(set, way, now_s) > IDEM_KEEP_S);
}

static int find(const struct at *at, uint32_t now_s)
{
    for (unsigned way = 0; way < IDEM_WAYS; way++)
        if (at->set->tag[way] == at->tag && !is_vacant(at->set, way, now_s))
            return (int)way;
    return -1;
}

static int oldest(const struct at *at, uint32_t now_s, bool own, unsigned *count)
{
    int found = -1;
    *count = 0;
    for (unsigned way = 0; way < IDEM_WAYS; way++) {
        if (at->set->kind[way] == RUNNING || (own && at->set->whose[way] != at->whose))
            continue;
        *count += 1;
        if (found < 0 || age_of(at->set, way, now_s) > age_of(at->set, (unsigned)found, now_s))
            found = (int)way;
    }
    return found;
}

static int make_room(struct idem *idem, const struct at *at, uint32_t now_s)
{
    unsigned own, all;
    for (unsigned way = 0; way < IDEM_WAYS; way++)
        if (is_vacant(at->set, way, now_s))
            return (int)way;
    int way = oldest(at, now_s, true, &own);
    if (own < IDEM_WAYS / 4)
        way = oldest(at, now_s, false, &all);
    if (way >= 0) {
        /* An evicted entry's age shows how long entries are kept. */
        uint32_t age_s = age_of(at->set, (unsigned)way, now_s);
        enum { LATELY_S = 60 };
        /* relaxed, here and below: for a graph */
        uint64_t last_s = atomic_load_explicit(&idem->pushed_at_s, memory_order_relaxed);
        uint64_t kept_s = atomic_load_explicit(&idem->stats.kept_s, memory_order_relaxed);
        if (now_s > last_s + LATELY_S || age_s < kept_s)
            atomic_store_explicit(&idem->stats.kept_s, age_s, memory_order_relaxed);
        if (now_s > last_s + LATELY_S || now_s < last_s)
            atomic_store_explicit(&idem->pushed_at_s, now_s, memory_order_relaxed);
        atomic_fetch_add_explicit(&idem->stats.pushed_out, 1, memory_order_relaxed);
    }
    return way;
}

static void put(const struct at *at, int way, uint8_t kind, uint32_t at_s)
{
    at->set->tag[way] = at->tag;
    at->set->what[way] = at->what;
    at->set->whose[way] = at->whose;
    at->set->kind[way] = kind;
    at->set->at_s[way] = at_s;
}

/* ---- begin and finish ---- */

static uint32_t seconds(uint64_t ms)
{
    return (uint32_t)(ms / 1000); /* until 2106 */
}

static enum idem_verdict judge(const struct at *at, int way, struct idem_answer *answer)
{
    if (at->set->what[way] != at->what)
        return IDEM_OTHER;
    if (at->set->kind[way] == RUNNING)
        return IDEM_RUNNING;
    *answer = (struct idem_answer){at->set->hold[way], at->set->kind[way], at->set->flags[way]};
    return IDEM_DONE;
}

enum idem_verdict idem_begin(struct idem *idem, uint64_t session, const struct idem_key *key,
                             uint64_t now_ms, struct idem_answer *answer)
{
    uint32_t now_s = seconds(now_ms);
    enum idem_verdict verdict = IDEM_FULL;
    struct at at = lock_set(idem, session, key);
    int way = find(&at, now_s);
    if (way >= 0) {
        verdict = judge(&at, way, answer);
    } else if ((way = make_room(idem, &at, now_s)) >= 0) {
        put(&at, way, RUNNING, now_s);
        verdict = IDEM_NEW;
    }
    pthread_mutex_unlock(at.lock);
    /* relaxed: for a graph; nothing was evicted for the whole retention time */
    if (now_s > atomic_load_explicit(&idem->pushed_at_s, memory_order_relaxed) + IDEM_KEEP_S)
        atomic_store_explicit(&idem->stats.kept_s, IDEM_KEEP_S, memory_order_relaxed);
    return verdict;
}

static int find_running(const struct at *at)
{
    int way = find(at, 0); /* a running request has no age */
    assert(way >= 0);
    assert(at->set->kind[way] == RUNNING);
    return way;
}

void idem_finish(struct idem *idem, uint64_t session, const struct idem_key *key,
                 const struct idem_answer *answer)
{
    assert(answer->kind != UNUSED);
    assert(answer->kind != RUNNING);
    struct at at = lock_set(idem, session, key);
    int way = find_running(&at);
    at.set->kind[way] = answer->kind;
    at.set->hold[way] = answer->hold;
    at.set->flags[way] = answer->flags;
    pthread_mutex_unlock(at.lock);
}

void idem_forget(struct idem *idem, uint64_t session, const struct idem_key *key)
{
    struct at at = lock_set(idem, session, key);
    at.set->kind[find_running(&at)] = UNUSED;
    pthread_mutex_unlock(at.lock);
}

void idem_restore(struct idem *idem, uint64_t session, struct span bytes,
                  const struct change *change, uint64_t now_ms)
{
    struct idem_key key;
    if (bytes.len != sizeof(key) || change->at_ms + IDEM_KEEP_S * UINT64_C(1000) < now_ms)
        return;
    memcpy(&key, bytes.ptr, sizeof(key));
    struct at at = lock_set(idem, session, &key);
    int way = find(&at, seconds(now_ms));
    if (way < 0)
        way = make_room(idem, &at, seconds(now_ms));
    if (way >= 0 && at.set->kind[way] != RUNNING) {
        put(&at, way, change->kind, seconds(change->at_ms));
        at.set->hold[way] = change->hold;
        at.set->flags[way] = change->flags;
    }
    pthread_mutex_unlock(at.lock);
}
