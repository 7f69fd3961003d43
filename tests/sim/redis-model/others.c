/* others.c: keys, the clock and streams.
 *
 * Approximate trimming of a stream ("~") does nothing: Redis removes whole blocks of a hundred
 * entries, and no world writes that many. */
#include "redis-model/command.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void run_del(struct command *command)
{
    int64_t gone = 0;
    for (size_t i = 1; i < command->len; i++)
        gone += keyspace_find(command->keyspace, command->words[i]) != NULL &&
                keyspace_drop(command->keyspace, command->words[i]);
    reply_integer(command->out, gone);
}

static void run_exists(struct command *command)
{
    int64_t here = 0;
    for (size_t i = 1; i < command->len; i++)
        here += keyspace_find(command->keyspace, command->words[i]) != NULL;
    reply_integer(command->out, here);
}

static void run_pexpire(struct command *command)
{
    struct entry *entry = keyspace_find(command->keyspace, command->words[1]);
    int64_t ms = command_number(command, 2);
    reply_integer(command->out, entry != NULL);
    if (entry != NULL && ms > 0)
        entry->expires_ms = keyspace_now_us(command->keyspace) / 1000 + (uint64_t)ms;
    else if (entry != NULL)
        (void)keyspace_drop(command->keyspace, command->words[1]);
}

static void run_persist(struct command *command)
{
    struct entry *entry = keyspace_find(command->keyspace, command->words[1]);
    reply_integer(command->out, entry != NULL && entry->expires_ms > 0);
    if (entry != NULL)
        entry->expires_ms = 0;
}

static void run_time(struct command *command)
{
    char text[24];
    reply_array(command->out, 2);
    snprintf(text, sizeof(text), "%" PRIu64, keyspace_now_us(command->keyspace) / 1000000);
    reply_bulk(command->out, span_of(text));
    snprintf(text, sizeof(text), "%" PRIu64, keyspace_now_us(command->keyspace) % 1000000);
    reply_bulk(command->out, span_of(text));
}

/* ---- streams ---- */

static void reply_id(struct bytes *out, uint64_t ms, uint64_t seq)
{
    char text[48];
    snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, ms, seq);
    reply_bulk(out, span_of(text));
}

static void trim(struct value *value, int64_t most)
{
    while (value->len > (size_t)most)
        value_remove(value, 0);
}

/* Parses MAXLEN [~] n from the word `at` on. Returns the number of words; 0: no MAXLEN. */
static size_t read_maxlen(const struct command *command, size_t at, int64_t *most)
{
    *most = INT64_MAX;
    if (at + 1 >= command->len || !command_word(command->words[at], "MAXLEN"))
        return 0;
    if (command_word(command->words[at + 1], "~"))
        return 3;
    return command_integer(command->words[at + 1], most) && *most >= 0 ? 2 : 0;
}

struct id {
    uint64_t ms, seq;
    bool beyond;
};

static struct id read_id(struct span text, bool is_first)
{
    struct span head;
    struct id id = {.seq = is_first ? 0 : UINT64_MAX};
    if (command_word(text, "-"))
        return (struct id){0};
    if (command_word(text, "+"))
        return (struct id){UINT64_MAX, UINT64_MAX, false};
    id.beyond = text.len > 0 && text.ptr[0] == '(';
    struct span rest = span_cut(id.beyond ? span_skip(text, 1) : text, '-', &head);
    bool is_id = span_u64(head, UINT64_MAX, &id.ms) &&
                 (rest.ptr == NULL || span_u64(rest, UINT64_MAX, &id.seq));
    assert(is_id);
    return id;
}

/* Makes the id of a new entry. Returns false if it is not above all existing ones. */
static bool next_id(struct value *value, const struct id *given, uint64_t now_ms)
{
    bool later = now_ms > value->last_ms;
    struct id next = {.ms = later ? now_ms : value->last_ms,
                      .seq = later ? 0 : value->last_seq + 1};
    if (given != NULL)
        next = *given;
    if (next.ms < value->last_ms || (next.ms == value->last_ms && next.seq <= value->last_seq))
        return false;
    value->last_ms = next.ms;
    value->last_seq = next.seq;
    return true;
}

/* XADD key [MAXLEN [~] n] *|id word... */
static void run_xadd(struct command *command)
{
    int64_t most;
    size_t at = 2 + read_maxlen(command, 2, &most);
    assert(at + 1 < command->len && (command->len - at) % 2 != 0);
    bool is_given = !command_word(command->words[at], "*");
    struct id id = is_given ? read_id(command->words[at], true) : (struct id){0};
    at += 1;
    struct value *value = command_need(command, command->words[1]);
    if (!next_id(value, is_given ? &id : NULL, keyspace_now_us(command->keyspace) / 1000)) {
        reply_error(command->out, "ERR The ID specified in XADD is equal or smaller than the "
                                  "target stream top item");
        return;
    }
    struct item *item = value_add(value);
    item->ms = value->last_ms;
    item->seq = value->last_seq;
    item->words = (uint32_t)(command->len - at);
    for (; at < command->len; at++) {
        bytes_put(&item->value, &command->words[at].len, sizeof(size_t));
        bytes_put(&item->value, command->words[at].ptr, command->words[at].len);
    }
    reply_id(command->out, item->ms, item->seq);
    trim(value, most);
}

static void run_xtrim(struct command *command)
{
    struct value *value = command->value;
    int64_t most;
    size_t words = read_maxlen(command, 2, &most);
    assert(words + 2 == command->len);
    size_t before = value != NULL ? value->len : 0;
    if (value != NULL)
        trim(value, most);
    reply_integer(command->out, value != NULL ? (int64_t)(before - value->len) : 0);
}

static int order(const struct item *item, struct id id)
{
    if (item->ms != id.ms)
        return item->ms < id.ms ? -1 : 1;
    return item->seq == id.seq ? 0 : item->seq < id.seq ? -1 : 1;
}

static void reply_entry(struct bytes *out, const struct item *item)
{
    reply_array(out, 2);
    reply_id(out, item->ms, item->seq);
    reply_array(out, item->words);
    const char *at = item->value.ptr;
    for (uint32_t i = 0; i < item->words; i++) {
        size_t len;
        memcpy(&len, at, sizeof(len));
        reply_bulk(out, (struct span){at + sizeof(len), len});
        at += sizeof(len) + len;
    }
}

/* XRANGE key from upto [COUNT n] */
static void run_xrange(struct command *command)
{
    const struct value *value = command->value;
    struct id from = read_id(command->words[2], true), upto = read_id(command->words[3], false);
    int64_t count = command->len == 6 ? command_number(command, 5) : INT64_MAX;
    struct bytes rows = {0};
    size_t n = 0;
    assert(command->len == 4 || (command->len == 6 && command_word(command->words[4], "COUNT")));
    size_t len = value != NULL ? value->len : 0;
    for (size_t i = 0; i < len && (int64_t)n < count; i++) {
        const struct item *item = &value->items[i];
        if (order(item, from) < (from.beyond ? 1 : 0) || order(item, upto) > (upto.beyond ? -1 : 0))
            continue;
        reply_entry(&rows, item);
        n += 1;
    }
    reply_array(command->out, n);
    bytes_put(command->out, rows.ptr, rows.len);
    bytes_free(&rows);
}

const struct command_row others_rows[] = {
    {"DEL", -2, COMMAND_WRITES, .run = run_del, .any = true},
    {"UNLINK", -2, COMMAND_WRITES, .run = run_del, .any = true},
    {"EXISTS", -2, 0, .run = run_exists, .any = true},
    {"PEXPIRE", 3, COMMAND_WRITES, .run = run_pexpire, .any = true},
    {"PERSIST", 2, COMMAND_WRITES, .run = run_persist, .any = true},
    {"TIME", 1, 0, .run = run_time, .any = true},
    {"XADD", -5, COMMAND_WRITES | COMMAND_GROWS, run_xadd, .type = VALUE_STREAM},
    {"XTRIM", -4, COMMAND_WRITES, run_xtrim, .type = VALUE_STREAM},
    {"XRANGE", -4, 0, run_xrange, .type = VALUE_STREAM},
    {.name = NULL},
};
