/* order_fuzz.c: JSON that comes back from PostgreSQL: an order and its move from the data of a
 * saga, and refund terms; and the seats of a hold from the seat service. An accepted value can be
 * written and reads back as the same. */
#include "../fuzz.h"
#include "../json_mutator.h"
#include "core/checkout/moving.h"
#include "core/checkout/refund_terms.h"
#include "core/checkout/seat_names.h"

static void judge_order(struct span json)
{
    static struct order order, again;
    struct err_slot err = {.text = ""};
    memset(&order, 0, sizeof(order)); /* bytes after a word's end are compared, too */
    memset(&again, 0, sizeof(again));
    if (order_parse(json, &err, &order) < 0) {
        assert(err.text[0] != '\0');
        return;
    }
    assert(order.seats_len <= ORDER_SEATS_MAX);
    assert(order_refund(&order, order.amount) <= order.amount);
    char *text;
    int rc = order_dump(&order, &err, &text);
    assert(rc == 0);
    rc = order_parse(span_of(text), &err, &again);
    assert(rc == 0);
    free(text);
    assert(strcmp(order.id, again.id) == 0 && strcmp(order.payment, again.payment) == 0);
    assert(order.amount == again.amount && order.refund == again.refund &&
           order.fees == again.fees);
    assert(order.expires_ms == again.expires_ms && order.key_round == again.key_round);
    assert(strcmp(order.purchase, again.purchase) == 0 && order.seats_len == again.seats_len);
    for (uint32_t i = 0; i < order.seats_len; i++)
        assert(strcmp(order.seats[i], again.seats[i]) == 0);
}

static void judge_names(struct span json)
{
    static struct seat_names names;
    json_t *hold = json_loadb(json.ptr, json.len, 0, NULL);
    seat_names_read(hold, &names);
    json_decref(hold);
    json_t *said = json_loads(names.json, 0, NULL);
    assert(json_is_array(said)); /* the copied seats are an array for any input */
    json_decref(said);
}

static void fuzz(struct span json)
{
    static struct moving moving;
    struct refund_terms terms;
    judge_order(json);
    if (moving_parse(json, &moving) == 0)
        assert((moving.len > 0 || moving.kept > 0) && moving.len <= ORDER_SEATS_MAX);
    if (refund_terms_parse(json, &terms) == 0)
        assert(terms.percent <= 100);
    judge_names(json);
}
