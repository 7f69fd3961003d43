/* refusal_test.c: what the rows of refusals.h promise: a status, a Retry-After where one belongs,
 * and for each one that a buyer can meet a sentence in every language of the pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/refusal.h"

#include <stdio.h>
#include <string.h>

static const char *const pages[] = {
#include "payment-adapter/web/text.en.inc"
    ,
#include "payment-adapter/web/text.ko.inc"
};

static void who_may_come_back_is_told_when(void **state)
{
    (void)state;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row(i);
        assert_in_range(row->status, 400, 503);
        assert_true(strlen(row->code) > 0);
        assert_int_equal(row->retry_after_s > 0, row->status == 429 || row->status == 503);
    }
}

static void a_buyer_is_told_in_every_language(void **state)
{
    (void)state;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row(i);
        char line[80];
        snprintf(line, sizeof(line), "\nerror.%s = ", row->code);
        for (unsigned page = 0; page < sizeof(pages) / sizeof(pages[0]); page++) {
            if (row->who == REFUSAL_MEETS_BUYER && strstr(pages[page], line) == NULL)
                fail_msg("page %u says nothing to %s", page, row->code);
        }
    }
}

/* Of the seat service, of which the checkout asks for its hold, and of the pages themselves. */
static const char *const of_others[] = {
    "pass-missing", "pass-expired", "pass-ended", "no-such-hold", "hold-sold", "offline", "other"};

static bool can_be_met(const char *code, size_t len)
{
    for (unsigned i = 0; i < sizeof(of_others) / sizeof(of_others[0]); i++) {
        if (strlen(of_others[i]) == len && memcmp(of_others[i], code, len) == 0)
            return true;
    }
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row(i);
        if (row->who == REFUSAL_MEETS_BUYER && strlen(row->code) == len &&
            memcmp(row->code, code, len) == 0)
            return true;
    }
    return false;
}

static void no_sentence_is_written_that_nobody_is_told(void **state)
{
    (void)state;
    static const char before[] = "\nerror.";
    unsigned sentences = 0;
    for (const char *at = pages[0]; (at = strstr(at, before)) != NULL; sentences++) {
        at += sizeof(before) - 1;
        size_t len = strcspn(at, " ");
        if (!can_be_met(at, len))
            fail_msg("no refusal is %.*s", (int)len, at);
    }
    assert_true(sentences > 20);
}

static void a_code_of_a_statement_is_one_of_those_expected(void **state)
{
    (void)state;
    const enum refusal of[] = {REFUSAL_NOT_COMPLETED, REFUSAL_SEATS_TICKETED};
    assert_int_equal(refusal_of(SPAN("seats-taken"), of, 2), REFUSAL_SEATS_TICKETED);
    assert_int_equal(refusal_of(SPAN("not-completed"), of, 2), REFUSAL_NOT_COMPLETED);
    assert_int_equal(refusal_of(SPAN("of-a-later-version"), of, 2), REFUSAL_NOT_COMPLETED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_come_back_is_told_when),
        cmocka_unit_test(a_buyer_is_told_in_every_language),
        cmocka_unit_test(no_sentence_is_written_that_nobody_is_told),
        cmocka_unit_test(a_code_of_a_statement_is_one_of_those_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
