/* hashes.c: hashes, sets and lists. */
#include "redis-model/command.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

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

static void reply_field(struct command *command, struct span name)
{
    const struct item *item = value_item(command->value, name);
    if (item == NULL)
        reply_null(command->out);
    else
        reply_bulk(command->out, bytes_span(&item->value));
}

static void run_hget(struct command *command)
{
    reply_field(command, command->words[2]);
}

static void run_hmget(struct command *command)
{
    reply_array(command->out, command->len - 2);
    for (size_t i = 2; i < command->len; i++)
        reply_field(command, command->words[i]);
}

static void run_hgetall(struct command *command)
{
    const struct value *value = command->value;
    reply_array(command->out, value != NULL ? 2 * value->len : 0);
    for (size_t i = 0; value != NULL && i < value->len; i++) {
        reply_bulk(command->out, bytes_span(&value->items[i].name));
        reply_bulk(command->out, bytes_span(&value->items[i].value));
    }
}

static void run_hset(struct command *command)
{
    int64_t added = 0;
    assert(command->len % 2 == 0);
    struct value *value = command_need(command, command->words[1]);
    for (size_t i = 2; i < command->len; i += 2)
        added += set_field(value, command->words[i], command->words[i + 1]);
    reply_integer(command->out, added);
}

static void run_hsetnx(struct command *command)
{
    bool is_new = value_item(command->value, command->words[2]) == NULL;
    if (is_new)
        (void)set_field(command_need(command, command->words[1]), command->words[2],
                        command->words[3]);
    reply_integer(command->out, is_new);
}

static void run_hincrby(struct command *command)
{
    int64_t now = 0, more = command_number(command, 3);
    char text[24];
    const struct item *item = value_item(command->value, command->words[2]);
    if (item != NULL && !command_integer(bytes_span(&item->value), &now)) {
        reply_error(command->out, "ERR hash value is not an integer");
        return;
    }
    snprintf(text, sizeof(text), "%" PRId64, now + more);
    (void)set_field(command_need(command, command->words[1]), command->words[2], span_of(text));
    reply_integer(command->out, now + more);
}

/* HEXISTS, SISMEMBER */
static void run_has(struct command *command)
{
    reply_integer(command->out, value_item(command->value, command->words[2]) != NULL);
}

static void run_sadd(struct command *command)
{
    struct value *value = command_need(command, command->words[1]);
    int64_t added = 0;
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
    const struct value *value = command->value;
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
    int64_t count = command_number(command, 2);
    assert(count >= 0);
    reply_members(command, (size_t)count);
}

/* ---- lists ---- */

static void run_rpush(struct command *command)
{
    struct value *value = command_need(command, command->words[1]);
    for (size_t i = 2; i < command->len; i++)
        bytes_set(&value_add(value)->name, command->words[i]);
    reply_integer(command->out, (int64_t)value->len);
}

static void run_lrange(struct command *command)
{
    const struct value *value = command->value;
    int64_t first, last;
    command_range(command, 2, value != NULL ? value->len : 0, &first, &last);
    reply_array(command->out, first > last ? 0 : (size_t)(last - first + 1));
    for (int64_t i = first; value != NULL && i <= last; i++)
        reply_bulk(command->out, bytes_span(&value->items[i].name));
}

const struct command_row hashes_rows[] = {
    {"HGET", 3, 0, run_hget, .type = VALUE_HASH},
    {"HMGET", -3, 0, run_hmget, .type = VALUE_HASH},
    {"HGETALL", 2, 0, run_hgetall, .type = VALUE_HASH},
    {"HSET", -4, COMMAND_WRITES | COMMAND_GROWS, run_hset, .type = VALUE_HASH},
    {"HSETNX", 4, COMMAND_WRITES | COMMAND_GROWS, run_hsetnx, .type = VALUE_HASH},
    {"HINCRBY", 4, COMMAND_WRITES | COMMAND_GROWS, run_hincrby, .type = VALUE_HASH},
    {"HDEL", -3, COMMAND_WRITES, command_remove, .type = VALUE_HASH},
    {"HEXISTS", 3, 0, run_has, .type = VALUE_HASH},
    {"HLEN", 2, 0, command_len, .type = VALUE_HASH},
    {"SADD", -3, COMMAND_WRITES | COMMAND_GROWS, run_sadd, .type = VALUE_SET},
    {"SREM", -3, COMMAND_WRITES, command_remove, .type = VALUE_SET},
    {"SISMEMBER", 3, 0, run_has, .type = VALUE_SET},
    {"SCARD", 2, 0, command_len, .type = VALUE_SET},
    {"SMEMBERS", 2, 0, run_smembers, .type = VALUE_SET},
    {"SRANDMEMBER", 3, 0, run_srandmember, .type = VALUE_SET},
    {"RPUSH", -3, COMMAND_WRITES | COMMAND_GROWS, run_rpush, .type = VALUE_LIST},
    {"LRANGE", 4, 0, run_lrange, .type = VALUE_LIST},
    {.name = NULL},
};
