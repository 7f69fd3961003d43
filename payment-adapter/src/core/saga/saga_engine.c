/* saga_engine.c: a leased saga sits in a slot. A slot is in exactly one list, which is its state:
 *
 *   FREE -> READY -> CALLING -> MOVED -> COMMITTING -> READY (or FREE, when the lease ends)
 *
 * A READY slot waits to be called, a MOVED one for the next commit. The step's call lives apart
 * from the slot. When it times out, the slot continues as UNKNOWN and the call is detached; it
 * frees itself when its step returns. So a step that never answers costs one call, not a slot.
 *
 * A commit without an answer is sent again with the very same moves, until the store answers or the
 * leases are about to expire. Only then are the slots given up: another engine may lease these
 * sagas by then, and finds in the store how far they got.
 *
 * No engine acts on a lease that is about to expire: it drops a saga half a second before, and the
 * store rejects moves with an older token in any case. */
#include "core/saga/saga_engine.h"

#include "base/magic.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEASE_MARGIN_US = 500000,
    COMMIT_RETRY_US = 100000,
    LEASE_RETRY_US = 200000,
    LOST_AGAIN_US = 1000000,
};

enum slot_state { SLOT_FREE, SLOT_READY, SLOT_CALLING, SLOT_MOVED, SLOT_COMMITTING, SLOT_STATES };

struct slot {
    struct slot *next, *prev;
    enum slot_state state;
    struct saga_row row;
    char *data; /* owned; row.data points to it */
    struct call *call;
    uint64_t call_deadline_us;
    bool took_retry; /* this call took a retry from its peer's budget */
    struct saga_move move;
    struct saga_effects effects; /* of the move */
    uint8_t refused;             /* moves in a row that the store refused */
    char *new_data;              /* owned: move.data */
};

struct list {
    struct slot *head, *tail;
    uint32_t len;
};

struct call {
    uint32_t magic;
    struct saga_call pub;
    struct saga_engine *engine; /* NULL: detached */
    struct slot *slot;
    uint64_t started_us;
    bool finished;
    struct saga_outcome outcome;
    char code[SAGA_CODE_MAX];
    char detail[SAGA_DETAIL_MAX];
    struct saga_effects effects;
    char *new_data;
    size_t new_data_len;
    bool failed; /* out of memory for what the step wanted to store */
    char trace[SAGA_TRACE_MAX];
    struct call *next, *prev; /* all calls of the engine */
    char data[];
};

MAGIC(call, 0x3a70000a);

struct saga_engine {
    struct saga_engine_conf conf;
    struct slot *slots;
    struct list lists[SLOT_STATES];
    struct call *calls;
    const struct saga_move **batch; /* the moves in flight: those of COMMITTING, in its order */
    struct breaker breakers[SAGA_PEERS_MAX];
    struct budget budgets[SAGA_PEERS_MAX];
    bool leasing, committing, nudged, draining;
    bool full_lease; /* the last lease was answered in full, so more may be due */
    uint32_t lease_asked;
    struct saga_held held;
    uint64_t now_us;
    uint64_t lease_at_us; /* no lease before */
    /* After an answer to a lease was lost, leases name what is held, so that the store ends the
     * rest: next at `lost_next_us`, then once a second, until the lost lease has ended itself. */
    uint64_t lost_until_us, lost_next_us;
    uint64_t commit_at_us; /* no commit before; set after a failed commit */
    uint32_t calling;      /* calls under way */
};

/* ---- lists ---- */

static void list_push(struct list *list, struct slot *slot)
{
    assert((list->head == NULL) == (list->tail == NULL));
    assert((list->head == NULL) == (list->len == 0));
    slot->next = NULL;
    slot->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = slot;
    else
        list->head = slot;
    list->tail = slot;
    list->len++;
}

static void list_remove(struct list *list, struct slot *slot)
{
    assert(list->len > 0);
    assert(slot->prev != NULL || list->head == slot);
    assert(slot->next != NULL || list->tail == slot);
    *(slot->prev != NULL ? &slot->prev->next : &list->head) = slot->next;
    *(slot->next != NULL ? &slot->next->prev : &list->tail) = slot->prev;
    list->len--;
}

static const uint8_t slot_next[SLOT_STATES] = {
    [SLOT_FREE] = 1u << SLOT_READY,
    [SLOT_READY] = 1u << SLOT_CALLING | 1u << SLOT_MOVED | 1u << SLOT_FREE,
    [SLOT_CALLING] = 1u << SLOT_MOVED,
    [SLOT_MOVED] = 1u << SLOT_COMMITTING | 1u << SLOT_FREE,
    [SLOT_COMMITTING] = 1u << SLOT_READY | 1u << SLOT_MOVED | 1u << SLOT_FREE, /* MOVED: refused */
};

static void slot_move(struct saga_engine *engine, struct slot *slot, enum slot_state to)
{
    assert(slot_next[slot->state] & (1u << to));
    list_remove(&engine->lists[slot->state], slot);
    slot->state = to;
    list_push(&engine->lists[to], slot);
    assert((slot->call != NULL) == (to == SLOT_CALLING));
}

static void slot_clear_move(struct slot *slot)
{
    saga_effects_clear(&slot->effects);
    free(slot->new_data);
    slot->new_data = NULL;
}

static void slot_free(struct saga_engine *engine, struct slot *slot)
{
    assert(slot->call == NULL); /* a running call was detached first */
    slot_clear_move(slot);
    free(slot->data);
    slot->data = NULL;
    slot_move(engine, slot, SLOT_FREE);
}

/* ---- calls ---- */

static void call_unlink(struct call *call)
{
    struct saga_engine *engine = call->engine;
    if (engine == NULL)
        return;
    *(call->prev != NULL ? &call->prev->next : &engine->calls) = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    call->engine = NULL;
    assert(engine->calling > 0);
    engine->calling--;
}

static void call_free(struct call *call)
{
    assert(call->slot == NULL || call->slot->call != call); /* its slot no longer refers to it */
    call_unlink(call);
    saga_effects_clear(&call->effects);
    free(call->new_data);
    MAGIC_END(call, call);
    free(call);
}

static struct call *call_create(struct saga_engine *engine, struct slot *slot,
                                const struct saga_row *row)
{
    assert(slot->call == NULL);
    assert(engine->calling < engine->conf.calls_max);
    struct call *call = calloc(1, sizeof(*call) + row->data.len + 1);
    if (call == NULL)
        return NULL;
    MAGIC_BEGIN(call, call);
    const struct saga_step *step = row->def->steps[row->step];
    if (row->data.len > 0)
        memcpy(call->data, row->data.ptr, row->data.len);
    memcpy(call->trace, row->trace, sizeof(call->trace));
    call->pub = (struct saga_call){
        .saga = row->id,
        .way = saga_way(row),
        .step = step->name,
        .tries = row->tries,
        .timeout_ms = step->timeout_ms,
        .age_ms = (int64_t)engine->now_us > row->step_us
                      ? (uint64_t)((int64_t)engine->now_us - row->step_us) / 1000
                      : 0,
        .trace = call->trace,
        .data = {call->data, row->data.len},
    };
    call->engine = engine;
    call->slot = slot;
    call->started_us = engine->now_us;
    call->next = engine->calls;
    if (engine->calls != NULL)
        engine->calls->prev = call;
    engine->calls = call;
    engine->calling++;
    return call;
}

static struct call *call_of(struct saga_call *pub)
{
    return MAGIC_OF(call, (char *)pub - offsetof(struct call, pub));
}

void saga_call_finish(struct saga_call *pub, const struct saga_outcome *outcome)
{
    struct call *call = call_of(pub);
    assert(!call->finished);
    assert(outcome->verdict < SAGA_VERDICT_COUNT);
    if (call->slot == NULL) { /* too late: the slot has moved on without it */
        call_free(call);
        return;
    }
    call->finished = true;
    call->outcome = *outcome;
    if (outcome->code != NULL)
        span_to_cstr_cut(span_of(outcome->code), call->code, sizeof(call->code));
    if (outcome->detail != NULL)
        span_to_cstr_cut(span_of(outcome->detail), call->detail, sizeof(call->detail));
    call->outcome.code = call->code;
    call->outcome.detail = call->detail;
}

void saga_call_set_data(struct saga_call *pub, struct span data)
{
    struct call *call = call_of(pub);
    assert(!call->finished); /* its data is stored with its move */
    free(call->new_data);
    call->new_data = data.len <= SAGA_DATA_MAX ? malloc(data.len + 1) : NULL;
    if (call->new_data == NULL) {
        call->failed = true;
        return;
    }
    memcpy(call->new_data, data.ptr, data.len);
    call->new_data_len = data.len;
}

struct saga_effects *saga_call_effects(struct saga_call *pub)
{
    assert(!call_of(pub)->finished);
    return &call_of(pub)->effects;
}

/* ---- create and destroy ---- */

static int check_conf(const struct saga_engine_conf *conf, struct err_slot *err)
{
    if (conf->slots < 1 || conf->slots > SAGA_SLOTS_MAX)
        return err_set(err, ERR_RANGE, "saga slots: %" PRIu32, conf->slots);
    if (conf->calls_max < 1 || conf->calls_max > conf->slots)
        return err_set(err, ERR_RANGE, "saga calls at a time: %" PRIu32, conf->calls_max);
    assert(conf->defs_len >= 1 && conf->defs_len <= SAGA_DEFS_MAX);
    assert(conf->store.lease != NULL && conf->store.commit != NULL);
    for (uint32_t i = 0; i < conf->defs_len; i++) {
        saga_def_check(conf->defs[i]);
        for (uint32_t j = 0; j < i; j++) /* keys are unique: a row names its definition by key */
            assert(strcmp(conf->defs[i]->key, conf->defs[j]->key) != 0);
    }
    return 0;
}

int saga_engine_create(const struct saga_engine_conf *conf, uint64_t now_us, struct err_slot *err,
                       struct saga_engine **out)
{
    int rc = check_conf(conf, err);
    if (rc < 0)
        return rc;
    struct saga_engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL)
        return err_set(err, ERR_NOMEM, "saga engine");
    engine->slots = calloc(conf->slots, sizeof(*engine->slots));
    engine->batch = calloc(conf->slots, sizeof(const struct saga_move *));
    engine->held.ids = calloc(conf->slots, sizeof(*engine->held.ids));
    engine->held.tokens = calloc(conf->slots, sizeof(*engine->held.tokens));
    if (engine->slots == NULL || engine->batch == NULL || engine->held.ids == NULL ||
        engine->held.tokens == NULL)
        goto free_engine;
    engine->conf = *conf;
    engine->now_us = now_us;
    engine->nudged = true;
    for (uint32_t i = 0; i < conf->slots; i++)
        list_push(&engine->lists[SLOT_FREE], &engine->slots[i]);
    for (int i = 0; i < SAGA_PEERS_MAX; i++) {
        breaker_init(&engine->breakers[i], conf->breaker_trip, conf->breaker_open_ms,
                     conf->breaker_open_max_ms);
        budget_init(&engine->budgets[i], conf->budget_share_milli, conf->budget_per_s,
                    conf->budget_cap, now_us);
    }
    *out = engine;
    return 0;

free_engine:
    free(engine->held.ids);
    free(engine->held.tokens);
    free(engine->slots);
    free(engine->batch);
    free(engine);
    return err_set(err, ERR_NOMEM, "saga engine of %" PRIu32 " slots", conf->slots);
}

void saga_engine_destroy(struct saga_engine *engine)
{
    if (engine == NULL)
        return;
    while (engine->calls != NULL) {
        struct call *call = engine->calls;
        bool finished = call->finished;
        assert(call->engine == engine);
        call->slot->call = NULL;
        call->slot = NULL;
        call_unlink(call);
        if (finished)
            call_free(call);
    }
    for (uint32_t i = 0; i < engine->conf.slots; i++) {
        slot_clear_move(&engine->slots[i]);
        free(engine->slots[i].data);
    }
    free(engine->held.ids);
    free(engine->held.tokens);
    free(engine->batch);
    free(engine->slots);
    free(engine);
}

/* ---- leasing ---- */

const struct saga_def *saga_engine_def(const struct saga_engine *engine, struct span key)
{
    for (uint32_t i = 0; i < engine->conf.defs_len; i++) {
        if (span_eq(key, span_of(engine->conf.defs[i]->key)))
            return engine->conf.defs[i];
    }
    return NULL;
}

/* A lease needs a free slot. Without one, only an answer in flight can free it, so an earlier turn
 * is useless. During a commit, leasing waits to share the next one. */
static bool can_lease(const struct saga_engine *engine)
{
    return !engine->leasing && !engine->draining && !engine->committing &&
           engine->lists[SLOT_FREE].len > 0;
}

static uint64_t lease_due_us(const struct saga_engine *engine)
{
    if (!can_lease(engine))
        return engine->now_us + (uint64_t)engine->conf.idle_ms * 1000;
    bool at_once = engine->nudged || engine->full_lease;
    uint64_t due_us = at_once ? engine->now_us : engine->lease_at_us;
    return due_us > engine->commit_at_us ? due_us : engine->commit_at_us;
}

/* NULL: no lost lease has to be ended now. */
static const struct saga_held *held_after_loss(struct saga_engine *engine)
{
    struct saga_held *held = &engine->held;
    if (engine->now_us >= engine->lost_until_us || engine->now_us < engine->lost_next_us)
        return NULL;
    engine->lost_next_us = engine->now_us + LOST_AGAIN_US;
    held->len = 0;
    for (uint32_t i = 0; i < engine->conf.slots; i++) {
        const struct slot *slot = &engine->slots[i];
        if (slot->state == SLOT_FREE)
            continue;
        held->ids[held->len] = slot->row.id;
        held->tokens[held->len++] = slot->row.token;
    }
    assert(held->len + engine->lists[SLOT_FREE].len == engine->conf.slots);
    return held;
}

static void lease_some(struct saga_engine *engine)
{
    uint32_t room = engine->lists[SLOT_FREE].len;
    if (!can_lease(engine) || engine->now_us < lease_due_us(engine))
        return;
    assert(room <= engine->conf.slots);
    engine->leasing = true;
    engine->nudged = false;
    engine->full_lease = false;
    engine->lease_at_us = engine->now_us + (uint64_t)engine->conf.idle_ms * 1000;
    engine->lease_asked = room;
    engine->conf.store.lease(engine->conf.store.ctx, room, held_after_loss(engine));
}

void saga_engine_nudge(struct saga_engine *engine)
{
    engine->nudged = true;
}

static void take_row(struct saga_engine *engine, const struct saga_row *row)
{
    struct slot *slot = engine->lists[SLOT_FREE].head;
    assert(slot != NULL);
    assert(row->def != NULL); /* the store leases only sagas whose definitions we have */
    assert(row->step < row->def->steps_len);
    assert(!saga_ended(row->state) && !row->parked);
    char *data = malloc(row->data.len + 1);
    if (data == NULL)
        return; /* it is leased again: after its lease, or after a lost answer of ours */
    if (row->data.len > 0)
        memcpy(data, row->data.ptr, row->data.len);
    slot->row = *row;
    slot->refused = 0;
    slot->data = data;
    slot->row.data.ptr = data;
    slot_move(engine, slot, SLOT_READY);
}

void saga_engine_on_leased(struct saga_engine *engine, const struct saga_row *rows, uint32_t len)
{
    assert(engine->leasing);
    assert(rows != NULL || len == 0);
    assert(len <= engine->lease_asked);
    engine->leasing = false;
    if (rows == NULL) {
        engine->lost_until_us = engine->now_us + (uint64_t)engine->conf.lease_ms * 1000;
        engine->lost_next_us = 0;
        engine->lease_at_us = engine->now_us + LEASE_RETRY_US;
        return;
    }
    engine->full_lease = len == engine->lease_asked;
    for (uint32_t i = 0; i < len; i++)
        take_row(engine, &rows[i]);
}

/* ---- calling ---- */

static void add_effects_of_move(struct slot *slot)
{
    const struct saga_def *def = slot->row.def;
    if (def->on_move != NULL)
        def->on_move(def->ctx, &slot->row, &slot->move, &slot->effects);
    slot->move.effects = slot->effects.len > 0 ? &slot->effects : NULL;
}

/* A move that cannot be written completely must not be written in part: the try counts as UNKNOWN
 * and is repeated. */
static void decide_again_unknown(struct saga_engine *engine, struct slot *slot)
{
    slot_clear_move(slot);
    struct saga_outcome outcome = {.verdict = SAGA_UNKNOWN, .code = "no-memory"};
    saga_decide(&slot->row, &outcome, engine->now_us, engine->conf.rng, &slot->move);
    assert(slot->move.effects == NULL);
}

static void slot_moved(struct saga_engine *engine, struct slot *slot)
{
    assert(slot->move.id == slot->row.id);
    assert(slot->move.token == slot->row.token);
    assert(slot->move.moves == slot->row.moves);
    add_effects_of_move(slot);
    if (slot->effects.failed)
        decide_again_unknown(engine, slot);
    slot_move(engine, slot, SLOT_MOVED);
}

/* A failure caused by our own lack of memory or by an unreadable order says nothing about the peer:
 * it counts neither against the peer's breaker nor against its retry budget. */
static void report_to_peer(struct saga_engine *engine, const struct slot *slot,
                           const struct saga_outcome *outcome)
{
    uint8_t peer = slot->row.def->steps[slot->row.step]->peer;
    if (peer == SAGA_PEER_NONE)
        return;
    assert(peer < SAGA_PEERS_MAX);
    struct breaker *breaker = &engine->breakers[peer];
    if (outcome->reply == SAGA_REPLY_NONE) {
        breaker_unasked(breaker, engine->now_us);
        if (slot->took_retry)
            budget_give_back(&engine->budgets[peer]);
    } else if (outcome->reply == SAGA_REPLY_BY_VERDICT && outcome->verdict == SAGA_UNKNOWN) {
        breaker_missed(breaker, engine->now_us);
    } else {
        breaker_answered(breaker);
    }
}

static void slot_decide(struct saga_engine *engine, struct slot *slot,
                        const struct saga_outcome *outcome)
{
    report_to_peer(engine, slot, outcome);
    saga_decide(&slot->row, outcome, engine->now_us, engine->conf.rng, &slot->move);
}

/* Out of memory for what the step wanted to store; its peer has answered all the same. */
static void forget_outcome(struct saga_outcome *outcome)
{
    bool spoke = outcome->verdict != SAGA_UNKNOWN && outcome->reply == SAGA_REPLY_BY_VERDICT;
    *outcome = (struct saga_outcome){.verdict = SAGA_UNKNOWN,
                                     .reply = spoke ? SAGA_REPLY_CAME : outcome->reply,
                                     .code = "no-memory"};
}

/* Runs the local step that follows this move. False: it did not finish, and runs in a turn of its
 * own. */
static bool slot_rode(struct saga_engine *engine, struct slot *slot)
{
    struct saga_row row = slot->row;
    saga_apply(&row, &slot->move, engine->now_us);
    if (slot->new_data != NULL)
        row.data = slot->move.data;
    struct call *call = call_create(engine, slot, &row);
    if (call == NULL)
        return false;
    uint32_t before = slot->effects.len;
    call->effects = slot->effects;
    row.def->steps[row.step]->run(&call->pub, row.def->ctx);
    assert(call->finished);
    bool done = call->outcome.verdict == SAGA_DONE && !call->failed && !call->effects.failed;
    slot->effects = call->effects;
    call->effects = (struct saga_effects){0};
    if (done) {
        struct saga_move next;
        saga_decide(&row, &call->outcome, engine->now_us, engine->conf.rng, &next);
        saga_ride(&slot->move, &next);
    } else {
        slot->effects.len = before;
        slot->effects.failed = false;
    }
    if (done && call->new_data != NULL) {
        free(slot->new_data);
        slot->new_data = call->new_data;
        slot->move.data = (struct span){call->new_data, call->new_data_len};
        call->new_data = NULL;
    }
    call_free(call);
    return done;
}

static void slot_finished(struct saga_engine *engine, struct slot *slot)
{
    struct call *call = slot->call;
    assert(call->finished);
    assert(call->slot == slot);
    slot->call = NULL;
    if (call->failed || call->effects.failed)
        forget_outcome(&call->outcome);
    call->outcome.took_us = (uint32_t)(engine->now_us - call->started_us);
    slot_decide(engine, slot, &call->outcome);
    memcpy(slot->move.trace, call->trace, sizeof(slot->move.trace));
    if (call->outcome.verdict != SAGA_UNKNOWN) {
        slot->effects = call->effects;
        call->effects = (struct saga_effects){0};
    }
    if (call->new_data != NULL && !call->failed) {
        slot->new_data = call->new_data;
        slot->move.data = (struct span){call->new_data, call->new_data_len};
        call->new_data = NULL;
    }
    call_free(call);
    while (saga_rides(&slot->row, &slot->move) && slot_rode(engine, slot)) {
    }
    slot_moved(engine, slot);
}

static void slot_timed_out(struct saga_engine *engine, struct slot *slot)
{
    assert(!slot->call->finished);
    assert(engine->now_us >= slot->call_deadline_us);
    char trace[SAGA_TRACE_MAX];
    memcpy(trace, slot->call->trace, sizeof(trace));
    slot->call->slot = NULL;
    call_unlink(slot->call);
    slot->call = NULL;
    struct saga_outcome outcome = {
        .verdict = SAGA_UNKNOWN,
        .took_us = slot->row.def->steps[slot->row.step]->timeout_ms * 1000,
        .code = "timeout",
    };
    slot_decide(engine, slot, &outcome);
    memcpy(slot->move.trace, trace, sizeof(trace));
    slot_moved(engine, slot);
}

/* How long to leave the peer alone, jittered upwards so that sagas do not all return at once. 0:
 * call now. */
static uint32_t peer_wait_ms(struct saga_engine *engine, struct slot *slot)
{
    uint8_t peer = slot->row.def->steps[slot->row.step]->peer;
    if (peer == SAGA_PEER_NONE)
        return 0;
    uint32_t turn_ms = engine->conf.admit != NULL ? engine->conf.admit(engine->conf.ctx, peer) : 0;
    if (turn_ms > 0)
        return turn_ms;
    struct breaker *breaker = &engine->breakers[peer];
    slot->took_retry = slot->row.tries > 0 && breaker->state == BREAKER_CLOSED;
    if (slot->took_retry && !budget_take(&engine->budgets[peer], engine->now_us))
        return 500 + (uint32_t)rng_below(engine->conf.rng, 1000);
    if (!breaker_allow(breaker, engine->now_us)) {
        uint32_t wait_ms = breaker_wait_ms(breaker, engine->now_us);
        return wait_ms + 1 + (uint32_t)rng_below(engine->conf.rng, wait_ms + 1);
    }
    if (slot->row.tries == 0)
        budget_earn(&engine->budgets[peer]);
    return 0;
}

static void slot_call(struct saga_engine *engine, struct slot *slot)
{
    assert(slot->state == SLOT_READY);
    assert(!engine->draining);
    const struct saga_def *def = slot->row.def;
    const struct saga_step *step = def->steps[slot->row.step];
    struct call *call = call_create(engine, slot, &slot->row);
    if (call == NULL) {
        struct saga_outcome outcome = {
            .verdict = SAGA_UNKNOWN, .reply = SAGA_REPLY_NONE, .code = "no-memory"};
        slot_decide(engine, slot, &outcome);
        slot_moved(engine, slot);
        return;
    }
    if (engine->conf.on_try != NULL)
        engine->conf.on_try(engine->conf.ctx, call->trace);
    slot->call = call;
    slot->call_deadline_us = engine->now_us + (uint64_t)step->timeout_ms * 1000;
    slot_move(engine, slot, SLOT_CALLING);
    if (call->pub.way == SAGA_DO)
        step->run(&call->pub, def->ctx);
    else
        step->undo(&call->pub, def->ctx);
    if (call->finished)
        slot_finished(engine, slot);
}

static void slot_start(struct saga_engine *engine, struct slot *slot)
{
    assert(slot->state == SLOT_READY);
    if (saga_must_turn(&slot->row)) {
        saga_turn_back(&slot->row, "cancelled", &slot->move);
        slot_moved(engine, slot);
        return;
    }
    if (engine->draining) {
        saga_defer(&slot->row, 0, &slot->move);
        slot_moved(engine, slot);
        return;
    }
    uint32_t wait_ms = peer_wait_ms(engine, slot);
    if (wait_ms > 0) {
        saga_defer(&slot->row, wait_ms, &slot->move);
        slot_moved(engine, slot);
        return;
    }
    slot_call(engine, slot);
}

static bool lease_is_over(const struct saga_engine *engine, const struct slot *slot)
{
    return engine->now_us + LEASE_MARGIN_US >= slot->row.lease_us;
}

static void start_ready(struct saga_engine *engine)
{
    uint32_t left =
        engine->lists[SLOT_READY].len; /* slots that become ready again wait for the next turn */
    while (left-- > 0 && engine->lists[SLOT_CALLING].len < engine->conf.calls_max) {
        struct slot *slot = engine->lists[SLOT_READY].head;
        assert(slot != NULL);
        if (lease_is_over(engine, slot))
            slot_free(engine, slot);
        else
            slot_start(engine, slot);
    }
}

static void collect_calls(struct saga_engine *engine)
{
    struct slot *next;
    for (struct slot *slot = engine->lists[SLOT_CALLING].head; slot != NULL; slot = next) {
        next = slot->next;
        assert(slot->call != NULL);
        if (slot->call->finished)
            slot_finished(engine, slot);
        else if (engine->now_us >= slot->call_deadline_us)
            slot_timed_out(engine, slot);
    }
}

/* ---- committing ---- */

static void commit_moved(struct saga_engine *engine)
{
    struct list *moved = &engine->lists[SLOT_MOVED];
    assert(engine->lists[SLOT_COMMITTING].len == 0);
    assert(!engine->committing && engine->now_us >= engine->commit_at_us); /* none in flight */
    uint32_t len = 0;
    while (moved->head != NULL) {
        struct slot *slot = moved->head;
        if (lease_is_over(engine, slot)) {
            slot_free(engine, slot);
            continue;
        }
        slot_move(engine, slot, SLOT_COMMITTING);
        engine->batch[len++] = &slot->move;
    }
    if (len == 0)
        return;
    assert(len == engine->lists[SLOT_COMMITTING].len);
    engine->committing = true;
    engine->conf.store.commit(engine->conf.store.ctx, engine->batch, len);
}

static void slot_stored(struct saga_engine *engine, struct slot *slot,
                        const struct saga_store_reply *reply)
{
    assert(slot->state == SLOT_COMMITTING);
    assert(slot->move.release ||
           !saga_ended(slot->move.state)); /* an ended saga is always released */
    saga_apply(&slot->row, &slot->move, engine->now_us);
    slot->row.wake = reply->wake;
    slot->row.cancel = reply->cancel;
    slot->row.lease_us = reply->lease_us;
    if (slot->new_data != NULL) {
        free(slot->data);
        slot->data = slot->new_data;
        slot->row.data = slot->move.data;
        slot->new_data = NULL;
    }
    if (engine->conf.on_stored != NULL)
        engine->conf.on_stored(engine->conf.ctx, &slot->row, &slot->move);
    if (slot->move.release) {
        /* A retry that is due at once, or a wake during the commit, should not wait for the idle
         * poll. */
        if (!saga_ended(slot->row.state) && !slot->row.parked) {
            uint64_t due_us = engine->now_us + (uint64_t)slot->move.delay_ms * 1000;
            if (reply->wake != slot->move.wake)
                engine->nudged = true;
            else if (due_us < engine->lease_at_us)
                engine->lease_at_us = due_us;
        }
        slot_free(engine, slot);
        return;
    }
    slot_clear_move(slot);
    slot_move(engine, slot, SLOT_READY);
}

/* Parks the saga: first with the effects of parking, then without them, in case the store rejects
 * the effects. */
static void slot_refused(struct saga_engine *engine, struct slot *slot, const char *why)
{
    assert(slot->state == SLOT_COMMITTING);
    if (++slot->refused > 2) {
        slot_free(engine, slot);
        return;
    }
    slot_clear_move(slot);
    saga_refuse(&slot->row, why, &slot->move);
    if (slot->refused == 1)
        slot_moved(engine, slot);
    else
        slot_move(engine, slot, SLOT_MOVED);
}

/* Sends the same moves again, and nothing else until they are settled. Letting other sagas overtake
 * gains nothing, and the store stays simple. */
static void commit_again(struct saga_engine *engine)
{
    struct list *list = &engine->lists[SLOT_COMMITTING];
    assert(list->len > 0);
    if (engine->committing || engine->now_us < engine->commit_at_us)
        return;
    uint32_t len = 0;
    struct slot *next;
    for (struct slot *slot = list->head; slot != NULL; slot = next) {
        next = slot->next;
        if (lease_is_over(engine, slot))
            slot_free(engine, slot);
        else
            engine->batch[len++] = &slot->move;
    }
    if (len == 0)
        return;
    assert(len <= engine->conf.slots);
    engine->committing = true;
    engine->conf.store.commit(engine->conf.store.ctx, engine->batch, len);
}

void saga_engine_on_committed(struct saga_engine *engine, bool ok,
                              const struct saga_store_reply *replies)
{
    assert(engine->committing);
    assert(ok == (replies != NULL));
    engine->committing = false;
    if (!ok) {
        engine->commit_at_us = engine->now_us + COMMIT_RETRY_US;
        return;
    }
    struct slot *next;
    uint32_t i = 0;
    for (struct slot *slot = engine->lists[SLOT_COMMITTING].head; slot != NULL; slot = next) {
        next = slot->next;
        assert(engine->batch[i] == &slot->move);
        if (replies[i].stored == SAGA_STORED) {
            slot_stored(engine, slot, &replies[i]);
        } else if (replies[i].stored == SAGA_REFUSED) {
            slot_refused(engine, slot, replies[i].why);
        } else {
            slot_free(engine, slot);
        }
        i++;
    }
    assert(engine->lists[SLOT_COMMITTING].len == 0);
}

/* ---- the turn ---- */

void saga_engine_turn(struct saga_engine *engine, uint64_t now_us)
{
    assert(now_us >= engine->now_us);
    engine->now_us = now_us;
    collect_calls(engine);
    start_ready(engine);
    lease_some(engine);
    if (engine->lists[SLOT_COMMITTING].len > 0)
        commit_again(engine);
    if (engine->lists[SLOT_COMMITTING].len == 0)
        commit_moved(engine);
}

uint64_t saga_engine_due_us(const struct saga_engine *engine)
{
    uint64_t due_us = lease_due_us(engine);
    if (engine->lists[SLOT_READY].len > 0 &&
        engine->lists[SLOT_CALLING].len < engine->conf.calls_max)
        due_us = engine->now_us;
    if ((engine->lists[SLOT_MOVED].len > 0 || engine->lists[SLOT_COMMITTING].len > 0) &&
        !engine->committing && engine->commit_at_us < due_us)
        due_us = engine->commit_at_us;
    for (struct slot *slot = engine->lists[SLOT_CALLING].head; slot != NULL; slot = slot->next) {
        if (slot->call->finished)
            return engine->now_us;
        if (slot->call_deadline_us < due_us)
            due_us = slot->call_deadline_us;
    }
    return due_us;
}

void saga_engine_drain(struct saga_engine *engine)
{
    engine->draining = true;
}

bool saga_engine_idle(const struct saga_engine *engine)
{
    bool empty = engine->lists[SLOT_FREE].len == engine->conf.slots;
    assert(!empty || !engine->committing); /* moves being committed occupy slots */
    return empty && !engine->leasing;
}

uint32_t saga_engine_in_flight(const struct saga_engine *engine)
{
    return engine->conf.slots - engine->lists[SLOT_FREE].len;
}
