/* refusal_test.c: what the rows of refusals.h promise: a status, a Retry-After where one belongs,
 * and for each notice a sentence in every language of the waiting page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/refusal.h"
#include "front/front.h"

#include <stdio.h>
#include <string.h>

static const char *const pages[] = {
#include "queue-front/web/text.en.inc"
    ,
#include "queue-front/web/text.ko.inc"
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

static void each_notice_is_told_in_every_language(void **state)
{
    (void)state;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const char *notice = refusal_row(i)->notice;
        char line[80];
        snprintf(line, sizeof(line), "\nnotice.%s = ", notice);
        for (unsigned page = 0; notice[0] != '\0' && page < sizeof(pages) / sizeof(pages[0]);
             page++)
            if (strstr(pages[page], line) == NULL)
                fail_msg("page %u says nothing to %s", page, notice);
    }
}

static bool is_notice(const char *name, size_t len)
{
    static const char *const good_news[] = {"left", "extended"};
    for (unsigned i = 0; i < sizeof(good_news) / sizeof(good_news[0]); i++) {
        if (strlen(good_news[i]) == len && memcmp(good_news[i], name, len) == 0)
            return true;
    }
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const char *notice = refusal_row(i)->notice;
        if (strlen(notice) == len && memcmp(notice, name, len) == 0)
            return true;
    }
    return false;
}

static void no_notice_is_written_that_nobody_is_told(void **state)
{
    (void)state;
    static const char before[] = "\nnotice.";
    unsigned notices = 0;
    for (const char *at = pages[0]; (at = strstr(at, before)) != NULL; notices++) {
        at += sizeof(before) - 1;
        size_t len = strcspn(at, " ");
        if (!is_notice(at, len))
            fail_msg("no refusal is told as %.*s", (int)len, at);
    }
    assert_true(notices > 20);
}

static void a_shut_event_has_one_name_in_answer_and_log(void **state)
{
    (void)state;
    assert_string_equal(refusal_row(REFUSAL_SHUT_DOCUMENT)->code,
                        front_shut_name(FRONT_SHUT_DOCUMENT));
    assert_string_equal(refusal_row(REFUSAL_SHUT_IDENTITY)->code,
                        front_shut_name(FRONT_SHUT_IDENTITY));
    assert_string_equal(refusal_row(REFUSAL_DOCUMENT)->code, front_shut_name(FRONT_SHUT_DOCUMENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_come_back_is_told_when),
        cmocka_unit_test(each_notice_is_told_in_every_language),
        cmocka_unit_test(no_notice_is_written_that_nobody_is_told),
        cmocka_unit_test(a_shut_event_has_one_name_in_answer_and_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
