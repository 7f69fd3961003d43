/* event_doc_test.c: documents from operators' hands: what is taken, what is refused, and why. */
#include "unit.h"

#include "base/json_in.h"
#include "core/event/event_doc.h"

#include "core/event/event_state.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

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

static void invalid_json_has_no_pointer_and_a_whole_sentence(void **state)
{
    (void)state;
    assert_int_equal(ERR_SYNTAX, parse("{"));
    assert_string_equal("", fault.pointer);
    assert_int_equal(0, strncmp(fault.rule, "not JSON: line 1", strlen("not JSON: line 1")));
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
    assert_int_equal(doc.beacon.late_s, 120);
    static struct event_doc fresh;
    event_doc_init(SPAN("show"), &fresh);
    assert_memory_equal(&fresh, &doc, sizeof(doc));
    assert_int_equal(event_doc_parse(SPAN("{\"id\":\"s\"}"), SPAN("s"), &fault, &doc), 0);
    assert_string_equal(doc.name, "s");
}

static unsigned allocations, refused_at;

static void *refuse_one(size_t size)
{
    return allocations++ == refused_at ? NULL : malloc(size);
}

static int load_stored(void)
{
    return event_doc_load(SPAN("{\"id\":\"show\",\"name\":\"a night\",\"needs\":1}"), SPAN("show"),
                          &fault, &doc);
}

static int parse_sent(void)
{
    return parse("{\"name\":\"a night\",\"message\":{\"en\":\"a word\"}}");
}

static int patch_stored(void)
{
    return patch(SPAN("{\"id\":\"show\",\"burst\":7}"), "{\"burst\":null,\"name\":\"a night\"}");
}

static void lack_of_memory_is_not_a_bad_document(void **state)
{
    (void)state;
    int (*const reads[])(void) = {load_stored, parse_sent, patch_stored};
    json_in_allocate(refuse_one);
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        for (refused_at = 0;; refused_at++) {
            allocations = 0;
            int rc = reads[i]();
            if (rc == 0)
                break;
            if (rc != ERR_NOMEM || fault.pointer[0] != '\0' || fault.rule[0] == '\0')
                fail_msg("%zu without the %uth: %s: %s", i, refused_at, err_name(rc), fault.rule);
        }
        assert_int_equal(allocations, refused_at);
        assert_true(refused_at > 5);
        assert_string_equal(doc.name, "a night");
    }
    json_in_allocate(malloc);
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
        "\"schedule\":[{\"at\":\"2027-01-02T04:00:00.000Z\",\"rate_per_s\":2.5},"
        "{\"at\":\"2027-01-02T05:00:00.000Z\",\"rate_per_s\":0}],"
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
    assert_int_equal(event_doc_lane(&doc, SPAN("fans")), 1);
    assert_int_equal(event_doc_lane(&doc, SPAN("press")), 2);
    assert_int_equal(event_doc_lane(&doc, SPAN("")), LANES_MAX + 1);
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
    {"{\"the rate\":1}", "/the rate", "not known"},
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
    {"{\"prequeue_at\":\"2027-01-02T03:00:00Z\"}", "/prequeue_at", "needs opens_at"},
    {"{\"opens_at\":\"2027-01-02T03:00:00Z\",\"prequeue_at\":\"2027-01-02T03:00:00Z\"}",
     "/prequeue_at", "earlier"},
    {"{\"opens_at\":\"2027-01-02T03:00:00Z\",\"closes_at\":\"2027-01-02T03:00:00Z\"}", "/closes_at",
     "later"},
    {"{\"opens_at\":\"2027-01-02T03:00:00Z\",\"planned_end_at\":\"2027-01-02T03:00:00Z\"}",
     "/planned_end_at", "later"},
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
    {"{\"id\":5}", "/id", "text"},
    {"{\"id\":\"\"}", "/id", "text"},
    {"{\"name\":\"a\\u007fb\"}", "/name", "control"},
    {"{\"name\":\"a\\u001fb\"}", "/name", "control"},
    {"{\"message\":{\"a1\":\"x\"}}", "/message/a1", "language tag"},
    {"{\"message\":{\"1a\":\"x\"}}", "/message/1a", "language tag"},
    {"{\"message\":{\"e~\":\"x\"}}", "/message/e~0", "language tag"},
    {"{\"message\":{\"en_GB\":\"x\"}}", "/message/en_GB", "language tag"},
    {"{\"message\":{\"en.GB\":\"x\"}}", "/message/en.GB", "language tag"},
    {"{\"message\":{\"en:GB\":\"x\"}}", "/message/en:GB", "language tag"},
    {"{\"message\":{\"en-\":\"x\"}}", "/message/en-", "language tag"},
    {"{\"message\":{\"en-abcdefgh-abcdefgh\":\"x\"}}", "/message/en-abcdefgh-abcdefgh",
     "language tag"},
    {"{\"appeal\":{\"en\":\"http://a\"}}", "/appeal/en", "https://"},
    {"{\"appeal\":{\"en\":\"\"}}", "/appeal/en", "https://"},
    {"{\"appeal\":{\"en\":\"tel:1 2\"}}", "/appeal/en", "https://"},
    {"{\"appeal\":{\"en\":\"tel:\xC2\xA0\"}}", "/appeal/en", "https://"},
    {"{\"appeal\":{\"en\":\"https://a~\\u007f\"}}", "/appeal/en", "control"},
    {"{\"appeal\":{\"en\":\"https://a\\\"b\"}}", "/appeal/en", "https://"},
    {"{\"appeal\":{\"en\":\"https://a<b\"}}", "/appeal/en", "https://"},
    {"{\"appeal\":{\"en\":\"https://a>b\"}}", "/appeal/en", "https://"},
    {"{\"schedule\":[1]}", "/schedule/0", "object"},
    {"{\"schedule\":[{\"rate_per_s\":1}]}", "/schedule/0/at", "missing"},
    {"{\"lanes\":{}}", "/lanes", "list"},
    {"{\"lanes\":[1]}", "/lanes/0", "object"},
    {"{\"lanes\":[{\"share\":1}]}", "/lanes/0/id", "missing"},
    {"{\"lanes\":[{\"id\":\"fans\"}]}", "/lanes/0/share", "missing"},
    {"{\"lanes\":[{\"id\":\"fans\",\"share\":100}]}", "/lanes/0/share", "1 to 99"},
    {"{\"lanes\":[{\"id\":\"fans\",\"share\":60},{\"id\":\"b\",\"share\":40}]}", "/lanes/1/share",
     "general lane"},
    {"{\"lanes\":[{\"id\":\"general\",\"share\":1}]}", "/lanes/0/id", "general"},
    {"{\"lanes\":[{\"id\":\"Fans\",\"share\":1}]}", "/lanes/0/id", "a-z"},
    {"{\"lanes\":[{\"id\":\"fans_\",\"share\":1}]}", "/lanes/0/id", "a-z"},
    {"{\"lanes\":[{\"id\":\"fans:\",\"share\":1}]}", "/lanes/0/id", "a-z"},
    {"{\"lanes\":[{\"id\":\"fans~\",\"share\":1}]}", "/lanes/0/id", "a-z"},
    {"{\"lanes\":[{\"id\":\"fans+\",\"share\":1}]}", "/lanes/0/id", "a-z"},
    {"{\"lanes\":[{\"id\":\"a\",\"share\":1},{\"id\":\"a\",\"share\":1}]}", "/lanes/1/id",
     "another lane"},
    {"{\"lanes\":[{\"id\":\"a\",\"share\":1},{\"id\":\"b\",\"share\":1},{\"id\":\"b\",\"share\":1}]"
     "}",
     "/lanes/2/id", "another lane"},
    {"{\"lanes\":[{\"id\":\"a\",\"share\":1,\"name\":\"\\u0001\"}]}", "/lanes/0/name", "control"},
    {"{\"lanes\":[{\"id\":\"a\",\"share\":1,\"name\":\"\"}]}", "/lanes/0/name", "text"},
    {"{\"lanes\":[{\"id\":\"a\",\"share\":1,\"code_required\":1}]}", "/lanes/0/code_required",
     "true or false"},
    {"{\"lanes\":[{\"id\":\"a\",\"share\":1,\"size\":1}]}", "/lanes/0/size", "not known"},
    {"{\"beacon\":5}", "/beacon", "object"},
    {"{\"beacon\":{}}", "/beacon/kind", "missing"},
    {"{\"beacon\":{\"kind\":\"stars\"}}", "/beacon/kind", "drand"},
    {"{\"beacon\":{\"kind\":\"text\"}}", "/beacon/words", "missing"},
    {"{\"beacon\":{\"kind\":\"text\",\"words\":\"a\\nb\"}}", "/beacon/words", "printable"},
    {"{\"beacon\":{\"kind\":\"text\",\"words\":\"a\\u007f\"}}", "/beacon/words", "printable"},
    {"{\"beacon\":{\"kind\":\"drand\",\"at\":5}}", "/beacon/at", "time"},
    {"{\"beacon\":{\"kind\":\"drand\",\"late_s\":0}}", "/beacon/late_s", "whole number"},
    {"{\"prices\":{\"currency\":\"KRw\",\"categories\":{}}}", "/prices/currency", ""},
    {"{\"prices\":{\"currency\":\"K1W\",\"categories\":{}}}", "/prices/currency", ""},
    {"{\"prices\":{\"currency\":\"KRW\",\"categories\":{\"R\":5}}}", "/prices/categories/R",
     "object"},
    {"{\"prices\":{\"currency\":\"KRW\",\"categories\":{\"a\\\\b\":{\"price\":1}}}}",
     "/prices/categories/", "backslashes"},
    {"{\"prices\":{\"currency\":\"KRW\",\"categories\":{\"a\\u007f\":{\"price\":1}}}}",
     "/prices/categories/", "control"},
};

static void a_document_with_codes_needs_a_newer_program(void **state)
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

static void a_planned_end_is_stored_and_may_be_ignored(void **state)
{
    (void)state;
    struct span json = stored("{\"planned_end_at\":\"2027-01-02T03:00:00Z\"}");
    assert_non_null(memmem(json.ptr, json.len, "\"needs\":1", 9));
    assert_int_equal(doc.planned_end_at_ms, 1798858800000);
}

static void a_cap_on_the_line_is_stored_and_may_be_ignored(void **state)
{
    (void)state;
    struct span json = stored("{\"line_max\":250000}");
    assert_non_null(memmem(json.ptr, json.len, "\"needs\":1", 9));
    assert_int_equal(event_doc_knobs(&doc).line_max, 250000);
    json = stored("{\"line_max\":1}");
    assert_non_null(memmem(json.ptr, json.len, "\"needs\":1", 9));
    json = stored("{\"line_max\":0}");
    assert_null(memmem(json.ptr, json.len, "line_max", 8));
    assert_null(memmem(json.ptr, json.len, "needs", 5));
}

static void a_document_with_shards_needs_a_newer_program(void **state)
{
    (void)state;
    struct span json = stored("{\"shards\":16}");
    static const char begins[] = "{\"id\":\"show\",\"name\":\"show\",\"needs\":3,\"shards\":16,";
    assert_true(span_starts(json, SPAN(begins)));
    assert_int_equal(event_doc_knobs(&doc).shards, 16);
    struct event_doc again;
    assert_int_equal(event_doc_load(json, SPAN("show"), &fault, &again), 0);
    assert_int_equal(again.shards, 16);
    assert_false(again.newer);
    json = stored("{\"shards\":2}");
    static const char fewest[] = "{\"id\":\"show\",\"name\":\"show\",\"needs\":3,\"shards\":2,";
    assert_true(span_starts(json, SPAN(fewest)));
    assert_int_equal(event_doc_knobs(&doc).shards, 2);
    json = stored("{\"shards\":1}");
    assert_null(memmem(json.ptr, json.len, "shards", 6));
    assert_null(memmem(json.ptr, json.len, "needs", 5));
    assert_int_equal(event_doc_knobs(&doc).shards, 0);
    assert_int_equal(parse("{\"shards\":0}"), ERR_RANGE);
    assert_string_equal(fault.pointer, "/shards");
    assert_int_equal(parse("{\"shards\":17}"), ERR_RANGE);
}

static void what_breaks_a_rule_is_named_with_the_rule(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"burst\":0}"), ERR_RANGE);
    assert_string_equal(fault.rule, "must be a whole number from 1 to 1000000");
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

static void the_audit_trail_has_only_the_differences(void **state)
{
    (void)state;
    char from_memory[512], to_memory[512];
    struct text from = text_on(from_memory, sizeof(from_memory));
    struct text to = text_on(to_memory, sizeof(to_memory));
    bool differ = false;
    int rc =
        event_doc_diff(SPAN("{\"a\":1,\"b\":\"x\",\"c\":[1]}"),
                       SPAN("{\"a\":2,\"b\":\"x\",\"c\":[1,2],\"d\":true}"), &from, &to, &differ);
    unit_never(rc == 0 && !differ, "a change that counts as none");
    assert_int_equal(rc, 0);
    assert_true(span_eq(text_span(&from), SPAN("{\"a\":1,\"c\":[1],\"d\":null}")));
    assert_true(span_eq(text_span(&to), SPAN("{\"a\":2,\"c\":[1,2],\"d\":true}")));
    from = text_on(from_memory, sizeof(from_memory));
    to = text_on(to_memory, sizeof(to_memory));
    assert_int_equal(event_doc_diff(SPAN("{\"a\":1}"), SPAN("{\"a\":1}"), &from, &to, &differ), 0);
    assert_false(differ);
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
        "\"incarnation\":null,\"shards\":1,\"rate_per_s\":10,";
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
    assert_non_null(strstr(memory, "\"name\":\"seats_left\",\"kind\":\"bool\",\"unit\":\"\","));
    json_t *table = json_loads(memory, 0, NULL);
    assert_int_equal(json_array_size(table), 27);
    for (size_t i = 0; i < json_array_size(table); i++) {
        const json_t *row = json_array_get(table, i);
        bool pilot = strcmp(json_string_value(json_object_get(row, "kind")), "autopilot") == 0;
        assert_true(json_string_length(json_object_get(row, "help")) > 0);
        assert_int_equal(json_array_size(json_object_get(row, "members")), pilot ? 6 : 0);
    }
    json_decref(table);
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
        {"{\"burst\":5,\"needs\":4}", false, false},
        {"{\"burst\":5,\"needs\":4,\"confetti\":true}", false, false},
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
        if (strstr(cases[i].json, "\"needs\":4") != NULL) {
            assert_int_equal(rc, ERR_RANGE);
            assert_non_null(strstr(why.rule, "format 4, and this program knows up to 3"));
        }
        if (cases[i].json[0] == '\0')
            assert_non_null(strstr(why.rule, "there is no JSON"));
        if (cases[i].read) {
            assert_int_equal(read.burst, 5);
            assert_int_equal(read.newer, cases[i].newer);
        }
    }
}

static bool holds(struct span json, const char *part)
{
    return memmem(json.ptr, json.len, part, strlen(part)) != NULL;
}

static void every_allowed_letter_is_accepted_in_tag_contact_and_lane(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{\"message\":{\"aZ-z9\":\"1\",\"Az-09\":\"a\\nb\",\"en\":null},"
              "\"appeal\":{\"en\":\"https://a~!\",\"ko\":\"mailto:a\",\"fr\":\"tel:1\"},"
              "\"lanes\":[{\"id\":\"az-09\",\"share\":98},{\"id\":\"b\",\"share\":1}]}"),
        0);
    assert_int_equal(doc.messages_len, 2);
    assert_int_equal(doc.appeals_len, 3);
    assert_string_equal(doc.lane[0].name, "az-09");
    assert_int_equal(line_lane_share(event_doc_knobs(&doc).shares, 0), 1);
}

static void lanes_are_the_same_by_number_order_and_name(void **state)
{
    (void)state;
    static struct event_doc other;
    static const struct {
        const char *lanes;
        bool same;
    } cases[] = {
        {"{\"lanes\":[{\"id\":\"a\",\"share\":2},{\"id\":\"b\",\"share\":1,\"name\":\"x\"}]}",
         true},
        {"{\"lanes\":[{\"id\":\"a\",\"share\":1}]}", false},
        {"{\"lanes\":[{\"id\":\"c\",\"share\":1},{\"id\":\"b\",\"share\":1}]}", false},
        {"{\"lanes\":[{\"id\":\"a\",\"share\":1},{\"id\":\"c\",\"share\":1}]}", false},
        {"{}", false},
    };
    assert_int_equal(parse("{\"lanes\":[{\"id\":\"a\",\"share\":1},{\"id\":\"b\",\"share\":1}]}"),
                     0);
    other = doc;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i].lanes), 0);
        assert_int_equal(event_doc_same_lanes(&other, &doc), cases[i].same);
    }
}

static void a_shown_document_tells_incarnation_and_what_the_autopilot_did(void **state)
{
    (void)state;
    struct line_pilot pilot = {.on = true,
                               .rate_milli = 2500,
                               .from_milli = 5000,
                               .at_ms = 1000,
                               .heard_ms = 2000,
                               .moved_ms = 3000,
                               .reason = "slow",
                               .why = "errors"};
    struct event_doc_now now = {
        .state = LINE_OPEN, .version = 3, .incarnation = "0123456789abcdef", .pilot = &pilot};
    assert_int_equal(parse("{}"), 0);
    for (int round = 0; round < 2; round++) {
        struct text text = text_on(memory, sizeof(memory) - 1);
        event_doc_show(&text, &doc, &now);
        memory[text.len] = '\0';
        assert_non_null(strstr(memory, "\"incarnation\":\"0123456789abcdef\""));
        char told[512];
        snprintf(told, sizeof(told),
                 "\"autopilot_state\":{\"rate_per_s\":2.5,\"reason\":\"slow\","
                 "\"decided_at\":\"1970-01-01T00:00:01.000Z\",\"heard_at\":"
                 "\"1970-01-01T00:00:02.000Z\",\"reading\":%s,\"last_move\":{\"at\":"
                 "\"1970-01-01T00:00:03.000Z\",\"from_per_s\":5,\"to_per_s\":2.5,\"why\":"
                 "\"errors\",\"because\":%s}}}",
                 round == 0 ? "null" : "{\"p99\":7}", round == 0 ? "null" : "[1]");
        assert_non_null(strstr(memory, told));
        snprintf(pilot.reading, sizeof(pilot.reading), "{\"p99\":7}");
        snprintf(pilot.because, sizeof(pilot.because), "[1]");
    }
    pilot.on = false;
    now.incarnation = "";
    struct text text = text_on(memory, sizeof(memory) - 1);
    event_doc_show(&text, &doc, &now);
    memory[text.len] = '\0';
    assert_non_null(strstr(memory, "\"incarnation\":null"));
    assert_non_null(strstr(memory, "\"autopilot_state\":null"));
}

static void what_is_said_about_a_show_is_stored_while_it_says_something(void **state)
{
    (void)state;
    struct span json = stored("{\"about\":{\"en\":\"An evening\"}}");
    assert_true(holds(json, "\"needs\":1"));
    assert_true(holds(json, "\"about\":{\"en\":\"An evening\"}"));
    json = stored("{\"about\":{}}");
    assert_false(holds(json, "about"));
}

static void a_beacon_that_was_taken_back_stays_counted(void **state)
{
    (void)state;
    struct span json = stored("{\"beacon\":{\"kind\":\"none\",\"words\":\"old\",\"changes\":2}}");
    assert_true(holds(json, "\"beacon\":{\"kind\":\"none\",\"late_s\":"));
    json = stored("{\"beacon\":{\"kind\":\"drand\",\"chain\":\"ab\",\"round\":7,"
                  "\"at\":\"2027-01-02T03:04:05.000Z\",\"since\":\"2027-01-01T00:00:00.000Z\"}}");
    static const char drand[] = "\"beacon\":{\"kind\":\"drand\",\"chain\":\"ab\",\"round\":7,"
                                "\"at\":\"2027-01-02T03:04:05.000Z\",";
    assert_true(holds(json, drand));
}

static void the_audit_trail_has_removed_members_and_refuses_bad_json(void **state)
{
    (void)state;
    char from_memory[128], to_memory[128];
    struct text from = text_on(from_memory, sizeof(from_memory));
    struct text to = text_on(to_memory, sizeof(to_memory));
    bool differ = false;
    assert_int_equal(
        event_doc_diff(SPAN("{\"a\":1,\"b\":2}"), SPAN("{\"a\":1}"), &from, &to, &differ), 0);
    assert_true(differ);
    assert_true(span_eq(text_span(&from), SPAN("{\"b\":2}")));
    assert_true(span_eq(text_span(&to), SPAN("{\"b\":null}")));
    assert_int_equal(event_doc_diff(SPAN("{"), SPAN("{}"), &from, &to, &differ), ERR_SYNTAX);
    assert_int_equal(event_doc_diff(SPAN("{}"), SPAN("{"), &from, &to, &differ), ERR_SYNTAX);
    assert_true(differ); /* as it was */
}

static void a_patch_of_what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    assert_int_equal(patch(SPAN("{\"burst\":"), "{}"), ERR_SYNTAX);
    assert_string_equal(fault.pointer, "");
    assert_true(fault.rule[0] != '\0');
}

/* As openapi.yaml and the table that the console is built from say. */
static void every_number_has_its_bounds_and_is_described_with_them(void **state)
{
    (void)state;
    static const struct {
        const char *before, *name, *kind, *below, *least, *most, *above, *usual;
    } rows[] = {
        {"", "rate_per_s", "decimal", "-0.001", "0", "100000", "100000.001", "10"},
        {"", "burst", "number", "0", "1", "1000000", "1000001", "20"},
        {"", "max_active", "number", "-1", "0", "10000000", "10000001", "1000"},
        {"\"session_max_s\":86400,", "session_ttl_s", "number", "0", "1", "86400", "86401", "300"},
        {"\"session_ttl_s\":1,", "session_max_s", "number", "0", "1", "86400", "86401", "1800"},
        {"", "call_ttl_s", "number", "0", "1", "86400", "86401", "120"},
        {"", "grace_s", "number", "-1", "0", "86400", "86401", "600"},
        {"", "line_max", "number", "-1", "0", "10000000", "10000001", "0"},
        {"", "joins_per_ip_per_min", "number", "-1", "0", "10000000", "10000001", "0"},
        {"", "pow_bits", "number", "-1", "0", "30", "31", "0"},
        {"", "pow_bits_max", "number", "-1", "0", "30", "31", "20"},
        {"\"autopilot\":{", "ceiling", "decimal", "0", "0.001", "100000", "100000.001", "10"},
        {"\"autopilot\":{", "floor", "decimal", "0", "0.001", "100000", "100000.001", "1"},
        {"\"autopilot\":{", "target_p99_ms", "number", "0", "1", "60000", "60001", "300"},
        {"\"autopilot\":{", "errors_max", "decimal", "-0.001", "0", "1", "1.001", "0.02"},
        {"\"autopilot\":{", "held_max", "number", "-1", "0", "10000000", "10000001", "0"},
        {"\"autopilot\":{", "backlog_max", "number", "-1", "0", "10000000", "10000001", "0"},
    };
    static char table[16384];
    struct text text = text_on(table, sizeof(table) - 1);
    event_doc_table(&text);
    assert_false(text.overflown);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const values[] = {rows[i].below, rows[i].least, rows[i].most, rows[i].above};
        bool inner = strchr(rows[i].before, '{') != NULL;
        for (unsigned v = 0; v < 4; v++) {
            char json[160], pointer[64], bounds[64];
            snprintf(json, sizeof(json), "{%s\"%s\":%s}%s", rows[i].before, rows[i].name, values[v],
                     inner ? "}" : "");
            snprintf(pointer, sizeof(pointer), "%s/%s", inner ? "/autopilot" : "", rows[i].name);
            snprintf(bounds, sizeof(bounds), "%s to %s", rows[i].least, rows[i].most);
            int rc = parse(json);
            if ((rc == 0) != (v == 1 || v == 2))
                fail_msg("%s: %d", json, rc);
            if (rc != 0) {
                assert_string_equal(fault.pointer, pointer);
                assert_non_null(strstr(fault.rule, bounds));
            }
        }
        char row[160];
        snprintf(row, sizeof(row),
                 "\"name\":\"%s\",\"kind\":\"%s\",\"min\":%s,\"max\":%s,\"default\":%s,",
                 rows[i].name, rows[i].kind, rows[i].least, rows[i].most, rows[i].usual);
        if (strstr(table, row) == NULL)
            fail_msg("%s is not described", row);
    }
}

static void admission_obeys_the_numbers_of_the_document(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{\"rate_per_s\":1.5,\"burst\":2,\"max_active\":3,\"session_ttl_s\":4,"
              "\"session_max_s\":5,\"call_ttl_s\":6,\"grace_s\":7,\"line_max\":8,"
              "\"joins_per_ip_per_min\":9,\"autopilot\":{\"ceiling\":10,\"floor\":11}}"),
        0);
    struct line_knobs knobs = event_doc_knobs(&doc);
    assert_int_equal(knobs.rate_milli, 1500);
    assert_int_equal(knobs.burst, 2);
    assert_int_equal(knobs.max_active, 3);
    assert_int_equal(knobs.session_ttl_ms, 4000);
    assert_int_equal(knobs.session_max_ms, 5000);
    assert_int_equal(knobs.call_ttl_ms, 6000);
    assert_int_equal(knobs.grace_ms, 7000);
    assert_int_equal(knobs.line_max, 8);
    assert_int_equal(knobs.joins_per_ip_per_min, 9);
    assert_int_equal(knobs.opens_at_ms, 0);
    assert_int_equal(knobs.prequeue_at_ms, 0);
    assert_int_equal(knobs.pilot_ceiling_milli, 0); /* it is off */
    assert_int_equal(knobs.pilot_floor_milli, 11000);
    assert_int_equal(line_lanes(knobs.shares), 0);
}

static void a_time_may_follow_another_by_a_millisecond_or_be_alone(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"opens_at\":\"2027-01-02T03:00:00Z\",\"prequeue_at\":\"2027-01-02T02:59:59.999Z\","
        "\"closes_at\":\"2027-01-02T03:00:00.001Z\","
        "\"planned_end_at\":\"2027-01-02T03:00:00.001Z\"}",
        "{\"closes_at\":\"2027-01-02T03:00:00Z\"}",
        "{\"opens_at\":\"2027-01-02T03:00:00Z\"}",
        "{\"opens_at\":null,\"closes_at\":null,\"schedule\":null,\"autopilot\":null,"
        "\"message\":null,\"shards\":null,\"id\":null,\"name\":null}",
        "{\"lanes\":[{\"id\":\"a\",\"share\":1,\"name\":null,\"code_required\":null}]}",
        "{\"schedule\":[{\"at\":\"2027-01-02T03:00:00Z\",\"rate_per_s\":0},"
        "{\"at\":\"2027-01-02T03:00:00.001Z\",\"rate_per_s\":100000}]}",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (parse(good[i]) != 0)
            fail_msg("%s: %s", good[i], fault.rule);
}

static void what_was_shown_may_come_back_as_a_patch(void **state)
{
    (void)state;
    struct line_pilot pilot = {.on = true, .rate_milli = 1, .reason = "slow", .why = "slow"};
    struct event_doc_now now = {
        .state = LINE_OPEN, .version = 12, .incarnation = "0123456789abcdef", .pilot = &pilot};
    static char shown[EVENT_DOC_BYTES_MAX];
    struct span base = stored("{\"burst\":3,\"shards\":2,\"code_required\":true}");
    struct text text = text_on(shown, sizeof(shown) - 1);
    event_doc_show(&text, &doc, &now);
    assert_false(text.overflown);
    shown[text.len] = '\0';
    assert_int_equal(patch(base, shown), 0);
    assert_int_equal(doc.burst, 3);
    assert_int_equal(doc.shards, 2);
    assert_true(doc.code_required);
}

static void what_people_read_can_be_had_alone(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"about\":{\"en\":\"a\"},\"message\":{\"en\":\"m\",\"ko\":\"n\"},"
                           "\"appeal\":{\"en\":\"tel:1\"}}"),
                     0);
    struct text text = text_on(memory, sizeof(memory));
    event_doc_messages(&text, &doc);
    assert_span(text_span(&text), "{\"en\":\"m\",\"ko\":\"n\"}");
    text = text_on(memory, sizeof(memory));
    event_doc_appeals(&text, &doc);
    assert_span(text_span(&text), "{\"en\":\"tel:1\"}");
}

/* The form with this in place of its '@'. */
static void is_judged(const char *form, const char *what, bool good, const char *pointer)
{
    static char json[8192];
    const char *at = strchr(form, '@');
    snprintf(json, sizeof(json), "%.*s%s%s", (int)(at - form), form, what, at + 1);
    int rc = parse(json);
    if ((rc == 0) != good || strncmp(fault.pointer, good ? "" : pointer, strlen(pointer)) != 0)
        fail_msg("%.200s: %d, %s: %s", json, rc, fault.pointer, fault.rule);
}

static void a_text_may_be_as_long_as_its_bound_and_no_longer(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        size_t least, most;
        const char *pointer;
    } rows[] = {
        {"{\"name\":\"@\"}", 1, 160, "/name"},
        {"{\"about\":{\"en\":\"@\"}}", 0, 240, "/about/en"},
        {"{\"message\":{\"en\":\"@\"}}", 0, 1000, "/message/en"},
        {"{\"appeal\":{\"en\":\"tel:@\"}}", 0, 196, "/appeal/en"},
        {"{\"message\":{\"@\":\"x\"}}", 2, 15, "/message/"},
        {"{\"lanes\":[{\"share\":1,\"id\":\"@\"}]}", 1, 24, "/lanes/0/id"},
        {"{\"lanes\":[{\"share\":1,\"id\":\"a\",\"name\":\"@\"}]}", 1, 80, "/lanes/0/name"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t lens[] = {rows[i].least, rows[i].most, rows[i].most + 1, rows[i].least - 1};
        for (unsigned l = 0; l < (rows[i].least > 0 ? 4 : 3); l++) {
            char letters[1002];
            memset(letters, 'a', lens[l]);
            letters[lens[l]] = '\0';
            is_judged(rows[i].form, letters, l < 2, rows[i].pointer);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_json_has_no_pointer_and_a_whole_sentence),
        cmocka_unit_test(an_empty_document_has_every_default),
        cmocka_unit_test(lack_of_memory_is_not_a_bad_document),
        cmocka_unit_test(every_knob_is_stored_as_it_was_given),
        cmocka_unit_test(a_document_with_codes_needs_a_newer_program),
        cmocka_unit_test(a_planned_end_is_stored_and_may_be_ignored),
        cmocka_unit_test(a_cap_on_the_line_is_stored_and_may_be_ignored),
        cmocka_unit_test(a_document_with_shards_needs_a_newer_program),
        cmocka_unit_test(what_breaks_a_rule_is_named_with_the_rule),
        cmocka_unit_test(a_patch_changes_what_it_names_and_nothing_else),
        cmocka_unit_test(a_patch_is_judged_as_the_document_it_makes),
        cmocka_unit_test(a_patch_may_repeat_what_is_read_only_but_not_change_it),
        cmocka_unit_test(the_audit_trail_has_only_the_differences),
        cmocka_unit_test(a_shown_document_carries_state_and_version),
        cmocka_unit_test(the_largest_document_fits_its_bound),
        cmocka_unit_test(the_table_describes_every_knob),
        cmocka_unit_test(a_newer_document_is_read_only_if_it_says_that_we_may),
        cmocka_unit_test(every_allowed_letter_is_accepted_in_tag_contact_and_lane),
        cmocka_unit_test(lanes_are_the_same_by_number_order_and_name),
        cmocka_unit_test(a_shown_document_tells_incarnation_and_what_the_autopilot_did),
        cmocka_unit_test(what_is_said_about_a_show_is_stored_while_it_says_something),
        cmocka_unit_test(a_beacon_that_was_taken_back_stays_counted),
        cmocka_unit_test(the_audit_trail_has_removed_members_and_refuses_bad_json),
        cmocka_unit_test(a_patch_of_what_cannot_be_read_is_refused),
        cmocka_unit_test(every_number_has_its_bounds_and_is_described_with_them),
        cmocka_unit_test(admission_obeys_the_numbers_of_the_document),
        cmocka_unit_test(a_time_may_follow_another_by_a_millisecond_or_be_alone),
        cmocka_unit_test(what_was_shown_may_come_back_as_a_patch),
        cmocka_unit_test(what_people_read_can_be_had_alone),
        cmocka_unit_test(a_text_may_be_as_long_as_its_bound_and_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
