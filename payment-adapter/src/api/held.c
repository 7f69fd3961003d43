/* held.c: validates everything in the seat service's answer. The price is read from each place, and
 * the places must add up to the total, so what the buyer sees, what is paid, and what the seat
 * service later compares are one sum (I2). The amount to pay is that total plus the event's fees.
 * VAT is a part of it and is computed here again from its rate; the digest covers the rate and the
 * refund terms too, since they were agreed. If anything is missing, too long or inconsistent, no
 * order is made. */
#include "api/held.h"

#include "base/json_in.h"
#include "base/rfc3339.h"
#include "observe/trace.h"
#include "pay_limits.h"
#include "sale/fees.h"

#include <assert.h>
#include <stdio.h>

/* More than any sum of prices and fees, and exact in JSON and databases. */
#define HELD_MINOR_MAX (UINT64_C(1) << 48)

static_assert((int)ORDER_SEATS_MAX <= (int)PURCHASE_LINES_MAX, "an order's seats are a purchase's");
/* PostgreSQL adds blanks to the lines, and each byte of a seat's name may be escaped. */
static_assert((int)HELD_JSON_MAX + ORDER_SEATS_MAX * (16 + 6 * ORDER_SEAT_MAX) + 8192 <=
                  (int)SHOP_LETTER_MAX,
              "a letter has room for its lines, its seats and the rest");

bool held_is_too_large(const json_t *hold)
{
    return json_array_size(json_object_get(hold, "seats")) > ORDER_SEATS_MAX ||
           json_integer_value(json_object_get(hold, "quantity")) > ORDER_SEATS_MAX;
}

static bool read_area(const json_t *hold, struct order *order)
{
    const char *area = json_string_value(json_object_get(hold, "area"));
    json_int_t quantity = json_integer_value(json_object_get(hold, "quantity"));
    if (area == NULL || area[0] == '\0' || quantity < 1 || quantity > ORDER_SEATS_MAX)
        return false;
    for (json_int_t i = 0; i < quantity; i++) {
        if (!order_area_seat(area, (uint32_t)i + 1, order->seats[i]))
            return false;
    }
    order->seats_len = (uint32_t)quantity;
    return true;
}

/* ISO 4217 in capitals; a driver rewrites it if its provider wants another spelling. */
static bool is_currency(const char *text)
{
    return text != NULL && strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static bool read_number(const json_t *hold, const char *key, uint64_t most, uint64_t *out)
{
    const json_t *number = json_object_get(hold, key);
    json_int_t value = json_integer_value(number); /* 0 if missing */
    *out = (uint64_t)value;
    return (number == NULL || json_is_integer(number)) && value >= 0 && (uint64_t)value <= most;
}

/* An older seat service sends neither fees nor VAT. */
static bool read_charges(const json_t *hold, struct order *order, uint64_t *vat_rate)
{
    uint64_t vat;
    assert(order->amount <= HELD_MINOR_MAX); /* so the sum does not overflow */
    if (!read_number(hold, "fees", HELD_MINOR_MAX, &order->fees) ||
        !read_number(hold, "vat", HELD_MINOR_MAX, &vat) ||
        !read_number(hold, "vat_basis_points", FEES_VAT_MAX, vat_rate))
        return false;
    order->amount += order->fees;
    if (order->amount > HELD_MINOR_MAX)
        return false;
    return vat == fees_vat(order->amount, *vat_rate);
}

static bool read_order(const json_t *hold, struct order *order, uint64_t *vat_rate)
{
    const json_t *total = json_object_get(hold, "total");
    const char *currency = json_string_value(json_object_get(hold, "currency"));
    const char *expires = json_string_value(json_object_get(hold, "expires_at"));
    if (!json_is_integer(total) || !read_number(hold, "total", HELD_MINOR_MAX, &order->amount) ||
        !is_currency(currency) || expires == NULL ||
        !rfc3339_parse(span_of(expires), &order->expires_ms) ||
        !read_charges(hold, order, vat_rate))
        return false;
    memcpy(order->currency, currency, sizeof(order->currency));
    if (!order_take_seats(hold, order))
        return false;
    return order->seats_len > 0 || read_area(hold, order);
}

/* ---- the purchase ---- */

static bool read_line(const json_t *place, const char *seat, struct purchase_line *line)
{
    const json_t *price = json_object_get(place, "price");
    *line = (struct purchase_line){.place = json_in_text_of(place, "id"),
                                   .category = json_in_text_of(place, "category"),
                                   .price = (uint64_t)json_integer_value(price),
                                   .count = 1};
    return span_eq(line->place, span_of(seat)) && line->category.ptr != NULL &&
           json_is_integer(price) && line->price <= HELD_MINOR_MAX;
}

/* All places in an area cost the same. */
static bool read_area_line(const json_t *hold, struct purchase_line *line)
{
    uint64_t total = (uint64_t)json_integer_value(json_object_get(hold, "total"));
    uint32_t count = (uint32_t)json_integer_value(json_object_get(hold, "quantity"));
    assert(count > 0); /* read_area() checked it */
    *line = (struct purchase_line){.place = json_in_text_of(hold, "area"),
                                   .category = json_in_text_of(hold, "category"),
                                   .price = total / count,
                                   .count = count};
    return line->category.ptr != NULL && total % count == 0;
}

static bool read_lines(const json_t *hold, const struct order *order, struct purchase *purchase,
                       struct purchase_line lines[ORDER_SEATS_MAX])
{
    const json_t *places = json_object_get(hold, "places");
    assert(order->seats_len > 0);
    purchase->lines = lines;
    if (json_array_size(places) == 0) {
        purchase->lines_len = 1;
        return json_array_size(json_object_get(hold, "seats")) == 0 &&
               read_area_line(hold, &lines[0]);
    }
    purchase->lines_len = order->seats_len;
    if (json_array_size(places) != order->seats_len)
        return false;
    uint64_t total = order->fees;
    for (uint32_t i = 0; i < order->seats_len; i++) {
        if (!read_line(json_array_get(places, i), order->seats[i], &lines[i]))
            return false;
        total += lines[i].price;
    }
    return total == order->amount;
}

/* Each place has the same share of the fees. Fees and VAT are rounded as running sums, so that the
 * lines add up to the order's totals. */
static void put_lines(struct text *text, const struct purchase *purchase, bool standing,
                      uint64_t vat_rate)
{
    uint64_t places = 0, at = 0, sum = 0, fees = 0, vat = 0;
    for (uint32_t i = 0; i < purchase->lines_len; i++)
        places += purchase->lines[i].count;
    assert(places > 0);
    json_open(text, '[');
    for (uint32_t i = 0; i < purchase->lines_len; i++) {
        const struct purchase_line *line = &purchase->lines[i];
        at += line->count;
        uint64_t fee = purchase->fees * at / places - fees;
        fees += fee;
        sum += line->price * line->count + fee;
        uint64_t line_vat = fees_vat(sum, vat_rate) - vat;
        vat += line_vat;
        json_open(text, '{');
        json_member_str(text, "place", line->place);
        if (standing)
            json_member_bool(text, "standing", true);
        json_member_str(text, "category", line->category);
        json_member_u64(text, "price", line->price);
        json_member_u64(text, "count", line->count);
        json_member_u64(text, "fee", fee);
        if (vat_rate > 0) {
            json_member_u64(text, "vat_basis_points", vat_rate);
            json_member_u64(text, "vat", line_vat);
        }
        json_close(text, '}');
    }
    json_close(text, ']');
    assert(fees == purchase->fees);
    assert(sum == purchase->total);
    assert(vat == fees_vat(purchase->total, vat_rate));
    assert(at == places);
}

static void put_purchase(struct text *text, const struct purchase *purchase, bool standing,
                         uint64_t vat_rate, const char *digest)
{
    uint64_t vat = fees_vat(purchase->total, vat_rate);
    json_open(text, '{');
    json_member_u64(text, "version", PURCHASE_VERSION);
    json_member_cstr(text, "digest", digest);
    json_member_str(text, "event", purchase->event);
    json_member_str(text, "currency", purchase->currency);
    json_key(text, "lines");
    put_lines(text, purchase, standing, vat_rate);
    json_member_u64(text, "fees", purchase->fees);
    json_member_u64(text, "total", purchase->total);
    if (vat > 0)
        json_member_u64(text, "vat", vat);
    json_member_str(text, "terms", purchase->terms);
    json_close(text, '}');
}

static bool put_terms(struct order *order, uint64_t vat_rate, struct span refund)
{
    assert(refund.len > 0);
    struct text terms = text_on(order->terms, PURCHASE_TERMS_MAX);
    if (vat_rate > 0)
        text_printf(&terms, "vat_basis_points=%u;", (unsigned)vat_rate);
    TEXT_LIT(&terms, "refund="); /* last: SQL reads what follows */
    text_put(&terms, refund);
    order->terms[terms.len] = '\0';
    return !terms.overflown;
}

bool held_read(const json_t *hold, struct span refund, struct order *order,
               char json[HELD_JSON_MAX])
{
    struct purchase_line lines[ORDER_SEATS_MAX];
    struct purchase purchase = {0};
    uint64_t vat_rate;
    assert(!held_is_too_large(hold));
    if (!read_order(hold, order, &vat_rate) || !put_terms(order, vat_rate, refund) ||
        !read_lines(hold, order, &purchase, lines))
        return false;
    purchase.event = span_of(order->event);
    purchase.currency = span_of(order->currency);
    assert(order->fees <= order->amount);
    purchase.fees = order->fees;
    purchase.total = order->amount;
    purchase.terms = span_of(order->terms);
    uint8_t digest[PURCHASE_DIGEST_BYTES];
    purchase_digest(&purchase, digest);
    purchase_digest_text(digest, order->purchase);
    struct text text = text_on(json, HELD_JSON_MAX - 1);
    bool standing = json_array_size(json_object_get(hold, "seats")) == 0;
    put_purchase(&text, &purchase, standing, vat_rate, order->purchase);
    if (text.overflown)
        return false;
    json[text.len] = '\0';
    return true;
}

/* ---- fetching ---- */

enum { HOLD_CALL_MS = 5000 };

/* Where several processes share the events, the first answer may be that another process has this
 * event. Then the map is read again, and the hold is requested once more. */
static void on_map(void *ctx, bool found)
{
    struct held_fetch *fetch = ctx;
    assert(fetch->again); /* the map is read only once */
    if (found)
        held_fetch_begin(fetch);
    else
        fetch->on_done(fetch->ctx, NULL);
}

static void on_hold(void *ctx, const struct outcall_answer *answer)
{
    struct held_fetch *fetch = ctx;
    struct span event = span_of(fetch->event);
    if (seats_map_misled(fetch->map, event, answer) && !fetch->again) {
        fetch->again = true;
        seats_map_read(fetch->map, event, on_map, fetch);
        return;
    }
    fetch->on_done(fetch->ctx, answer);
}

void held_fetch_begin(struct held_fetch *fetch)
{
    char url_memory[1024], auth[HELD_PASS_MAX + 32], trace[96];
    assert(strlen(fetch->pass) < HELD_PASS_MAX);
    assert(strlen(fetch->trace) == TRACE_TEXT_LEN);
    struct text url = text_on(url_memory, sizeof(url_memory) - 1);
    bool whole = fetch->hold == NULL;
    seats_map_put(fetch->map, whole ? SEATS_PRIVATE : SEATS_OPEN, span_of(fetch->event), &url);
    text_put(&url, whole ? SPAN("/admin/events/") : SPAN("/v1/seats/"));
    outcall_escape(&url, span_of(fetch->event));
    if (!whole) {
        TEXT_LIT(&url, "/holds/");
        outcall_escape(&url, span_of(fetch->hold));
    }
    assert(!url.overflown);
    url_memory[url.len] = '\0';
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", fetch->pass);
    snprintf(trace, sizeof(trace), "traceparent: %s", fetch->trace);
    struct outcall call = {.url = url_memory,
                           .headers = {auth, trace},
                           .timeout_ms = HOLD_CALL_MS,
                           .on_done = on_hold,
                           .ctx = fetch};
    outcall_send(fetch->outcalls, &call);
}

enum refusal held_fetch_refusal(const struct outcall_answer *answer)
{
    assert(answer == NULL || answer->rc < 0 || answer->status != 200);
    if (answer == NULL || answer->rc < 0 || answer->status >= 500 || answer->status == 429)
        return REFUSAL_UNAVAILABLE;
    if (answer->status == 410)
        return REFUSAL_HOLD_EXPIRED;
    if (answer->status == 401 || answer->status == 403)
        return REFUSAL_PASS_REFUSED;
    return REFUSAL_HOLD_UNKNOWN; /* another member's hold and a missing one look the same */
}
