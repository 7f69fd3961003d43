/* promise_test.c: promises are compared with what came, and the spread follows. */
#include "core/wait/promise.h"
#include "unit.h"

static struct eta_model told(double p50_per_place)
{
    return (struct eta_model){.basis = ETA_MEASURED,
                              .scale = 1.0,
                              .pace = {p50_per_place, p50_per_place, p50_per_place},
                              .doubt2 = 0.01};
}

/* A line that serves one a second, told as `factor` times that, for `seconds` seconds. */
static void live(struct promise_book *book, double factor, unsigned seconds)
{
    struct line_view view = {.state = LINE_OPEN, .redis_ms = 1000000};
    for (unsigned s = 0; s < seconds; s++) {
        view.redis_ms += 1000;
        view.serving++;
        view.issued = view.serving + 100;
        struct eta_model model = told(factor);
        model.scale = promise_scale(book);
        promise_observe(book, &view, &model);
        assert_true(book->open_len <= PROMISE_OPEN_MAX);
    }
}

static void promises_broken_widen_the_spread_until_nine_in_ten_are_kept(void **state)
{
    (void)state;
    struct promise_book book;
    promise_init(&book);
    live(&book, 0.75, 3000); /* told a quarter too little: the p90 of the model is 85 of 100 */
    assert_true(promise_scale(&book) > 1.5);
    assert_true(book.kept_lately > 0.85);
    assert_true(book.error > 0.2 && book.error < 0.3);
}

static void a_promise_on_a_ticket_is_checked_in_seconds(void **state)
{
    (void)state;
    struct promise_book book;
    promise_init(&book);
    struct promise_kept met = promise_met(&book, 80, 100, 100999);
    assert_true(met.kept);
    assert_int_equal(met.error_milli, 200);
    met = promise_met(&book, 80, 100, 101000);
    assert_false(met.kept);
    assert_int_equal(met.error_milli, 208);
    met = promise_met(&book, 30, 50, 0); /* called at once: ten times a second is the most */
    assert_true(met.kept);
    assert_int_equal(met.error_milli, 10000);
    assert_int_equal(book.told.judged[0], 3);
    assert_int_equal(book.told.kept[0], 2);
    assert_int_equal(book.told.error_milli[0], 200 + 208 + 10000);
    assert_int_equal(book.judged, 0); /* the correction learns from the sample alone */
    live(&book, 1.0, 200);
    assert_int_equal(book.told.judged[0], 3); /* and the sample tells of the way alone */
    assert_true(book.told.judged[1] > 0 && book.told.judged[1] < book.judged);
}

static void a_line_that_stopped_for_good_judges_nobody(void **state)
{
    (void)state;
    struct promise_book book;
    promise_init(&book);
    live(&book, 1.0, 50);
    uint64_t judged = book.judged;
    assert_true(book.open_len > 0);
    struct line_view view = {.state = LINE_SOLD_OUT, .serving = 1000000, .redis_ms = 9000000};
    struct eta_model model = told(1.0);
    promise_observe(&book, &view, &model);
    assert_int_equal(book.open_len, 0);
    assert_int_equal(book.judged, judged);
}

/* What one look at a line notes, and whether it does. */
static uint32_t noted(enum line_state state, bool stale, uint64_t waiting, double pace)
{
    struct promise_book book;
    promise_init(&book);
    struct line_view view = {
        .state = state, .stale = stale, .serving = 5, .issued = 5 + waiting, .redis_ms = 1000000};
    struct eta_model model = told(pace);
    promise_observe(&book, &view, &model);
    assert_true(book.open_len == 0 || book.next_at_ms > view.redis_ms);
    return book.open_len;
}

static void only_a_wait_in_an_open_line_is_a_promise(void **state)
{
    (void)state;
    assert_int_equal(noted(LINE_OPEN, false, 100, 1.0), 1);
    assert_int_equal(noted(LINE_OPEN, true, 100, 1.0), 0);
    assert_int_equal(noted(LINE_PAUSED, false, 100, 1.0), 0);
    assert_int_equal(noted(LINE_OPEN, false, 0, 1.0), 0);    /* nobody waits */
    assert_int_equal(noted(LINE_OPEN, false, 5, 0.001), 0);  /* no wait to speak of */
    assert_int_equal(noted(LINE_DRAFT, false, 100, 1.0), 0); /* and those below end what was */
    assert_int_equal(noted(LINE_SOLD_OUT, false, 100, 1.0), 0);
    assert_int_equal(noted(LINE_CLOSED, false, 100, 1.0), 0);
}

/* Nobody predicts further than a week, so the wait of half of this line, a quarter, ... is all
 * that can be noted of it. It lasts for days: looked at each second, all room would be gone in ten
 * minutes, and nothing be learnt of the days that follow. */
static void
of_a_line_whose_end_nobody_can_tell_places_before_it_are_noted_now_and_then(void **state)
{
    (void)state;
    struct promise_book book;
    promise_init(&book);
    struct line_view view = {.state = LINE_OPEN, .redis_ms = 1000000};
    struct eta_model model = told(1.0);
    for (unsigned s = 0; s < 7200; s++) {
        view.redis_ms += 1000;
        view.serving++;
        view.issued = view.serving + ETA_MAX_S + 9;
        promise_observe(&book, &view, &model);
    }
    assert_in_range(book.open_len, 12, 25);
    for (uint32_t i = 0; i < book.open_len; i++)
        assert_true(book.open[i].later && book.open[i].p50_s < ETA_MAX_S);
}

static void what_nobody_can_say_is_no_promise(void **state)
{
    (void)state;
    struct promise_book book;
    promise_init(&book);
    struct line_view view = {.state = LINE_OPEN, .issued = 100, .redis_ms = 1000000};
    struct eta_model unknown = {.basis = ETA_UNKNOWN, .scale = 1.0};
    promise_observe(&book, &view, &unknown);
    assert_int_equal(book.open_len, 0);
    assert_int_equal(book.turn, 1); /* it looked */
}

/* One place is noted, told to wait ten seconds and twenty at most, and called after so many. */
static void keep(struct promise_book *book, uint64_t real_ms)
{
    struct line_view view = {.state = LINE_OPEN, .redis_ms = 1000000, .issued = 1};
    struct eta_model model = {.basis = ETA_MEASURED,
                              .scale = promise_scale(book),
                              .pace = {10.0, 10.0, 10.0},
                              .doubt2 = 1.0};
    book->turn = 0;
    book->next_at_ms = 0;
    promise_observe(book, &view, &model);
    assert_int_equal(book->open_len, 1);
    view.serving = 1;
    view.redis_ms += real_ms;
    promise_observe(book, &view, &model);
    assert_int_equal(book->open_len, 0);
}

static void a_book_that_has_judged_nobody_corrects_nothing(void **state)
{
    (void)state;
    struct promise_book book;
    promise_init(&book);
    assert_true(promise_scale(&book) == 1.0);
    assert_true(book.kept_lately > 0.9 && book.kept_lately < 0.95); /* as it should be */
    assert_int_equal(book.judged, 0);
}

static void a_wait_that_was_longer_moves_as_far_as_a_dozen_that_were_not(void **state)
{
    (void)state;
    struct promise_book up, down;
    promise_init(&up);
    promise_init(&down);
    keep(&down, 10000);
    keep(&up, 60000);
    assert_true(down.log_scale < 0.0 && up.log_scale > 0.0);
    double misses = -down.log_scale / (up.log_scale - down.log_scale);
    assert_true(misses > 0.07 && misses < 0.09); /* a little less than one in ten */
    assert_int_equal(down.kept, 1);
    assert_int_equal(up.kept, 0);
    assert_true(down.kept_lately == 1.0 && up.kept_lately == 0.0);
    assert_true(down.error == 0.0);
    assert_true(up.error > 0.83 && up.error < 0.834); /* fifty of sixty seconds */
}

static void the_first_hundred_move_it_far_and_the_later_ones_a_little(void **state)
{
    (void)state;
    struct promise_book book;
    promise_init(&book);
    double last = 0.0, first = 0.0, step = 0.0;
    for (unsigned i = 0; i < 150; i++) {
        book.log_scale = 0.0;
        keep(&book, 10000);
        step = -book.log_scale;
        first = i == 0 ? step : first;
        assert_true(i == 0 || step <= last);
        last = step;
    }
    assert_true(first > 12.0 * step && first < 13.0 * step);
    assert_int_equal(book.judged, 150);
}

static void the_correction_has_its_bounds(void **state)
{
    (void)state;
    struct promise_book book;
    promise_init(&book);
    for (unsigned i = 0; i < 200; i++)
        keep(&book, 10000000);
    assert_true(promise_scale(&book) > 7.99 && promise_scale(&book) < 8.01);
    for (unsigned i = 0; i < 3000; i++)
        keep(&book, 1000);
    assert_true(promise_scale(&book) > 0.0999 && promise_scale(&book) < 0.1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_promise_on_a_ticket_is_checked_in_seconds),
        cmocka_unit_test(promises_broken_widen_the_spread_until_nine_in_ten_are_kept),
        cmocka_unit_test(a_line_that_stopped_for_good_judges_nobody),
        cmocka_unit_test(only_a_wait_in_an_open_line_is_a_promise),
        cmocka_unit_test(
            of_a_line_whose_end_nobody_can_tell_places_before_it_are_noted_now_and_then),
        cmocka_unit_test(what_nobody_can_say_is_no_promise),
        cmocka_unit_test(a_book_that_has_judged_nobody_corrects_nothing),
        cmocka_unit_test(a_wait_that_was_longer_moves_as_far_as_a_dozen_that_were_not),
        cmocka_unit_test(the_first_hundred_move_it_far_and_the_later_ones_a_little),
        cmocka_unit_test(the_correction_has_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
