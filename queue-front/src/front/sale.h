/* sale.h: checks that a sale can start: a hall for the event at the seat service ([visits]
 * ended_at) and a payment service that answers ([visits] paid_at). An act that begins a sale
 * depends on it (admin/admin_move.c); events that gather or sell without a hall raise an alarm. On
 * a process's first loop, where operators call. */
#ifndef FG_QUEUE_FRONT_SALE_H
#define FG_QUEUE_FRONT_SALE_H

#include "front/front.h"

struct sale; /* one per process, owned by its first loop */

enum { SALE_UNREADY_MAX = 95 }; /* a sentence of a service's /readyz, or its beginning */
enum sale_part { SALE_HALL, SALE_PAYMENT, SALE_PARTS };
extern const char *const sale_part_names[SALE_PARTS + 1]; /* as on the wire; NULL at the end */

struct sale_found {
    struct span event;
    unsigned missing;    /* one bit per part that did not confirm */
    bool no_hall;        /* a seat service answered that it has no such event */
    bool closed;         /* the front is shutting down; nothing is known */
    const char *unready; /* why payment is not ready, as it answered; "": it did not answer */
};
typedef void sale_on_found(void *ctx, const struct sale_found *found);

/* Sets front->sale; NULL on other loops than the first, or if no service is set. */
int sale_create(struct front *front, struct err_slot *err);
void sale_close(struct sale *sale); /* answers open requests; no callbacks afterwards */

/* Asks now and calls back once, later; sale_close() calls back at once. ERR_NOMEM; ERR_CLOSED. */
int sale_ask(struct front *front, struct span event, sale_on_found *on_found, void *ctx);

/* Call often for each event: asks now and then, and updates event->hall_missing. */
void sale_look(struct front *front, struct front_line *event);

#endif
