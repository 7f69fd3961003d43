/* plan_import_test.c: what an import takes, what it refuses and how it says so, and that what goes
 * out comes in again. */
#include "base/text.h"
#include "core/hall/plan_import.h"
#include "core/limits.h"
#include "plan_body.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>

static void a_plan_of_the_new_schema_with_all_extensions_is_taken(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
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
    assert_true(span_eq(plan_category(plan, 0)->color, SPAN("#f00")));
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
    struct plan *plan = plan_body_taken(OLD_BODY);
    assert_int_equal(plan_seat_count(plan), 1);
    assert_true(plan_seat(plan, 0).x == 10);
    struct span text = plan_export(plan);
    char *copy = strndup(text.ptr, text.len);
    assert_null(strstr(copy, "displayed"));
    assert_null(strstr(copy, "number_of_seats"));
    assert_null(strstr(copy, "seats_spacing"));
    assert_non_null(strstr(copy, "\"rectangle\":{\"height\":20,\"width\":10}"));
    assert_non_null(strstr(copy, "\"shape\":\"rectangle\""));
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
        struct plan *plan = plan_body_taken(bodies[i]), *again = NULL;
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
        {"{'name':'S'}", "/currency: is missing"},
        {"{'name':'S','currency':'wON'}", "/currency: must be three capital letters"},
        {"{'name':'S','currency':'WOn'}", "/currency: must be three capital letters"},
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
        {BODY(PLAN(ROW(SEAT("a", "1") "," SEAT("a", "2") "," SEAT("b", "'3'"))), ""),
         "/plan/zones/0/rows/0/seats/2/position/x: must be a number"}, /* by itself, so first */
        {BODY(PLAN(ROW(SEAT("a", "1")) "," ROW(SEAT("b", "1") "," SEAT("a", "2"))), ""),
         "/plan/zones/0/rows/1/seats/1/seat_guid: is used twice"},
        {BODY(PLAN(ROW(SEAT("a", "1")) "," ROW(SEAT("b", "1")) "," ROW(SEAT("a", "1"))), ""),
         "/plan/zones/0/rows/2/seats/0/seat_guid: is used twice"},
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
        {"{'name':'S','currency':'KRW','categories':[{'name':'A','price':1},{'name':'B','price':1}]"
         ","
         "'plan':{'name':'H','categories':[{'name':'A'},{'name':'B'},{'name':'B'}],'zones':[]}}",
         "/plan/categories/2/name: is the name of an earlier"},
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
        {BODY("'plan':{'categories':[],'zones':[]}", ""), "/plan/name: is missing"},
        {BODY("'plan':{'name':'H','zones':[]}", ""), "/plan/categories: is missing"},
        {BODY("'plan':{'name':'H','categories':[]}", ""), "/plan/zones: is missing"},
        {BODY("'plan':{'name':'H','size':{'height':1}}", ""), "/plan/size/width: is missing"},
        {BODY("'plan':{'name':'H','size':{'width':1}}", ""), "/plan/size/height: is missing"},
        {BODY("'plan':{'name':'H','size':{'width':1,'height':1,'depth':1}}", ""),
         "/plan/size/depth: is not known"},
        {BODY("'plan':{'name':'H','categories':[{}]}", ""), "/plan/categories/0/name: is missing"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A','colour':''}]}", ""),
         "/plan/categories/0/colour: is not known"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A','color':5}]}", ""),
         "/plan/categories/0/color: must be a text"},
        {BODY("'plan':{'name':'H','categories':[],'zones':[],'scale':1}", ""),
         "/plan/scale: is not known"},
        {BODY(PLAN("{'seats':[]}"), ""), "/plan/zones/0/rows/0/row_number: is missing"},
        {BODY(PLAN("{'row_number':'1','seats':[],'bend':1}"), ""),
         "/plan/zones/0/rows/0/bend: is not known"},
        {BODY(PLAN("{'row_number':'1','seats':[],'seats_spacing':'wide'}"), ""),
         "/plan/zones/0/rows/0/seats_spacing: must be a number"},
        {BODY(PLAN(ROW("{'seat_number':'1','category':'A','position':{'x':0,'y':0}}")), ""),
         "/plan/zones/0/rows/0/seats/0/seat_guid: is missing"},
        {BODY(PLAN(ROW("{'seat_guid':'a','category':'A','position':{'x':0,'y':0}}")), ""),
         "/plan/zones/0/rows/0/seats/0/seat_number: is missing"},
        {BODY(PLAN(ROW("{'seat_guid':'a','seat_number':'1','category':'A'}")), ""),
         "/plan/zones/0/rows/0/seats/0/position: is missing"},
        {BODY(PLAN(ROW("{'seat_guid':'a','seat_number':'1','position':{'x':0,'y':0}}")), ""),
         "/plan/zones/0/rows/0/seats/0/category: is missing"},
        {BODY(PLAN(ROW("{'seat_guid':'a','seat_number':'1','category':'A','position':{'x':0,'y':0},"
                       "'price':1}")),
              ""),
         "/plan/zones/0/rows/0/seats/0/price: is not known"},
        {BODY(PLAN(""), ",'areas':[{'id':'p','category':'A'}]"), "/areas/0/capacity: is missing"},
        {BODY(PLAN(""), ",'areas':[{'id':'p','category':'A','capacity':1,'rows':1}]"),
         "/areas/0/rows: is not known"},
        {BODY(PLAN(""), ",'areas':[{'id':'p','category':'A','capacity':1,'channel':''}]"),
         "/areas/0/channel: must be a text of 1 to"},
        {BODY(PLAN(""), ",'channels':[{'code':'moon'}]"), "/channels/0/id: is missing"},
        {BODY(PLAN(""), ",'channels':[{'id':'a','price':1}]"), "/channels/0/price: is not known"},
        {BODY(PLAN(""), ",'limits':{'max':1}"), "/limits/max: is not known"},
        {BODY(PLAN(""), ",'limits':{'orphan_rule':1}"), "/limits/orphan_rule: must be true or"},
        {BODY(PLAN(""), ",'limits':{'access_until':1}"), "/limits/access_until: must be a time"},
        {BODY(PLAN(""), ",'starts_at':1"), "/starts_at: must be a time"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{}]"), "/zones/0/zone: is missing"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'rows':[{'zone':'Z'}]"), "/rows/0/row: is missing"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','row':'1'}]"),
         "/zones/0/row: is not known"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[{}]"), "/seats/0/guid: is missing"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[{'guid':'a','row':'1'}]"),
         "/seats/0/row: is not known"},
        {"{'name':'S','currency':'KRW','categories':[{'name':'A','price':1,'seats':1}]}",
         "/categories/0/seats: is not known"},
        {"{'name':'S','currency':'KR1'}", "/currency: must be three capital letters"},
        {"{'name':'S','currency':'KR['}", "/currency: must be three capital letters"},
        {"{'name':'S','currency':'KRW','limits':5}", "/limits: must be an object"},
        {"{'name':'S','currency':'KRW','fees':5}", "/fees: must be an object"},
        {"{'name':'S','currency':'KRW','channels':5}", "/channels: must be a list"},
        {"{'name':'S','currency':'KRW','channels':[5]}", "/channels/0: must be an object"},
        {"{'name':'S','currency':'KRW','channels':[{'id':'a','code':'abc'}]}",
         "/channels/0/code: must be a text"},
        {"{'name':'S','currency':'KRW','channels':[{'id':'a'},{'id':'a'}]}",
         "/channels/1/id: is the id of an earlier"},
        {"{'name':'S','currency':'KRW','categories':[5]}", "/categories/0: must be an object"},
        {"{'name':'S','currency':'KRW','categories':[{'name':'A','price':1,'on_sale_at':'2026-11-"
         "20T11:00:00Z','off_sale_at':'2026-11-20T11:00:00Z'}]}",
         "/categories/0/off_sale_at: must be later"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'areas':5"), "/areas: must be a list"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'areas':[5]"), "/areas/0: must be an object"},
        {BODY(PLAN(ROW(SEAT("a", "1"))),
              ",'areas':[{'id':'p','category':'A','capacity':1,'channel':5}]"),
         "/areas/0/channel: must be a text"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'areas':[{'id':'p','category':'A','capacity':1},{'id':'"
                                         "p','category':'A','capacity':1}]"),
         "/areas/1/id: is the id of an earlier"},
        {BODY(PLAN(""), ",'areas':[{'id':'p','category':'A','capacity':1},{'id':'q','category':'A',"
                        "'capacity':1},{'id':'q','category':'A','capacity':1}]"),
         "/areas/2/id: is the id of an earlier"},
        {BODY("'plan':5", ""), "/plan: must be an object"},
        {BODY("'plan':{'name':'H','size':5}", ""), "/plan/size: must be an object"},
        {BODY("'plan':{'name':'H','categories':5}", ""), "/plan/categories: must be a list"},
        {BODY("'plan':{'name':'H','categories':[5]}", ""), "/plan/categories/0: must be an object"},
        {BODY("'plan':{'name':'H','categories':[],'zones':5}", ""), "/plan/zones: must be a list"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[5]}", ""),
         "/plan/zones/0: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'rows':[]}]}", ""),
         "/plan/zones/0/position: is missing"},
        {BODY(
             "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'position':{'x':0,'y':0}}]}",
             ""),
         "/plan/zones/0/rows: is missing"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'position':{'x':0,'y':0},'"
              "rows':[5,6]}]}",
              ""),
         "/plan/zones/0/rows/0: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'position':5,'rows':[]}]}",
              ""),
         "/plan/zones/0/position: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'position':{'x':0,'y':0},'"
              "rows':[],'areas':5}]}",
              ""),
         "/plan/zones/0/areas: must be a list"},
        {BODY(PLAN("{'row_number':'1'}"), ""), "/plan/zones/0/rows/0/seats: is missing"},
        {BODY(PLAN("{'row_number':'1','number_of_seats':0,'seats':5}"), ""),
         "/plan/zones/0/rows/0/seats: must be a list"},
        {BODY(PLAN("{'row_number':'1','seats':[],'row_number_position':'top'}"), ""),
         "/plan/zones/0/rows/0/row_number_position: "},
        {BODY(PLAN(ROW("5")), ""), "/plan/zones/0/rows/0/seats/0: must be an object"},
        {BODY(PLAN(ROW("{'seat_guid':'a','seat_number':'1','category':'A','position':{'x':0,'y':0},"
                       "'radius':-1}")),
              ""),
         "/plan/zones/0/rows/0/seats/0/radius: must not be negative"},
        {BODY(PLAN(ROW("{'seat_guid':'a','seat_number':'1','category':'A','position':{'x':0,'y':0},"
                       "'start_direction':'v'}")),
              ""),
         "/plan/zones/0/rows/0/seats/0/start_direction: "},
        {BODY(
             PLAN(ROW("{'seat_guid':'a','seat_number':'1','category':5,'position':{'x':0,'y':0}}")),
             ""),
         "/plan/zones/0/rows/0/seats/0/category: must be a text"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':5"), "/zones: must be a list"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[5]"), "/zones/0: must be an object"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'/'}]"),
         "/zones/0/view: must be a path"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'ab'}]"),
         "/zones/0/view: must be a path"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'/a{'}]"),
         "/zones/0/view: must be a path"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'/a['}]"),
         "/zones/0/view: must be a path"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'/a!'}]"),
         "/zones/0/view: must be a path of this origin"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'zones':[{'zone':'Z','view':'/a:'}]"),
         "/zones/0/view: must be a path"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'rows':[{'zone':'Z','row':'1','table':'half'}]"),
         "/rows/0/table: "},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'rows':[{'zone':'Z','row':'1','view':'/a'}]"),
         "/rows/0/view: is not known here"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':5"), "/seats: must be a list"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[5]"), "/seats/0: must be an object"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[{'guid':5}]"), "/seats/0/guid: must be a text"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[{'guid':'a','aisle':1}]"),
         "/seats/0/aisle: must be true or false"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[{'guid':'a','companion_of':'x'}]"),
         "/seats/0/companion_of: is not another seat"},
        {BODY(PLAN(ROW(SEAT("a", "1") "," SEAT("b", "2"))),
              ",'seats':[{'guid':'b','accessible':true},{'guid':'a','accessible':true,'companion_"
              "of':'b'}]"),
         "/seats/1/companion_of: is for a seat that is not accessible"},
        {BODY(PLAN(ROW(SEAT("a", "1"))), ",'focal_point':{'x':1}"), "/focal_point/y: is missing"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[5]}]}",
              ""),
         "/plan/zones/0/areas/0: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'shape':'star'}]}]}",
              ""),
         "/plan/zones/0/areas/0/shape: "},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'polygon':5}]}]}",
              ""),
         "/plan/zones/0/areas/0/polygon: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'polygon':{}}]}]}",
              ""),
         "/plan/zones/0/areas/0/polygon/points: is missing"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'polygon':{'points':[5]}}]}]}",
              ""),
         "/plan/zones/0/areas/0/polygon/points/0: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'polygon':{'points':[{'z':5}]}}]}]}",
              ""),
         "/plan/zones/0/areas/0/polygon/points/0/z: is not known"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'polygon':{'points':[],'more':1}}]}]}",
              ""),
         "/plan/zones/0/areas/0/polygon/more: is not known"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'rectangle':5}]}]}",
              ""),
         "/plan/zones/0/areas/0/rectangle: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'rectangle':{'size':1}}]}]}",
              ""),
         "/plan/zones/0/areas/0/rectangle/size: is not known"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'ellipse':5}]}]}",
              ""),
         "/plan/zones/0/areas/0/ellipse: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'ellipse':{'size':1}}]}]}",
              ""),
         "/plan/zones/0/areas/0/ellipse/size: is not known"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'circle':5}]}]}",
              ""),
         "/plan/zones/0/areas/0/circle: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'circle':{'size':1}}]}]}",
              ""),
         "/plan/zones/0/areas/0/circle/size: is not known"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'text':5}]}]}",
              ""),
         "/plan/zones/0/areas/0/text: must be an object"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'text':{'font':1}}]}]}",
              ""),
         "/plan/zones/0/areas/0/text/font: is not known"},
        {BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':{'x':"
              "0,'y':0},'rows':[],'areas':[{'sides':5}]}]}",
              ""),
         "/plan/zones/0/areas/0/sides: is not known"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        plan_body_refused(cases[i].body, cases[i].text);
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
    struct plan *plan = plan_body_taken(
        BODY(PLAN(ROW(SEAT("1", "100") "," SEAT("2", "120") "," SEAT("3", "80") "," SEAT(
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
    struct plan *plan = plan_body_taken(
        BODY(PLAN(ROW(SEAT("1", "0") "," SEAT("2", "20") "," SEAT("3", "40") "," SEAT(
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
    struct plan *plan = plan_body_taken(
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
    struct plan *plan = plan_body_taken(
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

static void terms_that_are_left_out_are_the_usual_ones_and_null_is_left_out(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(BODY(
        PLAN(ROW(SEAT("a", "1") "," SEAT("b", "2"))),
        ",'limits':{'hold_ttl_s':1000},'areas':[],'channels':null,'seats':[{'guid':'b',"
        "'companion_of':'a','restricted_view':true,'aisle':true},{'guid':'a','accessible':true},"
        "{'guid':'b','accessible':false,'floor':'1'}]"));
    assert_int_equal(plan_limits(plan)->hold_ttl_ms, 1000000);
    assert_int_equal(plan_limits(plan)->hold_max_ms, 1000000); /* as long as the hold may live */
    assert_false(plan_has_codes(plan));
    assert_true(plan_has_accessible(plan));
    assert_int_equal(plan_channel_count(plan), 1);
    assert_int_equal(plan_channel_by_code(plan, SPAN("moonlight")), -1);
    assert_int_equal(plan_category_find(plan, SPAN("A")), 0);
    assert_int_equal(plan_category_find(plan, SPAN("B")), -1);
    assert_int_equal(plan_area_find(plan, SPAN("A")), -1);
    assert_int_equal(plan_seat(plan, 1).flags,
                     PLAN_SEAT_COMPANION | PLAN_SEAT_RESTRICTED | PLAN_SEAT_AISLE);
    assert_int_equal(plan_seat(plan, 1).companion, 0);
    assert_true(plan_memory_facts(plan) > 0);
    float x, y;
    plan_focal(plan, &x, &y); /* in the middle of the seats, before the first row */
    assert_true(x == 101.5F && y == 50);
    plan_destroy(plan);
}

static void areas_and_channels_are_found_by_their_names(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
        "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1,"
        "'on_sale_at':'2026-11-20T11:00:00Z','off_sale_at':'2026-11-20T11:00:01Z'},"
        "{'name':'B','price':2,'color':'#123'}],"
        "'channels':[{'id':'open'},{'id':'fans','code':'moon'}],"
        "'areas':[{'id':'pit','category':'B','capacity':5},"
        "{'id':'bar','category':'A','capacity':6,'channel':'fans'}],"
        "'plan':{'name':'','categories':[{'name':'B','color':'#fff'}],'zones':[]}}");
    assert_int_equal(plan_area_count(plan), 2);
    assert_int_equal(plan_area_find(plan, SPAN("bar")), 1);
    assert_int_equal(plan_area_find(plan, SPAN("pit")), 0);
    assert_int_equal(plan_area(plan, 0)->category, 1);
    assert_int_equal(plan_area(plan, 1)->channel, 2);
    assert_int_equal(plan_category_find(plan, SPAN("B")), 1);
    assert_true(span_eq(plan_category(plan, 1)->color, SPAN("#123"))); /* the terms' own first */
    assert_int_equal(plan_category(plan, 0)->off_sale_ms - plan_category(plan, 0)->on_sale_ms,
                     1000);
    assert_true(plan_has_codes(plan));
    assert_false(plan_has_accessible(plan));
    assert_int_equal(plan_channel_by_code(plan, SPAN("moon")), 2);
    assert_true(span_eq(plan_channel(plan, 1)->id, SPAN("open")));
    plan_destroy(plan);
}

/* A row of so many seats with 20 between two, and one more row of a seat. */
static struct plan *row_of(uint32_t count, const char *more, struct err_slot *err)
{
    char *body = malloc(128 * 1024);
    int len = snprintf(body, 1024,
                       "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1}]%s,"
                       "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Y',"
                       "'position':{'x':0,'y':0},'rows':[]},{'name':'Z','position':{'x':0,'y':0},"
                       "'rows':[{'row_number':'0','seats':[]},{'row_number':'1','seats':[",
                       more);
    for (uint32_t i = 0; i < count; i++)
        len += snprintf(body + len, 256,
                        "%s{'seat_guid':'%u','seat_number':'1','category':'A',"
                        "'position':{'x':%u,'y':0}}",
                        i > 0 ? "," : "", i, 20 * i);
    snprintf(body + len, 64, "]}]}]}}");
    struct plan *plan = NULL;
    int rc = plan_body_read(body, err, &plan);
    assert_int_equal(rc, plan != NULL ? 0 : ERR_RANGE);
    free(body);
    return plan;
}

static void a_row_without_an_aisle_and_a_table_sold_whole_have_a_bound(void **state)
{
    (void)state;
    static const char whole[] = ",'rows':[{'zone':'Z','row':'1','table':'whole'}]";
    static const struct {
        uint32_t count;
        const char *more, *text;
    } cases[] = {
        {PLAN_ROW_SEATS_MAX, "", ""},
        {PLAN_ROW_SEATS_MAX + 1, "",
         "/plan/zones/1/rows/1/seats/256/position: is beyond the 256th"},
        {HOLD_SEATS_MAX, whole, ""},
        {HOLD_SEATS_MAX + 1, whole, "/plan/zones/1/rows/1/seats/64/position: makes a table"},
        {HOLD_SEATS_MAX + 1, ",'rows':[{'zone':'Z','row':'1','table':'seat'}]", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err_slot err = {.text = ""};
        struct plan *plan = row_of(cases[i].count, cases[i].more, &err);
        assert_int_equal(plan != NULL, cases[i].text[0] == '\0');
        if (strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("case %zu: \"%s\" instead of \"%s\"", i, err.text, cases[i].text);
        plan_destroy(plan);
    }
}

static void the_last_view_of_a_zone_counts_by_whatever_name_it_was_given(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
        "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1}],"
        "'zones':[{'zone':'z','view':'/1'},{'zone':'y','view':'/aZ_zA09.~%-'},"
        "{'zone':'Z','view':'/2'},{'zone':'Z','entrance':'West'}],"
        "'plan':{'name':'H','categories':[{'name':'A'}],'zones':["
        "{'name':'Z','zone_id':'z','position':{'x':0,'y':0},'rows':[" ROW(
            SEAT("a", "1")) "]},"
                            "{'name':'Y','zone_id':'y','position':{'x':0,'y':0},'rows':[" ROW(
                                SEAT("b", "1")) "]}]}}");
    assert_true(span_eq(plan_view_of(plan, SPAN("Z")), SPAN("/2")));
    assert_true(span_eq(plan_view_of(plan, SPAN("Y")), SPAN("/aZ_zA09.~%-")));
    assert_null(plan_view_of(plan, SPAN("z")).ptr);
    plan_destroy(plan);
}

#define SHAPES(areas)                                                                              \
    BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z','position':"         \
         "{'x':100,'y':50},'rows':[" ROW(SEAT("a", "1")) "],'areas':[" areas "]}]}",               \
         "")

static void of_views_there_are_as_many_as_a_plan_may_have(void **state)
{
    (void)state;
    static char body[1 << 18];
    struct err_slot err = {.text = ""};
    for (unsigned more = 0; more < 2; more++) {
        struct plan *plan = NULL;
        struct text text = text_on(body, sizeof(body) - 1);
        TEXT_LIT(&text, "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1}],"
                        "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[");
        for (unsigned i = 0; i < PLAN_VIEWS_MAX + more; i++)
            text_printf(&text,
                        "%s{'name':'%u','position':{'x':0,'y':0},'rows':[{'row_number':'1',"
                        "'position':{'x':0,'y':0},'seats':[]}]}",
                        i > 0 ? "," : "", i);
        TEXT_LIT(&text, "]},'areas':[{'id':'pit','category':'A','capacity':1}],'zones':[");
        for (unsigned i = 0; i < PLAN_VIEWS_MAX + more; i++)
            text_printf(&text, "%s{'zone':'%u','view':'/%u'}", i > 0 ? "," : "", i, i);
        TEXT_LIT(&text, ",{'zone':'0','view':'/new'}]}"); /* in place of another */
        assert_false(text.overflown);
        body[text.len] = '\0';
        if (more) {
            assert_true(plan_body_read(body, &err, &plan) < 0);
            assert_string_equal(err.text, "/zones/1024/view: is one too many for a plan");
            assert_null(plan);
            continue;
        }
        plan = plan_body_taken(body);
        assert_true(span_eq(plan_view_of(plan, SPAN("0")), SPAN("/new")));
        assert_true(span_eq(plan_view_of(plan, SPAN("1023")), SPAN("/1023")));
        plan_destroy(plan);
    }
}

static void an_old_drawing_that_is_no_rectangle_goes_out_as_none(void **state)
{
    (void)state;
    static const struct {
        const char *area;
        bool is_rectangle;
    } cases[] = {{"{'width':1,'height':2}", true}, {"{'width':1}", false}, {"{'height':2}", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[1024];
        snprintf(body, sizeof(body), SHAPES("%s"), cases[i].area);
        struct plan *plan = plan_body_taken(body);
        struct span text = plan_export(plan);
        char *copy = strndup(text.ptr, text.len);
        assert_int_equal(strstr(copy, "\"rectangle\"") != NULL, cases[i].is_rectangle);
        assert_int_equal(strstr(copy, "\"width\":1") != NULL, cases[i].is_rectangle);
        assert_int_equal(strstr(copy, "\"height\":2") != NULL, cases[i].is_rectangle);
        free(copy);
        plan_destroy(plan);
    }
}

static void seats_in_one_place_keep_the_order_of_the_document(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
        BODY(PLAN(ROW(SEAT("1", "100") "," SEAT("2", "0") "," SEAT("3", "50") "," SEAT("4", "50"))),
             ""));
    uint32_t run;
    assert_int_equal(pos_of(plan, "1", &run), 0);
    assert_int_equal(pos_of(plan, "3", &run), 1);
    assert_int_equal(pos_of(plan, "4", &run), 2);
    assert_int_equal(pos_of(plan, "2", &run), 3);
    plan_destroy(plan);
}

/* Which rows are cut where, by the gap that is usual in the hall: 20. */
static void a_short_row_is_cut_by_the_gap_that_is_usual_in_the_hall(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
        BODY(PLAN(ROW(SEAT("1", "0") "," SEAT("2", "20") "," SEAT("3", "40") "," SEAT("4", "60")) //
                  "," ROW(SEAT("5", "0") "," SEAT("6", "60") "," SEAT("7", "120"))                //
                  "," ROW(SEAT("8", "0") "," SEAT("9", "20"))),
             ""));
    assert_int_equal(plan_facts(plan)->run_count, 5);
    plan_destroy(plan);
}

static void a_shape_is_served_with_what_it_has(void **state)
{
    (void)state;
    static const struct {
        const char *area, *served;
    } cases[] = {
        {"{'width':10,'height':20.5,'rotation':45}",
         "[{'shape':'rectangle','x':100,'y':50,'rotation':45,'width':10,'height':20.5}]"},
        {"{'shape':'rectangle','rectangle':{'width':1,'height':2},'color':'#fff',"
         "'border_color':'#000','position':{'x':1,'y':-2}}",
         "[{'shape':'rectangle','x':101,'y':48,'width':1,'height':2,'color':'#fff',"
         "'border_color':'#000'}]"},
        {"{'shape':'circle','circle':{'radius':7}}",
         "[{'shape':'circle','x':100,'y':50,'radius':7}]"},
        {"{'shape':'ellipse','ellipse':{'radius':{'x':7,'y':8}}}",
         "[{'shape':'ellipse','x':100,'y':50,'radius_x':7,'radius_y':8}]"},
        {"{'shape':'polygon','polygon':{'points':[{'x':1,'y':2},{'x':3.5,'y':-4}]}}",
         "[{'shape':'polygon','x':100,'y':50,'points':[1,2,3.5,-4]}]"},
        {"{'shape':'text','text':{'text':'Bar','color':'#00f','size':12,"
         "'position':{'x':1,'y':2}}}",
         "[{'shape':'text','x':100,'y':50,"
         "'text':{'text':'Bar','x':1,'y':2,'color':'#00f','size':12}}]"},
        {"{'text':'Bar'}", "[{'shape':'rectangle','x':100,'y':50,'text':{'text':'Bar'}}]"},
        {"{'text':null,'shape':'circle'}", "[{'shape':'circle','x':100,'y':50}]"},
        {"{'text':{'text':''}}", "[{'shape':'rectangle','x':100,'y':50}]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[1024];
        snprintf(body, sizeof(body), SHAPES("%s"), cases[i].area);
        struct plan *plan = plan_body_taken(body);
        char *served = plan_body_quoted(cases[i].served);
        struct span text = plan_shapes(plan);
        char *got = strndup(text.ptr, text.len);
        assert_string_equal(got, served);
        free(got);
        free(served);
        plan_destroy(plan);
    }
}

/* One shape of so many points; and so many small ones. What goes beyond is not drawn. */
static void shapes_that_are_too_many_are_left_out(void **state)
{
    (void)state;
    static char body[1 << 20], points[1 << 18];
    static const char polygon[] = "%s{'shape':'polygon','polygon':{'points':[%s]}}";
    struct text text = text_on(points, sizeof(points) - 1);
    for (unsigned i = 0; i < PLAN_POLYGON_POINTS_MAX; i++)
        text_printf(&text, "%s{'x':%u,'y':1}", i > 0 ? "," : "", i + 1);
    points[text.len] = '\0';
    text = text_on(body, sizeof(body) - 1);
    unsigned fit = PLAN_SHAPE_POINTS_MAX / PLAN_POLYGON_POINTS_MAX;
    TEXT_LIT(&text, "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':99000}],"
                    "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z',"
                    "'position':{'x':0,'y':0},'rows':[" ROW(SEAT("a", "1")) "],'areas':[");
    for (unsigned i = 0; i < fit + 2; i++)
        text_printf(&text, polygon, i > 0 ? "," : "", points);
    for (unsigned i = 0; i < PLAN_SHAPES_MAX; i++)
        TEXT_LIT(&text, ",{'shape':'circle'}"); /* which have none */
    TEXT_LIT(&text, "]}]}}");
    assert_false(text.overflown);
    body[text.len] = '\0';
    struct plan *plan = plan_body_taken(body);
    json_t *shapes = json_loadb(plan_shapes(plan).ptr, plan_shapes(plan).len, 0, NULL);
    assert_int_equal(json_array_size(shapes), PLAN_SHAPES_MAX);
    unsigned polygons = 0;
    for (size_t i = 0; i < json_array_size(shapes); i++)
        polygons += json_object_get(json_array_get(shapes, i), "points") != NULL;
    assert_int_equal(polygons, fit);
    json_decref(shapes);
    plan_destroy(plan);
}

static void a_body_that_is_too_long_is_not_read(void **state)
{
    (void)state;
    struct err_slot err = {.text = ""};
    struct plan *plan = NULL;
    char *body = calloc(1, PLAN_JSON_MAX + 1);
    assert_int_equal(plan_import((struct span){body, PLAN_JSON_MAX + 1}, &err, &plan), ERR_RANGE);
    assert_int_equal(plan_import((struct span){body, PLAN_JSON_MAX}, &err, &plan), ERR_SYNTAX);
    assert_null(plan);
    free(body);
}

static void an_entry_of_the_seats_that_is_no_object_is_named(void **state)
{
    (void)state;
    struct err_slot err = {.text = ""};
    struct plan *plan = NULL;
    assert_true(plan_body_read(BODY(PLAN(ROW(SEAT("a", "1"))), ",'seats':[7]"), &err, &plan) < 0);
    assert_string_equal(err.text, "/seats/0: must be an object");
    assert_true(
        plan_body_read("{'name':'S','currency':'KRW','categories':[{'name':'A','price':1},"
                       "{'name':'B','price':1}],'plan':{'name':'H','categories':[{'name':'A'},"
                       "{'name':'A'}],'zones':[]}}",
                       &err, &plan) < 0);
    assert_string_equal(err.text, "/plan/categories/1/name: is the name of an earlier category");
    assert_null(plan);
}

/* Two categories; the rows of two zones; of the second one that is not in seating order. */
#define TWO_ZONES(more)                                                                            \
    "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1},{'name':'B','price':2}]" \
    ",'plan':{'name':'H','categories':[{'name':'A'},{'name':'B'}],'zones':["                       \
    "{'name':'Y','position':{'x':0,'y':90},'rows':[" TWO_SEATS                                     \
    "]},{'name':'Z','position':{'x':0,'y':0},'rows':[" MIXED_SEATS "]}]}" more "}"
#define TWO_SEATS   ROW(SEAT("y1", "0") "," SEAT("y2", "40"))
#define MIXED_SEATS ROW(SEAT("a", "0") "," SEAT("b", "20") "," SEAT("c", "10"))
#define PLAIN_SEATS ROW(SEAT("a", "0") "," SEAT("b", "10") "," SEAT("c", "20"))

static void a_fault_in_a_later_zone_is_counted_within_it(void **state)
{
    (void)state;
    struct err_slot err = {.text = ""};
    struct plan *plan = NULL;
    char *body = plan_body_quoted(TWO_ZONES(""));
    memcpy(strstr(body, "\"c\""), "\"a\"", 3);
    assert_true(plan_import(span_of(body), &err, &plan) < 0);
    assert_string_equal(err.text, "/plan/zones/1/rows/0/seats/2/seat_guid: is used twice");
    free(body);
}

static void seats_out_of_order_cost_memory_for_their_order(void **state)
{
    (void)state;
    struct plan *mixed = plan_body_taken(TWO_ZONES(""));
    struct plan *plain = plan_body_taken(BODY(PLAN(TWO_SEATS "," PLAIN_SEATS), ""));
    assert_int_equal(plan_seat_count(mixed), plan_seat_count(plain));
    assert_true(plan_memory_facts(mixed) > plan_memory_facts(plain));
    float x, y;
    plan_focal(mixed, &x, &y);
    assert_true(x == 20 && y == 0); /* above the highest, which comes last */
    uint32_t seat;
    assert_true(plan_seat_find(mixed, SPAN("c"), &seat));
    assert_int_equal(plan_pos_of(plan_facts(mixed), seat), 1); /* between the others */
    plan_destroy(mixed);
    plan_destroy(plain);
}

static void a_row_that_is_named_twice_is_what_either_said(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(TWO_ZONES(",'rows':[{'zone':'Z','row':'1','table':'whole'},"
                                                  "{'zone':'Z','row':'1','table':'seat'},"
                                                  "{'zone':'Z','row':'1','floor':'1'},"
                                                  "{'zone':'Y','row':'1'}]"));
    const struct plan_facts *facts = plan_facts(plan);
    uint32_t seat;
    assert_true(plan_seat_find(plan, SPAN("a"), &seat));
    assert_int_equal(facts->runs[facts->run[seat]].flags, PLAN_RUN_TABLE | PLAN_RUN_WHOLE);
    assert_true(plan_seat_find(plan, SPAN("y1"), &seat));
    assert_int_equal(facts->runs[facts->run[seat]].flags, 0);
    plan_destroy(plan);
}

static void what_may_be_absent_may_be_null_and_says_the_same(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1}],"
        "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'position':{'x':0,'y':0},"
        "'rows':[{'row_number':'1','seats':[{'seat_guid':'a','seat_number':'1','category':'A',"
        "'position':{'x':0,'y':0}}]}],'areas':[{'shape':'circle'}]}]}}",
        "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1}],"
        "'starts_at':null,'areas':null,'channels':null,'limits':null,'fees':null,'zones':null,"
        "'rows':null,'seats':null,'focal_point':null,"
        "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':null,'zone_id':null,"
        "'uuid':null,'position':{'x':0,'y':0},"
        "'rows':[{'row_number':'1','row_label':null,'seat_label':null,'row_number_position':null,"
        "'position':null,'uuid':null,"
        "'seats':[{'seat_guid':'a','seat_number':'1','category':'A','start_direction':null,"
        "'uuid':null,'position':{'x':0,'y':0}}]}],'areas':[{'shape':'circle','polygon':null,"
        "'text':null}]}]}}"};
    struct plan *absent = plan_body_taken(bodies[0]), *null = plan_body_taken(bodies[1]);
    assert_memory_equal(plan_content(absent), plan_content(null), PLAN_HASH_BYTES);
    assert_true(span_eq(plan_export(absent), plan_export(null)));
    plan_destroy(absent);
    plan_destroy(null);

    plan_destroy(plan_body_taken(
        "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1,'color':null,"
        "'on_sale_at':null,'off_sale_at':null}],'channels':[{'id':'f','name':null,'code':null,"
        "'on_sale_at':null}],'areas':[{'id':'p','category':'A','capacity':1,'name':null,"
        "'channel':null}],'zones':[{'zone':'Z','view':null,'entrance':null}],"
        "'rows':[{'zone':'Z','row':'1','table':null}],'seats':[{'guid':'a','accessible':null,"
        "'companion_of':null,'channel':null}],"
        "'plan':{'name':'H','size':null,'categories':[{'name':'A','color':null}],"
        "'zones':[{'name':'Z','position':{'x':0,'y':0},'areas':null,'rows':[" ROW(
            SEAT("a", "0")) "]}]}}"));
}

static void a_seat_is_where_zone_row_and_seat_together_put_it(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
        "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1},"
        "{'name':'B','price':2},{'name':'C','price':3}],"
        "'plan':{'name':'H','categories':[{'name':'C'},{'name':'B'}],'zones':[{'name':'Z',"
        "'position':{'x':-1000,'y':-2000},'rows':[{'row_number':'7','position':{'x':-100,'y':-200},"
        "'seats':[{'seat_guid':'a','seat_number':'1','category':'B','position':{'x':-10,'y':-20}},"
        "{'seat_guid':'b','seat_number':'2','category':'C','position':{'x':-30,'y':-40},"
        "'radius':0,'start_direction':'>'}]},{'row_number':'8','seats':[{'seat_guid':'c',"
        "'seat_number':'1','category':'B','position':{'x':-50,'y':-60}}]},"
        "{'row_number':'9','seats':[],'number_of_seats':0}]}]}}");
    struct plan_seat a = plan_seat(plan, 0), b = plan_seat(plan, 1), c = plan_seat(plan, 2);
    assert_true(a.x == -1110 && a.y == -2220);
    assert_true(b.x == -1130 && b.y == -2240);
    assert_true(c.x == -1050 && c.y == -2060); /* of a row without a position of its own */
    assert_int_equal(a.category, 1);
    assert_int_equal(b.category, 2);
    assert_true(span_eq(a.row_label, SPAN("7"))); /* its number, as it has no label */
    assert_true(span_eq(b.number, SPAN("2")));
    assert_true(span_eq(b.zone, SPAN("Z")));
    float x, y;
    plan_focal(plan, &x, &y);
    assert_true(x == -1090 && y == -2240);
    plan_destroy(plan);
}

static void what_is_said_of_a_zone_holds_in_all_its_rows_and_makes_no_table_of_them(void **state)
{
    (void)state;
    struct plan *plan =
        plan_body_taken(BODY(PLAN(ROW(SEAT("a", "0") "," SEAT("b", "1") "," SEAT("c", "2") "," SEAT(
                                 "d", "9") "," SEAT("e", "10")) "," ROW(SEAT("f", "0"))),
                             ",'zones':[{'zone':'Z','floor':'2'}]"));
    for (uint32_t seat = 0; seat < plan_seat_count(plan); seat++)
        assert_true(span_eq(plan_seat(plan, seat).floor, SPAN("2")));
    uint32_t c, d;
    pos_of(plan, "c", &c);
    pos_of(plan, "d", &d);
    assert_int_not_equal(c, d); /* parted by an aisle, as without the entry */
    plan_destroy(plan);
}

static void what_is_said_of_a_zone_holds_unless_its_row_or_its_seat_says_otherwise(void **state)
{
    (void)state;
    static const struct {
        const char *guid, *floor, *entrance, *sight;
        uint32_t channel;
    } rows[] = {{"y1", "1", "West", NULL, 1},
                {"y2", "3", "West", NULL, 2},
                {"a", "2", NULL, "poor", 2},
                {"b", "2", "North", "poor", 2},
                {"c", "2", NULL, "good", 0}};
    struct plan *plan = plan_body_taken(
        BODY("'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Y','position':"
             "{'x':0,'y':0},'rows':[" ROW(SEAT("y1", "0") "," SEAT(
                 "y2", "20")) "]},{'name':'Z',"
                              "'position':{'x':0,'y':0},'rows':[" ROW(
                                  SEAT("a", "0") "," SEAT("b", "20") "," SEAT("c", "40")) "]}]}",
             ",'channels':[{'id':'f'},{'id':'g'}],"
             "'zones':[{'zone':'Y','floor':'1','entrance':'West','channel':'f'}],"
             "'rows':[{'zone':'Z','row':'1','floor':'2','sight':'poor','channel':'g'}],"
             "'seats':[{'guid':'y2','floor':'3','channel':'g'},{'guid':'b','entrance':'North'},"
             "{'guid':'c','sight':'good','channel':'public'}]"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t at;
        assert_true(plan_seat_find(plan, span_of(rows[i].guid), &at));
        struct plan_seat seat = plan_seat(plan, at);
        const struct {
            struct span got;
            const char *want;
        } texts[] = {{seat.floor, rows[i].floor},
                     {seat.entrance, rows[i].entrance},
                     {seat.sight, rows[i].sight}};
        for (unsigned t = 0; t < 3; t++)
            if (texts[t].want == NULL)
                assert_null(texts[t].got.ptr);
            else
                assert_span(texts[t].got, texts[t].want);
        assert_int_equal(seat.channel, rows[i].channel);
    }
    plan_destroy(plan);
}

/* Pairs of seats, so far apart. */
static uint32_t runs_of_pairs(const unsigned *gaps, size_t count)
{
    char body[4096];
    struct text text = text_on(body, sizeof(body) - 1);
    TEXT_LIT(&text, "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1}],"
                    "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z',"
                    "'position':{'x':0,'y':0},'rows':[");
    for (size_t i = 0; i < count; i++)
        text_printf(&text,
                    "%s{'row_number':'1','seats':[{'seat_guid':'a%zu','seat_number':'1',"
                    "'category':'A','position':{'x':0,'y':0}},{'seat_guid':'b%zu','seat_number':"
                    "'1','category':'A','position':{'x':%u,'y':0}}]}",
                    i > 0 ? "," : "", i, i, gaps[i]);
    TEXT_LIT(&text, "]}]}}");
    assert_false(text.overflown);
    body[text.len] = '\0';
    struct plan *plan = plan_body_taken(body);
    uint32_t runs = plan_facts(plan)->run_count;
    plan_destroy(plan);
    return runs;
}

/* An aisle is much wider than the gap of most rows, so those that are narrower cut nothing. */
static void the_gap_that_is_usual_in_a_hall_is_that_of_the_row_in_its_middle(void **state)
{
    (void)state;
    assert_int_equal(runs_of_pairs((const unsigned[]){40, 10, 20}, 3), 3 + 1);
    assert_int_equal(runs_of_pairs((const unsigned[]){40, 10, 40, 10, 10, 40}, 6), 6);
    assert_int_equal(runs_of_pairs((const unsigned[]){40, 10, 40, 10, 10}, 5), 5 + 2);
}

static void a_row_of_four_knows_by_itself_what_is_usual(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(BODY(
        PLAN(ROW(SEAT("1", "0") "," SEAT("2", "20")) "," ROW(SEAT("3", "0") "," SEAT("4", "20")) //
             "," ROW(SEAT("5", "0") "," SEAT("6", "60") "," SEAT("7", "120") "," SEAT("8", "180"))),
        ""));
    assert_int_equal(plan_facts(plan)->run_count, 3);
    plan_destroy(plan);
}

/* What is written in another order is another body that says the same. */
static void a_plan_is_known_again_by_its_body_and_by_what_it_says(void **state)
{
    (void)state;
    static const char one[] = "{'name':'Show','currency':'ZAR','categories':[{'name':'A','price':1}"
                              "]," PLAN(ROW(SEAT("a", "0"))) "}";
    static const char spaced[] = "{'currency':'ZAR', 'name':'Show','categories':[{'name':'A',"
                                 "'price':1}]," PLAN(ROW(SEAT("a", "0"))) "}";
    static const char other[] = "{'name':'Sham','currency':'ZAR','categories':[{'name':'A','price':"
                                "1}]," PLAN(ROW(SEAT("a", "0"))) "}";
    char *body = plan_body_quoted(one);
    uint8_t sha256[PLAN_HASH_BYTES];
    crypto_hash_sha256(sha256, (const uint8_t *)body, strlen(body));
    free(body);
    struct plan *plan = plan_body_taken(one), *same = plan_body_taken(spaced),
                *another = plan_body_taken(other);
    assert_memory_equal(plan_hash(plan), sha256, PLAN_HASH_BYTES);
    assert_memory_not_equal(plan_hash(plan), plan_hash(same), PLAN_HASH_BYTES);
    assert_memory_equal(plan_content(plan), plan_content(same), PLAN_HASH_BYTES);
    assert_memory_not_equal(plan_content(plan), plan_content(another), PLAN_HASH_BYTES);
    plan_destroy(plan);
    plan_destroy(same);
    plan_destroy(another);
}

static void a_row_that_cannot_be_sold_is_refused_whatever_follows(void **state)
{
    (void)state;
    static const char seat[] = "%s{'seat_guid':'%u','seat_number':'1','category':'A','position':"
                               "{'x':%u,'y':0}}";
    char body[16384];
    struct text text = text_on(body, sizeof(body) - 1);
    TEXT_LIT(&text, "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':1}],"
                    "'rows':[{'zone':'Z','row':'1','table':'whole'}],"
                    "'plan':{'name':'H','categories':[{'name':'A'}],'zones':[{'name':'Z',"
                    "'position':{'x':0,'y':0},'rows':[{'row_number':'1','seats':[");
    for (unsigned i = 0; i <= HOLD_SEATS_MAX; i++)
        text_printf(&text, seat, i > 0 ? "," : "", i, 20 * i);
    TEXT_LIT(&text, "]},{'row_number':'2','seats':[" SEAT("a", "0") "]}]}]}}");
    assert_false(text.overflown);
    body[text.len] = '\0';
    plan_body_refused(body, "/plan/zones/0/rows/0/seats/64/position: makes a table");
}

static void a_table_stays_one_whatever_row_comes_after_it(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
        BODY(PLAN("{'row_number':'T','seats':[" SEAT("t", "0") "]}," ROW(SEAT("a", "0") "," SEAT(
                 "b", "20") "," SEAT("c", "40") "," SEAT("d", "99") "," SEAT("e", "119"))),
             ",'rows':[{'zone':'Z','row':'T','table':'whole'}]"));
    const struct plan_facts *facts = plan_facts(plan);
    assert_int_equal(facts->run_count, 3);
    for (uint32_t run = 0; run < 3; run++)
        assert_int_equal(facts->runs[run].flags, run == 0 ? PLAN_RUN_TABLE | PLAN_RUN_WHOLE : 0);
    plan_destroy(plan);
}

/* Where nobody says where the stage is, it is drawn above the middle of the seats. */
static void a_stage_is_at_the_top_of_the_hall_whichever_seat_is_written_first(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        float x, y;
    } rows[] = {
        {BODY(PLAN("{'row_number':'1','seats':["
                   "{'seat_guid':'a','seat_number':'1','category':'A','position':{'x':60,'y':-9}},"
                   "{'seat_guid':'b','seat_number':'2','category':'A','position':{'x':20,'y':30}},"
                   "{'seat_guid':'c','seat_number':'3','category':'A','position':{'x':40,'y':10}}"
                   "]}"),
              ""),
         140, 41},
        {BODY(PLAN(""), ",'areas':[{'id':'pit','category':'A','capacity':5}]"), 0, 0}, /* no seat */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plan *plan = plan_body_taken(rows[i].body);
        float x, y;
        plan_focal(plan, &x, &y);
        assert_true(x == rows[i].x && y == rows[i].y);
        plan_destroy(plan);
    }
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
        cmocka_unit_test(terms_that_are_left_out_are_the_usual_ones_and_null_is_left_out),
        cmocka_unit_test(areas_and_channels_are_found_by_their_names),
        cmocka_unit_test(a_row_without_an_aisle_and_a_table_sold_whole_have_a_bound),
        cmocka_unit_test(the_last_view_of_a_zone_counts_by_whatever_name_it_was_given),
        cmocka_unit_test(of_views_there_are_as_many_as_a_plan_may_have),
        cmocka_unit_test(an_old_drawing_that_is_no_rectangle_goes_out_as_none),
        cmocka_unit_test(seats_in_one_place_keep_the_order_of_the_document),
        cmocka_unit_test(a_short_row_is_cut_by_the_gap_that_is_usual_in_the_hall),
        cmocka_unit_test(a_shape_is_served_with_what_it_has),
        cmocka_unit_test(shapes_that_are_too_many_are_left_out),
        cmocka_unit_test(a_body_that_is_too_long_is_not_read),
        cmocka_unit_test(an_entry_of_the_seats_that_is_no_object_is_named),
        cmocka_unit_test(a_fault_in_a_later_zone_is_counted_within_it),
        cmocka_unit_test(seats_out_of_order_cost_memory_for_their_order),
        cmocka_unit_test(a_row_that_is_named_twice_is_what_either_said),
        cmocka_unit_test(what_may_be_absent_may_be_null_and_says_the_same),
        cmocka_unit_test(a_seat_is_where_zone_row_and_seat_together_put_it),
        cmocka_unit_test(what_is_said_of_a_zone_holds_in_all_its_rows_and_makes_no_table_of_them),
        cmocka_unit_test(what_is_said_of_a_zone_holds_unless_its_row_or_its_seat_says_otherwise),
        cmocka_unit_test(the_gap_that_is_usual_in_a_hall_is_that_of_the_row_in_its_middle),
        cmocka_unit_test(a_row_of_four_knows_by_itself_what_is_usual),
        cmocka_unit_test(a_plan_is_known_again_by_its_body_and_by_what_it_says),
        cmocka_unit_test(a_row_that_cannot_be_sold_is_refused_whatever_follows),
        cmocka_unit_test(a_table_stays_one_whatever_row_comes_after_it),
        cmocka_unit_test(a_stage_is_at_the_top_of_the_hall_whichever_seat_is_written_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
