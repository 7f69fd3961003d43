/* preview.h: the picture that a shared link to a waiting page is shown with, a PNG of 1200 x 630.
 */
#ifndef FG_QUEUE_FRONT_PREVIEW_H
#define FG_QUEUE_FRONT_PREVIEW_H

#include "http/http.h"
#include "web/brand.h"

#define PREVIEW_PATH "/assets/preview.png"

/* The operator's own, or ours in the operator's colours. The caller lets it go. */
int preview_make(const struct brand_settings *brand, struct err_slot *err, struct http_blob **out);

#endif
