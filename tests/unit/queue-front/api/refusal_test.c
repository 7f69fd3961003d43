/* refusal_test.c: each row of refusals.h has a status and, where appropriate, a Retry-After; each
 * notice has a sentence in every language of the waiting page; a contact is never too long. */
#include "unit.h"

#include "api/refusal.h"
#include "api/slowed.h"
#include "front/front.h"
#include "refusal_words.h"

static const char *const pages[] = {
#include "queue-front/web/text.en.inc"
    ,
#include "queue-front/web/text.ko.inc"
};
enum { PAGES = sizeof(pages) / sizeof(pages[0]) };

TEST_CASE(a_refusal_to_be_retried_has_a_retry_after)
{
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row(i);
        refusal_words_assert_row(row->status, row->code, row->retry_after_s);
    }
}

TEST_CASE(each_notice_has_a_text_in_every_language)
{
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const char *notice = refusal_row(i)->notice;
        if (notice[0] != '\0')
            refusal_words_assert_shown(pages, PAGES, "notice", notice);
    }
}

static bool is_notice(struct span name)
{
    static const char *const good_news[] = {"left", "extended"};
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        if (span_eq(name, span_of(refusal_row(i)->notice)))
            return true;
    }
    return refusal_words_listed(good_news, sizeof(good_news) / sizeof(good_news[0]), name);
}

TEST_CASE(every_written_notice_is_used)
{
    refusal_words_assert_known(pages[0], "notice", is_notice);
}

TEST_CASE(a_contact_that_does_not_fit_is_left_out)
{
    static const struct front_line event;
    char memory[24];
    struct text members = text_on(memory, sizeof(memory));
    json_member_cstr(&members, "state", "open");
    slowed_put(&members, &event, &(struct slowed){.reference = "K7"});
    json_member_u64(&members, "n", 1);
    assert_false(members.overflown);
    assert_memory_equal(memory, "\"state\":\"open\",\"n\":1", members.len);
}

TEST_CASE(a_shut_event_has_one_name_in_answer_and_log)
{
    assert_string_equal(refusal_row(REFUSAL_SHUT_DOCUMENT)->code,
                        front_shut_name(FRONT_SHUT_DOCUMENT));
    assert_string_equal(refusal_row(REFUSAL_SHUT_IDENTITY)->code,
                        front_shut_name(FRONT_SHUT_IDENTITY));
    assert_string_equal(refusal_row(REFUSAL_DOCUMENT)->code, front_shut_name(FRONT_SHUT_DOCUMENT));
}
