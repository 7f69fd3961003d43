/* sse.h: reads a stream of server-sent events as it comes in pieces: the head of the answer, then
 * each event's data. Keeps nothing between two whole events, since a crowd has many streams. */
#ifndef FG_CROWD_SSE_H
#define FG_CROWD_SSE_H

#include "base/span.h"

struct sse {    /* all zero is a new one */
    char *rest; /* what is not yet a whole head or event; NULL while nothing is */
    uint32_t rest_len, rest_cap;
    uint32_t events;
    uint16_t status; /* of the answer; 0: its head is not complete */
};

/* The data of each event that the bytes complete; comments and events without data are passed over.
 * False if it is no answer, none with 200, or an event is longer than SSE_EVENT_MAX. */
bool sse_feed(struct sse *sse, struct span bytes, void (*on_data)(void *ctx, struct span data),
              void *ctx);
void sse_deinit(struct sse *sse);

#endif
