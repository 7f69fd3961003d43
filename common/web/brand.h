/* brand.h: how an operator makes the pages look like their own: a name, a logo, a colour and texts.
 * All three services take the same section, read at start:
 *
 *     [brand]
 *     name = "Seoul Arts"           # where there is no logo, and what the logo says
 *     logo = "/etc/fairgate/logo.svg"
 *     colour = "#7a1fa2"            # of what can be pressed
 *     dark_colour = "#d9a6f5"       # the same on dark screens; without it: made of colour
 *     preview = "/etc/fairgate/preview.png" # what a shared link is shown with: PNG, 1200 x 630
 *     texts = "/etc/fairgate/texts" # ko.txt, en.txt: other words; ja.txt: another language
 *
 * A language is one file for all three: the keys of each one's web/text.en after a line "[NAME]" of
 * the service, and, if operators read it too, those of console.en after "[console]".
 *
 * A colour that people could not read is made darker, or lighter on dark screens, until they can.
 * A text with an unknown key is an error, and so is an incomplete language: a page is never half in
 * another language. */
#ifndef FG_WEB_BRAND_H
#define FG_WEB_BRAND_H

#include "base/text.h"
#include "config/config.h"
#include "web/lang.h"

struct brand_settings {
    char name[CONFIG_STRING_MAX];
    char logo[CONFIG_STRING_MAX];
    char colour[CONFIG_STRING_MAX];
    char dark_colour[CONFIG_STRING_MAX];
    char preview[CONFIG_STRING_MAX];
    char texts[CONFIG_STRING_MAX];
};

/* The rows of a service's table; `at` is the offset of its struct brand_settings. */
#define BRAND_SETTING(at, member, max, help)                                                       \
    {                                                                                              \
        "brand", #member, CONFIG_STRING, (at) + offsetof(struct brand_settings, member), "", 0,    \
            max, NULL, help                                                                        \
    }
#define BRAND_SETTINGS(at)                                                                         \
    BRAND_SETTING(at, name, 80, "name shown on top of every page; empty: none"),                   \
        BRAND_SETTING(at, logo, 1000, "SVG, PNG or WebP file shown in its place; empty: none"),    \
        BRAND_SETTING(at, colour, 7,                                                               \
                      "colour of a visitor's own place and seats, #rrggbb; empty: ours"),          \
        BRAND_SETTING(at, dark_colour, 7, "the same on dark screens; empty: made of colour"),      \
        BRAND_SETTING(at, preview, 1000,                                                           \
                      "PNG file of 1200 x 630 that shared links are shown with; empty: ours"),     \
        BRAND_SETTING(at, texts, 1000, "folder of LANGUAGE.txt files with texts; empty: none")

enum brand_scheme { BRAND_LIGHT, BRAND_DARK, BRAND_SCHEMES };

/* Colours for documents without our style sheet, such as mails: #rrggbb, or #rgb. Defaults to
 * web/base.css. */
struct brand_colours {
    char signal[8], on_signal[8];
};

struct brand;

/* `settings` is borrowed; NULL: no branding. Adds the languages it finds. */
int brand_load(const struct brand_settings *settings, struct err_slot *err, struct brand **out);
/* Returns whether it would load. Adds no language. */
int brand_check(const struct brand_settings *settings, struct err_slot *err);
void brand_destroy(struct brand *brand);

struct span brand_name(const struct brand *brand);
struct span brand_logo(const struct brand *brand, const char **type); /* or not there */
struct span brand_preview(const struct brand *brand);                 /* or not there */
struct span brand_css(const struct brand *brand); /* to follow base.css; may be empty */
struct brand_colours brand_colours(const struct brand *brand, enum brand_scheme scheme);
struct span brand_texts(const struct brand *brand, enum lang lang); /* or not there */

#endif
