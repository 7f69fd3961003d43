/* slots.c: see slots.h. */
#include "slots.h"

#include <ctype.h>
#include <math.h>

static const struct slot *find(const struct script_line *line, const struct slot *slots,
                               const char *name, size_t len)
{
    for (; slots->name != NULL; slots++) {
        if (strlen(slots->name) == len && strncmp(slots->name, name, len) == 0)
            return slots;
    }
    fail_msg("%s: \"%s\" is unknown in \"%s\"", line->row, name, line->text);
    abort();
}

/* Sizes of all kinds except SLOT_REAL. Values are little-endian. */
static const size_t bytes_of[] = {[SLOT_U64] = sizeof(uint64_t),
                                  [SLOT_U32] = sizeof(uint32_t),
                                  [SLOT_U8] = sizeof(uint8_t),
                                  [SLOT_FLAG] = sizeof(bool)};

static double value_at(const struct slot *slot, unsigned index)
{
    const void *at = (const char *)slot->at + index * slot->stride;
    uint64_t number = 0;
    if (slot->kind == SLOT_REAL)
        return *(const double *)at;
    memcpy(&number, at, bytes_of[slot->kind]);
    return (double)number;
}

static void set_at(const struct slot *slot, unsigned index, double value)
{
    void *at = (char *)slot->at + index * slot->stride;
    if (slot->kind == SLOT_REAL) {
        *(double *)at = value;
        return;
    }
    uint64_t number = slot->kind == SLOT_FLAG ? value != 0.0 : (uint64_t)value;
    memcpy(at, &number, bytes_of[slot->kind]);
}

static double factor(const struct script_line *line, const struct slot *slots, const char **at)
{
    char *end;
    double value = strtod(*at, &end);
    if (end != *at) {
        *at = end;
        return value;
    }
    size_t len = 0;
    while (isalpha((unsigned char)(*at)[len]))
        len++;
    value = value_at(find(line, slots, *at, len), 0);
    *at += len;
    return value;
}

static double product(const struct script_line *line, const struct slot *slots, const char **at)
{
    double value = factor(line, slots, at);
    while (**at == '*' || **at == '/') {
        char sign = *(*at)++;
        double next = factor(line, slots, at);
        value = sign == '*' ? value * next : value / next;
    }
    return value;
}

static double figure(const struct script_line *line, const struct slot *slots, const char **at)
{
    double value = product(line, slots, at);
    while (**at == '+' || **at == '-') {
        char sign = *(*at)++;
        double next = product(line, slots, at);
        value = sign == '+' ? value + next : value - next;
    }
    return value;
}

void slots_expect_figure(const struct script_line *line, const struct slot *slots, const char *want,
                         double got)
{
    char first[64]; /* "1..2": strtod() would read the first dot as a decimal point */
    const char *to = strstr(want, ".."), *at = first;
    snprintf(first, sizeof(first), "%.*s", to != NULL ? (int)(to - want) : 63, want);
    double low = figure(line, slots, &at), high = low, slack = 1e-9 * fmax(1.0, fabs(low));
    if (to != NULL) {
        assert_int_equal(*at, '\0');
        at = to + 2;
        high = figure(line, slots, &at);
        slack = 0.0;
    }
    assert_int_equal(*at, '\0');
    if (got != low && (isinf(low) || !(got >= low - slack && got <= high + slack)))
        fail_msg("%s: \"%s\": it is %.12g, not %s", line->row, line->text, got, want);
}

void slots_set(const struct script_line *line, const struct slot *slots)
{
    for (unsigned i = 1; i < line->len; i++) {
        const char *word = line->words[i], *value = strchr(word, '=');
        if (value == NULL)
            continue;
        size_t len = strcspn(word, "=[");
        const struct slot *slot = find(line, slots, word, len);
        unsigned from = 0, upto = 1;
        if (word[len] == '[' && word[len + 1] == '*')
            upto = slot->len;
        else if (word[len] == '[')
            from = (unsigned)strtoul(word + len + 1, NULL, 10), upto = from + 1;
        assert_true(upto <= slot->len);
        for (; from < upto; from++) {
            const char *at = value + 1;
            set_at(slot, from, figure(line, slots, &at));
            assert_int_equal(*at, '\0');
        }
    }
}

void slots_expect(const struct script_line *line, const struct slot *slots)
{
    for (unsigned i = 1; i < line->len; i += 2) {
        const char *word = line->words[i];
        size_t len = strcspn(word, "[");
        unsigned index = word[len] == '[' ? (unsigned)strtoul(word + len + 1, NULL, 10) : 0;
        slots_expect_figure(line, slots, script_word(line, i + 1),
                            value_at(find(line, slots, word, len), index));
    }
}
