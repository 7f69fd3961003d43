/* idem.c: entries stand in a ring in the order in which they came, which is also the order in which
 * they expire, so dropping old ones never needs a search; a map leads from the key to the place in
 * the ring. One allocation per entry holds key and body. */
#include "core/idem.h"

#include "core/strmap.h"

#include <assert.h>
#include <stdlib.h>

struct entry {
    uint64_t kept_s;
    unsigned status;
    uint32_t key_len;
    uint32_t body_len;
    uint8_t digest[FORM_DIGEST_BYTES];
    char bytes[]; /* the key, then the body */
};

struct idem {
    struct strmap *map;
    struct entry **ring;
    uint32_t cap;
    uint64_t head; /* number of the oldest entry; its place is head % cap */
    uint64_t tail; /* of the next one */
    uint64_t ttl_s;
};

static struct span key_of(void *ctx, uint32_t place)
{
    const struct idem *idem = ctx;
    const struct entry *entry = idem->ring[place];
    return (struct span){entry->bytes, entry->key_len};
}

int idem_create(uint32_t keys_max, uint64_t ttl_s, struct err_slot *err, struct idem **out)
{
    assert(keys_max > 0);
    struct idem *idem = calloc(1, sizeof(*idem));
    struct entry **ring = calloc(keys_max, sizeof(struct entry *));
    if (idem == NULL || ring == NULL) {
        err_set(err, ERR_NOMEM, "%u idempotency keys", keys_max);
        goto free_both;
    }
    *idem = (struct idem){.ring = ring, .cap = keys_max, .ttl_s = ttl_s};
    if (strmap_create(key_of, idem, err, &idem->map) < 0)
        goto free_both;
    *out = idem;
    return 0;

free_both:
    free(idem);
    free(ring);
    return ERR_NOMEM;
}

static void drop_oldest(struct idem *idem)
{
    assert(idem->head < idem->tail);
    uint32_t place = (uint32_t)(idem->head % idem->cap);
    strmap_remove(idem->map, key_of(idem, place));
    free(idem->ring[place]);
    idem->ring[place] = NULL;
    idem->head++;
}

static void drop_expired(struct idem *idem, uint64_t now_s)
{
    while (idem->head < idem->tail) {
        const struct entry *oldest = idem->ring[idem->head % idem->cap];
        if (now_s < oldest->kept_s + idem->ttl_s)
            break;
        drop_oldest(idem);
    }
}

enum idem_found idem_look(struct idem *idem, struct span key,
                          const uint8_t digest[FORM_DIGEST_BYTES], uint64_t now_s,
                          struct idem_answer *answer)
{
    drop_expired(idem, now_s);
    uint32_t place;
    if (!strmap_find(idem->map, key, &place))
        return IDEM_NEW;
    const struct entry *entry = idem->ring[place];
    if (memcmp(entry->digest, digest, FORM_DIGEST_BYTES) != 0)
        return IDEM_DIFFERS;
    answer->status = entry->status;
    answer->body = (struct span){entry->bytes + entry->key_len, entry->body_len};
    return IDEM_SAME;
}

int idem_keep(struct idem *idem, struct span key, const uint8_t digest[FORM_DIGEST_BYTES],
              uint64_t now_s, const struct idem_answer *answer, struct err_slot *err)
{
    drop_expired(idem, now_s);
    if (idem->tail - idem->head == idem->cap)
        drop_oldest(idem);
    struct entry *entry = malloc(sizeof(*entry) + key.len + answer->body.len);
    if (entry == NULL)
        return err_set(err, ERR_NOMEM, "answer of %zu bytes", answer->body.len);
    entry->kept_s = now_s;
    entry->status = answer->status;
    entry->key_len = (uint32_t)key.len;
    entry->body_len = (uint32_t)answer->body.len;
    memcpy(entry->digest, digest, FORM_DIGEST_BYTES);
    memcpy(entry->bytes, key.ptr, key.len);
    if (answer->body.len > 0)
        memcpy(entry->bytes + key.len, answer->body.ptr, answer->body.len);

    uint32_t place = (uint32_t)(idem->tail % idem->cap);
    idem->ring[place] = entry;
    int rc = strmap_put(idem->map, place, err);
    if (rc < 0) {
        idem->ring[place] = NULL;
        free(entry);
        return rc;
    }
    idem->tail++;
    return 0;
}

bool idem_has(const struct idem *idem, struct span key)
{
    uint32_t place;
    return strmap_find(idem->map, key, &place);
}

uint32_t idem_len(const struct idem *idem)
{
    return (uint32_t)(idem->tail - idem->head);
}

void idem_destroy(struct idem *idem)
{
    if (idem == NULL)
        return;
    while (idem->head < idem->tail)
        drop_oldest(idem);
    strmap_destroy(idem->map);
    free(idem->ring);
    free(idem);
}
