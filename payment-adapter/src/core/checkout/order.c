/* order.c: the order as JSON and back. Absent members read as empty or zero, so a program reads
 * what an older one wrote; unknown members are ignored, so it reads what a newer one wrote. Any
 * member that is too long or of the wrong type makes the order unreadable, and its saga stops
 * rather than continuing with half of it. order_dump() writes exactly what order_parse() reads. */
#include "core/checkout/order.h"

#include "base/bug.h"
#include "base/json_in.h"

#include <assert.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[ORDER_STATUS_COUNT] = {
    [ORDER_PENDING_PAYMENT] = "pending_payment",
    [ORDER_CONFIRMING] = "confirming",
    [ORDER_COMPLETED] = "completed",
    [ORDER_CANCELLED] = "cancelled",
    [ORDER_EXPIRED] = "expired",
    [ORDER_FAILED] = "failed",
    [ORDER_REFUNDING] = "refunding",
    [ORDER_REFUNDED] = "refunded",
    [ORDER_PARKED] = "parked",
};

const char *order_status_name(enum order_status status)
{
    assert(status < ORDER_STATUS_COUNT);
    return status_names[status];
}

enum order_status order_status_parse(struct span word)
{
    for (unsigned status = 0; status < ORDER_STATUS_COUNT; status++)
        if (span_eq(word, span_of(status_names[status])))
            return (enum order_status)status;
    BUG_COUNT("order-of-unknown-status");
    return ORDER_PARKED;
}

static const enum order_off off_acts[ORDER_STATUS_COUNT] = {
    [ORDER_PENDING_PAYMENT] = ORDER_OFF_TURN_BACK,
    [ORDER_CONFIRMING] = ORDER_OFF_TURN_BACK, /* rejected as too late below the pivot */
    [ORDER_COMPLETED] = ORDER_OFF_REFUND,
    [ORDER_CANCELLED] = ORDER_OFF_NONE,
    [ORDER_EXPIRED] = ORDER_OFF_NONE,
    [ORDER_FAILED] = ORDER_OFF_NONE,
    [ORDER_REFUNDING] = ORDER_OFF_WAIT,
    [ORDER_REFUNDED] = ORDER_OFF_NONE,
    [ORDER_PARKED] = ORDER_OFF_WAIT,
};

enum order_off order_off(enum order_status status, bool moving, bool used)
{
    assert(status < ORDER_STATUS_COUNT);
    enum order_off act = off_acts[status];
    if (act == ORDER_OFF_REFUND && moving)
        act = ORDER_OFF_WAIT;
    if (act == ORDER_OFF_REFUND && used)
        act = ORDER_OFF_CREDIT;
    assert(act != ORDER_OFF_REFUND || (!moving && !used));
    assert(act != ORDER_OFF_CREDIT || status == ORDER_COMPLETED);
    return act;
}

bool order_area_seat(const char *area, uint32_t number, char out[ORDER_SEAT_MAX])
{
    assert(number >= 1);
    int len = snprintf(out, ORDER_SEAT_MAX, "%s#%u", area, number);
    assert(len > 0);
    return len < ORDER_SEAT_MAX;
}

static bool take_text(const json_t *root, const char *key, char *to, size_t cap)
{
    assert(cap > 1);
    const json_t *value = json_object_get(root, key);
    if (value == NULL) {
        to[0] = '\0';
        return true;
    }
    struct span text = json_in_words(value);
    return json_is_string(value) && span_to_cstr(text, to, cap);
}

static bool take_number(const json_t *root, const char *key, uint64_t *to)
{
    const json_t *value = json_object_get(root, key);
    if (value != NULL && (!json_is_integer(value) || json_integer_value(value) < 0))
        return false;
    *to = value != NULL ? (uint64_t)json_integer_value(value) : 0;
    return true;
}

bool order_take_seats(const json_t *root, struct order *order)
{
    const json_t *seats = json_object_get(root, "seats");
    size_t len = json_array_size(seats);
    if (len > ORDER_SEATS_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        const json_t *seat = json_array_get(seats, i);
        struct span text = json_in_words(seat);
        if (!json_is_string(seat) || text.len == 0 ||
            !span_to_cstr(text, order->seats[i], ORDER_SEAT_MAX))
            return false;
    }
    assert(len <= ORDER_SEATS_MAX);
    order->seats_len = (uint32_t)len;
    return true;
}

static bool take_all(const json_t *root, struct order *order)
{
    uint64_t round, check, credit;
    bool good = take_text(root, "order", order->id, sizeof(order->id)) &&
                take_text(root, "event", order->event, sizeof(order->event)) &&
                take_text(root, "event_name", order->event_name, sizeof(order->event_name)) &&
                take_text(root, "hold", order->hold, sizeof(order->hold)) &&
                take_text(root, "member", order->member, sizeof(order->member)) &&
                take_text(root, "session", order->session, sizeof(order->session)) &&
                take_text(root, "lang", order->lang, sizeof(order->lang)) &&
                take_text(root, "provider", order->provider, sizeof(order->provider)) &&
                take_text(root, "currency", order->currency, sizeof(order->currency)) &&
                take_text(root, "payment", order->payment, sizeof(order->payment)) &&
                take_text(root, "payment_key", order->payment_key, sizeof(order->payment_key)) &&
                take_text(root, "checked_key", order->checked_key, sizeof(order->checked_key)) &&
                take_number(root, "check", &check) && check < ORDER_CHECK_COUNT &&
                take_text(root, "purchase", order->purchase, sizeof(order->purchase)) &&
                take_text(root, "terms", order->terms, sizeof(order->terms)) &&
                take_number(root, "refund", &order->refund) &&
                take_number(root, "fees", &order->fees) &&
                take_number(root, "amount", &order->amount) &&
                take_number(root, "expires_ms", &order->expires_ms) &&
                take_number(root, "key_round", &round) && round <= UINT32_MAX;
    good = good && order_take_seats(root, order) && take_number(root, "credit", &credit) &&
           credit <= UINT32_MAX;
    if (good) {
        order->key_round = (uint32_t)round;
        order->credit = (uint32_t)credit;
        order->check = (enum order_check)check;
    }
    return good && order->id[0] != '\0';
}

int order_parse(struct span json, struct err_slot *err, struct order *out)
{
    json_t *root;
    int rc = json_in_parse(json, err, &root);
    if (rc < 0)
        return rc;
    memset(out, 0, offsetof(struct order, seats)); /* not the 14 KB of names, mostly unused */
    bool good = take_all(root, out);
    json_decref(root);
    assert(!good || out->id[0] != '\0'); /* order_dump() asserts the same */
    return good ? 0 : err_set(err, ERR_SYNTAX, "order: a member is missing, long or wrong");
}

int order_dump(const struct order *order, struct err_slot *err, char **out)
{
    assert(order->id[0] != '\0'); /* order_parse() rejects an order without one */
    assert(order->seats_len <= ORDER_SEATS_MAX);
    bool whole = true; /* running out of memory must not drop a seat, or turn a part into all */
    json_t *seats = json_array();
    for (uint32_t i = 0; i < order->seats_len; i++)
        whole &= json_array_append_new(seats, json_string(order->seats[i])) == 0;
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}",
        "order", order->id, "event", order->event, "hold", order->hold, "member", order->member,
        "session", order->session, "lang", order->lang, "provider", order->provider, "currency",
        order->currency, "payment", order->payment, "payment_key", order->payment_key, "purchase",
        order->purchase, "terms", order->terms, "fees", (json_int_t)order->fees, "amount",
        (json_int_t)order->amount, "expires_ms", (json_int_t)order->expires_ms, "key_round",
        (json_int_t)order->key_round, "seats", seats);
    if (order->event_name[0] != '\0')
        whole &= json_object_set_new(root, "event_name", json_string(order->event_name)) == 0;
    if (order->refund > 0)
        whole &= json_object_set_new(root, "refund", json_integer((json_int_t)order->refund)) == 0;
    if (order->credit > 0)
        whole &= json_object_set_new(root, "credit", json_integer(order->credit)) == 0;
    if (order->check != ORDER_CHECK_NONE) {
        whole &= json_object_set_new(root, "checked_key", json_string(order->checked_key)) == 0;
        whole &= json_object_set_new(root, "check", json_integer(order->check)) == 0;
    }
    char *text = whole ? json_in_text(root, 0) : NULL;
    json_decref(root);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "order as JSON");
    *out = text;
    return 0;
}
