/* pack.c: a change is encoded in place, so that packing copies nothing. */
#include "journal/pack.h"

enum { HAS_IDEM = 0x80, KIND = 0x7f };

static_assert((int)CHANGE_KIND_COUNT <= (int)HAS_IDEM, "a kind leaves the highest bit free");

size_t pack_put(uint8_t *out, bool first, struct change_before *before, const struct change *change,
                const uint8_t *idem)
{
    assert(change->kind != PACK_KIND);
    assert(change->kind < CHANGE_KIND_COUNT);
    uint8_t *at = first ? change_put_head(out, change->seq, before) : out;
    *at++ = (uint8_t)(change->kind | (idem != NULL ? HAS_IDEM : 0));
    at = change_put(at, change, before);
    if (idem != NULL) {
        memcpy(at, idem, PACK_IDEM_BYTES);
        at += PACK_IDEM_BYTES;
    }
    assert(at - out <= PACK_ENTRY_BYTES_MAX);
    return (size_t)(at - out);
}

struct pack pack_open(struct span body)
{
    const uint8_t *bytes = (const uint8_t *)body.ptr;
    struct pack pack = {.wire = {.at = bytes, .end = bytes + body.len}};
    change_get_head(&pack.wire, &pack.before);
    return pack;
}

bool pack_has_more(const struct pack *pack)
{
    return pack->wire.at != pack->wire.end;
}

int pack_next(struct pack *pack, struct err_slot *err, struct change *change, struct span *idem)
{
    uint8_t head = wire_get_byte(&pack->wire), kind = head & KIND;
    change_get(&pack->wire, kind, &pack->before, change);
    *idem = (struct span){NULL, 0};
    if (head & HAS_IDEM)
        *idem = (struct span){(const char *)wire_get_in_place(&pack->wire, PACK_IDEM_BYTES),
                              PACK_IDEM_BYTES};
    if (pack->wire.bad != NULL)
        return err_set(err, ERR_SYNTAX, "change (%s) %s", change_kind_name(kind), pack->wire.bad);
    return 0;
}
