/* zsets.c: ordered sets, sorted by score, then by name. */
#include "redis-model/command.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool own_zset(struct command *command, struct value **out)
{
    return command_value(command, command->words[1], VALUE_ZSET, out);
}

static bool read_score(struct span text, double *out)
{
    char copy[64], *end;
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0' && !isnan(*out);
}

static void reply_score(struct bytes *out, double score)
{
    char text[64];
    if (score == floor(score) && fabs(score) < 9e15)
        snprintf(text, sizeof(text), "%" PRId64, (int64_t)score);
    else
        snprintf(text, sizeof(text), "%.17g", score);
    reply_bulk(out, span_of(text));
}

static bool is_before(double score, struct span name, const struct item *other)
{
    if (score != other->score)
        return score < other->score;
    size_t len = name.len < other->name.len ? name.len : other->name.len;
    int order = len > 0 ? memcmp(name.ptr, other->name.ptr, len) : 0;
    return order != 0 ? order < 0 : name.len < other->name.len;
}

static void insert(struct value *value, struct span name, double score)
{
    size_t at = 0;
    while (at < value->len && !is_before(score, name, &value->items[at]))
        at++;
    (void)value_add(value);
    memmove(&value->items[at + 1], &value->items[at],
            (value->len - 1 - at) * sizeof(*value->items));
    value->items[at] = (struct item){.score = score};
    bytes_put(&value->items[at].name, name.ptr, name.len);
}

/* ZADD key [NX] score name ... */
static void run_zadd(struct command *command)
{
    struct value *value;
    int64_t added = 0;
    bool only_new = command_word(command->words[2], "NX");
    size_t first = only_new ? 3 : 2;
    double score;
    if (command->len <= first || (command->len - first) % 2 != 0) {
        command_syntax(command);
        return;
    }
    for (size_t i = first; i < command->len; i += 2) {
        if (read_score(command->words[i], &score))
            continue;
        reply_error(command->out, "ERR value is not a valid float");
        return;
    }
    if (!own_zset(command, &value))
        return;
    value = &keyspace_need(command->keyspace, command->words[1], VALUE_ZSET)->value;
    for (size_t i = first; i < command->len; i += 2) {
        struct span name = command->words[i + 1];
        const struct item *item = value_item(value, name);
        (void)read_score(command->words[i], &score);
        added += item == NULL;
        if (item != NULL && only_new)
            continue;
        if (item != NULL)
            value_remove(value, (size_t)(item - value->items));
        insert(value, name, score);
    }
    reply_integer(command->out, added);
}

static void run_zrem(struct command *command)
{
    command_remove(command, VALUE_ZSET);
}

static void run_zscore(struct command *command)
{
    struct value *value;
    if (!own_zset(command, &value))
        return;
    const struct item *item = value_item(value, command->words[2]);
    if (item == NULL)
        reply_null(command->out);
    else
        reply_score(command->out, item->score);
}

static void run_zcard(struct command *command)
{
    struct value *value;
    if (own_zset(command, &value))
        reply_integer(command->out, value != NULL ? (int64_t)value->len : 0);
}

/* ---- ranges by score ---- */

struct bound {
    double score;
    bool beyond; /* "(5": exclusive */
};

static bool read_bound(struct span text, struct bound *out)
{
    *out = (struct bound){0};
    if (text.len > 0 && text.ptr[0] == '(') {
        out->beyond = true;
        text = span_skip(text, 1);
    }
    return read_score(text, &out->score);
}

static bool read_bounds(struct command *command, size_t least, size_t most, struct bound *from,
                        struct bound *upto)
{
    if (read_bound(command->words[least], from) && read_bound(command->words[most], upto))
        return true;
    reply_error(command->out, "ERR min or max is not a float");
    return false;
}

static bool is_in(const struct item *item, struct bound from, struct bound upto)
{
    return (from.beyond ? item->score > from.score : item->score >= from.score) &&
           (upto.beyond ? item->score < upto.score : item->score <= upto.score);
}

static void run_zcount(struct command *command)
{
    struct value *value;
    struct bound from, upto;
    int64_t n = 0;
    if (!read_bounds(command, 2, 3, &from, &upto) || !own_zset(command, &value))
        return;
    for (size_t i = 0; value != NULL && i < value->len; i++)
        n += is_in(&value->items[i], from, upto);
    reply_integer(command->out, n);
}

static void run_zremrangebyscore(struct command *command)
{
    struct value *value;
    struct bound from, upto;
    int64_t gone = 0;
    if (!read_bounds(command, 2, 3, &from, &upto) || !own_zset(command, &value))
        return;
    for (size_t i = value != NULL ? value->len : 0; i > 0; i--) {
        if (!is_in(&value->items[i - 1], from, upto))
            continue;
        value_remove(value, i - 1);
        gone += 1;
    }
    command_drop_if_empty(command, value);
    reply_integer(command->out, gone);
}

/* [WITHSCORES] [LIMIT first count], in any order. */
struct options {
    bool scores;
    int64_t skip, count; /* count below 0: all */
};

static bool read_options(struct command *command, size_t at, struct options *out)
{
    *out = (struct options){.count = -1};
    while (at < command->len) {
        if (command_word(command->words[at], "WITHSCORES")) {
            out->scores = true;
            at += 1;
        } else if (command_word(command->words[at], "LIMIT") && at + 2 < command->len &&
                   command_integer(command->words[at + 1], &out->skip) &&
                   command_integer(command->words[at + 2], &out->count)) {
            at += 3;
        } else {
            command_syntax(command);
            return false;
        }
    }
    return true;
}

static void reply_item(struct bytes *out, const struct item *item, bool scores)
{
    reply_bulk(out, bytes_span(&item->name));
    if (scores)
        reply_score(out, item->score);
}

static void reply_by_score(struct command *command, bool backwards)
{
    struct value *value;
    struct bound from, upto;
    struct options options;
    struct bytes rows = {0};
    size_t n = 0;
    if (!read_options(command, 4, &options) ||
        !read_bounds(command, backwards ? 3 : 2, backwards ? 2 : 3, &from, &upto) ||
        !own_zset(command, &value))
        return;
    size_t len = value != NULL ? value->len : 0;
    for (size_t i = 0; i < len && (options.count < 0 || n < (size_t)options.count); i++) {
        const struct item *item = &value->items[backwards ? len - 1 - i : i];
        if (!is_in(item, from, upto) || options.skip-- > 0)
            continue;
        reply_item(&rows, item, options.scores);
        n += 1;
    }
    reply_array(command->out, options.scores ? 2 * n : n);
    bytes_put(command->out, rows.ptr, rows.len);
    bytes_free(&rows);
}

static void run_zrangebyscore(struct command *command)
{
    reply_by_score(command, false);
}

static void run_zrevrangebyscore(struct command *command)
{
    reply_by_score(command, true);
}

/* ---- ranges by rank ---- */

static bool read_ranks(struct command *command, struct value **value, int64_t *first, int64_t *last)
{
    if (!command_integer(command->words[2], first) || !command_integer(command->words[3], last)) {
        reply_error(command->out, "ERR value is not an integer or out of range");
        return false;
    }
    if (!own_zset(command, value))
        return false;
    int64_t len = *value != NULL ? (int64_t)(*value)->len : 0;
    *first = *first < 0 ? (*first + len < 0 ? 0 : *first + len) : *first;
    *last = *last < 0 ? *last + len : *last;
    *last = *last >= len ? len - 1 : *last;
    return true;
}

static void reply_by_rank(struct command *command, bool backwards)
{
    struct value *value;
    struct options options;
    int64_t first, last;
    if (!read_options(command, 4, &options) || !read_ranks(command, &value, &first, &last))
        return;
    size_t n = first > last ? 0 : (size_t)(last - first + 1);
    reply_array(command->out, options.scores ? 2 * n : n);
    for (int64_t i = first; value != NULL && i <= last; i++)
        reply_item(command->out, &value->items[backwards ? (int64_t)value->len - 1 - i : i],
                   options.scores);
}

static void run_zrange(struct command *command)
{
    reply_by_rank(command, false);
}

static void run_zrevrange(struct command *command)
{
    reply_by_rank(command, true);
}

static void run_zremrangebyrank(struct command *command)
{
    struct value *value;
    int64_t first, last;
    if (!read_ranks(command, &value, &first, &last))
        return;
    for (int64_t i = last; value != NULL && i >= first; i--)
        value_remove(value, (size_t)i);
    command_drop_if_empty(command, value);
    reply_integer(command->out, first > last ? 0 : last - first + 1);
}

const struct command_row zsets_rows[] = {
    {"ZADD", -4, COMMAND_WRITES | COMMAND_GROWS, run_zadd},
    {"ZREM", -3, COMMAND_WRITES, run_zrem},
    {"ZSCORE", 3, 0, run_zscore},
    {"ZCARD", 2, 0, run_zcard},
    {"ZCOUNT", 4, 0, run_zcount},
    {"ZRANGE", -4, 0, run_zrange},
    {"ZREVRANGE", -4, 0, run_zrevrange},
    {"ZRANGEBYSCORE", -4, 0, run_zrangebyscore},
    {"ZREVRANGEBYSCORE", -4, 0, run_zrevrangebyscore},
    {"ZREMRANGEBYSCORE", 4, COMMAND_WRITES, run_zremrangebyscore},
    {"ZREMRANGEBYRANK", 4, COMMAND_WRITES, run_zremrangebyrank},
    {NULL, 0, 0, NULL},
};
