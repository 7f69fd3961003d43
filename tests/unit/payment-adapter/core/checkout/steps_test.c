/* steps_test.c: single steps of a sale, a refund and a move: what they make of each answer, as the
 * move that the engine then commits has it.
 *
 * Statements of a row (script.h):
 *
 *   try STEP [undo] [no-memory] [starved] [webhooks] KEY=VALUE...   the step and its order,
 * do_try() read|create|capture STATE|VERDICT KEY=VALUE...                  the provider's next
 * answer cancel | refund | extend | move [VERDICT] KEY=VALUE...          another answer gives MARK
 * CODE N                                               runs it: the move, and N questions
 *
 * and what else is expected: kept nothing|FIELD VALUE (the order as it is stored again), wrote
 * -|TEXT (the effects), delay MS, timeout MS|most (of the last question). */
#include "script.h"

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

enum { NOW_MS = 1000000, LEFT_MS = 60000, SUM = 5000, ANSWERS_MAX = 3, WROTE_MAX = 4096 };

/* What a peer says, in the order of the questions. */
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
    struct order kept;     /* id "": the order was not stored again */
    char wrote[WROTE_MAX]; /* the effects, one after the other */
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
    struct text wrote = text_on(last.wrote, sizeof(last.wrote) - 1);
    for (uint32_t at = 0;
         moves[0]->effects != NULL && saga_effects_next(moves[0]->effects, &at, &kind, &json);)
        text_put(&wrote, json);
    last.wrote[wrote.len] = '\0';
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

/* ---- statements ---- */

#define MOVING(TO)                                                                                 \
    "{\"order\":\"o_1\",\"event\":\"gala\",\"hold\":\"h_1\",\"member\":\"42\",\"lang\":\"en\","    \
    "\"seats\":[\"A-1\"],\"move\":3,\"moves\":[{\"from\":\"A-1\",\"to\":\"" TO "\",\"ticket\":"    \
    "\"t_1\",\"member\":\"42\",\"lang\":\"en\"},{\"from\":\"A-2\",\"to\":\"A-9\",\"ticket\":"      \
    "\"t_2\",\"member\":\"guest\",\"lang\":\"ko\"}]}"

static struct trial trial;
static unsigned answers_len;

/* The longest name in which each byte is written with six characters fits in no ticket. */
static void put_unsignable(char seat[ORDER_SEAT_MAX])
{
    memset(seat, 1, ORDER_SEAT_MAX - 1);
    seat[ORDER_SEAT_MAX - 1] = '\0';
}

static const char *unsignable_move(void)
{
    static char data[4096];
    char seat[6 * ORDER_SEAT_MAX] = "";
    for (unsigned i = 0; i < ORDER_SEAT_MAX - 1; i++)
        strcat(seat, "\\u0001");
    struct text text = text_on(data, sizeof(data) - 1);
    text_printf(&text,
                "{\"order\":\"o_1\",\"event\":\"gala\",\"member\":\"42\",\"move\":1,\"moves\":["
                "{\"from\":\"%s\",\"to\":\"%s\",\"ticket\":\"t_1\",\"member\":\"42\","
                "\"lang\":\"en\"}]}",
                seat, seat);
    data[text.len] = '\0';
    return data;
}

static void do_try(const struct script_line *line)
{
    static const struct {
        const char *name;
        void (*run)(struct saga_call *call, void *ctx);
    } steps[] = {
        {"create", payment_create},    {"void", payment_void},       {"await", payment_await},
        {"capture", payment_capture},  {"refund", payment_refund},   {"extend", sale_extend_hold},
        {"issue", sale_issue_tickets}, {"move-revoke", move_revoke}, {"move-restore", move_restore},
        {"move-seats", move_seats},    {"move-issue", move_issue},   {"move-tell", move_tell},
    };
    const char *payment = script_value(line, "payment"), *seat = script_value(line, "seat"),
               *left = script_value(line, "left_ms"), *data = script_value(line, "data");
    trial = (struct trial){
        .undo = script_has(line, "undo"),
        .no_memory = script_has(line, "no-memory"),
        .starved = script_has(line, "starved"),
        .webhooks = script_has(line, "webhooks"),
        .tries = (uint32_t)script_value_or(line, "tries", 0),
        .timeout_ms = (uint32_t)script_value_or(line, "timeout", 0),
        .luck = script_value_or(line, "luck", 0),
    };
    answers_len = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(steps[i].name, script_word(line, 1)) == 0)
            trial.step = steps[i].run;
    }
    assert_non_null(trial.step);
    strcpy(trial.order.payment, payment != NULL ? payment : "");
    trial.order.refund = script_value_or(line, "refund", 0);
    trial.order.expires_ms = left != NULL ? (uint64_t)(NOW_MS + strtoll(left, NULL, 10)) : 0;
    if (seat != NULL) {
        trial.order.seats_len = 1;
        put_unsignable(trial.order.seats[0]);
    }
    if (data != NULL)
        trial.data = strcmp(data, "move") == 0         ? MOVING("A-8")
                     : strcmp(data, "unsignable") == 0 ? unsignable_move()
                                                       : data;
}

static void do_answer(const struct script_line *line)
{
    static const struct {
        const char *name;
        enum peer_op op;
    } ops[] = {
        {"read", PEER_PSP_READ},     {"create", PEER_PSP_CREATE}, {"capture", PEER_PSP_CAPTURE},
        {"cancel", PEER_PSP_CANCEL}, {"refund", PEER_PSP_REFUND}, {"extend", PEER_SEATS_EXTEND},
        {"move", PEER_SEATS_MOVE},
    };
    /* States of the payment, then verdicts. */
    static const char *const words[] = {"open",   "authorised", "captured", "canceled",
                                        "failed", "unknown",    NULL};
    static char unwanted[64];
    struct answer *answer = &trial.answers[answers_len++];
    struct payment *payment = &answer->payment;
    const char *id = script_value(line, "id"), *currency = script_value(line, "currency"),
               *why = script_value(line, "unwanted"), *left = script_value(line, "left_ms");
    assert_in_range(answers_len, 1, ANSWERS_MAX);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(ops[i].name, line->words[0]) == 0)
            answer->op = ops[i].op;
    }
    bool plain = line->len == 1 || strchr(line->words[1], '=') != NULL;
    unsigned word = plain ? PAYMENT_OPEN : script_choice(line, line->words[1], words);
    if (word > PAYMENT_CANCELED)
        answer->verdict = word == PAYMENT_CANCELED + 1 ? SAGA_FAILED : SAGA_UNKNOWN;
    else
        payment->state = (enum payment_state)word;
    strcpy(payment->id, id == NULL ? "pay" : id);
    strcpy(payment->currency, currency == NULL ? "KRW" : currency);
    payment->amount = script_value_or(line, "amount", SUM);
    payment->captured = script_value_or(line, "captured", 0);
    payment->refunded = script_value_or(line, "refunded", 0);
    strcpy(unwanted, why != NULL ? why : "");
    payment->unwanted = why != NULL ? unwanted : NULL;
    answer->retry_ms = (uint32_t)script_value_or(line, "retry", 0);
    answer->key_burnt = script_has(line, "key_burnt");
    answer->expires_ms = left != NULL ? NOW_MS + script_number(left) : 0;
}

static void do_gives(const struct script_line *line)
{
    const struct outcome *outcome = run(&trial);
    script_expect_text(line, script_word(line, 1), saga_mark_name(outcome->mark));
    script_expect_text(line, script_word(line, 2), outcome->code);
    script_expect(line, script_word(line, 3), outcome->asked);
}

static void is_kept(const struct script_line *line)
{
    if (strcmp(script_word(line, 1), "nothing") == 0) {
        script_expect_text(line, "-", last.kept.id);
        return;
    }
    const struct script_field fields[] = {
        SCRIPT_TEXT("payment", last.kept.payment),
        SCRIPT_NUMBER("key_round", last.kept.key_round),
        SCRIPT_NUMBER("left_ms", last.kept.expires_ms - NOW_MS),
        {.name = NULL},
    };
    script_expect_field(line, 1, fields);
}

static void is_written(const struct script_line *line)
{
    const char *want = script_word(line, 1);
    if (strcmp(want, "-") == 0 ? last.wrote[0] != '\0' : strstr(last.wrote, want) == NULL)
        fail_msg("%s: \"%s\": it is %s", line->row, line->text, last.wrote);
}

static void has_time(const struct script_line *line)
{
    const char *want = script_word(line, 1);
    if (strcmp(line->words[0], "delay") == 0)
        script_expect(line, want, last.delay_ms);
    else if (strcmp(want, "most") == 0)
        assert_int_equal(last.timeout_ms, peer_question(PEER_PSP_READ)->most_ms);
    else
        script_expect(line, want, last.timeout_ms);
}

static const struct script_verb verbs[] = {
    {"try", do_try},       {"read", do_answer},   {"create", do_answer}, {"capture", do_answer},
    {"cancel", do_answer}, {"refund", do_answer}, {"extend", do_answer}, {"move", do_answer},
    {"gives", do_gives},   {"kept", is_kept},     {"wrote", is_written}, {"delay", has_time},
    {"timeout", has_time}, {NULL, NULL},
};

/* ---- rows ---- */

#define UNDO "try void undo; "
/* The same under another id, by which the payment is known from then on; and without memory for it.
 */
#define AWAITS(PAYMENT, MARK)                                                                      \
    "try await; read " PAYMENT "; gives " MARK " 1; "                                              \
    "try await; read " PAYMENT " id=other; gives " MARK                                            \
    " 1; kept payment other; wrote \"other\"; "                                                    \
    "try await no-memory; read " PAYMENT " id=other; gives unknown no-memory 1"
#define CAPTURES(PAYMENT, GIVES) "try capture; capture captured " PAYMENT "; gives " GIVES " 1"
#define AGAIN                    "try capture tries=1; "
#define REFUNDS                  "try refund tries=1; "
#define PART                     "try refund refund=100; "

static const struct script_row rows[] = {
    {"created_payment_without_memory_is_created_again",
     "try create payment=- no-memory; create open; gives unknown no-memory 1; kept nothing"},
    {"refused_payment_fails", "try create; create failed; gives failed - 1"},

    {"refunded_payment_needs_no_undo",
     UNDO "read captured captured=5000 refunded=5000; gives done refunded 1; kept payment -"},
    {"captured_payment_of_unknown_sum_is_refunded", UNDO "read captured; refund; gives done - 2"},
    {"payment_under_another_id_is_stored_before_its_undo",
     UNDO "read open id=other; gives ongoing - 1; kept payment other"},
    {"payment_without_an_id_is_the_one_that_was_read",
     UNDO "read open id=; cancel; gives done - 2; kept payment -"},
    {"unread_payment_is_not_undone", UNDO "read unknown; gives unknown - 1; kept payment -"},

    /* It may or may not exist: it is created once more, under the same key. */
    {"payment_that_may_exist_is_created_to_be_undone",
     "try void undo payment=-; create open; read open; cancel; gives done - 3; kept payment pay"},
    {"payment_that_may_exist_is_not_undone_without_memory",
     "try void undo payment=- no-memory; create open; gives unknown no-memory 1"},
    {"payment_that_was_never_created_needs_no_undo",
     "try void undo payment=-; create failed; gives done never-created 1"},
    {"payment_that_may_still_exist_is_not_undone",
     "try void undo payment=-; create unknown; gives unknown - 1"},

    {"payment_of_another_sum_is_refused",
     AWAITS("authorised amount=4999", "failed amount-mismatch")},
    {"unwanted_payment_is_refused", AWAITS("authorised unwanted=wrong-card", "failed wrong-card")},
    {"payment_returned_in_part_is_refused",
     AWAITS("captured captured=5000 refunded=1", "failed given-back")},
    {"canceled_payment_is_refused", AWAITS("canceled", "failed payment-canceled")},

    {"poll_comes_after_half_to_one_and_a_half_of_the_cap",
     "try await; read open; gives ongoing - 1; delay 500..1500; try await luck=2002; read open; "
     "gives ongoing - 1; delay 500; try await luck=2001; read open; gives ongoing - 1; delay 1500"},
    {"poll_comes_at_the_end_of_the_hold_at_the_latest",
     "try await webhooks left_ms=7; read open; gives ongoing - 1; delay 7; try await webhooks "
     "left_ms=1; read open; gives ongoing - 1"},

    {"capture_of_nothing_is_unclear", CAPTURES("", "unknown amount-mismatch")},
    {"capture_in_another_currency_is_unclear",
     CAPTURES("captured=5000 currency=USD", "unknown amount-mismatch")},
    {"capture_that_is_still_authorised_is_unclear",
     "try capture; capture authorised captured=5000; gives unknown amount-mismatch 1"},

    {"capture_without_an_authorisation_fails",
     AGAIN "read open; gives failed authorisation-gone 1"},
    {"capture_that_did_not_happen_is_repeated",
     AGAIN "read authorised; capture captured captured=5000; gives done - 2"},
    {"payment_that_is_not_found_may_have_been_captured", AGAIN "read failed; gives unknown - 1"},

    {"refund_that_may_have_happened_is_read_first",
     REFUNDS "read captured captured=5000; refund; gives done - 2; " REFUNDS
             "read captured captured=5000 refunded=4999; refund; gives done - 2; " REFUNDS
             "read captured; refund; gives done - 2"},
    {"part_refund_is_read_first",
     PART "read captured captured=5000 refunded=99; refund; gives done - 2; " PART
          "read captured captured=5000 refunded=100; gives done was-refunded 1"},
    {"payment_that_is_not_found_may_have_been_refunded", REFUNDS "read failed; gives unknown - 1"},

    /* The id may be lost again, so the next try reads it once more. */
    {"nothing_is_done_under_another_id_without_memory_for_it",
     "try void undo no-memory; read authorised id=other; gives unknown no-memory 1; kept nothing; "
     "wrote -; try capture tries=1 no-memory; read authorised id=other; gives unknown no-memory 1; "
     "kept nothing; wrote -; try refund tries=1 no-memory; read authorised id=other; gives unknown "
     "no-memory 1; kept nothing; wrote -"},
    {"key_that_holds_an_error_is_replaced",
     "try capture; capture unknown key_burnt; gives unknown - 1; kept key_round 1; try capture "
     "no-memory; capture unknown key_burnt; gives unknown - 1; kept nothing"},
    {"extended_hold_is_stored_with_its_new_end",
     "try extend; extend left_ms=99; gives done - 1; kept left_ms 99; try extend no-memory; extend "
     "left_ms=99; gives unknown no-memory 1; try extend no-memory; extend; gives done - 1; kept "
     "nothing"},
    {"ticket_that_cannot_be_signed_is_tried_again",
     "try issue; gives done - 0; wrote FGT1.; try issue seat=unsignable; gives unknown signing 0; "
     "wrote -"},
    {"each_step_of_a_move_does_its_part",
     "try move-revoke data=move; gives done - 0; try move-seats data=move; move; gives done - 1; "
     "wrote [1,2,3]; try move-seats data=move; move failed; gives failed - 1; wrote -; try "
     "move-issue data=move; gives done - 0; wrote \"A-8\"; wrote \"moved\":true"},
    {"move_is_reported_to_the_buyer_and_the_holder",
     "try move-tell data=move; gives done - 0; wrote "
     "\"guest\",\"kind\":\"moved-3\",\"lang\":\"ko\""},
    {"undone_move_restores_the_old_ticket",
     "try move-restore undo data=move; gives done - 0; wrote \"A-1\"; wrote \"moved\":false"},
    {"move_whose_tickets_cannot_be_signed_is_tried_again",
     "try move-issue data=unsignable; gives unknown signing 0; wrote -; try move-restore undo "
     "data=unsignable; gives unknown signing 0; wrote -"},
#define STARVED(STEP) "try " STEP " starved; gives unknown no-memory 0; wrote -; "
    {"order_that_is_not_read_for_want_of_memory_is_not_unreadable",
     STARVED("create") STARVED("extend") STARVED("move-revoke") STARVED("move-seats")
         STARVED("move-tell")},
    {"question_takes_no_longer_than_its_step",
     "try await timeout=5; read open; gives ongoing - 1; timeout 5; try await timeout=5000; read "
     "open; gives ongoing - 1; timeout 5000"},
    {"question_takes_no_longer_than_a_peer_may",
     "try await timeout=5000000; read open; gives ongoing - 1; timeout most"},
#define WAITS(ASKED_MS, LEFT, WAITED_MS)                                                           \
    "try create payment=- left_ms=" LEFT "; create unknown retry=" ASKED_MS "; "                   \
    "gives unknown - 1; delay " WAITED_MS "; try refund left_ms=" LEFT "; "                        \
    "refund unknown retry=" ASKED_MS "; gives unknown - 1; delay " ASKED_MS
    {"peer_is_left_alone_for_the_last_millisecond_of_the_hold", WAITS("3600000", "1", "1")},
};

static void run_row(void **state)
{
    json_in_allocate(json_memory);
    script_run(*state, verbs);
    json_in_allocate(malloc);
}

/* Rows of databases name them, so none may be removed or change its key. */
static void definitions_have_the_keys_that_rows_name(void **state)
{
    (void)state;
    static const char *const keys[] = {"checkout.1", "refund.1", "refund.2", "move.1"};
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

int main(void)
{
    const struct CMUnitTest functions[] = {
        cmocka_unit_test(definitions_have_the_keys_that_rows_name),
    };
    return script_tests(functions, 1, rows, sizeof(rows) / sizeof(rows[0]), run_row);
}
