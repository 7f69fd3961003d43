/* sale.h: whether what a sale needs is there: a hall for the event at the seat service ([visits]
 * ended_at) and a payment service that answers ([visits] paid_at). An act that begins a sale is
 * judged by it (admin/admin_move.c); events that gather or sell people without a hall are shown as
 * an alarm. On a process's first loop, where operators call. */
#ifndef FG_QUEUE_FRONT_SALE_H
#define FG_QUEUE_FRONT_SALE_H

#include "front/front.h"

struct sale; /* one a process; its first loop owns it */

enum sale_part { SALE_HALL, SALE_PAYMENT, SALE_PARTS };
extern const char *const sale_part_names[SALE_PARTS + 1]; /* as on the wire; ended by NULL */

struct sale_found {
    struct span event;
    unsigned missing; /* a bit for each part that did not say that it is there */
    bool no_hall;     /* a seat service said that it has none of that name */
    bool closed;      /* the front ends, and nothing was found out */
};
typedef void sale_on_found(void *ctx, const struct sale_found *found);

/* front->sale; nothing is made on other loops than the first, nor where no service is set. */
int sale_create(struct front *front, struct err_slot *err);
void sale_close(struct sale *sale); /* answers what is open; silent from here on */

/* Asks now, and calls back once, later; at once only from sale_close(). ERR_NOMEM; ERR_CLOSED. */
int sale_ask(struct front *front, struct span event, sale_on_found *on_found, void *ctx);

/* To be called often for each event: asks now and then, and keeps event->hall_missing. */
void sale_look(struct front *front, struct front_line *event);

#endif
