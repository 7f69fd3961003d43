/* plan_import_test.c: what an import takes, what it refuses and how it says so, and that what goes
 * out comes in again. */
#include "core/hall/plan_import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Documents are written with ' for ", which no name here needs. */
static char *quoted(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    return copy;
}

static int import(const char *text, struct err_slot *err, struct plan **plan)
{
    char *body = quoted(text);
    int rc = plan_import(span_of(body), err, plan);
    free(body);
    return rc;
}

static struct plan *imported(const char *text)
{
    struct err_slot err = {.text = ""};
    struct plan *plan = NULL;
    int rc = import(text, &err, &plan);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
    return plan;
}

#define SEAT(guid, x)                                                                              \
    "{'seat_guid':'" guid "','seat_number':'1','category':'A','position':{'x':" x ",'y':0}}"
#define ROW(seats) "{'row_number':'1','position':{'x':0,'y':0},'seats':[" seats "]}"
#define PLAN(rows)                                                                                 \
    "'plan':{'name':'H','categories':[{'name':'A','color':'#f00'}],"                               \
    "'zones':[{'name':'Z','zone_id':'z','position':{'x':100,'y':50},'rows':[" rows "]}],"          \
    "'size':{'width':10,'height':10}}"
#define BODY(plan, more)                                                                           \
    "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':99000}]," plan more "}"

static void a_plan_of_the_new_schema_with_all_extensions_is_taken(void **state)
{
    (void)state;
    struct plan *plan = imported(
        "{'name':'Show','currency':'KRW','starts_at':'2026-12-01T19:00:00+09:00',"
        "'categories':[{'name':'A','price':99000,'on_sale_at':'2026-11-20T11:00:00Z'},"
        "{'name':'Floor','price':120000}],"
        "'areas':[{'id':'pit','category':'Floor','capacity':500,'name':'Pit'}],"
        "'channels':[{'id':'fans','code':'moonlight','on_sale_at':'2026-11-19T11:00:00Z'}],"
        "'limits':{'max_per_buyer':4,'max_per_hold':4,'hold_ttl_s':60,'hold_max_s':120,"
        "'rate_per_session_per_s':5,'orphan_rule':false},"
        "'fees':{'per_seat':1000,'basis_points':250},'vat_basis_points':1000,"
        "'zones':[{'zone':'z','entrance':'West','floor':'1','view':'/views/z.webp'}],"
        "'rows':[{'zone':'Z','row':'1','sight':'good'}],"
        "'seats':[{'guid':'a','accessible':true,'channel':'fans'},"
        "{'guid':'b','companion_of':'a','entrance':'North'}],"
        "'focal_point':{'x':5,'y':-20.5},"
        "'plan':{'name':'H','categories':[{'name':'A','color':'#f00'}],'zones':[{'name':'Z',"
        "'zone_id':'z','uuid':'u','position':{'x':100,'y':50},'rows':[{'row_number':'1',"
        "'row_label':'Row %s','seat_label':null,'row_number_position':'both','uuid':'u',"
        "'position':{'x':1,'y':2},'seats':[{'seat_guid':'a','seat_number':'1','category':'A',"
        "'position':{'x':0.5,'y':0},'radius':10,'start_direction':'<>','uuid':'u'},"
        "{'seat_guid':'b','seat_number':'2','category':'A','position':{'x':25.25,'y':0}}]}],"
        "'areas':[{'shape':'polygon','polygon':{'points':[{'x':1,'y':2}]},'color':'#fff',"
        "'border_color':'#000','rotation':45,'position':{'x':0,'y':0},'uuid':'u'},"
        "{'shape':'circle','circle':{'radius':5},'position':{'x':0,'y':0}},"
        "{'shape':'ellipse','ellipse':{'radius':{'x':5,'y':6}},'position':{'x':0,'y':0}},"
        "{'shape':'text','text':{'text':'STAGE','position':{'x':0,'y':0},'size':16},"
        "'position':{'x':0,'y':0}}]}]}}");
    assert_int_equal(plan_seat_count(plan), 2);
    struct plan_seat seat = plan_seat(plan, 0);
    assert_true(span_eq(seat.guid, SPAN("a")));
    assert_true(span_eq(seat.entrance, SPAN("West")));
    assert_true(span_eq(plan_view_of(plan, SPAN("Z")), SPAN("/views/z.webp")));
    assert_null(plan_view_of(plan, SPAN("Y")).ptr);
    assert_true(span_eq(seat.sight, SPAN("good")));
    assert_true(span_eq(seat.row_label, SPAN("Row %s")));
    assert_int_equal(seat.flags, PLAN_SEAT_ACCESSIBLE);
    assert_int_equal(seat.channel, 1);
    assert_true(seat.x == 101.5F && seat.y == 52);
    seat = plan_seat(plan, 1);
    assert_true(span_eq(seat.entrance, SPAN("North")));
    assert_int_equal(seat.flags, PLAN_SEAT_COMPANION);
    assert_int_equal(plan_companion_of(plan, 1), 0);
    assert_int_equal(plan_seat(plan, 1).companion, 0);
    assert_int_equal(plan_seat(plan, 0).companion, UINT32_MAX);
    assert_int_equal(plan_category(plan, 0)->price, 99000);
    assert_int_equal(plan_category(plan, 0)->on_sale_ms, UINT64_C(1795172400000));
    assert_int_equal(plan_limits(plan)->hold_max_ms, 120000);
    assert_false(plan_limits(plan)->orphan_rule);
    const struct plan_charges *charges = plan_charges(plan);
    assert_int_equal(charges->fees.per_seat, 1000);
    assert_int_equal(charges->fees.per_order, 0);
    assert_int_equal(charges->fees.basis_points, 250);
    assert_int_equal(charges->vat_basis_points, 1000);
    assert_int_equal(plan_area(plan, 0)->capacity, 500);
    assert_int_equal(plan_channel_by_code(plan, SPAN("moonlight")), 1);
    assert_int_equal(plan_channel_by_code(plan, SPAN("sunshine")), -1);
    uint32_t found;
    assert_true(plan_seat_find(plan, SPAN("b"), &found));
    assert_int_equal(found, 1);
    assert_false(plan_seat_find(plan, SPAN("c"), &found));
    float x, y;
    plan_focal(plan, &x, &y);
    assert_true(x == 5 && y == -20.5F);
    plan_destroy(plan);
}

#define OLD_BODY                                                                                   \
    "{'name':'Show','currency':'EUR','categories':[{'name':'A','price':1}],"                       \
    "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','displayed':true,"        \
    "'position':{'x':0,'y':0},'rows':[{'row_number':'1','number_of_seats':1,'seats_spacing':20,"   \
    "'position':{'x':3,'y':4},'seats':[" SEAT(                                                     \
        "a", "7") "]}],'areas':[{'width':10,'height':20,"                                          \
                  "'position':{'x':1,'y':1},'color':'#fff','rotation':0,'text':'Bar'}]}]}}"

static void a_plan_of_the_old_schema_is_taken_and_goes_out_in_the_new(void **state)
{
    (void)state;
    struct plan *plan = imported(OLD_BODY);
    assert_int_equal(plan_seat_count(plan), 1);
    assert_true(plan_seat(plan, 0).x == 10);
    struct span text = plan_export(plan);
    char *copy = strndup(text.ptr, text.len);
    assert_null(strstr(copy, "displayed"));
    assert_null(strstr(copy, "number_of_seats"));
    assert_non_null(strstr(copy, "\"rectangle\":{\"height\":20,\"width\":10}"));
    assert_non_null(strstr(copy, "\"text\":{\"position\":{\"x\":0,\"y\":0},\"text\":\"Bar\"}"));
    free(copy);
    plan_destroy(plan);
}

static void what_goes_out_comes_in_and_goes_out_the_same(void **state)
{
    (void)state;
    const char *const bodies[] = {
        OLD_BODY,
        BODY(PLAN(ROW(SEAT("a", "0.1") "," SEAT("b", "20.7"))),
             ",'seats':[{'guid':'a','accessible':true}],'starts_at':null"),
    };
    for (size_t i = 0; i < 2; i++) {
        struct plan *plan = imported(bodies[i]), *again = NULL;
        struct err_slot err = {.text = ""};
        struct span out = plan_export(plan);
        assert_int_equal(plan_import(out, &err, &again), 0);
        assert_true(span_eq(plan_export(again), out));
        assert_memory_equal(plan_content(again), plan_content(plan), PLAN_HASH_BYTES);
        assert_true(span_eq(plan_shapes(again), plan_shapes(plan)));
        assert_int_equal(plan_seat_count(again), plan_seat_count(plan));
        for (uint32_t s = 0; s < plan_seat_count(plan); s++) {
            struct plan_seat a = plan_seat(plan, s), b = plan_seat(again, s);
            assert_true(span_eq(a.guid, b.guid) && a.x == b.x && a.y == b.y);
            assert_int_equal(a.flags, b.flags);
        }
        plan_destroy(again);
        plan_destroy(plan);
    }
}

static void each_fault_is_named_by_pointer_and_rule(void **state)
{
    (void)state;
    const struct {
        const char *body, *text;
    } cases[] = {
        {"{", "not JSON"},
        {"[]", "the document: must be an object"},
        {"{'currency':'KRW'}", "/name: is missing"},
        {"{'name':'S','currency':'won'}", "/currency: must be three capital letters"},
        {"{'name':'S','currency':'KRW'}", "/categories: is missing"},
        {"{'name':'S','currency':'KRW','categories':[{'name':'A'}]}",
         "/categories/0/price: is missing"},
        {"{'name':'S','currency':'KRW','categories':[{'name':'A','price':-1}]}",
         "/categories/0/price: must be a whole number"},
        {"{'name':'S','currency':'KRW','categories':[{'name':'A','price':1},"
         "{'name':'A','price':1}]}",
         "/categories/1/name: is the name of an earlier"},
        {"{'name':'S','currency':'KRW','categories':[{'name':'A','price':1}]}",
         "/plan: is missing"},
        {BODY(PLAN(""), ""), "/plan: has no seats"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'colour':1"), "/colour: is not known here"},
        {BODY(PLAN(ROW(SEAT("a", "1") "," SEAT("a", "2"))), ""),
         "/plan/zones/0/rows/0/seats/1/seat_guid: is used twice"},
        {BODY(PLAN(ROW(SEAT("a", "1")) "," ROW(SEAT("b", "1") "," SEAT("a", "2"))), ""),
         "/plan/zones/0/rows/1/seats/1/seat_guid: is used twice"},
        {BODY(PLAN(ROW("{'seat_guid':'a','seat_number':'1','category':'B','position':"
                       "{'x':0,'y':0}}")),
              ""),
         "/plan/zones/0/rows/0/seats/0/category: is not the name of a category in /plan/cat"},
        {BODY(PLAN(ROW("{'seat_guid':'','seat_number':'1','category':'A','position':"
                       "{'x':0,'y':0}}")),
              ""),
         "/plan/zones/0/rows/0/seats/0/seat_guid: must be a text of 1 to"},
        {BODY(PLAN(ROW("{'seat_guid':'a','seat_number':'1','category':'A','position':"
                       "{'x':0}}")),
              ""),
         "/plan/zones/0/rows/0/seats/0/position/y: is missing"},
        {BODY(PLAN(ROW(SEAT("a", "1e300"))), ""),
         "/plan/zones/0/rows/0/seats/0/position/x: must be a number from"},
        {BODY(PLAN(ROW(SEAT("a", "'1'"))), ""),
         "/plan/zones/0/rows/0/seats/0/position/x: must be a number"},
        {BODY(PLAN("{'row_number':'1','seats':[],'number_of_seats':3}"), ""),
         "/plan/zones/0/rows/0/number_of_seats: is not the number"},
        {BODY("'plan':{'name':'H','categories':[{'name':'B'}],'zones':[]}", ""),
         "/plan/categories/0/name: has no entry with a price"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'},{'name':'A'}],'zones':[]}", ""),
         "/plan/categories/1/name: is the name of an earlier"},
        {BODY("'plan':{'name':'H','categories':[],'zones':[],'size':{'width':0,'height':1}}", ""),
         "/plan/size/width: must be a whole number from 1"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'areas':[{'id':'p','category':'X','capacity':5}]"),
         "/areas/0/category: is not the name"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'areas':[{'id':'p','category':'A','capacity':0}]"),
         "/areas/0/capacity: must be a whole number from 1"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'limits':{'hold_ttl_s':100,'hold_max_s':99}"),
         "/limits/hold_max_s: must not be less"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'limits':{'max_per_hold':65}"),
         "/limits/max_per_hold: must be"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'fees':{'per_seat':-1}"), "/fees/per_seat: must be"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'fees':{'percent':1}"), "/fees/percent: "},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'vat_basis_points':10001"),
         "/vat_basis_points: must be"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[{'guid':'x'}]"),
         "/seats/0/guid: is not a seat of the plan"},
        {BODY(PLAN(ROW(SEAT("a", "1") "," SEAT("b", "2"))),
              ",'seats':[{'guid':'a','companion_of':'b'}]"),
         "/seats/0/companion_of: is not an accessible seat"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[{'guid':'a','companion_of':'a'}]"),
         "/seats/0/companion_of: is not another seat"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[{'guid':'a','channel':'x'}]"),
         "/seats/0/channel: is not the id"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'channels':[{'id':'public'}]"),
         "/channels/0/id: is the id of an earlier"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'rows':[{'zone':'Z','row':'9','table':'whole'}]"),
         "/rows/0/row: is not in the plan"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Y','floor':'1'}]"),
         "/zones/0/zone: is not in the plan"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'https://x.example/z'}]"),
         "/zones/0/view: must be a path of this origin, such as /views/stalls.webp"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'//x.example/z'}]"),
         "/zones/0/view: must be a path of this origin, such as /views/stalls.webp"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'/a\\\\b'}]"),
         "/zones/0/view: must be a path of this origin, such as /views/stalls.webp"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err_slot err = {.text = ""};
        struct plan *plan = NULL;
        int rc = import(cases[i].body, &err, &plan);
        if (strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("case %zu: \"%s\" instead of \"%s\"", i, err.text, cases[i].text);
        assert_true(rc < 0);
        assert_null(plan);
    }
}

static uint32_t pos_of(const struct plan *plan, const char *guid, uint32_t *run)
{
    uint32_t seat;
    assert_true(plan_seat_find(plan, span_of(guid), &seat));
    *run = plan_facts(plan)->run[seat];
    assert_int_equal(plan_seat_at(plan_facts(plan), *run, plan_pos_of(plan_facts(plan), seat)),
                     seat);
    return plan_pos_of(plan_facts(plan), seat);
}

static void neighbours_come_from_where_seats_are_and_not_from_their_order(void **state)
{
    (void)state;
    /* Odd numbers left, even numbers right of the middle, as many theatres count. */
    struct plan *plan =
        imported(BODY(PLAN(ROW(SEAT("1", "100") "," SEAT("2", "120") "," SEAT("3", "80") "," SEAT(
                          "4", "140") "," SEAT("5", "60") "," SEAT("6", "160"))),
                      ""));
    uint32_t run;
    assert_int_equal(plan_facts(plan)->run_count, 1);
    const char *const order[] = {"5", "3", "1", "2", "4", "6"};
    uint32_t first = pos_of(plan, "5", &run);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(pos_of(plan, order[i], &run), first == 0 ? i : 5 - i);
    plan_destroy(plan);
}

static void an_aisle_parts_a_row(void **state)
{
    (void)state;
    struct plan *plan =
        imported(BODY(PLAN(ROW(SEAT("1", "0") "," SEAT("2", "20") "," SEAT("3", "40") "," SEAT(
                          "4", "80") "," SEAT("5", "100") "," SEAT("6", "121"))),
                      ""));
    uint32_t left, right;
    assert_int_equal(plan_facts(plan)->run_count, 2);
    assert_int_equal(pos_of(plan, "3", &left), 2);
    assert_int_equal(pos_of(plan, "4", &right), 0);
    assert_int_not_equal(left, right);
    plan_destroy(plan);
}

static void a_table_stays_together_and_may_be_sold_whole(void **state)
{
    (void)state;
    struct plan *plan = imported(
        BODY(PLAN(ROW(SEAT("1", "0") "," SEAT("2", "1") "," SEAT("3", "2") "," SEAT("4", "40"))),
             ",'rows':[{'zone':'z','row':'1','table':'whole'}]"));
    assert_int_equal(plan_facts(plan)->run_count, 1);
    assert_int_equal(plan_facts(plan)->runs[0].flags, PLAN_RUN_WHOLE | PLAN_RUN_TABLE);
    plan_destroy(plan);
}

static void a_bend_in_the_row_is_no_disorder(void **state)
{
    (void)state;
    /* A horseshoe: the document's order is the way around, although both ends face each other. */
    struct plan *plan = imported(
        BODY(PLAN("{'row_number':'1','seats':["
                  "{'seat_guid':'1','seat_number':'1','category':'A','position':{'x':0,'y':0}},"
                  "{'seat_guid':'2','seat_number':'1','category':'A','position':{'x':0,'y':20}},"
                  "{'seat_guid':'3','seat_number':'1','category':'A','position':{'x':10,'y':37}},"
                  "{'seat_guid':'4','seat_number':'1','category':'A','position':{'x':30,'y':37}},"
                  "{'seat_guid':'5','seat_number':'1','category':'A','position':{'x':40,'y':20}},"
                  "{'seat_guid':'6','seat_number':'1','category':'A','position':{'x':40,'y':0}}]}"),
             ""));
    uint32_t run;
    assert_int_equal(plan_facts(plan)->run_count, 1);
    assert_int_equal(pos_of(plan, "1", &run), 0);
    assert_int_equal(pos_of(plan, "4", &run), 3);
    assert_int_equal(pos_of(plan, "6", &run), 5);
    plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_of_the_new_schema_with_all_extensions_is_taken),
        cmocka_unit_test(a_plan_of_the_old_schema_is_taken_and_goes_out_in_the_new),
        cmocka_unit_test(what_goes_out_comes_in_and_goes_out_the_same),
        cmocka_unit_test(each_fault_is_named_by_pointer_and_rule),
        cmocka_unit_test(neighbours_come_from_where_seats_are_and_not_from_their_order),
        cmocka_unit_test(an_aisle_parts_a_row),
        cmocka_unit_test(a_table_stays_together_and_may_be_sold_whole),
        cmocka_unit_test(a_bend_in_the_row_is_no_disorder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
