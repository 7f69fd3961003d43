/* webhooks.h: stores providers' events, many in one commit: those of one loop turn go together, and
 * while they are under way the next ones gather. One per loop, on that loop's thread. */
#ifndef FG_PAY_WEBHOOKS_H
#define FG_PAY_WEBHOOKS_H

#include "pay_loop.h"

struct webhooks;

int webhooks_create(struct pay *pay, struct err_slot *err, struct webhooks **out);
/* Call it before the database is closed, whose last answers may still arrive; NULL is fine. */
void webhooks_close(struct webhooks *webhooks);

#endif
