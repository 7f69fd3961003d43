/* wire.h: the encoding of numbers, hashes and seats that changes and snapshots share.
 *
 * Numbers are LEB128 (seven bits a byte, lowest first, the last byte without the high bit) without
 * a byte more than needed, so that one value has one encoding. Hashes are eight bytes
 * little-endian: LEB128 would not make them shorter. A distance is a number whose lowest bit is its
 * sign. Seats are ascending, each as its distance from the previous one. */
#ifndef FG_SEAT_CORE_WIRE_H
#define FG_SEAT_CORE_WIRE_H

#include "core/limits.h"

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- writing ---- */

static inline uint8_t *wire_put_number(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *wire_put_distance(uint8_t *at, uint64_t from, uint64_t to)
{
    uint64_t by = to - from;
    return wire_put_number(at, by << 1 ^ (0 - (by >> 63)));
}

static inline uint8_t *wire_put_hash(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++, value >>= 8)
        *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *wire_put_seats(uint8_t *at, const uint32_t *seats, uint32_t count)
{
    assert(count <= CHANGE_SEATS_MAX); /* wire_get_seats() has room for no more */
    at = wire_put_number(at, count);
    uint64_t next = 0; /* the smallest valid seat: distances start at zero */
    for (uint32_t i = 0; i < count; i++) {
        assert(seats[i] >= next);
        assert(seats[i] < PLAN_SEATS_MAX);
        at = wire_put_number(at, seats[i] - next);
        next = (uint64_t)seats[i] + 1;
    }
    return at;
}

/* ---- reading ----
 *
 * The getters never read past the end. The first error sets `bad`, and all later getters return
 * zero, so callers need no check after each field. */

struct wire {
    const uint8_t *at;
    const uint8_t *end;
    const char *bad; /* NULL: no error */
};

static inline void wire_fail(struct wire *reader, const char *what)
{
    assert(what != NULL);
    if (reader->bad == NULL)
        reader->bad = what;
}

static inline uint8_t wire_get_byte(struct wire *reader)
{
    assert(reader->at <= reader->end);
    if (reader->bad != NULL || reader->at == reader->end) {
        wire_fail(reader, "ends too early");
        return 0;
    }
    return *reader->at++;
}

static inline uint64_t wire_get_number(struct wire *reader, uint64_t max)
{
    assert(reader->at <= reader->end);
    const uint8_t *at = reader->at;
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (reader->bad != NULL || at == reader->end) {
            wire_fail(reader, "ends too early");
            return 0;
        }
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) {
            wire_fail(reader, "has a number of more than 64 bits");
            return 0;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte >= 0x80)
            continue;
        if (byte == 0 && shift > 0)
            wire_fail(reader, "has a number with needless bytes");
        break;
    }
    reader->at = at;
    if (value > max)
        wire_fail(reader, "has a number that is too large");
    assert(value <= max || reader->bad != NULL);
    return reader->bad == NULL ? value : 0;
}

static inline uint64_t wire_get_distance(struct wire *reader, uint64_t from)
{
    uint64_t by = wire_get_number(reader, UINT64_MAX);
    return from + (by >> 1 ^ (0 - (by & 1)));
}

/* Points into the buffer without copying, or returns NULL. */
static inline const uint8_t *wire_get_in_place(struct wire *reader, size_t len)
{
    assert(reader->at <= reader->end);
    if (reader->bad != NULL || (size_t)(reader->end - reader->at) < len) {
        wire_fail(reader, "ends too early");
        return NULL;
    }
    reader->at += len;
    return reader->at - len;
}

static inline void wire_get_bytes(struct wire *reader, void *out, size_t len)
{
    const uint8_t *bytes = wire_get_in_place(reader, len);
    if (bytes != NULL)
        memcpy(out, bytes, len);
}

static inline uint64_t wire_get_hash(struct wire *reader)
{
    uint64_t value = 0;
    wire_get_bytes(reader, &value, sizeof(value));
    return le64toh(value);
}

static inline uint16_t wire_get_seats(struct wire *reader, uint32_t *seats, uint32_t room)
{
    assert(room <= CHANGE_SEATS_MAX);
    uint32_t count = (uint32_t)wire_get_number(reader, room);
    uint64_t next = 0;
    for (uint32_t i = 0; i < count && reader->bad == NULL; i++) {
        uint64_t seat = next + wire_get_number(reader, PLAN_SEATS_MAX);
        if (seat >= PLAN_SEATS_MAX) {
            wire_fail(reader, "names a seat beyond the largest plan");
            break;
        }
        seats[i] = (uint32_t)seat;
        next = seat + 1;
    }
    return reader->bad == NULL ? (uint16_t)count : 0;
}

#endif
