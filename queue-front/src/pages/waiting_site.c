/* waiting_site.c: every file of web/ that a visitor's browser may request is in the program, in
 * one table. The page that checks a draw is the same for everybody, so it is a file too. The
 * waiting page is made for each visitor, by waiting_page.c. */
#include "pages/waiting_site.h"

static const char base_css[] =
#include "web/base.css.inc"
    ;
static const char wait_css[] =
#include "queue-front/web/wait.css.inc"
    ;
/* What is fetched later names kit.js and show.js, which are in wait.js. */
static const char here_js[] =
#include "queue-front/web/here.js.inc"
    ;
static const char wait_js[] =
#include "queue-front/web/wait.min.js.inc"
    ;
static const char place_js[] =
#include "queue-front/web/place.min.js.inc"
    ;
static const char cached_js[] =
#include "queue-front/web/cached.js.inc"
    ;
static const char turn_js[] =
#include "queue-front/web/turn.js.inc"
    ;
static const char slowed_js[] =
#include "queue-front/web/slowed.js.inc"
    ;
static const char prices_js[] =
#include "queue-front/web/prices.js.inc"
    ;
static const char when_js[] =
#include "web/when.js.inc"
    ;
static const char alert_js[] =
#include "queue-front/web/alert.js.inc"
    ;
static const char move_js[] =
#include "queue-front/web/move.js.inc"
    ;
static const char why_js[] =
#include "queue-front/web/why.js.inc"
    ;
static const char draw_check_js[] =
#include "queue-front/web/draw-check.js.inc"
    ;
static const char fair_css[] =
#include "queue-front/web/fair.css.inc"
    ;
static const char fair_js[] =
#include "queue-front/web/fair.min.js.inc"
    ;
static const char fair_html[] =
#include "queue-front/web/fair.html.inc"
    ;
static const char pow_js[] =
#include "queue-front/web/pow.js.inc"
    ;

/* The curve's library, packed when the program was built: that takes longer than all the rest of a
 * start. Only the fairness page loads it, where there is a round to check. */
static const char js[] = SITE_JS;
#define FILE_OF(name, type, plain, gzip, brotli) {(name), (type), SITE_BYTES(plain)},
static const struct site_file files[] = {
    {"wait.css", SITE_CSS, SITE_BYTES(wait_css)},
    {"kit.js", SITE_JS, SITE_BYTES(here_js)},
    {"show.js", SITE_JS, SITE_BYTES(here_js)},
    {"wait.js", SITE_JS, SITE_BYTES(wait_js)},
    {"place.js", SITE_JS, SITE_BYTES(place_js)},
    {"cached.js", SITE_JS, SITE_BYTES(cached_js)},
    {"turn.js", SITE_JS, SITE_BYTES(turn_js)},
    {"slowed.js", SITE_JS, SITE_BYTES(slowed_js)},
    {"prices.js", SITE_JS, SITE_BYTES(prices_js)},
    {"when.js", SITE_JS, SITE_BYTES(when_js)},
    {"alert.js", SITE_JS, SITE_BYTES(alert_js)},
    {"move.js", SITE_JS, SITE_BYTES(move_js)},
    {"why.js", SITE_JS, SITE_BYTES(why_js)},
    {"draw-check.js", SITE_JS, SITE_BYTES(draw_check_js)},
    {"pow.js", SITE_JS, SITE_BYTES(pow_js)},
    {"fair.css", SITE_CSS, SITE_BYTES(fair_css)},
    {"fair.js", SITE_JS, SITE_BYTES(fair_js)},
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

int waiting_site_create(const struct brand_settings *brand,
                        bool (*refuse)(struct http_req *req, void *ctx), void *ctx,
                        struct err_slot *err, struct site **out)
{
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
        .base = SITE_BYTES(base_css), /* one file: one head less */
        .said = "live.",
        .said_later = "more.",
        .service = "queue-front",
        .brand = brand,
        .refuse = refuse,
        .ctx = ctx,
    };
    return site_create(&conf, err, out);
}
