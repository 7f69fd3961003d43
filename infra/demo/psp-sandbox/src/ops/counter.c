/* counter.c: reads the form, checks the idempotency key, runs the op and stores its answer. An op
 * works in two parts: it first looks (and may refuse, leaving no trace), then sets answer->executed
 * and changes things without a way back. */
#include "ops/counter.h"

#include "core/idem.h"
#include "ops/op.h"
#include "stripe/wire/stripe_error.h"
#include "toss/toss_error.h"

#include <assert.h>
#include <sodium.h>

static void digest_call(const struct bank *bank, const struct call *call,
                        uint8_t digest[FORM_DIGEST_BYTES])
{
    char memory[256];
    struct text salt = text_on(memory, sizeof(memory));
    text_str(&salt, call->op->name);
    text_char(&salt, '/');
    text_put(&salt, call->id);
    if (call->op->flavour != OP_TOSS) {
        form_digest(&bank->form, text_span(&salt), digest);
        return;
    }
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)salt.ptr, salt.len);
    if (call->body.len > 0)
        crypto_hash_sha256_update(&state, (const uint8_t *)call->body.ptr, call->body.len);
    crypto_hash_sha256_final(&state, digest);
}

static void fail_status(struct desk_call *at, unsigned status)
{
    if (at->call->op->flavour == OP_TOSS)
        toss_fail_status(at, status);
    else
        stripe_fail_status(at, status);
}

/* False: the call cannot be read, and has been answered. */
static bool read_form(struct desk_call *at)
{
    struct form *form = &at->bank->form;
    struct err_slot err;
    form_clear(form);
    if (at->call->op->flavour == OP_TOSS)
        return true;
    if (form_parse(form, at->call->query, &err) == 0 && form_parse(form, at->call->body, &err) == 0)
        return true;
    stripe_fail(at, &(struct stripe_error){.status = 400}, "Invalid request: %s.", err.text);
    return false;
}

/* False: the key was used before, and the call is answered. */
static bool ask_key(struct desk_call *at, const uint8_t digest[FORM_DIGEST_BYTES])
{
    const struct call *call = at->call;
    bool toss = call->op->flavour == OP_TOSS;
    struct idem_answer kept;
    switch (idem_look(at->bank->idem[toss], call->key, digest, at->now_s, &kept)) {
    case IDEM_NEW:
        return true;
    case IDEM_DIFFERS:
        if (toss)
            toss_fail(at, 400, "INVALID_IDEMPOTENCY_KEY",
                      "The idempotency key was used with another request.");
        else
            stripe_fail(at, &(struct stripe_error){.status = 400, .type = "idempotency_error"},
                        "Keys for idempotent requests can only be used with the same parameters "
                        "they were first used with. Try using a key other than '%.*s' if you meant "
                        "to execute a different request.",
                        (int)call->key.len, call->key.ptr);
        return false;
    case IDEM_SAME:
        text_put(at->out, kept.body);
        at->answer->status = kept.status;
        at->answer->replayed = true;
        at->bank->counts.replays++;
        return false;
    }
    return false;
}

static void execute(struct desk_call *at)
{
    const struct call *call = at->call;
    if (call->instead != 0) {
        fail_status(at, call->instead);
        /* Other statuses come from in front of the API; and a call that only reads leaves nothing
         * behind. */
        at->answer->executed = call->instead == 500 && call->op->changes;
        return;
    }
    call->op->run(at);
    struct answer *answer = at->answer;
    if (call->fault_slot >= 0 && answer->intent != INTENT_NONE)
        bank_intent(at->bank, answer->intent)->fault_used[call->fault_slot]++;
    if (call->afterwards != 0 && answer->executed)
        fail_status(at, call->afterwards);
}

void counter_run(struct bank *bank, const struct call *call, struct answer *answer)
{
    struct rng_seeded rng;
    rng_seeded_init(&rng, call->seed);
    bank->scratch = text_on(bank->scratch.ptr, bank->scratch.cap);
    *answer = (struct answer){.intent = INTENT_NONE, .payment = PAYMENT_NONE};
    ident_random(answer->request, "req_", &rng.rng);
    struct desk_call at = {.bank = bank,
                           .call = call,
                           .form = &bank->form,
                           .rng = &rng.rng,
                           .now_s = call->at_us / 1000000,
                           .out = &bank->scratch,
                           .answer = answer};
    bank->counts.calls++;
    bool keyed = call->op->changes && call->key.len > 0;
    uint8_t digest[FORM_DIGEST_BYTES];
    if (!read_form(&at))
        goto done;
    if (keyed) {
        digest_call(bank, call, digest);
        if (!ask_key(&at, digest))
            goto done;
    }
    execute(&at);
    assert(!answer->executed || call->op->changes);

done:
    if (bank->scratch.overflown) {
        assert(!call->op->changes); /* one object always fits; only long lists may not */
        bank->scratch = text_on(bank->scratch.ptr, bank->scratch.cap);
        fail_status(&at, 500);
    }
    answer->body = text_span(&bank->scratch);
    if (keyed && answer->executed) {
        struct idem_answer keep = {answer->status, answer->body};
        (void)idem_keep(bank->idem[call->op->flavour == OP_TOSS], call->key, digest, at.now_s,
                        &keep,
                        NULL); /* when out of memory the key is not stored, as if it had expired */
    }
}
