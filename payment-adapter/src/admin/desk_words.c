/* desk_words.c: the last two words of a seat are its row and its number, and those before are its
 * section. Filler words are left out. */
#include "admin/desk_words.h"

#include "base/text.h"

#include <string.h>

enum { PARTS_MAX = 16 };

static const char *const korean[] = {"구역", "좌석", "자리", "열", "번"};
static const char *const english[] = {"row", "seat", "section", "block", "zone", "no", "number"};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_filler(struct span part)
{
    for (size_t i = 0; i < sizeof(english) / sizeof(english[0]); i++)
        if (span_eq_nocase(part, span_of(english[i])))
            return true;
    return false;
}

/* "A12": letters, then digits. */
static bool split(struct span part, struct span *row, struct span *seat)
{
    size_t letters = 0, len = 0;
    while (letters < part.len && is_letter(part.ptr[letters]))
        letters++;
    len = letters;
    while (len < part.len && is_digit(part.ptr[len]))
        len++;
    *row = (struct span){part.ptr, letters};
    *seat = span_skip(part, letters);
    return letters > 0 && letters < part.len && len == part.len;
}

static void read_seat(struct desk_words *out)
{
    char text[DESK_WORDS_MAX];
    struct span parts[PARTS_MAX], row, seat;
    size_t len = 0;
    memcpy(text, out->all, sizeof(text));
    /* Percent signs and underscores are special in a pattern. */
    for (char *c = text; *c != '\0'; c++)
        if (strchr(",.;:/-%_\\\t", *c) != NULL)
            *c = ' ';
    for (size_t i = 0; i < sizeof(korean) / sizeof(korean[0]); i++)
        for (char *c = strstr(text, korean[i]); c != NULL; c = strstr(c, korean[i]))
            memset(c, ' ', strlen(korean[i]));
    for (struct span part, rest = span_of(text); rest.ptr != NULL && len < PARTS_MAX;) {
        rest = span_cut(rest, ' ', &part);
        if (part.len > 0 && !is_filler(part))
            parts[len++] = part;
    }
    if (len == 0)
        return;
    size_t zones = len - 1;
    if (!split(parts[len - 1], &row, &seat)) {
        if (len < 2)
            return;
        row = parts[len - 2];
        seat = parts[len - 1];
        zones = len - 2;
    }
    span_to_cstr(row, out->row, sizeof(out->row));
    span_to_cstr(seat, out->seat, sizeof(out->seat));
    struct text zone = text_on(out->zone, sizeof(out->zone) - 1);
    for (size_t i = 0; i < zones; i++) {
        text_char(&zone, '%');
        text_put(&zone, parts[i]);
    }
    if (zones > 0)
        text_char(&zone, '%');
    out->zone[zone.len] = '\0';
}

bool desk_words_read(struct span typed, struct desk_words *out)
{
    *out = (struct desk_words){.mail = false};
    if (!span_to_cstr(span_trim(typed), out->all, sizeof(out->all)))
        return false;
    out->mail = strchr(out->all, '@') != NULL;
    if (!out->mail)
        read_seat(out);
    return true;
}
