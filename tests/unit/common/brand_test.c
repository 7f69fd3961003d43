/* brand_test.c: any operator's colour becomes one that people can read on every background it is
 * used on. The backgrounds are read from web/base.css, so that neither side can drift. */
#include "unit.h"

#include "web/brand.h"

#include <math.h>

static const char base_css[] =
#include "web/base.css.inc"
    ;

enum { COLOURS = 4000, PAPERS = 3 };
static const double AA = 4.5;

struct colour {
    unsigned c[3];
};

static double channel(unsigned value)
{
    double share = value / 255.0;
    return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4);
}

static double contrast(struct colour a, struct colour b)
{
    double la = 0.2126 * channel(a.c[0]) + 0.7152 * channel(a.c[1]) + 0.0722 * channel(a.c[2]);
    double lb = 0.2126 * channel(b.c[0]) + 0.7152 * channel(b.c[1]) + 0.0722 * channel(b.c[2]);
    return (fmax(la, lb) + 0.05) / (fmin(la, lb) + 0.05);
}

/* Parses "#1a2b3c" or "#fff" after the next `name`. */
static struct colour named(const char *from, const char *name)
{
    const char *at = strstr(from, name);
    assert_non_null(at);
    at = strchr(at, '#');
    assert_non_null(at);
    unsigned digits = (unsigned)strspn(at + 1, "0123456789abcdef");
    unsigned value = (unsigned)strtoul(at + 1, NULL, 16);
    if (digits == 3)
        return (struct colour){{17 * (value >> 8), 17 * (value >> 4 & 15), 17 * (value & 15)}};
    assert_int_equal(digits, 6);
    return (struct colour){{value >> 16, value >> 8 & 255, value & 255}};
}

/* A notice: its background with a little of its colour. */
static struct colour washed(struct colour act, struct colour paper)
{
    for (unsigned i = 0; i < 3; i++)
        act.c[i] = (unsigned)lround(0.08 * act.c[i] + 0.92 * paper.c[i]);
    return act;
}

static const char *scheme_of(const char *css, bool dark)
{
    return dark ? strstr(css, "prefers-color-scheme: dark") : css;
}

static void judge(const char *css, bool dark, const char *given)
{
    static const char *const papers[PAPERS] = {"--paper:", "--raised:", "--ground:"};
    const char *base = scheme_of(base_css, dark);
    struct colour shape = named(scheme_of(css, dark), "--signal:");
    double words = contrast(shape, named(scheme_of(css, dark), "--on-signal:"));
    double least = words;
    for (unsigned i = 0; i < PAPERS; i++)
        least = fmin(least, contrast(shape, named(base, papers[i])));
    if (words < AA || least < 3.0)
        fail_msg("%s, %s: %.2f to 1, words %.2f", given, dark ? "dark" : "light", least, words);
}

static void colours_of(const char *light, const char *dark, char css[512])
{
    struct brand_settings settings = {0};
    struct err_slot err;
    struct brand *brand;
    (void)snprintf(settings.colour, sizeof(settings.colour), "%s", light);
    (void)snprintf(settings.dark_colour, sizeof(settings.dark_colour), "%s", dark);
    assert_int_equal(brand_load(&settings, &err, &brand), 0);
    struct span made = brand_css(brand);
    assert_true(made.len < 512);
    assert_true(span_to_cstr(made, css, 512));
    brand_destroy(brand);
}

TEST_CASE(any_colour_is_given_enough_contrast)
{
    const struct rng *rng = unit_rng();
    char light[8], dark[8], css[512];
    for (unsigned n = 0; n < COLOURS; n++) {
        uint64_t random = rng_u64(rng);
        (void)snprintf(light, sizeof(light), "#%06x", (unsigned)(random & 0xffffff));
        (void)snprintf(dark, sizeof(dark), "#%06x", (unsigned)(random >> 24 & 0xffffff));
        colours_of(light, n % 2 == 0 ? dark : "", css);
        judge(css, false, light);
        judge(css, true, n % 2 == 0 ? dark : light);
    }
    static const char *const ends[] = {"#000000", "#ffffff", "#ffee00", "#0000ff", "#777777"};
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        colours_of(ends[i], "", css);
        judge(css, false, ends[i]);
        judge(css, true, ends[i]);
    }
}

TEST_CASE(the_default_colours_have_enough_contrast)
{
    judge(base_css, false, "ours");
    judge(base_css, true, "ours");
}

TEST_CASE(a_colour_with_enough_contrast_is_unchanged)
{
    char css[512];
    colours_of("#7a1fa2", "#d9a6f5", css);
    assert_non_null(strstr(scheme_of(css, false), "--signal: #7a1fa2; --on-signal: #fff"));
    assert_non_null(strstr(scheme_of(css, true), "--signal: #d9a6f5; --on-signal: #000"));
}

/* Text has a contrast of 4.5 to 1 on every background; edges of controls have 3 to 1. */
TEST_CASE(each_role_of_a_colour_can_be_read_in_both_schemes)
{
    static const char *const papers[PAPERS] = {"--paper:", "--raised:", "--ground:"};
    static const char *const words[] = {"--ink:", "--soft:", "--good:", "--warn:", "--bad:"};
    for (unsigned dark = 0; dark < 2; dark++) {
        const char *base = scheme_of(base_css, dark == 1);
        struct colour paper = named(base, "--paper:");
        for (unsigned i = 0; i < PAPERS; i++) {
            struct colour under = named(base, papers[i]);
            for (unsigned n = 0; n < sizeof(words) / sizeof(words[0]); n++)
                assert_true(contrast(named(base, words[n]), under) >= AA);
            assert_true(contrast(named(base, "--edge:"), under) >= 3.0);
        }
        for (unsigned n = 2; n < 5; n++)
            assert_true(contrast(named(base, words[n]), washed(named(base, words[n]), paper)) >=
                        AA);
    }
}
