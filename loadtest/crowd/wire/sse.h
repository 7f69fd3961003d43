/* sse.h: reads a stream of server-sent events in pieces: the head of the answer, then each event's
 * data. Stores nothing between two whole events, since a crowd has many streams. */
#ifndef FG_CROWD_SSE_H
#define FG_CROWD_SSE_H

#include "base/span.h"

struct sse {    /* all zero: new */
    char *rest; /* an incomplete head or event; NULL: none */
    uint32_t rest_len, rest_cap;
    uint32_t events;
    uint16_t status; /* of the answer; 0: the head is incomplete */
};

/* Passes on the data of each event that the bytes complete; comments and events without data are
 * skipped. False if it is not an answer with status 200, or an event exceeds SSE_EVENT_MAX. */
bool sse_feed(struct sse *sse, struct span bytes, void (*on_data)(void *ctx, struct span data),
              void *ctx);
void sse_deinit(struct sse *sse);

#endif
