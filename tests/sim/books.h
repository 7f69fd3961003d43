/* books.h: the payments' database of the world: orders, sagas, tickets, letters. Its statements
 * mean what payment-adapter/sql/statements say; that the SQL means it, too, is for the unit tests
 * of the statements.
 *
 * The saga engine's store is asked like the real one: in time, with an answer that may not come. */
#ifndef FG_SIM_BOOKS_H
#define FG_SIM_BOOKS_H

#include "stage/sim.h"

#include "core/checkout/checkout.h"

enum { BOOK_ORDERS_MAX = 1024 };

struct book_order {
    char id[ORDER_ID_MAX];
    uint64_t hold, amount, buyer;
    enum order_status status;
    char cause[SAGA_CODE_MAX];
    char payment[ORDER_PAYMENT_MAX]; /* as the buyer sees it */
    uint64_t expires_ms;
    uint64_t credited; /* given back in parts, or being given back */
    uint32_t credits;
    bool crediting;
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

/* ---- callers; each is one statement, at once ---- */

/* The same hold is the same order. */
const struct book_order *book_order(const struct order *order, uint64_t hold, uint64_t buyer,
                                    const struct saga_def *def);
const struct book_order *book_read(const char *id);
bool book_cancel(const char *id, uint8_t pivot);
bool book_refund(const char *id, const struct saga_def *def);
/* A part of its money, without its seats. */
bool book_credit(const char *id, const struct saga_def *def);
/* As the operator does, to some saga that has not ended: it goes on at once, or turns back. */
void book_operate(const struct checkout *checkout, bool turns);
/* Somebody brings a payment's key back, as the order's page takes it. */
void book_hint(const char *order, const char *key);
void book_wake(const char *id); /* as a webhook does */
void books_deliver(void);       /* a round of the outbox to the shop */

bool books_quiet(void); /* every saga ended or is parked, every letter is delivered */
void books_judge(void); /* at the end */
uint32_t books_orders(void);
uint32_t books_completed(void);

#endif
