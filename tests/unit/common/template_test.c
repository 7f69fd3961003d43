/* template_test.c: pages with placeholders, their texts and languages, and minification. */
#include "unit.h"

#include "web/lang.h"
#include "web/squeeze.h"
#include "web/template.h"
#include "web/visit.h"

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

/* ---- pages: of a hall whose row n has n seats ---- */

static const char *const gaps[] = {"row", "seat", "name", "rows", NULL};
enum { BLOCK_ROW, BLOCK_SEAT, GAP_NAME, GAP_ROWS };

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

static void fill(struct text *out, unsigned gap, void *ctx)
{
    const struct hall *hall = ctx;
    assert_true(gap == GAP_NAME || gap == GAP_ROWS);
    if (gap == GAP_NAME)
        text_printf(out, "%u%u", hall->row, hall->seat);
    else
        text_u64(out, hall->rows);
}

#define HALL       "<{{#row}}[{{#seat}}{{name}},{{/seat}}]{{/row}}>{{#row}}.{{/row}}"
#define EIGHT_ROWS "{{#row}}{{#row}}{{#row}}{{#row}}{{#row}}{{#row}}{{#row}}{{#row}}"

TEST_CASE(a_template_is_filled_or_refused)
{
    static const struct {
        const char *source, *page; /* page, or text of the error */
        unsigned rows;
        int rc;
    } rows[] = {
        {"<p>{{t.hi}}, {{name}}: {{rows}}/{{rows}}</p>", "<p>Hello &amp; welcome, 00: 3/3</p>", 3,
         0},
        {HALL, "<[][10,][20,21,]>...", 3, 0},
        {HALL, "<>", 0, 0},
        {"{{nav}}{{nav}}{{t.x}}", "<a>x</a><a>x</a>y=z", 0, 0},
        {"{{nme}}", "nothing fills {{nme}}", 0, ERR_NOT_FOUND},
        {"{{t.b}}", "no phrase for {{t.b}}", 0, ERR_NOT_FOUND},
        {"{{name", "a {{ without its }}", 0, ERR_SYNTAX},
        {"{{#row}}", "a {{# without its {{/", 0, ERR_SYNTAX},
        {"{{/row}}", "{{/row}} closes another block", 0, ERR_SYNTAX},
        {"{{#row}}{{#seat}}{{/row}}{{/seat}}", "{{/row}} closes another block", 0, ERR_SYNTAX},
        {"{{#row}}{{/row}}{{/row}}", "{{/row}} closes another block", 0, ERR_SYNTAX},
        {"{{#rooms}}{{/rooms}}", "nothing fills {{rooms}}", 0, ERR_NOT_FOUND},
        {EIGHT_ROWS "{{#row}}", "more than 8 blocks within each other", 0, ERR_FULL},
    };
    static const struct template_fixed fixed[] = {{"nav", SPAN("<a>x</a>")}, {NULL, {NULL, 0}}};
    struct phrases *phrases = phrases_of("# a comment\n\nhi = Hello & welcome \nx=y=z\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct template *page;
        struct hall hall = {.rows = rows[i].rows};
        int rc = template_create(span_of(rows[i].source), phrases, fixed, gaps, &err, &page);
        assert_int_equal(rc, rows[i].rc);
        if (rc < 0) {
            assert_string_equal(err.text, rows[i].page);
            continue;
        }
        template_put_blocks(fresh(), page, fill, more_of, &hall);
        assert_span(text_span(&filled), rows[i].page);
        template_destroy(page);
    }
    phrases_destroy(phrases);
}

TEST_CASE(the_text_of_a_page_leaves_out_its_gaps)
{
    struct template *page;
    assert_int_equal(template_create(SPAN("a{{name}}b"), NULL, NULL, gaps, &err, &page), 0);
    assert_span(template_text(page), "ab");
    template_destroy(page);
}

TEST_CASE(text_is_escaped)
{
    html_put(fresh(), SPAN("<a href=\"x\" title='y'>&"));
    assert_span(text_span(&filled), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
}

/* ---- phrases ---- */

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

TEST_CASE(every_language_has_every_text)
{
    static const struct {
        const char *en, *ko;
    } sources[] = {
        {
#include "queue-front/web/text.en.inc"
            ,
#include "queue-front/web/text.ko.inc"
        },
        {
#include "seat-service/web/text.en.inc"
            ,
#include "seat-service/web/text.ko.inc"
        },
        {
#include "payment-adapter/web/text.en.inc"
            ,
#include "payment-adapter/web/text.ko.inc"
        },
        {
#include "infra/demo/psp-sandbox/web/text.en.inc"
            ,
#include "infra/demo/psp-sandbox/web/text.ko.inc"
        },
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct phrases *en = phrases_of(sources[i].en), *ko = phrases_of(sources[i].ko);
        assert_has_all(sources[i].en, ko);
        assert_has_all(sources[i].ko, en);
        phrases_destroy(en);
        phrases_destroy(ko);
    }
}

TEST_CASE(phrases_are_written_as_json)
{
    static const struct {
        struct span prefix, except;
        const char *json;
    } rows[] = {
        {SPAN(""), SPAN(""), "{\"a\":\"say \\\"x\\\"\",\"b.c\":\"1 & 2\"}"},
        {SPAN("b."), SPAN(""), "{\"b.c\":\"1 & 2\"}"},
        {SPAN(""), SPAN("b."), "{\"a\":\"say \\\"x\\\"\"}"},
    };
    struct phrases *phrases = phrases_of("a = say \"x\"\nb.c = 1 & 2\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        phrases_json(fresh(), phrases, rows[i].prefix, rows[i].except);
        assert_span(text_span(&filled), rows[i].json);
    }
    phrases_destroy(phrases);
}

TEST_CASE(phrases_are_unique_texts)
{
    struct phrases *phrases;
    assert_int_equal(phrases_parse(SPAN("a = b\na = c"), &err, &phrases), ERR_EXISTS);
    assert_int_equal(phrases_parse(SPAN("only words"), &err, &phrases), ERR_SYNTAX);
    assert_int_equal(phrases_parse(SPAN("a = </script>"), &err, &phrases), ERR_SYNTAX);
}

TEST_CASE(an_operators_texts_replace_ours)
{
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

/* ---- languages ---- */

TEST_CASE(the_query_wins_over_the_cookie_and_the_cookie_over_the_header)
{
    static const struct {
        const char *query, *cookie, *header;
        enum lang lang;
    } rows[] = {
        {"ko", "en", "en", LANG_KO},
        {NULL, "ko", "en", LANG_KO},
        {NULL, NULL, "ko", LANG_KO},
        {NULL, NULL, NULL, LANG_EN},
        {"../../x", "kobold", "ko-KR,en;q=0.5", LANG_KO},
        {"k", NULL, ";;,,q=,", LANG_EN},
        {NULL, NULL, "*", LANG_EN},
        /* the highest weight wins, and zero means never */
        {NULL, NULL, "en;q=0.8, ko;q=0.9", LANG_KO},
        {NULL, NULL, "ko;q=0.08, en;q=0.1", LANG_EN},
        {NULL, NULL, "fr, ko;q=0, en;q=0.1", LANG_EN},
        {NULL, NULL, "ko, en", LANG_KO},
        {NULL, NULL, "ja-JP, ko-KR;q=0.7, en;q=0.65", LANG_KO},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(rows[i].lang, lang_choose(span_of(rows[i].query), span_of(rows[i].cookie),
                                                   span_of(rows[i].header)));
}

TEST_CASE(language_tags_are_read_by_their_first_part)
{
    enum lang lang = LANG_EN;
    assert_true(lang_parse(SPAN("KO_kr"), &lang));
    assert_int_equal(lang, LANG_KO);
    assert_false(lang_parse(SPAN("kok"), &lang));
    assert_string_equal(lang_tag(LANG_KO), "ko");
}

TEST_CASE(a_language_may_be_added_and_is_found_again)
{
    enum lang lang = LANG_EN, again = LANG_EN;
    assert_int_equal(lang_check(SPAN("ja"), &err), 0);
    assert_int_equal(lang_count(), LANG_BUILT_IN);
    assert_false(lang_parse(SPAN("ja"), &lang));
    assert_int_equal(lang_add(SPAN("ja"), &err, &lang), 0);
    assert_int_equal(lang_add(SPAN("ja"), &err, &again), 0);
    assert_int_equal(again, lang);
    assert_int_equal(lang_count(), LANG_BUILT_IN + 1);
    assert_true(lang_parse(SPAN("ja-JP"), &again));
    assert_int_equal(again, lang);
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

TEST_CASE(a_header_list_has_its_names_unless_their_weight_is_0)
{
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

TEST_CASE(a_squeezer_can_be_reused)
{
    struct squeezer *squeezer;
    assert_int_equal(squeezer_create(&err, &squeezer), 0);
    static const char *const texts[] = {"", "x", "one two one two one two one two one two", "done"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char packed[256] = "head", unpacked[64];
        struct text out = {.ptr = packed, .len = 4, .cap = sizeof(packed)};
        assert_true(squeezer_gzip(squeezer, span_of(texts[i]), &out));
        z_stream stream = {
            .next_in = (Bytef *)packed + 4,
            .avail_in = (uInt)out.len - 4,
            .next_out = (Bytef *)unpacked,
            .avail_out = sizeof(unpacked),
        };
        assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        assert_int_equal(stream.avail_in, 0);
        assert_span(((struct span){unpacked, stream.total_out}), texts[i]);
        inflateEnd(&stream);
    }
    squeezer_destroy(squeezer);
}

TEST_CASE(a_page_that_does_not_fit_is_refused_and_the_next_is_whole)
{
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

TEST_CASE(comments_that_are_whole_lines_are_left_out)
{
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
    assert_span(text_span(&kept), "const at = 'http://x'; // stays: it might be in a string\n"
                                  "a { b: c; } /* stays */\n"
                                  "//no space: stays\n"
                                  "end");
}
