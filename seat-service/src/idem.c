/* idem.c: shards of a fixed size, each a chained hash table over a ring of entries. The oldest
 * entry makes room for the next, unless its request is still under way. */
#include "idem.h"

#include "rim_limits.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define NONE UINT16_MAX
static_assert(IDEM_PER_SHARD < UINT16_MAX, "an index fits 16 bits");

enum entry_state { ENTRY_UNUSED, ENTRY_RUNNING, ENTRY_DONE, ENTRY_KNOWN };

struct entry {
    struct idem_key key;
    uint64_t at_ms;
    struct idem_answer answer;
    uint16_t next; /* in its bucket */
    enum entry_state state;
};

struct shard {
    pthread_mutex_t lock;
    uint16_t hand; /* the oldest */
    uint16_t bucket[IDEM_PER_SHARD];
    struct entry entries[IDEM_PER_SHARD];
};

struct idem {
    struct shard shards[IDEM_SHARDS];
};

struct idem_key idem_key_of(uint64_t session, struct http_req *req, struct span key)
{
    struct idem_key out;
    crypto_generichash_state state;
    struct span path = http_req_path(req), body = http_req_body(req);
    uint64_t head[3] = {session, http_req_method(req), path.len};
    crypto_generichash_init(&state, NULL, 0, sizeof(out.who));
    crypto_generichash_update(&state, (const uint8_t *)head, sizeof(head));
    crypto_generichash_update(&state, (const uint8_t *)path.ptr, path.len);
    crypto_generichash_update(&state, (const uint8_t *)key.ptr, key.len);
    crypto_generichash_final(&state, out.who, sizeof(out.who));
    crypto_generichash(out.what, sizeof(out.what), (const uint8_t *)body.ptr, body.len, NULL, 0);
    return out;
}

int idem_create(struct err_slot *err, struct idem **out)
{
    struct idem *idem = calloc(1, sizeof(*idem));
    if (idem == NULL)
        return err_set(err, ERR_NOMEM, "%zu bytes for repeated answers", sizeof(*idem));
    for (unsigned i = 0; i < IDEM_SHARDS; i++) {
        pthread_mutex_init(&idem->shards[i].lock, NULL);
        for (unsigned k = 0; k < IDEM_PER_SHARD; k++)
            idem->shards[i].bucket[k] = NONE;
    }
    *out = idem;
    return 0;
}

void idem_destroy(struct idem *idem)
{
    if (idem == NULL)
        return;
    for (unsigned i = 0; i < IDEM_SHARDS; i++) {
        for (unsigned k = 0; k < IDEM_PER_SHARD; k++)
            http_blob_unref(idem->shards[i].entries[k].answer.body);
        pthread_mutex_destroy(&idem->shards[i].lock);
    }
    free(idem);
}

/* The hash is uniform: some of its bits choose the shard, others the bucket. */
static struct shard *shard_of(struct idem *idem, const struct idem_key *key)
{
    return &idem->shards[key->who[0] % IDEM_SHARDS];
}

static uint16_t *bucket_of(struct shard *shard, const struct idem_key *key)
{
    uint32_t hash;
    memcpy(&hash, key->who + 4, sizeof(hash));
    return &shard->bucket[hash % IDEM_PER_SHARD];
}

static struct entry *find(struct shard *shard, const struct idem_key *key)
{
    for (uint16_t at = *bucket_of(shard, key); at != NONE; at = shard->entries[at].next) {
        struct entry *entry = &shard->entries[at];
        if (memcmp(entry->key.who, key->who, sizeof(key->who)) == 0)
            return entry;
    }
    return NULL;
}

static void drop(struct shard *shard, struct entry *entry)
{
    uint16_t nth = (uint16_t)(entry - shard->entries);
    uint16_t *link = bucket_of(shard, &entry->key);
    while (*link != nth)
        link = &shard->entries[*link].next;
    *link = entry->next;
    http_blob_unref(entry->answer.body);
    *entry = (struct entry){0};
}

/* The next entry of the ring that may be had, or NULL if all are under way. */
static struct entry *make_room(struct shard *shard)
{
    for (unsigned tries = 0; tries < IDEM_PER_SHARD; tries++) {
        struct entry *entry = &shard->entries[shard->hand];
        shard->hand = (uint16_t)((shard->hand + 1) % IDEM_PER_SHARD);
        if (entry->state == ENTRY_RUNNING)
            continue;
        if (entry->state != ENTRY_UNUSED)
            drop(shard, entry);
        return entry;
    }
    return NULL;
}

static struct entry *insert(struct shard *shard, const struct idem_key *key, uint64_t now_ms,
                            enum entry_state state)
{
    struct entry *entry = make_room(shard);
    if (entry == NULL)
        return NULL;
    uint16_t *bucket = bucket_of(shard, key);
    *entry = (struct entry){.key = *key, .at_ms = now_ms, .next = *bucket, .state = state};
    *bucket = (uint16_t)(entry - shard->entries);
    return entry;
}

static enum idem_verdict judge(const struct entry *entry, const struct idem_key *key,
                               struct idem_answer *answer)
{
    if (memcmp(entry->key.what, key->what, sizeof(key->what)) != 0)
        return IDEM_OTHER;
    if (entry->state == ENTRY_RUNNING)
        return IDEM_RUNNING;
    *answer = entry->answer;
    if (answer->body != NULL)
        http_blob_ref(answer->body);
    return entry->state == ENTRY_DONE ? IDEM_DONE : IDEM_KNOWN;
}

enum idem_verdict idem_begin(struct idem *idem, const struct idem_key *key, uint64_t now_ms,
                             struct idem_answer *answer)
{
    struct shard *shard = shard_of(idem, key);
    enum idem_verdict verdict;
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = find(shard, key);
    if (entry != NULL && entry->state != ENTRY_RUNNING && now_ms - entry->at_ms > IDEM_KEEP_MS) {
        drop(shard, entry);
        entry = NULL;
    }
    if (entry != NULL)
        verdict = judge(entry, key, answer);
    else
        verdict = insert(shard, key, now_ms, ENTRY_RUNNING) != NULL ? IDEM_NEW : IDEM_FULL;
    pthread_mutex_unlock(&shard->lock);
    return verdict;
}

void idem_finish(struct idem *idem, const struct idem_key *key, const struct idem_answer *answer)
{
    struct shard *shard = shard_of(idem, key);
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = find(shard, key);
    assert(entry != NULL);
    assert(entry->state == ENTRY_RUNNING);
    entry->answer = *answer;
    if (answer->body != NULL)
        http_blob_ref(answer->body);
    entry->state = ENTRY_DONE;
    pthread_mutex_unlock(&shard->lock);
}

void idem_forget(struct idem *idem, const struct idem_key *key)
{
    struct shard *shard = shard_of(idem, key);
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = find(shard, key);
    assert(entry != NULL);
    assert(entry->state == ENTRY_RUNNING);
    drop(shard, entry);
    pthread_mutex_unlock(&shard->lock);
}

void idem_restore(struct idem *idem, struct span bytes, const struct change *change,
                  uint64_t now_ms)
{
    struct idem_key key;
    if (bytes.len != IDEM_BYTES || change->at_ms + IDEM_KEEP_MS < now_ms)
        return;
    memcpy(key.who, bytes.ptr, IDEM_HASH_BYTES);
    memcpy(key.what, bytes.ptr + IDEM_HASH_BYTES, IDEM_HASH_BYTES);
    struct shard *shard = shard_of(idem, &key);
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = find(shard, &key);
    if (entry == NULL)
        entry = insert(shard, &key, change->at_ms, ENTRY_KNOWN);
    if (entry != NULL && entry->state == ENTRY_KNOWN)
        entry->answer = (struct idem_answer){.hold = change->hold, .kind = change->kind};
    pthread_mutex_unlock(&shard->lock);
}
