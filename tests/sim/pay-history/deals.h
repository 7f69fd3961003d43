/* deals.h: a random history of calls of the payments' database, each printed with its result and
 * the rows of its orders. Linked with the statements and a PostgreSQL it is pay-real, with the
 * simulator's double it is pay-double; tests/integration/seat-service/double.test.js compares their
 * output. */
#ifndef FG_SIM_DEALS_H
#define FG_SIM_DEALS_H

#include "core/checkout/checkout.h"

enum {
    DEALS_SAGAS_MAX = 2000, /* due at the same time */
    DEALS_DATA_MAX = 2048,
    DEALS_LETTERS_MAX = 1000,
    DEALS_LEASE_MS = 15000,
    DEALS_CREDITS_MAX = 4,
    DEALS_PAGE_MAX = 8,
    DEALS_PERCENT = 50, /* of a buyer's refund, by the terms */
};

/* A page of orders to refund after a cancelled event (saga/cancellations.c). */
struct deals_page {
    bool found; /* the event is due */
    uint64_t most;
    uint32_t len;
    struct deals_due {
        char order[ORDER_ID_MAX];
        enum order_status status;
        bool moving, used;
        uint64_t amount;
    } orders[DEALS_PAGE_MAX];
};

struct deals_letter {
    char order[ORDER_ID_MAX], kind[24];
    uint64_t back;
};

/* The calls of one side. True: it changed something. A text: the reason why not. */
struct deals_side {
    void (*wait)(uint64_t us); /* time passes only here */
    bool (*order)(const struct order *order, const struct saga_def *def);
    bool (*cancel)(const char *order, const struct checkout *checkout);
    bool (*hint)(const struct order *order, const char *key);
    bool (*wake)(const char *order);
    /* percent 0: the buyer's own refund, by the terms */
    const char *(*refund)(const char *order, const struct saga_def *def, unsigned percent);
    /* `most`: credits per order */
    const char *(*credit)(const char *order, const struct saga_def *def, uint64_t amount,
                          const char *reason, bool free, uint32_t most);
    bool (*retry)(uint64_t saga, enum order_status status, uint32_t moves);
    bool (*turn_back)(uint64_t saga, const struct saga_def *def, uint8_t undo, uint32_t moves);
    void (*reclaim)(const char *owner);
    /* Times in rows and replies are relative, as in books.h. */
    uint32_t (*lease)(const char *owner, const struct checkout *checkout,
                      const struct saga_held *held, struct saga_row *rows);
    void (*commit)(const struct saga_move *moves, uint32_t len, struct saga_store_reply *replies);
    uint32_t (*deliver)(struct deals_letter *letters);
    bool (*use)(const char *ticket); /* at a door */
    void (*postpone)(uint64_t day, uint64_t refund_until_us);
    void (*call_off)(void);
    void (*page)(uint32_t most, uint32_t room, uint64_t lease_us, struct deals_page *out);
    bool (*passed)(const char *order, uint64_t pause_us); /* NULL: no more pages */
    void (*print)(const char *order);                     /* "": all rows */
};

struct checkout *deals_checkout(void);
void deals_run(uint64_t seed, uint64_t steps, const struct deals_side *side);

#endif
