/* pay-double SEED STEPS: runs a history (pay-history/deals.h) against the payments' database of the
 * simulator. Invariants are not checked: the history makes no sense. */
#include "books.h"
#include "invariants.h"
#include "pay-history/deals.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static_assert((int)BOOK_CREDITS_MAX == (int)DEALS_CREDITS_MAX, "where both refuse");

static struct sim_proc proc = {.name = "history"};
static bool is_over;
static struct deals_letter *letters;
static uint32_t letters_len;

void invariant_ordered(const char *order, uint64_t hold, uint64_t amount)
{
    (void)order, (void)hold, (void)amount;
}

void invariant_operated(const char *order)
{
    (void)order;
}

void invariant_credited(const char *order, uint64_t amount)
{
    (void)order, (void)amount;
}

void invariant_ticket(const char *ticket, const char *order, uint32_t seat)
{
    (void)ticket, (void)order, (void)seat;
}

void invariant_revoked(const char *order)
{
    (void)order;
}

void invariant_handed_on(const char *ticket, const char *order, uint32_t seat)
{
    (void)ticket, (void)order, (void)seat;
}

void invariant_used(const char *order)
{
    (void)order;
}

void invariant_called_off(void)
{
}

void invariant_ended(const char *order, enum invariant_fate fate)
{
    (void)order, (void)fate;
}

void invariant_delivered(const char *order, const char *kind)
{
    struct deals_letter *letter = &letters[letters_len++];
    snprintf(letter->order, sizeof(letter->order), "%s", order);
    snprintf(letter->kind, sizeof(letter->kind), "%s", kind);
    letter->back = book_reported_back(order, kind);
}

static bool order(const struct order *order, const struct saga_def *def)
{
    return book_order(order, order->id, strtoull(order->hold, NULL, 16), 0, def);
}

static bool cancel(const char *id, const struct checkout *checkout)
{
    return book_cancel(id, checkout_now(checkout, CHECKOUT_SALE)->pivot);
}

static bool hint(const struct order *order, const char *key)
{
    const struct book_order *row = book_read(order->id);
    return row != NULL && row->amount == order->amount && strcmp(order->provider, "bank") == 0 &&
           book_hint(order->id, key);
}

static uint32_t lease(const char *owner, const struct checkout *checkout,
                      const struct saga_held *held, struct saga_row *rows)
{
    return book_lease_now(owner, checkout, held, DEALS_SAGAS_MAX, rows);
}

static uint32_t deliver(struct deals_letter *out)
{
    letters = out;
    letters_len = 0;
    books_deliver();
    return letters_len;
}

static void run(void *ctx)
{
    char **argv = ctx;
    books_terms(DEALS_PERCENT);
    deals_run(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10),
              &(struct deals_side){sim_sleep, order, cancel, hint, book_wake, book_refund,
                                   book_credit, book_retry, book_turn_back, book_reclaim, lease,
                                   book_commit_now, deliver, book_use, book_postpone, book_call_off,
                                   book_page, book_passed, books_print});
    is_over = true;
}

static bool over(void)
{
    return is_over;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "pay-double SEED STEPS\n");
        return 2;
    }
    sim_begin(0, false);
    sim_proc_start(&proc);
    (void)sim_spawn(&proc, run, argv);
    (void)sim_run(UINT64_MAX, SIM_S, over);
    fflush(stdout);
    _Exit(0); /* as sql-double */
}
