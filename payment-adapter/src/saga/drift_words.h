/* drift_words.h: what each kind of drift means and what to do about it, for the operator. */
#ifndef FG_PAY_DRIFT_WORDS_H
#define FG_PAY_DRIFT_WORDS_H

#include "base/span.h"

#include <stdbool.h>

/* False: no words for that kind. */
bool drift_words(struct span kind, const char **means, const char **todo);

#endif
