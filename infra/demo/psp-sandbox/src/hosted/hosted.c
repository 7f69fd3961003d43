/* hosted.c: a page belongs to an intent, by its client secret, or to a checkout session, by its id;
 * the latter has no intent until it is submitted. The card's number ends here: it is looked up, and
 * only the name of a test card goes on to the bank and into the journal. The address holds the
 * client secret, so nothing on the page sends a Referer, and nothing is cached.
 *
 * The configuration lists where a buyer may be sent back to. An address that the shop gave with its
 * key (return_url of a confirm, a session's addresses) needs no list. */
#include "hosted/hosted.h"

#include "hosted/page.h"
#include "http/app.h"
#include "ops/op.h"
#include "stripe/stripe.h"
#include "toss/toss.h"

#include <assert.h>
#include <stdlib.h>

enum { PAGE_BYTES_MAX = 64 * 1024, HOSTED_BODY_MAX = 16 * 1024 };

/* A visit: what the request says, and memory for the page. Freed when it is answered. */
struct visit {
    struct app *app;
    struct http_req *req;
    struct page page;
    const struct intent *intent;   /* NULL: the session has none yet */
    const struct session *session; /* NULL: it is an intent's page */
    struct span return_url;        /* where the buyer may go next; absent: nowhere */
    struct form form;              /* query and body */
    char action[256];
    char bytes[PAGE_BYTES_MAX];
};

static enum lang choose_lang(const struct http_req *req, const struct form *form)
{
    struct span lang = {0};
    (void)form_get(form, "lang", &lang);
    return lang_choose(lang, http_req_cookie(req, SPAN("lang")),
                       http_req_header(req, HTTP_HEADER_ACCEPT_LANGUAGE));
}

/* ---- answers ---- */

/* "https://shop.example" of "https://shop.example/x". */
static struct span origin_of(struct span url)
{
    const char *host = memmem(url.ptr, url.len, "://", 3);
    if (host == NULL)
        return (struct span){0};
    size_t from = (size_t)(host + 3 - url.ptr);
    const char *end = memchr(url.ptr + from, '/', url.len - from);
    return (struct span){url.ptr, end != NULL ? (size_t)(end - url.ptr) : url.len};
}

static void put_target(struct text *headers, struct span url)
{
    struct span origin = url.len > 0 ? origin_of(url) : (struct span){0};
    if (origin.len == 0)
        return;
    text_char(headers, ' ');
    text_put(headers, origin);
}

/* A form's target includes its redirects, so the addresses behind it have to be listed. */
static void put_headers(struct text *headers, const struct visit *visit)
{
    TEXT_LIT(headers, "Content-Security-Policy: default-src 'none'; style-src 'self'; "
                      "form-action 'self'");
    put_target(headers, visit->return_url);
    if (visit->session != NULL && visit->session->cancel_url != NULL)
        put_target(headers, span_of(visit->session->cancel_url));
    TEXT_LIT(headers, "; base-uri 'none'; frame-ancestors 'none'\r\n"
                      "Referrer-Policy: no-referrer\r\n"
                      "X-Content-Type-Options: nosniff\r\n"
                      "Cache-Control: no-store\r\n");
}

static void reply_page(struct visit *visit, unsigned status)
{
    char memory[1024 + 2 * URL_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    put_headers(&headers, visit);
    struct text page = text_on(visit->bytes, sizeof(visit->bytes));
    page_put(&page, visit->app->page, visit->app->site, &visit->page);
    assert(!page.overflown && !headers.overflown);
    http_reply(visit->req, &(struct http_reply){.status = status,
                                                .type = "text/html; charset=utf-8",
                                                .headers = text_span(&headers),
                                                .body = text_span(&page)});
}

static void reply_notice(struct visit *visit, unsigned status, enum page_notice notice)
{
    visit->page.notice = notice;
    reply_page(visit, status);
}

static void put_encoded(struct text *out, struct span value)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            text_char(out, (char)c);
            continue;
        }
        text_char(out, '%');
        text_char(out, hex[c >> 4]);
        text_char(out, hex[c & 15]);
    }
}

/* 303 to `url`, with the arguments "a", x, "b", y, NULL added to its query. */
static void reply_redirect(struct visit *visit, struct span url, const char *const *arguments)
{
    char memory[URL_MAX * 2];
    struct text line = text_on(memory, sizeof(memory));
    TEXT_LIT(&line, "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nLocation: ");
    text_put(&line, url);
    bool first = memchr(url.ptr, '?', url.len) == NULL;
    for (; arguments[0] != NULL; arguments += 2) {
        text_char(&line, first ? '?' : '&');
        first = false;
        text_str(&line, arguments[0]);
        text_char(&line, '=');
        put_encoded(&line, span_of(arguments[1]));
    }
    TEXT_LIT(&line, "\r\n");
    assert(!line.overflown);
    http_reply(visit->req, &(struct http_reply){.status = 303, .headers = text_span(&line)});
}

/* ---- a visit's beginning and end ---- */

/* NULL: the request has been answered. */
static struct visit *visit_begin(struct http_req *req)
{
    struct visit *visit = malloc(sizeof(*visit));
    if (visit == NULL) {
        http_problem(req, 500, "out-of-memory", "There is no memory for this page.");
        return NULL;
    }
    visit->app = app_of(req);
    visit->req = req;
    visit->return_url = (struct span){0};
    visit->intent = NULL;
    visit->session = NULL;
    visit->page = (struct page){.lang = LANG_OF_READERS};
    form_clear(&visit->form);
    struct err_slot err;
    if (form_parse(&visit->form, http_req_query(req), &err) < 0 ||
        form_parse(&visit->form, http_req_body(req), &err) < 0) {
        http_problem(req, 400, "bad-form", "%s", err.text);
        free(visit);
        return NULL;
    }
    visit->page.lang = choose_lang(req, &visit->form);
    return visit;
}

static void add_hidden(struct page *page, const char *name, struct span value)
{
    if (value.ptr == NULL)
        return;
    assert(page->hidden_len < PAGE_HIDDEN_MAX);
    page->hidden[page->hidden_len++] = (struct page_hidden){name, value};
}

static void add_lang(struct visit *visit)
{
    add_hidden(&visit->page, "lang", span_of(lang_tag(visit->page.lang)));
}

static bool visit_session(struct visit *visit, const struct session *session)
{
    struct bank *bank = desk_bank(visit->app->desk);
    visit->session = session;
    if (session->intent != INTENT_NONE)
        visit->intent = bank_intent(bank, session->intent);
    visit->return_url = span_of(session->success_url);
    visit->page.what = span_of(session->name);
    visit->page.amount = session->amount;
    visit->page.currency = session->currency;
    visit->page.can_cancel = session->cancel_url != NULL;
    if (session->locale != NULL && strcmp(session->locale, "auto") != 0)
        visit->page.lang = lang_choose(span_of(session->locale), SPAN(""), SPAN(""));
    return true;
}

/* Finds what the address is about and checks its return_url; false: the request has been answered.
 */
static bool visit_payment(struct visit *visit)
{
    struct bank *bank = desk_bank(visit->app->desk);
    const struct session *session = bank_find_session(bank, http_req_param(visit->req, 0), NULL);
    if (session != NULL)
        return visit_session(visit, session);
    const struct intent *intent = bank_find_secret(bank, http_req_param(visit->req, 0), NULL);
    if (intent == NULL) {
        reply_notice(visit, 404, PAGE_UNKNOWN_PAYMENT);
        return false;
    }
    struct span url;
    if (form_get(&visit->form, "return_url", &url) && url.len > 0) {
        if (!app_may_return_to(visit->app, url)) {
            reply_notice(visit, 400, PAGE_BAD_RETURN_URL);
            return false;
        }
        visit->return_url = url;
    } else if (intent->return_url != NULL) {
        visit->return_url = span_of(intent->return_url);
    }
    struct page *page = &visit->page;
    page->what = span_of(intent->description);
    page->amount = intent->amount;
    page->currency = intent->currency;
    visit->intent = intent;
    return true;
}

static struct span address_of(struct visit *visit, const char *behind)
{
    struct text action = text_on(visit->action, sizeof(visit->action));
    TEXT_LIT(&action, "/pay/");
    text_str(&action, visit->session != NULL ? visit->session->id : visit->intent->secret);
    text_str(&action, behind);
    assert(!action.overflown);
    return text_span(&action);
}

static void reply_card_form(struct visit *visit, unsigned status)
{
    visit->page.action = address_of(visit, "");
    if (visit->return_url.len > 0 && visit->session == NULL)
        add_hidden(&visit->page, "return_url", visit->return_url);
    add_lang(visit);
    visit->page.form = PAGE_CARD;
    reply_page(visit, status);
}

/* Back to the shop, or a page that says how it ended. */
static void reply_intent_end(struct visit *visit)
{
    const struct intent *intent = visit->intent;
    bool good = intent->status != INTENT_CANCELED;
    if (visit->return_url.len == 0) {
        reply_notice(visit, good ? 200 : 410, good ? PAGE_PAID : PAGE_GONE);
        return;
    }
    const char *const arguments[] = {"payment_intent",
                                     intent->id,
                                     "payment_intent_client_secret",
                                     intent->secret,
                                     "redirect_status",
                                     good ? "succeeded" : "failed",
                                     NULL};
    reply_redirect(visit, visit->return_url, arguments);
}

/* To its success_url, in which the session may be named. */
static void reply_session_end(struct visit *visit)
{
    static const char name[] = "{CHECKOUT_SESSION_ID}";
    static const char *const none[] = {NULL};
    if (visit->session->status != SESSION_COMPLETE) {
        reply_notice(visit, 410, PAGE_GONE);
        return;
    }
    char memory[URL_MAX + IDENT_MAX];
    struct text url = text_on(memory, sizeof(memory));
    struct span from = visit->return_url;
    const char *at = memmem(from.ptr, from.len, name, sizeof(name) - 1);
    size_t head = at != NULL ? (size_t)(at - from.ptr) : from.len;
    text_add(&url, from.ptr, head);
    if (at != NULL) {
        text_str(&url, visit->session->id);
        text_put(&url, span_skip(from, head + sizeof(name) - 1));
    }
    assert(!url.overflown);
    reply_redirect(visit, text_span(&url), none);
}

static void reply_to_authentication(struct visit *visit)
{
    const char *const arguments[] = {"lang", lang_tag(visit->page.lang), NULL};
    reply_redirect(visit, address_of(visit, "/authenticate"), arguments);
}

/* What the state of the payment says to a buyer who comes by. */
static void reply_by_state(struct visit *visit)
{
    uint64_t now_s = desk_now_us(visit->app->desk) / 1000000;
    if (visit->session != NULL && !stripe_session_is_open(visit->session, now_s)) {
        reply_session_end(visit);
        return;
    }
    if (visit->intent == NULL) {
        reply_card_form(visit, 200);
        return;
    }
    switch (visit->intent->status) {
    case INTENT_REQUIRES_PAYMENT_METHOD:
    case INTENT_REQUIRES_CONFIRMATION:
        reply_card_form(visit, 200);
        break;
    case INTENT_REQUIRES_ACTION:
        reply_to_authentication(visit);
        break;
    default:
        reply_intent_end(visit);
    }
}

/* ---- the page of a payment ---- */

static void pay_get(struct visit *visit)
{
    if (visit_payment(visit))
        reply_by_state(visit);
}

static void on_paid(struct http_req *req, const struct desk_answer *answer, bool cut)
{
    if (cut) {
        http_reply_cut(req, (struct span){0}, 500);
        return;
    }
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    if (!visit_payment(visit)) {
        free(visit);
        return;
    }
    const struct intent *intent = visit->intent;
    if (answer->status == 402 && intent != NULL) {
        visit->page.refusal = span_of(intent->refusal != NULL ? intent->refusal->says : NULL);
        visit->page.notice = PAGE_FAILED;
        reply_card_form(visit, 402);
    } else if (answer->status == 200 && intent != NULL &&
               intent->status == INTENT_REQUIRES_PAYMENT_METHOD) {
        visit->page.notice = PAGE_REFUSED_AUTHENTICATION;
        reply_card_form(visit, 402);
    } else if (answer->status >= 429) {
        visit->page.notice = PAGE_FAILED;
        reply_card_form(visit, answer->status);
    } else {
        reply_by_state(visit);
    }
    free(visit);
}

static bool all_digits(struct span text, size_t min, size_t max)
{
    if (text.len < min || text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return true;
}

/* A date that is given must be valid, even though the sandbox's cards never expire. */
static bool details_hold(const struct form *form)
{
    struct span expiry;
    struct span code;
    if (form_get(form, "cvc", &code) && code.len > 0 && !all_digits(span_trim(code), 3, 4))
        return false;
    if (!form_get(form, "exp", &expiry) || expiry.len == 0)
        return true;
    struct span month;
    struct span year = span_cut(span_trim(expiry), '/', &month);
    uint64_t number;
    month = span_trim(month);
    year = span_trim(year);
    return span_u64(month, 12, &number) && number >= 1 && month.len <= 2 &&
           (all_digits(year, 2, 2) || all_digits(year, 4, 4));
}

/* The card of the form, or NULL with the notice set. */
static const struct card *visit_card(struct visit *visit)
{
    struct span number = {0};
    (void)form_get(&visit->form, "number", &number);
    const struct card *card = card_by_number(number);
    if (card == NULL)
        visit->page.notice = PAGE_BAD_NUMBER;
    else if (!details_hold(&visit->form))
        visit->page.notice = PAGE_BAD_DETAILS;
    return visit->page.notice == PAGE_NOTHING ? card : NULL;
}

static void pay_post(struct visit *visit)
{
    static const char *const none[] = {NULL};
    if (!visit_payment(visit))
        return;
    struct span decision = {0};
    (void)form_get(&visit->form, "decision", &decision);
    if (visit->page.can_cancel && span_eq(decision, SPAN("cancel"))) {
        reply_redirect(visit, span_of(visit->session->cancel_url), none);
        return;
    }
    const struct card *card = visit_card(visit);
    if (card == NULL) {
        reply_card_form(visit, 402);
        return;
    }
    struct text body = text_on(visit->bytes, sizeof(visit->bytes));
    TEXT_LIT(&body, "payment_method=");
    text_str(&body, card->token);
    if (visit->return_url.len > 0 && visit->session == NULL) {
        TEXT_LIT(&body, "&return_url=");
        put_encoded(&body, visit->return_url);
    }
    assert(!body.overflown);
    struct desk_order order = {.req = visit->req,
                               .op = op_running(stripe_hosted_pay),
                               .id = http_req_param(visit->req, 0),
                               .body = text_span(&body),
                               .own_body = true,
                               .on_answered = on_paid};
    desk_submit(visit->app->desk, &order);
}

static void authenticate_get(struct visit *visit)
{
    if (!visit_payment(visit))
        return;
    if (visit->intent != NULL && visit->intent->status == INTENT_REQUIRES_ACTION) {
        visit->page.action = address_of(visit, "/authenticate");
        add_lang(visit);
        visit->page.form = PAGE_QUESTION;
        reply_page(visit, 200);
    } else {
        reply_by_state(visit);
    }
}

static void authenticate_post(struct visit *visit)
{
    struct span decision = {0};
    if (visit_payment(visit)) {
        (void)form_get(&visit->form, "decision", &decision);
        bool yes = span_eq(decision, SPAN("approve"));
        struct desk_order order = {.req = visit->req,
                                   .op = op_running(stripe_hosted_authenticate),
                                   .id = http_req_param(visit->req, 0),
                                   .body = yes ? SPAN("decision=approve") : SPAN("decision=refuse"),
                                   .on_answered = on_paid};
        desk_submit(visit->app->desk, &order);
    }
}

/* ---- Toss's payment window ---- */

struct toss_window {
    struct span order;
    struct span name;
    struct span amount_text;
    struct span success_url;
    struct span fail_url;
    struct span method; /* CARD: nothing else is offered; absent: everything */
    uint64_t amount;
};

/* False: the request has been answered. */
static bool read_window(struct visit *visit, struct toss_window *in)
{
    const struct form *form = &visit->form;
    bool there = form_get(form, "orderId", &in->order) && form_get(form, "orderName", &in->name) &&
                 form_get(form, "amount", &in->amount_text) &&
                 form_get(form, "successUrl", &in->success_url) &&
                 form_get(form, "failUrl", &in->fail_url);
    bool good = there && toss_order_id_valid(in->order) && in->name.len > 0 &&
                in->name.len <= 100 && span_u64(in->amount_text, 99999999, &in->amount) &&
                in->amount > 0;
    if (!good) {
        reply_notice(visit, 400, PAGE_UNKNOWN_PAYMENT);
        return false;
    }
    if (!app_may_return_to(visit->app, in->success_url) ||
        !app_may_return_to(visit->app, in->fail_url)) {
        reply_notice(visit, 400, PAGE_BAD_RETURN_URL);
        return false;
    }
    (void)form_get(form, "method", &in->method);
    visit->return_url = in->success_url;
    visit->page.what = in->name;
    visit->page.amount = (int64_t)in->amount;
    visit->page.currency = "krw";
    return true;
}

static void reply_window(struct visit *visit, const struct toss_window *in, unsigned status)
{
    struct page *page = &visit->page;
    page->action = SPAN("/toss/pay");
    page->can_cancel = true;
    page->can_transfer = !span_eq(in->method, SPAN("CARD"));
    add_hidden(page, "method", in->method);
    add_hidden(page, "orderId", in->order);
    add_hidden(page, "orderName", in->name);
    add_hidden(page, "amount", in->amount_text);
    add_hidden(page, "successUrl", in->success_url);
    add_hidden(page, "failUrl", in->fail_url);
    add_lang(visit);
    visit->page.form = PAGE_CARD;
    reply_page(visit, status);
}

static void window_get(struct visit *visit)
{
    struct toss_window in = {0};
    if (read_window(visit, &in))
        reply_window(visit, &in, 200);
}

static void reply_window_agreed(struct visit *visit, const struct toss_window *in, uint32_t place)
{
    const struct payment *payment = bank_payment(desk_bank(visit->app->desk), place);
    char amount[24];
    bool fits = span_to_cstr(in->amount_text, amount, sizeof(amount));
    assert(fits);
    const char *const arguments[] = {"paymentType", "NORMAL",  "paymentKey",
                                     payment->key,  "orderId", payment->order,
                                     "amount",      amount,    NULL};
    reply_redirect(visit, in->success_url, arguments);
}

static void on_window_paid(struct http_req *req, const struct desk_answer *answer, bool cut)
{
    if (cut) {
        http_reply_cut(req, (struct span){0}, 500);
        return;
    }
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    struct toss_window in = {0};
    bool readable = read_window(visit, &in);
    if (readable && answer->status == 200 && answer->payment != PAYMENT_NONE) {
        reply_window_agreed(visit, &in, answer->payment);
    } else if (readable) {
        visit->page.notice = PAGE_FAILED;
        reply_window(visit, &in, answer->status);
    }
    free(visit);
}

static void reply_window_canceled(struct visit *visit, const struct toss_window *in)
{
    char order[TOSS_ORDER_ID_MAX + 1];
    bool fits = span_to_cstr(in->order, order, sizeof(order));
    assert(fits);
    const char *const arguments[] = {"code",    "PAY_PROCESS_CANCELED",
                                     "message", "The buyer canceled the payment.",
                                     "orderId", order,
                                     NULL};
    reply_redirect(visit, in->fail_url, arguments);
}

static void window_post(struct visit *visit)
{
    struct toss_window in = {0};
    struct span decision = {0}, pay_by = {0};
    if (!read_window(visit, &in))
        return;
    (void)form_get(&visit->form, "decision", &decision);
    if (span_eq(decision, SPAN("cancel"))) {
        reply_window_canceled(visit, &in);
        return;
    }
    (void)form_get(&visit->form, "pay_by", &pay_by);
    bool transfer = span_eq(pay_by, SPAN("transfer")) && !span_eq(in.method, SPAN("CARD"));
    const struct card *card = transfer ? NULL : visit_card(visit);
    if (card == NULL && !transfer) {
        reply_window(visit, &in, 402);
        return;
    }
    struct text body = text_on(visit->bytes, sizeof(visit->bytes));
    TEXT_LIT(&body, "payment_method=");
    text_str(&body, transfer ? "virtual_account" : card->token);
    TEXT_LIT(&body, "&orderId=");
    put_encoded(&body, in.order);
    TEXT_LIT(&body, "&orderName=");
    put_encoded(&body, in.name);
    TEXT_LIT(&body, "&amount=");
    text_u64(&body, in.amount);
    assert(!body.overflown);
    struct desk_order order = {.req = visit->req,
                               .op = op_running(toss_hosted),
                               .body = text_span(&body),
                               .own_body = true,
                               .on_answered = on_window_paid};
    desk_submit(visit->app->desk, &order);
}

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
    if (visit != NULL)
        taken->handle(visit);
    free(visit);
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
