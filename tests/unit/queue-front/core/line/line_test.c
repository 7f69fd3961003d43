/* line_test.c: the names of events, of lanes and of incarnations. */
#include "core/line/line.h"

#include "unit.h"

TEST_CASE(an_event_id_has_1_to_64_allowed_characters)
{
    static const char *const bad[] = {"",   "Show", "show_1",   "a b",   "a.b", "a`", "a{",
                                      "a/", "a:",   "\xC3\xBC", "a\x7F", "-",   "-a"};
    static const char *const good[] = {"a", "z", "0", "9", "a-", "show-2026"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(line_event_id_ok(span_of(bad[i])));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(line_event_id_ok(span_of(good[i])));
    char longest[LINE_EVENT_ID_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    assert_true(line_event_id_ok((struct span){longest, LINE_EVENT_ID_MAX}));
    assert_false(line_event_id_ok((struct span){longest, LINE_EVENT_ID_MAX + 1}));
}

TEST_CASE(an_incarnation_is_empty_or_18_hex_digits)
{
    static const char *const bad[] = {"0",
                                      "0123456789abcdef0",
                                      "0123456789abcdef012",
                                      "0123456789ABCDEF01",
                                      "0123456789abcdeg01",
                                      "/123456789abcdef01",
                                      ":123456789abcdef01",
                                      "`123456789abcdef01"};
    assert_true(line_incarnation_ok(SPAN("")));
    assert_true(line_incarnation_ok(SPAN("0123456789abcdef01")));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(line_incarnation_ok(span_of(bad[i])));
}

TEST_CASE(a_line_belongs_to_the_event_before_the_at_sign)
{
    assert_span(line_event_of(SPAN("show")), "show");
    assert_span(line_event_of(SPAN("show@2")), "show");
    assert_span(line_event_of((struct span){NULL, 0}), "");
}
