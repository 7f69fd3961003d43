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
 *     26..28  tag of the event's incarnation, big-endian, not 0
 *     29..44  MAC over "ticket", bytes 0..28 and the event's id
 *
 * Version 2 is the same without the tag, for events that are older than incarnations and for no
 * others.
 *
 * The word at the front keeps this use of the key apart from others (session.c). Three bytes are
 * four letters with no bit left over, so a ticket has exactly one spelling. A time of issue in the
 * future is accepted: fronts' clocks differ, and nobody but us can write one. */
#include "core/token/ticket.h"

#include "base/base64.h"

#include <assert.h>

enum {
    VERSION = 3,
    VERSION_UNTAGGED = 2,
    BOUND = 0x80,
    WAIT_BITS = 20,
    TAG_AT = 26,
    PLAIN_MAX = TAG_AT + LINE_TAG_BYTES,
    TICKET_BYTES_MAX = PLAIN_MAX + MAC_BYTES,
};

static const char purpose[] = "ticket";

enum {
    PURPOSE_BYTES = sizeof(purpose),
    MESSAGE_MAX = PURPOSE_BYTES + PLAIN_MAX + LINE_EVENT_ID_MAX
};

static_assert(TICKET_BYTES_MAX / 3 * 4 == TICKET_LEN_MAX && TICKET_BYTES_MAX % 3 == 0,
              "60 characters, no rest");
static_assert(LINE_TAG_BYTES % 3 == 0, "56 without the tag, no rest either");

static void put_be(uint8_t *at, unsigned bytes, uint64_t value)
{
    assert(bytes < 8 && value >> (8 * bytes) == 0); /* nothing is cut off */
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

static size_t message(struct span event, const uint8_t *plain, size_t plain_len,
                      uint8_t out[MESSAGE_MAX])
{
    assert(event.len <= LINE_EVENT_ID_MAX && plain_len <= PLAIN_MAX);
    memcpy(out, purpose, PURPOSE_BYTES);
    memcpy(out + PURPOSE_BYTES, plain, plain_len);
    memcpy(out + PURPOSE_BYTES + plain_len, event.ptr, event.len);
    return PURPOSE_BYTES + plain_len + event.len;
}

void ticket_put(struct text *out, const struct mac_ring *ring, struct span event,
                const struct ticket *ticket)
{
    assert(ticket->entry > 0);
    assert(ticket->entry <= TICKET_ENTRY_MAX);
    assert(ticket->lane <= LANES_MAX);
    assert(ticket->p50_s <= TICKET_WAIT_MAX_S && ticket->p90_s <= TICKET_WAIT_MAX_S);
    assert(ticket->issued_ms < 1000);
    assert(ticket->tag < 1 << (8 * LINE_TAG_BYTES));
    bool tagged = ticket->tag != 0;
    size_t plain_len = tagged ? PLAIN_MAX : TAG_AT;
    uint8_t bytes[TICKET_BYTES_MAX] = {tagged ? VERSION : VERSION_UNTAGGED, mac_ring_current(ring)};
    bytes[2] = (uint8_t)(ticket->lane | (ticket->member ? BOUND : 0));
    bytes[3] = ticket->moves;
    put_be(bytes + 4, 4, ticket->entry);
    put_be(bytes + 8, 4, ticket->issued_s);
    memcpy(bytes + 12, ticket->visitor, LINE_VISITOR_BYTES);
    uint64_t part = (uint64_t)ticket->issued_ms * 256 / 1000;
    put_be(bytes + 20, 6,
           part << (2 * WAIT_BITS) | (uint64_t)ticket->p50_s << WAIT_BITS | ticket->p90_s);
    if (tagged)
        put_be(bytes + TAG_AT, LINE_TAG_BYTES, ticket->tag);
    uint8_t signed_bytes[MESSAGE_MAX];
    size_t len = message(event, bytes, plain_len, signed_bytes);
    mac_make(ring, signed_bytes, len, bytes + plain_len);
    base64_put(out, bytes, plain_len + MAC_BYTES);
}

int ticket_parse(const struct mac_ring *ring, struct span event, struct span text, uint64_t now_s,
                 uint64_t lifetime_s, struct ticket *out)
{
    uint8_t bytes[TICKET_BYTES_MAX];
    bool tagged = text.len == TICKET_LEN_MAX;
    size_t plain_len = tagged ? PLAIN_MAX : TAG_AT;
    if (event.len > LINE_EVENT_ID_MAX || !base64_decode_exact(text, bytes, plain_len + MAC_BYTES) ||
        bytes[0] != (tagged ? VERSION : VERSION_UNTAGGED))
        return ERR_SYNTAX;
    uint8_t signed_bytes[MESSAGE_MAX];
    size_t len = message(event, bytes, plain_len, signed_bytes);
    if (!mac_check(ring, bytes[1], signed_bytes, len, bytes + plain_len))
        return ERR_AUTH;
    uint64_t told = get_be(bytes + 20, 6);
    struct ticket ticket = {
        .entry = get_be(bytes + 4, 4),
        .moves = bytes[3],
        .member = (bytes[2] & BOUND) != 0,
        .lane = bytes[2] & (BOUND - 1),
        .tag = tagged ? (uint32_t)get_be(bytes + TAG_AT, LINE_TAG_BYTES) : 0,
        .issued_s = (uint32_t)get_be(bytes + 8, 4),
        .p50_s = (uint32_t)(told >> WAIT_BITS) & TICKET_WAIT_MAX_S,
        .p90_s = (uint32_t)told & TICKET_WAIT_MAX_S,
        .issued_ms = (uint16_t)((told >> (2 * WAIT_BITS)) * 1000 / 256),
        .key_id = bytes[1],
    };
    memcpy(ticket.visitor, bytes + 12, LINE_VISITOR_BYTES);
    /* Signed, so it is one of ours; but perhaps of a program that knows more than this one. */
    if (ticket.entry == 0 || ticket.lane > LANES_MAX)
        return ERR_AUTH;
    if (now_s > ticket.issued_s && now_s - ticket.issued_s > lifetime_s)
        return ERR_TIMEOUT;
    *out = ticket;
    return 0;
}
