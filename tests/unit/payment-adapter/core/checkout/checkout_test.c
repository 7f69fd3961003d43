/* checkout_test.c: sales, refunds and moves in a world that loses answers, refuses calls, and kills
 * the engine at every edge.
 *
 * Statements of a row (script.h). Orders have the numbers 1, 2 and so on.
 *
 *   order DEF [xN] | run TIME | step TIME (of the clock alone) | wake N | cancel N
 *   set KEY=VALUE...                   the world's settings, see do_set()
 *   fault OP KIND [N]                  what goes wrong with the next N calls (default: all)
 *   says nothing | says OP FIELD=VALUE...   what a peer says instead of what it did: say()
 *   edit N|all FROM TO                 another text in the stored order
 *   at N STEP STATE                    the order is there already
 *   update                             the next version of the program
 *
 * A single step, with the answers that a row gives it:
 *
 *   try STEP [undo] [no-memory] [starved] KEY=VALUE...   the step and its order: do_try()
 *   read|create|... STATE|VERDICT KEY=VALUE...           the peer's next answer: do_answer()
 *   gives MARK CODE N          runs it until its move is stored: the move, and N questions
 *   kept nothing|FIELD=VALUE..., delay MS, timeout MS (of the last question)
 *
 * and what is expected: saga N FIELD=VALUE..., world FIELD=VALUE..., asked OP N, effect KIND N,
 * last KIND TEXT... (parts of the last effect of this kind), logged|unlogged part of STEP WAY MARK
 * CODE, means DEF STATE STEP PARKED CAUSE STATUS (of a saga of this kind), judge OP STATUS CODE
 * VERDICT CODE (of a service's response; CODE ?: none), check (world_check()). */
#include "scarce.h"
#include "script.h"
#include "world.h"

#include <jansson.h>

enum { HOUR_MS = 3600000 };

static struct world town;

/* ---- a second version of the sale ---- */

/* As a later program might have it: other, fewer steps and another pivot. Each of its steps
 * succeeds at the first try. */

static void at_once(struct saga_call *call, void *ctx)
{
    (void)ctx;
    saga_call_finish(call, &(struct saga_outcome){.verdict = SAGA_DONE});
}

#define LOCAL(NAME)                                                                                \
    .saga = {.name = (NAME),                                                                       \
             .run = at_once,                                                                       \
             .peer = SAGA_PEER_NONE,                                                               \
             .timeout_ms = 1000,                                                                   \
             .deadline_ms = 60000,                                                                 \
             .retry_first_ms = 10,                                                                 \
             .retry_cap_ms = 1000}

static const struct checkout_step measure = {LOCAL("measure"), .shown = ORDER_PENDING_PAYMENT};
static const struct checkout_step promise = {LOCAL("promise"), .shown = ORDER_PENDING_PAYMENT,
                                             .answers_buyer = true};
static const struct checkout_step grant = {LOCAL("grant"), .shown = ORDER_CONFIRMING};
static const struct checkout_step thank = {LOCAL("thank"), .shown = ORDER_COMPLETED};

static const struct checkout_step *const next_steps[] = {&measure, &promise, &grant, &thank};

static const struct checkout_def next_version = {
    .kind = CHECKOUT_SALE,
    .key = "checkout.2",
    .steps = next_steps,
    .steps_len = sizeof(next_steps) / sizeof(next_steps[0]),
    .pivot = 2,
};

/* ---- statements ---- */

static const char *const ops[] = {"extend", "confirm", "move",     "release",   "free",
                                  "return", "movable", "create",   "read",      "capture",
                                  "void",   "refund",  "end-pass", "end-visit", NULL};
static_assert(sizeof(ops) / sizeof(ops[0]) == PEER_OP_COUNT + 1, "each question has a name");

static const char *const payments[] = {"open",     "authorised", "captured",
                                       "canceled", "hinted",     NULL};
static const char *const verdicts[] = {"done", "failed", "ongoing", "unknown", NULL};
static const char *const states[] = {"running", "undoing", "completed", "undone", NULL};
static const char *const seats[] = {"free", "held", "sold", "taken", NULL};

static enum peer_op op_of(const struct script_line *line, const char *word)
{
    return (enum peer_op)script_choice(line, word, ops);
}

SCRIPT_VERB(do_order, "order")
{
    uint64_t count = line->len > 2 ? script_number(script_word(line, 2) + 1) : 1;
    for (; count > 0; count--)
        world_order(&town, script_word(line, 1));
}

SCRIPT_DOES("run", world_run(&town, script_number_at(line, 1) / 1000))
SCRIPT_DOES("step", clock_fake_step(&town.clock, script_number_at(line, 1)))
SCRIPT_DOES("wake", world_wake(&town, script_number_at(line, 1)))
SCRIPT_DOES("cancel", world_cancel(&town, script_number_at(line, 1)))
SCRIPT_DOES("update", world_update(&town, &next_version, 1))

SCRIPT_VERB(do_set, "set")
{
    const char *payment = script_value(line, "payment"), *third = script_value(line, "s2");
    town.buyer_pays = script_value_or(line, "buyer_pays", town.buyer_pays);
    town.seats_wanted = script_value_or(line, "seats_wanted", town.seats_wanted);
    town.webhooks_come = script_value_or(line, "webhooks", town.webhooks_come);
    town.time_unknown = script_value_or(line, "time_unknown", town.time_unknown);
    town.given_back = script_value_or(line, "given_back", town.given_back);
    if (payment != NULL)
        town.payment = (enum payment_state)script_choice(line, payment, payments);
    if (third != NULL)
        town.seats[2] = (enum world_seat)script_choice(line, third, seats);
}

SCRIPT_VERB(do_fault, "fault")
{
    static const char *const faults[] = {"fine",   "lost", "dropped", "refused",
                                         "silent", "busy", NULL};
    world_fault(&town, op_of(line, script_word(line, 1)),
                (enum world_fault)script_choice(line, script_word(line, 2), faults),
                line->len > 3 ? (uint32_t)script_number_at(line, 3) : UINT32_MAX);
}

/* Its row stays in force until the end, so a statement may be kept for later. */
static struct script_line said; /* the last "says" */

static void say(struct world *world, struct peer_call *call)
{
    const struct script_line *line = &said;
    const char *after = script_value(line, "after"), *state = script_value(line, "state"),
               *verdict = script_value(line, "verdict");
    enum peer_op op = op_of(line, script_word(line, 1));
    struct payment *payment = &call->payment;
    if (call->op != op || world->asked[op] > script_value_or(line, "most", UINT32_MAX) ||
        world->asked[after != NULL ? op_of(line, after) : op] == 0)
        return;
    if (state != NULL)
        payment->state = (enum payment_state)script_choice(line, state, payments);
    payment->captured = script_value_or(line, "captured", payment->captured);
    payment->refunded = script_value_or(line, "refunded", payment->refunded);
    call->key_burnt = script_has(line, "key_burnt");
    call->answered = script_has(line, "answered");
    call->unasked = script_has(line, "unasked");
    if (verdict != NULL)
        call->verdict = (enum saga_verdict)script_choice(line, verdict, verdicts);
}

SCRIPT_VERB(do_says, "says")
{
    said = *line;
    said.text = "says";
    town.alter = script_has(line, "nothing") ? NULL : say;
}

SCRIPT_VERB(do_edit, "edit")
{
    bool all = strcmp(script_word(line, 1), "all") == 0;
    const char *from = script_word(line, 2), *to = script_word(line, 3);
    for (uint32_t i = 0; i < town.sagas_len; i++) {
        struct stored_saga *saga = &town.sagas[i];
        if (!all && saga->id != script_number_at(line, 1))
            continue;
        char *at = strstr(saga->data, from), rest[sizeof(saga->data)];
        assert_non_null(at);
        snprintf(rest, sizeof(rest), "%s", at + strlen(from));
        snprintf(at, sizeof(saga->data) - (size_t)(at - saga->data), "%s%s", to, rest);
    }
}

SCRIPT_VERB(do_at, "at")
{
    struct stored_saga *saga = world_saga(&town, script_number_at(line, 1));
    saga->step = (uint8_t)script_number_at(line, 2);
    saga->state = (enum saga_state)script_choice(line, script_word(line, 3), states);
    if (line->len > 4)
        snprintf(saga->cause, sizeof(saga->cause), "%s", line->words[4]);
}

/* ---- expectations ---- */

/* The steps that its log has as done, in order. */
static const char *steps_done(const struct stored_saga *saga)
{
    static char steps[WORLD_LOG_MAX + 1];
    size_t len = 0;
    for (uint32_t i = 0; i < town.log_len; i++) {
        if (town.log[i].saga == saga->id && town.log[i].mark == SAGA_MARK_DONE)
            steps[len++] = (char)('0' + town.log[i].step);
    }
    steps[len] = '\0';
    return steps;
}

SCRIPT_VERB(has_saga, "saga")
{
    const struct stored_saga *saga = world_saga(&town, script_number_at(line, 1));
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_TEXT("state", saga_state_name(saga->state)),
        SCRIPT_TEXT("cause", saga->cause),
        SCRIPT_NUMBER("step", saga->step),
        SCRIPT_NUMBER("parked", saga->parked),
        SCRIPT_NUMBER("moves", saga->moves),
        SCRIPT_TEXT("done", steps_done(saga)),
    };
    script_expect_values(line, 2, fields);
}

SCRIPT_VERB(has_world, "world")
{
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_TEXT("payment", payments[town.payment]),
        SCRIPT_NUMBER("captures", town.captures),
        SCRIPT_NUMBER("refunded", town.refunded),
        SCRIPT_NUMBER("refund_back", town.refund_back),
        SCRIPT_NUMBER("refund_part", town.refund_part),
        SCRIPT_NUMBER("sold", world_seats(&town, SEAT_SOLD)),
        SCRIPT_TEXT("s1", seats[town.seats[1]]),
        SCRIPT_TEXT("s2", seats[town.seats[2]]),
        SCRIPT_NUMBER("session_ended", town.session_ended),
        SCRIPT_NUMBER("pass_ended", town.pass_ended),
        SCRIPT_NUMBER("effects", town.effects_len),
    };
    script_expect_values(line, 1, fields);
}

SCRIPT_DOES("asked", script_expect(line, script_word(line, 2),
                                   town.asked[op_of(line, script_word(line, 1))]))

static enum effect effect_at(const struct script_line *line, unsigned at)
{
    static const char *const kinds[] = {
        "status",     "payment",     "expiry",   "ticket", "revoke", "move-shut", "part-freed",
        "move-seats", "move-ticket", "move-end", "shop",   "mail",   NULL};
    return (enum effect)script_choice(line, script_word(line, at), kinds);
}

SCRIPT_DOES("effect",
            script_expect(line, script_word(line, 2), world_count(&town, effect_at(line, 1))))

SCRIPT_VERB(has_last, "last")
{
    uint32_t at = town.effects_len;
    while (at > 0 && town.effects[at - 1].kind != effect_at(line, 1))
        at--;
    const char *json = at > 0 ? town.effects[at - 1].json : "";
    for (unsigned i = 2; i < line->len; i++) {
        if (strstr(json, line->words[i]) == NULL)
            fail_msg("%s: \"%s\": it is %s", line->row, line->text, json);
    }
}

SCRIPT_VERB(was_logged, "logged|unlogged")
{
    const char *want = script_rest(line, 0);
    bool found = false;
    for (uint32_t i = 0; i < town.log_len && !found; i++) {
        const struct world_log *log = &town.log[i];
        struct span key = span_of(world_saga(&town, log->saga)->key);
        char text[128];
        snprintf(text, sizeof(text), "%s %s %s %s",
                 saga_engine_def(town.engine, key)->steps[log->step]->name,
                 log->way == SAGA_UNDO ? "undo" : "do", saga_mark_name(log->mark), log->code);
        found = strstr(text, want) != NULL;
    }
    if (found != (strcmp(line->words[0], "logged") == 0))
        fail_msg("%s: \"%s\"", line->row, line->text);
}

SCRIPT_VERB(has_status, "means")
{
    const struct saga_def *def = checkout_find(town.checkout, span_of(script_word(line, 1)));
    const char *cause = strcmp(script_word(line, 5), "-") == 0 ? "" : line->words[5];
    enum order_status status =
        checkout_status(def, (enum saga_state)script_choice(line, script_word(line, 2), states),
                        (uint8_t)script_number_at(line, 3), script_number_at(line, 4) != 0, cause);
    script_expect_text(line, script_word(line, 6), order_status_name(status));
}

SCRIPT_VERB(is_judged, "judge")
{
    const char *code = script_word(line, 3);
    if (code[0] == '-' || code[0] == '?')
        code = code[0] == '-' ? "" : NULL;
    enum saga_verdict verdict =
        peer_judge(op_of(line, line->words[1]), (unsigned)script_number(line->words[2]), &code);
    script_expect_text(line, script_word(line, 4), verdicts[verdict]);
    script_expect_text(line, script_word(line, 5), code != NULL ? code : "");
}

SCRIPT_DOES("check", world_check(&town))

/* ---- a single step ---- */

enum { LEFT_MS = 60000, SUM = 5000, ANSWERS_MAX = 3 };

static const char two_moves[] =
    "{\"order\":\"o_1\",\"event\":\"gala\",\"hold\":\"h_1\",\"member\":\"42\",\"lang\":\"en\","
    "\"seats\":[\"A-1\"],\"move\":3,\"moves\":["
    "{\"from\":\"A-1\",\"to\":\"A-8\",\"ticket\":\"t_1\",\"member\":\"42\",\"lang\":\"en\"},"
    "{\"from\":\"A-2\",\"to\":\"A-9\",\"ticket\":\"t_2\",\"member\":\"guest\",\"lang\":\"ko\"}]}";
static const char renewal[] =
    "{\"order\":\"o_1\",\"event\":\"gala\",\"hold\":\"h_1\",\"member\":\"42\",\"lang\":\"en\","
    "\"seats\":[\"A-1\"],\"move\":3,\"moves\":["
    "{\"from\":\"A-1\",\"to\":\"A-1\",\"ticket\":\"t_1\",\"member\":\"42\",\"lang\":\"en\"}]}";

static struct {
    struct script_line answers[ANSWERS_MAX]; /* in the order of the calls */
    unsigned len;
    bool no_memory;      /* for JSON, from the first answer on */
    bool starved;        /* ... or from the beginning */
    uint64_t luck;       /* the value of each random draw */
    uint32_t timeout_ms; /* of the last call */
    char data[2048];     /* before */
} trial;

static void fall(void *ctx, void *out, size_t len)
{
    assert_int_equal(len, sizeof(uint64_t));
    memcpy(out, ctx, len);
}

static uint32_t all_asked(void)
{
    uint32_t all = 0;
    for (enum peer_op op = 0; op < PEER_OP_COUNT; op++)
        all += town.asked[op];
    return all;
}

static void answer_trial(struct world *world, struct peer_call *call)
{
    (void)world;
    uint32_t at = all_asked() - 1;
    assert_in_range(at, 0, trial.len - 1);
    const struct script_line *line = &trial.answers[at];
    if (call->op != op_of(line, line->words[0]))
        fail_msg("%s: asked %s as number %u", line->row, ops[call->op], at);
    struct payment *payment = &call->payment;
    const char *id = script_value(line, "id"), *currency = script_value(line, "currency"),
               *left = script_value(line, "left_ms"), *code = script_value(line, "code");
    bool plain = line->len == 1 || strchr(line->words[1], '=') != NULL;
    const char *word = plain ? "open" : line->words[1];
    call->verdict = strcmp(word, "failed") == 0    ? SAGA_FAILED
                    : strcmp(word, "unknown") == 0 ? SAGA_UNKNOWN
                                                   : SAGA_DONE;
    if (call->verdict != SAGA_DONE)
        word = "open";
    *payment = (struct payment){.state = (enum payment_state)script_choice(line, word, payments),
                                .amount = script_value_or(line, "amount", SUM),
                                .captured = script_value_or(line, "captured", 0),
                                .refunded = script_value_or(line, "refunded", 0),
                                .unwanted = script_value(line, "unwanted")};
    strcpy(call->code, code == NULL ? "" : code);
    strcpy(payment->id, id == NULL ? "pay" : id);
    strcpy(payment->currency, currency == NULL ? "KRW" : currency);
    call->retry_ms = (uint32_t)script_value_or(line, "retry", 0);
    call->key_burnt = script_has(line, "key_burnt");
    call->expires_ms = left != NULL ? town.clock.now_wall_us / 1000 + script_number(left) : 0;
    if (call->verdict == SAGA_DONE && peer_question(call->op)->reads_places)
        call->places = strdup("[1,2,3]");
    trial.timeout_ms = call->timeout_ms;
    if (trial.no_memory)
        scarce_from(0);
}

/* The longest name of bytes that JSON escapes with six characters fits in no ticket. */
static const char *unsignable_move(void)
{
    static char data[sizeof(trial.data)];
    char seat[6 * ORDER_SEAT_MAX] = "";
    for (unsigned i = 0; i < ORDER_SEAT_MAX - 1; i++)
        strcat(seat, "\\u0001");
    snprintf(data, sizeof(data),
             "{\"order\":\"o_1\",\"event\":\"gala\",\"member\":\"42\",\"move\":1,\"moves\":["
             "{\"from\":\"%s\",\"to\":\"%s\",\"ticket\":\"t_1\",\"member\":\"42\","
             "\"lang\":\"en\"}]}",
             seat, seat);
    return data;
}

static void set_order(const struct script_line *line, struct stored_saga *saga)
{
    const char *payment = script_value(line, "payment"), *data = script_value(line, "data"),
               *hint = script_value(line, "hint"), *checked = script_value(line, "checked");
    static struct order order; /* too big for the stack */
    char *json;
    assert_int_equal(order_parse(span_of(saga->data), NULL, &order), 0);
    strcpy(order.payment, payment == NULL ? "pay" : strcmp(payment, "-") == 0 ? "" : payment);
    strcpy(order.payment_key, hint == NULL ? "" : hint);
    strcpy(order.checked_key, checked == NULL ? "" : checked);
    order.check = (enum order_check)script_value_or(line, "check", ORDER_CHECK_NONE);
    order.amount = SUM;
    order.refund = script_value_or(line, "refund", 0);
    order.expires_ms = town.clock.now_wall_us / 1000 + script_value_or(line, "left_ms", LEFT_MS);
    if (script_value(line, "seat") != NULL) {
        order.seats_len = 1;
        memset(order.seats[0], 1, ORDER_SEAT_MAX - 1);
    }
    assert_int_equal(order_dump(&order, NULL, &json), 0);
    snprintf(saga->data, sizeof(saga->data), "%s",
             data == NULL                   ? json
             : strcmp(data, "move") == 0    ? two_moves
             : strcmp(data, "renewal") == 0 ? renewal
                                            : unsignable_move());
    free(json);
}

SCRIPT_VERB(do_try, "try")
{
    static const struct {
        const char *name, *key;
        uint8_t step;
    } steps[] = {
        {"extend", "checkout.1", 0},   {"create", "checkout.1", 1},  {"void", "checkout.1", 1},
        {"await", "checkout.1", 2},    {"capture", "checkout.1", 4}, {"issue", "checkout.1", 5},
        {"end", "checkout.1", 6},      {"refund", "refund.2", 2},    {"move-revoke", "move.1", 0},
        {"move-restore", "move.1", 0}, {"move-seats", "move.1", 1},  {"move-issue", "move.1", 2},
        {"move-tell", "move.1", 3},
    };
    static struct rng always = {.fill = fall, .ctx = &trial.luck};
    size_t at = 0;
    while (strcmp(steps[at].name, script_word(line, 1)) != 0)
        assert_true(++at < sizeof(steps) / sizeof(steps[0]));
    world_deinit(&town);
    world_init(&town);
    memset(&trial, 0, sizeof(trial));
    trial.no_memory = script_has(line, "no-memory");
    trial.starved = script_has(line, "starved");
    trial.luck = script_value_or(line, "luck", 0);
    if (trial.luck != 0)
        town.rng.rng = always;
    town.webhooks_come = script_has(line, "webhooks");
    town.alter = answer_trial;
    for (enum peer_op op = 0; op < PEER_OP_COUNT; op++)
        world_fault(&town, op, WORLD_DROPPED, UINT32_MAX);
    struct stored_saga *saga = world_saga(&town, world_order(&town, steps[at].key));
    saga->step = steps[at].step;
    saga->state = script_has(line, "undo") ? SAGA_UNDOING : SAGA_RUNNING;
    saga->tries = (uint32_t)script_value_or(line, "tries", 0);
    saga->step_us -= script_value_or(line, "age", 0);
    set_order(line, saga);
    strcpy(trial.data, saga->data);
}

SCRIPT_VERB(do_answer, "extend|move|create|read|capture|void|refund|end-pass|end-visit")
{
    assert_in_range(trial.len, 0, ANSWERS_MAX - 1);
    trial.answers[trial.len] = *line;
    trial.answers[trial.len++].text = "an answer";
}

SCRIPT_VERB(do_gives, "gives")
{
    while (town.log_len == 0) {
        scarce_end();
        if (trial.starved)
            scarce_from(0);
        world_turn(&town);
    }
    scarce_end();
    script_expect_text(line, script_word(line, 1), saga_mark_name(town.log[0].mark));
    script_expect_text(line, script_word(line, 2), town.log[0].code);
    script_expect(line, script_word(line, 3), all_asked());
}

SCRIPT_VERB(is_kept, "kept")
{
    static struct order order;
    const char *data = world_saga(&town, 1)->data;
    if (strcmp(script_word(line, 1), "nothing") == 0) {
        script_expect_text(line, trial.data, data);
        return;
    }
    assert_int_equal(order_parse(span_of(data), NULL, &order), 0);
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_TEXT("payment", order.payment),
        SCRIPT_NUMBER("key_round", order.key_round),
        SCRIPT_TEXT("checked", order.checked_key),
        SCRIPT_NUMBER("check", order.check),
        SCRIPT_NUMBER("left_ms", order.expires_ms - town.clock.now_wall_us / 1000),
    };
    script_expect_values(line, 1, fields);
}

SCRIPT_VERB(has_time, "delay|timeout")
{
    uint64_t delay_ms = (world_saga(&town, 1)->due_us - town.clock.now_mono_us) / 1000;
    bool delay = strcmp(line->words[0], "delay") == 0;
    script_expect(line, script_word(line, 1), delay ? delay_ms : trial.timeout_ms);
}

/* ---- rows ---- */

#define PAID   "order checkout.1; run 1h; "
#define UNPAID "set buyer_pays=0; order checkout.1; "
#define UNDO   "try void undo; "
#define AGAIN  "try capture tries=1; "
#define PART   "try refund refund=100; "
#define HINT   "try await hint=k "
#define ASKED  HINT "checked=k check=1 "
/* A buyer sends a key that the provider does not show. */
#define HINTED                                                                                     \
    "run 200s; set payment=hinted; edit 1 \"payment_key\":\"\" \"payment_key\":\"k\"; wake 1; "

static const struct script_row rows[] = {
    {"paid_order_ends_with_tickets_and_letters",
     PAID "saga 1 state=completed; world captures=1 sold=2 session_ended=1 pass_ended=1; effect "
          "shop 1; effect mail 1; last status completed; check"},
    {"unpaid_order_ends_with_its_hold_and_webhooks_make_polls_rare",
     "set webhooks=$a; " UNPAID
     "run 1h; saga 1 state=undone cause=expired; world payment=canceled; "
     "last status expired; asked read $b; check || 1 5..20|0 80..250"},
    {"order_does_not_end_before_the_time_is_known",
     "set time_unknown=1; " UNPAID "run 700s; saga 1 state=running; set time_unknown=0; run 5s; "
     "saga 1 state=undone cause=expired; check"},
    {"provider_that_asks_for_an_hour_has_the_rest_of_the_hold",
     "fault read busy 1; order checkout.1; run 601s; saga 1 state=completed; asked read 1..3; "
     "check"},
    {"refund_waits_as_long_as_the_provider_asks",
     PAID "order refund.2; fault refund busy 1; run 3599s; asked refund 1; run 60s; saga 2 "
          "state=completed"},
    {"payment_returned_at_once_buys_no_ticket",
     "set given_back=2000; " PAID "saga 1 cause=given-back state=undone; check"},
    /* The provider is down until long after the hold has ended; meanwhile the buyer has paid. */
    {"late_payment_takes_the_same_seats_again_or_is_released",
     "set seats_wanted=$a; " UNPAID "run 500ms; set payment=authorised; fault read dropped; "
     "run 1h; saga 1 state=running; fault read fine; run 1h; saga 1 state=$b cause=$c; "
     "world sold=$d payment=$e; effect mail 1; check || "
     "0 completed - 2 captured|1 undone seats-gone 0 canceled"},
    {"refused_capture_frees_the_seats",
     "fault capture refused; " PAID
     "saga 1 state=undone; logged confirm_seats undo done; logged create_payment undo done; logged "
     "extend_hold undo done; last status failed; check"},
    {"lost_answer_to_a_capture_is_not_a_refusal",
     "fault capture lost 1; " PAID
     "saga 1 state=completed; world captures=1; logged capture do unknown; check"},
    {"order_completes_without_the_seat_services_goodbye",
     "fault end-pass dropped; " PAID "saga 1 state=completed; world session_ended=1; check"},
    {"end_of_a_visit_is_repeated_to_the_seat_service",
     "fault end-pass dropped 2; " PAID "world session_ended=1 pass_ended=1; asked end-pass 3..5; "
     "unlogged end_session do skipped; check"},
    {"refund_returns_money_seats_and_tickets",
     PAID "order refund.2; run 1h; saga 2 state=completed; world refunded=2000 sold=0; effect "
          "revoke 1; last status refunded; check"},
    {"authorisation_that_was_canceled_ends_the_order",
     "says read after=capture captured=0 state=canceled; fault capture dropped 1; " PAID
     "saga 1 cause=authorisation-gone state=undone; effect ticket 0"},
    {"key_under_which_the_provider_stored_an_error_is_replaced",
     "says create most=1 key_burnt verdict=unknown; " PAID
     "saga 1 state=completed; kept key_round=1; check"},
    {"free_order_asks_no_provider",
     "order checkout.1; edit 1 \"amount\":2000 \"amount\":0; edit 1 \"session\":\"s_1\" "
     "\"session\":\"\"; run 1h; saga 1 state=completed; asked create 0; asked read 0; asked "
     "capture 0; asked void 0; asked refund 0; asked end-visit 0; effect ticket 2; logged "
     "create_payment do done nothing-to-pay; logged end_session do done no-session"},
    {"part_refund_counts_what_was_returned_before",
     PAID "asked read 1; says read refunded=400; order refund.2; edit 2 \"fees\" "
          "\"refund\":1000,\"fees\"; run 1h; saga 2 state=completed; asked read 2; asked refund 1; "
          "world refund_back=400 refund_part=1000"},
    /* The seats' breaker opens at five. */
    {"only_a_silent_peer_is_left_alone",
     "says extend verdict=unknown $a; order checkout.1 x5; run 100ms; asked extend 5..99; "
     "says nothing; order checkout.1; run 100ms; saga 6 step=$b || "
     "silent 0|answered 1..9|unasked 1..9"},
    {"stuck_refund_reports_that_its_tickets_are_void",
     PAID "order refund.2; fault refund refused; run 1h; saga 2 parked=1; last "
          "status " ORDER_CAUSE_REFUND_HELD},
    {"stuck_sale_does_not_report_a_refund",
     "set given_back=1000; order checkout.1; run 300s; step 24h; run 1h; saga 1 parked=1; last "
     "status \"parked\",\"cause\":\"deadline\""},
    {"buyer_who_paid_nothing_gets_no_letter_for_a_failure",
     "fault extend refused; " PAID "saga 1 state=undone; last status failed; effect mail 0"},
    {"buyer_whose_order_an_operator_turned_back_gets_a_letter",
     "order checkout.1; at 1 3 undoing operator; run 1h; saga 1 state=undone; effect status 0; "
     "last mail failed"},

    /* The longest pause between two polls is three minutes, plus a half. */
    {"lost_webhook_costs_minutes_and_no_order",
     "set buyer_pays=0 webhooks=1; order checkout.1; run $a; set payment=authorised; run 181s; "
     "saga 1 state=completed; check || "
     "1s|60s|119s|178s|237s|296s|355s|414s|473s|532s|591s"},
    {"order_ends_under_the_version_under_which_it_began",
     "set buyer_pays=0; order checkout.1; order checkout.2; run 500ms; saga 1 step=2; "
     "saga 2 moves=0; update; order checkout.2; set payment=authorised; wake 1; run 1h; "
     "saga 1 done=01234567; saga 2 done=0123; saga 3 done=0123; world captures=1; check"},

    {"status_follows_from_version_state_and_cause",
     "update; means $a $b $c $d $e $f || "
     "checkout.1 running 2 0 - pending_payment|checkout.2 running 2 0 - confirming|"
     "checkout.1 running 3 0 - confirming|checkout.2 running 3 0 - completed|"
     "checkout.1 undoing 0 0 hold-expired expired|checkout.1 undone 0 0 expired expired|"
     "checkout.1 undone 0 0 cancelled cancelled|checkout.1 undone 0 0 seats-gone failed|"
     "checkout.1 running 2 1 - parked|move.1 running 2 1 - completed|"
     "move.1 undone 0 0 expired completed|credit.1 running 2 1 - completed|"
     "credit.1 running 2 0 - completed|credit.1 completed 3 0 - completed|refund.2 completed 3 0 - "
     "refunded|"
     "refund.2 undone 0 0 - completed"},

    {"only_a_clear_refusal_is_a_failure",
     "judge $a $b $c $d $e || extend 200 extended done -|extend 299 - done -|"
     "extend 199 - unknown -|extend 300 - unknown -|extend 0 ? unknown -|"
     "extend 401 token unknown -|extend 503 full unknown -|"
     "extend 404 order-unknown failed hold-unknown|extend 410 no-such-hold failed hold-expired|"
     "extend 409 buyer-limit failed buyer-limit|extend 409 hold-busy unknown hold-busy|"
     "extend 422 ? failed refused|confirm 409 hold-busy unknown hold-busy|"
     "confirm 409 other-order failed seats-gone|confirm 410 hold-expired failed seats-gone|"
     "confirm 404 order-unknown failed hold-unknown|"
     "confirm 409 purchase-differs failed purchase-differs|"
     "release 404 order-unknown done nothing-left|free 410 hold-expired done nothing-left|"
     "free 409 hold-not-sold failed hold-not-sold|end-visit 410 ? done nothing-left"},

    /* The first ten called no peer, so the last one continues. */
    {"orders_that_cannot_be_read_do_not_open_a_breaker",
     "order checkout.1 x10; edit all \"o_1\" 1; run 100ms; logged unknown data; "
     "asked extend 0; order checkout.1; run 100ms; asked extend 1"},
    {"step_whose_order_cannot_be_read_waits_for_a_person",
     "order $a; at 1 $b $c; edit 1 \"o_1\" 1; run 1s; saga 1 step=$b; logged unknown data; "
     "world effects=0 || "
     "checkout.1 0 running|checkout.1 1 running|checkout.1 2 running|checkout.1 3 running|"
     "checkout.1 4 running|checkout.1 5 running|checkout.1 6 running|checkout.1 7 running|"
     "checkout.1 0 undoing|checkout.1 1 undoing|checkout.1 3 undoing|refund.2 0 running|"
     "refund.2 1 running|refund.2 2 running|refund.2 3 running|move.1 0 running|"
     "move.1 1 running|move.1 2 running|move.1 3 running|move.1 0 undoing"},
    {"step_whose_move_cannot_be_read_waits_for_a_person",
     "order $a; at 1 $b $c; edit 1 \"s2\" 2; run 1s; saga 1 step=$b; logged unknown data; "
     "world effects=0 || "
     "move.1 0 running|move.1 1 running|move.1 2 running|move.1 3 running|move.1 0 undoing"},

    /* single steps */
    {"created_payment_without_memory_is_created_again",
     "try create payment=- no-memory; create open; gives unknown no-memory 1; kept nothing"},
    {"refused_payment_fails", "try create; create failed; gives failed - 1"},

    {"refunded_payment_needs_no_undo",
     UNDO "read captured captured=5000 refunded=5000; gives done refunded 1; kept nothing"},
    {"captured_payment_of_unknown_sum_is_refunded", UNDO "read captured; refund; gives done - 2"},
    {"payment_under_another_id_is_stored_before_its_undo",
     UNDO "read open id=other; gives ongoing - 1; kept payment=other"},
    {"payment_without_an_id_is_the_one_that_was_read",
     UNDO "read open id=; void; gives done - 2; kept nothing"},
    {"unread_payment_is_not_undone", UNDO "read unknown; gives unknown - 1; kept nothing"},

    /* It may or may not exist: create it again under the same key. */
    {"payment_that_may_exist_is_created_to_be_undone",
     "try void undo payment=-; create open; read open; void; gives done - 3; kept payment=pay"},
    {"payment_that_may_exist_is_not_undone_without_memory",
     "try void undo payment=- no-memory; create open; gives unknown no-memory 1"},
    {"payment_that_was_never_created_needs_no_undo",
     "try void undo payment=-; create failed; gives done never-created 1"},
    {"payment_that_may_still_exist_is_not_undone",
     "try void undo payment=-; create unknown; gives unknown - 1"},

    /* The same with another id, by which the payment is known from then on; and without memory. */
    {"payment_that_is_not_what_was_asked_for_is_refused",
     "try await; read $a $b $c; gives failed $d 1; try await; read $a $b $c id=other; "
     "gives failed $d 1; kept payment=other; last payment \"other\"; "
     "try await no-memory; read $a $b $c id=other; gives unknown no-memory 1 || "
     "authorised captured=0 amount=4999 amount-mismatch|"
     "authorised captured=0 unwanted=wrong-card wrong-card|"
     "captured captured=5000 refunded=1 given-back|canceled captured=0 refunded=0 "
     "payment-canceled"},

    {"hint_is_stored_as_asked_before_the_provider_is_asked", HINT
     "$a; read hinted; gives ongoing - 1; kept checked=k check=1; delay 1; last status "
     "pending_payment " ORDER_CAUSE_CHECKING " || checked=|checked=k check=0|checked=l check=2"},
    {"hint_waits_while_the_provider_is_asked_about_another",
     HINT "checked=l check=1; read hinted; capture $a $b; gives $c - 2; kept $d $e || "
          "captured captured=5000 done checked=l check=3|failed code=" PEER_CODE_NOT_AUTHORISED
          " ongoing checked=l check=2|hinted captured=0 ongoing check=0 key_round=0|"
          "unknown captured=0 unknown checked=l check=1"},
    {"hint_that_is_a_payment_is_captured_while_the_seats_are_held",
     ASKED "; read hinted; capture captured captured=5000; gives done - 2; kept checked=k check=3; "
           "timeout 10000"},
    {"payment_of_a_hint_has_to_be_what_was_asked_for",
     ASKED "; read hinted; capture captured captured=5000 $a; gives failed $b 2 || "
           "amount=4999 amount-mismatch|refunded=1 given-back"},
    {"hint_unknown_to_the_provider_is_checked_until_the_hold_ends",
     ASKED "; read hinted; capture hinted; gives ongoing - 2; kept check=0; last status "
           "pending_payment " ORDER_CAUSE_CHECKING "; " HINT
           "$a left_ms=0; read hinted; gives failed expired 1; kept nothing; effect status 1; last "
           "status expired || checked=k check=1|checked=k check=0|checked="},
    {"refused_hint_leaves_the_order_waiting_for_its_buyer",
     ASKED "; read hinted; capture failed code=" PEER_CODE_NOT_AUTHORISED
           "; gives ongoing - 2; kept check=2; last status pending_payment \"cause\":\"\"; " HINT
           "checked=k check=2; read hinted; gives ongoing - 1; kept nothing; effect status 0"},
    {"hint_without_an_answer_is_asked_about_again",
     ASKED "; read hinted; capture unknown; gives unknown - 2; kept nothing"},
    {"asked_hint_that_is_shown_unpaid_makes_room_for_another",
     ASKED "; read open; gives ongoing - 1; kept check=0; last status pending_payment "
           "\"cause\":\"\"; " ASKED "left_ms=0; read open; gives failed expired 1; kept nothing"},
    {"capture_of_a_hint_that_fails_otherwise_ends_the_order",
     ASKED "; read $a $b; capture failed code=wrong-card; gives failed wrong-card 2 || "
           "hinted captured=0|authorised unwanted=wrong-card"},
    {"hint_is_not_asked_about_without_memory",
     HINT "no-memory; read hinted; gives unknown no-memory 1; kept nothing; effect status 0; " ASKED
          "no-memory; read hinted; capture captured captured=5000; gives unknown no-memory 2"},
    {"proved_hint_is_the_payments_key",
     HINT "$a $b; read authorised; gives done - 1; kept checked=$c check=3 || "
          "checked= check=0 k|checked=l check=1 l"},
    {"hinted_payment_is_let_go_by_the_provider", UNDO "read hinted; void; gives done - 2"},

    {"poll_comes_after_half_to_one_and_a_half_of_the_cap",
     "try await age=$a luck=$b; read open; gives ongoing - 1; delay $c || 0s 0 500..1500|"
     "0s 2002 500|0s 2001 1500|10s 10002 2500|10s 10001 7500|7s 10002 2500"},
    {"poll_comes_at_the_end_of_the_hold_at_the_latest",
     "try await webhooks left_ms=$a; read open; gives ongoing - 1; delay $a || 7|1"},

    {"capture_of_another_sum_or_in_another_currency_or_state_is_unclear",
     "try capture; capture $a $b $c; gives unknown amount-mismatch 1 || captured captured=0 "
     "currency=KRW|captured captured=5000 currency=USD|authorised captured=5000 currency=KRW"},

    {"capture_without_an_authorisation_fails",
     AGAIN "read open; gives failed authorisation-gone 1"},
    {"capture_that_did_not_happen_is_repeated",
     AGAIN "read authorised; capture captured captured=5000; gives done - 2"},
    {"payment_that_is_not_found_may_have_been_captured", AGAIN "read failed; gives unknown - 1"},

    {"refund_is_read_first",
     "try refund; read captured $a $b; refund; gives done - 2 || "
     "captured=5000 refunded=0|captured=5000 refunded=4999|captured=0 refunded=0"},
    {"refund_of_what_was_never_captured_releases_it",
     "try refund; read canceled; gives done - 1; try refund; read $a; void; gives done - 2 || "
     "open|authorised"},
    {"refund_of_what_the_provider_does_not_show_is_not_over",
     "try refund; read open amount=0; refund unknown; gives unknown - 2"},
    {"part_refund_of_what_was_never_captured_releases_nothing",
     PART "read $a; refund unknown; gives unknown - 2 || open|authorised"},
    {"part_refund_is_read_first",
     PART "read captured captured=5000 refunded=99; refund; gives done - 2; " PART
          "read captured captured=5000 refunded=100; gives done was-refunded 1"},
    {"payment_that_is_not_found_may_have_been_refunded",
     "try refund tries=1; read failed; gives unknown - 1"},

    /* The id may be lost again, so the next try reads it once more. */
    {"nothing_is_done_under_another_id_without_memory_for_it",
     "try $a $b no-memory; read authorised id=other; gives unknown no-memory 1; kept nothing; "
     "world effects=0 || void undo|capture tries=1|refund tries=1"},
    {"key_that_holds_an_error_is_replaced",
     "try capture; capture unknown key_burnt; gives unknown - 1; kept key_round=1; try capture "
     "no-memory; capture unknown key_burnt; gives unknown - 1; kept nothing"},
    {"extended_hold_is_stored_with_its_new_end",
     "try extend; extend left_ms=99; gives done - 1; kept left_ms=99; try extend no-memory; extend "
     "left_ms=99; gives unknown no-memory 1; try extend no-memory; extend; gives done - 1; kept "
     "nothing"},
    {"ticket_is_signed", "try issue; gives done - 0; last ticket FGT1."},
    {"ticket_that_cannot_be_signed_is_tried_again",
     "try $a $b $c; gives unknown signing 0; world effects=0 || issue tries=0 seat=unsignable|"
     "move-issue tries=0 data=unsignable|move-restore undo data=unsignable"},
    {"each_step_of_a_move_does_its_part",
     "try move-revoke data=move; gives done - 0; try move-seats data=move; move; gives done - 1; "
     "last move-seats [1,2,3]; try move-seats data=move; move failed; gives failed - 1; world "
     "effects=0; try move-issue data=move; gives done - 0; effect move-ticket 2; last move-ticket "
     "\"A-9\"; last move-end \"moved\":true"},
    {"move_is_reported_to_the_buyer_and_the_holder",
     "try move-tell data=move; gives done - 0; last mail "
     "\"guest\",\"kind\":\"moved-3\",\"lang\":\"ko\""},
    {"renewal_calls_neither_seats_nor_shop",
     "try move-seats data=renewal; gives done - 0; last move-ticket \"A-1\"; "
     "last move-end \"moved\":false; effect shop 0; last mail \"renewed-3\""},
    {"undone_move_restores_the_old_ticket",
     "try move-restore undo data=move; gives done - 0; effect move-ticket 2; last move-ticket "
     "\"A-2\"; last move-end \"moved\":false"},
    {"order_that_is_not_read_for_lack_of_memory_is_not_unreadable",
     "try $a starved; gives unknown no-memory 0; world effects=0 || "
     "create|extend|move-revoke|move-seats|move-tell"},
    {"question_takes_no_longer_than_a_peer_may",
     "try create payment=-; create open; gives done - 1; timeout 10000; try end; end-pass; "
     "end-visit; gives done - 2; timeout 2000"},
    /* It keeps the lease of a minute and continues at once. */
    {"peer_that_has_done_it_delays_no_next_step",
     "try extend left_ms=30000; extend retry=3600000; gives done - 1; delay 60000"},
    {"peer_is_left_alone_until_the_hold_ends",
     "try $a left_ms=$c; $b unknown retry=3600000; gives unknown - 1; delay $d || "
     "create create 60000 60000|create create 0 30000|refund read 60000 3600000"},
};

static void enter(void)
{
    world_init(&town);
}

static void leave(void)
{
    scarce_end();
    world_deinit(&town);
}

/* ---- many worlds ---- */

/* No process owns the seats for two seconds. An order that needs them then continues within a
 * second of their return, whatever its pauses were and whether or not the breaker opened. */
TEST_CASE(order_continues_soon_after_the_seats_are_back)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        world_init(&town);
        rng_seeded_init(&town.rng, seed);
        town.conf.breaker_trip = SAGA_BREAKER_TRIP;
        town.conf.breaker_open_ms = SAGA_BREAKER_OPEN_MS;
        town.conf.breaker_open_max_ms = SAGA_BREAKER_OPEN_MAX_MS;
        town.conf.budget_cap = SAGA_BUDGET_CAP;
        world_kill(&town);
        world_order(&town, "checkout.1");
        world_fault(&town, PEER_SEATS_CONFIRM, WORLD_DROPPED, UINT32_MAX);
        while (town.asked[PEER_SEATS_CONFIRM] == 0)
            world_run(&town, 1);
        world_run(&town, 2000);
        town.faults_left[PEER_SEATS_CONFIRM] = 0;
        world_run(&town, 2 * SAGA_BREAKER_OPEN_MS + town.conf.idle_ms);
        assert_int_equal(world_saga(&town, 1)->state, SAGA_COMPLETED);
        world_check(&town);
        world_deinit(&town);
    }
}

#define MOVED "order move.1; run 1h; effect move-shut 1; effect move-ticket 1; effect move-end 1; "

static const struct script_row stories[] = {
    {"paid", PAID "check"},
    {"not paid", UNPAID "run 1h; check"},
    {"capture refused", "fault capture refused; " PAID "check"},
    {"refunded", PAID "order refund.2; run 1h; check"},
    {"cancelled", UNPAID "run 1s; cancel 1; run 1h; check"},
    {"hinted", UNPAID HINTED "run 1h; saga 1 state=completed; world captures=1; check"},
    /* The response to the capture does not come before the cancel. */
    {"cancelled while it was hinted",
     UNPAID "fault capture dropped; " HINTED "run 3s; cancel 1; fault capture fine; run 1h; saga 1 "
            "state=undone cause=cancelled; world sold=0; check"},
    /* One valid ticket for the buyer's new seat, for the old ticket's holder. */
    {"moved",
     PAID MOVED "saga 2 state=completed; world sold=2 s1=free s2=sold; effect move-seats 1; "
                "last move-ticket \"old\":\"t_1\" \"seat\":\"s2\"; "
                "last mail \"member\":\"43\" \"moved-1\"; check"},
    /* Half of it: the seat s1, whose holder was another member. */
    {"refunded in part",
     PAID "order credit.1; run 1h; saga 2 state=completed; world sold=1 s1=free refunded=1000; "
          "effect move-shut 1; effect part-freed 1; effect move-end 1; effect shop 2; "
          "last shop \"credited-2\"; last status completed; check"},
    {"not moved", "set s2=taken; " PAID MOVED
                  "saga 2 state=undone; world sold=2 s1=sold s2=taken; effect move-seats 0; "
                  "last move-ticket \"old\":\"t_1\" \"seat\":\"s1\"; "
                  "last mail \"member\":\"43\" \"renewed-1\"; check"},
};
enum { STORIES = sizeof(stories) / sizeof(stories[0]) };

/* Returns the number of edges passed. */
static uint32_t killed_at(const struct script_row *story, uint32_t edge)
{
    world_init(&town);
    town.crash_at = edge;
    script_run(story, script_verbs);
    assert_int_equal(town.crashes, edge > 0);
    world_deinit(&town);
    return town.edges;
}

TEST_CASE(engine_killed_at_each_edge_of_each_story_loses_nothing)
{
    uint32_t all = 0;
    for (int i = 0; i < STORIES; i++) {
        uint32_t edges = killed_at(&stories[i], 0);
        for (uint32_t at = 1; at <= edges; at++)
            killed_at(&stories[i], at);
        all += edges;
    }
    assert_int_equal(all, 1112); /* fewer edges would hide a way to die */
}

/* Cancels after the edge at which the engine was killed, and kills it again `after` edges later (0:
 * never): the order ends cancelled with everything given back, or completed. */
static bool cancel_at_edge(uint32_t at, uint32_t after)
{
    world_init(&town);
    world_order(&town, "checkout.1");
    town.crash_at = at;
    world_run(&town, 10);
    if (town.crashes == 0) { /* the order waits for its buyer, and a webhook comes */
        world_wake(&town, 1);
        world_run(&town, 10);
    }
    world_cancel(&town, 1);
    if (after > 0)
        town.crash_at = town.edges + after;
    bool accepted = world_saga(&town, 1)->cancel;
    world_run(&town, HOUR_MS);
    assert_int_equal(world_saga(&town, 1)->state, accepted ? SAGA_UNDONE : SAGA_COMPLETED);
    world_check(&town);
    return accepted;
}

TEST_CASE(cancel_at_each_edge_has_one_outcome)
{
    uint32_t cancelled = 0, completed = 0, kills = 0;
    for (uint32_t at = 1; at < 60; at++) {
        *(cancel_at_edge(at, 0) ? &cancelled : &completed) += 1;
        world_deinit(&town);
        for (uint32_t after = 1; at < 24 && after < 40; after++) {
            cancel_at_edge(at, after);
            kills += town.crashes;
            world_deinit(&town);
        }
    }
    assert_true(cancelled > 5);
    assert_true(completed > 5);
    assert_true(kills > 400);
}

TEST_CASE(each_answer_lost_or_dropped_changes_no_outcome)
{
    static const enum world_fault faults[] = {WORLD_LOST, WORLD_DROPPED, WORLD_SILENT};
    for (int i = 0; i < 3 * PEER_OP_COUNT * STORIES; i++) {
        world_init(&town);
        world_fault(&town, (enum peer_op)(i / STORIES % PEER_OP_COUNT),
                    faults[i / STORIES / PEER_OP_COUNT], 2);
        script_run(&stories[i % STORIES], script_verbs);
        world_deinit(&town);
    }
}

/* ---- versions and statuses ---- */

TEST_CASE_IN(each_version_of_a_sale_has_its_own_answer_step_and_pivot, enter, leave)
{
    assert_string_equal(checkout_now(town.checkout, CHECKOUT_SALE)->key, "checkout.1");
    world_update(&town, &next_version, 1);
    assert_string_equal(checkout_now(town.checkout, CHECKOUT_SALE)->key, "checkout.2");
    assert_null(checkout_find(town.checkout, SPAN("checkout.3")));
    assert_false(checkout_answers(checkout_find(town.checkout, SPAN("checkout.1")), 1));
    assert_true(checkout_answers(checkout_find(town.checkout, SPAN("checkout.2")), 1));
    const struct saga_def *sale = checkout_find(town.checkout, SPAN("checkout.1"));
    bool answered = false;
    for (uint8_t i = 0; i < sale->steps_len; i++) { /* once answered, all later steps are */
        assert_true(checkout_answers(sale, i) || !answered);
        answered = checkout_answers(sale, i);
    }
    assert_true(answered);
    assert_string_equal(checkout_pivots(town.checkout), "{\"checkout.1\":4,\"checkout.2\":2}");
}

/* An order stored as complete without its effects would never be reported as complete. */
TEST_CASE_IN(move_whose_order_is_not_read_for_lack_of_memory_is_repeated, enter, leave)
{
    const struct saga_def *def = checkout_now(town.checkout, CHECKOUT_SALE);
    static const struct {
        const char *order;
        bool memory, effects, again;
    } cases[] = {
        {"{\"order\":\"o\"}", true, true, false},
        {"{\"order\":\"o\"}", false, false, true},
        {"{}", true, false, false}, /* later tries could not read it either */
        {"{", true, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct saga_row row = {
            .id = 1, .def = def, .state = SAGA_RUNNING, .data = span_of(cases[i].order)};
        const struct saga_move move = {.id = 1, .state = SAGA_COMPLETED};
        struct saga_effects effects = {0};
        if (!cases[i].memory)
            scarce_from(0);
        def->on_move(def->ctx, &row, &move, &effects);
        scarce_end();
        assert_int_equal(effects.len > 0, cases[i].effects);
        assert_int_equal(effects.failed, cases[i].again);
        saga_effects_clear(&effects);
    }
}

SCRIPT_TESTS_IN(rows, script_verbs, enter, leave)
