/* purchase.c: goes through the edge as a visitor does: login, place, pass, seat, order, payment
 * page. Without --pay the order is cancelled there: no money moves, and the shop does not learn of
 * it. With --pay a person pays, and the order is refunded as soon as the tickets are issued.
 *
 * It uses its own event (probe.h) with eight seats. An order that an interrupted run left, paid or
 * not, is ended by the next run. */
#include "watch/purchase.h"

#include "base/json_in.h"
#include "base/secret_file.h"
#include "show/plain.h"
#include "show/value.h"
#include "system/system.h"
#include "watch/finding.h"
#include "watch/probe.h"

#include <sodium.h>
#include <stdlib.h>

enum { ORDER_MAX = 80, PAY_S = 900, WAY_S = 300 };

#define EVENT  "fairgate-doctor"
#define ORDERS "/v1/pay/orders/"

static const char knobs[] = "\"name\":\"Test purchase\",\"rate_per_s\":10,\"max_active\":10";
static const char hall[] =
    "{\"name\":\"Test purchase\",\"currency\":\"KRW\",\"limits\":{\"max_per_buyer\":0},"
    "\"categories\":[{\"name\":\"A\",\"price\":1000}],"
    "\"areas\":[{\"id\":\"floor\",\"category\":\"A\",\"capacity\":8}],"
    "\"plan\":{\"name\":\"Test\",\"categories\":[{\"name\":\"A\",\"color\":\"#808080\"}],"
    "\"size\":{\"width\":100,\"height\":100},\"zones\":[]}}";

struct purchase {
    struct job *job;
    json_t *findings;
    struct probe probe;
    char hold[ORDER_MAX], order[ORDER_MAX];
    bool login; /* the buyer is logged in */
};

static bool stops(struct purchase *p, const char *at, const char *mend)
{
    char why[300];
    probe_failure(&p->probe, why, sizeof(why));
    finding_add(p->findings, "bad", mend, "the test purchase stops at %s: %s", at, why);
    return false;
}

/* Copies a text of the last answer as a whole; false: missing or too long. */
static bool take(struct purchase *p, const char *path, const char *before, char *out, size_t size)
{
    char memory[PROBE_SECRET_MAX];
    struct span text = value_text(p->probe.call.json, path);
    if (text.len == 0 || !span_to_cstr(text, memory, sizeof(memory)))
        return false;
    int len = snprintf(out, size, "%s%s", before, memory);
    sodium_memzero(memory, sizeof(memory));
    return len > 0 && (size_t)len < size;
}

/* ---- orders ---- */

/* Ends remaining orders of this event, from this run or an interrupted one. Paid orders are
 * refunded. Unpaid ones are cancelled if this buyer owns them; others expire. */
static bool end_orders(struct purchase *p)
{
    char path[CTL_URL_MAX];
    bool good =
        probe_operate(&p->probe, COMMAND_PAY, NULL, "/admin/orders?limit=200&event=" EVENT, NULL);
    json_t *orders = good ? json_incref(json_object_get(p->probe.call.json, "orders")) : NULL;
    for (size_t i = 0; i < json_array_size(orders); i++) {
        char order[ORDER_MAX];
        const json_t *row = json_array_get(orders, i);
        struct span status = value_text(row, "status");
        span_to_cstr_cut(value_text(row, "order"), order, sizeof(order));
        if (span_eq(status, SPAN("completed"))) {
            snprintf(path, sizeof(path), "/admin/orders/%s/refund", order);
            good = probe_operate(&p->probe, COMMAND_PAY, "POST", path,
                                 "{\"reason\":\"test purchase\"}") &&
                   good;
        } else if (span_eq(status, SPAN("pending_payment")) && p->login) {
            snprintf(path, sizeof(path), ORDERS "%s/cancel", order);
            probe_visit(&p->probe, "POST", path, "{}");
        }
    }
    json_decref(orders);
    return good;
}

/* Polls the order until a member has that text (NULL: any), or the order ends otherwise. */
static bool comes_to(struct purchase *p, const char *member, const char *wanted, uint64_t within_s)
{
    static const char *const ends[] = {"cancelled", "expired", "failed", "refunded", "parked"};
    uint64_t until_us = system_mono_us() + within_s * 1000000;
    char path[CTL_URL_MAX];
    snprintf(path, sizeof(path), ORDERS "%s", p->order);
    for (;;) {
        if (!probe_visit(&p->probe, NULL, path, NULL))
            return false;
        struct span text = value_text(p->probe.call.json, member);
        bool over = system_mono_us() > until_us;
        if (wanted != NULL ? span_eq(text, span_of(wanted)) : text.len > 0)
            return true;
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
            over = over || span_eq(value_text(p->probe.call.json, "status"), span_of(ends[i]));
        if (over)
            return false;
        system_sleep_us(PROBE_AGAIN_MS * UINT64_C(1000));
    }
}

/* The order did not reach the expected state, or could not be read. */
static bool stops_order(struct purchase *p, const char *at, const char *mend)
{
    struct span status = value_text(p->probe.call.json, "status"),
                reason = value_text(p->probe.call.json, "reason");
    if (!call_good(&p->probe.call))
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
    snprintf(body, sizeof(body), "{\"code\":\"%s\"}", p->probe.code);
    if (!probe_visit(&p->probe, "POST", "/v1/queue/" EVENT "/join", body) ||
        !take(p, "ticket", "Bearer ", p->probe.bearer, sizeof(p->probe.bearer)))
        return stops(p, "the line", "the edge has to lead /v1/queue/ to a front that is ready");
    if (!probe_visit(&p->probe, "POST", "/v1/queue/" EVENT "/pass", NULL) ||
        !take(p, "pass", "Bearer ", p->probe.bearer, sizeof(p->probe.bearer)))
        return stops(p, "the call", "/readyz of queue-front says whether the line moves");
    if (!probe_visit(&p->probe, "POST", "/v1/seats/" EVENT "/holds",
                     "{\"area\":\"floor\",\"quantity\":1}") ||
        !take(p, "hold", "", p->hold, sizeof(p->hold)))
        return stops(p, "the seats",
                     "the edge has to lead /v1/seats/ to their owner, and [passes] keys_url to the "
                     "line's keys; seats of a run that was cut off are free after 15 minutes");
    return true;
}

/* The file has the login on its first line and the password on the second. */
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
    p->login = text != NULL && probe_visit(&p->probe, "POST", "/v1/pay/login", text);
    if (p->login)
        memcpy(p->probe.cookies, p->probe.call.cookies, sizeof(p->probe.call.cookies));
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
    if (!probe_visit(&p->probe, "POST", "/v1/pay/orders", body) ||
        !take(p, "order", "", p->order, sizeof(p->order)))
        return stops(p, "the order",
                     "the hall is in KRW, which the provider has to take; the log of "
                     "payment-adapter says more");
    if (!comes_to(p, "payment.checkout_url", NULL, PROBE_STEP_S))
        return stops_order(p, "the provider",
                           "the provider has to be reached, and to take the key ([psp]); the log "
                           "of payment-adapter has its answer");
    struct span provider = value_text(p->probe.call.json, "payment.provider");
    finding_add(p->findings, "ok", NULL,
                "a visitor can buy: line, seats, login and order work, and %.*s has made a payment",
                (int)provider.len, provider.ptr);
    return true;
}

/* ---- with --pay ---- */

/* Whether the adapter reports that finding for a setting. */
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

/* Checks whether the shop and the mail server accepted the order's messages. A missing server is
 * reported by another finding. */
static void judge_messages(struct purchase *p, const json_t *setup)
{
    static const struct {
        const char *member, *unset, *setting, *whom, *mend;
    } kinds[] = {{"letters", "shop-unset", "shop.url", "the shop",
                  "fairgate letters list; look at the shop's order API"},
                 {"mails", "mail-unset", "mail.url", "the mail server",
                  "fairgate mails list; look at [mail]"}};
    uint64_t until_us = system_mono_us() + PROBE_STEP_S * UINT64_C(1000000);
    char path[CTL_URL_MAX];
    snprintf(path, sizeof(path), "/admin/orders/%s", p->order);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t sent = 0, all = 0;
        if (has_finding(setup, kinds[i].unset, kinds[i].setting))
            continue;
        do {
            if (!probe_operate(&p->probe, COMMAND_PAY, NULL, path, NULL)) {
                stops(p, "its messages", "payment-adapter has to answer");
                return;
            }
            const json_t *rows = value_at(p->probe.call.json, kinds[i].member);
            all = json_array_size(rows);
            sent = 0;
            for (size_t n = 0; n < all; n++)
                sent += span_eq(value_text(json_array_get(rows, n), "state"), SPAN("done"));
            if (sent < all)
                system_sleep_us(PROBE_AGAIN_MS * UINT64_C(1000));
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
    char url[PROBE_SECRET_MAX], path[CTL_URL_MAX], setting[64];
    struct span provider = value_text(p->probe.call.json, "payment.provider");
    snprintf(setting, sizeof(setting), "psp.%.*s_key", (int)provider.len, provider.ptr);
    bool test = has_finding(setup, "test-key", setting);
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
    if (!probe_visit(&p->probe, NULL, path, NULL) ||
        json_array_size(value_at(p->probe.call.json, "tickets")) != 1)
        return stops(p, "its ticket", "the log of payment-adapter says why there is none");
    return true;
}

static void pay(struct purchase *p, const json_t *setup)
{
    if (!is_paid(p, setup))
        return;
    if (!end_orders(p) || !comes_to(p, "status", "refunded", 2 * PROBE_STEP_S)) {
        stops_order(p, "the refund", "fairgate orders list " EVENT "; fairgate refund ORDER");
        return;
    }
    finding_add(p->findings, "ok", NULL, "the payment came, the ticket is made, all is refunded");
    judge_messages(p, setup);
}

static void buy(struct purchase *p, const json_t *setup)
{
    bool pays = job_option(p->job, OPTION_PAY);
    if (!log_in(p))
        return;
    const char *at = probe_make(&p->probe, hall, knobs, 1, WAY_S + (pays ? PAY_S : 0));
    if (at != NULL) {
        stops(p, at, p->probe.mend);
        return;
    }
    end_orders(p);
    if (!enter(p) || !order(p))
        return;
    if (pays)
        pay(p, setup);
    else if (!end_orders(p) || !comes_to(p, "status", "cancelled", 2 * PROBE_STEP_S))
        stops_order(p, "its end", "fairgate sagas list names what it waits for");
}

void purchase_try(struct job *job, const json_t *setup, json_t *findings)
{
    struct purchase p = {.job = job, .findings = findings};
    probe_init(&p.probe, job, EVENT, "test purchase");
    buy(&p, setup);
    char path[CTL_URL_MAX];
    bool ended = !p.probe.made || end_orders(&p);
    snprintf(path, sizeof(path), "/v1/seats/" EVENT "/holds/%s", p.hold);
    if (p.hold[0] != '\0' && p.order[0] == '\0')
        ended = probe_visit(&p.probe, "DELETE", path, NULL) && ended;
    if (p.probe.made && (!probe_delete(&p.probe) || !ended))
        finding_add(findings, "bad",
                    "fairgate close " EVENT ", and run it again: it ends what is left",
                    "something of the test purchase is left: the event " EVENT ", or an order");
    probe_deinit(&p.probe);
}
