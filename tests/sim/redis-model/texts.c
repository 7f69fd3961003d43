/* texts.c: strings and their bits. */
#include "redis-model/command.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

enum { BITS_MAX = 1 << 30 };

static void run_get(struct command *command)
{
    const struct value *value = command->value;
    if (value == NULL)
        reply_null(command->out);
    else
        reply_bulk(command->out, bytes_span(&value->text));
}

static void run_mget(struct command *command)
{
    reply_array(command->out, command->len - 1);
    for (size_t i = 1; i < command->len; i++) {
        struct entry *entry = keyspace_find(command->keyspace, command->words[i]);
        if (entry == NULL || entry->value.type != VALUE_STRING)
            reply_null(command->out);
        else
            reply_bulk(command->out, bytes_span(&entry->value.text));
    }
}

static void set_text(struct command *command, struct span key, struct span text)
{
    struct entry *entry = keyspace_find(command->keyspace, key);
    if (entry != NULL && entry->value.type != VALUE_STRING)
        (void)keyspace_drop(command->keyspace, key);
    bytes_set(&command_need(command, key)->text, text);
}

/* SET key text [PX ms | KEEPTTL] */
static void run_set(struct command *command)
{
    struct span key = command->words[1];
    bool has_px = command->len == 5 && command_word(command->words[3], "PX");
    bool keeps = command->len == 4 && command_word(command->words[3], "KEEPTTL");
    int64_t ms = has_px ? command_number(command, 4) : 0;
    assert(command->len == 3 || keeps || ms > 0);
    set_text(command, key, command->words[2]);
    struct entry *entry = keyspace_find(command->keyspace, key);
    if (has_px)
        entry->expires_ms = keyspace_now_us(command->keyspace) / 1000 + (uint64_t)ms;
    else if (!keeps)
        entry->expires_ms = 0;
    reply_status(command->out, "OK");
}

static void run_mset(struct command *command)
{
    assert(command->len % 2 != 0);
    for (size_t i = 1; i < command->len; i += 2) {
        set_text(command, command->words[i], command->words[i + 1]);
        keyspace_find(command->keyspace, command->words[i])->expires_ms = 0;
    }
    reply_status(command->out, "OK");
}

static void pad(struct bytes *bytes, size_t len)
{
    while (bytes->len < len)
        bytes_put(bytes, "", 1);
}

static void run_getrange(struct command *command)
{
    const struct value *value = command->value;
    int64_t first, last;
    command_range(command, 2, value != NULL ? value->text.len : 0, &first, &last);
    if (value == NULL || first > last)
        reply_bulk(command->out, (struct span){"", 0});
    else
        reply_bulk(command->out,
                   (struct span){value->text.ptr + first, (size_t)(last - first + 1)});
}

static void run_setrange(struct command *command)
{
    struct value *value = command->value;
    int64_t from = command_number(command, 2);
    struct span text = command->words[3];
    assert(from >= 0);
    if (text.len > 0) {
        value = command_need(command, command->words[1]);
        pad(&value->text, (size_t)from + text.len);
        memcpy(value->text.ptr + from, text.ptr, text.len);
    }
    reply_integer(command->out, value != NULL ? (int64_t)value->text.len : 0);
}

/* ---- bits ---- */

static bool bit_of(struct span text, size_t at)
{
    return at / 8 < text.len && ((unsigned char)text.ptr[at / 8] >> (7 - at % 8) & 1) != 0;
}

static int64_t read_bit_at(const struct command *command)
{
    int64_t at = command_number(command, 2);
    assert(at >= 0 && at < INT64_C(4) * BITS_MAX);
    return at;
}

static void run_getbit(struct command *command)
{
    const struct value *value = command->value;
    int64_t at = read_bit_at(command);
    reply_integer(command->out, value != NULL && bit_of(bytes_span(&value->text), (size_t)at));
}

static void run_setbit(struct command *command)
{
    int64_t at = read_bit_at(command), bit = command_number(command, 3);
    assert(bit == 0 || bit == 1);
    struct value *value = command_need(command, command->words[1]);
    pad(&value->text, (size_t)at / 8 + 1);
    reply_integer(command->out, bit_of(bytes_span(&value->text), (size_t)at));
    unsigned char mask = (unsigned char)(128u >> (at % 8));
    unsigned char *byte = (unsigned char *)value->text.ptr + at / 8;
    *byte = (unsigned char)(bit == 1 ? *byte | mask : *byte & ~mask);
}

/* Reads a range of bits, "first last BIT", from the word `at` on; all of them without one. */
static void read_bits(const struct command *command, size_t at, const struct value *value,
                      int64_t *from, int64_t *upto)
{
    size_t len = value != NULL ? 8 * value->text.len : 0;
    *from = 0;
    *upto = (int64_t)len - 1;
    if (command->len == at)
        return;
    assert(command->len == at + 3 && command_word(command->words[at + 2], "BIT"));
    command_range(command, at, len, from, upto);
}

static void run_bitcount(struct command *command)
{
    const struct value *value = command->value;
    int64_t from, upto, n = 0;
    read_bits(command, 2, value, &from, &upto);
    struct span text = value != NULL ? bytes_span(&value->text) : (struct span){"", 0};
    for (; from <= upto && from % 8 != 0; from++)
        n += bit_of(text, (size_t)from);
    for (; from + 7 <= upto; from += 8)
        n += __builtin_popcount((unsigned char)text.ptr[from / 8]);
    for (; from <= upto; from++)
        n += bit_of(text, (size_t)from);
    reply_integer(command->out, n);
}

/* BITPOS key bit first last BIT */
static void run_bitpos(struct command *command)
{
    const struct value *value = command->value;
    int64_t from, upto, bit = command_number(command, 2);
    assert(bit == 0 || bit == 1);
    read_bits(command, 3, value, &from, &upto);
    while (from <= upto && bit_of(bytes_span(&value->text), (size_t)from) != (bit == 1))
        from += 1;
    if (value == NULL)
        reply_integer(command->out, bit == 1 ? -1 : 0);
    else
        reply_integer(command->out, from <= upto ? from : -1);
}

enum { BITOP_KEYS_MAX = 8 };

/* A byte of the result. */
static unsigned char combine(char op, const struct span *from, size_t len, size_t at)
{
    unsigned char byte = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char other = at < from[i].len ? (unsigned char)from[i].ptr[at] : 0;
        if (i == 0)
            byte = other;
        else
            byte = op == 'A' ? byte & other : op == 'O' ? byte | other : byte ^ other;
    }
    return op == 'N' ? (unsigned char)~byte : byte;
}

static bool is_bitop(struct span op)
{
    return command_word(op, "AND") || command_word(op, "OR") || command_word(op, "XOR") ||
           command_word(op, "NOT");
}

/* BITOP op to from... */
static void run_bitop(struct command *command)
{
    struct span op = command->words[1], to = command->words[2], from[BITOP_KEYS_MAX];
    struct bytes result = {0};
    struct value *value;
    size_t keys = command->len - 3, len = 0;
    assert(is_bitop(op) && keys <= BITOP_KEYS_MAX && (!command_word(op, "NOT") || keys == 1));
    for (size_t i = 0; i < keys; i++) {
        if (!command_value(command, command->words[3 + i], &value))
            return;
        from[i] = value != NULL ? bytes_span(&value->text) : (struct span){"", 0};
        len = from[i].len > len ? from[i].len : len;
    }
    for (size_t at = 0; at < len; at++) {
        unsigned char byte = combine((char)toupper((unsigned char)op.ptr[0]), from, keys, at);
        bytes_put(&result, &byte, 1);
    }
    (void)keyspace_drop(command->keyspace, to);
    if (len > 0)
        bytes_set(&command_need(command, to)->text, bytes_span(&result));
    bytes_free(&result);
    reply_integer(command->out, (int64_t)len);
}

const struct command_row texts_rows[] = {
    {"GET", 2, 0, run_get, .type = VALUE_STRING},
    {"MGET", -2, 0, run_mget, .type = VALUE_STRING, .any = true},
    {"SET", -3, COMMAND_WRITES | COMMAND_GROWS, run_set, .type = VALUE_STRING, .any = true},
    {"MSET", -3, COMMAND_WRITES | COMMAND_GROWS, run_mset, .type = VALUE_STRING, .any = true},
    {"GETRANGE", 4, 0, run_getrange, .type = VALUE_STRING},
    {"SETRANGE", 4, COMMAND_WRITES | COMMAND_GROWS, run_setrange, .type = VALUE_STRING},
    {"GETBIT", 3, 0, run_getbit, .type = VALUE_STRING},
    {"SETBIT", 4, COMMAND_WRITES | COMMAND_GROWS, run_setbit, .type = VALUE_STRING},
    {"BITCOUNT", -2, 0, run_bitcount, .type = VALUE_STRING},
    {"BITPOS", -3, 0, run_bitpos, .type = VALUE_STRING},
    {"BITOP", -4, COMMAND_WRITES | COMMAND_GROWS, run_bitop, .type = VALUE_STRING, .any = true},
    {.name = NULL},
};
