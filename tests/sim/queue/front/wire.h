/* wire.h: HTTP without a network. It replaces common/http's connections, server and streams; the
 * product's own code reads a request, finds its handler and writes the response. A program that
 * links this has no other server. */
#ifndef FG_SIM_QUEUE_FRONT_WIRE_H
#define FG_SIM_QUEUE_FRONT_WIRE_H

#include "base/clock.h"
#include "http/http.h"

/* `loop_ctx` is http_req_loop_ctx() of its requests. It must stay, since killed processes leave
 * requests. */
struct http_server *wire_server(const struct clock *clock, void *loop_ctx);

enum { WIRE_REQUEST_MAX = 4096 };

struct wire_ask {
    const struct http_router *routes;
    uint8_t addr[16];
    struct span request; /* copied */
    /* Called perhaps before wire_request() returns, or never. */
    void (*on_answer)(void *ctx, struct span answer);
    void *ctx;
};

void wire_request(struct http_server *server, const struct wire_ask *ask);

#endif
