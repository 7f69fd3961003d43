/* http_batch.c: outgoing bytes. A blob is shared by all its senders and reference-counted. The
 * batch gathers the answers of one turn for one write: small ones are composed in its scratch
 * memory, a large blob is a piece of its own and is not copied. A full batch is sent early; the
 * connection does that, so the batch only knows its connection. */
#include "http/http_internal.h"

#include <stdlib.h>

struct http_blob *http_blob_room(size_t len)
{
    struct http_blob *blob = len <= UINT32_MAX ? malloc(sizeof(*blob) + len) : NULL;
    if (blob == NULL)
        return NULL;
    atomic_init(&blob->refs, 1);
    blob->len = (uint32_t)len;
    return blob;
}

struct http_blob *http_blob_create(struct span bytes)
{
    struct http_blob *blob = http_blob_room(bytes.len);
    if (blob != NULL && bytes.len > 0)
        memcpy(blob->bytes, bytes.ptr, bytes.len);
    return blob;
}

struct http_blob *http_blob_ref(struct http_blob *blob)
{
    /* relaxed: the caller holds a reference, so the count cannot reach 0 meanwhile */
    uint32_t before = atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
    assert(before > 0 && before < UINT32_MAX);
    return blob;
}

bool http_blob_leave(struct http_blob *blob)
{
    /* acq_rel: the thread that frees it must see all other reads as done */
    uint32_t before = atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    return before == 1;
}

void http_blob_unref(struct http_blob *blob)
{
    if (blob != NULL && http_blob_leave(blob))
        free(blob);
}

void http_batch_seal(struct http_batch *batch)
{
    assert(batch->run_at <= batch->len && batch->len <= HTTP_BATCH_BYTES);
    if (batch->len == batch->run_at)
        return;
    assert(batch->pieces < HTTP_BATCH_PIECES);
    batch->blob[batch->pieces] = NULL;
    batch->piece[batch->pieces].iov_base = batch->scratch + batch->run_at;
    batch->piece[batch->pieces++].iov_len = batch->len - batch->run_at;
    batch->run_at = batch->len;
}

static bool has_room(const struct http_batch *batch, size_t len)
{
    return len <= HTTP_BATCH_BYTES - batch->len && batch->pieces + 2 <= HTTP_BATCH_PIECES;
}

/* Sends the batch to make room. A slow connection keeps the bytes, so there is always room
 * after. */
void http_batch_room(struct http_batch *batch, size_t len)
{
    assert(len <= HTTP_BATCH_BYTES);
    if (!has_room(batch, len))
        batch->flush(batch->conn);
    assert(has_room(batch, len));
}

void http_batch_add(struct http_batch *batch, const char *bytes, size_t len)
{
    assert(batch->conn != NULL);
    while (len > 0) {
        http_batch_room(batch, len < HTTP_BATCH_BYTES ? len : HTTP_BATCH_BYTES);
        size_t part = len < HTTP_BATCH_BYTES - batch->len ? len : HTTP_BATCH_BYTES - batch->len;
        memcpy(batch->scratch + batch->len, bytes, part);
        batch->len += (uint32_t)part;
        batch->taken += part;
        bytes += part;
        len -= part;
    }
}

void http_batch_blob(struct http_batch *batch, struct http_blob *blob, uint32_t len)
{
    assert(len <= blob->len);
    if (len <= HTTP_COPY_MAX) {
        http_batch_add(batch, blob->bytes, len);
        return;
    }
    http_batch_room(batch, 0);
    http_batch_seal(batch);
    batch->blob[batch->pieces] = http_blob_ref(blob);
    batch->piece[batch->pieces].iov_base = blob->bytes;
    batch->piece[batch->pieces++].iov_len = len;
    batch->taken += len;
}
