/* brand.c: reads the operator's name, logo, colour and texts, and keeps the pages readable with
 * them.
 *
 * Contrast follows WCAG 2.2: 3 to 1 between a shape and its background, 4.5 to 1 between text and
 * its background. A brand colour that is too pale, or too dark for dark screens, is mixed with as
 * much black or white as needed. Text on the colour is black or white, whichever is readable, so
 * nobody has to choose it. Texts are checked at start: if one is missing, the service does not
 * start, instead of showing visitors an incomplete page. */
#include "brand.h"

#include "system/plain_file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double CONTRAST_MIN = 3.0;

enum { LOGO_BYTES_MAX = 64 * 1024, TEXTS_BYTES_MAX = 128 * 1024, CSS_MAX = 512, PATH_BYTES = 1536 };
/* Messengers ignore a larger picture, or one of another shape. */
enum { PREVIEW_BYTES_MAX = 300 * 1024, PREVIEW_WIDTH = 1200, PREVIEW_HEIGHT = 630 };

struct content {
    char *bytes; /* NULL: none */
    size_t len;
};

struct brand {
    const struct brand_settings *settings; /* NULL: no branding */
    struct content logo;
    const char *logo_type;
    struct content preview;
    struct content texts[LANG_MAX];
    struct brand_colours colours[BRAND_SCHEMES];
    char css_memory[CSS_MAX];
    struct text css;
    bool is_trial; /* only checked and dropped: adds no language */
};

/* ---- colours ---- */

struct colour {
    unsigned channel[3];
};

static const struct colour black = {{0, 0, 0}}, white = {{255, 255, 255}};

static double linear(unsigned channel)
{
    double share = channel / 255.0;
    return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4);
}

static double light(struct colour colour) /* relative luminance, 0 to 1 */
{
    return 0.2126 * linear(colour.channel[0]) + 0.7152 * linear(colour.channel[1]) +
           0.0722 * linear(colour.channel[2]);
}

static double contrast(struct colour a, struct colour b)
{
    double high = fmax(light(a), light(b)), low = fmin(light(a), light(b));
    return (high + 0.05) / (low + 0.05);
}

static bool colour_parse(const char *text, struct colour *out)
{
    if (text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6 || text[7] != '\0')
        return false;
    for (unsigned i = 0; i < 3; i++) {
        const char digits[] = {text[1 + 2 * i], text[2 + 2 * i], '\0'};
        out->channel[i] = (unsigned)strtoul(digits, NULL, 16);
    }
    return true;
}

/* `parts` of 256 of `a`, the rest of `b`. */
static struct colour mix(struct colour a, struct colour b, unsigned parts)
{
    struct colour mixed;
    assert(parts <= 256);
    for (unsigned i = 0; i < 3; i++)
        mixed.channel[i] = (a.channel[i] * parts + b.channel[i] * (256 - parts) + 128) / 256;
    return mixed;
}

/* The backgrounds of a brand-coloured shape: --paper, --raised and --ground of web/base.css. */
enum { PAPERS = 3 };
struct scheme {
    enum brand_scheme of;
    const char *key, *name;
    struct brand_colours usual; /* as in web/base.css */
    struct colour papers[PAPERS];
    struct colour away; /* opposite to the papers: mixed into a colour that is too pale */
};

static const struct scheme light_scheme = {
    BRAND_LIGHT,
    "colour",
    "light",
    {"#f4480b", "#12151b"},
    {{{255, 255, 255}}, {{245, 246, 248}}, {{236, 238, 241}}},
    {{0, 0, 0}}};
static const struct scheme dark_scheme = {BRAND_DARK,
                                          "dark_colour",
                                          "dark",
                                          {"#ff5a1f", "#12151b"},
                                          {{{20, 23, 29}}, {{30, 34, 42}}, {{11, 13, 17}}},
                                          {{255, 255, 255}}};

static bool is_visible(struct colour colour, const struct scheme *scheme)
{
    bool good = true;
    for (unsigned i = 0; i < PAPERS; i++)
        good = good && contrast(colour, scheme->papers[i]) >= CONTRAST_MIN;
    return good;
}

static int add_colour(struct brand *brand, const struct scheme *scheme, const char *text,
                      struct err_slot *err)
{
    struct brand_colours *out = &brand->colours[scheme->of];
    struct colour colour;
    if (text[0] == '\0')
        return 0;
    if (!colour_parse(text, &colour))
        return err_set(err, ERR_SYNTAX, "brand.%s: \"%s\" is not of the form #rrggbb", scheme->key,
                       text);
    /* The nearest visible colour: it keeps its hue and changes its lightness as little as possible.
     * Black or white is always visible, so there is one. */
    unsigned parts = 256;
    while (parts > 0 && !is_visible(mix(colour, scheme->away, parts), scheme))
        parts--;
    colour = mix(colour, scheme->away, parts);
    assert(is_visible(colour, scheme));
    const char *on = contrast(colour, white) >= contrast(colour, black) ? "#fff" : "#000";
    snprintf(out->signal, sizeof(out->signal), "#%02x%02x%02x", colour.channel[0],
             colour.channel[1], colour.channel[2]);
    snprintf(out->on_signal, sizeof(out->on_signal), "%s", on);
    text_printf(&brand->css,
                "@media (prefers-color-scheme: %s) { :root { --signal: %s; --on-signal: %s; } }\n",
                scheme->name, out->signal, out->on_signal);
    assert(!brand->css.overflown);
    return 0;
}

static int add_colours(struct brand *brand, struct err_slot *err)
{
    const struct brand_settings *settings = brand->settings;
    const char *dark = settings->dark_colour[0] != '\0' ? settings->dark_colour : settings->colour;
    int rc = add_colour(brand, &light_scheme, settings->colour, err);
    return rc == 0 ? add_colour(brand, &dark_scheme, dark, err) : rc;
}

/* ---- files ---- */

static int read_file(const char *path, size_t max, struct content *out, struct err_slot *err)
{
    out->bytes = malloc(max);
    if (out->bytes == NULL)
        return err_set(err, ERR_NOMEM, "%s", path);
    const char *why = plain_file_read(path, out->bytes, max, &out->len);
    return why == NULL ? 0 : err_set(err, ERR_IO, "%s (at most %zu bytes): %s", path, max, why);
}

static const char *type_of(struct span image)
{
    if (span_starts(image, SPAN("\x89PNG\r\n")))
        return "image/png";
    if (image.len > 12 && span_starts(image, SPAN("RIFF")) && memcmp(image.ptr + 8, "WEBP", 4) == 0)
        return "image/webp";
    if (image.len > 0 && memmem(image.ptr, image.len, "<svg", 4) != NULL)
        return "image/svg+xml";
    return NULL;
}

static int load_logo(struct brand *brand, struct err_slot *err)
{
    const char *path = brand->settings->logo;
    if (path[0] == '\0')
        return 0;
    int rc = read_file(path, LOGO_BYTES_MAX, &brand->logo, err);
    if (rc < 0)
        return err_wrap(err, "brand.logo");
    brand->logo_type = type_of((struct span){brand->logo.bytes, brand->logo.len});
    if (brand->logo_type == NULL)
        return err_set(err, ERR_SYNTAX, "brand.logo: %s is no SVG, PNG or WebP", path);
    if (brand->settings->name[0] == '\0')
        return err_set(err, ERR_RANGE, "brand.name: a logo needs it, for people who cannot see it");
    return 0;
}

/* A PNG begins with its signature and a chunk with the picture's size. */
static bool is_preview(struct span image)
{
    static const char head[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\xb0\0\0\x02\x76";
    static_assert(PREVIEW_WIDTH == 0x4b0 && PREVIEW_HEIGHT == 0x276, "as the head says");
    return span_starts(image, SPAN(head));
}

static int load_preview(struct brand *brand, struct err_slot *err)
{
    const char *path = brand->settings->preview;
    if (path[0] == '\0')
        return 0;
    int rc = read_file(path, PREVIEW_BYTES_MAX, &brand->preview, err);
    if (rc < 0)
        return err_wrap(err, "brand.preview");
    if (!is_preview(brand_preview(brand)))
        return err_set(err, ERR_SYNTAX, "brand.preview: %s is no PNG of %d x %d", path,
                       PREVIEW_WIDTH, PREVIEW_HEIGHT);
    return 0;
}

static int load_texts_of(struct brand *brand, struct span file_name, struct err_slot *err)
{
    static const struct span ending = {".txt", 4};
    if (file_name.ptr[0] == '.' || file_name.len <= ending.len ||
        !span_eq(span_skip(file_name, file_name.len - ending.len), ending))
        return 0;
    struct span tag = {file_name.ptr, file_name.len - ending.len};
    enum lang lang = LANG_MAX;
    int rc = brand->is_trial ? lang_check(tag, err) : lang_add(tag, err, &lang);
    if (rc < 0)
        return rc;
    char path[PATH_BYTES];
    struct text text = text_on(path, sizeof(path));
    text_printf(&text, "%s/%s", brand->settings->texts, file_name.ptr);
    if (text.overflown || text.len == sizeof(path))
        return err_set(err, ERR_RANGE, "the path of %s is too long", file_name.ptr);
    path[text.len] = '\0';
    if (!brand->is_trial)
        return read_file(path, TEXTS_BYTES_MAX, &brand->texts[lang], err);
    struct content seen = {NULL, 0};
    rc = read_file(path, TEXTS_BYTES_MAX, &seen, err);
    free(seen.bytes);
    return rc;
}

static int load_texts(struct brand *brand, struct err_slot *err)
{
    const char *path = brand->settings->texts;
    if (path[0] == '\0')
        return 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return err_set(err, ERR_IO, "brand.texts: %s: %s", path, strerror(errno));
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(folder)) != NULL;)
        rc = load_texts_of(brand, span_of(entry->d_name), err);
    closedir(folder);
    return rc < 0 ? err_wrap(err, "brand.texts") : 0;
}

/* ---- create and destroy ---- */

static int load(const struct brand_settings *settings, bool is_trial, struct err_slot *err,
                struct brand **out)
{
    struct brand *brand = calloc(1, sizeof(*brand));
    if (brand == NULL)
        return err_set(err, ERR_NOMEM, "a brand of %zu bytes", sizeof(*brand));
    brand->settings = settings;
    brand->is_trial = is_trial;
    brand->css = text_on(brand->css_memory, sizeof(brand->css_memory));
    brand->colours[BRAND_LIGHT] = light_scheme.usual;
    brand->colours[BRAND_DARK] = dark_scheme.usual;
    int rc = 0;
    if (settings != NULL) {
        rc = add_colours(brand, err);
        if (rc == 0)
            rc = load_logo(brand, err);
        if (rc == 0)
            rc = load_preview(brand, err);
        if (rc == 0)
            rc = load_texts(brand, err);
    }
    if (rc < 0) {
        brand_destroy(brand);
        return rc;
    }
    *out = brand;
    return 0;
}

int brand_load(const struct brand_settings *settings, struct err_slot *err, struct brand **out)
{
    return load(settings, false, err, out);
}

/* Each reload checks the settings again, while loops read the languages. */
int brand_check(const struct brand_settings *settings, struct err_slot *err)
{
    struct brand *brand;
    int rc = load(settings, true, err, &brand);
    if (rc == 0)
        brand_destroy(brand);
    return rc;
}

void brand_destroy(struct brand *brand)
{
    if (brand == NULL)
        return;
    free(brand->logo.bytes);
    free(brand->preview.bytes);
    for (unsigned i = 0; i < LANG_MAX; i++)
        free(brand->texts[i].bytes);
    free(brand);
}

struct span brand_name(const struct brand *brand)
{
    return brand->settings != NULL ? span_of(brand->settings->name) : (struct span){"", 0};
}

struct span brand_logo(const struct brand *brand, const char **type)
{
    *type = brand->logo_type;
    return (struct span){brand->logo.bytes, brand->logo.len};
}

struct span brand_preview(const struct brand *brand)
{
    return (struct span){brand->preview.bytes, brand->preview.len};
}

struct span brand_css(const struct brand *brand)
{
    return text_span(&brand->css);
}

struct brand_colours brand_colours(const struct brand *brand, enum brand_scheme scheme)
{
    assert(scheme < BRAND_SCHEMES);
    assert(brand->colours[scheme].signal[0] == '#');
    return brand->colours[scheme];
}

struct span brand_texts(const struct brand *brand, enum lang lang)
{
    assert(lang < LANG_MAX);
    return (struct span){brand->texts[lang].bytes, brand->texts[lang].len};
}
