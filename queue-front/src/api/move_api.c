/* move_api.c: the holder of a place makes a code, and the other device takes it.
 *
 * Taking is two calls to Redis. The first finds the place, because its position follows from the
 * draw, which only a front can compute. The second judges everything again and takes. Its answer is
 * final, and a repeated request with the same cookie or key gets the same answer.
 *
 * A typing error is found by the code's own check and costs nobody anything. */
#include "api/move_api.h"

#include "api/answer.h"
#include "api/caller.h"
#include "api/member.h"
#include "api/queue_api.h"
#include "api/refusal.h"
#include "core/json_time.h"
#include "core/line/place.h"

#include "base/ip.h"
#include "base/json_in.h"
#include "web/qr.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CODE_INPUT_MAX = 64, /* a code, generously spaced */
    URL_MAX = 512,       /* a host's name is 253 */
    QR_MAX = 24 * 1024,
    ANSWER_MAX = QR_MAX + QR_MAX / 4 + 2 * URL_MAX + 256, /* quotes in the SVG are escaped */
    COOKIES_MAX = 640,
    VISITOR_COOKIE_S = 30 * 86400,
};

struct move_ask {
    struct line_move line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct http_req *req;
    bool page;
    bool new_cookie;
    char cookie[VISITOR_COOKIE_LEN];
};

static struct move_ask *ask_begin(struct http_req *req, struct front *front,
                                  const struct front_line *event)
{
    uint64_t pending = atomic_load_explicit(&front->stats.pending, memory_order_relaxed);
    struct move_ask *ask = pending < FRONT_JOINS_PENDING_MAX ? calloc(1, sizeof(*ask)) : NULL;
    if (ask == NULL) {
        answer_overloaded(req);
        return NULL;
    }
    ask->front = front;
    ask->req = req;
    ask->page = caller_wants_page(req);
    memcpy(ask->line.event, event->id, sizeof(ask->line.event));
    ip_site(http_req_addr(req), ask->line.addr);
    return ask;
}

static void ask_send(struct move_ask *ask, void (*on_done)(struct line_move *))
{
    ask->line.on_done = on_done;
    atomic_fetch_add_explicit(&ask->front->stats.pending, 1, memory_order_relaxed);
    line_store_move(ask->front->store, &ask->line);
}

/* Back from the store; the event may have been let go meanwhile. */
static const struct front_line *ask_back(struct move_ask *ask)
{
    atomic_fetch_sub_explicit(&ask->front->stats.pending, 1, memory_order_relaxed);
    const struct front_line *event = front_line_named(ask->front, ask->line.event);
    if (event == NULL)
        ask->line.outcome = LINE_UNKNOWN;
    return event;
}

static struct span who_asks(const struct move_ask *ask)
{
    return (struct span){(const char *)ask->line.addr, sizeof(ask->line.addr)};
}

static uint64_t now_ms_of(const struct move_ask *ask)
{
    return http_server_now_us(http_req_server(ask->req)) / 1000;
}

static void ask_refuse(struct move_ask *ask)
{
    struct answer_refusal refusal = {
        .outcome = ask->line.outcome,
        .state = ask->line.state,
        .retry_after_ms = ask->line.retry_after_ms,
    };
    bool limited = refusal.outcome == LINE_LIMITED;
    if (limited) /* until then nobody has to ask the store about this address */
        tally_fill(&ask->front->codes_wrong, who_asks(ask), now_ms_of(ask), refusal.retry_after_ms);
    enum refusal row = limited ? REFUSAL_CODE_GUESSES : answer_refusal_of(&refusal);
    if (ask->page)
        answer_waiting_page(ask->req, line_event_of(span_of(ask->line.event)),
                            refusal_row(row)->notice, NULL);
    else if (limited)
        refusal_reply_more(ask->req, row,
                           &(struct refusal_more){
                               .retry_after_s = (unsigned)((refusal.retry_after_ms + 999) / 1000)});
    else
        answer_refuse(ask->req, &refusal);
    free(ask);
}

/* ---- a code is made ---- */

/* Where the other device opens the waiting page. What follows # is not sent to any server. */
static struct span put_url(const struct http_req *req, struct span event, struct span code,
                           struct text *url)
{
    text_str(url, http_req_is_tls(req) ? "https://" : "http://");
    text_put(url, http_req_header(req, HTTP_HEADER_HOST));
    TEXT_LIT(url, "/e/");
    text_put(url, event);
    TEXT_LIT(url, "#move=");
    text_put(url, code);
    return text_span(url);
}

static void answer_code(struct move_ask *ask)
{
    char code_memory[MOVE_CODE_TEXT_LEN], url_memory[URL_MAX], qr_memory[QR_MAX];
    struct text code = text_on(code_memory, sizeof(code_memory));
    struct text url = text_on(url_memory, sizeof(url_memory));
    struct text qr = text_on(qr_memory, sizeof(qr_memory));
    move_code_put(&code, ask->line.code);
    put_url(ask->req, line_event_of(span_of(ask->line.event)), text_span(&code), &url);
    struct err_slot err;
    if (url.overflown || qr_svg(text_span(&url), &err, &qr) < 0) {
        refusal_reply(ask->req, REFUSAL_MOVE_HOST);
        return;
    }
    char memory[ANSWER_MAX];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '{');
    json_member_str(&json, "code", text_span(&code));
    json_member_str(&json, "url", text_span(&url));
    json_member_str(&json, "qr", text_span(&qr));
    json_member_time(&json, "expires_at", ask->line.life_ms);
    json_close(&json, '}');
    answer_json(ask->req, 201, &json, NULL);
}

static void on_made(struct line_move *line)
{
    struct move_ask *ask = (struct move_ask *)line;
    ask_back(ask);
    if (line->outcome != LINE_OK) {
        ask_refuse(ask);
        return;
    }
    line->life_ms = move_code_expires_s(front_wall_s(ask->front)) * 1000;
    answer_code(ask);
    free(ask);
}

static void make_code(struct http_req *req, struct front *front, const struct front_line *event)
{
    struct ticket ticket;
    if (!answer_unless_ticket(req, front, event, &ticket))
        return;
    event = front_line_in(front, event, ticket.lane);
    struct move_ask *ask = ask_begin(req, front, event);
    if (ask == NULL)
        return;
    uint64_t now_s = front_wall_s(front);
    ask->page = false; /* a form has no use for a code */
    ask->line.call = LINE_MOVE_MAKE;
    ask->line.entry = ticket.entry;
    ask->line.moves = ticket.moves;
    ask->line.lane = ticket.lane;
    ask->line.member = ticket.member;
    memcpy(ask->line.visitor, ticket.visitor, LINE_VISITOR_BYTES);
    ask->line.place = place_position(event->view, ticket.entry);
    ask->line.life_ms = (move_code_expires_s(now_s) - now_s) * 1000;
    move_code_make(&front->keys->tickets, front_line_id(event), &ticket, now_s, ask->line.code);
    ask_send(ask, on_made);
}

/* ---- and taken ---- */

static void accept_place(struct move_ask *ask, const struct front_line *event)
{
    struct front *front = ask->front;
    struct ticket ticket = {
        .entry = ask->line.entry,
        .moves = ask->line.moves,
        .member = ask->line.member,
        .lane = ask->line.lane,
        .tag = event->view->tag,
    };
    memcpy(ticket.visitor, ask->line.visitor, LINE_VISITOR_BYTES);
    queue_promise(front, event, &ticket);
    char ticket_memory[TICKET_LEN], cookies_memory[COOKIES_MAX];
    struct text text = text_on(ticket_memory, sizeof(ticket_memory));
    ticket_put(&text, &front->keys->tickets, front_line_id(event), &ticket);
    struct text cookies = text_on(cookies_memory, sizeof(cookies_memory));
    caller_set_cookie(ask->req, &cookies,
                      (struct span){event->ticket_cookie, event->ticket_cookie_len},
                      text_span(&text), front->config->ticket_lifetime_ms / 1000);
    if (ask->new_cookie)
        caller_set_cookie(ask->req, &cookies, SPAN(VISITOR_COOKIE),
                          (struct span){ask->cookie, sizeof(ask->cookie)}, VISITOR_COOKIE_S);
    front_count(&front->stats.moves);
    if (ask->page)
        answer_waiting_page(ask->req, front_line_id(event), NULL, &cookies);
    else
        queue_answer_place(ask->req, front, event, ticket.entry, text_span(&text), 200, &cookies);
}

static void on_taken(struct line_move *line)
{
    struct move_ask *ask = (struct move_ask *)line;
    const struct front_line *event = ask_back(ask);
    if (line->outcome != LINE_OK && line->outcome != LINE_SAME) {
        ask_refuse(ask);
        return;
    }
    accept_place(ask, event);
    free(ask);
}

static void on_looked(struct line_move *line)
{
    struct move_ask *ask = (struct move_ask *)line;
    const struct front_line *event = ask_back(ask);
    if (line->outcome == LINE_SAME || line->outcome == LINE_CODE_USED)
        tally_add(&ask->front->codes_wrong, who_asks(ask), now_ms_of(ask));
    if (line->outcome != LINE_OK && line->outcome != LINE_SAME) {
        ask_refuse(ask);
        return;
    }
    if (line->member && !member_holds(ask->req, ask->front, event, line->visitor, NULL)) {
        free(ask);
        return;
    }
    event = front_line_in(ask->front, event, line->lane);
    if (event == NULL) {
        line->outcome = LINE_UNAVAILABLE;
        ask_refuse(ask);
        return;
    }
    memcpy(line->event, event->id, sizeof(line->event));
    if (line->outcome == LINE_SAME) {
        accept_place(ask, event);
        free(ask);
        return;
    }
    line->call = LINE_MOVE_TAKE;
    line->place = place_position(event->view, line->entry);
    ask_send(ask, on_taken);
}

/* The asker, so that a lost answer can be given again; empty without key and cookie.
 * */
static bool know_user(struct move_ask *ask, const struct front_line *event)
{
    struct span id = front_line_scope(event);
    const uint8_t *key = event->identity->visitors;
    struct span idem = http_req_header(ask->req, HTTP_HEADER_IDEMPOTENCY_KEY);
    struct span cookie = http_req_cookie(ask->req, SPAN(VISITOR_COOKIE));
    struct visitor user = {.has_idem = false};
    if (idem.ptr != NULL && !visitor_idem_ok(idem))
        return false;
    uint8_t site[16];
    if (idem.ptr != NULL) {
        user = visitor_by_key(key, id, caller_whose(ask->req, site), idem);
    } else if (visitor_cookie_ok(cookie)) {
        user = visitor_by_cookie(key, id, cookie);
    } else {
        struct text text = text_on(ask->cookie, sizeof(ask->cookie));
        visitor_cookie_put(&text, rng_system());
        ask->new_cookie = true;
    }
    ask->line.has_user = user.has_idem;
    memcpy(ask->line.user, user.idem, LINE_IDEM_BYTES);
    return true;
}

static void take_place(struct http_req *req, struct front *front, const struct front_line *event,
                       struct span code)
{
    char letters[MOVE_CODE_LEN];
    if (!move_code_parse(code, letters)) {
        answer_refusal(req, front_line_id(event), REFUSAL_MOVE_MISTYPED);
        return;
    }
    struct move_ask *ask = ask_begin(req, front, event);
    if (ask == NULL)
        return;
    uint64_t wait_ms =
        tally_wait_ms(&front->codes_wrong, who_asks(ask), CODES_USED_MAX, now_ms_of(ask));
    if (wait_ms > 0) {
        front_count(&front->stats.refused_unchecked);
        ask->line.outcome = LINE_LIMITED;
        ask->line.retry_after_ms = wait_ms;
        ask_refuse(ask);
        return;
    }
    memcpy(ask->line.code, letters, sizeof(letters));
    ask->line.call = LINE_MOVE_LOOK;
    if (!know_user(ask, event)) {
        free(ask);
        answer_idem_invalid(req);
        return;
    }
    ask_send(ask, on_looked);
}

/* ---- which of them ---- */

enum wish { WISH_CODE, WISH_PLACE, WISH_UNCLEAR };

/* The body: nothing, {}, {"code": ".."} or a form; what was wrong with another is in `err`. */
static enum wish read_wish(const struct http_req *req, struct text *code, struct err_slot *err)
{
    struct span body = http_req_body(req), text;
    struct span field = caller_form_field(req, SPAN("code"), code);
    if (field.len > 0)
        return WISH_PLACE;
    if (body.len == 0)
        return WISH_CODE;
    json_t *doc;
    if (json_in_parse(body, err, &doc) < 0)
        return WISH_UNCLEAR;
    struct json_in in;
    json_in_object(&in, doc, err);
    bool has_code = json_in_str(&in, "code", 1, CODE_INPUT_MAX, &text);
    if (has_code)
        text_put(code, text);
    int rc = json_in_end(&in);
    json_decref(doc);
    if (rc < 0)
        return WISH_UNCLEAR;
    return has_code ? WISH_PLACE : WISH_CODE;
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
    char memory[CODE_INPUT_MAX];
    struct text code = text_on(memory, sizeof(memory));
    struct err_slot err = {0};
    switch (read_wish(req, &code, &err)) {
    case WISH_CODE:
        make_code(req, front, event);
        return;
    case WISH_PLACE:
        take_place(req, front, event, text_span(&code));
        return;
    case WISH_UNCLEAR:
        if (err.code == ERR_RANGE)
            refusal_say(req, REFUSAL_MOVE_BODY, "%s", err.text);
        else
            answer_body_unread(req, &err);
    }
}

int move_api_routes(struct http_router *routes, struct err_slot *err)
{
    static const struct http_route move = {HTTP_METHOD_POST, "/v1/queue/{event}/move", on_move,
                                           NULL, FORM_BODY_MAX};
    return http_router_add(routes, &move, err);
}
