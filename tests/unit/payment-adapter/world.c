/* world.c: see world.h. Like the real ones, store and peers respond in the world's own turn, never
 * from within a call. */
#include "world.h"

#include "unit.h"

#define PURCHASE "the-digest-of-the-purchase"

enum { WALL_US = 1800000000, LEASE_US = 60000000, AMOUNT = WORLD_TOTAL, HOUR_MS = 3600000 };

static uint64_t wall_ms(const struct world *world)
{
    return world->clock.now_wall_us / 1000;
}

/* Returns true if the engine died here; the caller then drops its next action. */
static bool edge(struct world *world)
{
    world->edges++;
    if (world->crash_at != world->edges)
        return false;
    world->crashed = true;
    return true;
}

/* ---- the store ---- */

static void lease(void *ctx, uint32_t max, const struct saga_held *held)
{
    struct world *world = ctx;
    assert_null(held); /* its answers are never lost */
    world->lease_asked = true;
    world->lease_max = max;
}

static void commit(void *ctx, const struct saga_move *const *moves, uint32_t len)
{
    struct world *world = ctx;
    assert_true(len <= WORLD_SAGAS_MAX);
    world->commit_asked = true;
    world->batch_len = len;
    memcpy(world->batch, moves, len * sizeof(*moves));
}

static void answer_lease(struct world *world)
{
    struct saga_row rows[WORLD_SAGAS_MAX];
    uint32_t len = 0;
    uint64_t now_us = world->clock.now_mono_us;
    world->lease_asked = false;
    for (uint32_t i = 0; i < world->sagas_len && len < world->lease_max; i++) {
        struct stored_saga *saga = &world->sagas[i];
        const struct saga_def *def = saga_engine_def(world->engine, span_of(saga->key));
        len += stored_saga_lease(saga, def, now_us, LEASE_US, &rows[len]);
    }
    saga_engine_on_leased(world->engine, rows, len);
}

static void keep_effects(struct world *world, const struct saga_move *move)
{
    uint32_t at = 0;
    uint8_t kind;
    struct span json;
    while (move->effects != NULL && saga_effects_next(move->effects, &at, &kind, &json)) {
        assert_true(world->effects_len < WORLD_EFFECTS_MAX);
        struct world_effect *effect = &world->effects[world->effects_len++];
        effect->saga = move->id;
        effect->kind = (enum effect)kind;
        assert_true(span_to_cstr(json, effect->json, sizeof(effect->json)));
    }
}

static void keep_log(struct world *world, const struct saga_move *move)
{
    if (move->mark == SAGA_MARK_DEFERRED)
        return;
    for (uint8_t step = move->at_step; step <= move->at_step + move->rode; step++) {
        assert_true(world->log_len < WORLD_LOG_MAX);
        struct world_log *log = &world->log[world->log_len++];
        *log = (struct world_log){move->id, step, move->way, move->mark, ""};
        memcpy(log->code, move->code, sizeof(log->code));
    }
}

static void store_move(struct world *world, const struct saga_move *move,
                       struct saga_store_reply *reply)
{
    struct stored_saga *saga = world_saga(world, move->id);
    bool current = saga->token == move->token;
    if (stored_saga_move(saga, move, world->clock.now_mono_us, LEASE_US, reply)) {
        keep_log(world, move);
        keep_effects(world, move);
    } else if (current) {
        assert_int_equal(saga->moves, move->moves + 1); /* the answer was lost, not the commit */
    }
}

static void answer_commit(struct world *world)
{
    struct saga_store_reply replies[WORLD_SAGAS_MAX];
    world->commit_asked = false;
    if (edge(world))
        return;
    for (uint32_t i = 0; i < world->batch_len; i++)
        store_move(world, world->batch[i], &replies[i]);
    if (!edge(world))
        saga_engine_on_committed(world->engine, true, replies);
}

/* ---- the peers ---- */

static void no(struct peer_call *call, const char *code)
{
    call->verdict = SAGA_FAILED;
    snprintf(call->code, sizeof(call->code), "%s", code);
}

static void report_payment(struct world *world, struct peer_call *call)
{
    call->payment = (struct payment){.state = world->payment,
                                     .id = "pi_1",
                                     .secret = "pi_1_secret",
                                     .url = "https://psp.example/pay/pi_1",
                                     .amount = AMOUNT,
                                     .captured = world->captured,
                                     .refunded = world->refunded};
}

static void act_psp(struct world *world, struct peer_call *call)
{
    switch (call->op) {
    case PEER_PSP_CREATE:
        if (!world->payment_exists) {
            world->payment_exists = true;
            world->payment = world->buyer_pays ? PAYMENT_AUTHORISED : PAYMENT_OPEN;
        }
        break;
    case PEER_PSP_READ:
        break;
    case PEER_PSP_CAPTURE:
        if (world->payment == PAYMENT_HINTED) /* not before the hint is stored */
            assert_true(order_is_checked(call->order, ORDER_CHECK_ASKED));
        if (world->payment == PAYMENT_AUTHORISED || world->payment == PAYMENT_HINTED) {
            world->payment = PAYMENT_CAPTURED;
            world->captured = AMOUNT;
            world->refunded = world->given_back;
            world->captures++;
        } else if (world->payment != PAYMENT_CAPTURED) {
            no(call, "authorisation-gone");
        }
        break;
    case PEER_PSP_CANCEL:
        assert_int_not_equal(world->payment, PAYMENT_CAPTURED);
        if (world->payment == PAYMENT_HINTED && order_is_checked(call->order, ORDER_CHECK_ASKED)) {
            world->payment = PAYMENT_CAPTURED; /* as psp_toss.c does */
            world->captured = AMOUNT;
            world->captures++;
            call->verdict = SAGA_UNKNOWN;
        } else {
            world->payment = PAYMENT_CANCELED;
        }
        break;
    default:
        assert_int_equal(call->op, PEER_PSP_REFUND);
        world->refund_back = call->given_back;
        world->refund_part = call->order->refund;
        if (strcmp(world->sagas[world->sagas_len - 1].key, "credit.1") == 0) {
            assert_int_equal(world_count(world, EFFECT_MOVE_SHUT), 1);
            assert_int_equal(world_seats(world, SEAT_SOLD), 1);
        }
        if (strcmp(world->sagas[world->sagas_len - 1].key, "refund.2") == 0) {
            assert_int_equal(world_count(world, EFFECT_REVOKE), 1); /* the effect is durable */
            assert_int_equal(world_seats(world, SEAT_SOLD), 0);
        }
        assert_int_equal(world->payment, PAYMENT_CAPTURED);
        world->refunded = order_refund(call->order, world->captured);
    }
    report_payment(world, call);
}

uint32_t world_seats(const struct world *world, enum world_seat state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < WORLD_SEATS; i++)
        count += world->seats[i] == state;
    return count;
}

static void set_seats(struct world *world, enum world_seat state)
{
    for (uint32_t i = 0; i < WORLD_SEATS; i++)
        world->seats[i] = world->seats[i] == SEAT_TAKEN || i == 2 ? world->seats[i] : state;
}

/* Seats of ended holds become free each second, and another buyer takes them if they are wanted. */
static void tick_seats(struct world *world)
{
    if (wall_ms(world) < world->seats_tick_ms)
        return;
    world->seats_tick_ms = wall_ms(world) + 1000;
    if (world_seats(world, SEAT_HELD) > 0 && wall_ms(world) >= world->held_until_ms)
        set_seats(world, SEAT_FREE);
    if (world->seats_wanted && world->seats[0] == SEAT_FREE)
        set_seats(world, SEAT_TAKEN);
}

/* A refusal as of the seat service over HTTP. */
static void refuse(struct peer_call *call, unsigned status, const char *code)
{
    call->verdict = peer_judge(call->op, status, &code);
    snprintf(call->code, sizeof(call->code), "%s", code);
}

static void move_seat(struct world *world, struct peer_call *call)
{
    enum world_seat *from = &world->seats[1], *to = &world->seats[2];
    assert_int_equal(world_count(world, EFFECT_MOVE_SHUT), 1); /* the old ticket is durably void */
    assert_int_equal(call->moving->len, 1);
    assert_string_equal(call->moving->seats[0].from, "s1");
    assert_string_equal(call->moving->seats[0].to, "s2");
    if (*to == SEAT_TAKEN) {
        refuse(call, 409, "seats-taken");
        return;
    }
    *from = SEAT_FREE;
    *to = SEAT_SOLD;
    call->places = strdup("[]");
}

static void act_seats(struct world *world, struct peer_call *call)
{
    enum world_seat now = world->seats[0];
    assert_string_equal(call->order->id, "o_1");
    assert_string_equal(call->order->event, "gala");
    assert_string_equal(call->order->hold, "h_1");
    assert_string_equal(call->order->purchase, PURCHASE);
    switch (call->op) {
    case PEER_SEATS_EXTEND:
        if (now != SEAT_HELD) {
            refuse(call, 410, "no-such-hold");
            return;
        }
        world->held_until_ms = wall_ms(world) + WORLD_TTL_MS;
        call->expires_ms = world->held_until_ms;
        return;
    case PEER_SEATS_CONFIRM:
        if (now == SEAT_TAKEN)
            refuse(call, 409, "seats-gone");
        else
            set_seats(world, SEAT_SOLD); /* also if sold already, or free since the hold ended */
        return;
    case PEER_SEATS_MOVE:
        move_seat(world, call);
        return;
    case PEER_SEATS_RETURN:
        assert_int_equal(world_count(world, EFFECT_MOVE_SHUT), 1);
        assert_int_equal(call->moving->kept, 1);
        assert_string_equal(call->moving->seats[0].from, "s1");
        world->seats[1] = SEAT_FREE;
        return;
    default:
        if (now == (call->op == PEER_SEATS_RELEASE ? SEAT_HELD : SEAT_SOLD))
            set_seats(world, SEAT_FREE);
        else
            refuse(call, 410, "no-such-hold");
    }
}

static void act(struct world *world, struct peer_call *call)
{
    call->verdict = SAGA_DONE;
    if (call->op == PEER_SESSION_END)
        world->session_ended = true;
    else if (call->op == PEER_SEATS_SESSION_END)
        world->pass_ended = true;
    else if (peer_question(call->op)->about == PEER_ABOUT_HOLD)
        act_seats(world, call);
    else
        act_psp(world, call);
}

static void start(void *ctx, struct peer_call *call)
{
    struct world *world = ctx;
    assert_true(world->calls_len < WORLD_CALLS_MAX);
    world->calls[world->calls_len++] = call;
}

/* Returns false if the engine died before it got the response. */
static bool answer_call(struct world *world, struct peer_call *call)
{
    enum peer_op op = call->op;
    enum world_fault fault = WORLD_FINE;
    world->asked[op]++;
    if (world->faults_left[op] > 0) {
        world->faults_left[op]--;
        fault = world->faults[op];
    }
    if (edge(world))
        return false;
    if (fault == WORLD_REFUSED)
        no(call, "refused");
    else if (fault != WORLD_DROPPED && fault != WORLD_BUSY)
        act(world, call);
    if (edge(world))
        return false;
    if (fault == WORLD_SILENT) {
        world->silent[world->silent_len++] = call;
        return true;
    }
    if (fault == WORLD_LOST || fault == WORLD_DROPPED || fault == WORLD_BUSY)
        call->verdict = SAGA_UNKNOWN;
    if (fault == WORLD_BUSY)
        call->retry_ms = HOUR_MS;
    if (world->alter != NULL)
        world->alter(world, call);
    call->on_done(call);
    return true;
}

/* ---- running ---- */

static void start_engine(struct world *world)
{
    world->conf.defs = checkout_defs(world->checkout, &world->conf.defs_len);
    world->lease_asked = world->commit_asked = false;
    assert_int_equal(
        saga_engine_create(&world->conf, world->clock.now_mono_us, NULL, &world->engine), 0);
}

/* Responses after the engine's death only free their calls. */
static void answer_late(struct peer_call **calls, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        calls[i]->verdict = SAGA_UNKNOWN;
        calls[i]->on_done(calls[i]);
    }
}

void world_kill(struct world *world)
{
    saga_engine_destroy(world->engine);
    answer_late(world->calls, world->calls_len);
    answer_late(world->silent, world->silent_len);
    world->calls_len = world->silent_len = 0;
    world->crashed = false;
    world->crashes++;
    start_engine(world);
}

void world_turn(struct world *world)
{
    tick_seats(world);
    saga_engine_turn(world->engine, world->clock.now_mono_us);
    struct peer_call *calls[WORLD_CALLS_MAX];
    uint32_t len = world->calls_len;
    memcpy(calls, world->calls, len * sizeof(calls[0]));
    world->calls_len = 0;
    for (uint32_t i = 0; i < len; i++) {
        if (world->crashed || !answer_call(world, calls[i]))
            world->calls[world->calls_len++] = calls[i];
    }
    if (world->commit_asked && !world->crashed)
        answer_commit(world);
    if (world->lease_asked && !world->crashed)
        answer_lease(world);
    if (world->crashed)
        world_kill(world);
}

static bool is_over(const struct world *world)
{
    for (uint32_t i = 0; i < world->sagas_len; i++) {
        if (!saga_ended(world->sagas[i].state) && !world->sagas[i].parked)
            return false;
    }
    return true;
}

void world_run(struct world *world, uint64_t limit_ms)
{
    uint64_t end_us = world->clock.now_mono_us + limit_ms * 1000;
    for (;;) {
        world_turn(world);
        bool busy = world->calls_len > 0 || world->commit_asked || world->lease_asked;
        uint64_t due_us = saga_engine_due_us(world->engine);
        if (is_over(world) && saga_engine_idle(world->engine))
            return;
        if (busy || due_us <= world->clock.now_mono_us)
            continue;
        if (due_us > end_us)
            due_us = end_us;
        clock_fake_step(&world->clock, due_us - world->clock.now_mono_us);
        if (world->clock.now_mono_us >= end_us)
            return;
    }
}

static bool webhooks_come(void *ctx, const char *provider)
{
    assert_string_equal(provider, "stripe");
    return ((const struct world *)ctx)->webhooks_come;
}

static bool knows_time(void *ctx)
{
    return !((const struct world *)ctx)->time_unknown;
}

static void create_checkout(struct world *world, const struct checkout_def *next, uint32_t next_len)
{
    struct checkout_conf checkout = {
        .peers = {start, world},
        .clock = &world->clock.clock,
        .rng = &world->rng.rng,
        .signer = world->signer,
        .poll_first_ms = 1000,
        .poll_cap_ms = 5000,
        .poll_rare_ms = 120000,
        .webhooks_come = webhooks_come,
        .knows_time = knows_time,
        .ctx = world,
        .next = next,
        .next_len = next_len,
    };
    assert_int_equal(checkout_create(&checkout, NULL, &world->checkout), 0);
}

void world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    clock_fake_init(&world->clock, (uint64_t)WALL_US * 1000000);
    rng_seeded_init(&world->rng, 7);
    uint8_t seed[TICKET_SEED_BYTES] = {1};
    assert_int_equal(ticket_signer_create(seed, NULL, &world->signer), 0);
    create_checkout(world, NULL, 0);
    world->conf = (struct saga_engine_conf){
        .slots = 32,
        .calls_max = 32,
        .idle_ms = 100,
        .lease_ms = LEASE_US / 1000,
        .breaker_trip = 5,
        .breaker_open_ms = 2000,
        .breaker_open_max_ms = 2000,
        .budget_share_milli = 100,
        .budget_per_s = 1,
        .budget_cap = 10,
        .store = {lease, commit, world},
        .rng = &world->rng.rng,
    };
    start_engine(world);
    set_seats(world, SEAT_HELD);
    world->held_until_ms = wall_ms(world) + WORLD_TTL_MS;
    world->buyer_pays = true;
}

void world_update(struct world *world, const struct checkout_def *next, uint32_t next_len)
{
    struct checkout *before = world->checkout;
    create_checkout(world, next, next_len);
    world_kill(world);
    checkout_destroy(before);
}

void world_deinit(struct world *world)
{
    world_kill(world);
    saga_engine_destroy(world->engine);
    checkout_destroy(world->checkout);
    ticket_signer_destroy(world->signer);
}

uint64_t world_order(struct world *world, const char *def_key)
{
    struct stored_saga *saga = &world->sagas[world->sagas_len++];
    *saga = (struct stored_saga){.id = world->sagas_len, .due_us = world->clock.now_mono_us};
    saga->step_us = world->clock.now_mono_us;
    snprintf(saga->key, sizeof(saga->key), "%s", def_key);
    struct order order = {.id = "o_1",
                          .event = "gala",
                          .hold = "h_1",
                          .purchase = PURCHASE,
                          .member = "42",
                          .session = "s_1",
                          .lang = "ko",
                          .provider = "stripe",
                          .currency = "KRW",
                          .amount = AMOUNT,
                          .seats_len = 2,
                          .seats = {"s0", "s1"}};
    order.expires_ms = wall_ms(world) + WORLD_TTL_MS;
    bool credit = strcmp(def_key, "credit.1") == 0;
    order.refund = credit ? AMOUNT / 2 : 0;
    order.credit = credit ? 2 : 0;
    if (credit || strncmp(def_key, "refund.", 7) == 0)
        snprintf(order.payment, sizeof(order.payment), "pi_1");
    char *json;
    assert_int_equal(order_dump(&order, NULL, &json), 0);
    const char *moves = "";
    if (credit)
        moves = ",\"move\":2,\"kept\":1,\"moves\":[{\"from\":\"s1\",\"ticket\":\"t_1\","
                "\"member\":\"43\",\"lang\":\"en\"}]";
    else if (strcmp(def_key, "move.1") == 0) /* one seat, whose ticket was handed on */
        moves = ",\"move\":1,\"moves\":[{\"from\":\"s1\",\"to\":\"s2\",\"ticket\":\"t_1\","
                "\"member\":\"43\",\"lang\":\"en\"}]";
    snprintf(saga->data, sizeof(saga->data), "%.*s%s}", (int)strlen(json) - 1, json, moves);
    free(json);
    saga_engine_nudge(world->engine);
    return saga->id;
}

struct stored_saga *world_saga(struct world *world, uint64_t id)
{
    assert_true(id >= 1 && id <= world->sagas_len);
    return &world->sagas[id - 1];
}

void world_fault(struct world *world, enum peer_op op, enum world_fault fault, uint32_t times)
{
    world->faults[op] = fault;
    world->faults_left[op] = times;
}

void world_wake(struct world *world, uint64_t id)
{
    stored_saga_wake(world_saga(world, id), world->clock.now_mono_us);
    saga_engine_nudge(world->engine);
}

void world_cancel(struct world *world, uint64_t id)
{
    struct stored_saga *saga = world_saga(world, id);
    if (saga->state == SAGA_RUNNING &&
        saga->step < saga_engine_def(world->engine, span_of(saga->key))->pivot)
        saga->cancel = true;
    world_wake(world, id);
}

uint32_t world_count(const struct world *world, enum effect kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->effects_len; i++)
        count += world->effects[i].kind == kind;
    return count;
}

void world_check(struct world *world)
{
    assert_true(world->captures <= 1);
    assert_true(is_over(world));
    for (uint32_t i = 0; i < world->sagas_len; i++)
        assert_false(world->sagas[i].parked);
    assert_int_equal(world->captured - world->refunded, /* two seats */
                     world_seats(world, SEAT_SOLD) * AMOUNT / 2);
    /* No money stays reserved, and no seat stays held. */
    assert_true(!world->payment_exists || world->payment == PAYMENT_CAPTURED ||
                world->payment == PAYMENT_CANCELED);
    assert_int_equal(world_seats(world, SEAT_HELD), 0);
    /* Each effect happens exactly once, and only where it belongs. */
    bool completed =
        strcmp(world->sagas[0].key, "checkout.1") == 0 && world->sagas[0].state == SAGA_COMPLETED;
    assert_int_equal(world_count(world, EFFECT_TICKET), completed ? 2 : 0);
    /* One DONE for each step and direction of a saga. */
    for (uint32_t i = 0; i < world->log_len; i++) {
        for (uint32_t j = i + 1; j < world->log_len; j++) {
            const struct world_log *a = &world->log[i], *b = &world->log[j];
            assert_false(a->mark == SAGA_MARK_DONE && b->mark == SAGA_MARK_DONE &&
                         a->saga == b->saga && a->step == b->step && a->way == b->way);
        }
    }
}
