/* move_code.c: a code that is computed, not stored.
 *
 * It is a MAC over the place, its number of moves, the event and the current window of ten minutes.
 * So it changes when the place moves (one code, one move) and with each window, and a repeated
 * request gets the same code. Redis stores the code requested last, with its expiry; the MAC makes
 * codes unguessable. */
#include "core/token/move_code.h"

#include "core/token/code32.h"

#include <assert.h>
#include <endian.h>

static const char purpose[] = "move";

static_assert((MOVE_CODE_LEN - 1) * 5 <= 64, "the letters before the check come from one word");

void move_code_make(const struct mac_ring *ring, struct span event, const struct ticket *ticket,
                    uint64_t now_s, char code[MOVE_CODE_LEN])
{
    assert(ticket->entry > 0);
    assert(event.len <= LINE_EVENT_ID_MAX);
    char memory[sizeof(purpose) + 4 * 21 + LINE_EVENT_ID_MAX];
    struct text message = text_on(memory, sizeof(memory));
    text_add(&message, purpose, sizeof(purpose));
    text_u64(&message, line_place_of(ticket->lane, ticket->entry));
    text_char(&message, '.');
    text_u64(&message, ticket->moves);
    text_char(&message, '.');
    text_u64(&message, now_s / MOVE_WINDOW_S);
    text_char(&message, '.');
    text_put(&message, event);
    text_char(&message, '.'); /* no event id has a dot */
    text_u64(&message, ticket->tag);
    assert(!message.overflown);
    const struct span whole = text_span(&message);
    uint8_t mac[MAC_BYTES];
    uint64_t bits;
    mac_make(ring, &whole, 1, mac);
    memcpy(&bits, mac, sizeof(bits));
    bits = be64toh(bits);
    uint8_t values[MOVE_CODE_LEN - 1];
    for (unsigned i = 0; i < MOVE_CODE_LEN - 1; i++, bits >>= 5)
        values[i] = bits & 31;
    code32_make(values, MOVE_CODE_LEN, code);
}

uint64_t move_code_expires_s(uint64_t now_s)
{
    uint64_t expires_s = (now_s / MOVE_WINDOW_S + 2) * MOVE_WINDOW_S;
    assert(expires_s - now_s > MOVE_WINDOW_S && expires_s - now_s <= 2 * MOVE_WINDOW_S);
    return expires_s;
}

void move_code_put(struct text *out, const char code[MOVE_CODE_LEN])
{
    code32_put(out, code, MOVE_CODE_LEN, 4);
}

bool move_code_parse(struct span text, char code[MOVE_CODE_LEN])
{
    return code32_parse(text, MOVE_CODE_LEN, code, NULL);
}
