/* books.c: see books.h. */
#include "books.h"

#include "invariants.h"
#include "stage/faults.h"
#include "stage/history.h"
#include "stage/probes.h"
#include "stored_saga.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAGAS_MAX = 2 * BOOK_ORDERS_MAX,
    LETTERS_MAX = 4 * BOOK_ORDERS_MAX,
    LEASE_US = 15 * SIM_S,
    TRIES_MAX = 2000, /* of one saga, all steps together: in an hour at most one in half a second */
};

struct letter {
    const struct book_order *order;
    char kind[16];
    bool delivered; /* as we know; the shop may have it before */
    bool at_shop;
};

static struct {
    struct book_order orders[BOOK_ORDERS_MAX];
    uint32_t orders_len;
    struct stored_saga sagas[SAGAS_MAX];
    uint32_t sagas_len;
    struct letter letters[LETTERS_MAX];
    uint32_t letters_len;
} books;

/* ---- rows ---- */

static struct book_order *order_of(const char *id)
{
    for (uint32_t i = books.orders_len; i > 0; i--)
        if (strcmp(books.orders[i - 1].id, id) == 0)
            return &books.orders[i - 1];
    return NULL;
}

const struct book_order *book_read(const char *id)
{
    return order_of(id);
}

static struct stored_saga *saga_of(uint64_t id)
{
    assert(id >= 1);
    assert(id <= books.sagas_len);
    return &books.sagas[id - 1];
}

static void begin_saga(const struct saga_def *def, const char *order, const char *data)
{
    assert(books.sagas_len < SAGAS_MAX);
    struct stored_saga *saga = &books.sagas[books.sagas_len++];
    saga->id = books.sagas_len;
    saga->due_us = saga->step_us = sim_us();
    assert(strlen(data) < sizeof(saga->data));
    strcpy(saga->data, data);
    snprintf(saga->key, sizeof(saga->key), "%s", def->key);
    snprintf(saga->order, sizeof(saga->order), "%s", order);
}

const struct book_order *book_order(const struct order *order, uint64_t hold, uint64_t buyer,
                                    const struct saga_def *def)
{
    for (uint32_t i = 0; i < books.orders_len; i++)
        if (books.orders[i].hold == hold)
            return &books.orders[i];
    assert(books.orders_len < BOOK_ORDERS_MAX);
    struct book_order *row = &books.orders[books.orders_len++];
    snprintf(row->id, sizeof(row->id), "%s", order->id);
    row->hold = hold;
    row->amount = order->amount;
    row->buyer = buyer;
    row->status = ORDER_PENDING_PAYMENT;
    row->expires_ms = order->expires_ms;
    invariant_ordered(row->id, hold, row->amount);
    char *data;
    int rc = order_dump(order, NULL, &data);
    assert(rc == 0);
    begin_saga(def, row->id, data);
    free(data);
    sim_note("%s is ordered, of hold %" PRIx64, row->id, hold);
    return row;
}

static struct stored_saga *checkout_of(const char *order)
{
    for (uint32_t i = 0; i < books.sagas_len; i++)
        if (strcmp(books.sagas[i].order, order) == 0 &&
            strncmp(books.sagas[i].key, "checkout.", 9) == 0)
            return &books.sagas[i];
    return NULL;
}

void book_wake(const char *id)
{
    struct stored_saga *saga = checkout_of(id);
    if (saga != NULL && !saga_ended(saga->state) && !saga->parked)
        stored_saga_wake(saga, sim_us());
}

void book_hint(const char *id, const char *key)
{
    static struct order order; /* big */
    struct stored_saga *saga = checkout_of(id);
    char *data;
    if (order_of(id)->status != ORDER_PENDING_PAYMENT || saga->state != SAGA_RUNNING)
        return;
    int rc = order_parse(span_of(saga->data), NULL, &order);
    assert(rc == 0);
    snprintf(order.payment_key, sizeof(order.payment_key), "%s", key);
    rc = order_dump(&order, NULL, &data);
    assert(rc == 0);
    snprintf(saga->data, sizeof(saga->data), "%s", data);
    free(data);
    stored_saga_wake(saga, sim_us());
    sim_note("%s gets the key %s", id, key);
}

bool book_cancel(const char *id, uint8_t pivot)
{
    struct stored_saga *saga = checkout_of(id);
    if (saga == NULL || saga->state != SAGA_RUNNING || saga->step >= pivot || saga->parked)
        return false;
    saga->cancel = true;
    stored_saga_wake(saga, sim_us());
    sim_note("%s is cancelled", id);
    return true;
}

static void add_letter(const char *order, const char *kind)
{
    struct book_order *row = order_of(order);
    for (uint32_t i = 0; i < books.letters_len; i++)
        if (books.letters[i].order == row && strcmp(books.letters[i].kind, kind) == 0)
            return;
    assert(books.letters_len < LETTERS_MAX);
    struct letter *letter = &books.letters[books.letters_len++];
    letter->order = row;
    snprintf(letter->kind, sizeof(letter->kind), "%s", kind);
}

/* With idempotency keys of its own. */
static void begin_refund(const struct saga_def *def, const struct book_order *row, uint64_t refund,
                         uint32_t credit)
{
    static struct order order, other; /* big */
    uint32_t round = 0;
    char *data, whole[sizeof(books.sagas[0].data)];
    for (uint32_t i = 0; i < books.sagas_len; i++) {
        int rc = order_parse(span_of(books.sagas[i].data), NULL, &other);
        assert(rc == 0);
        if (strcmp(books.sagas[i].order, row->id) == 0 && other.key_round > round)
            round = other.key_round;
    }
    int rc = order_parse(span_of(checkout_of(row->id)->data), NULL, &order);
    assert(rc == 0);
    order.refund = refund;
    order.credit = credit;
    order.key_round = round + 1;
    rc = order_dump(&order, NULL, &data);
    assert(rc == 0);
    snprintf(whole, sizeof(whole), "%.*s,\"move\":%u,\"kept\":1,\"moves\":[]}",
             (int)strlen(data) - 1, data, credit);
    begin_saga(def, row->id, credit > 0 ? whole : data);
    free(data);
}

static struct book_order *completed_one(const char *id)
{
    struct book_order *order = order_of(id);
    bool may = order != NULL && checkout_of(id) != NULL && order->status == ORDER_COMPLETED &&
               !order->crediting;
    return may ? order : NULL;
}

bool book_refund(const char *id, const struct saga_def *def)
{
    struct book_order *order = completed_one(id);
    if (order == NULL)
        return false;
    order->status = ORDER_REFUNDING;
    add_letter(id, LETTER_COMPLETED);
    begin_refund(def, order, order->amount, 0);
    sim_note("%s is to be refunded", id);
    return true;
}

bool book_credit(const char *id, const struct saga_def *def)
{
    struct book_order *order = completed_one(id);
    if (order == NULL)
        return false;
    order->crediting = true;
    order->credited += order->amount / 4;
    add_letter(id, LETTER_COMPLETED);
    invariant_credited(id, order->credited);
    begin_refund(def, order, order->credited, ++order->credits);
    sim_note("a part of %s is to be refunded", id);
    return true;
}

/* Both statements of an operator take the saga away from its holder. */
static void take_over(struct stored_saga *saga)
{
    saga->parked = false;
    saga->leased = false;
    saga->due_us = saga->step_us = sim_us();
    saga->wake += 1;
    saga->token += 1;
    saga->moves += 1;
    saga->tries = 0;
}

static void turn_back(struct stored_saga *saga, const struct saga_def *def)
{
    int undo = saga->step <= def->pivot ? saga_undo_step(def, saga->step) : -1;
    if (undo < 0 || saga->state != SAGA_RUNNING || checkout_kind(def) != CHECKOUT_SALE)
        return;
    struct book_order *order = order_of(saga->order);
    sim_note("the operator turns saga %" PRIu64 " of %s back", saga->id, saga->order);
    invariant_operated(saga->order);
    take_over(saga);
    saga->cancel = false;
    saga->state = SAGA_UNDOING;
    saga->step = (uint8_t)undo;
    order->status = ORDER_FAILED;
    snprintf(saga->cause, sizeof(saga->cause), "operator");
    snprintf(order->cause, sizeof(order->cause), "operator");
}

void book_operate(const struct checkout *checkout, bool turns)
{
    uint32_t from = (uint32_t)sim_below(SIM_CHOICES, books.sagas_len + 1);
    for (uint32_t i = from; i < books.sagas_len; i++) {
        struct stored_saga *saga = &books.sagas[i];
        if (saga_ended(saga->state))
            continue;
        if (turns) {
            turn_back(saga, checkout_find(checkout, span_of(saga->key)));
            return;
        }
        sim_note("the operator retries saga %" PRIu64 " of %s", saga->id, saga->order);
        take_over(saga);
        if (saga->state == SAGA_RUNNING)
            saga->cause[0] = '\0';
        return;
    }
}

/* ---- leasing ---- */

struct lease {
    struct book_client *client;
    uint32_t max;
    struct saga_row *rows;
    uint32_t len;
    bool failed;
};

static void lease_answered(void *ctx)
{
    struct lease *lease = ctx;
    uint64_t now_us = sim_us();
    for (uint32_t i = 0; i < lease->len; i++) {
        lease->rows[i].step_us = (int64_t)now_us - lease->rows[i].step_us; /* from its age */
        lease->rows[i].lease_us = now_us + LEASE_US;
    }
    saga_engine_on_leased(lease->client->engine, lease->failed ? NULL : lease->rows,
                          lease->failed ? 0 : lease->len);
    lease->client->answered(lease->client->ctx);
}

static void lease_row(struct lease *lease, struct stored_saga *saga)
{
    struct saga_row *row = &lease->rows[lease->len];
    const struct saga_def *def = checkout_find(lease->client->checkout, span_of(saga->key));
    assert(def != NULL);
    if (!stored_saga_lease(saga, def, sim_us(), LEASE_US, row))
        return;
    lease->len += 1;
    saga->owner = lease->client->owner;
    row->step_us = (int64_t)sim_us() - row->step_us; /* its age */
    row->data = span_of(strdup(saga->data));
}

static uint64_t way_back_us(void)
{
    return fault_now(FAULT_BOOK_SLOW) ? sim_between(0, 8 * SIM_S) : sim_between(50, 800);
}

static void lease_now(void *ctx)
{
    struct lease *lease = ctx;
    lease->failed = fault_now(FAULT_BOOK_FAILS);
    for (uint32_t i = 0; i < books.sagas_len && !lease->failed && lease->len < lease->max; i++)
        lease_row(lease, &books.sagas[i]);
    lease->failed = lease->failed || fault_now(FAULT_BOOK_LOST);
    sim_after(lease->client->proc, way_back_us(), lease_answered, lease);
}

void book_lease(struct book_client *client, uint32_t max)
{
    struct lease *lease = calloc(1, sizeof(*lease));
    assert(lease != NULL);
    lease->client = client;
    lease->max = max;
    lease->rows = calloc(max, sizeof(*lease->rows));
    sim_after(NULL, way_back_us(), lease_now, lease);
}

void book_reclaim(const char *owner)
{
    for (uint32_t i = 0; i < books.sagas_len; i++) {
        struct stored_saga *saga = &books.sagas[i];
        if (saga_ended(saga->state) || saga->parked || !saga->leased ||
            strcmp(saga->owner, owner) != 0)
            continue;
        saga->token += 1;
        saga->leased = false;
        saga->due_us = sim_us();
    }
}

/* ---- effects ---- */

static void text_of(const json_t *effect, const char *key, char *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(effect, key));
    snprintf(out, cap, "%s", text != NULL ? text : "");
}

static void do_effect(const struct stored_saga *saga, enum effect kind, const json_t *effect)
{
    char id[ORDER_ID_MAX], word[64];
    text_of(effect, "order", id, sizeof(id));
    struct book_order *order = order_of(id);
    assert(order != NULL);
    switch (kind) {
    case EFFECT_STATUS:
        if ((order->status == ORDER_REFUNDING || order->status == ORDER_REFUNDED) &&
            strncmp(saga->key, "checkout.", 9) == 0)
            return;
        text_of(effect, "status", word, sizeof(word));
        order->status = order_status_parse(span_of(word));
        text_of(effect, "cause", order->cause, sizeof(order->cause));
        sim_note("%s is %s %s", id, word, order->cause);
        return;
    case EFFECT_PAYMENT:
        text_of(effect, "payment", order->payment, sizeof(order->payment));
        return;
    case EFFECT_EXPIRY:
        order->expires_ms = (uint64_t)json_integer_value(json_object_get(effect, "expires_ms"));
        return;
    case EFFECT_TICKET: {
        char ticket[TICKET_ID_MAX];
        text_of(effect, "ticket", ticket, sizeof(ticket));
        text_of(effect, "seat", word, sizeof(word));
        invariant_ticket(ticket, id, (uint32_t)strtoul(word + 1, NULL, 10));
        return;
    }
    case EFFECT_REVOKE:
        invariant_revoked(id);
        return;
    case EFFECT_MOVE_END:
        order->crediting = false;
        return;
    case EFFECT_SHOP:
        text_of(effect, "kind", word, sizeof(word));
        add_letter(id, word);
        return;
    default:
        return; /* mails are nobody's seats or money */
    }
}

static void do_effects(const struct stored_saga *saga, const struct saga_effects *effects)
{
    uint32_t at = 0;
    uint8_t kind;
    struct span json;
    while (effects != NULL && saga_effects_next(effects, &at, &kind, &json)) {
        json_t *effect = json_loadb(json.ptr, json.len, 0, NULL);
        assert(effect != NULL);
        do_effect(saga, (enum effect)kind, effect);
        json_decref(effect);
    }
}

/* ---- commits ---- */

/* Moves and what they carry, copied: they may take effect when their engine is dead. */
struct commit {
    struct book_client *client;
    uint32_t len;
    struct saga_move *moves;
    struct saga_store_reply *replies;
    bool failed;
};

static void on_moved(const struct stored_saga *saga, const struct saga_move *move)
{
    if (move->mark == SAGA_MARK_SKIPPED)
        probe_reached(PROBE_SKIPPED);
    if (move->state == SAGA_UNDONE)
        probe_reached(PROBE_UNDONE);
    sim_note("saga %" PRIu64 " of %s: step %u %s%s %s, then %s %u%s", saga->id, saga->order,
             move->at_step, move->way == SAGA_UNDO ? "back " : "", saga_mark_name(move->mark),
             move->code, saga_state_name(move->state), move->step, move->parked ? ", parked" : "");
    if (saga->moves > TRIES_MAX)
        invariant_broken(INVARIANT_5, "saga %" PRIu64 " of %s moved %u times", saga->id,
                         saga->order, saga->moves);
    do_effects(saga, move->effects);
}

static void commit_now(void *ctx)
{
    struct commit *commit = ctx;
    commit->failed = fault_now(FAULT_BOOK_FAILS);
    for (uint32_t i = 0; i < commit->len && !commit->failed; i++) {
        const struct saga_move *move = &commit->moves[i];
        struct stored_saga *saga = saga_of(move->id);
        struct saga_store_reply *reply = &commit->replies[i];
        if (stored_saga_move(saga, move, sim_us(), LEASE_US, reply))
            on_moved(saga, move);
        else
            probe_reached(reply->stored == SAGA_STORED ? PROBE_MOVE_AGAIN : PROBE_MOVE_FENCED);
        reply->lease_us -= reply->lease_us > sim_us() ? sim_us() : reply->lease_us; /* is left */
    }
    commit->failed = commit->failed || fault_now(FAULT_BOOK_LOST);
}

static void commit_answered(void *ctx)
{
    struct commit *commit = ctx;
    for (uint32_t i = 0; i < commit->len; i++)
        commit->replies[i].lease_us += sim_us();
    saga_engine_on_committed(commit->client->engine, !commit->failed,
                             commit->failed ? NULL : commit->replies);
    commit->client->answered(commit->client->ctx);
}

static void commit_at_server(void *ctx)
{
    struct commit *commit = ctx;
    commit_now(commit);
    sim_after(commit->client->proc, way_back_us(), commit_answered, commit);
}

static void copy_effects(struct saga_move *move)
{
    if (move->effects == NULL)
        return;
    struct saga_effects *effects = malloc(sizeof(*effects));
    assert(effects != NULL);
    *effects = *move->effects;
    effects->bytes = malloc(effects->len + 1);
    assert(effects->bytes != NULL);
    memcpy(effects->bytes, move->effects->bytes, effects->len);
    move->effects = effects;
}

void book_commit(struct book_client *client, const struct saga_move *const *moves, uint32_t len)
{
    struct commit *commit = calloc(1, sizeof(*commit));
    assert(commit != NULL);
    commit->client = client;
    commit->len = len;
    commit->moves = calloc(len, sizeof(*commit->moves));
    commit->replies = calloc(len, sizeof(*commit->replies));
    assert(commit->moves != NULL);
    assert(commit->replies != NULL);
    for (uint32_t i = 0; i < len; i++) {
        struct saga_move *move = &commit->moves[i];
        *move = *moves[i];
        if (move->data.ptr != NULL)
            move->data.ptr = strndup(move->data.ptr, move->data.len);
        copy_effects(move);
    }
    sim_after(NULL, way_back_us(), commit_at_server, commit);
}

/* ---- the shop ---- */

/* Delivered again until an answer comes; the shop tells repetitions by the order and the kind. */
void books_deliver(void)
{
    for (uint32_t i = 0; i < books.letters_len; i++) {
        struct letter *letter = &books.letters[i];
        if (letter->delivered || fault_now(FAULT_BOOK_FAILS))
            continue;
        if (letter->at_shop)
            probe_reached(PROBE_SHOP_AGAIN);
        else
            invariant_delivered(letter->order->id, letter->kind);
        letter->at_shop = true;
        letter->delivered = !fault_now(FAULT_BOOK_LOST);
    }
}

/* ---- the end ---- */

bool books_quiet(void)
{
    for (uint32_t i = 0; i < books.sagas_len; i++)
        if (!saga_ended(books.sagas[i].state) && !books.sagas[i].parked)
            return false;
    for (uint32_t i = 0; i < books.letters_len; i++)
        if (!books.letters[i].delivered)
            return false;
    return true;
}

void books_judge(void)
{
    for (uint32_t i = 0; i < books.sagas_len; i++) {
        const struct stored_saga *saga = &books.sagas[i];
        if (!saga_ended(saga->state))
            invariant_broken(INVARIANT_4, "saga %" PRIu64 " of %s %s at step %u: %s", saga->id,
                             saga->order, saga->parked ? "is parked" : "has not ended", saga->step,
                             saga->cause);
    }
    for (uint32_t i = 0; i < books.orders_len; i++) {
        const struct book_order *order = &books.orders[i];
        enum order_status status = order->status;
        history_fact("'fact':'status','order':'%s','status':'%s','amount':%" PRIu64
                     ",'credited':%" PRIu64,
                     order->id, order_status_name(status), order->amount, order->credited);
        if (status == ORDER_PENDING_PAYMENT || status == ORDER_CONFIRMING ||
            status == ORDER_REFUNDING || status == ORDER_PARKED)
            invariant_broken(INVARIANT_4, "%s ends as %s", order->id, order_status_name(status));
        invariant_ended(order->id, status == ORDER_COMPLETED  ? INVARIANT_HAS_SEATS
                                   : status == ORDER_REFUNDED ? INVARIANT_GAVE_BACK
                                                              : INVARIANT_HAS_NOTHING);
    }
}

uint32_t books_orders(void)
{
    return books.orders_len;
}

uint32_t books_completed(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < books.orders_len; i++)
        n += books.orders[i].status == ORDER_COMPLETED || books.orders[i].status == ORDER_REFUNDED;
    return n;
}
