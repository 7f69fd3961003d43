/* operator_api.c: import, block, unblock, price, export, counts and trail, on the private
 * listener.
 *
 * Slow work (reading a plan of ten megabytes, listing a stadium's sold seats) runs on libuv's pool,
 * one of each kind at a time; changes to seats take the same path as any other change. */
#include "api/operator_api.h"

#include "access/hold_id.h"
#include "api/operation.h"
#include "api/request.h"
#include "api/verdict.h"
#include "base/json_in.h"
#include "base/json_time.h"
#include "base/magic.h"
#include "core/hall/plan_import.h"
#include "loop/pending.h"
#include "loop/series.h"
#include "service/persons.h"
#include "tables/statements.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct span NOTHING = {NULL, 0};

/* ---- import ---- */

struct import {
    struct operation operation;
    char id[EVENT_ID_MAX + 1], who[PERSONS_NAME_BYTES_MAX + 1];
    struct span body; /* owned by the operation */
    struct shown_plan *plan;
    /* For a correction: */
    struct event *kept; /* the event, during the comparison; or NULL */
    bool corrects;      /* until events_revise_end() */
    char content[2 * PLAN_HASH_BYTES + 1], reason[CHANGE_TEXT_MAX + 1];
    struct engine_clashes clashes;
    int rc;
    struct err_slot err;
};

static void destroy_plan(void *plan)
{
    shown_plan_destroy(plan);
}

static void end_import(struct operation *operation)
{
    struct import *import = (struct import *)operation;
    const struct loop_conf *conf = &operation->call.loop->conf;
    if (import->kept != NULL)
        events_let_go(import->kept);
    if (import->corrects)
        http_waste(conf->uv, destroy_plan, events_revise_end(conf->events));
    http_waste(conf->uv, destroy_plan, import->plan);
}

static const struct operation_kind import_kind = {sizeof(struct import), 1,     REFUSAL_IMPORTS,
                                                  REFUSAL_UNFINISHED,    false, end_import};

static void reply_event(struct call *call, unsigned status)
{
    struct render_event shown = call_view(call);
    struct text body = loop_text(call->loop);
    json_open(&body, '{');
    render_info(&body, &shown);
    /* For operators only: disabled limits, and parts of the document that are not shown. */
    const struct plan *plan = shown.plan;
    json_member_open(&body, "unlimited", '[');
    for (unsigned i = 0; i < plan_limit_count; i++)
        if (plan_limit_is_off(plan_limits(plan), &plan_limit_table[i]))
            json_str(&body, span_of(plan_limit_table[i].name));
    json_close(&body, ']');
    struct span dropped = plan_dropped(plan);
    json_member_raw(&body, "dropped", dropped.len > 0 ? dropped : SPAN("[]"));
    json_close(&body, '}');
    char memory[sizeof("ETag: \"\"\r\n") + 2 * PLAN_HASH_BYTES];
    struct text headers = text_on(memory, sizeof(memory));
    text_printf(&headers, "ETag: \"%s\"\r\n", shown.plan_hash);
    call_reply(call, status, &body, text_span(&headers));
}

static void refuse_import(struct import *import)
{
    struct call *call = &import->operation.call;
    const char *why = import->err.text;
    switch (import->rc) {
    case ERR_SYNTAX:
        call_refuse_as(call, REFUSAL_JSON, why);
        break;
    case ERR_RANGE:
        call_refuse_as(call, REFUSAL_PLAN, why);
        break;
    case ERR_EXISTS:
        call_refuse(call, REFUSAL_EVENT_EXISTS);
        break;
    case ERR_FULL:
        if (journal_is_full(call->loop->conf.journal))
            call_refuse(call, REFUSAL_EVENTS_HOT);
        else
            call_refuse_as(call, REFUSAL_EVENTS_FULL, why);
        break;
    case ERR_NOMEM:
        call_refuse_as(call, REFUSAL_MEMORY, why);
        break;
    default:
        call_refuse(call, REFUSAL_IMPORT_UNWRITTEN);
    }
}

/* This process takes no new events, or has no room. */
static void refuse_new(struct import *import)
{
    struct call *call = &import->operation.call;
    const enum journal_reason reason = journal_reason(call->loop->conf.journal);
    if (import->rc == ERR_STATE && reason != JOURNAL_REASON_NONE)
        request_away(call, reason);
    else
        refuse_import(import);
}

/* If several processes share the events, another one may have taken the new event. */
static bool opened_elsewhere(const struct import *import, struct journal_place *place)
{
    struct journal *journal = import->operation.call.loop->conf.journal;
    struct journal_view view;
    return journal_find(journal, span_of(import->id), &view) &&
           view.state == JOURNAL_EVENT_FOLLOWING && journal_elsewhere(journal, view.nth, place) &&
           place->epoch > 0;
}

/* ---- import, step 3: the reader finds the event, which opens like any other ---- */

static bool look_whether_open(struct operation *operation)
{
    const struct import *import = operation_of(operation, &import_kind);
    struct journal_place place;
    struct call *call = &operation->call;
    call->event = events_find(call->loop->conf.events, span_of(import->id));
    if (call->event != NULL && events_is_open(call->event))
        reply_event(call, 201);
    else if (opened_elsewhere(import, &place))
        request_elsewhere(call, &place);
    else
        return false;
    return true;
}

/* ---- import, step 2: the event is written over its own connection ---- */

static void write_event(struct operation *operation)
{
    struct import *import = operation_of(operation, &import_kind);
    uint8_t memory[PLAN_HASH_BYTES];
    struct span hash = {(const char *)memory, sizeof(memory)};
    struct pg *pg = NULL;
    int32_t no;
    memcpy(memory, plan_hash(import->plan->plan), sizeof(memory));
    events_offer(operation->call.loop->conf.events, import->plan);
    import->plan = NULL;
    import->rc = operation_connect(operation, "fairgate seat-service import", IMPORT_ANSWER_MS,
                                   &import->err, &pg);
    if (import->rc == 0)
        import->rc = store_event_create(pg, span_of(import->id), hash, import->body,
                                        span_of(import->who), &import->err, &no);
    pg_close(pg);
}

static bool on_written(struct operation *operation)
{
    struct import *import = operation_of(operation, &import_kind);
    const struct loop_conf *conf = &operation->call.loop->conf;
    if (import->rc < 0) {
        log_failure(conf->log, "an import was not written", &import->err);
        refuse_import(import);
        return true;
    }
    journal_look(conf->journal);
    operation_watch(operation, look_whether_open, IMPORT_OPEN_MS, REFUSAL_IMPORT_NOT_OPEN);
    return false;
}

/* ---- correction: the document is stored, then the reader makes it current ---- */

static void refuse_correction(struct import *import)
{
    struct call *call = &import->operation.call;
    struct call_refusal out = call_refusal(REFUSAL_CORRECTION);
    struct text members = loop_text(call->loop);
    json_member_open(&members, "clashes", '[');
    for (uint32_t i = 0; i < import->clashes.len; i++) {
        json_open(&members, '{');
        json_member_cstr(&members, "path", import->clashes.list[i].path);
        json_member_cstr(&members, "why", import->clashes.list[i].why);
        json_close(&members, '}');
    }
    json_close(&members, ']');
    out.members = text_span(&members);
    call_refuse_with(call, &out);
}

/* The event closes and opens again, here or at another process that shares the events. */
static bool look_whether_corrected(struct operation *operation)
{
    struct import *import = operation_of(operation, &import_kind);
    struct events *events = operation->call.loop->conf.events;
    enum events_revised outcome = events_revised(events, &import->clashes);
    struct call *call = &operation->call;
    struct journal_place place;
    call->event = events_find(events, span_of(import->id));
    bool open = call->event != NULL && events_is_open(call->event);
    bool same = open && span_eq(span_of(call->event->plan->hash), span_of(import->content));
    if (outcome == EVENTS_REVISED_PENDING)
        return false;
    if (outcome == EVENTS_REVISED_REFUSED)
        refuse_correction(import);
    else if (outcome == EVENTS_REVISED_FAILED || (open && !same))
        call_refuse(call, REFUSAL_CORRECTION_UNWRITTEN);
    else if (same)
        reply_event(call, 200);
    else if (opened_elsewhere(import, &place))
        request_elsewhere(call, &place);
    else
        return false;
    return true;
}

static void write_correction(struct operation *operation)
{
    struct import *import = operation_of(operation, &import_kind);
    const struct plan *plan = import->plan->plan;
    struct span hash = {(const char *)plan_hash(plan), PLAN_HASH_BYTES};
    struct pg *pg = NULL;
    bool whole;
    if (!engine_revise(import->kept->engine, plan, &whole, &import->clashes))
        return; /* a refusal needs no closing of the event */
    import->rc = operation_connect(operation, "fairgate seat-service import", IMPORT_ANSWER_MS,
                                   &import->err, &pg);
    if (import->rc == 0)
        import->rc = store_offer(pg, span_of(import->id), hash, import->body, &import->err);
    pg_close(pg);
    if (import->rc < 0)
        return;
    memcpy(import->content, import->plan->hash, sizeof(import->content));
    import->corrects = events_revise(operation->call.loop->conf.events, import->kept, import->plan,
                                     span_of(import->who), span_of(import->reason));
    import->plan = NULL;
}

static bool on_correction_written(struct operation *operation)
{
    struct import *import = operation_of(operation, &import_kind);
    const struct loop_conf *conf = &operation->call.loop->conf;
    if (import->rc < 0)
        log_failure(conf->log, "a correction was not written", &import->err);
    if (import->clashes.len > 0) {
        refuse_correction(import);
        return true;
    }
    if (!import->corrects) {
        call_refuse(&operation->call, REFUSAL_CORRECTION_UNWRITTEN);
        return true;
    }
    events_let_go(import->kept);
    import->kept = NULL;
    journal_look(conf->journal);
    operation_watch(operation, look_whether_corrected, IMPORT_OPEN_MS, REFUSAL_CORRECTION_UNKNOWN);
    return false;
}

/* ---- import, step 1: the plan is read ---- */

static void read_plan(struct operation *operation)
{
    struct import *import = operation_of(operation, &import_kind);
    import->rc = operation_body(operation, &import->err, &import->body);
    if (import->rc == 0)
        import->rc = shown_plan_create(import->body, &import->err, &import->plan);
    if (import->rc == 0)
        import->rc = shown_plan_pack(import->plan, &import->err);
}

/* The event exists; repeating an import is not an error. Returns true if it has responded. */
static bool judge_repeated(struct import *import)
{
    struct call *call = &import->operation.call;
    struct journal_place place;
    bool same = strcmp(call->event->plan->hash, import->plan->hash) == 0;
    struct span version = http_req_header(call->req, HTTP_HEADER_IF_MATCH);
    bool corrects = version.ptr != NULL, open = events_is_open(call->event);
    const enum journal_reason reason = journal_reason(call->loop->conf.journal);
    char etag[sizeof(call->event->plan->hash) + 2];
    snprintf(etag, sizeof(etag), "\"%s\"", call->event->plan->hash);
    if (same && open)
        reply_event(call, 200);
    else if ((same || corrects) && opened_elsewhere(import, &place))
        request_elsewhere(call, &place);
    else if (!same && !corrects)
        call_refuse(call, REFUSAL_EVENT_DIFFERS);
    else if (!open && reason != JOURNAL_REASON_NONE)
        request_away(call, reason);
    else if (!open)
        call_refuse(call, corrects ? REFUSAL_CORRECTION_UNWRITTEN : REFUSAL_IMPORT_NOT_OPEN);
    else if (!span_eq(version, span_of(etag)))
        call_refuse(call, REFUSAL_DOCUMENT_CHANGED);
    else
        return false;
    return true;
}

/* The event is absent or closed, such as while it falls asleep: only a new one can be imported now.
 * Returns true if it has responded. */
static bool judge_absent(struct import *import)
{
    struct call *call = &import->operation.call;
    struct journal *journal = call->loop->conf.journal;
    struct journal_view view;
    struct journal_place place;
    bool known = journal_find(journal, span_of(import->id), &view);
    bool corrects = http_req_header(call->req, HTTP_HEADER_IF_MATCH).ptr != NULL;
    const enum journal_reason reason = journal_reason(journal);
    if (known && view.state == JOURNAL_EVENT_ASLEEP)
        request_wake(call); /* the retry then finds it */
    else if (!known && !corrects)
        return false;
    else if (opened_elsewhere(import, &place))
        request_elsewhere(call, &place);
    else if (reason != JOURNAL_REASON_NONE)
        request_away(call, reason);
    else if (!known)
        call_refuse(call, REFUSAL_DOCUMENT_CHANGED);
    else
        call_refuse(call, corrects ? REFUSAL_CORRECTION_UNWRITTEN : REFUSAL_IMPORT_NOT_OPEN);
    return true;
}

static bool on_plan_read(struct operation *operation)
{
    struct import *import = operation_of(operation, &import_kind);
    struct call *call = &operation->call;
    const struct loop_conf *conf = &call->loop->conf;
    if (import->rc < 0) {
        refuse_import(import);
        return true;
    }
    call->event = events_find(conf->events, span_of(import->id));
    if (call->event != NULL ? judge_repeated(import) : judge_absent(import))
        return true;
    import->rc = show_require_zone(plan_show(import->plan->plan), &import->err);
    if (import->rc < 0) {
        refuse_import(import);
        return true;
    }
    if (call->event != NULL) {
        events_keep(call->event);
        import->kept = call->event;
        operation_do(operation, write_correction, on_correction_written);
        return false;
    }
    import->rc = journal_may_import(conf->journal, import->id, &import->err);
    if (import->rc < 0) {
        refuse_new(import);
        return true;
    }
    operation_do(operation, write_event, on_written);
    return false;
}

/* Ids appear in paths, file names and logs. */
static bool is_event_id(struct span id)
{
    return id.len > 0 && id.len <= EVENT_ID_MAX && id.ptr[0] != '-' &&
           span_is_of(id, SPAN_LOWER SPAN_DIGITS "-");
}

/* X-Reason, percent-encoded where it is not ASCII. */
static bool read_reason(const struct http_req *req, char out[CHANGE_TEXT_MAX + 1])
{
    struct text text = text_on(out, CHANGE_TEXT_MAX);
    if (!http_url_decode(span_trim(http_req_header_named(req, SPAN("X-Reason"))), false, &text))
        return false;
    out[text.len] = '\0';
    json_t *utf8 = json_stringn(out, text.len); /* NULL: invalid UTF-8 */
    bool good = utf8 != NULL && strlen(out) == text.len;
    json_decref(utf8);
    return good;
}

static void put_event(struct http_req *req)
{
    struct call call = {.req = req, .loop = loop_of(req)};
    struct span id = http_req_param(req, 0);
    char reason[CHANGE_TEXT_MAX + 1];
    if (!is_event_id(id)) {
        call_refuse(&call, REFUSAL_EVENT_ID);
        return;
    }
    if (!read_reason(req, reason)) {
        call_refuse_as(&call, REFUSAL_FIELD, "X-Reason has at most 64 bytes, percent-encoded");
        return;
    }
    struct import *import = operation_begin(loop_of(req)->conf.operations, &import_kind, &call);
    if (import == NULL)
        return;
    memcpy(import->reason, reason, sizeof(reason));
    const char *who = service_operator(service_loop_of(req), req);
    bool fits = span_to_cstr(id, import->id, sizeof(import->id)) &&
                span_to_cstr(span_of(who != NULL ? who : ""), import->who, sizeof(import->who));
    assert(fits);
    operation_do(&import->operation, read_plan, on_plan_read);
}

/* ---- reading ---- */

static void get_events(struct http_req *req)
{
    struct call call = {.req = req, .loop = loop_of(req)};
    const struct loop_conf *conf = &call.loop->conf;
    struct journal_view view;
    struct text body = loop_text(call.loop);
    json_open(&body, '{');
    json_member_cstr(&body, "role", journal_role_name(journal_role(conf->journal)));
    json_member_open(&body, "events", '[');
    uint32_t nth = 0;
    while (journal_next(conf->journal, &nth, &view)) {
        const struct event *event = events_nth(conf->events, view.nth);
        json_open(&body, '{');
        json_member_cstr(&body, "event", view.id);
        json_member_cstr(&body, "state", journal_state_name(view.state));
        if (view.state == JOURNAL_EVENT_OUT)
            json_member_cstr(&body, "reason", view.reason);
        bool open = event != NULL && events_is_open(event);
        json_member_bool(&body, "open", open);
        json_member_u64(&body, "epoch", open ? event->epoch : 0);
        if (event != NULL) { /* its document is readable */
            json_member_u64(&body, "seats", plan_seat_count(event->plan->plan));
            json_member_cstr(&body, "plan", event->plan->hash);
        }
        json_close(&body, '}');
    }
    json_close(&body, ']');
    json_member_u64(&body, "asleep", journal_asleep(conf->journal));
    json_close(&body, '}');
    call_reply(&call, 200, &body, NOTHING);
}

static void get_event(struct http_req *req)
{
    struct call call;
    if (request_event(&call, req))
        reply_event(&call, 200);
}

/* The import body, normalised. It is copied on the pool: a stadium's has megabytes. */
struct document {
    struct operation operation;
    struct http_blob *blob;
};

static void end_document(struct operation *operation)
{
    http_blob_let_go(operation->call.loop->conf.uv, ((struct document *)operation)->blob);
}

static const struct operation_kind document_kind = {
    sizeof(struct document), 2, REFUSAL_DOCUMENTS, REFUSAL_DOCUMENTS, true, end_document};

static void copy_document(struct operation *operation)
{
    struct document *document = operation_of(operation, &document_kind);
    document->blob = http_blob_create(plan_export(operation->call.event->plan->plan));
}

static bool on_document_copied(struct operation *operation)
{
    const struct document *document = operation_of(operation, &document_kind);
    if (document->blob == NULL)
        call_refuse(&operation->call, REFUSAL_DOCUMENTS);
    else
        http_reply(operation->call.req, &(struct http_reply){.status = 200,
                                                             .type = "application/json",
                                                             .blob = document->blob});
    return true;
}

static void get_document(struct http_req *req)
{
    struct call call;
    struct document *document =
        request_event(&call, req)
            ? operation_begin(loop_of(req)->conf.operations, &document_kind, &call)
            : NULL;
    if (document != NULL)
        operation_do(&document->operation, copy_document, on_document_copied);
}

/* At most COUNTS_MAX points, evenly spaced, including the newest. */
static void get_counts(struct http_req *req)
{
    enum { COUNTS_MAX = 720 };
    struct call call;
    if (!request_event(&call, req))
        return;
    const struct series *series = call.loop->conf.series;
    uint32_t len = series_len(series, call.event);
    uint32_t stride = len / COUNTS_MAX + 1;
    struct text body = loop_text(call.loop);
    json_open(&body, '{');
    json_member_cstr(&body, "event", call.event->id);
    json_member_raw(&body, "columns",
                    SPAN("[\"at\",\"free\",\"held\",\"sold\",\"blocked\",\"errors\"]"));
    json_member_open(&body, "points", '[');
    for (uint32_t age = len; age > 0; age--) {
        if ((age - 1) % stride != 0)
            continue;
        struct sql_counted_read_row point = series_at(series, call.event, age);
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
    struct sql_counted_read_row now = series_now(series, call.event, call.now_ms);
    json_member_open(&body, "now", '{');
    render_count(&body, now.free, now.held, now.sold, now.blocked);
    json_member_u64(&body, "errors", now.errors);
    json_close(&body, '}');
    render_times(&body, call.now_ms);
    json_close(&body, '}');
    call_reply(&call, 200, &body, NOTHING);
}

/* ---- export of sold seats ---- */

enum { EXPORT_MOST = 1000000 }; /* per page; more than any hall has */

struct export
{
    struct operation operation;
    struct export_page {
        bool csv;
        int64_t after;       /* begin after this seat; -1: with the first */
        uint64_t after_hold; /* or after this hold, which follows all seats; 0: with the first */
        uint32_t most;
    } page;
    uint32_t rows;
    struct text text;
    struct http_blob *blob;
    int rc;
    struct err_slot err;
};

static void end_export(struct operation *operation)
{
    http_blob_let_go(operation->call.loop->conf.uv, ((struct export *)operation)->blob);
}

static const struct operation_kind export_kind = {sizeof(struct export),   1,    REFUSAL_EXPORTS,
                                                  REFUSAL_SOLD_UNREADABLE, true, end_export};

/* RFC 4180: every field is quoted, quotes are doubled. A field that a spreadsheet would read as a
 * formula gets an apostrophe in front. */
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

/* A row: a seat, or the standing places of a hold, whose `zone` is their area's name. Fields of the
 * other kind are empty in CSV and absent in JSON. */
enum field { SEAT, ZONE, ROW, NUMBER, CATEGORY, ORDER, HOLD, AREA, PLACES, PRICE, FIELDS };

static void put_row(struct export *export, const struct span fields[FIELDS])
{
    static const char *const names[FIELDS] = {"seat",  "zone", "row",  "number", "category",
                                              "order", "hold", "area", "places", "price"};
    bool standing = fields[AREA].ptr != NULL;
    struct text *text = &export->text;
    if (!export->page.csv)
        json_open(text, '{');
    for (unsigned i = 0; i < FIELDS; i++) {
        if (export->page.csv && i > 0)
            text_char(text, ',');
        if (export->page.csv)
            put_csv(text, fields[i]);
        else if (standing ? i == SEAT || i == ROW || i == NUMBER : i >= AREA)
            continue;
        else if (i >= PLACES)
            json_member_raw(text, names[i], fields[i]);
        else
            json_member_str(text, names[i], fields[i]);
    }
    if (export->page.csv)
        TEXT_LIT(text, "\r\n");
    else
        json_close(text, '}');
    export->rows++;
}

static struct hold_id hold_name(const struct export *export, uint64_t hold)
{
    const struct call *call = &export->operation.call;
    return hold_id_make(call->loop->conf.hold_keys, span_of(call->event->id), hold);
}

static int on_sold(void *ctx, const struct sql_sold_list_row *sold)
{
    struct export *export = ctx;
    const struct plan *plan = export->operation.call.event->plan->plan;
    if (sold->seat >= plan_seat_count(plan))
        return 0;
    struct hold_id hold = hold_name(export, sold->hold);
    struct plan_seat seat = plan_seat(plan, sold->seat);
    const struct span fields[FIELDS] = {[SEAT] = seat.guid,
                                        [ZONE] = seat.zone,
                                        [ROW] = seat.row_label,
                                        [NUMBER] = seat.number,
                                        [CATEGORY] = plan_category(plan, seat.category)->name,
                                        [ORDER] = sold->order_id,
                                        [HOLD] = span_of(hold.text)};
    put_row(export, fields);
    return 0;
}

static int on_sold_area(void *ctx, const struct sql_sold_area_list_row *sold)
{
    struct export *export = ctx;
    const struct plan *plan = export->operation.call.event->plan->plan;
    if (sold->area >= plan_area_count(plan) || sold->places == 0)
        return 0;
    char places[24], price[24];
    snprintf(places, sizeof(places), "%" PRIu32, sold->places);
    snprintf(price, sizeof(price), "%" PRIu64, sold->total / sold->places);
    struct hold_id hold = hold_name(export, sold->hold);
    const struct plan_area *area = plan_area(plan, sold->area);
    const struct span fields[FIELDS] = {[ZONE] = area->name.len > 0 ? area->name : area->id,
                                        [CATEGORY] = plan_category(plan, area->category)->name,
                                        [ORDER] = sold->order_id,
                                        [HOLD] = span_of(hold.text),
                                        [AREA] = area->id,
                                        [PLACES] = span_of(places),
                                        [PRICE] = span_of(price)};
    put_row(export, fields);
    return 0;
}

static int read_into(struct export *export, struct pg *pg, size_t cap)
{
    free(export->text.ptr);
    export->text = text_on(malloc(cap), cap);
    if (export->text.ptr == NULL)
        return err_set(&export->err, ERR_NOMEM, "an export of %zu bytes", cap);
    if (export->page.csv)
        TEXT_LIT(&export->text, "seat,zone,row,number,category,order,hold,area,places,price\r\n");
    else
        json_open(&export->text, '[');
    export->rows = 0;
    struct span event = span_of(export->operation.call.event->id);
    int rc = 0;
    if (export->page.after_hold == 0)
        rc = store_sold_read(pg, event, export->page.after, export->page.most, on_sold, export,
                             &export->err);
    if (rc == 0 && export->rows < export->page.most)
        rc = store_sold_areas_read(pg, event, export->page.after_hold,
                                   export->page.most - export->rows, on_sold_area, export,
                                   &export->err);
    if (!export->page.csv)
        json_close(&export->text, ']');
    return rc;
}

/* On the pool. Names are rarely long, so the first buffer is for names of usual length. */
static void read_sold(struct operation *operation)
{
    enum { BYTES_PER_SEAT = 400, BYTES_OF_AREAS = 64 * 1024 };
    struct export *export = operation_of(operation, &export_kind);
    struct pg *pg = NULL;
    uint32_t seats = plan_seat_count(operation->call.event->plan->plan);
    size_t cap = (size_t)(export->page.most < seats ? export->page.most : seats) * BYTES_PER_SEAT +
                 BYTES_OF_AREAS;
    export->rc = operation_connect(operation, "fairgate seat-service export", JOURNAL_ANSWER_MS,
                                   &export->err, &pg);
    if (export->rc == 0)
        export->rc = read_into(export, pg, cap);
    while (export->rc == 0 && export->text.overflown)
        export->rc = read_into(export, pg, cap *= 2);
    pg_close(pg);
    if (export->rc == 0)
        export->blob = http_blob_create(text_span(&export->text));
    free(export->text.ptr);
}

static bool on_sold_read(struct operation *operation)
{
    struct export *export = operation_of(operation, &export_kind);
    if (export->blob == NULL)
        call_refuse(&operation->call, REFUSAL_SOLD_UNREADABLE);
    else
        http_reply(operation->call.req,
                   &(struct http_reply){
                       .status = 200,
                       .type = export->page.csv ? "text/csv; charset=utf-8" : "application/json",
                       .headers = SPAN("Cache-Control: no-store\r\n"),
                       .blob = export->blob,
                   });
    return true;
}

static bool find_seat(const struct call *call, struct span raw, int64_t *out)
{
    char memory[PLAN_ID_MAX + 1];
    struct text guid = text_on(memory, sizeof(memory));
    uint32_t seat;
    if (!http_url_decode(raw, true, &guid) || guid.overflown ||
        !plan_seat_find(call->event->plan->plan, text_span(&guid), &seat))
        return false;
    *out = seat;
    return true;
}

/* ?format=, ?after= a seat's id or a hold of standing places, ?limit= */
static bool read_page(struct http_req *req, struct call *call, struct export_page *out)
{
    struct span format = http_req_query_arg(req, SPAN("format"));
    struct span after = http_req_query_arg(req, SPAN("after"));
    struct span limit = http_req_query_arg(req, SPAN("limit"));
    uint64_t most = EXPORT_MOST;
    *out = (struct export_page){.csv = span_eq(format, SPAN("csv")), .after = -1};
    if (!out->csv && format.ptr != NULL && !span_eq(format, SPAN("json"))) {
        call_refuse(call, REFUSAL_FORMAT);
        return false;
    }
    if (limit.ptr != NULL && (!span_u64(limit, EXPORT_MOST, &most) || most == 0)) {
        call_refuse(call, REFUSAL_LIMIT);
        return false;
    }
    if (after.ptr != NULL && !find_seat(call, after, &out->after) &&
        !hold_id_read(call->loop->conf.hold_keys, span_of(call->event->id), after,
                      &out->after_hold)) {
        call_refuse(call, REFUSAL_AFTER);
        return false;
    }
    out->most = (uint32_t)most;
    return true;
}

static void get_export(struct http_req *req)
{
    struct call call;
    struct export_page page;
    if (!request_event(&call, req) || !read_page(req, &call, &page))
        return;
    struct export *export = operation_begin(loop_of(req)->conf.operations, &export_kind, &call);
    if (export == NULL)
        return;
    export->page = page;
    operation_do(&export->operation, read_sold, on_sold_read);
}

/* ---- the operators' audit trail ---- */

enum { ACTS_READ_MAX = 200 };

struct acts {
    struct operation operation;
    uint64_t before;
    PGresult *rows; /* newest first; the oldest of an event is its import */
    int rc;
};

static void end_acts(struct operation *operation)
{
    PQclear(((struct acts *)operation)->rows);
}

static const struct operation_kind acts_kind = {.size = sizeof(struct acts),
                                                .most = 2,
                                                .full = REFUSAL_ACTS,
                                                .unfinished = REFUSAL_ACTS_UNREADABLE,
                                                .keeps_event = true,
                                                .end = end_acts};

static void read_acts(struct operation *operation)
{
    struct acts *acts = operation_of(operation, &acts_kind);
    struct err_slot err;
    struct pg *pg = NULL;
    acts->rc =
        operation_connect(operation, "fairgate seat-service acts", JOURNAL_ANSWER_MS, &err, &pg);
    if (acts->rc == 0)
        acts->rc = sql_acts_read(pg,
                                 &(struct sql_acts_read_args){span_of(operation->call.event->id),
                                                              acts->before, ACTS_READ_MAX},
                                 &err, &acts->rows);
    pg_close(pg);
}

static void put_seat(struct text *body, const char *key, const struct plan *plan, uint32_t index)
{
    if (plan == NULL || index >= plan_seat_count(plan))
        return;
    struct plan_seat seat = plan_seat(plan, index);
    json_member_open(body, key, '{');
    json_member_str(body, "seat", seat.guid);
    json_member_str(body, "zone", seat.zone);
    json_member_str(body, "row", seat.row_label);
    json_member_str(body, "number", seat.number);
    json_close(body, '}');
}

static void put_words(struct text *body, const char *key, struct span words, size_t most)
{
    words.len = words.len < most ? words.len : most;
    if (words.len > 0)
        json_member_str(body, key, words);
}

static void put_act(struct text *body, const struct event *event,
                    const struct sql_acts_read_row *row)
{
    /* NULL: the hall was replaced by a correction; its names are gone */
    const struct plan *plan = row->seq >= event->base ? event->plan->plan : NULL;
    json_open(body, '{');
    json_member_u64(body, "seq", row->seq);
    json_member_time(body, "at", row->at_ms);
    json_member_cstr(body, "act", change_kind_name((enum change_kind)row->kind));
    if (row->kind == CHANGE_PRICED) {
        if (plan != NULL && row->category < plan_category_count(plan))
            json_member_str(body, "category", plan_category(plan, row->category)->name);
        json_member_u64(body, "from", row->price_was);
        json_member_u64(body, "to", row->price);
    } else if (row->quantity > 0) {
        json_member_u64(body, "quantity", row->quantity);
        if (!row->has_area) {
            put_seat(body, "first", plan, row->first_seat);
            put_seat(body, "last", plan, row->last_seat);
        } else if (plan != NULL && row->area < plan_area_count(plan)) {
            const struct plan_area *area = plan_area(plan, row->area);
            json_member_str(body, "area", area->name.len > 0 ? area->name : area->id);
        }
    }
    put_words(body, "reason", row->reason, CHANGE_TEXT_MAX);
    put_words(body, "who", row->who, CHANGE_WHO_MAX);
    json_close(body, '}');
}

static uint64_t act_seq(const struct acts *acts, uint32_t nth)
{
    return sql_acts_read_row(acts->rows, (int)nth).seq;
}

/* Whole acts only: a change of several prices has a row each. Returns the number of rows. */
static uint32_t put_acts(struct text *body, const struct event *event, const struct acts *acts)
{
    enum { ROW_MAX = 9 * PLAN_TEXT_MAX * 6 + 1024 + CHANGE_WHO_MAX }; /* every byte escaped */
    static_assert((int)PLAN_CATEGORIES_MAX < (int)ACTS_READ_MAX, "a page has one act at least");
    static_assert((PLAN_CATEGORIES_MAX + 1) * ROW_MAX + 1024 <= API_ANSWER_MAX, "there is room");
    uint32_t put = 0, len = (uint32_t)PQntuples(acts->rows);
    assert(len <= ACTS_READ_MAX);
    while (put < len) {
        uint32_t end = put + 1;
        while (end < len && act_seq(acts, end) == act_seq(acts, put))
            end += 1;
        bool whole = end < ACTS_READ_MAX; /* otherwise the next page may have more of it */
        if (!whole || body->len + (size_t)(end - put + 1) * ROW_MAX > API_ANSWER_MAX)
            break;
        for (; put < end; put++) {
            struct sql_acts_read_row row = sql_acts_read_row(acts->rows, (int)put);
            put_act(body, event, &row);
        }
    }
    assert(put > 0 || len == 0);
    return put;
}

static bool on_acts_read(struct operation *operation)
{
    const struct acts *acts = operation_of(operation, &acts_kind);
    struct call *call = &operation->call;
    if (acts->rc < 0) {
        call_refuse(call, REFUSAL_ACTS_UNREADABLE);
        return true;
    }
    struct text body = loop_text(call->loop);
    json_open(&body, '{');
    json_member_cstr(&body, "event", call->event->id);
    json_member_str(&body, "currency", plan_currency(call->event->plan->plan));
    json_member_open(&body, "acts", '[');
    uint32_t put = put_acts(&body, call->event, acts);
    json_close(&body, ']');
    if (put < (uint32_t)PQntuples(acts->rows))
        json_member_u64(&body, "next", act_seq(acts, put - 1));
    else
        json_member_null(&body, "next");
    render_times(&body, call->now_ms);
    json_close(&body, '}');
    call_reply(call, 200, &body, NOTHING);
    return true;
}

static void get_audit(struct http_req *req)
{
    struct span asked = http_req_query_arg(req, SPAN("before"));
    uint64_t before = INT64_MAX;
    struct call call;
    if (!request_event(&call, req))
        return;
    if (asked.ptr != NULL && !span_u64(asked, INT64_MAX, &before)) {
        call_refuse(&call, REFUSAL_BEFORE);
        return;
    }
    struct acts *acts = operation_begin(loop_of(req)->conf.operations, &acts_kind, &call);
    if (acts == NULL)
        return;
    acts->before = before;
    operation_do(&acts->operation, read_acts, on_acts_read);
}

/* ---- changes ---- */

/* Everything that these bodies may contain. */
struct order {
    uint32_t seats[REQUEST_SEATS_MAX];
    uint32_t seats_len;
    uint16_t area;
    uint32_t quantity;
    struct span reason;
    uint64_t categories, prices[PLAN_CATEGORIES_MAX];
};

static void finish(struct call *call, const struct engine_op *op)
{
    struct render_event shown = call_view(call);
    struct text body = loop_text(call->loop);
    json_open(&body, '{');
    json_member_cstr(&body, "change", change_kind_name(op->change.kind));
    json_member_u64(&body, "seq", op->change.seq);
    render_counts(&body, &shown);
    render_times(&body, shown.now_ms);
    json_close(&body, '}');
    call_reply(call, 200, &body, NOTHING);
}

/* Reads the body; returns false if it has responded. */
typedef bool reader(struct call *call, json_t *doc, struct order *order);
typedef enum engine_verdict beginner(struct engine *engine, const struct order *order,
                                     uint64_t now_ms, struct engine_op *op);

/* Stored with the change itself, so that the trail names the operator even if this process ends
 * now. */
static void set_who(struct change *change, const struct http_req *req)
{
    static_assert((int)PERSONS_NAME_BYTES_MAX <= (int)CHANGE_WHO_MAX, "any name fits");
    const char *who = service_operator(service_loop_of(req), req);
    if (who == NULL)
        return;
    change->who_len = (uint8_t)strlen(who);
    memcpy(change->who, who, change->who_len);
}

static void change_hall(struct http_req *req, reader *read, beginner *begin)
{
    struct call call;
    struct order order = {.area = ENGINE_AREA_NONE};
    struct commit_entry *entry;
    json_t *doc;
    if (!request_event(&call, req) || !request_body(&call, &doc))
        return;
    call.finish = finish;
    if (read(&call, doc, &order) && (entry = pending_entry(&call)) != NULL) {
        enum engine_verdict verdict = begin(call.event->engine, &order, call.now_ms, &entry->op);
        set_who(&entry->op.change, req);
        verdict_go_on(&call, verdict, entry, NULL);
    }
    json_decref(doc);
}

static bool read_area(struct call *call, struct json_in *in, struct order *order)
{
    struct span area;
    uint64_t quantity = 0;
    if (!json_in_str(in, "area", 1, PLAN_ID_MAX, &area))
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

/* {seats | area, quantity; reason}. Returns false if it has responded. */
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
    if (!request_end(call, &in, &err))
        return false;
    return seats == NULL || request_seats(call, seats, "seats", order->seats, &order->seats_len);
}

static enum engine_verdict block(struct engine *engine, const struct order *order, uint64_t now_ms,
                                 struct engine_op *op)
{
    if (order->area == ENGINE_AREA_NONE)
        return engine_block(engine, order->seats, order->seats_len, order->reason, now_ms, op);
    return engine_block_area(engine, order->area, order->quantity, order->reason, now_ms, op);
}

static void post_block(struct http_req *req)
{
    change_hall(req, read_block, block);
}

static enum engine_verdict unblock(struct engine *engine, const struct order *order,
                                   uint64_t now_ms, struct engine_op *op)
{
    if (order->area == ENGINE_AREA_NONE)
        return engine_unblock(engine, order->seats, order->seats_len, order->reason, now_ms, op);
    return engine_unblock_area(engine, order->area, order->quantity, order->reason, now_ms, op);
}

static void post_unblock(struct http_req *req)
{
    change_hall(req, read_block, unblock);
}

/* {prices: {category: price}, reason} */
static bool read_price(struct call *call, json_t *doc, struct order *order)
{
    struct err_slot err = {0};
    struct json_in in, prices;
    const char *name;
    json_t *value;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "prices");
    if (json_in_child(&in, "prices", &prices)) {
        json_object_foreach(prices.object, name, value)
        {
            int found = plan_category_find(call->event->plan->plan, span_of(name));
            if (found < 0)
                json_in_refuse(&prices, name, "must be a category of this event");
            else if (json_in_u64(&prices, name, 0, PLAN_PRICE_MAX, &order->prices[found]))
                order->categories |= UINT64_C(1) << found;
        }
        json_in_end(&prices);
    }
    if (order->categories == 0)
        json_in_refuse(&in, "prices", "must name categories with their prices");
    json_in_str(&in, "reason", 0, CHANGE_TEXT_MAX, &order->reason);
    return request_end(call, &in, &err);
}

static enum engine_verdict price(struct engine *engine, const struct order *order, uint64_t now_ms,
                                 struct engine_op *op)
{
    return engine_price(engine, order->categories, order->prices, order->reason, now_ms, op);
}

static void post_price(struct http_req *req)
{
    change_hall(req, read_price, price);
}

const struct http_route operator_api_routes[] = {
    {HTTP_METHOD_GET, "/admin/events", get_events, NULL, 0},
    {HTTP_METHOD_PUT, "/admin/events/{event}", put_event, NULL, PLAN_JSON_MAX},
    {HTTP_METHOD_GET, "/admin/events/{event}", get_event, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/document", get_document, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/counts", get_counts, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/export", get_export, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/audit", get_audit, NULL, 0},
    {HTTP_METHOD_POST, "/admin/events/{event}/block", post_block, NULL, ADMIN_BODY_MAX},
    {HTTP_METHOD_POST, "/admin/events/{event}/unblock", post_unblock, NULL, ADMIN_BODY_MAX},
    {HTTP_METHOD_POST, "/admin/events/{event}/price", post_price, NULL, ADMIN_BODY_MAX},
    {.pattern = NULL},
};
