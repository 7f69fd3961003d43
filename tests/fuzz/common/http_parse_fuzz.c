/* http_parse_fuzz.c: any bytes, cut anywhere. Parsing in one piece and byte by byte must give the
 * same: a request whose meaning depends on how the network cut it can be smuggled past a proxy. A
 * plain head in one piece is read without llhttp, so this also compares the two parsers. */
#include "../fuzz.h"
#include "http/http_internal.h"

struct outcome {
    enum http_parse_result result;
    uint32_t used;
    struct http_parser parser;
};

static bool is_same_place(struct http_place a, struct http_place b)
{
    return a.at == b.at && a.len == b.len;
}

static void assert_same(const struct http_parser *a, const struct http_parser *b)
{
    assert(a->head_len == b->head_len && a->body_len == b->body_len);
    assert(a->content_length == b->content_length && a->chunked == b->chunked);
    assert(a->method == b->method && a->is_head == b->is_head && a->keep_alive == b->keep_alive);
    assert(a->llhttp.http_minor == b->llhttp.http_minor && a->query_there == b->query_there);
    assert(is_same_place(a->path, b->path) && is_same_place(a->query, b->query));
    assert(a->fields_len == b->fields_len && memcmp(a->known, b->known, sizeof(a->known)) == 0);
    for (unsigned i = 0; i < a->fields_len; i++)
        assert(is_same_place(a->fields[i].name, b->fields[i].name) &&
               is_same_place(a->fields[i].value, b->fields[i].value));
}

/* Parses in steps of `step` bytes, like a connection. */
static struct outcome parse(struct span in, uint32_t step)
{
    uint32_t size = (uint32_t)in.len;
    struct http_limits limits = http_limits_default();
    struct http_parser *parser = malloc(sizeof(*parser));
    char *buffer = malloc(size + 1);
    assert(parser != NULL && buffer != NULL);
    memcpy(buffer, in.ptr, size);
    http_parser_begin(parser, &limits);
    struct outcome outcome = {.result = HTTP_PARSE_MORE};
    uint32_t have = 0;
    while (outcome.result == HTTP_PARSE_MORE && have < size) {
        uint32_t next = have + step < size ? have + step : size;
        outcome.result = http_parser_head(parser, buffer, have, next);
        have = next;
    }
    if (outcome.result == HTTP_PARSE_HEAD && parser->chunked) {
        /* The decoded part follows the head; the encoded rest is fed from the original. */
        uint32_t fed = parser->head_len, len = parser->head_len;
        outcome.result = HTTP_PARSE_MORE;
        while (outcome.result == HTTP_PARSE_MORE && fed < size) {
            uint32_t part = fed + step < size ? step : size - fed;
            memcpy(buffer + len, in.ptr + fed, part);
            uint32_t used = 0;
            outcome.result = http_parser_chunked(parser, buffer, len, len + part, &used);
            outcome.used = outcome.result == HTTP_PARSE_DONE ? fed + (used - len) : 0;
            fed += part;
            len = parser->head_len + parser->body_len;
            assert(len <= fed);
        }
    }
    outcome.parser = *parser;
    free(buffer);
    free(parser);
    return outcome;
}

static void fuzz(struct span in)
{
    if (in.len > 20000)
        return;
    struct outcome whole = parse(in, (uint32_t)in.len + 1);
    for (uint32_t step = 1; step <= 7; step += 3) {
        struct outcome cut = parse(in, step);
        assert(cut.result == whole.result);
        if (whole.result == HTTP_PARSE_ERROR || whole.result == HTTP_PARSE_MORE)
            continue;
        assert(cut.used == whole.used);
        assert_same(&cut.parser, &whole.parser);
    }
}
