/* hashes.c: hashes, sets and lists. */
#include "redis-model/command.h"

#include <inttypes.h>
#include <stdio.h>

static bool own_value(struct command *command, enum value_type type, struct value **out)
{
    return command_value(command, command->words[1], type, out);
}

static struct value *need(struct command *command, enum value_type type)
{
    return &keyspace_need(command->keyspace, command->words[1], type)->value;
}

static bool set_field(struct value *value, struct span name, struct span text)
{
    struct item *item = value_item(value, name);
    bool is_new = item == NULL;
    if (is_new) {
        item = value_add(value);
        bytes_put(&item->name, name.ptr, name.len);
    }
    bytes_set(&item->value, text);
    return is_new;
}

static void reply_field(struct command *command, struct value *value, struct span name)
{
    const struct item *item = value_item(value, name);
    if (item == NULL)
        reply_null(command->out);
    else
        reply_bulk(command->out, bytes_span(&item->value));
}

static void run_hget(struct command *command)
{
    struct value *value;
    if (own_value(command, VALUE_HASH, &value))
        reply_field(command, value, command->words[2]);
}

static void run_hmget(struct command *command)
{
    struct value *value;
    if (!own_value(command, VALUE_HASH, &value))
        return;
    reply_array(command->out, command->len - 2);
    for (size_t i = 2; i < command->len; i++)
        reply_field(command, value, command->words[i]);
}

static void run_hgetall(struct command *command)
{
    struct value *value;
    if (!own_value(command, VALUE_HASH, &value))
        return;
    reply_array(command->out, value != NULL ? 2 * value->len : 0);
    for (size_t i = 0; value != NULL && i < value->len; i++) {
        reply_bulk(command->out, bytes_span(&value->items[i].name));
        reply_bulk(command->out, bytes_span(&value->items[i].value));
    }
}

static void run_hset(struct command *command)
{
    struct value *value;
    int64_t added = 0;
    if (command->len % 2 != 0) {
        reply_error(command->out, "ERR wrong number of arguments for 'hset' command");
        return;
    }
    if (!own_value(command, VALUE_HASH, &value))
        return;
    value = need(command, VALUE_HASH);
    for (size_t i = 2; i < command->len; i += 2)
        added += set_field(value, command->words[i], command->words[i + 1]);
    reply_integer(command->out, added);
}

static void run_hsetnx(struct command *command)
{
    struct value *value;
    if (!own_value(command, VALUE_HASH, &value))
        return;
    bool is_new = value_item(value, command->words[2]) == NULL;
    if (is_new)
        (void)set_field(need(command, VALUE_HASH), command->words[2], command->words[3]);
    reply_integer(command->out, is_new);
}

static void run_hincrby(struct command *command)
{
    struct value *value;
    int64_t now = 0, more;
    char text[24];
    if (!command_integer(command->words[3], &more)) {
        reply_error(command->out, "ERR value is not an integer or out of range");
        return;
    }
    if (!own_value(command, VALUE_HASH, &value))
        return;
    const struct item *item = value_item(value, command->words[2]);
    if (item != NULL && !command_integer(bytes_span(&item->value), &now)) {
        reply_error(command->out, "ERR hash value is not an integer");
        return;
    }
    snprintf(text, sizeof(text), "%" PRId64, now + more);
    (void)set_field(need(command, VALUE_HASH), command->words[2], span_of(text));
    reply_integer(command->out, now + more);
}

static void run_hdel(struct command *command)
{
    command_remove(command, VALUE_HASH);
}

static void run_srem(struct command *command)
{
    command_remove(command, VALUE_SET);
}

static void reply_has(struct command *command, enum value_type type)
{
    struct value *value;
    if (own_value(command, type, &value))
        reply_integer(command->out, value_item(value, command->words[2]) != NULL);
}

static void run_hexists(struct command *command)
{
    reply_has(command, VALUE_HASH);
}

static void run_sismember(struct command *command)
{
    reply_has(command, VALUE_SET);
}

static void reply_len(struct command *command, enum value_type type)
{
    struct value *value;
    if (own_value(command, type, &value))
        reply_integer(command->out, value != NULL ? (int64_t)value->len : 0);
}

static void run_hlen(struct command *command)
{
    reply_len(command, VALUE_HASH);
}

static void run_scard(struct command *command)
{
    reply_len(command, VALUE_SET);
}

static void run_sadd(struct command *command)
{
    struct value *value;
    int64_t added = 0;
    if (!own_value(command, VALUE_SET, &value))
        return;
    value = need(command, VALUE_SET);
    for (size_t i = 2; i < command->len; i++) {
        if (value_item(value, command->words[i]) != NULL)
            continue;
        bytes_set(&value_add(value)->name, command->words[i]);
        added += 1;
    }
    reply_integer(command->out, added);
}

static void reply_members(struct command *command, size_t most)
{
    struct value *value;
    if (!own_value(command, VALUE_SET, &value))
        return;
    size_t len = value == NULL ? 0 : value->len < most ? value->len : most;
    reply_array(command->out, len);
    for (size_t i = 0; i < len; i++)
        reply_bulk(command->out, bytes_span(&value->items[i].name));
}

static void run_smembers(struct command *command)
{
    reply_members(command, SIZE_MAX);
}

/* SRANDMEMBER key count: the first ones are as random as any. */
static void run_srandmember(struct command *command)
{
    int64_t count;
    if (command_integer(command->words[2], &count) && count >= 0)
        reply_members(command, (size_t)count);
    else
        reply_error(command->out, "ERR value is out of range");
}

/* ---- lists ---- */

static void run_rpush(struct command *command)
{
    struct value *value;
    if (!own_value(command, VALUE_LIST, &value))
        return;
    value = need(command, VALUE_LIST);
    for (size_t i = 2; i < command->len; i++)
        bytes_set(&value_add(value)->name, command->words[i]);
    reply_integer(command->out, (int64_t)value->len);
}

static void run_lrange(struct command *command)
{
    struct value *value;
    int64_t first, last;
    if (!command_integer(command->words[2], &first) || !command_integer(command->words[3], &last)) {
        reply_error(command->out, "ERR value is not an integer or out of range");
        return;
    }
    if (!own_value(command, VALUE_LIST, &value))
        return;
    int64_t len = value != NULL ? (int64_t)value->len : 0;
    first = first < 0 ? (first + len < 0 ? 0 : first + len) : first;
    last = last < 0 ? last + len : last;
    last = last >= len ? len - 1 : last;
    reply_array(command->out, first > last ? 0 : (size_t)(last - first + 1));
    for (int64_t i = first; value != NULL && i <= last; i++)
        reply_bulk(command->out, bytes_span(&value->items[i].name));
}

const struct command_row hashes_rows[] = {
    {"HGET", 3, 0, run_hget},
    {"HMGET", -3, 0, run_hmget},
    {"HGETALL", 2, 0, run_hgetall},
    {"HSET", -4, COMMAND_WRITES | COMMAND_GROWS, run_hset},
    {"HSETNX", 4, COMMAND_WRITES | COMMAND_GROWS, run_hsetnx},
    {"HINCRBY", 4, COMMAND_WRITES | COMMAND_GROWS, run_hincrby},
    {"HDEL", -3, COMMAND_WRITES, run_hdel},
    {"HEXISTS", 3, 0, run_hexists},
    {"HLEN", 2, 0, run_hlen},
    {"SADD", -3, COMMAND_WRITES | COMMAND_GROWS, run_sadd},
    {"SREM", -3, COMMAND_WRITES, run_srem},
    {"SISMEMBER", 3, 0, run_sismember},
    {"SCARD", 2, 0, run_scard},
    {"SMEMBERS", 2, 0, run_smembers},
    {"SRANDMEMBER", 3, 0, run_srandmember},
    {"RPUSH", -3, COMMAND_WRITES | COMMAND_GROWS, run_rpush},
    {"LRANGE", 4, 0, run_lrange},
    {NULL, 0, 0, NULL},
};
