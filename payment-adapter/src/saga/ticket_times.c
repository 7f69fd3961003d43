/* ticket_times.c: sees every stored move of a saga; mostly all of a saga's moves happen on one
 * loop. The moment of payment is kept in memory only. A saga taken over from another process after
 * that is measured from its current step, so the figure includes the cost of the takeover but not
 * the time before. Slots are few and fixed; a newer saga evicts an older one. */
#include "saga/ticket_times.h"

#include "core/checkout/checkout.h"

#include <assert.h>

void ticket_times_on_stored(struct ticket_times *times, const struct saga_row *row,
                            const struct saga_move *move, uint64_t now_us)
{
    if (checkout_kind(row->def) != CHECKOUT_SALE)
        return;
    assert(move->id == row->id);
    assert(move->id != 0); /* 0 marks a free slot */
    size_t place = move->id % TICKET_TIMES_OPEN;
    bool known = times->open[place].saga == move->id;
    enum order_status shown =
        checkout_status(row->def, row->state, row->step, row->parked, row->cause);
    if (shown == ORDER_CONFIRMING && !known) {
        times->open[place].saga = move->id;
        times->open[place].paid_us = now_us > move->took_us ? now_us - move->took_us : 0;
    } else if (shown == ORDER_COMPLETED && known) {
        assert(times->open[place].saga != 0);
        uint64_t paid_us = times->open[place].paid_us;
        times->open[place].saga = 0;
        histogram_record(&times->took, now_us > paid_us ? now_us - paid_us : 0);
    } else if (shown != ORDER_CONFIRMING && known) {
        times->open[place].saga = 0;
        atomic_fetch_add_explicit(&times->missed, 1, memory_order_relaxed);
    }
}
