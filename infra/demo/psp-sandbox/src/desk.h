/* desk.h: where calls from outside meet the bank: it checks the key in use, applies faults and
 * delays, runs the bank, writes the journal, sends webhooks, and then answers as the fault allows.
 *
 * One desk, one loop. */
#ifndef FG_PSP_SANDBOX_DESK_H
#define FG_PSP_SANDBOX_DESK_H

#include "base/secret_file.h"
#include "calls.h"
#include "fault.h"
#include "service/service.h"
#include "webhooks.h"

#include <sys/queue.h>
#include <uv.h>

enum { DESK_AUTH_MAX = 512 };

struct desk {
    const struct settings *settings;
    struct bank *bank;
    struct faults faults;
    struct webhooks *webhooks;
    struct secret_file *key;   /* sk_test_... */
    char basic[DESK_AUTH_MAX]; /* "Basic base64(key:)": Toss's way, and curl's way with Stripe */
    uint64_t offset_us;        /* of the provider's clock */
    /* The rest is private to desk.c. */
    struct service_loop *loop;
    struct secret_file *webhook_secret; /* NULL: no webhooks of Stripe's */
    int journal;
    LIST_HEAD(, errand) errands;
    uv_timer_t expire_timer;
    uint32_t charge_cursor, session_cursor;
    uint64_t last_us; /* the latest time of any call */
    bool broken;      /* the journal cannot be written */
};

/* Answers the request; the call's body is borrowed until it returns. `cut`: send only part of the
 * bytes, by http_reply_cut(). */
typedef void desk_on_answered(struct http_req *req, const struct call *call, bool cut);

static inline struct desk *desk_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

/* Reads the secrets and the journal. Blocks. */
int desk_create(struct service_loop *loop, struct err_slot *err, struct desk **out);
/* Submits a call with its op, id and key, which are borrowed until the answer, and its `in`, which
 * is taken. on_answered() answers the request, unless a fault does; NULL: there is no request. */
void desk_submit(struct desk *desk, struct http_req *req, const struct call *call,
                 desk_on_answered *on_answered);
uint64_t desk_now_us(const struct desk *desk); /* the provider's clock */
void desk_close(struct desk *desk);            /* the loop frees it */

#endif
