/* status_test.c: the answers for everybody and for one visitor, byte by byte. */
#include "core/wait/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct eta_model measured = {.basis = ETA_MEASURED, .pace = {2, 2, 2}};
static char memory[STATUS_BYTES_MAX];

static struct line_view open_line(void)
{
    return (struct line_view){
        .id = "show",
        .state = LINE_OPEN,
        .version = 4,
        .issued = 30,
        .serving = 20,
        .waiting = 9,
    };
}

static struct span me(const struct line_view *view, struct place place)
{
    struct me_ask ask = {.view = view, .eta = &measured, .entry = 25, .place = place};
    struct text text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    assert_false(text.overflown);
    return text_span(&text);
}

static void the_status_has_the_members_of_the_contract(void **state)
{
    (void)state;
    static struct event_doc doc = {.name = "The \"Show\"",
                                   .messages_len = 1,
                                   .message = {{.tag = "en", .len = 2, .text = "hi"}}};
    struct line_view view = open_line();
    view.knobs.rate_milli = 2500;
    struct status_ask ask = {.view = &view, .doc = &doc, .eta = &measured, .poll_after_ms = 10000};
    struct text text = text_on(memory, sizeof(memory));
    status_json(&text, &ask);
    assert_true(span_eq(
        text_span(&text),
        SPAN("{\"event\":\"show\",\"name\":\"The \\\"Show\\\"\",\"state\":\"open\",\"serving\":20,"
             "\"issued\":30,\"waiting\":9,\"rate_per_s\":2.5,\"message\":{\"en\":\"hi\"},"
             "\"version\":4,\"opens_at\":null,\"closes_at\":null,\"poll_after_ms\":10000,\"eta\":[["
             "0,2,2],[1,4,4],"
             "[2,6,6],[5,12,12],[10,22,22]],\"eta_basis\":\"measured\"}")));
}

static void an_old_picture_says_so(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.stale = true;
    struct span json = me(&view, (struct place){.state = PLACE_WAITING, .position = 25});
    assert_true(span_eq((struct span){json.ptr + json.len - 14, 14}, SPAN(",\"stale\":true}")));
}

static void a_waiting_visitor_sees_place_and_wait(void **state)
{
    (void)state;
    struct line_view view = open_line();
    struct place place = {.state = PLACE_WAITING, .position = 25, .ahead = 4};
    assert_true(
        span_eq(me(&view, place),
                SPAN("{\"event\":\"show\",\"state\":\"open\",\"place\":\"waiting\",\"position\":25,"
                     "\"ahead\":4,\"eta\":{\"p50_s\":10,\"p90_s\":10,\"basis\":\"measured\"},"
                     "\"called\":false,\"call_expires_at\":null,\"poll_after_ms\":5000}")));
}

static void a_called_visitor_sees_the_end_of_the_call(void **state)
{
    (void)state;
    struct line_view view = open_line();
    struct place place = {.state = PLACE_CALLED, .position = 12, .call_expires_ms = 1798859045000};
    assert_true(
        span_eq(me(&view, place),
                SPAN("{\"event\":\"show\",\"state\":\"open\",\"place\":\"called\",\"position\":12,"
                     "\"ahead\":0,\"eta\":{\"p50_s\":0,\"p90_s\":0,\"basis\":\"measured\"},"
                     "\"called\":true,\"call_expires_at\":\"2027-01-02T03:04:05.000Z\","
                     "\"extensions_left\":10,\"poll_after_ms\":5000}")));
}

static void a_waiting_visitor_sees_the_odds_and_their_figures(void **state)
{
    (void)state;
    struct line_view view = open_line();
    struct odds odds = {.seats = 120,
                        .taken_sum_milli = 187500,
                        .came_sum_milli = 100000,
                        .known = true,
                        .lanes = 2,
                        .cut = {{24, 27}, {8, 9}}};
    struct me_ask ask = {.view = &view, .eta = &measured, .odds = &odds, .entry = 25};
    static const char *const names[] = {"unlikely", "unsure", "likely"};
    for (uint64_t i = 0; i < 3; i++) {
        ask.place = (struct place){.state = PLACE_WAITING, .position = 24 + 3 * i / 2, .ahead = 4};
        struct text text = text_on(memory, ME_BYTES_MAX);
        status_me_json(&text, &ask);
        char expected[128];
        snprintf(expected, sizeof(expected),
                 "\"odds\":{\"sold_out\":\"%s\",\"seats_left\":120,\"ahead\":4,"
                 "\"seats_per_visitor\":1.875}",
                 names[i]);
        assert_non_null(memmem(text.ptr, text.len, expected, strlen(expected)));
    }
    ask.place = (struct place){.state = PLACE_CALLED, .position = 24};
    struct text text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    assert_null(memmem(text.ptr, text.len, "odds", 4));

    static struct event_doc doc = {.name = "Show"};
    struct status_ask all = {.view = &view, .doc = &doc, .eta = &measured, .odds = &odds};
    text = text_on(memory, sizeof(memory));
    status_json(&text, &all);
    static const char cut[] = "\"odds\":{\"seats_left\":120,\"seats_per_visitor\":1.875,"
                              "\"unlikely_upto\":24,\"likely_from\":27}}";
    assert_true(span_eq((struct span){text.ptr + text.len - strlen(cut), strlen(cut)}, SPAN(cut)));

    /* Those who wait in a lane are judged by the cut of that lane, and the status has each. */
    view.lane = 1;
    ask.place = (struct place){.state = PLACE_WAITING, .position = 9, .ahead = 4};
    text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    static const char lost[] = "\"odds\":{\"sold_out\":\"likely\",";
    assert_non_null(memmem(text.ptr, text.len, lost, strlen(lost)));
    view.lane = 0;
    doc.lanes_len = all.lanes_len = 1;
    doc.lane[0] = (struct event_lane){.id = "fans", .name = "Fans", .share = 30};
    text = text_on(memory, sizeof(memory));
    status_json(&text, &all);
    static const char fans[] = "{\"id\":\"fans\",\"name\":\"Fans\",\"share\":30,"
                               "\"odds\":{\"unlikely_upto\":8,\"likely_from\":9}}";
    assert_non_null(memmem(text.ptr, text.len, fans, strlen(fans)));
}

static void a_visitor_sees_an_entry_before_the_draw(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.state = LINE_PRE_QUEUE;
    struct span json = me(&view, (struct place){.state = PLACE_WAITING, .ahead = 24});
    static const char start[] = "{\"event\":\"show\",\"state\":\"pre-queue\",\"place\":\"waiting\","
                                "\"position\":null,\"entry\":25,\"ahead\":null,";
    assert_true(span_starts(json, SPAN(start)));
}

static void the_longest_answer_fits(void **state)
{
    (void)state;
    struct line_view view = open_line();
    memset(view.id, 'x', LINE_EVENT_ID_MAX);
    view.state = LINE_PRE_QUEUE;
    view.stale = true;
    struct odds most = {INT64_MAX, 0, INT64_MAX, 1, true, 1, {{INT64_MAX - 1, INT64_MAX}}};
    struct me_ask ask = {
        .view = &view,
        .odds = &most,
        .eta = &(struct eta_model){.basis = ETA_MEASURED, .pace = {1e-9, 1e-9, 1e-9}},
        .entry = UINT64_MAX,
        .place = {.state = PLACE_WAITING, .ahead = UINT64_MAX, .call_expires_ms = 1798859045000},
        .ticket = SPAN("AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    };
    struct text text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    assert_false(text.overflown);
}

static void a_frame_is_one_event_of_the_stream(void **state)
{
    (void)state;
    struct text text = text_on(memory, sizeof(memory));
    status_frame(&text, SPAN("{\"a\":1}"), SPAN("tag"));
    assert_true(span_eq(text_span(&text), SPAN("event: status\nid: tag\ndata: {\"a\":1}\n\n")));
}

static bool holds(struct span json, const char *part)
{
    return memmem(json.ptr, json.len, part, strlen(part)) != NULL;
}

static void the_status_has_optional_members_when_they_apply(void **state)
{
    (void)state;
    static struct event_doc doc = {
        .name = "Show",
        .prices = {.len = 1, .currency = "KRW", .price = {{.name = "R", .amount = 5}}}};
    struct line_view view = open_line();
    struct eta_model paused = measured;
    struct status_ask ask = {.view = &view, .doc = &doc, .eta = &paused};
    for (unsigned i = 0; i < 2; i++) {
        struct text text = text_on(memory, sizeof(memory));
        status_json(&text, &ask);
        assert_int_equal(holds(text_span(&text), "\"stale\":true"), i);
        assert_int_equal(holds(text_span(&text), "\"full\":true"), i);
        assert_int_equal(holds(text_span(&text), "\"eta_reason\":\"paused\""), i);
        assert_int_equal(holds(text_span(&text), "\"prices\":{"), 1 - i);
        assert_false(holds(text_span(&text), "\"lanes\""));
        view.stale = true;
        view.knobs.line_max = view.waiting;
        paused.reason = ETA_REASON_PAUSED;
        doc.prices.len = 0;
    }
    view.knobs.line_max = view.waiting + 1;
    struct text text = text_on(memory, sizeof(memory));
    status_json(&text, &ask);
    assert_false(holds(text_span(&text), "\"full\""));
}

static void the_status_has_the_figures_of_each_lane(void **state)
{
    (void)state;
    static struct event_doc doc = {.lanes_len = 2,
                                   .lane = {{.id = "fans", .name = "Fans", .share = 30},
                                            {.id = "press", .name = "Press", .share = 5}}};
    struct line_view view = open_line(), fans = open_line();
    fans.serving = 3;
    fans.knobs.line_max = 1;
    view.knobs.shares = line_lanes_pack((const uint64_t[]){30, 5}, 2);
    struct odds odds = {.known = true, .lanes = 2, .cut = {{1, 2}, {3, 4}}};
    struct status_ask ask = {
        .view = &view, .doc = &doc, .eta = &measured, .lanes_len = 2, .lane = {{&fans, &measured}}};
    struct text text = text_on(memory, sizeof(memory));
    status_json(&text, &ask);
    assert_true(holds(text_span(&text), "\"lanes\":[{\"id\":\"general\",\"name\":\"general\","
                                        "\"share\":65,\"serving\":20,"));
    assert_true(holds(text_span(&text),
                      "{\"id\":\"fans\",\"name\":\"Fans\",\"share\":30,"
                      "\"serving\":3,\"issued\":30,\"waiting\":9,\"full\":true,"));
    assert_true(holds(text_span(&text), "{\"id\":\"press\",\"name\":\"Press\",\"share\":5}]"));
    assert_false(holds(text_span(&text), "likely_from"));
    ask.odds = &odds; /* which know of the first two */
    text = text_on(memory, sizeof(memory));
    status_json(&text, &ask);
    assert_true(holds(text_span(&text), "\"unlikely_upto\":3,\"likely_from\":4}},"
                                        "{\"id\":\"press\",\"name\":\"Press\",\"share\":5}]"));
}

static void a_visitor_sees_optional_members_when_they_apply(void **state)
{
    (void)state;
    struct line_view view = open_line();
    struct eta_model paused = measured;
    paused.reason = ETA_REASON_PAUSED;
    view.state = LINE_PAUSED;
    struct me_ask ask = {.view = &view,
                         .eta = &paused,
                         .entry = 25,
                         .place = {.state = PLACE_WAITING, .position = 25, .ahead = 4}};
    struct text text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    assert_true(holds(text_span(&text), "\"eta_reason\":\"paused\""));
    assert_false(holds(text_span(&text), "lane"));
    assert_false(holds(text_span(&text), "session"));
    assert_false(holds(text_span(&text), "can_join"));

    view.state = LINE_OPEN;
    view.lane = 1;
    view.knobs.shares = line_lanes_pack((const uint64_t[]){30}, 1);
    ask.lane = "fans";
    ask.place = (struct place){.state = PLACE_LATE,
                               .position = 12,
                               .call_expires_ms = 1798859045000,
                               .session_expires_ms = 1798859046000,
                               .session_ends_ms = 1798859047000,
                               .extensions = 3};
    text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    assert_true(holds(text_span(&text), "\"lane\":\"fans\",\"lane_share\":30,"));
    assert_true(holds(text_span(&text), "\"called\":true"));
    assert_true(holds(text_span(&text), "\"extensions_left\":7"));
    assert_true(holds(text_span(&text), "\"session_expires_at\":\"2027-01-02T03:04:06.000Z\","
                                        "\"session_ends_at\":\"2027-01-02T03:04:07.000Z\""));
    assert_false(holds(text_span(&text), "eta_reason"));

    ask.place = (struct place){.state = PLACE_EXPIRED, .position = 12};
    text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    assert_true(holds(text_span(&text), "\"basis\":\"unknown\""));
    assert_true(holds(text_span(&text), "\"called\":false"));
    assert_true(holds(text_span(&text), "\"can_join\":true"));
    view.state = LINE_CLOSED;
    text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    assert_true(holds(text_span(&text), "\"can_join\":false"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_has_the_members_of_the_contract),
        cmocka_unit_test(an_old_picture_says_so),
        cmocka_unit_test(a_waiting_visitor_sees_place_and_wait),
        cmocka_unit_test(a_called_visitor_sees_the_end_of_the_call),
        cmocka_unit_test(a_waiting_visitor_sees_the_odds_and_their_figures),
        cmocka_unit_test(a_visitor_sees_an_entry_before_the_draw),
        cmocka_unit_test(the_longest_answer_fits),
        cmocka_unit_test(a_frame_is_one_event_of_the_stream),
        cmocka_unit_test(the_status_has_optional_members_when_they_apply),
        cmocka_unit_test(the_status_has_the_figures_of_each_lane),
        cmocka_unit_test(a_visitor_sees_optional_members_when_they_apply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
