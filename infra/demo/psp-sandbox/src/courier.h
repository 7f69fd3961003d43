/* courier.h: carries webhooks: each event to each endpoint that wants it, signed anew at each try,
 * again and again with doubled pauses until it is confirmed or given up. What the faults say
 * happens here: lost, many times, held back, with a wrong time or a wrong signature.
 *
 * One loop. libcurl's multi interface; nothing here blocks. */
#ifndef FG_PSP_SANDBOX_COURIER_H
#define FG_PSP_SANDBOX_COURIER_H

#include "bank.h"
#include "base/clock.h"
#include "fault.h"
#include "journal.h"

#include <stdatomic.h>
#include <uv.h>

struct courier;
struct logger;

struct courier_conf {
    uv_loop_t *loop;
    struct bank *bank;
    struct fault_list *faults;
    const struct clock *clock;
    struct logger *log;
    uint64_t retry_ms; /* the first pause */
    unsigned attempts_max;
    const char *toss_url; /* NULL: Toss's webhooks go nowhere */
    uint64_t toss_retry_ms;
    /* A webhook is over. */
    void (*on_over)(void *ctx, const struct journal_delivery *delivery);
    void *ctx;
};

struct courier_stats { /* written by the loop, read by anyone */
    _Atomic uint64_t attempts;
    _Atomic uint64_t confirmed;
    _Atomic uint64_t retries;
    _Atomic uint64_t given_up;
    _Atomic uint64_t faulted;  /* lost on command */
    _Atomic uint64_t overflow; /* lost because COURIER_QUEUE_MAX wait already */
    _Atomic uint64_t waiting;  /* now */
};

int courier_create(const struct courier_conf *conf, struct err_slot *err, struct courier **out);
/* The bank's events (or, of Toss, notices) from this place up to the other are on their way. */
void courier_events(struct courier *courier, uint32_t from, uint32_t to);
void courier_notices(struct courier *courier, uint32_t from, uint32_t to);
/* What waits for its next try is tried now. */
void courier_flush(struct courier *courier);
const struct courier_stats *courier_stats(const struct courier *courier);
void courier_close(struct courier *courier); /* silent from here on; the loop frees it */

#endif
