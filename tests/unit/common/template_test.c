/* template_test.c: pages with gaps, and the texts of the real ones. */
#include "unit.h"

#include "web/template.h"

static const char *const gaps[] = {"name", "count", NULL};

static void fill(struct text *out, unsigned gap, void *ctx)
{
    const char *const *values = ctx;
    html_put(out, span_of(values[gap]));
}

static void gaps_are_filled_for_each_request(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    struct template *page;
    assert_int_equal(
        phrases_parse(SPAN("# a comment\n\nhi = Hello & welcome \nx=y=z\n"), &err, &phrases), 0);
    assert_span(phrases_find(phrases, SPAN("x")), "y=z");
    assert_int_equal(template_create(SPAN("<p>{{t.hi}}, {{name}}: {{count}}/{{count}}</p>"),
                                     phrases, NULL, gaps, &err, &page),
                     0);
    char memory[128];
    struct text text = text_on(memory, sizeof(memory));
    const char *values[] = {"<b>", "3"};
    template_put(&text, page, fill, values);
    assert_span(text_span(&text), "<p>Hello &amp; welcome, &lt;b&gt;: 3/3</p>");
    template_destroy(page);
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

static void a_block_is_repeated_for_each_request(void **state)
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
    assert_span(text_span(&text), "<[][10,][20,21,]>...");
    text = text_on(memory, sizeof(memory));
    template_put_blocks(&text, page, fill_name, more_of, &(struct hall){.rows = 0});
    assert_span(text_span(&text), "<>");
    template_destroy(page);
}

static void an_invalid_template_is_refused(void **state)
{
    (void)state;
#define EIGHT_ROWS "{{#row}}{{#row}}{{#row}}{{#row}}{{#row}}{{#row}}{{#row}}{{#row}}"
    static const struct {
        const char *source;
        int rc;
    } rows[] = {
        {"{{nme}}", ERR_NOT_FOUND},
        {"{{t.b}}", ERR_NOT_FOUND},
        {"{{name", ERR_SYNTAX},
        {"{{#row}}", ERR_SYNTAX},
        {"{{/row}}", ERR_SYNTAX},
        {"{{#row}}{{#seat}}{{/row}}{{/seat}}", ERR_SYNTAX},
        {"{{#row}}{{/row}}{{/row}}", ERR_SYNTAX},
        {"{{#rows}}{{/rows}}", ERR_NOT_FOUND},
        {EIGHT_ROWS "{{#row}}", ERR_FULL},
    };
    struct err_slot err;
    struct phrases *phrases;
    struct template *page;
    assert_int_equal(phrases_parse(SPAN("a = b"), &err, &phrases), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (template_create(span_of(rows[i].source), phrases, NULL, blocks, &err, &page) !=
            rows[i].rc)
            fail_msg("%s: %s", rows[i].source, err.text);
        if (i == 0)
            assert_string_equal(err.text, "nothing fills {{nme}}");
    }
    phrases_destroy(phrases);
    assert_int_equal(phrases_parse(SPAN("a = b\na = c"), &err, &phrases), ERR_EXISTS);
    assert_int_equal(phrases_parse(SPAN("only words"), &err, &phrases), ERR_SYNTAX);
    assert_int_equal(phrases_parse(SPAN("a = </script>"), &err, &phrases), ERR_SYNTAX);
}

static void text_is_escaped(void **state)
{
    (void)state;
    char memory[64];
    struct text text = text_on(memory, sizeof(memory));
    html_put(&text, SPAN("<a href=\"x\" title='y'>&"));
    assert_span(text_span(&text), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
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

static void phrases_are_written_as_json(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    assert_int_equal(phrases_parse(SPAN("a = say \"x\"\nb.c = 1 & 2\n"), &err, &phrases), 0);
    char memory[128];
    struct text text = text_on(memory, sizeof(memory));
    phrases_json(&text, phrases, SPAN(""), SPAN(""));
    assert_span(text_span(&text), "{\"a\":\"say \\\"x\\\"\",\"b.c\":\"1 & 2\"}");
    phrases_destroy(phrases);
}

static void an_operators_texts_replace_ours(void **state)
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
    assert_span(phrases_find(phrases, SPAN("a")), "one");
    assert_span(phrases_find(phrases, SPAN("b")), "2");
    assert_span(phrases_find(phrases, SPAN("c")), "three");
    assert_span(phrases_untouched(phrases), "b");
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

static void fixed_markup_may_be_repeated(void **state)
{
    (void)state;
    struct err_slot err;
    struct phrases *phrases;
    struct template *page;
    assert_int_equal(phrases_parse(SPAN("live.a = 1\nb = 2\n"), &err, &phrases), 0);
    const struct template_fixed fixed[] = {{"nav", SPAN("<a>x</a>")}, {NULL, {NULL, 0}}};
    assert_int_equal(
        template_create(SPAN("{{nav}}{{nav}}{{t.b}}"), phrases, fixed, gaps, &err, &page), 0);
    assert_span(template_text(page), "<a>x</a><a>x</a>2");
    template_destroy(page);
    char memory[64];
    struct text text = text_on(memory, sizeof(memory));
    phrases_json(&text, phrases, SPAN("live."), SPAN(""));
    assert_span(text_span(&text), "{\"live.a\":\"1\"}");
    text = text_on(memory, sizeof(memory));
    phrases_json(&text, phrases, SPAN(""), SPAN("live."));
    assert_span(text_span(&text), "{\"b\":\"2\"}");
    phrases_destroy(phrases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_are_filled_for_each_request),
        cmocka_unit_test(a_block_is_repeated_for_each_request),
        cmocka_unit_test(an_invalid_template_is_refused),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(every_language_has_every_text),
        cmocka_unit_test(phrases_are_written_as_json),
        cmocka_unit_test(an_operators_texts_replace_ours),
        cmocka_unit_test(fixed_markup_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
