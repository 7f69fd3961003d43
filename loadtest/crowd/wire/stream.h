/* stream.h: one open stream of events to a visitor, a few hundred bytes each. Belongs to one loop.
 */
#ifndef FG_CROWD_STREAM_H
#define FG_CROWD_STREAM_H

#include "wire/link.h"

struct stream;

struct stream_conf {
    struct link_conf link;
    struct span request; /* copied */
    /* Each callback may close the stream. */
    void (*on_data)(void *ctx, struct span data);
    void (*on_end)(void *ctx, unsigned status); /* ended by the peer; status 0: it never began */
    void *ctx;
};

/* NULL: it could not be started (no memory, no file). End it with stream_close(), also after
 * on_end. */
struct stream *stream_open(const struct stream_conf *conf);
/* A slow reader: input piles up in the kernel, and then at the service. */
void stream_doze(struct stream *stream);
void stream_wake(struct stream *stream);
void stream_close(struct stream *stream); /* silent from here on; NULL is fine */

#endif
