/* gate.h: where the line and the sale meet, in the world that has both: a visitor who is inside is
 * a buyer, and shows the pass that the front has signed to the seats, which check it with their own
 * code. */
#ifndef FG_SIM_GATE_GATE_H
#define FG_SIM_GATE_GATE_H

#include "base/clock.h"
#include "queue/guest.h"

enum { GATE_SERVICES = 3 }; /* that sell behind it */

void gate_begin(void (*comes)(struct guest *guest)); /* who is inside from now on */
/* Of a seat service; an instance that starts anew remembers no pass. */
void gate_open(unsigned service, const struct clock *clock);
/* As the seats do before anything is asked of an engine; true without a guest. */
bool gate_admits(unsigned service, const struct guest *guest, const char *shown);
/* A saga says goodbye to this visit, of the line and of the seats: `heard` once both know. NULL in
 * the world without a line. */
bool gate_says_goodbye(const char *session, void (*heard)(void *ctx), void *ctx);

#endif
