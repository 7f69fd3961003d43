/* site.h: what a service shows people: its pages in every language, and the files that they name.
 * All of it is part of the program, except for what the operator's brand adds: put together and
 * compressed once at start, then served from memory; no request costs more than the choice of a
 * blob.
 *
 * In a page, {{t.title}} is the phrase "title", {{lang}} the language, {{words}} the phrases that
 * scripts say as JSON, {{files}} the folder of the files, {{brand}} the operator's logo or name,
 * {{i.check}} an icon (icons.h), {{languages}} the links to the page in each language, {{tags}} the
 * tags of all that visitors may read, with a space between, and {{data}} what the configuration
 * says to the page; {{signal}}, {{on-signal}}, {{dark-signal}} and {{dark-on-signal}} are the
 * brand's colours, for what cannot have our style sheet. The folder's name is a hash of what lies
 * in it, so that a file may be kept for good and files name each other by plain relative paths.
 *
 * Threading: made at start, then only read, by all loops; a thread of its own makes the smallest
 * form of each file while others serve what there is (site.c). */
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
    SITE_CONNECT_MAX = 1024
};

/* A text that the program carries, to set up a span, also in a constant. */
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

struct site_packed { /* the same file, made smaller when the program was built */
    struct span gzip, brotli;
};

struct site_page {
    const char *pattern; /* of the route; what is in its gaps the page's script reads itself */
    struct span html;
    /* What the page's script will fetch, for the browser to begin with at once; `{}` is the route's
     * parameter. NULL ends the list. */
    const char *preload[SITE_PRELOAD_MAX + 1];
};

struct site_conf {
    const char *root; /* "/seats/-": files are served below, as ROOT/HASH/NAME */
    const struct site_file *files;
    size_t files_len; /* SITE_FILES_MAX at most */
    /* One each file; NULL, or an empty one: made at start. A packed file stays as it is, so it has
     * none of the brand's colours. */
    const struct site_packed *packed;
    const struct site_page *pages;
    size_t pages_len; /* SITE_PAGES_MAX at most */
    struct span words[LANG_BUILT_IN];
    struct span base;       /* of style, in front of the first file; may be empty */
    const char *said;       /* prefix of the phrases that scripts say; NULL: they may say all */
    const char *said_later; /* prefix of those in more.LANGUAGE.json; NULL: there is none */
    const char *kept;       /* prefix of those that only the program says; NULL: there is none */
    const char *service;    /* its name in the operator's texts */
    bool may_lack; /* a further language without a section of that name: English is read there */
    const struct brand_settings *brand; /* NULL: nothing is branded */
    const char *connect; /* other origins that scripts may call, space between, SITE_CONNECT_MAX at
                            most; NULL: none */
    struct span data;    /* for {{data}}: safe where it stands in the page */
    /* Asked before a page is answered; true: there is none at this address, and this was answered.
     * NULL: each page is there. `ctx` is borrowed. */
    bool (*refuse)(struct http_req *req, void *ctx);
    void *ctx;
};

/* Everything in `conf` is borrowed for as long as the site lives. */
int site_create(const struct site_conf *conf, struct err_slot *err, struct site **out);
int site_routes(struct site *site, struct http_router *router, struct err_slot *err);
void site_destroy(struct site *site);

/* For pages that are written for each visitor. */
/* A page with what is the same for everybody filled in, and further gaps for each request. */
int site_template(const struct site *site, enum lang lang, struct span html,
                  const char *const *gaps, struct err_slot *err, struct template **out);
const struct phrases *site_phrases(const struct site *site, enum lang lang);
/* The head lines of every page: policy, language, and what it varies by. Room for SITE_HEADERS_MAX.
 * A language that was asked for by ?lang= is remembered in a cookie. */
void site_headers(const struct http_req *req, enum lang lang, struct text *headers);
/* The same for a page that caches may keep, without Cache-Control: no cookie is read or set.
 * Answers the language: ?lang= or, where the address names none that is known, Accept-Language. */
enum lang site_kept_headers(const struct http_req *req, struct text *headers);

#endif
