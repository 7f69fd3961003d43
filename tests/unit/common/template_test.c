/* template_test.c: pages with gaps, and the texts of the real ones. */
#include "web/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const gaps[] = {"name", "count", NULL};

static void fill(struct text *out, unsigned gap, void *ctx)
{
    const char *const *values = ctx;
    html_put(out, span_of(values[gap]));
}

static void phrases_are_fixed_at_start_and_gaps_filled_for_each_request(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    struct template *page;
    assert_int_equal(
        phrases_parse(SPAN("# a comment\n\nhi = Hello & welcome \nx=y=z\n"), &err, &phrases), 0);
    assert_true(span_eq(phrases_find(phrases, SPAN("x")), SPAN("y=z")));
    assert_int_equal(template_create(SPAN("<p>{{t.hi}}, {{name}}: {{count}}/{{count}}</p>"),
                                     phrases, NULL, gaps, &err, &page),
                     0);
    char memory[128];
    struct text text = text_on(memory, sizeof(memory));
    const char *values[] = {"<b>", "3"};
    template_put(&text, page, fill, values);
    assert_true(span_eq(text_span(&text), SPAN("<p>Hello &amp; welcome, &lt;b&gt;: 3/3</p>")));
    template_destroy(page);
    phrases_destroy(phrases);
}

static void a_name_that_nothing_fills_is_found_at_start(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    struct template *page;
    assert_int_equal(phrases_parse(SPAN("a = b"), &err, &phrases), 0);
    assert_int_equal(template_create(SPAN("{{nme}}"), phrases, NULL, gaps, &err, &page),
                     ERR_NOT_FOUND);
    assert_string_equal(err.text, "nothing fills {{nme}}");
    assert_int_equal(template_create(SPAN("{{t.b}}"), phrases, NULL, gaps, &err, &page),
                     ERR_NOT_FOUND);
    assert_int_equal(template_create(SPAN("{{name"), phrases, NULL, gaps, &err, &page), ERR_SYNTAX);
    phrases_destroy(phrases);
}

static const char *const blocks[] = {"row", "seat", "name", NULL};
enum { BLOCK_ROW, BLOCK_SEAT, GAP_NAME };

struct hall {
    unsigned rows, row, seat;
};

static bool more_of(unsigned block, unsigned turn, void *ctx)
{
    struct hall *hall = ctx;
    assert_true(block == BLOCK_ROW || block == BLOCK_SEAT);
    if (block == BLOCK_ROW)
        hall->row = turn;
    else
        hall->seat = turn;
    return turn < (block == BLOCK_ROW ? hall->rows : hall->row);
}

static void fill_name(struct text *out, unsigned gap, void *ctx)
{
    const struct hall *hall = ctx;
    assert_int_equal(gap, GAP_NAME);
    text_printf(out, "%u%u", hall->row, hall->seat);
}

static void a_block_stands_there_as_often_as_the_request_says(void **state)
{
    (void)state;
    struct err_slot err;
    struct template *page;
    assert_int_equal(
        template_create(SPAN("<{{#row}}[{{#seat}}{{name}},{{/seat}}]{{/row}}>{{#row}}.{{/row}}"),
                        NULL, NULL, blocks, &err, &page),
        0);
    char memory[64];
    struct text text = text_on(memory, sizeof(memory));
    template_put_blocks(&text, page, fill_name, more_of, &(struct hall){.rows = 3});
    assert_true(span_eq(text_span(&text), SPAN("<[][10,][20,21,]>...")));
    text = text_on(memory, sizeof(memory));
    template_put_blocks(&text, page, fill_name, more_of, &(struct hall){.rows = 0});
    assert_true(span_eq(text_span(&text), SPAN("<>")));
    template_destroy(page);
}

static void a_block_that_is_not_closed_in_its_place_is_found_at_start(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{{#row}}", "{{/row}}", "{{#row}}{{#seat}}{{/row}}{{/seat}}", "{{#row}}{{/row}}{{/row}}"};
    struct err_slot err;
    struct template *page;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(template_create(span_of(wrong[i]), NULL, NULL, blocks, &err, &page),
                         ERR_SYNTAX);
    assert_int_equal(template_create(SPAN("{{#rows}}{{/rows}}"), NULL, NULL, blocks, &err, &page),
                     ERR_NOT_FOUND);
    char deep[9 * sizeof("{{#row}}")] = "";
    for (int i = 0; i < 9; i++)
        strcat(deep, "{{#row}}");
    assert_int_equal(template_create(span_of(deep), NULL, NULL, blocks, &err, &page), ERR_FULL);
}

static void a_phrase_that_stands_twice_is_an_error(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    assert_int_equal(phrases_parse(SPAN("a = b\na = c"), &err, &phrases), ERR_EXISTS);
    assert_int_equal(phrases_parse(SPAN("only words"), &err, &phrases), ERR_SYNTAX);
}

static void text_from_outside_cannot_become_markup(void **state)
{
    (void)state;
    char memory[64];
    struct text text = text_on(memory, sizeof(memory));
    html_put(&text, SPAN("<a href=\"x\" title='y'>&"));
    assert_true(
        span_eq(text_span(&text), SPAN("&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;")));
}

static const char line_en[] =
#include "queue-front/web/text.en.inc"
    ;
static const char line_ko[] =
#include "queue-front/web/text.ko.inc"
    ;
static const char hall_en[] =
#include "seat-service/web/text.en.inc"
    ;
static const char hall_ko[] =
#include "seat-service/web/text.ko.inc"
    ;
static const char pay_en[] =
#include "payment-adapter/web/text.en.inc"
    ;
static const char pay_ko[] =
#include "payment-adapter/web/text.ko.inc"
    ;
static const char sandbox_en[] =
#include "infra/demo/psp-sandbox/web/text.en.inc"
    ;
static const char sandbox_ko[] =
#include "infra/demo/psp-sandbox/web/text.ko.inc"
    ;

/* Walks the keys of one source and looks each up in the other. */
static void assert_has_all(const char *source, const struct phrases *others)
{
    struct span rest = span_of(source);
    while (rest.ptr != NULL) {
        struct span line, key;
        rest = span_cut(rest, '\n', &line);
        if (line.len == 0 || line.ptr[0] == '#' || span_cut(line, '=', &key).ptr == NULL)
            continue;
        if (phrases_find(others, span_trim(key)).len == 0)
            fail_msg("%.*s is missing in the other language", (int)key.len, key.ptr);
    }
}

static void every_language_has_every_text(void **state)
{
    (void)state;
    static const struct {
        const char *en, *ko;
    } sources[] = {
        {line_en, line_ko}, {hall_en, hall_ko}, {pay_en, pay_ko}, {sandbox_en, sandbox_ko}};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct err_slot err;
        struct phrases *en, *ko;
        assert_int_equal(phrases_parse(span_of(sources[i].en), &err, &en), 0);
        assert_int_equal(phrases_parse(span_of(sources[i].ko), &err, &ko), 0);
        assert_has_all(sources[i].en, ko);
        assert_has_all(sources[i].ko, en);
        phrases_destroy(en);
        phrases_destroy(ko);
    }
}

static void all_phrases_travel_as_json_that_cannot_end_its_script(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    assert_int_equal(phrases_parse(SPAN("a = </script>"), &err, &phrases), ERR_SYNTAX);
    assert_int_equal(phrases_parse(SPAN("a = say \"x\"\nb.c = 1 & 2\n"), &err, &phrases), 0);
    char memory[128];
    struct text text = text_on(memory, sizeof(memory));
    phrases_json(&text, phrases, SPAN(""), SPAN(""));
    assert_true(span_eq(text_span(&text), SPAN("{\"a\":\"say \\\"x\\\"\",\"b.c\":\"1 & 2\"}")));
    phrases_destroy(phrases);
}

static void an_operators_texts_take_the_place_of_ours(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    assert_int_equal(phrases_parse(SPAN("a = 1\nb = 2\nc = 3\n"), &err, &phrases), 0);
    const struct span service = SPAN("hall");
    assert_int_equal(phrases_override(phrases,
                                      SPAN("# all\r\na = one\r\nother = theirs\n[line]\nb = x\n"
                                           "what = ever\n[hall]\nc = three\n"),
                                      service, &err),
                     0);
    assert_true(span_eq(phrases_find(phrases, SPAN("a")), SPAN("one")));
    assert_true(span_eq(phrases_find(phrases, SPAN("b")), SPAN("2")));
    assert_true(span_eq(phrases_find(phrases, SPAN("c")), SPAN("three")));
    assert_true(span_eq(phrases_untouched(phrases), SPAN("b")));
    assert_int_equal(phrases_override(phrases, SPAN("[hall]\nd = 4"), service, &err),
                     ERR_NOT_FOUND);
    assert_int_equal(phrases_override(phrases, SPAN("[hall]\nb"), service, &err), ERR_SYNTAX);
    assert_int_equal(phrases_override(phrases, SPAN("b = </script>"), service, &err), ERR_SYNTAX);
    assert_int_equal(phrases_override(phrases, SPAN("b = 22"), service, &err), 0);
    assert_null(phrases_untouched(phrases).ptr);
    assert_true(phrases_name(SPAN("a = 1\n[line]\n# [none]\n\n[hall] \nb = 2"), service));
    assert_false(phrases_name(SPAN("a = [hall]\n# [hall]\n[line]"), service));
    phrases_destroy(phrases);
}

static void what_is_fixed_is_markup_and_may_stand_often(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    struct template *page;
    assert_int_equal(phrases_parse(SPAN("live.a = 1\nb = 2\n"), &err, &phrases), 0);
    const struct template_fixed fixed[] = {{"nav", SPAN("<a>x</a>")}, {NULL, {NULL, 0}}};
    assert_int_equal(
        template_create(SPAN("{{nav}}{{nav}}{{t.b}}"), phrases, fixed, gaps, &err, &page), 0);
    assert_true(span_eq(template_text(page), SPAN("<a>x</a><a>x</a>2")));
    template_destroy(page);
    char memory[64];
    struct text text = text_on(memory, sizeof(memory));
    phrases_json(&text, phrases, SPAN("live."), SPAN(""));
    assert_true(span_eq(text_span(&text), SPAN("{\"live.a\":\"1\"}")));
    text = text_on(memory, sizeof(memory));
    phrases_json(&text, phrases, SPAN(""), SPAN("live."));
    assert_true(span_eq(text_span(&text), SPAN("{\"b\":\"2\"}")));
    phrases_destroy(phrases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phrases_are_fixed_at_start_and_gaps_filled_for_each_request),
        cmocka_unit_test(a_name_that_nothing_fills_is_found_at_start),
        cmocka_unit_test(a_block_stands_there_as_often_as_the_request_says),
        cmocka_unit_test(a_block_that_is_not_closed_in_its_place_is_found_at_start),
        cmocka_unit_test(a_phrase_that_stands_twice_is_an_error),
        cmocka_unit_test(text_from_outside_cannot_become_markup),
        cmocka_unit_test(every_language_has_every_text),
        cmocka_unit_test(all_phrases_travel_as_json_that_cannot_end_its_script),
        cmocka_unit_test(an_operators_texts_take_the_place_of_ours),
        cmocka_unit_test(what_is_fixed_is_markup_and_may_stand_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
