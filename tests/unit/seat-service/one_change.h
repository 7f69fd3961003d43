/* one_change.h: the bytes of one change, as the journal writes a row's first one. */
#ifndef FG_TEST_ONE_CHANGE_H
#define FG_TEST_ONE_CHANGE_H

#include "core/engine/change.h"
#include "core/engine/wire.h"

#include <assert.h>

static inline size_t change_encode(const struct change *change, uint8_t out[CHANGE_BYTES_MAX])
{
    struct change_before before;
    uint8_t *at = change_put_head(out, change->seq, &before);
    *at++ = change->kind;
    size_t len = (size_t)(change_put(at, change, &before) - out);
    assert(len <= CHANGE_BYTES_MAX);
    assert(before.seq == change->seq);
    return len;
}

/* Reads one change that takes exactly len bytes; otherwise ERR_SYNTAX. */
static inline int change_decode(const uint8_t *bytes, size_t len, struct err_slot *err,
                                struct change *out)
{
    struct wire reader = {.at = bytes, .end = bytes + len};
    struct change_before before;
    struct change change;
    change_get_head(&reader, &before);
    uint8_t kind = wire_get_byte(&reader);
    change_get(&reader, kind, &before, &change);
    if (reader.bad == NULL && reader.at != reader.end)
        wire_fail(&reader, "has bytes left over");
    if (reader.bad != NULL)
        return err_set(err, ERR_SYNTAX, "change of %zu bytes (%s) %s", len, change_kind_name(kind),
                       reader.bad);
    change_copy(out, &change);
    return 0;
}

#endif
