/* prices.c: one knob in three forms: the operator's, the stored one, and the visitors'.
 *
 * The operator's form is keyed by category name, so that a merge patch can mark one category as
 * gone without repeating the others. Visitors get a list, because its order matters to them, and
 * the range that is left, so that a page need not compute it. Amounts are whole minor units. Names
 * come from the operator and become JSON keys: is_name() rejects characters that would need
 * escaping. */
#include "core/event/prices.h"

#include <assert.h>
#include <string.h>

static bool is_currency(struct span text)
{
    return text.len == PRICE_CURRENCY_LEN && span_is_of(text, SPAN_UPPER);
}

static bool is_name(struct span text)
{
    return text.len >= 1 && text.len <= PRICE_NAME_MAX && span_is_printable(text) &&
           !span_has_any(text, "\"\\"); /* it becomes a JSON key */
}

static void read_category(struct json_in *categories, const char *name, struct prices *prices)
{
    struct json_in row;
    struct price *price = &prices->price[prices->len];
    uint64_t amount = 0;
    if (prices->len == PRICES_MAX) {
        json_in_refuse(categories, name, "is one too many: there may be %d", PRICES_MAX);
        return;
    }
    if (!is_name(span_of(name))) {
        json_in_refuse(categories, "",
                       "names are 1 to %d bytes, without quotes, backslashes and "
                       "control characters",
                       PRICE_NAME_MAX);
        return;
    }
    assert(prices->len < PRICES_MAX);
    if (!json_in_child(categories, name, &row))
        return;
    json_in_require(&row, "price");
    json_in_u64(&row, "price", 0, PRICE_MAX, &amount);
    price->gone = false;
    json_in_bool(&row, "gone", &price->gone);
    if (json_in_end(&row) < 0)
        return;
    memcpy(price->name, name, strlen(name) + 1);
    price->amount = (uint32_t)amount;
    prices->len++;
    assert(prices->len <= PRICES_MAX && price->amount <= PRICE_MAX);
}

void prices_read(struct json_in *in, const char *name, struct prices *out)
{
    struct json_in prices, categories;
    struct span currency = {NULL, 0};
    *out = (struct prices){.len = 0};
    if (!json_in_child(in, name, &prices))
        return;
    json_in_require(&prices, "currency");
    json_in_require(&prices, "categories");
    if (json_in_str(&prices, "currency", 1, PRICE_CURRENCY_LEN, &currency) &&
        !is_currency(currency))
        json_in_refuse(&prices, "currency", "must be three letters, such as \"KRW\"");
    else
        span_to_cstr(currency, out->currency, sizeof(out->currency));
    if (json_in_child(&prices, "categories", &categories)) {
        const char *key;
        json_t *value;
        json_object_foreach(categories.object, key, value)
        {
            read_category(&categories, key, out);
            if (categories.rc < 0)
                break;
        }
        json_in_end(&categories);
    }
    json_in_end(&prices);
    assert(out->len <= PRICES_MAX);
    assert(in->rc < 0 || is_currency(span_of(out->currency)));
}

static void put_members(struct text *out, const struct price *price)
{
    assert(price->amount <= PRICE_MAX);
    json_member_u64(out, "price", price->amount);
    json_member_bool(out, "gone", price->gone);
}

void prices_put(struct text *out, const struct prices *prices)
{
    assert(prices->len <= PRICES_MAX);
    json_open(out, '{');
    json_member_cstr(out, "currency", prices->currency);
    json_member_open(out, "categories", '{');
    for (uint32_t i = 0; i < prices->len; i++) {
        assert(is_name(span_of(prices->price[i].name))); /* keys are not escaped */
        json_key(out, prices->price[i].name);
        json_open(out, '{');
        put_members(out, &prices->price[i]);
        json_close(out, '}');
    }
    json_close(out, '}');
    json_close(out, '}');
}

void prices_show(struct text *out, const struct prices *prices)
{
    assert(prices->len >= 1 && prices->len <= PRICES_MAX);
    uint32_t from = UINT32_MAX, to = 0;
    bool left = false;
    for (uint32_t i = 0; i < prices->len; i++) {
        const struct price *price = &prices->price[i];
        left = left || !price->gone;
        if (!price->gone && price->amount < from)
            from = price->amount;
        if (!price->gone && price->amount > to)
            to = price->amount;
    }
    assert(!left || from <= to);
    json_open(out, '{');
    json_member_cstr(out, "currency", prices->currency);
    if (left) {
        json_member_u64(out, "from", from);
        json_member_u64(out, "to", to);
    } else {
        json_member_null(out, "from");
        json_member_null(out, "to");
    }
    json_member_open(out, "categories", '[');
    for (uint32_t i = 0; i < prices->len; i++) {
        json_open(out, '{');
        json_member_cstr(out, "name", prices->price[i].name);
        put_members(out, &prices->price[i]);
        json_close(out, '}');
    }
    json_close(out, ']');
    json_close(out, '}');
}
