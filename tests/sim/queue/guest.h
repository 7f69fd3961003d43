/* guest.h: what the world in which something is sold inside asks of the line (inside.h). */
#ifndef FG_SIM_QUEUE_GUEST_H
#define FG_SIM_QUEUE_GUEST_H

#include "queue/front/inside.h"

struct jwks;

void guest_begin(const struct guest_host *host); /* before queue_begin() */
const struct jwks *guest_keys(void);             /* that passes are signed with */
const char *guest_event(void);
/* The seats let this one choose: I6. */
void guest_shops(const struct guest *guest);
/* The order is through: the line is asked to end the visit, and perhaps answers. */
void guest_goodbye(const struct guest *guest, void (*heard)(void *ctx), void *ctx);

#endif
