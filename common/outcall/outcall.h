/* outcall.h: calls to other programs, over HTTP and SMTP, on a loop: libcurl's multi interface with
 * kept connections. Each call is bounded in time and size and answered exactly once, on the loop,
 * never from within outcall_send(). */
#ifndef FG_OUTCALL_OUTCALL_H
#define FG_OUTCALL_OUTCALL_H

#include "base/err.h"
#include "base/span.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

enum {
    OUTCALL_REPLY_MAX = 1024 * 1024, /* lists come in pages, of fewer items if one is longer */
    OUTCALL_UNDER_WAY_MAX = 2048,    /* more than any loop needs at once */
    OUTCALL_PER_HOST_MAX = 64,       /* connections; more would not help a peer with a few cores */
    OUTCALL_CONNECT_MS = 2000,       /* a peer in the same building answers much faster */
    OUTCALL_HEADERS_MAX = 12,
};

struct outcalls;
struct text;

struct outcall_stats {
    _Atomic uint64_t sent, answered, failed, refused;
    _Atomic uint64_t under_way; /* gauge */
};

/* tls_ca: a file of certificates to trust instead of the system's; NULL or "": the system's. */
int outcalls_create(uv_loop_t *loop, const char *tls_ca, struct err_slot *err,
                    struct outcalls **out);
/* Answers open calls with ERR_CLOSED; the loop frees the memory. */
void outcalls_close(struct outcalls *outcalls);
const struct outcall_stats *outcalls_stats(const struct outcalls *outcalls);

struct outcall_answer {
    /* 0: a whole answer arrived. ERR_TIMEOUT, ERR_PEER (connection, TLS, cut body), ERR_RANGE (too
     * long), ERR_FULL and ERR_CLOSED (never sent), ERR_NOMEM (may have been sent, and answered). */
    int rc;
    unsigned status;
    struct span body;       /* borrowed during the call */
    uint32_t retry_after_s; /* 0: missing */
    uint64_t date_s;        /* the peer's clock; 0: missing */
    bool replayed;          /* Idempotent-Replayed: true */
    bool sender_accepted;   /* for a mail: the server accepted MAIL FROM and got RCPT TO */
    uint32_t took_us;
    char why[128]; /* with rc < 0, for the log */
};

typedef void outcall_on_done(void *ctx, const struct outcall_answer *answer);

struct outcall {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *headers[OUTCALL_HEADERS_MAX]; /* "Name: value"; NULL-ended or full */
    struct span body;                         /* copied */
    uint32_t timeout_ms;
    size_t reply_max; /* 0: OUTCALL_REPLY_MAX */
    outcall_on_done *on_done;
    void *ctx;
};

/* The call's strings are copied. */
void outcall_send(struct outcalls *outcalls, const struct outcall *call);

struct outcall_mail {
    const char *url;             /* "smtp://127.0.0.1:2525" or smtps:// */
    const char *user, *password; /* NULL: none */
    bool tls_required;
    const char *from, *to;      /* addresses alone */
    const char *const *headers; /* "Name: value", ended by NULL; MIME headers are added */
    struct span text;           /* text/plain in UTF-8; copied, as all here */
    struct span html;           /* text/html with the same content; may be empty */
    uint32_t timeout_ms;
    outcall_on_done *on_done; /* status is the SMTP code */
    void *ctx;
};

void outcall_send_mail(struct outcalls *outcalls, const struct outcall_mail *mail);

/* Percent-encodes all but unreserved characters. */
void outcall_escape(struct text *text, struct span value);

#endif
