/* crowd_parts_test.c: the small parts of the crowd: its input, arrival times, choice of seats,
 * proofs of work, event streams. tests/integration/visit tests the responses, with a crowd that
 * visits a whole stack. */
#include "limits.h"
#include "scenario/scenario.h"
#include "scenario/schedule.h"
#include "visitor/hall.h"
#include "visitor/passes.h"
#include "visitor/solve.h"
#include "wire/sse.h"

#include "unit.h"

#include <arpa/inet.h>
#include <sodium.h>

enum { ANY = 1 }; /* any error */

TEST_CASE(due_visitors_come_in_order)
{
    const struct rng *rng = unit_rng();
    enum { MANY = 5000 };
    static struct schedule *schedule; /* kept until the program ends, as a crowd's is */
    schedule = schedule_create(7);    /* it grows */
    for (uint32_t i = 0; i < MANY; i++)
        schedule_add(schedule, &(struct due){rng_below(rng, 1000), i, i + 1});
    struct due due;
    uint64_t before = 0;
    uint32_t taken = 0;
    for (uint64_t now_us = 500; now_us < 2000; now_us += 1000) {
        for (; schedule_take(schedule, now_us, &due); taken++) {
            assert_true(due.at_us >= before && due.at_us <= now_us);
            assert_int_equal(due.turn, due.visitor + 1);
            before = due.at_us;
        }
        before = now_us + 1; /* all visitors due by now have arrived */
    }
    assert_int_equal(taken, MANY);
}

TEST_CASE(visitors_come_in_the_shape_of_their_rush)
{
    enum { MANY = 20000 };
    static struct scenario scenario = {.within_ms = 100000, .visitors = MANY};
    static const struct {
        enum scenario_arrivals kind;
        unsigned before_s;
        double share;
    } rows[] = {
        {ARRIVALS_SPIKE, 10, 0.5},   {ARRIVALS_SPIKE, 55, 0.75},  {ARRIVALS_SPIKE, 100, 1},
        {ARRIVALS_POISSON, 10, 0.1}, {ARRIVALS_POISSON, 50, 0.5}, {ARRIVALS_EVEN, 25, 0.25},
    };
    uint64_t seed = unit_seed();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rng_seeded one, two;
        unsigned before = 0;
        rng_seeded_init(&one, seed);
        rng_seeded_init(&two, seed);
        scenario.arrivals = rows[i].kind;
        for (unsigned n = 0; n < MANY; n++) {
            uint64_t at_us = scenario_arrival_us(&scenario, n, &one.rng);
            before += at_us < rows[i].before_s * UINT64_C(1000000);
            if (n < 100) /* a seed always gives the same crowd */
                assert_int_equal(at_us, scenario_arrival_us(&scenario, n, &two.rng));
        }
        /* At most five standard deviations; nobody arrives after the end. */
        unsigned want = (unsigned)(rows[i].share * MANY), slack = want == MANY ? 0 : 354;
        assert_in_range(before, want - slack, want + slack);
    }
}

TEST_CASE(seats_are_chosen_side_by_side_among_the_free)
{
    struct span plan = SPAN("{\"zones\":[{\"rows\":[{\"seats\":[{\"id\":\"a1\"},{\"id\":\"a2\"},"
                            "{\"id\":\"a3\"}]},{\"seats\":[{\"id\":\"b1\"},{\"id\":\"b2\"}]}]}]}");
    struct err_slot err;
    struct hall *hall;
    assert_int_equal(hall_parse(plan, &err, &hall), 0);
    assert_string_equal(hall_seat_id(hall, 3), "b1");
    const struct rng *rng = unit_rng();
    /* a2 is held: of two side by side only b1 and b2 are left */
    struct span states = {"\x04\x00", 2};
    uint32_t chosen[4];
    for (int i = 0; i < 20; i++) {
        assert_true(hall_choose(hall, states, 2, rng, chosen));
        assert_int_equal(chosen[0], 3);
        assert_int_equal(chosen[1], 4);
    }
    assert_false(hall_choose(hall, states, 3, rng, chosen));
    assert_false(hall_choose(hall, (struct span){"\x00", 1}, 1, rng, chosen));
    hall_destroy(hall);

    plan = SPAN("{\"zones\":[{\"rows\":[{\"seats\":[{\"id\":\"a1\",\"channel\":\"house\"},"
                "{\"id\":\"a2\",\"flags\":[\"aisle\"]},{\"id\":\"a3\"},"
                "{\"id\":\"a4\",\"flags\":[\"accessible\"]}]}]}]}");
    assert_int_equal(hall_parse(plan, &err, &hall), 0);
    states = (struct span){"\x00", 1};
    for (int i = 0; i < 20; i++) { /* a1 and a4 are reserved for others */
        assert_true(hall_choose(hall, states, 2, rng, chosen));
        assert_int_equal(chosen[0], 1);
    }
    assert_false(hall_choose(hall, states, 3, rng, chosen));
    hall_destroy(hall);
    assert_true(hall_parse(SPAN("{}"), &err, &hall) < 0);
    assert_true(hall_parse(SPAN("{"), &err, &hall) < 0);
}

static int load(const char *text, bool foreign, struct err_slot *err, struct scenario *out)
{
    char *path = unit_file(span_of(text), 0600);
    int rc = scenario_load(path, NULL, foreign, err, out);
    unit_file_remove(path);
    return rc;
}

#define TO(STOP)      "[journey]\nto = " STOP "\n"
#define QUEUE(PLACES) TO("pass") "[targets]\nqueue = " PLACES "\n"
#define CROWD(LINES)  TO("pass") "[crowd]\n" LINES
#define STREAMS(PROCESSES)                                                                         \
    CROWD("visitors = 40000\nprocesses = " PROCESSES "\n[people]\nlistener = 100\n")

TEST_CASE(scenario_is_validated_before_it_runs)
{
    static struct scenario scenario;
    static const struct {
        const char *text;
        int rc; /* ANY: any error */
        const char *says[2];
    } rows[] = {
        {"[crowd]\nvisitors = 10\n" TO("pass"), 0, {""}},
        {"[crowd]\nvisitors = 10\nvisitor = 3\n", ANY, {":3", "visitor"}},
        {TO("moon"), ANY, {":2"}},
        {TO("order"), ANY, {"users_file"}},
        {CROWD("visitors = 1\nprocesses = 2\n"), ANY, {""}},
        {CROWD("arrivals = curve\n"), ANY, {"arrivals"}},
        {TO("sold"), ANY, {"service_token_file"}},
        {TO("pass") "[targets]\npasses_file = p\n", ANY, {"passes_file"}},
        /* A scenario without a waiting room does not need its address. */
        {TO("sold") "[targets]\npasses_file = p\nqueue = -\nservice_token_file = t\n", 0, {""}},
        {TO("hold") "[targets]\npasses_file = p\n[people]\nreuser = 1\n", ANY, {"reuser"}},
        {STREAMS("2"), ANY, {"20000 streams"}},
        {STREAMS("3"), 0, {""}},
        {QUEUE("127.0.0.1:81,127.0.0.2:82"), 0, {""}},
        {TO("hold") "[targets]\nseats = 127.0.0.1:81,127.0.0.2:82\n", ANY, {"seats: 2 addresses"}},
        /* Hosts of others, and the network reserved for load tests. */
        {QUEUE("127.0.0.1:81,192.0.2.1:80"), ERR_AUTH, {"--i-own-this-host"}},
        {QUEUE("198.20.0.1:80"), ERR_AUTH, {""}},
        {QUEUE("198.19.3.4:80"), 0, {""}},
        {QUEUE("localhost:80"), ERR_SYNTAX, {""}},
    };
    struct err_slot err;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc = load(rows[i].text, false, &err, &scenario);
        if (rows[i].rc == ANY ? rc >= 0 : rc != rows[i].rc)
            fail_msg("%s: %d", rows[i].text, rc);
        for (int part = 0; rc < 0 && part < 2 && rows[i].says[part] != NULL; part++)
            assert_says(&err, rows[i].says[part]);
    }
    assert_int_equal(load(QUEUE("192.0.2.1:80"), true, &err, &scenario), 0);
    struct sockaddr_in to;
    assert_true(scenario_target("127.0.0.1:81, 127.0.0.2:82", 1, &to));
    assert_int_equal(ntohs(to.sin_port), 82);
    assert_int_equal(ntohl(to.sin_addr.s_addr), 0x7F000002);
    assert_false(scenario_target("127.0.0.1:81, 127.0.0.2:82", 2, &to));
}

TEST_CASE(passes_are_one_a_line_and_shared_when_they_are_few)
{
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

TEST_CASE(proof_of_work_has_the_required_zero_bits)
{
    uint64_t n;
    assert_true(solve(SPAN("a-challenge-of-forty-characters-or-there"), 12, 1 << 20, &n));
    for (uint64_t tried = 0; tried <= n; tried++) { /* it is the first that has them */
        char text[96];
        unsigned char hash[crypto_hash_sha256_BYTES];
        int len =
            snprintf(text, sizeof(text), "a-challenge-of-forty-characters-or-there.%lu", tried);
        crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned)len);
        assert_int_equal(hash[0] == 0 && hash[1] >> 4 == 0, tried == n);
    }
    assert_false(solve(SPAN("a-challenge-of-forty-characters-or-there"), 60, 100, &n));
}

static const char stream_text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                                  "event: status\nid: 4\ndata: {\"serving\":1}\n\n"
                                  ":\n\n"
                                  "event: status\nid: 5\ndata: {\"serving\":22}\n\n"
                                  "data:{\"serving\":333}\n\n";
static const char sent[] = "{\"serving\":1}|{\"serving\":22}|{\"serving\":333}|";

static void on_data(void *ctx, struct span data)
{
    char *all = ctx;
    snprintf(all + strlen(all), 256 - strlen(all), "%.*s|", (int)data.len, data.ptr);
}

/* Feeds the stream in pieces of these lengths, or of random ones. */
static void feed(size_t step, const struct rng *rng)
{
    struct sse sse = {0};
    char all[256] = "";
    for (size_t at = 0, len = sizeof(stream_text) - 1; at < len; at += step) {
        step = rng != NULL ? 1 + rng_below(rng, 60) : step;
        step = step < len - at ? step : len - at;
        assert_true(sse_feed(&sse, (struct span){stream_text + at, step}, on_data, all));
    }
    assert_string_equal(all, sent);
    assert_int_equal(sse.events, 3);
    assert_int_equal(sse.status, 200);
    assert_null(sse.rest); /* nothing is buffered between whole events */
    sse_deinit(&sse);
}

TEST_CASE(events_are_parsed_whole_wherever_the_bytes_are_cut)
{
    const struct rng *rng = unit_rng();
    for (size_t step = 1; step < sizeof(stream_text); step++)
        feed(step, NULL);
    for (int round = 0; round < 500; round++)
        feed(0, rng);
}

TEST_CASE(an_invalid_or_endless_stream_is_refused)
{
    const char *bad[] = {
        "HTTP/1.1 404 Not Found\r\n\r\n{}",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
    };
    char all[256] = "", piece[1000];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sse sse = {0};
        assert_false(sse_feed(&sse, span_of(bad[i]), on_data, all));
        sse_deinit(&sse);
    }
    struct sse sse = {0};
    memset(piece, 'x', sizeof(piece));
    assert_true(sse_feed(&sse, SPAN("HTTP/1.1 200 OK\r\n\r\ndata: "), on_data, all));
    size_t taken = 0;
    while (sse_feed(&sse, (struct span){piece, sizeof(piece)}, on_data, all))
        taken += sizeof(piece);
    assert_true(taken <= SSE_EVENT_MAX);
    sse_deinit(&sse);
    assert_string_equal(all, "");
}
