/* json_in_test.c: bodies, the getters' values, and the sentences of errors. */
#include "scarce.h"
#include "script.h"

#include "base/json_in.h"

#include <inttypes.h>

/* JSON with ' for ". */
static json_t *parse(const char *text)
{
    json_t *doc = NULL;
    struct err_slot err;
    if (json_in_parse(span_of(script_json(text)), &err, &doc) < 0)
        fail_msg("%s: %s", text, err.text);
    return doc;
}

/* ---- members ---- */

struct member_row {
    const char *name, *body; /* with ' for " */
    const char *reads, *got; /* a script, and the values; "-": the getter returned false */
    const char *error;       /* NULL: valid */
};

enum { LEVELS_MAX = 4, KEPT = 77 }; /* a getter that returns false writes nothing */

static struct {
    struct json_in levels[LEVELS_MAX], *in;
    json_t *list;
    struct text got;
    char keys[1024]; /* json_in remembers keys by their address */
    size_t keys_len;
} reading;

static const char *key_of(const struct script_line *line)
{
    const char *word = script_word(line, 1);
    char *key = reading.keys + reading.keys_len;
    reading.keys_len += strlen(word) + 1;
    assert_true(reading.keys_len <= sizeof(reading.keys));
    return strcpy(key, word);
}

/* The number at this word, or 0 if it is missing. */
static int64_t number_at(const struct script_line *line, unsigned at)
{
    if (at >= line->len)
        return 0;
    return strcmp(line->words[at], "max") == 0 ? INT64_MAX : strtoll(line->words[at], NULL, 10);
}

static void put_number(bool good, uint64_t value)
{
    if (good)
        text_printf(&reading.got, "%" PRIu64 " ", value);
    else
        TEXT_LIT(&reading.got, "- ");
    assert_true(good || value == KEPT);
}

static void put_flag(bool good)
{
    text_str(&reading.got, good ? "yes " : "- ");
}

SCRIPT_VERB(run_number, "u64|milli|time|word")
{
    static const char *const getters[] = {"u64", "milli", "time", "word", NULL};
    static const char *const modes[] = {"off", "on", "auto", NULL};
    struct json_in *in = reading.in;
    const char *key = key_of(line);
    uint64_t min = (uint64_t)number_at(line, 2), max = (uint64_t)number_at(line, 3), value = KEPT;
    unsigned mode = KEPT, getter = script_choice(line, script_word(line, 0), getters);
    bool good = getter == 0   ? json_in_u64(in, key, min, max, &value)
                : getter == 1 ? json_in_milli(in, key, min, max, &value)
                : getter == 2 ? json_in_time(in, key, &value)
                              : json_in_word(in, key, modes, &mode);
    put_number(good, getter == 3 ? mode : value);
}

SCRIPT_VERB(run_bool, "bool")
{
    const char *key = key_of(line);
    bool first = false, second = true;
    bool good = json_in_bool(reading.in, key, &first);
    assert_int_equal(json_in_bool(reading.in, key, &second), good);
    assert_int_equal(first == second, good);
    put_number(good, good ? first : KEPT);
}

/* str KEY MIN MAX, chars KEY MIN MAX, item-str KEY INDEX MIN MAX */
SCRIPT_VERB(run_str, "str|chars|item-str")
{
    struct span value = SPAN("as it was");
    bool item = line->len == 5, chars = strcmp(script_word(line, 0), "chars") == 0;
    size_t min = (size_t)number_at(line, 2 + item), max = (size_t)number_at(line, 3 + item);
    const char *key = key_of(line);
    bool good = item ? json_in_item_str(reading.in, key, reading.list, (size_t)number_at(line, 2),
                                        min, max, &value)
                : chars ? json_in_chars(reading.in, key, min, max, &value)
                        : json_in_str(reading.in, key, min, max, &value);
    assert_true(good || span_eq(value, SPAN("as it was")));
    text_put(&reading.got, good ? value : SPAN("-"));
    text_char(&reading.got, ' ');
}

SCRIPT_VERB(run_copy, "copy")
{
    char copied[4] = "?";
    put_flag(json_in_copy(reading.in, key_of(line), copied, sizeof(copied)));
    text_str(&reading.got, copied);
    text_char(&reading.got, ' ');
}

SCRIPT_VERB(run_list, "list")
{
    size_t min = (size_t)number_at(line, 2);
    size_t max = strcmp(script_word(line, 3), "max") == 0 ? SIZE_MAX : (size_t)number_at(line, 3);
    json_t *list = NULL;
    bool good = json_in_array(reading.in, key_of(line), min, max, &list);
    assert_int_equal(list != NULL, good);
    put_number(good, good ? json_array_size(list) : KEPT);
    reading.list = good ? list : reading.list;
}

/* child KEY, item KEY INDEX: what follows reads from it, until "end". */
SCRIPT_VERB(run_child, "child|item")
{
    struct json_in *child = reading.in + 1;
    const char *key = key_of(line);
    assert_true(child < reading.levels + LEVELS_MAX);
    bool good = line->len == 2 ? json_in_child(reading.in, key, child)
                               : json_in_item_child(reading.in, key, reading.list,
                                                    (size_t)number_at(line, 2), child);
    reading.in += good;
    put_flag(good);
}

SCRIPT_VERB(run_end, "end")
{
    put_flag(json_in_end(reading.in) == 0);
    reading.in--;
}

SCRIPT_VERB(run_any, "any")
{
    json_t *any = NULL;
    bool good = json_in_any(reading.in, key_of(line), &any);
    assert_int_equal(any != NULL, good);
    put_flag(good);
}

SCRIPT_DOES("has", put_flag(json_in_has(reading.in, key_of(line))))
SCRIPT_DOES("require", json_in_require(reading.in, key_of(line)))
SCRIPT_DOES("allow", json_in_allow(reading.in, key_of(line)))

SCRIPT_VERB(run_refuse, "refuse")
{
    assert_int_equal(ERR_RANGE,
                     json_in_refuse(reading.in, key_of(line), "%s", script_rest(line, 1)));
    assert_int_equal(ERR_RANGE, reading.levels[0].rc);
}

#define LONG "member-no-"
#define KEY_93                                                                                     \
    "0000000000000000000000000000000000000000000000"                                               \
    "00000000000000000000000000000000000000000000000"
#define KEY_78 "000000000000000000000000000000000000000000000000000000000000000000000000000001"
#define KEY_79 "0000000000000000000000000000000000000000000000000000000000000000000000000000002"

static const struct member_row members[] = {
    {"each getter reads a value of its type",
     "{'name':'hall','n':100,'rate':2.5,'on':true,'mode':'auto','at':'1970-01-01T00:00:01Z',"
     "'id':[1],'l':['a','bcde'],'in':{'n':9}}",
     "require name; has name; str name 1 8; u64 n 1 100; milli rate 0 9000; bool on; word mode;"
     "time at; allow id; list l 0 3; item-str l 1 1 4; child in; u64 n 0 9; end",
     "yes hall 100 2500 1 2 1000 2 bcde yes 9 yes ", NULL},
    {"an absent member keeps its default", "{}",
     "str a 1 8; u64 a 1 9; milli a 0 1; bool a; word a; time a; list a 0 1; any a;"
     "child a; has a",
     "- - - - - - - - - - ", NULL},
    {"a missing member is named", "{}", "require name", "", "/name: is missing"},
    {"a text is copied with what closes it", "{'a':'abc'}", "copy a", "yes abc ", NULL},
    {"a text that is copied has to be there", "{}", "copy a", "- ? ", "/a: is missing"},
    {"a text that does not fit is not copied", "{'a':'abcd'}", "copy a", "- ? ",
     "/a: must be a text of 1 to 3 bytes"},
    {"a list is not an object", "[]", "require name; u64 n 1 2", "- ",
     "the document: must be an object"},
    {"a number is not an object", "3", "", "", "the document: must be an object"},
    {"null satisfies require but not has", "{'a':null,'b':0}",
     "has a; has b; require a; has c; has a; has b; has c", "- yes - - yes - ", NULL},
    {"text bounds are inclusive", "{'a':'ab','b':'abc'}", "str a 2 3; str b 2 3", "ab abc ", NULL},
    {"characters of any length count as one", "{'name':'a\xC3\xA9\xEC\xB8\xB5\xF0\x9F\x8E\xAB'}",
     "chars name 4 4; chars none 1 2", "a\xC3\xA9\xEC\xB8\xB5\xF0\x9F\x8E\xAB - ", NULL},
    {"unsigned bounds are inclusive", "{'a':0,'b':9223372036854775807}", "u64 a 0 9; u64 b 0 -1",
     "0 9223372036854775807 ", NULL},
    {"decimals become thousandths", "{'a':0.1,'b':0.001,'c':1e3,'d':16.667,'e':999999.999,'f':0}",
     "milli a 0 max; milli b 0 max; milli c 0 max; milli d 0 max; milli e 0 max; milli f 0 max",
     "100 1 1000000 16667 999999999 0 ", NULL},
    {"an error of a double is rounded away", "{'a':1.0000008,'b':0.9999992,'c':0.0000008}",
     "milli a 0 max; milli b 0 max; milli c 0 max", "1000 1000 0 ", NULL},
    {"a double is exact up to 9e15 thousandths", "{'r':8999999999999}", "milli r 0 max",
     "8999999999999000 ", NULL},
    {"rate bounds are inclusive", "{'a':0.1,'b':2}", "milli a 100 2000; milli b 100 2000",
     "100 2000 ", NULL},
    {"the first word has index 0 and false is a value", "{'w':'off','no':false}", "word w; bool no",
     "0 0 ", NULL},
    {"list bounds are inclusive", "{'a':[1],'b':[1,2]}", "list a 1 2; list b 1 2", "1 2 ", NULL},
    {"a list may have no maximum", "{'l':[1,2,3]}", "list l 0 max", "3 ", NULL},
    {"a text in a list is named by its index", "{'l':['a','']}", "list l 0 3; item-str l 1 1 4",
     "2 - ", "/l/1: must be a text of 1 to 4 bytes"},
    {"an object in a list is read", "{'l':[{'n':1},{'n':2}]}",
     "list l 0 3; item l 0; u64 n 0 9; end; item l 1; u64 n 0 9; end", "2 yes 1 yes yes 2 yes ",
     NULL},
    {"a member of an object in a list is named", "{'l':[{'n':1},{'n':2,'m':1}]}",
     "list l 0 3; item l 1; u64 n 0 9; end", "2 yes 2 - ",
     "/l/1/m: is not known here; known are n"},
    {"an element that is not an object is named", "{'l':[3]}", "list l 0 3; item l 0", "1 - ",
     "/l/0: must be an object"},
    {"any value but null is accepted", "{'a':[1],'b':0}", "any a; any b", "yes yes ", NULL},
    {"a member of a child is named", "{'in':{'n':10}}", "child in; u64 n 0 9; end", "yes - - ",
     "/in/n: must be a whole number from 0 to 9"},
    {"the first failure is reported", "{'in':{'n':-1,'m':1},'bogus':1}",
     "require name; child in; u64 n 0 9; end", "yes - - ", "/name: is missing"},
    {"a later failure does not replace one of a child", "{'a':1,'in':{'n':1}}",
     "child in; refuse n is odd; end; refuse a is odd, too", "yes - ", "/in/n: is odd"},
    {"a failure deep inside does not replace an earlier one", "{'a':1,'in':{'in':{'n':1}}}",
     "refuse a is odd; child in; child in; refuse n is odd, too; end; end", "yes yes - - ",
     "/a: is odd"},
    {"a failure deep inside reaches the document", "{'in':{'in':{'n':1}}}",
     "child in; child in; refuse n is odd; end; end", "yes yes - - ", "/in/in/n: is odd"},
    {"a caller adds its own rule", "{'a':1}", "u64 a 0 9; refuse a must be above 3", "1 ",
     "/a: must be above 3"},
    {"an unknown member is named together with the known ones", "{'name':'x','nam':1}",
     "str name 1 8; allow id; has l", "x - ", "/nam: is not known here; known are name, id, l"},
    {"slash and tilde are escaped in a pointer", "{'in':{'m/~':1}}", "child in; allow n; end",
     "yes - ", "/in/m~1~0: is not known here; known are n"},
    {"a member with an empty name has a pointer", "{'':1}", "allow a", "",
     "/: is not known here; known are a"},
    {"a pointer is cut at 95 bytes", "{'" KEY_93 "12345':1}", "allow a", "",
     "/" KEY_93 "1: is not known here; known are a"},
    {"158 bytes of known members are listed", "{'x':1}", "allow " KEY_78 "; allow " KEY_79, "",
     "/x: is not known here; known are " KEY_78 ", " KEY_79},
    {"longer lists of known members are counted", "{'x':1}", "allow " KEY_78 "; allow 0" KEY_79, "",
     "/x: is not known here; known are " KEY_78 " and 1 more"},
    {"no comma precedes the count", "{'x':1}",
     "allow " LONG "00; allow " LONG "01; allow " KEY_93 "; allow " LONG "03; allow " KEY_93 "4",
     "",
     "/x: is not known here; known are " LONG "00, " LONG "01, " KEY_93 ", " LONG "03 and 1 more"},
};

/* Values that a getter refuses, and the rule in its error. The member is called x. */
static const struct {
    const char *reads, *rule, *values[10];
} refused[] = {
    {"str x 2 3", "must be a text of 2 to 3 bytes", {"'a'", "'abcd'", "12", "null"}},
    {"chars x 2 3",
     "must be a text of 2 to 3 characters",
     {"'\xEC\xB8\xB5'", "'abcd'", "12", "null"}},
    {"u64 x 1 100",
     "must be a whole number from 1 to 100",
     {"0", "101", "-1", "5.5", "1.0", "'5'", "null"}},
    {"u64 x 0 -1", "must be a whole number from 0 to 18446744073709551615", {"-1"}},
    {"milli x 0 1000000000",
     "must be a number from 0 to 1000000, with up to three decimals",
     {"0.0005", "1.0000012", "0.9999988", "-0.5", "-0.0000008", "1e300", "null"}},
    {"milli x 0 max",
     "must be a number from 0 to 9223372036854775.807, with up to three decimals",
     {"9000000000000", "10000000000000"}},
    {"milli x 100 2000",
     "must be a number from 0.1 to 2, with up to three decimals",
     {"0.099", "2.001", "1.9995", "1.9996", "'1'"}},
    {"word x", "must be one of off, on, auto", {"'of'", "5"}},
    {"bool x", "must be true or false", {"1", "'true'"}},
    {"time x", "must be a time such as \"2026-11-20T11:00:00Z\"", {"'tomorrow'", "7"}},
    {"list x 1 2", "must be a list of 1 to 2 elements", {"[]", "[1,2,3]", "{}"}},
    {"list x 0 max", "must be a list", {"{}", "null"}},
    {"any x", "must not be null", {"null"}},
    {"child x", "must be an object", {"3", "[]"}},
};

static void check_row(const struct member_row *row)
{
    char memory[512] = "";
    struct err_slot err = {.text = ""};
    json_t *doc = parse(row->body);
    memset(&reading, 0xA5, sizeof(reading)); /* json_in_object() resets what was there */
    reading.in = reading.levels;
    strcpy(reading.in->pointer, "/other");
    reading.keys_len = 0;
    reading.list = NULL;
    reading.got = text_on(memory, sizeof(memory) - 1);
    json_in_object(reading.in, doc, &err);
    const struct script_row script = {row->name, row->reads};
    if (row->reads[0] != '\0')
        script_run(&script, script_verbs);
    assert_ptr_equal(reading.in, reading.levels);
    for (unsigned k = 1; k < reading.in->asked_len; k++) /* each key is remembered once */
        assert_string_not_equal(reading.in->asked[k - 1], reading.in->asked[k]);
    int rc = json_in_end(reading.in);
    memory[reading.got.len] = '\0';
    if (strcmp(memory, row->got) != 0 || rc != (row->error == NULL ? 0 : ERR_RANGE) ||
        strcmp(err.text, row->error == NULL ? "" : row->error) != 0)
        fail_msg("%s: %s: got \"%s\", %s, \"%s\"", row->name, row->body, memory, err_name(rc),
                 err.text);
    json_decref(doc);
}

TEST_CASE(members_of_other_programs_may_be_missing_or_of_another_type)
{
    json_t *doc = parse("{'a':'abc','n':7,'less':-1,'none':''}");
    char copied[4] = "?";
    assert_span(json_in_text_of(doc, "a"), "abc");
    assert_null(json_in_text_of(doc, "n").ptr);
    assert_null(json_in_text_of(NULL, "a").ptr);
    assert_int_equal(json_in_count_of(doc, "n"), 7);
    assert_int_equal(json_in_count_of(doc, "less") + json_in_count_of(doc, "a"), 0);
    assert_true(json_in_copy_of(doc, "a", copied, sizeof(copied)));
    assert_string_equal(copied, "abc");
    assert_false(json_in_copy_of(doc, "a", copied, 3));
    assert_string_equal(copied, "");
    assert_false(json_in_copy_of(doc, "none", copied, sizeof(copied)));
    json_decref(doc);
}

TEST_CASE(members_are_read_or_refused)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        check_row(&members[i]);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        for (size_t k = 0; refused[i].values[k] != NULL; k++) {
            char body[64], error[128];
            snprintf(body, sizeof(body), "{'x':%s}", refused[i].values[k]);
            snprintf(error, sizeof(error), "/x: %s", refused[i].rule);
            check_row(&(struct member_row){refused[i].reads, body, refused[i].reads, "- ", error});
        }
    }
}

/* ---- documents ---- */

TEST_CASE(texts_are_parsed_or_refused)
{
    static const struct {
        const char *text, *says; /* NULL: JSON */
        bool read;               /* also accepted by json_in_read(), for documents of others */
    } rows[] = {
        {"{\"a\":1}", NULL, true},
        {"[]", NULL, true},
        {"null", NULL, false},
        {"\"a\"", NULL, false},
        {"", "there is no JSON: the text is empty", false},
        {"{\n \"a\" 1}", "not JSON: line 2, column 6: ", false},
        {"{", "not JSON", false},
        {"{\"a\":1,\"a\":2}", "duplicate", true},
        {"{\"a\":1} x", "not JSON", false},
        {"{'a':1}", "not JSON", false},
        {"{\"a\":01}", "not JSON", false},
        {"{\"a\":\"\\u0000\"}", "not JSON", false},
        {"{\"a\":\"\xff\"}", "not JSON", false},
        {"nul", "not JSON", false},
        {"<html>", "not JSON", false},
        {"{\"a\":1e999}", "not JSON", false},
        {"{\"a\":NaN}", "not JSON", false},
        {"{\"a\":1,}", "not JSON", false},
        {"{\"a\":99999999999999999999}", "not JSON", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *doc = NULL;
        struct err_slot err = {.text = ""};
        int rc = json_in_parse(span_of(rows[i].text), &err, &doc);
        if (rc != (rows[i].says == NULL ? 0 : ERR_SYNTAX))
            fail_msg("\"%s\": %s", rows[i].text, err_name(rc));
        if (rows[i].says != NULL)
            assert_says(&err, rows[i].says);
        json_decref(doc);
        assert_int_equal(0, json_in_read(span_of(rows[i].text), &doc));
        assert_int_equal(doc != NULL, rows[i].read);
        json_decref(doc);
    }
}

TEST_CASE(depth_counts_open_brackets_outside_texts)
{
    static const struct {
        const char *begin, *inner, *end; /* inner is repeated */
        unsigned times;
        const char *says; /* NULL: good */
    } rows[] = {
        {"[", "[],", "[]]", 40, NULL},
        {"[", "{},", "{}]", 40, NULL},
        {"[[[", "\"]\",", "1]]]", 40, NULL},
        {"[[[", "\"\\\\\",", "1]]]", 40, NULL},  /* a text of a backslash */
        {"[[[", "\"\\\"[\",", "1]]]", 40, NULL}, /* of a quote and a bracket */
        {"[\"\\\"", "[", "\"]", 40, NULL},
        {"[\"a\",", "[", "1", 40, "more than 32 deep"},
        {"[\"\\\\\",", "[", "1", 40, "more than 32 deep"},
        {"{\"a\":", "{\"a\":", "1", 40, "more than 32 deep"},
        {"[", "{\"a\":[", "1", 40, "more than 32 deep"},
        {"", "[", "", 33, "more than 32 deep"},
        {"", "[", "", 32, "not JSON: line 1"},
        {"[", "[", "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],[]]", 32, "more than 32 deep"},
        {"", "[", "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 32, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[1024];
        struct text text = text_on(memory, sizeof(memory));
        struct err_slot err = {.text = ""};
        text_str(&text, rows[i].begin);
        for (unsigned n = 0; n < rows[i].times; n++)
            text_str(&text, rows[i].inner);
        text_str(&text, rows[i].end);
        memory[text.len] = '['; /* after the end of the text */
        json_t *doc = NULL;
        assert_int_equal(json_in_parse(text_span(&text), &err, &doc),
                         rows[i].says == NULL ? 0 : ERR_SYNTAX);
        if (rows[i].says != NULL)
            assert_says(&err, rows[i].says);
        json_decref(doc);
    }
}

/* The examples of RFC 7396, appendix A. */
TEST_CASE(merge_patches_follow_the_rfc)
{
    static const char *const cases[][3] = {
        {"{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
        {"{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
        {"{'a':'b'}", "{'a':null}", "{}"},
        {"{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}"},
        {"{'a':['b']}", "{'a':'c'}", "{'a':'c'}"},
        {"{'a':'c'}", "{'a':['b']}", "{'a':['b']}"},
        {"{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}"},
        {"{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}"},
        {"['a','b']", "['c','d']", "['c','d']"},
        {"{'a':'b'}", "['c']", "['c']"},
        {"{'a':'foo'}", "null", "null"},
        {"{'a':'foo'}", "'bar'", "'bar'"},
        {"{'e':null}", "{'a':1}", "{'e':null,'a':1}"},
        {"[1,2]", "{'a':'b','c':null}", "{'a':'b'}"},
        {"{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}"},
        {"{}", "{'a':{'b':1}}", "{'a':{'b':1}}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char memory[64];
        json_t *target = parse(cases[i][0]), *patch = parse(cases[i][1]), *merged;
        struct err_slot err;
        assert_int_equal(0, json_in_merge(target, patch, &err, &merged));
        struct text text = text_on(memory, sizeof(memory));
        json_in_put(&text, merged);
        assert_span(text_span(&text), script_json(cases[i][2]));
        text.len = 0;
        json_in_put(&text, target);
        assert_span(text_span(&text), script_json(cases[i][0]));
        json_decref(merged);
        json_decref(patch);
        json_decref(target);
    }
}

TEST_CASE(documents_are_written_into_bounded_and_growing_memory)
{
    json_t *doc = parse("{'a':0.1,'b':'cd'}");
    char memory[32];
    struct text text = text_on(memory, 18);
    json_in_put(&text, doc);
    assert_false(text.overflown);
    assert_span(text_span(&text), "{\"a\":0.1,\"b\":\"cd\"}");
    text = text_on(memory, 17);
    json_in_put(&text, doc);
    assert_true(text.overflown);
    json_decref(doc);

    doc = json_array();
    for (unsigned i = 0; i < 500; i++)
        json_array_append_new(doc, json_integer(i));
    char *grown = json_in_text(doc, 0);
    assert_memory_equal(grown, "[0,1,2,", 7);
    json_t *back = json_loads(grown, 0, NULL);
    assert_true(json_equal(doc, back));
    free(grown);
    json_decref(back);
    json_decref(doc);
    assert_null(json_in_text(NULL, 0));
    json_t *number = json_integer(7); /* not a document, unless the flag allows it */
    assert_null(json_in_text(number, 0));
    grown = json_in_text(number, JSON_ENCODE_ANY);
    assert_string_equal(grown, "7");
    free(grown);
    json_decref(number);
}

/* ---- without memory ---- */

/* jansson continues after some failed allocations and leaves out a byte. */
static void check_without_memory(struct span text)
{
    json_t *whole;
    assert_int_equal(json_in_parse(text, NULL, &whole), 0);
    for (unsigned way = 0; way < 4; way++) { /* both readers; one failure, or all from there on */
        bool lacking = true;
        unsigned nth = 0;
        for (; lacking; nth++) {
            json_t *doc = NULL;
            struct err_slot err;
            (way % 2 != 0 ? scarce_from : scarce_nth)(nth);
            int rc = way / 2 ? json_in_read(text, &doc) : json_in_parse(text, &err, &doc);
            lacking = scarce_end();
            assert_int_equal(rc, lacking ? ERR_NOMEM : 0);
            assert_int_equal(doc != NULL, !lacking);
            assert_true(doc == NULL || json_equal(doc, whole));
            json_decref(doc);
        }
        assert_true(nth > 10 || way % 2 != 0);
    }
    json_decref(whole);
}

TEST_CASE(lack_of_memory_never_gives_a_partial_document)
{
    check_without_memory(SPAN("{\"a name of more than sixteen bytes\":"
                              "[\"a text of more than sixteen bytes\",12345678901234567890.5,1]}"));
    check_without_memory(SPAN("{\"plain\":[\"text\",12,true,{\"more\":[3]}],\"last\":\"x\"}"));
}

TEST_CASE(without_memory_documents_are_neither_merged_nor_written)
{
    json_t *target = parse("{'a':{'b':[1]},'c':1}");
    json_t *patch = parse("{'a':{'d':[2]},'c':{'e':{'f':'g'}}}"), *merged = NULL;
    struct err_slot err;
    int rc = ERR_NOMEM;
    for (unsigned nth = 0; rc != 0; nth++) {
        scarce_from(nth);
        rc = json_in_merge(target, patch, &err, &merged);
        assert_int_equal(merged != NULL, rc == 0);
        assert_true(rc == 0 || rc == ERR_NOMEM);
    }
    json_t *e = json_object_get(json_object_get(merged, "c"), "e");
    assert_string_equal("g", json_string_value(json_object_get(e, "f")));
    char memory[128];
    struct text text = text_on(memory, sizeof(memory));
    scarce_from(0);
    json_in_put(&text, target);
    scarce_end();
    assert_true(text.overflown);
    json_decref(merged);
    json_decref(target);
    json_decref(patch);
}
