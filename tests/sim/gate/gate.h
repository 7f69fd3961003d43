/* gate.h: joins the line and the sale, in the world that has both: a visitor inside is a buyer, and
 * sends the pass that a front has signed to the seats, which check it with their own code. */
#ifndef FG_SIM_GATE_GATE_H
#define FG_SIM_GATE_GATE_H

#include "base/clock.h"
#include "queue/guest.h"

enum { GATE_SERVICES = 3 }; /* seat services behind the line */

void gate_begin(void (*comes)(struct guest *guest)); /* `comes` gets each visitor inside */
/* Opens a seat service's pass cache. A restarted instance remembers no pass. */
void gate_open(unsigned service, const struct clock *clock);
/* Checks the pass, as the seats do before each call of an engine. True without a guest. */
bool gate_admits(unsigned service, const struct guest *guest, const char *shown);
/* A saga ends this visit in the line or at the seats; `on_known` is called once it is over there.
 * Returns false in the world without a line. */
bool gate_says_goodbye(const char *session, bool at_seats, void (*on_known)(void *ctx), void *ctx);

#endif
