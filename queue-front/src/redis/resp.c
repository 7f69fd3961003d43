/* resp.c: writes commands and reads replies, checking every type and length.
 *
 * Commands are written straight into the memory from which they are sent; nothing is formatted
 * twice. Replies come as hiredis's trees, and any node may be missing or of another type than
 * expected, because Redis is outside: a script of another version may answer, or a proxy. So each
 * getter returns whether the value exists, and no caller touches a reply's members itself. Numbers
 * come in two forms (Lua returns some as strings, since its integers are doubles), and both are
 * read. */
#include "redis/resp.h"

#include <limits.h>

static void count(struct text *text, char kind, uint64_t number)
{
    text_char(text, kind);
    text_u64(text, number);
    TEXT_LIT(text, "\r\n");
}

void resp_begin(struct text *text, uint64_t words)
{
    count(text, '*', words);
}

void resp_word(struct text *text, struct span word)
{
    count(text, '$', word.len);
    text_put(text, word);
    TEXT_LIT(text, "\r\n");
}

void resp_cstr(struct text *text, const char *word)
{
    resp_word(text, span_of(word));
}

void resp_u64(struct text *text, uint64_t number)
{
    char digits[20];
    struct text word = text_on(digits, sizeof(digits));
    text_u64(&word, number);
    resp_word(text, text_span(&word));
}

size_t resp_len(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

static const redisReply *element(const redisReply *reply, size_t at)
{
    return at < resp_len(reply) ? reply->element[at] : NULL;
}

bool resp_array(const redisReply *reply, size_t at, const redisReply **out)
{
    const redisReply *found = element(reply, at);
    if (found == NULL || found->type != REDIS_REPLY_ARRAY)
        return false;
    *out = found;
    return true;
}

struct span resp_text(const redisReply *reply)
{
    if (reply == NULL || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS &&
                          reply->type != REDIS_REPLY_ERROR))
        return (struct span){NULL, 0};
    return (struct span){reply->str, reply->len};
}

bool resp_get_str(const redisReply *reply, size_t at, struct span *out)
{
    const redisReply *found = element(reply, at);
    if (found == NULL || found->type != REDIS_REPLY_STRING)
        return false;
    *out = resp_text(found);
    return true;
}

bool resp_get_u64(const redisReply *reply, size_t at, uint64_t *out)
{
    const redisReply *found = element(reply, at);
    if (found == NULL)
        return false;
    if (found->type == REDIS_REPLY_STRING)
        return span_u64(resp_text(found), UINT64_MAX, out);
    if (found->type != REDIS_REPLY_INTEGER || found->integer < 0)
        return false;
    *out = (uint64_t)found->integer;
    return true;
}

bool resp_is_error(const redisReply *reply, const char *code)
{
    return reply != NULL && reply->type == REDIS_REPLY_ERROR &&
           span_starts(resp_text(reply), span_of(code));
}
