/* brand.c: see brand.h. Contrast is that of WCAG 2.2: 4.5 to 1 between a colour and whatever it
 * stands on or carries. Of black and white, one is always readable on a colour; we take that one,
 * so nobody has to choose it. The papers are those of web/base.css. */
#include "brand.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOGO_BYTES_MAX = 64 * 1024, TEXTS_BYTES_MAX = 128 * 1024, CSS_MAX = 512, PATH_BYTES = 1536 };

struct content {
    char *bytes; /* NULL: none */
    size_t len;
};

struct brand {
    const struct brand_settings *settings; /* NULL: nothing is branded */
    struct content logo;
    const char *logo_type;
    struct content texts[LANG_MAX];
    char css_memory[CSS_MAX];
    struct text css;
};

/* ---- colours ---- */

struct colour {
    double light; /* relative luminance, 0 to 1 */
};

static double linear(unsigned channel)
{
    double share = channel / 255.0;
    return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4);
}

static bool colour_parse(const char *text, struct colour *out)
{
    unsigned channel[3];
    if (text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6 || text[7] != '\0')
        return false;
    for (unsigned i = 0; i < 3; i++) {
        const char digits[] = {text[1 + 2 * i], text[2 + 2 * i], '\0'};
        channel[i] = (unsigned)strtoul(digits, NULL, 16);
    }
    out->light =
        0.2126 * linear(channel[0]) + 0.7152 * linear(channel[1]) + 0.0722 * linear(channel[2]);
    return true;
}

static double contrast(struct colour a, struct colour b)
{
    double high = a.light > b.light ? a.light : b.light;
    double low = a.light > b.light ? b.light : a.light;
    return (high + 0.05) / (low + 0.05);
}

struct scheme {
    const char *key, *name;
    const char *papers[2];
};

static const struct scheme light_scheme = {"colour", "light", {"#ffffff", "#f4f6f9"}};
static const struct scheme dark_scheme = {"dark_colour", "dark", {"#16181c", "#22262c"}};

static int add_colour(struct brand *brand, const struct scheme *scheme, const char *text,
                      struct err_slot *err)
{
    const struct colour black = {0}, white = {1};
    struct colour colour, paper;
    if (text[0] == '\0')
        return 0;
    if (!colour_parse(text, &colour))
        return err_set(err, ERR_SYNTAX, "brand.%s: \"%s\" is not of the form #rrggbb", scheme->key,
                       text);
    for (unsigned i = 0; i < 2; i++) {
        bool good = colour_parse(scheme->papers[i], &paper);
        assert(good);
        if (contrast(colour, paper) < 4.5)
            return err_set(err, ERR_RANGE,
                           "brand.%s: %s on %s has a contrast of %.1f to 1; people need 4.5",
                           scheme->key, text, scheme->papers[i], contrast(colour, paper));
    }
    const char *on = contrast(colour, white) >= contrast(colour, black) ? "#fff" : "#000";
    text_printf(&brand->css,
                "@media (prefers-color-scheme: %s) { :root { --act: %s; --on-act: %s; } }\n",
                scheme->name, text, on);
    assert(!brand->css.overflown);
    return 0;
}

/* ---- files ---- */

static int read_file(const char *path, size_t max, struct content *out, struct err_slot *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    int rc = 0;
    out->bytes = malloc(max + 1);
    if (out->bytes == NULL) {
        rc = err_set(err, ERR_NOMEM, "%s", path);
        goto close;
    }
    out->len = fread(out->bytes, 1, max + 1, file);
    if (ferror(file))
        rc = err_set(err, ERR_IO, "%s cannot be read", path);
    else if (out->len > max)
        rc = err_set(err, ERR_RANGE, "%s is longer than %zu bytes", path, max);
close:
    (void)fclose(file); /* it was only read */
    return rc;
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
        return err_set(err, ERR_RANGE, "brand.name: a logo needs it, for who cannot see it");
    return 0;
}

static int load_texts_of(struct brand *brand, struct span file_name, struct err_slot *err)
{
    static const struct span ending = {".txt", 4};
    if (file_name.ptr[0] == '.' || file_name.len <= ending.len ||
        !span_eq(span_skip(file_name, file_name.len - ending.len), ending))
        return 0;
    enum lang lang;
    int rc = lang_add((struct span){file_name.ptr, file_name.len - ending.len}, err, &lang);
    if (rc < 0)
        return rc;
    char path[PATH_BYTES];
    struct text text = text_on(path, sizeof(path));
    text_printf(&text, "%s/%s", brand->settings->texts, file_name.ptr);
    if (text.overflown || text.len == sizeof(path))
        return err_set(err, ERR_RANGE, "the path of %s is too long", file_name.ptr);
    path[text.len] = '\0';
    return read_file(path, TEXTS_BYTES_MAX, &brand->texts[lang], err);
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

/* ---- a brand's life ---- */

int brand_load(const struct brand_settings *settings, struct err_slot *err, struct brand **out)
{
    struct brand *brand = calloc(1, sizeof(*brand));
    if (brand == NULL)
        return err_set(err, ERR_NOMEM, "a brand of %zu bytes", sizeof(*brand));
    brand->settings = settings;
    brand->css = text_on(brand->css_memory, sizeof(brand->css_memory));
    int rc = 0;
    if (settings != NULL) {
        rc = add_colour(brand, &light_scheme, settings->colour, err);
        if (rc == 0)
            rc = add_colour(brand, &dark_scheme, settings->dark_colour, err);
        if (rc == 0)
            rc = load_logo(brand, err);
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

int brand_check(const struct brand_settings *settings, struct err_slot *err)
{
    struct brand *brand;
    int rc = brand_load(settings, err, &brand);
    if (rc == 0)
        brand_destroy(brand);
    return rc;
}

void brand_destroy(struct brand *brand)
{
    if (brand == NULL)
        return;
    free(brand->logo.bytes);
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

struct span brand_css(const struct brand *brand)
{
    return text_span(&brand->css);
}

struct span brand_texts(const struct brand *brand, enum lang lang)
{
    assert(lang < LANG_MAX);
    return (struct span){brand->texts[lang].bytes, brand->texts[lang].len};
}
