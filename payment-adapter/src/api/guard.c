/* guard.c: the checks that every API call makes before it costs anything. A browser cannot forge
 * Origin, so a post with a foreign one is refused; a caller without Origin is not a browser, and
 * sends no cookie that it was not given. Answers for a missing id and for another member's are the
 * same bytes on purpose: guessing ids must not pay. */
#include "api/guard.h"

#include "api/plain.h"
#include "base/ip.h"
#include "base/magic.h"
#include "core/checkout/moving.h"
#include "number.h"
#include "store/statements.h"

#include <assert.h>

static bool is_allowed(const struct settings *settings, struct span origin)
{
    struct span item;
    for (struct span rest = span_of(settings->origins); rest.ptr != NULL;) {
        rest = span_cut(rest, ',', &item);
        if (item.len > 0 && span_eq(span_trim(item), origin))
            return true;
    }
    return span_eq(span_of(settings->public_url), origin);
}

bool guard_origin(struct http_req *req)
{
    struct span origin = http_req_header(req, HTTP_HEADER_ORIGIN);
    if (origin.len == 0 || is_allowed(pay_of(req)->settings, origin))
        return true;
    /* Allowed if the page came from the host that it posts to. */
    struct span host = span_after_scheme(origin);
    if (host.ptr != NULL && span_eq(host, http_req_header(req, HTTP_HEADER_HOST)))
        return true;
    refusal_reply(req, REFUSAL_ORIGIN);
    return false;
}

bool guard_type(struct http_req *req)
{
    struct span type, ignored = http_req_header(req, HTTP_HEADER_CONTENT_TYPE);
    span_cut(ignored, ';', &type);
    bool good = span_eq_nocase(span_trim(type), SPAN("application/json"));
    if (!good)
        refusal_reply(req, REFUSAL_NOT_JSON);
    return good;
}

void guard_unread(struct http_req *req, int rc, const struct err_slot *err)
{
    assert(rc < 0);
    if (rc == ERR_NOMEM)
        guard_unavailable(req, rc);
    else
        refusal_say(req, REFUSAL_JSON, "%s", err->text);
}

bool guard_json(struct http_req *req, struct err_slot *err, json_t **out)
{
    if (plain_is(req)) {
        int form_rc = plain_read(req, err, out);
        if (form_rc == ERR_NOMEM)
            guard_unavailable(req, form_rc);
        else if (form_rc < 0)
            refusal_say(req, REFUSAL_REQUEST, "%s", err->text);
        assert(form_rc < 0 || json_is_object(*out));
        return form_rc == 0;
    }
    if (!guard_type(req))
        return false;
    int rc = json_in_parse(http_req_body(req), err, out);
    if (rc < 0)
        guard_unread(req, rc, err);
    return rc == 0;
}

bool guard_read(struct http_req *req, void (*read)(struct json_in *in, void *out), void *out)
{
    struct err_slot err = {0};
    struct json_in in;
    json_t *doc;
    if (!guard_json(req, &err, &doc))
        return false;
    json_in_object(&in, doc, &err);
    read(&in, out);
    bool good = json_in_end(&in) == 0;
    if (!good)
        refusal_say(req, REFUSAL_REQUEST, "%s", err.text);
    json_decref(doc);
    return good;
}

bool guard_seats(struct json_in *in, char *out, size_t cap)
{
    json_t *seats;
    struct text list = text_on(out, cap - 1);
    bool there = json_in_array(in, "seats", 1, MOVING_SEATS_MAX, &seats);
    json_open(&list, '[');
    for (size_t i = 0; there && i < json_array_size(seats); i++) {
        struct span name, other;
        if (!json_in_item_str(in, "seats", seats, i, 1, ORDER_SEAT_MAX - 1, &name))
            break;
        for (size_t j = 0; j < i; j++) {
            other = span_of(json_string_value(json_array_get(seats, j)));
            if (span_eq(name, other))
                json_in_refuse(in, "seats", "must name no place twice");
        }
        json_str(&list, name);
    }
    json_close(&list, ']');
    if (list.overflown)
        json_in_refuse(in, "seats", "is too long");
    out[list.len] = '\0';
    return there;
}

static void read_reason(struct json_in *in, void *out)
{
    const struct text *reason = out;
    json_in_copy(in, "reason", reason->ptr, reason->cap);
}

bool guard_reason(struct http_req *req, char *out, size_t cap)
{
    struct text reason = text_on(out, cap);
    return guard_read(req, read_reason, &reason);
}

void guard_unavailable(struct http_req *req, int rc)
{
    assert(rc < 0);
    refusal_reply(req, rc == ERR_FULL ? REFUSAL_BUSY : REFUSAL_UNAVAILABLE);
}

bool guard_session(struct http_req *req, int rc, const struct session *session)
{
    if (rc < 0)
        guard_unavailable(req, rc);
    else if (!session->here)
        refusal_reply(req, REFUSAL_LOGIN);
    return rc >= 0 && session->here;
}

bool guard_answer(struct http_req *req, const struct pg_answer *answer)
{
    if (answer->rc < 0)
        guard_unavailable(req, answer->rc);
    return answer->rc >= 0;
}

bool guard_row(struct http_req *req, const struct pg_answer *answer, uint32_t result,
               enum refusal refusal)
{
    if (!guard_answer(req, answer))
        return false;
    assert(result < answer->len);
    bool found = PQntuples(answer->results[result]) > 0;
    if (!found)
        refusal_reply(req, refusal);
    return found;
}

bool guard_site(struct http_req *req, struct gate_set *sites)
{
    uint8_t site[IP_BYTES];
    ip_site(http_req_addr(req), site);
    return gate_set_take(sites, (struct span){(const char *)site, sizeof(site)},
                         clock_mono_us(pay_of(req)->loop->clock));
}

static bool is_id(struct span text)
{
    return text.len > 0 && span_is_of(text, SPAN_LETTERS SPAN_DIGITS "-_");
}

bool guard_id(struct http_req *req, unsigned param, char *out, size_t cap)
{
    struct span text = http_req_param(req, param);
    bool good = is_id(text) && span_to_cstr(text, out, cap);
    assert(!good || out[0] != '\0'); /* an empty name could mean all */
    if (!good)
        refusal_reply(req, REFUSAL_NOT_FOUND);
    return good;
}

struct named {
    uint32_t magic;
    struct http_req *req;
    guard_on_order *then;
};

MAGIC(named, 0x3a700017);

static void on_named(void *ctx, const struct pg_answer *answer)
{
    const struct named *named = MAGIC_OF(named, ctx);
    char id[ORDER_ID_MAX];
    assert(answer->rc < 0 || PQntuples(answer->results[0]) <= 1);
    if (!guard_row(named->req, answer, 0, REFUSAL_ORDER_UNKNOWN))
        return;
    if (span_to_cstr(sql_order_numbered_row(answer->results[0], 0).id, id, sizeof(id)))
        named->then(named->req, id);
    else
        guard_unavailable(named->req, ERR_FULL);
}

void guard_order(struct http_req *req, struct span name, guard_on_order *then)
{
    char number[NUMBER_MAX], id[ORDER_ID_MAX];
    assert(then != NULL);
    if (!number_parse(name, number)) {
        if (is_id(name) && span_to_cstr(name, id, sizeof(id)))
            then(req, id);
        else
            refusal_reply(req, REFUSAL_NOT_FOUND);
        return;
    }
    struct named *named = guard_room(req, sizeof(*named));
    if (named == NULL)
        return;
    MAGIC_BEGIN(named, named);
    named->req = req;
    named->then = then;
    sql_order_numbered(pay_of(req)->pg, &(struct sql_order_numbered_args){number}, on_named, named);
}

void guard_reply(struct http_req *req, unsigned status, const struct text *body,
                 struct span headers)
{
    if (body->overflown)
        refusal_reply(req, REFUSAL_ANSWER_LONG);
    else
        http_reply(req, &(struct http_reply){.status = status,
                                             .type = "application/json",
                                             .headers = headers,
                                             .body = text_span(body)});
}

void guard_begun(struct http_req *req, const char *order, const char *status)
{
    char memory[128];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_cstr(&body, "order", order);
    if (status != NULL)
        json_member_cstr(&body, "status", status);
    json_close(&body, '}');
    guard_reply(req, 202, &body, SPAN("Cache-Control: no-store\r\n"));
}

void guard_doc(struct http_req *req, unsigned status, const struct pg_answer *answer,
               enum refusal refusal)
{
    assert(status < 300); /* all others are refusals */
    assert(answer->rc < 0 || answer->len > 0);
    if (!guard_row(req, answer, answer->len - 1, refusal))
        return;
    const PGresult *last = answer->results[answer->len - 1];
    http_reply(req, &(struct http_reply){.status = status,
                                         .type = "application/json",
                                         .headers = SPAN("Cache-Control: no-store\r\n"),
                                         .body = pg_text(last, 0, 0)});
}

void guard_done(struct http_req *req, const struct pg_answer *answer, enum refusal refusal)
{
    if (guard_row(req, answer, 0, refusal))
        http_reply(req, &(struct http_reply){.status = 204});
}

void *guard_room(struct http_req *req, size_t size)
{
    void *room = http_req_room(req, size, NULL);
    if (room == NULL)
        guard_unavailable(req, ERR_NOMEM);
    return room;
}

const char *guard_who(const struct http_req *req)
{
    return service_operator(service_loop_of(req), req);
}

void guard_trace(struct http_req *req, char out[TRACE_TEXT_LEN + 1])
{
    struct trace trace = service_trace(req);
    struct text text = text_on(out, TRACE_TEXT_LEN);
    trace_put(&text, &trace);
    assert(text.len == TRACE_TEXT_LEN);
    out[TRACE_TEXT_LEN] = '\0';
}
