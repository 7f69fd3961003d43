/* value.c: see value.h. */
#include "redis-model/value.h"

#include <stdlib.h>
#include <string.h>

struct item *value_add(struct value *value)
{
    if (value->len == value->cap) {
        value->cap = value->cap > 0 ? 2 * value->cap : 4;
        value->items = bytes_grown(value->items, value->cap * sizeof(*value->items));
    }
    struct item *item = &value->items[value->len++];
    *item = (struct item){0};
    return item;
}

static void item_free(struct item *item)
{
    bytes_free(&item->name);
    bytes_free(&item->value);
}

void value_remove(struct value *value, size_t at)
{
    item_free(&value->items[at]);
    value->len -= 1;
    memmove(&value->items[at], &value->items[at + 1], (value->len - at) * sizeof(*value->items));
}

struct item *value_item(struct value *value, struct span name)
{
    for (size_t i = 0; value != NULL && i < value->len; i++)
        if (span_eq(bytes_span(&value->items[i].name), name))
            return &value->items[i];
    return NULL;
}

void value_free(struct value *value)
{
    bytes_free(&value->text);
    for (size_t i = 0; i < value->len; i++)
        item_free(&value->items[i]);
    free(value->items);
}

void value_copy(struct value *to, const struct value *from)
{
    *to = (struct value){.type = from->type, .last_ms = from->last_ms, .last_seq = from->last_seq};
    bytes_put(&to->text, from->text.ptr, from->text.len);
    for (size_t i = 0; i < from->len; i++) {
        const struct item *item = &from->items[i];
        struct item *copy = value_add(to);
        *copy = *item;
        copy->name = copy->value = (struct bytes){0};
        bytes_put(&copy->name, item->name.ptr, item->name.len);
        bytes_put(&copy->value, item->value.ptr, item->value.len);
    }
}
