/* steps.h: runs another thread's act between any two instructions of a piece of code.
 *
 * Two running threads seldom collide. Here one thread stops after each instruction of the program;
 * after the nth it runs the other's whole act. A loop over n tries each place:
 *
 *
 *     for (unsigned n = 1; steps_until(n, piece, other, &ctx); n++)
 *         ... what must hold in each order
 *
 * Neither may wait for the other: this is for lock-free code. A step costs microseconds, so keep
 * the piece short or let n grow by more than one. */
#ifndef FG_UNIT_STEPS_H
#define FG_UNIT_STEPS_H

#include <stdbool.h>

/* Runs piece(ctx), and other(ctx) after its nth instruction. Returns false if the piece ended
 * before and the other did not run (as always on some builds, see steps.c). The other must not
 * assert, since it cannot leave by a jump. */
bool steps_until(unsigned n, void (*piece)(void *), void (*other)(void *), void *ctx);

/* Runs the piece and returns its number of instructions. */
unsigned steps_of(void (*piece)(void *), void *ctx);

#endif
