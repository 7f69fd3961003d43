/* appeal.c: a claim check instead of a list of people.
 *
 * Limit and minute are readable in the reference: they are no secret to its holder. The MAC
 * prevents forgery and covers the event's name, so a reference of one event is invalid at another.
 * Eight letters can be read out on the telephone; that is why the MAC is short and the minutes wrap
 * around. */
#include "core/token/appeal.h"

#include "base/err.h"
#include "core/token/code32.h"

#include <assert.h>

enum { VALUES = APPEAL_LEN - 1, LIMIT_BITS = 3, MINUTE_BITS = 17, MAC_BITS = 15 };

static const char purpose[] = "appeal";

static_assert(MAC_BITS <= 16, "of the first two bytes");
static_assert(VALUES * 5 == LIMIT_BITS + MINUTE_BITS + MAC_BITS, "they fill the letters");
static_assert((int)APPEAL_MINUTES == 1 << MINUTE_BITS, "the minutes fill their bits");
static_assert(APPEAL_LIMIT_COUNT <= 1 << LIMIT_BITS, "the limits fit theirs");

static const char *const codes[APPEAL_LIMIT_COUNT] = {
    [APPEAL_JOINS] = "too-many-joins",
    [APPEAL_CODES] = "too-many-codes",
    [APPEAL_WORK] = "proof-of-work-required",
};

const char *appeal_limit_code(enum appeal_limit limit)
{
    assert(limit < APPEAL_LIMIT_COUNT);
    return codes[limit];
}

static uint64_t sign(const struct mac_ring_key *key, struct span event, uint32_t head)
{
    return code32_sign(key, purpose, event, head) >> 48 & ((1 << MAC_BITS) - 1);
}

void appeal_make(char reference[APPEAL_LEN + 1], const struct mac_ring *ring, struct span event,
                 struct appeal appeal)
{
    assert(appeal.limit < APPEAL_LIMIT_COUNT && ring->len > 0);
    uint32_t head = (uint32_t)(appeal.minute % APPEAL_MINUTES) << LIMIT_BITS | appeal.limit;
    uint64_t bits = (uint64_t)head << MAC_BITS | sign(&ring->key[0], event, head);
    uint8_t values[VALUES];
    for (unsigned i = VALUES; i-- > 0; bits >>= 5)
        values[i] = bits & 31;
    code32_make(values, APPEAL_LEN, reference);
    reference[APPEAL_LEN] = '\0';
    assert(appeal_looks_right((struct span){reference, APPEAL_LEN})); /* its reader accepts it */
}

bool appeal_looks_right(struct span text)
{
    char code[APPEAL_LEN];
    return text.len == APPEAL_LEN && code32_parse(text, APPEAL_LEN, code, NULL);
}

int appeal_parse(const struct mac_ring *ring, struct span event, struct span text, uint64_t now,
                 struct appeal *out)
{
    char code[APPEAL_LEN];
    uint8_t values[APPEAL_LEN];
    if (!code32_parse(text, APPEAL_LEN, code, values))
        return ERR_SYNTAX;
    uint64_t bits = 0;
    for (unsigned i = 0; i < VALUES; i++)
        bits = bits << 5 | values[i];
    uint32_t head = (uint32_t)(bits >> MAC_BITS), limit = head & ((1 << LIMIT_BITS) - 1);
    bool known = false;
    for (uint32_t i = 0; i < ring->len; i++)
        known |= sign(&ring->key[i], event, head) == (bits & ((1 << MAC_BITS) - 1));
    if (!known || limit >= APPEAL_LIMIT_COUNT)
        return ERR_AUTH;
    uint64_t age = (now - (head >> LIMIT_BITS)) % APPEAL_MINUTES;
    assert(age < APPEAL_MINUTES);
    *out = (struct appeal){.limit = (enum appeal_limit)limit, .minute = now - age};
    return 0;
}
