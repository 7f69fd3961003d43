/* act.c: each change is one call of the store, which compares the version, writes the change and
 * adds it to the audit trail in one step. This file does the steps before and after:
 *
 * - A change is computed from this front's picture and sent with the picture's version. If another
 *   change came first, the store refuses; unless the operator named a version (If-Match), the
 *   change is computed again from the next picture: two patches of different knobs both count.
 * - An event unknown to this front is looked up once among the ended ones.
 * - The answer waits until this front has the new picture, so that an operator who gets "open" can
 *   join here at once and reads the change. After a second it is sent anyway: the change is
 *   written.
 *
 * An act owns its texts and its wait for a picture. At any time it is in one place: with the store,
 * in the search for its event, or waiting for a picture. */
#include "admin/act.h"

#include "admin/admin_answer.h"
#include "admin/admin_find.h"
#include "api/answer.h"
#include "api/refusal.h"
#include "base/json_in.h"
#include "core/event/draw_seal.h"
#include "front/sale.h"
#include "service/operators.h"

#include <assert.h>

enum {
    SEEN_US = 1000000,   /* knobs take effect within a second, or the answer has a warning */
    PART_BYTES_MAX = 16, /* longer than any name of a part of a sale */
};

static_assert((int)ACT_AUDIT_MAX <= (int)LINE_AUDIT_BYTES_MAX, "the store takes what we write");
static_assert((int)EVENT_DOC_BYTES_MAX <= (int)LINE_DOC_BYTES_MAX, "and whole documents");

static struct act *act_of_wait(struct front_wait *wait)
{
    return (struct act *)((char *)wait - offsetof(struct act, wait));
}

static void act_end(void *room)
{
    struct act *act = room;
    if (act->on_end != NULL)
        act->on_end(act);
}

/* ---- from the request to the store ---- */

/* "12" with its quotes; "*" is any. False: never a version of ours. */
static bool read_if_match(struct span header, uint64_t *version)
{
    *version = 0;
    if (header.ptr == NULL || span_eq(header, SPAN("*")))
        return true;
    if (header.len < 3 || header.ptr[0] != '"' || header.ptr[header.len - 1] != '"')
        return false;
    struct span digits = {header.ptr + 1, header.len - 2};
    return span_u64(digits, INT64_MAX, version) && *version > 0;
}

/* A header with text: percent-encoded where needed, as in a path. */
static bool read_words(const struct http_req *req, struct span name, struct text *words)
{
    struct span raw = span_trim(http_req_header_named(req, name));
    return raw.len == 0 ||
           (http_url_decode(raw, false, words) && span_is_printable(text_span(words)));
}

/* Reads the operator. A token with a name gives it, and X-Operator can only repeat it. Otherwise
 * the token only grants the right, and X-Operator has the name. */
static bool read_operator(struct act *act)
{
    char memory[OPERATOR_BYTES_MAX];
    struct text words = text_on(memory, sizeof(memory));
    if (!read_words(act->req, SPAN("X-Operator"), &words))
        return false;
    struct span name = text_span(&words);
    const char *proved = service_operator(act->front->loop, act->req);
    if (proved != NULL) {
        static_assert((int)OPERATORS_NAME_BYTES_MAX <= (int)OPERATOR_BYTES_MAX, "any name fits");
        bool fits = span_to_cstr(span_of(proved), act->who, sizeof(act->who));
        assert(fits);
        return name.len == 0 || span_eq(name, span_of(proved));
    }
    struct text who = text_on(act->who, sizeof(act->who) - 1);
    if (name.len > 0) {
        text_put(&who, name);
        TEXT_LIT(&who, " (admin token)");
    } else {
        TEXT_LIT(&who, "admin token");
    }
    act->who[who.len] = '\0';
    return true;
}

static bool set_why(struct act *act, struct span why)
{
    return why.len <= REASON_BYTES_MAX && span_is_printable(why) &&
           span_to_cstr(why, act->why, sizeof(act->why));
}

void *act_begin(struct http_req *req, size_t bytes, act_attempt *attempt)
{
    assert(bytes >= sizeof(struct act));
    struct span id = http_req_param(req, 0);
    struct front *front = front_of(req);
    if (!line_event_id_ok(id)) {
        answer_event_unknown(req, id);
        return NULL;
    }
    struct act *act = http_req_room(req, bytes, act_end);
    if (act == NULL) {
        answer_overloaded(req);
        return NULL;
    }
    act->front = front;
    act->req = req;
    act->attempt = attempt;
    bool fits = span_to_cstr(id, act->line.event, sizeof(act->line.event)) &&
                span_to_cstr(id, act->wait.event, sizeof(act->wait.event));
    assert(fits);
    char memory[REASON_BYTES_MAX];
    struct text reason = text_on(memory, sizeof(memory));
    if (!read_if_match(http_req_header(req, HTTP_HEADER_IF_MATCH), &act->if_match)) {
        refusal_reply(req, REFUSAL_IF_MATCH);
    } else if (!read_operator(act) || !read_words(req, SPAN("X-Reason"), &reason) ||
               !set_why(act, text_span(&reason))) {
        refusal_say(req, REFUSAL_OPERATOR,
                    "X-Operator has at most %d and X-Reason at most %d printable bytes, "
                    "percent-encoded where they are not ASCII. Where the token bears a name, "
                    "X-Operator is that name or none.",
                    OPERATOR_BYTES_MAX, REASON_BYTES_MAX);
    } else {
        return act;
    }
    return NULL;
}

const struct front_line *act_event(const struct act *act)
{
    return front_line_find(act->front, span_of(act->line.event));
}

static void read_without(struct json_in *in, unsigned *without)
{
    json_t *parts = NULL;
    struct span name = {NULL, 0};
    if (!json_in_has(in, "without") || !json_in_array(in, "without", 0, SALE_PARTS, &parts))
        return;
    for (size_t i = 0; i < json_array_size(parts); i++) {
        enum sale_part part = 0;
        if (!json_in_item_str(in, "without", parts, i, 1, PART_BYTES_MAX, &name))
            return;
        while (part < SALE_PARTS && !span_eq(name, span_of(sale_part_names[part])))
            part++;
        if (part == SALE_PARTS) {
            json_in_refuse(in, "without", "must name hall or payment");
            return;
        }
        *without |= 1u << part;
    }
}

bool act_read_body(struct act *act, const struct act_words *words)
{
    struct text *beacon = words->beacon;
    struct span body = http_req_body(act->req);
    if (body.len == 0)
        return true;
    struct err_slot err;
    json_t *json;
    if (json_in_parse(body, &err, &json) < 0) {
        answer_body_unread(act->req, &err);
        return false;
    }
    struct json_in in;
    struct span why = {NULL, 0}, value;
    json_in_object(&in, json, &err);
    if (beacon != NULL && json_in_has(&in, "beacon") &&
        json_in_str(&in, "beacon", 0, DRAW_BEACON_MAX, &value)) {
        if (span_is_printable(value))
            text_put(beacon, value);
        else
            json_in_refuse(&in, "beacon", "must be printable");
    }
    if (words->without != NULL)
        read_without(&in, words->without);
    if (json_in_has(&in, "why"))
        json_in_str(&in, "why", 0, REASON_BYTES_MAX, &why);
    int rc = json_in_end(&in);
    if (rc == 0 && why.ptr != NULL && !set_why(act, why))
        rc = err_set(&err, ERR_RANGE, "/why: must be printable");
    json_decref(json);
    if (rc < 0)
        refusal_say(act->req, REFUSAL_ACTION, "%s", err.text);
    return rc == 0;
}

struct span act_audit_side(const struct text *json)
{
    bool fits = !json->overflown && json->len <= ACT_AUDIT_SIDE_MAX;
    return fits ? text_span(json) : SPAN("\"(longer than the trail keeps)\"");
}

void act_put_parts(struct text *json, const char *name, unsigned parts)
{
    json_key(json, name);
    json_open(json, '[');
    for (enum sale_part part = 0; part < SALE_PARTS; part++) {
        if (parts & (1u << part))
            json_str(json, span_of(sale_part_names[part]));
    }
    json_close(json, ']');
}

void act_audit(struct act *act, const char *what, struct span from, struct span to)
{
    struct text audit = text_on(act->audit, sizeof(act->audit));
    json_open(&audit, '{');
    json_member_cstr(&audit, "who", act->who);
    json_member_cstr(&audit, "what", what);
    json_member_raw(&audit, "from", from);
    json_member_raw(&audit, "to", to);
    if (act->why[0] != '\0')
        json_member_cstr(&audit, "why", act->why);
    else
        json_member_null(&audit, "why");
    if (act->without != 0)
        act_put_parts(&audit, "without", act->without);
    json_close(&audit, '}');
    assert(!audit.overflown);
    act->line.audit = text_span(&audit);
}

bool act_may_rewrite(struct act *act, const struct front_line *event)
{
    if (event->shut == FRONT_SHUT_DOCUMENT)
        admin_answer_unreadable(act->req, event);
    else if (event->doc.newer)
        refusal_reply(act->req, REFUSAL_DOCUMENT_NEWER);
    else
        return true;
    return false;
}

bool act_put_document(struct act *act)
{
    struct text json = text_on(act->json, sizeof(act->json));
    event_doc_json(&json, &act->doc);
    if (json.overflown) {
        refusal_say(act->req, REFUSAL_DOCUMENT_LARGE, "The document exceeds %d bytes.",
                    EVENT_DOC_BYTES_MAX);
        return false;
    }
    act->line.doc = text_span(&json);
    act->line.knobs = event_doc_knobs(&act->doc);
    return true;
}

static void on_answer(struct line_admin *line)
{
    struct act *act = (struct act *)line;
    act->answer(act);
}

void act_ask(struct act *act, enum line_admin_call call, act_answer *answer)
{
    act->answer = answer;
    act->line.call = call;
    act->line.on_done = on_answer;
    line_store_admin(act->front->store, &act->line);
}

/* New seeds for an event without a seal, for each call, so that none is stored. The salt comes from
 * the kernel, not from the loop's own generator. */
void act_ask_sealed(struct act *act, enum line_admin_call call, act_answer *answer)
{
    const struct front_line *event = act_event(act);
    if (event == NULL || (!event->view->draw.has_seal && !event->view->draw.drawn)) {
        struct draw_seal seal;
        struct text text = text_on(act->seal, sizeof(act->seal));
        draw_seal_make(&act->front->keys->draws, span_of(act->line.event), rng_system(), &seal);
        draw_seal_put(&text, &seal);
        assert(!text.overflown);
        act->line.seal = text_span(&text);
    }
    act_ask(act, call, answer);
}

/* ---- after the store's answer ---- */

static void on_seen(struct front_wait *wait, bool seen)
{
    struct act *act = act_of_wait(wait);
    const struct front_line *event = act_event(act);
    struct event_doc_now now = {.state = act->line.state,
                                .version = act->line.version,
                                .pilot = event != NULL ? &event->view->pilot : NULL,
                                .incarnation = event != NULL ? event->view->incarnation : NULL};
    (void)seen;
    if (event == NULL && !act->has_doc) { /* it was deleted meanwhile, or this front shuts down */
        refusal_reply(act->req, REFUSAL_UNAVAILABLE);
    } else if (event != NULL && event->shut == FRONT_SHUT_DOCUMENT && !act->has_doc) {
        admin_answer_moved(act->req, event);
    } else {
        const struct event_doc *doc = act->has_doc ? &act->doc : &event->doc;
        admin_answer_document(act->req, act->created ? 201 : 200, doc, &now);
    }
}

static void await_picture(struct act *act, uint64_t version, uint64_t for_us,
                          void (*on_done)(struct front_wait *, bool))
{
    act->wait.version = version;
    act->wait.deadline_us = clock_mono_us(act->front->loop->clock) + for_us;
    act->wait.on_done = on_done;
    front_await(act->front, &act->wait);
}

void act_answer_seen(struct act *act)
{
    await_picture(act, act->line.version, SEEN_US, on_seen);
}

static void on_try_again(struct front_wait *wait, bool seen)
{
    (void)seen;
    act_try(act_of_wait(wait));
}

void act_try_later(struct act *act, uint64_t version, uint64_t for_us)
{
    await_picture(act, version, for_us, on_try_again);
}

void act_refuse(struct act *act)
{
    struct answer_refusal refusal = {
        .outcome = act->line.outcome,
        .state = act->line.state,
        .retry_after_ms = 1000,
    };
    answer_refuse(act->req, &refusal);
}

void act_done(struct act *act)
{
    switch (act->line.outcome) {
    case LINE_OK:
        act_answer_seen(act);
        return;
    case LINE_SAME: /* another front has just created it: now change it */
        act->created = false;
        act->tries = act->create_only ? ACT_TRIES_MAX : act->tries;
        __attribute__((fallthrough));
    case LINE_CONFLICT:
        if (act->if_match == 0 && ++act->tries < ACT_TRIES_MAX)
            act_try_later(act, act->line.version, SEEN_US);
        else
            admin_answer_mismatch(act->req, act->line.version);
        return;
    case LINE_GONE:
        refusal_reply(act->req, REFUSAL_BEING_DELETED);
        return;
    default:
        act_refuse(act);
    }
}

/* ---- a long body ---- */

static void on_read(void *ctx)
{
    struct act *act = ctx;
    if (front_of(act->req) != NULL)
        act->then(act);
    else
        refusal_reply(act->req, REFUSAL_UNAVAILABLE); /* the store was closed meanwhile */
}

void act_read(struct act *act, void (*run)(void *ctx), void (*then)(void *ctx))
{
    act->then = then;
    act->job =
        (struct service_job){.loop = act->front->loop, .run = run, .then = on_read, .ctx = act};
    service_run(&act->job);
}

/* ---- attempts ---- */

static void on_found(void *ctx, const struct front_line *event, bool unavailable)
{
    struct act *act = ctx;
    if (event == NULL && unavailable && !act->creates) { /* a creation needs only the store */
        act->line.outcome = LINE_UNAVAILABLE;
        act_refuse(act);
    } else if (event != NULL && act->create_only) {
        admin_answer_mismatch(act->req, event->view->version);
    } else {
        act_try(act);
    }
}

void act_try(struct act *act)
{
    const struct front_line *event = act_event(act);
    if (event == NULL && !act->searched && act->front->complete) {
        act->searched = true;
        admin_find(act->front, span_of(act->line.event), on_found, act);
    } else if (event == NULL && !act->creates) {
        answer_event_unknown(act->req, span_of(act->line.event));
    } else {
        act->attempt(act, event);
    }
}
