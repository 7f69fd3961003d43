/* site.h: a service's pages in every language, and their files. All of it is part of the program,
 * except for the operator's branding: assembled and compressed once at start, then served from
 * memory; a request only chooses a blob.
 *
 * In a page, {{t.title}} is the phrase "title", {{lang}} the language, {{words}} the scripts'
 * phrases as JSON, {{files}} the folder of the files, {{head}} the beginning of the head, {{brand}}
 * that of the header, with the operator's logo or name, {{i.check}} an icon (icons.h),
 * {{languages}} the links to the page in each language, {{tags}} the tags of all languages,
 * separated by spaces, and {{data}} the configuration's data for the page;
 * {{signal}}, {{on-signal}}, {{dark-signal}} and {{dark-on-signal}} are the brand's colours, for
 * content without our style sheet. The folder's name is a hash of its content, so that files can be
 * cached forever and refer to each other by plain relative paths.
 *
 * Threading: created at start, then read-only for all loops; a thread of its own creates the
 * smallest form of each file while others serve the available ones (site.c). */
#ifndef FG_WEB_SITE_H
#define FG_WEB_SITE_H

#include "brand.h"
#include "http/http.h"
#include "lang.h"
#include "template.h"

struct site;

enum {
    SITE_FILES_MAX = 64,
    SITE_PAGES_MAX = 4,
    SITE_PRELOAD_MAX = 4,
    SITE_HEADERS_MAX = 1024,
    SITE_CONNECT_MAX = 1024,
    SITE_VISITORS_MAX = 280
};

/* Initializes a span from a text of the program, also in a constant. */
#define SITE_BYTES(array)                                                                          \
    {                                                                                              \
        (array), sizeof(array) - 1                                                                 \
    }
#define SITE_CSS "text/css; charset=utf-8"
#define SITE_JS  "text/javascript; charset=utf-8"

struct site_file {
    const char *name; /* "hall.js" */
    const char *type;
    struct span bytes;
};

struct site_packed { /* the same file, compressed at build time */
    struct span gzip, brotli;
};

struct site_page {
    const char *pattern; /* of the route; the page's script reads its parameters itself */
    struct span html;
    /* Resources that the page's script will fetch, for the browser to load early; `{}` is the
     * route's parameter. Ends with NULL. */
    const char *preload[SITE_PRELOAD_MAX + 1];
};

struct site_conf {
    const char *root; /* "/seats/-": files are served below, as ROOT/HASH/NAME */
    const struct site_file *files;
    size_t files_len; /* SITE_FILES_MAX at most */
    /* One per file; NULL or empty: created at start. A packed file is served as it is, so it has
     * none of the brand's colours. */
    const struct site_packed *packed;
    const struct site_page *pages;
    size_t pages_len; /* SITE_PAGES_MAX at most */
    struct span words[LANG_BUILT_IN];
    struct span base;       /* style put before the first file; may be empty */
    const char *said;       /* prefix of the scripts' phrases; NULL: all */
    const char *said_later; /* prefix of those in more.LANGUAGE.json; NULL: none */
    const char *kept;       /* prefix of those used only by the program; NULL: none */
    const char *service;    /* its name in the operator's texts */
    bool may_lack; /* an added language without a section of that name falls back to English */
    const struct brand_settings *brand; /* NULL: no branding */
    const char *connect;  /* other origins that scripts may call, space-separated, at most
                             SITE_CONNECT_MAX; NULL: none */
    const char *visitors; /* origin of the pages that visitors see, whose pictures and addresses may
                             be loaded, at most SITE_VISITORS_MAX; NULL or "": none */
    struct span data;     /* for {{data}}: already escaped for its place */
    /* Called before a page is served; returns true if it answered instead, as there is no page at
     * this address. May be NULL. `ctx` is borrowed. */
    bool (*refuse)(struct http_req *req, void *ctx);
    void *ctx;
};

/* Everything in `conf` is borrowed for the life of the site. */
int site_create(const struct site_conf *conf, struct err_slot *err, struct site **out);
int site_routes(struct site *site, struct http_router *router, struct err_slot *err);
void site_destroy(struct site *site);

/* For pages that are rendered for each visitor. */
/* A page with its constant parts filled in, and further gaps for each request. */
int site_template(const struct site *site, enum lang lang, struct span html,
                  const char *const *gaps, struct err_slot *err, struct template **out);
const struct phrases *site_phrases(const struct site *site, enum lang lang);
/* The headers of every page: policy, language, and Vary. Needs SITE_HEADERS_MAX. A language chosen
 * by ?lang= is stored in a cookie. */
void site_headers(const struct http_req *req, enum lang lang, struct text *headers);
/* The same for a page that caches may keep, without Cache-Control: no cookie is read or set.
 * Returns the language: ?lang= if it is known, otherwise from Accept-Language. */
enum lang site_kept_headers(const struct http_req *req, struct text *headers);

#endif
