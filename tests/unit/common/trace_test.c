/* trace_test.c: W3C traceparent, to the byte. */
#include "unit.h"

#include "observe/trace.h"

static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static void a_good_header_is_read_and_written_back(void **state)
{
    (void)state;
    struct trace trace;
    assert_true(trace_parse(SPAN(good), &trace));
    assert_int_equal(0x4b, trace.trace_id[0]);
    assert_int_equal(0x36, trace.trace_id[15]);
    assert_int_equal(0xb7, trace.span_id[7]);
    char memory[TRACE_TEXT_LEN];
    struct text text = text_on(memory, sizeof(memory));
    trace_put(&text, &trace);
    assert_span(text_span(&text), good);
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "00",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                                      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                      "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
                                      "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
                                      " 0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
    struct trace trace;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (trace_parse(span_of(bad[i]), &trace))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void a_later_version_is_read_as_far_as_it_is_known(void **state)
{
    (void)state;
    struct trace trace;
    assert_true(
        trace_parse(SPAN("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what"), &trace));
    assert_int_equal(1, trace.flags);
    assert_true(
        trace_parse(SPAN("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02"), &trace));
    assert_int_equal(0, trace.flags);
}

static void a_trace_is_continued_with_a_span_of_our_own(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    struct trace theirs, ours;
    assert_true(trace_parse(SPAN(good), &theirs));
    ours = trace_continue(SPAN(good), &rng.rng);
    assert_memory_equal(theirs.trace_id, ours.trace_id, sizeof(ours.trace_id));
    assert_memory_not_equal(theirs.span_id, ours.span_id, sizeof(ours.span_id));
    assert_int_equal(1, ours.flags);
}

static void without_a_good_header_a_new_trace_begins(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    struct trace a = trace_continue((struct span){NULL, 0}, &rng.rng);
    struct trace b = trace_continue(SPAN("nonsense"), &rng.rng);
    assert_memory_not_equal(a.trace_id, b.trace_id, sizeof(a.trace_id));
    char memory[TRACE_TEXT_LEN];
    struct text text = text_on(memory, sizeof(memory));
    trace_put(&text, &a);
    struct trace back;
    assert_true(trace_parse(text_span(&text), &back));
}

static void fill_zero_then_one(void *ctx, void *out, size_t len)
{
    unsigned *calls = ctx;
    memset(out, (*calls)++ == 0 ? 0 : 1, len);
}

static void an_id_of_zeros_is_drawn_again(void **state)
{
    (void)state;
    unsigned calls = 0;
    struct rng rng = {fill_zero_then_one, &calls};
    struct trace trace = trace_new(&rng);
    assert_int_equal(1, trace.trace_id[0]);
    assert_int_equal(3, calls);
}

static void noise_is_survived_and_what_is_taken_is_written_the_same(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned round = 0; round < 50000; round++) {
        char in[80], memory[TRACE_TEXT_LEN];
        size_t len = unit_mutate(&rng.rng, SPAN(good), in, sizeof(in));
        struct trace trace;
        if (!trace_parse((struct span){in, len}, &trace) || in[0] != '0' || in[1] != '0')
            continue;
        struct text text = text_on(memory, sizeof(memory));
        trace_put(&text, &trace);
        assert_memory_equal(in, memory, TRACE_TEXT_LEN - 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_header_is_read_and_written_back),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(a_later_version_is_read_as_far_as_it_is_known),
        cmocka_unit_test(a_trace_is_continued_with_a_span_of_our_own),
        cmocka_unit_test(without_a_good_header_a_new_trace_begins),
        cmocka_unit_test(an_id_of_zeros_is_drawn_again),
        cmocka_unit_test(noise_is_survived_and_what_is_taken_is_written_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
