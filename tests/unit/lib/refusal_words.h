/* refusal_words.h: checks of refusal tables, shared by the tests of the services. */
#ifndef FG_TEST_REFUSAL_WORDS_H
#define FG_TEST_REFUSAL_WORDS_H

#include <stdbool.h>

#include "base/span.h"

/* The row has an error status, a code, and a Retry-After exactly where a retry can succeed. */
void refusal_words_assert_row(unsigned status, const char *code, unsigned retry_after_s);

/* Each of these pages has a text "GROUP.NAME = ...". */
void refusal_words_assert_shown(const char *const *pages, unsigned count, const char *group,
                                const char *name);

/* Each line "GROUP.NAME = ..." of a page has a known name, and there are at least some two
 * dozen. */
void refusal_words_assert_known(const char *page, const char *group,
                                bool (*is_known)(struct span name));

bool refusal_words_listed(const char *const *names, unsigned count, struct span name);

#endif
