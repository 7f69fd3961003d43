/* crowd_parts_test.c: the small parts of the crowd: what it reads, when it acts, where it sits. */
#include "limits.h"
#include "scenario/scenario.h"
#include "scenario/schedule.h"
#include "visitor/hall.h"
#include "visitor/passes.h"
#include "visitor/peek.h"

#include "unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void members_of_an_answer_are_found(void **state)
{
    (void)state;
    struct span json = SPAN("{\"a\":12,\"b\": \"text\",\"c\":true,\"d\":null,\"e\":[\"x\",\"y\"]}");
    uint64_t number;
    bool truth;
    struct span text, list[4];
    assert_true(peek_u64(json, "a", &number) && number == 12);
    assert_false(peek_u64(json, "b", &number));
    assert_false(peek_u64(json, "d", &number));
    assert_false(peek_u64(json, "z", &number));
    assert_true(peek_str(json, "b", &text));
    assert_span(text, "text");
    assert_false(peek_str(json, "a", &text));
    assert_true(peek_bool(json, "c", &truth) && truth);
    assert_false(peek_bool(json, "a", &truth));
    assert_int_equal(peek_strs(json, "e", list, 4), 2);
    assert_span(list[1], "y");
    assert_int_equal(peek_strs(json, "e", list, 1), 1);
    assert_int_equal(peek_strs(json, "a", list, 4), 0);
    assert_false(peek_str(SPAN("{\"b\":\"cut"), "b", &text));
}

static void step_of_a_timeline_is_found_by_its_result(void **state)
{
    (void)state;
    struct span json = SPAN("{\"status\":\"completed\",\"timeline\":["
                            "{\"step\":\"end_session\",\"way\":\"do\",\"result\":\"unknown\"},"
                            "{\"step\":\"end_session\",\"way\":\"do\",\"result\":\"skipped\"},"
                            "{\"step\":\"hand_over\",\"way\":\"do\",\"result\":\"done\"}]}");
    assert_true(peek_step(json, "end_session", "unknown"));
    assert_true(peek_step(json, "end_session", "skipped"));
    assert_false(peek_step(json, "end_session", "done"));
    assert_true(peek_step(json, "hand_over", "done"));
    assert_false(peek_step(json, "capture", "done"));
    assert_false(peek_step(SPAN("{\"timeline\":[]}"), "capture", "done"));
}

static void due_visitors_come_in_order(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    enum { MANY = 5000 };
    struct schedule *schedule = schedule_create(7); /* it grows */
    for (uint32_t i = 0; i < MANY; i++) {
        struct due due = {rng_below(&rng.rng, 1000), i, i + 1};
        schedule_add(schedule, &due);
    }
    struct due due;
    uint64_t before = 0;
    uint32_t taken = 0;
    while (schedule_take(schedule, 500, &due)) {
        assert_true(due.at_us >= before && due.at_us <= 500);
        assert_int_equal(due.turn, due.visitor + 1);
        before = due.at_us;
        taken++;
    }
    while (schedule_take(schedule, UINT64_MAX, &due)) {
        assert_true(due.at_us > 500);
        taken++;
    }
    assert_int_equal(taken, MANY);
    schedule_destroy(schedule);
}

static void seats_are_chosen_side_by_side_among_the_free(void **state)
{
    (void)state;
    struct span plan = SPAN("{\"zones\":[{\"rows\":[{\"seats\":[{\"id\":\"a1\"},{\"id\":\"a2\"},"
                            "{\"id\":\"a3\"}]},{\"seats\":[{\"id\":\"b1\"},{\"id\":\"b2\"}]}]}]}");
    struct err_slot err;
    struct hall *hall;
    assert_int_equal(hall_parse(plan, &err, &hall), 0);
    assert_int_equal(hall_seats(hall), 5);
    assert_string_equal(hall_seat_id(hall, 3), "b1");
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    /* a2 is held: of two side by side only b1 and b2 are left */
    struct span states = {"\x04\x00", 2};
    uint32_t chosen[4];
    for (int i = 0; i < 20; i++) {
        assert_true(hall_choose(hall, states, 2, &rng.rng, chosen));
        assert_int_equal(chosen[0], 3);
        assert_int_equal(chosen[1], 4);
    }
    assert_false(hall_choose(hall, states, 3, &rng.rng, chosen));
    assert_false(hall_choose(hall, (struct span){"\x00", 1}, 1, &rng.rng, chosen));
    hall_destroy(hall);

    plan = SPAN("{\"zones\":[{\"rows\":[{\"seats\":[{\"id\":\"a1\",\"channel\":\"house\"},"
                "{\"id\":\"a2\",\"flags\":[\"aisle\"]},{\"id\":\"a3\"},"
                "{\"id\":\"a4\",\"flags\":[\"accessible\"]}]}]}]}");
    assert_int_equal(hall_parse(plan, &err, &hall), 0);
    states = (struct span){"\x00", 1};
    for (int i = 0; i < 20; i++) { /* a1 and a4 are kept for others */
        assert_true(hall_choose(hall, states, 2, &rng.rng, chosen));
        assert_int_equal(chosen[0], 1);
    }
    assert_false(hall_choose(hall, states, 3, &rng.rng, chosen));
    hall_destroy(hall);
    assert_true(hall_parse(SPAN("{}"), &err, &hall) < 0);
    assert_true(hall_parse(SPAN("{"), &err, &hall) < 0);
}

static int load(const char *text, bool foreign, struct err_slot *err)
{
    static struct scenario scenario;
    char *path = unit_file(span_of(text), 0600);
    int rc = scenario_load(path, NULL, foreign, err, &scenario);
    unit_file_remove(path);
    return rc;
}

static void scenario_is_validated_before_it_runs(void **state)
{
    (void)state;
    struct err_slot err;
    assert_int_equal(load("[crowd]\nvisitors = 10\n[journey]\nto = pass\n", false, &err), 0);
    assert_true(load("[crowd]\nvisitors = 10\nvisitor = 3\n", false, &err) < 0);
    assert_says(&err, ":3");
    assert_says(&err, "visitor");
    assert_true(load("[journey]\nto = moon\n", false, &err) < 0);
    assert_says(&err, ":2");
    assert_true(load("[journey]\nto = order\n", false, &err) < 0);
    assert_says(&err, "users_file");
    assert_true(load("[journey]\nto = pass\n[crowd]\nvisitors = 1\nprocesses = 2\n", false, &err) <
                0);
}

static void scenario_at_the_seats_names_the_settings_it_needs(void **state)
{
    (void)state;
    struct err_slot err;
    assert_true(load("[journey]\nto = sold\n", false, &err) < 0);
    assert_says(&err, "service_token_file");
    assert_true(load("[journey]\nto = pass\n[targets]\npasses_file = p\n", false, &err) < 0);
    assert_says(&err, "passes_file");
    /* A scenario without a waiting room need not say where it is. */
    const char *text = "[journey]\nto = sold\n[targets]\npasses_file = p\nqueue = -\n"
                       "service_token_file = t\n";
    assert_int_equal(load(text, false, &err), 0);
    assert_true(load("[journey]\nto = hold\n[targets]\npasses_file = p\n[people]\nreuser = 1\n",
                     false, &err) < 0);
    assert_says(&err, "reuser");
}

static void passes_are_one_a_line_and_shared_when_they_are_few(void **state)
{
    (void)state;
    struct err_slot err;
    struct passes *passes;
    char *path = unit_file(SPAN("one\ntwo\nthree\n"), 0600);
    assert_int_equal(passes_read(path, &err, &passes), 0);
    assert_span(passes_of(passes, 0), "one");
    assert_span(passes_of(passes, 2), "three");
    assert_span(passes_of(passes, 4), "two");
    passes_destroy(passes);
    unit_file_remove(path);

    static char long_line[VISITOR_TOKEN_MAX + 2];
    memset(long_line, 'x', VISITOR_TOKEN_MAX);
    const struct {
        struct span text;
        const char *says;
    } bad[] = {{SPAN(""), "no pass"},
               {SPAN("one\n\ntwo\n"), "line 2: a pass is missing"},
               {{long_line, VISITOR_TOKEN_MAX}, "line 1: longer"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        path = unit_file(bad[i].text, 0600);
        assert_true(passes_read(path, &err, &passes) < 0);
        assert_says(&err, bad[i].says);
        unit_file_remove(path);
    }
    assert_true(passes_read("/no/such/file", &err, &passes) < 0);
    assert_says(&err, "/no/such/file");
}

static void scenario_that_needs_too_many_files_is_refused(void **state)
{
    (void)state;
    struct err_slot err;
    const char *text = "[journey]\nto = pass\n[crowd]\nvisitors = 40000\nprocesses = %u\n"
                       "[people]\nlistener = 100\n";
    char few[256], enough[256];
    snprintf(few, sizeof(few), text, 2u);
    snprintf(enough, sizeof(enough), text, 3u);
    assert_true(load(few, false, &err) < 0);
    assert_says(&err, "20000 streams");
    assert_int_equal(load(enough, false, &err), 0);
    assert_true(load("[journey]\nto = pass\n[crowd]\narrivals = curve\n", false, &err) < 0);
    assert_says(&err, "curve_file");
}

static void targets_are_lists_where_there_may_be_several(void **state)
{
    (void)state;
    struct err_slot err;
    struct sockaddr_in to;
    const char *list = "127.0.0.1:81, 127.0.0.2:82";
    assert_true(scenario_target(list, 1, &to));
    assert_int_equal(ntohs(to.sin_port), 82);
    assert_int_equal(ntohl(to.sin_addr.s_addr), 0x7F000002);
    assert_false(scenario_target(list, 2, &to));
    assert_int_equal(
        load("[journey]\nto = pass\n[targets]\nqueue = 127.0.0.1:81,127.0.0.2:82\n", false, &err),
        0);
    assert_true(load("[journey]\nto = hold\n[targets]\nseats = 127.0.0.1:81,127.0.0.2:82\n", false,
                     &err) < 0);
    assert_says(&err, "seats: 2 addresses");
    assert_int_equal(
        load("[journey]\nto = pass\n[targets]\nqueue = 127.0.0.1:81,192.0.2.1:80\n", false, &err),
        ERR_AUTH);
    /* The network that is kept for load tests. */
    assert_int_equal(load("[journey]\nto = pass\n[targets]\nqueue = 198.19.3.4:80\n", false, &err),
                     0);
    assert_int_equal(load("[journey]\nto = pass\n[targets]\nqueue = 198.20.0.1:80\n", false, &err),
                     ERR_AUTH);
}

static void effective_settings_are_printed_as_json(void **state)
{
    (void)state;
    struct err_slot err;
    static struct scenario scenario;
    static char memory[65536];
    char *path = unit_file(SPAN("[journey]\nto = pass\n[people]\nhoarder = 7\n[stage]\n"
                                "begins = draw\nkill_every = 3s\n"),
                           0600);
    assert_int_equal(scenario_load(path, NULL, false, &err, &scenario), 0);
    unit_file_remove(path);
    assert_int_equal(scenario.share[MANNER_HOARDER], 7);
    struct text text = text_on(memory, sizeof(memory));
    scenario_print(&scenario, &text);
    uint64_t number;
    struct span word;
    assert_false(text.overflown);
    assert_true(peek_u64(text_span(&text), "hoarder", &number) && number == 7);
    assert_true(peek_u64(text_span(&text), "kill_every", &number) && number == 3000);
    assert_true(peek_str(text_span(&text), "begins", &word));
    assert_span(word, "draw");
    assert_non_null(strstr(memory, "\"page\":false"));
}

static void strangers_are_not_attacked(void **state)
{
    (void)state;
    struct err_slot err;
    const char *text = "[journey]\nto = pass\n[targets]\nqueue = 192.0.2.1:80\n";
    assert_int_equal(load(text, false, &err), ERR_AUTH);
    assert_says(&err, "--i-own-this-host");
    assert_int_equal(load(text, true, &err), 0);
    assert_int_equal(load("[journey]\nto = pass\n[targets]\nqueue = localhost:80\n", false, &err),
                     ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_an_answer_are_found),
        cmocka_unit_test(step_of_a_timeline_is_found_by_its_result),
        cmocka_unit_test(due_visitors_come_in_order),
        cmocka_unit_test(seats_are_chosen_side_by_side_among_the_free),
        cmocka_unit_test(scenario_is_validated_before_it_runs),
        cmocka_unit_test(scenario_at_the_seats_names_the_settings_it_needs),
        cmocka_unit_test(passes_are_one_a_line_and_shared_when_they_are_few),
        cmocka_unit_test(scenario_that_needs_too_many_files_is_refused),
        cmocka_unit_test(targets_are_lists_where_there_may_be_several),
        cmocka_unit_test(effective_settings_are_printed_as_json),
        cmocka_unit_test(strangers_are_not_attacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
