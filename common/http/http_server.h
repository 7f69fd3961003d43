/* http_server.h: an HTTP/1.1 server on one libuv loop.
 *
 * To use several cores, run one loop per thread and one server per loop on the same address: the
 * kernel spreads connections (SO_REUSEPORT), and the servers share only the router. Set `alone` on
 * the first, or a second process that was started by mistake would take part of the connections. */
#ifndef FG_HTTP_HTTP_SERVER_H
#define FG_HTTP_HTTP_SERVER_H

#include "base/clock.h"
#include "http/http.h"

#include <stdatomic.h>
#include <uv.h>

/* Limits of one server; http_limits_default() gives the reasons. */
struct http_limits {
    uint32_t connections_max;
    uint32_t connections_per_addr_max; /* 0: no limit; by the peer's address, not by a header */
    uint32_t head_bytes_max;           /* request line and headers: 431 beyond */
    uint32_t url_bytes_max;            /* 414 beyond */
    uint32_t headers_max;              /* lines: 431 beyond */
    uint32_t head_timeout_ms;          /* for the whole head, from its first byte: 408 */
    uint32_t body_timeout_ms;          /* for the whole body: 408 */
    uint32_t idle_timeout_ms;          /* between requests */
    uint32_t write_timeout_ms; /* a reader that takes nothing for this long is disconnected */
    uint32_t
        requests_per_turn_max;   /* pipelined requests, before other connections get their turn */
    uint32_t bytes_per_turn_max; /* bytes of their answers: pages end a turn earlier than polls */
};

struct http_limits http_limits_default(void);

enum { HTTP_ORIGIN_MAX = 260 }; /* a host's name and its port */

/* "http://localhost:8091": scheme, host, perhaps a port, nothing else. */
bool http_origin_ok(struct span origin);
/* A list for http_server_conf.origins; the error names an entry that is not an origin. */
int http_origins_check(struct span list, struct err_slot *err);

/* Written by the loop of the server, read by any thread. */
struct http_stats {
    _Atomic uint64_t accepted;
    _Atomic uint64_t refused; /* over a connection limit */
    _Atomic uint64_t requests;
    _Atomic uint64_t status[6]; /* answers by class: [2] counts 2xx */
    _Atomic uint64_t malformed; /* 400s from the parser */
    _Atomic uint64_t timeouts;  /* slow heads, bodies, readers */
    _Atomic uint64_t bytes_in;
    _Atomic uint64_t bytes_out;
    _Atomic uint64_t writes;       /* send calls */
    _Atomic uint64_t connections;  /* open now */
    _Atomic uint64_t streams;      /* open now */
    _Atomic uint64_t stream_skips; /* versions skipped for slow readers */
};

struct http_server_conf {
    uv_loop_t *loop;
    const struct http_router *router; /* borrowed until on_closed of http_server_close() */
    const char *host;                 /* "127.0.0.1", "::", ...: numeric only */
    uint16_t port;                    /* 0: any; see http_server_port() */
    bool alone; /* fail if the address is in use; later servers may still share it */
    struct http_limits limits;
    const struct clock *clock; /* NULL: clock_system() */
    /* "10.0.0.0/8,127.0.0.1,/etc/fairgate/cdn.lst": proxies whose headers about the visitor are
     * trusted (ip_nets_load()). NULL: none. */
    const char *trusted_proxies;
    const char *client_ip_header; /* the header they set; NULL: X-Forwarded-For. Borrowed. */
    /* "https://console.example,http://localhost:8091": origins whose pages may call this server and
     * read its answers; borrowed. NULL: none, and no CORS headers. */
    const char *origins;
    void *loop_ctx; /* http_req_loop_ctx() */
    /* Called once per answered request (may be NULL): for the access log and latency metrics. */
    void (*on_answered)(void *loop_ctx, struct http_req *req, unsigned status, uint64_t took_us);
};

/* Listens at once. On success *out is the caller's, to end with http_server_close(). */
int http_server_create(const struct http_server_conf *conf, struct err_slot *err,
                       struct http_server **out);
uint16_t http_server_port(const struct http_server *server);
const struct http_stats *http_server_stats(const struct http_server *server);
/* The clocks as of their first read in this loop turn: cheap enough for each request. */
uint64_t http_server_now_us(struct http_server *server);  /* monotonic */
uint64_t http_server_wall_s(struct http_server *server);  /* since 1970 */
struct span http_server_date(struct http_server *server); /* now, in the format of a Date header */

/* Stops accepting; idle connections close now, busy ones after their answer, streams end. Calls
 * on_drained when no connection is left or after timeout_ms, whichever is first. */
void http_server_drain(struct http_server *server, uint32_t timeout_ms,
                       void (*on_drained)(void *ctx), void *ctx);
/* Ends everything now. Calls on_closed (may be NULL) when the memory is freed. */
void http_server_close(struct http_server *server, void (*on_closed)(void *ctx), void *ctx);

#endif
