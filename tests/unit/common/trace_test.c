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

static void headers_are_read_or_refused(void **state)
{
    (void)state;
    enum { REFUSED = -1 };
    static const struct {
        const char *text;
        int flags;
    } rows[] = {
        {good, 1},
        /* a later version is read as far as it is known */
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what", 1},
        {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", 0},
        {"", REFUSED},
        {"00", REFUSED},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", REFUSED},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", REFUSED},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", REFUSED},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", REFUSED},
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", REFUSED},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", REFUSED},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", REFUSED},
        {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", REFUSED},
        {"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", REFUSED},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", REFUSED},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01", REFUSED},
        {"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", REFUSED},
        {" 0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", REFUSED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trace trace;
        if ((trace_parse(span_of(rows[i].text), &trace) ? trace.flags : REFUSED) != rows[i].flags)
            fail_msg("\"%s\"", rows[i].text);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_header_is_read_and_written_back),
        cmocka_unit_test(headers_are_read_or_refused),
        cmocka_unit_test(a_trace_is_continued_with_a_span_of_our_own),
        cmocka_unit_test(without_a_good_header_a_new_trace_begins),
        cmocka_unit_test(an_id_of_zeros_is_drawn_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
