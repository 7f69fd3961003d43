/* event_doc_test.c: documents from operators' hands: what is taken, what is refused, and why. */
#include "core/event/event_doc.h"

#include "core/event/event_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct event_doc doc; /* too big for comfort on a sanitized stack */
static struct event_doc_fault fault;
static char memory[EVENT_DOC_BYTES_MAX];

static int parse(const char *json)
{
    fault = (struct event_doc_fault){{0}, {0}};
    return event_doc_parse(span_of(json), SPAN("show"), &fault, &doc);
}

static struct span stored(const char *json)
{
    assert_int_equal(parse(json), 0);
    struct text text = text_on(memory, sizeof(memory));
    event_doc_json(&text, &doc);
    assert_false(text.overflown);
    return text_span(&text);
}

static int patch(struct span base, const char *json)
{
    static const struct event_doc_now now = {.state = LINE_OPEN, .version = 12};
    static char copy[EVENT_DOC_BYTES_MAX];
    memcpy(copy, base.ptr, base.len);
    fault = (struct event_doc_fault){{0}, {0}};
    return event_doc_patch((struct span){copy, base.len}, span_of(json), SPAN("show"), &now, &fault,
                           &doc);
}

static void an_empty_document_has_every_default(void **state)
{
    (void)state;
    struct span json = stored("{}");
    static const char expected[] =
        "{\"id\":\"show\",\"name\":\"show\",\"rate_per_s\":10,\"burst\":20,\"max_active\":1000,"
        "\"session_ttl_s\":300,\"session_max_s\":1800,\"call_ttl_s\":120,\"grace_s\":600,"
        "\"joins_per_ip_per_min\":0,\"message\":{},\"appeal\":{},\"prices\":null,\"opens_at\":null,"
        "\"prequeue_at\":null,"
        "\"closes_at\":null,\"beacon\":null,"
        "\"pow_bits\":0,\"pow_bits_max\":20,\"member_required\":false,\"lanes\":[],\"schedule\":[],"
        "\"autopilot\":{\"on\":false,\"ceiling\":10,\"floor\":1,\"target_p99_ms\":300,"
        "\"errors_max\":0.02,\"held_max\":0,\"backlog_max\":0},"
        "\"seats_left\":false,\"auto_reopen\":false}";
    assert_true(span_eq(json, SPAN(expected)));
}

static void every_knob_is_stored_as_it_was_given(void **state)
{
    (void)state;
    static const char all[] =
        "{\"id\":\"show\",\"name\":\"\xEA\xB3\xB5\xEC\x97\xB0\",\"rate_per_s\":0.125,\"burst\":1,"
        "\"max_active\":0,\"session_ttl_s\":1,\"session_max_s\":86400,\"call_ttl_s\":86400,"
        "\"grace_s\":0,\"joins_per_ip_per_min\":7,"
        "\"message\":{\"ko\":\"\xEC\x95\x88\xEB\x85\x95\",\"en\":\"hello \\\"you\\\"\"},"
        "\"appeal\":{\"en\":\"tel:+82\"},"
        "\"prices\":{\"currency\":\"KRW\",\"categories\":{\"R\":{\"price\":99000,\"gone\":true}}},"
        "\"opens_at\":\"2027-01-02T03:04:05.000Z\",\"prequeue_at\":\"2027-01-02T03:00:00.000Z\","
        "\"closes_at\":\"2027-01-03T03:00:00.000Z\","
        "\"beacon\":{\"kind\":\"text\",\"words\":\"the lottery\",\"late_s\":60,\"since\":null,"
        "\"changes\":1},"
        "\"pow_bits\":30,\"pow_bits_max\":25,\"member_required\":true,"
        "\"lanes\":[{\"id\":\"fans\",\"name\":\"Fan club\",\"share\":30,\"invitations\":9},"
        "{\"id\":\"press\",\"name\":\"press\",\"share\":5,\"invitations\":0}],"
        "\"schedule\":[{\"at\":\"2027-01-02T04:00:00.000Z\",\"rate_per_s\":2.5}],"
        "\"autopilot\":{\"on\":true,\"ceiling\":99.5,\"floor\":2.5,\"target_p99_ms\":250,"
        "\"errors_max\":0.5,\"held_max\":3,\"backlog_max\":4},"
        "\"seats_left\":true,\"auto_reopen\":true}";
    assert_true(span_eq(stored(all), SPAN(all)));
    struct line_knobs knobs = event_doc_knobs(&doc);
    assert_int_equal(knobs.rate_milli, 125);
    assert_int_equal(knobs.session_max_ms, 86400000);
    assert_int_equal(knobs.opens_at_ms, 1798859045000);
    assert_int_equal(knobs.prequeue_at_ms, 1798858800000);
    assert_int_equal(knobs.pilot_ceiling_milli, 99500);
    assert_int_equal(knobs.pilot_floor_milli, 2500);
    assert_int_equal(line_lanes(knobs.shares), 2);
    assert_int_equal(line_lane_share(knobs.shares, 0), 65);
    assert_int_equal(line_lane_share(knobs.shares, 1), 30);
    assert_int_equal(line_lane_share(knobs.shares, 2), 5);
    assert_int_equal(event_doc_lane(&doc, SPAN("press")), 2);
    assert_int_equal(event_doc_lane(&doc, SPAN("general")), 0);
    assert_int_equal(event_doc_lane(&doc, SPAN("pres")), LANES_MAX + 1);
}

/* Each row: a document, the member to blame, a part of the rule. */
static const struct {
    const char *json, *pointer, *rule;
} refused[] = {
    {"", "", ""},
    {"[]", "", "object"},
    {"{\"rate_per_s\":1,}", "", ""},
    {"{\"rate\":1}", "/rate", "not known"},
    {"{\"rate_per_s\":-1}", "/rate_per_s", "0 to 100000"},
    {"{\"rate_per_s\":100001}", "/rate_per_s", "0 to 100000"},
    {"{\"rate_per_s\":1.0001}", "/rate_per_s", "three decimals"},
    {"{\"rate_per_s\":\"10\"}", "/rate_per_s", "number"},
    {"{\"burst\":0}", "/burst", "1 to 1000000"},
    {"{\"burst\":1.5}", "/burst", "whole number"},
    {"{\"max_active\":-1}", "/max_active", "0 to 10000000"},
    {"{\"session_ttl_s\":0}", "/session_ttl_s", "1 to 86400"},
    {"{\"session_ttl_s\":60,\"session_max_s\":59}", "/session_max_s", "session_ttl_s"},
    {"{\"call_ttl_s\":86401}", "/call_ttl_s", "1 to 86400"},
    {"{\"grace_s\":true}", "/grace_s", "whole number"},
    {"{\"joins_per_ip_per_min\":[]}", "/joins_per_ip_per_min", "whole number"},
    {"{\"message\":\"hello\"}", "/message", "object"},
    {"{\"message\":{\"e\":\"x\"}}", "/message/e", "language tag"},
    {"{\"message\":{\"<b>\":\"x\"}}", "/message/<b>", "language tag"},
    {"{\"message\":{\"en\":5}}", "/message/en", "text"},
    {"{\"message\":{\"aa\":\"\",\"ab\":\"\",\"ac\":\"\",\"ad\":\"\",\"ae\":\"\",\"af\":\"\","
     "\"ag\":\"\",\"ah\":\"\",\"ai\":\"\"}}",
     "/message", "at most 8"},
    {"{\"opens_at\":\"tomorrow\"}", "/opens_at", "time"},
    {"{\"opens_at\":1798859045}", "/opens_at", "time"},
    {"{\"prequeue_at\":\"2027-01-02T03:00:00Z\"}", "/prequeue_at", "opens_at"},
    {"{\"opens_at\":\"2027-01-02T03:00:00Z\",\"prequeue_at\":\"2027-01-02T03:00:00Z\"}",
     "/prequeue_at", "earlier"},
    {"{\"opens_at\":\"2027-01-02T03:00:00Z\",\"closes_at\":\"2027-01-02T03:00:00Z\"}", "/closes_at",
     "later"},
    {"{\"pow_bits\":31}", "/pow_bits", "0 to 30"},
    {"{\"member_required\":1}", "/member_required", "true or false"},
    {"{\"schedule\":{}}", "/schedule", "list"},
    {"{\"schedule\":[{\"at\":\"2027-01-02T03:00:00Z\"}]}", "/schedule/0/rate_per_s", "missing"},
    {"{\"schedule\":[{\"at\":\"2027-01-02T03:00:00Z\",\"rate_per_s\":1,\"x\":1}]}", "/schedule/0/x",
     "not known"},
    {"{\"schedule\":[{\"at\":\"2027-01-02T03:00:00Z\",\"rate_per_s\":1},"
     "{\"at\":\"2027-01-02T03:00:00Z\",\"rate_per_s\":2}]}",
     "/schedule/1/at", "later"},
    {"{\"autopilot\":true}", "/autopilot", "object"},
    {"{\"autopilot\":{\"target_p99_ms\":0}}", "/autopilot/target_p99_ms", "1 to 60000"},
    {"{\"autopilot\":{\"speed\":1}}", "/autopilot/speed", "not known"},
    {"{\"id\":\"other\"}", "/id", "\"show\""},
    {"{\"name\":\"\"}", "/name", "text"},
    {"{\"name\":\"a\\u0007b\"}", "/name", "control"},
    {"{\"message\":{\"en\":\"a\\rb\"}}", "/message/en", "control"},
    {"{\"state\":\"open\"}", "/state", "not known"},
};

static void a_document_that_asks_for_codes_is_not_for_programs_that_know_none(void **state)
{
    (void)state;
    static const char lane[] =
        "{\"lanes\":[{\"id\":\"fans\",\"name\":\"fans\",\"share\":30,\"invitations\":0,"
        "\"code_required\":true}]}";
    static const char *const asking[] = {"{\"code_required\":true}", lane};
    for (unsigned i = 0; i < 2; i++) {
        struct span json = stored(asking[i]);
        struct event_doc again;
        struct event_doc_fault why;
        assert_non_null(memmem(json.ptr, json.len, "\"needs\":2", 9));
        assert_int_equal(event_doc_load(json, SPAN("show"), &why, &again), 0);
        assert_false(again.newer);
        assert_true(event_doc_asks_code(&again, i));
        assert_false(event_doc_asks_code(&again, 1 - i));
        struct event_doc_now now = {.state = LINE_DRAFT, .version = 1};
        assert_int_equal(event_doc_patch(json, SPAN("{\"code_required\":false,\"lanes\":null}"),
                                         SPAN("show"), &now, &why, &again),
                         0);
        assert_false(event_doc_asks_code_anywhere(&again));
    }
}

static void a_cap_on_the_line_is_stored_while_there_is_one_and_may_be_passed_over(void **state)
{
    (void)state;
    struct span json = stored("{\"line_max\":250000}");
    assert_non_null(memmem(json.ptr, json.len, "\"needs\":1", 9));
    assert_int_equal(event_doc_knobs(&doc).line_max, 250000);
    json = stored("{\"line_max\":0}");
    assert_null(memmem(json.ptr, json.len, "line_max", 8));
    assert_null(memmem(json.ptr, json.len, "needs", 5));
}

static void what_breaks_a_rule_is_named_with_the_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int rc = parse(refused[i].json);
        if (rc >= 0 || strcmp(fault.pointer, refused[i].pointer) != 0 ||
            strstr(fault.rule, refused[i].rule) == NULL)
            fail_msg("%s gave %d, \"%s\": \"%s\"", refused[i].json, rc, fault.pointer, fault.rule);
    }
}

static void a_patch_changes_what_it_names_and_nothing_else(void **state)
{
    (void)state;
    struct span base = stored("{\"name\":\"Show\",\"rate_per_s\":3,\"message\":{\"en\":\"a\"}}");
    assert_int_equal(patch(base, "{\"max_active\":5,\"message\":{\"ko\":\"b\"}}"), 0);
    assert_string_equal(doc.name, "Show");
    assert_int_equal(doc.rate_milli, 3000);
    assert_int_equal(doc.max_active, 5);
    assert_int_equal(doc.messages_len, 2);
    assert_int_equal(patch(base, "{\"rate_per_s\":null,\"message\":null}"), 0);
    assert_int_equal(doc.rate_milli, 10000);
    assert_int_equal(doc.messages_len, 0);
}

static void a_patch_is_judged_as_the_document_it_makes(void **state)
{
    (void)state;
    struct span base = stored("{\"session_ttl_s\":100,\"session_max_s\":100}");
    assert_int_equal(patch(base, "{\"session_ttl_s\":101}"), ERR_RANGE);
    assert_string_equal(fault.pointer, "/session_max_s");
    assert_int_equal(patch(base, "{\"colour\":\"red\"}"), ERR_RANGE);
    assert_string_equal(fault.pointer, "/colour");
    assert_int_equal(patch(base, "17"), ERR_RANGE);
    assert_int_equal(patch(base, "{"), ERR_SYNTAX);
}

static void a_patch_may_repeat_what_is_read_only_but_not_change_it(void **state)
{
    (void)state;
    struct span base = stored("{}");
    assert_int_equal(patch(base, "{\"state\":\"open\",\"version\":12,\"burst\":2}"), 0);
    assert_int_equal(doc.burst, 2);
    assert_int_equal(patch(base, "{\"state\":\"closed\"}"), ERR_RANGE);
    assert_string_equal(fault.pointer, "/state");
    assert_int_equal(patch(base, "{\"version\":11}"), ERR_RANGE);
    assert_string_equal(fault.pointer, "/version");
    assert_int_equal(patch(base, "{\"id\":\"other\"}"), ERR_RANGE);
    assert_string_equal(fault.pointer, "/id");
}

static void the_audit_trail_is_told_only_what_differs(void **state)
{
    (void)state;
    char from_memory[512], to_memory[512];
    struct text from = text_on(from_memory, sizeof(from_memory));
    struct text to = text_on(to_memory, sizeof(to_memory));
    assert_true(event_doc_diff(SPAN("{\"a\":1,\"b\":\"x\",\"c\":[1]}"),
                               SPAN("{\"a\":2,\"b\":\"x\",\"c\":[1,2],\"d\":true}"), &from, &to));
    assert_true(span_eq(text_span(&from), SPAN("{\"a\":1,\"c\":[1],\"d\":null}")));
    assert_true(span_eq(text_span(&to), SPAN("{\"a\":2,\"c\":[1,2],\"d\":true}")));
    from = text_on(from_memory, sizeof(from_memory));
    to = text_on(to_memory, sizeof(to_memory));
    assert_false(event_doc_diff(SPAN("{\"a\":1}"), SPAN("{\"a\":1}"), &from, &to));
}

static void a_shown_document_carries_state_and_version(void **state)
{
    (void)state;
    assert_int_equal(parse("{}"), 0);
    struct event_doc_now now = {.state = LINE_PAUSED, .version = 3};
    struct text text = text_on(memory, sizeof(memory));
    event_doc_show(&text, &doc, &now);
    static const char start[] =
        "{\"id\":\"show\",\"name\":\"show\",\"state\":\"paused\",\"version\":3,"
        "\"incarnation\":null,\"rate_per_s\":10,";
    assert_true(span_starts(text_span(&text), SPAN(start)));
}

static void the_largest_document_fits_its_bound(void **state)
{
    (void)state;
    char *json = malloc(64 * 1024);
    int len = snprintf(json, 64 * 1024, "{\"message\":{");
    for (int i = 0; i < EVENT_LANGUAGES_MAX; i++) {
        len += snprintf(json + len, 64, "%s\"a%c-Abcd-abcdefg\":\"", i > 0 ? "," : "", 'a' + i);
        for (int c = 0; c < EVENT_MESSAGE_BYTES_MAX; c++)
            len += snprintf(json + len, 8, "\\\"");
        len += snprintf(json + len, 8, "\"");
    }
    len += snprintf(json + len, 64, "},\"schedule\":[");
    for (int i = 0; i < EVENT_SCHEDULE_MAX; i++)
        len += snprintf(json + len, 128,
                        "%s{\"at\":\"2027-01-02T03:%02d:00Z\",\"rate_per_s\":99999.999}",
                        i > 0 ? "," : "", i % 60 == i ? i : 59);
    /* The last minutes repeat, which is refused, so the schedule ends at sixty rows. */
    assert_int_equal(parse(json), ERR_SYNTAX);
    len += snprintf(json + len, 8, "]}");
    assert_int_equal(parse(json), ERR_RANGE);
    assert_string_equal(fault.pointer, "/schedule/60/at");
    struct text text = text_on(memory, sizeof(memory));
    event_doc_json(&text, &doc);
    assert_false(text.overflown);
    free(json);
}

static void the_table_describes_every_knob(void **state)
{
    (void)state;
    struct text text = text_on(memory, sizeof(memory) - 1);
    event_doc_table(&text);
    assert_false(text.overflown);
    memory[text.len] = '\0';
    assert_non_null(strstr(memory, "{\"name\":\"rate_per_s\",\"kind\":\"decimal\",\"min\":0,"
                                   "\"max\":100000,\"default\":10,\"unit\":\"people/s\""));
    assert_non_null(strstr(memory, "\"name\":\"seats_left\",\"kind\":\"bool\""));
}

/* What a newer program wrote: harmless for us, not for us, or of a program that says nothing. */
static void a_newer_document_is_read_only_if_it_says_that_we_may(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool read, newer;
    } cases[] = {
        {"{\"burst\":5}", true, false},
        {"{\"burst\":5,\"needs\":1}", true, false},
        {"{\"burst\":5,\"needs\":1,\"confetti\":{\"much\":[1]}}", true, true},
        {"{\"burst\":5,\"confetti\":true}", false, false},
        {"{\"burst\":5,\"needs\":3}", false, false},
        {"{\"burst\":5,\"needs\":3,\"confetti\":true}", false, false},
        {"{\"burst\":5,\"needs\":0}", false, false},
        {"{\"burst\":5,\"needs\":\"1\"}", false, false},
        {"{\"burst\":0,\"needs\":1}", false, false},
        {"[1]", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct event_doc read;
        struct event_doc_fault why = {.rule = ""};
        int rc = event_doc_load(span_of(cases[i].json), SPAN("show"), &why, &read);
        assert_int_equal(rc == 0, cases[i].read);
        assert_int_equal(why.rule[0] == '\0', cases[i].read);
        if (cases[i].read) {
            assert_int_equal(read.burst, 5);
            assert_int_equal(read.newer, cases[i].newer);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_document_has_every_default),
        cmocka_unit_test(every_knob_is_stored_as_it_was_given),
        cmocka_unit_test(a_document_that_asks_for_codes_is_not_for_programs_that_know_none),
        cmocka_unit_test(a_cap_on_the_line_is_stored_while_there_is_one_and_may_be_passed_over),
        cmocka_unit_test(what_breaks_a_rule_is_named_with_the_rule),
        cmocka_unit_test(a_patch_changes_what_it_names_and_nothing_else),
        cmocka_unit_test(a_patch_is_judged_as_the_document_it_makes),
        cmocka_unit_test(a_patch_may_repeat_what_is_read_only_but_not_change_it),
        cmocka_unit_test(the_audit_trail_is_told_only_what_differs),
        cmocka_unit_test(a_shown_document_carries_state_and_version),
        cmocka_unit_test(the_largest_document_fits_its_bound),
        cmocka_unit_test(the_table_describes_every_knob),
        cmocka_unit_test(a_newer_document_is_read_only_if_it_says_that_we_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
