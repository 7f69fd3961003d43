/* calls.c: the table that the router, the faults and the journal share, and the idempotency keys.
 */
#include "calls.h"

#include "must.h"
#include "stripe/stripe.h"
#include "toss.h"

#include <assert.h>
#include <sodium.h>

const struct op calls_ops[] = {
    {"/v1/payment_intents", "create", CALL_POST, STRIPE, stripe_intent_create, INTENT},
    {"/v1/payment_intents", "list", CALL_GET, STRIPE, stripe_list, INTENT},
    {"/v1/payment_intents/{id}", "get", CALL_GET, STRIPE, stripe_get, INTENT},
    {"/v1/payment_intents/{id}/confirm", "confirm", CALL_POST, STRIPE, stripe_intent_confirm,
     INTENT},
    {"/v1/payment_intents/{id}/capture", "capture", CALL_POST, STRIPE, stripe_intent_capture,
     INTENT},
    {"/v1/payment_intents/{id}/cancel", "cancel", CALL_POST, STRIPE, stripe_intent_cancel, INTENT},
    {"/v1/checkout/sessions", "create", CALL_POST, STRIPE, stripe_session_create, SESSION},
    {"/v1/checkout/sessions", "list", CALL_GET, STRIPE, stripe_list, SESSION},
    {"/v1/checkout/sessions/{id}", "get", CALL_GET, STRIPE, stripe_get, SESSION},
    {"/v1/checkout/sessions/{id}/expire", "expire", CALL_POST, STRIPE, stripe_session_expire,
     SESSION},
    {"/v1/refunds", "refund", CALL_POST, STRIPE, stripe_refund_create, REFUND},
    {"/v1/refunds", "list", CALL_GET, STRIPE, stripe_list, REFUND},
    {"/v1/refunds/{id}", "refund_get", CALL_GET, STRIPE, stripe_get, REFUND},
    {"/v1/charges", "list", CALL_GET, STRIPE, stripe_list, CHARGE},
    {"/v1/charges/{id}", "charge", CALL_GET, STRIPE, stripe_get, CHARGE},
    {"/v1/events", "list", CALL_GET, STRIPE, stripe_list, EVENT},
    {"/v1/events/{id}", "event", CALL_GET, STRIPE, stripe_get, EVENT},
    {"/v1/payments/confirm", "toss_confirm", CALL_POST, TOSS, toss_confirm, PAYMENT},
    {"/v1/payments/{id}", "toss_get", CALL_GET, TOSS, toss_get, PAYMENT},
    {"/v1/payments/orders/{id}", "toss_get", CALL_GET, TOSS, toss_get_order, PAYMENT},
    {"/v1/payments/{id}/cancel", "toss_cancel", CALL_POST, TOSS, toss_cancel, PAYMENT},
    {"/v1/transactions", "toss_list", CALL_GET, TOSS, toss_list, TRANSACTION},
    {"hosted_pay", "hosted", CALL_INTERNAL, STRIPE, stripe_hosted_pay, INTENT},
    {"hosted_authenticate", "hosted", CALL_INTERNAL, STRIPE, stripe_hosted_authenticate, INTENT},
    {"toss_hosted", "toss_hosted", CALL_INTERNAL, TOSS, toss_hosted, PAYMENT},
    {"toss_deposit", "toss_deposit", CALL_INTERNAL, TOSS, toss_deposit, PAYMENT},
    {"refund_fail", "refund_fail", CALL_INTERNAL, STRIPE, stripe_refund_fail, REFUND},
    {"dispute", "dispute", CALL_INTERNAL, STRIPE, stripe_dispute, INTENT},
    {"authorisation_end", "authorisation_end", CALL_INTERNAL, STRIPE, stripe_authorisation_end,
     INTENT},
    {"session_end", "session_end", CALL_INTERNAL, STRIPE, stripe_session_end, SESSION},
};

const unsigned calls_len = sizeof(calls_ops) / sizeof(calls_ops[0]);

const struct op *calls_op(const char *route)
{
    unsigned i = 0;
    while (strcmp(calls_ops[i].route, route) != 0) {
        i++;
        assert(i < calls_len);
    }
    return &calls_ops[i];
}

enum { DIGEST_TEXT = 2 * crypto_hash_sha256_BYTES + 1 };

/* Equal for the same op and path and, at Stripe, the same parameters in any order. Toss compares
 * only the key, no parameters. */
static void digest_call(const struct call *call, char digest[DIGEST_TEXT])
{
    uint8_t bytes[crypto_hash_sha256_BYTES];
    json_t *compared = call->op->flavour == STRIPE ? json_incref(call->in)
                                                   : json_stringn(call->key.ptr, call->key.len);
    json_t *parts =
        must(json_pack("[s,s%,o]", call->op->name, call->id.ptr != NULL ? call->id.ptr : "",
                       call->id.len, compared));
    char *text = must(json_in_text(parts, JSON_SORT_KEYS));
    crypto_hash_sha256(bytes, (const uint8_t *)text, strlen(text));
    sodium_bin2hex(digest, DIGEST_TEXT, bytes, sizeof(bytes));
    free(text);
    json_decref(parts);
}

static void fail_status(struct call *call, unsigned status)
{
    *call->out = text_on(call->out->ptr, call->out->cap);
    calls_refuse(call->out, call->op->flavour, status, NULL, NULL);
    call->status = status;
}

static void replay(struct call *call, const json_t *kept, const char *digest)
{
    if (strcmp(json_string_value(json_object_get(kept, "digest")), digest) == 0) {
        text_str(call->out, json_string_value(json_object_get(kept, "body")));
        call->status = (unsigned)json_integer_value(json_object_get(kept, "status"));
        call->replayed = true;
    } else {
        assert(call->op->flavour == STRIPE);
        stripe_fail_with(call, &(struct stripe_error){.status = 400, .type = "idempotency_error"},
                         "Keys for idempotent requests can only be used with the same parameters "
                         "they were first used with. Try using a key other than '%.*s' if you "
                         "meant to execute a different request.",
                         (int)call->key.len, call->key.ptr);
    }
}

static void execute(struct call *call)
{
    if (call->instead != 0) {
        fail_status(call, call->instead);
        /* Other statuses are generated in front of the API, and a call that only reads changes
         * nothing. */
        call->executed = call->instead == 500 && call->op->method != CALL_GET;
        return;
    }
    call->executed = call->op->run(call);
    if (call->afterwards != 0 && call->executed)
        fail_status(call, call->afterwards);
}

void calls_run(struct bank *bank, struct call *call)
{
    char digest[DIGEST_TEXT];
    struct span key = call->key;
    const json_t *kept = NULL;
    bool keyed = call->op->method != CALL_GET && key.len > 0;
    bank->scratch = text_on(bank->scratch.ptr, bank->scratch.cap);
    rng_seeded_init(&call->rng, call->seed);
    call->bank = bank;
    call->now_s = call->at_us / 1000000;
    call->out = &bank->scratch;
    bank_id(call, "req_", call->request);
    if (keyed) {
        digest_call(call, digest);
        if (call->op->flavour == TOSS) /* where another path may use the same key */
            key = span_of(digest);
        kept = bank_kept(bank, call->op->flavour, key, call->now_s);
    }
    if (kept != NULL)
        replay(call, kept, digest);
    else
        execute(call);
    assert(!call->executed || call->op->method != CALL_GET);
    if (bank->scratch.overflown) {
        assert(call->op->method == CALL_GET); /* one object always fits; only long lists may not */
        fail_status(call, 500);
    }
    call->body = text_span(&bank->scratch);
    if (keyed && call->executed)
        bank_keep(call, call->op->flavour, key, digest);
}

void calls_refuse(struct text *out, enum flavour flavour, unsigned status, const char *toss_code,
                  const char *words)
{
    static const struct {
        unsigned status;
        const char *code, *toss_code, *words;
    } known[] = {
        {400, NULL, "PROVIDER_ERROR", "This is a temporary error. Try again in a few minutes."},
        {401, NULL, "UNAUTHORIZED_KEY", "Invalid API Key provided, or none at all."},
        {403, NULL, "FORBIDDEN_REQUEST", "The key does not open this account."},
        {404, "resource_missing", "NOT_FOUND_PAYMENT", "No such object."},
        {409, "idempotency_key_in_use", "IDEMPOTENT_REQUEST_PROCESSING",
         "There is currently another in-progress request using this idempotency key."},
        {429, "rate_limit", "TOO_MANY_REQUESTS", "Too many requests hit the API too quickly."},
        {0, NULL, "FAILED_INTERNAL_SYSTEM_PROCESSING", "An unknown error occurred."},
    };
    size_t i = 0;
    while (known[i].status != status && known[i].status != 0)
        i++;
    const struct stripe_error error = {.status = status,
                                       .type = status == 409 ? "idempotency_error" : NULL,
                                       .code = known[i].code};
    if (words == NULL)
        words = known[i].words;
    if (flavour == TOSS)
        toss_error_put(out, toss_code != NULL ? toss_code : known[i].toss_code, words);
    else
        stripe_error_put(out, &error, words);
}
