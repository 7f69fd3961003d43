/* pages.c: the buyers' pages: the checkout (/pay/checkout), the list of orders (/pay/orders), an
 * order (/pay/orders/{id}), to which the provider sends the buyer back, and the tickets
 * (/pay/tickets/{id}), to show at the door or print. The checkout is a page of the site, the same
 * for everybody. The others are written for each visitor and work without a script: while the order
 * can still change, its page reloads itself; with its script it changes as soon as the order
 * does. */
#include "pages/pages.h"

#include "api/guard.h"
#include "api/order_view.h"
#include "base/magic.h"
#include "page/fact.h"
#include "pages/checkout_page.h"
#include "pages/order_page.h"
#include "pages/orders_page.h"
#include "pages/tickets_page.h"
#include "store/statements.h"
#include "web/filled_page.h"
#include "web/site.h"
#include "web/visit.h"

#include <assert.h>
#include <stdlib.h>

/* The buffer fits the longest page; shorter pages do not touch the rest of it. */
/* An order's page lists at most ORDER_SEATS_MAX seats; a page of tickets also has a QR code for
 * each. */
enum { PAGE_MAX = 512 * 1024, NOTE_MAX = 32 * 1024 };
enum { LINKS_MAX = 5 * (CONFIG_STRING_MAX + 16) };

static const char checkout_html[] =
#include "payment-adapter/web/checkout.html.inc"
    ;
static const char note_html[] =
#include "payment-adapter/web/note.html.inc"
    ;
static const char checkout_js[] =
#include "payment-adapter/web/checkout.min.js.inc"
    ;
static const char order_js[] =
#include "payment-adapter/web/order.min.js.inc"
    ;
static const char pay_css[] =
#include "payment-adapter/web/pay.css.inc"
    ;
static const char base_css[] =
#include "web/base.css.inc"
    ;

/* infra/vendor.js bundles each script into one file. */
static const struct site_file files[] = {
    {"pay.css", SITE_CSS, SITE_BYTES(pay_css)},
    {"checkout.js", SITE_JS, SITE_BYTES(checkout_js)},
    {"order.js", SITE_JS, SITE_BYTES(order_js)},
};

static const struct site_page fixed_pages[] = {
    {"/pay/checkout", SITE_BYTES(checkout_html), {NULL}}};

struct pages {
    struct site *site;
    struct filled_page *order, *orders, *tickets, *note;
    struct checkout_page checkout;
    struct text links; /* as JSON */
    char links_memory[LINKS_MAX];
};

struct visit {
    uint32_t magic;
    struct http_req *req;
    struct pay *pay;
    const struct pages *pages;
    char order[ORDER_ID_MAX]; /* "": all of the member's */
    struct session session;
    enum lang lang;
    bool tickets;
    /* Of tickets that are drawn: */
    struct pay_work work;
    PGresult *rows;
    struct tickets_view view;
    struct text page;
};

MAGIC(visit, 0x3a700013);

static void reply_page(struct visit *visit, unsigned status, const struct text *page)
{
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    site_headers(visit->req, visit->lang, &headers);
    if (page->overflown)
        refusal_reply(visit->req, REFUSAL_PAGE_LONG);
    else
        http_reply(visit->req, &(struct http_reply){.status = status,
                                                    .type = "text/html; charset=utf-8",
                                                    .headers = text_span(&headers),
                                                    .body = text_span(page)});
}

/* ---- a page of one sentence ---- */

/* `later`: seconds until the page reloads itself, or empty. */
static void list_note(struct fact_list *facts, struct span address, unsigned status,
                      const char *title, struct span later, bool tickets, const char *support)
{
    bool missing = status == 404 || status == 410;
    fact_phrase(facts, "title", span_of(title), SPAN(""), SPAN(""));
    fact_if(facts, "login", status == 401); /* the way to log in and come back */
    fact_text(facts, "address", address);
    fact_text(facts, "later", later);
    fact_phrase(facts, "missing",
                !missing        ? SPAN("")
                : status == 410 ? SPAN("page.retired-text")
                : tickets       ? SPAN("page.no-tickets-text")
                                : SPAN("page.missing-text"),
                SPAN(""), SPAN(""));
    fact_text(facts, "support", span_of(support));
}

static void reply_note(struct visit *visit, unsigned status, const char *title)
{
    char memory[NOTE_MAX], back[ORDER_ID_MAX + 16], seconds[4];
    struct text page = text_on(memory, sizeof(memory)), address = text_on(back, sizeof(back));
    struct text later = text_on(seconds, sizeof(seconds));
    struct fact_list facts = {.words = site_phrases(visit->pages->site, visit->lang)};
    /* Spreads the retries of a crowd that met one outage. */
    if (status == 503 || status == 429)
        text_printf(&later, "%u", 4 + (unsigned)(clock_wall_us(visit->pay->loop->clock) % 5));
    text_printf(&address, "%s%s%s", visit->tickets ? "tickets" : "orders",
                visit->order[0] != '\0' ? "/" : "", visit->order);
    list_note(&facts, text_span(&address), status, title, text_span(&later), visit->tickets,
              visit->pay->settings->support_url);
    fact_page_put(&page, visit->pages->note, visit->lang, &facts);
    reply_page(visit, status, &page);
}

/* ---- the hint that the buyer brings back from the provider ---- */

/* Some providers report the buyer's consent only in the address to which the buyer returns, perhaps
 * in a browser without our cookie. So the payment's key is stored before any login. It is a hint:
 * the saga looks the payment up by it, and the provider decides. A hint for another order or
 * another sum is ignored. */
struct hint {
    const char *provider;
    char payment_key[ORDER_PAYMENT_MAX];
    uint64_t amount;
};

static bool read_hint(const struct visit *visit, struct hint *out)
{
    for (uint32_t i = 0; i < visit->pay->psps_len; i++) {
        const struct psp_driver *driver = visit->pay->psps[i].driver;
        if (driver->hint == NULL)
            continue;
        struct span key = http_req_query_arg(visit->req, span_of(driver->hint->payment));
        struct span order = http_req_query_arg(visit->req, span_of(driver->hint->order));
        struct span amount = http_req_query_arg(visit->req, span_of(driver->hint->amount));
        out->provider = driver->name;
        if (key.len > 0 && span_is_of(key, SPAN_LETTERS SPAN_DIGITS "-_") &&
            span_to_cstr(key, out->payment_key, sizeof(out->payment_key)) &&
            span_eq(order, span_of(visit->order)) && span_u64(amount, INT64_MAX, &out->amount))
            return true;
    }
    return false;
}

static void on_session(void *ctx, int rc, const struct session *session);

static void on_hint_kept(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (answer->rc < 0) { /* the page reloads itself, with the key */
        reply_note(visit, 503, "page.later");
        return;
    }
    if (PQntuples(answer->results[0]) > 0)
        worker_nudge(visit->pay->worker);
    session_of(visit->pay->sessions, visit->req, on_session, visit);
}

static void keep_hint(struct visit *visit, const struct hint *hint)
{
    if (!guard_site(visit->req, &visit->pay->common->paces->hints)) {
        reply_note(visit, 429, "page.later");
        return;
    }
    const struct sql_order_hint_args args = {.order = visit->order,
                                             .provider = hint->provider,
                                             .amount = hint->amount,
                                             .payment_key = hint->payment_key};
    sql_order_hint(visit->pay->pg, &args, on_hint_kept, visit);
}

static void on_retired(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (answer->rc < 0)
        reply_note(visit, 503, "page.later");
    else if (PQntuples(answer->results[0]) == 1)
        reply_note(visit, 410, "page.retired");
    else
        reply_note(visit, 404, "page.missing");
}

static void ask_retired(struct visit *visit)
{
    sql_order_retired(visit->pay->pg, &(struct sql_order_retired_args){visit->order}, on_retired,
                      visit);
}

static void on_read(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    const PGresult *res = answer->rc == 0 ? answer->results[0] : NULL;
    char *memory = res != NULL ? malloc(PAGE_MAX) : NULL;
    if (memory == NULL) {
        reply_note(visit, 503, "page.later");
        return;
    }
    struct text page = text_on(memory, PAGE_MAX);
    bool found = false;
    int rc = 0;
    if (PQntuples(res) == 1) {
        const struct sql_order_row row = sql_order_row(res, 0);
        found = span_eq(row.member, span_of(visit->session.member));
        if (found)
            rc = order_page_put(&page, visit->pages->order, visit->pages->site, visit->lang, &row,
                                clock_wall_us(&visit->pay->common->seats_clock.clock) / 1000,
                                visit->pay->settings->support_url,
                                http_req_query_arg(visit->req, SPAN("refused")));
    }
    if (rc < 0) {
        free(memory);
        reply_note(visit, 503, "page.later");
        return;
    }
    if (!found) {
        free(memory);
        ask_retired(visit);
        return;
    }
    reply_page(visit, 200, &page);
    free(memory);
}

static void draw(void *ctx)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    tickets_page_put(&visit->page, visit->pages->tickets, visit->pages->site, visit->lang,
                     &visit->view);
    PQclear(visit->rows);
}

static void on_drawn(void *ctx)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    struct text page = visit->page;
    reply_page(visit, 200, &page);
    free(page.ptr);
}

/* QR codes are drawn off the loop: each takes a millisecond, and an order may have a hundred. */
static void on_tickets_read(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    const struct settings *settings = visit->pay->settings;
    const PGresult *res = answer->rc == 0 ? answer->results[0] : NULL;
    visit->view = (struct tickets_view){res,
                                        visit->order,
                                        visit->session.member,
                                        settings->public_url,
                                        settings->support_url,
                                        http_req_query_arg(visit->req, SPAN("refused"))};
    if (res != NULL && !tickets_page_has(&visit->view)) {
        ask_retired(visit);
        return;
    }
    size_t room = PAGE_MAX + (res != NULL ? (size_t)PQntuples(res) : 0) * FACT_QR_MAX;
    char *memory = res != NULL ? malloc(room) : NULL;
    if (memory == NULL) {
        reply_note(visit, 503, "page.later");
        return;
    }
    visit->page = text_on(memory, room);
    visit->work = (struct pay_work){.loop = visit->pay->loop,
                                    .run = draw,
                                    .then = on_drawn,
                                    .ctx = visit,
                                    .limit = &visit->pay->common->caps->drawing};
    visit->rows = answer->results[0];
    answer->results[0] = NULL;
    if (!pay_work_begin(&visit->work)) {
        PQclear(visit->rows);
        free(memory);
        http_bound_count("overloaded");
        reply_note(visit, 503, "page.later");
    }
}

static void on_orders_read(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    char *memory = answer->rc == 0 ? malloc(PAGE_MAX) : NULL;
    if (memory == NULL) {
        reply_note(visit, 503, "page.later");
        return;
    }
    const struct orders_view view = {answer->results[0], visit->session.member,
                                     visit->pay->settings->support_url};
    struct text page = text_on(memory, PAGE_MAX);
    orders_page_put(&page, visit->pages->orders, visit->pages->site, visit->lang, &view);
    reply_page(visit, 200, &page);
    free(memory);
}

static void on_session(void *ctx, int rc, const struct session *session)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (rc < 0) {
        reply_note(visit, 503, "page.later");
        return;
    }
    if (!session->here) {
        reply_note(visit, 401, "page.login");
        return;
    }
    visit->session = *session;
    if (visit->order[0] == '\0')
        sql_orders_mine(visit->pay->pg, &(struct sql_orders_mine_args){session->member},
                        on_orders_read, visit);
    else if (visit->tickets)
        sql_order_tickets(visit->pay->pg,
                          &(struct sql_order_tickets_args){visit->order, TICKET_HOPS_MAX},
                          on_tickets_read, visit);
    else
        sql_order_read(visit->pay->pg, &(struct sql_order_read_args){visit->order}, on_read, visit);
}

static struct visit *visit_begin(struct http_req *req, const struct pages *pages, bool tickets)
{
    struct visit *visit = guard_room(req, sizeof(*visit));
    if (visit == NULL)
        return NULL;
    MAGIC_BEGIN(visit, visit);
    visit->req = req;
    visit->pay = pay_of(req);
    visit->pages = pages;
    visit->lang = visit_lang(req);
    visit->tickets = tickets;
    return visit;
}

static void visit_page(struct http_req *req, const struct pages *pages, bool tickets)
{
    struct hint hint;
    struct visit *visit = visit_begin(req, pages, tickets);
    if (visit == NULL || !guard_id(req, 0, visit->order, sizeof(visit->order)))
        return;
    if (!tickets && read_hint(visit, &hint))
        keep_hint(visit, &hint);
    else
        session_of(visit->pay->sessions, req, on_session, visit);
}

static void on_order(struct http_req *req)
{
    visit_page(req, http_req_route_ctx(req), false);
}

static void on_orders(struct http_req *req)
{
    struct visit *visit = visit_begin(req, http_req_route_ctx(req), false);
    if (visit != NULL)
        session_of(visit->pay->sessions, req, on_session, visit);
}

static void on_tickets(struct http_req *req)
{
    visit_page(req, http_req_route_ctx(req), true);
}

static int make_pages(struct pages *pages, const struct settings *settings, struct err_slot *err)
{
    const struct site_conf conf = {
        .root = "/pay/-",
        .files = files,
        .files_len = sizeof(files) / sizeof(files[0]),
        .pages = fixed_pages,
        .pages_len = sizeof(fixed_pages) / sizeof(fixed_pages[0]),
        .base = SITE_BYTES(base_css),
        .words =
            {
#include "payment-adapter/web/text.words.inc"
            },
        .service = "payment-adapter",
        .kept = "told.",
        .brand = &settings->brand,
        .data = text_span(&pages->links),
    };
    int rc = site_create(&conf, err, &pages->site);
    if (rc == 0)
        rc = order_page_create(pages->site, err, &pages->order);
    if (rc == 0)
        rc = orders_page_create(pages->site, err, &pages->orders);
    if (rc == 0)
        rc = tickets_page_create(pages->site, err, &pages->tickets);
    if (rc == 0)
        rc = checkout_page_create(pages->site, err, &pages->checkout);
    struct fact_list note = {.len = 0};
    list_note(&note, SPAN(""), 0, "", SPAN(""), false, "");
    if (rc == 0)
        rc = fact_page_create(&note, pages->site, span_of(note_html), err, &pages->note);
    return rc;
}

int pages_create(const struct settings *settings, struct err_slot *err, struct pages **out)
{
    struct pages *pages = calloc(1, sizeof(*pages));
    if (pages == NULL)
        return err_set(err, ERR_NOMEM, "pages");
    /* For the checkout's script. settings_check() rejects what could end the script element. */
    pages->links = text_on(pages->links_memory, sizeof(pages->links_memory));
    json_open(&pages->links, '{');
    json_member_cstr(&pages->links, "terms", settings->terms_url);
    json_member_cstr(&pages->links, "privacy", settings->privacy_url);
    json_member_cstr(&pages->links, "refunds", settings->refunds_url);
    json_member_cstr(&pages->links, "support", settings->support_url);
    json_member_cstr(&pages->links, "password", settings->password_url);
    json_close(&pages->links, '}');
    assert(!pages->links.overflown); /* no character of an address needs escaping */
    int rc = make_pages(pages, settings, err);
    if (rc < 0) {
        pages_destroy(pages);
        return rc;
    }
    *out = pages;
    return 0;
}

int pages_routes(struct pages *pages, struct http_router *routes, struct err_slot *err)
{
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/pay/orders", on_orders, pages, 0},
        {HTTP_METHOD_GET, "/pay/orders/{id}", on_order, pages, 0},
        {HTTP_METHOD_GET, "/pay/tickets/{id}", on_tickets, pages, 0},
    };
    int rc = site_routes(pages->site, routes, err);
    if (rc == 0)
        rc = checkout_page_routes(&pages->checkout, routes, err);
    if (rc == 0)
        rc = http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
    return rc;
}

const struct site *pages_site(const struct pages *pages)
{
    return pages->site;
}

void pages_destroy(struct pages *pages)
{
    if (pages == NULL)
        return;
    filled_page_destroy(pages->order);
    filled_page_destroy(pages->orders);
    filled_page_destroy(pages->tickets);
    filled_page_destroy(pages->note);
    filled_page_destroy(pages->checkout.page);
    site_destroy(pages->site);
    free(pages);
}
