/* next_version.h: a second version of the sale, as a later program might have it: other, fewer
 * steps and another pivot. Each of its steps succeeds at the first try. */
#ifndef FG_TEST_NEXT_VERSION_H
#define FG_TEST_NEXT_VERSION_H

#include "core/checkout/checkout.h"

enum { NEXT_VERSION_STEPS = 4, NEXT_VERSION_PIVOT = 2 };

extern const struct checkout_def next_version; /* "checkout.2" */

#endif
