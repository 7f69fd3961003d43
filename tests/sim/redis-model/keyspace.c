/* keyspace.c: a hash table of keys. */
#include "redis-model/keyspace.h"

#include <assert.h>
#include <stdlib.h>

enum { KEYSPACE_BUCKETS = 1024 };

struct keyspace {
    struct entry *buckets[KEYSPACE_BUCKETS];
    uint64_t now_us; /* time of the running command */
};

static struct entry **place_of(struct keyspace *keyspace, struct span key)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.ptr[i]) * 16777619u;
    struct entry **at = &keyspace->buckets[hash % KEYSPACE_BUCKETS];
    while (*at != NULL && !span_eq(bytes_span(&(*at)->key), key))
        at = &(*at)->next;
    return at;
}

bool keyspace_drop(struct keyspace *keyspace, struct span key)
{
    struct entry **at = place_of(keyspace, key), *entry = *at;
    if (entry == NULL)
        return false;
    *at = entry->next;
    value_free(&entry->value);
    bytes_free(&entry->key);
    free(entry);
    return true;
}

struct entry *keyspace_find(struct keyspace *keyspace, struct span key)
{
    struct entry *entry = *place_of(keyspace, key);
    if (entry == NULL || entry->expires_ms == 0 || entry->expires_ms > keyspace->now_us / 1000)
        return entry;
    (void)keyspace_drop(keyspace, key);
    return NULL;
}

struct entry *keyspace_need(struct keyspace *keyspace, struct span key, enum value_type type)
{
    struct entry *entry = keyspace_find(keyspace, key);
    if (entry != NULL)
        return entry;
    struct entry **at = place_of(keyspace, key);
    entry = calloc(1, sizeof(*entry));
    assert(entry != NULL);
    bytes_put(&entry->key, key.ptr, key.len);
    entry->value.type = type;
    *at = entry;
    return entry;
}

struct keyspace *keyspace_make(void)
{
    struct keyspace *keyspace = calloc(1, sizeof(*keyspace));
    assert(keyspace != NULL);
    return keyspace;
}

struct keyspace *keyspace_copy(const struct keyspace *from)
{
    struct keyspace *keyspace = keyspace_make();
    for (size_t i = 0; i < KEYSPACE_BUCKETS; i++) {
        for (const struct entry *entry = from->buckets[i]; entry != NULL; entry = entry->next) {
            struct entry *copy =
                keyspace_need(keyspace, bytes_span(&entry->key), entry->value.type);
            value_copy(&copy->value, &entry->value);
            copy->expires_ms = entry->expires_ms;
        }
    }
    return keyspace;
}

void keyspace_free(struct keyspace *keyspace)
{
    for (size_t i = 0; i < KEYSPACE_BUCKETS; i++)
        while (keyspace->buckets[i] != NULL)
            (void)keyspace_drop(keyspace, bytes_span(&keyspace->buckets[i]->key));
    free(keyspace);
}

void keyspace_set_clock(struct keyspace *keyspace, uint64_t now_us)
{
    keyspace->now_us = now_us;
}

uint64_t keyspace_now_us(const struct keyspace *keyspace)
{
    return keyspace->now_us;
}
