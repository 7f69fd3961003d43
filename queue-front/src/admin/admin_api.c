/* admin_api.c: each change is one call of the store, which compares the version, writes and puts
 * the act on the audit trail in one step. What is done here before and after:
 *
 * - The document that a patch makes is reckoned from this front's picture and sent with the
 * picture's version. If somebody was faster, the store refuses, and unless the operator named a
 * version (If-Match), the patch is reckoned anew from the next picture: two patches of different
 * knobs both count.
 * - An act that looks illegal is judged once more a moment later: our picture may be a tick behind
 *   what another front has done.
 * - The answer waits until this front has the new picture, so that whoever is told "open" can join
 *   here at once, and reads what was written.
 *
 * An `act` is one such call under way; it owns the request, the texts, and its turn in the queue of
 * those who wait for a picture. */
#include "admin/admin_api.h"

#include "admin/admin_answer.h"
#include "admin/admin_find.h"
#include "admin/archive.h"
#include "api/answer.h"
#include "base/json_in.h"
#include "core/event/draw_seal.h"
#include "core/event/event_state.h"
#include "core/event/schedule.h"
#include "core/json_time.h"
#include "core/line/event_id.h"
#include "core/token/presale.h"
#include "front/drawing.h"
#include "front/front.h"
#include "line/line_limits.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TRIES_MAX = 5,              /* of a patch against others who patch at the same time */
    LOOK_AGAIN_US = 300000,     /* a tick and its jitter, twice */
    SEEN_US = 1000000,          /* a knob acts within a second, or we say that it may not have */
    AUDIT_SIDE_MAX = 11 * 1024, /* one side of a change; the largest message fits */
    AUDIT_MAX = 2 * AUDIT_SIDE_MAX + 2048,
    RESTORE_JSON_MAX =
        2 * ARCHIVE_PROOF_MAX + 8192, /* its proof, each quote escaped, and numbers */
};

enum act_kind {
    ACT_PUT,
    ACT_PATCH,
    ACT_MOVE,
    ACT_UNDO,
    ACT_SEATS,
    ACT_CODES,
    ACT_AUDIT,
    ACT_SERIES,
    ACT_ARCHIVE,
    ACT_DELETE,
    ACT_RESTORE,
};

struct act {
    struct line_admin line; /* first: the store hands back a pointer to it */
    struct front_wait wait;
    struct front *front;
    struct http_req *req;
    enum act_kind kind;
    enum event_action action; /* ACT_MOVE */
    unsigned tries;
    bool looked_again;
    bool searched; /* for the event, beyond this front's memory */
    bool created;
    bool create_only;  /* If-None-Match: * */
    uint64_t if_match; /* 0: none was given */
    char who[OPERATOR_BYTES_MAX + 32];
    char why[REASON_BYTES_MAX + 1];
    char beacon[DRAW_BEACON_MAX]; /* as the operator named it */
    uint32_t beacon_len;
    char seal[DRAW_SEAL_LEN_MAX];
    struct event_doc doc;
    struct line_codes codes;
    char json[EVENT_DOC_BYTES_MAX]; /* of the document, or what a draw needs */
    char audit[AUDIT_MAX];
    struct archive archive; /* ACT_RESTORE; else empty, and what it tells the store */
    char *restore;
};

static_assert((int)AUDIT_MAX <= (int)LINE_AUDIT_BYTES_MAX, "the store takes what we write");
static_assert((int)EVENT_DOC_BYTES_MAX <= (int)LINE_DOC_BYTES_MAX, "and whole documents");

static void act_try(struct act *act);

static struct act *act_of_wait(struct front_wait *wait)
{
    return (struct act *)((char *)wait - offsetof(struct act, wait));
}

static void act_end(struct act *act)
{
    archive_deinit(&act->archive);
    free(act->restore);
    free(act);
}

/* ---- beginning an act ---- */

/* "12" with its quotes; "*" is any. False: no version that we ever gave. */
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

static bool printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7F)
            return false;
    }
    return true;
}

/* A header with words in it: percent signs carry what headers cannot, as in a path. */
static bool read_words(const struct http_req *req, struct span name, struct text *words)
{
    struct span raw = span_trim(http_req_header_named(req, name));
    return raw.len == 0 || (http_url_decode(raw, false, words) && printable(text_span(words)));
}

/* Who acts: the token says that they may, X-Operator who they say they are. */
static bool read_operator(struct act *act)
{
    char memory[OPERATOR_BYTES_MAX];
    struct text words = text_on(memory, sizeof(memory));
    if (!read_words(act->req, SPAN("X-Operator"), &words))
        return false;
    struct span name = text_span(&words);
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
    return why.len <= REASON_BYTES_MAX && printable(why) &&
           span_to_cstr(why, act->why, sizeof(act->why));
}

static bool read_reason(struct act *act)
{
    char memory[REASON_BYTES_MAX];
    struct text words = text_on(memory, sizeof(memory));
    return read_words(act->req, SPAN("X-Reason"), &words) && set_why(act, text_span(&words));
}

/* NULL: the request was answered. */
static struct act *act_begin(struct http_req *req, enum act_kind kind)
{
    struct span id = http_req_param(req, 0);
    struct front *front = front_of(req);
    if (!event_id_ok(id)) {
        answer_event_unknown(req, id);
        return NULL;
    }
    struct act *act = calloc(1, sizeof(*act));
    if (act == NULL) {
        answer_overloaded(req);
        return NULL;
    }
    act->front = front;
    act->req = req;
    act->kind = kind;
    bool fits = span_to_cstr(id, act->line.event, sizeof(act->line.event)) &&
                span_to_cstr(id, act->wait.event, sizeof(act->wait.event));
    assert(fits);
    if (!read_if_match(http_req_header(req, HTTP_HEADER_IF_MATCH), &act->if_match)) {
        http_problem(req, 412, "version-mismatch", "If-Match is no version of this event.");
    } else if (!read_operator(act) || !read_reason(act)) {
        http_problem(req, 400, "operator-invalid",
                     "X-Operator has at most %d and X-Reason at most %d printable bytes, "
                     "percent-encoded where they are not ASCII.",
                     OPERATOR_BYTES_MAX, REASON_BYTES_MAX);
    } else {
        return act;
    }
    act_end(act);
    return NULL;
}

static const struct front_event *event_of(const struct act *act)
{
    return front_event_find(act->front, span_of(act->line.event));
}

/* What is too long for the trail is named, not cut: half a document helps nobody. */
static struct span audit_side(const struct text *json)
{
    bool fits = !json->overflown && json->len <= AUDIT_SIDE_MAX;
    return fits ? text_span(json) : SPAN("\"(longer than the trail keeps)\"");
}

static void write_audit(struct act *act, const char *what, struct span from, struct span to)
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
    json_close(&audit, '}');
    assert(!audit.overflown);
    act->line.audit = text_span(&audit);
}

/* ---- after the store has answered ---- */

static void on_seen(struct front_wait *wait, bool seen)
{
    struct act *act = act_of_wait(wait);
    const struct front_event *event = event_of(act);
    struct event_doc_now now = {.state = act->line.state,
                                .version = act->line.version,
                                .pilot = event != NULL ? &event->view->pilot : NULL,
                                .incarnation = event != NULL ? event->view->incarnation : NULL};
    (void)seen; /* after a second the answer goes out in any case: the change is written */
    if (event != NULL && event->shut == FRONT_SHUT_DOCUMENT && act->kind != ACT_PUT) {
        admin_answer_moved(act->req, event);
        act_end(act);
        return;
    }
    const struct event_doc *doc = &act->doc;
    if ((act->kind == ACT_MOVE || act->kind == ACT_UNDO) && event != NULL)
        doc = &event->doc;
    admin_answer_document(act->req, act->created ? 201 : 200, doc, &now);
    act_end(act);
}

static void await_picture(struct act *act, uint64_t version, uint64_t for_us,
                          void (*on_done)(struct front_wait *, bool))
{
    act->wait.version = version;
    act->wait.deadline_us = clock_mono_us(act->front->loop->clock) + for_us;
    act->wait.on_done = on_done;
    front_await(act->front, &act->wait);
}

static void on_try_again(struct front_wait *wait, bool seen)
{
    (void)seen;
    act_try(act_of_wait(wait));
}

static void refuse(struct act *act)
{
    struct answer_refusal refusal = {
        .outcome = act->line.outcome,
        .state = act->line.state,
        .retry_after_ms = 1000,
    };
    answer_refuse(act->req, &refusal);
    act_end(act);
}

static void answer_being_deleted(struct act *act)
{
    http_problem(act->req, 409, "event-being-deleted",
                 "The event that had this id is being deleted; try again in a moment.");
    act_end(act);
}

static void on_conflict(struct act *act)
{
    if (act->if_match == 0 && ++act->tries < TRIES_MAX) {
        await_picture(act, act->line.version, SEEN_US, on_try_again);
        return;
    }
    admin_answer_mismatch(act->req, act->line.version);
    act_end(act);
}

static void on_admin_done(struct line_admin *line)
{
    struct act *act = (struct act *)line;
    switch (line->outcome) {
    case LINE_OK:
        await_picture(act, line->version, SEEN_US, on_seen);
        break;
    case LINE_CONFLICT:
        on_conflict(act);
        break;
    case LINE_WRONG_STATE: /* another operator was first; what counts is the state as it is now */
        if (act->action == EVENT_DRAW && line->state == LINE_OPEN)
            admin_answer_drawn(act->req, event_of(act));
        else
            admin_answer_illegal(act->req, line->state, act->action);
        act_end(act);
        break;
    case LINE_SAME: /* created by another front a moment ago: now it is there to be changed */
        act->created = false;
        act->tries = act->create_only ? TRIES_MAX : act->tries;
        on_conflict(act);
        break;
    case LINE_GONE:
        answer_being_deleted(act);
        break;
    default:
        refuse(act);
    }
}

/* Seeds for an event that has none yet, sealed anew for each call, so that none is kept. The salt
 * is the kernel's, not the loop's own generator's. */
static void seal_seeds(struct act *act)
{
    const struct front_event *event = event_of(act);
    if (event != NULL && (event->view->draw.has_seal || event->view->draw.has_seed))
        return;
    struct draw_seal seal;
    struct text text = text_on(act->seal, sizeof(act->seal));
    draw_seal_make(&act->front->keys->draws, span_of(act->line.event), rng_system(), &seal);
    draw_seal_put(&text, &seal);
    assert(!text.overflown);
    act->line.seal = text_span(&text);
}

static void ask_store(struct act *act, enum line_admin_call call)
{
    seal_seeds(act);
    act->line.call = call;
    act->line.on_done = on_admin_done;
    line_store_admin(act->front->store, &act->line);
}

/* ---- PUT and PATCH ---- */

/* Which round the draw waits for follows from when the entries close. Once they have, nothing of it
 * changes. False: the request was answered. */
static bool settle_beacon(struct act *act, const struct front_event *event)
{
    const struct beacon_sources *sources = &act->front->shared->beacons;
    struct event_doc *doc = &act->doc;
    struct event_doc_fault fault = {{0}, {0}};
    bool promised = event != NULL && event->view->state != LINE_DRAFT;
    bool chosen = event == NULL || !beacon_same_choice(&event->doc.beacon, &doc->beacon);
    if (event != NULL && event->view->draw.closed) {
        if (chosen)
            fault = (struct event_doc_fault){"/beacon", "is fixed: the entries are closed"};
        else if (!event->view->draw.drawn && doc->opens_at_ms != event->doc.opens_at_ms)
            fault = (struct event_doc_fault){"/opens_at", "has passed: the entries are closed, and "
                                                          "the draw waits for its beacon"};
        doc->beacon = event->doc.beacon;
    } else if (chosen && ((doc->beacon.kind == BEACON_DRAND && !sources->drand) ||
                          (doc->beacon.kind == BEACON_NIST && !sources->nist))) {
        fault = (struct event_doc_fault){"/beacon/kind", "cannot be asked: [beacon] of the "
                                                         "configuration does not say where"};
    } else {
        beacon_settle(&doc->beacon, promised ? &event->doc.beacon : NULL, sources, doc->opens_at_ms,
                      promised ? front_event_now_ms(act->front, event) : 0);
    }
    if (fault.rule[0] != '\0')
        admin_answer_fault(act->req, ERR_RANGE, &fault);
    return fault.rule[0] == '\0';
}

static bool put_document(struct act *act)
{
    struct text json = text_on(act->json, sizeof(act->json));
    event_doc_json(&json, &act->doc);
    if (json.overflown) {
        http_problem(act->req, 413, "document-too-large", "The document exceeds %d bytes.",
                     EVENT_DOC_BYTES_MAX);
        return false;
    }
    act->line.doc = text_span(&json);
    act->line.knobs = event_doc_knobs(&act->doc);
    return true;
}

/* Which lanes there are is fixed once people may join. Of a document that cannot be read, their
 * number alone is known: whoever mends it names them as they were. */
static bool keeps_lanes(const struct front_event *event, const struct event_doc *doc)
{
    if (event->view->state == LINE_DRAFT || event->view->state == LINE_SCHEDULED)
        return true;
    if (event->shut == FRONT_SHUT_DOCUMENT)
        return doc->lanes_len == line_lanes(event->view->knobs.shares);
    return event_doc_same_lanes(&event->doc, doc);
}

/* A patch is made of what is stored, and what is not understood cannot be patched; a whole document
 * in its place can be. False: answered. */
static bool may_change(struct act *act, const struct front_event *event)
{
    if (event == NULL || act->kind != ACT_PATCH)
        return true;
    if (event->shut == FRONT_SHUT_DOCUMENT) {
        admin_answer_unreadable(act->req, event);
        return false;
    }
    if (event->doc.newer) {
        http_problem(act->req, 409, "document-newer",
                     "A newer program has set knobs that this one does not know, and would lose "
                     "them. Change the event there.");
        return false;
    }
    return true;
}

static bool make_document(struct act *act, const struct front_event *event)
{
    if (!may_change(act, event))
        return false;
    struct event_doc_fault fault = {{0}, {0}};
    struct event_doc_now now = {.state = LINE_DRAFT, .version = 0};
    struct span base = SPAN("{}");
    if (event != NULL) {
        now = (struct event_doc_now){.state = event->view->state, .version = event->view->version};
        if (act->kind == ACT_PATCH)
            base = event->view->doc;
    }
    int rc = event_doc_patch(base, http_req_body(act->req), span_of(act->line.event), &now, &fault,
                             &act->doc);
    if (rc < 0) {
        admin_answer_fault(act->req, rc, &fault);
        return false;
    }
    if (event != NULL && !keeps_lanes(event, &act->doc)) {
        fault = (struct event_doc_fault){"/lanes", "are fixed once people may join: only names, "
                                                   "shares and invitations change"};
        admin_answer_fault(act->req, ERR_RANGE, &fault);
        return false;
    }
    return settle_beacon(act, event) && put_document(act);
}

static void count_live(struct front_event *line, void *ctx)
{
    *(unsigned *)ctx += !line->view->resting;
}

static void create_event(struct act *act)
{
    unsigned live = 0;
    front_each_event(act->front, count_live, &live);
    if (live >= STORE_EVENTS_MAX) {
        http_problem(act->req, 409, "too-many-events", "There are %d lines already that run.",
                     STORE_EVENTS_MAX);
        act_end(act);
        return;
    }
    if (!make_document(act, NULL)) {
        act_end(act);
        return;
    }
    struct text to = {.ptr = act->json, .len = act->line.doc.len};
    write_audit(act, "create", SPAN("null"), audit_side(&to));
    act->created = true;
    ask_store(act, LINE_CREATE);
}

static void change_event(struct act *act, const struct front_event *event)
{
    if (!make_document(act, event)) {
        act_end(act);
        return;
    }
    static const size_t half = EVENT_DOC_BYTES_MAX + 256; /* a side is at most the whole document */
    char *memory = malloc(2 * half);
    if (memory == NULL) {
        answer_overloaded(act->req);
        act_end(act);
        return;
    }
    struct text from = text_on(memory, half), to = text_on(memory + half, half);
    bool differs = event_doc_diff(event->view->doc, act->line.doc, &from, &to);
    differs |= event->shut == FRONT_SHUT_DOCUMENT;
    if (differs) {
        write_audit(act, act->kind == ACT_PUT ? "replace" : "change", audit_side(&from),
                    audit_side(&to));
        act->line.if_version = act->if_match != 0 ? act->if_match : event->view->version;
        ask_store(act, LINE_CHANGE);
    } else { /* nothing to write down; but If-Match is judged all the same */
        struct event_doc_now now = {event->view->state, event->view->version, &event->view->pilot,
                                    event->view->incarnation};
        if (act->if_match != 0 && act->if_match != now.version)
            admin_answer_mismatch(act->req, now.version);
        else
            admin_answer_document(act->req, 200, &act->doc, &now);
        act_end(act);
    }
    free(memory);
}

/* ---- actions ---- */

/* May a pre-queue be drawn and opened by hand, now? False: the request was answered. */
static bool may_draw(struct act *act, const struct front_event *event)
{
    const struct beacon *beacon = &event->doc.beacon;
    if (beacon->kind == BEACON_DRAND || beacon->kind == BEACON_NIST)
        http_problem(
            act->req, 409, "beacon-not-yet",
            "The draw was promised with a value of %s that comes after opens_at, and opens "
            "the line by itself then. An earlier opens_at promises an earlier one.",
            beacon_kind_name(beacon->kind));
    else if (beacon->kind == BEACON_TEXT && act->beacon_len == 0)
        http_problem(act->req, 409, "beacon-missing",
                     "The draw was promised with: %s. Give its value as \"beacon\".",
                     beacon->words);
    else if (beacon->kind == BEACON_NONE && act->beacon_len > 0)
        http_problem(act->req, 409, "beacon-not-promised",
                     "No beacon was promised, and one that nobody expects proves nothing.");
    else
        return true;
    return false;
}

/* What a draw by hand needs. False: the request was answered. */
static bool make_draw(struct act *act, const struct front_event *event)
{
    char memory[2 * BEACON_WORDS_MAX + 64];
    struct text proof = text_on(memory, sizeof(memory));
    struct text draw = text_on(act->json, sizeof(act->json));
    if (!may_draw(act, event))
        return false;
    drawing_put_said(&proof, &event->doc.beacon, act->beacon_len > 0);
    assert(!proof.overflown);
    if (!drawing_put(act->front, event, (struct span){act->beacon, act->beacon_len},
                     text_span(&proof), &draw)) {
        http_problem(act->req, 409, "seed-key-missing",
                     "The seeds were sealed with key %u, which is not in [keys] draws.",
                     event->view->draw.seal.key_id);
        return false;
    }
    assert(!draw.overflown);
    act->line.draw = text_span(&draw);
    return true;
}

/* From here on it is promised: which round, and since when. */
static bool make_promise(struct act *act, const struct front_event *event)
{
    act->doc = event->doc;
    beacon_settle(&act->doc.beacon, NULL, &act->front->shared->beacons, act->doc.opens_at_ms,
                  front_event_now_ms(act->front, event));
    act->line.if_version = event->view->version;
    return put_document(act);
}

/* False: the request was answered. */
static bool may_act(struct act *act, const struct front_event *event)
{
    if (act->action == EVENT_DRAW && event->view->draw.drawn)
        admin_answer_drawn(act->req, event);
    else if (act->action == EVENT_DRAW && event->view->state != LINE_PRE_QUEUE)
        http_problem(act->req, 409, "no-pre-queue", "There is no pre-queue to draw from.");
    else if (act->action == EVENT_SCHEDULE && event->view->knobs.opens_at_ms == 0)
        http_problem(act->req, 409, "opens-at-missing",
                     "Set opens_at first: a scheduled event opens by itself then.");
    else
        return true;
    return false;
}

static void move_event(struct act *act, const struct front_event *event)
{
    enum line_state from = event->view->state, to = from;
    bool legal = event_state_move(from, act->action, &to);
    if (legal || act->action == EVENT_DRAW) { /* why there is nothing to draw is told apart */
        if (!may_act(act, event) ||
            (from == LINE_PRE_QUEUE && to == LINE_OPEN && !make_draw(act, event)) ||
            (act->action == EVENT_SCHEDULE && !make_promise(act, event))) {
            act_end(act);
            return;
        }
        if (act->action == EVENT_UNFREEZE && event_state_may(from, event->view->frozen_from))
            to = event->view->frozen_from;
        char from_memory[24], to_memory[24];
        struct text from_json = text_on(from_memory, sizeof(from_memory));
        struct text to_json = text_on(to_memory, sizeof(to_memory));
        json_str(&from_json, span_of(event_state_name(from)));
        json_str(&to_json, span_of(event_state_name(to)));
        write_audit(act, event_action_name(act->action), text_span(&from_json),
                    text_span(&to_json));
        act->line.from = from;
        act->line.to = to; /* as written down above */
        if (act->if_match != 0 || act->action != EVENT_SCHEDULE)
            act->line.if_version = act->if_match;
        ask_store(act, LINE_TRANSITION);
    } else if (!act->looked_again) {
        act->looked_again = true;
        await_picture(act, event->view->version + 1, LOOK_AGAIN_US, on_try_again);
    } else {
        admin_answer_illegal(act->req, from, act->action);
        act_end(act);
    }
}

/* ---- undo ---- */

static void write_undo(struct act *act, const struct line_view *view)
{
    char from_memory[96], to_memory[96];
    struct text from = text_on(from_memory, sizeof(from_memory));
    struct text to = text_on(to_memory, sizeof(to_memory));
    json_open(&from, '{');
    json_member_u64(&from, "version", view->version);
    json_member_cstr(&from, "state", event_state_name(view->state));
    json_close(&from, '}');
    json_open(&to, '{');
    json_member_u64(&to, "version", view->version - 1);
    json_member_cstr(&to, "state", event_state_name(view->undo_state));
    json_close(&to, '}');
    write_audit(act, "undo", text_span(&from), text_span(&to));
}

/* Takes back what the operator did last: knobs, and the state where the way back is one that the
 * table of states knows. A draw or a closing cannot be taken back; the table says so. */
static void undo_event(struct act *act, const struct front_event *event)
{
    const struct line_view *view = event->view;
    bool moves = view->undo_state != view->state;
    if (view->undo_version == 0 || view->undo_version != view->version) {
        http_problem(act->req, 409, "nothing-to-undo",
                     "The newest version is not the work of an operator's last act.");
    } else if (moves && !event_state_may(view->state, view->undo_state)) {
        http_problem(act->req, 409, "undo-impossible", "There is no way from %s back to %s.",
                     event_state_name(view->state), event_state_name(view->undo_state));
    } else {
        write_undo(act, view);
        act->line.from = view->state;
        act->line.to = view->undo_state;
        act->line.if_version = act->if_match != 0 ? act->if_match : view->version;
        act->tries = TRIES_MAX; /* another's newer act is not what was meant */
        ask_store(act, LINE_UNDO);
        return;
    }
    act_end(act);
}

/* ---- the end ---- */

/* Before its last entry, which names how much of it there was. */
static void write_end(struct act *act, const struct line_view *view, const char *what)
{
    char memory[256];
    struct text from = text_on(memory, sizeof(memory));
    json_open(&from, '{');
    json_member_cstr(&from, "event", act->line.event);
    json_member_u64(&from, "version", view->version);
    json_member_cstr(&from, "state", event_state_name(view->state));
    json_member_u64(&from, "issued", view->issued);
    json_member_u64(&from, "admitted", view->admitted);
    json_close(&from, '}');
    assert(!from.overflown);
    write_audit(act, what, text_span(&from), SPAN("null"));
}

static void on_archived(struct line_admin *line)
{
    struct act *act = (struct act *)line;
    const struct front_event *event = event_of(act);
    if (line->outcome == LINE_CONFLICT) {
        admin_answer_mismatch(act->req, line->version);
    } else if (line->outcome == LINE_WRONG_STATE) {
        http_problem(act->req, 409, "event-not-closed", "Only what is closed can be archived.");
    } else if (line->outcome == LINE_OK && event != NULL) {
        struct event_doc_now now = {line->state, line->version, &event->view->pilot,
                                    event->view->incarnation};
        admin_answer_document(act->req, 200, &event->doc, &now);
    } else {
        refuse(act);
        return;
    }
    act_end(act);
}

static void on_deleted(struct line_admin *line)
{
    struct act *act = (struct act *)line;
    if (line->outcome == LINE_CONFLICT)
        admin_answer_mismatch(act->req, line->version);
    else if (line->outcome == LINE_WRONG_STATE)
        http_problem(act->req, 409, "event-not-closed",
                     "Only what is closed, or never was more than a draft, can be deleted.");
    else if (line->outcome == LINE_NOT_YET)
        http_problem(act->req, 409, "event-not-archived",
                     "This version of the event was not archived. ?unarchived=true deletes it all "
                     "the same.");
    else if (line->outcome == LINE_OK)
        answer_empty(act->req, 204, NULL);
    else {
        refuse(act);
        return;
    }
    act_end(act);
}

static void end_event(struct act *act, const struct front_event *event)
{
    bool deletes = act->kind == ACT_DELETE;
    if (act->if_match == 0) {
        http_problem(act->req, 428, "if-match-missing",
                     "Name the version that is meant: If-Match with the ETag of the event.");
        act_end(act);
        return;
    }
    write_end(act, event->view, deletes ? "delete" : "archive");
    act->line.if_version = act->if_match;
    act->line.call = deletes ? LINE_DELETE : LINE_ARCHIVE;
    act->line.unarchived = span_eq(http_req_query_arg(act->req, SPAN("unarchived")), SPAN("true"));
    act->line.on_done = deletes ? on_deleted : on_archived;
    line_store_admin(act->front->store, &act->line);
}

static void read_event(struct act *act)
{
    line_store_admin(act->front->store, &act->line);
}

static void on_found(void *ctx, const struct front_event *event, bool unavailable)
{
    struct act *act = ctx;
    bool creates = act->kind == ACT_PUT && act->if_match == 0; /* the store knows for itself */
    if (event == NULL && unavailable && !creates) {
        act->line.outcome = LINE_UNAVAILABLE;
        refuse(act);
    } else if (event != NULL && act->create_only) {
        admin_answer_mismatch(act->req, event->view->version);
        act_end(act);
    } else {
        act_try(act);
    }
}

/* One try; also the second look and the next round after somebody else's change. */
static void act_try(struct act *act)
{
    const struct front_event *event = event_of(act);
    if (event == NULL && !act->searched && act->front->complete) {
        act->searched = true;
        admin_find(act->front, span_of(act->line.event), on_found, act);
    } else if (event == NULL && act->kind == ACT_PUT && act->if_match == 0) {
        create_event(act);
    } else if (event == NULL) {
        answer_event_unknown(act->req, span_of(act->line.event));
        act_end(act);
    } else if (act->kind == ACT_AUDIT || act->kind == ACT_SERIES) {
        read_event(act);
    } else if (act->kind == ACT_ARCHIVE || act->kind == ACT_DELETE) {
        end_event(act, event);
    } else if (act->kind == ACT_UNDO) {
        undo_event(act, event);
    } else if (act->kind == ACT_MOVE) {
        move_event(act, event);
    } else {
        change_event(act, event);
    }
}

static void on_put(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct front *front = front_of(req);
    struct span id = http_req_param(req, 0);
    if (!event_id_ok(id)) {
        http_problem(req, 422, "event-id-invalid", "An event's id is 1 to %d of a-z, 0-9 and '-'.",
                     LINE_EVENT_ID_MAX);
        return;
    }
    struct span none_match = http_req_header(req, HTTP_HEADER_IF_NONE_MATCH);
    const struct front_event *event = front_event_find(front, id);
    bool create_only = span_eq(none_match, SPAN("*"));
    if (create_only && event != NULL) {
        admin_answer_mismatch(req, event->view->version);
        return;
    }
    struct act *act = act_begin(req, ACT_PUT);
    if (act == NULL)
        return;
    act->create_only = create_only;
    act_try(act);
}

static void on_patch(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct act *act = act_begin(req, ACT_PATCH);
    if (act != NULL)
        act_try(act);
}

static bool set_beacon(struct act *act, struct span beacon)
{
    if (!printable(beacon))
        return false;
    memcpy(act->beacon, beacon.ptr, beacon.len);
    act->beacon_len = (uint32_t)beacon.len;
    return true;
}

/* {"why": ".."} is all that an action's body may say, and a draw's {"beacon": ".."}; it may be
 * empty. */
static bool read_action_body(struct act *act)
{
    struct span body = http_req_body(act->req);
    if (body.len == 0)
        return true;
    struct err_slot err;
    json_t *json;
    if (json_in_parse(body, &err, &json) < 0) {
        http_problem(act->req, 400, "json-invalid", "The body is not JSON: %s", err.text);
        return false;
    }
    struct json_in in;
    struct span why = {NULL, 0}, beacon;
    json_in_object(&in, json, &err);
    if (act->action == EVENT_DRAW && json_in_has(&in, "beacon") &&
        json_in_str(&in, "beacon", 0, DRAW_BEACON_MAX, &beacon) && !set_beacon(act, beacon))
        json_in_refuse(&in, "beacon", "must be printable");
    if (json_in_has(&in, "why"))
        json_in_str(&in, "why", 0, REASON_BYTES_MAX, &why);
    int rc = json_in_end(&in);
    if (rc == 0 && why.ptr != NULL && !set_why(act, why))
        rc = err_set(&err, ERR_RANGE, "/why: must be printable");
    json_decref(json);
    if (rc < 0)
        http_problem(act->req, 422, "action-invalid", "%s", err.text);
    return rc == 0;
}

static void on_action(struct http_req *req, void *ctx)
{
    (void)ctx;
    enum event_action action = EVENT_ACTION_COUNT;
    enum act_kind kind = ACT_MOVE;
    if (span_eq(http_req_param(req, 1), SPAN("undo")))
        kind = ACT_UNDO;
    else if (span_eq(http_req_param(req, 1), SPAN("archive")))
        kind = ACT_ARCHIVE;
    else if (!event_action_parse(http_req_param(req, 1), &action)) {
        http_problem(req, 404, "action-unknown", "There is no such action.");
        return;
    }
    struct act *act = act_begin(req, kind);
    if (act == NULL)
        return;
    act->action = action;
    if (read_action_body(act))
        act_try(act);
    else
        act_end(act);
}

static void on_delete(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct act *act = act_begin(req, ACT_DELETE);
    if (act != NULL)
        act_try(act);
}

/* ---- restoring ---- */

static void on_restored(struct line_admin *line)
{
    struct act *act = (struct act *)line;
    if (line->outcome == LINE_OK || line->outcome == LINE_SAME) {
        act->created = line->outcome == LINE_OK;
        await_picture(act, line->version, SEEN_US, on_seen);
    } else if (line->outcome == LINE_CONFLICT) {
        http_problem(act->req, 409, "event-exists",
                     "There is another event of this id, and it stays as it is.");
        act_end(act);
    } else {
        on_admin_done(line);
    }
}

static void refuse_archive(struct act *act, enum archive_fault fault, const char *why)
{
    static const struct {
        unsigned status;
        const char *code;
    } answers[] = {
        [ARCHIVE_GOOD] = {0, NULL}, /* is no fault */
        [ARCHIVE_UNREADABLE] = {422, "archive-unreadable"},
        [ARCHIVE_OTHER] = {422, "archive-format-unknown"},
        [ARCHIVE_INCOMPLETE] = {422, "archive-incomplete"},
        [ARCHIVE_TAMPERED] = {422, "archive-tampered"},
        [ARCHIVE_KEY_MISSING] = {409, "archive-key-missing"},
    };
    http_problem(act->req, answers[fault].status, answers[fault].code, "%s", why);
    act_end(act);
}

/* The document as it was, and the rest for the script. False: the request was answered, and the act
 * is over. */
static bool read_archived(struct act *act)
{
    const struct archive *archive = &act->archive;
    struct event_doc_fault fault = {{0}, {0}};
    struct text doc = text_on(act->json, sizeof(act->json));
    json_in_put(&doc, archive->document);
    if (doc.overflown || event_doc_load(text_span(&doc), archive->event, &fault, &act->doc) < 0) {
        refuse_archive(act, ARCHIVE_UNREADABLE, "Its document cannot be read by this program.");
        return false;
    }
    if (json_array_size(json_object_get(archive->restore, "lines")) != 1 + act->doc.lanes_len) {
        refuse_archive(act, ARCHIVE_UNREADABLE, "It does not tell of each of its lanes.");
        return false;
    }
    act->restore = malloc(RESTORE_JSON_MAX);
    struct text restore = text_on(act->restore, act->restore != NULL ? RESTORE_JSON_MAX : 0);
    if (act->restore != NULL)
        json_in_put(&restore, archive->restore);
    if (act->restore == NULL || restore.overflown) {
        answer_overloaded(act->req);
        act_end(act);
        return false;
    }
    act->line.doc = text_span(&doc);
    act->line.knobs = event_doc_knobs(&act->doc);
    act->line.draw = text_span(&restore);
    return true;
}

static void write_restored(struct act *act)
{
    char memory[256];
    struct text to = text_on(memory, sizeof(memory));
    json_open(&to, '{');
    json_member_u64(&to, "version", act->archive.version);
    json_member_cstr(&to, "state", event_state_name((enum line_state)act->archive.state));
    json_member_str(&to, "incarnation", act->archive.incarnation);
    json_close(&to, '}');
    assert(!to.overflown);
    write_audit(act, "restore", SPAN("null"), text_span(&to));
}

/* Whether there is such an event is the store's to say, in one step with making it. */
static void on_restore(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct front *front = front_of(req);
    struct err_slot err;
    if (!front->complete) {
        answer_starting(req);
        return;
    }
    struct act *act = act_begin(req, ACT_RESTORE);
    if (act == NULL)
        return;
    enum archive_fault fault =
        archive_read(http_req_body(req), &front->keys->draws, &err, &act->archive);
    if (fault != ARCHIVE_GOOD) {
        refuse_archive(act, fault, err.text);
        return;
    }
    if (!span_eq(act->archive.event, span_of(act->line.event))) {
        http_problem(req, 409, "archive-of-another", "It is the archive of the event %.*s.",
                     (int)act->archive.event.len, act->archive.event.ptr);
        act_end(act);
        return;
    }
    if (!read_archived(act))
        return;
    write_restored(act);
    act->line.incarnation = act->archive.incarnation;
    act->line.if_version = act->archive.version;
    act->line.to = (enum line_state)act->archive.state;
    act->line.call = LINE_RESTORE;
    act->line.on_done = on_restored;
    line_store_admin(front->store, &act->line);
}

/* ---- PUT seats-left ---- */

static void on_fed(struct line_admin *line)
{
    struct act *act = (struct act *)line;
    if (line->outcome != LINE_OK) {
        refuse(act);
        return;
    }
    answer_empty(act->req, 204, NULL);
    act_end(act);
}

static bool read_seats(struct act *act)
{
    struct err_slot err;
    json_t *json;
    if (json_in_parse(http_req_body(act->req), &err, &json) < 0) {
        http_problem(act->req, 400, "json-invalid", "The body is not JSON: %s", err.text);
        return false;
    }
    struct json_in in;
    json_in_object(&in, json, &err);
    json_in_require(&in, "seats_left");
    json_in_u64(&in, "seats_left", 0, SEATS_LEFT_MAX, &act->line.seats_left);
    int rc = json_in_end(&in);
    json_decref(json);
    if (rc < 0)
        http_problem(act->req, 422, "seats-left-invalid", "%s", err.text);
    return rc == 0;
}

/* The event and its lanes; 0: of one of them this front knows nothing yet. */
static unsigned odds_lines(const struct front *front, const struct front_event *event,
                           struct odds_line lines[LANES_ALL])
{
    unsigned lines_len = 1 + line_lanes(event->view->knobs.shares);
    for (unsigned lane = 0; lane < lines_len; lane++) {
        const struct front_event *line = front_line(front, event, lane);
        if (line == NULL)
            return 0;
        lines[lane] = (struct odds_line){line->view, &line->eta};
    }
    return lines_len;
}

/* The odds with this feed, to be kept with it. A front that does not know all lanes leaves them as
 * they are: the next feed reckons from there. */
static struct span new_odds(const struct act *act, const struct front_event *event,
                            struct text *text)
{
    struct odds_line lines[LANES_ALL];
    unsigned lines_len = odds_lines(act->front, event, lines);
    if (lines_len == 0)
        return span_of(event->view->odds);
    struct odds odds =
        odds_feed(event->has_odds ? &event->odds : NULL, lines, lines_len, act->line.seats_left);
    odds_put(text, &odds);
    assert(!text->overflown);
    return text_span(text);
}

/* From whoever sells: how many seats are left. Not an operator's act, so not on the trail, but for
 * what it causes. */
static void on_seats_left(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct act *act = act_begin(req, ACT_SEATS);
    if (act == NULL)
        return;
    const struct front_event *event = event_of(act);
    if (event == NULL) {
        answer_event_unknown(req, http_req_param(req, 0));
    } else if (!event->doc.seats_left) {
        http_problem(req, 409, "seats-feed-off", "The knob seats_left is off for this event.");
    } else if (read_seats(act)) {
        struct text text = text_on(act->audit, LINE_ODDS_MAX);
        act->line.audit = new_odds(act, event, &text);
        act->line.to = event->doc.auto_reopen ? LINE_OPEN : event->view->state;
        act->line.call = LINE_SEATS;
        act->line.on_done = on_fed;
        line_store_admin(act->front->store, &act->line);
        return;
    }
    act_end(act);
}

/* ---- presale codes ---- */

static const char *lane_id(const struct event_doc *doc, unsigned lane)
{
    return lane > 0 && lane <= doc->lanes_len ? doc->lane[lane - 1].id : "general";
}

/* Numbers, never a code. */
static void on_codes_done(struct line_admin *line)
{
    struct act *act = (struct act *)line;
    const struct front_event *event = event_of(act);
    if (line->outcome == LINE_EXHAUSTED) {
        http_problem(act->req, 409, "codes-full",
                     "An event has at most 100,000 codes, of %d lanes and channels. None of these "
                     "was loaded.",
                     CODE_GROUPS_MAX);
        act_end(act);
        return;
    }
    if (line->outcome == LINE_GONE) {
        answer_being_deleted(act);
        return;
    }
    if (event == NULL)
        line->outcome = LINE_UNKNOWN;
    if (line->outcome != LINE_OK) {
        refuse(act);
        return;
    }
    struct text json = text_on(act->json, sizeof(act->json));
    json_open(&json, '{');
    json_member_cstr(&json, "event", line->event);
    json_key(&json, "codes");
    json_open(&json, '[');
    for (uint32_t i = 0; i < act->codes.groups_len; i++) {
        const struct line_code_group *group = &act->codes.group[i];
        json_open(&json, '{');
        json_member_cstr(&json, "lane", lane_id(&event->doc, group->lane));
        if (group->channel[0] != '\0')
            json_member_cstr(&json, "channel", group->channel);
        else
            json_member_null(&json, "channel");
        json_member_u64(&json, "codes", group->codes);
        json_member_u64(&json, "uses", group->uses);
        json_member_u64(&json, "used", group->used);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    assert(!json.overflown);
    answer_json(act->req, 200, &json, NULL);
    act_end(act);
}

static bool channel_ok(struct span channel)
{
    for (size_t i = 0; i < channel.len; i++) {
        char c = channel.ptr[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '\\')
            return false;
    }
    return true;
}

/* One list, of codes or of their digests, becomes what is kept of them. */
static void read_codes(struct act *act, const struct front_event *event, struct json_in *in,
                       bool plain)
{
    uint8_t(*digests)[LINE_CODE_BYTES] = (void *)act->json, sha[PRESALE_SHA_BYTES];
    static_assert((int)CODES_PUT_MAX * (int)LINE_CODE_BYTES <= (int)EVENT_DOC_BYTES_MAX, "room");
    const char *name = plain ? "codes" : "digests";
    json_t *list;
    if (!json_in_array(in, name, 1, CODES_PUT_MAX, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct span text;
        if (!json_in_item_str(in, name, list, i, 1, PRESALE_INPUT_MAX, &text))
            return;
        if (!(plain ? presale_digest(text, sha) : presale_digest_parse(text, sha))) {
            json_in_refuse(in, name,
                           plain ? "must be of 4 to 64 visible ASCII characters each"
                                 : "must be SHA-256 in hex each");
            return;
        }
        presale_sign(&event->identity->codes, front_event_id(event), sha, digests[i]);
    }
    act->codes.digest = (const uint8_t(*)[LINE_CODE_BYTES])digests;
    act->codes.len = (uint32_t)json_array_size(list);
}

/* {"lane", "channel", "uses", "codes" or "digests"}. False: answered. */
static bool read_load(struct act *act, const struct front_event *event)
{
    struct err_slot err;
    json_t *json;
    if (json_in_parse(http_req_body(act->req), &err, &json) < 0) {
        http_problem(act->req, 400, "json-invalid", "The body is not JSON: %s", err.text);
        return false;
    }
    struct json_in in;
    struct span lane = SPAN("general"), channel = SPAN("");
    json_in_object(&in, json, &err);
    if (json_in_has(&in, "lane"))
        json_in_str(&in, "lane", 1, EVENT_LANE_ID_MAX, &lane);
    if (json_in_has(&in, "channel"))
        json_in_str(&in, "channel", 1, LINE_CHANNEL_MAX, &channel);
    act->codes.uses = 1;
    if (json_in_has(&in, "uses"))
        json_in_u64(&in, "uses", 0, CODE_USES_MAX, &act->codes.uses);
    act->codes.lane = event_doc_lane(&event->doc, lane);
    if (act->codes.lane > event->doc.lanes_len)
        json_in_refuse(&in, "lane", "must be a lane of this event");
    if (!channel_ok(channel) ||
        !span_to_cstr(channel, act->codes.channel, sizeof(act->codes.channel)))
        json_in_refuse(&in, "channel", "must be of visible ASCII characters");
    bool plain = json_in_has(&in, "codes");
    if (plain == json_in_has(&in, "digests"))
        json_in_refuse(&in, "codes", "give either codes or digests");
    else
        read_codes(act, event, &in, plain);
    int rc = json_in_end(&in);
    json_decref(json);
    if (rc < 0)
        http_problem(act->req, 422, "codes-invalid", "%s", err.text);
    return rc == 0;
}

static void audit_codes(struct act *act, const struct front_event *event)
{
    char memory[512];
    struct text to = text_on(memory, sizeof(memory));
    if (act->codes.call == LINE_CODES_DROP) {
        write_audit(act, "codes-deleted", SPAN("null"), SPAN("null"));
        return;
    }
    json_open(&to, '{');
    json_member_cstr(&to, "lane", lane_id(&event->doc, act->codes.lane));
    json_member_cstr(&to, "channel", act->codes.channel);
    json_member_u64(&to, "uses", act->codes.uses);
    json_member_u64(&to, "codes", act->codes.len);
    json_close(&to, '}');
    assert(!to.overflown);
    write_audit(act, "codes", SPAN("null"), text_span(&to));
}

static void ask_codes(struct http_req *req, enum line_codes_call call)
{
    struct act *act = act_begin(req, ACT_CODES);
    if (act == NULL)
        return;
    const struct front_event *event = event_of(act);
    act->codes.call = call;
    if (event == NULL) {
        answer_event_unknown(req, http_req_param(req, 0));
    } else if (event->shut != FRONT_OPEN) {
        answer_shut(req, front_event_id(event), event->shut);
    } else if (call != LINE_CODES_PUT || read_load(act, event)) {
        if (call != LINE_CODES_COUNT)
            audit_codes(act, event);
        act->line.call = LINE_CODES;
        act->line.codes = &act->codes;
        act->line.on_done = on_codes_done;
        line_store_admin(act->front->store, &act->line);
        return;
    }
    act_end(act);
}

static void on_codes_put(struct http_req *req, void *ctx)
{
    (void)ctx;
    ask_codes(req, LINE_CODES_PUT);
}

static void on_codes_count(struct http_req *req, void *ctx)
{
    (void)ctx;
    ask_codes(req, LINE_CODES_COUNT);
}

static void on_codes_drop(struct http_req *req, void *ctx)
{
    (void)ctx;
    ask_codes(req, LINE_CODES_DROP);
}

/* ---- reading ---- */

static void on_read(struct line_admin *line)
{
    struct act *act = (struct act *)line;
    if (line->outcome != LINE_OK && line->outcome != LINE_SAME) {
        refuse(act);
        return;
    }
    size_t cap = line->reply.len + 256;
    char *memory = malloc(cap);
    if (memory == NULL) {
        answer_overloaded(act->req);
        act_end(act);
        return;
    }
    struct text json = text_on(memory, cap);
    json_open(&json, '{');
    json_member_cstr(&json, "event", line->event);
    json_member_raw(&json, act->kind == ACT_AUDIT ? "audit" : "series", line->reply);
    json_close(&json, '}');
    answer_json(act->req, 200, &json, NULL);
    free(memory);
    act_end(act);
}

static void read_rows(struct http_req *req, enum act_kind kind, uint32_t limit, uint64_t limit_max)
{
    struct span given = http_req_query_arg(req, SPAN("limit"));
    uint64_t wanted = limit;
    if (given.ptr != NULL && (!span_u64(given, limit_max, &wanted) || wanted == 0)) {
        http_problem(req, 422, "limit-invalid", "limit is a number from 1 to %" PRIu64 ".",
                     limit_max);
        return;
    }
    struct act *act = act_begin(req, kind);
    if (act == NULL)
        return;
    act->line.limit = (uint32_t)wanted;
    act->line.call = kind == ACT_AUDIT ? LINE_AUDIT : LINE_SERIES;
    act->line.on_done = on_read;
    act_try(act);
}

static void on_audit(struct http_req *req, void *ctx)
{
    (void)ctx;
    read_rows(req, ACT_AUDIT, AUDIT_ROWS_DEFAULT, AUDIT_ROWS_MAX);
}

static void on_series(struct http_req *req, void *ctx)
{
    (void)ctx;
    read_rows(req, ACT_SERIES, SERIES_ROWS_DEFAULT, SERIES_ROWS_MAX);
}

int admin_api_routes(struct http_router *private_routes, struct err_slot *err)
{
    static const struct http_route all[] = {
        {HTTP_METHOD_PUT, "/admin/events/{event}", on_put, NULL, ADMIN_BODY_MAX},
        {HTTP_METHOD_PATCH, "/admin/events/{event}", on_patch, NULL, ADMIN_BODY_MAX},
        {HTTP_METHOD_DELETE, "/admin/events/{event}", on_delete, NULL, 0},
        {HTTP_METHOD_POST, "/admin/events/{event}/actions/{action}", on_action, NULL,
         ADMIN_BODY_MAX},
        {HTTP_METHOD_POST, "/admin/events/{event}/actions/restore", on_restore, NULL,
         RESTORE_BODY_MAX},
        {HTTP_METHOD_PUT, "/admin/events/{event}/seats-left", on_seats_left, NULL, ADMIN_BODY_MAX},
        {HTTP_METHOD_PUT, "/admin/events/{event}/codes", on_codes_put, NULL, CODES_BODY_MAX},
        {HTTP_METHOD_GET, "/admin/events/{event}/codes", on_codes_count, NULL, 0},
        {HTTP_METHOD_DELETE, "/admin/events/{event}/codes", on_codes_drop, NULL, 0},
        {HTTP_METHOD_GET, "/admin/events/{event}/audit", on_audit, NULL, 0},
        {HTTP_METHOD_GET, "/admin/events/{event}/series", on_series, NULL, 0},
    };
    return http_router_add_all(private_routes, all, sizeof(all) / sizeof(all[0]), err);
}
