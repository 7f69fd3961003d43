/* webhooks.h: delivers each event to the address of its API, signed again for each attempt, with
 * growing pauses until it is confirmed or given up. Faults apply here: lost, duplicated, held back,
 * with a wrong time or a wrong signature.
 *
 * One loop; nothing here blocks. */
#ifndef FG_PSP_SANDBOX_WEBHOOKS_H
#define FG_PSP_SANDBOX_WEBHOOKS_H

#include "bank.h"
#include "base/clock.h"
#include "fault.h"

#include <stdatomic.h>
#include <uv.h>

struct webhooks;

struct webhooks_conf {
    uv_loop_t *loop;
    const struct clock *clock;
    struct bank *bank;
    struct faults *faults;
    struct span secret; /* signs Stripe's webhooks; borrowed */
    /* The event at this place has its final outcome. */
    void (*on_over)(void *ctx, uint32_t event);
    void *ctx;
};

struct webhooks_stats { /* written by the loop */
    _Atomic uint64_t confirmed, given_up, lost_on_command;
    _Atomic uint64_t waiting; /* now */
};

int webhooks_create(const struct webhooks_conf *conf, struct err_slot *err, struct webhooks **out);
/* Sends the bank's pending events from this place on. */
void webhooks_send(struct webhooks *webhooks, uint32_t from);
const struct webhooks_stats *webhooks_stats(const struct webhooks *webhooks);
void webhooks_close(struct webhooks *webhooks); /* the loop frees it */

#endif
