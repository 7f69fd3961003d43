/* hosted.c: a page belongs to an intent, by its client secret, or to a checkout session, by its id;
 * a session has no intent until it is submitted. The card's number ends here: it is looked up, and
 * only the name of a test card goes on to the bank and into the journal. The address holds the
 * client secret, so nothing on the page sends a Referer, and nothing is cached.
 *
 * The configuration lists the addresses to which a buyer may return. Addresses that the shop gave
 * with its key (return_url of a confirm, a session's addresses) need no entry.
 *
 * All pages come from one template: the card's form, the bank's question, a plain notice. Gaps
 * and blocks are identified by their index in `gaps`. */
#include "hosted.h"

#include "entry.h"
#include "must.h"
#include "page/wording.h"
#include "stripe/stripe.h"
#include "toss.h"
#include "web/html.h"

#include <assert.h>

enum { PAGE_BYTES_MAX = 64 * 1024, BODY_MAX = 16 * 1024 };

static const char pay_html[] =
#include "infra/demo/psp-sandbox/web/pay.html.inc"
    ;
static const char pay_css[] =
#include "infra/demo/psp-sandbox/web/pay.css.inc"
    ;

static const struct site_file files[] = {{"pay.css", SITE_CSS, SITE_BYTES(pay_css)}};

enum gap {
    WHAT,
    AMOUNT,
    NOTICE,
    DONE,
    REFUSED,
    QUESTION,
    FORM,
    ACTION,
    CARD,
    TRANSFER,
    CANCEL,
    GAPS,
};

static const char *const gaps[GAPS + 1] = {
    "what", "amount", "notice", "done",     "refused", "question",
    "form", "action", "card",   "transfer", "cancel",
};

struct visit;

/* The steps of a page's request: begin (false: it has been answered), act, and answer once the call
 * that it made has an answer. */
struct hosted_route {
    enum http_method method;
    const char *pattern;
    bool (*begin)(struct visit *visit);
    void (*handle)(struct visit *visit);
    void (*on_called)(struct visit *visit, const struct call *call);
};

/* A visit: the parsed request and the contents of the page. */
struct visit {
    const struct entry *entry;
    const struct hosted *hosted;
    struct http_req *req;
    json_t *form;                 /* query and body */
    const struct object *intent;  /* NULL: the session has none yet */
    const struct object *session; /* NULL: it is an intent's page */
    const char *return_url;       /* where the buyer may go next; NULL: nowhere */
    const char *cancel_url;       /* of the session; it gets a second button: decision=cancel */
    enum lang lang;
    enum gap kind;                       /* CARD, QUESTION, or NOTICE: no form */
    char card_page[256], asks_page[272]; /* the address of each, to which its form posts */
    const char *what;                    /* what is paid for, or NULL */
    int64_t amount;                      /* 0: none shown */
    const char *currency;
    const char *notice;  /* a phrase, or NULL */
    const char *refusal; /* the card's own message instead, or NULL */
    bool can_transfer;   /* another button: pay_by=transfer, to a virtual account */
    char bytes[PAGE_BYTES_MAX];
};

static const char *field(const struct visit *visit, const char *name)
{
    struct span value = json_in_text_of(visit->form, name);
    return value.len > 0 ? value.ptr : NULL;
}

static bool field_is(const struct visit *visit, const char *name, const char *value)
{
    return span_eq(json_in_text_of(visit->form, name), span_of(value));
}

/* ---- the page ---- */

static struct span phrase(const struct visit *visit, const char *name)
{
    return phrases_find(site_phrases(visit->hosted->site, visit->lang), span_of(name));
}

static void put_gap(struct text *out, unsigned gap, void *ctx)
{
    const struct visit *visit = ctx;
    struct span query = http_req_query(visit->req);
    if (gap == AMOUNT)
        wording_put_money(out, site_phrases(visit->hosted->site, visit->lang),
                          (uint64_t)visit->amount, span_of(visit->currency));
    else if (gap == WHAT)
        html_put(out, visit->what != NULL ? span_of(visit->what) : phrase(visit, "title"));
    else if (gap == NOTICE)
        html_put(out,
                 visit->refusal != NULL ? span_of(visit->refusal) : phrase(visit, visit->notice));
    else if (gap == ACTION) { /* keeps the address and query of the request */
        html_put(out, span_of(visit->kind == CARD ? visit->card_page : visit->asks_page));
        html_put(out, query.len > 0 ? SPAN("?") : SPAN(""));
        html_put(out, query);
    }
}

static bool has_block(unsigned block, unsigned turn, void *ctx)
{
    const struct visit *visit = ctx;
    bool paid = visit->notice != NULL && strcmp(visit->notice, "notice.paid") == 0;
    const bool shown[GAPS] = {
        [AMOUNT] = visit->amount > 0,
        [DONE] = paid,
        [REFUSED] = visit->notice != NULL && !paid,
        [QUESTION] = visit->kind == QUESTION,
        [FORM] = visit->kind != NOTICE,
        [CARD] = visit->kind == CARD,
        [TRANSFER] = visit->can_transfer,
        [CANCEL] = visit->cancel_url != NULL,
    };
    return turn == 0 && shown[block];
}

/* ---- answers ---- */

/* " https://shop.example" of "https://shop.example/x". */
static void put_origin(struct text *headers, const char *url)
{
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    if (host == NULL)
        return;
    text_char(headers, ' ');
    text_add(headers, url, (size_t)(host + 3 - url) + strcspn(host + 3, "/"));
}

/* `notice` may be NULL. Returns false for the caller to return. */
static bool reply_page(struct visit *visit, unsigned status, enum gap kind, const char *notice)
{
    char memory[1024 + 2 * URL_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    visit->kind = kind;
    visit->notice = notice;
    TEXT_LIT(&headers, "Content-Security-Policy: default-src 'none'; img-src data:; "
                       "style-src 'self'; form-action 'self'");
    /* CSP's form-action also covers redirects, so the addresses behind the form must be listed. */
    put_origin(&headers, visit->return_url);
    put_origin(&headers, visit->cancel_url);
    TEXT_LIT(&headers, "; base-uri 'none'; frame-ancestors 'none'\r\n"
                       "Referrer-Policy: no-referrer\r\n"
                       "X-Content-Type-Options: nosniff\r\n"
                       "Cache-Control: no-store\r\n");
    struct text page = text_on(visit->bytes, sizeof(visit->bytes));
    filled_page_put(&page, visit->hosted->page, visit->lang, put_gap, has_block, visit);
    assert(!page.overflown && !headers.overflown);
    http_reply(visit->req, &(struct http_reply){.status = status,
                                                .type = "text/html; charset=utf-8",
                                                .headers = text_span(&headers),
                                                .body = text_span(&page)});
    return false;
}

static void reply_redirect(struct visit *visit, const char *url)
{
    char memory[URL_MAX * 2];
    struct text headers = text_on(memory, sizeof(memory));
    TEXT_LIT(&headers, "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nLocation: ");
    text_str(&headers, url);
    TEXT_LIT(&headers, "\r\n");
    assert(!headers.overflown);
    http_reply(visit->req, &(struct http_reply){.status = 303, .headers = text_span(&headers)});
}

/* The same with more in the query; its words need no escaping. */
__attribute__((format(printf, 3, 4))) static void reply_query(struct visit *visit, const char *url,
                                                              const char *format, ...)
{
    char query[512], whole[URL_MAX + sizeof(query)];
    va_list args;
    va_start(args, format);
    vsnprintf(query, sizeof(query), format, args);
    va_end(args);
    snprintf(whole, sizeof(whole), "%s%c%s", url, strchr(url, '?') == NULL ? '?' : '&', query);
    reply_redirect(visit, whole);
}

/* ---- a visit ---- */

/* `call` is NULL while the request has made none. */
static void serve(struct http_req *req, const struct call *call)
{
    const struct hosted_route *route = http_req_route_ctx(req);
    struct err_slot err;
    json_t *form = form_read(req, &err);
    if (form == NULL) {
        http_problem(req, 400, "bad-form", "%s", err.text);
        return;
    }
    struct visit *visit = must(calloc(1, sizeof(*visit)));
    visit->entry = entry_of(req);
    visit->hosted = service_ctx(service_loop_of(req)->service);
    visit->req = req;
    visit->form = form;
    visit->lang = lang_choose(json_in_text_of(form, "lang"), http_req_cookie(req, SPAN("lang")),
                              http_req_header(req, HTTP_HEADER_ACCEPT_LANGUAGE));
    bool good = route->begin(visit);
    if (good && call == NULL)
        route->handle(visit);
    else if (good)
        route->on_called(visit, call);
    json_decref(form);
    free(visit);
}

static void on_visit(struct http_req *req)
{
    serve(req, NULL);
}

static void on_answered(struct http_req *req, const struct call *call, bool cut)
{
    if (cut)
        http_reply_cut(req, (struct span){0}, 500);
    else
        serve(req, call);
}

static void submit(struct visit *visit, const char *route, struct span id, json_t *in)
{
    const struct call call = {.op = calls_op(route), .id = id, .in = must(in)};
    entry_submit(entry_of(visit->req), visit->req, &call, on_answered);
}

/* Each listed prefix ends its host with a slash, so that shop.example cannot be continued to
 * shop.example.evil. */
static bool may_return_to(const struct visit *visit, struct span url)
{
    if (url.len > URL_MAX || !span_is_visible(url) || span_has_any(url, "\"\\"))
        return false; /* it goes into a header and a page */
    for (struct span rest = span_of(visit->entry->settings->return_urls); rest.ptr != NULL;) {
        struct span prefix;
        rest = span_cut(rest, ',', &prefix);
        prefix = span_trim(prefix);
        if (prefix.len > 0 && span_starts(url, prefix))
            return true;
    }
    return false;
}

/* ---- the page of a payment ---- */

/* Finds the object of the address and checks its return_url. */
static bool pay_begin(struct visit *visit)
{
    const struct bank *bank = visit->entry->bank;
    struct span address = http_req_param(visit->req, 0);
    const struct object *session = bank_find(bank, SESSION, address);
    const struct object *intent = bank_find_secret(bank, address);
    const char *url = field(visit, "return_url");
    if (session == NULL && intent == NULL)
        return reply_page(visit, 404, NOTICE, "notice.unknown");
    snprintf(visit->card_page, sizeof(visit->card_page), "/pay/%.*s", (int)address.len,
             address.ptr);
    snprintf(visit->asks_page, sizeof(visit->asks_page), "%s/authenticate", visit->card_page);
    if (session != NULL) {
        const char *locale = bank_text(session, "locale");
        visit->session = session;
        visit->intent = bank_linked(bank, session, "payment_intent");
        visit->return_url = bank_text(session, "success_url");
        visit->cancel_url = bank_text(session, "cancel_url");
        visit->what = bank_hidden(session, "name");
        visit->amount = bank_number(session, "amount_total");
        visit->currency = bank_text(session, "currency");
        if (locale != NULL && strcmp(locale, "auto") != 0)
            visit->lang = lang_choose(span_of(locale), SPAN(""), SPAN(""));
    } else {
        if (url != NULL && !may_return_to(visit, span_of(url)))
            return reply_page(visit, 400, NOTICE, "notice.bad-return-url");
        visit->intent = intent;
        visit->return_url = url != NULL ? url : bank_hidden(intent, "return_url");
        visit->what = bank_text(intent, "description");
        visit->amount = bank_number(intent, "amount");
        visit->currency = bank_text(intent, "currency");
    }
    return true;
}

/* Returns the buyer to the shop, or shows how the payment ended. */
static void reply_intent_end(struct visit *visit)
{
    const struct object *intent = visit->intent;
    bool good = intent->status != INTENT_CANCELED;
    if (visit->return_url != NULL)
        reply_query(visit, visit->return_url,
                    "payment_intent=%s&payment_intent_client_secret=%s&redirect_status=%s",
                    intent->id, bank_text(intent, "client_secret"), good ? "succeeded" : "failed");
    else
        reply_page(visit, good ? 200 : 410, NOTICE, good ? "notice.paid" : "notice.gone");
}

/* Redirects to its success_url, which may contain the session's id. */
static void reply_session_end(struct visit *visit)
{
    static const char name[] = "{CHECKOUT_SESSION_ID}";
    char url[URL_MAX + BANK_ID_MAX];
    const char *from = visit->return_url, *at = strstr(from, name);
    if (visit->session->status != SESSION_COMPLETE) {
        reply_page(visit, 410, NOTICE, "notice.gone");
        return;
    }
    int len =
        snprintf(url, sizeof(url), "%.*s%s%s", (int)(at != NULL ? at - from : URL_MAX), from,
                 at != NULL ? visit->session->id : "", at != NULL ? at + sizeof(name) - 1 : "");
    assert((size_t)len < sizeof(url));
    reply_redirect(visit, url);
}

/* What a buyer who opens the page sees in the payment's state: Toss's has none before it is
 * submitted. */
static void pay_get(struct visit *visit)
{
    uint64_t now_s = entry_now_us(visit->entry) / 1000000;
    if (visit->session != NULL && !stripe_is_open(visit->session, now_s))
        reply_session_end(visit);
    else if (visit->intent != NULL && !stripe_may(visit->intent, INTENT_CONFIRM))
        reply_intent_end(visit);
    else if (visit->intent != NULL && visit->intent->status == INTENT_REQUIRES_ACTION)
        reply_query(visit, visit->asks_page, "lang=%s", lang_tag(visit->lang));
    else
        reply_page(visit, 200, CARD, NULL);
}

/* The reason why the form's card is invalid; NULL: it is valid. An expiry date must be valid if
 * given, even though the sandbox's cards never expire. */
static const char *read_card(const struct visit *visit, const struct card **card)
{
    struct span month, year = span_trim(span_cut(json_in_text_of(visit->form, "exp"), '/', &month));
    struct span code = span_trim(json_in_text_of(visit->form, "cvc"));
    uint64_t number;
    *card = card_by_number(json_in_text_of(visit->form, "number"));
    if (*card == NULL)
        return "notice.bad-number";
    if (code.len > 0 && (code.len < 3 || !span_u64(code, 9999, &number)))
        return "notice.bad-details";
    if (field(visit, "exp") != NULL &&
        (!span_u64(span_trim(month), 12, &number) || number == 0 ||
         (year.len != 2 && year.len != 4) || !span_u64(year, 9999, &number)))
        return "notice.bad-details";
    return NULL;
}

static void pay_post(struct visit *visit)
{
    const struct card *card;
    const char *wrong = read_card(visit, &card);
    if (visit->cancel_url != NULL && field_is(visit, "decision", "cancel"))
        reply_redirect(visit, visit->cancel_url);
    else if (wrong != NULL)
        reply_page(visit, 402, CARD, wrong);
    else
        submit(visit, "hosted_pay", http_req_param(visit->req, 0),
               json_pack("{s:s,s:s*}", "payment_method", card->token, "return_url",
                         visit->session == NULL ? visit->return_url : NULL));
}

static void authenticate_get(struct visit *visit)
{
    if (visit->intent != NULL && visit->intent->status == INTENT_REQUIRES_ACTION)
        reply_page(visit, 200, QUESTION, NULL);
    else
        pay_get(visit);
}

static void authenticate_post(struct visit *visit)
{
    bool yes = field_is(visit, "decision", "approve");
    submit(visit, "hosted_authenticate", http_req_param(visit->req, 0),
           json_pack("{s:s}", "decision", yes ? "approve" : "refuse"));
}

static void pay_called(struct visit *visit, const struct call *call)
{
    const struct object *intent = visit->intent;
    bool waits = intent != NULL && intent->status == INTENT_REQUIRES_PAYMENT_METHOD;
    if (call->status == 402 && intent != NULL) {
        const json_t *error = json_object_get(intent->shown, "last_payment_error");
        visit->refusal = json_string_value(json_object_get(error, "message"));
        reply_page(visit, 402, CARD, "notice.failed");
    } else if (call->status == 200 && waits) {
        reply_page(visit, 402, CARD, "notice.refused");
    } else if (call->status >= 429) {
        reply_page(visit, call->status, CARD, "notice.failed");
    } else {
        pay_get(visit);
    }
}

/* ---- Toss's payment window ---- */

/* Checks the window's arguments. */
static bool window_begin(struct visit *visit)
{
    const char *success_url = field(visit, "successUrl"), *fail_url = field(visit, "failUrl");
    struct span name = json_in_text_of(visit->form, "orderName");
    uint64_t amount = 0;
    if (!toss_order_id_valid(json_in_text_of(visit->form, "orderId")) || name.len == 0 ||
        name.len > 100 || !span_u64(json_in_text_of(visit->form, "amount"), AMOUNT_MAX, &amount) ||
        amount == 0 || success_url == NULL || fail_url == NULL)
        return reply_page(visit, 400, NOTICE, "notice.unknown");
    if (!may_return_to(visit, span_of(success_url)) || !may_return_to(visit, span_of(fail_url)))
        return reply_page(visit, 400, NOTICE, "notice.bad-return-url");
    strcpy(visit->card_page, "/toss/pay");
    visit->return_url = success_url;
    visit->cancel_url = fail_url;
    visit->what = name.ptr;
    visit->amount = (int64_t)amount;
    visit->currency = "krw";
    visit->can_transfer = !field_is(visit, "method", "CARD");
    return true;
}

static void window_post(struct visit *visit)
{
    const char *order = field(visit, "orderId");
    bool transfer = visit->can_transfer && field_is(visit, "pay_by", "transfer");
    const struct card *card;
    const char *wrong = read_card(visit, &card);
    if (field_is(visit, "decision", "cancel")) {
        reply_query(visit, visit->cancel_url,
                    "code=PAY_PROCESS_CANCELED&message=The+buyer+canceled+the+payment."
                    "&orderId=%s",
                    order);
    } else if (wrong != NULL && !transfer) {
        reply_page(visit, 402, CARD, wrong);
    } else {
        submit(visit, "toss_hosted", (struct span){0},
               json_pack("{s:s,s:s,s:s,s:I}", "payment_method",
                         transfer ? "virtual_account" : card->token, "orderId", order, "orderName",
                         visit->what, "amount", (json_int_t)visit->amount));
    }
}

static void window_called(struct visit *visit, const struct call *call)
{
    const struct object *payment = call->about;
    if (call->status == 200 && payment != NULL) {
        reply_query(visit, visit->return_url,
                    "paymentType=NORMAL&paymentKey=%s&orderId=%s&amount=%s", payment->id,
                    field(visit, "orderId"), field(visit, "amount"));
    } else {
        reply_page(visit, call->status, CARD, "notice.failed");
    }
}

/* ---- routes ---- */

static const struct hosted_route hosted_routes[] = {
    {HTTP_METHOD_GET, "/pay/{secret}", pay_begin, pay_get, NULL},
    {HTTP_METHOD_POST, "/pay/{secret}", pay_begin, pay_post, pay_called},
    {HTTP_METHOD_GET, "/pay/{secret}/authenticate", pay_begin, authenticate_get, NULL},
    {HTTP_METHOD_POST, "/pay/{secret}/authenticate", pay_begin, authenticate_post, pay_called},
    {HTTP_METHOD_GET, "/toss/pay", window_begin, pay_get, NULL},
    {HTTP_METHOD_POST, "/toss/pay", window_begin, window_post, window_called},
};

int hosted_create(struct http_router *router, struct err_slot *err, struct hosted *out)
{
    static const struct site_conf conf = {
        .root = "/pay/-",
        .files = files,
        .files_len = sizeof(files) / sizeof(files[0]),
        .words =
            {
#include "infra/demo/psp-sandbox/web/text.words.inc"
            },
        .service = "psp-sandbox",
    };
    int rc = site_create(&conf, err, &out->site);
    if (rc == 0)
        rc = site_routes(out->site, router, err);
    if (rc == 0)
        rc = filled_page_create(out->site, span_of(pay_html), gaps, err, &out->page);
    for (size_t i = 0; rc == 0 && i < sizeof(hosted_routes) / sizeof(hosted_routes[0]); i++) {
        const struct hosted_route *of = &hosted_routes[i];
        struct http_route route = {of->method, of->pattern, on_visit, (void *)(uintptr_t)of,
                                   BODY_MAX};
        rc = http_router_add(router, &route, err);
    }
    return rc;
}

void hosted_destroy(struct hosted *hosted)
{
    filled_page_destroy(hosted->page);
    site_destroy(hosted->site);
}
