/* mark.c: a version fits if its branch is the current one, or the previous one and the version is
 * not beyond that one's end. A reader that was away for longer gets the whole picture, which is
 * always right: two takeovers in one absence are rare. */
#include "loop/mark.h"

#include <inttypes.h>

enum { LINE_DIGITS = 16 };

static bool read_hex(struct span text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len != LINE_DIGITS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = value;
    return value != 0;
}

bool mark_read(struct span text, struct mark *out)
{
    struct span number;
    struct span line = span_cut(text, '-', &number);
    *out = (struct mark){0};
    return span_u64(number, UINT64_MAX, &out->version) &&
           (line.ptr == NULL || read_hex(line, &out->line));
}

uint64_t mark_line(const struct loop *loop, const struct event *event)
{
    return journal_line(loop->conf.journal, event->nth).now;
}

static void put_line(struct text *text, uint64_t line)
{
    text_printf(text, "%0*" PRIx64, LINE_DIGITS, line);
}

void mark_put(struct text *text, struct mark mark)
{
    text_u64(text, mark.version);
    if (mark.line != 0) {
        text_char(text, '-');
        put_line(text, mark.line);
    }
}

void mark_member(struct text *json, uint64_t line)
{
    char memory[LINE_DIGITS + 1];
    struct text text = text_on(memory, sizeof(memory));
    if (line == 0)
        return;
    put_line(&text, line);
    json_member_str(json, "line", text_span(&text));
}

bool mark_fits(const struct loop *loop, const struct event *event, const struct mark *mark)
{
    struct store_line line = journal_line(loop->conf.journal, event->nth);
    return mark->line == 0 || line.now == 0 || mark->line == line.now ||
           (mark->line == line.before && mark->version <= line.began);
}
