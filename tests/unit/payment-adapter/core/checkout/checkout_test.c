/* checkout_test.c: sales, refunds and moves in a world that loses answers, refuses calls, and kills
 * the engine at every edge.
 *
 * Statements of a row (script.h). Orders have the numbers 1, 2 and so on.
 *
 *   order DEF | run TIME | step TIME (of the clock alone)
 *   set KEY=VALUE...                   the world's settings, see do_set()
 *   fault OP KIND [N] | fine OP        what goes wrong with the next N calls (default: all)
 *   says nothing | says OP FIELD=VALUE...   what a peer says instead of what it did: say()
 *   edit N FROM TO                     another text in the stored order
 *
 * A single step, with the answers that a row gives it:
 *
 *   try STEP [undo] [no-memory] [starved] KEY=VALUE...   the step and its order: do_try()
 *   read|create|... STATE|VERDICT KEY=VALUE...           the peer's next answer: do_answer()
 *   gives MARK CODE N          runs it until its move is stored: the move, and N questions
 *   kept nothing|FIELD VALUE, wrote -|TEXT (an effect), delay MS, timeout MS (of the last question)
 *
 * and what is expected: saga N FIELD VALUE, has N TEXT (in the stored order), world FIELD VALUE,
 * asked OP N, effect KIND N, status TEXT (in the last status), logged STEP do|undo MARK,
 * coded CODE (in the log), check (world_check()). */
#include "base/json_in.h"
#include "next_version.h"
#include "script.h"
#include "world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600000 };

static struct world town;

/* ---- statements ---- */

static const char *const ops[] = {"extend",  "confirm",  "move",      "release", "free",
                                  "movable", "create",   "read",      "capture", "void",
                                  "refund",  "end-pass", "end-visit", NULL};
static_assert(sizeof(ops) / sizeof(ops[0]) == PEER_OP_COUNT + 1, "each question has a name");

static const char *const payments[] = {"open", "authorised", "captured", "canceled", NULL};

static enum peer_op op_of(const struct script_line *line, const char *word)
{
    return (enum peer_op)script_choice(line, word, ops);
}

static uint64_t number_at(const struct script_line *line, unsigned at)
{
    return script_number(script_word(line, at));
}

static void do_order(const struct script_line *line)
{
    world_order(&town, script_word(line, 1));
}

static void do_run(const struct script_line *line)
{
    world_run(&town, number_at(line, 1) / 1000);
}

static void do_step(const struct script_line *line)
{
    clock_fake_step(&town.clock, number_at(line, 1));
}

static void do_set(const struct script_line *line)
{
    const char *payment = script_value(line, "payment");
    town.buyer_pays = script_value_or(line, "buyer_pays", town.buyer_pays);
    town.seats_wanted = script_value_or(line, "seats_wanted", town.seats_wanted);
    town.webhooks_come = script_value_or(line, "webhooks", town.webhooks_come);
    town.given_back = script_value_or(line, "given_back", town.given_back);
    if (payment != NULL)
        town.payment = (enum payment_state)script_choice(line, payment, payments);
}

static void do_fault(const struct script_line *line)
{
    static const char *const faults[] = {"fine",   "lost", "dropped", "refused",
                                         "silent", "busy", NULL};
    world_fault(&town, op_of(line, script_word(line, 1)),
                (enum world_fault)script_choice(line, script_word(line, 2), faults),
                line->len > 3 ? (uint32_t)number_at(line, 3) : UINT32_MAX);
}

static void do_fine(const struct script_line *line)
{
    town.faults_left[op_of(line, script_word(line, 1))] = 0;
}

/* A statement that is obeyed later. */
struct later {
    struct script_line line;
    char words[SCRIPT_WORDS_MAX][64];
};

static void keep(struct later *later, const struct script_line *line)
{
    later->line = *line;
    for (unsigned i = 0; i < line->len; i++) {
        snprintf(later->words[i], sizeof(later->words[i]), "%s", line->words[i]);
        later->line.words[i] = later->words[i];
    }
    later->line.text = later->words[0];
}

/* What a peer says instead of what it did: the last "says". */
static struct later said;

static void say(struct world *world, struct peer_call *call)
{
    static const char *const verdicts[] = {"done", "failed", "ongoing", "unknown", NULL};
    const struct script_line *line = &said.line;
    const char *after = script_value(line, "after"), *state = script_value(line, "state"),
               *verdict = script_value(line, "verdict");
    enum peer_op op = op_of(line, script_word(line, 1));
    struct payment *payment = &call->payment;
    if (call->op != op || world->asked[op] > script_value_or(line, "most", UINT32_MAX) ||
        world->asked[after != NULL ? op_of(line, after) : op] <= script_value_or(line, "more", 0))
        return;
    if (state != NULL)
        payment->state = (enum payment_state)script_choice(line, state, payments);
    payment->captured = script_value_or(line, "captured", payment->captured);
    payment->refunded = script_value_or(line, "refunded", payment->refunded);
    if (script_has(line, "really")) {
        world->payment = payment->state;
        world->captured = payment->captured;
    }
    call->key_burnt = script_has(line, "key_burnt");
    call->answered = script_has(line, "answered");
    call->unasked = script_has(line, "unasked");
    if (verdict != NULL)
        call->verdict = (enum saga_verdict)script_choice(line, verdict, verdicts);
}

static void do_says(const struct script_line *line)
{
    keep(&said, line);
    town.alter = script_has(line, "nothing") ? NULL : say;
}

static void edit(uint64_t id, const char *from, const char *to)
{
    struct world_saga *saga = world_saga(&town, id);
    char *at = strstr(saga->data, from), rest[sizeof(saga->data)];
    assert_non_null(at);
    snprintf(rest, sizeof(rest), "%s", at + strlen(from));
    snprintf(at, sizeof(saga->data) - (size_t)(at - saga->data), "%s%s", to, rest);
}

static void do_edit(const struct script_line *line)
{
    edit(number_at(line, 1), script_word(line, 2), script_word(line, 3));
}

/* ---- expectations ---- */

static void has_saga(const struct script_line *line)
{
    const struct world_saga *saga = world_saga(&town, number_at(line, 1));
    const struct script_field fields[] = {
        SCRIPT_TEXT("state", saga_state_name(saga->state)),
        SCRIPT_TEXT("cause", saga->cause),
        SCRIPT_NUMBER("step", saga->step),
        SCRIPT_NUMBER("parked", saga->parked),
        {.name = NULL},
    };
    script_expect_field(line, 2, fields);
}

static void has_text(const struct script_line *line)
{
    if (strstr(world_saga(&town, number_at(line, 1))->data, script_word(line, 2)) == NULL)
        fail_msg("%s: \"%s\"", line->row, line->text);
}

static void has_world(const struct script_line *line)
{
    const struct script_field fields[] = {
        SCRIPT_TEXT("payment", payments[town.payment]),
        SCRIPT_NUMBER("captures", town.captures),
        SCRIPT_NUMBER("refunded", town.refunded),
        SCRIPT_NUMBER("refund_back", town.refund_back),
        SCRIPT_NUMBER("refund_part", town.refund_part),
        SCRIPT_NUMBER("sold", world_seats(&town, SEAT_SOLD) > 0),
        SCRIPT_NUMBER("session_ended", town.session_ended),
        SCRIPT_NUMBER("pass_ended", town.pass_ended),
        SCRIPT_NUMBER("effects", town.effects_len),
        {.name = NULL},
    };
    script_expect_field(line, 1, fields);
}

static void was_asked(const struct script_line *line)
{
    script_expect(line, script_word(line, 2), town.asked[op_of(line, script_word(line, 1))]);
}

static void has_effect(const struct script_line *line)
{
    static const char *const kinds[] = {"status",   "payment",   "expiry",     "ticket",
                                        "revoke",   "move-shut", "move-seats", "move-ticket",
                                        "move-end", "shop",      "mail",       NULL};
    unsigned kind = script_choice(line, script_word(line, 1), kinds);
    script_expect(line, script_word(line, 2), world_count(&town, (enum effect)kind));
}

static const char *last_status(void)
{
    for (uint32_t i = town.effects_len; i > 0; i--) {
        if (town.effects[i - 1].kind == EFFECT_STATUS)
            return town.effects[i - 1].json;
    }
    return "";
}

static void has_status(const struct script_line *line)
{
    bool found = strstr(last_status(), script_word(line, 1)) != NULL;
    if (found == script_has(line, "not"))
        fail_msg("%s: \"%s\": it is %s", line->row, line->text, last_status());
}

static void was_logged(const struct script_line *line)
{
    enum saga_way way = strcmp(script_word(line, 2), "undo") == 0 ? SAGA_UNDO : SAGA_DO;
    bool found = false;
    for (enum saga_mark mark = 0; mark < SAGA_MARK_COUNT; mark++) {
        if (strcmp(saga_mark_name(mark), script_word(line, 3)) == 0)
            found = world_logged(&town, line->words[1], way, mark);
    }
    if (found == script_has(line, "not"))
        fail_msg("%s: \"%s\"", line->row, line->text);
}

static void was_coded(const struct script_line *line)
{
    bool found = false;
    for (uint32_t i = 0; i < town.log_len; i++)
        found = found || strcmp(town.log[i].code, script_word(line, 1)) == 0;
    if (!found)
        fail_msg("%s: \"%s\"", line->row, line->text);
}

static void do_check(const struct script_line *line)
{
    (void)line;
    world_check(&town);
}

/* ---- a single step ---- */

enum { LEFT_MS = 60000, SUM = 5000, ANSWERS_MAX = 3 };

#define MOVING(TO)                                                                                 \
    "{\"order\":\"o_1\",\"event\":\"gala\",\"hold\":\"h_1\",\"member\":\"42\",\"lang\":\"en\","    \
    "\"seats\":[\"A-1\"],\"move\":3,\"moves\":[{\"from\":\"A-1\",\"to\":\"" TO "\",\"ticket\":"    \
    "\"t_1\",\"member\":\"42\",\"lang\":\"en\"},{\"from\":\"A-2\",\"to\":\"A-9\",\"ticket\":"      \
    "\"t_2\",\"member\":\"guest\",\"lang\":\"ko\"}]}"

static struct {
    struct later answers[ANSWERS_MAX]; /* in the order of the questions */
    unsigned len;
    bool no_memory;      /* for JSON, from the first answer on */
    bool starved;        /* ... from the beginning */
    uint64_t luck;       /* what each throw of the dice is */
    uint32_t timeout_ms; /* of the last question */
    char data[2048];     /* before */
} trial;

static bool json_has_memory = true;

static void *json_memory(size_t len)
{
    return json_has_memory ? malloc(len) : NULL;
}

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
    /* States of the payment, then verdicts. */
    static const char *const words[] = {"open",   "authorised", "captured", "canceled",
                                        "failed", "unknown",    NULL};
    uint32_t at = all_asked() - 1;
    assert_in_range(at, 0, trial.len - 1);
    const struct script_line *line = &trial.answers[at].line;
    if (call->op != op_of(line, line->words[0]))
        fail_msg("%s: asked %s as number %u", line->row, ops[call->op], at);
    struct payment *payment = &call->payment;
    const char *id = script_value(line, "id"), *currency = script_value(line, "currency"),
               *left = script_value(line, "left_ms");
    bool plain = line->len == 1 || strchr(line->words[1], '=') != NULL;
    unsigned word = plain ? PAYMENT_OPEN : script_choice(line, line->words[1], words);
    call->verdict = word <= PAYMENT_CANCELED       ? SAGA_DONE
                    : word == PAYMENT_CANCELED + 1 ? SAGA_FAILED
                                                   : SAGA_UNKNOWN;
    *payment = (struct payment){.state = (enum payment_state)(word <= PAYMENT_CANCELED ? word : 0),
                                .amount = script_value_or(line, "amount", SUM),
                                .captured = script_value_or(line, "captured", 0),
                                .refunded = script_value_or(line, "refunded", 0),
                                .unwanted = script_value(line, "unwanted")};
    strcpy(payment->id, id == NULL ? "pay" : id);
    strcpy(payment->currency, currency == NULL ? "KRW" : currency);
    call->retry_ms = (uint32_t)script_value_or(line, "retry", 0);
    call->key_burnt = script_has(line, "key_burnt");
    call->expires_ms = left != NULL ? town.clock.now_wall_us / 1000 + script_number(left) : 0;
    if (call->verdict == SAGA_DONE && peer_question(call->op)->reads_places)
        call->places = strdup("[1,2,3]");
    trial.timeout_ms = call->timeout_ms;
    json_has_memory = !trial.no_memory;
}

/* The longest name in which each byte is written with six characters fits in no ticket. */
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

static void set_order(const struct script_line *line, struct world_saga *saga)
{
    const char *payment = script_value(line, "payment"), *left = script_value(line, "left_ms"),
               *data = script_value(line, "data");
    static struct order order; /* big */
    char *json;
    assert_int_equal(order_parse(span_of(saga->data), NULL, &order), 0);
    strcpy(order.payment, payment == NULL ? "pay" : strcmp(payment, "-") == 0 ? "" : payment);
    order.amount = SUM;
    order.refund = script_value_or(line, "refund", 0);
    order.expires_ms = town.clock.now_wall_us / 1000 +
                       (uint64_t)(left != NULL ? strtoll(left, NULL, 10) : LEFT_MS);
    if (script_value(line, "seat") != NULL) {
        order.seats_len = 1;
        memset(order.seats[0], 1, ORDER_SEAT_MAX - 1);
    }
    assert_int_equal(order_dump(&order, NULL, &json), 0);
    if (data != NULL)
        snprintf(saga->data, sizeof(saga->data), "%s",
                 strcmp(data, "move") == 0 ? MOVING("A-8") : unsignable_move());
    else
        snprintf(saga->data, sizeof(saga->data), "%s", json);
    free(json);
}

static void do_try(const struct script_line *line)
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
    struct world_saga *saga = world_saga(&town, world_order(&town, steps[at].key));
    saga->step = steps[at].step;
    saga->state = script_has(line, "undo") ? SAGA_UNDOING : SAGA_RUNNING;
    saga->tries = (uint32_t)script_value_or(line, "tries", 0);
    saga->step_us -= script_value_or(line, "age", 0);
    set_order(line, saga);
    strcpy(trial.data, saga->data);
}

static void do_answer(const struct script_line *line)
{
    assert_in_range(trial.len, 0, ANSWERS_MAX - 1);
    keep(&trial.answers[trial.len++], line);
}

static void do_gives(const struct script_line *line)
{
    while (town.log_len == 0) {
        json_has_memory = !trial.starved;
        world_turn(&town);
    }
    json_has_memory = true;
    script_expect_text(line, script_word(line, 1), saga_mark_name(town.log[0].mark));
    script_expect_text(line, script_word(line, 2), town.log[0].code);
    script_expect(line, script_word(line, 3), all_asked());
}

static void is_kept(const struct script_line *line)
{
    static struct order order;
    const char *data = world_saga(&town, 1)->data;
    if (strcmp(script_word(line, 1), "nothing") == 0) {
        script_expect_text(line, trial.data, data);
        return;
    }
    assert_int_equal(order_parse(span_of(data), NULL, &order), 0);
    const struct script_field fields[] = {
        SCRIPT_TEXT("payment", order.payment),
        SCRIPT_NUMBER("key_round", order.key_round),
        SCRIPT_NUMBER("left_ms", order.expires_ms - town.clock.now_wall_us / 1000),
        {.name = NULL},
    };
    script_expect_field(line, 1, fields);
}

static void is_written(const struct script_line *line)
{
    const char *want = script_word(line, 1);
    bool found = strcmp(want, "-") == 0 && town.effects_len == 0;
    for (uint32_t i = 0; i < town.effects_len; i++)
        found = found || strstr(town.effects[i].json, want) != NULL;
    if (!found)
        fail_msg("%s: \"%s\"", line->row, line->text);
}

static void has_time(const struct script_line *line)
{
    uint64_t delay_ms = (world_saga(&town, 1)->due_us - town.clock.now_mono_us) / 1000;
    bool delay = strcmp(line->words[0], "delay") == 0;
    script_expect(line, script_word(line, 1), delay ? delay_ms : trial.timeout_ms);
}

static const struct script_verb verbs[] = {
    {"order", do_order},
    {"run", do_run},
    {"step", do_step},
    {"set", do_set},
    {"fault", do_fault},
    {"fine", do_fine},
    {"says", do_says},
    {"edit", do_edit},
    {"saga", has_saga},
    {"has", has_text},
    {"world", has_world},
    {"asked", was_asked},
    {"effect", has_effect},
    {"status", has_status},
    {"logged", was_logged},
    {"coded", was_coded},
    {"check", do_check},
    {"try", do_try},
    {"gives", do_gives},
    {"kept", is_kept},
    {"wrote", is_written},
    {"delay|timeout", has_time},
    {"extend|move|create|read|capture|void|refund|end-pass|end-visit", do_answer},
    {NULL, NULL},
};

/* ---- rows ---- */

#define PAID   "order checkout.1; run 1h; "
#define UNPAID "set buyer_pays=0; order checkout.1; "
/* The provider is down until long after the hold has ended; meanwhile the buyer has paid. */
#define PAID_LATE                                                                                  \
    UNPAID "run 500ms; set payment=authorised; fault read dropped; run 1h; saga 1 state running; " \
           "fine read; run 1h; "
/* The breaker of the seats trips at five. */
#define FIVE_ORDERS                                                                                \
    "order checkout.1; order checkout.1; order checkout.1; order checkout.1; order checkout.1; "
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
    {"paid_order_ends_with_tickets_and_letters",
     PAID "saga 1 state completed; world captures 1; world sold 1; world session_ended 1; world "
          "pass_ended 1; effect shop 1; effect mail 1; status completed; check"},
    {"unpaid_order_loses_its_seats_when_the_hold_ends",
     UNPAID "run 1h; saga 1 state undone; saga 1 cause expired; world payment canceled; status "
            "expired; asked read 0..399; check"},
    {"provider_that_asks_for_an_hour_has_the_rest_of_the_hold",
     "fault read busy 1; order checkout.1; run 601s; saga 1 state completed; asked read 1..3; "
     "check"},
    {"refund_waits_as_long_as_the_provider_asks",
     PAID "order refund.2; fault refund busy 1; run 3599s; asked refund 1; run 60s; saga 2 state "
          "completed"},
    {"buyer_is_rarely_polled_while_webhooks_come",
     "set webhooks=1; " UNPAID "run 1h; saga 1 cause expired; check; asked read 5..20"},
    {"buyer_is_polled_every_five_seconds_without_webhooks",
     UNPAID "run 1h; saga 1 cause expired; check; asked read 80..250"},
    {"payment_returned_at_once_buys_no_ticket",
     "set given_back=2000; " PAID "saga 1 cause given-back; saga 1 state undone; check"},
    {"late_payment_takes_the_same_seats_again",
     PAID_LATE "saga 1 state completed; world sold 1; check"},
    {"late_payment_without_seats_is_released",
     "set seats_wanted=1; " PAID_LATE
     "saga 1 state undone; saga 1 cause seats-gone; world payment canceled; effect mail 1; check"},
    {"refused_capture_frees_the_seats",
     "fault capture refused; " PAID
     "saga 1 state undone; logged confirm_seats undo done; logged create_payment undo done; logged "
     "extend_hold undo done; status failed; check"},
    {"lost_answer_to_a_capture_is_not_a_refusal",
     "fault capture lost 1; " PAID
     "saga 1 state completed; world captures 1; logged capture do unknown; check"},
    {"order_completes_without_the_seat_services_goodbye",
     "fault end-pass dropped; " PAID "saga 1 state completed; world session_ended 1; check"},
    {"end_of_a_visit_is_repeated_to_the_seat_service",
     "fault end-pass dropped 2; " PAID "world session_ended 1; world pass_ended 1; asked end-pass "
     "3..5; logged end_session do skipped not; check"},
    {"refund_returns_money_seats_and_tickets",
     PAID "order refund.2; run 1h; saga 2 state completed; world refunded 2000; world sold 0; "
          "effect revoke 1; status refunded; check"},
#define CAPTURED_THEN(FAULT, SAYS)                                                                 \
    "says read after=capture " SAYS "; fault capture " FAULT " 1; order checkout.1; run 1h; "
#define GONE(STATE)                                                                                \
    CAPTURED_THEN("dropped", "captured=0 state=" STATE)                                            \
    "saga 1 cause authorisation-gone; saga 1 state undone; effect ticket 0"
    {"authorisation_that_was_canceled_ends_the_order", GONE("canceled")},
#define READS(SAYS, CAUSE, CAPTURES)                                                               \
    "says read really " SAYS "; order checkout.1; run 5s; saga 1 cause " CAUSE                     \
    "; world captures " CAPTURES
#define CAPTURED_WITHOUT_SEATS(REFUNDED)                                                           \
    "says read after=read more=1 really state=captured captured=2000 refunded=" REFUNDED "; "      \
    "fault confirm refused 1; order checkout.1; run 500ms; saga 1 cause refused; asked void 0; "
    {"key_under_which_the_provider_stored_an_error_is_replaced",
     "says create most=1 key_burnt verdict=unknown; " PAID
     "saga 1 state completed; has 1 \"key_round\":1; check"},
    {"free_order_asks_no_provider",
     "order checkout.1; edit 1 \"amount\":2000 \"amount\":0; edit 1 \"session\":\"s_1\" "
     "\"session\":\"\"; run 1h; saga 1 state completed; asked create 0; asked read 0; asked "
     "capture 0; asked void 0; asked refund 0; asked end-visit 0; effect ticket 2; coded "
     "nothing-to-pay; coded no-session"},
#define PART_REFUND(BACK)                                                                          \
    PAID                                                                                           \
        "asked read 1; says read refunded=" BACK "; order refund.2; "                              \
        "edit 2 \"fees\" \"refund\":1000,\"fees\"; run 1h; saga 2 state completed; asked read 2; "
    {"part_refund_counts_what_was_returned_before",
     PART_REFUND("400") "asked refund 1; world refund_back 400; world refund_part 1000"},
    {"peer_without_an_answer_is_left_alone",
     "says extend verdict=unknown; " FIVE_ORDERS
     "run 100ms; asked extend 5..99; says nothing; order checkout.1; run 100ms; saga 6 step 0"},
    {"peer_whose_answer_could_not_be_read_is_asked_again",
     "says extend verdict=unknown answered; " FIVE_ORDERS
     "run 100ms; asked extend 5..99; says nothing; order checkout.1; run 100ms; saga 6 step 1..9"},
    {"peer_that_could_not_be_asked_is_asked_again",
     "says extend verdict=unknown unasked; " FIVE_ORDERS
     "run 100ms; asked extend 5..99; says nothing; order checkout.1; run 100ms; saga 6 step 1..9"},
    {"stuck_refund_reports_that_its_tickets_are_void",
     PAID "order refund.2; fault refund refused; run 1h; saga 2 parked 1; "
          "status " ORDER_CAUSE_REFUND_HELD},
    {"stuck_sale_does_not_report_a_refund",
     "set given_back=1000; order checkout.1; run 300s; step 24h; run 1h; saga 1 parked 1; status "
     "\"parked\"; status " ORDER_CAUSE_REFUND_HELD " not"},
    {"buyer_who_paid_nothing_gets_no_letter_for_a_failure",
     "fault extend refused; " PAID "saga 1 state undone; status failed; effect mail 0"},

    /* single steps */
    {"created_payment_without_memory_is_created_again",
     "try create payment=- no-memory; create open; gives unknown no-memory 1; kept nothing"},
    {"refused_payment_fails", "try create; create failed; gives failed - 1"},

    {"refunded_payment_needs_no_undo",
     UNDO "read captured captured=5000 refunded=5000; gives done refunded 1; kept nothing"},
    {"captured_payment_of_unknown_sum_is_refunded", UNDO "read captured; refund; gives done - 2"},
    {"payment_under_another_id_is_stored_before_its_undo",
     UNDO "read open id=other; gives ongoing - 1; kept payment other"},
    {"payment_without_an_id_is_the_one_that_was_read",
     UNDO "read open id=; void; gives done - 2; kept nothing"},
    {"unread_payment_is_not_undone", UNDO "read unknown; gives unknown - 1; kept nothing"},

    /* It may or may not exist: it is created once more, under the same key. */
    {"payment_that_may_exist_is_created_to_be_undone",
     "try void undo payment=-; create open; read open; void; gives done - 3; kept payment pay"},
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
     "gives ongoing - 1; delay 500; try await luck=2001; read open; gives ongoing - 1; delay 1500; "
     "try await age=10s luck=10002; read open; gives ongoing - 1; delay 2500; try await age=10s "
     "luck=10001; read open; gives ongoing - 1; delay 7500; try await age=7000ms luck=10002; read "
     "open; gives ongoing - 1; delay 2500"},
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
    {"question_takes_no_longer_than_a_peer_may",
     "try create payment=-; create open; gives done - 1; timeout 10000; try end; end-pass; "
     "end-visit; gives done - 2; timeout 2000"},
#define WAITS(STEP, LEFT, WAITED_MS)                                                               \
    "try " STEP " left_ms=" LEFT "; " STEP " unknown retry=3600000; gives unknown - 1; "           \
    "delay " WAITED_MS
    {"peer_is_left_alone_until_the_hold_ends",
     WAITS("create", "60000",
           "60000") "; " WAITS("create", "0", "30000") "; " WAITS("refund", "60000", "3600000")},
};

static int enter(void **state)
{
    (void)state;
    world_init(&town);
    return 0;
}

static void run_row(void **state)
{
    world_init(&town);
    json_in_allocate(json_memory);
    script_run(*state, verbs);
    json_in_allocate(malloc);
    world_deinit(&town);
}

/* ---- many worlds ---- */

static void lost_webhook_costs_minutes_and_no_order(void **state)
{
    (void)state;
    for (uint32_t paid_ms = 1000; paid_ms < 600000; paid_ms += 59000) {
        world_init(&town);
        town.buyer_pays = false;
        town.webhooks_come = true;
        world_order(&town, "checkout.1");
        world_run(&town, paid_ms);
        town.payment = PAYMENT_AUTHORISED;
        world_run(&town, 181000); /* the longest pause between two polls, and a half */
        assert_int_equal(world_saga(&town, 1)->state, SAGA_COMPLETED);
        world_check(&town);
        world_deinit(&town);
    }
}

/* No process owns the seats for two seconds. An order that needs them then continues within a
 * second of their return, whatever its pauses were and whether or not the breaker opened. */
static void order_continues_soon_after_the_seats_are_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        world_init(&town);
        rng_seeded_init(&town.rng, seed);
        town.conf.breaker_trip = SAGA_BREAKER_TRIP;
        town.conf.breaker_open_ms = SAGA_BREAKER_OPEN_MS;
        town.conf.breaker_open_max_ms = SAGA_BREAKER_OPEN_MAX_MS;
        town.conf.budget_cap = 100;
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

enum story {
    STORY_PAID,
    STORY_UNPAID,
    STORY_NO_CAPTURE,
    STORY_REFUND,
    STORY_REFUND_1,
    STORY_CANCEL,
    STORY_MOVE,
    STORY_MOVE_TAKEN,
    STORIES
};

/* One good ticket for the seat that the buyer has, for the holder of the old one. */
static void check_moved(bool moved)
{
    bool informed = false;
    assert_int_equal(town.sagas[1].state, moved ? SAGA_COMPLETED : SAGA_UNDONE);
    assert_int_equal(world_seats(&town, SEAT_SOLD), 2);
    assert_int_equal(town.seats[1] == SEAT_SOLD, !moved);
    assert_int_equal(world_count(&town, EFFECT_MOVE_SHUT), 1);
    assert_int_equal(world_count(&town, EFFECT_MOVE_SEATS), moved);
    assert_int_equal(world_count(&town, EFFECT_MOVE_TICKET), 1);
    assert_int_equal(world_count(&town, EFFECT_MOVE_END), 1);
    for (uint32_t i = 0; i < town.effects_len; i++) {
        const char *json = town.effects[i].json;
        if (town.effects[i].kind == EFFECT_MOVE_TICKET) {
            assert_non_null(strstr(json, moved ? "\"seat\":\"s2\"" : "\"seat\":\"s1\""));
            assert_non_null(strstr(json, "\"old\":\"t_1\""));
        }
        informed = informed || (town.effects[i].kind == EFFECT_MAIL &&
                                strstr(json, "\"member\":\"43\"") != NULL &&
                                strstr(json, moved ? "\"moved-1\"" : "\"renewed-1\"") != NULL);
    }
    assert_true(informed);
}

static void run_story(enum story story)
{
    town.buyer_pays = story != STORY_UNPAID && story != STORY_CANCEL;
    if (story == STORY_NO_CAPTURE)
        world_fault(&town, PEER_PSP_CAPTURE, WORLD_REFUSED, UINT32_MAX);
    world_order(&town, "checkout.1");
    if (story == STORY_CANCEL) {
        world_run(&town, 1000);
        world_cancel(&town, 1);
    }
    world_run(&town, HOUR_MS);
    if (story == STORY_REFUND || story == STORY_REFUND_1) {
        world_order(&town, story == STORY_REFUND ? "refund.2" : "refund.1");
        world_run(&town, HOUR_MS);
    }
    if (story == STORY_MOVE || story == STORY_MOVE_TAKEN) {
        if (story == STORY_MOVE_TAKEN)
            town.seats[2] = SEAT_TAKEN;
        world_order(&town, "move.1");
        world_run(&town, HOUR_MS);
        check_moved(story == STORY_MOVE);
    }
    world_check(&town);
}

static void engine_killed_at_each_edge_of_each_story_loses_nothing(void **state)
{
    (void)state;
    static const char *const names[STORIES] = {"paid",     "not paid",           "capture refused",
                                               "refunded", "refunded as before", "cancelled",
                                               "moved",    "not moved"};
    uint32_t all = 0;
    for (enum story story = 0; story < STORIES; story++) {
        world_init(&town);
        run_story(story);
        uint32_t edges = town.edges;
        world_deinit(&town);
        for (uint32_t at = 1; at <= edges; at++) {
            world_init(&town);
            town.crash_at = at;
            run_story(story);
            assert_int_equal(town.crashes, 1);
            world_deinit(&town);
        }
        printf("%s: %u edges\n", names[story], edges);
        all += edges;
    }
    printf("%u edges\n", all);
    assert_int_equal(STORIES, 8);
    assert_int_equal(all, 748); /* fewer edges would hide a way to die */
}

/* A cancel after the edge at which the engine was killed, and a second kill so many edges later
 * (0: none): the order ends cancelled with everything given back, or completed. */
static bool cancel_at_edge(uint32_t at, uint32_t after)
{
    world_init(&town);
    world_order(&town, "checkout.1");
    town.crash_at = at;
    world_run(&town, 10);
    world_cancel(&town, 1);
    if (after > 0)
        town.crash_at = town.edges + after;
    bool accepted = world_saga(&town, 1)->cancel;
    world_run(&town, HOUR_MS);
    assert_int_equal(world_saga(&town, 1)->state, accepted ? SAGA_UNDONE : SAGA_COMPLETED);
    world_check(&town);
    return accepted;
}

static void cancel_at_each_edge_has_one_outcome(void **state)
{
    (void)state;
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

static void each_answer_lost_or_dropped_changes_no_outcome(void **state)
{
    (void)state;
    static const enum world_fault faults[] = {WORLD_LOST, WORLD_DROPPED, WORLD_SILENT};
    for (enum peer_op op = 0; op < PEER_OP_COUNT; op++) {
        for (int i = 0; i < 3; i++) {
            for (enum story story = 0; story < STORIES; story++) {
                world_init(&town);
                if (story != STORY_NO_CAPTURE || op != PEER_PSP_CAPTURE)
                    world_fault(&town, op, faults[i], 2);
                run_story(story);
                world_deinit(&town);
            }
        }
    }
}

static void random_faults_change_no_outcome(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng_seeded rng;
        world_init(&town);
        rng_seeded_init(&rng, seed);
        for (enum peer_op op = 0; op < PEER_OP_COUNT; op++) {
            if (op != PEER_PSP_CAPTURE)
                world_fault(&town, op, WORLD_LOST + (unsigned)rng_below(&rng.rng, 2),
                            (uint32_t)rng_below(&rng.rng, 4));
        }
        town.commits_lost = (uint32_t)rng_below(&rng.rng, 3);
        town.commits_down = (uint32_t)rng_below(&rng.rng, 3);
        town.crash_at = (uint32_t)rng_below(&rng.rng, 60);
        run_story((enum story)rng_below(&rng.rng, STORIES));
        world_deinit(&town);
    }
    printf("seeds 1 to 300\n");
}

static void expect_unread(const char *key, uint8_t step, bool undoing, const char *from,
                          const char *to)
{
    static const struct script_row unread = {"unread", "coded data; world effects 0"};
    world_init(&town);
    world_order(&town, key);
    struct world_saga *saga = world_saga(&town, 1);
    saga->step = step;
    saga->state = undoing ? SAGA_UNDOING : SAGA_RUNNING;
    edit(1, from, to);
    world_run(&town, 1000);
    assert_int_equal(saga->step, step);
    script_run(&unread, verbs);
    world_deinit(&town);
}

static void step_whose_data_cannot_be_read_waits_for_a_person(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint8_t steps, pivot, no_undo;
    } sagas[] = {
        {"checkout.1", 8, 4, 2}, {"refund.1", 4, 0, 0}, {"refund.2", 4, 0, 0}, {"move.1", 4, 1, 9}};
    for (size_t i = 0; i < sizeof(sagas) / sizeof(sagas[0]); i++) {
        for (uint8_t step = 0; step < sagas[i].steps; step++) {
            expect_unread(sagas[i].key, step, false, "\"o_1\"", "1");
            if (step < sagas[i].pivot && step != sagas[i].no_undo)
                expect_unread(sagas[i].key, step, true, "\"o_1\"", "1");
        }
    }
    for (uint8_t step = 0; step < 4; step++)
        expect_unread("move.1", step, false, "\"s2\"", "2");
    expect_unread("move.1", 0, true, "\"s2\"", "2");
}

/* No peer was asked for those, so an order that can be read continues. */
static void orders_that_cannot_be_read_do_not_open_a_breaker(void **state)
{
    (void)state;
    static const struct script_row unread = {"unread",
                                             "run 100ms; coded data; asked extend 0; "
                                             "order checkout.1; run 100ms; asked extend 1"};
    for (uint64_t id = 1; id <= 2 * town.conf.breaker_trip; id++) {
        world_order(&town, "checkout.1");
        edit(id, "\"o_1\"", "1");
    }
    script_run(&unread, verbs);
    world_deinit(&town);
}

/* ---- versions and statuses ---- */

/* How often a step of this saga is in the log as done. */
static uint32_t done_of(uint64_t id, uint8_t step)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < town.log_len; i++) {
        const struct world_log *log = &town.log[i];
        done += log->saga == id && log->step == step && log->mark == SAGA_MARK_DONE;
    }
    return done;
}

static void order_ends_under_the_version_under_which_it_began(void **state)
{
    (void)state;
    town.buyer_pays = false;
    assert_string_equal(checkout_now(town.checkout, CHECKOUT_SALE)->key, "checkout.1");
    uint64_t first = world_order(&town, "checkout.1");
    uint64_t unknown = world_order(&town, "checkout.2");
    world_run(&town, 500);
    assert_int_equal(world_saga(&town, first)->step, 2);
    assert_int_equal(world_saga(&town, unknown)->moves, 0);
    world_update(&town, &next_version, 1);
    assert_string_equal(checkout_now(town.checkout, CHECKOUT_SALE)->key, "checkout.2");
    uint64_t second = world_order(&town, checkout_now(town.checkout, CHECKOUT_SALE)->key);
    town.payment = PAYMENT_AUTHORISED;
    world_wake(&town, first);
    world_run(&town, HOUR_MS);
    for (uint8_t step = 0; step < SAGA_STEPS_MAX; step++) {
        assert_int_equal(done_of(first, step), step < 8);
        assert_int_equal(done_of(second, step), step < NEXT_VERSION_STEPS);
        assert_int_equal(done_of(unknown, step), step < NEXT_VERSION_STEPS);
    }
    assert_int_equal(town.captures, 1);
    world_check(&town);
    world_deinit(&town);
}

static void status_follows_from_version_state_and_cause(void **state)
{
    (void)state;
    world_update(&town, &next_version, 1);
    static const struct {
        const char *key;
        enum saga_state state;
        uint8_t step;
        bool parked;
        const char *cause;
        enum order_status status;
    } cases[] = {
        {"checkout.1", SAGA_RUNNING, 2, false, "", ORDER_PENDING_PAYMENT},
        {"checkout.2", SAGA_RUNNING, 2, false, "", ORDER_CONFIRMING},
        {"checkout.1", SAGA_RUNNING, 3, false, "", ORDER_CONFIRMING},
        {"checkout.2", SAGA_RUNNING, 3, false, "", ORDER_COMPLETED},
        {"checkout.1", SAGA_UNDOING, 0, false, "hold-expired", ORDER_EXPIRED},
        {"checkout.1", SAGA_UNDONE, 0, false, "expired", ORDER_EXPIRED},
        {"checkout.1", SAGA_UNDONE, 0, false, "cancelled", ORDER_CANCELLED},
        {"checkout.1", SAGA_UNDONE, 0, false, "seats-gone", ORDER_FAILED},
        {"checkout.1", SAGA_RUNNING, 2, true, "", ORDER_PARKED},
        {"move.1", SAGA_RUNNING, 2, true, "", ORDER_COMPLETED},
        {"move.1", SAGA_UNDONE, 0, false, "expired", ORDER_COMPLETED},
        {"refund.2", SAGA_COMPLETED, 3, false, "", ORDER_REFUNDED},
        {"refund.2", SAGA_UNDONE, 0, false, "", ORDER_COMPLETED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct saga_def *def = checkout_find(town.checkout, span_of(cases[i].key));
        assert_int_equal(
            checkout_status(def, cases[i].state, cases[i].step, cases[i].parked, cases[i].cause),
            cases[i].status);
    }
    assert_null(checkout_find(town.checkout, SPAN("checkout.3")));
    assert_false(checkout_answers(checkout_find(town.checkout, SPAN("checkout.1")), 1));
    assert_true(checkout_answers(checkout_find(town.checkout, SPAN("checkout.2")), 1));
    const struct saga_def *sale = checkout_find(town.checkout, SPAN("checkout.1"));
    bool answered = false;
    for (uint8_t i = 0; i < sale->steps_len; i++) { /* once it has answered it stays so */
        assert_true(checkout_answers(sale, i) || !answered);
        answered = checkout_answers(sale, i);
    }
    assert_true(answered);
    assert_string_equal(checkout_pivots(town.checkout), "{\"checkout.1\":4,\"checkout.2\":2}");
    world_deinit(&town);
}

/* An order stored as complete without its effects would never be reported as complete. */
static void move_whose_order_is_not_read_for_want_of_memory_is_repeated(void **state)
{
    (void)state;
    const struct saga_def *def = checkout_now(town.checkout, CHECKOUT_SALE);
    static const struct {
        const char *order;
        bool memory, effects, again;
    } cases[] = {
        {"{\"order\":\"o\"}", true, true, false},
        {"{\"order\":\"o\"}", false, false, true},
        {"{}", true, false, false}, /* which no later try could read */
        {"{", true, false, false},
    };
    json_in_allocate(json_memory);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct saga_row row = {
            .id = 1, .def = def, .state = SAGA_RUNNING, .data = span_of(cases[i].order)};
        const struct saga_move move = {.id = 1, .state = SAGA_COMPLETED};
        struct saga_effects effects = {0};
        json_has_memory = cases[i].memory;
        def->on_move(def->ctx, &row, &move, &effects);
        json_has_memory = true;
        assert_int_equal(effects.len > 0, cases[i].effects);
        assert_int_equal(effects.failed, cases[i].again);
        saga_effects_clear(&effects);
    }
    json_in_allocate(malloc);
    world_deinit(&town);
}

#define IN_WORLD(test) cmocka_unit_test_setup(test, enter)

int main(void)
{
    const struct CMUnitTest functions[] = {
        cmocka_unit_test(lost_webhook_costs_minutes_and_no_order),
        cmocka_unit_test(order_continues_soon_after_the_seats_are_back),
        cmocka_unit_test(engine_killed_at_each_edge_of_each_story_loses_nothing),
        cmocka_unit_test(cancel_at_each_edge_has_one_outcome),
        cmocka_unit_test(each_answer_lost_or_dropped_changes_no_outcome),
        cmocka_unit_test(random_faults_change_no_outcome),
        cmocka_unit_test(step_whose_data_cannot_be_read_waits_for_a_person),
        IN_WORLD(orders_that_cannot_be_read_do_not_open_a_breaker),
        IN_WORLD(order_ends_under_the_version_under_which_it_began),
        IN_WORLD(status_follows_from_version_state_and_cause),
        IN_WORLD(move_whose_order_is_not_read_for_want_of_memory_is_repeated),
    };
    return script_tests(SCRIPT_LIST(functions), SCRIPT_LIST(rows), run_row);
}
