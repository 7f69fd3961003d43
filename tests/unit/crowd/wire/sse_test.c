/* sse_test.c: a stream says the same however its bytes are cut. */
#include "limits.h"
#include "wire/sse.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char stream_text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                                  "event: status\nid: 4\ndata: {\"serving\":1}\n\n"
                                  ":\n\n"
                                  "event: status\nid: 5\ndata: {\"serving\":22}\n\n"
                                  "data:{\"serving\":333}\n\n";
static const char heard[] = "{\"serving\":1}|{\"serving\":22}|{\"serving\":333}|";

static void on_data(void *ctx, struct span data)
{
    char *all = ctx;
    snprintf(all + strlen(all), 256 - strlen(all), "%.*s|", (int)data.len, data.ptr);
}

static void events_come_whole_wherever_the_bytes_are_cut(void **state)
{
    (void)state;
    size_t len = sizeof(stream_text) - 1;
    for (size_t step = 1; step <= len; step++) {
        struct sse sse = {0};
        char all[256] = "";
        for (size_t at = 0; at < len; at += step) {
            struct span piece = {stream_text + at, step < len - at ? step : len - at};
            assert_true(sse_feed(&sse, piece, on_data, all));
        }
        assert_string_equal(all, heard);
        assert_int_equal(sse.events, 3);
        assert_int_equal(sse.status, 200);
        assert_null(sse.rest); /* nothing is kept between whole events */
        sse_deinit(&sse);
    }
}

static void random_cuts_change_nothing(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (int round = 0; round < 500; round++) {
        struct sse sse = {0};
        char all[256] = "";
        size_t at = 0, len = sizeof(stream_text) - 1;
        while (at < len) {
            size_t step = 1 + rng_below(&rng.rng, 60);
            step = step < len - at ? step : len - at;
            assert_true(sse_feed(&sse, (struct span){stream_text + at, step}, on_data, all));
            at += step;
        }
        assert_string_equal(all, heard);
        sse_deinit(&sse);
    }
}

static void answer_that_is_no_stream_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {
        "HTTP/1.1 404 Not Found\r\n\r\n{}",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
    };
    char all[256] = "";
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sse sse = {0};
        assert_false(sse_feed(&sse, span_of(bad[i]), on_data, all));
        sse_deinit(&sse);
    }
    assert_string_equal(all, "");
}

static void an_event_without_end_is_refused_in_time(void **state)
{
    (void)state;
    struct sse sse = {0};
    char all[256] = "", piece[1000];
    memset(piece, 'x', sizeof(piece));
    assert_true(sse_feed(&sse, SPAN("HTTP/1.1 200 OK\r\n\r\ndata: "), on_data, all));
    size_t taken = 0;
    while (sse_feed(&sse, (struct span){piece, sizeof(piece)}, on_data, all))
        taken += sizeof(piece);
    assert_true(taken <= SSE_EVENT_MAX);
    sse_deinit(&sse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_whole_wherever_the_bytes_are_cut),
        cmocka_unit_test(random_cuts_change_nothing),
        cmocka_unit_test(answer_that_is_no_stream_is_refused),
        cmocka_unit_test(an_event_without_end_is_refused_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
