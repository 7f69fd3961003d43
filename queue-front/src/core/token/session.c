/* session.c: a name that anybody can read and only a front can make.
 *
 * It is signed with the key that signed the ticket, not with the current one. So the name stays the
 * same when keys are rotated during a visit; this is why ticket_parse() reports the key. Event and
 * place are readable, so that Redis and the services behind the line can use them without the
 * fronts' keys; the MAC is for the fronts, when they have to end a session by name. */
#include "core/token/session.h"

#include "base/base64.h"

#include <assert.h>
#include <endian.h>

enum {
    TAG_AT = 1 + LINE_VISITOR_BYTES,
    HEAD_BYTES = TAG_AT + LINE_TAG_BYTES,
    TAIL_BYTES = HEAD_BYTES + MAC_BYTES,
    PARTS = 4,
};

static const struct span purpose = {"session", sizeof("session")};

static_assert((TAIL_BYTES * 4 + 2) / 3 == SESSION_TAIL_LEN, "base64url without padding");

/* `number` is the place, big-endian. */
static void parts_of(struct span event, const uint64_t *number, const uint8_t head[HEAD_BYTES],
                     struct span parts[PARTS])
{
    assert(event.len <= LINE_EVENT_ID_MAX);
    parts[0] = purpose;
    parts[1] = (struct span){(const char *)head, HEAD_BYTES};
    parts[2] = (struct span){(const char *)number, sizeof(*number)};
    parts[3] = event;
}

static bool ring_of(const struct mac_ring *ring, uint8_t key_id, struct mac_ring *one)
{
    for (uint32_t i = 0; i < ring->len; i++) {
        if (ring->key[i].id == key_id) {
            *one = (struct mac_ring){.key[0] = ring->key[i], .len = 1};
            return true;
        }
    }
    return false;
}

void session_put(struct text *out, const struct mac_ring *ring, struct span event,
                 const struct ticket *ticket, uint64_t place)
{
    struct mac_ring one;
    bool known = ring_of(ring, ticket->key_id, &one);
    assert(known);                   /* it verified the ticket */
    assert(line_event_id_ok(event)); /* as session_parse() requires */
    assert(place > 0 && place <= SESSION_PLACE_MAX);
    uint8_t tail[TAIL_BYTES] = {ticket->key_id};
    memcpy(tail + 1, ticket->visitor, LINE_VISITOR_BYTES);
    for (unsigned i = 0; i < LINE_TAG_BYTES; i++)
        tail[TAG_AT + i] = (uint8_t)(ticket->tag >> (8 * (LINE_TAG_BYTES - 1 - i)));
    const uint64_t number = htobe64(place);
    struct span parts[PARTS];
    parts_of(event, &number, tail, parts);
    mac_make(&one, parts, PARTS, tail + HEAD_BYTES);
    mac_ring_wipe(&one);
    text_put(out, event);
    text_char(out, '.');
    text_u64(out, place);
    text_char(out, '.');
    base64_put(out, tail, sizeof(tail));
}

int session_parse(const struct mac_ring *ring, struct span text, struct session *out)
{
    struct span event, place;
    struct span rest = span_cut(text, '.', &event);
    if (rest.ptr == NULL)
        return ERR_SYNTAX;
    struct span tail_text = span_cut(rest, '.', &place);
    struct session session = {.event = event};
    uint8_t tail[TAIL_BYTES];
    if (!line_event_id_ok(event) || !span_u64(place, SESSION_PLACE_MAX, &session.place) ||
        session.place == 0 || line_lane_of(session.place) > LANES_MAX ||
        (place.len > 1 && place.ptr[0] == '0') ||
        !base64_decode_exact(tail_text, tail, sizeof(tail)))
        return ERR_SYNTAX;
    const uint64_t number = htobe64(session.place);
    struct span parts[PARTS];
    parts_of(event, &number, tail, parts);
    if (!mac_check(ring, tail[0], parts, PARTS, tail + HEAD_BYTES))
        return ERR_AUTH;
    for (size_t i = TAG_AT; i < HEAD_BYTES; i++)
        session.tag = session.tag << 8 | tail[i];
    memcpy(session.visitor, tail + 1, LINE_VISITOR_BYTES);
    assert(session.place > 0 && session.place <= SESSION_PLACE_MAX);
    *out = session;
    return 0;
}
