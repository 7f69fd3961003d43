/* squeeze.h: compresses texts: as small as possible, once, at start; and quickly, without
 * allocation, for pages rendered for one visitor. */
#ifndef FG_WEB_SQUEEZE_H
#define FG_WEB_SQUEEZE_H

#include "base/err.h"
#include "base/text.h"
#include "http/http.h"

/* NULL: no memory. The blob is the caller's. Both are slow: milliseconds for a page, seconds for
 * megabytes at the highest quality. */
struct http_blob *squeeze_gzip(struct span text, int level);     /* 1 quick .. 9 small */
struct http_blob *squeeze_brotli(struct span text, int quality); /* 0 quick .. 11 small */

/* Appends a script or a style without its comment lines. */
void squeeze_comments(struct span source, struct text *out);

/* A compressor for one loop, reused for each page. */
struct squeezer;
int squeezer_create(struct err_slot *err, struct squeezer **out);
/* Appends the text as one gzip member; false: no room, and nothing was appended. */
bool squeezer_gzip(struct squeezer *squeezer, struct span text, struct text *out);
void squeezer_destroy(struct squeezer *squeezer);

#endif
