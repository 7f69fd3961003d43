/* books.h: the payments' database of the world: orders, sagas, tickets, letters. Its functions do
 * what payment-adapter/sql/statements do; pay-history/ compares the two.
 *
 * The saga engine uses it like the real store: calls take time, and a response may be lost. */
#ifndef FG_SIM_BOOKS_H
#define FG_SIM_BOOKS_H

#include "pay-history/deals.h"
#include "stage/sim.h"

#include "core/checkout/checkout.h"

enum { BOOK_ORDERS_MAX = 1024, BOOK_CREDITS_MAX = 4 };

struct book_order {
    char id[ORDER_ID_MAX], key[16];
    uint64_t hold, amount, buyer;
    enum order_status status;
    char cause[SAGA_CODE_MAX];
    char payment[ORDER_PAYMENT_MAX]; /* as the buyer sees it */
    uint64_t expires_ms, made_us;
    uint64_t back;   /* refunded, or refund in progress */
    bool gives_back; /* any of it was ever refunded */
    struct book_credit {
        uint32_t number;
        uint64_t amount;
        char reason[16];
    } credits[BOOK_CREDITS_MAX + 1]; /* the last is for a cancelled event */
    uint32_t credits_len, moves;
    bool moving; /* a credit is in progress */
};

/* ---- a store for an adapter's engine ---- */

enum { BOOK_LEASE_MS = 15000 };

struct book_client {
    struct sim_proc *proc;
    const char *owner;
    const struct checkout *checkout;
    struct saga_engine *engine;
    void (*answered)(void *ctx); /* the engine got a response: turn it */
    void *ctx;
};

void book_lease(struct book_client *client, uint32_t max, const struct saga_held *held);
void book_commit(struct book_client *client, const struct saga_move *const *moves, uint32_t len);
void book_reclaim(const char *owner); /* at a start: reclaims this owner's sagas */

/* ---- a request of a buyer, on a fiber ---- */

/* The statement's way to the database and its answer's way back; false: lost there. */
uint64_t book_way_us(void);
bool book_reaches(void);
bool book_answers(void);

/* ---- each is what one statement does, at once ---- */

/* Times in the rows are relative: the age of the step, and the time left on the lease. */
uint32_t book_lease_now(const char *owner, const struct checkout *checkout,
                        const struct saga_held *held, uint32_t max, struct saga_row *rows);
void book_commit_now(const struct saga_move *moves, uint32_t len, struct saga_store_reply *replies);
/* Finds an order by the buyer's key, or else by the hold. Returns NULL if there is none. */
const struct book_order *book_made(uint64_t buyer, const char *key, uint64_t hold);
/* Returns false if the order exists or the event is cancelled. */
bool book_order(const struct order *order, const char *key, uint64_t hold, uint64_t buyer,
                const struct saga_def *def);
const struct book_order *book_read(const char *id);
bool book_cancel(const char *id, uint8_t pivot);
/* Both return the reason for a refusal, or NULL. Percent 0: as much as the terms allow. */
const char *book_refund(const char *id, const struct saga_def *def, unsigned percent);
/* Refunds a part of the money, without the seats. `free`: voids unused tickets, and here there are
 * none. At most `most` credits per order. */
const char *book_credit(const char *id, const struct saga_def *def, uint64_t amount,
                        const char *reason, bool free, uint32_t most);
/* An operator's request. It applies only if the saga has not moved since it was read. */
bool book_retry(uint64_t id, enum order_status status, uint32_t moves);
bool book_turn_back(uint64_t id, const struct saga_def *def, uint8_t undo, uint32_t moves);
/* Makes some unfinished saga retry at once, or turns it back. */
void book_operate(const struct checkout *checkout, bool turns);
/* Sends a payment's key, as the order's page does. */
bool book_hint(const char *order, const char *key);
bool book_wake(const char *id); /* as a webhook does */
void books_deliver(void);       /* a round of the outbox to the shop */

/* ---- tickets, and an event that is cancelled or postponed ---- */

void books_terms(unsigned percent);                       /* of a buyer's refund; 100 at first */
bool book_use(const char *ticket);                        /* at a door */
void book_visit(const char *order);                       /* uses all of the order's tickets */
void book_hand_on(const char *order, const char *ticket); /* replaces one of its tickets */
void book_postpone(uint64_t date, uint64_t refund_until_us);
void book_call_off(void);
bool book_is_off(void);

void book_page(uint32_t most, uint32_t room, uint64_t lease_us, struct deals_page *out);
/* `order` ends a handled page; NULL: there are no more. Returns true once all is given back. */
bool book_passed(const char *order, uint64_t pause_us);

bool books_quiet(void); /* every saga ended or is parked, every letter is delivered */
void books_judge(void); /* checks the books at the end */
uint64_t book_reported_back(const char *id, const char *kind); /* sum that this letter reported */
void books_print(const char *id);                              /* this order's rows; "": all rows */
uint32_t books_orders(void);
uint32_t books_completed(void);

#endif
