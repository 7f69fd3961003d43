/* order.h: what a saga knows about its order. It is stored as the saga's data, in JSON, so that an
 * operator can read it and a newer program can add to it. It holds only ids: addresses, cards and
 * names are other people's business. */
#ifndef FG_PAY_CORE_ORDER_H
#define FG_PAY_CORE_ORDER_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"
#include "sale/purchase.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    ORDER_ID_MAX = 40,
    /* Hex digits behind "o_" in each id: whose order it is. */
    ORDER_INSTALLATION_CHARS = 8,
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

/* What the provider said of a hint that it does not show by itself. Stored as a number. */
enum order_check {
    ORDER_CHECK_NONE,    /* it was not asked, or does not know this key */
    ORDER_CHECK_ASKED,   /* it is being asked to take the money: it may have done so */
    ORDER_CHECK_REFUSED, /* it will not take money by this key */
    ORDER_CHECK_PROVED,  /* this key is the payment's */
    ORDER_CHECK_COUNT,
};

struct order {
    char id[ORDER_ID_MAX];
    char event[ORDER_EVENT_MAX];
    char event_name[ORDER_NAME_MAX]; /* for the provider's page; "": its id is shown */
    char hold[ORDER_HOLD_MAX];
    char member[ORDER_MEMBER_MAX];
    char session[ORDER_SESSION_MAX]; /* of the waiting room; "": there is none to end */
    char lang[4];
    char provider[16];
    char currency[4];
    uint64_t amount; /* minor units; 0: there is nothing to pay */
    uint64_t refund; /* how much of it has gone back once the refund is over; 0: all */
    uint32_t credit; /* number of the refund of a part, which may be of nothing; 0: of the whole */
    /* Digest of what is bought, by sale/purchase.h; "" in sagas that predate it. */
    char purchase[PURCHASE_DIGEST_CHARS + 1];
    uint64_t fees;                      /* part of the amount, on top of the seats' prices */
    char terms[PURCHASE_TERMS_MAX + 1]; /* what else was agreed */
    uint64_t expires_ms;                /* wall clock: when the hold on the seats ends */
    char payment[ORDER_PAYMENT_MAX];    /* "" until the provider assigns one */
    /* What somebody brought back from the provider's page, or "": a hint, for the provider to
     * judge. Another one may take its place at any time until the payment is there: if the
     * provider is being asked about the old one, the new one waits for the answer. */
    char payment_key[ORDER_PAYMENT_MAX];
    char checked_key[ORDER_PAYMENT_MAX]; /* the hint that `check` is about */
    enum order_check check;
    uint32_t key_round; /* part of idempotency keys: rises when a provider keeps an error under one
                         */
    uint32_t seats_len;
    /* Last: those behind seats_len are not even zero. */
    char seats[ORDER_SEATS_MAX][ORDER_SEAT_MAX];
};

/* How much of `captured` has gone back once the refund is over. */
static inline uint64_t order_refund(const struct order *order, uint64_t captured)
{
    bool part = order->refund > 0 || order->credit > 0;
    return part && order->refund < captured ? order->refund : captured;
}

/* The payment's key at the provider; "": unknown. A hint cannot replace one that is proved, nor one
 * by which money may move until the provider has answered. */
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

/* What happens to an order of an event that does not take place. */
enum order_off {
    ORDER_OFF_WAIT,      /* something else is under way, or an operator has to look */
    ORDER_OFF_TURN_BACK, /* it is not paid yet */
    ORDER_OFF_REFUND,    /* all of it */
    ORDER_OFF_CREDIT,    /* somebody was inside: the money goes back, what was used stays used */
    ORDER_OFF_NONE,      /* it is over */
};

/* Why an order failed before it got the hold, which another order may have. */
#define ORDER_CAUSE_BUYER_LIMIT      "buyer-limit"
#define ORDER_CAUSE_PURCHASE_DIFFERS "purchase-differs"
/* Of an order that waits for its payment: a hint says that the buyer has agreed, and the provider
 * is being asked. */
#define ORDER_CAUSE_CHECKING "checking-payment"
/* Of a parked order: its tickets are void, its seats are free, and the money has yet to go back. */
#define ORDER_CAUSE_REFUND_HELD "refund-held"

const char *order_status_name(enum order_status status);
/* A word that this program does not know, for example a later version's, is counted as odd and read
 * as parked: a person has to look at the order, and nothing happens to it meanwhile. */
enum order_status order_status_parse(struct span word);

/* `moving`: a move or a refund of a part has some of its seats; `used`: a ticket of it was scanned.
 */
enum order_off order_off(enum order_status status, bool moving, bool used);

/* A standing place has no seat id of its own: the area and a number, from 1, make one. False if
 * that is too long. */
bool order_area_seat(const char *area, uint32_t number, char out[ORDER_SEAT_MAX]);
/* ERR_NOMEM: it may be read another time. ERR_SYNTAX: nobody can read it. */
int order_parse(struct span json, struct err_slot *err, struct order *out);
/* On success *out is the caller's, to free(). */
int order_dump(const struct order *order, struct err_slot *err, char **out);

#endif
