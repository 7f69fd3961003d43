/* counter.c: checks the idempotency key, runs the op and stores its answer. An op works in two
 * parts: it first looks (and may refuse, leaving no trace), then sets answer->executed and changes
 * things without a way back. */
#include "ops/counter.h"

#include "core/must.h"
#include "ops/op.h"
#include "stripe/wire/stripe_error.h"
#include "toss/toss.h"

#include <assert.h>
#include <sodium.h>

enum { DIGEST_TEXT = 2 * crypto_hash_sha256_BYTES + 1 };

/* The same for the same op and path, and at Stripe for the same parameters in any order. Toss
 * compares the key instead, and no parameters. */
static void digest_call(const struct call *call, char digest[DIGEST_TEXT])
{
    uint8_t bytes[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    bool stripe = call->op->flavour == OP_STRIPE;
    char *in = stripe ? must(json_in_text(call->in, JSON_SORT_KEYS)) : NULL;
    const struct span parts[] = {span_of(call->op->name), call->id,
                                 stripe ? span_of(in) : call->key};
    crypto_hash_sha256_init(&state);
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        /* After its length, so that no two lists of parts hash the same bytes. */
        crypto_hash_sha256_update(&state, (const uint8_t *)&parts[i].len, sizeof(parts[i].len));
        if (parts[i].len > 0)
            crypto_hash_sha256_update(&state, (const uint8_t *)parts[i].ptr, parts[i].len);
    }
    crypto_hash_sha256_final(&state, bytes);
    sodium_bin2hex(digest, DIGEST_TEXT, bytes, sizeof(bytes));
    free(in);
}

static void fail_status(struct desk_call *at, unsigned status)
{
    if (at->call->op->flavour == OP_TOSS)
        toss_fail_status(at, status);
    else
        stripe_fail_status(at, status);
}

/* The key was used before. */
static void replay(struct desk_call *at, const struct idem_answer *kept, const char *digest)
{
    const struct call *call = at->call;
    if (strcmp(kept->digest, digest) == 0) {
        text_put(at->out, kept->body);
        at->answer->status = kept->status;
        at->answer->replayed = true;
        at->bank->counts.replays++;
    } else {
        assert(call->op->flavour == OP_STRIPE);
        stripe_fail_with(at, &(struct stripe_error){.status = 400, .type = "idempotency_error"},
                         "Keys for idempotent requests can only be used with the same parameters "
                         "they were first used with. Try using a key other than '%.*s' if you "
                         "meant to execute a different request.",
                         (int)call->key.len, call->key.ptr);
    }
}

static void execute(struct desk_call *at)
{
    const struct call *call = at->call;
    struct answer *answer = at->answer;
    if (call->instead != 0) {
        fail_status(at, call->instead);
        /* Other statuses come from in front of the API; and a call that only reads leaves nothing
         * behind. */
        answer->executed = call->instead == 500 && call->op->method != OP_GET;
        return;
    }
    call->op->run(at);
    if (call->afterwards != 0 && answer->executed)
        fail_status(at, call->afterwards);
}

void counter_run(struct bank *bank, const struct call *call, struct answer *answer)
{
    struct rng_seeded rng;
    struct idem *idem = &bank->idem[call->op->flavour];
    struct idem_answer kept;
    char digest[DIGEST_TEXT];
    rng_seeded_init(&rng, call->seed);
    bank->scratch = text_on(bank->scratch.ptr, bank->scratch.cap);
    *answer = (struct answer){.status = 0};
    ident_random(answer->request, "req_", &rng.rng);
    struct desk_call at = {.bank = bank,
                           .call = call,
                           .rng = &rng.rng,
                           .now_s = call->at_us / 1000000,
                           .out = &bank->scratch,
                           .answer = answer};
    bool keyed = call->op->method != OP_GET && call->key.len > 0;
    bank->counts.calls++;
    struct span key = call->key;
    if (keyed) {
        digest_call(call, digest);
        if (call->op->flavour == OP_TOSS) /* where another path may have the same key */
            key = span_of(digest);
    }
    if (keyed && idem_find(idem, key, at.now_s, &kept))
        replay(&at, &kept, digest);
    else
        execute(&at);
    assert(!answer->executed || call->op->method != OP_GET);
    if (bank->scratch.overflown) {
        assert(call->op->method == OP_GET); /* one object always fits; only long lists may not */
        fail_status(&at, 500);
    }
    answer->body = text_span(&bank->scratch);
    if (keyed && answer->executed)
        idem_keep(idem, key, at.now_s, &(struct idem_answer){answer->status, answer->body, digest});
}
