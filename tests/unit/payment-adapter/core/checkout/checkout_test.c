/* checkout_test.c: the two sagas of the service in a world that loses answers, refuses, and kills
 * the engine at every edge there is. */
#include "base/json_in.h"
#include "next_version.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600000 };

static const char *last_status(const struct world *world, const char *want)
{
    for (uint32_t i = world->effects_len; i > 0; i--) {
        if (world->effects[i - 1].kind == EFFECT_STATUS)
            return strstr(world->effects[i - 1].json, want) != NULL ? want
                                                                    : world->effects[i - 1].json;
    }
    return "none";
}

static void an_order_that_is_paid_ends_with_tickets_and_letters(void **state)
{
    struct world *world = *state;
    uint64_t id = world_order(world, "checkout.1");
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, id)->state, SAGA_COMPLETED);
    assert_int_equal(world->captures, 1);
    assert_true(world_sold(world) && world->session_ended && world->pass_ended);
    assert_int_equal(world_count(world, EFFECT_SHOP), 1);
    assert_int_equal(world_count(world, EFFECT_MAIL), 1);
    assert_string_equal(last_status(world, "completed"), "completed");
    world_check(world);
}

static void a_buyer_who_never_pays_loses_the_seats_at_their_time(void **state)
{
    struct world *world = *state;
    world->buyer_pays = false;
    uint64_t id = world_order(world, "checkout.1");
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, id)->state, SAGA_UNDONE);
    assert_string_equal(world_saga(world, id)->cause, "expired");
    assert_int_equal(world->payment, PAYMENT_CANCELED);
    assert_string_equal(last_status(world, "expired"), "expired");
    /* Asked now and then, not all the time. */
    assert_true(world->asked[PEER_PSP_READ] < 400);
    world_check(world);
}

static void a_wake_is_as_good_as_a_poll(void **state)
{
    struct world *world = *state;
    world->buyer_pays = false;
    uint64_t id = world_order(world, "checkout.1");
    world_run(world, 500);
    assert_int_equal(world_saga(world, id)->step, 2);
    world->payment = PAYMENT_AUTHORISED;
    world_wake(world, id);
    world_run(world, 50);
    assert_int_equal(world_saga(world, id)->state, SAGA_COMPLETED);
    world_check(world);
}

/* The seats are held for ten minutes. */
static void a_provider_that_wants_an_hour_has_what_is_left_of_the_hold(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_fault(world, PEER_PSP_READ, WORLD_BUSY, 1);
    world_run(world, 601000);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    assert_true(world->asked[PEER_PSP_READ] <= 3); /* and it was left alone until then */
    world_check(world);
}

static void and_when_the_hold_is_over_it_is_asked_again_within_a_minute(void **state)
{
    struct world *world = *state;
    world->buyer_pays = false;
    world_order(world, "checkout.1");
    world_fault(world, PEER_PSP_READ, WORLD_BUSY, 4);
    world_run(world, 601000 + 4 * 31000);
    assert_int_equal(world_saga(world, 1)->state, SAGA_UNDONE);
    assert_string_equal(world_saga(world, 1)->cause, "expired");
    world_check(world);
}

static void a_refund_waits_as_long_as_the_provider_asks(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_run(world, HOUR_MS);
    world_order(world, "refund.2");
    world_fault(world, PEER_PSP_REFUND, WORLD_BUSY, 1);
    world_run(world, HOUR_MS - 1000);
    assert_int_equal(world->asked[PEER_PSP_REFUND], 1);
    world_run(world, 60000);
    assert_int_equal(world_saga(world, 2)->state, SAGA_COMPLETED);
}

static uint32_t looks_until_the_end(bool webhooks_come)
{
    struct world world;
    world_init(&world);
    world.buyer_pays = false;
    world.webhooks_come = webhooks_come;
    world_order(&world, "checkout.1");
    world_run(&world, HOUR_MS);
    assert_string_equal(world_saga(&world, 1)->cause, "expired");
    world_check(&world);
    uint32_t looks = world.asked[PEER_PSP_READ];
    world_deinit(&world);
    return looks;
}

static void while_webhooks_come_a_payer_is_rarely_polled(void **state)
{
    (void)state;
    assert_in_range(looks_until_the_end(true), 5, 20);
    assert_in_range(looks_until_the_end(false), 80, 250); /* for ten minutes, at most 5 s apart */
}

static void a_webhook_that_is_lost_costs_minutes_and_no_order(void **state)
{
    (void)state;
    for (uint32_t paid_ms = 1000; paid_ms < 600000; paid_ms += 59000) {
        struct world world;
        world_init(&world);
        world.buyer_pays = false;
        world.webhooks_come = true;
        world_order(&world, "checkout.1");
        world_run(&world, paid_ms);
        world.payment = PAYMENT_AUTHORISED;
        world_run(&world, 181000); /* the rarest look, spread by a half */
        assert_int_equal(world_saga(&world, 1)->state, SAGA_COMPLETED);
        world_check(&world);
        world_deinit(&world);
    }
}

static void money_of_another_sum_is_nobodys_consent(void **state)
{
    struct world *world = *state;
    world->other_money = true;
    world_order(world, "checkout.1");
    world_run(world, HOUR_MS);
    assert_string_equal(world_saga(world, 1)->cause, "amount-mismatch");
    assert_int_equal(world->captures, 0);
    world_check(world);
}

/* At the provider, by hand, between the capture and its answer. */
static void money_that_was_given_back_at_once_buys_no_ticket(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world.given_back = REAL_SEATS_TOTAL;
    world_order(&world, "checkout.1");
    world_run(&world, HOUR_MS);
    assert_string_equal(world_saga(&world, 1)->cause, "given-back");
    assert_int_equal(world_saga(&world, 1)->state, SAGA_UNDONE);
    world_check(&world);
    world_deinit(&world);
    /* A part of it is nothing that a program should decide: it waits for a person. */
    world_init(&world);
    world.given_back = 1000;
    world_order(&world, "checkout.1");
    world_run(&world, 300000);
    assert_int_equal(world_saga(&world, 1)->state, SAGA_RUNNING);
    assert_true(world_logged(&world, "capture", SAGA_DO, SAGA_MARK_UNKNOWN));
    assert_int_equal(world_count(&world, EFFECT_TICKET), 0);
    world_deinit(&world);
}

/* The provider is down until long after the seats' time; meanwhile the buyer has paid. */
static void late_payment(struct world *world, bool seats_wanted)
{
    world_init(world);
    world->buyer_pays = false;
    world->seats_wanted = seats_wanted;
    world_order(world, "checkout.1");
    world_run(world, 500);
    world->payment = PAYMENT_AUTHORISED;
    world_fault(world, PEER_PSP_READ, WORLD_DROPPED, UINT32_MAX);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_RUNNING);
    world->faults_left[PEER_PSP_READ] = 0;
    world_run(world, HOUR_MS);
}

static void a_late_payment_takes_the_same_seats_again(void **state)
{
    (void)state;
    struct world world;
    late_payment(&world, false);
    assert_int_equal(world_saga(&world, 1)->state, SAGA_COMPLETED);
    assert_true(world_sold(&world));
    world_check(&world);
    world_deinit(&world);
}

static void a_late_payment_without_seats_is_let_go(void **state)
{
    (void)state;
    struct world world;
    late_payment(&world, true);
    assert_int_equal(world_saga(&world, 1)->state, SAGA_UNDONE);
    assert_string_equal(world_saga(&world, 1)->cause, "seats-gone");
    assert_int_equal(world.payment, PAYMENT_CANCELED);
    assert_int_equal(world_count(&world, EFFECT_MAIL), 1);
    world_check(&world);
    world_deinit(&world);
}

static void a_capture_refused_for_good_frees_the_seats(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_fault(world, PEER_PSP_CAPTURE, WORLD_REFUSED, UINT32_MAX);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_UNDONE);
    assert_true(world_logged(world, "confirm_seats", SAGA_UNDO, SAGA_MARK_DONE));
    assert_true(world_logged(world, "create_payment", SAGA_UNDO, SAGA_MARK_DONE));
    assert_true(world_logged(world, "extend_hold", SAGA_UNDO, SAGA_MARK_DONE));
    assert_string_equal(last_status(world, "failed"), "failed");
    world_check(world);
}

static void a_capture_whose_answer_is_lost_is_not_taken_for_a_no(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_fault(world, PEER_PSP_CAPTURE, WORLD_LOST, 1);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    assert_int_equal(world->captures, 1);
    assert_true(world_logged(world, "capture", SAGA_DO, SAGA_MARK_UNKNOWN));
    world_check(world);
}

static void a_call_that_never_comes_back_costs_a_timeout_and_no_more(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_fault(world, PEER_SEATS_CONFIRM, WORLD_SILENT, 1);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    assert_int_equal(saga_engine_stats(world->engine)->timeouts, 1);
    world_check(world);
}

/* Nobody owns the seats for two seconds. An order that met nobody goes on within a second of their
 * return, whatever its pauses were and whether or not the breaker opened. */
static void an_order_goes_on_soon_after_the_seats_are_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world world;
        world_init(&world);
        rng_seeded_init(&world.rng, seed);
        world.conf.breaker_trip = SAGA_BREAKER_TRIP;
        world.conf.breaker_open_ms = SAGA_BREAKER_OPEN_MS;
        world.conf.breaker_open_max_ms = SAGA_BREAKER_OPEN_MAX_MS;
        world.conf.budget_cap = 100;
        world_kill(&world);
        world_order(&world, "checkout.1");
        world_fault(&world, PEER_SEATS_CONFIRM, WORLD_DROPPED, UINT32_MAX);
        while (world.asked[PEER_SEATS_CONFIRM] == 0)
            world_run(&world, 1);
        world_run(&world, 2000);
        world.faults_left[PEER_SEATS_CONFIRM] = 0;
        world_run(&world, 2 * SAGA_BREAKER_OPEN_MS + world.conf.idle_ms);
        assert_int_equal(world_saga(&world, 1)->state, SAGA_COMPLETED);
        world_check(&world);
        world_deinit(&world);
    }
}

static void a_payment_of_which_nobody_knows_is_settled_before_the_seats_go(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_fault(world, PEER_PSP_CREATE, WORLD_LOST, UINT32_MAX);
    world_run(world, 2000);
    world_cancel(world, 1);
    world->faults_left[PEER_PSP_CREATE] = 0;
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_UNDONE);
    assert_int_equal(world->payment, PAYMENT_CANCELED);
    assert_string_equal(last_status(world, "cancelled"), "cancelled");
    world_check(world);
}

static void a_waiting_room_that_is_gone_does_not_hold_up_the_order(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_fault(world, PEER_SESSION_END, WORLD_DROPPED, UINT32_MAX);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    assert_true(world_logged(world, "end_session", SAGA_DO, SAGA_MARK_SKIPPED));
    world_check(world);
}

static void the_end_of_a_visit_is_told_to_both_and_neither_waits_for_the_other(void **state)
{
    (void)state;
    static const enum peer_op silent[] = {PEER_SEATS_SESSION_END, PEER_SESSION_END};
    for (int i = 0; i < 2; i++) {
        struct world world;
        world_init(&world);
        world_order(&world, "checkout.1");
        world_fault(&world, silent[i], WORLD_DROPPED, 2);
        world_run(&world, HOUR_MS);
        assert_true(world.session_ended && world.pass_ended);
        assert_in_range(world.asked[silent[i]], 3, 5);
        assert_false(world_logged(&world, "end_session", SAGA_DO, SAGA_MARK_SKIPPED));
        world_check(&world);
        world_deinit(&world);
    }
}

static void a_seat_service_that_is_gone_does_not_keep_the_slot(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_fault(world, PEER_SEATS_SESSION_END, WORLD_DROPPED, UINT32_MAX);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    assert_true(world->session_ended);
    world_check(world);
}

static void a_refund_gives_money_seats_and_tickets_back(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_run(world, HOUR_MS);
    world_order(world, "refund.2");
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 2)->state, SAGA_COMPLETED);
    assert_int_equal(world->refunded, world->captured);
    assert_false(world_sold(world));
    assert_int_equal(world_count(world, EFFECT_REVOKE), 1);
    assert_string_equal(last_status(world, "refunded"), "refunded");
    world_check(world);
}

/* How often a step of this saga is in the log as done. */
static uint32_t done_of(const struct world *world, uint64_t id, uint8_t step)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < world->log_len; i++) {
        const struct world_log *log = &world->log[i];
        done += log->saga == id && log->step == step && log->mark == SAGA_MARK_DONE;
    }
    return done;
}

static void an_order_ends_under_the_version_that_it_began_under(void **state)
{
    struct world *world = *state;
    world->buyer_pays = false;
    assert_string_equal(checkout_now(world->checkout, CHECKOUT_SALE)->key, "checkout.1");
    uint64_t first = world_order(world, "checkout.1");
    uint64_t unknown = world_order(world, "checkout.2");
    world_run(world, 500);
    assert_int_equal(world_saga(world, first)->step, 2);
    assert_int_equal(world_saga(world, unknown)->moves, 0); /* nobody guesses at it */
    world_update(world, &next_version, 1);
    assert_string_equal(checkout_now(world->checkout, CHECKOUT_SALE)->key, "checkout.2");
    uint64_t second = world_order(world, checkout_now(world->checkout, CHECKOUT_SALE)->key);
    world->payment = PAYMENT_AUTHORISED;
    world_wake(world, first);
    world_run(world, HOUR_MS);
    for (uint8_t step = 0; step < SAGA_STEPS_MAX; step++) {
        assert_int_equal(done_of(world, first, step), step < 8);
        assert_int_equal(done_of(world, second, step), step < NEXT_VERSION_STEPS);
        assert_int_equal(done_of(world, unknown, step), step < NEXT_VERSION_STEPS);
    }
    assert_int_equal(world->captures, 1);
    world_check(world);
}

static void what_a_buyer_is_told_follows_from_the_orders_own_version(void **state)
{
    struct world *world = *state;
    world_update(world, &next_version, 1);
    const struct saga_def *one = checkout_find(world->checkout, SPAN("checkout.1"));
    const struct saga_def *two = checkout_find(world->checkout, SPAN("checkout.2"));
    assert_null(checkout_find(world->checkout, SPAN("checkout.3")));
    assert_int_equal(checkout_status(one, SAGA_RUNNING, 2, false, ""), ORDER_PENDING_PAYMENT);
    assert_int_equal(checkout_status(two, SAGA_RUNNING, 2, false, ""), ORDER_CONFIRMING);
    assert_int_equal(checkout_status(one, SAGA_RUNNING, 3, false, ""), ORDER_CONFIRMING);
    assert_int_equal(checkout_status(two, SAGA_RUNNING, 3, false, ""), ORDER_COMPLETED);
    assert_false(checkout_answers(one, 1));
    assert_true(checkout_answers(two, 1));
    assert_string_equal(checkout_pivots(world->checkout), "{\"checkout.1\":4,\"checkout.2\":2}");
}

static void a_commit_whose_answer_is_lost_is_sent_again_and_counts_once(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world->commits_lost = 3;
    world->commits_down = 2;
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    world_check(world);
}

/* ---- the enumerations ---- */

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

static const char *const story_names[STORIES] = {
    "paid",      "not paid", "capture refused", "refunded", "refunded as before",
    "cancelled", "moved",    "not moved"};

/* One good ticket for the seat that the buyer has, made for whoever had the old one. */
static void check_moved(const struct world *world, bool moved)
{
    bool told = false;
    assert_int_equal(world->sagas[1].state, moved ? SAGA_COMPLETED : SAGA_UNDONE);
    assert_true(real_seats_has(world->seats, 0));
    assert_int_equal(real_seats_has(world->seats, 1), !moved);
    assert_int_equal(real_seats_has(world->seats, 2), moved);
    assert_int_equal(world_count(world, EFFECT_MOVE_SHUT), 1);
    assert_int_equal(world_count(world, EFFECT_MOVE_SEATS), moved);
    assert_int_equal(world_count(world, EFFECT_MOVE_TICKET), 1);
    assert_int_equal(world_count(world, EFFECT_MOVE_END), 1);
    for (uint32_t i = 0; i < world->effects_len; i++) {
        const char *json = world->effects[i].json;
        if (world->effects[i].kind == EFFECT_MOVE_TICKET) {
            assert_non_null(strstr(json, moved ? "\"seat\":\"s2\"" : "\"seat\":\"s1\""));
            assert_non_null(strstr(json, "\"old\":\"t_1\""));
        }
        told = told || (world->effects[i].kind == EFFECT_MAIL &&
                        strstr(json, "\"member\":\"43\"") != NULL &&
                        strstr(json, moved ? "\"moved-1\"" : "\"renewed-1\"") != NULL);
    }
    assert_true(told);
}

static void tell(struct world *world, enum story story)
{
    world->buyer_pays = story != STORY_UNPAID && story != STORY_CANCEL;
    if (story == STORY_NO_CAPTURE)
        world_fault(world, PEER_PSP_CAPTURE, WORLD_REFUSED, UINT32_MAX);
    world_order(world, "checkout.1");
    if (story == STORY_CANCEL) {
        world_run(world, 1000);
        world_cancel(world, 1);
    }
    world_run(world, HOUR_MS);
    if (story == STORY_REFUND || story == STORY_REFUND_1) {
        world_order(world, story == STORY_REFUND ? "refund.2" : "refund.1");
        world_run(world, HOUR_MS);
    }
    if (story == STORY_MOVE || story == STORY_MOVE_TAKEN) {
        if (story == STORY_MOVE_TAKEN)
            real_seats_take(world->seats, 2, world->clock.now_wall_us / 1000);
        world_order(world, "move.1");
        world_run(world, HOUR_MS);
        check_moved(world, story == STORY_MOVE);
    }
}

static void killed_at_each_edge_of_each_story_everything_still_agrees(void **state)
{
    (void)state;
    uint32_t all = 0, good = 0;
    for (enum story story = 0; story < STORIES; story++) {
        struct world world;
        world_init(&world);
        tell(&world, story);
        world_check(&world);
        uint32_t edges = world.edges;
        world_deinit(&world);
        for (uint32_t at = 1; at <= edges; at++) {
            world_init(&world);
            world.crash_at = at;
            tell(&world, story);
            assert_int_equal(world.crashes, 1);
            world_check(&world);
            world_deinit(&world);
            good++;
        }
        printf("%s: %u edges\n", story_names[story], edges);
        all += edges;
    }
    printf("%u of %u edges\n", good, all);
    assert_int_equal(good, all);
    assert_int_equal(STORIES, 8);
    assert_int_equal(all, 748); /* and payment-adapter/README.md says so */
}

/* Whatever the moment, the order ends cancelled with everything given back, or completed. */
static void a_cancel_at_each_moment_has_one_outcome(void **state)
{
    (void)state;
    uint32_t cancelled = 0, completed = 0;
    for (uint32_t at = 1; at < 60; at++) {
        struct world world;
        world_init(&world);
        world_order(&world, "checkout.1");
        /* A run of 0 ms is one turn: everything that can be done without time passing. So the
         * engine is stopped by a crash at an edge, and the cancel comes in the gap. */
        world.crash_at = at;
        world_run(&world, 10);
        world_cancel(&world, 1);
        bool accepted = world_saga(&world, 1)->cancel;
        world_run(&world, HOUR_MS);
        enum saga_state end = world_saga(&world, 1)->state;
        assert_int_equal(end, accepted ? SAGA_UNDONE : SAGA_COMPLETED);
        *(accepted ? &cancelled : &completed) += 1;
        world_check(&world);
        world_deinit(&world);
    }
    assert_true(cancelled > 5);
    assert_true(completed > 5);
}

/* The engine dies once more on its way back. */
static void a_cancel_at_each_moment_survives_a_kill_at_each_edge_after_it(void **state)
{
    (void)state;
    uint32_t kills = 0;
    for (uint32_t at = 1; at < 24; at++) {
        for (uint32_t after = 1; after < 40; after++) {
            struct world world;
            world_init(&world);
            world_order(&world, "checkout.1");
            world.crash_at = at;
            world_run(&world, 10);
            world_cancel(&world, 1);
            world.crash_at = world.edges + after;
            bool accepted = world_saga(&world, 1)->cancel;
            world_run(&world, HOUR_MS);
            assert_int_equal(world_saga(&world, 1)->state, accepted ? SAGA_UNDONE : SAGA_COMPLETED);
            kills += world.crashes;
            world_check(&world);
            world_deinit(&world);
        }
    }
    assert_true(kills > 400);
}

static void each_answer_lost_or_dropped_once_changes_nothing_in_the_end(void **state)
{
    (void)state;
    static const enum world_fault faults[] = {WORLD_LOST, WORLD_DROPPED, WORLD_SILENT};
    for (enum peer_op op = 0; op < PEER_OP_COUNT; op++) {
        for (int i = 0; i < 3; i++) {
            for (enum story story = 0; story < STORIES; story++) {
                struct world world;
                world_init(&world);
                if (story != STORY_NO_CAPTURE || op != PEER_PSP_CAPTURE)
                    world_fault(&world, op, faults[i], 2);
                tell(&world, story);
                world_check(&world);
                world_deinit(&world);
            }
        }
    }
}

static void chance_finds_no_order_that_disagrees(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world world;
        world_init(&world);
        struct rng_seeded rng;
        rng_seeded_init(&rng, seed);
        for (enum peer_op op = 0; op < PEER_OP_COUNT; op++) {
            if (op != PEER_PSP_CAPTURE)
                world_fault(&world, op, WORLD_LOST + (unsigned)rng_below(&rng.rng, 2),
                            (uint32_t)rng_below(&rng.rng, 4));
        }
        world.commits_lost = (uint32_t)rng_below(&rng.rng, 3);
        world.commits_down = (uint32_t)rng_below(&rng.rng, 3);
        world.crash_at = (uint32_t)rng_below(&rng.rng, 60);
        tell(&world, (enum story)rng_below(&rng.rng, STORIES));
        world_check(&world);
        world_deinit(&world);
    }
    printf("seeds 1 to 300\n");
}

static int enter(void **state)
{
    struct world *world = malloc(sizeof(*world));
    assert_non_null(world);
    world_init(world);
    *state = world;
    return 0;
}

static int leave(void **state)
{
    world_deinit(*state);
    free(*state);
    return 0;
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, enter, leave)

/* ---- what a provider may say, besides ---- */

/* The stored order with this part of its text exchanged. */
static void edit(struct world *world, uint64_t id, const char *from, const char *to)
{
    struct world_saga *saga = world_saga(world, id);
    char *at = strstr(saga->data, from), rest[sizeof(saga->data)];
    assert_non_null(at);
    snprintf(rest, sizeof(rest), "%s", at + strlen(from));
    snprintf(at, sizeof(saga->data) - (size_t)(at - saga->data), "%s%s", to, rest);
}

static void log_has(const struct world *world, const char *code)
{
    for (uint32_t i = 0; i < world->log_len; i++) {
        if (strcmp(world->log[i].code, code) == 0)
            return;
    }
    fail_msg("nothing was logged as %s", code);
}

/* As Stripe: what is created is a checkout session, in which the payment comes to be. */
static void session_first(struct world *world, struct peer_call *call)
{
    (void)world;
    if (call->op == PEER_PSP_CREATE)
        snprintf(call->payment.id, sizeof(call->payment.id), "cs_1");
}

static void a_payment_that_takes_the_place_of_a_session_is_kept_and_told(void **state)
{
    struct world *world = *state;
    world->alter = session_first;
    world_order(world, "checkout.1");
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    assert_non_null(strstr(world_saga(world, 1)->data, "\"payment\":\"pi_1\""));
    assert_int_equal(world_count(world, EFFECT_PAYMENT), 2);
    world_check(world);
}

static void a_session_that_is_let_go_lets_its_payment_go(void **state)
{
    struct world *world = *state;
    world->alter = session_first;
    world->buyer_pays = false;
    world_order(world, "checkout.1");
    world_run(world, 300);
    world_fault(world, PEER_PSP_READ, WORLD_DROPPED, 1);
    world_cancel(world, 1);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_UNDONE);
    assert_int_equal(world->payment, PAYMENT_CANCELED);
    assert_non_null(strstr(world_saga(world, 1)->data, "\"payment\":\"pi_1\""));
    world_check(world);
}

static enum payment_state then_state;
static uint64_t then_refunded;

/* The first capture is not heard of; what a look then shows is the test's. */
static void after_capture(struct world *world, struct peer_call *call)
{
    if (world->asked[PEER_PSP_CAPTURE] > 0 && call->op == PEER_PSP_READ) {
        call->payment.state = then_state;
        call->payment.refunded = then_refunded;
        if (then_state != PAYMENT_CAPTURED)
            call->payment.captured = 0;
    }
}

static void an_authorisation_that_is_gone_ends_the_order(void **state)
{
    (void)state;
    static const enum payment_state gone[] = {PAYMENT_OPEN, PAYMENT_CANCELED};
    for (unsigned i = 0; i < 2; i++) {
        struct world world;
        world_init(&world);
        world.alter = after_capture;
        then_state = gone[i];
        then_refunded = 0;
        world_order(&world, "checkout.1");
        world_fault(&world, PEER_PSP_CAPTURE, WORLD_DROPPED, 1);
        world_run(&world, HOUR_MS);
        assert_string_equal(world_saga(&world, 1)->cause, "authorisation-gone");
        assert_int_equal(world_saga(&world, 1)->state, SAGA_UNDONE);
        assert_int_equal(world_count(&world, EFFECT_TICKET), 0);
        world_deinit(&world);
    }
}

static void a_capture_that_was_not_heard_of_and_was_given_back_is_no_sale(void **state)
{
    struct world *world = *state;
    world->alter = after_capture;
    then_state = PAYMENT_CAPTURED;
    then_refunded = REAL_SEATS_TOTAL;
    world_order(world, "checkout.1");
    world_fault(world, PEER_PSP_CAPTURE, WORLD_LOST, 1);
    world_run(world, HOUR_MS);
    assert_string_equal(world_saga(world, 1)->cause, "given-back");
    assert_int_equal(world_count(world, EFFECT_TICKET), 0);
}

static void looks_fail(struct world *world, struct peer_call *call)
{
    if (world->asked[PEER_PSP_CAPTURE] > 0 && call->op == PEER_PSP_READ) {
        call->verdict = SAGA_FAILED;
        snprintf(call->code, sizeof(call->code), "no-such-payment");
    }
}

static void a_payment_that_cannot_be_found_any_more_is_left_to_a_person(void **state)
{
    struct world *world = *state;
    world->alter = looks_fail;
    world_order(world, "checkout.1");
    world_fault(world, PEER_PSP_CAPTURE, WORLD_LOST, 1);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_RUNNING); /* and it is not undone */
    log_has(world, "no-such-payment");
}

static const char *then_currency, *then_unwanted;

static void before_capture(struct world *world, struct peer_call *call)
{
    if (call->op != PEER_PSP_READ)
        return;
    world->payment = call->payment.state = then_state;
    world->captured = call->payment.captured =
        then_state == PAYMENT_CAPTURED ? REAL_SEATS_TOTAL : 0;
    call->payment.refunded = then_refunded;
    call->payment.unwanted = then_unwanted;
    snprintf(call->payment.currency, sizeof(call->payment.currency), "%s", then_currency);
}

static void what_the_buyer_did_is_judged_before_the_seats_are_sold(void **state)
{
    (void)state;
    static const struct {
        enum payment_state state;
        uint64_t refunded;
        const char *currency, *unwanted, *cause;
    } cases[] = {
        {PAYMENT_AUTHORISED, 0, "KRW", NULL, ""},
        {PAYMENT_AUTHORISED, 0, "USD", NULL, "amount-mismatch"},
        {PAYMENT_CAPTURED, 1, "", NULL, "given-back"},
        {PAYMENT_AUTHORISED, 0, "", "prepaid-card", "prepaid-card"},
        {PAYMENT_CANCELED, 0, "", NULL, "payment-canceled"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;
        world_init(&world);
        world.alter = before_capture;
        then_state = cases[i].state;
        then_refunded = cases[i].refunded;
        then_currency = cases[i].currency;
        then_unwanted = cases[i].unwanted;
        world_order(&world, "checkout.1");
        world_run(&world, 5000);
        assert_string_equal(world_saga(&world, 1)->cause, cases[i].cause);
        assert_int_equal(world.captures, cases[i].cause[0] == '\0');
        world_deinit(&world);
    }
}

/* The buyer pays with a provider that captures at once, and then the seats are gone. */
static void captured_and_let_go(struct world *world, struct peer_call *call)
{
    if (world->asked[PEER_PSP_READ] > 1 && call->op == PEER_PSP_READ) {
        world->payment = call->payment.state = PAYMENT_CAPTURED;
        world->captured = call->payment.captured = REAL_SEATS_TOTAL;
        call->payment.refunded = then_refunded;
    }
}

static void what_was_captured_after_all_is_refunded_and_not_twice(void **state)
{
    (void)state;
    for (unsigned back = 0; back < 2; back++) {
        struct world world;
        world_init(&world);
        world.alter = captured_and_let_go;
        then_refunded = back * REAL_SEATS_TOTAL;
        world_order(&world, "checkout.1");
        world_fault(&world, PEER_SEATS_CONFIRM, WORLD_REFUSED, 1);
        world_run(&world, 500);
        assert_int_equal(world_saga(&world, 1)->cause[0] != '\0', true);
        assert_int_equal(world.asked[PEER_PSP_REFUND], 1 - back);
        assert_int_equal(world.asked[PEER_PSP_CANCEL], 0);
        if (back == 1)
            log_has(&world, "refunded");
        world_deinit(&world);
    }
}

static void burn_first_key(struct world *world, struct peer_call *call)
{
    call->key_burnt = call->op == PEER_PSP_CREATE && world->asked[PEER_PSP_CREATE] == 1;
    if (call->key_burnt)
        call->verdict = SAGA_UNKNOWN;
}

static void a_burnt_key_is_left_behind(void **state)
{
    struct world *world = *state;
    world->alter = burn_first_key;
    world_order(world, "checkout.1");
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    assert_non_null(strstr(world_saga(world, 1)->data, "\"key_round\":1"));
    world_check(world);
}

static void an_order_that_costs_nothing_asks_no_provider(void **state)
{
    struct world *world = *state;
    char amount[32];
    world_order(world, "checkout.1");
    snprintf(amount, sizeof(amount), "\"amount\":%d", REAL_SEATS_TOTAL);
    edit(world, 1, amount, "\"amount\":0");
    edit(world, 1, "\"session\":\"s_1\"", "\"session\":\"\"");
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_COMPLETED);
    for (unsigned op = PEER_PSP_CREATE; op <= PEER_PSP_REFUND; op++)
        assert_int_equal(world->asked[op], 0);
    assert_int_equal(world->asked[PEER_SESSION_END], 0);
    assert_int_equal(world_count(world, EFFECT_TICKET), 2);
    log_has(world, "nothing-to-pay");
    log_has(world, "no-session");
}

static void parts_given_back(struct world *world, struct peer_call *call)
{
    (void)world;
    if (call->op == PEER_PSP_READ)
        call->payment.refunded = then_refunded;
    if (call->op == PEER_PSP_REFUND) {
        assert_int_equal(call->given_back, then_refunded);
        assert_int_equal(call->order->refund, 1000);
    }
}

static void a_refund_of_a_part_looks_first_what_was_given_back(void **state)
{
    (void)state;
    static const uint64_t back[] = {0, 400, 1000};
    for (unsigned i = 0; i < 3; i++) {
        struct world world;
        world_init(&world);
        world_order(&world, "checkout.1");
        world_run(&world, HOUR_MS);
        uint32_t looks = world.asked[PEER_PSP_READ];
        world.alter = parts_given_back;
        then_refunded = back[i];
        world_order(&world, "refund.2");
        edit(&world, 2, "\"fees\"", "\"refund\":1000,\"fees\"");
        world_run(&world, HOUR_MS);
        assert_int_equal(world_saga(&world, 2)->state, SAGA_COMPLETED);
        assert_int_equal(world.asked[PEER_PSP_READ], looks + 1);
        assert_int_equal(world.asked[PEER_PSP_REFUND], back[i] < 1000);
        world_deinit(&world);
    }
}

/* ---- data that nobody can read ---- */

static void at_step(struct world *world, const char *key, uint8_t step, bool undoing,
                    const char *from, const char *to)
{
    world_init(world);
    world_order(world, key);
    struct world_saga *saga = world_saga(world, 1);
    saga->step = step;
    saga->state = undoing ? SAGA_UNDOING : SAGA_RUNNING;
    edit(world, 1, from, to);
    world_run(world, 1000);
}

static void a_step_whose_order_cannot_be_read_waits_for_a_person(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint8_t steps, pivot;
    } sagas[] = {{"checkout.1", 8, 4}, {"refund.1", 4, 0}, {"refund.2", 4, 0}, {"move.1", 4, 1}};
    for (size_t i = 0; i < sizeof(sagas) / sizeof(sagas[0]); i++) {
        for (uint8_t step = 0; step < sagas[i].steps; step++) {
            for (unsigned undoing = 0; undoing <= (step < sagas[i].pivot); undoing++) {
                struct world world;
                if (undoing && i == 0 && step == 2) /* nothing to undo there */
                    continue;
                at_step(&world, sagas[i].key, step, undoing, "\"o_1\"", "1");
                assert_int_equal(world_saga(&world, 1)->step, step);
                log_has(&world, "data");
                assert_int_equal(world.effects_len, 0);
                world_deinit(&world);
            }
        }
    }
}

static void a_move_whose_seats_cannot_be_read_waits_for_a_person(void **state)
{
    (void)state;
    for (uint8_t step = 0; step < 4; step++) {
        for (unsigned undoing = 0; undoing <= (step == 0); undoing++) {
            struct world world;
            at_step(&world, "move.1", step, undoing, "\"s2\"", "2");
            assert_int_equal(world_saga(&world, 1)->step, step);
            log_has(&world, "data");
            assert_int_equal(world.effects_len, 0);
            world_deinit(&world);
        }
    }
}

/* Nobody was asked for those, so an order that can be read goes on beside them. */
static void orders_that_cannot_be_read_say_nothing_of_their_peer(void **state)
{
    struct world *world = *state;
    for (uint64_t id = 1; id <= 2 * world->conf.breaker_trip; id++) {
        world_order(world, "checkout.1");
        edit(world, id, "\"o_1\"", "1");
    }
    world_run(world, 100);
    log_has(world, "data");
    assert_int_equal(world->asked[PEER_SEATS_EXTEND], 0);
    world_order(world, "checkout.1");
    world_run(world, 100);
    assert_int_equal(world->asked[PEER_SEATS_EXTEND], 1);
}

static struct peer_call then;

static void extend_unread(struct world *world, struct peer_call *call)
{
    (void)world;
    if (call->op == PEER_SEATS_EXTEND) {
        call->verdict = SAGA_UNKNOWN;
        call->answered = then.answered;
        call->unasked = then.unasked;
    }
}

/* A peer whose answers there was no memory to read is well, and nobody knows of one that could not
 * be asked; one that says nothing is left alone. */
static void a_peer_that_could_not_be_understood_is_asked_on(void **state)
{
    (void)state;
    static const struct peer_call ways[] = {{0}, {.answered = true}, {.unasked = true}};
    for (unsigned way = 0; way < 3; way++) {
        struct world world;
        world_init(&world);
        then = ways[way];
        world.alter = extend_unread;
        for (uint32_t i = 0; i < world.conf.breaker_trip; i++)
            world_order(&world, "checkout.1");
        world_run(&world, 100);
        assert_true(world.asked[PEER_SEATS_EXTEND] >= world.conf.breaker_trip);
        world.alter = NULL;
        uint64_t next = world_order(&world, "checkout.1");
        world_run(&world, 100);
        assert_int_equal(world_saga(&world, next)->step > 0, way > 0);
        world_deinit(&world);
    }
}

static void a_cancelled_order_that_cannot_be_read_tells_nobody_a_status(void **state)
{
    struct world *world = *state;
    world->buyer_pays = false;
    world_order(world, "checkout.1");
    world_run(world, 500);
    edit(world, 1, "\"o_1\"", "1");
    world_kill(world); /* or the engine would go on with what it has read */
    uint32_t told = world_count(world, EFFECT_STATUS);
    world_cancel(world, 1);
    clock_fake_step(&world->clock, 60000000);
    world_run(world, 1000);
    assert_int_equal(world_saga(world, 1)->state, SAGA_UNDOING);
    assert_int_equal(world_count(world, EFFECT_STATUS), told);
}

static void a_refund_that_is_stuck_says_what_is_void_already(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_run(world, HOUR_MS);
    world_order(world, "refund.2");
    world_fault(world, PEER_PSP_REFUND, WORLD_REFUSED, UINT32_MAX);
    world_run(world, HOUR_MS);
    assert_true(world_saga(world, 2)->parked);
    assert_string_equal(last_status(world, ORDER_CAUSE_REFUND_HELD), ORDER_CAUSE_REFUND_HELD);
}

/* A part of the money is back, by hand: nobody is told of a refund of which there is none. */
static void a_sale_that_is_stuck_has_no_words_of_a_refund(void **state)
{
    struct world *world = *state;
    world->given_back = 1000;
    world_order(world, "checkout.1");
    world_run(world, 300000);
    clock_fake_step(&world->clock, 24ull * HOUR_MS * 1000);
    world_run(world, HOUR_MS);
    assert_true(world_saga(world, 1)->parked);
    assert_string_equal(last_status(world, "\"parked\""), "\"parked\"");
    assert_string_not_equal(last_status(world, ORDER_CAUSE_REFUND_HELD), ORDER_CAUSE_REFUND_HELD);
}

static void the_words_for_an_order_follow_its_state_and_cause(void **state)
{
    struct world *world = *state;
    const struct saga_def *sale = checkout_find(world->checkout, SPAN("checkout.1"));
    const struct saga_def *move = checkout_find(world->checkout, SPAN("move.1"));
    const struct saga_def *refund = checkout_find(world->checkout, SPAN("refund.2"));
    assert_int_equal(checkout_status(sale, SAGA_UNDOING, 0, false, "hold-expired"), ORDER_EXPIRED);
    assert_int_equal(checkout_status(sale, SAGA_UNDONE, 0, false, "expired"), ORDER_EXPIRED);
    assert_int_equal(checkout_status(sale, SAGA_UNDONE, 0, false, "cancelled"), ORDER_CANCELLED);
    assert_int_equal(checkout_status(sale, SAGA_UNDONE, 0, false, "seats-gone"), ORDER_FAILED);
    assert_int_equal(checkout_status(sale, SAGA_RUNNING, 2, true, ""), ORDER_PARKED);
    assert_int_equal(checkout_status(move, SAGA_RUNNING, 2, true, ""), ORDER_COMPLETED);
    assert_int_equal(checkout_status(move, SAGA_UNDONE, 0, false, "expired"), ORDER_COMPLETED);
    assert_int_equal(checkout_status(refund, SAGA_COMPLETED, 3, false, ""), ORDER_REFUNDED);
    assert_int_equal(checkout_status(refund, SAGA_UNDONE, 0, false, ""), ORDER_COMPLETED);
}

static void whoever_has_paid_nothing_yet_gets_no_letter_when_it_fails(void **state)
{
    struct world *world = *state;
    world_order(world, "checkout.1");
    world_fault(world, PEER_SEATS_EXTEND, WORLD_REFUSED, UINT32_MAX);
    world_run(world, HOUR_MS);
    assert_int_equal(world_saga(world, 1)->state, SAGA_UNDONE);
    assert_string_equal(last_status(world, "failed"), "failed");
    assert_int_equal(world_count(world, EFFECT_MAIL), 0);
}

static bool json_has_memory = true;

static void *json_memory(size_t len)
{
    return json_has_memory ? malloc(len) : NULL;
}

/* Stored without its effects an order would never be told to be complete. */
static void a_move_whose_order_cannot_be_read_for_want_of_memory_is_made_again(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    const struct saga_def *def = checkout_now(world.checkout, CHECKOUT_SALE);
    static const struct {
        const char *order;
        bool memory, told, again;
    } rows[] = {
        {"{\"order\":\"o\"}", true, true, false},
        {"{\"order\":\"o\"}", false, false, true},
        {"{}", true, false, false}, /* which no later try could read */
        {"{", true, false, false},
    };
    json_in_allocate(json_memory);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct saga_row row = {
            .id = 1, .def = def, .state = SAGA_RUNNING, .data = span_of(rows[i].order)};
        const struct saga_move move = {.id = 1, .state = SAGA_COMPLETED};
        struct saga_effects effects = {0};
        json_has_memory = rows[i].memory;
        def->on_move(def->ctx, &row, &move, &effects);
        json_has_memory = true;
        assert_int_equal(effects.len > 0, rows[i].told);
        assert_int_equal(effects.failed, rows[i].again);
        saga_effects_clear(&effects);
    }
    json_in_allocate(malloc);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(an_order_that_is_paid_ends_with_tickets_and_letters),
        IN_WORLD(a_buyer_who_never_pays_loses_the_seats_at_their_time),
        IN_WORLD(a_wake_is_as_good_as_a_poll),
        IN_WORLD(a_provider_that_wants_an_hour_has_what_is_left_of_the_hold),
        IN_WORLD(and_when_the_hold_is_over_it_is_asked_again_within_a_minute),
        IN_WORLD(a_refund_waits_as_long_as_the_provider_asks),
        cmocka_unit_test(while_webhooks_come_a_payer_is_rarely_polled),
        cmocka_unit_test(a_webhook_that_is_lost_costs_minutes_and_no_order),
        IN_WORLD(money_of_another_sum_is_nobodys_consent),
        cmocka_unit_test(money_that_was_given_back_at_once_buys_no_ticket),
        cmocka_unit_test(a_late_payment_takes_the_same_seats_again),
        cmocka_unit_test(a_late_payment_without_seats_is_let_go),
        IN_WORLD(a_capture_refused_for_good_frees_the_seats),
        IN_WORLD(a_capture_whose_answer_is_lost_is_not_taken_for_a_no),
        IN_WORLD(a_call_that_never_comes_back_costs_a_timeout_and_no_more),
        cmocka_unit_test(an_order_goes_on_soon_after_the_seats_are_back),
        IN_WORLD(a_payment_of_which_nobody_knows_is_settled_before_the_seats_go),
        IN_WORLD(a_waiting_room_that_is_gone_does_not_hold_up_the_order),
        cmocka_unit_test(the_end_of_a_visit_is_told_to_both_and_neither_waits_for_the_other),
        IN_WORLD(a_seat_service_that_is_gone_does_not_keep_the_slot),
        IN_WORLD(a_refund_gives_money_seats_and_tickets_back),
        IN_WORLD(an_order_ends_under_the_version_that_it_began_under),
        IN_WORLD(what_a_buyer_is_told_follows_from_the_orders_own_version),
        IN_WORLD(a_commit_whose_answer_is_lost_is_sent_again_and_counts_once),
        cmocka_unit_test(killed_at_each_edge_of_each_story_everything_still_agrees),
        cmocka_unit_test(a_cancel_at_each_moment_has_one_outcome),
        cmocka_unit_test(a_cancel_at_each_moment_survives_a_kill_at_each_edge_after_it),
        cmocka_unit_test(each_answer_lost_or_dropped_once_changes_nothing_in_the_end),
        cmocka_unit_test(chance_finds_no_order_that_disagrees),
        IN_WORLD(a_payment_that_takes_the_place_of_a_session_is_kept_and_told),
        IN_WORLD(a_session_that_is_let_go_lets_its_payment_go),
        cmocka_unit_test(an_authorisation_that_is_gone_ends_the_order),
        IN_WORLD(a_capture_that_was_not_heard_of_and_was_given_back_is_no_sale),
        IN_WORLD(a_payment_that_cannot_be_found_any_more_is_left_to_a_person),
        cmocka_unit_test(what_the_buyer_did_is_judged_before_the_seats_are_sold),
        cmocka_unit_test(what_was_captured_after_all_is_refunded_and_not_twice),
        IN_WORLD(a_burnt_key_is_left_behind),
        IN_WORLD(an_order_that_costs_nothing_asks_no_provider),
        cmocka_unit_test(a_refund_of_a_part_looks_first_what_was_given_back),
        cmocka_unit_test(a_step_whose_order_cannot_be_read_waits_for_a_person),
        cmocka_unit_test(a_move_whose_seats_cannot_be_read_waits_for_a_person),
        IN_WORLD(orders_that_cannot_be_read_say_nothing_of_their_peer),
        cmocka_unit_test(a_peer_that_could_not_be_understood_is_asked_on),
        IN_WORLD(a_cancelled_order_that_cannot_be_read_tells_nobody_a_status),
        cmocka_unit_test(a_move_whose_order_cannot_be_read_for_want_of_memory_is_made_again),
        IN_WORLD(a_refund_that_is_stuck_says_what_is_void_already),
        IN_WORLD(a_sale_that_is_stuck_has_no_words_of_a_refund),
        IN_WORLD(the_words_for_an_order_follow_its_state_and_cause),
        IN_WORLD(whoever_has_paid_nothing_yet_gets_no_letter_when_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
