/* moving.c: the statement that begins a move writes these members into the saga's data, and they
 * are read back here. It is our own data, but operators can edit the database, so a missing or
 * overlong member is rejected and not asserted. All or nothing: a move with one unreadable seat
 * does not start on the others. */
#include "core/checkout/moving.h"

#include "base/json_in.h"

#include <assert.h>
#include <jansson.h>

static bool take_seat(const json_t *seat, bool credit, struct moving_seat *out)
{
    return json_in_copy_of(seat, "from", out->from, sizeof(out->from)) &&
           (credit || json_in_copy_of(seat, "to", out->to, sizeof(out->to))) &&
           json_in_copy_of(seat, "ticket", out->ticket, sizeof(out->ticket)) &&
           json_in_copy_of(seat, "member", out->member, sizeof(out->member)) &&
           json_in_copy_of(seat, "lang", out->lang, sizeof(out->lang));
}

int moving_parse(struct span json, struct moving *out)
{
    json_t *root;
    int rc = json_in_parse(json, NULL, &root);
    if (rc < 0)
        return rc;
    const json_t *seats = json_object_get(root, "moves");
    json_int_t number = json_integer_value(json_object_get(root, "move"));
    json_int_t kept = json_integer_value(json_object_get(root, "kept"));
    size_t len = json_array_size(seats);
    bool good = (len > 0 || kept > 0) && len <= (kept > 0 ? ORDER_SEATS_MAX : MOVING_SEATS_MAX) &&
                number > 0 && number < UINT32_MAX && kept >= 0 && kept <= ORDER_SEATS_MAX;
    *out = (struct moving){.number = good ? (uint32_t)number : 0, .kept = (uint32_t)kept};
    out->standing = json_is_true(json_object_get(root, "standing"));
    for (size_t i = 0; good && i < len; i++)
        good = take_seat(json_array_get(seats, i), kept > 0, &out->seats[out->len++]);
    assert(out->len <= ORDER_SEATS_MAX);
    json_decref(root);
    assert(!good || out->len == len);
    return good ? 0 : ERR_SYNTAX;
}
