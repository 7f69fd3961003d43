/* plan_import_test.c: what an import accepts, what it refuses and with which error, and what the
 * plan then contains. Most rows edit one valid document: a member's pointer and its new value. */
#include "base/text.h"
#include "core/hall/plan_import.h"
#include "core/hall/plan_limits.h"
#include "plan_body.h"
#include "unit.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define ZONE       "/plan/zones/0"
#define ROW1       ZONE "/rows/0"
#define SEAT1      ROW1 "/seats/0"
#define KEY_64     "0123456789012345678901234567890123456789012345678901234567890123"
#define SHAPE      ZONE "/areas/0"

/* Two rows, of two seats and of one, an area, and one entry per extension. */
static const char document[] =
    "{'name':'Show','currency':'KRW','categories':[{'name':'A','price':99000},{'name':'B','price':"
    "120000}],'areas':[{'id':'pit','category':'B','capacity':5}],'channels':[{'id':'fans'}],"
    "'limits':{},'fees':{},'zones':[{'zone':'Z'}],'rows':[{'zone':'Z','row':'1'}],"
    "'seats':[{'guid':'a'},{'guid':'b'}],'plan':{'name':'H','size':{'width':10,'height':10},"
    "'categories':[{'name':'A'},{'name':'B'}],'zones':[{'name':'Z','zone_id':'z','position':{'x':"
    "100,'y':50},'rows':[{'row_number':'1','seats':[" SEAT("a", "0") "," SEAT(
        "b", "20") "]},"
                   "{'row_number':'2','position':{'x':0,'y':20},'seats':[" SEAT(
                       "c", "0") "]}],'areas':[{}]}]}}";

/* ---- documents ---- */

static json_t *json_of(const char *text)
{
    char *quoted = plan_body_quoted(text);
    json_t *json = json_loads(quoted, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        fail_msg("no JSON: %s", text);
    free(quoted);
    return json;
}

static json_t *member(json_t *in, const char *name)
{
    return json_is_array(in) ? json_array_get(in, strtoul(name, NULL, 10))
                             : json_object_get(in, name);
}

/* The member at the pointer. */
static json_t *member_at(json_t *in, const char *pointer)
{
    char path[256], *rest;
    snprintf(path, sizeof(path), "%s", pointer);
    for (char *name = strtok_r(path, "/", &rest); name; name = strtok_r(NULL, "/", &rest))
        in = member(in, name);
    return in;
}

/* Sets the member at the pointer, or removes it if the value is NULL. */
static void set(json_t *doc, const char *pointer, json_t *value)
{
    char path[256], *last;
    snprintf(path, sizeof(path), "%s", pointer);
    last = strrchr(path, '/');
    *last++ = '\0';
    doc = member_at(doc, path);
    if (value == NULL)
        assert_int_equal(json_object_del(doc, last), 0);
    else if (!json_is_array(doc))
        assert_int_equal(json_object_set_new(doc, last, value), 0);
    else if (member(doc, last) != NULL)
        assert_int_equal(json_array_set_new(doc, strtoul(last, NULL, 10), value), 0);
    else
        assert_int_equal(json_array_append_new(doc, value), 0);
}

/* Returns the next part of a text, up to the separator or the end; NULL if nothing is left. */
static char *part_of(char **rest, const char *separator)
{
    char *part = *rest, *end = part != NULL ? strstr(part, separator) : NULL;
    *rest = end != NULL ? end + strlen(separator) : NULL;
    if (end != NULL)
        *end = '\0';
    return part;
}

static void edit(json_t *doc, const char *pointer, const char *value)
{
    set(doc, pointer, value != NULL ? json_of(value) : NULL);
}

/* Edits are "pointer value" or "pointer", which removes; "; " separates them. */
static json_t *edited(const char *edits)
{
    json_t *doc = json_of(document);
    char *text = strdup(edits), *rest = *edits != '\0' ? text : NULL, *pointer;
    while ((pointer = part_of(&rest, "; ")) != NULL) {
        char *value = pointer;
        part_of(&value, " ");
        edit(doc, pointer, value);
    }
    free(text);
    return doc;
}

/* Imports and releases the document. `refused`: how the error must begin; NULL: it is accepted. */
static struct plan *import(json_t *doc, const char *refused)
{
    struct plan *plan = NULL;
    char *body = json_dumps(doc, 0);
    json_decref(doc);
    if (refused != NULL)
        plan_body_refused(body, refused);
    else
        plan = plan_body_taken(body);
    free(body);
    return plan;
}

static struct plan *import_edited(const char *edits)
{
    return import(edited(edits), NULL);
}

/* ---- refusals ---- */

/* The error names the member that was edited last, or begins with a pointer of its own. " | "
 * separates faults of the same rule. */
static const struct {
    const char *edits, *says;
} faults[] = {
    {"/name | /currency | /categories | /categories/0/price | /channels/0/id | /areas/0/capacity | "
     "/plan/name | /plan/size/width | /plan/size/height | /plan/categories | "
     "/plan/categories/0/name | /plan/zones | " ZONE "/position | " ZONE "/rows | " ROW1
     "/row_number | " ROW1 "/seats | " SEAT1 "/seat_guid | " SEAT1 "/seat_number | " SEAT1
     "/category | " SEAT1 "/position | " SEAT1
     "/position/y | /zones/0/zone | /rows/0/row | /seats/0/guid",
     "is missing"},
    {"/currency 'wON' | /currency 'WOn' | /currency 'KR1' | /currency 'KR['",
     "must be three capital letters"},
    {"/categories/0 5 | /limits 5 | /fees 5 | /channels/0 5 | /areas/0 5 | /plan 5 | /plan/size 5 "
     "| /plan/categories/0 5 | " ZONE " 5 | " ZONE "/position 5 | " ZONE "/rows/1 6; " ROW1
     " 5 | " SEAT1 " 5 | " SHAPE " 5 | " SHAPE "/polygon 5 | " SHAPE
     "/polygon {'points':[]}; " SHAPE "/polygon/points/0 5 | " SHAPE "/rectangle 5 | " SHAPE
     "/ellipse 5 | " SHAPE "/circle 5 | " SHAPE "/text 5 | /zones/0 5 | /seats/0 7",
     "must be an object"},
    {"/categories/0/seats 1 | /limits/max 1 | /fees/percent 1 | /channels/0/price 1 | "
     "/areas/0/rows 1 | /plan/scale 1 | /plan/size/depth 1 | /plan/categories/0/colour '' | " ROW1
     "/bend 1 | " SEAT1 "/price 1 | " SHAPE "/sides 5 | " SHAPE "/polygon {'points':[{}]}; " SHAPE
     "/polygon/points/0/z 5 | " SHAPE "/polygon {'points':[]}; " SHAPE "/polygon/more 1 | " SHAPE
     "/rectangle {}; " SHAPE "/rectangle/size 1 | " SHAPE "/ellipse {}; " SHAPE
     "/ellipse/size 1 | " SHAPE "/circle {}; " SHAPE "/circle/size 1 | " SHAPE "/text {}; " SHAPE
     "/text/font 1 | /zones/0/row '1' | /seats/0/row '1'",
     "is not known"},
    {"/channels 5 | /areas 5 | /plan/categories 5 | /plan/zones 5 | " ZONE "/areas 5 | " ROW1
     "/number_of_seats 0; " ROW1 "/seats 5 | /zones 5 | /seats 5",
     "must be a list"},
    {"/areas/0/channel 5 | /plan/categories/0/color 5 | " SEAT1 "/category 5 | /seats/0/guid 5",
     "must be a text"},
    {ROW1 "/seats_spacing 'wide' | " SEAT1 "/position/x '1'", "must be a number"},
    {ROW1 "/row_number_position 'top' | " SEAT1 "/start_direction 'v' | " SHAPE
          "/shape 'star' | /rows/0/table 'half'",
     ""},
    {"/zones/0/view '/' | /zones/0/view 'ab' | /zones/0/view '/a{' | /zones/0/view '/a[' | "
     "/zones/0/view '/a!' | /zones/0/view '/a:'",
     "must be a path"},
    {"/colour 1 | /rows/0/view '/a'", "is not known here"},
    {"/starts_at 1 | /limits/access_until 1", "must be a time"},
    {"/categories/0/price -1", "must be a whole number"},
    {"/categories/1/name 'A'", "is the name of an earlier"},
    {"/categories/0/on_sale_at '2026-11-20T11:00:00Z'; /categories/0/off_sale_at "
     "'2026-11-20T11:00:00Z'",
     "must be later"},
    {"/limits/hold_ttl_s 100; /limits/hold_max_s 99", "must not be less"},
    {"/limits/orphan_rule 1 | /seats/0/aisle 1", "must be true or false"},
    {"/channels/0/id 'public'", "is the id of an earlier"},
    {"/channels/1 {'id':'fans'}", "/channels/1/id: is the id of an earlier"},
    {"/areas/0/category 'X'", "is not the name"},
    {"/areas/0/channel ''", "must be a text of 1 to"},
    {"/areas/0/channel 'x'", "is not the id of a channel"},
    {"/areas/1 {'id':'pit','category':'A','capacity':1}", "/areas/1/id: is the id of an ea"},
    {"/areas/1 {'id':'q','category':'A','capacity':1}; /areas/2 "
     "{'id':'q','category':'A','capacity':1}",
     "/areas/2/id: is the id of an ear"},
    {"/plan; /currency", "/plan: is missing; the body is {\"name\", \"currency\", \"categories\": "
                         "[{\"name\", \"price\"}], \"plan\"}"},
    {"/plan/categories/0/name 'X'", "has no entry with a price"},
    {"/plan/categories/1/name 'A'", "is the name of an earlier category"},
    {"/plan/categories/2 {'name':'B'}", "/plan/categories/2/name: is the name of an earlier"},
    {"/areas []; /zones []; /rows []; /seats []; /plan/zones []", "/plan: has no seats"},
    {ROW1 "/number_of_seats 3", "is not the number"},
    {ROW1 "/row_number '" KEY_64 "'; " ROW1 "/row_label '%s" KEY_64 "1'", "makes more than 128"},
    {ROW1 "/row_label '" KEY_64 KEY_64 "'; " ROW1 "/seats/1/seat_number '" KEY_64 "'; " ROW1
          "/seat_label '%s" KEY_64 "1'",
     "makes more than 128 characters with a number"},
    {SEAT1 "/category 'X'", "is not the name of a category in /plan/cat"},
    {"/plan/categories [{'name':'A'}]; " SEAT1 "/category 'B'",
     "is not the name of a category in /plan/categories"},
    {SEAT1 "/position/x 1e300", "must be a number from"},
    {SEAT1 "/radius -1", "must not be negative"},
    {ROW1 "/seats/1/seat_guid 'a' | " ZONE "/rows/1/seats/0/seat_guid 'a'", "is used twice"},
    {"/plan/zones/1 {'position':{'x':0,'y':0},'rows':[" ROW(
         SEAT("d", "0") "," SEAT("e", "1")) "]}; /plan/zones/1/rows/0/seats/1/seat_guid 'a'",
     "is used twice"},
    /* A seat's own faults are reported before conflicts with other seats. */
    {ROW1 "/seats/1/seat_guid 'a'; " ZONE "/rows/1/seats/0/position/x '3'", "must be a number"},
    {SHAPE "/polygon {}", "/plan/zones/0/areas/0/polygon/points: is missing"},
    {"/zones/0/zone 'Y' | /rows/0/row '9'", "is not in the plan"},
    {"/zones/0/view 'https://x.example/z'", "must be a path of this origin, such as /views/st"},
    {"/zones/0/view '//x.example/z' | /zones/0/view '/a\\\\b'", "must be a path of this origin"},
    {"/seats/0/guid 'x'", "is not a seat of the plan"},
    {"/seats/0/channel 'x'", "is not the id"},
    {"/seats/0/companion_of 'b'", "is not an accessible seat"},
    {"/seats/0/companion_of 'a' | /seats/0/companion_of 'x'", "is not another seat"},
    {"/seats/0/accessible true; /seats/1/accessible true; /seats/1/companion_of 'a'",
     "is for a seat that is not accessible"},
    {"/focal_point {'x':1}", "/focal_point/y: is missing"},
};

static void assert_fault(const char *edits, const char *rule)
{
    char says[256];
    const char *last = edits;
    for (const char *next = last; (next = strstr(next, "; ")) != NULL; last = next)
        next += 2;
    snprintf(says, sizeof(says), "%.*s: %s", (int)strcspn(last, " "), last, rule);
    import(edited(edits), *rule == '/' ? rule : says);
}

TEST_CASE(each_fault_is_named_by_pointer_and_rule)
{
    for (size_t i = 0; i < LEN(faults); i++) {
        char *all = strdup(faults[i].edits), *rest = all, *edits;
        while ((edits = part_of(&rest, " | ")) != NULL)
            assert_fault(edits, faults[i].says);
        free(all);
    }
    plan_body_refused("{", "not JSON");
    plan_body_refused("[]", "the document: must be an object");
}

/* A list of `count` entries; their index replaces each '@'. */
static json_t *entries(const char *entry, unsigned count)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) {
        char one[256];
        struct text text = text_on(one, sizeof(one) - 1);
        for (const char *c = entry; *c != '\0'; c++)
            if (*c == '@')
                text_u64(&text, i);
            else
                text_char(&text, *c);
        one[text.len] = '\0';
        json_array_append_new(list, json_of(one));
    }
    return list;
}

#define NO_SEATS "/plan/zones []; /zones []; /rows []; /seats []"
#define NUMBER   NULL
#define TEXT     ""             /* of this many bytes */
#define CHARS    "\xEC\xB8\xB5" /* this many of these */

static const struct {
    const char *at, *kind; /* or the entries of a list */
    int64_t least, most;
    const char *edits;
} bounds[] = {
    {"/categories/0/price", NUMBER, 0, INT64_C(1000000000000), ""},
    {"/fees/per_seat", NUMBER, 0, 1000000000, ""},
    {"/fees/per_order", NUMBER, 0, 1000000000, ""},
    {"/fees/basis_points", NUMBER, 0, 10000, ""},
    {"/vat_basis_points", NUMBER, 0, 10000, ""},
    {"/areas/0/capacity", NUMBER, 1, 1 << 20, ""},
    {"/plan/size/width", NUMBER, 1, 10000000, ""},
    {"/plan/size/height", NUMBER, 1, 10000000, ""},
    {"/limits/max_per_buyer", NUMBER, 0, 10000, ""},
    {"/limits/max_per_hold", NUMBER, 1, 64, ""},
    {"/limits/hold_ttl_s", NUMBER, 1, INT64_C(24) * 3600, ""},
    {"/limits/hold_max_s", NUMBER, 1, INT64_C(7) * 24 * 3600, "/limits/hold_ttl_s 1"},
    {"/limits/rate_per_session_per_s", NUMBER, 0, 10000, ""},
    {"/name", CHARS, 1, 128, ""},
    {"/currency", TEXT, 3, 3, ""},
    {"/channels/0/code", TEXT, 8, 128, ""},
    {"/channels/0/name", CHARS, 0, 128, ""},
    {"/zones/0/entrance", CHARS, 0, 128, ""},
    {SEAT1 "/seat_guid", TEXT, 1, 128, "/seats []"},
    {SEAT1 "/seat_number", CHARS, 0, 128, ""},
    {ROW1 "/row_number", CHARS, 0, 128, "/rows []"},
    {"/plan/name", CHARS, 0, 128, ""},
    {"/categories", "{'name':'@','price':0}", 1, 64,
     "/areas/0/category '0'; /plan/categories []; " NO_SEATS},
    {"/channels", "{'id':'@'}", 0, 15, ""},
    {"/areas", "{'id':'@','category':'A','capacity':1}", 0, 64, ""},
    {"/plan/zones", "{'position':{'x':0,'y':0},'rows':[]}", 0, 2000, NO_SEATS},
    {ZONE "/areas", "{}", 0, 2000, ""},
};

static json_t *value_of(const char *kind, int64_t size)
{
    char text[3 * 160];
    if (kind == NUMBER)
        return json_integer(size);
    if (*kind == '{')
        return entries(kind, (unsigned)size);
    size_t each = *kind == '\0' ? 1 : strlen(kind);
    for (size_t i = 0; i < (size_t)size * each; i++)
        text[i] = each == 1 ? 'A' : kind[i % each];
    return json_stringn(text, (size_t)size * each);
}

TEST_CASE(numbers_texts_and_lists_have_bounds)
{
    for (size_t i = 0; i < LEN(bounds); i++) {
        const char *kind = bounds[i].kind;
        const char *form =
            kind == NUMBER  ? "%s: must be a whole number from %" PRId64 " to %" PRId64
            : *kind == '\0' ? "%s: must be a text of %" PRId64 " to %" PRId64 " bytes"
            : *kind != '{'  ? "%s: must be a text of %" PRId64 " to %" PRId64 " characters"
                            : "%s: must be a list of %" PRId64 " to %" PRId64 " elem";
        const int64_t least = bounds[i].least, most = bounds[i].most;
        const int64_t sizes[] = {least - 1, least, most, most + 1};
        for (unsigned n = kind != NUMBER && least == 0 ? 1 : 0; n < 4; n++) {
            char rule[160];
            snprintf(rule, sizeof(rule), form, bounds[i].at, least, most);
            json_t *doc = edited(bounds[i].edits);
            set(doc, bounds[i].at, value_of(kind, sizes[n]));
            plan_destroy(import(doc, n == 0 || n == 3 ? rule : NULL));
        }
    }
}

/* The bound of a list holds per zone, so exceeding the plan's bound takes a second zone. Two
 * categories in a row are two parts. */
TEST_CASE(plan_has_a_bound_of_rows_and_of_their_parts)
{
    static const struct {
        unsigned rows;
        const char *row, *says;
    } cases[] = {
        {PLAN_ROWS_MAX, "{'row_number':'','seats':[" SEAT("@", "0") "]}",
         "/plan/zones/1/rows/0/seats/0/position: begins one row too many"},
        {PLAN_ROWS_MAX / 2,
         "{'row_number':'','seats':[" SEAT("@", "0") ",{'seat_guid':'b@','seat_number':'2','"
                                                     "category':'B','position':{'x':20,'y':0}}]}",
         "/plan/zones/1/rows/0/seats/0/position: begins one part too many"},
    };
    for (unsigned i = 0; i < 2 * LEN(cases); i++) {
        bool more = i % 2;
        json_t *doc = edited(NO_SEATS "; " ZONE " {'position':{'x':0,'y':0},'rows':[]}; "
                                      "/plan/zones/1 {'position':{'x':0,'y':0},'rows':[]}");
        set(doc, ZONE "/rows", entries(cases[i / 2].row, cases[i / 2].rows));
        if (more)
            edit(doc, "/plan/zones/1/rows", "[" ROW(SEAT("c", "0")) "]");
        plan_destroy(import(doc, more ? cases[i / 2].says : NULL));
    }
}

TEST_CASE(plan_has_a_bound_of_views)
{
    for (unsigned more = 0; more < 2; more++) {
        json_t *doc = edited(NO_SEATS);
        set(doc, "/plan/zones",
            entries("{'name':'@','position':{'x':0,'y':0},'rows':[{'row_number':'1','seats':[]}]}",
                    PLAN_VIEWS_MAX + more));
        set(doc, "/zones", entries("{'zone':'@','view':'/@'}", PLAN_VIEWS_MAX + more));
        edit(doc, "/zones/9999", "{'zone':'0','view':'/new'}"); /* replaces the earlier one */
        struct plan *plan =
            import(doc, more ? "/zones/1024/view: is one too many for a plan" : NULL);
        if (more)
            continue;
        assert_span(plan_view_of(plan, SPAN("0")), "/new");
        assert_span(plan_view_of(plan, SPAN("1023")), "/1023");
        plan_destroy(plan);
    }
}

TEST_CASE(too_long_a_body_is_not_read)
{
    struct err_slot err = {.text = ""};
    struct plan *plan = NULL;
    char *body = calloc(1, PLAN_JSON_MAX + 1);
    assert_int_equal(plan_import((struct span){body, PLAN_JSON_MAX + 1}, &err, &plan), ERR_RANGE);
    assert_int_equal(plan_import((struct span){body, PLAN_JSON_MAX}, &err, &plan), ERR_SYNTAX);
    assert_null(plan);
    free(body);
}

/* ---- what the plan contains ---- */

static void show_span(struct text *text, struct span span)
{
    if (span.ptr == NULL)
        text_char(text, '-');
    else
        text_printf(text, "%.*s", (int)span.len, span.ptr);
}

/* zone, row, number, category, channel, flags, companion, place, entrance, floor, sight */
static void show_seat(struct text *text, const struct plan *plan, const char *guid)
{
    uint32_t at;
    if (!plan_seat_find(plan, span_of(guid), &at)) {
        TEXT_LIT(text, "none");
        return;
    }
    struct plan_seat seat = plan_seat(plan, at);
    assert_span(seat.guid, guid);
    assert_int_equal(plan_companion_of(plan, at), seat.companion);
    show_span(text, seat.zone);
    text_char(text, '/');
    show_span(text, seat.row_label);
    text_char(text, '/');
    show_span(text, seat.number);
    text_printf(text, " %u %u %u %d %g,%g", seat.category, seat.channel, seat.flags,
                (int)seat.companion, (double)plan_facts(plan)->x[at],
                (double)plan_facts(plan)->y[at]);
    const struct span labels[] = {seat.entrance, seat.floor, seat.sight};
    for (unsigned i = 0; i < 3; i++) {
        text_char(text, ' ');
        show_span(text, labels[i]);
    }
}

static void show_limits(struct text *text, const struct plan *plan)
{
    const struct plan_limits *limits = plan_limits(plan);
    text_printf(text, "%u %u %" PRIu64 " %" PRIu64 " %u %d %" PRIu64, limits->max_per_buyer,
                limits->max_per_hold, limits->hold_ttl_ms, limits->hold_max_ms,
                limits->rate_per_session_per_s, limits->orphan_rule, limits->access_until_ms);
}

static void show_category(struct text *text, const struct plan *plan, const char *name)
{
    int at = plan_category_find(plan, span_of(name));
    text_printf(text, "%d", at);
    if (at < 0)
        return;
    const struct plan_category *category = plan_category(plan, (uint32_t)at);
    text_printf(text, " %" PRIu64 " %" PRIu64 " %" PRIu64 " ", category->price,
                category->on_sale_ms, category->off_sale_ms);
    show_span(text, category->color);
}

static void show_area(struct text *text, const struct plan *plan, const char *id)
{
    int at = plan_area_find(plan, span_of(id));
    text_printf(text, "%d of %u", at, plan_area_count(plan));
    if (at < 0)
        return;
    const struct plan_area *area = plan_area(plan, (uint32_t)at);
    text_printf(text, ": %u %u %u ", area->category, area->channel, area->capacity);
    show_span(text, area->name);
}

static void show_channels(struct text *text, const struct plan *plan, const char *code)
{
    for (uint32_t i = 0; i < plan_channel_count(plan); i++) {
        show_span(text, plan_channel(plan, i)->id);
        text_printf(text, " %" PRIu64 ", ", plan_channel(plan, i)->on_sale_ms);
    }
    text_printf(text, "codes %d, %s opens %d", plan_has_codes(plan), code,
                plan_channel_by_code(plan, span_of(code)));
}

/* The seats of each run, in the order in which people sit. */
static void show_runs(struct text *text, const struct plan *plan)
{
    const struct plan_facts *facts = plan_facts(plan);
    for (uint32_t run = 0; run < facts->run_count; run++) {
        text_printf(text, "%s", run > 0 ? " | " : "");
        for (uint32_t pos = 0; pos < facts->runs[run].count; pos++) {
            uint32_t seat = plan_seat_at(facts, run, pos);
            assert_int_equal(facts->run[seat], run);
            assert_int_equal(plan_pos_of(facts, seat), pos);
            text_printf(text, "%s", pos > 0 ? " " : "");
            show_span(text, plan_seat(plan, seat).guid);
        }
        if (facts->runs[run].flags & PLAN_RUN_TABLE)
            TEXT_LIT(text, " table");
        if (facts->runs[run].flags & PLAN_RUN_WHOLE)
            TEXT_LIT(text, " whole");
    }
}

/* A member of the export, with its keys sorted. */
static void show_export(struct text *text, const struct plan *plan, const char *pointer)
{
    json_t *doc = json_loadb(plan_export(plan).ptr, plan_export(plan).len, 0, NULL);
    char *dump =
        json_dumps(member_at(doc, pointer), JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    text_printf(text, "%s", dump != NULL ? dump : "-");
    free(dump);
    json_decref(doc);
}

static void show(struct text *text, const struct plan *plan, const char *what, const char *of)
{
    if (strcmp(what, "seat") == 0) {
        show_seat(text, plan, of);
    } else if (strcmp(what, "limits") == 0) {
        show_limits(text, plan);
    } else if (strcmp(what, "category") == 0) {
        show_category(text, plan, of);
    } else if (strcmp(what, "area") == 0) {
        show_area(text, plan, of);
    } else if (strcmp(what, "channels") == 0) {
        show_channels(text, plan, of);
    } else if (strcmp(what, "runs") == 0) {
        show_runs(text, plan);
    } else if (strcmp(what, "export") == 0) {
        show_export(text, plan, of);
    } else if (strcmp(what, "shapes") == 0) {
        show_span(text, plan_shapes(plan));
    } else if (strcmp(what, "words") == 0) {
        uint32_t at;
        assert_true(plan_seat_find(plan, span_of(of), &at));
        const struct plan_seat seat = plan_seat(plan, at);
        plan_label_put(text, seat.label_form, seat.number);
        text_printf(text, " %d", (int)seat.row_ends);
    } else if (strcmp(what, "dropped") == 0) {
        show_span(text, plan_dropped(plan));
    } else if (strcmp(what, "view") == 0) {
        show_span(text, plan_view_of(plan, span_of(of)));
    } else if (strcmp(what, "accessible") == 0) {
        text_printf(text, "%d", plan_has_accessible(plan));
    } else if (strcmp(what, "focal") == 0) {
        float x, y;
        plan_focal(plan, &x, &y);
        text_printf(text, "%g,%g", (double)x, (double)y);
    } else {
        assert_string_equal(what, "charges");
        const struct plan_charges *charges = plan_charges(plan);
        text_printf(text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, charges->fees.per_seat,
                    charges->fees.per_order, charges->fees.basis_points, charges->vat_basis_points);
    }
}

/* Facts are "what of = text" or "what = text", separated by "; "; ' stands for ". */
static void assert_facts(const char *name, const struct plan *plan, const char *facts)
{
    char *all = plan_body_quoted(facts), *rest = all, *fact, got[4096];
    while ((fact = part_of(&rest, "; ")) != NULL) {
        struct text text = text_on(got, sizeof(got) - 1);
        char *want = strstr(fact, " = "), *of = strchr(fact, ' ');
        *want = *of = '\0';
        show(&text, plan, fact, of < want ? of + 1 : "");
        got[text.len] = '\0';
        if (strcmp(got, want + 3) != 0)
            fail_msg("%s: %s is \"%s\" and not \"%s\"", name, fact, got, want + 3);
    }
    free(all);
}

static const struct {
    const char *name, *edits, *facts;
} says[] = {
    {"what is left out has its usual value", "/areas []; /channels null; /limits null",
     "limits = 8 8 480000 900000 10 1 0; charges = 0 0 0 0; category A = 0 99000 0 0 -; "
     "category X = -1; area pit = -1 of 0; channels moon = public 0, codes 0, moon opens -1; "
     "seat a = Z/1/1 0 0 0 -1 100,50 - - -; seat x = none; accessible = 0; shapes = "
     "[{'shape':'rectangle','x':100,'y':50}]; view Z = -; focal = 110,50; dropped = []"},
    {"a limit of null is the usual one", "/limits/access_until null",
     "limits = 8 8 480000 900000 10 1 0"},
    {"no limit is what the document has to say",
     "/limits {'max_per_buyer':0,'max_per_hold':64,'rate_per_session_per_s':0}",
     "limits = 0 64 480000 900000 0 1 0"},
    {"a buyer may have at least one hold", "/limits/max_per_hold 20",
     "limits = 20 20 480000 900000 10 1 0"},
    {"limits are set",
     "/limits {'max_per_buyer':3,'max_per_hold':2,'hold_ttl_s':70,'hold_max_s':70,"
     "'rate_per_session_per_s':5,'orphan_rule':false,'access_until':'1970-01-01T00:00:01.5Z'}",
     "limits = 3 2 70000 70000 5 0 1500"},
    {"a hold may live as long as its first term", "/limits {'hold_ttl_s':1000,'orphan_rule':true}",
     "limits = 8 8 1000000 1000000 10 1 0"},
    {"fees are set", "/fees {'per_seat':1000,'basis_points':250}; /vat_basis_points 1000",
     "charges = 1000 0 250 1000"},
    {"categories keep their time of sale",
     "/categories/0/on_sale_at '2026-11-20T11:00:00Z'; "
     "/categories/0/off_sale_at '2026-11-20T11:00:01Z'",
     "category A = 0 99000 1795172400000 1795172401000 -"},
    {"a color of the terms comes before the plan's",
     "/categories/1/color '#123'; /plan/categories [{'name':'B','color':'#fff'},"
     "{'name':'A','color':'#f00'}]",
     "category A = 0 99000 0 0 #f00; category B = 1 120000 0 0 #123"},
    {"areas and channels are found by their names",
     "/channels "
     "[{'id':'open'},{'id':'fans','code':'moonrise','on_sale_at':'1970-01-01T00:00:02Z'}]; "
     "/areas/1 {'id':'bar','name':'Bar','category':'A','capacity':6,'channel':'fans'}",
     "area pit = 0 of 2: 1 0 5 -; area bar = 1 of 2: 0 2 6 Bar; area A = -1 of 2; "
     "channels moonrise = public 0, open 0, fans 2000, codes 1, moonrise opens 2; "
     "channels sun = public 0, open 0, fans 2000, codes 1, sun opens -1"},
    {"a seat adds the positions of zone, row and seat",
     ZONE "/position {'x':-1000,'y':-2000}; " ROW1 "/position {'x':-100,'y':-200}; " SEAT1
          "/position {'x':-10,'y':-20}; " ROW1 "/seats/1 {'seat_guid':'b','seat_number':'2',"
          "'category':'B','position':{'x':-30.5,'y':-40},'radius':0,'start_direction':'>'}; " ZONE
          "/rows/1/position null; " ZONE "/rows/2 {'row_number':'9','seats':[],"
          "'number_of_seats':0}",
     "seat a = Z/1/1 0 0 0 -1 -1110,-2220 - - -; seat b = Z/1/2 1 0 0 -1 -1130.5,-2240 - - -; "
     "seat c = Z/2/1 0 0 0 -1 -1000,-2000 - - -; focal = -1065.25,-2240"},
    {"a row's label and its seats' names are made of forms",
     ROW1 "/row_label 'Reihe %s'; " ROW1 "/seat_label 'Stuhl %s'; " ROW1
          "/row_number_position 'start'; " ZONE "/rows/1/row_label 'Loge'; " ZONE
          "/rows/1/seat_label 'Sessel'",
     "seat a = Z/Reihe 1/1 0 0 0 -1 100,50 - - -; words a = Stuhl 1 0; words b = Stuhl 1 0; "
     "seat c = Z/Loge/1 0 0 0 -1 100,70 - - -; words c = Sessel 2"},
    {"a row without such forms has none", "/areas []", "words a =  2; words c =  2"},
    {"every member of the schema is known",
     "/starts_at '2026-12-01T19:00:00+09:00'; " ROW1 "/row_label 'Row %s'; " ROW1
     "/seat_label null; " ROW1 "/row_number_position 'both'; " ROW1 "/uuid 'u'; " SEAT1
     "/radius 10; " SEAT1 "/start_direction '<>'; " SEAT1 "/uuid 'u'; " ZONE "/uuid 'u'; " SHAPE
     "/uuid 'u'; " ZONE "/displayed true; " ROW1 "/number_of_seats 2; " ROW1 "/seats_spacing 20",
     "seat a = Z/Row 1/1 0 0 0 -1 100,50 - - -; seat c = Z/2/1 0 0 0 -1 100,70 - - -; "
     "export " ZONE "/displayed = -; export " ROW1 "/number_of_seats = -; export " ROW1
     "/seats_spacing = -"},
    {"the focal point may be set", "/focal_point {'x':5,'y':-20.5}", "focal = 5,-20.5"},
    {"the focal point is above the highest seat, in whatever order seats are listed",
     SEAT1 "/position {'x':60,'y':-9}; " ROW1 "/seats/1/position {'x':20,'y':30}; " ZONE
           "/rows/1/seats/0/position {'x':40,'y':-20}",
     "focal = 140,41"},
    {"the focal point of a higher row that comes last", ZONE "/rows/1/position {'x':0,'y':-20}",
     "focal = 110,30"},
    {"a plan without seats looks at its origin", NO_SEATS, "focal = 0,0; runs = "},
    {"seats have flags and companions, in any order and from several entries",
     "/seats [{'guid':'b','companion_of':'a','restricted_view':true,'aisle':true},"
     "{'guid':'a','accessible':true},{'guid':'b','accessible':false,'floor':'1'}]",
     "seat a = Z/1/1 0 0 1 -1 100,50 - - -; seat b = Z/1/1 0 0 14 0 120,50 - 1 -; accessible = 1"},
    {"a zone's labels hold unless its row or seat has others",
     "/channels/1 {'id':'g'}; /zones "
     "[{'zone':'Z','floor':'1','entrance':'West','channel':'fans'}]; "
     "/rows [{'zone':'Z','row':'1','floor':'2','sight':'poor','channel':'g'}]; "
     "/seats [{'guid':'b','entrance':'North','sight':'good','channel':'public'}]",
     "seat a = Z/1/1 0 2 0 -1 100,50 West 2 poor; seat b = Z/1/1 0 0 0 -1 120,50 North 2 good; "
     "seat c = Z/2/1 0 1 0 -1 100,70 West 1 -"},
    {"a seat's own floor and channel win",
     "/channels/1 {'id':'g'}; /zones [{'zone':'z','floor':'1','channel':'fans'}]; "
     "/seats [{'guid':'c','floor':'3','channel':'g'}]",
     "seat a = Z/1/1 0 1 0 -1 100,50 - 1 -; seat c = Z/2/1 0 2 0 -1 100,70 - 3 -"},
    {"labels of a zone do not reach another",
     "/plan/zones/1 {'name':'Y','position':{'x':0,'y':0},'rows':[" ROW(SEAT(
         "y",
         "0")) "]}; "
               "/zones [{'zone':'Z','floor':'1'}]; /rows [{'zone':'Y','row':'1','sight':'good'}]",
     "seat y = Y/1/1 0 0 0 -1 0,0 - - good; seat a = Z/1/1 0 0 0 -1 100,50 - 1 -"},
    {"extensions may repeat more often than there are seats",
     "/zones [{'zone':'Z'},{'zone':'Z'},{'zone':'Z'},{'zone':'Z'}]; /rows [{'zone':'Z','row':'1'},"
     "{'zone':'Z','row':'1'},{'zone':'Z','row':'1'},{'zone':'Z','row':'1'}]; "
     "/seats [{'guid':'a'},{'guid':'a'},{'guid':'a'},{'guid':'a'}]",
     "seat a = Z/1/1 0 0 0 -1 100,50 - - -"},
    {"the last view of a zone counts, given by its name or its id",
     "/plan/zones/1 {'name':'Y','zone_id':'y','position':{'x':0,'y':0},'rows':[" ROW(
         SEAT("y", "0")) "]}; /zones [{'zone':'z','view':'/1'},{'zone':'y','view':'/aZ_zA09.~%-'},"
                         "{'zone':'Z','view':'/2'},{'zone':'Z','entrance':'West'}]",
     "view Z = /2; view Y = /aZ_zA09.~%-; view z = -"},
    {"a row that is named twice is what either entry says",
     "/rows [{'zone':'z','row':'1','table':'whole'},{'zone':'Z','row':'1','table':'seat'},"
     "{'zone':'Z','row':'1','floor':'1'},{'zone':'Z','row':'2'}]",
     "runs = a b table whole | c"},
    {"a table by seat is not sold whole", "/rows [{'zone':'Z','row':'2','table':'seat'}]",
     "runs = a b | c table"},
    {"an old shape is a rectangle",
     SHAPE " {'width':10,'height':20.5,'rotation':45,'text':'Bar','position':{'x':1,'y':2}}",
     "shapes = [{'shape':'rectangle','x':101,'y':52,'rotation':45,'width':10,'height':20.5,"
     "'text':{'text':'Bar'}}]; export " SHAPE " = {'position':{'x':1,'y':2},'rectangle':{'height':"
     "20.5,'width':10},'rotation':45,'shape':'rectangle','text':{'position':{'x':0,'y':0},"
     "'text':'Bar'}}"},
    {"an old shape may have a width only", SHAPE " {'width':10}",
     "shapes = [{'shape':'rectangle','x':100,'y':50,'width':10}]"},
    {"an old circle with a height is a circle", SHAPE " {'shape':'circle','height':2}",
     "shapes = [{'shape':'circle','x':100,'y':50,'height':2}]"},
    {"a rectangle's own width counts", SHAPE " {'width':10,'height':20,'rectangle':{'width':5}}",
     "shapes = [{'shape':'rectangle','x':100,'y':50,'width':5,'height':20}]"},
    {"a rectangle has its colors",
     SHAPE " {'shape':'rectangle','rectangle':{'width':1,'height':2},'color':'#fff',"
           "'border_color':'#000','position':{'x':1,'y':-2}}",
     "shapes = [{'shape':'rectangle','x':101,'y':48,'width':1,'height':2,'color':'#fff',"
     "'border_color':'#000'}]"},
    {"a circle has a radius", SHAPE " {'shape':'circle','circle':{'radius':7}}",
     "shapes = [{'shape':'circle','x':100,'y':50,'radius':7}]"},
    {"an ellipse has two", SHAPE " {'shape':'ellipse','ellipse':{'radius':{'x':7,'y':8}}}",
     "shapes = [{'shape':'ellipse','x':100,'y':50,'radius_x':7,'radius_y':8}]"},
    {"a polygon has points",
     SHAPE " {'shape':'polygon','polygon':{'points':[{'x':1,'y':2},{'x':3.5,'y':-4}]}}",
     "shapes = [{'shape':'polygon','x':100,'y':50,'points':[1,2,3.5,-4]}]"},
    {"a text has a place, a color and a size",
     SHAPE " {'shape':'text','text':{'text':'Bar','color':'#00f','size':12,"
           "'position':{'x':1,'y':2}}}",
     "shapes = [{'shape':'text','x':100,'y':50,"
     "'text':{'text':'Bar','x':1,'y':2,'color':'#00f','size':12}}]"},
    {"a text alone is drawn on a rectangle", SHAPE " {'text':'Bar'}",
     "shapes = [{'shape':'rectangle','x':100,'y':50,'text':{'text':'Bar'}}]"},
    {"a text of null is no text", SHAPE " {'text':null,'shape':'circle'}",
     "shapes = [{'shape':'circle','x':100,'y':50}]"},
    {"what nobody is shown is listed by kind, with its first place",
     SEAT1 "/radius 10; " ZONE "/rows/1/seats/0/radius 10; " ROW1
           "/seats/1/start_direction '>'; " ZONE "/displayed false",
     "dropped = [{'path':'" SEAT1 "/radius','why':'the map draws seats as large as their distance "
     "allows','count':2},{'path':'" ROW1 "/seats/1/start_direction','why':'nothing shows it',"
     "'count':1},{'path':'" ZONE "/displayed','why':'the zone is shown and sold','count':1}]"},
    {"an empty text is no text", SHAPE " {'text':{'text':''}}",
     "shapes = [{'shape':'rectangle','x':100,'y':50}]"},
};

/* An export is accepted, gives the same plan and exports as the same bytes. */
static void assert_round_trip(const struct plan *plan)
{
    struct plan *again = NULL;
    struct err_slot err = {.text = ""};
    struct span out = plan_export(plan);
    assert_int_equal(plan_import(out, &err, &again), 0);
    assert_true(span_eq(plan_export(again), out));
    assert_memory_equal(plan_content(again), plan_content(plan), PLAN_HASH_BYTES);
    assert_true(span_eq(plan_shapes(again), plan_shapes(plan)));
    assert_int_equal(plan_seat_count(again), plan_seat_count(plan));
    for (uint32_t s = 0; s < plan_seat_count(plan); s++) {
        struct plan_seat a = plan_seat(plan, s), b = plan_seat(again, s);
        assert_true(span_eq(a.guid, b.guid));
        assert_true(plan_facts(plan)->x[s] == plan_facts(again)->x[s]);
        assert_true(plan_facts(plan)->y[s] == plan_facts(again)->y[s]);
        assert_int_equal(a.flags, b.flags);
    }
    plan_destroy(again);
}

TEST_CASE(plan_has_the_content_of_its_document)
{
    for (size_t i = 0; i < LEN(says); i++) {
        struct plan *plan = import_edited(says[i].edits);
        assert_facts(says[i].name, plan, says[i].facts);
        assert_round_trip(plan);
        plan_destroy(plan);
    }
}

TEST_CASE(null_member_counts_as_absent)
{
    static const struct {
        const char *absent, *null;
    } rows[] = {
        {"/areas []; /limits; /fees; /channels; /zones; /rows; /seats",
         "/areas []; /limits null; /fees null; /channels null; /zones null; /rows null; /seats "
         "null;"
         " /starts_at null; /focal_point null"},
        {"/areas", "/areas null"},
        {ZONE "/name; " ZONE "/zone_id; /zones; /rows",
         ZONE "/name null; " ZONE "/zone_id null; " ZONE "/uuid null; /zones; /rows"},
        {"", ROW1 "/row_label null; " ROW1 "/seat_label null; " ROW1
                  "/row_number_position null; " ROW1 "/position null; " ROW1 "/uuid null"},
        {"", SEAT1 "/start_direction null; " SEAT1 "/uuid null"},
        {"", SHAPE "/polygon null; " SHAPE "/text null"},
        {ZONE "/areas", ZONE "/areas null"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct plan *absent = import_edited(rows[i].absent), *null = import_edited(rows[i].null);
        assert_memory_equal(plan_content(absent), plan_content(null), PLAN_HASH_BYTES);
        assert_true(span_eq(plan_export(absent), plan_export(null)));
        plan_destroy(absent);
        plan_destroy(null);
    }
    plan_destroy(import_edited(
        "/categories/0 {'name':'A','price':1,'color':null,'on_sale_at':null,'off_sale_at':null}; "
        "/channels/0 {'id':'f','name':null,'code':null,'on_sale_at':null}; /areas/0/name null; "
        "/areas/0/channel null; /zones/0/view null; /zones/0/entrance null; /rows/0/table null; "
        "/seats/0 {'guid':'a','accessible':null,'companion_of':null,'channel':null}; "
        "/plan/categories/0/color null; /plan/size null"));
}

TEST_CASE(plan_has_a_hash_of_its_body_and_one_of_its_content)
{
    json_t *doc = edited("");
    char *body = json_dumps(doc, JSON_INDENT(1)); /* spaces change only the body */
    struct err_slot err = {.text = ""};
    struct plan *spaced, *plain = import_edited(""), *other = import_edited("/name 'Sham'");
    uint8_t sha256[PLAN_HASH_BYTES];
    assert_int_equal(plan_import(span_of(body), &err, &spaced), 0);
    crypto_hash_sha256(sha256, (const uint8_t *)body, strlen(body));
    assert_memory_equal(plan_hash(spaced), sha256, PLAN_HASH_BYTES);
    assert_memory_not_equal(plan_hash(plain), sha256, PLAN_HASH_BYTES);
    assert_memory_equal(plan_content(plain), plan_content(spaced), PLAN_HASH_BYTES);
    assert_memory_not_equal(plan_content(plain), plan_content(other), PLAN_HASH_BYTES);
    free(body);
    json_decref(doc);
    plan_destroy(spaced);
    plan_destroy(plain);
    plan_destroy(other);
}

/* ---- runs of neighbours ---- */

/* Rows are "x x x / x,y x,y": the positions of seats, which are named 1, 2, 3 and so on. */
static json_t *drawn(const char *rows)
{
    json_t *doc = edited("/rows []; /seats []; " ZONE "/rows []"), *seats = NULL;
    json_t *list = member_at(doc, ZONE "/rows");
    char *text = strdup(rows), *rest, name[12];
    unsigned row = 0, count = 0;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (seats == NULL || *word == '/') {
            seats = json_array();
            snprintf(name, sizeof(name), "%u", ++row);
            json_array_append_new(list, json_pack("{ssso}", "row_number", name, "seats", seats));
        }
        if (*word == '/')
            continue;
        const char *y = strchr(word, ',');
        snprintf(name, sizeof(name), "%u", ++count);
        json_array_append_new(seats, json_pack("{ssssss,s{sfsf}}", "seat_guid", name, "seat_number",
                                               name, "category", "A", "position", "x", atof(word),
                                               "y", y != NULL ? atof(y + 1) : 0.0));
    }
    free(text);
    return doc;
}

TEST_CASE(rows_become_runs_of_neighbours)
{
    static const struct {
        const char *name, *rows, *extension, *runs;
    } rows[] = {
        {"numbers from the middle", "100 120 80 140 60 160", "[]", "runs = 5 3 1 2 4 6"},
        {"an aisle", "0 20 40 80 100 121", "[]", "runs = 1 2 3 | 4 5 6"},
        {"a horseshoe, whose ends are near", "0,0 0,20 10,37 30,37 40,20 40,0", "[]",
         "runs = 1 2 3 4 5 6"},
        {"seats in one place keep their order", "100 0 50 50", "[]", "runs = 1 3 4 2"},
        {"a table stays together", "0 1 2 40", "[{'zone':'Z','row':'1','table':'whole'}]",
         "runs = 1 2 3 4 table whole"},
        {"seats around a round table are a table", "10,0 0,10 -10,0 0,-10 / 0,0 4,7 8,0", "[]",
         "runs = 1 2 3 4 table | 5 6 7 table"},
        {"a table of which a third is missing is a row", "10,0 5,9 -5,9 -10,0", "[]",
         "runs = 1 2 3 4"},
        {"a row after a table is a plain row", "0 / 0 20 40 99 119",
         "[{'zone':'Z','row':'1','table':'whole'}]", "runs = 1 table whole | 2 3 4 | 5 6"},
        {"an entry of a row that says nothing", "0 20 / 0", "[{'zone':'Z','row':'2'}]",
         "runs = 1 2 | 3"},
        {"the gap of the hall cuts short rows", "0 20 40 60 / 0 60 120 / 0 20", "[]",
         "runs = 1 2 3 4 | 5 | 6 | 7 | 8 9"},
        {"a row of four has its own gap", "0 20 / 0 20 / 0 60 120 180", "[]",
         "runs = 1 2 | 3 4 | 5 6 7 8"},
        {"the gap of the hall is the middle row's", "0 40 / 0 10 / 0 20", "[]",
         "runs = 1 | 2 | 3 4 | 5 6"},
        {"of six rows the upper middle one", "0 40 / 0 10 / 0 40 / 0 10 / 0 10 / 0 40", "[]",
         "runs = 1 2 | 3 4 | 5 6 | 7 8 | 9 10 | 11 12"},
        {"of five rows the third", "0 40 / 0 10 / 0 40 / 0 10 / 0 10", "[]",
         "runs = 1 | 2 | 3 4 | 5 | 6 | 7 8 | 9 10"},
        {"rows out of order", "0 40 / 0 20 10", "[]", "runs = 1 2 | 3 5 4"},
        {"of three gaps two are wide", "0 20 40 50", "[]", "runs = 1 2 3 4"},
        {"of three gaps one is wide", "0 10 20 40", "[]", "runs = 1 2 3 | 4"},
        {"of three gaps the middle one is wide", "0 10 40 50", "[]", "runs = 1 2 | 3 4"},
        {"two aisles", "0 10 40 50 70 80", "[]", "runs = 1 2 | 3 4 | 5 6"},
        {"two aisles between blocks", "0 1 2 4 5 6 8 9 10", "[]", "runs = 1 2 3 | 4 5 6 | 7 8 9"},
        {"a gap of less than 1.7 of the usual one", "0 10 20 36.9", "[]", "runs = 1 2 3 4"},
        {"a gap of more", "0 10 20 37.1", "[]", "runs = 1 2 3 | 4"},
        {"a gap of more in the middle", "0 10 27.1 37.1", "[]", "runs = 1 2 | 3 4"},
        {"a hall whose only gap is wide", "0 400", "[]", "runs = 1 2"},
        {"a hall of seats in one place", "5 5 / 5 5 / 7 9 / 7", "[]", "runs = 1 2 | 3 4 | 5 6 | 7"},
        {"a way that is a twentieth longer", "0 10.4 10 20", "[]", "runs = 1 2 3 4"},
        {"a way that is longer than that", "0 10.6 10 20", "[]", "runs = 1 3 2 4"},
        {"the first stays first at the right end", "20 0 10 13", "[]", "runs = 1 4 3 2"},
        {"the first stays first at the left end", "0 20 10 13", "[]", "runs = 1 3 4 2"},
        {"the end nearer to the first is its end", "13 20 10 0", "[]", "runs = 2 1 3 4"},
        {"a row that rises, out of order", "12,16 0,0 6,8 24,32 18,24", "[]", "runs = 2 3 1 5 4"},
        {"a row that falls, out of order", "10,10 0,20 30,-10 20,0", "[]", "runs = 2 1 4 3"},
        {"a row upwards, out of order", "0,20 0,0 0,40 0,10 0,30", "[]", "runs = 2 4 1 5 3"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        json_t *doc = drawn(rows[i].rows);
        edit(doc, "/rows", rows[i].extension);
        struct plan *plan = import(doc, NULL);
        assert_facts(rows[i].name, plan, rows[i].runs);
        plan_destroy(plan);
    }
}

TEST_CASE(seats_out_of_order_cost_extra_memory)
{
    struct plan *mixed = import(drawn("0 40 / 0 20 10"), NULL),
                *plain = import(drawn("0 40 / 0 10 20"), NULL);
    assert_null(plan_facts(plain)->order);
    assert_non_null(plan_facts(mixed)->order);
    plan_destroy(mixed);
    plan_destroy(plain);
}

TEST_CASE(row_and_table_sold_whole_have_a_bound)
{
    static const struct {
        unsigned count;
        const char *table, *says;
    } rows[] = {
        {PLAN_ROW_SEATS_MAX, NULL, NULL},
        {PLAN_ROW_SEATS_MAX + 1, NULL, ZONE "/rows/2/seats/256/position: is beyond the 256th"},
        {HOLD_SEATS_MAX, "'whole'", NULL},
        {HOLD_SEATS_MAX + 1, "'whole'", ZONE "/rows/2/seats/64/position: makes a table of more"},
        {HOLD_SEATS_MAX + 1, "'seat'", NULL},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        char places[2048];
        struct text text = text_on(places, sizeof(places) - 1);
        TEXT_LIT(&text, "/ / / ");
        for (unsigned seat = 0; seat < rows[i].count; seat++)
            text_printf(&text, "%u ", 20 * seat);
        TEXT_LIT(&text, "/ 0"); /* a following row changes nothing */
        places[text.len] = '\0';
        json_t *doc = drawn(places);
        edit(doc, "/rows", "[{'zone':'Z','row':'3'}]");
        if (rows[i].table != NULL)
            edit(doc, "/rows/0/table", rows[i].table);
        plan_destroy(import(doc, rows[i].says));
    }
}

/* ---- all shapes together ---- */

/* Shapes beyond the limit of points or of shapes are not drawn. */
TEST_CASE(shapes_beyond_the_limits_are_left_out)
{
    const unsigned fit = PLAN_SHAPE_POINTS_MAX / PLAN_POLYGON_POINTS_MAX;
    json_t *doc = edited(""), *list = json_array(), *polygon = json_of("{'shape':'polygon'}");
    json_object_set_new(
        polygon, "polygon",
        json_pack("{so}", "points", entries("{'x':@,'y':1}", PLAN_POLYGON_POINTS_MAX)));
    for (unsigned i = 0; i < fit + 2; i++)
        json_array_append(list, polygon);
    for (unsigned i = 0; i < PLAN_SHAPES_MAX; i++)
        json_array_append_new(list, json_of("{'shape':'circle'}"));
    json_decref(polygon);
    set(doc, ZONE "/areas", list);
    struct plan *plan = import(doc, NULL);
    json_t *shapes = json_loadb(plan_shapes(plan).ptr, plan_shapes(plan).len, 0, NULL);
    assert_int_equal(json_array_size(shapes), PLAN_SHAPES_MAX);
    unsigned polygons = 0;
    for (size_t i = 0; i < json_array_size(shapes); i++)
        polygons += json_object_get(json_array_get(shapes, i), "points") != NULL;
    assert_int_equal(polygons, fit);
    char dropped[160];
    snprintf(dropped, sizeof(dropped),
             "dropped = [{'path':'" ZONE "/areas/%u','why':'is one shape, or polygon, more than a "
             "plan may show','count':%u}]",
             fit, fit + 2);
    assert_facts("shapes", plan, dropped);
    json_decref(shapes);
    plan_destroy(plan);
}

/* Buyers see the limits that bind them, not the organiser's rules for allocating seats. */
TEST_CASE(buyers_see_the_limits_that_bind_them)
{
    char shown[256];
    struct text text = text_on(shown, sizeof(shown) - 1);
    for (unsigned i = 0; i < plan_limit_count; i++)
        if (plan_limit_table[i].shown)
            text_printf(&text, "%s ", plan_limit_table[i].name);
    shown[text.len] = '\0';
    assert_string_equal(shown,
                        "max_per_buyer max_per_hold hold_ttl_s hold_max_s rate_per_session_per_s "
                        "access_until ");
}
