/* refusal_words.c: see refusal_words.h. */
#include "refusal_words.h"

#include "unit.h"

void refusal_words_assert_row(unsigned status, const char *code, unsigned retry_after_s)
{
    assert_in_range(status, 400, 503);
    assert_true(strlen(code) > 0);
    assert_int_equal(retry_after_s > 0, status == 429 || status == 503);
}

void refusal_words_assert_shown(const char *const *pages, unsigned count, const char *group,
                                const char *name)
{
    char line[80];
    snprintf(line, sizeof(line), "\n%s.%s = ", group, name);
    for (unsigned page = 0; page < count; page++) {
        if (strstr(pages[page], line) == NULL)
            fail_msg("page %u says nothing to %s", page, name);
    }
}

void refusal_words_assert_known(const char *page, const char *group,
                                bool (*is_known)(struct span name))
{
    char before[40];
    snprintf(before, sizeof(before), "\n%s.", group);
    unsigned lines = 0;
    for (const char *at = page; (at = strstr(at, before)) != NULL; lines++) {
        at += strlen(before);
        struct span name = {.ptr = at, .len = strcspn(at, " ")};
        if (!is_known(name))
            fail_msg("nothing is refused as %.*s", (int)name.len, name.ptr);
    }
    assert_true(lines > 20);
}

bool refusal_words_listed(const char *const *names, unsigned count, struct span name)
{
    for (unsigned i = 0; i < count; i++) {
        if (span_eq(name, span_of(names[i])))
            return true;
    }
    return false;
}
