/* ticket.c: the bytes, in their order:
 *
 *     0       version, 3
 *     1       key id
 *     2       lane; bit 7: the visitor is a member of the shop
 *     3       moves
 *     4..7    entry, big-endian
 *     8..11   issued, seconds since 1970, big-endian (until 2106)
 *     12..19  visitor
 *     20..25  bits 47..40 the time of issue in 256ths of its second, 39..20 p50, 19..0 p90
 *     26..28  tag of the event's incarnation, big-endian
 *     29..44  MAC over "ticket", bytes 0..28 and the event's id
 *
 * The word at the front keeps this use of the key apart from others (session.c). Three bytes are
 * four letters with no bit left over, so a ticket has exactly one spelling. A time of issue in the
 * future is accepted: fronts' clocks differ, and only a front can write one. */
#include "core/token/ticket.h"

#include "base/base64.h"

#include <assert.h>

enum {
    VERSION = 3,
    BOUND = 0x80,
    WAIT_BITS = 20,
    TAG_AT = 26,
    PLAIN_BYTES = TAG_AT + LINE_TAG_BYTES,
    TICKET_BYTES = PLAIN_BYTES + MAC_BYTES,
};

static const struct span purpose = {"ticket", sizeof("ticket")};

static_assert(TICKET_BYTES / 3 * 4 == TICKET_LEN && TICKET_BYTES % 3 == 0,
              "60 characters, no rest");

static void put_be(uint8_t *at, unsigned bytes, uint64_t value)
{
    assert(bytes < 8 && value >> (8 * bytes) == 0); /* no bits are cut off */
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint64_t get_be(const uint8_t *at, unsigned bytes)
{
    assert(bytes < 8);
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

void ticket_put(struct text *out, const struct mac_ring *ring, struct span event,
                const struct ticket *ticket)
{
    assert(event.len <= LINE_EVENT_ID_MAX);
    assert(ticket->entry > 0);
    assert(ticket->entry <= TICKET_ENTRY_MAX);
    assert(ticket->lane <= LANES_MAX);
    assert(ticket->p50_s <= TICKET_WAIT_MAX_S && ticket->p90_s <= TICKET_WAIT_MAX_S);
    assert(ticket->issued_ms < 1000);
    assert(ticket->tag < 1 << (8 * LINE_TAG_BYTES));
    uint8_t bytes[TICKET_BYTES] = {VERSION, mac_ring_current(ring)};
    bytes[2] = (uint8_t)(ticket->lane | (ticket->member ? BOUND : 0));
    bytes[3] = ticket->moves;
    put_be(bytes + 4, 4, ticket->entry);
    put_be(bytes + 8, 4, ticket->issued_s);
    memcpy(bytes + 12, ticket->visitor, LINE_VISITOR_BYTES);
    uint64_t part = (uint64_t)ticket->issued_ms * 256 / 1000;
    put_be(bytes + 20, 6,
           part << (2 * WAIT_BITS) | (uint64_t)ticket->p50_s << WAIT_BITS | ticket->p90_s);
    put_be(bytes + TAG_AT, LINE_TAG_BYTES, ticket->tag);
    const struct span parts[] = {purpose, {(const char *)bytes, PLAIN_BYTES}, event};
    mac_make(ring, parts, 3, bytes + PLAIN_BYTES);
    base64_put(out, bytes, sizeof(bytes));
}

int ticket_parse(const struct mac_ring *ring, struct span event, struct span text, uint64_t now_s,
                 uint64_t lifetime_s, struct ticket *out)
{
    uint8_t bytes[TICKET_BYTES];
    if (event.len > LINE_EVENT_ID_MAX || !base64_decode_exact(text, bytes, sizeof(bytes)) ||
        bytes[0] != VERSION)
        return ERR_SYNTAX;
    const struct span parts[] = {purpose, {(const char *)bytes, PLAIN_BYTES}, event};
    if (!mac_check(ring, bytes[1], parts, 3, bytes + PLAIN_BYTES))
        return ERR_AUTH;
    uint64_t wait = get_be(bytes + 20, 6);
    struct ticket ticket = {
        .entry = get_be(bytes + 4, 4),
        .moves = bytes[3],
        .member = (bytes[2] & BOUND) != 0,
        .lane = bytes[2] & (BOUND - 1),
        .tag = (uint32_t)get_be(bytes + TAG_AT, LINE_TAG_BYTES),
        .issued_s = (uint32_t)get_be(bytes + 8, 4),
        .p50_s = (uint32_t)(wait >> WAIT_BITS) & TICKET_WAIT_MAX_S,
        .p90_s = (uint32_t)wait & TICKET_WAIT_MAX_S,
        .issued_ms = (uint16_t)((wait >> (2 * WAIT_BITS)) * 1000 / 256),
        .key_id = bytes[1],
    };
    memcpy(ticket.visitor, bytes + 12, LINE_VISITOR_BYTES);
    /* Signed by a front, but perhaps by a newer version with more lanes. */
    if (ticket.entry == 0 || ticket.lane > LANES_MAX)
        return ERR_AUTH;
    if (now_s > ticket.issued_s && now_s - ticket.issued_s > lifetime_s)
        return ERR_TIMEOUT;
    *out = ticket;
    return 0;
}
