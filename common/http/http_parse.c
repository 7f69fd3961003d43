/* http_parse.c: turns bytes into a request, using llhttp and some checks that llhttp leaves open.
 *
 * Nearly all heads arrive in one piece and are written in the same plain way. A few lines of our
 * own parse those at half the cost; any other head is left to llhttp, from its first byte. So we
 * never accept what llhttp rejects, and the fuzz target compares the two.
 *
 * llhttp finds the parts and refuses most tricks of request smuggling: two lengths, a length with a
 * transfer coding, a coding that does not end in "chunked". It is lenient in places where two
 * servers in a row could still disagree, so a complete head is checked once more: every line ends
 * in CR LF and none begins with a blank, there is exactly one Host, one space precedes the target,
 * each header has a name.
 *
 * llhttp is paused at the end of the head. A body of known length needs no parser: the connection
 * counts its bytes. Only a chunked one goes through llhttp again and is decoded in place: the
 * output is never longer than the input, so it moves down to follow the head.
 *
 * Places are offsets from the request's first byte. Bytes arrive in pieces but always at the end of
 * one buffer, so a name or value that was split by the network simply grows. */
#include "http/http_internal.h"

static struct http_parser *parser_of(llhttp_t *llhttp)
{
    return llhttp->data;
}

static int refuse(struct http_parser *parser, unsigned status, const char *reason)
{
    parser->status = status;
    parser->reason = reason;
    return HPE_USER;
}

static int place_grow(struct http_parser *parser, struct http_place *place, const char *at,
                      size_t len)
{
    assert(at >= parser->base);
    uint32_t offset = (uint32_t)(at - parser->base);
    if (place->len == 0)
        place->at = offset;
    if (place->at + place->len != offset) /* the only gap that llhttp accepts */
        return refuse(parser, 400, "a header line is folded");
    place->len += (uint32_t)len;
    return 0;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    int rc = place_grow(parser, &parser->url, at, len);
    if (rc == 0 && parser->url.len > parser->url_max)
        return refuse(parser, 414, "the request target is too long");
    return rc;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    if (parser->head_len > 0)
        return 0; /* a trailer: allowed, not used */
    if (!parser->field_open) {
        if (parser->fields_len == parser->fields_max)
            return refuse(parser, 431, "too many header lines");
        parser->fields[parser->fields_len] = (struct http_field){{0, 0}, {0, 0}};
        parser->field_open = true;
    }
    return place_grow(parser, &parser->fields[parser->fields_len].name, at, len);
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    if (parser->head_len > 0 || len == 0)
        return 0;
    if (!parser->field_open)
        return refuse(parser, 400, "a header line without a name");
    return place_grow(parser, &parser->fields[parser->fields_len].value, at, len);
}

/* llhttp has checked that names are tokens. Among token characters, setting 0x20 yields a letter
 * only from a letter, and a hyphen only from a hyphen. The lengths are already equal. */
static bool is(struct span name, const char *lower)
{
    const uint64_t small = UINT64_C(0x2020202020202020);
    uint64_t differ = 0;
    size_t i = 0;
    for (; i + sizeof(small) <= name.len; i += sizeof(small)) {
        uint64_t a, b;
        memcpy(&a, name.ptr + i, sizeof(a));
        memcpy(&b, lower + i, sizeof(b));
        differ |= (a | small) ^ b;
    }
    if (i > 0 && i < name.len) { /* the last eight bytes, some of them again */
        uint64_t a, b;
        memcpy(&a, name.ptr + name.len - sizeof(a), sizeof(a));
        memcpy(&b, lower + name.len - sizeof(b), sizeof(b));
        return (differ | ((a | small) ^ b)) == 0;
    }
    for (; i < name.len; i++)
        differ |= (uint64_t)((name.ptr[i] | 0x20) ^ lower[i]);
    return differ == 0;
}

/* The length tells most names apart, so one or two comparisons find the number. */
static enum http_header header_number(struct span name)
{
    switch (name.len) {
    case 4:
        return is(name, "host") ? HTTP_HEADER_HOST : HTTP_HEADER_COUNT;
    case 6:
        return is(name, "cookie")   ? HTTP_HEADER_COOKIE
               : is(name, "accept") ? HTTP_HEADER_ACCEPT
               : is(name, "origin") ? HTTP_HEADER_ORIGIN
               : is(name, "expect") ? HTTP_HEADER_EXPECT
                                    : HTTP_HEADER_COUNT;
    case 7:
        return is(name, "referer") ? HTTP_HEADER_REFERER : HTTP_HEADER_COUNT;
    case 8:
        return is(name, "if-match") ? HTTP_HEADER_IF_MATCH : HTTP_HEADER_COUNT;
    case 10:
        return is(name, "user-agent") ? HTTP_HEADER_USER_AGENT : HTTP_HEADER_COUNT;
    case 11:
        return is(name, "traceparent") ? HTTP_HEADER_TRACEPARENT : HTTP_HEADER_COUNT;
    case 12:
        return is(name, "content-type") ? HTTP_HEADER_CONTENT_TYPE : HTTP_HEADER_COUNT;
    case 13:
        return is(name, "authorization")   ? HTTP_HEADER_AUTHORIZATION
               : is(name, "if-none-match") ? HTTP_HEADER_IF_NONE_MATCH
               : is(name, "last-event-id") ? HTTP_HEADER_LAST_EVENT_ID
                                           : HTTP_HEADER_COUNT;
    case 15:
        return is(name, "accept-language")   ? HTTP_HEADER_ACCEPT_LANGUAGE
               : is(name, "accept-encoding") ? HTTP_HEADER_ACCEPT_ENCODING
               : is(name, "idempotency-key") ? HTTP_HEADER_IDEMPOTENCY_KEY
               : is(name, "x-forwarded-for") ? HTTP_HEADER_X_FORWARDED_FOR
                                             : HTTP_HEADER_COUNT;
    case 17:
        return is(name, "x-forwarded-proto") ? HTTP_HEADER_X_FORWARDED_PROTO : HTTP_HEADER_COUNT;
    default:
        return HTTP_HEADER_COUNT;
    }
}

/* Repeating one of these is an attempt to mislead a server. */
static bool may_not_repeat(enum http_header header)
{
    return header == HTTP_HEADER_HOST || header == HTTP_HEADER_AUTHORIZATION ||
           header == HTTP_HEADER_CONTENT_TYPE || header == HTTP_HEADER_IDEMPOTENCY_KEY ||
           header == HTTP_HEADER_IF_MATCH || header == HTTP_HEADER_X_FORWARDED_FOR;
}

/* The last field is a known header. Returns false if it is a forbidden repetition. */
static bool note_known(struct http_parser *parser, enum http_header number)
{
    if (parser->known[number] != 0)
        return !may_not_repeat(number);
    parser->known[number] = parser->fields_len;
    return true;
}

static int on_value_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    if (parser->head_len > 0)
        return 0;
    if (!parser->field_open || parser->fields[parser->fields_len].name.len == 0)
        return refuse(parser, 400, "a header line without a name");
    assert(parser->fields_len < parser->fields_max); /* on_field() has checked */
    struct http_field *field = &parser->fields[parser->fields_len++];
    parser->field_open = false;
    const char *base = parser->base;
    while (field->value.len > 0 && (base[field->value.at + field->value.len - 1] == ' ' ||
                                    base[field->value.at + field->value.len - 1] == '\t'))
        field->value.len--;
    enum http_header number = header_number((struct span){base + field->name.at, field->name.len});
    if (number != HTTP_HEADER_COUNT && !note_known(parser, number))
        return refuse(parser, 400, "a header is repeated that may occur only once");
    return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    char *base = (char *)(uintptr_t)parser->base; /* the connection's buffer, lent to us */
    assert(base + parser->head_len + parser->body_len <= at); /* bytes only move down */
    memmove(base + parser->head_len + parser->body_len, at, len);
    parser->body_len += (uint32_t)len;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_parser_begin(struct http_parser *parser, const struct http_limits *limits)
{
    memset(parser, 0, offsetof(struct http_parser, fields));
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
    parser->url_max = limits->url_bytes_max;
    parser->fields_max =
        (uint8_t)(limits->headers_max < HTTP_HEADERS_CAP ? limits->headers_max : HTTP_HEADERS_CAP);
}

static enum http_parse_result fail(struct http_parser *parser, unsigned status, const char *reason)
{
    parser->status = status;
    parser->reason = reason;
    return HTTP_PARSE_ERROR;
}

/* Lines must end in CR LF and not begin with a blank (a folded line); no NUL anywhere. */
static const char *lines_judged(const char *at, const char *end)
{
    const char *line = at;
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        if (newline == NULL)
            return "the head does not end in an empty line";
        if (newline == line || newline[-1] != '\r')
            return "a line ends without carriage return";
        if (line != at && (*line == ' ' || *line == '\t'))
            return "a header line is folded";
        line = newline + 1;
    }
    return NULL;
}

/* ---- plain heads ---- */

/* Sets the highest bit of each byte that is below a space, from 0x80 on, or 0x7F. */
static uint64_t unprintable(const char *eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t bytes;
    memcpy(&bytes, eight, sizeof(bytes));
    return ((bytes - 0x20 * ones) | bytes | (bytes + ones)) & (0x80 * ones);
}

static bool is_printable(struct span text)
{
    uint64_t seen = 0;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8)
        seen |= unprintable(text.ptr + i);
    if (i > 0 && i < text.len) /* the last eight bytes, some of them again */
        return (seen | unprintable(text.ptr + text.len - 8)) == 0;
    for (; i < text.len; i++)
        seen |= text.ptr[i] < ' ' || text.ptr[i] > '~';
    return seen == 0;
}

/* Takes the next line of printable ASCII, without its CR LF. Returns false if there is none. */
static bool line_take(struct span *rest, struct span *line)
{
    const char *newline = memchr(rest->ptr, '\n', rest->len);
    if (newline == NULL || newline == rest->ptr || newline[-1] != '\r')
        return false;
    *line = (struct span){rest->ptr, (size_t)(newline - rest->ptr) - 1};
    *rest = span_skip(*rest, line->len + 2);
    return is_printable(*line);
}

/* A header without a number. Those that frame the request must have the usual value. */
static bool is_plain_other(struct http_parser *parser, struct span name, struct span value)
{
    llhttp_t *llhttp = &parser->llhttp;
    if (name.len == 10 && is(name, "connection"))
        return span_eq_nocase(value, SPAN("keep-alive"));
    if (name.len == 14 && is(name, "content-length")) {
        bool is_second = (llhttp->flags & F_CONTENT_LENGTH) != 0;
        llhttp->flags |= F_CONTENT_LENGTH;
        return !is_second && span_u64(value, UINT32_MAX, &llhttp->content_length);
    }
    if ((name.len == 7 && is(name, "upgrade")) ||
        (name.len == 16 && is(name, "proxy-connection")) ||
        (name.len == 17 && is(name, "transfer-encoding")))
        return false;
    return span_is_of(name, SPAN_LETTERS SPAN_DIGITS "-");
}

static bool plain_field(struct http_parser *parser, struct span line)
{
    struct span name, value = span_trim(span_cut(line, ':', &name));
    if (name.len == 0 || value.len == 0 || parser->fields_len == parser->fields_max)
        return false;
    parser->fields[parser->fields_len++] = (struct http_field){
        .name = {(uint32_t)(name.ptr - parser->base), (uint32_t)name.len},
        .value = {(uint32_t)(value.ptr - parser->base), (uint32_t)value.len},
    };
    enum http_header number = header_number(name);
    return number == HTTP_HEADER_COUNT ? is_plain_other(parser, name, value)
                                       : note_known(parser, number);
}

/* GET or POST of a path by HTTP/1.1. */
static bool plain_request_line(struct http_parser *parser, struct span line)
{
    struct span version = SPAN(" HTTP/1.1");
    size_t method = span_starts(line, SPAN("GET /"))    ? 4
                    : span_starts(line, SPAN("POST /")) ? 5
                                                        : 0;
    if (method == 0 || line.len <= method + version.len)
        return false;
    struct span url = {line.ptr + method, line.len - method - version.len};
    if (memcmp(url.ptr + url.len, version.ptr, version.len) != 0 || url.len > parser->url_max ||
        memchr(url.ptr, ' ', url.len) != NULL || memchr(url.ptr, '#', url.len) != NULL)
        return false;
    parser->url = (struct http_place){(uint32_t)method, (uint32_t)url.len};
    parser->llhttp.method = method == 4 ? HTTP_GET : HTTP_POST;
    parser->llhttp.http_major = parser->llhttp.http_minor = 1;
    return true;
}

/* Returns true if the head is plain and complete; then all that llhttp would find is recorded. */
static bool plain_head(struct http_parser *parser, uint32_t len)
{
    struct span rest = {parser->base, len}, line;
    bool is_plain = line_take(&rest, &line) && plain_request_line(parser, line);
    while (is_plain) {
        is_plain = line_take(&rest, &line);
        if (is_plain && line.len == 0) {
            parser->head_len = (uint32_t)(rest.ptr - parser->base);
            return true;
        }
        is_plain = is_plain && plain_field(parser, line);
    }
    parser->url = (struct http_place){0, 0};
    parser->fields_len = 0;
    memset(parser->known, 0, sizeof(parser->known));
    llhttp_reset(&parser->llhttp);
    return false;
}

/* ---- heads ---- */

static bool method_known(struct http_parser *parser)
{
    static const uint8_t methods[] = {
        [HTTP_HEAD] = HTTP_METHOD_GET + 1,        [HTTP_GET] = HTTP_METHOD_GET + 1,
        [HTTP_POST] = HTTP_METHOD_POST + 1,       [HTTP_PUT] = HTTP_METHOD_PUT + 1,
        [HTTP_PATCH] = HTTP_METHOD_PATCH + 1,     [HTTP_DELETE] = HTTP_METHOD_DELETE + 1,
        [HTTP_OPTIONS] = HTTP_METHOD_OPTIONS + 1,
    };
    uint8_t method = parser->llhttp.method;
    if (method >= sizeof(methods) || methods[method] == 0)
        return false;
    parser->is_head = method == HTTP_HEAD;
    parser->method = (enum http_method)(methods[method] - 1);
    return true;
}

/* "/path?query" as usual, "http://host/path" as proxies may send it, "*" for OPTIONS. */
static bool target_split(struct http_parser *parser)
{
    const char *base = parser->base;
    struct http_place url = parser->url;
    if (url.len > 0 && base[url.at] != '/') {
        struct span text = {base + url.at, url.len};
        if (span_eq(text, SPAN("*")) && parser->method == HTTP_METHOD_OPTIONS) {
            parser->path = url;
            return true;
        }
        size_t scheme = span_starts(text, SPAN("http://"))    ? 7
                        : span_starts(text, SPAN("https://")) ? 8
                                                              : 0;
        const char *slash = scheme > 0 ? memchr(text.ptr + scheme, '/', text.len - scheme) : NULL;
        if (slash == NULL)
            return false;
        uint32_t skipped = (uint32_t)(slash - text.ptr);
        url.at += skipped;
        url.len -= skipped;
    }
    if (url.len == 0)
        return false;
    const char *mark = memchr(base + url.at, '?', url.len);
    parser->path = url;
    if (mark != NULL) {
        parser->path.len = (uint32_t)(mark - (base + url.at));
        parser->query_there = true;
        parser->query.at = parser->path.at + parser->path.len + 1;
        parser->query.len = url.len - parser->path.len - 1;
    }
    return true;
}

static enum http_parse_result broken(struct http_parser *parser)
{
    if (parser->status != 0)
        return HTTP_PARSE_ERROR; /* a callback has already set the status */
    const char *reason = llhttp_get_error_reason(&parser->llhttp);
    return fail(parser, 400, reason != NULL && *reason != '\0' ? reason : "not an HTTP request");
}

static enum http_parse_result head_by_llhttp(struct http_parser *parser, uint32_t from,
                                             uint32_t len)
{
    const char *base = parser->base;
    llhttp_errno_t rc = llhttp_execute(&parser->llhttp, base + from, len - from);
    if (rc == HPE_OK)
        return HTTP_PARSE_MORE;
    if (rc != HPE_PAUSED)
        return broken(parser);
    const char *end = llhttp_get_error_pos(&parser->llhttp);
    assert(end > base && end <= base + len);
    parser->head_len = (uint32_t)(end - base);
    const char *bad = lines_judged(base, end);
    if (bad != NULL)
        return fail(parser, 400, bad);
    if (parser->llhttp.http_major != 1)
        return fail(parser, 505, "this server speaks HTTP/1.1");
    if (parser->url.at >= 2 && base[parser->url.at - 2] == ' ')
        return fail(parser, 400, "method and target must be separated by one space");
    return HTTP_PARSE_HEAD;
}

enum http_parse_result http_parser_head(struct http_parser *parser, const char *base, uint32_t from,
                                        uint32_t len)
{
    assert(parser->head_len == 0);
    parser->base = base;
    if (from > 0 || !plain_head(parser, len)) {
        enum http_parse_result result = head_by_llhttp(parser, from, len);
        if (result != HTTP_PARSE_HEAD)
            return result;
    }
    const llhttp_t *llhttp = &parser->llhttp;
    uint8_t host = parser->known[HTTP_HEADER_HOST];
    if (host == 0 ? llhttp->http_minor >= 1 : parser->fields[host - 1].value.len == 0)
        return fail(parser, 400, "the Host header is missing");
    if (!method_known(parser))
        return fail(parser, 501, "this method is not implemented");
    if (!target_split(parser))
        return fail(parser, 400, "the request target is not a path");
    parser->chunked = (llhttp->flags & F_CHUNKED) != 0;
    if ((llhttp->flags & F_TRANSFER_ENCODING) != 0 && !parser->chunked)
        return fail(parser, 501, "only the chunked transfer coding is known");
    if (parser->chunked && llhttp->http_minor == 0)
        return fail(parser, 400, "HTTP/1.0 knows no transfer coding");
    parser->content_length = parser->chunked ? 0 : llhttp->content_length;
    parser->keep_alive = llhttp->http_minor >= 1 ? (llhttp->flags & F_CONNECTION_CLOSE) == 0
                                                 : (llhttp->flags & F_CONNECTION_KEEP_ALIVE) != 0;
    return HTTP_PARSE_HEAD;
}

enum http_parse_result http_parser_chunked(struct http_parser *parser, char *base, uint32_t from,
                                           uint32_t len, uint32_t *used)
{
    assert(parser->head_len > 0);
    parser->base = base;
    parser->raw_len += len - from;
    llhttp_resume(&parser->llhttp); /* paused at the end of the head; later calls change nothing */
    llhttp_errno_t rc = llhttp_execute(&parser->llhttp, base + from, len - from);
    if (rc == HPE_OK)
        return HTTP_PARSE_MORE;
    if (rc != HPE_PAUSED && rc != HPE_PAUSED_UPGRADE)
        return broken(parser);
    *used = (uint32_t)(llhttp_get_error_pos(&parser->llhttp) - base);
    return HTTP_PARSE_DONE;
}
