/* err.c: a sentence that is too long is cut, never dropped.
 *
 * It begins with what was attempted, which a reader needs first; each caller on the way up prepends
 * its part. Nothing is allocated: an error must be reportable when memory is what is missing. */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The macros are for the analyzer only; the functions follow. */
#undef err_set
#undef err_wrap

/* Cutting UTF-8 by bytes may leave part of the last character. */
static void drop_half_letter(char *text)
{
    size_t len = strlen(text), tail = 0;
    while (tail < 3 && tail < len && ((unsigned char)text[len - 1 - tail] & 0xC0) == 0x80)
        tail++;
    if (tail >= len)
        return;
    unsigned char first = (unsigned char)text[len - 1 - tail];
    size_t wants = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    if (wants > tail)
        text[len - 1 - tail] = '\0';
}

int err_set(struct err_slot *err, enum err_code code, const char *format, ...)
{
    assert(code < 0);
    if (err == NULL)
        return code;
    err->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    drop_half_letter(err->text);
    return code;
}

static void append(struct err_slot *err, const char *part)
{
    size_t len = strlen(err->text);
    size_t part_len = strnlen(part, sizeof(err->text) - 1 - len);
    memcpy(err->text + len, part, part_len);
    err->text[len + part_len] = '\0';
}

int err_wrap(struct err_slot *err, const char *format, ...)
{
    if (err == NULL)
        return ERR_UNKNOWN;
    assert(err->code < 0);
    char inner[ERR_TEXT_MAX];
    memcpy(inner, err->text, sizeof(inner));
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    drop_half_letter(err->text);
    append(err, ": ");
    append(err, inner);
    drop_half_letter(err->text);
    return err->code;
}

const char *err_name(int code)
{
    static const char *const names[] = {
        [-ERR_OK] = "ok",           [-ERR_NOMEM] = "no-memory", [-ERR_RANGE] = "range",
        [-ERR_SYNTAX] = "syntax",   [-ERR_FULL] = "full",       [-ERR_NOT_FOUND] = "not-found",
        [-ERR_EXISTS] = "exists",   [-ERR_STATE] = "state",     [-ERR_AUTH] = "auth",
        [-ERR_TIMEOUT] = "timeout", [-ERR_CLOSED] = "closed",   [-ERR_IO] = "io",
        [-ERR_LOOP] = "loop",       [-ERR_PEER] = "peer",       [-ERR_UNKNOWN] = "unknown",
    };
    const int count = sizeof(names) / sizeof(names[0]);
    return code <= 0 && code > -count && names[-code] != NULL ? names[-code] : "unknown";
}
