/* books.h: the payments' database of the world: orders, sagas, tickets, letters. Its statements
 * mean what payment-adapter/sql/statements say, as pay-history/ compares them.
 *
 * The saga engine's store is asked like the real one: in time, with an answer that may not come. */
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
    uint64_t back;   /* refunded, or being refunded */
    bool gives_back; /* it has ever been */
    struct book_credit {
        uint32_t number;
        uint64_t amount;
        char reason[16];
    } credits[BOOK_CREDITS_MAX];
    uint32_t credits_len, moves;
    bool moving; /* a credit is under way */
};

/* ---- a store for an adapter's engine ---- */

struct book_client {
    struct sim_proc *proc;
    const char *owner;
    const struct checkout *checkout;
    struct saga_engine *engine;
    void (*answered)(void *ctx); /* the engine got an answer: turn it */
    void *ctx;
};

void book_lease(struct book_client *client, uint32_t max);
void book_commit(struct book_client *client, const struct saga_move *const *moves, uint32_t len);
void book_reclaim(const char *owner); /* at a start: what this one had in hand */

/* ---- each is what one statement does, at once ---- */

/* Their times are spans: since the step began, and until the lease is over. */
uint32_t book_lease_now(const char *owner, const struct checkout *checkout, uint32_t max,
                        struct saga_row *rows);
void book_commit_now(const struct saga_move *moves, uint32_t len, struct saga_store_reply *replies);
/* By the buyer's key, or else by the hold; NULL: there is none. */
const struct book_order *book_made(uint64_t buyer, const char *key, uint64_t hold);
/* False: there is one, or the event is cancelled. */
bool book_order(const struct order *order, const char *key, uint64_t hold, uint64_t buyer,
                const struct saga_def *def);
const struct book_order *book_read(const char *id);
bool book_cancel(const char *id, uint8_t pivot);
/* Both return why not, or NULL. percent 0: the buyer's, by the terms. */
const char *book_refund(const char *id, const struct saga_def *def, unsigned percent);
/* A part of its money, without its seats. */
const char *book_credit(const char *id, const struct saga_def *def, uint64_t amount,
                        const char *reason);
/* An operator's, to a saga that stands where it was read. */
bool book_retry(uint64_t id, enum order_status status, uint32_t moves);
bool book_turn_back(uint64_t id, const struct saga_def *def, uint8_t undo, uint32_t moves);
/* To some saga that has not ended: it goes on at once, or turns back. */
void book_operate(const struct checkout *checkout, bool turns);
/* Somebody brings a payment's key back, as the order's page takes it. */
bool book_hint(const char *order, const char *key);
bool book_wake(const char *id); /* as a webhook does */
void books_deliver(void);       /* a round of the outbox to the shop */

/* ---- tickets, and an event that is cancelled or postponed ---- */

void books_terms(unsigned percent);                       /* of a buyer's refund; 100 at first */
bool book_use(const char *ticket);                        /* at a door */
void book_visit(const char *order);                       /* all who have its tickets come */
void book_hand_on(const char *order, const char *ticket); /* one of its tickets, as a new one */
void book_postpone(uint64_t refund_until_us);
void book_call_off(void);
bool book_is_off(void);

void book_page(uint32_t most, uint32_t room, uint64_t lease_us, struct deals_page *out);
/* NULL: it was the last. True: all is given back. */
bool book_passed(const char *order, uint64_t pause_us);

bool books_quiet(void); /* every saga ended or is parked, every letter is delivered */
void books_judge(void); /* at the end */
uint64_t book_told_back(const char *id, const char *kind); /* by this letter, to the shop */
void books_print(const char *id);                          /* the rows of this order; "": of all */
uint32_t books_orders(void);
uint32_t books_completed(void);

#endif
