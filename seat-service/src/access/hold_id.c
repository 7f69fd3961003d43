/* hold_id.c: key id, number, MAC: 25 bytes, 34 characters. The MAC covers the event too, so a name
 * from one event opens nothing in another. A ring of keys allows rotation: names are made with the
 * newest key, and names made with older keys are accepted while the ring has them. */
#include "access/hold_id.h"

#include "base/base64.h"

#include <assert.h>
#include <string.h>

enum { EVENT_MAX = 64 };

struct name {
    uint8_t key_id;
    uint8_t number[8];
    uint8_t mac[MAC_BYTES];
};
static_assert(sizeof(struct name) == 25, "34 characters of base64url");

/* The signed message: purpose, key id, number, event. */
static size_t message_of(uint8_t key_id, uint64_t hold, struct span event,
                         uint8_t out[1 + 1 + 8 + EVENT_MAX])
{
    assert(event.len <= EVENT_MAX);
    out[0] = 'h';
    out[1] = key_id;
    memcpy(out + 2, &hold, sizeof(hold));
    memcpy(out + 10, event.ptr, event.len);
    return 10 + event.len;
}

struct hold_id hold_id_make(const struct mac_ring *keys, struct span event, uint64_t hold)
{
    struct name name = {.key_id = mac_ring_current(keys)};
    uint8_t message[10 + EVENT_MAX];
    memcpy(name.number, &hold, sizeof(hold));
    size_t len = message_of(name.key_id, hold, event, message);
    mac_make(keys, &(struct span){(const char *)message, len}, 1, name.mac);
    struct hold_id id;
    struct text text = text_on(id.text, HOLD_ID_LEN);
    base64_put(&text, &name, sizeof(name));
    assert(text.len == HOLD_ID_LEN);
    id.text[HOLD_ID_LEN] = '\0';
    return id;
}

bool hold_id_read(const struct mac_ring *keys, struct span event, struct span text, uint64_t *hold)
{
    struct name name;
    uint64_t number;
    uint8_t message[10 + EVENT_MAX];
    if (event.len > EVENT_MAX || !base64_decode_exact(text, &name, sizeof(name)))
        return false;
    memcpy(&number, name.number, sizeof(number));
    size_t len = message_of(name.key_id, number, event, message);
    if (!mac_check(keys, name.key_id, &(struct span){(const char *)message, len}, 1, name.mac))
        return false;
    *hold = number;
    return true;
}
