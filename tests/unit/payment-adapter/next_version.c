/* next_version.c: see next_version.h. */
#include "next_version.h"

static void at_once(struct saga_call *call, void *ctx)
{
    (void)ctx;
    saga_call_finish(call, &(struct saga_outcome){.verdict = SAGA_DONE});
}

#define LOCAL(NAME)                                                                                \
    .saga = {.name = (NAME),                                                                       \
             .run = at_once,                                                                       \
             .peer = SAGA_PEER_NONE,                                                               \
             .timeout_ms = 1000,                                                                   \
             .deadline_ms = 60000,                                                                 \
             .retry_first_ms = 10,                                                                 \
             .retry_cap_ms = 1000}

static const struct checkout_step measure = {LOCAL("measure"), .shown = ORDER_PENDING_PAYMENT};
static const struct checkout_step promise = {LOCAL("promise"), .shown = ORDER_PENDING_PAYMENT,
                                             .answers_buyer = true};
static const struct checkout_step grant = {LOCAL("grant"), .shown = ORDER_CONFIRMING};
static const struct checkout_step thank = {LOCAL("thank"), .shown = ORDER_COMPLETED};

static const struct checkout_step *const steps[NEXT_VERSION_STEPS] = {&measure, &promise, &grant,
                                                                      &thank};

const struct checkout_def next_version = {
    .kind = CHECKOUT_SALE,
    .key = "checkout.2",
    .steps = steps,
    .steps_len = NEXT_VERSION_STEPS,
    .pivot = NEXT_VERSION_PIVOT,
};
