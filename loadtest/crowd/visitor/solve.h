/* solve.h: the proof of work that a visitor's browser would do: a number n such that SHA-256 of
 * "CHALLENGE.n" begins with that many zero bits. */
#ifndef FG_CROWD_SOLVE_H
#define FG_CROWD_SOLVE_H

#include "base/span.h"

/* Takes 2^bits hashes on average, so do not call it on a loop. False if no number below the bound
 * works. */
bool solve(struct span challenge, unsigned bits, uint64_t bound, uint64_t *out);

#endif
