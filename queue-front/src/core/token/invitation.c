/* invitation.c: lane, number and MAC packed into seventeen letters and a check.
 *
 * A MAC of 62 bits cannot be guessed over a network, and a wrong guess costs no Redis call, because
 * the MAC is checked first. Lane and number are readable: an operator can tell which invitation a
 * code is. The line, not the code, knows whether it was used. */
#include "core/token/invitation.h"

#include "core/token/code32.h"

#include "base/err.h"

#include <assert.h>

enum { VALUES = INVITATION_LEN - 1, HEAD_BITS = 23, BITS = 85 };

static const char purpose[] = "invitation";

static_assert(VALUES * 5 == BITS, "lane, number and MAC fill the letters");
static_assert(INVITATIONS_MAX < 1 << 20 && LANES_MAX < 1 << 3, "both fit their bits");

static uint64_t sign(const struct mac_ring_key *key, struct span event, uint32_t head)
{
    assert(head >> HEAD_BITS == 0);
    return code32_sign(key, purpose, event, head) >> 2;
}

void invitation_put(struct text *out, const struct mac_ring *ring, struct span event,
                    struct invitation invitation)
{
    assert(invitation.lane >= 1 && invitation.lane <= LANES_MAX);
    assert(invitation.number >= 1 && invitation.number <= INVITATIONS_MAX);
    assert(ring->len > 0);
    uint32_t head = (uint32_t)invitation.lane << 20 | invitation.number;
    uint64_t mac = sign(&ring->key[0], event, head);
    uint8_t values[VALUES] = {0};
    /* Bit by bit: it happens once per join, and is easy to verify. */
    for (unsigned at = 0; at < BITS; at++) {
        bool bit = at < HEAD_BITS ? head >> at & 1 : mac >> (at - HEAD_BITS) & 1;
        values[at / 5] = (uint8_t)(values[at / 5] | bit << at % 5);
    }
    char code[INVITATION_LEN];
    code32_make(values, INVITATION_LEN, code);
    code32_put(out, code, INVITATION_LEN, 6);
}

int invitation_parse(const struct mac_ring *ring, struct span event, struct span text,
                     struct invitation *out)
{
    char code[INVITATION_LEN];
    uint8_t values[INVITATION_LEN];
    if (!code32_parse(text, INVITATION_LEN, code, values))
        return ERR_SYNTAX;
    uint32_t head = 0;
    uint64_t mac = 0;
    for (unsigned at = 0; at < BITS; at++) {
        uint64_t bit = values[at / 5] >> at % 5 & 1;
        if (at < HEAD_BITS)
            head |= (uint32_t)bit << at;
        else
            mac |= bit << (at - HEAD_BITS);
    }
    struct invitation found = {.lane = (uint8_t)(head >> 20), .number = head & 0xFFFFF};
    if (found.lane == 0 || found.lane > LANES_MAX || found.number == 0 ||
        found.number > INVITATIONS_MAX)
        return ERR_AUTH;
    bool known = false;
    for (uint32_t i = 0; i < ring->len; i++)
        known |= sign(&ring->key[i], event, head) == mac;
    if (!known)
        return ERR_AUTH;
    assert(found.lane >= 1 && found.number >= 1); /* as invitation_put() asserts */
    *out = found;
    return 0;
}
