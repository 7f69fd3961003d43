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
    OUTCALL_UNDER_WAY_MAX = 2048,    /* more than any loop of ours has to ask at once */
    OUTCALL_PER_HOST_MAX = 64,       /* connections; a peer on a few cores gains from no more */
    OUTCALL_CONNECT_MS = 2000,       /* a peer in the same building answers a SYN in one */
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
/* Answers what is open with ERR_CLOSED; the loop frees the memory. */
void outcalls_close(struct outcalls *outcalls);
const struct outcall_stats *outcalls_stats(const struct outcalls *outcalls);

struct outcall_answer {
    /* 0: an answer came, whole. ERR_TIMEOUT, ERR_PEER (connection, TLS, cut body), ERR_RANGE (too
     * long), ERR_FULL and ERR_CLOSED (never sent), ERR_NOMEM (it may have been sent, and answered).
     */
    int rc;
    unsigned status;
    struct span body;       /* borrowed during the call */
    uint32_t retry_after_s; /* 0: missing */
    uint64_t date_s;        /* the peer's clock; 0: missing */
    bool replayed;          /* Idempotent-Replayed: true */
    bool sender_accepted;   /* of a mail: the server took MAIL FROM, and was asked for RCPT TO */
    uint32_t took_us;
    char why[128]; /* with rc < 0, for the log */
};

typedef void outcall_on_done(void *ctx, const struct outcall_answer *answer);

struct outcall {
    const char *method; /* NULL: GET, or POST where there is a body */
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
    const char *const *headers; /* "Name: value", ended by NULL; those of MIME come by themselves */
    struct span text;           /* text/plain in UTF-8; copied, as all here */
    struct span html;           /* text/html that says the same; may be empty */
    uint32_t timeout_ms;
    outcall_on_done *on_done; /* status is SMTP's */
    void *ctx;
};

void outcall_send_mail(struct outcalls *outcalls, const struct outcall_mail *mail);

/* Percent-encodes all but unreserved characters. */
void outcall_escape(struct text *text, struct span value);

#endif
