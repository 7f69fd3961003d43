/* stripe_charge.c: /v1/charges, which are read-only: an intent makes one per attempt. */
#include "stripe/stripe.h"
#include "stripe/wire/list.h"
#include "stripe/wire/object.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

void stripe_charge_get(struct desk_call *at)
{
    static const char *const known[] = {"expand", NULL};
    unsigned expand = 0;
    struct charge *charge = bank_find_charge(at->bank, at->call->id, NULL);
    if (charge == NULL) {
        stripe_fail_missing(at, "charge", at->call->id, NULL);
        return;
    }
    at->answer->intent = charge->intent;
    if (!param_only(at, known) || !param_expand(at, false, OBJECT_PAYMENT_INTENT, &expand))
        return;
    object_put_charge(at->out, at->bank, charge, expand);
    at->answer->status = 200;
}

static void put(struct text *out, const struct bank *bank, const void *item, unsigned expand)
{
    object_put_charge(out, bank, item, expand);
}

static bool matches(const struct bank *bank, const void *item, const void *filter)
{
    (void)bank;
    uint32_t intent = *(const uint32_t *)filter;
    return intent == INTENT_NONE || ((const struct charge *)item)->intent == intent;
}

void stripe_charge_list(struct desk_call *at)
{
    static const char *const known[] = {LIST_PARAMS, "payment_intent", NULL};
    uint32_t intent = INTENT_NONE;
    struct list_kind kind = {.url = "/v1/charges",
                             .what = "charge",
                             .items = &at->bank->charges,
                             .prefix = "ch_",
                             .matches = matches,
                             .put = put,
                             .filter = &intent};
    if (!param_only(at, known) || !param_expand(at, true, OBJECT_PAYMENT_INTENT, &kind.expand))
        return;
    if (param_intent(at, &intent))
        list_answer(at, &kind);
}
