/* stream.h: a loop's open streams: changes in a hall, sent to everybody who is looking at it. */
#ifndef FG_SEAT_SERVICE_STREAM_H
#define FG_SEAT_SERVICE_STREAM_H

#include "loop/loop.h"
#include "loop/mark.h"

struct stream;

int stream_create(struct loop *loop, struct err_slot *err, struct stream **out);
void stream_destroy(struct stream *stream);
void stream_close(struct stream *stream); /* ends all channels */

/* The event's channel on this loop, made when the first reader comes; NULL if it cannot be. */
struct http_channel *stream_channel(struct stream *stream, const struct event *event);
/* One SSE event: what has changed after `since`, or word to fetch the whole availability again. The
 * caller gets a reference. */
struct http_blob *stream_delta(struct stream *stream, const struct event *event,
                               const struct mark *since);
/* Each tick: sends the event's readers what has changed since the last one. */
void stream_send(struct stream *stream, struct event *event);
/* The event of that number is not shown: its streams end, and readers come again. */
void stream_end(struct stream *stream, uint32_t nth);

#endif
