/* qr.h: text as a QR code, as SVG. */
#ifndef FG_WEB_QR_H
#define FG_WEB_QR_H

#include "base/err.h"
#include "base/text.h"

/* Appends a whole <svg> without an XML head, one path, sized by its viewBox. */
int qr_svg(struct span content, struct err_slot *err, struct text *out);

#endif
