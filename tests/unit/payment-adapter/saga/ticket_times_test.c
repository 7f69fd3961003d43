/* ticket_times_test.c: how long payers wait for their tickets, by the moves of sagas alone.
 *
 * Statements of a row (script.h): sale|refund SAGA STATE STEP [took=TIME] stores a move of a saga
 * ("parked" is a state here); after TIME moves the clock; count N, sum TIME and missed N are the
 * figures. Steps of a sale: 2 awaits the buyer, 3 confirms seats, 4 captures, 5 issues tickets, 6
 * ends the visit. */
#include "saga/ticket_times.h"

#include "base/clock.h"
#include "core/checkout/checkout.h"
#include "script.h"

static struct ticket_times times;
static struct checkout *checkout;
static uint64_t now_us;

static void never(void *ctx, struct peer_call *call)
{
    (void)ctx, (void)call;
    fail();
}

SCRIPT_VERB(do_move, "sale|refund")
{
    static const char *const states[] = {"running", "undoing", "completed",
                                         "undone",  "parked",  NULL};
    static const enum saga_state state_of[] = {SAGA_RUNNING, SAGA_UNDOING, SAGA_COMPLETED,
                                               SAGA_UNDONE, SAGA_RUNNING};
    unsigned state = script_choice(line, script_word(line, 2), states);
    bool sale = strcmp(line->words[0], "sale") == 0;
    struct saga_row row = {.id = script_number(line->words[1]),
                           .def = checkout_now(checkout, sale ? CHECKOUT_SALE : CHECKOUT_REFUND),
                           .state = state_of[state],
                           .step = (uint8_t)script_number_at(line, 3),
                           .parked = state == 4,
                           .cause = "why"};
    struct saga_move move = {.id = row.id,
                             .state = row.state,
                             .step = row.step,
                             .parked = row.parked,
                             .took_us = (uint32_t)script_value_or(line, "took", 0)};
    ticket_times_on_stored(&times, &row, &move, now_us);
}

SCRIPT_DOES("after", now_us += script_number_at(line, 1))

SCRIPT_VERB(has_figure, "count|sum|missed")
{
    struct histogram_view view = {.count = 0};
    histogram_add_to(&times.took, &view);
    const struct script_field fields[SCRIPT_FIELDS] = {SCRIPT_NUMBER("count", view.count),
                                                       SCRIPT_NUMBER("sum", view.sum),
                                                       SCRIPT_NUMBER("missed", times.missed)};
    script_expect_field(line, 0, fields);
}

static const struct script_row rows[] = {
    /* The time before the payment is the buyer's own, and nobody waits for later steps. */
    {"order_is_measured_from_the_payment_to_the_tickets",
     "sale 7 running 2; after 300s; sale 7 running 3; after 1s; sale 7 running 4; after 2s; sale 7 "
     "running 5; count 0; after 1s; sale 7 running 6; count 1; sum 4s; after 60s; sale 7 completed "
     "7; count 1; missed 0"},
    {"saga_from_another_process_is_measured_from_its_step_on",
     "sale 7 running 5 took=3s; sale 7 running 6; count 1; sum 3s"},
    {"payer_without_tickets_is_counted_once",
     "sale 7 running 3; sale 7 undoing 3; sale 7 undone 0; missed 1; sale 8 running 4; sale 8 "
     "parked 4; missed 2; count 0"},
    {"unpaid_sales_and_refunds_are_not_counted",
     "sale 7 running 2; sale 7 undone 0; refund 8 running 0; refund 8 running 1; refund 8 running "
     "2; refund 8 running 3; refund 8 completed 3; missed 0; count 0"},
    {"newer_of_two_sagas_in_one_slot_is_measured",
     "sale 7 running 3; after 9s; sale 4103 running 3; after 1s; sale 7 running 6; sale 4103 "
     "running 6; count 1; sum 1s; missed 0"},
};
static_assert(TICKET_TIMES_OPEN == 4096, "sagas 7 and 4103 share a slot");

static void set_up(void)
{
    memset(&times, 0, sizeof(times));
    now_us = 1000000000;
}

UNIT_BETWEEN(set_up, NULL)
SCRIPT_TESTS(rows, script_verbs)

int main(void)
{
    static const uint8_t seed[TICKET_SEED_BYTES] = {1};
    struct ticket_signer *signer;
    if (ticket_signer_create(seed, NULL, &signer) < 0)
        return 1;
    const struct checkout_conf conf = {.peers = {never, NULL},
                                       .clock = clock_system(),
                                       .rng = rng_system(),
                                       .signer = signer,
                                       .poll_first_ms = 10,
                                       .poll_cap_ms = 50,
                                       .poll_rare_ms = 50};
    if (checkout_create(&conf, NULL, &checkout) < 0)
        return 1;
    int failed = unit_run();
    checkout_destroy(checkout);
    ticket_signer_destroy(signer);
    return failed;
}
