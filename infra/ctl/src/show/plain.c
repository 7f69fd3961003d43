/* plain.c: names and messages come from a service, and anybody may have sent them there. A terminal
 * obeys escape sequences: a name with one could clear the screen, set its title or, on some
 * terminals, type input. So a text is decoded character by character, and only printable characters
 * pass.
 *
 * Widths come from a table here, since wcwidth() depends on the user's locale: under LC_ALL=C it
 * would be wrong for every Korean name. */
#include "show/plain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct range {
    uint32_t first, last;
};

/* East Asian Wide and Fullwidth (Unicode's EastAsianWidth), in blocks. */
static const struct range wide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
};

/* Combining marks, the medial and final letters of Hangul, joiners. */
static const struct range narrowest[] = {
    {0x0300, 0x036F}, {0x1160, 0x11FF}, {0x200B, 0x200D}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F},
};

/* Characters that change the writing direction, so that a text can imitate another one. */
static const struct range turning[] = {
    {0x200E, 0x200F},
    {0x2028, 0x202E},
    {0x2066, 0x2069},
    {0xFEFF, 0xFEFF},
};

static bool is_in(uint32_t letter, const struct range *ranges, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (letter >= ranges[i].first && letter <= ranges[i].last)
            return true;
    return false;
}

#define IS_IN(letter, ranges) is_in((letter), (ranges), sizeof(ranges) / sizeof((ranges)[0]))

void plain_put(struct grow *out, struct span text)
{
    while (text.len > 0) {
        uint32_t letter = 0;
        size_t len = span_letter(text, &letter);
        char escaped[16];
        if (len == 0)
            snprintf(escaped, sizeof(escaped), "\\x%02X", (unsigned char)text.ptr[0]);
        else if (letter < 0x20 || letter == 0x7F)
            snprintf(escaped, sizeof(escaped), "\\x%02X", letter);
        else if ((letter >= 0x80 && letter < 0xA0) || IS_IN(letter, turning))
            snprintf(escaped, sizeof(escaped), "\\u%04X", letter);
        else
            escaped[0] = '\0';
        if (len == 0)
            len = 1;
        grow_add(out, escaped[0] != '\0' ? span_of(escaped) : (struct span){text.ptr, len});
        text = span_skip(text, len);
    }
}

void plain_format(struct grow *out, const char *format, ...)
{
    va_list args;
    char *text;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        out->failed = true;
        return;
    }
    grow_add(out, (struct span){text, (size_t)len});
    free(text);
}

/* Takes the first character off the text, and returns its width. */
static size_t take_letter(struct span *text)
{
    uint32_t letter = '?';
    size_t len = span_letter(*text, &letter);
    *text = span_skip(*text, len == 0 ? 1 : len);
    if (IS_IN(letter, narrowest))
        return 0;
    return IS_IN(letter, wide) ? 2 : 1;
}

struct span plain_cut(struct span text, size_t columns)
{
    struct span rest = text, after = text;
    size_t width = 0;
    while (after.len > 0 && (width += take_letter(&after)) <= columns)
        rest = after;
    return (struct span){text.ptr, text.len - rest.len};
}

size_t plain_width(struct span text)
{
    size_t width = 0;
    while (text.len > 0)
        width += take_letter(&text);
    return width;
}
