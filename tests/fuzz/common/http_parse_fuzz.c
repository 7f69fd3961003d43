/* http_parse_fuzz.c: any bytes, cut anywhere. What is found in one piece must be found byte by byte
 * too: a request that means two things, depending on how the network cut it, is how one is smuggled
 * past a proxy. */
#include "../fuzz.h"
#include "http/http_internal.h"

struct outcome {
    enum http_parse_result result;
    uint32_t head_len, body_len, used;
    struct http_place path;
    uint8_t fields_len;
};

/* Parses in steps of `step` bytes, as a connection would. */
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
    outcome.head_len = parser->head_len;
    if (outcome.result == HTTP_PARSE_HEAD && parser->chunked) {
        /* The decoded part stands behind the head; what is still encoded is fed from the original.
         */
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
    outcome.body_len = parser->body_len;
    outcome.path = parser->path;
    outcome.fields_len = parser->fields_len;
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
        assert(cut.head_len == whole.head_len && cut.used == whole.used);
        assert(cut.path.at == whole.path.at && cut.path.len == whole.path.len);
        assert(cut.fields_len == whole.fields_len && cut.body_len == whole.body_len);
    }
}
