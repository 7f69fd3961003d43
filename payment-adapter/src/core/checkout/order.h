/* order.h: what a saga knows about its order. It is stored as the saga's data, in JSON, so that an
 * operator can read it and a newer program can add to it. It holds ids only: no addresses, cards or
 * names of people. */
#ifndef FG_PAY_CORE_ORDER_H
#define FG_PAY_CORE_ORDER_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"
#include "sale/purchase.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    ORDER_ID_MAX = 40,
    /* Hex digits after "o_" in each id: the installation that made the order. */
    ORDER_INSTALLATION_CHARS = 8,
    ORDER_EVENT_MAX = 65, /* as queue-front and seat-service allow, with the NUL */
    ORDER_HOLD_MAX = 65,
    ORDER_MEMBER_MAX = 65,
    ORDER_SESSION_MAX = 129,
    ORDER_SEAT_MAX = 136,    /* the seat service's ids have 128 bytes; an area's end in "#1024" */
    ORDER_SEATS_MAX = 100,   /* a school class with its teachers; each has a ticket */
    ORDER_PAYMENT_MAX = 201, /* Toss's keys have at most 200 characters */
    ORDER_SECRET_MAX = 192,
    ORDER_URL_MAX = 2048, /* Stripe's URLs have a fragment of some 500 characters */
    ORDER_NAME_MAX = 513, /* of the event: 128 characters of up to four bytes */
};

/* What the provider said about a hint that it does not show by itself. Stored as a number. */
enum order_check {
    ORDER_CHECK_NONE,    /* not asked, or the provider does not know this key */
    ORDER_CHECK_ASKED,   /* a capture was requested, and may have happened */
    ORDER_CHECK_REFUSED, /* the provider takes no money by this key */
    ORDER_CHECK_PROVED,  /* this key is the payment's */
    ORDER_CHECK_COUNT,
};

struct order {
    char id[ORDER_ID_MAX];
    char event[ORDER_EVENT_MAX];
    char event_name[ORDER_NAME_MAX]; /* for the provider's page; "": shows the event's id */
    char hold[ORDER_HOLD_MAX];
    char member[ORDER_MEMBER_MAX];
    char session[ORDER_SESSION_MAX]; /* of the waiting room; "": no session to end */
    char lang[4];
    char provider[16];
    char currency[4];
    uint64_t amount; /* minor units; 0: there is nothing to pay */
    uint64_t refund; /* how much of it is refunded when the refund ends; 0: all */
    uint32_t credit; /* number of the partial refund, which may be of 0; 0: a full refund */
    /* Digest of what is bought, by sale/purchase.h; "" in sagas that predate it. */
    char purchase[PURCHASE_DIGEST_CHARS + 1];
    uint64_t fees;                      /* part of the amount, on top of the seats' prices */
    char terms[PURCHASE_TERMS_MAX + 1]; /* what else was agreed */
    uint64_t expires_ms;                /* wall clock: when the hold on the seats ends */
    char payment[ORDER_PAYMENT_MAX];    /* "" until the provider assigns one */
    /* The key that the browser brought back from the provider's page, or "": a hint, for the
     * provider to check. Another hint may replace it at any time until the payment is proved; while
     * the provider checks the old one, the new one waits for the answer. */
    char payment_key[ORDER_PAYMENT_MAX];
    char checked_key[ORDER_PAYMENT_MAX]; /* the hint that `check` is about */
    enum order_check check;
    uint32_t key_round; /* part of idempotency keys: rises when a provider keeps an error under one
                         */
    uint32_t seats_len;
    /* Last: those after seats_len are uninitialised. */
    char seats[ORDER_SEATS_MAX][ORDER_SEAT_MAX];
};

/* How much of `captured` is refunded when the refund ends. */
static inline uint64_t order_refund(const struct order *order, uint64_t captured)
{
    bool part = order->refund > 0 || order->credit > 0;
    return part && order->refund < captured ? order->refund : captured;
}

/* The payment's key at the provider; "": unknown. A hint can replace neither a proved key nor one
 * under which a capture is still unanswered. */
static inline const char *order_payment_key(const struct order *order)
{
    bool kept = order->check == ORDER_CHECK_PROVED || order->check == ORDER_CHECK_ASKED;
    return kept ? order->checked_key : order->payment_key;
}

static inline bool order_is_checked(const struct order *order, enum order_check check)
{
    return order->check == check && strcmp(order->checked_key, order_payment_key(order)) == 0;
}

/* As the buyer sees it. */
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

/* What happens to an order of a cancelled event. */
enum order_off {
    ORDER_OFF_WAIT,      /* other work is in progress, or an operator has to look */
    ORDER_OFF_TURN_BACK, /* it is not paid yet */
    ORDER_OFF_REFUND,    /* the full amount */
    ORDER_OFF_CREDIT,    /* a ticket was scanned: the money goes back, used tickets stay used */
    ORDER_OFF_NONE,      /* the order has ended */
};

/* Why an order failed before it got the hold, which may belong to another order. */
#define ORDER_CAUSE_BUYER_LIMIT      "buyer-limit"
#define ORDER_CAUSE_PURCHASE_DIFFERS "purchase-differs"
/* Cause of an order that waits for its payment: a hint says that the buyer has agreed, and the
 * provider is checking it. */
#define ORDER_CAUSE_CHECKING "checking-payment"
/* Of a parked order: its tickets are void, its seats are free, and the refund is outstanding. */
#define ORDER_CAUSE_REFUND_HELD "refund-held"

const char *order_status_name(enum order_status status);
/* An unknown word, for example a later version's, is counted as odd and read as parked: an operator
 * has to look at the order, and nothing happens to it meanwhile. */
enum order_status order_status_parse(struct span word);

/* `moving`: a move or a partial refund concerns some of its seats; `used`: one of its tickets was
 * scanned. */
enum order_off order_off(enum order_status status, bool moving, bool used);

/* A standing place has no seat id of its own: the area and a number from 1 make one. False: too
 * long. */
bool order_area_seat(const char *area, uint32_t number, char out[ORDER_SEAT_MAX]);
/* "seats", an array of their ids; absent: none. */
bool order_take_seats(const json_t *root, struct order *order);
/* ERR_NOMEM: may be retried. ERR_SYNTAX: unreadable. */
int order_parse(struct span json, struct err_slot *err, struct order *out);
/* On success *out is the caller's, to free(). */
int order_dump(const struct order *order, struct err_slot *err, char **out);

#endif
