/* hold_id.c: key id, number, MAC: 25 bytes, 34 characters. The MAC covers the event too, so a name
 * from one event opens nothing in another. A ring of keys allows rotation: names are made with the
 * newest key, and names made with older keys are accepted while the ring has them. */
#include "access/hold_id.h"

#include "base/base64.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum { EVENT_MAX = 64, PARTS = 3 };

struct name {
    uint8_t key_id;
    uint8_t number[8];
    uint8_t mac[MAC_BYTES];
};
static_assert(sizeof(struct name) == 25, "34 characters of base64url");

/* The signed message: purpose, key id, number, event. */
static void parts_of(const struct name *name, struct span event, struct span parts[PARTS])
{
    assert(event.len <= EVENT_MAX);
    parts[0] = SPAN("h");
    parts[1] = (struct span){(const char *)name, offsetof(struct name, mac)};
    parts[2] = event;
}

struct hold_id hold_id_make(const struct mac_ring *keys, struct span event, uint64_t hold)
{
    struct name name = {.key_id = mac_ring_current(keys)};
    struct span parts[PARTS];
    memcpy(name.number, &hold, sizeof(hold));
    parts_of(&name, event, parts);
    mac_make(keys, parts, PARTS, name.mac);
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
    struct span parts[PARTS];
    if (event.len > EVENT_MAX || !base64_decode_exact(text, &name, sizeof(name)))
        return false;
    parts_of(&name, event, parts);
    if (!mac_check(keys, name.key_id, parts, PARTS, name.mac))
        return false;
    memcpy(hold, name.number, sizeof(*hold));
    return true;
}
