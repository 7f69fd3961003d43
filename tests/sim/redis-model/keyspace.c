/* keyspace.c: keys, values and the table of commands. */
#include "redis-model/keyspace_types.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- bytes and answers ---- */

static void *grown(void *ptr, size_t bytes)
{
    void *more = realloc(ptr, bytes);
    assert(more != NULL);
    return more;
}

void bytes_put(struct bytes *bytes, const void *ptr, size_t len)
{
    if (bytes->len + len > bytes->cap) {
        bytes->cap = 2 * (bytes->len + len) + 16;
        bytes->ptr = grown(bytes->ptr, bytes->cap);
    }
    if (len > 0)
        memcpy(bytes->ptr + bytes->len, ptr, len);
    bytes->len += len;
}

void bytes_printf(struct bytes *bytes, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < sizeof(text));
    bytes_put(bytes, text, (size_t)len);
}

void bytes_set(struct bytes *bytes, struct span to)
{
    struct bytes fresh = {0};
    bytes_put(&fresh, to.ptr, to.len); /* `to` may be of `bytes` */
    free(bytes->ptr);
    *bytes = fresh;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->ptr);
    *bytes = (struct bytes){0};
}

void reply_status(struct bytes *out, const char *text)
{
    bytes_printf(out, "+%s\r\n", text);
}

void reply_error(struct bytes *out, const char *text)
{
    bytes_printf(out, "-%s\r\n", text);
}

void reply_integer(struct bytes *out, int64_t number)
{
    bytes_printf(out, ":%" PRId64 "\r\n", number);
}

void reply_bulk(struct bytes *out, struct span text)
{
    bytes_printf(out, "$%zu\r\n", text.len);
    bytes_put(out, text.ptr, text.len);
    bytes_put(out, "\r\n", 2);
}

void reply_null(struct bytes *out)
{
    bytes_put(out, "$-1\r\n", 5);
}

void reply_array(struct bytes *out, size_t len)
{
    bytes_printf(out, "*%zu\r\n", len);
}

/* ---- values ---- */

struct item *value_add(struct value *value)
{
    if (value->len == value->cap) {
        value->cap = value->cap > 0 ? 2 * value->cap : 4;
        value->items = grown(value->items, value->cap * sizeof(*value->items));
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

static void value_free(struct value *value)
{
    bytes_free(&value->text);
    for (size_t i = 0; i < value->len; i++)
        item_free(&value->items[i]);
    free(value->items);
}

/* ---- keys ---- */

static struct entry **place_of(struct keyspace *keyspace, struct span key)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.ptr[i]) * 16777619u;
    struct entry **at = &keyspace->buckets[hash % KEYSPACE_BUCKETS];
    while (*at != NULL && !span_eq(bytes_span(&(*at)->key), key))
        at = &(*at)->next;
    return at;
}

bool keyspace_drop(struct keyspace *keyspace, struct span key)
{
    struct entry **at = place_of(keyspace, key), *entry = *at;
    if (entry == NULL)
        return false;
    *at = entry->next;
    value_free(&entry->value);
    bytes_free(&entry->key);
    free(entry);
    return true;
}

struct entry *keyspace_find(struct keyspace *keyspace, struct span key)
{
    struct entry *entry = *place_of(keyspace, key);
    if (entry == NULL || entry->expires_ms == 0 || entry->expires_ms > keyspace->now_us / 1000)
        return entry;
    (void)keyspace_drop(keyspace, key);
    return NULL;
}

struct entry *keyspace_need(struct keyspace *keyspace, struct span key, enum value_type type)
{
    struct entry *entry = keyspace_find(keyspace, key);
    if (entry != NULL)
        return entry;
    struct entry **at = place_of(keyspace, key);
    entry = calloc(1, sizeof(*entry));
    assert(entry != NULL);
    bytes_put(&entry->key, key.ptr, key.len);
    entry->value.type = type;
    *at = entry;
    return entry;
}

struct keyspace *keyspace_make(void)
{
    struct keyspace *keyspace = calloc(1, sizeof(*keyspace));
    assert(keyspace != NULL);
    return keyspace;
}

static void copy_value(struct value *to, const struct value *from)
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

struct keyspace *keyspace_copy(const struct keyspace *from)
{
    struct keyspace *keyspace = keyspace_make();
    for (size_t i = 0; i < KEYSPACE_BUCKETS; i++) {
        for (const struct entry *entry = from->buckets[i]; entry != NULL; entry = entry->next) {
            struct entry *copy =
                keyspace_need(keyspace, bytes_span(&entry->key), entry->value.type);
            copy_value(&copy->value, &entry->value);
            copy->expires_ms = entry->expires_ms;
        }
    }
    return keyspace;
}

void keyspace_free(struct keyspace *keyspace)
{
    for (size_t i = 0; i < KEYSPACE_BUCKETS; i++)
        while (keyspace->buckets[i] != NULL)
            (void)keyspace_drop(keyspace, bytes_span(&keyspace->buckets[i]->key));
    free(keyspace);
}

uint64_t keyspace_size(const struct keyspace *keyspace)
{
    uint64_t size = 0;
    for (size_t i = 0; i < KEYSPACE_BUCKETS; i++) {
        for (const struct entry *entry = keyspace->buckets[i]; entry != NULL; entry = entry->next) {
            size += entry->key.len + entry->value.text.len;
            for (size_t k = 0; k < entry->value.len; k++)
                size += entry->value.items[k].name.len + entry->value.items[k].value.len + 8;
        }
    }
    return size;
}

/* ---- commands ---- */

bool word_is(struct span word, const char *name)
{
    return word.len == strlen(name) && strncasecmp(word.ptr, name, word.len) == 0;
}

/* As Redis reads one: nothing but digits, and no zero before them. */
bool read_integer(struct span text, int64_t *out)
{
    char copy[24], back[24];
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = strtoll(copy, NULL, 10);
    snprintf(back, sizeof(back), "%" PRId64, *out);
    return strcmp(copy, back) == 0;
}

bool command_value(struct command *command, struct span key, enum value_type type,
                   struct value **out)
{
    struct entry *entry = keyspace_find(command->keyspace, key);
    *out = entry != NULL ? &entry->value : NULL;
    if (entry == NULL || entry->value.type == type)
        return true;
    reply_error(command->out, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return false;
}

void command_syntax(struct command *command)
{
    reply_error(command->out, "ERR syntax error");
}

static const struct command_row *row_of(struct span name)
{
    const struct command_row *const tables[] = {keyspace_strings, keyspace_hashes, keyspace_zsets,
                                                keyspace_others};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct command_row *row = tables[i]; row->name != NULL; row++)
            if (word_is(name, row->name))
                return row;
    return NULL;
}

int keyspace_kind(struct span name)
{
    const struct command_row *row = row_of(name);
    return row != NULL ? row->kind : -1;
}

void keyspace_do(struct keyspace *keyspace, uint64_t now_us, const struct span *words, size_t len,
                 struct bytes *out)
{
    const struct command_row *row = len > 0 ? row_of(words[0]) : NULL;
    struct command command = {keyspace, words, len, out};
    keyspace->now_us = now_us;
    if (row == NULL)
        reply_error(out, "ERR unknown command");
    else if (row->words >= 0 ? len != (size_t)row->words : len < (size_t)-row->words)
        reply_error(out, "ERR wrong number of arguments");
    else
        row->run(&command);
}
