/* operate.c: what is slow (reading a plan of ten megabytes, listing a stadium's sold seats) is done
 * on libuv's pool, one at a time each; what changes seats goes the way of any other change. */
#include "api/operate.h"

#include "access/hold_id.h"
#include "api/api.h"
#include "api/verdict.h"
#include "base/json_in.h"
#include "core/hall/plan_import.h"
#include "journal/migrate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct operate {
    struct operate_conf conf;
    bool importing, exporting;
};

static const struct span NOTHING = {NULL, 0};

/* ---- import ---- */

struct import {
    uv_work_t work;
    uv_timer_t timer;
    struct operate *operate;
    struct call call;
    char id[EVENT_ID_MAX + 1];
    struct span body; /* of the request, which lives until it is answered */
    struct house_plan *plan;
    uint8_t hash[PLAN_HASH_BYTES];
    uint64_t waits_until_ms;
    int rc;
    struct err_slot err;
};

static void free_import(struct import *import)
{
    import->operate->importing = false;
    house_plan_destroy(import->plan);
    free(import);
}

static void on_timer_closed(uv_handle_t *timer)
{
    free_import(timer->data);
}

static void end_import(struct import *import)
{
    uv_close((uv_handle_t *)&import->timer, on_timer_closed);
}

static void reply_event(struct call *call, unsigned status)
{
    struct render_event shown = desk_view(call);
    struct text body = desk_text(call->desk);
    json_open(&body, '{');
    render_info(&body, &shown);
    json_close(&body, '}');
    call_reply(call, status, &body, NOTHING);
}

static void refuse_import(struct import *import)
{
    struct call *call = &import->call;
    const char *why = import->err.text;
    switch (import->rc) {
    case ERR_SYNTAX:
        call_problem(call, 400, "bad-json", why, NOTHING);
        break;
    case ERR_RANGE:
        call_problem(call, 422, "bad-plan", why, NOTHING);
        break;
    case ERR_EXISTS:
        call_problem(call, 409, "event-exists", "there is an event of that id", NOTHING);
        break;
    case ERR_FULL:
        call_problem(call, 409, "events-full", why, NOTHING);
        break;
    case ERR_NOMEM:
        call_unavailable(call, "overloaded", why);
        break;
    default:
        call_unavailable(call, "journal-unavailable", "the event could not be written; try again");
    }
    end_import(import);
}

/* ---- its third step: the reader finds the event, and it opens like any other ---- */

static void look_whether_open(uv_timer_t *timer)
{
    struct import *import = timer->data;
    struct call *call = &import->call;
    const struct desk_conf *conf = desk_conf(call->desk);
    if (desk_is_closed(call->desk)) {
        end_import(import);
        return;
    }
    call->event = house_find(conf->house, span_of(import->id));
    if (call->event != NULL && house_is_open(call->event)) {
        reply_event(call, 201);
        end_import(import);
    } else if (uv_now(conf->loop) >= import->waits_until_ms) {
        call_unavailable(call, "journal-unavailable",
                         "the event was made and is not open yet; ask again");
        end_import(import);
    }
}

/* ---- its second step: it is written, by a connection of its own ---- */

static void write_event(uv_work_t *work)
{
    struct import *import = work->data;
    struct pg_conf conf = {import->operate->conf.dsn, "fairgate seat-service import",
                           MIGRATE_SCHEMA, JOURNAL_CONNECT_MS, IMPORT_ANSWER_MS};
    struct span hash = {(const char *)import->hash, sizeof(import->hash)};
    struct pg *pg = NULL;
    int32_t no;
    import->rc = pg_open(&conf, &import->err, &pg);
    if (import->rc == 0)
        import->rc =
            store_event_create(pg, span_of(import->id), hash, import->body, &import->err, &no);
    pg_close(pg);
}

static void on_written(uv_work_t *work, int status)
{
    struct import *import = work->data;
    const struct desk_conf *conf = desk_conf(import->call.desk);
    (void)status;
    if (desk_is_closed(import->call.desk)) { /* the process ends: nobody is there to be answered */
        end_import(import);
        return;
    }
    if (import->rc < 0) {
        log_failure(conf->log, "an import was not written", &import->err);
        refuse_import(import);
        return;
    }
    journal_look(conf->journal);
    import->waits_until_ms = uv_now(conf->loop) + IMPORT_OPEN_MS;
    uv_timer_start(&import->timer, look_whether_open, IMPORT_LOOK_MS, IMPORT_LOOK_MS);
}

/* ---- its first step: the plan is read ---- */

static void read_plan(uv_work_t *work)
{
    struct import *import = work->data;
    import->rc = house_plan_create(import->body, &import->err, &import->plan);
    if (import->rc == 0)
        import->rc = house_plan_pack(import->plan, &import->err);
}

static void on_plan_read(uv_work_t *work, int status)
{
    struct import *import = work->data;
    struct call *call = &import->call;
    const struct desk_conf *conf = desk_conf(call->desk);
    (void)status;
    if (desk_is_closed(call->desk)) {
        end_import(import);
        return;
    }
    if (import->rc < 0) {
        refuse_import(import);
        return;
    }
    const uint8_t *hash = plan_hash(import->plan->plan);
    call->event = house_find(conf->house, span_of(import->id));
    if (call->event != NULL) { /* the same again is no mistake */
        bool same = strcmp(call->event->plan->hash, import->plan->hash) == 0;
        if (same && house_is_open(call->event))
            reply_event(call, 200);
        else
            call_problem(call, 409, "event-exists",
                         "there is an event of that id, made from another document", NOTHING);
        end_import(import);
        return;
    }
    import->rc = journal_may_import(conf->journal, import->id, &import->err);
    if (import->rc < 0) {
        refuse_import(import);
        return;
    }
    memcpy(import->hash, hash, sizeof(import->hash));
    house_offer(conf->house, import->plan);
    import->plan = NULL;
    uv_queue_work(conf->loop, &import->work, write_event, on_written);
}

/* Ids stand in paths, in file names and in logs. */
static bool is_event_id(struct span id)
{
    if (id.len == 0 || id.len > EVENT_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (i > 0 && c == '-');
        if (!good)
            return false;
    }
    return true;
}

static void put_event(struct http_req *req, void *ctx)
{
    struct operate *operate = ctx;
    struct call call = {.req = req, .desk = desk_of(req)};
    struct span id = http_req_param(req, 0);
    if (!is_event_id(id)) {
        call_problem(&call, 422, "bad-event-id",
                     "an event's id is 1 to 64 letters a-z, digits and hyphens", NOTHING);
        return;
    }
    struct import *import = operate->importing ? NULL : calloc(1, sizeof(*import));
    if (import == NULL) {
        call_unavailable(&call, "overloaded", "another import is under way");
        return;
    }
    operate->importing = true;
    import->operate = operate;
    import->call = call;
    import->body = http_req_body(req);
    import->work.data = import;
    import->timer.data = import;
    uv_timer_init(desk_conf(call.desk)->loop, &import->timer);
    bool fits = span_to_cstr(id, import->id, sizeof(import->id));
    assert(fits);
    (void)fits;
    uv_queue_work(desk_conf(call.desk)->loop, &import->work, read_plan, on_plan_read);
}

/* ---- reading ---- */

static void get_events(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct call call = {.req = req, .desk = desk_of(req)};
    const struct desk_conf *conf = desk_conf(call.desk);
    struct journal_view view;
    struct text body = desk_text(call.desk);
    json_open(&body, '{');
    json_member_cstr(&body, "role", journal_role_name(journal_role(conf->journal)));
    json_key(&body, "events");
    json_open(&body, '[');
    for (uint32_t nth = 0; journal_nth(conf->journal, nth, &view); nth++) {
        const struct house_event *event = house_nth(conf->house, nth);
        json_open(&body, '{');
        json_member_cstr(&body, "event", view.id);
        json_member_cstr(&body, "state", journal_state_name(view.state));
        if (view.state == JOURNAL_EVENT_OUT)
            json_member_cstr(&body, "reason", view.reason);
        bool open = event != NULL && house_is_open(event);
        json_member_bool(&body, "open", open);
        json_member_u64(&body, "epoch", open ? event->epoch : 0);
        if (event != NULL) { /* its document could be read */
            json_member_u64(&body, "seats", plan_seat_count(event->plan->plan));
            json_member_cstr(&body, "plan", event->plan->hash);
        }
        json_close(&body, '}');
    }
    json_close(&body, ']');
    json_close(&body, '}');
    call_reply(&call, 200, &body, NOTHING);
}

static void get_event(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct call call;
    if (api_find_event(&call, req, desk_of(req)))
        reply_event(&call, 200);
}

/* The import body again, normalised. */
static void get_document(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct call call;
    if (!api_find_event(&call, req, desk_of(req)))
        return;
    http_reply(req, &(struct http_reply){
                        .status = 200,
                        .type = "application/json",
                        .body = plan_export(call.event->plan->plan),
                    });
}

/* At most COUNTS_MAX points, evenly out of those there are, the newest among them. */
static void get_counts(struct http_req *req, void *ctx)
{
    enum { COUNTS_MAX = 720 };
    const struct operate *operate = ctx;
    struct call call;
    if (!api_find_event(&call, req, desk_of(req)))
        return;
    const struct annals *annals = operate->conf.annals;
    uint32_t len = annals_len(annals, call.event);
    uint32_t stride = len / COUNTS_MAX + 1;
    struct text body = desk_text(call.desk);
    json_open(&body, '{');
    json_member_cstr(&body, "event", call.event->id);
    json_key(&body, "columns");
    json_raw(&body, SPAN("[\"at\",\"free\",\"held\",\"sold\",\"blocked\",\"errors\"]"));
    json_key(&body, "points");
    json_open(&body, '[');
    for (uint32_t age = len; age > 0; age--) {
        if ((age - 1) % stride != 0)
            continue;
        struct annals_point point = annals_at(annals, call.event, age);
        json_open(&body, '[');
        json_u64(&body, point.at_ms);
        json_u64(&body, point.free);
        json_u64(&body, point.held);
        json_u64(&body, point.sold);
        json_u64(&body, point.blocked);
        json_u64(&body, point.errors);
        json_close(&body, ']');
    }
    json_close(&body, ']');
    struct annals_point now = annals_now(annals, call.event, call.now_ms);
    json_key(&body, "now");
    json_open(&body, '{');
    json_member_u64(&body, "free", now.free);
    json_member_u64(&body, "held", now.held);
    json_member_u64(&body, "sold", now.sold);
    json_member_u64(&body, "blocked", now.blocked);
    json_member_u64(&body, "errors", now.errors);
    json_close(&body, '}');
    render_times(&body, call.now_ms);
    json_close(&body, '}');
    call_reply(&call, 200, &body, NOTHING);
}

/* ---- export of what is sold ---- */

struct export
{
    uv_work_t work;
    struct operate *operate;
    struct call call;
    bool csv;
    bool first;
    char *memory;
    struct text text;
    int rc;
    struct err_slot err;
};

/* RFC 4180: a field with a comma, quote or line break is quoted, quotes are doubled. What a
 * spreadsheet would take for a formula gets an apostrophe in front. */
static void put_csv(struct text *text, struct span field)
{
    bool formula = field.len > 0 && strchr("=+-@\t\r", field.ptr[0]) != NULL;
    text_char(text, '"');
    if (formula)
        text_char(text, '\'');
    for (size_t i = 0; i < field.len; i++) {
        if (field.ptr[i] == '"')
            text_char(text, '"');
        text_char(text, field.ptr[i]);
    }
    text_char(text, '"');
}

static int on_sold(void *ctx, const struct store_sold *sold)
{
    struct export *export = ctx;
    const struct call *call = &export->call;
    const struct plan *plan = call->event->plan->plan;
    struct text *text = &export->text;
    struct hold_id hold =
        hold_id_make(desk_conf(call->desk)->hold_keys, span_of(call->event->id), sold->hold);
    if (sold->seat >= plan_seat_count(plan))
        return 0;
    struct plan_seat seat = plan_seat(plan, sold->seat);
    struct span fields[] = {seat.guid,
                            seat.zone,
                            seat.row_label,
                            seat.number,
                            plan_category(plan, seat.category)->name,
                            sold->order,
                            span_of(hold.text)};
    static const char *const names[] = {"seat",     "zone",  "row", "number",
                                        "category", "order", "hold"};
    enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };
    if (!export->csv)
        json_open(text, '{');
    for (unsigned i = 0; i < FIELDS; i++) {
        if (!export->csv) {
            json_member_str(text, names[i], fields[i]);
            continue;
        }
        if (i > 0)
            text_char(text, ',');
        put_csv(text, fields[i]);
    }
    if (export->csv)
        TEXT_LIT(text, "\r\n");
    else
        json_close(text, '}');
    return 0;
}

/* On the pool. */
static void read_sold(uv_work_t *work)
{
    enum { BYTES_PER_SEAT = 1200 };
    struct export *export = work->data;
    struct pg_conf conf = {export->operate->conf.dsn, "fairgate seat-service export",
                           MIGRATE_SCHEMA, JOURNAL_CONNECT_MS, JOURNAL_ANSWER_MS};
    struct pg *pg = NULL;
    size_t cap = (size_t)plan_seat_count(export->call.event->plan->plan) * BYTES_PER_SEAT + 4096;
    export->memory = malloc(cap);
    if (export->memory == NULL) {
        export->rc = err_set(&export->err, ERR_NOMEM, "an export of %zu bytes", cap);
        return;
    }
    export->text = text_on(export->memory, cap);
    if (export->csv)
        TEXT_LIT(&export->text, "seat,zone,row,number,category,order,hold\r\n");
    else
        json_open(&export->text, '[');
    export->rc = pg_open(&conf, &export->err, &pg);
    if (export->rc == 0)
        export->rc =
            store_sold_read(pg, span_of(export->call.event->id), on_sold, export, &export->err);
    if (!export->csv)
        json_close(&export->text, ']');
    pg_close(pg);
}

static void on_sold_read(uv_work_t *work, int status)
{
    struct export *export = work->data;
    (void)status;
    if (export->rc < 0 || export->text.overflown)
        call_unavailable(&export->call, "journal-unavailable", "the sold seats cannot be read now");
    else
        http_reply(export->call.req,
                   &(struct http_reply){
                       .status = 200,
                       .type = export->csv ? "text/csv; charset=utf-8" : "application/json",
                       .headers = SPAN("Cache-Control: no-store\r\n"),
                       .body = text_span(&export->text),
                   });
    export->operate->exporting = false;
    free(export->memory);
    free(export);
}

static void get_export(struct http_req *req, void *ctx)
{
    struct operate *operate = ctx;
    struct call call;
    if (!api_find_event(&call, req, desk_of(req)))
        return;
    struct span format = http_req_query_arg(req, SPAN("format"));
    bool csv = span_eq(format, SPAN("csv"));
    if (!csv && format.ptr != NULL && !span_eq(format, SPAN("json"))) {
        call_problem(&call, 422, "bad-format", "format is csv or json", NOTHING);
        return;
    }
    struct export *export = operate->exporting ? NULL : calloc(1, sizeof(*export));
    if (export == NULL) {
        call_unavailable(&call, "overloaded", "another export is under way");
        return;
    }
    operate->exporting = true;
    export->operate = operate;
    export->call = call;
    export->csv = csv;
    export->work.data = export;
    uv_queue_work(desk_conf(call.desk)->loop, &export->work, read_sold, on_sold_read);
}

/* ---- changes ---- */

/* Everything that one of these bodies may have. */
struct order {
    uint32_t seats[API_SEATS_MAX], to[API_SEATS_MAX];
    uint32_t seats_len, to_len;
    uint16_t area;
    uint32_t quantity;
    struct span reason;
    uint64_t hold;
    uint8_t category;
    uint64_t price;
};

static void finish(struct call *call, const struct engine_op *op)
{
    struct render_event shown = desk_view(call);
    struct text body = desk_text(call->desk);
    json_open(&body, '{');
    json_member_cstr(&body, "change", change_kind_name(op->change.kind));
    json_member_u64(&body, "seq", op->change.seq);
    render_counts(&body, &shown);
    render_times(&body, shown.now_ms);
    json_close(&body, '}');
    call_reply(call, 200, &body, NOTHING);
}

static void go_on(struct call *call, enum engine_verdict verdict, struct commit_entry *entry)
{
    if (verdict == ENGINE_OK) {
        desk_commit(call, entry);
        return;
    }
    if (verdict == ENGINE_SAME)
        finish(call, &entry->op);
    else
        verdict_reply(call, verdict, &entry->op, NULL);
    desk_drop(entry);
}

static bool read_area(struct call *call, struct json_in *in, struct order *order)
{
    struct span area;
    uint64_t quantity = 0;
    order->area = ENGINE_AREA_NONE;
    if (!json_in_str(in, "area", 1, PLAN_TEXT_MAX, &area))
        return false;
    int found = plan_area_find(call->event->plan->plan, area);
    if (found < 0)
        json_in_refuse(in, "area", "must be an area of this event");
    order->area = (uint16_t)found;
    json_in_require(in, "quantity");
    json_in_u64(in, "quantity", 1, PLAN_AREA_CAPACITY_MAX, &quantity);
    order->quantity = (uint32_t)quantity;
    return true;
}

/* {seats | area, quantity; reason}. False: answered. */
static bool read_block(struct call *call, json_t *doc, struct order *order)
{
    struct err_slot err = {0};
    struct json_in in;
    json_t *seats = NULL;
    json_in_object(&in, doc, &err);
    json_in_array(&in, "seats", 1, CHANGE_SEATS_MAX, &seats);
    bool area = read_area(call, &in, order);
    if ((seats != NULL) == area)
        json_in_refuse(&in, "seats", "give either seats, or area and quantity");
    json_in_str(&in, "reason", 0, CHANGE_TEXT_MAX, &order->reason);
    if (json_in_end(&in) < 0) {
        api_bad_field(call, &err);
        return false;
    }
    return seats == NULL || api_seats(call, seats, "seats", order->seats, &order->seats_len);
}

static void block_or_unblock(struct http_req *req, bool block)
{
    struct call call;
    struct order order = {0};
    json_t *doc;
    if (!api_find_event(&call, req, desk_of(req)) || !api_read_body(&call, &doc))
        return;
    call.finish = finish;
    struct commit_entry *entry = NULL;
    if (read_block(&call, doc, &order) && (entry = desk_entry(&call)) != NULL) {
        struct engine *engine = call.event->engine;
        enum engine_verdict verdict;
        if (order.area == ENGINE_AREA_NONE && block)
            verdict = engine_block(engine, order.seats, order.seats_len, order.reason, call.now_ms,
                                   &entry->op);
        else if (order.area == ENGINE_AREA_NONE)
            verdict = engine_unblock(engine, order.seats, order.seats_len, order.reason,
                                     call.now_ms, &entry->op);
        else if (block)
            verdict = engine_block_area(engine, order.area, order.quantity, order.reason,
                                        call.now_ms, &entry->op);
        else
            verdict = engine_unblock_area(engine, order.area, order.quantity, order.reason,
                                          call.now_ms, &entry->op);
        go_on(&call, verdict, entry);
    }
    json_decref(doc);
}

static void post_block(struct http_req *req, void *ctx)
{
    (void)ctx;
    block_or_unblock(req, true);
}

static void post_unblock(struct http_req *req, void *ctx)
{
    (void)ctx;
    block_or_unblock(req, false);
}

/* {hold, from, to, reason}: from[i] becomes to[i]. */
static bool read_move(struct call *call, json_t *doc, struct order *order)
{
    struct err_slot err = {0};
    struct json_in in;
    struct span hold = {NULL, 0};
    json_t *from = NULL, *to = NULL;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "hold");
    json_in_require(&in, "from");
    json_in_require(&in, "to");
    json_in_str(&in, "hold", 1, PLAN_TEXT_MAX, &hold);
    json_in_array(&in, "from", 1, HOLD_SEATS_MAX, &from);
    json_in_array(&in, "to", 1, HOLD_SEATS_MAX, &to);
    json_in_str(&in, "reason", 0, CHANGE_TEXT_MAX, &order->reason);
    if (to != NULL && json_array_size(to) != json_array_size(from))
        json_in_refuse(&in, "to", "must have as many seats as from");
    if (json_in_end(&in) < 0) {
        api_bad_field(call, &err);
        return false;
    }
    if (!hold_id_read(desk_conf(call->desk)->hold_keys, span_of(call->event->id), hold,
                      &order->hold)) {
        call_problem(call, 404, "hold-unknown", "there is no such hold", NOTHING);
        return false;
    }
    return api_seats(call, from, "from", order->seats, &order->seats_len) &&
           api_seats(call, to, "to", order->to, &order->to_len);
}

/* An operator moves no sold seat from here: the ticket that names it is the payment adapter's. What
 * is told is why, of this hold. */
static void post_move(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct call call;
    struct order order = {0};
    json_t *doc;
    if (!api_find_event(&call, req, desk_of(req)) || !api_read_body(&call, &doc))
        return;
    call.finish = finish;
    struct commit_entry *entry = NULL;
    if (read_move(&call, doc, &order) && (entry = desk_entry(&call)) != NULL)
        go_on(&call,
              engine_move(call.event->engine, order.hold, NOTHING, order.seats, order.to,
                          order.seats_len, call.now_ms, &entry->op),
              entry);
    json_decref(doc);
}

static bool read_price(struct call *call, json_t *doc, struct order *order)
{
    struct err_slot err = {0};
    struct json_in in;
    struct span category;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "category");
    json_in_require(&in, "price");
    if (json_in_str(&in, "category", 1, PLAN_TEXT_MAX, &category)) {
        int found = plan_category_find(call->event->plan->plan, category);
        if (found < 0)
            json_in_refuse(&in, "category", "must be a category of this event");
        order->category = (uint8_t)found;
    }
    json_in_u64(&in, "price", 0, UINT32_MAX, &order->price);
    if (json_in_end(&in) == 0)
        return true;
    api_bad_field(call, &err);
    return false;
}

static void post_price(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct call call;
    struct order order = {0};
    json_t *doc;
    if (!api_find_event(&call, req, desk_of(req)) || !api_read_body(&call, &doc))
        return;
    call.finish = finish;
    struct commit_entry *entry = NULL;
    if (read_price(&call, doc, &order) && (entry = desk_entry(&call)) != NULL)
        go_on(
            &call,
            engine_price(call.event->engine, order.category, order.price, call.now_ms, &entry->op),
            entry);
    json_decref(doc);
}

/* ---- life ---- */

int operate_create(const struct operate_conf *conf, struct err_slot *err, struct operate **out)
{
    struct operate *operate = calloc(1, sizeof(*operate));
    if (operate == NULL)
        return err_set(err, ERR_NOMEM, "the operator's calls");
    operate->conf = *conf;
    *out = operate;
    return 0;
}

void operate_destroy(struct operate *operate)
{
    free(operate);
}

int operate_routes(struct operate *operate, struct http_router *router, struct err_slot *err)
{
    const struct http_route routes[] = {
        {HTTP_METHOD_GET, "/admin/events", get_events, operate, 0},
        {HTTP_METHOD_PUT, "/admin/events/{event}", put_event, operate, PLAN_JSON_MAX},
        {HTTP_METHOD_GET, "/admin/events/{event}", get_event, operate, 0},
        {HTTP_METHOD_GET, "/admin/events/{event}/document", get_document, operate, 0},
        {HTTP_METHOD_GET, "/admin/events/{event}/counts", get_counts, operate, 0},
        {HTTP_METHOD_GET, "/admin/events/{event}/export", get_export, operate, 0},
        {HTTP_METHOD_POST, "/admin/events/{event}/block", post_block, operate, ADMIN_BODY_MAX},
        {HTTP_METHOD_POST, "/admin/events/{event}/unblock", post_unblock, operate, ADMIN_BODY_MAX},
        {HTTP_METHOD_POST, "/admin/events/{event}/move", post_move, operate, ADMIN_BODY_MAX},
        {HTTP_METHOD_POST, "/admin/events/{event}/price", post_price, operate, ADMIN_BODY_MAX},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
