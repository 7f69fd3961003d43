/* qr.c: draws libqrencode's modules as one SVG path.
 *
 * A run of dark modules in a row becomes one stroke, a tenth of the bytes of a rectangle per
 * module. Error correction is level M: a phone's screen is clean, and a code with fewer modules
 * scans faster at a door. */
#include "qr.h"

#include <qrencode.h>
#include <stdio.h>

enum { QUIET = 4, CONTENT_MAX = 1024, MASK = 2 };

/* Not in libqrencode's header, whose functions draw and weigh all eight masks: nearly all of their
 * work. Scanners read any mask; of one for all texts this is the best. */
QRcode *QRcode_encodeMask(QRinput *input, int mask);

/* By hand: printf would take longer than computing the code. */
static void put_run(struct text *out, unsigned x, unsigned y, unsigned len)
{
    text_char(out, 'M');
    text_u64(out, x);
    text_char(out, ' ');
    text_u64(out, y);
    text_char(out, 'h');
    text_u64(out, len);
    TEXT_LIT(out, "v1h-");
    text_u64(out, len);
    text_char(out, 'z');
}

static void put_row(struct text *out, const unsigned char *row, int width, int y)
{
    for (int x = 0; x < width;) {
        int from = x;
        while (x < width && (row[x] & 1))
            x++;
        if (x > from)
            put_run(out, (unsigned)(from + QUIET), (unsigned)(y + QUIET), (unsigned)(x - from));
        while (x < width && !(row[x] & 1))
            x++;
    }
}

int qr_svg(struct span content, struct err_slot *err, struct text *out)
{
    QRinput *input = content.len < CONTENT_MAX ? QRinput_new2(0, QR_ECLEVEL_M) : NULL;
    bool taken = input != NULL && QRinput_append(input, QR_MODE_8, (int)content.len,
                                                 (const unsigned char *)content.ptr) == 0;
    QRcode *code = taken ? QRcode_encodeMask(input, MASK) : NULL;
    QRinput_free(input);
    if (code == NULL)
        return err_set(err, ERR_RANGE, "QR code of %zu bytes", content.len);
    int side = code->width + 2 * QUIET;
    text_printf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
        "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"",
        side, side, side, side);
    for (int y = 0; y < code->width; y++)
        put_row(out, code->data + y * code->width, code->width, y);
    TEXT_LIT(out, "\"/></svg>");
    QRcode_free(code);
    return out->overflown ? err_set(err, ERR_FULL, "QR code as SVG") : 0;
}
