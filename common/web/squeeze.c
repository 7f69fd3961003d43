/* squeeze.c: two kinds of compression.
 *
 * Content that is compressed once gets the highest quality: some 100 KB of text take a third of a
 * second, on a thread of their own (site.c). A page for one visitor gets zlib's level 4, the first
 * that searches for long repetitions. For a page of 10 KB the result is one per cent larger than
 * the best, in three quarters of the time.
 *
 * Tried and dropped: compressing the fixed parts of a page at start and inserting the gaps' content
 * uncompressed. That costs a request next to nothing, but matches cannot cross a gap: with 30 gaps
 * a page was twice as long. */
#include "squeeze.h"

#include <assert.h>
#include <brotli/encode.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    GZIP_WINDOW = 15 + 16, /* +16: a gzip head, not a zlib one */
    QUICK_LEVEL = 4,
    MEMORY_LEVEL = 8,
    BROTLI_WINDOW_MAX = 22,   /* four megabytes: a whole large plan */
    BROTLI_WINDOW_APART = 16, /* bytes of a window that matches cannot reach */
};

struct http_blob *squeeze_gzip(struct span text, int level)
{
    assert(text.len <= UINT_MAX); /* zlib counts in unsigned */
    z_stream stream = {0};
    if (deflateInit2(&stream, level, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    uLong cap = deflateBound(&stream, text.len);
    struct http_blob *blob = NULL;
    Bytef *packed = malloc(cap);
    stream.next_in = (Bytef *)(uintptr_t)text.ptr;
    stream.avail_in = (uInt)text.len;
    stream.next_out = packed;
    stream.avail_out = (uInt)cap;
    if (packed != NULL && deflate(&stream, Z_FINISH) == Z_STREAM_END)
        blob = http_blob_create((struct span){(const char *)packed, stream.total_out});
    deflateEnd(&stream);
    free(packed);
    return blob;
}

/* The smallest window that covers the text: the encoder initializes memory of its size, and the
 * largest takes longer than a page. */
static int brotli_window(size_t len)
{
    int bits = BROTLI_MIN_WINDOW_BITS;
    while (bits < BROTLI_WINDOW_MAX && ((size_t)1 << bits) < len + BROTLI_WINDOW_APART)
        bits++;
    assert(bits >= BROTLI_MIN_WINDOW_BITS && bits <= BROTLI_MAX_WINDOW_BITS);
    return bits;
}

struct http_blob *squeeze_brotli(struct span text, int quality)
{
    size_t len = BrotliEncoderMaxCompressedSize(text.len);
    struct http_blob *blob = NULL;
    uint8_t *packed = malloc(len);
    if (packed != NULL &&
        BrotliEncoderCompress(quality, brotli_window(text.len), BROTLI_MODE_TEXT, text.len,
                              (const uint8_t *)text.ptr, &len, packed) == BROTLI_TRUE)
        blob = http_blob_create((struct span){(const char *)packed, len});
    free(packed);
    return blob;
}

/* Removes "// ..." in scripts; in styles, comments that open at a line's start and close at the end
 * of that or a later line. Anything else may be part of a string. */
void squeeze_comments(struct span source, struct text *out)
{
    bool inside = false;
    while (source.ptr != NULL) {
        struct span line, rest = span_cut(source, '\n', &line);
        struct span text = span_trim(line);
        bool opens = span_starts(text, SPAN("/* "));
        bool closes = text.len >= 2 && memcmp(text.ptr + text.len - 2, "*/", 2) == 0;
        if (!inside && !opens && !span_starts(text, SPAN("// "))) {
            text_put(out, line);
            if (rest.ptr != NULL)
                text_char(out, '\n');
        }
        inside = (inside || opens) && !closes;
        source = rest;
    }
}

struct squeezer {
    z_stream stream;
};

int squeezer_create(struct err_slot *err, struct squeezer **out)
{
    struct squeezer *squeezer = calloc(1, sizeof(*squeezer));
    if (squeezer == NULL || deflateInit2(&squeezer->stream, QUICK_LEVEL, Z_DEFLATED, GZIP_WINDOW,
                                         MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(squeezer);
        return err_set(err, ERR_NOMEM, "a compressor for pages");
    }
    *out = squeezer;
    return 0;
}

bool squeezer_gzip(struct squeezer *squeezer, struct span text, struct text *out)
{
    z_stream *stream = &squeezer->stream;
    int rc = deflateReset(stream);
    assert(rc == Z_OK);
    stream->next_in = (Bytef *)(uintptr_t)text.ptr;
    stream->avail_in = (uInt)text.len;
    stream->next_out = (Bytef *)out->ptr + out->len;
    stream->avail_out = (uInt)(out->cap - out->len);
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        return false;
    out->len += stream->total_out;
    return true;
}

void squeezer_destroy(struct squeezer *squeezer)
{
    if (squeezer == NULL)
        return;
    deflateEnd(&squeezer->stream);
    free(squeezer);
}
