/* http_peers.c: see http_peers.h. The hash is keyed by a random number of its own, so that nobody
 * can choose addresses that collide. */
#include "http/http_peers.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

struct peer {
    uint8_t addr[IP_BYTES];
    uint32_t count; /* 0: free */
};

struct http_peers {
    uint8_t key[crypto_shorthash_KEYBYTES];
    uint32_t mask;
    struct peer peer[];
};

struct http_peers *http_peers_create(uint32_t connections_max)
{
    uint32_t slots = 16;
    while (slots < connections_max * 2u)
        slots *= 2;
    struct http_peers *peers = calloc(1, sizeof(*peers) + slots * sizeof(struct peer));
    if (peers == NULL)
        return NULL;
    peers->mask = slots - 1;
    crypto_shorthash_keygen(peers->key);
    return peers;
}

void http_peers_destroy(struct http_peers *peers)
{
    free(peers);
}

static uint32_t home(const struct http_peers *peers, const uint8_t addr[IP_BYTES])
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, addr, IP_BYTES, peers->key);
    return (uint32_t)hash & peers->mask;
}

/* The address's slot, or the free one where it would stand. */
static uint32_t find(const struct http_peers *peers, const uint8_t addr[IP_BYTES])
{
    uint32_t at = home(peers, addr);
    while (peers->peer[at].count > 0 && memcmp(peers->peer[at].addr, addr, IP_BYTES) != 0)
        at = (at + 1) & peers->mask;
    return at;
}

bool http_peers_add(struct http_peers *peers, const uint8_t addr[IP_BYTES], uint32_t max)
{
    struct peer *peer = &peers->peer[find(peers, addr)];
    if (peer->count >= max)
        return false;
    if (peer->count++ == 0)
        memcpy(peer->addr, addr, IP_BYTES);
    return true;
}

void http_peers_remove(struct http_peers *peers, const uint8_t addr[IP_BYTES])
{
    uint32_t hole = find(peers, addr);
    assert(peers->peer[hole].count > 0);
    if (--peers->peer[hole].count > 0)
        return;
    /* Entries behind the hole that it separates from their home move into it. */
    for (uint32_t at = (hole + 1) & peers->mask; peers->peer[at].count > 0;
         at = (at + 1) & peers->mask) {
        uint32_t from_home = (at - home(peers, peers->peer[at].addr)) & peers->mask;
        if (from_home < ((at - hole) & peers->mask))
            continue;
        peers->peer[hole] = peers->peer[at];
        peers->peer[at].count = 0;
        hole = at;
    }
}
