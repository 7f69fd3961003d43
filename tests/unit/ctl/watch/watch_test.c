/* watch_test.c: figures from metrics, series and documents. */
#include "base/json_in.h"
#include "script.h"
#include "watch/doctor.h"
#include "watch/finding.h"
#include "watch/look.h"
#include "watch/report.h"

#include <math.h>

/* JSON with ' for ". */
static json_t *doc_of(const char *text)
{
    struct err_slot err = {.code = ERR_OK};
    json_t *doc = NULL;
    if (json_in_parse(span_of(script_json(text)), &err, &doc) != 0)
        fail_msg("%s", err.text);
    return doc;
}

TEST_CASE(a_metric_is_found_by_name_or_by_series)
{
    struct call page = {.method = NULL};
    struct look_metric metric;
    grow_add(&page.answer, SPAN("# HELP fairgate_open x\n"
                                "fairgate_open{event=\"a\"} 1\n"
                                "fairgate_open{event=\"b\"} 0\n"
                                "fairgate_opened 7\n"
                                "fairgate_drift 2.5\n"));
    assert_true(look_metric(&page, "fairgate_open", true, &metric));
    assert_true(metric.value == 0);
    assert_string_equal(metric.labels, "event=\"b\"");
    assert_true(look_metric(&page, "fairgate_open", false, &metric));
    assert_string_equal(metric.labels, "event=\"a\"");
    assert_true(look_metric(&page, "fairgate_open{event=\"b\"}", false, &metric));
    assert_true(metric.value == 0);
    assert_true(look_metric(&page, "fairgate_drift", false, &metric));
    assert_true(metric.value == 2.5);
    assert_false(look_metric(&page, "fairgate_ope", false, &metric));
    assert_false(look_metric(&page, "fairgate_open{event=\"c\"}", false, &metric));
    call_free(&page);
}

/* Findings of one document, one "level what" per line. */
static void knobs_as(const char *document_text, const char *want)
{
    json_t *document = doc_of(document_text);
    json_t *findings = json_array();
    struct grow out = {.ptr = NULL};
    doctor_knobs(document, UINT64_C(1793000000000), findings);
    for (size_t i = 0; i < json_array_size(findings); i++) {
        char text[256];
        const char *level, *what, *mend;
        assert_int_equal(json_unpack(json_array_get(findings, i), "{s:s,s:s,s:s}", "level", &level,
                                     "what", &what, "mend", &mend),
                         0);
        snprintf(text, sizeof(text), "%s %s\n", level, what);
        grow_add(&out, span_of(text));
    }
    assert_string_equal(grow_cstr(&out) != NULL ? out.ptr : "", want);
    grow_free(&out);
    json_decref(findings);
    json_decref(document);
}

TEST_CASE(a_finding_that_is_cut_within_a_letter_is_shown)
{
    json_t *findings = json_array();
    finding_add(findings, "bad", NULL, "%.4s is away", "서울");
    assert_string_equal(json_string_value(json_object_get(json_array_get(findings, 0), "what")),
                        "서\\xEC is away");
    json_decref(findings);
}

TEST_CASE(bad_and_doubtful_knobs_are_reported)
{
    knobs_as("{'id':'a','state':'open','rate_per_s':10,'max_active':1000,"
             "'message':{'en':'x','ko':'y'},'schedule':[]}",
             "");
    knobs_as("{'id':'a','state':'open','rate_per_s':0,'max_active':0,'pow_bits':25,"
             "'auto_reopen':true,'seats_left':false,'schedule':[],'message':{'en':'x'}}",
             "bad a calls nobody: rate_per_s is 0\n"
             "note a has no cap on how many are inside\n"
             "bad a: pow_bits 25 takes an old phone minutes\n"
             "note a cannot reopen by itself: nothing feeds it the seats left\n"
             "note a: the notice is there in one language only\n");
    knobs_as("{'id':'a','state':'pre-queue','rate_per_s':50,'max_active':40,"
             "'prequeue_at':'2026-10-01T00:00:00Z','opens_at':'2026-10-02T00:00:00Z',"
             "'beacon':null,'autopilot':{'on':true,'ceiling':20}}",
             "note a: max_active 40 is full within a second at 50 a second\n"
             "note a: the autopilot's ceiling is below rate_per_s\n"
             "bad a should have opened by now\n"
             "note a: the seed alone decides the draw\n");
}

/* The rules of infra/observe/alerts.js that compare one figure with one limit. */
TEST_CASE(every_alert_that_one_reading_can_decide_is_checked)
{
    FILE *file = fopen("infra/observe/alerts.js", "r");
    assert_non_null(file);
    char line[512];
    char name[80] = "";
    size_t judged = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, " %*[a-z]('%79[A-Za-z]", name);
        const char *rule = strstr(line, "      '"); /* the line after a name */
        if (rule == NULL || strstr(rule, "increase(") != NULL || strstr(rule, "rate(") != NULL ||
            strstr(rule, "up{") != NULL)
            continue;
        bool found = false;
        for (size_t i = 0; i < doctor_alerts_len; i++)
            found = found || (strcmp(doctor_alerts[i].name, name) == 0 &&
                              strstr(rule, doctor_alerts[i].metric) != NULL);
        if (!found)
            fail_msg("%s is not judged: %s", name, rule);
        judged++;
    }
    fclose(file);
    assert_true(judged >= 15);
}

TEST_CASE(the_mean_wait_is_the_waiting_time_per_departure)
{
    json_t *series =
        doc_of("[{'at':'2026-01-01T00:00:00Z','waiting':0,'serving':0,'joined':0,'admitted':0,"
               "'no_shows':0},"
               "{'at':'2026-01-01T00:00:10Z','waiting':100,'serving':0,'joined':95,'admitted':0,"
               "'no_shows':0},"
               "{'at':'2026-01-01T00:00:30Z','waiting':0,'serving':100,'joined':95,'admitted':90,"
               "'no_shows':10,'eta_join':{'judged':90,'kept':81}}]");
    json_t *nothing = json_array(), *line = report_line(series), *empty = report_line(nothing);
    assert_true(fabs(json_number_value(json_object_get(line, "mean_wait_s")) - 15) < 1e-9);
    assert_true(json_number_value(json_object_get(line, "peak_waiting")) == 100);
    assert_true(json_number_value(json_object_get(line, "joined")) == 95);
    assert_string_equal(json_string_value(json_object_get(line, "peak_at")),
                        "2026-01-01T00:00:10Z");
    assert_true(json_number_value(json_object_get(line, "told_kept")) == 81);
    assert_true(json_is_null(json_object_get(empty, "mean_wait_s")));
    assert_true(json_is_null(json_object_get(empty, "peak_at")));
    json_decref(empty);
    json_decref(line);
    json_decref(nothing);
    json_decref(series);
}

TEST_CASE(money_has_the_digits_of_its_currency)
{
    static const struct {
        double minor;
        const char *currency, *want;
    } rows[] = {
        {0, "KRW", "0 KRW"},
        {264000, "KRW", "264,000 KRW"},
        {1234567890, "KRW", "1,234,567,890 KRW"},
        {123450, "EUR", "1,234.50 EUR"},
        {7, "EUR", "0.07 EUR"},
        {7, "KWD", "0.007 KWD"},
        {-7, "EUR", "-0.07 EUR"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct grow out = {.ptr = NULL};
        report_money(&out, rows[i].minor, span_of(rows[i].currency));
        assert_span(((struct span){out.ptr, out.len}), rows[i].want);
        grow_free(&out);
    }
}
