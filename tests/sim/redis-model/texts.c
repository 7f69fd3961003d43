/* texts.c: strings and their bits. */
#include "redis-model/command.h"

#include <ctype.h>
#include <string.h>

enum { BITS_MAX = 1 << 30 };

static struct value *text_at(struct command *command, struct span key)
{
    return &keyspace_need(command->keyspace, key, VALUE_STRING)->value;
}

static void run_get(struct command *command)
{
    struct value *value;
    if (!command_value(command, command->words[1], VALUE_STRING, &value))
        return;
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
    bytes_set(&text_at(command, key)->text, text);
}

/* SET key text [PX ms | KEEPTTL] */
static void run_set(struct command *command)
{
    int64_t ms = 0;
    struct span key = command->words[1];
    bool has_px = command->len == 5 && command_word(command->words[3], "PX");
    bool keeps = command->len == 4 && command_word(command->words[3], "KEEPTTL");
    if (command->len > 3 && !has_px && !keeps) {
        command_syntax(command);
        return;
    }
    if (has_px && (!command_integer(command->words[4], &ms) || ms <= 0)) {
        reply_error(command->out, "ERR invalid expire time in 'set' command");
        return;
    }
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
    if (command->len % 2 == 0) {
        reply_error(command->out, "ERR wrong number of arguments for 'mset' command");
        return;
    }
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

/* Converts first..last, counted from either end, to from..upto within len. False if empty. */
static bool cut_range(int64_t first, int64_t last, size_t len, size_t *from, size_t *upto)
{
    int64_t size = (int64_t)len;
    if (first < 0 && last < 0 && first > last)
        return false;
    first = first < 0 ? (first + size < 0 ? 0 : first + size) : first;
    last = last < 0 ? (last + size < 0 ? 0 : last + size) : last;
    last = last >= size ? size - 1 : last;
    if (size == 0 || first > last)
        return false;
    *from = (size_t)first;
    *upto = (size_t)last;
    return true;
}

static bool read_two(struct command *command, size_t at, int64_t *a, int64_t *b)
{
    if (command_integer(command->words[at], a) && command_integer(command->words[at + 1], b))
        return true;
    reply_error(command->out, "ERR value is not an integer or out of range");
    return false;
}

static void run_getrange(struct command *command)
{
    struct value *value;
    int64_t first, last;
    size_t from, upto;
    if (!read_two(command, 2, &first, &last) ||
        !command_value(command, command->words[1], VALUE_STRING, &value))
        return;
    if (value == NULL || !cut_range(first, last, value->text.len, &from, &upto))
        reply_bulk(command->out, (struct span){"", 0});
    else
        reply_bulk(command->out, (struct span){value->text.ptr + from, upto - from + 1});
}

static void run_setrange(struct command *command)
{
    struct value *value;
    int64_t from;
    struct span text = command->words[3];
    if (!command_integer(command->words[2], &from) || from < 0) {
        reply_error(command->out, "ERR offset is out of range");
        return;
    }
    if (!command_value(command, command->words[1], VALUE_STRING, &value))
        return;
    if (text.len > 0) {
        value = text_at(command, command->words[1]);
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

static bool read_bit_at(struct command *command, int64_t *at)
{
    if (command_integer(command->words[2], at) && *at >= 0 && *at < INT64_C(4) * BITS_MAX)
        return true;
    reply_error(command->out, "ERR bit offset is not an integer or out of range");
    return false;
}

static void run_getbit(struct command *command)
{
    struct value *value;
    int64_t at;
    if (read_bit_at(command, &at) &&
        command_value(command, command->words[1], VALUE_STRING, &value))
        reply_integer(command->out, value != NULL && bit_of(bytes_span(&value->text), (size_t)at));
}

static void run_setbit(struct command *command)
{
    struct value *value;
    int64_t at, bit;
    if (!read_bit_at(command, &at))
        return;
    if (!command_integer(command->words[3], &bit) || bit < 0 || bit > 1) {
        reply_error(command->out, "ERR bit is not an integer or out of range");
        return;
    }
    if (!command_value(command, command->words[1], VALUE_STRING, &value))
        return;
    value = text_at(command, command->words[1]);
    pad(&value->text, (size_t)at / 8 + 1);
    reply_integer(command->out, bit_of(bytes_span(&value->text), (size_t)at));
    unsigned char mask = (unsigned char)(128u >> (at % 8));
    unsigned char *byte = (unsigned char *)value->text.ptr + at / 8;
    *byte = (unsigned char)(bit == 1 ? *byte | mask : *byte & ~mask);
}

/* Parses a range from the word `at` on: first, last and BYTE or BIT. The result is in bits. Returns
 * false if it is empty, or after it wrote an error. */
static bool read_bits(struct command *command, size_t at, size_t bytes, size_t *from, size_t *upto)
{
    int64_t first = 0, last = -1;
    bool in_bits = command->len > at + 2 && command_word(command->words[at + 2], "BIT");
    *upto = *from = 0;
    if (command->len > at + 1 && !read_two(command, at, &first, &last))
        return false;
    if (!cut_range(first, last, in_bits ? 8 * bytes : bytes, from, upto))
        return true; /* 0 to 0 would be one bit: the caller checks that */
    if (!in_bits) {
        *from *= 8;
        *upto = *upto * 8 + 7;
    }
    *upto += 1;
    return true;
}

static void run_bitcount(struct command *command)
{
    struct value *value;
    size_t from, upto;
    if (command->len == 3 || command->len > 5) {
        command_syntax(command);
        return;
    }
    if (!command_value(command, command->words[1], VALUE_STRING, &value))
        return;
    struct span text = value != NULL ? bytes_span(&value->text) : (struct span){"", 0};
    int64_t n = 0;
    if (!read_bits(command, 2, text.len, &from, &upto))
        return;
    for (; from < upto && from % 8 != 0; from++)
        n += bit_of(text, from);
    for (; from + 8 <= upto; from += 8)
        n += __builtin_popcount((unsigned char)text.ptr[from / 8]);
    for (; from < upto; from++)
        n += bit_of(text, from);
    reply_integer(command->out, n);
}

/* BITPOS key bit first last BIT */
static void run_bitpos(struct command *command)
{
    struct value *value;
    size_t from, upto;
    int64_t bit;
    if (!command_integer(command->words[2], &bit) || bit < 0 || bit > 1) {
        reply_error(command->out, "ERR The bit argument must be 1 or 0.");
        return;
    }
    if (!command_value(command, command->words[1], VALUE_STRING, &value))
        return;
    if (value == NULL) {
        reply_integer(command->out, bit == 1 ? -1 : 0);
        return;
    }
    struct span text = bytes_span(&value->text);
    if (!read_bits(command, 3, text.len, &from, &upto))
        return;
    for (size_t at = from; at < upto; at++) {
        if (bit_of(text, at) == (bit == 1)) {
            reply_integer(command->out, (int64_t)at);
            return;
        }
    }
    reply_integer(command->out, -1);
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
    if (!is_bitop(op) || keys > BITOP_KEYS_MAX || (command_word(op, "NOT") && keys != 1)) {
        command_syntax(command);
        return;
    }
    for (size_t i = 0; i < keys; i++) {
        if (!command_value(command, command->words[3 + i], VALUE_STRING, &value))
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
        bytes_set(&text_at(command, to)->text, bytes_span(&result));
    bytes_free(&result);
    reply_integer(command->out, (int64_t)len);
}

const struct command_row texts_rows[] = {
    {"GET", 2, 0, run_get},
    {"MGET", -2, 0, run_mget},
    {"SET", -3, COMMAND_WRITES | COMMAND_GROWS, run_set},
    {"MSET", -3, COMMAND_WRITES | COMMAND_GROWS, run_mset},
    {"GETRANGE", 4, 0, run_getrange},
    {"SETRANGE", 4, COMMAND_WRITES | COMMAND_GROWS, run_setrange},
    {"GETBIT", 3, 0, run_getbit},
    {"SETBIT", 4, COMMAND_WRITES | COMMAND_GROWS, run_setbit},
    {"BITCOUNT", -2, 0, run_bitcount},
    {"BITPOS", -3, 0, run_bitpos},
    {"BITOP", -4, COMMAND_WRITES | COMMAND_GROWS, run_bitop},
    {NULL, 0, 0, NULL},
};
