/* refusal_words.h: what the tables of refusals of the services have in common, for the tests of
 * each. */
#ifndef FG_TEST_REFUSAL_WORDS_H
#define FG_TEST_REFUSAL_WORDS_H

#include <stdbool.h>

#include "base/span.h"

/* A status of those that refuse, a code, and a Retry-After exactly where somebody may come back. */
void refusal_words_assert_row(unsigned status, const char *code, unsigned retry_after_s);

/* The text of each of these pages has the line "GROUP.NAME = ...". */
void refusal_words_assert_told(const char *const *pages, unsigned count, const char *group,
                               const char *name);

/* Each line "GROUP.NAME = ..." of a page, of which there are some two dozen, has a name that is
 * known. */
void refusal_words_assert_known(const char *page, const char *group,
                                bool (*is_known)(struct span name));

bool refusal_words_listed(const char *const *names, unsigned count, struct span name);

#endif
