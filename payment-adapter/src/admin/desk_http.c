/* desk_http.c: the help desk finds an order by what a caller knows: a number, a seat, a mail
 * address. Addresses are not stored here. So the company's user database is queried for the owner,
 * as for a login and under the same cap, and then that member's orders are read. */
#include "admin/routes.h"

#include "admin/desk_words.h"
#include "api/guard.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "number.h"
#include "observe/log.h"
#include "pay_limits.h"
#include "store/statements.h"

enum { LIST_MAX = 200, LIST_DEFAULT = 50, REASON_MAX = 200 };

struct search {
    uint32_t magic;
    struct http_req *req;
    struct desk_words words;
    char number[NUMBER_MAX]; /* "": not a number */
    char member[USERS_ID_MAX];
    char event[ORDER_EVENT_MAX]; /* "": any */
    char before[ORDER_ID_MAX];   /* "": the first page */
    uint64_t before_us, most;
};

MAGIC(search, 0x3a700018);

static void on_orders(void *ctx, const struct pg_answer *answer)
{
    guard_doc(MAGIC_OF(search, ctx)->req, 200, answer, REFUSAL_ORDER_UNKNOWN);
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void find(struct search *search)
{
    const struct desk_words *words = &search->words;
    const struct sql_order_search_args args = {
        .number = or_null(search->number),
        .word = words->mail ? NULL : or_null(words->all),
        .mail_member = or_null(search->member),
        .event = or_null(search->event),
        .row = or_null(words->row),
        .seat = or_null(words->seat),
        .zone = or_null(words->zone),
        .listed = words->all[0] == '\0',
        .has_before_us = search->before[0] != '\0',
        .before_us = search->before_us,
        .before = or_null(search->before),
        .most = (uint32_t)search->most + 1, /* one more shows that there is another page */
    };
    sql_order_search(pay_of(search->req)->pg, &args, on_orders, search);
}

static void on_member(void *ctx, int rc, const struct user *user)
{
    struct search *search = MAGIC_OF(search, ctx);
    if (rc < 0) {
        guard_unavailable(search->req, rc);
    } else if (!user->found) {
        http_reply(search->req, &(struct http_reply){.status = 200,
                                                     .type = "application/json",
                                                     .headers = SPAN("Cache-Control: no-store\r\n"),
                                                     .body = SPAN("{\"orders\":[]}")});
    } else {
        memcpy(search->member, user->id, sizeof(search->member));
        find(search);
    }
}

static void find_by_mail(struct search *search)
{
    struct users *users = pay_of(search->req)->users;
    uint32_t retry_ms = 0;
    if (users == NULL)
        refusal_reply(search->req, REFUSAL_MAIL_SEARCH_OFF);
    else if (users_login(users, search->words.all, on_member, search, &retry_ms) < 0)
        refusal_wait(search->req, REFUSAL_BUSY, retry_ms / 1000 + 1);
}

/* "MICROSECONDS.ORDER" */
static bool read_before(struct span text, struct search *search)
{
    struct span at, id = span_cut(text, '.', &at);
    return id.len > 0 && span_to_cstr(id, search->before, sizeof(search->before)) &&
           span_u64(at, INT64_MAX, &search->before_us);
}

static void on_get_orders(struct http_req *req)
{
    struct search *search = guard_room(req, sizeof(*search));
    if (search == NULL)
        return;
    MAGIC_BEGIN(search, search);
    search->req = req;
    char memory[DESK_WORDS_MAX];
    struct text typed = text_on(memory, sizeof(memory));
    struct span before = http_req_query_arg(req, SPAN("before"));
    struct span limit = http_req_query_arg(req, SPAN("limit"));
    bool good = http_url_decode(http_req_query_arg(req, SPAN("q")), true, &typed);
    json_t *utf8 = good ? json_stringn(memory, typed.len) : NULL;
    good = utf8 != NULL && desk_words_read(text_span(&typed), &search->words);
    json_decref(utf8);
    good = good && span_to_cstr(http_req_query_arg(req, SPAN("event")), search->event,
                                sizeof(search->event));
    good = good && (before.len == 0 || read_before(before, search));
    search->most = LIST_DEFAULT;
    good =
        good && (limit.len == 0 || (span_u64(limit, LIST_MAX, &search->most) && search->most > 0));
    if (!good || (search->words.all[0] == '\0' && search->event[0] == '\0')) {
        refusal_say(req, REFUSAL_REQUEST,
                    "q has at most %d bytes; without it there is an event; limit is 1 to %d.",
                    DESK_WORDS_MAX - 1, LIST_MAX);
        return;
    }
    if (!number_parse(span_of(search->words.all), search->number))
        search->number[0] = '\0';
    if (search->words.mail)
        find_by_mail(search);
    else
        find(search);
}

/* ---- one order ---- */

static void on_doc(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    if (answer->rc < 0) {
        guard_unavailable(req, answer->rc);
    } else if (PQntuples(answer->results[0]) == 0) {
        refusal_reply(req, PQntuples(answer->results[1]) > 0 ? REFUSAL_ORDER_RETIRED
                                                             : REFUSAL_ORDER_UNKNOWN);
    } else {
        http_reply(req,
                   &(struct http_reply){.status = 200,
                                        .type = "application/json",
                                        .headers = SPAN("Cache-Control: no-store\r\n"),
                                        .body = sql_order_desk_row(answer->results[0], 0).doc});
    }
}

static void read_order(struct http_req *req, const char *order)
{
    struct pg_job *job = pg_job_create(pay_of(req)->pg, on_doc, req);
    sql_order_desk_add(job, &(struct sql_order_desk_args){order});
    sql_order_retired_add(job, &(struct sql_order_retired_args){order});
    pg_job_send(job);
}

static void on_get_order(struct http_req *req)
{
    guard_order(req, http_req_param(req, 0), read_order);
}

/* ---- resending its mail ---- */

static void on_mailed(void *ctx, const struct pg_answer *answer)
{
    guard_done(ctx, answer, REFUSAL_NO_TICKETS_TO_MAIL);
}

static void mail_again(struct http_req *req, const char *order)
{
    char reason[REASON_MAX + 1];
    if (guard_reason(req, reason, sizeof(reason)))
        sql_order_mail_again(pay_of(req)->pg,
                             &(struct sql_order_mail_again_args){order, reason, guard_who(req)},
                             on_mailed, req);
}

static void on_mail_again(struct http_req *req)
{
    guard_order(req, http_req_param(req, 0), mail_again);
}

/* ---- tickets for another member ---- */

struct offer {
    char to[ORDER_MEMBER_MAX], reason[REASON_MAX + 1], seats[BODY_SEATS_MAX];
    bool has_seats;
};

static void read_offer(struct json_in *in, void *ctx)
{
    struct offer *out = ctx;
    json_in_copy(in, "to", out->to, sizeof(out->to));
    json_in_copy(in, "reason", out->reason, sizeof(out->reason));
    out->has_seats = guard_seats(in, out->seats, sizeof(out->seats));
}

static void on_offered(void *ctx, const struct pg_answer *answer)
{
    if (!guard_row(ctx, answer, 0, REFUSAL_ORDER_UNKNOWN))
        return;
    if (PQntuples(answer->results[1]) == 0)
        refusal_say(ctx, REFUSAL_NOT_TRANSFERABLE,
                    "Only unused tickets of a completed order can be transferred, to another member"
                    " and at most %d times.",
                    TICKET_HOPS_MAX);
    else
        http_reply(ctx, &(struct http_reply){.status = 204});
}

static void transfer(struct http_req *req, const char *order)
{
    struct offer offer = {.has_seats = false};
    if (!guard_read(req, read_offer, &offer))
        return;
    struct pg_job *job = pg_job_create(pay_of(req)->pg, on_offered, req);
    sql_order_lock_add(job, &(struct sql_order_lock_args){order});
    sql_order_transfer_add(
        job, &(struct sql_order_transfer_args){.order = order,
                                               .seats = offer.has_seats ? offer.seats : NULL,
                                               .to = offer.to,
                                               .hops_max = TICKET_HOPS_MAX,
                                               .reason = offer.reason,
                                               .who = guard_who(req)});
    pg_job_send(job);
}

static void on_transfer(struct http_req *req)
{
    guard_order(req, http_req_param(req, 0), transfer);
}

const struct http_route desk_routes[] = {
    {HTTP_METHOD_GET, "/admin/orders", on_get_orders, NULL, 0},
    {HTTP_METHOD_GET, "/admin/orders/{order}", on_get_order, NULL, 0},
    {HTTP_METHOD_POST, "/admin/orders/{order}/mail", on_mail_again, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/admin/orders/{order}/transfer", on_transfer, NULL, BODY_SEATS_MAX},
    {.pattern = NULL},
};
