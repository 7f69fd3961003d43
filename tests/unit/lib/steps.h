/* steps.h: somebody else comes in between any two instructions of a piece of code.
 *
 * What two threads do to each other is seldom met by letting them run. Here there is one thread,
 * which the processor stops after each instruction of the program; after the nth of them the
 * other's whole act is done, as if by a thread that was just so much faster. A loop over n tries
 * each place where it could have come in:
 *
 *     for (unsigned n = 1; steps_until(n, piece, other, &ctx); n++)
 *         ... what must hold, in whichever order they came
 *
 * Neither may wait for the other, so this is for code without locks. A step costs microseconds: the
 * piece should be short, or n go up by more than one where what lies between is long enough. */
#ifndef FG_UNIT_STEPS_H
#define FG_UNIT_STEPS_H

#include <stdbool.h>

/* Runs piece(ctx), and other(ctx) after its nth instruction. False: the piece was over before, and
 * the other never came (or nobody comes in here, see steps.c). The other asserts nothing, since it
 * cannot leave by a jump. */
bool steps_until(unsigned n, void (*piece)(void *), void (*other)(void *), void *ctx);

/* How many instructions it has; runs it. */
unsigned steps_of(void (*piece)(void *), void *ctx);

#endif
