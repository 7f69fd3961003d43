/* json_mutator.h: mutates JSON as a tree, since mutated bytes seldom stay JSON: it removes a
 * member, changes its type, makes a number huge, copies another member, or takes a name from
 * elsewhere.
 *
 * An input is lines. The text before a line's first bracket is left to the fuzzer's own mutations,
 * which still make one change of four. */
#ifndef FG_FUZZ_JSON_MUTATOR_H
#define FG_FUZZ_JSON_MUTATOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { JSON_MUTATOR_BYTES = 65536 };

static uint32_t json_dice;

static uint32_t json_throw(uint32_t sides)
{
    json_dice = json_dice * UINT32_C(1664525) + UINT32_C(1013904223);
    return (json_dice >> 8) % sides;
}

/* A place in a tree: a member of an object, an element of an array. */
struct json_place {
    json_t *in;
    const char *name;
    size_t at;
    uint32_t seen;
};

/* Each place has the same chance. */
static void json_walk(json_t *tree, struct json_place *place)
{
    const char *name;
    json_t *value;
    size_t at;
    json_object_foreach(tree, name, value)
    {
        if (json_throw(++place->seen) == 0)
            *place = (struct json_place){tree, name, 0, place->seen};
        json_walk(value, place);
    }
    json_array_foreach(tree, at, value)
    {
        if (json_throw(++place->seen) == 0)
            *place = (struct json_place){tree, NULL, at, place->seen};
        json_walk(value, place);
    }
}

static json_t *json_at(const struct json_place *place)
{
    if (place->in == NULL)
        return NULL;
    return place->name != NULL ? json_object_get(place->in, place->name)
                               : json_array_get(place->in, place->at);
}

static json_t *json_odd_value(const json_t *was)
{
    static const json_int_t numbers[] = {
        0, 1, -1, 255, 65536, 4294967296, 9007199254740993, INT64_MAX, INT64_MIN};
    char text[512];
    size_t len;
    switch (json_throw(8)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(json_throw(2));
    case 2:
        return json_real(1.5);
    case 3:
        return json_object();
    case 4:
        return json_array();
    case 5:
        memset(text, 'x', sizeof(text));
        return json_stringn(text, json_throw(sizeof(text)));
    case 6:
        return json_integer(numbers[json_throw(sizeof(numbers) / sizeof(numbers[0]))]);
    default:
        len = json_is_string(was) ? json_string_length(was) : 0;
        len = len < sizeof(text) ? len : sizeof(text);
        memcpy(text, len > 0 ? json_string_value(was) : "", len);
        return json_stringn(text, LLVMFuzzerMutate((uint8_t *)text, len, sizeof(text)));
    }
}

static void json_change(json_t *tree)
{
    struct json_place place = {0}, other = {0};
    json_walk(tree, &place);
    json_walk(tree, &other);
    if (place.in == NULL)
        return;
    uint32_t how = json_throw(6);
    json_t *value = how < 2 ? json_deep_copy(json_at(&other)) : json_odd_value(json_at(&place));
    if (value == NULL) /* bytes that are not UTF-8 */
        return;
    if (how == 2 && place.name != NULL)
        json_object_del(place.in, place.name);
    else if (how == 3 && other.name != NULL && json_is_object(place.in))
        json_object_set(place.in, other.name, value);
    else if (place.name != NULL)
        json_object_set(place.in, place.name, value);
    else if (how == 4)
        json_array_insert(place.in, place.at, value);
    else
        json_array_set(place.in, place.at, value);
    json_decref(value);
}

/* Changes one line from `from` on in place. Returns 0 without JSON or without room. */
static size_t json_change_line(uint8_t *data, size_t size, size_t max_size, size_t from)
{
    static char changed[JSON_MUTATOR_BYTES];
    size_t end = from;
    while (end < size && data[end] != '\n')
        end++;
    while (from < end && data[from] != '{' && data[from] != '[')
        from++;
    json_t *tree = json_loadb((const char *)data + from, end - from, JSON_DECODE_ANY, NULL);
    if (tree == NULL)
        return 0;
    json_change(tree);
    size_t len = json_dumpb(tree, changed, sizeof(changed), JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(tree);
    if (len == 0 || len > sizeof(changed) || size - (end - from) + len > max_size)
        return 0;
    memmove(data + from + len, data + end, size - end);
    memcpy(data + from, changed, len);
    return size - (end - from) + len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    json_dice = seed;
    if (size == 0 || json_throw(4) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t from = json_throw((uint32_t)size + 1);
    while (from > 0 && data[from - 1] != '\n')
        from--;
    size_t changed = json_change_line(data, size, max_size, from);
    return changed > 0 ? changed : LLVMFuzzerMutate(data, size, max_size);
}

#endif
