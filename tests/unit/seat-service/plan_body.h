/* plan_body.h: the body of an import, written in tests with ' for ", and its import. */
#ifndef FG_TEST_PLAN_BODY_H
#define FG_TEST_PLAN_BODY_H

#include "base/err.h"
#include "core/hall/plan.h"

#define SEAT(guid, x)                                                                              \
    "{'seat_guid':'" guid "','seat_number':'1','category':'A','position':{'x':" x ",'y':0}}"
#define ROW(seats) "{'row_number':'1','position':{'x':0,'y':0},'seats':[" seats "]}"
#define PLAN(rows)                                                                                 \
    "'plan':{'name':'H','categories':[{'name':'A','color':'#f00'}],"                               \
    "'zones':[{'name':'Z','zone_id':'z','position':{'x':100,'y':50},'rows':[" rows "]}],"          \
    "'size':{'width':10,'height':10}}"
#define BODY(plan, more)                                                                           \
    "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':99000}]," plan more "}"

/* Replaces the quotes. The caller frees the result. No name in these tests contains ' or ". */
char *plan_body_quoted(const char *text);

struct plan *plan_body_taken(const char *text); /* imports it; fails the test if that fails */
/* The test fails if the import succeeds, or if the error begins otherwise. */
void plan_body_refused(const char *text, const char *says);

#endif
