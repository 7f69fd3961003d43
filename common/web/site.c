/* site.c: a page or file is stored as three blobs: plain, gzip, brotli. Files may come with
 * compressed forms; otherwise these are created at start, scripts and styles without their
 * comments. Pages depend on language and configuration, so theirs are always created at start. A
 * compressed blob that is longer than the plain one is dropped.
 *
 * Brotli takes twenty times as long as everything else here. So a thread of the site compresses
 * with it while the program already serves, and gzip is sent until a brotli blob is ready.
 *
 * Threading: one thread creates a site; then all loops and the site's thread only read it, except
 * that the latter publishes the brotli blobs.
 *
 * The content security policy allows our own scripts and styles, and nothing else: no inline
 * script, no frame, no third party. */
#include "site.h"

#include "base/tag.h"
#include "icons.h"
#include "squeeze.h"
#include "visit.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

/* Brotli quality for files: the highest, unless the Makefile sets another. */
#ifndef SITE_FILE_QUALITY
#define SITE_FILE_QUALITY 11
#endif

enum {
    BYTES_MAX = 1024 * 1024, /* per page or file */
    PATH_MAX_LEN = 96,
    ID_MAX = 64,
    TAGS_MAX = 4 * LANG_MAX,
    GZIP_LEVEL = 9,
    FILE_QUALITY = SITE_FILE_QUALITY,
    MARKUP_MAX = 2048, /* the brand's markup, or the links to all languages */
    LANG_COOKIE_S = 365 * 86400,
    /* Brotli quality for pages: a tenth of the highest's time, a few per cent more bytes. */
    PAGE_QUALITY = 9,
};

enum { OWN_MAX = SITE_FILES_MAX + 1 + LANG_MAX }; /* the logo, more words in each language */

enum coding { PLAIN, GZIP, BROTLI, CODINGS };

static const char head_html[] =
#include "web/head.html.inc"
    ;
static const char brand_html[] =
#include "web/brand.html.inc"
    ;
static const char languages_html[] =
#include "web/languages.html.inc"
    ;

static const char *const coding_names[CODINGS] = {NULL, "gzip", "br"};

struct pack {
    _Atomic(struct http_blob *) blob[CODINGS]; /* all but PLAIN may be missing */
};

struct served_file {
    const struct site *site;
    const struct site_file *file;
    struct pack pack;
    char pattern[PATH_MAX_LEN];
};

struct served_page {
    const struct site *site;
    const struct site_page *from;
    struct pack pack[LANG_MAX];
};

struct site {
    struct site_conf conf;
    char folder[PATH_MAX_LEN];
    char tag[TAG_LEN + 1];
    struct phrases *phrases[LANG_MAX];
    enum lang read[LANG_MAX]; /* itself, but for a language that may be lacking and is */
    struct brand *brand;
    struct site_file own[OWN_MAX]; /* as served, and what we have added */
    char *memory[OWN_MAX];         /* NULL: the bytes are borrowed */
    size_t files_len;
    char more_name[LANG_MAX][16];
    struct served_file file[OWN_MAX];
    struct served_page page[SITE_PAGES_MAX];
    uv_thread_t brotli;
    bool has_thread;
    atomic_bool closing; /* the thread stops at the next file */
    struct markup {
        char memory[MARKUP_MAX];
        struct text text;
    } brand_html, languages[LANG_MAX];
};

/* ---- compressing ---- */

static struct http_blob *blob_of(const struct pack *pack, enum coding coding)
{
    /* acquire: pairs with the release of the site's thread, which wrote the blob before */
    return atomic_load_explicit(&pack->blob[coding], memory_order_acquire);
}

/* Stores it unless it is no shorter than the plain one. */
static void take_blob(struct pack *pack, enum coding coding, struct http_blob *blob)
{
    assert(blob_of(pack, coding) == NULL);
    if (blob != NULL && coding != PLAIN && blob->len >= blob_of(pack, PLAIN)->len) {
        http_blob_unref(blob);
        return;
    }
    /* release: pairs with the acquire in blob_of(), which then sees the blob's content */
    atomic_store_explicit(&pack->blob[coding], blob, memory_order_release);
}

static int pack_make(struct pack *pack, struct span text, const struct site_packed *packed,
                     struct err_slot *err)
{
    take_blob(pack, PLAIN, http_blob_create(text));
    if (blob_of(pack, PLAIN) == NULL)
        return err_set(err, ERR_NOMEM, "%zu bytes of a page", text.len);
    take_blob(pack, GZIP,
              packed != NULL ? http_blob_create(packed->gzip) : squeeze_gzip(text, GZIP_LEVEL));
    if (packed != NULL)
        take_blob(pack, BROTLI, http_blob_create(packed->brotli));
    return 0;
}

/* Runs on the site's thread. */
static void pack_brotli(const struct site *site, struct pack *pack, int quality)
{
    const struct http_blob *plain = blob_of(pack, PLAIN);
    if (plain == NULL || blob_of(pack, BROTLI) != NULL ||
        atomic_load_explicit(&site->closing, memory_order_relaxed))
        return;
    take_blob(pack, BROTLI, squeeze_brotli((struct span){plain->bytes, plain->len}, quality));
}

static void on_thread(void *ctx)
{
    struct site *site = ctx;
    for (size_t i = 0; i < site->files_len; i++)
        pack_brotli(site, &site->file[i].pack, FILE_QUALITY);
    for (size_t i = 0; i < site->conf.pages_len; i++) {
        for (enum lang lang = 0; lang < lang_count(); lang++)
            pack_brotli(site, &site->page[i].pack[lang], PAGE_QUALITY);
    }
}

static void pack_free(struct pack *pack)
{
    for (enum coding coding = PLAIN; coding < CODINGS; coding++)
        http_blob_unref(blob_of(pack, coding));
}

static void reply_pack(struct http_req *req, const struct pack *pack, const char *type,
                       struct text *headers)
{
    enum coding coding = CODINGS - 1;
    struct http_blob *blob = blob_of(pack, coding);
    while (coding > PLAIN && (blob == NULL || !visit_accepts(req, span_of(coding_names[coding]))))
        blob = blob_of(pack, --coding);
    assert(blob != NULL);
    if (coding != PLAIN)
        http_header_add(headers, "Content-Encoding", span_of(coding_names[coding]));
    assert(!headers->overflown);
    http_reply(req, &(struct http_reply){
                        .status = 200, .type = type, .headers = text_span(headers), .blob = blob});
}

/* ---- answering ---- */

static void put_source(const char *origins, struct text *headers)
{
    if (origins != NULL && origins[0] != '\0')
        text_printf(headers, " %s", origins);
}

/* The values that are the same for all readers of a page. */
static void put_policy(enum lang lang, const struct site_conf *conf, struct text *headers)
{
    TEXT_LIT(headers, "Content-Security-Policy: default-src 'none'; script-src 'self'; "
                      "style-src 'self'; connect-src 'self'");
    if (conf != NULL) {
        put_source(conf->connect, headers);
        put_source(conf->visitors, headers);
    }
    TEXT_LIT(headers, "; img-src 'self'");
    if (conf != NULL)
        put_source(conf->visitors, headers);
    TEXT_LIT(headers, "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n"
                      "Referrer-Policy: same-origin\r\n"
                      "X-Content-Type-Options: nosniff\r\n");
    http_header_add(headers, "Content-Language", span_of(lang_tag(lang)));
}

static void put_headers(const struct http_req *req, enum lang lang, const struct site_conf *conf,
                        struct text *headers)
{
    TEXT_LIT(headers, "Cache-Control: private, no-store\r\n"); /* so no cache has to vary it */
    put_policy(lang, conf, headers);
    if (http_req_query_arg(req, SPAN("lang")).ptr != NULL)
        text_printf(headers,
                    "Set-Cookie: " LANG_COOKIE "=%s; Path=/; Max-Age=%d; SameSite=Lax%s\r\n",
                    lang_tag(lang), LANG_COOKIE_S, http_req_is_tls(req) ? "; Secure" : "");
}

void site_headers(const struct http_req *req, enum lang lang, struct text *headers)
{
    put_headers(req, lang, NULL, headers);
}

enum lang site_kept_headers(const struct http_req *req, struct text *headers)
{
    enum lang lang;
    struct span asked = http_req_query_arg(req, SPAN("lang")), none = {NULL, 0};
    bool by_address = lang_parse(asked, &lang);
    if (!by_address)
        lang = lang_choose(none, none, http_req_header(req, HTTP_HEADER_ACCEPT_LANGUAGE));
    TEXT_LIT(headers, "Vary: Accept-Encoding");
    if (!by_address)
        TEXT_LIT(headers, ", Accept-Language");
    TEXT_LIT(headers, "\r\n");
    put_policy(lang, NULL, headers);
    return lang;
}

/* The parameter is put into a header: ids consist of these characters only. */
static bool is_id(struct span text)
{
    return text.len > 0 && text.len <= ID_MAX && span_is_of(text, SPAN_LETTERS SPAN_DIGITS "-_");
}

static void put_preloads(const struct http_req *req, const struct site_page *page,
                         struct text *headers)
{
    if (page->preload[0] == NULL || !is_id(http_req_param(req, 0)))
        return;
    for (unsigned i = 0; i < SITE_PRELOAD_MAX && page->preload[i] != NULL; i++) {
        struct span before, after = span_of(page->preload[i]);
        after = span_cut(after, '{', &before);
        TEXT_LIT(headers, "Link: <");
        text_put(headers, before);
        text_put(headers, http_req_param(req, 0));
        text_put(headers, span_skip(after, 1));
        TEXT_LIT(headers, ">; rel=preload; as=fetch; crossorigin\r\n");
    }
}

static void on_page(struct http_req *req)
{
    const struct served_page *page = http_req_route_ctx(req);
    const struct site_conf *conf = &page->site->conf;
    if (conf->refuse != NULL && conf->refuse(req, conf->ctx))
        return;
    enum lang lang = page->site->read[visit_lang(req)];
    assert(lang < lang_count() && page->site->read[lang] == lang);
    char memory[SITE_HEADERS_MAX + SITE_CONNECT_MAX + 2 * SITE_VISITORS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    put_headers(req, lang, conf, &headers);
    put_preloads(req, page->from, &headers);
    reply_pack(req, &page->pack[lang], "text/html; charset=utf-8", &headers);
}

/* During a roll-out a page of the other version may request its files: it gets ours, not to be
 * cached. */
static void on_file(struct http_req *req)
{
    const struct served_file *file = http_req_route_ctx(req);
    bool same = span_eq(http_req_param(req, 0), span_of(file->site->tag));
    char memory[SITE_HEADERS_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    http_header_add(&headers, "Cache-Control",
                    same ? SPAN("public, max-age=31536000, immutable") : SPAN("no-store"));
    TEXT_LIT(&headers, "X-Content-Type-Options: nosniff\r\nVary: Accept-Encoding\r\n");
    if (span_starts(span_of(file->file->type), SPAN("image/"))) /* an SVG opened on its own */
        TEXT_LIT(&headers, "Content-Security-Policy: default-src 'none'; style-src "
                           "'unsafe-inline'; sandbox\r\n");
    reply_pack(req, &file->pack, file->file->type, &headers);
}

/* ---- rendering pages ---- */

int site_template(const struct site *site, enum lang lang, struct span html,
                  const char *const *gaps, struct err_slot *err, struct template **out)
{
    char *memory = malloc(BYTES_MAX);
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "%d bytes of words", BYTES_MAX);
    struct text words = text_on(memory, BYTES_MAX);
    phrases_json(&words, site->phrases[lang], span_of(site->conf.said), span_of(site->conf.kept));
    char tags_memory[TAGS_MAX];
    struct text tags = text_on(tags_memory, sizeof(tags_memory));
    for (enum lang each = 0; each < lang_count(); each++)
        text_printf(&tags, "%s%s", each > 0 ? " " : "", lang_tag(each));
    assert(!tags.overflown);
    const struct brand_colours light = brand_colours(site->brand, BRAND_LIGHT);
    const struct brand_colours dark = brand_colours(site->brand, BRAND_DARK);
    enum { OWN = 12 };
    struct template_fixed fixed[OWN + ICONS_MAX + 1] = {
        {"tags", text_span(&tags)},
        {"lang", span_of(lang_tag(lang))},
        {"words", text_span(&words)},
        {"files", span_of(site->folder)},
        {"head", span_trim(span_of(head_html))},
        {"brand", text_span(&site->brand_html.text)},
        {"languages", text_span(&site->languages[lang].text)},
        {"data", site->conf.data},
        {"signal", span_of(light.signal)},
        {"on-signal", span_of(light.on_signal)},
        {"dark-signal", span_of(dark.signal)},
        {"dark-on-signal", span_of(dark.on_signal)},
    };
    struct icons icons;
    icons_read(&icons);
    memcpy(&fixed[OWN], icons.row,
           icons.len * sizeof(icons.row[0])); /* a row without a name remains at the end */
    int rc = words.overflown
                 ? err_set(err, ERR_FULL, "the words of \"%s\" are too long", lang_tag(lang))
                 : template_create(html, site->phrases[lang], fixed, gaps, err, out);
    free(memory);
    return rc;
}

static int make_page(struct site *site, const struct site_page *from, enum lang lang,
                     struct pack *pack, struct err_slot *err)
{
    static const char *const no_gaps[] = {NULL};
    struct template *page;
    int rc = site_template(site, lang, from->html, no_gaps, err, &page);
    if (rc < 0)
        return rc;
    rc = pack_make(pack, template_text(page), NULL, err);
    template_destroy(page);
    return rc;
}

/* ---- branding ---- */

static int make_words(struct site *site, enum lang lang, struct err_slot *err)
{
    bool built_in = lang < LANG_BUILT_IN;
    struct span texts = brand_texts(site->brand, lang);
    int rc = phrases_parse(site->conf.words[built_in ? lang : LANG_OF_READERS], err,
                           &site->phrases[lang]);
    site->read[lang] = lang;
    if (rc == 0 && !built_in && site->conf.may_lack &&
        !phrases_name(texts, span_of(site->conf.service))) {
        site->read[lang] = LANG_OF_READERS;
        return 0;
    }
    if (rc == 0 && texts.len > 0)
        rc = phrases_override(site->phrases[lang], texts, span_of(site->conf.service), err);
    if (rc < 0)
        return err_wrap(err, "texts of \"%s\"", lang_tag(lang));
    struct span missing = phrases_untouched(site->phrases[lang]);
    if (!built_in && texts.len > 0 && missing.ptr != NULL)
        return err_set(err, ERR_NOT_FOUND, "texts of \"%s\": \"%.*s\" of %s is missing",
                       lang_tag(lang), (int)missing.len, missing.ptr, site->conf.service);
    return 0;
}

/* Markup that is in every page is a template too. */
static int put_markup(struct markup *markup, struct span html, const char *const *gaps,
                      void (*fill)(struct text *out, unsigned gap, void *ctx),
                      bool (*more)(unsigned block, unsigned turn, void *ctx), void *ctx,
                      struct err_slot *err)
{
    struct template *page;
    int rc = template_create(span_trim(html), NULL, NULL, gaps, err, &page);
    if (rc < 0)
        return rc;
    markup->text = text_on(markup->memory, sizeof(markup->memory));
    template_put_blocks(&markup->text, page, fill, more, ctx);
    template_destroy(page);
    return markup->text.overflown ? err_set(err, ERR_FULL, "it is too long") : 0;
}

/* "한국어 English", each a link to the same page; the current one is marked. */
struct languages {
    const struct site *site;
    enum lang now;
    enum lang read[LANG_MAX]; /* those supported here */
    unsigned read_len;
    unsigned turn;
};

enum language_gap { LANGUAGE, LANGUAGE_FURTHER, LANGUAGE_NOW, LANGUAGE_TAG, LANGUAGE_NAME };

static const char *const language_gaps[] = {"language", "further", "now", "tag", "name", NULL};

static bool more_language(unsigned block, unsigned turn, void *ctx)
{
    struct languages *languages = ctx;
    if (block == LANGUAGE) {
        languages->turn = turn;
        return turn < languages->read_len;
    }
    bool shown = block == LANGUAGE_FURTHER ? languages->turn > 0
                                           : languages->read[languages->turn] == languages->now;
    return turn == 0 && shown;
}

static void fill_language(struct text *out, unsigned gap, void *ctx)
{
    const struct languages *languages = ctx;
    enum lang lang = languages->read[languages->turn];
    html_put(out, gap == LANGUAGE_TAG
                      ? span_of(lang_tag(lang))
                      : phrases_find(languages->site->phrases[lang], SPAN("language.name")));
}

static int make_languages(struct site *site, enum lang now, struct err_slot *err)
{
    struct languages languages = {.site = site, .now = now};
    for (enum lang lang = 0; lang < lang_count(); lang++) {
        if (site->read[lang] == lang)
            languages.read[languages.read_len++] = lang;
    }
    int rc = put_markup(&site->languages[now], span_of(languages_html), language_gaps,
                        fill_language, more_language, &languages, err);
    return rc < 0 ? err_wrap(err, "the languages' names") : 0;
}

enum brand_gap { BRAND_LOGO, BRAND_UNPICTURED, BRAND_NONE, BRAND_FOLDER, BRAND_NAME };

static const char *const brand_gaps[] = {"logo", "unpictured", "unbranded", "folder", "name", NULL};

static bool more_brand(unsigned block, unsigned turn, void *ctx)
{
    const struct site *site = ctx;
    const char *type;
    bool has_logo = brand_logo(site->brand, &type).len > 0;
    bool branded = brand_name(site->brand).len > 0;
    enum brand_gap shown = has_logo ? BRAND_LOGO : branded ? BRAND_UNPICTURED : BRAND_NONE;
    return turn == 0 && block == shown;
}

static void fill_brand(struct text *out, unsigned gap, void *ctx)
{
    const struct site *site = ctx;
    html_put(out, gap == BRAND_FOLDER ? span_of(site->folder) : brand_name(site->brand));
}

static int make_brand(struct site *site, struct err_slot *err)
{
    int rc = put_markup(&site->brand_html, span_of(brand_html), brand_gaps, fill_brand, more_brand,
                        site, err);
    return rc < 0 ? err_wrap(err, "brand.name") : 0;
}

static struct site_file *add_file(struct site *site, const char *name, const char *type)
{
    assert(site->files_len < OWN_MAX);
    struct site_file *file = &site->own[site->files_len++];
    *file = (struct site_file){.name = name, .type = type};
    return file;
}

static const struct site_packed *packed_of(const struct site *site, size_t file)
{
    assert(file < OWN_MAX);
    const struct site_conf *conf = &site->conf;
    bool packed = conf->packed != NULL && file < conf->files_len && conf->packed[file].gzip.len > 0;
    return packed ? &conf->packed[file] : NULL;
}

/* Takes a script or style without its comments. The base style may be prepended to the first file;
 * the brand's colours follow the base style, wherever it is. */
static int take_file(struct site *site, const struct site_file *from, struct err_slot *err)
{
    struct site_file *file = add_file(site, from->name, from->type);
    if (packed_of(site, (size_t)(from - site->conf.files)) != NULL) { /* it must stay what it was */
        file->bytes = from->bytes;
        return 0;
    }
    bool is_base = strcmp(from->name, "base.css") == 0;
    bool has_base = from == site->conf.files && site->conf.base.len > 0;
    struct span base = has_base ? site->conf.base : is_base ? from->bytes : SPAN("");
    struct span colours = has_base || is_base ? brand_css(site->brand) : SPAN("");
    struct span rest = is_base ? SPAN("") : from->bytes;
    size_t cap = base.len + colours.len + rest.len + 1;
    char *memory = malloc(cap);
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "%s of %zu bytes", from->name, cap);
    site->memory[site->files_len - 1] = memory;
    struct text text = text_on(memory, cap);
    squeeze_comments(base, &text);
    text_put(&text, colours);
    squeeze_comments(rest, &text);
    assert(!text.overflown);
    file->bytes = text_span(&text);
    return 0;
}

/* "more.ko.json": the phrases that scripts load later. */
static int take_more(struct site *site, enum lang lang, struct err_slot *err)
{
    char *memory = malloc(BYTES_MAX);
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "%d bytes of words", BYTES_MAX);
    struct text json = text_on(memory, BYTES_MAX);
    phrases_json(&json, site->phrases[lang], span_of(site->conf.said_later), SPAN(""));
    struct text name = text_on(site->more_name[lang], sizeof(site->more_name[lang]) - 1);
    text_printf(&name, "more.%s.json", lang_tag(lang));
    assert(!name.overflown);
    struct site_file *file = add_file(site, site->more_name[lang], "application/json");
    char *shorter = realloc(memory, json.len + 1);
    site->memory[site->files_len - 1] = shorter != NULL ? shorter : memory;
    file->bytes = (struct span){site->memory[site->files_len - 1], json.len};
    return json.overflown ? err_set(err, ERR_FULL, "%s is too long", file->name) : 0;
}

/* ---- create and destroy ---- */

static int make_all(struct site *site, struct err_slot *err)
{
    const struct site_conf *conf = &site->conf;
    int rc = brand_load(conf->brand, err, &site->brand);
    for (enum lang lang = 0; rc == 0 && lang < lang_count(); lang++)
        rc = make_words(site, lang, err);
    if (rc == 0) {
        for (size_t i = 0; rc == 0 && i < conf->files_len; i++)
            rc = take_file(site, &conf->files[i], err);
        for (enum lang lang = 0; rc == 0 && conf->said_later != NULL && lang < lang_count(); lang++)
            rc = take_more(site, lang, err);
        const char *type;
        struct span logo = brand_logo(site->brand, &type);
        if (rc == 0 && logo.len > 0)
            add_file(site, "logo", type)->bytes = logo;
    }
    if (rc < 0)
        return rc;
    /* Any change of a file changes the folder's name. */
    uint64_t mixed[OWN_MAX] = {0};
    for (size_t i = 0; i < site->files_len; i++)
        mixed[i] = tag_hash(site->own[i].bytes);
    tag_write((struct span){(const char *)mixed, sizeof(mixed)}, site->tag);
    struct text folder = text_on(site->folder, sizeof(site->folder) - 1);
    text_printf(&folder, "%s/%s", site->conf.root, site->tag);
    assert(!folder.overflown && site->files_len <= OWN_MAX);
    for (enum lang lang = 0; rc == 0 && lang < lang_count(); lang++)
        rc = make_languages(site, lang, err);
    if (rc == 0)
        rc = make_brand(site, err);
    for (size_t i = 0; rc == 0 && i < site->files_len; i++) {
        struct served_file *file = &site->file[i];
        file->site = site;
        file->file = &site->own[i];
        struct text pattern = text_on(file->pattern, sizeof(file->pattern) - 1);
        text_printf(&pattern, "%s/{version}/%s", site->conf.root, file->file->name);
        assert(!pattern.overflown);
        rc = pack_make(&file->pack, file->file->bytes, packed_of(site, i), err);
    }
    for (size_t i = 0; rc == 0 && i < conf->pages_len; i++) {
        struct served_page *page = &site->page[i];
        page->site = site;
        page->from = &conf->pages[i];
        for (enum lang lang = 0; rc == 0 && lang < lang_count(); lang++)
            rc = site->read[lang] == lang
                     ? make_page(site, &conf->pages[i], lang, &page->pack[lang], err)
                     : 0;
    }
    return rc;
}

int site_create(const struct site_conf *conf, struct err_slot *err, struct site **out)
{
    assert(conf->files_len <= SITE_FILES_MAX);
    assert(conf->pages_len <= SITE_PAGES_MAX);
    assert(conf->connect == NULL || strlen(conf->connect) <= SITE_CONNECT_MAX);
    assert(conf->visitors == NULL || strlen(conf->visitors) <= SITE_VISITORS_MAX);
    struct site *site = calloc(1, sizeof(*site));
    if (site == NULL)
        return err_set(err, ERR_NOMEM, "a site of %zu bytes", sizeof(*site));
    site->conf = *conf;
    int rc = make_all(site, err);
    if (rc < 0) {
        site_destroy(site);
        return rc;
    }
    /* Without a thread only gzip is served. */
    site->has_thread = uv_thread_create(&site->brotli, on_thread, site) == 0;
    *out = site;
    return 0;
}

int site_routes(struct site *site, struct http_router *router, struct err_slot *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < site->conf.pages_len; i++) {
        struct served_page *page = &site->page[i];
        const struct http_route route = {HTTP_METHOD_GET, page->from->pattern, on_page, page, 0};
        rc = http_router_add(router, &route, err);
    }
    for (size_t i = 0; rc == 0 && i < site->files_len; i++) {
        struct served_file *file = &site->file[i];
        const struct http_route route = {HTTP_METHOD_GET, file->pattern, on_file, file, 0};
        rc = http_router_add(router, &route, err);
    }
    return rc;
}

const struct phrases *site_phrases(const struct site *site, enum lang lang)
{
    assert(lang < lang_count());
    return site->phrases[lang];
}

void site_destroy(struct site *site)
{
    if (site == NULL)
        return;
    atomic_store_explicit(&site->closing, true, memory_order_relaxed);
    if (site->has_thread)
        uv_thread_join(&site->brotli);
    for (size_t i = 0; i < site->files_len; i++) {
        pack_free(&site->file[i].pack);
        free(site->memory[i]);
    }
    for (size_t i = 0; i < SITE_PAGES_MAX; i++) {
        for (enum lang lang = 0; lang < LANG_MAX; lang++)
            pack_free(&site->page[i].pack[lang]);
    }
    for (enum lang lang = 0; lang < LANG_MAX; lang++)
        phrases_destroy(site->phrases[lang]);
    brand_destroy(site->brand);
    free(site);
}
