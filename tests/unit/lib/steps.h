/* steps.h: another thread acts between any two instructions of a piece of code.
 *
 * Two running threads seldom meet. Here there is one thread, which the processor stops after each
 * instruction of the program; after the nth of them the other's whole act is done, as if by a
 * faster thread. A loop over n tries each place:
 *
 *     for (unsigned n = 1; steps_until(n, piece, other, &ctx); n++)
 *         ... what must hold in each order
 *
 * Neither may wait for the other, so this is for code without locks. A step costs microseconds: the
 * piece should be short, or n grow by more than one. */
#ifndef FG_UNIT_STEPS_H
#define FG_UNIT_STEPS_H

#include <stdbool.h>

/* Runs piece(ctx), and other(ctx) after its nth instruction. False: the piece ended before, and the
 * other did not run (nor does it on some builds, see steps.c). The other asserts nothing, since it
 * cannot leave by a jump. */
bool steps_until(unsigned n, void (*piece)(void *), void (*other)(void *), void *ctx);

/* How many instructions it has; runs it. */
unsigned steps_of(void (*piece)(void *), void *ctx);

#endif
