/* http_peers.c: the connected addresses in one dense array, and a table over them.
 *
 * The array has as many places as the server has connections, so it never grows. Removing an entry
 * moves the last one into its place. The hash is keyed with its own random number, so nobody can
 * choose addresses that collide. */
#include "http/http_peers.h"

#include "base/table.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

struct peer {
    uint8_t addr[IP_BYTES];
    uint32_t count; /* never 0 */
};

struct http_peers {
    uint8_t key[crypto_shorthash_KEYBYTES];
    struct table by_addr;
    uint32_t len, max;
    struct peer peer[];
};

struct http_peers *http_peers_create(uint32_t connections_max)
{
    assert(connections_max > 0);
    struct http_peers *peers = calloc(1, sizeof(*peers) + connections_max * sizeof(struct peer));
    if (peers == NULL)
        return NULL;
    if (table_reserve(&peers->by_addr, connections_max, NULL) < 0) {
        free(peers);
        return NULL;
    }
    peers->max = connections_max;
    crypto_shorthash_keygen(peers->key);
    return peers;
}

void http_peers_destroy(struct http_peers *peers)
{
    if (peers == NULL)
        return;
    table_deinit(&peers->by_addr);
    free(peers);
}

static uint64_t hash_of(const struct http_peers *peers, const uint8_t addr[IP_BYTES])
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, addr, IP_BYTES, peers->key);
    return hash;
}

static bool is_of(const void *ctx, uint32_t number, const void *addr)
{
    const struct http_peers *peers = ctx;
    assert(number < peers->len);
    return memcmp(peers->peer[number].addr, addr, IP_BYTES) == 0;
}

bool http_peers_add(struct http_peers *peers, const uint8_t addr[IP_BYTES], uint32_t max)
{
    uint64_t hash = hash_of(peers, addr);
    uint32_t number = table_find(&peers->by_addr, hash, is_of, peers, addr);
    if (number != TABLE_NONE) {
        if (peers->peer[number].count >= max)
            return false;
        peers->peer[number].count++;
        return true;
    }
    if (max == 0)
        return false;
    assert(peers->len < peers->max); /* each has a connection, and there are at most max */
    assert(peers->by_addr.len == peers->len);
    int rc = table_add(&peers->by_addr, hash, peers->len, NULL);
    assert(rc == 0);
    struct peer *peer = &peers->peer[peers->len++];
    memcpy(peer->addr, addr, IP_BYTES);
    peer->count = 1;
    return true;
}

void http_peers_remove(struct http_peers *peers, const uint8_t addr[IP_BYTES])
{
    uint64_t hash = hash_of(peers, addr);
    uint32_t number = table_find(&peers->by_addr, hash, is_of, peers, addr);
    assert(number != TABLE_NONE && peers->peer[number].count > 0);
    if (--peers->peer[number].count > 0)
        return;
    table_remove(&peers->by_addr, hash, number);
    uint32_t last = --peers->len;
    assert(peers->by_addr.len == peers->len);
    if (number == last)
        return;
    table_renumber(&peers->by_addr, hash_of(peers, peers->peer[last].addr), last, number);
    peers->peer[number] = peers->peer[last];
}
