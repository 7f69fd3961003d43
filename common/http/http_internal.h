/* http_internal.h: what the files of this folder share.
 *
 * A waiting connection, idle or a stream, is one struct http_conn and nothing more (under 0.4 KB).
 * The parser and buffers of a request are a struct http_req, taken from the server's pool with the
 * first byte and returned with the answer. */
#ifndef FG_HTTP_HTTP_INTERNAL_H
#define FG_HTTP_HTTP_INTERNAL_H

#include "base/ip.h"
#include "base/magic.h"
#include "http/http.h"
#include "http/http_server.h"
#include "system/panic.h"

#include <assert.h>
#include <llhttp.h>
#include <sys/uio.h>

enum {
    /* Initial buffer of a request; fits nearly every request, or sixteen pipelined polls. */
    HTTP_BUFFER_LEN = 4096,
    HTTP_HEADERS_CAP = 64,     /* header lines per request; limits.headers_max is at most this */
    HTTP_PARAMS_MAX = 4,       /* {parameters} in one route */
    HTTP_SEGMENTS_MAX = 16,    /* path segments the router matches */
    HTTP_POOL_REQS_MAX = 1024, /* idle struct http_req kept for reuse; more are freed */
    HTTP_BATCH_BYTES = 65536,  /* answers gathered for one write; a fuller batch is sent early */
    HTTP_BATCH_PIECES = 64,    /* pieces of one write: scratch runs and shared blobs in turn */
    HTTP_WRITE_MAX = 262144,   /* per call: a larger answer takes several turns ... */
    HTTP_READ_MAX = 32768,     /* ... as does a larger body; the kernel copies for 0.1 ms at most */
    HTTP_WASTE_MIN = 1048576,  /* larger blocks are freed off the loop */
    HTTP_COPY_MAX = 2048,      /* up to here copying a shared body is cheaper than a piece */
    HTTP_ACCEPTS_PER_TURN = 64, /* then other connections get their turn */
    HTTP_LISTEN_BACKLOG = 4096, /* the kernel's own limit on Debian; a burst waits there */
    HTTP_STREAM_PUMP = 1024,    /* streams served per loop turn, about 4 ms */
    HTTP_AGAIN_PER_TURN = 4,    /* interrupted connections that continue per loop turn ... */
    HTTP_AGAIN_US = 250,        /* ... and for how long */
    HTTP_TURN_US = 1000,        /* after this long a turn serves only one request per connection */
    HTTP_REQUESTS_A_LOOK = 8,   /* pipelined requests per clock read, which is not free */
    HTTP_STREAM_KEEPALIVE_MS = 15000, /* below the 30 s and 60 s at which proxies hang up */
    HTTP_USER_TIMEOUT_MS = 60000,     /* unacknowledged bytes this long mean the peer is dead */
    HTTP_UNSENT_MAX = 131072, /* unsent bytes in the kernel for a slow peer; beyond that we wait */
    HTTP_EMFILE_PAUSE_MS = 100, /* out of descriptors: let others close first */
    HTTP_LINGER_MS = 1000,      /* for the peer to read an error before the reset */
    HTTP_DATE_LEN = 29,         /* "Fri, 20 Nov 2026 07:14:00 GMT" */
    HTTP_OK_LEN = 23,           /* "HTTP/1.1 200 OK\r\nDate: " */
    HTTP_TICK_MS = 250,         /* how exact deadlines are */
    HTTP_WHEEL_SLOTS = 512,     /* 128 s ahead; connections with later deadlines are moved on */
};

/* ---- http_parse.c ---- */

/* Places in a request are offsets from its first byte, so that its buffer may move. */
struct http_place {
    uint32_t at;
    uint32_t len;
};

struct http_field {
    struct http_place name;
    struct http_place value;
};

enum http_parse_result {
    HTTP_PARSE_MORE,  /* all bytes used, the request is incomplete */
    HTTP_PARSE_HEAD,  /* the head is complete and valid; the body is next (may be empty) */
    HTTP_PARSE_DONE,  /* a chunked body is complete */
    HTTP_PARSE_ERROR, /* parser->status and ->reason have the details */
};

struct http_parser {
    llhttp_t llhttp;
    const char *base;  /* the request's first byte, for the current call */
    uint32_t head_len; /* including the empty line; 0 until complete */
    uint32_t body_len; /* chunked: bytes decoded so far, placed right after the head */
    uint32_t raw_len;  /* chunked: encoded bytes consumed so far */
    uint64_t content_length;
    struct http_place url;
    struct http_place path;
    struct http_place query;
    uint8_t known[HTTP_HEADER_COUNT]; /* 1 + index in fields; 0: absent */
    uint8_t fields_len;
    uint8_t fields_max;
    bool field_open; /* a name was read whose value is incomplete */
    bool chunked;
    bool keep_alive;
    bool query_there;
    enum http_method method;
    bool is_head;
    unsigned status; /* for HTTP_PARSE_ERROR */
    const char *reason;
    uint32_t url_max;
    struct http_field fields[HTTP_HEADERS_CAP];
};

void http_parser_begin(struct http_parser *parser, const struct http_limits *limits);
/* Reads the head from base[from..len); base is the request's first byte. */
enum http_parse_result http_parser_head(struct http_parser *parser, const char *base, uint32_t from,
                                        uint32_t len);
/* Reads the chunked bytes base[from..len) and moves the decoded ones to the end of the body, which
 * follows the head. On HTTP_PARSE_DONE *used is the offset behind the request. */
enum http_parse_result http_parser_chunked(struct http_parser *parser, char *base, uint32_t from,
                                           uint32_t len, uint32_t *used);

/* ---- http_router.c ---- */

struct http_match {
    const struct http_route *route; /* NULL: see status */
    unsigned status;                /* 404, 405, or 204 for an OPTIONS answered from the table */
    uint32_t allow;                 /* bit per enum http_method; HEAD goes with GET */
    unsigned params_len;
    struct span params[HTTP_PARAMS_MAX];
};

void http_router_find(const struct http_router *router, enum http_method method, struct span path,
                      struct http_match *match);
/* Returns false if the guard has answered. */
bool http_router_pass(const struct http_router *router, struct http_req *req);
void http_allow_write(uint32_t allow, struct text *out);

/* ---- requests and connections ---- */

enum http_req_phase {
    HTTP_REQ_HEAD,    /* reading the head */
    HTTP_REQ_AGAIN,   /* complete and identical to the previous request: already parsed */
    HTTP_REQ_BODY,    /* reading the body */
    HTTP_REQ_HANDLER, /* with the handler */
};

struct http_req {
    uint32_t magic;         /* set while it is out of the pool */
    struct http_conn *conn; /* NULL: the visitor has disconnected; the answer is dropped */
    struct http_server *server;
    enum http_req_phase phase;
    bool answered;
    bool addr_known;
    bool repeats; /* same bytes as the previous one on this connection */
    bool trusted; /* copied from the peer, as the request may outlive its connection */
    bool has_note;
    uint8_t peer[16];
    struct http_match match;
    uint8_t addr[16];
    uint8_t note[HTTP_NOTE_BYTES];
    uint64_t started_us;
    uint64_t serial;
    char *buffer; /* owned: `inline_buffer` or allocated */
    uint32_t cap;
    uint32_t len;          /* bytes in the buffer */
    uint32_t start;        /* where the current request begins; earlier ones are answered */
    uint32_t parsed;       /* how far the parser has read, from start */
    uint32_t end;          /* where the request ends, once complete */
    struct http_req *next; /* in the pool */
    struct http_room *rooms;
    struct http_parser parser;
    char inline_buffer[HTTP_BUFFER_LEN];
};

MAGIC(http_req, 0x6e7c0001);

/* The rest of a short write: whole answers in order, sent before anything else. */
struct http_left {
    uint32_t count;
    uint32_t first;
    struct {
        struct http_blob *blob;
        uint32_t at;
    } piece[HTTP_BATCH_PIECES];
};

struct http_conn {
    uv_poll_t poll;
    struct http_server *server;
    struct http_req *req;   /* NULL: idle or a stream */
    struct http_left *left; /* NULL: everything is sent */
    struct http_conn *wheel_prev, *wheel_next;
    struct http_channel *channel;            /* non-NULL: a stream */
    struct http_conn *ring_prev, *ring_next; /* of its channel, or of those interrupted */
    uint32_t magic;
    uint32_t stream_version;
    uint64_t deadline_ms; /* on the loop's clock; checked only when the wheel reaches its slot */
    uint64_t visitor;     /* of a counted stream; 0: not counted */
    int fd;
    uint8_t peer[16];
    uint16_t slot;   /* its slot in the wheel */
    uint8_t watched; /* UV_READABLE, UV_WRITABLE: what is watched for now */
    bool trusted;    /* the peer is a proxy with trusted headers */
    bool closing;
    bool failed;      /* a write failed */
    bool close_after; /* close once everything is sent */
    bool broken;      /* and there may be unread bytes: linger, or the reset destroys the answer */
    bool lingering;   /* everything is sent; further input is discarded */
    bool in_wheel;
    bool in_again;
    bool filled; /* its last read filled the buffer: there may be more */
};

MAGIC(http_conn, 0x6e7c0002);

/* Answers of one turn for one connection, gathered for one write. */
struct http_batch {
    struct http_conn *conn; /* NULL: none open */
    void (*flush)(struct http_conn *conn);
    uint32_t pieces;
    uint32_t run_at; /* scratch bytes from here are not yet a piece */
    uint32_t len;    /* scratch used */
    size_t taken;    /* bytes of this turn, including those sent early */
    struct iovec piece[HTTP_BATCH_PIECES];
    struct http_blob *blob[HTTP_BATCH_PIECES]; /* NULL: scratch */
    char scratch[HTTP_BATCH_BYTES];
};

struct http_wheel {
    struct http_conn *slot[HTTP_WHEEL_SLOTS];
    uint64_t at; /* the last tick that was swept */
};

struct http_server {
    uint32_t magic;
    struct http_server_conf conf;
    uv_poll_t listener;
    uv_timer_t tick;
    uv_timer_t resume; /* accepting again after EMFILE */
    uv_prepare_t turn; /* before each poll: drops the turn's cached clock */
    uv_idle_t more;    /* active while connections or streams wait for their next turn */
    int listen_fd;
    uint16_t port;
    struct ip_nets trusted;
    const char *client_ip_header; /* "": X-Forwarded-For */
    struct http_stats stats;
    struct http_req *pool;
    uint32_t pool_len;
    struct http_batch batch;
    struct http_wheel wheel;
    struct http_peers *peers;    /* connections by address; NULL: no limit */
    struct http_peers *visitors; /* streams by visitor; NULL until the first is counted */
    struct http_channel *channels;
    struct http_conn *again; /* the ring of those whose turn was cut short: the first one */
    uint64_t turn_us;        /* 0: not read in this turn */
    uint64_t late_us;        /* from here on pipelined requests wait for their next turn */
    uint64_t late_soon_us;   /* half-way to late_us */
    uint64_t serials;        /* number of requests so far */
    uint64_t date_s;
    char ok[HTTP_OK_LEN + HTTP_DATE_LEN]; /* the start of each 200, up to the end of its Date */
    uint32_t handles_open;
    uint32_t conns_open;
    bool listening;
    bool draining;
    bool closing;
    bool more_runs;
    bool late_soon; /* late_soon_us had passed at the last clock read */
    uv_timer_t drain_timer;
    void (*on_drained)(void *ctx);
    void *drained_ctx;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

MAGIC(http_server, 0x6e7c0003);

static inline void http_count(_Atomic uint64_t *counter, uint64_t by)
{
    /* relaxed, separate load and store: one loop writes, others only read */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

/* ---- http_conn.c ---- */

/* A ring of connections, named by its first one, NULL if it is empty. The last one precedes it. */
void http_ring_add(struct http_conn **first, struct http_conn *conn); /* as the last */
void http_ring_remove(struct http_conn **first, struct http_conn *conn);
void http_conn_open(struct http_server *server, int fd, const uint8_t peer[16]);
void http_conn_close(struct http_conn *conn);
/* Writes the batch. A failed connection is only marked and is closed at the end of its turn, so
 * that nothing is freed under a handler. */
void http_conn_flush(struct http_conn *conn);
/* Opens the server's one batch for this connection. Returns the interrupted connection or NULL. */
struct http_conn *http_conn_turn_begin(struct http_conn *conn);
/* Sends, decides how the connection continues, and gives the batch back to `before`. */
void http_conn_turn_end(struct http_conn *conn, struct http_conn *before);
/* Its request was answered outside its own turn: continues with the bytes in the buffer. */
void http_conn_continue(struct http_conn *conn);
void http_conn_timed_out(struct http_conn *conn);
void http_conn_again(struct http_conn *conn); /* its turn was cut short: runs the next part */
bool http_conn_is_silent(const struct http_conn *conn); /* nothing to answer, read or send */
/* Sends shared bytes now and keeps the rest; false if the connection is being closed. */
bool http_conn_send_blob(struct http_conn *conn, struct http_blob *blob);

/* ---- http_req.c ---- */

/* A panic_describe for a request: its route as registered, never data from the visitor. */
void http_req_describe(struct panic_text *text, const void *req);
void http_req_leave_rooms(struct http_req *req);

/* ---- http_wheel.c ---- */

void http_wheel_init(struct http_wheel *wheel, uint64_t now_ms);
/* Links it into the slot of its deadline_ms. */
void http_wheel_link(struct http_wheel *wheel, struct http_conn *conn);
void http_wheel_unlink(struct http_wheel *wheel, struct http_conn *conn);
/* Unlinks each connection past its deadline and calls on_due, which may link it again. */
void http_wheel_sweep(struct http_wheel *wheel, uint64_t now_ms,
                      void (*on_due)(struct http_conn *conn));

/* ---- http_batch.c ---- */

/* Makes room for `len` contiguous bytes, at most HTTP_BATCH_BYTES, and for one piece after them. */
void http_batch_room(struct http_batch *batch, size_t len);
void http_batch_add(struct http_batch *batch, const char *bytes, size_t len);
void http_batch_blob(struct http_batch *batch, struct http_blob *blob, uint32_t len);
/* Drops a reference; returns true if it was the last and the caller must free the blob. */
bool http_blob_leave(struct http_blob *blob);
/* Turns the open scratch run into a piece. */
void http_batch_seal(struct http_batch *batch);

/* ---- http_reply.c ---- */

/* An answer in progress. It is late if given outside its connection's own turn. */
struct http_answer {
    bool late;
    struct http_conn *before; /* whose turn was interrupted, if any */
};

/* Returns false if the visitor has disconnected; the request was returned to the pool. */
bool http_answer_begin(struct http_req *req, struct http_answer *answer);
/* The head of a stream answers the request, which is returned to the pool. If it ends, there is
 * nothing after the head and the first blob. */
void http_answer_stream(struct http_req *req, const struct http_answer *answer, bool ends);
void http_answer_end_turn(struct http_conn *conn, const struct http_answer *answer);
void http_reply_error(struct http_req *req, unsigned status, const char *reason);

/* ---- http_cors.c ---- */

/* Adds the CORS headers, if the server has a list of origins. */
void http_cors_add(const struct http_req *req, struct http_batch *batch);
/* Answers a CORS preflight; returns true if this was one. */
bool http_cors_preflight(struct http_req *req);

/* ---- http_server.c ---- */

void http_server_conn_gone(struct http_server *server);
void http_server_let_go(struct http_server *server);  /* drops one of handles_open, may free */
void http_server_more(struct http_server *server);    /* some work was cut short */
bool http_server_is_late(struct http_server *server); /* others have waited long enough */
struct http_req *http_server_take_req(struct http_server *server);
void http_server_give_req(struct http_server *server, struct http_req *req);
/* server->ok with the current Date, which begins at HTTP_OK_LEN. */
const char *http_server_ok(struct http_server *server);

/* ---- http_stream.c ---- */

void http_stream_left(struct http_conn *conn);    /* leaves its channel */
void http_stream_drained(struct http_conn *conn); /* all is sent: sends a newer version if any */
void http_stream_end_all(struct http_server *server);
void http_stream_beat(struct http_server *server); /* keepalives for quiet streams */
bool http_stream_pump(struct http_server *server); /* true: more remains for the next turn */

#endif
