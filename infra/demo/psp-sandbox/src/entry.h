/* entry.h: where calls from outside meet the bank: it checks the key in use, applies faults and
 * delays, runs the bank, writes the journal, sends webhooks, and then answers as the fault allows.
 *
 * One entry, one loop. */
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

struct entry {
    const struct settings *settings;
    struct bank *bank;
    struct faults faults;
    struct webhooks *webhooks;
    struct secret_file *key;   /* sk_test_... */
    char basic[DESK_AUTH_MAX]; /* "Basic base64(key:)": Toss's way, and curl's way with Stripe */
    uint64_t offset_us;        /* of the provider's clock */
    /* The rest is private to entry.c. */
    struct service_loop *loop;
    struct secret_file *webhook_secret; /* NULL: no webhooks of Stripe's */
    int journal;
    LIST_HEAD(, run) runs;
    uv_timer_t expire_timer;
    uint32_t charge_cursor, session_cursor;
    uint64_t last_us; /* the latest time of any call */
    bool broken;      /* the journal cannot be written */
};

/* Answers the request; the call's body is borrowed until it returns. `cut`: send only part of the
 * bytes, by http_reply_cut(). */
typedef void entry_on_answered(struct http_req *req, const struct call *call, bool cut);

static inline struct entry *entry_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

/* Reads the secrets and the journal. Blocks. */
int entry_create(struct service_loop *loop, struct err_slot *err, struct entry **out);
/* Submits a call with its op, id and key, which are borrowed until the answer, and its `in`, which
 * is taken. on_answered() answers the request, unless a fault does; NULL: there is no request. */
void entry_submit(struct entry *entry, struct http_req *req, const struct call *call,
                  entry_on_answered *on_answered);
uint64_t entry_now_us(const struct entry *entry); /* the provider's clock */
void entry_close(struct entry *entry);            /* the loop frees it */

#endif
