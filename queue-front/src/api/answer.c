/* answer.c: maps outcomes of the store and failures of tickets, passes and member tokens to rows of
 * refusals.h, and writes the answers that are not refusals. */
#include "api/answer.h"

#include "api/caller.h"
#include "core/event/event_state.h"
#include "core/limits.h"
#include "front/front.h"
#include "front_limits.h"

#include <assert.h>

static const char no_store[] = "Cache-Control: no-store\r\n";
/* For polls: one piece to copy, with no lengths to compute. */
static const char json_no_store[] = "Content-Type: application/json\r\nCache-Control: no-store\r\n";

enum { HEADERS_MAX = 2560, MEMBERS_MAX = EVENT_APPEALS_JSON_MAX + 256 };

static struct text with_no_store(char memory[HEADERS_MAX], const struct text *headers)
{
    struct text all = text_on(memory, HEADERS_MAX);
    TEXT_LIT(&all, no_store);
    if (headers != NULL)
        text_put(&all, text_span(headers));
    assert(!all.overflown);
    return all;
}

void answer_json(struct http_req *req, unsigned status, const struct text *json,
                 const struct text *headers)
{
    char memory[HEADERS_MAX];
    assert(!json->overflown);
    struct text all = {0};
    if (headers != NULL)
        all = with_no_store(memory, headers);
    struct http_reply reply = {
        .status = status,
        .type = headers != NULL ? "application/json" : NULL,
        .headers = headers != NULL ? text_span(&all) : SPAN(json_no_store),
        .body = text_span(json),
    };
    http_reply(req, &reply);
}

void answer_empty(struct http_req *req, unsigned status, const struct text *headers)
{
    char memory[HEADERS_MAX];
    struct text all = with_no_store(memory, headers);
    struct http_reply reply = {.status = status, .headers = text_span(&all)};
    http_reply(req, &reply);
}

void answer_see_other(struct http_req *req, struct span location, const struct text *headers)
{
    char memory[HEADERS_MAX];
    struct text all = with_no_store(memory, headers);
    http_header_add(&all, "Location", location);
    assert(!all.overflown);
    struct http_reply reply = {.status = 303, .headers = text_span(&all)};
    http_reply(req, &reply);
}

void answer_waiting_page(struct http_req *req, struct span event, const char *notice,
                         const struct text *headers)
{
    char memory[LINE_EVENT_ID_MAX + 64];
    struct text location = text_on(memory, sizeof(memory));
    TEXT_LIT(&location, "/e/");
    text_put(&location, event);
    if (front_of(req)->config->web_page_kept_ms > 0) /* not the cached page */
        TEXT_LIT(&location, "/mine");
    if (notice != NULL) {
        http_bound_count(notice); /* some notices are codes of limits */
        TEXT_LIT(&location, "?notice=");
        text_str(&location, notice);
    }
    assert(!location.overflown);
    answer_see_other(req, text_span(&location), headers);
}

void answer_refusal(struct http_req *req, struct span event, enum refusal refusal)
{
    if (caller_wants_page(req))
        answer_waiting_page(req, event, refusal_row(refusal)->notice, NULL);
    else
        refusal_reply(req, refusal);
}

void answer_event_unknown(struct http_req *req, struct span event)
{
    (void)event; /* may be any text; the visitor knows the name */
    if (front_of(req)->complete)
        refusal_reply(req, REFUSAL_EVENT_UNKNOWN);
    else
        answer_starting(req);
}

void answer_starting(struct http_req *req)
{
    refusal_reply_more(req, REFUSAL_STARTING,
                       /* a browser retries by itself */
                       &(struct refusal_more){.headers = SPAN("Refresh: 1\r\n")});
}

/* Failures of a ticket, a pass or a member token; the last row is the default. */
struct reason {
    int why; /* an error code; 0: any */
    enum refusal refusal;
};

static enum refusal refusal_for(const struct reason *reasons, int why)
{
    while (reasons->why != 0 && reasons->why != why)
        reasons++;
    return reasons->refusal;
}

void answer_ticket_invalid(struct http_req *req, int why)
{
    static const struct reason reasons[] = {
        {ERR_STATE, REFUSAL_TICKET_MOVED}, {ERR_EXISTS, REFUSAL_RENEWED},
        {ERR_CLOSED, REFUSAL_UNAVAILABLE}, {ERR_NOT_FOUND, REFUSAL_TICKET_MISSING},
        {ERR_TIMEOUT, REFUSAL_TICKET_OLD}, {0, REFUSAL_TICKET_FOREIGN},
    };
    answer_refusal(req, http_req_param(req, 0), refusal_for(reasons, why));
}

void answer_pass_invalid(struct http_req *req, int why)
{
    static const struct reason reasons[] = {
        {ERR_EXISTS, REFUSAL_RENEWED},   {ERR_FULL, REFUSAL_PASSES_WRONG},
        {ERR_NOMEM, REFUSAL_OVERLOADED}, {ERR_NOT_FOUND, REFUSAL_PASS_MISSING},
        {ERR_TIMEOUT, REFUSAL_PASS_OLD}, {0, REFUSAL_PASS_FOREIGN},
    };
    enum refusal refusal = refusal_for(reasons, why);
    struct refusal_more more = {.detail = NULL};
    if (refusal_row(refusal)->status == 401 && refusal != REFUSAL_RENEWED)
        more.headers = SPAN("WWW-Authenticate: Bearer\r\n");
    refusal_reply_more(req, refusal, &more);
}

void answer_idem_invalid(struct http_req *req)
{
    refusal_say(req, REFUSAL_IDEM_KEY, "An Idempotency-Key is 1 to %d visible characters.",
                IDEM_KEY_BYTES_MAX);
}

void answer_member_required(struct http_req *req, int why, const char *event)
{
    static const struct reason reasons[] = {
        {ERR_UNKNOWN, REFUSAL_MEMBER_KEYS}, {ERR_NOMEM, REFUSAL_OVERLOADED},
        {ERR_FULL, REFUSAL_TOKENS_WRONG},   {ERR_NOT_FOUND, REFUSAL_MEMBER_MISSING},
        {ERR_TIMEOUT, REFUSAL_MEMBER_OLD},  {0, REFUSAL_MEMBER_FOREIGN},
    };
    answer_refusal(req, span_of(event), refusal_for(reasons, why));
}

void answer_overloaded(struct http_req *req)
{
    refusal_reply(req, REFUSAL_OVERLOADED);
}

void answer_body_unread(struct http_req *req, const struct err_slot *err)
{
    if (err->code == ERR_NOMEM)
        answer_overloaded(req);
    else
        refusal_say(req, REFUSAL_JSON, "The body is not JSON: %s", err->text);
}

void answer_shut(struct http_req *req, struct span event, enum front_shut why)
{
    assert(why != FRONT_OPEN);
    answer_refusal(req, event,
                   why == FRONT_SHUT_DOCUMENT ? REFUSAL_SHUT_DOCUMENT : REFUSAL_SHUT_IDENTITY);
}

void answer_shed(struct http_req *req, struct span event, unsigned retry_after_s)
{
    assert(retry_after_s >= 1 && retry_after_s <= SHED_BACK_MAX_S);
    if (caller_wants_page(req))
        answer_waiting_page(req, event, refusal_row(REFUSAL_SHED)->notice, NULL);
    else
        refusal_reply_more(req, REFUSAL_SHED,
                           &(struct refusal_more){.retry_after_s = retry_after_s});
}

/* ---- outcomes of the store ---- */

static const enum refusal by_outcome[] = {
    [LINE_UNKNOWN] = REFUSAL_EVENT_UNKNOWN,
    [LINE_LIMITED] = REFUSAL_JOINS,
    [LINE_NOT_YET] = REFUSAL_NOT_YET,
    [LINE_EXPIRED] = REFUSAL_CALL_EXPIRED,
    [LINE_GONE] = REFUSAL_PLACE_GONE,
    [LINE_CONFLICT] = REFUSAL_CONFLICT,
    [LINE_UNAVAILABLE] = REFUSAL_UNAVAILABLE,
    [LINE_MOVED] = REFUSAL_TICKET_MOVED,
    [LINE_INSIDE] = REFUSAL_INSIDE,
    [LINE_NO_CODE] = REFUSAL_MOVE_CODE_UNKNOWN,
    [LINE_CODE_USED] = REFUSAL_MOVE_CODE_USED,
    [LINE_EXHAUSTED] = REFUSAL_MOVES_EXHAUSTED,
    [LINE_WORK_SPENT] = REFUSAL_WORK_SPENT,
    [LINE_INVITATION_SPENT] = REFUSAL_INVITATION_USED,
    [LINE_MEMBER_INSIDE] = REFUSAL_MEMBER_INSIDE,
    [LINE_PRESALE_UNKNOWN] = REFUSAL_CODE_UNKNOWN,
    [LINE_PRESALE_USED_UP] = REFUSAL_CODE_USED_UP,
    [LINE_PRESALE_GUESSES] = REFUSAL_CODE_GUESSES,
    [LINE_PRESALE_MISSING] = REFUSAL_CODES_MISSING,
    [LINE_PRESALE_LANE] = REFUSAL_LANE_UNAVAILABLE,
    [LINE_RENEWED] = REFUSAL_RENEWED,
    [LINE_FULL] = REFUSAL_LINE_FULL,
};

static_assert(sizeof(by_outcome) / sizeof(by_outcome[0]) == LINE_OUTCOME_COUNT, "each has a row");

static const enum refusal by_state[LINE_STATE_COUNT] = {
    [LINE_DRAFT] = REFUSAL_NOT_OPENED,       [LINE_SCHEDULED] = REFUSAL_NOT_OPEN_YET,
    [LINE_PRE_QUEUE] = REFUSAL_NOT_OPEN_YET, [LINE_OPEN] = REFUSAL_CHANGING,
    [LINE_PAUSED] = REFUSAL_CHANGING,        [LINE_SOLD_OUT] = REFUSAL_SOLD_OUT,
    [LINE_FROZEN] = REFUSAL_FROZEN,          [LINE_CLOSED] = REFUSAL_CLOSED,
};

enum refusal answer_refusal_of(const struct answer_refusal *refusal)
{
    assert(refusal->outcome != LINE_OK);
    assert(refusal->outcome != LINE_SAME);
    if (refusal->outcome == LINE_WRONG_STATE)
        return by_state[refusal->state];
    bool gone = refusal->outcome == LINE_GONE;
    if (!gone && refusal->outcome != LINE_EXPIRED)
        return by_outcome[refusal->outcome];
    if (refusal->turn == TURN_DONE)
        return REFUSAL_ORDER_COMPLETE;
    if (refusal->turn == TURN_ENDED)
        return gone ? REFUSAL_SESSION_ENDED : REFUSAL_SESSION_EXPIRED;
    return by_outcome[refusal->outcome];
}

static unsigned whole_s(uint64_t ms)
{
    return ms < 3600000 ? (unsigned)((ms + 999) / 1000) : 3600;
}

void answer_refuse(struct http_req *req, const struct answer_refusal *refusal)
{
    enum refusal row = answer_refusal_of(refusal);
    if (refusal->page.len > 0) {
        answer_waiting_page(req, refusal->page, refusal_row(row)->notice, NULL);
        return;
    }
    char memory[MEMBERS_MAX];
    struct text members = text_on(memory, sizeof(memory));
    if (refusal_row(row)->status == 409)
        json_member_cstr(&members, "state", event_state_name(refusal->state));
    if (refusal->members.len > 0)
        json_raw(&members, refusal->members);
    assert(!members.overflown);
    struct refusal_more more = {.retry_after_s = whole_s(refusal->retry_after_ms)};
    if (members.len > 0)
        more.members = text_span(&members);
    refusal_reply_more(req, row, &more);
}

/* ---- a request's event ---- */

struct front_line *answer_unless_event(struct http_req *req, const struct front *front)
{
    struct front_line *event = front_line_find(front, http_req_param(req, 0));
    if (event == NULL)
        answer_event_unknown(req, http_req_param(req, 0));
    return event;
}

struct front_line *answer_unless_ours(struct http_req *req, const struct front *front)
{
    struct span id = http_req_param(req, 0);
    if (caller_wants_page(req) && line_event_id_ok(id) && front_line_find(front, id) == NULL) {
        answer_waiting_page(req, id, NULL, NULL); /* the page says 404 in words */
        return NULL;
    }
    struct front_line *event = answer_unless_event(req, front);
    if (event == NULL || caller_same_origin(req, front))
        return event;
    refusal_reply(req, REFUSAL_ORIGIN);
    return NULL;
}
