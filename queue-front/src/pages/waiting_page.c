/* waiting_page.c: the waiting page is one template per language. Each request copies it and fills
 * in the visitor. Without script the page is correct on arrival and reloads itself; with script,
 * wait.js keeps it up to date, starting from the answer of `me`. The page contains all sections,
 * and `data-view` and `data-state` select the one to show.
 *
 * It is sent compressed. Visitors without a place, which is everybody in the worst minute, get the
 * same page: it is made once a second per language. A page is compressed for each visitor with a
 * place; that costs a fraction of a millisecond, and a page with script is loaded once.
 *
 * The page also sets the cookie that recognises a join whose answer was lost on the way. */
#include "pages/waiting_page.h"

#include "api/answer.h"
#include "api/caller.h"
#include "api/member.h"
#include "base/tag.h"
#include "core/event/event_state.h"
#include "core/token/visitor.h"
#include "core/wait/keep.h"
#include "pages/waiting_gaps.h"
#include "pages/waiting_look.h"
#include "web/filled_page.h"
#include "web/visit.h"

#include <assert.h>
#include <stdlib.h>

enum {
    PAGE_MAX = 52 * 1024,
    VISITOR_COOKIE_S = 30 * 86400,
    /* Escaping a name or message may make it six times as long; the rest is numbers and times. */
    FILLED_MAX =
        7 * PUBLIC_URL_MAX + SHOW_PICTURE_MAX +
        6 * (3 * EVENT_NAME_BYTES_MAX + 2 * EVENT_ABOUT_BYTES_MAX + EVENT_MESSAGE_BYTES_MAX) +
        PRICES_MAX * (6 * PRICE_NAME_MAX + 256) + 8 * 1024,
};

static const char waiting_html[] =
#include "queue-front/web/waiting.html.inc"
    ;
static const char notfound_html[] =
#include "queue-front/web/notfound.html.inc"
    ;
static const char base_css[] =
#include "web/base.css.inc"
    ;
static const char wait_css[] =
#include "queue-front/web/wait.css.inc"
    ;
/* Modules loaded later import kit.js and show.js, which are part of wait.js. */
static const char here_js[] =
#include "queue-front/web/here.js.inc"
    ;
static const char fair_css[] =
#include "queue-front/web/fair.css.inc"
    ;
static const char fair_html[] =
#include "queue-front/web/fair.html.inc"
    ;

/* The curve's library, compressed when the program was built, because that takes longer than all
 * the rest of a start. Only the fairness page loads it, if there is a round to check. */
static const char js[] = SITE_JS;
#define FILE_OF(name, type, plain, gzip, brotli) {(name), (type), SITE_BYTES(plain)},
static const struct site_file files[] = {
    {"wait.css", SITE_CSS, SITE_BYTES(wait_css)},
    {"kit.js", SITE_JS, SITE_BYTES(here_js)},
    {"show.js", SITE_JS, SITE_BYTES(here_js)},
    {"fair.css", SITE_CSS, SITE_BYTES(fair_css)},
#include "queue-front/web/waiting.table.inc"

#include "queue-front/web/bls.table.inc"
};
enum { FILES = sizeof(files) / sizeof(files[0]) };
#undef FILE_OF
#define FILE_OF(name, type, plain, gzip, brotli) {SITE_BYTES(gzip), SITE_BYTES(brotli)},
static const struct site_packed packed_files[FILES] = {[FILES - 1] =
#include "queue-front/web/bls.table.inc"
};

static const struct site_page fixed_pages[] = {
    {"/e/{event}/fairness", SITE_BYTES(fair_html), {NULL}}};

struct waiting_page {
    struct site *site;
    struct filled_page *waiting, *notfound;
};

/* ---- responses ---- */

static void answer_page(struct http_req *req, const struct waiting_look *look, struct span body,
                        struct http_blob *blob, bool packed)
{
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    site_headers(req, look->lang, &headers);
    if (packed)
        http_header_add(&headers, "Content-Encoding", SPAN("gzip"));
    if (!visitor_cookie_ok(http_req_cookie(req, SPAN(VISITOR_COOKIE)))) {
        char name[VISITOR_COOKIE_LEN];
        struct text cookie = text_on(name, sizeof(name));
        visitor_cookie_put(&cookie, rng_system());
        caller_set_cookie(req, &headers, SPAN(VISITOR_COOKIE), text_span(&cookie),
                          VISITOR_COOKIE_S);
    }
    assert(!headers.overflown);
    struct http_reply reply = {
        .status = 200,
        .type = "text/html; charset=utf-8",
        .headers = text_span(&headers),
        .body = body,
        .blob = blob,
    };
    http_reply(req, &reply);
}

static const struct front_page *shared_page(const struct waiting_look *look)
{
    const struct front_page *page = &look->event->page[look->shows_token][look->lang];
    uint64_t now_us = http_server_now_us(look->front->loop->server);
    bool fresh = page->blob != NULL && page->state == look->event->view->state &&
                 page->version == look->event->doc_version &&
                 now_us - page->made_us < FRONT_PAGE_US;
    return fresh && waiting_look_is_shared(look) ? page : NULL;
}

static void put_tag(char tag[TAG_LEN + 3], struct span body)
{
    tag[0] = '"';
    tag_write(body, tag + 1);
    tag[TAG_LEN + 1] = '"';
    tag[TAG_LEN + 2] = '\0';
}

/* ---- cacheable pages ----
 *
 * With `web.page_kept`, the page for requests without a ticket is the same for all readers of a
 * language, without cookies or times, and says how long it may be cached. Its script finds out the
 * rest (cached.js); a browser without one goes on to /e/EVENT/mine, which is made for it. So a
 * cache that ignores cookies may store it, and a visitor with a place who gets that page still sees
 * their place. */

static void answer_kept(struct http_req *req, const struct waiting_look *look, const char *tag,
                        struct text *headers, struct span body, struct http_blob *blob)
{
    uint32_t kept_s = (uint32_t)(look->front->config->web_page_kept_ms / 1000);
    struct keep keep = keep_for(look->event->view->state, &look->event->doc, look->now_ms, kept_s);
    TEXT_LIT(headers, "Cache-Control: ");
    keep_put(headers, &keep);
    TEXT_LIT(headers, "\r\nETag: ");
    text_str(headers, tag);
    TEXT_LIT(headers, "\r\n");
    assert(!headers->overflown);
    bool same = visit_has(req, span_of(tag));
    struct http_reply reply = {.status = same ? 304 : 200, .headers = text_span(headers)};
    if (!same) {
        reply.type = "text/html; charset=utf-8";
        reply.body = body;
        reply.blob = blob;
    }
    http_reply(req, &reply);
}

/* ---- the page ---- */

struct made {
    char html[PAGE_MAX], packed[PAGE_MAX];
    struct span body; /* html or packed */
    bool packs;
};

static void make_page(const struct waiting_page *pages, struct waiting_look *look,
                      struct front_line *event, struct made *made)
{
    struct text html = text_on(made->html, sizeof(made->html));
    struct text packed = text_on(made->packed, sizeof(made->packed));
    filled_page_put(&html, pages->waiting, look->lang, waiting_gaps_put, waiting_gaps_more, look);
    /* the fixed part is checked at start, and its contents are limited */
    assert(!html.overflown);
    made->packs = made->packs && squeezer_gzip(look->front->squeezer, text_span(&html), &packed);
    made->body = made->packs ? text_span(&packed) : text_span(&html);
    struct http_blob *blob = NULL;
    if (made->packs && waiting_look_is_shared(look))
        blob = http_blob_create(made->body);
    if (blob == NULL)
        return; /* memory was short; the next one makes it again */
    struct front_page *page = &event->page[look->shows_token][look->lang];
    http_blob_unref(page->blob);
    *page = (struct front_page){
        .blob = blob,
        .state = event->view->state,
        .version = event->doc_version,
        .made_us = http_server_now_us(look->front->loop->server),
    };
    put_tag(page->tag, made->body);
}

static struct waiting_look look_of(const struct http_req *req, const struct waiting_page *pages,
                                   struct front *front, const struct front_line *event)
{
    return (struct waiting_look){
        .site = pages->site,
        .front = front,
        .event = event,
        .lang = visit_lang(req),
        .notice = http_req_query_arg(req, SPAN("notice")),
        .reference = http_req_query_arg(req, SPAN("reference")),
    };
}

static void answer_own(struct http_req *req, const struct waiting_page *pages, struct front *front,
                       struct front_line *event)
{
    struct waiting_look look = look_of(req, pages, front, event);
    waiting_look_take(&look, req);
    if (look.unread) { /* no page may say that a visit has ended while it may go on */
        answer_overloaded(req);
        return;
    }
    const struct line_view *line = look.event->view;
    look.may_change = look.entry > 0 && line->lane == 0 && look.place.state == PLACE_WAITING &&
                      event_state_takes_joins(line->state) && member_lane(req, front, event) > 0;
    struct made made; /* large: filled when needed */
    made.packs = visit_accepts(req, SPAN("gzip"));
    const struct front_page *shared = made.packs ? shared_page(&look) : NULL;
    if (shared != NULL) {
        answer_page(req, &look, (struct span){NULL, 0}, shared->blob, true);
        return;
    }
    make_page(pages, &look, event, &made);
    answer_page(req, &look, made.body, NULL, made.packs);
}

static void answer_anybody(struct http_req *req, const struct waiting_page *pages,
                           struct front *front, struct front_line *event)
{
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    struct waiting_look look = look_of(req, pages, front, event);
    look.kept = true;
    look.lang = site_kept_headers(req, &headers);
    waiting_look_take(&look, req);
    struct made made; /* large: filled when needed */
    made.packs = visit_accepts(req, SPAN("gzip"));
    const struct front_page *shared = made.packs ? shared_page(&look) : NULL;
    if (shared == NULL)
        make_page(pages, &look, event, &made);
    char tag[TAG_LEN + 3];
    if (shared == NULL)
        put_tag(tag, made.body);
    if (shared != NULL || made.packs)
        http_header_add(&headers, "Content-Encoding", SPAN("gzip"));
    answer_kept(req, &look, shared != NULL ? shared->tag : tag, &headers,
                shared != NULL ? (struct span){NULL, 0} : made.body,
                shared != NULL ? shared->blob : NULL);
}

/* True: the event does not exist, or is not known yet, and the request was answered. */
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
    /* A wrong address that ten million people are sent to must cost no more than a right one. */
    bool kept = front->config->web_page_kept_ms > 0;
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    enum lang lang = visit_lang(req);
    if (kept) {
        lang = site_kept_headers(req, &headers);
        TEXT_LIT(&headers, "Cache-Control: public, max-age=1\r\n");
    } else {
        site_headers(req, lang, &headers);
    }
    struct waiting_look look = {.front = front};
    char page[PAGE_MAX];
    struct text html = text_on(page, sizeof(page));
    filled_page_put(&html, pages->notfound, lang, waiting_gaps_put, waiting_gaps_more, &look);
    assert(!headers.overflown && !html.overflown);
    http_reply(req, &(struct http_reply){.status = 404,
                                         .type = "text/html; charset=utf-8",
                                         .headers = text_span(&headers),
                                         .body = text_span(&html)});
    return true;
}

static void on_waiting_page(struct http_req *req)
{
    const struct waiting_page *pages = http_req_route_ctx(req);
    struct front *front = front_of(req);
    if (refuse_unknown(req, http_req_route_ctx(req)))
        return;
    struct front_line *event = front_line_find(front, http_req_param(req, 0));
    bool is_anybodys = caller_ticket_text(req, event).ptr == NULL &&
                       http_req_query_arg(req, SPAN("notice")).ptr == NULL &&
                       http_req_query_arg(req, SPAN("reference")).ptr == NULL;
    if (front->config->web_page_kept_ms > 0 && is_anybodys)
        answer_anybody(req, pages, front, event);
    else
        answer_own(req, pages, front, event);
}

static void on_own_page(struct http_req *req)
{
    if (refuse_unknown(req, http_req_route_ctx(req)))
        return;
    struct front *front = front_of(req);
    answer_own(req, http_req_route_ctx(req), front, front_line_find(front, http_req_param(req, 0)));
}

/* ---- a life ---- */

int waiting_page_create(const struct brand_settings *brand, struct err_slot *err,
                        struct waiting_page **out)
{
    struct waiting_page *pages = calloc(1, sizeof(*pages));
    if (pages == NULL)
        return err_set(err, ERR_NOMEM, "pages of %zu bytes", sizeof(*pages));
    const struct site_conf conf = {
        .root = "/assets",
        .files = files,
        .files_len = FILES,
        .packed = packed_files,
        .pages = fixed_pages,
        .pages_len = sizeof(fixed_pages) / sizeof(fixed_pages[0]),
        .words =
            {
#include "queue-front/web/text.words.inc"
            },
        .base = SITE_BYTES(base_css), /* saves the head of another file */
        .said = "live.",
        .said_later = "more.",
        .service = "queue-front",
        .brand = brand,
        .refuse = refuse_unknown,
        .ctx = pages,
    };
    int rc = site_create(&conf, err, &pages->site);
    if (rc == 0)
        rc = filled_page_create(pages->site, (struct span)SITE_BYTES(waiting_html), waiting_gaps,
                                err, &pages->waiting);
    if (rc == 0)
        rc = filled_page_create(pages->site, (struct span)SITE_BYTES(notfound_html), waiting_gaps,
                                err, &pages->notfound);
    for (enum lang lang = 0; rc == 0 && lang < lang_count(); lang++) {
        if (filled_page_fixed(pages->waiting, lang) > PAGE_MAX - FILLED_MAX)
            rc = err_set(err, ERR_RANGE, "pages in language \"%s\" have too long texts",
                         lang_tag(lang));
    }
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
    filled_page_destroy(pages->notfound);
    site_destroy(pages->site);
    free(pages);
}

int waiting_page_routes(struct waiting_page *pages, struct http_router *routes,
                        struct err_slot *err)
{
    const struct http_route page[] = {
        {HTTP_METHOD_GET, "/e/{event}", on_waiting_page, pages, 0},
        {HTTP_METHOD_GET, "/e/{event}/mine", on_own_page, pages, 0},
    };
    int rc = http_router_add_all(routes, page, sizeof(page) / sizeof(page[0]), err);
    return rc == 0 ? site_routes(pages->site, routes, err) : rc;
}
