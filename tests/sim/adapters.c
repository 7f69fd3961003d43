/* adapters.c: see adapters.h. A killed process restarts after a while and reclaims the sagas it had
 * leased. */
#include "adapters.h"

#include "bank.h"
#include "books.h"
#include "gate/gate.h"
#include "giving_back.h"
#include "invariants.h"
#include "seats.h"
#include "stage/faults.h"
#include "stage/probes.h"

#include "psp/seats_clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_MAX = 5000 }; /* turns of an engine per second; more is a busy loop */

struct adapter {
    struct sim_proc proc;
    char name[16];
    int64_t wall_ahead_us;
    struct clock clock;
    struct seats_clock seats_clock;
    struct checkout *checkout;
    struct saga_engine *engine;
    struct book_client *client;
    bool turning, gives_back;
    uint64_t alarm_us; /* of the newest timer; earlier ones do nothing */
    uint64_t turns_s;
    uint32_t turns; /* within that second */
};

enum { TIME_MS = 2000, EARLY_MS = 4000 };
enum { SEATS_RETRY_MS = 1000 }; /* Retry-After of seats that have no owner yet */

static struct {
    struct adapter all[ADAPTER_PROCS];
    struct ticket_signer *signer;
} adapters;

/* ---- time ---- */

static uint64_t wall_us(void *ctx)
{
    const struct adapter *adapter = ctx;
    return (uint64_t)((int64_t)sim_wall_us(NULL) + adapter->wall_ahead_us);
}

static bool knows_time(void *ctx)
{
    return ((const struct adapter *)ctx)->seats_clock.is_known;
}

/* The list of owners comes with the time. */
static void read_time(void *ctx)
{
    struct adapter *adapter = ctx;
    const struct outcall_answer answer = {.status = fault_now(FAULT_NET_LOST) ? 503 : 200,
                                          .date_s = sim_wall_ms() / 1000};
    if (knows_time(adapter))
        return;
    seats_clock_read(&adapter->seats_clock, &answer);
    sim_after(&adapter->proc, TIME_MS * SIM_MS, read_time, adapter);
}

/* ---- peers ---- */

/* A call to a peer, in flight. Its response may arrive after the caller gave up. */
struct question {
    struct adapter *adapter;
    struct peer_call *peer;
    bool over;
    uint64_t asked_us;
    struct seat_call seats;
    struct bank_call bank;
    struct bank_answer answer;
    char session[ORDER_SESSION_MAX]; /* the visit to end */
};

static void turn_soon(struct adapter *adapter);

static void finish(struct question *question)
{
    if (question->over)
        return;
    question->over = true;
    question->peer->on_done(question->peer);
    turn_soon(question->adapter);
}

static void time_out(void *ctx)
{
    struct question *question = ctx;
    if (question->over)
        return;
    question->peer->verdict = SAGA_UNKNOWN;
    snprintf(question->peer->code, sizeof(question->peer->code), "timeout");
    finish(question);
}

static void judge_seats(struct peer_call *peer, const struct seat_call *call)
{
    static const unsigned statuses[] = {
#define ROW(NAME, CODE, STATUS, ...) STATUS,
        ENGINE_VERDICTS(ROW)
#undef ROW
    };
    unsigned no = call->answer == SEAT_REFUSED ? statuses[call->verdict] : 0;
    const char *code = engine_verdict_name(call->verdict);
    peer->verdict = peer_judge(peer->op, call->answer == SEAT_DONE ? 200 : no, &code);
    snprintf(peer->code, sizeof(peer->code), "%s", code != NULL ? code : "");
    peer->retry_ms = call->answer == SEAT_LATER ? SEATS_RETRY_MS : 0;
    if (peer->verdict == SAGA_DONE && peer_question(peer->op)->reads_expiry)
        peer->expires_ms = call->expires_ms;
}

static void on_seats(struct seat_call *call)
{
    struct question *question = call->ctx;
    const struct outcall_answer answer = {.status = 200,
                                          .date_s = call->date_s,
                                          .took_us = (uint32_t)(sim_us() - question->asked_us)};
    if (question->over)
        return;
    seats_clock_read(&question->adapter->seats_clock, &answer);
    judge_seats(question->peer, call);
    finish(question);
}

static void ask_seats(struct question *question)
{
    static const enum seat_op ops[PEER_OP_COUNT] = {
        [PEER_SEATS_EXTEND] = SEAT_EXTEND,
        [PEER_SEATS_CONFIRM] = SEAT_CONFIRM,
        [PEER_SEATS_RELEASE] = SEAT_ORDER_RELEASE,
        [PEER_SEATS_REFUND] = SEAT_REFUND,
    };
    const struct order *order = question->peer->order;
    struct seat_call *call = &question->seats;
    call->op = ops[question->peer->op];
    call->hold = strtoull(order->hold, NULL, 16);
    snprintf(call->order, sizeof(call->order), "%s", order->id);
    bool read = purchase_digest_parse(span_of(order->purchase), call->digest);
    assert(read);
    call->from = &question->adapter->proc;
    question->asked_us = sim_us();
    call->timeout_us = question->peer->timeout_ms * (uint64_t)SIM_MS;
    call->on_done = on_seats;
    call->ctx = question;
    seat_send(call);
}

static void bank_answered(void *ctx)
{
    struct question *question = ctx;
    struct peer_call *peer = question->peer;
    const struct bank_answer *answer = &question->answer;
    if (question->over)
        return;
    peer->verdict = answer->verdict;
    peer->retry_ms = answer->retry_ms;
    peer->key_burnt = answer->key_burnt;
    peer->payment = answer->payment;
    if (answer->code != NULL)
        snprintf(peer->code, sizeof(peer->code), "%s", answer->code);
    finish(question);
}

static void at_bank(void *ctx)
{
    struct question *question = ctx;
    bank_act(&question->bank, &question->answer);
    if (!fault_now(FAULT_BANK_ANSWER_LOST))
        sim_after(&question->adapter->proc, sim_between(SIM_MS, 40 * SIM_MS), bank_answered,
                  question);
}

static void at_bank_late(void *ctx)
{
    struct question *question = ctx;
    if (question->bank.op == PEER_PSP_CAPTURE && question->over)
        probe_reached(PROBE_CAPTURED_LATE);
    bank_act(&question->bank, &question->answer);
}

static void ask_bank(struct question *question)
{
    const struct peer_call *peer = question->peer;
    struct bank_call *call = &question->bank;
    *call = (struct bank_call){.op = peer->op,
                               .amount = peer->order->amount,
                               .key_round = peer->order->key_round,
                               .checked = order_is_checked(peer->order, ORDER_CHECK_ASKED)};
    uint64_t part = order_refund(peer->order, peer->order->amount);
    if (peer->op == PEER_PSP_REFUND && part < peer->order->amount) /* as the drivers */
        call->refund = part - peer->given_back;
    memcpy(call->order, peer->order->id, sizeof(call->order));
    memcpy(call->payment, peer->order->payment, sizeof(call->payment));
    snprintf(call->key, sizeof(call->key), "%s", order_payment_key(peer->order));
    if (fault_now(FAULT_BANK_LOST))
        return;
    if (fault_now(FAULT_BANK_BUSY)) {
        question->answer = (struct bank_answer){
            .verdict = SAGA_UNKNOWN, .retry_ms = (uint32_t)sim_between(100, 20000), .code = "busy"};
        sim_after(&question->adapter->proc, sim_between(SIM_MS, 40 * SIM_MS), bank_answered,
                  question);
        return;
    }
    if (fault_now(FAULT_BANK_LATE))
        sim_after(NULL, sim_between(SIM_S, 60 * (uint64_t)SIM_S), at_bank_late, question);
    else
        sim_after(NULL, sim_between(SIM_MS, 40 * SIM_MS), at_bank, question);
}

static void end_goodbye(void *ctx)
{
    struct question *question = ctx;
    if (question->over)
        return;
    question->peer->verdict = SAGA_DONE;
    finish(question);
}

/* The response reaches the adapter if that still lives. */
static void on_goodbye(void *ctx)
{
    struct question *question = ctx;
    sim_after(&question->adapter->proc, sim_between(100, 5000), end_goodbye, question);
}

/* If the world has a line, reports the end of the visit to the line or to the seats. */
static void goodbye(void *ctx)
{
    struct question *question = ctx;
    bool at_seats = question->peer->op == PEER_SEATS_SESSION_END;
    if (!gate_says_goodbye(question->session, at_seats, on_goodbye, question))
        end_goodbye(question);
}

static void say_goodbye(struct question *question)
{
    const struct order *order = question->peer->order;
    invariant_farewell(order->id);
    snprintf(question->session, sizeof(question->session), "%s", order->session);
    sim_after(&question->adapter->proc, sim_between(100, 5000), goodbye, question);
}

static void start_question(void *ctx, struct peer_call *peer)
{
    struct question *question = sim_new(sizeof(*question));
    question->adapter = ctx;
    question->peer = peer;
    struct sim_proc *proc = &question->adapter->proc;
    sim_after(proc, peer->timeout_ms * (uint64_t)SIM_MS, time_out, question);
    enum peer_about about = peer_question(peer->op)->about;
    if (about == PEER_ABOUT_HOLD)
        ask_seats(question);
    else if (about == PEER_ABOUT_PAYMENT)
        ask_bank(question);
    else if (!fault_now(FAULT_GOODBYE_LOST))
        say_goodbye(question);
}

/* ---- the engine ---- */

static void turn(void *ctx);

static void on_alarm(void *ctx)
{
    if (((const struct adapter *)ctx)->alarm_us <= sim_us())
        turn(ctx);
}

static void count_turn(struct adapter *adapter)
{
    if (adapter->turns_s != sim_us() / SIM_S)
        adapter->turns = 0;
    adapter->turns_s = sim_us() / SIM_S;
    if (++adapter->turns > TURNS_MAX)
        invariant_broken(INVARIANT_5, "%s turns without rest", adapter->name);
}

/* As worker.c does: the wait is in milliseconds, rounded up. */
static void turn(void *ctx)
{
    struct adapter *adapter = ctx;
    adapter->turning = false;
    count_turn(adapter);
    saga_engine_turn(adapter->engine, sim_us());
    uint64_t due_us = saga_engine_due_us(adapter->engine);
    uint64_t wait_us = due_us > sim_us() ? due_us - sim_us() : 0;
    wait_us = 20 + (wait_us + 999) / 1000 * 1000;
    adapter->alarm_us = sim_us() + wait_us;
    sim_after(&adapter->proc, wait_us, on_alarm, adapter);
}

static void turn_soon(struct adapter *adapter)
{
    if (adapter->turning)
        return;
    adapter->turning = true;
    sim_after(&adapter->proc, sim_between(1, 20), turn, adapter);
}

static void on_answered(void *ctx)
{
    turn_soon(ctx);
}

static void lease(void *ctx, uint32_t max, const struct saga_held *held)
{
    book_lease(((const struct adapter *)ctx)->client, max, held);
}

static void commit(void *ctx, const struct saga_move *const *moves, uint32_t len)
{
    book_commit(((const struct adapter *)ctx)->client, moves, len);
}

/* Whatever the adapter's clock says. */
static void on_stored(void *ctx, const struct saga_row *row, const struct saga_move *move)
{
    static struct order order; /* too big for the stack */
    uint64_t now_ms = sim_wall_ms();
    if (strcmp(move->code, "expired") == 0 && order_parse(row->data, NULL, &order) == 0 &&
        now_ms + EARLY_MS < order.expires_ms)
        invariant_broken(INVARIANT_3, "%s ends %s %" PRIu64 " ms before its time",
                         ((const struct adapter *)ctx)->name, order.id, order.expires_ms - now_ms);
}

static void create(struct adapter *adapter)
{
    struct checkout_conf checkout = {
        .peers = {start_question, adapter},
        .clock = &adapter->seats_clock.clock,
        .rng = sim_rng(SIM_SYSTEM),
        .signer = adapters.signer,
        .poll_first_ms = 1000,
        .poll_cap_ms = 5000,
        .poll_rare_ms = 20000,
        .knows_time = knows_time,
        .ctx = adapter,
    };
    int rc = checkout_create(&checkout, NULL, &adapter->checkout);
    assert(rc == 0);
    struct saga_engine_conf conf = {
        .slots = 16,
        .calls_max = 16,
        .idle_ms = 500,
        .lease_ms = BOOK_LEASE_MS,
        .breaker_trip = SAGA_BREAKER_TRIP,
        .breaker_open_ms = SAGA_BREAKER_OPEN_MS,
        .breaker_open_max_ms = SAGA_BREAKER_OPEN_MAX_MS,
        .budget_share_milli = SAGA_BUDGET_SHARE_MILLI,
        .budget_per_s = SAGA_BUDGET_PER_S,
        .budget_cap = SAGA_BUDGET_CAP,
        .store = {lease, commit, adapter},
        .rng = sim_rng(SIM_SYSTEM),
        .on_stored = on_stored,
        .ctx = adapter,
    };
    conf.defs = checkout_defs(adapter->checkout, &conf.defs_len);
    rc = saga_engine_create(&conf, sim_us(), NULL, &adapter->engine);
    assert(rc == 0);
}

static void nudge(void *ctx)
{
    struct adapter *adapter = ctx;
    saga_engine_nudge(adapter->engine);
    turn_soon(adapter);
}

static void begin_giving_back(struct adapter *adapter)
{
    if (adapter->gives_back || !adapter->proc.alive || !book_is_off())
        return;
    adapter->gives_back = true;
    giving_back_begin(&adapter->proc, adapter->checkout, nudge, adapter);
}

static void reclaim_late(void *ctx)
{
    book_reclaim(((const struct adapter *)ctx)->name);
}

static void start(void *ctx)
{
    struct adapter *adapter = ctx;
    adapter->wall_ahead_us = fault_clock_us();
    adapter->clock = (struct clock){sim_mono_us, wall_us, adapter};
    seats_clock_init(&adapter->seats_clock, &adapter->clock);
    adapter->turning = adapter->gives_back = false;
    create(adapter);
    adapter->client = sim_new(sizeof(*adapter->client));
    *adapter->client = (struct book_client){.proc = &adapter->proc,
                                            .owner = adapter->name,
                                            .checkout = adapter->checkout,
                                            .engine = adapter->engine,
                                            .answered = on_answered,
                                            .ctx = adapter};
    if (fault_now(FAULT_BOOK_LOST)) { /* it ends then, and is started again, as main.c does */
        sim_after(NULL, sim_between(0, 8 * (uint64_t)SIM_S), reclaim_late, adapter);
        sim_after(NULL, sim_between(200 * SIM_MS, 8 * (uint64_t)SIM_S), start, adapter);
        return;
    }
    book_reclaim(adapter->name);
    sim_proc_start(&adapter->proc);
    sim_after(&adapter->proc, sim_between(0, TIME_MS * SIM_MS), read_time, adapter);
    turn_soon(adapter);
}

static void on_death(struct sim_proc *proc)
{
    sim_after(NULL, sim_between(200 * SIM_MS, 8 * SIM_S), start, proc);
}

void adapters_begin(void)
{
    uint8_t seed[TICKET_SEED_BYTES] = {1};
    int rc = ticket_signer_create(seed, NULL, &adapters.signer);
    assert(rc == 0);
    for (unsigned i = 0; i < ADAPTER_PROCS; i++) {
        struct adapter *adapter = &adapters.all[i];
        snprintf(adapter->name, sizeof(adapter->name), "pay-%c", 'a' + (char)i);
        adapter->proc.name = adapter->name;
        adapter->proc.on_death = on_death;
        start(adapter);
    }
}

const struct saga_def *adapter_def(enum checkout_kind kind)
{
    return checkout_now(adapters.all[0].checkout, kind);
}

void adapters_nudge(void)
{
    struct adapter *adapter = &adapters.all[sim_below(SIM_CHOICES, ADAPTER_PROCS)];
    if (adapter->proc.alive)
        nudge(adapter);
}

void adapters_fault(uint32_t ms)
{
    if (fault_within(FAULT_EVENT_POSTPONED, ms))
        book_postpone(sim_us(), sim_us() + sim_between(0, 100 * (uint64_t)SIM_S));
    if (fault_within(FAULT_EVENT_OFF, ms))
        book_call_off();
    for (unsigned i = 0; i < ADAPTER_PROCS; i++) {
        struct adapter *adapter = &adapters.all[i];
        if (!adapter->proc.alive)
            continue;
        begin_giving_back(adapter);
        if (fault_within(FAULT_ADAPTER_KILL, ms))
            sim_proc_kill(&adapter->proc, "killed");
        else if (fault_within(FAULT_ADAPTER_STOP, ms))
            sim_proc_stop(&adapter->proc, sim_between(100 * SIM_MS, 30 * (uint64_t)SIM_S));
    }
    if (fault_within(FAULT_OPERATOR_RETRIES, ms))
        book_operate(adapters.all[0].checkout, false);
    if (fault_within(FAULT_OPERATOR_TURNS, ms))
        book_operate(adapters.all[0].checkout, true);
}
