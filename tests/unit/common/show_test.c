/* show_test.c: what a document may contain about the show, and the line that people read. */
#include "unit.h"

#include "page/wording.h"

#define SEOUL                                                                                      \
    "\"starts_at\":\"2027-06-12T10:00:00.000Z\",\"doors_at\":\"2027-06-12T08:30:00.000Z\","        \
    "\"time_zone\":\"Asia/Seoul\",\"venue\":{\"name\":{\"en\":\"Harbour "                          \
    "Dome\",\"ko\":\"하버돔\"},"                                                                \
    "\"address\":{\"en\":\"Incheon\",\"ko\":\"인천\"}},\"picture\":\"/tour.webp\""

static const char *const phrases_of[LANG_BUILT_IN] = {
    [LANG_EN] = "show.form = {0} %-d %B %Y, %H:%M\nshow.days = Sun Mon Tue Wed Thu Fri Sat\n"
                "show.doors = Doors {0}\n",
    [LANG_KO] = "show.form = %Y년 %-m월 %-d일 ({0}) %H:%M\nshow.days = 일 월 화 수 목 금 토\n"
                "show.doors = 입장 {0}\n",
};

static int read_show(const char *body, struct err_slot *err, struct show *out)
{
    json_t *doc;
    struct json_in in;
    assert_int_equal(json_in_parse(span_of(body), err, &doc), 0);
    json_in_object(&in, doc, err);
    show_read(&in, out);
    int rc = json_in_end(&in);
    json_decref(doc);
    return rc;
}

TEST_CASE(a_show_is_written_as_one_line_in_its_time_zone)
{
    static const struct {
        const char *body, *english, *korean;
    } rows[] = {
        {"{" SEOUL "}", "Sat 12 June 2027, 19:00\u00a0· Harbour Dome, Incheon\u00a0· Doors 17:30",
         "2027년 6월 12일 (토) 19:00\u00a0· 하버돔, 인천\u00a0· 입장 17:30"},
        {"{\"starts_at\":\"2027-07-04T00:30:00Z\",\"time_zone\":\"America/New_York\","
         "\"venue\":{\"name\":\"Old Hall\"}}",
         "Sat 3 July 2027, 20:30\u00a0· Old Hall", "2027년 7월 3일 (토) 20:30\u00a0· Old Hall"},
        {"{\"starts_at\":\"2027-06-12T19:00:00+09:00\"}", "Sat 12 June 2027, 10:00 UTC",
         "2027년 6월 12일 (토) 10:00 UTC"},
        {"{\"venue\":{\"name\":{\"de\":\"Halle\",\"en\":\"Hall\"}}}", "Hall", "Hall"},
        {"{\"venue\":null}", "", ""},
        {"{}", "", ""},
    };
    struct err_slot err;
    struct phrases *words[LANG_BUILT_IN];
    for (enum lang lang = 0; lang < LANG_BUILT_IN; lang++)
        assert_int_equal(phrases_parse(span_of(phrases_of[lang]), &err, &words[lang]), 0);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const lines[] = {[LANG_EN] = rows[i].english, [LANG_KO] = rows[i].korean};
        struct show show;
        assert_int_equal(read_show(rows[i].body, &err, &show), 0);
        for (enum lang lang = 0; lang < LANG_BUILT_IN; lang++) {
            char memory[SHOW_LINE_MAX];
            struct text line = text_on(memory, sizeof(memory));
            wording_put_show(&line, words[lang], lang, &show);
            assert_span(text_span(&line), lines[lang]);
        }
    }
    for (enum lang lang = 0; lang < LANG_BUILT_IN; lang++)
        phrases_destroy(words[lang]);
}

TEST_CASE(a_form_that_is_too_long_shows_neither_time_nor_zone)
{
    char phrases[256], memory[SHOW_LINE_MAX];
    snprintf(phrases, sizeof(phrases), "show.form = %%H:%%M%0150d\nshow.days = Sun\n", 0);
    struct err_slot err;
    struct phrases *words;
    assert_int_equal(phrases_parse(span_of(phrases), &err, &words), 0);
    struct show show;
    assert_int_equal(read_show("{\"starts_at\":\"2027-06-12T10:00:00Z\"}", &err, &show), 0);
    struct text line = text_on(memory, sizeof(memory));
    wording_put_show(&line, words, LANG_EN, &show);
    assert_span(text_span(&line), "");
    phrases_destroy(words);
}

TEST_CASE(an_invalid_show_is_refused_with_its_member)
{
    static const struct {
        const char *body, *fault;
    } rows[] = {
        {"{\"time_zone\":\"Asia/Soul\"}", "/time_zone: is no time zone"},
        {"{\"time_zone\":9}", "/time_zone: must be"},
        {"{\"starts_at\":\"soon\"}", "/starts_at: must be a time"},
        {"{\"doors_at\":\"2027-06-12T10:00:00Z\"}", "/doors_at: needs starts_at"},
        {"{\"starts_at\":\"2027-06-12T10:00:00Z\",\"doors_at\":\"2027-06-12T10:00:01Z\"}",
         "/doors_at: must not be later"},
        {"{\"venue\":\"Old Hall\"}", "/venue: must be"},
        {"{\"venue\":{}}", "/venue/name: "},
        {"{\"venue\":{\"name\":\"a\\nb\"}}", "/venue/name: must not hold control"},
        {"{\"venue\":{\"name\":{\"e\":\"a\"}}}", "/venue/name/e: is not a language tag"},
        {"{\"venue\":{\"name\":\"a\",\"street\":\"b\"}}", "/venue/street: "},
        {"{\"venue\":{\"name\":{\"aa\":\"1\",\"ab\":\"1\",\"ac\":\"1\",\"ad\":\"1\",\"ae\":\"1\","
         "\"af\":\"1\",\"ag\":\"1\",\"ah\":\"1\",\"ai\":\"1\"}}}",
         "/venue/name/ai: is one too many"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct show show;
        struct err_slot err = {.code = 0};
        assert_int_equal(read_show(rows[i].body, &err, &show), ERR_RANGE);
        assert_memory_equal(err.text, rows[i].fault, strlen(rows[i].fault));
    }
}

TEST_CASE(a_show_is_written_as_it_was_read)
{
    struct show show, again;
    struct err_slot err;
    char memory[SHOW_JSON_MAX];
    struct text text = text_on(memory, sizeof(memory) - 1);
    assert_int_equal(read_show("{" SEOUL "}", &err, &show), 0);
    json_open(&text, '{');
    show_put(&text, &show);
    json_close(&text, '}');
    memory[text.len] = '\0';
    assert_string_equal(memory, "{" SEOUL "}");

    json_t *doc = json_pack("{s:s, s:s, s:i}", "starts_at", "2027-06-12T10:00:00Z", "time_zone",
                            "Asia/Seoul", "venue", 1);
    show_take(doc, &again);
    assert_true(again.starts_ms == show.starts_ms);
    assert_string_equal(again.time_zone, "");
    show_take(NULL, &again);
    assert_true(again.starts_ms == 0);
    json_decref(doc);
}
