/* command.c: see command.h. */
#include "redis-model/command.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool command_word(struct span word, const char *name)
{
    return word.len == strlen(name) && strncasecmp(word.ptr, name, word.len) == 0;
}

/* Parses like Redis: only digits, without leading zeros. */
bool command_integer(struct span text, int64_t *out)
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

bool command_value(struct command *command, struct span key, struct value **out)
{
    struct entry *entry = keyspace_find(command->keyspace, key);
    *out = entry != NULL ? &entry->value : NULL;
    if (entry == NULL || entry->value.type == command->row->type)
        return true;
    reply_error(command->out, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return false;
}

struct value *command_need(struct command *command, struct span key)
{
    return &keyspace_need(command->keyspace, key, command->row->type)->value;
}

int64_t command_number(const struct command *command, size_t at)
{
    int64_t number;
    bool is_number = command_integer(command->words[at], &number);
    assert(is_number);
    return number;
}

void command_range(const struct command *command, size_t at, size_t len, int64_t *first,
                   int64_t *last)
{
    int64_t size = (int64_t)len;
    *first = command_number(command, at);
    *last = command_number(command, at + 1);
    *first = *first < 0 ? (*first + size < 0 ? 0 : *first + size) : *first;
    *last = *last < 0 ? *last + size : *last;
    *last = *last >= size ? size - 1 : *last;
}

void command_drop_if_empty(struct command *command, const struct value *value)
{
    if (value != NULL && value->len == 0)
        (void)keyspace_drop(command->keyspace, command->words[1]);
}

void command_remove(struct command *command)
{
    struct value *value = command->value;
    int64_t gone = 0;
    for (size_t i = 2; value != NULL && i < command->len; i++) {
        const struct item *item = value_item(value, command->words[i]);
        if (item == NULL)
            continue;
        value_remove(value, (size_t)(item - value->items));
        gone += 1;
    }
    command_drop_if_empty(command, value);
    reply_integer(command->out, gone);
}

void command_len(struct command *command)
{
    const struct value *value = command->value;
    reply_integer(command->out, value != NULL ? (int64_t)value->len : 0);
}

/* ---- the table ---- */

static const struct command_row *row_of(struct span name)
{
    const struct command_row *const tables[] = {texts_rows, hashes_rows, zsets_rows, others_rows};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct command_row *row = tables[i]; row->name != NULL; row++)
            if (command_word(name, row->name))
                return row;
    return NULL;
}

int command_kind(struct span name)
{
    const struct command_row *row = row_of(name);
    return row != NULL ? row->kind : -1;
}

void command_do(struct keyspace *keyspace, uint64_t now_us, const struct span *words, size_t len,
                struct bytes *out)
{
    const struct command_row *row = len > 0 ? row_of(words[0]) : NULL;
    struct command command = {keyspace, row, words, len, NULL, out};
    keyspace_set_clock(keyspace, now_us);
    if (row == NULL)
        reply_error(out, "ERR unknown command");
    else if (row->words >= 0 ? len != (size_t)row->words : len < (size_t)-row->words)
        reply_error(out, "ERR wrong number of arguments");
    else if (row->any || command_value(&command, words[1], &command.value))
        row->run(&command);
}
