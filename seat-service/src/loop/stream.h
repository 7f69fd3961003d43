/* stream.h: a loop's open streams, which send seat changes to the readers of a hall. */
#ifndef FG_SEAT_SERVICE_STREAM_H
#define FG_SEAT_SERVICE_STREAM_H

#include "loop/loop.h"
#include "loop/mark.h"

struct stream;

int stream_create(struct loop *loop, struct err_slot *err, struct stream **out);
void stream_destroy(struct stream *stream);
void stream_close(struct stream *stream); /* ends all channels */

/* The event's channel on this loop, created for its first reader; NULL on failure. */
struct http_channel *stream_channel(struct stream *stream, const struct event *event);
/* One SSE event: the changes after `since`, or a request to fetch the whole availability again. The
 * caller gets a reference. */
struct http_blob *stream_delta(struct stream *stream, const struct event *event,
                               const struct mark *since);
/* Call each tick: sends the changes since the last one to the event's readers. */
void stream_send(struct stream *stream, struct event *event);
/* The event is no longer shown: ends its streams, and readers reconnect. */
void stream_end(struct stream *stream, uint32_t nth);

#endif
