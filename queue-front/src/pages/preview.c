/* preview.c: our picture has a palette of sixteen steps from one colour to another
 * (infra/preview.js draws it), so to give it the operator's colours is to write 48 bytes and their
 * checksum: nothing is drawn or compressed at start. It is for the programs of messengers and
 * networks that look at a link; a visitor's browser never fetches it. There are no words in it:
 * they fetch one picture for readers of all languages. */
#include "pages/preview.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const char drawing[] =
#include "queue-front/web/preview.png.inc"
    ;

/* A PNG is its signature of 8 bytes and chunks: length, name, data, and a checksum of the last two.
 * First stands the one with the size, of 25 bytes; ours has the palette next. */
enum {
    LEVELS = 16,
    NAME_AT = 8 + 25 + 4,
    NAME_LEN = 4,
    PALETTE_AT = NAME_AT + NAME_LEN,
    PALETTE_LEN = 3 * LEVELS,
    SUM_AT = PALETTE_AT + PALETTE_LEN,
    DRAWING_LEN = sizeof(drawing) - 1
};
static_assert((int)DRAWING_LEN > (int)SUM_AT, "the drawing has no palette");

/* "#rrggbb" or "#rgb" */
static void parse(const char *colour, unsigned out[3])
{
    unsigned value = (unsigned)strtoul(colour + 1, NULL, 16);
    bool is_short = strlen(colour) == 4;
    for (unsigned i = 0; i < 3; i++)
        out[i] = is_short ? 17 * (value >> (8 - 4 * i) & 15) : value >> (16 - 8 * i) & 255;
}

static void paint(char *png, struct brand_colours colours)
{
    unsigned ground[3], ink[3];
    parse(colours.signal, ground);
    parse(colours.on_signal, ink);
    unsigned char *palette = (unsigned char *)png + PALETTE_AT;
    for (unsigned level = 0; level < LEVELS; level++) {
        for (unsigned i = 0; i < 3; i++)
            palette[3 * level + i] =
                (unsigned char)((ground[i] * (LEVELS - 1 - level) + ink[i] * level) / (LEVELS - 1));
    }
    uLong sum = crc32(0, (const unsigned char *)png + NAME_AT, NAME_LEN + PALETTE_LEN);
    for (unsigned i = 0; i < 4; i++)
        png[SUM_AT + i] = (char)(sum >> (24 - 8 * i) & 255);
}

int preview_make(const struct brand_settings *brand, struct err_slot *err, struct http_blob **out)
{
    struct brand *loaded;
    int rc = brand_load(brand, err, &loaded);
    if (rc < 0)
        return rc;
    struct span picture = brand_preview(loaded);
    char ours[DRAWING_LEN];
    if (picture.len == 0) {
        assert(memcmp(drawing + NAME_AT, "PLTE", NAME_LEN) == 0);
        memcpy(ours, drawing, DRAWING_LEN);
        paint(ours, brand_colours(loaded, BRAND_LIGHT));
        picture = (struct span){ours, DRAWING_LEN};
    }
    *out = http_blob_create(picture);
    brand_destroy(loaded);
    return *out != NULL ? 0 : err_set(err, ERR_NOMEM, "a picture of %zu bytes", picture.len);
}
