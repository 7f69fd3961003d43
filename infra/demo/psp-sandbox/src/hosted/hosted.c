/* hosted.c: a page belongs to an intent, by its client secret, or to a checkout session, by its id;
 * the latter has no intent until it is submitted. The card's number ends here: it is looked up, and
 * only the name of a test card goes on to the bank and into the journal. The address holds the
 * client secret, so nothing on the page sends a Referer, and nothing is cached.
 *
 * The configuration lists where a buyer may be sent back to. An address that the shop gave with its
 * key (return_url of a confirm, a session's addresses) needs no list. */
#include "hosted/hosted.h"

#include "core/must.h"
#include "hosted/page.h"
#include "http/app.h"
#include "ops/op.h"
#include "outcall/outcall.h"
#include "stripe/pay.h"
#include "stripe/session.h"
#include "stripe/stripe.h"
#include "toss/toss.h"

#include <assert.h>

enum { PAGE_BYTES_MAX = 64 * 1024, HOSTED_BODY_MAX = 16 * 1024 };

/* A visit: what the request says, and memory for the page. */
struct visit {
    struct app *app;
    struct http_req *req;
    struct page page;
    const struct object *intent;  /* NULL: the session has none yet */
    const struct object *session; /* NULL: it is an intent's page */
    const char *return_url;       /* where the buyer may go next; NULL: nowhere */
    const char *cancel_url;       /* of the session */
    json_t *form;                 /* query and body */
    char action[256];
    char bytes[PAGE_BYTES_MAX];
};

static const char *field(const struct visit *visit, const char *name)
{
    struct span value = form_get(visit->form, name);
    return value.len > 0 ? value.ptr : NULL;
}

static bool field_is(const struct visit *visit, const char *name, const char *value)
{
    return span_eq(form_get(visit->form, name), span_of(value));
}

/* ---- answers ---- */

/* " https://shop.example" of "https://shop.example/x". */
static void put_origin(struct text *headers, const char *url)
{
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    if (host == NULL)
        return;
    host += 3;
    text_char(headers, ' ');
    text_add(headers, url, (size_t)(host - url) + strcspn(host, "/"));
}

static void reply_page(struct visit *visit, unsigned status)
{
    char memory[1024 + 2 * URL_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    TEXT_LIT(&headers, "Content-Security-Policy: default-src 'none'; style-src 'self'; "
                       "form-action 'self'");
    /* A form's target includes its redirects, so the addresses behind it have to be listed. */
    put_origin(&headers, visit->return_url);
    put_origin(&headers, visit->cancel_url);
    TEXT_LIT(&headers, "; base-uri 'none'; frame-ancestors 'none'\r\n"
                       "Referrer-Policy: no-referrer\r\n"
                       "X-Content-Type-Options: nosniff\r\n"
                       "Cache-Control: no-store\r\n");
    struct text page = text_on(visit->bytes, sizeof(visit->bytes));
    page_put(&page, visit->app->pages, &visit->page);
    assert(!page.overflown && !headers.overflown);
    http_reply(visit->req, &(struct http_reply){.status = status,
                                                .type = "text/html; charset=utf-8",
                                                .headers = text_span(&headers),
                                                .body = text_span(&page)});
}

static void reply_notice(struct visit *visit, unsigned status, const char *notice)
{
    visit->page.notice = notice;
    reply_page(visit, status);
}

/* 303 to `url`, with the arguments "a", x, "b", y, NULL (or none: NULL) added to its query. */
static void reply_redirect(struct visit *visit, const char *url, const char *const *arguments)
{
    char memory[URL_MAX * 2];
    struct text line = text_on(memory, sizeof(memory));
    bool first = strchr(url, '?') == NULL;
    TEXT_LIT(&line, "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nLocation: ");
    text_str(&line, url);
    for (; arguments != NULL && arguments[0] != NULL; arguments += 2) {
        text_char(&line, first ? '?' : '&');
        first = false;
        text_str(&line, arguments[0]);
        text_char(&line, '=');
        outcall_escape(&line, span_of(arguments[1]));
    }
    TEXT_LIT(&line, "\r\n");
    assert(!line.overflown);
    http_reply(visit->req, &(struct http_reply){.status = 303, .headers = text_span(&line)});
}

/* ---- a visit's beginning and end ---- */

/* NULL: the request has been answered. */
static struct visit *visit_begin(struct http_req *req)
{
    struct err_slot err;
    json_t *form = form_read(req, &err);
    if (form == NULL) {
        http_problem(req, 400, "bad-form", "%s", err.text);
        return NULL;
    }
    struct visit *visit = must(calloc(1, sizeof(*visit)));
    visit->app = app_of(req);
    visit->req = req;
    visit->form = form;
    visit->page.lang =
        lang_choose(form_get(visit->form, "lang"), http_req_cookie(req, SPAN("lang")),
                    http_req_header(req, HTTP_HEADER_ACCEPT_LANGUAGE));
    return visit;
}

static void visit_end(struct visit *visit)
{
    json_decref(visit->form);
    free(visit);
}

static void add_hidden(struct visit *visit, const char *name, const char *value)
{
    struct page *page = &visit->page;
    if (value == NULL)
        return;
    assert(page->hidden_len < PAGE_HIDDEN_MAX);
    page->hidden[page->hidden_len++] = (struct page_hidden){name, value};
}

static void visit_session(struct visit *visit, const struct object *session)
{
    const char *locale = object_text(session, "locale");
    visit->session = session;
    visit->intent = bank_linked(desk_bank(visit->app->desk), session, "payment_intent");
    visit->return_url = object_text(session, "success_url");
    visit->cancel_url = object_text(session, "cancel_url");
    visit->page.what = object_hidden(session, "name");
    visit->page.amount = object_number(session, "amount_total");
    visit->page.currency = object_text(session, "currency");
    visit->page.can_cancel = visit->cancel_url != NULL;
    if (locale != NULL && strcmp(locale, "auto") != 0)
        visit->page.lang = lang_choose(span_of(locale), SPAN(""), SPAN(""));
}

/* Finds what the address is about and checks its return_url; false: the request has been answered.
 */
static bool visit_payment(struct visit *visit)
{
    const struct bank *bank = desk_bank(visit->app->desk);
    struct span address = http_req_param(visit->req, 0);
    const struct object *session = bank_find(bank, SESSION, address);
    if (session != NULL) {
        visit_session(visit, session);
        return true;
    }
    const struct object *intent = bank_find_secret(bank, address);
    if (intent == NULL) {
        reply_notice(visit, 404, "notice.unknown");
        return false;
    }
    const char *url = field(visit, "return_url");
    if (url != NULL && !app_may_return_to(visit->app, form_get(visit->form, "return_url"))) {
        reply_notice(visit, 400, "notice.bad-return-url");
        return false;
    }
    visit->return_url = url != NULL ? url : object_hidden(intent, "return_url");
    visit->page.what = object_text(intent, "description");
    visit->page.amount = object_number(intent, "amount");
    visit->page.currency = object_text(intent, "currency");
    visit->intent = intent;
    return true;
}

static const char *address_of(struct visit *visit, const char *behind)
{
    struct text action = text_on(visit->action, sizeof(visit->action));
    TEXT_LIT(&action, "/pay/");
    text_str(&action, visit->session != NULL ? visit->session->id
                                             : object_text(visit->intent, "client_secret"));
    text_str(&action, behind);
    text_char(&action, '\0');
    assert(!action.overflown);
    return visit->action;
}

static void reply_form(struct visit *visit, unsigned status, enum page_form form,
                       const char *action)
{
    visit->page.action = action;
    visit->page.form = form;
    add_hidden(visit, "lang", lang_tag(visit->page.lang));
    reply_page(visit, status);
}

static void reply_card_form(struct visit *visit, unsigned status)
{
    if (visit->session == NULL)
        add_hidden(visit, "return_url", visit->return_url);
    reply_form(visit, status, PAGE_CARD, address_of(visit, ""));
}

/* Back to the shop, or a page that says how it ended. */
static void reply_intent_end(struct visit *visit)
{
    const struct object *intent = visit->intent;
    bool good = intent->status != INTENT_CANCELED;
    if (visit->return_url == NULL) {
        reply_notice(visit, good ? 200 : 410, good ? "notice.paid" : "notice.gone");
        return;
    }
    const char *const arguments[] = {"payment_intent",
                                     intent->id,
                                     "payment_intent_client_secret",
                                     object_text(intent, "client_secret"),
                                     "redirect_status",
                                     good ? "succeeded" : "failed",
                                     NULL};
    reply_redirect(visit, visit->return_url, arguments);
}

/* To its success_url, in which the session may be named. */
static void reply_session_end(struct visit *visit)
{
    static const char name[] = "{CHECKOUT_SESSION_ID}";
    char memory[URL_MAX + IDENT_MAX];
    struct text url = text_on(memory, sizeof(memory));
    const char *from = visit->return_url;
    const char *at = strstr(from, name);
    if (visit->session->status != SESSION_COMPLETE) {
        reply_notice(visit, 410, "notice.gone");
        return;
    }
    text_add(&url, from, at != NULL ? (size_t)(at - from) : strlen(from));
    if (at != NULL) {
        text_str(&url, visit->session->id);
        text_str(&url, at + sizeof(name) - 1);
    }
    text_char(&url, '\0');
    assert(!url.overflown);
    reply_redirect(visit, memory, NULL);
}

/* What a buyer who opens the page sees in the payment's state. */
static void reply_by_state(struct visit *visit)
{
    uint64_t now_s = desk_now_us(visit->app->desk) / 1000000;
    if (visit->session != NULL && !session_is_open(visit->session, now_s)) {
        reply_session_end(visit);
    } else if (visit->intent == NULL || pay_may(visit->intent, INTENT_CONFIRM)) {
        const char *const arguments[] = {"lang", lang_tag(visit->page.lang), NULL};
        if (visit->intent != NULL && visit->intent->status == INTENT_REQUIRES_ACTION)
            reply_redirect(visit, address_of(visit, "/authenticate"), arguments);
        else
            reply_card_form(visit, 200);
    } else {
        reply_intent_end(visit);
    }
}

/* ---- the page of a payment ---- */

static void pay_get(struct visit *visit)
{
    if (visit_payment(visit))
        reply_by_state(visit);
}

static void reply_paid(struct visit *visit, unsigned status)
{
    const struct object *intent = visit->intent;
    bool waits = intent != NULL && intent->status == INTENT_REQUIRES_PAYMENT_METHOD;
    if (status == 402 && intent != NULL) {
        const json_t *error = json_object_get(intent->shown, "last_payment_error");
        visit->page.refusal = json_string_value(json_object_get(error, "message"));
        visit->page.notice = "notice.failed";
        reply_card_form(visit, 402);
    } else if (status == 200 && waits) {
        visit->page.notice = "notice.refused";
        reply_card_form(visit, 402);
    } else if (status >= 429) {
        visit->page.notice = "notice.failed";
        reply_card_form(visit, status);
    } else {
        reply_by_state(visit);
    }
}

static void on_paid(struct http_req *req, const struct answer *answer, bool cut)
{
    struct visit *visit;
    if (cut) {
        http_reply_cut(req, (struct span){0}, 500);
    } else if ((visit = visit_begin(req)) != NULL) {
        if (visit_payment(visit))
            reply_paid(visit, answer->status);
        visit_end(visit);
    }
}

static bool all_digits(struct span text, size_t min, size_t max)
{
    uint64_t number;
    return text.len >= min && text.len <= max && span_u64(text, UINT64_MAX, &number);
}

/* A date that is given must be valid, even though the sandbox's cards never expire. */
static bool details_hold(const struct visit *visit)
{
    struct span month, year = span_cut(form_get(visit->form, "exp"), '/', &month);
    struct span code = form_get(visit->form, "cvc");
    uint64_t number;
    if (code.len > 0 && !all_digits(span_trim(code), 3, 4))
        return false;
    if (field(visit, "exp") == NULL)
        return true;
    month = span_trim(month);
    year = span_trim(year);
    return span_u64(month, 12, &number) && number >= 1 && month.len <= 2 &&
           (all_digits(year, 2, 2) || all_digits(year, 4, 4));
}

/* The card of the form, or NULL with the notice set. */
static const struct card *visit_card(struct visit *visit)
{
    const struct card *card = card_by_number(form_get(visit->form, "number"));
    if (card == NULL)
        visit->page.notice = "notice.bad-number";
    else if (!details_hold(visit))
        visit->page.notice = "notice.bad-details";
    return visit->page.notice == NULL ? card : NULL;
}

static void submit(struct visit *visit, void (*run)(struct desk_call *at), json_t *in,
                   void (*on_answered)(struct http_req *req, const struct answer *answer, bool cut))
{
    struct desk_order order = {
        .req = visit->req, .op = op_running(run), .in = must(in), .on_answered = on_answered};
    if (run != toss_hosted)
        order.id = http_req_param(visit->req, 0);
    desk_submit(visit->app->desk, &order);
}

static void pay_post(struct visit *visit)
{
    if (!visit_payment(visit))
        return;
    if (visit->page.can_cancel && field_is(visit, "decision", "cancel")) {
        reply_redirect(visit, visit->cancel_url, NULL);
        return;
    }
    const struct card *card = visit_card(visit);
    if (card == NULL) {
        reply_card_form(visit, 402);
        return;
    }
    submit(visit, stripe_hosted_pay,
           json_pack("{s:s,s:s*}", "payment_method", card->token, "return_url",
                     visit->session == NULL ? visit->return_url : NULL),
           on_paid);
}

static void authenticate_get(struct visit *visit)
{
    if (!visit_payment(visit))
        return;
    if (visit->intent != NULL && visit->intent->status == INTENT_REQUIRES_ACTION)
        reply_form(visit, 200, PAGE_QUESTION, address_of(visit, "/authenticate"));
    else
        reply_by_state(visit);
}

static void authenticate_post(struct visit *visit)
{
    bool yes = field_is(visit, "decision", "approve");
    if (visit_payment(visit))
        submit(visit, stripe_hosted_authenticate,
               json_pack("{s:s}", "decision", yes ? "approve" : "refuse"), on_paid);
}

/* ---- Toss's payment window ---- */

/* Checks the window's arguments; false: the request has been answered. */
static bool window_begin(struct visit *visit)
{
    struct span name = form_get(visit->form, "orderName");
    uint64_t amount = 0;
    bool good = toss_order_id_valid(form_get(visit->form, "orderId")) && name.len > 0 &&
                name.len <= 100 && span_u64(form_get(visit->form, "amount"), AMOUNT_MAX, &amount) &&
                amount > 0 && field(visit, "successUrl") != NULL && field(visit, "failUrl") != NULL;
    if (!good) {
        reply_notice(visit, 400, "notice.unknown");
        return false;
    }
    if (!app_may_return_to(visit->app, form_get(visit->form, "successUrl")) ||
        !app_may_return_to(visit->app, form_get(visit->form, "failUrl"))) {
        reply_notice(visit, 400, "notice.bad-return-url");
        return false;
    }
    visit->return_url = field(visit, "successUrl");
    visit->page.what = name.ptr;
    visit->page.amount = (int64_t)amount;
    visit->page.currency = "krw";
    visit->page.can_cancel = true;
    visit->page.can_transfer = !field_is(visit, "method", "CARD");
    return true;
}

static void reply_window(struct visit *visit, unsigned status)
{
    static const char *const names[] = {"method", "orderId",    "orderName",
                                        "amount", "successUrl", "failUrl"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add_hidden(visit, names[i], field(visit, names[i]));
    reply_form(visit, status, PAGE_CARD, "/toss/pay");
}

static void window_get(struct visit *visit)
{
    if (window_begin(visit))
        reply_window(visit, 200);
}

static void on_window_paid(struct http_req *req, const struct answer *answer, bool cut)
{
    struct visit *visit;
    if (cut) {
        http_reply_cut(req, (struct span){0}, 500);
    } else if ((visit = visit_begin(req)) != NULL) {
        bool good = window_begin(visit);
        if (good && answer->status == 200 && answer->about != NULL) {
            const char *const arguments[] = {"paymentType", "NORMAL",
                                             "paymentKey",  answer->about->id,
                                             "orderId",     field(visit, "orderId"),
                                             "amount",      field(visit, "amount"),
                                             NULL};
            reply_redirect(visit, visit->return_url, arguments);
        } else if (good) {
            visit->page.notice = "notice.failed";
            reply_window(visit, answer->status);
        }
        visit_end(visit);
    }
}

static void window_post(struct visit *visit)
{
    if (!window_begin(visit))
        return;
    if (field_is(visit, "decision", "cancel")) {
        const char *const arguments[] = {
            "code",    "PAY_PROCESS_CANCELED",  "message", "The buyer canceled the payment.",
            "orderId", field(visit, "orderId"), NULL};
        reply_redirect(visit, field(visit, "failUrl"), arguments);
        return;
    }
    bool transfer = visit->page.can_transfer && field_is(visit, "pay_by", "transfer");
    const struct card *card = transfer ? NULL : visit_card(visit);
    if (card == NULL && !transfer) {
        reply_window(visit, 402);
        return;
    }
    submit(visit, toss_hosted,
           json_pack("{s:s,s:s,s:s,s:I}", "payment_method",
                     transfer ? "virtual_account" : card->token, "orderId", field(visit, "orderId"),
                     "orderName", field(visit, "orderName"), "amount",
                     (json_int_t)visit->page.amount),
           on_window_paid);
}

/* ---- routes ---- */

static const struct hosted_route {
    enum http_method method;
    const char *pattern;
    void (*handle)(struct visit *visit);
    uint32_t body_max;
} hosted_routes[] = {
    {HTTP_METHOD_GET, "/pay/{secret}", pay_get, 0},
    {HTTP_METHOD_POST, "/pay/{secret}", pay_post, HOSTED_BODY_MAX},
    {HTTP_METHOD_GET, "/pay/{secret}/authenticate", authenticate_get, 0},
    {HTTP_METHOD_POST, "/pay/{secret}/authenticate", authenticate_post, HOSTED_BODY_MAX},
    {HTTP_METHOD_GET, "/toss/pay", window_get, 0},
    {HTTP_METHOD_POST, "/toss/pay", window_post, HOSTED_BODY_MAX},
};

static void on_visit(struct http_req *req)
{
    const struct hosted_route *taken = http_req_route_ctx(req);
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    taken->handle(visit);
    visit_end(visit);
}

int hosted_add_routes(struct http_router *router, struct err_slot *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(hosted_routes) / sizeof(hosted_routes[0]); i++) {
        const struct hosted_route *of = &hosted_routes[i];
        struct http_route route = {.method = of->method,
                                   .pattern = of->pattern,
                                   .handler = on_visit,
                                   .ctx = (void *)(uintptr_t)of,
                                   .body_max = of->body_max};
        rc = http_router_add(router, &route, err);
    }
    return rc;
}
