/* keep_test.c: how long a cache may keep the page of those who have no place. */
#include "core/wait/keep.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW_MS = 1000000, KEPT_S = 5 };

static void says(enum line_state state, const struct event_doc *doc, const char *expected)
{
    char memory[128];
    struct text text = text_on(memory, sizeof(memory) - 1);
    struct keep keep = keep_for(state, doc, NOW_MS, KEPT_S);
    keep_put(&text, &keep);
    memory[text.len] = '\0';
    assert_string_equal(memory, expected);
}

static void a_line_that_runs_is_kept_as_set(void **state)
{
    (void)state;
    static const enum line_state all[] = {LINE_DRAFT,  LINE_SCHEDULED, LINE_PRE_QUEUE, LINE_OPEN,
                                          LINE_PAUSED, LINE_FROZEN,    LINE_SOLD_OUT};
    const struct event_doc doc = {.opens_at_ms = NOW_MS - 1};
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        says(all[i], &doc, "public, max-age=5, stale-while-revalidate=5, stale-if-error=60");
}

static void what_is_over_is_kept_longer(void **state)
{
    (void)state;
    const struct event_doc doc = {.closes_at_ms = NOW_MS + 1};
    says(LINE_CLOSED, &doc, "public, max-age=60, stale-while-revalidate=60, stale-if-error=86400");
}

static void nothing_is_kept_a_second_beyond_the_next_time_that_is_known(void **state)
{
    (void)state;
    struct event_doc doc = {
        .prequeue_at_ms = NOW_MS - 1, .opens_at_ms = NOW_MS + 7999, .closes_at_ms = NOW_MS + 9000};
    says(LINE_PRE_QUEUE, &doc, "public, max-age=5, stale-while-revalidate=2, stale-if-error=60");
    doc.opens_at_ms = NOW_MS + 5999;
    says(LINE_SCHEDULED, &doc, "public, max-age=5, stale-if-error=60");
    doc.opens_at_ms = NOW_MS + 1500;
    says(LINE_SCHEDULED, &doc, "public, max-age=1, stale-if-error=60");
    doc.opens_at_ms = NOW_MS + 1;
    says(LINE_SCHEDULED, &doc, "public, max-age=1, stale-if-error=60"); /* kept all the same */
    doc.opens_at_ms = NOW_MS;
    says(LINE_OPEN, &doc, "public, max-age=5, stale-while-revalidate=4, stale-if-error=60");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_runs_is_kept_as_set),
        cmocka_unit_test(what_is_over_is_kept_longer),
        cmocka_unit_test(nothing_is_kept_a_second_beyond_the_next_time_that_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
