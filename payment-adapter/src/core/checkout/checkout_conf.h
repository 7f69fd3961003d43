/* checkout_conf.h: what the sagas' steps need; they get it as ctx. */
#ifndef FG_PAY_CORE_CHECKOUT_CONF_H
#define FG_PAY_CORE_CHECKOUT_CONF_H

#include "base/clock.h"
#include "base/rng.h"
#include "core/checkout/peer.h"
#include "core/checkout/ticket.h"

struct checkout_def; /* checkout.h */

struct checkout_conf {
    struct peers peers;
    const struct clock *clock;          /* wall time, for the end of holds */
    const struct rng *rng;              /* ticket ids */
    const struct ticket_signer *signer; /* borrowed */
    /* How often the provider is polled while the buyer pays: the first pause, the longest one, and
     * the longest one while its webhooks arrive. */
    uint32_t poll_first_ms, poll_cap_ms, poll_rare_ms;
    /* Whether webhooks of this provider arrived lately. NULL: never. */
    bool (*webhooks_come)(void *ctx, const char *provider);
    /* Whether the clock is the seats' yet: before, no order ends by it. NULL: it is. */
    bool (*knows_time)(void *ctx);
    void *ctx;
    /* Extra versions, as the next release might bring them; for tests. */
    const struct checkout_def *next;
    uint32_t next_len;
};

#endif
