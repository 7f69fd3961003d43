/* waiting_page.c: the waiting page is one template per language. Each request copies it and fills
 * in the visitor. Without script the page is correct on arrival and reloads itself; with script,
 * wait.js keeps it up to date, beginning with the same answer that `me` would give. All sections
 * are in the page, and `data-view` and `data-state` say which one is shown.
 *
 * It is sent compressed. Those who have no place yet, which is everybody in the worst minute, get
 * the same page: it is made once a second for each language. Another one is compressed for whoever
 * has a place; that costs a fraction of a millisecond, and a page with script is loaded once.
 *
 * The page is also where a visitor gets the cookie by which a join is recognised when its answer is
 * lost on the way. */
#include "pages/waiting_page.h"

#include "api/answer.h"
#include "api/caller.h"
#include "core/token/visitor.h"
#include "pages/waiting_gaps.h"
#include "pages/waiting_look.h"
#include "pages/waiting_site.h"
#include "web/visit.h"

#include <assert.h>
#include <stdlib.h>

enum {
    PAGE_MAX = 52 * 1024,
    VISITOR_COOKIE_S = 30 * 86400,
    /* Escaped, a name or message may be six times as long; the rest is numbers, times, sentences.
     */
    FILLED_MAX =
        PUBLIC_URL_MAX +
        6 * (3 * EVENT_NAME_BYTES_MAX + 2 * EVENT_ABOUT_BYTES_MAX + EVENT_MESSAGE_BYTES_MAX) +
        PRICES_MAX * (6 * PRICE_NAME_MAX + 256) + 8 * 1024,
};

static const char waiting_html[] =
#include "queue-front/web/waiting.html.inc"
    ;
static const char notfound_html[] =
#include "queue-front/web/notfound.html.inc"
    ;

struct waiting_page {
    struct site *site;
    struct filled_page *waiting;
    struct template *notfound[LANG_MAX];
};

/* ---- answering ---- */

static void add_cookie(const struct http_req *req, struct text *headers)
{
    if (visitor_cookie_ok(http_req_cookie(req, SPAN(VISITOR_COOKIE))))
        return;
    char memory[VISITOR_COOKIE_LEN];
    struct text cookie = text_on(memory, sizeof(memory));
    visitor_cookie_put(&cookie, rng_system());
    caller_set_cookie(req, headers, SPAN(VISITOR_COOKIE), text_span(&cookie), VISITOR_COOKIE_S);
}

static void answer_page(struct http_req *req, const struct waiting_look *look, unsigned status,
                        struct span body, struct http_blob *blob, bool packed)
{
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    site_headers(req, look->lang, &headers);
    if (packed)
        http_header_add(&headers, "Content-Encoding", SPAN("gzip"));
    if (look->event != NULL)
        add_cookie(req, &headers);
    assert(!headers.overflown);
    struct http_reply reply = {
        .status = status,
        .type = "text/html; charset=utf-8",
        .headers = text_span(&headers),
        .body = body,
        .blob = blob,
    };
    http_reply(req, &reply);
}

static struct http_blob *shared_page(const struct waiting_look *look)
{
    const struct front_page *page = &look->event->page[look->lang];
    uint64_t now_us = http_server_now_us(look->front->loop->server);
    bool fresh = page->blob != NULL && page->state == look->event->view->state &&
                 page->version == look->event->doc_version &&
                 now_us - page->made_us < FRONT_PAGE_US;
    return fresh && waiting_look_is_shared(look) ? page->blob : NULL;
}

static void share_page(const struct waiting_look *look, struct front_line *event,
                       struct span packed)
{
    struct front_page *page = &event->page[look->lang];
    struct http_blob *blob = http_blob_create(packed);
    if (blob == NULL)
        return; /* then the next one makes it again */
    http_blob_unref(page->blob);
    *page = (struct front_page){
        .blob = blob,
        .state = event->view->state,
        .version = event->doc_version,
        .made_us = http_server_now_us(look->front->loop->server),
    };
}

/* True: the event does not exist, or is not known to, and that was answered. */
static bool refuse_unknown(struct http_req *req, void *ctx)
{
    const struct waiting_page *pages = ctx;
    struct front *front = front_of(req);
    if (front_line_find(front, http_req_param(req, 0)) != NULL)
        return false;
    if (!front->complete) {
        answer_starting(req);
        return true;
    }
    const struct waiting_look look = {.site = pages->site, .front = front, .lang = visit_lang(req)};
    answer_page(req, &look, 404, template_text(pages->notfound[look.lang]), NULL, false);
    return true;
}

static void on_waiting_page(struct http_req *req)
{
    if (refuse_unknown(req, http_req_route_ctx(req)))
        return;
    struct front *front = front_of(req);
    struct front_line *event = front_line_find(front, http_req_param(req, 0));
    const struct waiting_page *pages = http_req_route_ctx(req);
    struct waiting_look look = {
        .site = pages->site,
        .front = front,
        .event = event,
        .lang = visit_lang(req),
        .notice = http_req_query_arg(req, SPAN("notice")),
        .reference = http_req_query_arg(req, SPAN("reference")),
    };
    waiting_look_take(&look, req);
    bool packs = visit_accepts(req, SPAN("gzip"));
    struct http_blob *blob = packs ? shared_page(&look) : NULL;
    if (blob != NULL) {
        answer_page(req, &look, 200, (struct span){NULL, 0}, blob, true);
        return;
    }
    char memory[PAGE_MAX], packed_memory[PAGE_MAX];
    struct text html = text_on(memory, sizeof(memory));
    struct text packed = text_on(packed_memory, sizeof(packed_memory));
    filled_page_put(&html, pages->waiting, look.lang, &look);
    assert(!html.overflown); /* the fixed part is checked at start, and what fills it is bounded */
    packs = packs && squeezer_gzip(front->squeezer, text_span(&html), &packed);
    if (packs && waiting_look_is_shared(&look))
        share_page(&look, event, text_span(&packed));
    answer_page(req, &look, 200, packs ? text_span(&packed) : text_span(&html), NULL, packs);
}

/* ---- a life ---- */

static int make_language(struct waiting_page *pages, enum lang lang, struct err_slot *err)
{
    static const char *const no_gaps[] = {NULL};
    const struct span notfound = SITE_BYTES(notfound_html);
    int rc = site_template(pages->site, lang, notfound, no_gaps, err, &pages->notfound[lang]);
    if (rc == 0 && filled_page_fixed(pages->waiting, lang) > PAGE_MAX - FILLED_MAX)
        rc = err_set(err, ERR_RANGE, "its texts are too long for a page");
    return rc < 0 ? err_wrap(err, "pages in language \"%s\"", lang_tag(lang)) : 0;
}

int waiting_page_create(const struct brand_settings *brand, struct err_slot *err,
                        struct waiting_page **out)
{
    struct waiting_page *pages = calloc(1, sizeof(*pages));
    if (pages == NULL)
        return err_set(err, ERR_NOMEM, "pages of %zu bytes", sizeof(*pages));
    int rc = waiting_site_create(brand, refuse_unknown, pages, err, &pages->site);
    if (rc == 0)
        rc = filled_page_create(pages->site, (struct span)SITE_BYTES(waiting_html), waiting_gaps,
                                err, &pages->waiting);
    for (enum lang lang = 0; rc == 0 && lang < lang_count(); lang++)
        rc = make_language(pages, lang, err);
    if (rc < 0) {
        waiting_page_destroy(pages);
        return rc;
    }
    *out = pages;
    return 0;
}

void waiting_page_destroy(struct waiting_page *pages)
{
    if (pages == NULL)
        return;
    filled_page_destroy(pages->waiting);
    for (unsigned i = 0; i < LANG_MAX; i++)
        template_destroy(pages->notfound[i]);
    site_destroy(pages->site);
    free(pages);
}

int waiting_page_routes(struct waiting_page *pages, struct http_router *routes,
                        struct err_slot *err)
{
    const struct http_route page = {HTTP_METHOD_GET, "/e/{event}", on_waiting_page, pages, 0};
    int rc = http_router_add(routes, &page, err);
    return rc == 0 ? site_routes(pages->site, routes, err) : rc;
}
