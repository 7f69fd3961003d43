/* show_test.c: safe text for a terminal and its width; responses as tables and members. */
#include "base/json_in.h"
#include "script.h"
#include "show/plain.h"
#include "show/value.h"

#include <jansson.h>

TEST_CASE(text_cannot_command_the_terminal)
{
    static const struct {
        struct span text;
        const char *want;
    } rows[] = {
        {SPAN("Hall 7, 서울 콘서트 – ü 🎫"), "Hall 7, 서울 콘서트 – ü 🎫"},
        {SPAN("a\x1b]0;owned\x07"
              "b"),
         "a\\x1B]0;owned\\x07b"},
        {SPAN("one\ntwo\tthree\r\x7f"), "one\\x0Atwo\\x09three\\x0D\\x7F"},
        {SPAN("\xc2\x9b"
              "2J"),
         "\\u009B2J"},
        {SPAN("abc\xe2\x80\xae"
              "cba"),
         "abc\\u202Ecba"},
        {SPAN("\xff\xc0\x80"), "\\xFF\\xC0\\x80"}, /* invalid bytes are shown as numbers */
        {SPAN("\xed\xa0\x80"), "\\xED\\xA0\\x80"},
        {SPAN("x\xec\x84"), "x\\xEC\\x84"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct grow out = {.ptr = NULL};
        plain_put(&out, rows[i].text);
        assert_span(((struct span){out.ptr, out.len}), rows[i].want);
        grow_free(&out);
    }
}

/* A Korean letter takes two columns, an accent none, and a cut never halves a letter. */
TEST_CASE(width_counts_columns)
{
    static const struct {
        const char *text;
        size_t width;
    } rows[] = {{"abc", 3}, {"서울", 4}, {"가a나", 5}, {"e\xcc\x81", 1}, {"ｆ🎫", 4}, {"", 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(plain_width(span_of(rows[i].text)), rows[i].width);
    assert_span(plain_cut(SPAN("서울역"), 5), "서울");
    assert_span(plain_cut(SPAN("서울역"), 6), "서울역");
    assert_span(plain_cut(SPAN("e\xcc\x81x"), 1), "e\xcc\x81");
    assert_span(plain_cut(SPAN("abc"), 0), "");
}

TEST_CASE(answers_are_shown_as_rows_and_members)
{
    static const struct {
        const char *doc, *columns; /* NULL: as members */
        size_t width;
        const char *want;
    } rows[] = {
        {"{'rows':[{'id':'a','live':{'waiting':7},'name':'서울'},"
         "{'id':'longer','live':{'waiting':1200},'name':'x'}]}",
         "name:NAME live.waiting:WAITING id:EVENT", 0,
         "NAME  WAITING  EVENT\n"
         "서울        7  a\n"
         "x        1200  longer\n"},
        {"{'rows':[{'a':'x','b':'가나다라'}]}", "a:A b:B", 8, "A  B\nx  가나\n"},
        {"{'rows':[{'a':null,'n':1.5},{'n':true}]}", "a:A n:N", 0, "A  N\n-  1.5\n-  yes\n"},
        {"{'rows':[]}", "a:THE_HEAD", 0, "THE HEAD\n"},
        {"{}", "a:A", 0, "A\n"},
        {"{'rows':[{'a':'2026-11-20T07:32:33.123Z','b':'\\u001b[2J'}]}", "a:A b:B", 0,
         "A                    B\n"
         "2026-11-20 07:32:33  \\x1B[2J\n"},
        {"{'a':{'n':2.75},'b':'\\u001b[2J','c':null}", "{a.n:1} of {a.n:0}, {a.n} {b} {c} {d}", 0,
         "2.8 of 3, 2.75 \\x1B[2J - -"},
        {"{'id':'demo','about':{'en':'x'},'seats_left':false}", NULL, 0,
         "id          demo\n"
         "about       {\"en\":\"x\"}\n"
         "seats_left  no\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err_slot err;
        struct grow out = {.ptr = NULL};
        json_t *doc = NULL;
        assert_int_equal(json_in_parse(span_of(script_json(rows[i].doc)), &err, &doc), 0);
        if (rows[i].columns == NULL)
            value_members(&out, doc, 0);
        else if (strchr(rows[i].columns, '{') != NULL)
            value_fill(&out, rows[i].columns, doc);
        else
            value_rows(&out, value_at(doc, "rows"), rows[i].columns, rows[i].width);
        assert_false(out.failed);
        assert_span(((struct span){out.ptr, out.len}), rows[i].want);
        grow_free(&out);
        json_decref(doc);
    }
}
