/* json_in_test.c: good bodies fill variables, bad ones name the pointer and the rule. */
#include "unit.h"

#include "base/json_in.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse(const char *text)
{
    json_t *doc = NULL;
    struct err_slot err;
    if (json_in_parse(span_of(text), &err, &doc) < 0)
        fail_msg("%s: %s", text, err.text);
    return doc;
}

static const char *const modes[] = {"off", "on", "auto", NULL};

struct sample {
    struct span name;
    uint64_t count, rate_milli, at_ms, inner_n;
    int64_t offset;
    bool on;
    unsigned mode;
    size_t tags_len;
};

/* Reads one of everything. */
static int read_sample(json_t *doc, struct err_slot *err, struct sample *out)
{
    struct json_in in, inner;
    json_t *tags;
    json_in_object(&in, doc, err);
    json_in_require(&in, "name");
    json_in_str(&in, "name", 1, 8, &out->name);
    json_in_u64(&in, "count", 1, 100, &out->count);
    json_in_i64(&in, "offset", -5, 5, &out->offset);
    json_in_milli(&in, "rate", 0, 1000000000, &out->rate_milli);
    json_in_bool(&in, "on", &out->on);
    json_in_word(&in, "mode", modes, &out->mode);
    json_in_time(&in, "at", &out->at_ms);
    json_in_allow(&in, "id");
    if (json_in_array(&in, "tags", 0, 3, &tags)) {
        out->tags_len = json_array_size(tags);
        for (size_t i = 0; i < out->tags_len; i++) {
            struct span tag;
            json_in_item_str(&in, "tags", tags, i, 1, 4, &tag);
        }
    }
    if (json_in_child(&in, "inner", &inner)) {
        json_in_u64(&inner, "n", 0, 9, &out->inner_n);
        json_in_end(&inner);
    }
    return json_in_end(&in);
}

static void a_good_body_fills_the_variables(void **state)
{
    (void)state;
    json_t *doc = parse("{\"name\":\"hall\",\"count\":100,\"offset\":-5,\"rate\":2.5,\"on\":true,"
                        "\"mode\":\"auto\",\"at\":\"1970-01-01T00:00:01Z\",\"id\":[1],"
                        "\"tags\":[\"a\",\"bcde\"],\"inner\":{\"n\":9}}");
    struct sample got = {0};
    struct err_slot err;
    assert_int_equal(0, read_sample(doc, &err, &got));
    assert_span(got.name, "hall");
    assert_int_equal(100, got.count);
    assert_int_equal(-5, got.offset);
    assert_int_equal(2500, got.rate_milli);
    assert_true(got.on);
    assert_int_equal(2, got.mode);
    assert_int_equal(1000, got.at_ms);
    assert_int_equal(2, got.tags_len);
    assert_int_equal(9, got.inner_n);
    json_decref(doc);
}

static void what_is_absent_keeps_its_default(void **state)
{
    (void)state;
    json_t *doc = parse("{\"name\":\"x\"}");
    struct sample got = {.count = 7, .mode = 1, .on = true};
    struct err_slot err;
    assert_int_equal(0, read_sample(doc, &err, &got));
    assert_int_equal(7, got.count);
    assert_int_equal(1, got.mode);
    assert_true(got.on);
    json_decref(doc);
}

static void check_refused(const char *body, const char *sentence)
{
    json_t *doc = parse(body);
    struct sample got = {.count = 7};
    struct err_slot err;
    assert_int_equal(ERR_RANGE, read_sample(doc, &err, &got));
    assert_string_equal(sentence, err.text);
    assert_int_equal(7, got.count);
    json_decref(doc);
}

static void a_bad_member_is_named_with_its_rule(void **state)
{
    (void)state;
    check_refused("{}", "/name: is missing");
    check_refused("[]", "the document: must be an object");
    check_refused("3", "the document: must be an object");
    check_refused("{\"name\":\"\"}", "/name: must be a text of 1 to 8 bytes");
    check_refused("{\"name\":null}", "/name: must be a text of 1 to 8 bytes");
    check_refused("{\"name\":\"123456789\"}", "/name: must be a text of 1 to 8 bytes");
    check_refused("{\"name\":\"x\",\"count\":0}", "/count: must be a whole number from 1 to 100");
    check_refused("{\"name\":\"x\",\"count\":-1}", "/count: must be a whole number from 1 to 100");
    check_refused("{\"name\":\"x\",\"count\":5.5}", "/count: must be a whole number from 1 to 100");
    check_refused("{\"name\":\"x\",\"count\":\"5\"}",
                  "/count: must be a whole number from 1 to 100");
    check_refused("{\"name\":\"x\",\"offset\":6}", "/offset: must be a whole number from -5 to 5");
    check_refused("{\"name\":\"x\",\"rate\":-0.5}",
                  "/rate: must be a number from 0 to 1000000, with up to three decimals");
    check_refused("{\"name\":\"x\",\"rate\":1e300}",
                  "/rate: must be a number from 0 to 1000000, with up to three decimals");
    check_refused("{\"name\":\"x\",\"rate\":0.0005}",
                  "/rate: must be a number from 0 to 1000000, with up to three decimals");
    check_refused("{\"name\":\"x\",\"on\":1}", "/on: must be true or false");
    check_refused("{\"name\":\"x\",\"mode\":\"of\"}", "/mode: must be one of off, on, auto");
    check_refused("{\"name\":\"x\",\"at\":\"tomorrow\"}",
                  "/at: must be a time such as \"2026-11-20T11:00:00Z\"");
    check_refused("{\"name\":\"x\",\"tags\":{}}", "/tags: must be a list of 0 to 3 elements");
    check_refused("{\"name\":\"x\",\"tags\":[\"a\",\"\"]}",
                  "/tags/1: must be a text of 1 to 4 bytes");
    check_refused("{\"name\":\"x\",\"inner\":3}", "/inner: must be an object");
    check_refused("{\"name\":\"x\",\"inner\":{\"n\":10}}",
                  "/inner/n: must be a whole number from 0 to 9");
}

static void the_first_failure_is_the_one_that_is_told(void **state)
{
    (void)state;
    check_refused("{\"inner\":{\"n\":-1,\"m\":1},\"bogus\":1}", "/name: is missing");
}

static void an_unknown_member_is_named_with_those_that_are_known(void **state)
{
    (void)state;
    check_refused("{\"name\":\"x\",\"inner\":{\"m/~\":1}}",
                  "/inner/m~1~0: is not known here; known are n");
    check_refused("{\"name\":\"x\",\"nam\":1}",
                  "/nam: is not known here; known are name, count, offset, rate, on, mode, at, id, "
                  "tags, inner");
}

static void a_long_name_is_cut_and_still_told(void **state)
{
    (void)state;
    char body[512] = "{\"name\":\"x\",\"";
    memset(body + strlen(body), 'k', 400);
    strcpy(body + 413, "\":1}");
    json_t *doc = parse(body);
    struct sample got;
    struct err_slot err;
    assert_int_equal(ERR_RANGE, read_sample(doc, &err, &got));
    assert_says(&err, "kkkk: is not known here");
    json_decref(doc);
}

static void a_callers_own_rule_joins_in(void **state)
{
    (void)state;
    json_t *doc = parse("{\"a\":1}");
    struct json_in in;
    struct err_slot err;
    uint64_t a;
    json_in_object(&in, doc, &err);
    assert_true(json_in_has(&in, "a"));
    assert_false(json_in_has(&in, "b"));
    assert_true(json_in_u64(&in, "a", 0, 9, &a));
    json_in_refuse(&in, "a", "must be above %d", 3);
    assert_int_equal(ERR_RANGE, json_in_end(&in));
    assert_string_equal("/a: must be above 3", err.text);
    json_decref(doc);
}

static void a_number_that_is_missing_or_out_of_its_bounds_is_not_taken(void **state)
{
    (void)state;
    json_t *doc = parse("{\"a\":10}");
    struct json_in in;
    struct err_slot err;
    uint64_t a = 3;
    json_in_object(&in, doc, &err);
    assert_false(json_in_u64(&in, "b", 0, 9, &a));
    assert_false(json_in_u64(&in, "a", 0, 9, &a));
    assert_int_equal(3, a);
    assert_int_equal(ERR_RANGE, json_in_end(&in));
    json_decref(doc);
}

static void numbers_as_people_write_them_become_thousandths(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint64_t milli;
    } cases[] = {{"{\"r\":0.1}", 100},
                 {"{\"r\":0.001}", 1},
                 {"{\"r\":1e3}", 1000000},
                 {"{\"r\":16.667}", 16667},
                 {"{\"r\":999999.999}", 999999999},
                 {"{\"r\":0}", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *doc = parse(cases[i].body);
        struct json_in in;
        struct err_slot err;
        uint64_t milli;
        json_in_object(&in, doc, &err);
        assert_true(json_in_milli(&in, "r", 0, 1000000000, &milli));
        assert_int_equal(cases[i].milli, milli);
        json_decref(doc);
    }
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":1} x",
                                      "{'a':1}",
                                      "{\"a\":01}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\xff\"}",
                                      "nul",
                                      "{\"a\":1e999}",
                                      "{\"a\":NaN}",
                                      "{\"a\":1,}",
                                      "{\"a\":99999999999999999999}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *doc;
        struct err_slot err;
        if (json_in_parse(span_of(bad[i]), &err, &doc) != ERR_SYNTAX)
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void depth_is_bounded_and_brackets_in_texts_do_not_count(void **state)
{
    (void)state;
    char text[2 * JSON_IN_DEPTH_MAX + 3];
    memset(text, '[', JSON_IN_DEPTH_MAX + 1);
    memset(text + JSON_IN_DEPTH_MAX + 1, ']', JSON_IN_DEPTH_MAX + 1);
    json_t *doc;
    struct err_slot err;
    struct span all = {text, 2 * JSON_IN_DEPTH_MAX + 2};
    assert_int_equal(ERR_SYNTAX, json_in_parse(all, &err, &doc));
    assert_says(&err, "more than 32 deep");
    assert_int_equal(0, json_in_parse((struct span){text + 1, all.len - 2}, &err, &doc));
    json_decref(doc);
    doc = parse("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]");
    json_decref(doc);
}

/* The examples of RFC 7396, appendix A. */
static void merge_patches_do_what_the_rfc_shows(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *target = parse(cases[i][0]), *patch = parse(cases[i][1]), *merged;
        struct err_slot err;
        assert_int_equal(0, json_in_merge(target, patch, &err, &merged));
        char memory[256];
        struct text text = text_on(memory, sizeof(memory));
        json_in_put(&text, merged);
        assert_span(text_span(&text), cases[i][2]);
        text.len = 0;
        json_in_put(&text, target);
        assert_span(text_span(&text), cases[i][0]);
        json_decref(merged);
        json_decref(patch);
        json_decref(target);
    }
}

static void a_document_too_long_for_its_memory_is_marked(void **state)
{
    (void)state;
    json_t *doc = parse("{\"a\":0.1,\"b\":\"cd\"}");
    char memory[32];
    struct text text = text_on(memory, 18);
    json_in_put(&text, doc);
    assert_false(text.overflown);
    assert_span(text_span(&text), "{\"a\":0.1,\"b\":\"cd\"}");
    text = text_on(memory, 17);
    json_in_put(&text, doc);
    assert_true(text.overflown);
    json_decref(doc);
}

static void noise_is_survived_and_good_noise_is_bounded(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    const struct span good = SPAN("{\"name\":\"hall\",\"count\":100,\"offset\":-5,\"rate\":2.5,"
                                  "\"tags\":[\"a\",\"bcde\"],\"inner\":{\"n\":9}}");
    for (unsigned round = 0; round < 20000; round++) {
        char in[256];
        size_t len = unit_mutate(&rng.rng, good, in, sizeof(in));
        json_t *doc;
        struct err_slot err;
        if (json_in_parse((struct span){in, len}, &err, &doc) < 0)
            continue;
        struct sample got = {.count = 1};
        if (read_sample(doc, &err, &got) == 0) {
            assert_in_range(got.count, 1, 100);
            assert_in_range(got.name.len, 1, 8);
            assert_true(got.rate_milli <= 1000000000);
        }
        json_decref(doc);
    }
}

static void a_number_has_a_lower_and_an_upper_bound(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool good;
    } cases[] = {{"{\"r\":0.099}", false}, {"{\"r\":0.1}", true},     {"{\"r\":2}", true},
                 {"{\"r\":2.001}", false}, {"{\"r\":1.9995}", false}, {"{\"r\":1.9996}", false},
                 {"{\"r\":\"1\"}", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *doc = parse(cases[i].body);
        struct json_in in;
        struct err_slot err;
        uint64_t milli = 7;
        json_in_object(&in, doc, &err);
        if (json_in_milli(&in, "r", 100, 2000, &milli) != cases[i].good)
            fail_msg("%s", cases[i].body);
        if (!cases[i].good) {
            assert_says(&err, "/r: must be a number from 0.1 to 2, with up to three decimals");
            assert_int_equal(milli, 7);
        }
        json_decref(doc);
    }
}

static void a_list_has_no_more_and_no_fewer_elements_than_it_may(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t min, max;
        const char *says; /* NULL: good */
    } cases[] = {
        {"{\"l\":[]}", 1, 2, "/l: must be a list of 1 to 2 elements"},
        {"{\"l\":[1]}", 1, 2, NULL},
        {"{\"l\":[1,2]}", 1, 2, NULL},
        {"{\"l\":[1,2,3]}", 1, 2, "/l: must be a list of 1 to 2 elements"},
        {"{\"l\":{}}", 0, SIZE_MAX, "/l: must be a list"},
        {"{\"l\":[1,2,3]}", 0, SIZE_MAX, NULL},
        {"{\"l\":null}", 0, SIZE_MAX, "/l: must be a list"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *doc = parse(cases[i].body), *list = NULL;
        struct json_in in;
        struct err_slot err;
        json_in_object(&in, doc, &err);
        assert_int_equal(json_in_array(&in, "l", cases[i].min, cases[i].max, &list),
                         cases[i].says == NULL);
        assert_int_equal(list != NULL, cases[i].says == NULL);
        if (cases[i].says != NULL)
            assert_string_equal(cases[i].says, err.text);
        json_decref(doc);
    }
}

static void anything_is_taken_but_nothing(void **state)
{
    (void)state;
    json_t *doc = parse("{\"a\":[1],\"n\":null}"), *any = NULL;
    struct json_in in;
    struct err_slot err;
    json_in_object(&in, doc, &err);
    assert_false(json_in_any(&in, "absent", &any));
    assert_true(json_in_any(&in, "a", &any));
    assert_true(json_is_array(any));
    assert_false(json_in_any(&in, "n", &any));
    assert_string_equal(err.text, "/n: must not be null");
    assert_int_equal(ERR_RANGE, json_in_end(&in));
    json_decref(doc);
}

static void of_many_known_names_those_that_fit_are_told_and_the_rest_counted(void **state)
{
    (void)state;
    static char names[20][16]; /* remembered by their address */
    json_t *doc = parse("{\"bogus\":1}");
    struct json_in in;
    struct err_slot err;
    json_in_object(&in, doc, &err);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "member-no-%02u", i);
        json_in_allow(&in, names[i]);
    }
    assert_int_equal(ERR_RANGE, json_in_end(&in));
    assert_says(&err, "known are member-no-00, member-no-01, ");
    assert_says(&err, "member-no-10 and 9 more");
    json_decref(doc);
}

static void a_document_becomes_a_text_that_grows_with_it(void **state)
{
    (void)state;
    json_t *doc = json_array();
    for (unsigned i = 0; i < 500; i++)
        json_array_append_new(doc, json_integer(i));
    char *text = json_in_text(doc, 0);
    assert_non_null(text);
    assert_memory_equal(text, "[0,1,2,", 7);
    json_t *back = json_loads(text, 0, NULL);
    assert_true(json_equal(doc, back));
    free(text);
    json_decref(back);
    json_decref(doc);
    assert_null(json_in_text(NULL, 0));
    json_t *number = json_integer(7); /* no document, unless it is asked for */
    assert_null(json_in_text(number, 0));
    text = json_in_text(number, JSON_ENCODE_ANY);
    assert_string_equal(text, "7");
    free(text);
    json_decref(number);
}

static void only_what_is_open_at_a_time_counts_as_depth(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *inner, *end; /* inner: forty times, or nested */
        bool nested, good;
    } rows[] = {
        {"[", "[],", "[]]", false, true},
        {"[", "{},", "{}]", false, true},
        {"[[[", "\"]\",", "1]]]", false, true},
        {"[[[", "\"\\\\\",", "1]]]", false, true},  /* a text of a backslash */
        {"[[[", "\"\\\"[\",", "1]]]", false, true}, /* of a quote and a bracket */
        {"[\"a\",", "[", "1", true, false},         /* after a text */
        {"[\"\\\\\",", "[", "1", true, false},
        {"{\"a\":", "{\"a\":", "1", true, false},
        {"[", "{\"a\":[", "1", true, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[1024];
        struct text text = text_on(memory, sizeof(memory));
        struct err_slot err = {.text = ""};
        text_str(&text, rows[i].begin);
        for (unsigned n = 0; n < 40; n++)
            text_str(&text, rows[i].inner);
        text_str(&text, rows[i].end);
        json_t *doc = NULL;
        int rc = json_in_parse(text_span(&text), &err, &doc);
        assert_int_equal(rc, rows[i].good ? 0 : ERR_SYNTAX);
        if (!rows[i].good)
            assert_says(&err, "deep");
        json_decref(doc);
    }
}

static void the_deepest_place_counts_and_not_the_last(void **state)
{
    (void)state;
    char text[2 * JSON_IN_DEPTH_MAX + 8] = "[";
    memset(text + 1, '[', JSON_IN_DEPTH_MAX);
    memset(text + 1 + JSON_IN_DEPTH_MAX, ']', JSON_IN_DEPTH_MAX);
    strcpy(text + 1 + 2 * JSON_IN_DEPTH_MAX, ",[]]");
    json_t *doc;
    struct err_slot err;
    assert_int_equal(ERR_SYNTAX, json_in_parse(span_of(text), &err, &doc));
    assert_says(&err, "deep");
}

static void a_text_that_is_no_json_is_told_where(void **state)
{
    (void)state;
    json_t *doc;
    struct err_slot err;
    assert_int_equal(ERR_SYNTAX, json_in_parse(SPAN("{\n \"a\" 1}"), &err, &doc));
    assert_says(&err, "not JSON: line 2, column 6: ");
    assert_int_equal(ERR_SYNTAX, json_in_parse(SPAN(""), &err, &doc));
    assert_string_equal("there is no JSON: the text is empty", err.text);
    char open[JSON_IN_DEPTH_MAX + 1]; /* the last one is no part of it */
    memset(open, '[', sizeof(open));
    assert_int_equal(ERR_SYNTAX, json_in_parse((struct span){open, JSON_IN_DEPTH_MAX}, &err, &doc));
    assert_says(&err, "not JSON: line 1");
}

/* Whatever was in its memory. */
static void an_object_begins_anew(void **state)
{
    (void)state;
    json_t *doc = parse("{\"a\":1,\"b\":2}");
    struct json_in in;
    struct err_slot err;
    uint64_t a = 0;
    memset(&in, 0, sizeof(in));
    in.rc = -1;
    in.parent = &in;
    in.asked_len = 1;
    in.asked[0] = "b";
    strcpy(in.pointer, "/other");
    json_in_object(&in, doc, &err);
    assert_true(json_in_u64(&in, "a", 0, 9, &a));
    assert_int_equal(1, a);
    assert_int_equal(0, in.rc);
    assert_int_equal(ERR_RANGE, json_in_end(&in));
    assert_string_equal("/b: is not known here; known are a", err.text);
    json_decref(doc);
}

static void a_failure_is_told_at_once_and_stays(void **state)
{
    (void)state;
    json_t *doc = parse("{\"a\":1,\"in\":{\"n\":1}}");
    struct json_in in, child;
    struct err_slot err;
    json_in_object(&in, doc, &err);
    assert_true(json_in_child(&in, "in", &child));
    assert_int_equal(ERR_RANGE, json_in_refuse(&child, "n", "is odd"));
    assert_int_equal(ERR_RANGE, in.rc);
    assert_int_equal(ERR_RANGE, json_in_refuse(&in, "a", "is odd, too"));
    assert_string_equal("/in/n: is odd", err.text);
    assert_int_equal(ERR_RANGE, json_in_end(&child));
    assert_int_equal(ERR_RANGE, json_in_end(&in));
    assert_string_equal("/in/n: is odd", err.text);
    json_decref(doc);
}

static void a_failure_far_inside_does_not_replace_an_earlier_one(void **state)
{
    (void)state;
    json_t *doc = parse("{\"in\":{\"in\":{\"n\":1}}}");
    struct json_in in, child, grandchild;
    struct err_slot err;
    json_in_object(&in, doc, &err);
    assert_true(json_in_child(&in, "in", &child));
    assert_true(json_in_child(&child, "in", &grandchild));
    json_in_require(&in, "name");
    assert_int_equal(0, grandchild.rc);
    assert_int_equal(ERR_RANGE, json_in_refuse(&grandchild, "n", "is odd"));
    assert_string_equal("/name: is missing", err.text);
    json_decref(doc);
}

static void a_member_without_a_name_has_a_pointer_too(void **state)
{
    (void)state;
    json_t *doc = parse("{\"\":1}");
    struct json_in in;
    struct err_slot err;
    json_in_object(&in, doc, &err);
    json_in_allow(&in, "a");
    assert_int_equal(ERR_RANGE, json_in_end(&in));
    assert_string_equal("/: is not known here; known are a", err.text);
    json_decref(doc);
}

/* Names of 159 bytes in all, with what stands between them, are told. */
static void known_names_are_told_as_far_as_there_is_room(void **state)
{
    (void)state;
    json_t *doc = parse("{\"x\":1}");
    for (unsigned more = 0; more < 2; more++) {
        char first[80], second[82], want[256];
        snprintf(first, sizeof(first), "%078d", 1);
        snprintf(second, sizeof(second), "%0*d", (int)(79 + more), 2);
        snprintf(want, sizeof(want), "/x: is not known here; known are %s%s%s", first,
                 more ? " and 1 more" : ", ", more ? "" : second);
        struct json_in in;
        struct err_slot err;
        json_in_object(&in, doc, &err);
        json_in_allow(&in, first);
        json_in_allow(&in, second);
        assert_int_equal(ERR_RANGE, json_in_end(&in));
        assert_string_equal(want, err.text);
    }
    json_decref(doc);
}

/* ---- without memory ---- */

static unsigned allocations_left;

static void *allocate_few(size_t size)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(size);
}

static void without_memory_a_text_is_not_parsed_and_documents_are_not_merged(void **state)
{
    (void)state;
    static const char target_text[] = "{\"a\":{\"b\":[1]},\"c\":1}";
    static const char patch_text[] = "{\"a\":{\"d\":[2]},\"c\":{\"e\":{\"f\":\"g\"}}}";
    json_t *target = parse(target_text), *patch = parse(patch_text);
    struct err_slot err;
    int rc = ERR_NOMEM;
    json_in_allocate(allocate_few);
    for (unsigned n = 0; rc != 0; n++) {
        json_t *merged = NULL;
        allocations_left = n;
        rc = json_in_merge(target, patch, &err, &merged);
        assert_int_equal(merged != NULL, rc == 0);
        if (rc == 0)
            assert_string_equal("g", json_string_value(json_object_get(
                                         json_object_get(json_object_get(merged, "c"), "e"), "f")));
        else
            assert_int_equal(ERR_NOMEM, rc);
        json_decref(merged);
    }
    for (unsigned reads = 0; reads < 2; reads++) { /* each of the two that parse */
        rc = ERR_NOMEM;
        for (unsigned n = 0; rc != 0; n++) {
            json_t *doc = NULL;
            allocations_left = n;
            rc = reads ? json_in_read(SPAN(patch_text), &doc)
                       : json_in_parse(SPAN(patch_text), &err, &doc);
            assert_int_equal(doc != NULL, rc == 0);
            assert_true(rc == 0 || rc == ERR_NOMEM);
            json_decref(doc);
        }
    }
    char memory[128];
    struct text text = text_on(memory, sizeof(memory));
    allocations_left = 0;
    json_in_put(&text, target);
    json_in_allocate(malloc);
    assert_true(text.overflown);
    json_decref(target);
    json_decref(patch);
}

static unsigned allocations, refused_at;

static void *refuse_one(size_t size)
{
    return allocations++ == refused_at ? NULL : malloc(size);
}

/* jansson goes on after some of what it was refused, and leaves out the byte that had no room. */
static void a_text_that_is_parsed_has_all_its_bytes(void **state)
{
    (void)state;
    static const char text[] = "{\"a name of more than sixteen bytes\":"
                               "[\"a text of more than sixteen bytes\",12345678901234567890.5,1]}";
    json_t *whole = parse(text);
    json_in_allocate(refuse_one);
    for (unsigned reads = 0; reads < 2; reads++) { /* each of the two that parse */
        int rc;
        for (refused_at = 0;; refused_at++) {
            json_t *doc = NULL;
            struct err_slot err;
            allocations = 0;
            rc = reads ? json_in_read(SPAN(text), &doc) : json_in_parse(SPAN(text), &err, &doc);
            bool refused = allocations > refused_at;
            allocations = refused_at + 1; /* none is refused below */
            if (rc != (refused ? ERR_NOMEM : 0) || (rc == 0 && !json_equal(doc, whole)))
                fail_msg("the %uth: %s", refused_at, err_name(rc));
            json_decref(doc);
            if (!refused)
                break;
        }
        assert_true(refused_at > 10);
    }
    json_in_allocate(malloc);
    json_decref(whole);
}

static void what_others_wrote_may_be_no_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool json;
    } rows[] = {{"{\"a\":1,\"a\":2}", true},
                {"[]", true},
                {"", false},
                {"{", false},
                {"\"a\"", false},
                {"null", false},
                {"<html>", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *doc;
        assert_int_equal(0, json_in_read(span_of(rows[i].text), &doc));
        assert_int_equal(doc != NULL, rows[i].json);
        json_decref(doc);
        struct err_slot err;
        assert_int_equal(ERR_SYNTAX, json_in_parse(SPAN("{"), &err, &doc));
    }
}

static void a_pointer_is_cut_where_its_room_ends(void **state)
{
    (void)state;
    char body[256] = "{\"", want[256] = "/";
    memset(body + 2, 'k', 120);
    strcpy(body + 122, "\":1}");
    memset(want + 1, 'k', JSON_IN_POINTER_MAX - 2);
    strcpy(want + JSON_IN_POINTER_MAX - 1, ": is not known here");
    json_t *doc = parse(body);
    struct json_in in;
    struct err_slot err;
    json_in_object(&in, doc, &err);
    json_in_allow(&in, "a");
    assert_int_equal(ERR_RANGE, json_in_end(&in));
    assert_memory_equal(want, err.text, strlen(want));
    json_decref(doc);
}

static void a_member_may_be_asked_for_again_and_again(void **state)
{
    (void)state;
    json_t *doc = parse("{\"a\":null,\"b\":0}");
    struct json_in in;
    struct err_slot err;
    json_in_object(&in, doc, &err);
    for (unsigned i = 0; i < 2 * JSON_IN_MEMBERS_MAX; i++) {
        assert_false(json_in_has(&in, "a"));
        assert_true(json_in_has(&in, "b"));
        json_in_require(&in, "a"); /* null is there */
        assert_false(json_in_has(&in, "c"));
    }
    assert_int_equal(3, in.asked_len);
    assert_int_equal(0, json_in_end(&in));
    json_decref(doc);
}

static void whole_numbers_have_their_bounds_of_either_sign(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool u64, i64;
    } rows[] = {
        {"{\"n\":0}", true, true},
        {"{\"n\":-1}", false, true},
        {"{\"n\":-5}", false, true},
        {"{\"n\":-6}", false, false},
        {"{\"n\":5}", true, true},
        {"{\"n\":6}", true, false},
        {"{\"n\":9223372036854775807}", true, false},
        {"{\"n\":1.0}", false, false},
        {"{\"n\":null}", false, false},
        {"{}", false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *doc = parse(rows[i].body);
        struct json_in in;
        struct err_slot err = {.text = ""};
        uint64_t u64 = 77;
        int64_t i64 = 77;
        json_in_object(&in, doc, &err);
        assert_int_equal(json_in_u64(&in, "n", 0, UINT64_MAX, &u64), rows[i].u64);
        assert_int_equal(u64 == 77, !rows[i].u64);
        json_in_object(&in, doc, &err);
        assert_int_equal(json_in_i64(&in, "n", -5, 5, &i64), rows[i].i64);
        assert_int_equal(i64 == 77, !rows[i].i64);
        assert_int_equal(in.rc,
                         rows[i].i64 || i + 1 == sizeof(rows) / sizeof(rows[0]) ? 0 : ERR_RANGE);
        json_decref(doc);
    }
}

static void a_text_has_a_shortest_and_a_longest(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool good;
    } rows[] = {{"{\"t\":\"a\"}", false},    {"{\"t\":\"ab\"}", true}, {"{\"t\":\"abc\"}", true},
                {"{\"t\":\"abcd\"}", false}, {"{\"t\":12}", false},    {"{}", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *doc = parse(rows[i].body);
        struct json_in in;
        struct err_slot err = {.text = ""};
        struct span text = SPAN("as it was");
        json_in_object(&in, doc, &err);
        assert_int_equal(json_in_str(&in, "t", 2, 3, &text), rows[i].good);
        assert_int_equal(span_eq(text, SPAN("as it was")), !rows[i].good);
        json_decref(doc);
    }
}

static void thousandths_are_as_exact_as_a_double_and_as_large(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool good;
        uint64_t milli;
    } rows[] = {
        {"{\"r\":1.0000008}", true, 1000},
        {"{\"r\":0.9999992}", true, 1000},
        {"{\"r\":1.0000012}", false, 0},
        {"{\"r\":0.9999988}", false, 0},
        {"{\"r\":0.0000008}", true, 0},
        {"{\"r\":-0.0000008}", false, 0},
        {"{\"r\":8999999999999}", true, UINT64_C(8999999999999000)},
        {"{\"r\":9000000000000}", false, 0},
        {"{\"r\":10000000000000}", false, 0},
        {"{\"r\":null}", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *doc = parse(rows[i].body);
        struct json_in in;
        struct err_slot err = {.text = ""};
        uint64_t milli = 77;
        json_in_object(&in, doc, &err);
        if (json_in_milli(&in, "r", 0, INT64_MAX, &milli) != rows[i].good)
            fail_msg("%s", rows[i].body);
        assert_int_equal(milli, rows[i].good ? rows[i].milli : 77);
        json_decref(doc);
    }
}

static void a_word_a_flag_and_a_time_are_of_their_kind(void **state)
{
    (void)state;
    json_t *doc = parse("{\"w\":5,\"b\":0,\"t\":7,\"first\":\"off\",\"no\":false,"
                        "\"at\":\"1970-01-01T00:00:01Z\"}");
    struct json_in in;
    struct err_slot err;
    unsigned word = 7;
    bool flag = true;
    uint64_t ms = 7;
    json_in_object(&in, doc, &err);
    assert_false(json_in_word(&in, "w", modes, &word));
    assert_string_equal("/w: must be one of off, on, auto", err.text);
    assert_false(json_in_bool(&in, "b", &flag));
    assert_false(json_in_time(&in, "t", &ms));
    assert_false(json_in_word(&in, "absent", modes, &word));
    assert_false(json_in_bool(&in, "absent", &flag));
    assert_false(json_in_time(&in, "absent", &ms));
    assert_false(json_in_milli(&in, "absent", 0, 1, &ms));
    assert_int_equal(7, word);
    assert_true(flag);
    assert_int_equal(7, ms);
    assert_true(json_in_word(&in, "first", modes, &word));
    assert_int_equal(0, word);
    assert_true(json_in_bool(&in, "no", &flag));
    assert_false(flag);
    assert_true(json_in_time(&in, "at", &ms));
    assert_int_equal(1000, ms);
    json_decref(doc);
}

static void the_elements_of_a_list_are_named_by_their_number(void **state)
{
    (void)state;
    json_t *doc = parse("{\"l\":[{\"n\":1},{\"n\":2,\"m\":1},3]}"), *list;
    struct json_in in, item;
    struct err_slot err;
    uint64_t n = 0;
    struct span text;
    json_in_object(&in, doc, &err);
    assert_true(json_in_array(&in, "l", 0, 3, &list));
    assert_true(json_in_item_child(&in, "l", list, 0, &item));
    assert_true(json_in_u64(&item, "n", 0, 9, &n));
    assert_int_equal(1, n);
    assert_int_equal(0, json_in_end(&item));
    assert_true(json_in_item_child(&in, "l", list, 1, &item));
    assert_true(json_in_u64(&item, "n", 0, 9, &n));
    assert_int_equal(2, n);
    assert_int_equal(ERR_RANGE, json_in_end(&item));
    assert_string_equal("/l/1/m: is not known here; known are n", err.text);
    json_in_object(&in, doc, &err);
    assert_false(json_in_item_child(&in, "l", list, 2, &item));
    assert_string_equal("/l/2: must be an object", err.text);
    json_in_object(&in, doc, &err);
    assert_false(json_in_item_str(&in, "l", list, 0, 0, 9, &text));
    assert_string_equal("/l/0: must be a text of 0 to 9 bytes", err.text);
    assert_false(json_in_child(&in, "absent", &item));
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_body_fills_the_variables),
        cmocka_unit_test(what_is_absent_keeps_its_default),
        cmocka_unit_test(a_bad_member_is_named_with_its_rule),
        cmocka_unit_test(the_first_failure_is_the_one_that_is_told),
        cmocka_unit_test(an_unknown_member_is_named_with_those_that_are_known),
        cmocka_unit_test(a_long_name_is_cut_and_still_told),
        cmocka_unit_test(a_callers_own_rule_joins_in),
        cmocka_unit_test(a_number_that_is_missing_or_out_of_its_bounds_is_not_taken),
        cmocka_unit_test(numbers_as_people_write_them_become_thousandths),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_bounded_and_brackets_in_texts_do_not_count),
        cmocka_unit_test(merge_patches_do_what_the_rfc_shows),
        cmocka_unit_test(a_document_too_long_for_its_memory_is_marked),
        cmocka_unit_test(noise_is_survived_and_good_noise_is_bounded),
        cmocka_unit_test(a_number_has_a_lower_and_an_upper_bound),
        cmocka_unit_test(a_list_has_no_more_and_no_fewer_elements_than_it_may),
        cmocka_unit_test(anything_is_taken_but_nothing),
        cmocka_unit_test(of_many_known_names_those_that_fit_are_told_and_the_rest_counted),
        cmocka_unit_test(a_document_becomes_a_text_that_grows_with_it),
        cmocka_unit_test(only_what_is_open_at_a_time_counts_as_depth),
        cmocka_unit_test(the_deepest_place_counts_and_not_the_last),
        cmocka_unit_test(a_text_that_is_no_json_is_told_where),
        cmocka_unit_test(an_object_begins_anew),
        cmocka_unit_test(a_failure_is_told_at_once_and_stays),
        cmocka_unit_test(a_failure_far_inside_does_not_replace_an_earlier_one),
        cmocka_unit_test(a_member_without_a_name_has_a_pointer_too),
        cmocka_unit_test(known_names_are_told_as_far_as_there_is_room),
        cmocka_unit_test(without_memory_a_text_is_not_parsed_and_documents_are_not_merged),
        cmocka_unit_test(a_text_that_is_parsed_has_all_its_bytes),
        cmocka_unit_test(what_others_wrote_may_be_no_json),
        cmocka_unit_test(a_pointer_is_cut_where_its_room_ends),
        cmocka_unit_test(a_member_may_be_asked_for_again_and_again),
        cmocka_unit_test(whole_numbers_have_their_bounds_of_either_sign),
        cmocka_unit_test(a_text_has_a_shortest_and_a_longest),
        cmocka_unit_test(thousandths_are_as_exact_as_a_double_and_as_large),
        cmocka_unit_test(a_word_a_flag_and_a_time_are_of_their_kind),
        cmocka_unit_test(the_elements_of_a_list_are_named_by_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
