/* change.c: encodes and decodes changes.
 *
 * First the format version and the number of the first change, then each change: its kind and the
 * fields of that kind in one fixed order, as the table below lists them (wire.h: encoding of
 * numbers). A field that is usually close to its value in the previous change is written as the
 * distance from it, and numbers are consecutive. So a hold of four neighbours takes about thirty
 * bytes. Each value has exactly one encoding, so a hash over the bytes is a hash over the changes.
 * Encode and decode use the same table of fields, so they cannot diverge. */
#include "core/engine/change.h"
#include "core/engine/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum { FORMAT = 1 };

enum field {
    FIELD_HOLD = 1 << 0, /* and its version */
    FIELD_VERDICT = 1 << 1,
    FIELD_FLAGS = 1 << 2,
    FIELD_PRICE_LIST = 1 << 3,
    FIELD_PLACE = 1 << 4, /* area and quantity */
    FIELD_OWNER = 1 << 5, /* buyer and session */
    FIELD_EXPIRES = 1 << 6,
    FIELD_HARD_END = 1 << 7,
    FIELD_TOTAL = 1 << 8,
    FIELD_ADDED = 1 << 9,
    FIELD_REMOVED = 1 << 10,
    FIELD_TEXT = 1 << 11,
    FIELD_PLAN_HASH = 1 << 12,
    FIELD_CATEGORY = 1 << 13,
    FIELD_PURCHASE = 1 << 14,
    FIELD_WHO = 1 << 15,
    FIELD_CATEGORIES = 1 << 16,
    FIELD_PRICES = 1 << 17,
};

static const struct kind {
    const char *name;
    uint32_t fields;
} kinds[CHANGE_KIND_COUNT] = {
    [CHANGE_IMPORTED] = {"imported", FIELD_PLAN_HASH},
    [CHANGE_TAKEN] = {"taken", FIELD_HOLD | FIELD_FLAGS | FIELD_PRICE_LIST | FIELD_PLACE |
                                   FIELD_OWNER | FIELD_EXPIRES | FIELD_HARD_END | FIELD_TOTAL |
                                   FIELD_ADDED},
    [CHANGE_CHANGED] = {"changed", FIELD_HOLD | FIELD_FLAGS | FIELD_PLACE | FIELD_TOTAL |
                                       FIELD_ADDED | FIELD_REMOVED},
    [CHANGE_EXTENDED] = {"extended",
                         FIELD_HOLD | FIELD_OWNER | FIELD_EXPIRES | FIELD_TEXT | FIELD_PURCHASE},
    [CHANGE_RELEASED] = {"released", FIELD_HOLD | FIELD_PLACE | FIELD_REMOVED | FIELD_TEXT},
    [CHANGE_EXPIRED] = {"expired", FIELD_HOLD | FIELD_PLACE | FIELD_REMOVED},
    [CHANGE_CONFIRMED] = {"confirmed", FIELD_HOLD | FIELD_VERDICT | FIELD_PLACE | FIELD_OWNER |
                                           FIELD_TOTAL | FIELD_ADDED | FIELD_TEXT},
    [CHANGE_REFUNDED] = {"refunded",
                         FIELD_HOLD | FIELD_PLACE | FIELD_TOTAL | FIELD_REMOVED | FIELD_TEXT},
    [CHANGE_BLOCKED] = {"blocked", FIELD_PLACE | FIELD_ADDED | FIELD_TEXT | FIELD_WHO},
    [CHANGE_UNBLOCKED] = {"unblocked", FIELD_PLACE | FIELD_REMOVED | FIELD_TEXT | FIELD_WHO},
    [CHANGE_MOVED] = {"moved", FIELD_HOLD | FIELD_TOTAL | FIELD_ADDED | FIELD_REMOVED | FIELD_TEXT},
    [CHANGE_PRICED] = {"priced",
                       FIELD_CATEGORY | FIELD_PRICE_LIST | FIELD_PRICES | FIELD_TEXT | FIELD_WHO},
    [CHANGE_LATE] = {"late", FIELD_HOLD | FIELD_FLAGS | FIELD_PLACE | FIELD_REMOVED},
    [CHANGE_FORGOTTEN] = {"forgotten", FIELD_HOLD | FIELD_TEXT},
    [CHANGE_REVISED] = {"revised", FIELD_FLAGS | FIELD_TEXT | FIELD_PLAN_HASH | FIELD_WHO},
    [CHANGE_REPRICED] = {"repriced", FIELD_CATEGORIES | FIELD_PRICE_LIST | FIELD_PRICES |
                                         FIELD_TEXT | FIELD_WHO},
};

const char *change_kind_name(unsigned kind)
{
    return kind < CHANGE_KIND_COUNT && kinds[kind].name != NULL ? kinds[kind].name : "unknown";
}

void change_init(struct change *change, enum change_kind kind, uint64_t at_ms)
{
    /* In parts: one large memset becomes a `rep stos`, which takes longer than the rest of an op.
     */
    const size_t half = offsetof(struct change, buyer), end = offsetof(struct change, purchase);
    memset(change, 0, half);
    memset((uint8_t *)change + half, 0, end - half);
    memset(change->purchase, 0, sizeof(change->purchase));
    memset(change->plan_hash, 0, sizeof(change->plan_hash));
    change->text[0] = '\0';
    change->kind = (uint8_t)kind;
    change->at_ms = at_ms;
    change->area = CHANGE_AREA_NONE;
}

void change_copy(struct change *to, const struct change *from)
{
    assert(from->add_count + from->remove_count <= CHANGE_SEATS_MAX);
    assert(from->categories == 0 ||
           from->add_count + from->remove_count == 0); /* one or the other */
    size_t seats = ((size_t)from->add_count + from->remove_count) * sizeof(from->seats[0]);
    size_t tail = from->categories != 0 ? sizeof(from->prices) : seats;
    memcpy(to, from, offsetof(struct change, seats) + tail);
}

uint32_t change_category(uint64_t *left)
{
    assert(*left != 0);
    uint32_t category = (uint32_t)__builtin_ctzll(*left);
    *left &= *left - 1;
    return category;
}

/* Asserts everything that decoding rejects: an unreadable row puts its event out of service. */
static void assert_readable(const struct change *change, uint32_t fields)
{
    bool in_area = change->area != CHANGE_AREA_NONE;
    assert((fields & FIELD_HOLD) == 0 || change->hold != 0);
    assert((fields & FIELD_VERDICT) == 0 || change->verdict == CHANGE_VERDICT_CONFIRMED ||
           change->verdict == CHANGE_VERDICT_RETAKEN);
    assert((fields & FIELD_FLAGS) == 0 || (change->flags & ~CHANGE_FLAGS_ALL) == 0);
    assert((fields & FIELD_PRICES) == 0 || change->categories != 0);
    assert((fields & FIELD_CATEGORY) == 0 || (change->categories & (change->categories - 1)) == 0);
    assert((fields & FIELD_PRICE_LIST) == 0 || change->price_list < PRICE_LISTS_MAX);
    assert((fields & FIELD_PLACE) == 0 || !in_area || change->area < PLAN_AREAS_MAX);
    assert((fields & FIELD_PLACE) == 0 || !in_area || change->quantity <= PLAN_AREA_CAPACITY_MAX);
    assert((fields & FIELD_TEXT) == 0 || memchr(change->text, '\0', change->text_len) == NULL);
    assert(change->who_len <= CHANGE_WHO_MAX);
    assert(memchr(change->who, '\0', change->who_len) == NULL);
}

static void remember(struct change_before *before, const struct change *change, uint32_t fields)
{
    assert(change->seq == before->seq + 1);
    before->seq = change->seq;
    before->at_ms = change->at_ms;
    if (fields & FIELD_HOLD)
        before->hold = change->hold;
    if (fields & FIELD_EXPIRES)
        before->ttl_ms = change->expires_ms - change->at_ms;
    if (fields & FIELD_HARD_END)
        before->spare_ms = change->hard_end_ms - change->expires_ms;
}

uint8_t *change_put_head(uint8_t *at, uint64_t seq, struct change_before *before)
{
    *before = (struct change_before){.seq = seq - 1};
    *at++ = FORMAT;
    return wire_put_number(at, seq);
}

uint8_t *change_put(uint8_t *at, const struct change *change, struct change_before *before)
{
    assert(change->kind > 0);
    assert(change->kind < CHANGE_KIND_COUNT);
    assert(change->add_count + change->remove_count <= CHANGE_SEATS_MAX);
    assert(change->text_len <= CHANGE_TEXT_MAX);
    uint32_t fields = kinds[change->kind].fields;
    assert((fields & FIELD_ADDED) != 0 || change->add_count == 0);
    assert((fields & FIELD_REMOVED) != 0 || change->remove_count == 0);
    assert_readable(change, fields);

    at = wire_put_distance(at, before->at_ms, change->at_ms);
    if (fields & FIELD_HOLD) {
        at = wire_put_distance(at, before->hold, change->hold);
        at = wire_put_number(at, change->hold_version);
    }
    if (fields & FIELD_VERDICT)
        *at++ = change->verdict;
    if (fields & FIELD_FLAGS)
        *at++ = change->flags;
    if (fields & FIELD_CATEGORY)
        *at++ = (uint8_t)__builtin_ctzll(change->categories);
    if (fields & FIELD_CATEGORIES)
        at = wire_put_hash(at, change->categories);
    if (fields & FIELD_PRICE_LIST)
        at = wire_put_number(at, change->price_list);
    if (fields & FIELD_PLACE) { /* a single 0 byte if there is no area */
        bool in_area = change->area != CHANGE_AREA_NONE;
        at = wire_put_number(at, in_area ? change->area + 1u : 0);
        if (in_area)
            at = wire_put_number(at, change->quantity);
    }
    if (fields & FIELD_OWNER) { /* without a known member, buyer equals session */
        at = wire_put_hash(at, change->session);
        at = wire_put_number(at, change->buyer ^ change->session);
    }
    if (fields & FIELD_EXPIRES)
        at = wire_put_distance(at, change->at_ms + before->ttl_ms, change->expires_ms);
    if (fields & FIELD_HARD_END)
        at = wire_put_distance(at, change->expires_ms + before->spare_ms, change->hard_end_ms);
    if (fields & FIELD_TOTAL)
        at = wire_put_number(at, change->total);
    for (uint64_t left = fields & FIELD_PRICES ? change->categories : 0; left != 0;) {
        uint64_t price = change->prices[change_category(&left)];
        assert(price <= PLAN_PRICE_MAX);
        at = wire_put_number(at, price);
    }
    if (fields & FIELD_ADDED)
        at = wire_put_seats(at, change->seats, change->add_count);
    if (fields & FIELD_REMOVED)
        at = wire_put_seats(at, change->seats + change->add_count, change->remove_count);
    if (fields & FIELD_TEXT) {
        *at++ = change->text_len;
        memcpy(at, change->text, change->text_len);
        at += change->text_len;
    }
    if (fields & FIELD_PLAN_HASH) {
        memcpy(at, change->plan_hash, CHANGE_HASH_BYTES);
        at += CHANGE_HASH_BYTES;
    }
    if (fields & FIELD_PURCHASE) {
        memcpy(at, change->purchase, CHANGE_HASH_BYTES);
        at += CHANGE_HASH_BYTES;
    }
    if (fields & FIELD_WHO) {
        *at++ = change->who_len;
        memcpy(at, change->who, change->who_len);
        at += change->who_len;
    }
    remember(before, change, fields);
    return at;
}

/* ---- reading ---- */

static void get_place(struct wire *reader, struct change *change)
{
    uint32_t area = (uint32_t)wire_get_number(reader, PLAN_AREAS_MAX);
    if (area == 0)
        return;
    change->area = (uint16_t)(area - 1);
    change->quantity = (uint32_t)wire_get_number(reader, PLAN_AREA_CAPACITY_MAX);
}

static void get_text(struct wire *reader, struct change *change)
{
    uint8_t len = wire_get_byte(reader);
    if (len > CHANGE_TEXT_MAX) {
        wire_fail(reader, "has a text that is too long");
        return;
    }
    wire_get_bytes(reader, change->text, len);
    if (memchr(change->text, '\0', len) != NULL)
        wire_fail(reader, "has a text with a NUL in it");
    change->text[len] = '\0';
    change->text_len = len;
}

static void get_who(struct wire *reader, struct change *change)
{
    uint8_t len = wire_get_byte(reader);
    if (len > CHANGE_WHO_MAX) {
        wire_fail(reader, "has a name that is too long");
        return;
    }
    wire_get_bytes(reader, change->who, len);
    if (memchr(change->who, '\0', len) != NULL)
        wire_fail(reader, "has a name with a NUL in it");
    change->who_len = len;
}

void change_get_head(struct wire *reader, struct change_before *before)
{
    uint8_t format = wire_get_byte(reader);
    if (format != FORMAT)
        wire_fail(reader, "has a format that this program does not know");
    *before = (struct change_before){.seq = wire_get_number(reader, UINT64_MAX) - 1};
}

void change_get(struct wire *reader, uint8_t kind, struct change_before *before,
                struct change *change)
{
    if (kind == 0 || kind >= CHANGE_KIND_COUNT)
        wire_fail(reader, "has an unknown kind");
    if (reader->bad != NULL)
        return;
    assert(kind < CHANGE_KIND_COUNT);
    uint32_t fields = kinds[kind].fields;
    change_init(change, (enum change_kind)kind, wire_get_distance(reader, before->at_ms));
    change->seq = before->seq + 1;
    if (fields & FIELD_HOLD) {
        change->hold = wire_get_distance(reader, before->hold);
        change->hold_version = (uint32_t)wire_get_number(reader, UINT32_MAX);
        if (change->hold == 0)
            wire_fail(reader, "names no hold");
    }
    if (fields & FIELD_VERDICT) {
        change->verdict = wire_get_byte(reader);
        if (change->verdict != CHANGE_VERDICT_CONFIRMED &&
            change->verdict != CHANGE_VERDICT_RETAKEN)
            wire_fail(reader, "has an unknown verdict");
    }
    if (fields & FIELD_FLAGS) {
        change->flags = wire_get_byte(reader);
        if (change->flags & ~CHANGE_FLAGS_ALL)
            wire_fail(reader, "has unknown flags");
    }
    if (fields & FIELD_CATEGORY) {
        uint8_t category = wire_get_byte(reader);
        if (category >= PLAN_CATEGORIES_MAX)
            wire_fail(reader, "names a category beyond the largest plan");
        else
            change->categories = UINT64_C(1) << category;
    }
    if (fields & FIELD_CATEGORIES)
        change->categories = wire_get_hash(reader);
    if ((fields & FIELD_PRICES) && change->categories == 0)
        wire_fail(reader, "names no category");
    if (fields & FIELD_PRICE_LIST)
        change->price_list = (uint16_t)wire_get_number(reader, PRICE_LISTS_MAX - 1);
    if (fields & FIELD_PLACE)
        get_place(reader, change);
    if (fields & FIELD_OWNER) {
        change->session = wire_get_hash(reader);
        change->buyer = wire_get_number(reader, UINT64_MAX) ^ change->session;
    }
    if (fields & FIELD_EXPIRES)
        change->expires_ms = wire_get_distance(reader, change->at_ms + before->ttl_ms);
    if (fields & FIELD_HARD_END)
        change->hard_end_ms = wire_get_distance(reader, change->expires_ms + before->spare_ms);
    if (fields & FIELD_TOTAL)
        change->total = wire_get_number(reader, UINT64_MAX);
    for (uint64_t left = fields & FIELD_PRICES ? change->categories : 0; left != 0;)
        change->prices[change_category(&left)] = wire_get_number(reader, PLAN_PRICE_MAX);
    if (fields & FIELD_ADDED)
        change->add_count = wire_get_seats(reader, change->seats, CHANGE_SEATS_MAX);
    if (fields & FIELD_REMOVED)
        change->remove_count = wire_get_seats(reader, change->seats + change->add_count,
                                              (uint32_t)CHANGE_SEATS_MAX - change->add_count);
    if (fields & FIELD_TEXT)
        get_text(reader, change);
    if (fields & FIELD_PLAN_HASH)
        wire_get_bytes(reader, change->plan_hash, CHANGE_HASH_BYTES);
    if (fields & FIELD_PURCHASE)
        wire_get_bytes(reader, change->purchase, CHANGE_HASH_BYTES);
    if (fields & FIELD_WHO)
        get_who(reader, change);
    remember(before, change, fields);
    /* change_put() asserts the same facts; here they are checked for bytes from any writer. */
    assert(change->kind == kind);
    assert(change->add_count + change->remove_count <= CHANGE_SEATS_MAX);
    assert(change->text_len <= CHANGE_TEXT_MAX);
}
