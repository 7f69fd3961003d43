/* guest.h: the line as the seller inside uses it (inside.h). */
#ifndef FG_SIM_QUEUE_GUEST_H
#define FG_SIM_QUEUE_GUEST_H

#include "queue/front/inside.h"

void guest_begin(const struct guest_host *host); /* before queue_begin() */
const char *guest_event(void);
/* The seats let this guest choose; checks I6. */
void guest_shops(const struct guest *guest);
/* The order is complete: asks the line to end the visit. `on_known` may never be called. */
void guest_goodbye(const struct guest *guest, void (*on_known)(void *ctx), void *ctx);

#endif
