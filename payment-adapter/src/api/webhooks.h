/* webhooks.h: what providers tell is written down, many in one commit: those of one loop turn go
 * together, and while they travel the next ones gather. One a loop, on that loop's thread. */
#ifndef FG_PAY_WEBHOOKS_H
#define FG_PAY_WEBHOOKS_H

#include "pay_loop.h"

struct webhooks;

int webhooks_create(struct pay *pay, struct err_slot *err, struct webhooks **out);
/* The request is answered once the event is stored, or could not be. */
void webhooks_store(struct webhooks *webhooks, struct http_req *req, const struct psp *psp,
                    const struct psp_event *event);
/* Before the database is closed, whose last answers may still come; NULL is fine. */
void webhooks_close(struct webhooks *webhooks);

#endif
