/* console.c: the pages of the private listener and their files. The operator's page calls three
 * services. This one gets a name and an origin of the other two from its configuration. Both go
 * into the page and into its content policy, without which the browser would refuse the calls. The
 * other services decide whether they answer ([private] origins). The page also leads to what
 * visitors see, at [web] public_url, and shows an event's picture from there.
 *
 * The table of files is built with the program, including their compressed forms, because
 * compressing takes longer than all the rest of a start. */
#include "pages/console.h"

#include "base/text.h"
#include "http/http_server.h"

#include <stdlib.h>

enum { PARTS_MAX = 16, PART_NAME_MAX = 32, DATA_MAX = PARTS_MAX * (HTTP_ORIGIN_MAX + 96) };

static const char console_html[] =
#include "web/console/console.html.inc"
    ;
static const char base_css[] =
#include "web/base.css.inc"
    ;
static const char wait_css[] =
#include "queue-front/web/wait.css.inc"
    ;
static const char design_css[] =
#include "queue-front/web/design.css.inc"
    ;
static const char design_html[] =
#include "queue-front/web/design.html.inc"
    ;

/* A row's type is its file's extension. */
static const char css[] = SITE_CSS;
static const char js[] = SITE_JS;
static const char svg[] = "image/svg+xml";
static const char md[] = "text/markdown; charset=utf-8";
static const char txt[] = "text/plain; charset=utf-8";

/* Each row of the table is FILE_OF(name, type, plain, gzip, brotli). */
#define FILE_OF(name, type, plain, gzip, brotli) {(name), (type), SITE_BYTES(plain)},
static const struct site_file files[] = {
#include "web/console/console.table.inc"
};
#undef FILE_OF
#define FILE_OF(name, type, plain, gzip, brotli) {SITE_BYTES(gzip), SITE_BYTES(brotli)},
static const struct site_packed packed[] = {
#include "web/console/console.table.inc"
};
#undef FILE_OF

static const struct site_page pages[] = {{"/console", SITE_BYTES(console_html), {NULL}}};

/* Every part of our pages, in the waiting page's own style and words and the brand's colours, so it
 * shows exactly what visitors get. */
static const struct site_file design_files[] = {
    {"wait.css", SITE_CSS, SITE_BYTES(wait_css)},
    {"design.css", SITE_CSS, SITE_BYTES(design_css)},
};
static const struct site_page design_pages[] = {{"/design", SITE_BYTES(design_html), {NULL}}};

struct console {
    struct site *site, *design;
    char connect[SITE_CONNECT_MAX + 1];
    char data[DATA_MAX + SITE_VISITORS_MAX + 32];
};

/* Adds "seats=http://localhost:8092" to the page and to its policy. */
static int read_part(struct span item, struct text *connect, struct text *data,
                     struct err_slot *err)
{
    struct span name;
    struct span origin = span_trim(span_cut(item, '=', &name));
    name = span_trim(name);
    if (name.len == 0 || name.len > PART_NAME_MAX ||
        !span_is_of(name, SPAN_LOWER SPAN_DIGITS "-") || !http_origin_ok(origin))
        return err_set(err, ERR_RANGE,
                       "console.parts: \"%.*s\" is not NAME=ORIGIN, as in "
                       "seats=http://localhost:8092",
                       (int)item.len, item.ptr);
    if (connect->len > 0)
        text_char(connect, ' ');
    text_put(connect, origin);
    json_open(data, '{');
    json_member_str(data, "name", name);
    json_member_str(data, "at", origin);
    json_close(data, '}');
    if (connect->overflown || data->overflown)
        return err_set(err, ERR_RANGE, "console.parts: %d origins of %d bytes at most", PARTS_MAX,
                       SITE_CONNECT_MAX);
    return 0;
}

static int read_parts(const char *parts, struct text *connect, struct text *data,
                      struct err_slot *err)
{
    struct span rest = span_of(parts), item;
    int rc = 0;
    json_open(data, '[');
    for (unsigned n = 0; rc == 0 && rest.len > 0 && span_next(&rest, ',', &item); n++)
        rc = n < PARTS_MAX ? read_part(item, connect, data, err)
                           : err_set(err, ERR_RANGE, "console.parts: %d at most", PARTS_MAX);
    json_close(data, ']');
    return rc;
}

int console_check(const char *parts, struct err_slot *err)
{
    char connect_memory[SITE_CONNECT_MAX], data_memory[DATA_MAX];
    struct text connect = text_on(connect_memory, sizeof(connect_memory));
    struct text data = text_on(data_memory, sizeof(data_memory));
    return read_parts(parts, &connect, &data, err);
}

int console_create(const char *parts, const char *public_url, const struct brand_settings *brand,
                   struct err_slot *err, struct console **out)
{
    struct console *console = calloc(1, sizeof(*console));
    if (console == NULL)
        return err_set(err, ERR_NOMEM, "a console of %zu bytes", sizeof(*console));
    struct text connect = text_on(console->connect, SITE_CONNECT_MAX);
    struct text data = text_on(console->data, sizeof(console->data));
    json_open(&data, '{');
    json_member_cstr(&data, "visitors", public_url);
    json_key(&data, "parts");
    int rc = read_parts(parts, &connect, &data, err);
    json_close(&data, '}');
    if (rc == 0) {
        const struct site_conf conf = {
            .root = "/console/-",
            .files = files,
            .files_len = sizeof(files) / sizeof(files[0]),
            .packed = packed,
            .pages = pages,
            .pages_len = sizeof(pages) / sizeof(pages[0]),
            .words =
                {
#include "web/console/console.words.inc"
                },
            .service = "console",
            .may_lack = true, /* a visitors' language need not exist for operators */
            .brand = brand,
            .connect = console->connect,
            .visitors = public_url,
            .data = text_span(&data),
        };
        rc = site_create(&conf, err, &console->site);
    }
    if (rc == 0) {
        const struct site_conf conf = {
            .root = "/design/-",
            .files = design_files,
            .files_len = sizeof(design_files) / sizeof(design_files[0]),
            .pages = design_pages,
            .pages_len = sizeof(design_pages) / sizeof(design_pages[0]),
            .words =
                {
#include "queue-front/web/text.words.inc"
                },
            .base = SITE_BYTES(base_css),
            .said = "live.",
            .service = "queue-front",
            .brand = brand,
        };
        rc = site_create(&conf, err, &console->design);
    }
    if (rc < 0) {
        console_destroy(console);
        return rc;
    }
    *out = console;
    return 0;
}

int console_routes(struct console *console, struct http_router *private_routes,
                   struct err_slot *err)
{
    int rc = site_routes(console->site, private_routes, err);
    return rc == 0 ? site_routes(console->design, private_routes, err) : rc;
}

void console_destroy(struct console *console)
{
    if (console == NULL)
        return;
    site_destroy(console->site);
    site_destroy(console->design);
    free(console);
}
