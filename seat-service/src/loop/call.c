/* call.c: replies, and what is stored for a repeat of the call.
 *
 * Every response of the service's own calls is sent from here: with its time, uncacheable, and
 * stored under its idempotency key if something changed. If nothing changed, the key is freed, so
 * that the same request may be retried. A refusal is a row of refusals.h, or one of the engine's
 * verdicts. */
#include "loop/call.h"

#include <assert.h>
#include <string.h>

struct render_event call_view(const struct call *call)
{
    return (struct render_event){
        .id = span_of(call->event->id),
        .plan = call->event->plan->plan,
        .plan_hash = call->event->plan->hash,
        .engine = call->event->engine,
        .now_ms = events_now_ms(call->loop->conf.events),
    };
}

static void remember(struct call *call)
{
    if (!call->has_idem)
        return;
    call->has_idem = false;
    struct idem *idem = call->loop->conf.idem;
    if (call->done.kind != 0)
        idem_finish(idem, call->who.session, &call->idem, &call->done);
    else
        idem_forget(idem, call->who.session, &call->idem);
}

static void put_common(struct text *lines, const struct call *call)
{
    TEXT_LIT(lines, "Cache-Control: no-store\r\n");
    if (call->replayed)
        TEXT_LIT(lines, "Idempotent-Replayed: true\r\n");
}

void call_reply(struct call *call, unsigned status, const struct text *json, struct span headers)
{
    struct span body = json != NULL ? text_span(json) : (struct span){NULL, 0};
    assert(json == NULL || !json->overflown);
    remember(call);
    if (call->req == NULL) /* see pending_answer_patient() */
        return;
    if (call->plain != NULL) {
        call->plain->reply(call);
        return;
    }
    char lines[320];
    struct text all = text_on(lines, sizeof(lines));
    put_common(&all, call);
    text_put(&all, headers);
    assert(!all.overflown);
    http_reply(call->req, &(struct http_reply){
                              .status = status,
                              .type = json != NULL ? "application/json" : NULL,
                              .headers = text_span(&all),
                              .body = body,
                          });
}

void call_refuse_with(struct call *call, const struct call_refusal *refusal)
{
    const unsigned status = refusal->status, retry_after_s = refusal->retry_after_s;
    const struct span members = refusal->members;
    assert(refusal->detail[0] != '\0');
    http_bound_count(refusal->code);
    if (call->plain != NULL) {
        remember(call);
        if (call->req != NULL)
            call->plain->refuse(call, refusal);
        return;
    }
    char lines[128 + JOURNAL_INSTANCE_MAX];
    struct text headers = text_on(lines, sizeof(lines));
    struct text body = loop_text(call->loop);
    /* `members` may be in the same buffer: then it must be moved first. */
    char head_memory[512 + 6 * ERR_TEXT_MAX]; /* escaping may take six bytes for one */
    struct text head = text_on(head_memory, sizeof(head_memory));
    json_open(&head, '{');
    json_member_cstr(&head, "type", "about:blank");
    json_member_cstr(&head, "title", http_status_text(status));
    json_member_u64(&head, "status", status);
    json_member_cstr(&head, "code", refusal->code);
    json_member_cstr(&head, "detail", refusal->detail);
    render_times(&head, events_now_ms(call->loop->conf.events));
    if (retry_after_s > 0)
        json_member_u64(&head, "retry_after_s", retry_after_s);
    assert(!head.overflown);
    size_t more = members.len > 0 ? 1 + members.len : 0;
    assert(head.len + more + 1 <= body.cap);
    if (members.len > 0) {
        memmove(body.ptr + head.len + 1, members.ptr, members.len);
        body.ptr[head.len] = ',';
    }
    memcpy(body.ptr, head.ptr, head.len);
    body.len = head.len + more;
    text_char(&body, '}');

    remember(call);
    if (call->req == NULL)
        return;
    put_common(&headers, call);
    if (status == 401)
        TEXT_LIT(&headers, "WWW-Authenticate: Bearer\r\n");
    if (retry_after_s > 0) {
        TEXT_LIT(&headers, "Retry-After: ");
        text_u64(&headers, retry_after_s);
        TEXT_LIT(&headers, "\r\n");
    }
    if (refusal->owner != NULL)
        http_header_add(&headers, "Fairgate-Owner", span_of(refusal->owner));
    assert(!headers.overflown);
    http_reply(call->req, &(struct http_reply){
                              .status = status,
                              .type = "application/problem+json",
                              .headers = text_span(&headers),
                              .body = text_span(&body),
                          });
}

static const struct call_refusal rows[REFUSAL_COUNT] = {
#define ROW(NAME, CODE, STATUS, RETRY_S, TEXT, DETAIL)                                             \
    [REFUSAL_##NAME] = {STATUS, CODE, RETRY_S, REFUSAL_TEXT_##TEXT, DETAIL, {NULL, 0}, NULL},
    REFUSALS(ROW)
#undef ROW
};

struct call_refusal call_refusal(enum refusal refusal)
{
    assert(refusal < REFUSAL_COUNT);
    return rows[refusal];
}

void call_refuse(struct call *call, enum refusal refusal)
{
    assert(refusal < REFUSAL_COUNT);
    call_refuse_with(call, &rows[refusal]);
}

void call_refuse_as(struct call *call, enum refusal refusal, const char *detail)
{
    struct call_refusal row = call_refusal(refusal);
    assert(row.detail[0] == '\0');
    row.detail = detail;
    call_refuse_with(call, &row);
}
