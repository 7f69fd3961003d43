/* refusals_test.c: each row of refusals.h has a status and, where appropriate, a Retry-After. So
 * has each refusing verdict of the engine. Each journal reason has a row, and each text and each
 * sale rule has a sentence in every language of the hall page. */
#include "loop/call.h"
#include "refusal_words.h"
#include "unit.h"

static const char *const pages[] = {
#include "seat-service/web/text.en.inc"
    ,
#include "seat-service/web/text.ko.inc"
};
enum { PAGES = sizeof(pages) / sizeof(pages[0]) };

TEST_CASE(refusal_has_a_retry_after_where_one_belongs_and_a_text_for_visitors)
{
    static const char *const begins[] = {NULL, "error", "gone"};
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct call_refusal row = call_refusal(i);
        refusal_words_assert_row(row.status, row.code, row.retry_after_s);
        if (row.text != REFUSAL_TEXT_NONE)
            refusal_words_assert_shown(pages, PAGES, begins[row.text], row.code);
    }
}

TEST_CASE(each_verdict_has_its_own_code_and_each_refusal_a_status_and_a_sentence)
{
    static const struct {
        const char *code;
        unsigned status;
        const char *detail;
    } rows[ENGINE_VERDICT_COUNT] = {
#define ROW(NAME, CODE, STATUS, TELLS, DETAIL) {CODE, STATUS, DETAIL},
        ENGINE_VERDICTS(ROW)
#undef ROW
    };
    for (unsigned i = 0; i < ENGINE_VERDICT_COUNT; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(rows[i].code, rows[j].code);
        if (i == ENGINE_OK || i == ENGINE_SAME)
            continue;
        assert_in_range(rows[i].status, 400, 503);
        assert_true(strlen(rows[i].detail) > 0);
        assert_string_equal(rows[i].code, engine_verdict_name((enum engine_verdict)i));
        if (i >= ENGINE_CHANNEL && i <= ENGINE_ORPHAN)
            refusal_words_assert_shown(pages, PAGES, "error", rows[i].code);
    }
}

TEST_CASE(each_reason_of_the_journal_has_its_own_code)
{
    assert_null(journal_reason_name(JOURNAL_REASON_NONE));
    for (enum journal_reason i = JOURNAL_REASON_STARTING; i < JOURNAL_REASON_COUNT; i++) {
        struct call_refusal row = call_refusal(
            (enum refusal)(REFUSAL_AWAY_STARTING + (int)i - (int)JOURNAL_REASON_STARTING));
        assert_string_equal(row.code, journal_reason_name(i));
    }
}

static bool is_met(struct span code)
{
    static const char *const by_the_page[] = {"other", "offline"};
    for (enum engine_verdict i = ENGINE_SAME + 1; i < ENGINE_VERDICT_COUNT; i++) {
        if (span_eq(code, span_of(engine_verdict_name(i))))
            return true;
    }
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct call_refusal row = call_refusal(i);
        if (row.text == REFUSAL_TEXT_ERROR && span_eq(code, span_of(row.code)))
            return true;
    }
    return refusal_words_listed(by_the_page, sizeof(by_the_page) / sizeof(by_the_page[0]), code);
}

TEST_CASE(every_text_belongs_to_a_refusal)
{
    refusal_words_assert_known(pages[0], "error", is_met);
}
