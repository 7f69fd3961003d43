/* purchase.c: goes the way of a visitor by the edge: login, place, pass, seat, order, payment page.
 * Without --pay the order is cancelled there: no money moves, and the shop hears nothing of it.
 * With --pay a person pays, and the order is refunded as soon as the tickets are there.
 *
 * It has an event of its own, which asks for a code that nobody else has, and is deleted at the
 * end. What a run that was cut off has left (the event, an order, paid or not) is ended by the next
 * one. Only its hall stays: eight places, of which nobody else can buy one. */
#include "watch/purchase.h"

#include "base/json_in.h"
#include "base/secret_file.h"
#include "show/plain.h"
#include "show/value.h"
#include "system/system.h"
#include "watch/finding.h"

#include <sodium.h>
#include <stdlib.h>

enum {
    CODE_BYTES = 16,
    SECRET_MAX = 2048,
    ORDER_MAX = 80,
    STEP_S = 20,
    PAY_S = 900,
    AGAIN_MS = 300
};

#define EVENT    "fairgate-doctor"
#define EVENT_AT "/admin/events/" EVENT
#define ORDERS   "/v1/pay/orders/"

static const char knobs[] = "{\"name\":\"Test purchase\",\"rate_per_s\":10,\"max_active\":10,"
                            "\"code_required\":true}";
static const char hall[] =
    "{\"name\":\"Test purchase\",\"currency\":\"KRW\",\"limits\":{\"max_per_buyer\":0},"
    "\"categories\":[{\"name\":\"A\",\"price\":1000}],"
    "\"areas\":[{\"id\":\"floor\",\"category\":\"A\",\"capacity\":8}],"
    "\"plan\":{\"name\":\"Test\",\"categories\":[{\"name\":\"A\",\"color\":\"#808080\"}],"
    "\"size\":{\"width\":100,\"height\":100},\"zones\":[]}}";

struct purchase {
    struct job *job;
    json_t *findings;
    struct call call; /* the last one; its answer */
    const char *who;  /* was asked */
    char code[2 * CODE_BYTES + 1], key[2 * CODE_BYTES + 1];
    char bearer[SECRET_MAX], cookies[CTL_COOKIES_MAX];
    char hold[ORDER_MAX], order[ORDER_MAX];
    bool event, login; /* it was made; there is a session */
};

/* ---- calls ---- */

/* A call that may succeed later: not called yet, not known yet, asleep, full; as an operator,
 * while the event of the run before is being deleted. */
static bool is_later(const struct call *call)
{
    if (call->end != CALL_ANSWERED)
        return false;
    if (!call->open && call->status == 409)
        return span_eq(value_text(call->json, "code"), SPAN("event-being-deleted"));
    return call->status == 503 ||
           (call->open && (call->status == 404 || call->status == 409 || call->status == 429 ||
                           call->status == 502 || call->status == 504));
}

/* Makes the call, and makes it again for a while where that may help. */
static bool ask(struct purchase *p, const char *who, bool known, struct call *call,
                const char *body)
{
    uint64_t until_us = system_mono_us() + STEP_S * UINT64_C(1000000);
    p->who = who;
    if (body != NULL) {
        call->body = span_of(body);
        call->content_type = "application/json";
    }
    for (;;) {
        call_free(&p->call);
        p->call = *call;
        if (!known) {
            p->call.end = CALL_AWAY;
            snprintf(p->call.error, sizeof(p->call.error), "the profile does not say where it is");
            return false;
        }
        caller_make(p->job->caller, &p->call, 1, p->job->timeout_ms, -1);
        if (!is_later(&p->call) || system_mono_us() > until_us)
            return call_good(&p->call);
        system_sleep_us(AGAIN_MS * UINT64_C(1000));
    }
}

/* As an operator, at a private listener. */
static bool operate(struct purchase *p, enum command_service service, const char *method,
                    const char *path, const char *body, const char *if_match)
{
    struct call call = {.method = method, .if_match = if_match};
    call.why = service == COMMAND_LINE && method != NULL ? "test purchase" : NULL;
    bool known = call_to(&call, p->job->profile, service, path);
    return ask(p, job_service_name(service), known, &call, body);
}

/* As a visitor, by the edge. */
static bool visit(struct purchase *p, const char *method, const char *path, const char *body)
{
    struct call call = {.method = method,
                        .open = true,
                        .bearer = p->bearer[0] != '\0' ? p->bearer : NULL,
                        .cookie = p->cookies[0] != '\0' ? p->cookies : NULL,
                        .key = p->key};
    bool known = call_to_edge(&call, p->job->profile, path);
    return ask(p, "the edge", known, &call, body);
}

static bool stops(struct purchase *p, const char *at, const char *mend)
{
    struct grow why = {.ptr = NULL};
    call_failure(&p->call, p->who, &why);
    const char *text = grow_cstr(&why);
    finding_add(p->findings, "bad", mend, "the test purchase stops at %s: %.300s", at,
                text != NULL ? text : "no memory");
    grow_free(&why);
    return false;
}

/* A text of the last answer, whole; false: it is not there, or too long. */
static bool take(struct purchase *p, const char *path, const char *before, char *out, size_t size)
{
    char memory[SECRET_MAX];
    struct span text = value_text(p->call.json, path);
    if (text.len == 0 || !span_to_cstr(text, memory, sizeof(memory)))
        return false;
    int len = snprintf(out, size, "%s%s", before, memory);
    sodium_memzero(memory, sizeof(memory));
    return len > 0 && (size_t)len < size;
}

static void draw(char out[2 * CODE_BYTES + 1])
{
    unsigned char bytes[CODE_BYTES];
    system_random(bytes, sizeof(bytes));
    sodium_bin2hex(out, 2 * CODE_BYTES + 1, bytes, sizeof(bytes));
}

/* ---- the event ---- */

static bool delete_event(struct purchase *p)
{
    char etag[CTL_ETAG_MAX];
    if (!operate(p, COMMAND_LINE, NULL, EVENT_AT, NULL, NULL))
        return p->call.end == CALL_ANSWERED && p->call.status == 404;
    struct span state = value_text(p->call.json, "state");
    if (!span_eq(state, SPAN("draft")) && !span_eq(state, SPAN("closed")) &&
        (!operate(p, COMMAND_LINE, "POST", EVENT_AT "/actions/close", "{}", NULL) ||
         !operate(p, COMMAND_LINE, NULL, EVENT_AT, NULL, NULL)))
        return false;
    memcpy(etag, p->call.etag, sizeof(etag));
    return operate(p, COMMAND_LINE, "DELETE", EVENT_AT "?unarchived=true", NULL, etag);
}

static bool make_event(struct purchase *p)
{
    char codes[128];
    snprintf(codes, sizeof(codes), "{\"codes\":[\"%s\"]}", p->code);
    if (!delete_event(p))
        return stops(p, "the event " EVENT " of an earlier one",
                     "delete it (fairgate close, delete --unarchived)");
    /* One that another version has made has what is needed, too. */
    if (!operate(p, COMMAND_SEATS, "PUT", EVENT_AT, hall, NULL) && p->call.status != 409)
        return stops(p, "its hall", "/readyz of seat-service says why it opens no event");
    p->event = operate(p, COMMAND_LINE, "PUT", EVENT_AT, knobs, NULL);
    if (!p->event || !operate(p, COMMAND_LINE, "PUT", EVENT_AT "/codes", codes, NULL) ||
        !operate(p, COMMAND_LINE, "POST", EVENT_AT "/actions/open", "{}", NULL))
        return stops(p, "its event", "/readyz of the service that is named says why");
    return true;
}

/* ---- orders ---- */

/* Ends orders of this event that are left, of this run or of one that was cut off: one that is paid
 * for is refunded, one that is not is cancelled, if it is this buyer's; anybody else's expires. */
static bool end_orders(struct purchase *p)
{
    char path[CTL_URL_MAX];
    bool good = operate(p, COMMAND_PAY, NULL, "/admin/orders?limit=200&event=" EVENT, NULL, NULL);
    json_t *orders = good ? json_incref(json_object_get(p->call.json, "orders")) : NULL;
    for (size_t i = 0; i < json_array_size(orders); i++) {
        char order[ORDER_MAX];
        const json_t *row = json_array_get(orders, i);
        struct span status = value_text(row, "status");
        span_to_cstr_cut(value_text(row, "order"), order, sizeof(order));
        if (span_eq(status, SPAN("completed"))) {
            snprintf(path, sizeof(path), "/admin/orders/%s/refund", order);
            good = operate(p, COMMAND_PAY, "POST", path, "{\"reason\":\"test purchase\"}", NULL) &&
                   good;
        } else if (span_eq(status, SPAN("pending_payment")) && p->login) {
            snprintf(path, sizeof(path), ORDERS "%s/cancel", order);
            visit(p, "POST", path, "{}");
        }
    }
    json_decref(orders);
    return good;
}

/* Reads the order until a member is that text (NULL: any), or the order has come to another end. */
static bool comes_to(struct purchase *p, const char *member, const char *wanted, uint64_t within_s)
{
    static const char *const ends[] = {"cancelled", "expired", "failed", "refunded", "parked"};
    uint64_t until_us = system_mono_us() + within_s * 1000000;
    char path[CTL_URL_MAX];
    snprintf(path, sizeof(path), ORDERS "%s", p->order);
    for (;;) {
        if (!visit(p, NULL, path, NULL))
            return false;
        struct span text = value_text(p->call.json, member);
        bool over = system_mono_us() > until_us;
        if (wanted != NULL ? span_eq(text, span_of(wanted)) : text.len > 0)
            return true;
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
            over = over || span_eq(value_text(p->call.json, "status"), span_of(ends[i]));
        if (over)
            return false;
        system_sleep_us(AGAIN_MS * UINT64_C(1000));
    }
}

/* The order did not come to where it should; or it could not be read. */
static bool stops_order(struct purchase *p, const char *at, const char *mend)
{
    struct span status = value_text(p->call.json, "status"),
                reason = value_text(p->call.json, "reason");
    if (!call_good(&p->call))
        return stops(p, at, mend);
    finding_add(p->findings, "bad", mend,
                "the test purchase stops at %s: the order %s is %.*s%s%.*s", at, p->order,
                (int)status.len, status.ptr, reason.len > 0 ? ", " : "", (int)reason.len,
                reason.ptr);
    return false;
}

/* ---- the way ---- */

static bool enter(struct purchase *p)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"code\":\"%s\"}", p->code);
    if (!visit(p, "POST", "/v1/queue/" EVENT "/join", body) ||
        !take(p, "ticket", "Bearer ", p->bearer, sizeof(p->bearer)))
        return stops(p, "the line", "the edge has to lead /v1/queue/ to a front that is ready");
    if (!visit(p, "POST", "/v1/queue/" EVENT "/pass", NULL) ||
        !take(p, "pass", "Bearer ", p->bearer, sizeof(p->bearer)))
        return stops(p, "the call", "/readyz of queue-front says whether the line moves");
    if (!visit(p, "POST", "/v1/seats/" EVENT "/holds", "{\"area\":\"floor\",\"quantity\":1}") ||
        !take(p, "hold", "", p->hold, sizeof(p->hold)))
        return stops(p, "the seats",
                     "the edge has to lead /v1/seats/ to their owner, and [passes] keys_url to the "
                     "line's keys; seats of a run that was cut off are free after 15 minutes");
    return true;
}

static bool release(struct purchase *p)
{
    char path[CTL_URL_MAX];
    snprintf(path, sizeof(path), "/v1/seats/" EVENT "/holds/%s", p->hold);
    return visit(p, "DELETE", path, NULL);
}

/* The file has the login in its first line, and the password in the second. */
static bool log_in(struct purchase *p)
{
    struct err_slot err;
    struct secret_file *file = NULL;
    struct span login, password, rest;
    if (secret_file_read(p->job->args->option[OPTION_BUYER], &err, &file) < 0) {
        finding_add(p->findings, "bad", "a file of mode 0600: the login, and below it the password",
                    "%s", err.text);
        return false;
    }
    rest = span_cut(secret_file_span(file), '\n', &login);
    span_cut(rest.ptr != NULL ? rest : SPAN(""), '\n', &password);
    json_t *body = json_pack("{s:s%, s:s%}", "login", login.ptr, login.len, "password",
                             password.ptr, password.len);
    char *text = body != NULL ? json_in_text(body, JSON_COMPACT) : NULL;
    p->login = text != NULL && visit(p, "POST", "/v1/pay/login", text);
    if (p->login)
        memcpy(p->cookies, p->call.cookies, sizeof(p->call.cookies));
    if (text != NULL)
        sodium_memzero(text, strlen(text));
    free(text);
    json_decref(body);
    secret_file_destroy(file);
    return p->login || stops(p, "the login",
                             "the edge has to lead /v1/pay/ to payment-adapter; the account has to "
                             "be a customer's who may log in; [users] of "
                             "payment-adapter has to fit the shop's table");
}

static bool order(struct purchase *p)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"event\":\"" EVENT "\",\"hold\":\"%s\"}", p->hold);
    if (!visit(p, "POST", "/v1/pay/orders", body) ||
        !take(p, "order", "", p->order, sizeof(p->order)))
        return stops(p, "the order",
                     "the hall is in KRW, which the provider has to take; the log of "
                     "payment-adapter says more");
    if (!comes_to(p, "payment.checkout_url", NULL, STEP_S))
        return stops_order(p, "the provider",
                           "the provider has to be reached, and to take the key ([psp]); the log "
                           "of payment-adapter has its answer");
    struct span provider = value_text(p->call.json, "payment.provider");
    finding_add(p->findings, "ok", NULL,
                "a visitor can buy: line, seats, login and order work, and %.*s has made a payment",
                (int)provider.len, provider.ptr);
    return true;
}

/* ---- with --pay ---- */

/* Does the adapter say that of its settings? */
static bool has_finding(const json_t *setup, const char *code, const char *setting)
{
    size_t at;
    json_t *row;
    json_array_foreach(value_at(setup, "findings"), at, row)
    {
        if (span_eq(value_text(row, "code"), span_of(code)) &&
            span_eq(value_text(row, "setting"), span_of(setting)))
            return true;
    }
    return false;
}

static bool is_test_key(const json_t *setup, struct span provider)
{
    char setting[64];
    snprintf(setting, sizeof(setting), "psp.%.*s_key", (int)provider.len, provider.ptr);
    return has_finding(setup, "test-key", setting);
}

/* Have the shop and the mail server taken what concerns the order? Where there is no such server,
 * another finding says so. */
static void judge_messages(struct purchase *p, const json_t *setup)
{
    static const struct {
        const char *member, *unset, *setting, *whom, *mend;
    } kinds[] = {{"letters", "shop-unset", "shop.url", "the shop",
                  "fairgate letters list; look at the shop's order API"},
                 {"mails", "mail-unset", "mail.url", "the mail server",
                  "fairgate mails list; look at [mail]"}};
    uint64_t until_us = system_mono_us() + STEP_S * UINT64_C(1000000);
    char path[CTL_URL_MAX];
    snprintf(path, sizeof(path), "/admin/orders/%s", p->order);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t sent = 0, all = 0;
        if (has_finding(setup, kinds[i].unset, kinds[i].setting))
            continue;
        do {
            if (!operate(p, COMMAND_PAY, NULL, path, NULL, NULL)) {
                stops(p, "its messages", "payment-adapter has to answer");
                return;
            }
            const json_t *rows = value_at(p->call.json, kinds[i].member);
            all = json_array_size(rows);
            sent = 0;
            for (size_t n = 0; n < all; n++)
                sent += span_eq(value_text(json_array_get(rows, n), "state"), SPAN("done"));
            if (sent < all)
                system_sleep_us(AGAIN_MS * UINT64_C(1000));
        } while (sent < all && system_mono_us() < until_us);
        if (sent < all)
            finding_add(p->findings, "note", kinds[i].mend,
                        "%s has taken %zu of %zu messages of the test purchase", kinds[i].whom,
                        sent, all);
        else if (all > 0)
            finding_add(p->findings, "ok", NULL, "%s has all %zu messages of the test purchase",
                        kinds[i].whom, all);
    }
}

static bool is_paid(struct purchase *p, const json_t *setup)
{
    char url[SECRET_MAX], path[CTL_URL_MAX];
    bool test = is_test_key(setup, value_text(p->call.json, "payment.provider"));
    if (!take(p, "payment.checkout_url", "", url, sizeof(url)))
        return stops(p, "the payment page", "its address is too long");
    if (!test && job_ask(p->job, "The provider's key is not known to be a test key: the payment is "
                                 "real until it is refunded. Go on?") != EXIT_DONE) {
        finding_add(p->findings, "note", "with --yes, or at a terminal", "nothing was paid");
        return false;
    }
    struct grow shown = {.ptr = NULL};
    plain_put(&shown, span_of(url));
    const char *text = grow_cstr(&shown);
    fprintf(p->job->err, "Pay within 15 minutes at %s\n", text != NULL ? text : "(no memory)");
    fflush(p->job->err);
    grow_free(&shown);
    if (!comes_to(p, "status", "completed", PAY_S))
        return stops_order(p, "the payment",
                           "the provider's webhook has to reach the edge (/v1/pay/webhooks/)");
    snprintf(path, sizeof(path), ORDERS "%s/tickets", p->order);
    if (!visit(p, NULL, path, NULL) || json_array_size(value_at(p->call.json, "tickets")) != 1)
        return stops(p, "its ticket", "the log of payment-adapter says why there is none");
    return true;
}

static void pay(struct purchase *p, const json_t *setup)
{
    if (!is_paid(p, setup))
        return;
    if (!end_orders(p) || !comes_to(p, "status", "refunded", 2 * STEP_S)) {
        stops_order(p, "the refund", "fairgate orders list " EVENT "; fairgate refund ORDER");
        return;
    }
    finding_add(p->findings, "ok", NULL, "the payment came, the ticket is made, all is refunded");
    judge_messages(p, setup);
}

static void buy(struct purchase *p, const json_t *setup)
{
    if (!log_in(p))
        return;
    end_orders(p);
    if (!make_event(p) || !enter(p) || !order(p))
        return;
    if (job_option(p->job, OPTION_PAY))
        pay(p, setup);
    else if (!end_orders(p) || !comes_to(p, "status", "cancelled", 2 * STEP_S))
        stops_order(p, "its end", "fairgate sagas list names what it waits for");
}

void purchase_try(struct job *job, const json_t *setup, json_t *findings)
{
    struct purchase p = {.job = job, .findings = findings};
    draw(p.code);
    draw(p.key);
    buy(&p, setup);
    bool ended = !p.login || end_orders(&p);
    if (p.hold[0] != '\0' && p.order[0] == '\0')
        ended = release(&p) && ended;
    if (p.event && (!delete_event(&p) || !ended))
        finding_add(findings, "bad", "run it again: it ends what is left",
                    "something of the test purchase is left: the event " EVENT ", or an order");
    call_free(&p.call);
    sodium_memzero(&p, sizeof(p));
}
