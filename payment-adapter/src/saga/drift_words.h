/* drift_words.h: what a drift means and what to do about it, in the operator's words. */
#ifndef FG_PAY_DRIFT_WORDS_H
#define FG_PAY_DRIFT_WORDS_H

#include <stdbool.h>

/* False: nobody has written about that kind. */
bool drift_words(const char *kind, const char **means, const char **todo);

#endif
