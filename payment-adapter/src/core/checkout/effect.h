/* effect.h: what else a saga's move writes in the same commit: rows for the order, the tickets and
 * the outbox. Each effect is a JSON object of one kind. */
#ifndef FG_PAY_CORE_EFFECT_H
#define FG_PAY_CORE_EFFECT_H

#include "core/checkout/order.h"
#include "core/checkout/ticket.h"
#include "core/saga/saga.h"

/* Outbox messages that SQL statements write too. */
#define LETTER_COMPLETED "completed"
#define LETTER_REVOKED   "revoked"
#define LETTER_REFUNDED  "refunded"
#define LETTER_CREDITED  "credited" /* followed by the number of the credit: "credited-2" */

enum effect {
    EFFECT_STATUS,      /* {order, status, cause} */
    EFFECT_PAYMENT,     /* {order, payment, secret, url} */
    EFFECT_EXPIRY,      /* {order, expires_ms} */
    EFFECT_TICKET,      /* {ticket, order, event, seat, holder, kid, token, member} */
    EFFECT_REVOKE,      /* {order} */
    EFFECT_MOVE_SHUT,   /* {order}: voids the tickets of the seats in the saga's data */
    EFFECT_PART_FREED,  /* {order}: removes the seats in the saga's data from it */
    EFFECT_MOVE_SEATS,  /* {order, places}: replaces the order's seats */
    EFFECT_MOVE_TICKET, /* {order, old, ticket, event, seat, holder, kid, token} */
    EFFECT_MOVE_END,    /* {order, number, moved} */
    EFFECT_SHOP,        /* {order, member, kind}: an outbox message to the shop */
    EFFECT_MAIL,        /* {order, member, kind, lang} */
    EFFECT_COUNT,
};

void effect_status(struct saga_effects *effects, const char *order, enum order_status status,
                   const char *cause);
void effect_payment(struct saga_effects *effects, const char *order, const char *payment,
                    const char *secret, const char *url);
void effect_expiry(struct saga_effects *effects, const char *order, uint64_t expires_ms);
void effect_ticket(struct saga_effects *effects, const struct order *order,
                   const struct ticket *ticket, const char *token);
/* One of those that name only the order. */
void effect_plain(struct saga_effects *effects, enum effect kind, const char *order);
/* False when out of memory. */
bool effect_move_seats(struct saga_effects *effects, const char *order, const char *places);
/* Replaces the ticket `old`, for the same holder. */
void effect_move_ticket(struct saga_effects *effects, const char *order, const char *old,
                        const struct ticket *ticket, const char *token);
void effect_move_end(struct saga_effects *effects, const char *order, uint32_t number, bool moved);
/* EFFECT_SHOP or EFFECT_MAIL; `about` is a status or an event in the order's life. */
void effect_letter(struct saga_effects *effects, enum effect kind, const struct order *order,
                   const char *about);
/* EFFECT_MAIL to a member other than the buyer. */
void effect_mail_to(struct saga_effects *effects, const char *order, const char *member,
                    const char *lang, const char *about);

#endif
