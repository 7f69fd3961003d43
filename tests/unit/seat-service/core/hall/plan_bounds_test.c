/* plan_bounds_test.c: how much of everything a plan may have, what a limit is that nobody set, and
 * which of them buyers are told. */
#include "base/text.h"
#include "core/hall/plan_limits.h"
#include "plan_body.h"
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE_SEAT PLAN(ROW(SEAT("a", "1")))
#define SALE     "{'name':'S','currency':'KRW','categories':[{'name':'A','price':1}]"

/* The form with `what` in place of its '@', in memory for the caller to free(). */
static char *filled(const char *form, struct span what)
{
    const char *at = strchr(form, '@');
    size_t before = (size_t)(at - form), len = strlen(form) + what.len;
    char *body = malloc(len);
    memcpy(body, form, before);
    memcpy(body + before, what.ptr, what.len);
    strcpy(body + before + what.len, at + 1);
    return body;
}

/* `says`: NULL where it is to be taken. */
static void judge(const char *form, struct span what, const char *says)
{
    char *body = filled(form, what);
    if (says != NULL)
        plan_body_refused(body, says);
    else
        plan_destroy(plan_body_taken(body));
    free(body);
}

static void a_number_has_its_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        uint64_t least, most;
        const char *at;
    } rows[] = {
        {"{'name':'S','currency':'KRW','categories':[{'name':'A','price':@}]," ONE_SEAT "}", 0,
         UINT64_C(1000000000000), "/categories/0/price"},
        {BODY(ONE_SEAT, ",'fees':{'per_seat':@}"), 0, 1000000000, "/fees/per_seat"},
        {BODY(ONE_SEAT, ",'fees':{'per_order':@}"), 0, 1000000000, "/fees/per_order"},
        {BODY(ONE_SEAT, ",'fees':{'basis_points':@}"), 0, 10000, "/fees/basis_points"},
        {BODY(ONE_SEAT, ",'vat_basis_points':@"), 0, 10000, "/vat_basis_points"},
        {BODY(ONE_SEAT, ",'areas':[{'id':'p','category':'A','capacity':@}]"), 1, 1 << 20,
         "/areas/0/capacity"},
        {SALE ",'areas':[{'id':'p','category':'A','capacity':1}],'plan':{'name':'','categories':[],"
              "'zones':[],'size':{'width':@,'height':1}}}",
         1, 10000000, "/plan/size/width"},
        {SALE ",'areas':[{'id':'p','category':'A','capacity':1}],'plan':{'name':'','categories':[],"
              "'zones':[],'size':{'width':1,'height':@}}}",
         1, 10000000, "/plan/size/height"},
        {BODY(ONE_SEAT, ",'limits':{'max_per_buyer':@}"), 0, 10000, "/limits/max_per_buyer"},
        {BODY(ONE_SEAT, ",'limits':{'max_per_hold':@}"), 1, 64, "/limits/max_per_hold"},
        {BODY(ONE_SEAT, ",'limits':{'hold_ttl_s':@}"), 1, 24 * 3600, "/limits/hold_ttl_s"},
        {BODY(ONE_SEAT, ",'limits':{'hold_ttl_s':1,'hold_max_s':@}"), 1, 7 * 24 * 3600,
         "/limits/hold_max_s"},
        {BODY(ONE_SEAT, ",'limits':{'rate_per_session_per_s':@}"), 0, 10000,
         "/limits/rate_per_session_per_s"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char rule[160], value[24];
        snprintf(rule, sizeof(rule), "%s: must be a whole number from %" PRIu64 " to %" PRIu64,
                 rows[i].at, rows[i].least, rows[i].most);
        const int64_t values[] = {(int64_t)rows[i].least - 1, (int64_t)rows[i].least,
                                  (int64_t)rows[i].most, (int64_t)rows[i].most + 1};
        for (unsigned v = 0; v < 4; v++) {
            snprintf(value, sizeof(value), "%" PRId64, values[v]);
            judge(rows[i].form, span_of(value), v == 0 || v == 3 ? rule : NULL);
        }
    }
}

static void a_text_has_its_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        size_t least, most;
        const char *at;
    } rows[] = {
        {"{'name':'@','currency':'KRW','categories':[{'name':'A','price':1}]," ONE_SEAT "}", 1, 128,
         "/name"},
        {"{'name':'S','currency':'@','categories':[{'name':'A','price':1}]," ONE_SEAT "}", 3, 3,
         "/currency"},
        {BODY(ONE_SEAT, ",'channels':[{'id':'f','code':'@'}]"), 4, 128, "/channels/0/code"},
        {BODY(PLAN(ROW(SEAT("@", "1"))), ""), 1, 128, "/plan/zones/0/rows/0/seats/0/seat_guid"},
        {BODY(PLAN(ROW("{'seat_guid':'a','seat_number':'@','category':'A','position':{'x':0,"
                       "'y':0}}")),
              ""),
         0, 128, "/plan/zones/0/rows/0/seats/0/seat_number"},
        {BODY(PLAN("{'row_number':'@','seats':[" SEAT("a", "1") "]}"), ""), 0, 128,
         "/plan/zones/0/rows/0/row_number"},
        {SALE ",'areas':[{'id':'p','category':'A','capacity':1}],'plan':{'name':'@','categories':[]"
              ",'zones':[]}}",
         0, 128, "/plan/name"},
    };
    char text[130];
    memset(text, 'A', sizeof(text));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char rule[160];
        snprintf(rule, sizeof(rule), "%s: must be a text of %zu to %zu bytes", rows[i].at,
                 rows[i].least, rows[i].most);
        judge(rows[i].form, (struct span){text, rows[i].least}, NULL);
        judge(rows[i].form, (struct span){text, rows[i].most}, NULL);
        judge(rows[i].form, (struct span){text, rows[i].most + 1}, rule);
        if (rows[i].least > 0)
            judge(rows[i].form, (struct span){text, rows[i].least - 1}, rule);
    }
}

/* So many entries, in each of which the number stands for a '@'. */
static struct text entries(const char *entry, unsigned count)
{
    size_t room = (size_t)count * (strlen(entry) + 8) + 1;
    struct text list = text_on(malloc(room), room);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            text_char(&list, ',');
        for (const char *c = entry; *c != '\0'; c++)
            if (*c == '@')
                text_u64(&list, i);
            else
                text_char(&list, *c);
    }
    assert_false(list.overflown);
    return list;
}

static void a_list_has_its_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *form, *entry;
        unsigned least, most;
        const char *at;
    } rows[] = {
        {"{'name':'S','currency':'KRW','categories':[@],'areas':[{'id':'p','category':'0',"
         "'capacity':1}],'plan':{'name':'','categories':[],'zones':[]}}",
         "{'name':'@','price':0}", 1, 64, "/categories"},
        {BODY(ONE_SEAT, ",'channels':[@]"), "{'id':'@'}", 0, 15, "/channels"},
        {BODY(ONE_SEAT, ",'areas':[@]"), "{'id':'@','category':'A','capacity':1}", 0, 64, "/areas"},
        {SALE ",'areas':[{'id':'p','category':'A','capacity':1}],'plan':{'name':'','categories':[],"
              "'zones':[@]}}",
         "{'position':{'x':0,'y':0},'rows':[]}", 0, 2000, "/plan/zones"},
        {SALE ",'areas':[{'id':'p','category':'A','capacity':1}],'plan':{'name':'','categories':[],"
              "'zones':[{'position':{'x':0,'y':0},'rows':[],'areas':[@]}]}}",
         "{}", 0, 2000, "/plan/zones/0/areas"},
        {BODY(ONE_SEAT, ",'zones':[@]"), "{'zone':'Z'}", 0, 3, NULL},
        {BODY(ONE_SEAT, ",'rows':[@]"), "{'zone':'Z','row':'1'}", 0, 3, NULL},
        {BODY(ONE_SEAT, ",'seats':[@]"), "{'guid':'a'}", 0, 3, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char rule[160];
        snprintf(rule, sizeof(rule), "%s: must be a list of %u to %u elements", rows[i].at,
                 rows[i].least, rows[i].most);
        const unsigned counts[] = {rows[i].least, rows[i].most, rows[i].most + 1,
                                   rows[i].least - 1};
        for (unsigned c = 0; c < (rows[i].least > 0 ? 4 : 3); c++) {
            struct text list = entries(rows[i].entry, counts[c]);
            judge(rows[i].form, text_span(&list), c >= 2 && rows[i].at != NULL ? rule : NULL);
            free(list.ptr);
        }
    }
}

/* In two zones, as one may have no more. */
static void of_rows_there_are_as_many_as_a_plan_may_have(void **state)
{
    (void)state;
    static const char row[] = "{'row_number':'','seats':[" SEAT("@", "0") "]}";
    static const char form[] =
        BODY("'plan':{'name':'','categories':[{'name':'A'}],'zones':[{'position':{'x':0,'y':0},"
             "'rows':[@]},{'position':{'x':0,'y':0},'rows':[%s]}]}",
             "");
    for (unsigned more = 0; more < 2; more++) {
        char both[sizeof(form) + sizeof(row)];
        struct text list = entries(row, PLAN_ROWS_MAX);
        snprintf(both, sizeof(both), form,
                 more ? "{'row_number':'','seats':[" SEAT("b", "0") "]}" : "");
        judge(both, text_span(&list),
              more ? "/plan/zones/1/rows/0/seats/0/position: begins one row too many" : NULL);
        free(list.ptr);
    }
}

static void a_limit_that_nobody_set_is_the_usual_one(void **state)
{
    (void)state;
    static const char *const bodies[] = {BODY(ONE_SEAT, ""), BODY(ONE_SEAT, ",'limits':null"),
                                         BODY(ONE_SEAT, ",'limits':{}"),
                                         BODY(ONE_SEAT, ",'limits':{'access_until':null}")};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct plan *plan = plan_body_taken(bodies[i]);
        const struct plan_limits *limits = plan_limits(plan);
        assert_int_equal(limits->max_per_buyer, 0);
        assert_int_equal(limits->max_per_hold, 64);
        assert_int_equal(limits->hold_ttl_ms, 8 * 60 * 1000);
        assert_int_equal(limits->hold_max_ms, 15 * 60 * 1000);
        assert_int_equal(limits->rate_per_session_per_s, 0);
        assert_true(limits->orphan_rule);
        assert_int_equal(limits->access_until_ms, 0);
        plan_destroy(plan);
    }
}

static void a_limit_is_what_was_set(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
        BODY(ONE_SEAT, ",'limits':{'max_per_buyer':3,'max_per_hold':2,'hold_ttl_s':70,'hold_max_s':"
                       "70,'rate_per_session_per_s':5,'orphan_rule':false,'access_until':"
                       "'1970-01-01T00:00:01.5Z'}"));
    const struct plan_limits *limits = plan_limits(plan);
    assert_int_equal(limits->max_per_buyer, 3);
    assert_int_equal(limits->max_per_hold, 2);
    assert_int_equal(limits->hold_ttl_ms, 70000);
    assert_int_equal(limits->hold_max_ms, 70000); /* as long as a hold lives, and no less */
    assert_int_equal(limits->rate_per_session_per_s, 5);
    assert_false(limits->orphan_rule);
    assert_int_equal(limits->access_until_ms, 1500);
    plan_destroy(plan);
    plan = plan_body_taken(BODY(ONE_SEAT, ",'limits':{'orphan_rule':true}"));
    assert_true(plan_limits(plan)->orphan_rule);
    plan_destroy(plan);
}

/* What binds a buyer they may know beforehand; how seats are given to others is the house's. */
static void buyers_are_shown_what_binds_them(void **state)
{
    (void)state;
    static const char *const shown[] = {"max_per_buyer", "max_per_hold", "hold_ttl_s", "hold_max_s",
                                        "rate_per_session_per_s"};
    unsigned count = 0;
    for (unsigned i = 0; i < plan_limit_count; i++) {
        if (!plan_limit_table[i].shown)
            continue;
        assert_true(count < sizeof(shown) / sizeof(shown[0]));
        assert_string_equal(plan_limit_table[i].name, shown[count]);
        count++;
    }
    assert_int_equal(count, sizeof(shown) / sizeof(shown[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_has_its_bounds),
        cmocka_unit_test(a_text_has_its_bounds),
        cmocka_unit_test(a_list_has_its_bounds),
        cmocka_unit_test(of_rows_there_are_as_many_as_a_plan_may_have),
        cmocka_unit_test(a_limit_that_nobody_set_is_the_usual_one),
        cmocka_unit_test(a_limit_is_what_was_set),
        cmocka_unit_test(buyers_are_shown_what_binds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
