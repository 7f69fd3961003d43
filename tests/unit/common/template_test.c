/* template_test.c: pages with gaps, their texts and languages, and what makes them small. */
#include "unit.h"

#include "web/lang.h"
#include "web/squeeze.h"
#include "web/template.h"
#include "web/visit.h"

#include <stdlib.h>
#include <zlib.h>

static struct err_slot err;
static char filled_memory[256];
static struct text filled;

static struct phrases *phrases_of(const char *source)
{
    struct phrases *phrases;
    assert_int_equal(phrases_parse(span_of(source), &err, &phrases), 0);
    return phrases;
}

/* Empty again. */
static struct text *fresh(void)
{
    filled = text_on(filled_memory, sizeof(filled_memory));
    return &filled;
}

static const char *const gaps[] = {"name", "count", NULL};

static void fill(struct text *out, unsigned gap, void *ctx)
{
    const char *const *values = ctx;
    html_put(out, span_of(values[gap]));
}

static void gaps_are_filled_for_each_request(void **state)
{
    (void)state;
    struct template *page;
    struct phrases *phrases = phrases_of("# a comment\n\nhi = Hello & welcome \nx=y=z\n");
    assert_span(phrases_find(phrases, SPAN("x")), "y=z");
    assert_int_equal(template_create(SPAN("<p>{{t.hi}}, {{name}}: {{count}}/{{count}}</p>"),
                                     phrases, NULL, gaps, &err, &page),
                     0);
    const char *values[] = {"<b>", "3"};
    template_put_blocks(fresh(), page, fill, NULL, values);
    assert_span(text_span(&filled), "<p>Hello &amp; welcome, &lt;b&gt;: 3/3</p>");
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
    struct template *page;
    assert_int_equal(
        template_create(SPAN("<{{#row}}[{{#seat}}{{name}},{{/seat}}]{{/row}}>{{#row}}.{{/row}}"),
                        NULL, NULL, blocks, &err, &page),
        0);
    template_put_blocks(fresh(), page, fill_name, more_of, &(struct hall){.rows = 3});
    assert_span(text_span(&filled), "<[][10,][20,21,]>...");
    template_put_blocks(fresh(), page, fill_name, more_of, &(struct hall){.rows = 0});
    assert_span(text_span(&filled), "<>");
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
    struct template *page;
    struct phrases *phrases = phrases_of("a = b");
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
    html_put(fresh(), SPAN("<a href=\"x\" title='y'>&"));
    assert_span(text_span(&filled), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
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
        struct phrases *en = phrases_of(sources[i].en), *ko = phrases_of(sources[i].ko);
        assert_has_all(sources[i].en, ko);
        assert_has_all(sources[i].ko, en);
        phrases_destroy(en);
        phrases_destroy(ko);
    }
}

static void phrases_are_written_as_json(void **state)
{
    (void)state;
    struct phrases *phrases = phrases_of("a = say \"x\"\nb.c = 1 & 2\n");
    phrases_json(fresh(), phrases, SPAN(""), SPAN(""));
    assert_span(text_span(&filled), "{\"a\":\"say \\\"x\\\"\",\"b.c\":\"1 & 2\"}");
    phrases_destroy(phrases);
}

static void an_operators_texts_replace_ours(void **state)
{
    (void)state;
    struct phrases *phrases = phrases_of("a = 1\nb = 2\nc = 3\n");
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
    struct template *page;
    struct phrases *phrases = phrases_of("live.a = 1\nb = 2\n");
    const struct template_fixed fixed[] = {{"nav", SPAN("<a>x</a>")}, {NULL, {NULL, 0}}};
    assert_int_equal(
        template_create(SPAN("{{nav}}{{nav}}{{t.b}}"), phrases, fixed, gaps, &err, &page), 0);
    assert_span(template_text(page), "<a>x</a><a>x</a>2");
    template_destroy(page);
    phrases_json(fresh(), phrases, SPAN("live."), SPAN(""));
    assert_span(text_span(&filled), "{\"live.a\":\"1\"}");
    phrases_json(fresh(), phrases, SPAN(""), SPAN("live."));
    assert_span(text_span(&filled), "{\"b\":\"2\"}");
    phrases_destroy(phrases);
}

/* ---- lang ---- */

static const struct span none = {NULL, 0};

static void the_query_wins_over_cookie_and_header(void **state)
{
    (void)state;
    assert_int_equal(lang_choose(SPAN("ko"), SPAN("en"), SPAN("en")), LANG_KO);
    assert_int_equal(lang_choose(none, SPAN("ko"), SPAN("en")), LANG_KO);
    assert_int_equal(lang_choose(none, none, SPAN("ko")), LANG_KO);
    assert_int_equal(lang_choose(none, none, none), LANG_EN);
}

static void nonsense_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(lang_choose(SPAN("../../x"), SPAN("kobold"), SPAN("ko-KR,en;q=0.5")), LANG_KO);
    assert_int_equal(lang_choose(SPAN("k"), none, SPAN(";;,,q=,")), LANG_EN);
    assert_int_equal(lang_choose(none, none, SPAN("*")), LANG_EN);
}

static void the_highest_weight_wins_and_zero_means_never(void **state)
{
    (void)state;
    assert_int_equal(lang_choose(none, none, SPAN("en;q=0.8, ko;q=0.9")), LANG_KO);
    assert_int_equal(lang_choose(none, none, SPAN("ko;q=0.08, en;q=0.1")), LANG_EN);
    assert_int_equal(lang_choose(none, none, SPAN("fr, ko;q=0, en;q=0.1")), LANG_EN);
    assert_int_equal(lang_choose(none, none, SPAN("ko, en")), LANG_KO);
    assert_int_equal(lang_choose(none, none, SPAN("ja-JP, ko-KR;q=0.7, en;q=0.65")), LANG_KO);
}

static void tags_are_read_by_their_first_part(void **state)
{
    (void)state;
    enum lang lang = LANG_EN;
    assert_true(lang_parse(SPAN("KO_kr"), &lang));
    assert_int_equal(lang, LANG_KO);
    assert_false(lang_parse(SPAN("kok"), &lang));
    assert_string_equal(lang_tag(LANG_KO), "ko");
}

static void a_language_may_be_added_and_is_found_again(void **state)
{
    (void)state;
    enum lang lang = LANG_EN, again = LANG_EN;
    assert_int_equal(lang_check(SPAN("ja"), &err), 0);
    assert_int_equal(lang_count(), LANG_BUILT_IN);
    assert_int_equal(lang_choose(SPAN("ja"), none, none), LANG_EN);
    assert_int_equal(lang_add(SPAN("ja"), &err, &lang), 0);
    assert_int_equal(lang_add(SPAN("ja"), &err, &again), 0);
    assert_int_equal(again, lang);
    assert_int_equal(lang_count(), LANG_BUILT_IN + 1);
    assert_int_equal(lang_choose(SPAN("ja-JP"), none, none), lang);
    assert_int_equal(lang_add(SPAN("ko"), &err, &again), 0);
    assert_int_equal(again, LANG_KO);
    static const char *const bad[] = {"", "j", "JA", "ja-JP", "japanese", "../x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(lang_add(span_of(bad[i]), &err, &again), ERR_SYNTAX);
    char tag[] = "xa";
    while (lang_count() < LANG_MAX) {
        assert_int_equal(lang_add(span_of(tag), &err, &again), 0);
        tag[1]++;
    }
    assert_int_equal(lang_add(span_of(tag), &err, &again), ERR_FULL);
    assert_int_equal(lang_check(span_of(tag), &err), ERR_FULL);
    assert_int_equal(lang_check(SPAN("ko"), &err), 0);
}

/* ---- visit ---- */

static void a_list_has_its_names_unless_their_weight_is_0(void **state)
{
    (void)state;
    static const struct {
        struct span list, name;
        bool listed;
    } rows[] = {
        {SPAN("gzip, deflate;q=0.5 , BR"), SPAN("gzip"), true},
        {SPAN("gzip, deflate;q=0.5 , BR"), SPAN("deflate"), true},
        {SPAN("gzip, deflate;q=0.5 , BR"), SPAN("br"), true},
        {SPAN("text/html, application/octet-stream; q=0.9"), SPAN("application/octet-stream"),
         true},
        {SPAN("br, gzip;q=0"), SPAN("gzip"), false},
        {SPAN("br, gzip; q=0 "), SPAN("gzip"), false},
        {SPAN("br, gzip;q=0.1"), SPAN("gzip"), true},
        {{NULL, 0}, SPAN("br"), false},
        {SPAN(""), SPAN("br"), false},
        {SPAN("brotli, xbr, b"), SPAN("br"), false},
        {SPAN("*"), SPAN("br"), false},
        {SPAN(";;,,q=,"), SPAN("br"), false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(visit_lists(rows[i].list, rows[i].name), rows[i].listed);
}

/* ---- squeeze ---- */

static void assert_unpacks(struct span packed, struct span text)
{
    char *memory = malloc(text.len + 1);
    z_stream stream = {
        .next_in = (Bytef *)(uintptr_t)packed.ptr,
        .avail_in = (uInt)packed.len,
        .next_out = (Bytef *)memory,
        .avail_out = (uInt)text.len + 1,
    };
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_true(span_eq((struct span){memory, stream.total_out}, text));
    inflateEnd(&stream);
    free(memory);
}

static void one_squeezer_serves_page_after_page(void **state)
{
    (void)state;
    struct squeezer *squeezer;
    assert_int_equal(squeezer_create(&err, &squeezer), 0);
    static const char *const texts[] = {"", "x", "one two one two one two one two one two", "done"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char memory[256];
        struct text out = text_on(memory, sizeof(memory));
        TEXT_LIT(&out, "head");
        assert_true(squeezer_gzip(squeezer, span_of(texts[i]), &out));
        assert_unpacks(span_skip(text_span(&out), 4), span_of(texts[i]));
    }
    squeezer_destroy(squeezer);
}

static void a_page_that_does_not_fit_is_refused_and_the_next_is_whole(void **state)
{
    (void)state;
    struct squeezer *squeezer;
    const struct span text = SPAN("a text of some length, and another one of some length");
    assert_int_equal(squeezer_create(&err, &squeezer), 0);
    char memory[256];
    struct text whole = text_on(memory, sizeof(memory));
    assert_true(squeezer_gzip(squeezer, text, &whole));
    for (size_t room = 0; room <= whole.len; room++) {
        char small_memory[256];
        struct text small = text_on(small_memory, room);
        assert_int_equal(squeezer_gzip(squeezer, text, &small), room == whole.len);
        assert_int_equal(small.len, room == whole.len ? room : 0);
    }
    squeezer_destroy(squeezer);
}

static void comments_that_are_whole_lines_are_left_out(void **state)
{
    (void)state;
    const struct span source = SPAN("// head\n"
                                    "const at = 'http://x'; // stays: it might be in a string\n"
                                    "  // indented\n"
                                    "/* one\n   two */\n"
                                    "a { b: c; } /* stays */\n"
                                    "/* short */\n"
                                    "//no space: stays\n"
                                    "end");
    char memory[256];
    struct text kept = text_on(memory, sizeof(memory));
    squeeze_comments(source, &kept);
    assert_true(
        span_eq(text_span(&kept), SPAN("const at = 'http://x'; // stays: it might be in a string\n"
                                       "a { b: c; } /* stays */\n"
                                       "//no space: stays\n"
                                       "end")));
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
        cmocka_unit_test(the_query_wins_over_cookie_and_header),
        cmocka_unit_test(nonsense_is_passed_over),
        cmocka_unit_test(the_highest_weight_wins_and_zero_means_never),
        cmocka_unit_test(tags_are_read_by_their_first_part),
        cmocka_unit_test(a_language_may_be_added_and_is_found_again),
        cmocka_unit_test(a_list_has_its_names_unless_their_weight_is_0),
        cmocka_unit_test(one_squeezer_serves_page_after_page),
        cmocka_unit_test(a_page_that_does_not_fit_is_refused_and_the_next_is_whole),
        cmocka_unit_test(comments_that_are_whole_lines_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
