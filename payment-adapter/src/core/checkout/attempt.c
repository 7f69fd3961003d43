/* attempt.c: an attempt lives from the engine's call to its finish. It parses the order out of the
 * saga's data, sends one request at a time to its peers, and hands each answer to `then`, the
 * continuation that the step set with the request. So a step reads as a chain of small functions,
 * each of which either sends another request or finishes.
 *
 * Three things are decided here for every step: a request's timeout, how much of a peer's
 * Retry-After is honoured, and that a burnt idempotency key is recorded in the order before
 * anything else is tried. Finishing frees the attempt, so nothing may touch it afterwards. */
#include "core/checkout/attempt.h"

#include <assert.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_MS = 30000, /* for a peer's Retry-After once the hold has ended */
};

/* What the last request says about its peer. If the peer answered but we had no memory for the
 * answer, the outcome is UNKNOWN and the peer is well. */
static enum saga_reply reply_of(const struct attempt *attempt)
{
    if (!attempt->asked)
        return SAGA_REPLY_NONE;
    return attempt->answered ? SAGA_REPLY_CAME : SAGA_REPLY_BY_VERDICT;
}

static void finish(struct attempt *attempt, struct saga_outcome outcome)
{
    assert(attempt->call != NULL);
    assert(outcome.verdict < SAGA_VERDICT_COUNT);
    outcome.reply = reply_of(attempt);
    saga_call_finish(attempt->call, &outcome); /* the outcome may point into the attempt */
    free(attempt->peer.places);
    free(attempt->moving);
    MAGIC_END(attempt, attempt);
    free(attempt);
}

void attempt_finish(struct attempt *attempt, enum saga_verdict verdict, const char *code)
{
    assert(verdict != SAGA_ONGOING); /* attempt_finish_later() says when to retry */
    struct saga_outcome outcome = {.verdict = verdict, .code = code};
    finish(attempt, outcome);
}

void attempt_finish_later(struct attempt *attempt, enum saga_verdict verdict, uint32_t retry_ms)
{
    assert(verdict == SAGA_ONGOING || verdict == SAGA_DONE);
    struct saga_outcome outcome = {.verdict = verdict, .retry_ms = retry_ms};
    finish(attempt, outcome);
}

/* A provider may ask for an hour's patience, while a hold lasts for minutes. We wait until the hold
 * ends at most, because that is when the answer matters; after that the pauses are our own. A
 * refund holds no seats and waits for as long as the peer asks. */
static uint32_t patience_ms(const struct attempt *attempt)
{
    if (attempt->patient)
        return attempt->peer.retry_ms;
    uint64_t now_ms = clock_wall_us(attempt->conf->clock) / 1000;
    uint64_t most_ms =
        attempt->order.expires_ms > now_ms ? attempt->order.expires_ms - now_ms : PATIENCE_MS;
    assert(most_ms > 0);
    return attempt->peer.retry_ms < most_ms ? attempt->peer.retry_ms : (uint32_t)most_ms;
}

void attempt_finish_replied(struct attempt *attempt)
{
    assert(attempt->peer.code[SAGA_CODE_MAX - 1] == '\0');
    assert(attempt->peer.detail[SAGA_DETAIL_MAX - 1] == '\0');
    struct saga_outcome outcome = {
        .verdict = attempt->peer.verdict,
        .retry_ms = attempt->peer.verdict == SAGA_DONE ? 0 : patience_ms(attempt),
        .code = attempt->peer.code,
        .detail = attempt->peer.detail,
    };
    finish(attempt, outcome);
}

int attempt_sign(struct attempt *attempt, const char *seat, const char *member, struct ticket *out,
                 char token[TICKET_TOKEN_MAX])
{
    const struct checkout_conf *conf = attempt->conf;
    const struct order *order = &attempt->order;
    struct ticket ticket = {0};
    uint8_t id[15];
    assert(seat[0] != '\0');
    assert(member[0] != '\0');
    rng_fill(conf->rng, id, sizeof(id));
    memcpy(ticket.id, "t_", 2);
    sodium_bin2base64(ticket.id + 2, sizeof(ticket.id) - 2, id, sizeof(id),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    memcpy(ticket.event, order->event, sizeof(ticket.event));
    memcpy(ticket.order, order->id, sizeof(ticket.order));
    snprintf(ticket.seat, sizeof(ticket.seat), "%s", seat);
    memcpy(ticket.purchase, order->purchase, sizeof(ticket.purchase));
    ticket_signer_holder(conf->signer, member, ticket.holder);
    *out = ticket;
    return ticket_sign(conf->signer, out, NULL, token);
}

bool attempt_keep_order(struct attempt *attempt)
{
    assert(attempt->order.seats_len <= ORDER_SEATS_MAX);
    char *json;
    if (order_dump(&attempt->order, NULL, &json) < 0)
        return false;
    saga_call_set_data(attempt->call, span_of(json));
    free(json);
    return true;
}

static void on_peer(struct peer_call *peer)
{
    struct attempt *attempt = MAGIC_OF(attempt, peer->ctx);
    assert(peer == &attempt->peer);
    assert(peer->verdict < SAGA_VERDICT_COUNT);
    attempt->answered = peer->verdict != SAGA_UNKNOWN || peer->answered;
    attempt->asked = attempt->answered || !peer->unasked;
    if (peer->key_burnt) {
        attempt->order.key_round++;
        if (!attempt_keep_order(attempt))
            peer->key_burnt = false; /* next time */
    }
    attempt->then(attempt);
}

void attempt_ask(struct attempt *attempt, enum peer_op op, void (*then)(struct attempt *attempt))
{
    uint32_t most_ms = peer_question(op)->most_ms;
    assert(then != NULL);
    bool sends = peer_question(op)->sends_seats || peer_question(op)->sends_returned;
    assert(!sends || (attempt->moving != NULL && attempt->moving->len > 0));
    assert(attempt->call->timeout_ms >= most_ms); /* each step has time for its requests */
    attempt->then = then;
    attempt->asked = true;
    attempt->answered = false;
    free(attempt->peer.places);
    attempt->peer = (struct peer_call){
        .op = op,
        .order = &attempt->order,
        .moving = attempt->moving,
        .given_back = attempt->given_back,
        .timeout_ms = most_ms,
        .trace = attempt->call->trace,
        .on_done = on_peer,
        .ctx = attempt,
    };
    const struct peers *peers = &attempt->conf->peers;
    peers->start(peers->ctx, &attempt->peer);
}

struct attempt *attempt_begin(struct saga_call *call, const struct checkout_conf *conf)
{
    struct attempt *attempt = malloc(sizeof(*attempt));
    struct err_slot err = {0};
    int rc = attempt != NULL ? order_parse(call->data, &err, &attempt->order) : ERR_NOMEM;
    if (rc < 0) {
        free(attempt);
        struct saga_outcome outcome = {.verdict = SAGA_UNKNOWN,
                                       .reply = SAGA_REPLY_NONE,
                                       .code = rc == ERR_NOMEM ? "no-memory" : "data",
                                       .detail = err.text};
        saga_call_finish(call, &outcome);
        return NULL;
    }
    assert(attempt->order.id[0] != '\0'); /* as order_dump() asserts */
    memset(attempt, 0, offsetof(struct attempt, order));
    MAGIC_BEGIN(attempt, attempt);
    attempt->call = call;
    attempt->conf = conf;
    return attempt;
}

struct attempt *attempt_begin_moving(struct saga_call *call, const struct checkout_conf *conf)
{
    struct attempt *attempt = attempt_begin(call, conf);
    if (attempt == NULL)
        return NULL;
    attempt->moving = malloc(sizeof(*attempt->moving));
    int rc = attempt->moving != NULL ? moving_parse(call->data, attempt->moving) : ERR_NOMEM;
    if (rc < 0) {
        attempt_finish(attempt, SAGA_UNKNOWN, rc == ERR_NOMEM ? "no-memory" : "data");
        return NULL;
    }
    assert(attempt->moving->len > 0 || attempt->moving->kept > 0);
    return attempt;
}

void attempt_begin_by(struct saga_call *call, const struct checkout_conf *conf, enum peer_op op,
                      void (*then)(struct attempt *attempt))
{
    assert(op < PEER_OP_COUNT);
    struct attempt *attempt = attempt_begin(call, conf);
    if (attempt != NULL)
        attempt_ask(attempt, op, then);
}
