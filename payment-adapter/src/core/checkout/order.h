/* order.h: what a saga knows of the order it is about. It travels as the saga's data, as JSON, so
 * that an operator can read it and a newer program can add to it. Only ids are kept: whose address,
 * which card, what name are other people's business. */
#ifndef FG_PAY_CORE_ORDER_H
#define FG_PAY_CORE_ORDER_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"
#include "sale/purchase.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ORDER_ID_MAX = 40,
    ORDER_EVENT_MAX = 65, /* as queue-front and seat-service allow, with the NUL */
    ORDER_HOLD_MAX = 65,
    ORDER_MEMBER_MAX = 65,
    ORDER_SESSION_MAX = 129,
    ORDER_SEAT_MAX = 136,  /* the seat service's names, of 128 bytes; "#1024" behind an area's */
    ORDER_SEATS_MAX = 100, /* a school class with its teachers; each has a ticket */
    ORDER_PAYMENT_MAX = 128,
    ORDER_SECRET_MAX = 192,
    ORDER_URL_MAX = 2048, /* Stripe's own have a fragment of some 500 characters */
    ORDER_NAME_MAX = 256, /* of the event */
};

struct order {
    char id[ORDER_ID_MAX];
    char event[ORDER_EVENT_MAX];
    char event_name[ORDER_NAME_MAX]; /* as the provider's page is to call it; "": by its id */
    char hold[ORDER_HOLD_MAX];
    char member[ORDER_MEMBER_MAX];
    char session[ORDER_SESSION_MAX]; /* of the waiting room; "" when there is none to end */
    char lang[4];
    char provider[16];
    char currency[4];
    uint64_t amount; /* minor units; 0: there is nothing to pay */
    uint64_t refund; /* of it, in a refund; 0: all */
    /* Digest of what is bought, by sale/purchase.h; "" in sagas from before there was one. */
    char purchase[PURCHASE_DIGEST_CHARS + 1];
    uint64_t fees;                      /* of the amount, on top of the seats' prices */
    char terms[PURCHASE_TERMS_MAX + 1]; /* what else was agreed */
    uint64_t expires_ms;                /* wall clock: until when the seats are held */
    char payment[ORDER_PAYMENT_MAX];    /* "" until the provider has given one */
    /* What the buyer brought back from the provider's page; a hint, which the provider judges. ""
     */
    char payment_key[ORDER_PAYMENT_MAX];
    uint32_t key_round; /* part of idempotency keys: rises when a provider keeps an error under one
                         */
    uint32_t seats_len;
    char seats[ORDER_SEATS_MAX][ORDER_SEAT_MAX];
};

/* What a refund gives back of `captured`. */
static inline uint64_t order_refund(const struct order *order, uint64_t captured)
{
    return order->refund > 0 && order->refund < captured ? order->refund : captured;
}

/* What its buyer is told. */
enum order_status {
    ORDER_PENDING_PAYMENT,
    ORDER_CONFIRMING,
    ORDER_COMPLETED,
    ORDER_CANCELLED,
    ORDER_EXPIRED,
    ORDER_FAILED,
    ORDER_REFUNDING,
    ORDER_REFUNDED,
    ORDER_PARKED,
    ORDER_STATUS_COUNT,
};

/* Why an order failed before the hold was its own: another order may have it. */
#define ORDER_CAUSE_BUYER_LIMIT      "buyer-limit"
#define ORDER_CAUSE_PURCHASE_DIFFERS "purchase-differs"
/* Of a parked order: its tickets are void and its seats free, and the money is still to go back. */
#define ORDER_CAUSE_REFUND_HELD "refund-held"

const char *order_status_name(enum order_status status);
/* An amount of minor units as people write it: 154,000 KRW, 12.50 EUR. */
void order_amount_put(struct text *text, uint64_t amount, struct span currency);
/* A word that this program does not know, such as a later version's, is counted as odd and read as
 * parked: a person has to look at the order, and nothing is done with it meanwhile. */
enum order_status order_status_parse(struct span word);

/* A place in an area has no seat of its own: the area and a number, from 1, stand for one. False if
 * that is too long. */
bool order_area_seat(const char *area, uint32_t number, char out[ORDER_SEAT_MAX]);
int order_parse(struct span json, struct err_slot *err, struct order *out);
/* On success *out is the caller's, to free(). */
int order_dump(const struct order *order, struct err_slot *err, char **out);

#endif
