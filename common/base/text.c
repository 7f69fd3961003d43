/* text.c: fast writing into fixed memory.
 *
 * Numbers are written by hand, two digits at a time, because printf would be a fifth of a request.
 * JSON strings are copied in runs up to the next byte that needs escaping. An append that does not
 * fit writes nothing at all and marks the text, so the content is always whole pieces, and a caller
 * checks once, at the end. */
#include "base/text.h"

#include <assert.h>
#include <stdio.h>

static const char two_digits[] = "00010203040506070809"
                                 "10111213141516171819"
                                 "20212223242526272829"
                                 "30313233343536373839"
                                 "40414243444546474849"
                                 "50515253545556575859"
                                 "60616263646566676869"
                                 "70717273747576777879"
                                 "80818283848586878889"
                                 "90919293949596979899";

void text_str(struct text *text, const char *cstr)
{
    text_add(text, cstr, strlen(cstr));
}

static size_t digits_of(uint64_t value)
{
    size_t len = 1;
    for (; value >= 10000; value /= 10000)
        len += 4;
    return len + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* Writes backwards from the last digit, in place. */
void text_u64(struct text *text, uint64_t value)
{
    size_t len = digits_of(value);
    if (len > text->cap - text->len) {
        text->overflown = true;
        return;
    }
    text->len += len;
    char *at = text->ptr + text->len;
    while (value >= 100) {
        at -= 2;
        memcpy(at, two_digits + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(at - 2, two_digits + 2 * value, 2);
    else
        at[-1] = (char)('0' + value);
}

void text_i64(struct text *text, int64_t value)
{
    if (value < 0)
        text_char(text, '-');
    text_u64(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_milli(struct text *text, int64_t thousandths)
{
    uint64_t magnitude = thousandths < 0 ? 0 - (uint64_t)thousandths : (uint64_t)thousandths;
    if (thousandths < 0)
        text_char(text, '-');
    text_u64(text, magnitude / 1000);
    unsigned fraction = (unsigned)(magnitude % 1000);
    if (fraction == 0)
        return;
    char digits[4] = {'.', (char)('0' + fraction / 100), (char)('0' + fraction / 10 % 10),
                      (char)('0' + fraction % 10)};
    size_t len = sizeof(digits);
    while (digits[len - 1] == '0')
        len--;
    text_add(text, digits, len);
}

void text_vprintf(struct text *text, const char *format, va_list args)
{
    assert(text->len <= text->cap);
    size_t room = text->cap - text->len;
    int len = vsnprintf(text->ptr + text->len, room, format, args);
    assert(len >= 0); /* all our formats are valid */
    /* vsnprintf needs a byte for its NUL, so a text that fits exactly counts as too long. */
    if ((size_t)len >= room) {
        text->overflown = true;
        return;
    }
    text->len += (size_t)len;
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_vprintf(text, format, args);
    va_end(args);
}

/* ---- JSON ---- */

static void separate(struct text *text)
{
    if (text->comma)
        text_char(text, ',');
    text->comma = true;
}

void json_open(struct text *text, char bracket)
{
    assert(bracket == '{' || bracket == '[');
    separate(text);
    text_char(text, bracket);
    text->comma = false;
}

void json_close(struct text *text, char bracket)
{
    assert(bracket == '}' || bracket == ']');
    text_char(text, bracket);
    text->comma = true;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static size_t plain_run(const unsigned char *at, size_t len)
{
    size_t run = 0;
    while (run < len && is_plain(at[run]))
        run++;
    return run;
}

/* Nearly all strings need no escape, so those are written in one append. */
static bool quoted_plain(struct text *text, struct span value)
{
    size_t need = value.len + 2;
    if (need > text->cap - text->len ||
        plain_run((const unsigned char *)value.ptr, value.len) < value.len)
        return false;
    char *at = text->ptr + text->len;
    *at++ = '"';
    if (value.len > 0)
        memcpy(at, value.ptr, value.len);
    at[value.len] = '"';
    text->len += need;
    return true;
}

static void quoted(struct text *text, struct span value)
{
    if (quoted_plain(text, value))
        return;
    static const char *const escapes[0x80] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};
    const unsigned char *at = (const unsigned char *)value.ptr;
    size_t left = value.len;
    text_char(text, '"');
    while (left > 0) {
        size_t run = plain_run(at, left);
        if (run > 0) {
            text_add(text, (const char *)at, run);
        } else if (at[0] < 0x80) {
            if (escapes[at[0]] != NULL)
                text_str(text, escapes[at[0]]);
            else
                text_printf(text, "\\u%04x", at[0]);
            run = 1;
        } else {
            uint32_t letter;
            run = span_letter((struct span){(const char *)at, left}, &letter);
            if (run == 0)
                TEXT_LIT(text, "\xEF\xBF\xBD");
            else
                text_add(text, (const char *)at, run);
            run = run == 0 ? 1 : run;
        }
        at += run;
        left -= run;
    }
    text_char(text, '"');
}

/* A poll's answer is mostly keys, so a key is written in one append: ,"key": */
void json_key_span(struct text *text, struct span key)
{
    size_t need = key.len + 3 + (text->comma ? 1 : 0);
    if (need > text->cap - text->len) {
        text->overflown = true;
        return;
    }
    char *at = text->ptr + text->len;
    if (text->comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key.ptr, key.len);
    at += key.len;
    *at++ = '"';
    *at = ':';
    text->len += need;
    text->comma = false;
}

void json_str(struct text *text, struct span value)
{
    separate(text);
    quoted(text, value);
}

void json_u64(struct text *text, uint64_t value)
{
    separate(text);
    text_u64(text, value);
}

void json_i64(struct text *text, int64_t value)
{
    separate(text);
    text_i64(text, value);
}

void json_milli(struct text *text, int64_t thousandths)
{
    separate(text);
    text_milli(text, thousandths);
}

void json_bool(struct text *text, bool value)
{
    separate(text);
    if (value)
        TEXT_LIT(text, "true");
    else
        TEXT_LIT(text, "false");
}

void json_nil(struct text *text)
{
    separate(text);
    TEXT_LIT(text, "null");
}

void json_raw(struct text *text, struct span json)
{
    separate(text);
    text_put(text, json);
}

void json_member_some(struct text *text, const char *key, struct span value)
{
    if (value.len > 0)
        json_member_str(text, key, value);
}

void json_member_or_null(struct text *text, const char *key, struct span value)
{
    json_key(text, key);
    if (value.ptr != NULL)
        json_str(text, value);
    else
        json_nil(text);
}

void json_member_milli(struct text *text, const char *key, int64_t thousandths)
{
    json_key(text, key);
    json_milli(text, thousandths);
}

void json_member_bool(struct text *text, const char *key, bool value)
{
    json_key(text, key);
    json_bool(text, value);
}

void json_member_null(struct text *text, const char *key)
{
    json_key(text, key);
    json_nil(text);
}

void json_member_raw(struct text *text, const char *key, struct span json)
{
    json_key(text, key);
    json_raw(text, json);
}
