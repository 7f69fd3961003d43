/* zsets.c: ordered sets, sorted by score, then by name. */
#include "redis-model/command.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double read_score(struct span text)
{
    char copy[64], *end;
    assert(text.len > 0 && text.len < sizeof(copy));
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double score = strtod(copy, &end);
    assert(*end == '\0' && !isnan(score));
    return score;
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
    int64_t added = 0;
    bool only_new = command_word(command->words[2], "NX");
    size_t first = only_new ? 3 : 2;
    assert(command->len > first && (command->len - first) % 2 == 0);
    struct value *value = command_need(command, command->words[1]);
    for (size_t i = first; i < command->len; i += 2) {
        struct span name = command->words[i + 1];
        const struct item *item = value_item(value, name);
        double score = read_score(command->words[i]);
        added += item == NULL;
        if (item != NULL && only_new)
            continue;
        if (item != NULL)
            value_remove(value, (size_t)(item - value->items));
        insert(value, name, score);
    }
    reply_integer(command->out, added);
}

static void run_zscore(struct command *command)
{
    const struct item *item = value_item(command->value, command->words[2]);
    if (item == NULL)
        reply_null(command->out);
    else
        reply_score(command->out, item->score);
}

/* ---- ranges by score ---- */

struct bound {
    double score;
    bool beyond; /* "(5": exclusive */
};

static struct bound read_bound(struct span text)
{
    bool beyond = text.len > 0 && text.ptr[0] == '(';
    return (struct bound){read_score(beyond ? span_skip(text, 1) : text), beyond};
}

static bool is_in(const struct item *item, struct bound from, struct bound upto)
{
    return (from.beyond ? item->score > from.score : item->score >= from.score) &&
           (upto.beyond ? item->score < upto.score : item->score <= upto.score);
}

static void run_zcount(struct command *command)
{
    const struct value *value = command->value;
    struct bound from = read_bound(command->words[2]), upto = read_bound(command->words[3]);
    int64_t n = 0;
    for (size_t i = 0; value != NULL && i < value->len; i++)
        n += is_in(&value->items[i], from, upto);
    reply_integer(command->out, n);
}

static void run_zremrangebyscore(struct command *command)
{
    struct value *value = command->value;
    struct bound from = read_bound(command->words[2]), upto = read_bound(command->words[3]);
    int64_t gone = 0;
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

static struct options read_options(const struct command *command)
{
    struct options options = {.count = -1};
    for (size_t at = 4; at < command->len;) {
        if (command_word(command->words[at], "WITHSCORES")) {
            options.scores = true;
            at += 1;
            continue;
        }
        assert(command_word(command->words[at], "LIMIT") && at + 2 < command->len);
        options.skip = command_number(command, at + 1);
        options.count = command_number(command, at + 2);
        at += 3;
    }
    return options;
}

static void reply_item(struct bytes *out, const struct item *item, bool scores)
{
    reply_bulk(out, bytes_span(&item->name));
    if (scores)
        reply_score(out, item->score);
}

/* ZRANGEBYSCORE, ZREVRANGEBYSCORE */
static void run_by_score(struct command *command)
{
    const bool backwards = command->row->backwards;
    const struct value *value = command->value;
    struct bound from = read_bound(command->words[backwards ? 3 : 2]);
    struct bound upto = read_bound(command->words[backwards ? 2 : 3]);
    struct options options = read_options(command);
    struct bytes rows = {0};
    size_t n = 0;
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

/* ---- ranges by rank ---- */

/* ZRANGE, ZREVRANGE */
static void run_by_rank(struct command *command)
{
    const struct value *value = command->value;
    struct options options = read_options(command);
    int64_t first, last;
    command_range(command, 2, value != NULL ? value->len : 0, &first, &last);
    size_t n = first > last ? 0 : (size_t)(last - first + 1);
    reply_array(command->out, options.scores ? 2 * n : n);
    for (int64_t i = first; value != NULL && i <= last; i++)
        reply_item(command->out,
                   &value->items[command->row->backwards ? (int64_t)value->len - 1 - i : i],
                   options.scores);
}

static void run_zremrangebyrank(struct command *command)
{
    struct value *value = command->value;
    int64_t first, last;
    command_range(command, 2, value != NULL ? value->len : 0, &first, &last);
    for (int64_t i = last; value != NULL && i >= first; i--)
        value_remove(value, (size_t)i);
    command_drop_if_empty(command, value);
    reply_integer(command->out, first > last ? 0 : last - first + 1);
}

const struct command_row zsets_rows[] = {
    {"ZADD", -4, COMMAND_WRITES | COMMAND_GROWS, run_zadd, .type = VALUE_ZSET},
    {"ZREM", -3, COMMAND_WRITES, command_remove, .type = VALUE_ZSET},
    {"ZSCORE", 3, 0, run_zscore, .type = VALUE_ZSET},
    {"ZCARD", 2, 0, command_len, .type = VALUE_ZSET},
    {"ZCOUNT", 4, 0, run_zcount, .type = VALUE_ZSET},
    {"ZRANGE", -4, 0, run_by_rank, .type = VALUE_ZSET},
    {"ZREVRANGE", -4, 0, run_by_rank, .type = VALUE_ZSET, .backwards = true},
    {"ZRANGEBYSCORE", -4, 0, run_by_score, .type = VALUE_ZSET},
    {"ZREVRANGEBYSCORE", -4, 0, run_by_score, .type = VALUE_ZSET, .backwards = true},
    {"ZREMRANGEBYSCORE", 4, COMMAND_WRITES, run_zremrangebyscore, .type = VALUE_ZSET},
    {"ZREMRANGEBYRANK", 4, COMMAND_WRITES, run_zremrangebyrank, .type = VALUE_ZSET},
    {.name = NULL},
};
