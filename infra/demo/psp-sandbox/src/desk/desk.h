/* desk.h: where calls from outside meet the bank: the key in use, the fault that strikes, the
 * delay, the bank itself, the journal, the webhooks, and then the answer, or what the fault leaves
 * of it.
 *
 * One desk, one loop. */
#ifndef FG_PSP_SANDBOX_DESK_H
#define FG_PSP_SANDBOX_DESK_H

#include "bank/bank.h"
#include "base/clock.h"
#include "core/fault.h"
#include "desk/webhook_sender.h"
#include "http/http.h"

#include <uv.h>

struct desk;
struct logger;
struct op;

struct desk_conf {
    uv_loop_t *loop;
    const struct clock *clock;
    const struct rng *rng; /* the kernel's: ids and secrets come from it */
    struct logger *log;
    struct bank_conf bank;
    const char *journal_path;
    bool journal_fsync;
    struct webhook_sender_conf webhooks; /* what the configuration says of them */
    void (*on_broken)(void *ctx, const struct err_slot *err); /* the journal cannot be written */
    void *ctx;
};

/* Reads the journal, which blocks. */
int desk_create(const struct desk_conf *conf, struct err_slot *err, struct desk **out);

struct desk_order {
    struct http_req *req; /* answered by on_answered, unless a fault does it; NULL: nobody asked */
    const struct op *op;
    struct span id; /* both borrowed until the answer */
    struct span key;
    json_t *in; /* taken */
    /* Answers the request; the body is borrowed until it returns. `cut`: only a part of the bytes
     * may be sent, by http_reply_cut(). */
    void (*on_answered)(struct http_req *req, const struct answer *answer, bool cut);
};

void desk_submit(struct desk *desk, const struct desk_order *order);

struct bank *desk_bank(struct desk *desk);
struct fault_list *desk_faults(struct desk *desk);
struct webhook_sender *desk_webhooks(struct desk *desk);
uint64_t desk_now_us(const struct desk *desk); /* the provider's clock */
void desk_advance(struct desk *desk, uint64_t us);

void desk_close(struct desk *desk); /* the loop frees it */

#endif
