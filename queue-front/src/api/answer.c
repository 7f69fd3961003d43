/* answer.c: every code here stands in openapi.yaml; a test holds the two together. */
#include "api/answer.h"

#include "api/caller.h"
#include "core/event/event_state.h"
#include "front/front.h"
#include "limits.h"
#include "pace/tally.h"

#include <assert.h>

static const char no_store[] = "Cache-Control: no-store\r\n";
/* Of a poll: one piece to copy, and nothing in it to measure. */
static const char json_no_store[] = "Content-Type: application/json\r\nCache-Control: no-store\r\n";

enum { HEADERS_MAX = 2560, MEMBERS_MAX = 2560, SHED_BYTES_MAX = 384 };

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
    if (notice != NULL) {
        TEXT_LIT(&location, "?notice=");
        text_str(&location, notice);
    }
    assert(!location.overflown);
    answer_see_other(req, text_span(&location), headers);
}

void answer_event_unknown(struct http_req *req, struct span event)
{
    (void)event; /* it may be anything; the visitor knows what was asked */
    if (!front_of(req)->complete) {
        answer_starting(req);
        return;
    }
    http_problem(req, 404, "event-unknown", "There is no such event here.");
}

void answer_starting(struct http_req *req)
{
    struct http_problem problem = {
        .status = 503,
        .code = "starting",
        .detail = "This front has just been started and does not know the events yet.",
        .retry_after_s = 1,
        .headers = SPAN("Refresh: 1\r\n"), /* a browser asks again by itself */
    };
    http_problem_reply(req, &problem);
}

void answer_ticket_moved(struct http_req *req, const struct text *headers)
{
    struct http_problem problem = {
        .status = 401,
        .code = "ticket-moved",
        .detail = "This place was carried to another device. A code made there brings it back.",
        .headers = headers != NULL ? text_span(headers) : (struct span){NULL, 0},
    };
    http_problem_reply(req, &problem);
}

#define RENEWED_DETAIL                                                                             \
    "This is of an earlier event of this name, which was made again since. Join again for a "      \
    "place "                                                                                       \
    "in this one."

static void answer_event_renewed(struct http_req *req)
{
    http_problem(req, 401, "event-renewed", "%s", RENEWED_DETAIL);
}

void answer_ticket_invalid(struct http_req *req, int why)
{
    const char *detail = "The ticket is not one of ours, or of another event.";
    if (why == ERR_STATE) {
        answer_ticket_moved(req, NULL);
        return;
    }
    if (why == ERR_EXISTS) {
        answer_event_renewed(req);
        return;
    }
    if (why == ERR_CLOSED) {
        answer_refuse(req, &(struct answer_refusal){.outcome = LINE_UNAVAILABLE});
        return;
    }
    if (why == ERR_NOT_FOUND)
        detail = "There is no ticket in this request, neither as cookie nor as bearer.";
    else if (why == ERR_TIMEOUT)
        detail = "The ticket is too old.";
    http_problem(req, 401, "ticket-invalid", "%s", detail);
}

/* 429, for a minute. */
static void answer_too_many_wrong(struct http_req *req, const char *code, const char *detail)
{
    struct http_problem problem = {
        .status = 429,
        .code = code,
        .detail = detail,
        .retry_after_s = TALLY_MINUTE_MS / 1000, /* at most; it began with the first of them */
    };
    http_problem_reply(req, &problem);
}

void answer_pass_invalid(struct http_req *req, int why, const struct err_slot *err)
{
    const char *detail = "The pass is not to be believed here.";
    if (why == ERR_EXISTS) {
        answer_event_renewed(req);
        return;
    }
    if (why == ERR_FULL) {
        answer_too_many_wrong(req, "too-many-wrong-passes",
                              "Too many passes of this session were wrong within a minute.");
        return;
    }
    if (why == ERR_NOT_FOUND)
        detail = "There is no pass in this request, neither as cookie nor as bearer.";
    else if (why == ERR_TIMEOUT)
        detail = "The pass has run out.";
    (void)err; /* it says which check failed: for a log, not for who tries tokens */
    struct http_problem problem = {
        .status = 401,
        .code = "pass-invalid",
        .detail = detail,
        .headers = SPAN("WWW-Authenticate: Bearer\r\n"),
    };
    http_problem_reply(req, &problem);
}

void answer_idem_invalid(struct http_req *req)
{
    http_problem(req, 400, "idempotency-key-invalid",
                 "An Idempotency-Key is 1 to %d visible characters.", IDEM_KEY_BYTES_MAX);
}

void answer_origin_refused(struct http_req *req)
{
    http_problem(req, 403, "origin-refused",
                 "This was sent by a page of another origin than the waiting room's.");
}

static void answer_member_keys(struct http_req *req, const char *event)
{
    const struct http_problem problem = {
        .status = 503,
        .code = "member-keys-unavailable",
        .detail = "The shop's keys, by which member tokens are judged, have not come yet. Nothing "
                  "was changed; to repeat this is safe.",
        .retry_after_s = 2,
    };
    struct span accept = http_req_header(req, HTTP_HEADER_ACCEPT);
    if (accept.len > 0 && memmem(accept.ptr, accept.len, "text/html", 9) != NULL)
        answer_waiting_page(req, span_of(event), "unavailable", NULL);
    else
        http_problem_reply(req, &problem);
}

void answer_member_required(struct http_req *req, int why, const char *event)
{
    if (why == ERR_UNKNOWN) {
        answer_member_keys(req, event);
        return;
    }
    const char *detail = "The member token is not one to be believed here.";
    if (why == ERR_NOT_FOUND)
        detail = "This line is for members: sign in at the shop, which hands you a member token.";
    else if (why == ERR_TIMEOUT)
        detail = "The member token has run out: sign in at the shop again.";
    struct span accept = http_req_header(req, HTTP_HEADER_ACCEPT);
    if (accept.len > 0 && memmem(accept.ptr, accept.len, "text/html", 9) != NULL)
        answer_waiting_page(req, span_of(event),
                            why == ERR_FULL ? "too-many-wrong-tokens" : "member-required", NULL);
    else if (why == ERR_FULL)
        answer_too_many_wrong(req, "too-many-wrong-tokens",
                              "Too many member tokens from this address were wrong.");
    else
        http_problem(req, 401, "member-required", "%s", detail);
}

void answer_overloaded(struct http_req *req)
{
    struct http_problem problem = {
        .status = 503,
        .code = "overloaded",
        .detail = "Too many requests are waiting just now. Nothing was changed.",
        .retry_after_s = 1,
    };
    http_problem_reply(req, &problem);
}

void answer_shut(struct http_req *req, struct span event, enum front_shut why)
{
    static const char *const details[] = {
        [FRONT_SHUT_DOCUMENT] = "The event's settings cannot be read here, so nobody new is let in "
                                "by guesses. Places are kept.",
        [FRONT_SHUT_IDENTITY] = "The key that tells this event's visitors apart is missing here, "
                                "so nobody new is let in. Places are kept.",
    };
    assert(why != FRONT_OPEN);
    if (caller_wants_page(req)) {
        answer_waiting_page(req, event, "unavailable", NULL);
        return;
    }
    struct http_problem problem = {
        .status = 503,
        .code = front_shut_name(why),
        .detail = details[why],
        .retry_after_s = FRONT_SHUT_RETRY_S,
    };
    http_problem_reply(req, &problem);
}

/* Whole, as there is no time to write it a hundred thousand times a second. A Date is not asked of
 * a 503 (RFC 9110, 6.6.1). */
static struct http_blob *render_shed(unsigned retry_after_s)
{
    char body_memory[SHED_BYTES_MAX], memory[2 * SHED_BYTES_MAX];
    struct text body = text_on(body_memory, sizeof(body_memory));
    json_open(&body, '{');
    json_member_cstr(&body, "type", "about:blank");
    json_member_cstr(&body, "title", "Service Unavailable");
    json_member_u64(&body, "status", 503);
    json_member_cstr(&body, "code", "overloaded");
    json_member_cstr(&body, "detail",
                     "More people are joining than can be given a place just now. Come back after "
                     "the time in Retry-After.");
    json_member_u64(&body, "retry_after_s", retry_after_s);
    json_close(&body, '}');
    struct text text = text_on(memory, sizeof(memory));
    TEXT_LIT(&text, "HTTP/1.1 503 Service Unavailable\r\n"
                    "Content-Type: application/problem+json\r\nContent-Length: ");
    text_u64(&text, body.len);
    TEXT_LIT(&text, "\r\nCache-Control: no-store\r\nRetry-After: ");
    text_u64(&text, retry_after_s);
    TEXT_LIT(&text, "\r\n\r\n");
    text_put(&text, text_span(&body));
    assert(!body.overflown && !text.overflown);
    return http_blob_create(text_span(&text));
}

void answer_shed(struct http_req *req, struct span event, unsigned retry_after_s)
{
    assert(retry_after_s >= 1 && retry_after_s <= SHED_BACK_MAX_S);
    if (caller_wants_page(req)) {
        answer_waiting_page(req, event, "overloaded", NULL);
        return;
    }
    struct http_blob **answer = &front_of(req)->shed_answer[retry_after_s];
    if (*answer == NULL)
        *answer = render_shed(retry_after_s);
    if (*answer != NULL)
        http_reply_raw(req, *answer, (*answer)->len);
    else /* the allocator said no */
        answer_overloaded(req);
}

/* ---- what the store answered ---- */

struct refusal {
    unsigned status;
    const char *code;
    const char *detail;
};

static const struct refusal by_outcome[] = {
    [LINE_UNKNOWN] = {404, "event-unknown", "There is no such event here."},
    [LINE_LIMITED] = {429, "too-many-joins", "Too many joins from this address in a minute."},
    [LINE_NOT_YET] = {409, "not-yet", "It is not your turn yet. Your place is kept."},
    [LINE_EXPIRED] = {410, "call-expired", "The time to enter has run out."},
    [LINE_GONE] = {410, "place-gone", "This place was given up or used already."},
    [LINE_CONFLICT] = {412, "version-mismatch", "The event was changed meanwhile."},
    [LINE_UNAVAILABLE] = {503, "unavailable",
                          "The line cannot be reached just now. Your place is kept; to repeat "
                          "this is safe."},
    [LINE_MOVED] = {401, "ticket-moved",
                    "This place was carried to another device. A code made there brings it back."},
    [LINE_INSIDE] = {409, "already-inside", "Somebody has entered with this place already."},
    [LINE_NO_CODE] = {404, "code-unknown", "There is no such code, or its time is over."},
    [LINE_CODE_USED] = {410, "code-used", "This code was used already."},
    [LINE_EXHAUSTED] = {409, "moves-exhausted", "No more moves are possible here."},
    [LINE_WORK_SPENT] = {428, "proof-of-work-required", "This work was used for another place."},
    [LINE_INVITATION_SPENT] = {422, "invitation-used", "This invitation was used by a member."},
    [LINE_MEMBER_INSIDE] = {409, "member-inside",
                            "You are inside already, with another place of yours. This one can "
                            "enter when that visit is over."},
    [LINE_PRESALE_UNKNOWN] = {422, "code-unknown", "This is not a code of this line."},
    [LINE_PRESALE_USED_UP] = {422, "code-used-up",
                              "This code was used as often as it may be. Nothing was taken."},
    [LINE_PRESALE_GUESSES] = {429, "too-many-codes",
                              "Too many codes that are none came from this address in a minute."},
    [LINE_PRESALE_MISSING] = {503, "codes-missing",
                              "Codes cannot be checked just now. Nothing is wrong with yours, and "
                              "it was not used; to repeat this is safe."},
    [LINE_PRESALE_LANE] = {503, "unavailable", "The lane of this code cannot be reached just now."},
    [LINE_RENEWED] = {401, "event-renewed", RENEWED_DETAIL},
};

static_assert(sizeof(by_outcome) / sizeof(by_outcome[0]) == LINE_OUTCOME_COUNT, "each has a row");

static const struct refusal by_state[LINE_STATE_COUNT] = {
    [LINE_DRAFT] = {409, "event-not-open", "The event has not opened."},
    [LINE_SCHEDULED] = {409, "event-not-open", "The event has not opened yet."},
    [LINE_PRE_QUEUE] = {409, "event-not-open", "The event has not opened yet."},
    [LINE_OPEN] = {409, "event-changing", "The event's state has just changed; try again."},
    [LINE_PAUSED] = {409, "event-changing", "The event's state has just changed; try again."},
    [LINE_SOLD_OUT] = {409, "event-sold-out", "The event is sold out. Places in line are kept."},
    [LINE_FROZEN] = {409, "event-frozen",
                     "The line stands still because of an incident. Your place and your call are "
                     "kept; time does not run."},
    [LINE_CLOSED] = {409, "event-closed", "The event is over."},
};

static const struct refusal session_expired = {410, "session-expired",
                                               "The time of your visit is over."};
static const struct refusal session_ended = {410, "session-ended", "Your visit was ended."};
static const struct refusal order_complete = {
    410, "order-complete", "Your order is complete, and this place was used for it."};

static const struct refusal *refusal_of(const struct answer_refusal *refusal)
{
    assert(refusal->outcome != LINE_OK);
    assert(refusal->outcome != LINE_SAME);
    if (refusal->outcome == LINE_WRONG_STATE)
        return &by_state[refusal->state];
    bool gone = refusal->outcome == LINE_GONE;
    if (!gone && refusal->outcome != LINE_EXPIRED)
        return &by_outcome[refusal->outcome];
    if (refusal->turn == TURN_DONE)
        return &order_complete;
    if (refusal->turn == TURN_ENDED)
        return gone ? &session_ended : &session_expired;
    return &by_outcome[refusal->outcome];
}

const char *answer_refusal_code(const struct answer_refusal *refusal)
{
    return refusal_of(refusal)->code;
}

static unsigned whole_s(uint64_t ms)
{
    return ms < 3600000 ? (unsigned)((ms + 999) / 1000) : 3600;
}

void answer_refuse(struct http_req *req, const struct answer_refusal *refusal)
{
    const struct refusal *row = refusal_of(refusal);
    char memory[MEMBERS_MAX];
    struct text members = text_on(memory, sizeof(memory));
    if (row->status == 409)
        json_member_cstr(&members, "state", event_state_name(refusal->state));
    if (refusal->outcome == LINE_GONE || refusal->outcome == LINE_EXPIRED)
        json_member_bool(&members, "can_join", event_state_takes_joins(refusal->state));
    if (refusal->members.len > 0)
        json_raw(&members, refusal->members);
    assert(!members.overflown);
    unsigned retry_after_s = whole_s(refusal->retry_after_ms);
    if (retry_after_s == 0 && (row->status == 503 || row->status == 429))
        retry_after_s = 1;
    struct http_problem problem = {
        .status = row->status,
        .code = row->code,
        .detail = row->detail,
        .members = members.len > 0 ? text_span(&members) : (struct span){NULL, 0},
        .retry_after_s = retry_after_s,
    };
    http_problem_reply(req, &problem);
}
