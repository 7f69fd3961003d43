/* refusals_test.c: what the rows of refusals.h promise: a status, a Retry-After where one belongs,
 * a row for each reason of the journal, and for each text a sentence in every language of the
 * hall's page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/call.h"

#include <stdio.h>
#include <string.h>

static const char *const pages[] = {
#include "seat-service/web/text.en.inc"
    ,
#include "seat-service/web/text.ko.inc"
};

static void who_may_come_back_is_told_when(void **state)
{
    (void)state;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct call_refusal row = call_refusal(i);
        assert_in_range(row.status, 400, 503);
        assert_true(strlen(row.code) > 0);
        assert_int_equal(row.retry_after_s > 0, row.status == 429 || row.status == 503);
    }
}

static void each_reason_of_the_journal_is_told_in_its_own_word(void **state)
{
    (void)state;
    assert_null(journal_reason_name(JOURNAL_REASON_NONE));
    for (enum journal_reason i = JOURNAL_REASON_STARTING; i < JOURNAL_REASON_COUNT; i++) {
        struct call_refusal row = call_refusal(
            (enum refusal)(REFUSAL_AWAY_STARTING + (int)i - (int)JOURNAL_REASON_STARTING));
        assert_string_equal(row.code, journal_reason_name(i));
    }
}

static void what_a_visitor_meets_is_told_in_every_language(void **state)
{
    static const char *const begins[] = {NULL, "error", "gone"};
    (void)state;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct call_refusal row = call_refusal(i);
        char line[80];
        if (row.text == REFUSAL_TEXT_NONE)
            continue;
        snprintf(line, sizeof(line), "\n%s.%s = ", begins[row.text], row.code);
        for (unsigned page = 0; page < sizeof(pages) / sizeof(pages[0]); page++)
            if (strstr(pages[page], line) == NULL)
                fail_msg("page %u says nothing to %s", page, row.code);
    }
}

static bool is_met(const char *code, size_t len)
{
    static const char *const by_the_page[] = {"other", "offline"};
    for (unsigned i = 0; i < sizeof(by_the_page) / sizeof(by_the_page[0]); i++) {
        if (strlen(by_the_page[i]) == len && memcmp(by_the_page[i], code, len) == 0)
            return true;
    }
    for (enum engine_verdict i = ENGINE_SAME + 1; i < ENGINE_VERDICT_COUNT; i++) {
        const char *name = engine_verdict_name(i);
        if (strlen(name) == len && memcmp(name, code, len) == 0)
            return true;
    }
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct call_refusal row = call_refusal(i);
        if (row.text == REFUSAL_TEXT_ERROR && strlen(row.code) == len &&
            memcmp(row.code, code, len) == 0)
            return true;
    }
    return false;
}

static void no_text_is_written_that_nobody_is_told(void **state)
{
    (void)state;
    static const char before[] = "\nerror.";
    unsigned texts = 0;
    for (const char *at = pages[0]; (at = strstr(at, before)) != NULL; texts++) {
        at += sizeof(before) - 1;
        size_t len = strcspn(at, " ");
        if (!is_met(at, len))
            fail_msg("nothing is refused as %.*s", (int)len, at);
    }
    assert_true(texts > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_come_back_is_told_when),
        cmocka_unit_test(each_reason_of_the_journal_is_told_in_its_own_word),
        cmocka_unit_test(what_a_visitor_meets_is_told_in_every_language),
        cmocka_unit_test(no_text_is_written_that_nobody_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
