/* refusal_test.c: what the rows of refusals.h promise: a status, a Retry-After where one belongs,
 * and for each one that a buyer can meet a sentence in every language of the pages. */
#include "unit.h"

#include "api/refusal.h"
#include "refusal_words.h"

static const char *const pages[] = {
#include "payment-adapter/web/text.en.inc"
    ,
#include "payment-adapter/web/text.ko.inc"
};
enum { PAGES = sizeof(pages) / sizeof(pages[0]) };

TEST_CASE(refusal_to_be_retried_has_a_retry_after)
{
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row(i);
        refusal_words_assert_row(row->status, row->code, row->retry_after_s);
    }
}

TEST_CASE(refusal_of_a_buyer_has_a_sentence_in_each_language)
{
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row(i);
        if (row->who == REFUSAL_MEETS_BUYER)
            refusal_words_assert_shown(pages, PAGES, "error", row->code);
    }
}

/* Codes of the seat service, which the checkout asks for its hold, and of the pages themselves. */
static const char *const of_others[] = {
    "pass-missing",  "pass-expired", "pass-ended", "pass-foreign", "pass-invalid",
    "event-renewed", "no-such-hold", "hold-sold",  "offline",      "other"};

static bool can_be_met(struct span code)
{
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row(i);
        if (row->who == REFUSAL_MEETS_BUYER && span_eq(code, span_of(row->code)))
            return true;
    }
    return refusal_words_listed(of_others, sizeof(of_others) / sizeof(of_others[0]), code);
}

TEST_CASE(sentence_without_a_refusal_is_found)
{
    refusal_words_assert_known(pages[0], "error", can_be_met);
}

TEST_CASE(code_of_a_statement_is_one_of_the_expected)
{
    const enum refusal of[] = {REFUSAL_NOT_COMPLETED, REFUSAL_SEATS_TICKETED};
    assert_int_equal(refusal_of(SPAN("seats-taken"), of, 2), REFUSAL_SEATS_TICKETED);
    assert_int_equal(refusal_of(SPAN("not-completed"), of, 2), REFUSAL_NOT_COMPLETED);
    assert_int_equal(refusal_of(SPAN("of-a-later-version"), of, 2), REFUSAL_NOT_COMPLETED);
}
