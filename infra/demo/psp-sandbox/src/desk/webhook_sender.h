/* webhook_sender.h: delivers webhooks: each event to the address of its API, signed again for
 * each try, with growing pauses until it is confirmed or given up on. Faults strike here: lost,
 * duplicated, held back, with a wrong time or a wrong signature.
 *
 * One loop; nothing here blocks. */
#ifndef FG_PSP_SANDBOX_WEBHOOK_SENDER_H
#define FG_PSP_SANDBOX_WEBHOOK_SENDER_H

#include "bank/bank.h"
#include "base/clock.h"
#include "core/fault.h"
#include "desk/journal.h"

#include <stdatomic.h>
#include <uv.h>

struct webhook_sender;

struct webhook_sender_conf {
    uv_loop_t *loop;
    struct bank *bank;
    struct fault_list *faults;
    const struct clock *clock;
    const char *url;    /* NULL: Stripe's webhooks go nowhere */
    const char *secret; /* what they are signed with; copied */
    uint64_t retry_ms;  /* the first pause */
    unsigned attempts_max;
    const char *toss_url; /* NULL: Toss's webhooks go nowhere */
    uint64_t toss_retry_ms;
    /* No further attempt will be made. */
    void (*on_over)(void *ctx, const struct journal_delivery *delivery);
    void *ctx;
};

struct webhook_sender_stats { /* written by the loop */
    _Atomic uint64_t attempts;
    _Atomic uint64_t confirmed;
    _Atomic uint64_t retries;
    _Atomic uint64_t given_up;
    _Atomic uint64_t faulted;  /* lost on command */
    _Atomic uint64_t overflow; /* lost because WEBHOOK_QUEUE_MAX were waiting */
    _Atomic uint64_t waiting;  /* now */
};

int webhook_sender_create(const struct webhook_sender_conf *conf, struct err_slot *err,
                          struct webhook_sender **out);
/* Sends the bank's events (or Toss's notices) from this place up to the other. */
void webhook_sender_send(struct webhook_sender *sender, bool notices, uint32_t from, uint32_t to);
const struct webhook_sender_stats *webhook_sender_stats(const struct webhook_sender *sender);
void webhook_sender_close(struct webhook_sender *sender); /* the loop frees it */

#endif
