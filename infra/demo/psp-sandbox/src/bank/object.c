/* object.c: the table of kinds, and the members of objects. */
#include "bank/object.h"

#include "core/must.h"

#include <assert.h>

const struct kind_info kinds[KIND_COUNT] = {
    [INTENT] = {"payment_intent", "pi_", "id", {{"latest_charge", CHARGE}}},
    [CHARGE] = {"charge", "ch_", "id", {{"payment_intent", INTENT}}},
    [REFUND] = {"refund", "re_", "id", {{"charge", CHARGE}, {"payment_intent", INTENT}}},
    [SESSION] = {"checkout.session", "cs_test_", "id", {{"payment_intent", INTENT}}},
    [EVENT] = {"event", "evt_", "id", {{NULL, 0}}},
    [PAYMENT] = {NULL, "tpk_", "paymentKey", {{NULL, 0}}},
    [TRANSACTION] = {NULL, "txn_", "transactionKey", {{NULL, 0}}},
    [NOTICE] = {NULL, "ntc_", NULL, {{NULL, 0}}},
};

const char *object_text(const struct object *object, const char *member)
{
    return json_string_value(json_object_get(object->shown, member));
}

int64_t object_number(const struct object *object, const char *member)
{
    return json_integer_value(json_object_get(object->shown, member));
}

void object_set(struct object *object, const char *member, json_t *value)
{
    int rc = json_object_set_new(object->shown, member, must(value));
    assert(rc == 0);
}

void object_set_text(struct object *object, const char *member, const char *value)
{
    object_set(object, member, json_string(value));
}

void object_set_number(struct object *object, const char *member, int64_t value)
{
    object_set(object, member, json_integer(value));
}

void object_set_null(struct object *object, const char *member)
{
    object_set(object, member, json_null());
}

const char *object_meta(const struct object *object, const char *key)
{
    return json_string_value(json_object_get(json_object_get(object->shown, "metadata"), key));
}

const char *object_hidden(const struct object *object, const char *member)
{
    return json_string_value(json_object_get(object->hidden, member));
}

void object_hide(struct object *object, const char *member, json_t *value)
{
    if (object->hidden == NULL)
        object->hidden = must(json_object());
    int rc = json_object_set_new(object->hidden, member, must(value));
    assert(rc == 0);
}
