/* steps_test.c: single steps of a sale, a refund and a move: what they make of each answer, as the
 * move that the engine then commits says it. */
#include "unit.h"

#include "base/json_in.h"
#include "core/checkout/checkout.h"
#include "core/checkout/checkout_conf.h"
#include "core/checkout/effect.h"
#include "core/checkout/move_steps.h"
#include "core/checkout/payment_steps.h"
#include "core/checkout/sale_steps.h"
#include "core/saga/saga_engine.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_MS = 1000000, LEFT_MS = 60000, SUM = 5000, ANSWERS_MAX = 3, TOLD_MAX = 4096 };

/* What a peer says, in the order in which it is asked. */
struct answer {
    enum peer_op op; /* asked for */
    enum saga_verdict verdict;
    struct payment payment;
    uint32_t retry_ms;
    bool key_burnt;
    uint64_t expires_ms;
};

struct trial {
    void (*step)(struct saga_call *call, void *ctx);
    bool undo;
    uint32_t tries;
    struct order order; /* on top of that of order_of() */
    struct answer answers[ANSWERS_MAX];
    bool no_memory; /* for JSON, from the first answer on */
    bool starved;   /* ... from the beginning */
    bool webhooks;
    const char *data;    /* NULL: the order, as order_dump() writes it */
    uint32_t timeout_ms; /* of the step; 0: ten seconds */
    uint64_t luck;       /* what each throw of the dice is; 0: as they fall */
};

struct outcome {
    enum saga_mark mark;
    char code[SAGA_CODE_MAX];
    uint32_t delay_ms, timeout_ms;
    unsigned asked;
    struct order kept;   /* id "": the order was not stored again */
    char told[TOLD_MAX]; /* the effects, one after the other */
};

static struct peer_call *question;
static struct outcome last;

static void start(void *ctx, struct peer_call *call)
{
    (void)ctx;
    assert_null(question);
    question = call;
}

static void lease(void *ctx, uint32_t max)
{
    (void)ctx, (void)max;
}

static void commit(void *ctx, const struct saga_move *const *moves, uint32_t len)
{
    (void)ctx;
    assert_int_equal(len, 1);
    last.mark = moves[0]->mark;
    strcpy(last.code, moves[0]->code);
    last.delay_ms = moves[0]->delay_ms;
    if (moves[0]->data.len > 0)
        assert_int_equal(order_parse(moves[0]->data, NULL, &last.kept), 0);
    uint8_t kind;
    struct span json;
    struct text told = text_on(last.told, sizeof(last.told) - 1);
    for (uint32_t at = 0;
         moves[0]->effects != NULL && saga_effects_next(moves[0]->effects, &at, &kind, &json);)
        text_put(&told, json);
    last.told[told.len] = '\0';
}

static bool yes(void *ctx, const char *provider)
{
    (void)ctx, (void)provider;
    return true;
}

static bool json_has_memory = true;

static void *json_memory(size_t len)
{
    return json_has_memory ? malloc(len) : NULL;
}

static struct order order_of(const struct order *more)
{
    struct order order = *more;
    strcpy(order.id, "o_1");
    strcpy(order.event, "gala");
    strcpy(order.hold, "h_1");
    strcpy(order.member, "42");
    strcpy(order.lang, "en");
    strcpy(order.provider, "p");
    strcpy(order.currency, "KRW");
    order.amount = SUM;
    if (order.payment[0] == '\0')
        strcpy(order.payment, "pay");
    else if (strcmp(order.payment, "-") == 0)
        order.payment[0] = '\0';
    if (order.expires_ms == 0)
        order.expires_ms = NOW_MS + LEFT_MS;
    if (order.seats_len == 0) {
        order.seats_len = 1;
        strcpy(order.seats[0], "A-1");
    }
    return order;
}

static const struct answer *answer(const struct trial *trial)
{
    const struct answer *answer = &trial->answers[last.asked];
    assert_in_range(last.asked, 0, ANSWERS_MAX - 1);
    if (question->op != answer->op)
        fail_msg("asked %s as number %u", peer_question(question->op)->name, last.asked);
    struct peer_call *call = question;
    question = NULL;
    last.asked++;
    last.timeout_ms = call->timeout_ms;
    call->verdict = answer->verdict;
    call->payment = answer->payment;
    call->retry_ms = answer->retry_ms;
    call->key_burnt = answer->key_burnt;
    call->expires_ms = answer->expires_ms;
    if (answer->verdict == SAGA_DONE && peer_question(call->op)->reads_places) {
        call->places = malloc(8);
        strcpy(call->places, "[1,2,3]");
    }
    json_has_memory = !trial->no_memory;
    call->on_done(call);
    json_has_memory = true;
    return answer;
}

static void fall(void *ctx, void *out, size_t len)
{
    assert_int_equal(len, sizeof(uint64_t));
    memcpy(out, ctx, len);
}

static const struct outcome *run(const struct trial *trial)
{
    uint64_t luck = trial->luck;
    const struct rng always = {.fill = fall, .ctx = &luck};
    const struct saga_step rows[2] = {
        {.name = "tried",
         .run = trial->step,
         .undo = trial->undo ? trial->step : NULL,
         .peer = SAGA_PEER_NONE,
         .timeout_ms = trial->timeout_ms != 0 ? trial->timeout_ms : 10000,
         .deadline_ms = 100000000,
         .retry_first_ms = 1,
         .retry_cap_ms = 1},
        {.name = "pivot",
         .run = trial->step,
         .peer = SAGA_PEER_NONE,
         .timeout_ms = 1000,
         .deadline_ms = 2000,
         .retry_first_ms = 1,
         .retry_cap_ms = 1},
    };
    const struct saga_step *const steps[] = {&rows[0], &rows[1]};
    struct clock_fake clock;
    struct rng_seeded rng;
    struct ticket_signer *signer;
    uint8_t seed[TICKET_SEED_BYTES] = {1};
    rng_seeded_init(&rng, 1);
    clock_fake_init(&clock, (uint64_t)NOW_MS * 1000);
    assert_int_equal(ticket_signer_create(seed, NULL, &signer), 0);
    struct checkout_conf conf = {.peers = {.start = start},
                                 .clock = &clock.clock,
                                 .rng = luck != 0 ? &always : &rng.rng,
                                 .signer = signer,
                                 .poll_first_ms = 100,
                                 .poll_cap_ms = 1000,
                                 .poll_rare_ms = 10000,
                                 .heard = trial->webhooks ? yes : NULL};
    const struct saga_def def = {
        .key = "test.1", .steps = steps, .steps_len = 2, .pivot = 1, .ctx = &conf};
    const struct saga_def *const defs[] = {&def};
    struct saga_engine_conf engine_conf = {.defs = defs,
                                           .defs_len = 1,
                                           .slots = 1,
                                           .calls_max = 1,
                                           .idle_ms = 1000,
                                           .breaker_trip = 10,
                                           .breaker_open_ms = 1000,
                                           .breaker_open_max_ms = 1000,
                                           .budget_share_milli = 100,
                                           .budget_per_s = 1,
                                           .budget_cap = 10,
                                           .store = {.lease = lease, .commit = commit},
                                           .rng = &rng.rng};
    struct saga_engine *engine;
    char *data;
    struct order order = order_of(&trial->order);
    assert_int_equal(order_dump(&order, NULL, &data), 0);
    last = (struct outcome){.mark = SAGA_MARK_COUNT};
    question = NULL;

    assert_int_equal(saga_engine_create(&engine_conf, 0, NULL, &engine), 0);
    saga_engine_turn(engine, 1000000);
    struct saga_row row = {.id = 1,
                           .token = 1,
                           .def = &def,
                           .state = trial->undo ? SAGA_UNDOING : SAGA_RUNNING,
                           .tries = trial->tries,
                           .lease_us = 60000000,
                           .data = span_of(trial->data != NULL ? trial->data : data)};
    saga_engine_on_leased(engine, &row, 1);
    json_has_memory = !trial->starved;
    saga_engine_turn(engine, 1000001);
    json_has_memory = true;
    while (question != NULL)
        answer(trial);
    saga_engine_turn(engine, 1000002);
    assert_int_not_equal(last.mark, SAGA_MARK_COUNT);
    saga_engine_destroy(engine);
    free(data);
    ticket_signer_destroy(signer);
    return &last;
}

static void expect(const struct trial *trial, enum saga_mark mark, const char *code, unsigned asked)
{
    const struct outcome *outcome = run(trial);
    if (outcome->mark != mark || strcmp(outcome->code, code) != 0 || outcome->asked != asked)
        fail_msg("%s \"%s\" after %u questions, not %s \"%s\" after %u",
                 saga_mark_name(outcome->mark), outcome->code, outcome->asked, saga_mark_name(mark),
                 code, asked);
}

/* Of the order's sum, in its currency. */
static struct payment pay(enum payment_state state, uint64_t captured, uint64_t refunded)
{
    return (struct payment){.state = state,
                            .id = "pay",
                            .amount = SUM,
                            .captured = captured,
                            .refunded = refunded,
                            .currency = "KRW"};
}

static struct payment named(struct payment payment, const char *id)
{
    strcpy(payment.id, id);
    return payment;
}

#define READ(...)                                                                                  \
    {                                                                                              \
        .op = PEER_PSP_READ, .payment = __VA_ARGS__                                                \
    }
#define CREATE(...)                                                                                \
    {                                                                                              \
        .op = PEER_PSP_CREATE, .payment = __VA_ARGS__                                              \
    }
#define CAPTURE(...)                                                                               \
    {                                                                                              \
        .op = PEER_PSP_CAPTURE, .payment = __VA_ARGS__                                             \
    }
#define CANCEL                                                                                     \
    {                                                                                              \
        .op = PEER_PSP_CANCEL                                                                      \
    }
#define REFUND                                                                                     \
    {                                                                                              \
        .op = PEER_PSP_REFUND                                                                      \
    }

static void a_payment_that_is_made_is_told_and_kept(void **state)
{
    (void)state;
    struct trial trial = {.step = payment_create,
                          .order = {.payment = "-"},
                          .answers = {CREATE(pay(PAYMENT_OPEN, 0, 0))}};
    expect(&trial, SAGA_MARK_DONE, "", 1);
    assert_string_equal(last.kept.payment, "pay");
    assert_non_null(strstr(last.told, "\"pay\""));
    trial.no_memory = true;
    expect(&trial, SAGA_MARK_UNKNOWN, "no-memory", 1);
    assert_string_equal(last.kept.id, "");
    trial = (struct trial){.step = payment_create,
                           .answers = {{.op = PEER_PSP_CREATE, .verdict = SAGA_FAILED}}};
    expect(&trial, SAGA_MARK_FAILED, "", 1);
}

/* What the provider answers, and what the step makes of it. */
struct row {
    struct answer answers[ANSWERS_MAX];
    enum saga_mark mark;
    const char *code;
    unsigned asked;
};

static void a_payment_is_undone_by_what_it_has_come_to(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{READ(pay(PAYMENT_CANCELED, 0, 0))}, SAGA_MARK_DONE, "", 1},
        {{READ(pay(PAYMENT_OPEN, 0, 0)), CANCEL}, SAGA_MARK_DONE, "", 2},
        {{READ(pay(PAYMENT_AUTHORISED, 0, 0)), CANCEL}, SAGA_MARK_DONE, "", 2},
        {{READ(pay(PAYMENT_CAPTURED, SUM, 0)), REFUND}, SAGA_MARK_DONE, "", 2},
        {{READ(pay(PAYMENT_CAPTURED, SUM, SUM - 1)), REFUND}, SAGA_MARK_DONE, "", 2},
        {{READ(pay(PAYMENT_CAPTURED, SUM, SUM))}, SAGA_MARK_DONE, "refunded", 1},
        /* It has no sum that could have been given back. */
        {{READ(pay(PAYMENT_CAPTURED, 0, 0)), REFUND}, SAGA_MARK_DONE, "", 2},
        /* Under another id: that is kept first, and looked at again. */
        {{READ(named(pay(PAYMENT_OPEN, 0, 0), "other"))}, SAGA_MARK_ONGOING, "", 1},
        /* A provider that tells no id means the one that it was asked for. */
        {{READ(named(pay(PAYMENT_OPEN, 0, 0), "")), CANCEL}, SAGA_MARK_DONE, "", 2},
        {{{.op = PEER_PSP_READ, .verdict = SAGA_UNKNOWN}}, SAGA_MARK_UNKNOWN, "", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trial trial = {.step = payment_void, .undo = true};
        memcpy(trial.answers, rows[i].answers, sizeof(trial.answers));
        expect(&trial, rows[i].mark, rows[i].code, rows[i].asked);
        bool other = rows[i].answers[0].payment.id[0] == 'o';
        assert_string_equal(last.kept.payment, other ? "other" : "");
    }
}

/* It may or may not have been made: it is made once more, under the same key. */
static void a_payment_without_an_id_is_made_to_be_undone(void **state)
{
    (void)state;
    struct trial trial = {
        .step = payment_void,
        .undo = true,
        .order = {.payment = "-"},
        .answers = {CREATE(pay(PAYMENT_OPEN, 0, 0)), READ(pay(PAYMENT_OPEN, 0, 0)), CANCEL}};
    expect(&trial, SAGA_MARK_DONE, "", 3);
    assert_string_equal(last.kept.payment, "pay");
    trial.no_memory = true;
    expect(&trial, SAGA_MARK_UNKNOWN, "no-memory", 1);
    trial.no_memory = false;
    trial.answers[0].verdict = SAGA_FAILED;
    expect(&trial, SAGA_MARK_DONE, "never-created", 1);
    trial.answers[0].verdict = SAGA_UNKNOWN;
    expect(&trial, SAGA_MARK_UNKNOWN, "", 1);
}

static void whoever_waits_for_the_buyer_takes_only_what_was_agreed(void **state)
{
    (void)state;
    struct payment other_sum = pay(PAYMENT_AUTHORISED, 0, 0), other_money = other_sum,
                   unwanted = other_sum, untold = other_sum;
    other_sum.amount--;
    strcpy(other_money.currency, "USD");
    untold.currency[0] = '\0';
    unwanted.unwanted = "wrong-card";
    const struct {
        struct payment payment;
        enum saga_mark mark;
        const char *code;
    } rows[] = {
        {pay(PAYMENT_AUTHORISED, 0, 0), SAGA_MARK_DONE, ""},
        {pay(PAYMENT_CAPTURED, SUM, 0), SAGA_MARK_DONE, ""},
        {untold, SAGA_MARK_DONE, ""},
        {other_sum, SAGA_MARK_FAILED, "amount-mismatch"},
        {other_money, SAGA_MARK_FAILED, "amount-mismatch"},
        {unwanted, SAGA_MARK_FAILED, "wrong-card"},
        {pay(PAYMENT_CAPTURED, SUM, 1), SAGA_MARK_FAILED, "given-back"},
        {pay(PAYMENT_CANCELED, 0, 0), SAGA_MARK_FAILED, "payment-canceled"},
        {pay(PAYMENT_OPEN, 0, 0), SAGA_MARK_ONGOING, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trial trial = {.step = payment_await, .answers = {READ(rows[i].payment)}};
        expect(&trial, rows[i].mark, rows[i].code, 1);
        strcpy(trial.answers[0].payment.id, "other"); /* from here on it is known by that */
        expect(&trial, rows[i].mark, rows[i].code, 1);
        assert_string_equal(last.kept.payment, "other");
        assert_non_null(strstr(last.told, "\"other\""));
        trial.no_memory = true;
        expect(&trial, SAGA_MARK_UNKNOWN, "no-memory", 1);
    }
}

static void the_wait_is_looked_at_often_unless_webhooks_come_and_never_past_its_end(void **state)
{
    (void)state;
    struct trial trial = {.step = payment_await, .answers = {READ(pay(PAYMENT_OPEN, 0, 0))}};
    expect(&trial, SAGA_MARK_ONGOING, "", 1);
    assert_in_range(last.delay_ms, 500, 1500); /* the cap, half as much more or less */
    for (trial.luck = 2002; trial.luck >= 2001; trial.luck--) { /* the least of 1001, the most */
        expect(&trial, SAGA_MARK_ONGOING, "", 1);
        assert_int_equal(last.delay_ms, trial.luck == 2002 ? 500 : 1500);
    }
    trial.luck = 0;
    trial.webhooks = true;
    expect(&trial, SAGA_MARK_ONGOING, "", 1);
    assert_in_range(last.delay_ms, 501, 15000);
    trial.order.expires_ms = NOW_MS + 7;
    expect(&trial, SAGA_MARK_ONGOING, "", 1);
    assert_int_equal(last.delay_ms, 7);
    trial.order.expires_ms = NOW_MS + 1;
    expect(&trial, SAGA_MARK_ONGOING, "", 1);
    trial.order.expires_ms = NOW_MS;
    expect(&trial, SAGA_MARK_FAILED, "expired", 1);
}

static void only_the_whole_sum_that_stays_is_a_sale(void **state)
{
    (void)state;
    struct payment other_money = pay(PAYMENT_CAPTURED, SUM, 0);
    strcpy(other_money.currency, "USD");
    const struct {
        struct payment payment;
        enum saga_mark mark;
        const char *code;
    } rows[] = {
        {pay(PAYMENT_CAPTURED, SUM, 0), SAGA_MARK_DONE, ""},
        {pay(PAYMENT_CAPTURED, SUM, SUM), SAGA_MARK_FAILED, "given-back"},
        {pay(PAYMENT_CAPTURED, SUM, SUM - 1), SAGA_MARK_UNKNOWN, "amount-mismatch"},
        {pay(PAYMENT_CAPTURED, SUM - 1, 0), SAGA_MARK_UNKNOWN, "amount-mismatch"},
        {pay(PAYMENT_CAPTURED, 0, 0), SAGA_MARK_UNKNOWN, "amount-mismatch"},
        {other_money, SAGA_MARK_UNKNOWN, "amount-mismatch"},
        {pay(PAYMENT_AUTHORISED, SUM, 0), SAGA_MARK_UNKNOWN, "amount-mismatch"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trial trial = {.step = payment_capture, .answers = {CAPTURE(rows[i].payment)}};
        expect(&trial, rows[i].mark, rows[i].code, 1);
    }
    struct trial refused = {.step = payment_capture,
                            .answers = {{.op = PEER_PSP_CAPTURE, .verdict = SAGA_FAILED}}};
    expect(&refused, SAGA_MARK_FAILED, "", 1);
}

static void a_capture_that_may_have_happened_is_read_first(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{READ(pay(PAYMENT_CAPTURED, SUM, 0))}, SAGA_MARK_DONE, "was-captured", 1},
        {{READ(pay(PAYMENT_AUTHORISED, 0, 0)), CAPTURE(pay(PAYMENT_CAPTURED, SUM, 0))},
         SAGA_MARK_DONE,
         "",
         2},
        {{READ(pay(PAYMENT_OPEN, 0, 0))}, SAGA_MARK_FAILED, "authorisation-gone", 1},
        {{READ(pay(PAYMENT_CANCELED, 0, 0))}, SAGA_MARK_FAILED, "authorisation-gone", 1},
        {{READ(named(pay(PAYMENT_CAPTURED, SUM, 0), "other"))}, SAGA_MARK_ONGOING, "", 1},
        /* That it cannot be found does not mean that no money was taken. */
        {{{.op = PEER_PSP_READ, .verdict = SAGA_FAILED}}, SAGA_MARK_UNKNOWN, "", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trial trial = {.step = payment_capture, .tries = 1};
        memcpy(trial.answers, rows[i].answers, sizeof(trial.answers));
        expect(&trial, rows[i].mark, rows[i].code, rows[i].asked);
    }
}

static void a_refund_gives_back_what_is_not_back_already(void **state)
{
    (void)state;
    const struct {
        uint64_t refund; /* of the sum; 0: all */
        uint32_t tries;
        struct answer answers[ANSWERS_MAX];
        enum saga_mark mark;
        const char *code;
        unsigned asked;
    } rows[] = {
        {0, 0, {REFUND}, SAGA_MARK_DONE, "", 1},
        {0, 1, {READ(pay(PAYMENT_CAPTURED, SUM, 0)), REFUND}, SAGA_MARK_DONE, "", 2},
        {0, 1, {READ(pay(PAYMENT_CAPTURED, SUM, SUM - 1)), REFUND}, SAGA_MARK_DONE, "", 2},
        {0, 1, {READ(pay(PAYMENT_CAPTURED, SUM, SUM))}, SAGA_MARK_DONE, "was-refunded", 1},
        {0, 1, {READ(pay(PAYMENT_CAPTURED, 0, 0)), REFUND}, SAGA_MARK_DONE, "", 2},
        {100, 0, {READ(pay(PAYMENT_CAPTURED, SUM, 99)), REFUND}, SAGA_MARK_DONE, "", 2},
        {100, 0, {READ(pay(PAYMENT_CAPTURED, SUM, 100))}, SAGA_MARK_DONE, "was-refunded", 1},
        {0, 1, {READ(named(pay(PAYMENT_CAPTURED, SUM, 0), "other"))}, SAGA_MARK_ONGOING, "", 1},
        {0, 1, {{.op = PEER_PSP_READ, .verdict = SAGA_FAILED}}, SAGA_MARK_UNKNOWN, "", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trial trial = {
            .step = payment_refund, .tries = rows[i].tries, .order = {.refund = rows[i].refund}};
        memcpy(trial.answers, rows[i].answers, sizeof(trial.answers));
        expect(&trial, rows[i].mark, rows[i].code, rows[i].asked);
    }
}

/* Nothing is done under an id that may be lost again, and the next try reads it once more. */
static void without_memory_for_another_id_nothing_is_done_under_it(void **state)
{
    (void)state;
    struct trial trials[] = {
        {.step = payment_void, .undo = true},
        {.step = payment_capture, .tries = 1},
        {.step = payment_refund, .tries = 1},
    };
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
        struct answer read = READ(named(pay(PAYMENT_AUTHORISED, 0, 0), "other"));
        trials[i].answers[0] = read;
        trials[i].no_memory = true;
        expect(&trials[i], SAGA_MARK_UNKNOWN, "no-memory", 1);
        assert_string_equal(last.kept.id, "");
        assert_string_equal(last.told, "");
    }
}

static void a_key_that_keeps_an_error_is_used_no_more(void **state)
{
    (void)state;
    struct trial trial = {
        .step = payment_capture,
        .order = {.key_round = 4},
        .answers = {{.op = PEER_PSP_CAPTURE, .verdict = SAGA_UNKNOWN, .key_burnt = true}}};
    expect(&trial, SAGA_MARK_UNKNOWN, "", 1);
    assert_int_equal(last.kept.key_round, 5);
    trial.no_memory = true; /* then the next try burns it again */
    expect(&trial, SAGA_MARK_UNKNOWN, "", 1);
    assert_string_equal(last.kept.id, "");
}

static void a_hold_that_lives_on_is_kept_with_its_new_end(void **state)
{
    (void)state;
    struct trial trial = {.step = sale_extend_hold,
                          .answers = {{.op = PEER_SEATS_EXTEND, .expires_ms = NOW_MS + 99}}};
    expect(&trial, SAGA_MARK_DONE, "", 1);
    assert_int_equal(last.kept.expires_ms, NOW_MS + 99);
    trial.no_memory = true;
    expect(&trial, SAGA_MARK_UNKNOWN, "no-memory", 1);
    trial.answers[0].expires_ms = 0; /* an older seat service tells none: the old one stands */
    expect(&trial, SAGA_MARK_DONE, "", 1);
    assert_string_equal(last.kept.id, "");
}

/* A name of the longest that is written with six characters a byte fits in no ticket. */
static void name_of_control_characters(char seat[ORDER_SEAT_MAX])
{
    memset(seat, 1, ORDER_SEAT_MAX - 1);
    seat[ORDER_SEAT_MAX - 1] = '\0';
}

static void a_ticket_that_cannot_be_signed_ends_no_sale(void **state)
{
    (void)state;
    struct trial trial = {.step = sale_issue_tickets, .order = {.seats_len = 1}};
    strcpy(trial.order.seats[0], "A-1");
    expect(&trial, SAGA_MARK_DONE, "", 0);
    assert_non_null(strstr(last.told, "FGT1."));
    name_of_control_characters(trial.order.seats[0]);
    expect(&trial, SAGA_MARK_UNKNOWN, "signing", 0);
    assert_string_equal(last.told, "");
}

#define MOVING(TO)                                                                                 \
    "{\"order\":\"o_1\",\"event\":\"gala\",\"hold\":\"h_1\",\"member\":\"42\",\"lang\":\"en\","    \
    "\"seats\":[\"A-1\"],\"move\":3,\"moves\":[{\"from\":\"A-1\",\"to\":\"" TO "\",\"ticket\":"    \
    "\"t_1\",\"member\":\"42\",\"lang\":\"en\"},{\"from\":\"A-2\",\"to\":\"A-9\",\"ticket\":"      \
    "\"t_2\",\"member\":\"guest\",\"lang\":\"ko\"}]}"

static void each_step_of_a_move_does_its_part(void **state)
{
    (void)state;
    char good[] = MOVING("A-8");
    struct trial trial = {.step = move_revoke, .data = good};
    expect(&trial, SAGA_MARK_DONE, "", 0);
    trial.step = move_seats;
    trial.answers[0] = (struct answer){.op = PEER_SEATS_MOVE};
    expect(&trial, SAGA_MARK_DONE, "", 1);
    assert_non_null(strstr(last.told, "[1,2,3]"));
    trial.answers[0].verdict = SAGA_FAILED;
    expect(&trial, SAGA_MARK_FAILED, "", 1);
    assert_string_equal(last.told, "");
    trial.step = move_issue;
    expect(&trial, SAGA_MARK_DONE, "", 0);
    assert_non_null(strstr(last.told, "\"A-8\""));
    assert_non_null(strstr(last.told, "\"moved\":true"));
    trial.step = move_tell; /* the buyer, and the guest who has the other ticket */
    expect(&trial, SAGA_MARK_DONE, "", 0);
    assert_non_null(strstr(last.told, "\"guest\",\"kind\":\"moved-3\",\"lang\":\"ko\""));
    trial.step = move_restore;
    trial.undo = true;
    expect(&trial, SAGA_MARK_DONE, "", 0);
    assert_non_null(strstr(last.told, "\"A-1\""));
    assert_non_null(strstr(last.told, "\"moved\":false"));
}

static void a_move_whose_tickets_cannot_be_signed_is_tried_again(void **state)
{
    (void)state;
    char seat[6 * ORDER_SEAT_MAX] = "", data[4096];
    for (unsigned i = 0; i < ORDER_SEAT_MAX - 1; i++)
        strcat(seat, "\\u0001");
    struct text text = text_on(data, sizeof(data) - 1);
    text_printf(&text,
                "{\"order\":\"o_1\",\"event\":\"gala\",\"member\":\"42\",\"move\":1,\"moves\":["
                "{\"from\":\"%s\",\"to\":\"%s\",\"ticket\":\"t_1\",\"member\":\"42\","
                "\"lang\":\"en\"}]}",
                seat, seat);
    data[text.len] = '\0';
    struct trial trial = {.step = move_issue, .data = data};
    expect(&trial, SAGA_MARK_UNKNOWN, "signing", 0);
    assert_string_equal(last.told, "");
    trial.step = move_restore;
    trial.undo = true;
    expect(&trial, SAGA_MARK_UNKNOWN, "signing", 0);
    assert_string_equal(last.told, "");
}

static void what_cannot_be_read_is_not_acted_upon(void **state)
{
    (void)state;
    void (*const steps[])(struct saga_call *, void *) = {
        payment_create, payment_await, payment_capture,    payment_refund, sale_extend_hold,
        move_revoke,    move_seats,    sale_issue_tickets, move_issue,     move_tell};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct trial trial = {.step = steps[i], .data = "{\"order\":7}"};
        expect(&trial, SAGA_MARK_UNKNOWN, "data", 0);
    }
    struct trial trial = {.step = move_seats}; /* an order that moves nothing */
    expect(&trial, SAGA_MARK_UNKNOWN, "data", 0);
    trial = (struct trial){.step = payment_void, .undo = true, .data = "{}"};
    expect(&trial, SAGA_MARK_UNKNOWN, "data", 0);
    trial.step = move_restore;
    expect(&trial, SAGA_MARK_UNKNOWN, "data", 0);
}

static void what_cannot_be_read_for_want_of_memory_is_not_called_unreadable(void **state)
{
    (void)state;
    void (*const steps[])(struct saga_call *, void *) = {payment_create, sale_extend_hold,
                                                         move_revoke, move_seats, move_tell};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct trial trial = {.step = steps[i], .starved = true};
        expect(&trial, SAGA_MARK_UNKNOWN, "no-memory", 0);
        assert_string_equal(last.told, "");
    }
}

/* Rows of databases name them, so none may go or change its key. */
static void the_definitions_are_those_that_rows_name(void **state)
{
    (void)state;
    static const char *const keys[] = {"checkout.1", "refund.1", "refund.2"};
    struct checkout_conf conf = {.poll_first_ms = 1, .poll_cap_ms = 1, .poll_rare_ms = 1};
    struct checkout *checkout = NULL;
    assert_int_equal(checkout_create(&conf, NULL, &checkout), 0);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_non_null(checkout_find(checkout, span_of(keys[i])));
    const struct saga_def *sale = checkout_find(checkout, SPAN("checkout.1"));
    bool answered = false;
    for (uint8_t i = 0; i < sale->steps_len; i++) { /* once it has answered it stays so */
        assert_true(checkout_answers(sale, i) || !answered);
        answered = checkout_answers(sale, i);
    }
    assert_true(answered);
    checkout_destroy(checkout);
}

static void a_call_to_a_peer_takes_no_longer_than_its_step_may(void **state)
{
    (void)state;
    for (uint32_t step_ms = 5; step_ms <= 100000000; step_ms *= 1000) {
        struct trial trial = {.step = payment_await,
                              .timeout_ms = step_ms,
                              .answers = {READ(pay(PAYMENT_OPEN, 0, 0))}};
        expect(&trial, SAGA_MARK_ONGOING, "", 1);
        uint32_t most_ms = peer_question(PEER_PSP_READ)->most_ms;
        assert_int_equal(last.timeout_ms, step_ms < most_ms ? step_ms : most_ms);
    }
}

static int use_json_memory(void **state)
{
    (void)state;
    json_in_allocate(json_memory);
    return 0;
}

/* A peer may ask for more patience than the seats have time. */
static void a_peer_is_waited_for_as_it_asks_while_the_seats_have_time(void **state)
{
    (void)state;
    static const struct {
        uint32_t asked_ms, waited_ms;
        uint64_t expires_ms;
    } rows[] = {
        {50000, 50000, NOW_MS + LEFT_MS},
        {LEFT_MS, LEFT_MS, NOW_MS + LEFT_MS},
        {3600000, LEFT_MS, NOW_MS + LEFT_MS},
        {3600000, 1, NOW_MS + 1},
        {3600000, 30000, NOW_MS}, /* once their time is up, the pauses are our own */
        {20000, 20000, NOW_MS - 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trial trial = {
            .step = payment_create,
            .order = {.payment = "-", .expires_ms = rows[i].expires_ms},
            .answers = {
                {.op = PEER_PSP_CREATE, .verdict = SAGA_UNKNOWN, .retry_ms = rows[i].asked_ms}}};
        expect(&trial, SAGA_MARK_UNKNOWN, "", 1);
        assert_int_equal(last.delay_ms, rows[i].waited_ms);
        trial.step = payment_refund; /* which keeps no seat from anybody */
        trial.answers[0].op = PEER_PSP_REFUND;
        expect(&trial, SAGA_MARK_UNKNOWN, "", 1);
        assert_int_equal(last.delay_ms, rows[i].asked_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payment_that_is_made_is_told_and_kept),
        cmocka_unit_test(a_peer_is_waited_for_as_it_asks_while_the_seats_have_time),
        cmocka_unit_test(a_payment_is_undone_by_what_it_has_come_to),
        cmocka_unit_test(a_payment_without_an_id_is_made_to_be_undone),
        cmocka_unit_test(whoever_waits_for_the_buyer_takes_only_what_was_agreed),
        cmocka_unit_test(the_wait_is_looked_at_often_unless_webhooks_come_and_never_past_its_end),
        cmocka_unit_test(only_the_whole_sum_that_stays_is_a_sale),
        cmocka_unit_test(a_capture_that_may_have_happened_is_read_first),
        cmocka_unit_test(a_refund_gives_back_what_is_not_back_already),
        cmocka_unit_test(without_memory_for_another_id_nothing_is_done_under_it),
        cmocka_unit_test(a_key_that_keeps_an_error_is_used_no_more),
        cmocka_unit_test(a_hold_that_lives_on_is_kept_with_its_new_end),
        cmocka_unit_test(a_ticket_that_cannot_be_signed_ends_no_sale),
        cmocka_unit_test(each_step_of_a_move_does_its_part),
        cmocka_unit_test(a_move_whose_tickets_cannot_be_signed_is_tried_again),
        cmocka_unit_test(what_cannot_be_read_is_not_acted_upon),
        cmocka_unit_test(what_cannot_be_read_for_want_of_memory_is_not_called_unreadable),
        cmocka_unit_test(the_definitions_are_those_that_rows_name),
        cmocka_unit_test(a_call_to_a_peer_takes_no_longer_than_its_step_may),
    };
    return cmocka_run_group_tests(tests, use_json_memory, NULL);
}
