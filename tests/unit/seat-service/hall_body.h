/* hall_body.h: the body of an import, as an operator would send it, for tests of the whole shell. */
#ifndef FG_TEST_HALL_BODY_H
#define FG_TEST_HALL_BODY_H

#include "base/span.h"

#include <stdint.h>

/* Rows of `seats` each, of one category; holds last an hour, eight seats, no limits else. The bytes
 * are the caller's to free. */
struct span hall_body(uint32_t rows, uint32_t seats);

#endif
