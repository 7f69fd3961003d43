/* stripe_balance.c: /v1/balance: what the shop would be paid out, added up afresh from the
 * payments, so that it cannot drift from them. */
#include "stripe/stripe.h"
#include "stripe/wire/param.h"

static void put_amounts(struct text *out, const struct bank *bank)
{
    static const char *const currencies[] = {"krw", "jpy", "usd", "eur"};
    json_key(out, "available");
    json_open(out, '[');
    for (unsigned c = 0; c < sizeof(currencies) / sizeof(currencies[0]); c++) {
        int64_t amount = 0;
        bool used = false;
        for (uint32_t i = 0; i < bank->intents.count; i++) {
            const struct intent *intent = bank_intent(bank, i);
            if (strcmp(intent->currency, currencies[c]) != 0)
                continue;
            used = true;
            amount += intent->received - intent->refunded;
        }
        if (!used)
            continue;
        json_open(out, '{');
        json_member_i64(out, "amount", amount);
        json_member_cstr(out, "currency", currencies[c]);
        json_key(out, "source_types");
        json_open(out, '{');
        json_member_i64(out, "card", amount);
        json_close(out, '}');
        json_close(out, '}');
    }
    json_close(out, ']');
}

void stripe_balance_get(struct desk_call *at)
{
    static const char *const known[] = {"expand", NULL};
    unsigned expand = 0;
    if (!param_only(at, known) || !param_expand(at, false, 0, &expand))
        return;
    json_open(at->out, '{');
    json_member_cstr(at->out, "object", "balance");
    put_amounts(at->out, at->bank);
    json_member_bool(at->out, "livemode", false);
    json_member_raw(at->out, "pending", SPAN("[]"));
    json_close(at->out, '}');
    at->answer->status = 200;
}
