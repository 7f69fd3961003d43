/* move_api.c: the holder of a place creates a code, and the other device redeems it: the shell of
 * core/move/move.h. */
#include "api/api.h"

#include "api/answer.h"
#include "api/caller.h"
#include "api/member.h"
#include "api/queue_api.h"
#include "api/refusal.h"
#include "base/json_time.h"
#include "core/line/place.h"
#include "core/move/move.h"

#include "base/ip.h"
#include "base/json_in.h"
#include "page/form.h"
#include "web/qr.h"

#include <stdlib.h>

enum {
    CODE_INPUT_MAX = 64, /* a code with generous spacing */
    URL_MAX = 512,       /* a host name has at most 253 */
    QR_MAX = 24 * 1024,
    ANSWER_MAX = QR_MAX + QR_MAX / 4 + 2 * URL_MAX + 256, /* quotes in the SVG are escaped */
};

/* One request, from its start until it is answered. */
struct move_call {
    struct line_move line; /* first: the store returns a pointer to it */
    struct front *front;
    struct http_req *req;
    struct moving machine;
    /* Wrong codes are counted per address and event, as in Redis. */
    struct {
        uint8_t addr[16];
        char event[LINE_EVENT_ID_MAX];
    } asker;
    char cookie[VISITOR_COOKIE_LEN]; /* of a visitor without a cookie */
    bool is_new;                     /* the cookie is to be set */
};

static struct span event_id(const struct move_call *move)
{
    return line_event_of(span_of(move->line.event));
}

static struct span who_asks(const struct move_call *move)
{
    return (struct span){(const char *)&move->asker, sizeof(move->asker)};
}

static uint64_t now_ms_of(const struct move_call *move)
{
    return http_server_now_us(http_req_server(move->req)) / 1000;
}

static void answer_refused(const struct move_call *move, const struct move_effect *effect)
{
    /* Only programs and scripts can use a code. */
    bool page = move->machine.takes && caller_wants_page(move->req);
    struct answer_refusal refusal = {
        .outcome = effect->outcome,
        .state = move->line.state,
        .turn = move->line.turn,
        .retry_after_ms = effect->retry_after_ms,
        .page = page ? event_id(move) : (struct span){NULL, 0},
    };
    if (effect->is_unchecked)
        front_count(&move->front->stats.refused_unchecked);
    answer_refuse(move->req, &refusal);
}

static void answer_code(const struct move_call *move)
{
    char code_memory[MOVE_CODE_TEXT_LEN], url_memory[URL_MAX], qr_memory[QR_MAX];
    struct text code = text_on(code_memory, sizeof(code_memory));
    struct text url = text_on(url_memory, sizeof(url_memory));
    struct text qr = text_on(qr_memory, sizeof(qr_memory));
    move_code_put(&code, move->line.code);
    /* The URL for the other device. The part after # is never sent to a server. */
    text_str(&url, http_req_is_tls(move->req) ? "https://" : "http://");
    text_put(&url, http_req_header(move->req, HTTP_HEADER_HOST));
    TEXT_LIT(&url, "/e/");
    text_put(&url, event_id(move));
    TEXT_LIT(&url, "#move=");
    text_put(&url, text_span(&code));
    struct err_slot err;
    if (url.overflown || qr_svg(text_span(&url), &err, &qr) < 0) {
        refusal_reply(move->req, REFUSAL_MOVE_HOST);
        return;
    }
    char memory[ANSWER_MAX];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '{');
    json_member_str(&json, "code", text_span(&code));
    json_member_str(&json, "url", text_span(&url));
    json_member_str(&json, "qr", text_span(&qr));
    json_member_time(&json, "expires_at", move->machine.expires_s * 1000);
    json_close(&json, '}');
    answer_json(move->req, 201, &json, NULL);
}

static void answer(struct move_call *move, const struct move_effect *effect)
{
    const struct ticket *ticket = &move->machine.ticket;
    const struct front_line *event = front_line_find(move->front, event_id(move));
    struct span cookie = {move->cookie, move->is_new ? sizeof(move->cookie) : 0};
    switch (effect->answer) {
    case MOVE_ANSWERED:
        return;
    case MOVE_CODE:
        answer_code(move);
        return;
    case MOVE_PLACE:
        queue_answer_ticket(move->req, front_line_in(move->front, event, ticket->lane), *ticket,
                            cookie, 200);
        return;
    case MOVE_OVERLOADED:
        answer_overloaded(move->req);
        return;
    case MOVE_REFUSED:
        answer_refused(move, effect);
    }
}

static void on_moved(struct line_move *line);

static void ask(struct move_call *move, const struct move_effect *effect)
{
    struct front *front = move->front;
    struct line_move *line = &move->line;
    const struct ticket *ticket = &move->machine.ticket;
    const struct front_line *event = front_line_find(front, event_id(move));
    const struct front_line *place_line = front_line_in(front, event, ticket->lane);
    memcpy(line->event, place_line->id, sizeof(line->event));
    line->call = effect->call;
    line->life_ms = effect->life_ms;
    line->ticket = *ticket;
    if (ticket->entry > 0) {
        const struct line_view *view = place_line->view;
        struct place place = place_at(view, ticket->entry, front_line_now_ms(front, place_line));
        line->place = place_position(view, ticket->entry);
        line->is_missed = place.state == PLACE_EXPIRED; /* or inside: Redis knows */
    }
    line->on_done = on_moved;
    front_count(&front->stats.pending);
    line_store_move(front->store, line);
}

/* Steps the request to its next Redis call, or to its answer, which frees it. */
static void step(struct move_call *move, const struct move_event *next)
{
    struct front *front = move->front;
    struct move_effect effect;
    move_step(&move->machine, next, &effect);
    if (effect.counts)
        tally_add(&front->codes_wrong, who_asks(move), now_ms_of(move));
    if (effect.bans_ms > 0) /* until then this address is rejected without asking the store */
        tally_fill(&front->codes_wrong, who_asks(move), now_ms_of(move), effect.bans_ms);
    if (effect.kind == MOVE_CHECK) {
        struct move_event checked = {.input = MOVE_MEMBER};
        checked.holds = member_holds(move->req, front, front_line_find(front, event_id(move)),
                                     move->machine.ticket.visitor, NULL);
        move_step(&move->machine, &checked, &effect);
    }
    if (effect.kind == MOVE_ASK) {
        ask(move, &effect);
        return;
    }
    answer(move, &effect);
    free(move);
}

static void on_moved(struct line_move *line)
{
    struct move_call *move = (struct move_call *)line;
    struct front *front = move->front;
    atomic_fetch_sub_explicit(&front->stats.pending, 1, memory_order_relaxed);
    const struct front_line *event = front_line_find(front, event_id(move));
    const struct front_line *found =
        event != NULL ? front_line_in(front, event, line->ticket.lane) : NULL;
    line->ticket.tag = found != NULL ? found->view->tag : 0;
    struct move_event next = {
        .input = MOVE_REPLY,
        .outcome = line->outcome,
        .retry_after_ms = line->retry_after_ms,
        .knows_event = event != NULL,
        .knows_lane = found != NULL,
        .ticket = line->ticket,
    };
    step(move, &next);
}

/* The body: nothing, {}, {"code": ".."} or a form. False: answered. */
static bool read_code(struct http_req *req, struct text *code)
{
    struct span body = http_req_body(req), text;
    struct err_slot err;
    struct json_in in;
    json_t *doc;
    if (form_field(req, SPAN("code"), code).len > 0 || body.len == 0)
        return true;
    int rc = json_in_parse(body, &err, &doc);
    if (rc == 0) {
        json_in_object(&in, doc, &err);
        if (json_in_str(&in, "code", 1, CODE_INPUT_MAX, &text))
            text_put(code, text);
        rc = json_in_end(&in);
        json_decref(doc);
    }
    if (rc < 0 && err.code == ERR_RANGE)
        refusal_say(req, REFUSAL_MOVE_BODY, "%s", err.text);
    else if (rc < 0)
        answer_body_unread(req, &err);
    return rc == 0;
}

/* False: the request was answered. */
static bool read_request(struct move_call *move, const struct front_line *event,
                         struct move_request *out)
{
    struct http_req *req = move->req;
    struct front *front = move->front;
    char memory[CODE_INPUT_MAX];
    struct text code = text_on(memory, sizeof(memory));
    struct span idem = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (!read_code(req, &code))
        return false;
    out->takes = code.len > 0;
    int rc = out->takes ? 0 : caller_ticket(req, front, event, &out->ticket);
    if (rc < 0) {
        answer_ticket_invalid(req, rc);
    } else if (out->takes && !move_code_parse(text_span(&code), move->line.code)) {
        answer_refusal(req, front_line_id(event), REFUSAL_MOVE_MISTYPED);
    } else if (out->takes && idem.ptr != NULL && !visitor_idem_ok(idem)) {
        answer_idem_invalid(req);
    } else if (out->takes) {
        /* The requester, so that a lost answer can be repeated; empty without key and cookie. */
        struct span scope = front_line_scope(event);
        const uint8_t *key = event->identity->visitors;
        struct span cookie = http_req_cookie(move->req, SPAN(VISITOR_COOKIE));
        struct visitor user = {.has_idem = false};
        uint8_t site[16];
        if (idem.ptr != NULL) {
            user = visitor_by_key(key, scope, caller_whose(move->req, site), idem);
        } else if (visitor_cookie_ok(cookie)) {
            user = visitor_by_cookie(key, scope, cookie);
        } else {
            struct text text = text_on(move->cookie, sizeof(move->cookie));
            visitor_cookie_put(&text, rng_system());
            move->is_new = true;
        }
        move->line.has_user = user.has_idem;
        memcpy(move->line.user, user.idem, LINE_IDEM_BYTES);
        return true;
    } else {
        const struct front_line *line = front_line_in(front, event, out->ticket.lane);
        move->line.state = line->view->state; /* not asked */
        move_code_make(&front->keys->tickets, front_line_id(event), &out->ticket, out->now_s,
                       move->line.code);
        return true;
    }
    return false;
}

static void on_move(struct http_req *req)
{
    struct front *front = front_of(req);
    const struct front_line *event = answer_unless_ours(req, front);
    if (event == NULL)
        return;
    if (event->shut != FRONT_OPEN) {
        answer_shut(req, front_line_id(event), event->shut);
        return;
    }
    struct move_call *move = calloc(1, sizeof(*move));
    if (move == NULL) {
        answer_overloaded(req);
        return;
    }
    move->front = front;
    move->req = req;
    memcpy(move->line.event, event->id, sizeof(move->line.event));
    ip_site(http_req_addr(req), move->line.addr);
    memcpy(move->asker.addr, move->line.addr, sizeof(move->asker.addr));
    memcpy(move->asker.event, event_id(move).ptr, event_id(move).len);
    struct move_event first = {.input = MOVE_REQUEST, .request = {.now_s = front_wall_s(front)}};
    first.request.has_room =
        atomic_load_explicit(&front->stats.pending, memory_order_relaxed) < FRONT_JOINS_PENDING_MAX;
    first.request.banned_ms =
        tally_wait_ms(&front->codes_wrong, who_asks(move), CODES_USED_MAX, now_ms_of(move));
    first.request.is_refused = !read_request(move, event, &first.request);
    step(move, &first);
}

const struct http_route move_api_routes[] = {
    {HTTP_METHOD_POST, "/v1/queue/{event}/move", on_move, NULL, FORM_BODY_MAX},
    {.pattern = NULL},
};
