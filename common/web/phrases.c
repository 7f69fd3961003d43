/* phrases.c: a copy of the source, and rows that point into it. Lookup is linear: most phrases are
 * put into templates at start, and a request needs only a handful. */
#include "phrases.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PHRASES_MAX = 2048 }; /* the console has the most: a thousand */

struct phrases {
    uint32_t len;
    struct {
        struct span key, value;
        bool overridden;
    } row[PHRASES_MAX];
    char source[]; /* what the spans point into */
};

/* A phrase with '<' could end the script element early; none needs one. */
static int check_phrase(struct span value, struct err_slot *err)
{
    if (memchr(value.ptr, '<', value.len) != NULL)
        return err_set(err, ERR_SYNTAX, "phrases are text, without '<'");
    return 0;
}

static int parse_line(struct phrases *phrases, struct span line, struct err_slot *err)
{
    struct span key;
    line = span_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return 0;
    struct span value = span_cut(line, '=', &key);
    if (value.ptr == NULL)
        return err_set(err, ERR_SYNTAX, "no '=' in \"%.*s\"", (int)line.len, line.ptr);
    key = span_trim(key);
    if (phrases_find(phrases, key).ptr != NULL)
        return err_set(err, ERR_EXISTS, "%.*s is there twice", (int)key.len, key.ptr);
    if (phrases->len == PHRASES_MAX)
        return err_set(err, ERR_FULL, "more than %d phrases", PHRASES_MAX);
    assert(phrases->len < PHRASES_MAX);
    phrases->row[phrases->len].key = key;
    phrases->row[phrases->len].value = span_trim(value);
    return check_phrase(phrases->row[phrases->len++].value, err);
}

int phrases_parse(struct span source, struct err_slot *err, struct phrases **out)
{
    if (source.len > PHRASES_SOURCE_MAX)
        return err_set(err, ERR_RANGE, "phrases of %zu bytes", source.len);
    struct phrases *phrases = calloc(1, sizeof(*phrases) + source.len);
    if (phrases == NULL)
        return err_set(err, ERR_NOMEM, "phrases of %zu bytes", source.len);
    if (source.len > 0)
        memcpy(phrases->source, source.ptr, source.len);
    struct span rest = {phrases->source, source.len}, line;
    while (span_next(&rest, '\n', &line)) {
        int rc = parse_line(phrases, line, err);
        if (rc < 0) {
            free(phrases);
            return rc;
        }
    }
    *out = phrases;
    return 0;
}

struct span phrases_find(const struct phrases *phrases, struct span key)
{
    assert(phrases->len <= PHRASES_MAX);
    for (uint32_t i = 0; i < phrases->len; i++) {
        if (span_eq(phrases->row[i].key, key))
            return phrases->row[i].value;
    }
    return (struct span){NULL, 0};
}

static int override_line(struct phrases *phrases, struct span line, bool ours, struct err_slot *err)
{
    struct span key;
    struct span value = span_cut(line, '=', &key);
    key = span_trim(key);
    if (value.ptr == NULL)
        return err_set(err, ERR_SYNTAX, "no '=' in \"%.*s\"", (int)line.len, line.ptr);
    for (uint32_t i = 0; i < phrases->len; i++) {
        if (!span_eq(phrases->row[i].key, key))
            continue;
        phrases->row[i].value = span_trim(value);
        phrases->row[i].overridden = true;
        return check_phrase(phrases->row[i].value, err);
    }
    if (ours)
        return err_set(err, ERR_NOT_FOUND, "there is no phrase \"%.*s\"", (int)key.len, key.ptr);
    return 0;
}

/* Takes the next line of an operator's text that is not blank or a comment; empty at the end. */
static struct span next_line(struct span *text)
{
    struct span line = {"", 0};
    while ((line.len == 0 || line.ptr[0] == '#') && span_next(text, '\n', &line)) {
        line = span_trim(line);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
    }
    return line.len > 0 && line.ptr[0] == '#' ? (struct span){"", 0} : line;
}

static bool is_section(struct span line, struct span *name)
{
    if (line.len < 2 || line.ptr[0] != '[' || line.ptr[line.len - 1] != ']')
        return false;
    *name = (struct span){line.ptr + 1, line.len - 2};
    return true;
}

bool phrases_name(struct span text, struct span service)
{
    for (struct span line = next_line(&text), name; line.len > 0; line = next_line(&text)) {
        if (is_section(line, &name) && span_eq(name, service))
            return true;
    }
    return false;
}

int phrases_override(struct phrases *phrases, struct span text, struct span service,
                     struct err_slot *err)
{
    bool for_all = true, ours = false;
    for (struct span line = next_line(&text), name; line.len > 0; line = next_line(&text)) {
        if (is_section(line, &name)) {
            for_all = false;
            ours = span_eq(name, service);
            continue;
        }
        int rc = for_all || ours ? override_line(phrases, line, ours, err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

struct span phrases_untouched(const struct phrases *phrases)
{
    for (uint32_t i = 0; i < phrases->len; i++) {
        if (!phrases->row[i].overridden)
            return phrases->row[i].key;
    }
    return (struct span){NULL, 0};
}

void phrases_fill(struct text *out, struct span phrase, const struct span values[3],
                  void (*put)(struct text *out, struct span span))
{
    for (size_t i = 0; i < phrase.len; i++) {
        bool hole = i + 2 < phrase.len && phrase.ptr[i] == '{' && phrase.ptr[i + 1] >= '0' &&
                    phrase.ptr[i + 1] <= '2' && phrase.ptr[i + 2] == '}';
        if (hole) {
            put(out, values[phrase.ptr[i + 1] - '0']);
            i += 2;
        } else {
            put(out, (struct span){phrase.ptr + i, 1});
        }
    }
}

void phrases_json(struct text *out, const struct phrases *phrases, struct span prefix,
                  struct span except)
{
    json_open(out, '{');
    for (uint32_t i = 0; i < phrases->len; i++) {
        struct span key = phrases->row[i].key;
        if (!span_starts(key, prefix) || (except.len > 0 && span_starts(key, except)))
            continue;
        json_str(out, key);
        TEXT_LIT(out, ":");
        out->comma = false;
        json_str(out, phrases->row[i].value);
    }
    json_close(out, '}');
}

void phrases_destroy(struct phrases *phrases)
{
    free(phrases);
}
